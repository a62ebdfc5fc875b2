#!/bin/sh
# Replays the corpus of every built fuzzer (build/fuzz/fuzz), then fuzzes each for TIME seconds, two at a
# time. What a fuzzer finds is kept under build/fuzz/artifacts. Ends with "N passed, N failed".
#
#   fuzz.sh TIME             0: the corpus only
#   fuzz.sh --corpus SOURCE  print the corpus folder of tests/fuzz/fuzz_THING.c, nothing when it has none
#
# Environment: ONLY=fuzz_THING  that fuzzer alone
set -u
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

# corpus/THING, or for a process's fuzzer corpus/PROCESS_THING or corpus/THING.
corpus_of() { # NAME
    thing=${1#fuzz_}
    for folder in "tests/fuzz/corpus/$thing" "tests/fuzz/corpus/${thing#*_}"; do
        [ ! -d "$folder" ] || { echo "$folder"; return; }
    done
}

# One fuzzer; prints one line, or the end of its output when it fails.
one() { # PROGRAM TIME
    name=${1##*/}
    corpus=$(corpus_of "$name")
    log=build/fuzz/log/$name
    mkdir -p build/fuzz/artifacts build/fuzz/log "build/fuzz/corpus/$name"
    [ -n "$corpus" ] || { echo "not ok $name: it has no corpus"; return 1; }
    limits="-timeout=10 -rss_limit_mb=1024 -artifact_prefix=build/fuzz/artifacts/$name- -print_final_stats=1"
    # shellcheck disable=SC2086 # limits are words
    if "$1" $limits -runs=0 "$corpus" >"$log" 2>&1 </dev/null &&
        { [ "$2" = 0 ] || "$1" $limits -max_total_time="$2" "build/fuzz/corpus/$name" "$corpus" >>"$log" 2>&1 </dev/null; }; then
        echo "ok $name: $(find "$corpus" -type f | wc -l) inputs of its corpus, $(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1) executions"
    else
        echo "not ok $name"
        tail -n 40 "$log" | sed 's/^/    /'
        return 1
    fi
}

case ${1:-} in
--corpus) name=${2##*/}; corpus_of "${name%.c}"; exit ;;
--one) cd "$here/.." && one "$2" "$3"; exit ;;
'' | *[!0-9]*) echo "usage: fuzz.sh SECONDS" >&2; exit 2 ;;
esac

cd "$here/.." || exit 1
results=$(mktemp)
trap 'rm -f "$results"' EXIT
find build/fuzz/fuzz -maxdepth 1 -type f -perm -u+x -name "${ONLY:-fuzz_*}" 2>/dev/null | LC_ALL=C sort |
    xargs -P 2 -I '{}' tests/fuzz.sh --one '{}' "$1" | tee "$results"
passed=$(grep -c '^ok ' "$results")
failed=$(grep -c '^not ok ' "$results")
[ $((passed + failed)) -gt 0 ] || { echo "fuzz: no fuzzer under build/fuzz/fuzz: make MODE=fuzz fuzzers"; failed=1; }
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
