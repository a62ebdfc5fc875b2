#!/bin/sh
# Runs the tests of the admin UI in a real browser. Run inside the build root.
#
#   tests/e2e/ui/run.sh [test.mjs...]   against the stand-in of web/mock
#   UI_URL=https://... UI_USER=... UI_PASSWORD=... tests/e2e/ui/run.sh    against a live appliance;
#                                       what needs the stand-in is skipped
set -eu
cd "$(dirname -- "$0")"
top=$(cd ../../.. && pwd)
"$top/web/build.sh" >/dev/null
log=$(mktemp)
trap 'rm -f "$log"' EXIT

[ $# -gt 0 ] || set -- ./*.test.mjs
node --test --test-concurrency=1 --test-reporter=spec "$@" 2>&1 | tee "$log" || true
passed=$(sed -n 's/^ℹ pass //p' "$log")
failed=$(sed -n 's/^ℹ fail //p' "$log")
skipped=$(sed -n 's/^ℹ skipped //p' "$log")
[ "${skipped:-0}" = 0 ] || echo "$skipped skipped"
echo "${passed:-0} passed, ${failed:-1} failed"
[ "${failed:-1}" = 0 ] && [ "${passed:-0}" -gt 0 ]
