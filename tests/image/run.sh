#!/bin/sh
# Tests of the image in build/images, in the root that makes images. The last line is "N passed, N failed".
#
#   run.sh [PYTEST-ARGUMENT...]
#
# Without arguments all of them: first how fast it boots, with nothing beside it, then the power cuts beside all others.
set -u
cd "$(dirname -- "$0")/../.." || exit 1

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

# Runs pytest; a run without a result, or one that failed without counting a failure, is one failure.
tests() { # NAME PYTEST-ARGUMENT...
    export RESULT="$results/$1"
    shift
    echo "0 passed, 1 failed" >"$RESULT"
    python3 -m pytest -q --tb=short --timeout=900 "$@" && return
    if grep -q ' 0 failed' "$RESULT"; then echo "0 passed, 1 failed" >"$RESULT"; fi
}

if [ $# -gt 0 ]; then
    tests these "$@"
else
    tests boot tests/image/test_boot.py
    tests cuts tests/image/test_*cut.py >"$results.cuts" 2>&1 &
    # shellcheck disable=SC2046 # our file names have no spaces
    tests others $(printf '%s\n' tests/image/test_*.py | grep -v -e test_boot -e 'cut\.py')
    wait
    cat "$results.cuts"
    rm -f "$results.cuts"
fi
cat "$results"/* | awk '{ passed += $1; failed += $3 } END { printf "%d passed, %d failed\n", passed, failed; exit failed > 0 }'
