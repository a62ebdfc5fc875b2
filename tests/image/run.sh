#!/bin/sh
# Tests of the image in build/images, in the root that makes images. The last line is "N passed, N failed".
#
#   run.sh [PYTEST-ARGUMENT...]
set -u
cd "$(dirname -- "$0")/../.." || exit 1

RESULT=$(mktemp)
export RESULT
python3 -m pytest -q --tb=short --timeout=600 "${@:-tests/image}"
status=$?
if [ -s "$RESULT" ]; then cat "$RESULT"; else echo "0 passed, 1 failed"; fi
rm -f "$RESULT"
exit $status
