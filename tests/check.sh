#!/bin/sh
# All tests of a checkout, inside the build root: builds, lints, unit and message tests under the
# sanitizers, tests in Python, replayed fuzzer corpora, and the demo. A stage that fails does not
# stop the next. Output of each stage is kept in build/check. The last line is
# "N passed, N failed", with ", N skipped" if any; exit status 1 on a failure or when nothing ran.
#
# Environment: UNIT=1   only unit and message tests
#              TIME=60  fuzz each fuzzer for that many seconds after its corpus
set -u
cd "$(dirname -- "$0")/.." || exit 1
export IN_BUILDROOT=1 WERROR=1
# What was said to the make that called must not reach the ones below: they have modes of their own.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES MODE

logs=build/check
rm -rf "$logs"
mkdir -p "$logs"
passed=0
failed=0
skipped=0

# The number before WORD in the last result line of a log; nothing when there is no such line.
number() { # LOG WORD
    grep -E '^[0-9]+ passed, [0-9]+ failed' "$1" | tail -n 1 | sed -n "s/.*\(^\|, \)\([0-9][0-9]*\) $2.*/\2/p"
}

# Runs a command as a stage: shows its output, adds its counts. A command that fails without
# counting a failure (it crashed, or it counts nothing, like a build) is one failure.
stage() { # NAME COMMAND...
    name=$1 log=$logs/$1.log
    shift
    start=$(date +%s)
    echo "== $name"
    { "$@" </dev/null 2>&1; echo $? >"$log.status"; } | tee "$log"
    status=$(cat "$log.status")
    good=$(number "$log" passed) bad=$(number "$log" failed) left=$(number "$log" skipped)
    : "${good:=0}" "${bad:=0}" "${left:=0}"
    if [ "$status" != 0 ] && [ "$bad" = 0 ]; then bad=1; fi
    passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + left))
    echo "== $name: $([ "$bad" = 0 ] && echo ok || echo FAILED) in $(($(date +%s) - start)) s"
}

# Builds without the compiler's lines unless it fails.
build() { # MODE GOAL...
    mode=$1
    shift
    make --no-print-directory -k -j "$(nproc)" MODE="$mode" "$@" >"$logs/make-$mode.log" 2>&1 && return
    grep -E 'error:|warning:|undefined reference|\*\*\*' "$logs/make-$mode.log" || tail -n 30 "$logs/make-$mode.log"
    return 1
}

# pytest, and its results in our form; a folder without a test is a failure. Files run side by side:
# they wait for servers and clocks more than they compute.
python_tests() { # FOLDER
    report=$logs/$(echo "$1" | tr / -).xml
    python3 -m pytest -q --tb=short --junitxml="$report" --durations=5 -n 3 --dist loadfile "$1"
    status=$?
    [ -f "$report" ] || return 1
    python3 - "$report" <<'PYTHON'
import sys
import xml.etree.ElementTree as tree
suites = tree.parse(sys.argv[1]).getroot().iter("testsuite")
n = {k: 0 for k in ("tests", "failures", "errors", "skipped")}
for s in suites:
    for k in n:
        n[k] += int(s.get(k, 0))
bad = n["failures"] + n["errors"]
print(f"{max(n['tests'] - bad - n['skipped'], 0)} passed, {bad} failed" + (f", {n['skipped']} skipped" if n["skipped"] else ""))
PYTHON
    return $status
}

demo() {
    ONCE=1 tests/demo/run.sh || { echo "0 passed, 1 failed"; return 1; }
    echo "1 passed, 0 failed"
}

if [ "${UNIT:-0}" = 1 ]; then
    stage build-asan build asan bins tests
    stage unit tests/unit.sh
else
    stage build-dev build dev bins
    stage build-asan build asan bins tests doubles tools
    stage build-fuzz build fuzz fuzzers
    [ ! -f web/package.json ] || stage build-web web/build.sh
    stage unit tests/unit.sh
    for folder in tests/unit tests/ipc tests/hosts tests/e2e; do
        [ -z "$(find "$folder" -name 'test_*.py' 2>/dev/null | head -n 1)" ] || stage "$(basename "$folder")-python" python_tests "$folder"
    done
    [ ! -x tests/e2e/ui/run.sh ] || stage ui tests/e2e/ui/run.sh
    [ ! -x tests/demo/run.sh ] || stage demo demo
    stage fuzz tests/fuzz.sh "${TIME:-0}"
    stage lint tests/lint/all.sh
fi

[ $((passed + failed)) -gt 0 ] || { echo "check: no test ran"; failed=1; }
result="$passed passed, $failed failed"
[ "$skipped" = 0 ] || result="$result, $skipped skipped"
echo "$result"
[ "$failed" = 0 ]
