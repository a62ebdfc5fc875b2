#!/bin/sh
# Runs built cmocka programs (all under build/asan/tests, or those named) and shows only what fails.
# The last line counts test functions: "N passed, N failed"; a program that crashes, hangs or
# prints no result counts as one failed. Exit status 1 on any failure.
#
#   unit.sh [PROGRAM...]
#
# Environment: TESTS=build/asan/tests  where to look    LIMIT=120  seconds per program
set -u
cd "$(dirname -- "$0")/.." || exit 1

dir=${TESTS:-build/asan/tests}
out=$(mktemp)
trap 'rm -f "$out"' EXIT
passed=0
failed=0

# "[  PASSED  ] 8 test(s)." -> 8; nothing when there is no such line.
count() { sed -n "s/^\[  $1  \] [^0-9]*\([0-9][0-9]*\) test(s).*/\1/p" "$out" | tail -n 1; }

# shellcheck disable=SC2046 # paths of ours have no spaces
[ $# -gt 0 ] || set -- $(find "$dir" -type f -perm -u+x -name 'test_*' 2>/dev/null | LC_ALL=C sort)
[ $# -gt 0 ] || { echo "unit: no test program under $dir: make MODE=asan tests"; failed=1; }

for program in "$@"; do
    case $program in */*) path=$program ;; *) path=./$program ;; esac
    timeout -k 5 "${LIMIT:-120}" "$path" >"$out" 2>&1 </dev/null
    status=$?
    good=$(count PASSED)
    bad=$(count FAILED)
    passed=$((passed + ${good:-0}))
    if [ "$status" = 0 ] && [ -n "$good" ] && [ "${bad:-0}" = 0 ]; then continue; fi
    # Died, or its results and its status disagree: one failure that has no name of its own.
    [ "${bad:-0}" -gt 0 ] || bad=1
    failed=$((failed + bad))
    echo "== $program (exit status $status)"
    grep -v -e '^\[ RUN  ' -e '^\[       OK \]' "$out"
done

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
