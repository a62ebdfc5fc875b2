#!/bin/sh
# Runs every lint, or those named, and shows what each found. One line per lint, then
# "N passed, N failed"; exit status 1 when any failed.
#
#   all.sh [NAME...]
set -u
cd "$(dirname -- "$0")/../.." || exit 1

[ $# -gt 0 ] || set -- layers size banned tables features assurance format shell cppcheck tidy analyze selftest
passed=0
failed=0
for name in "$@"; do
    start=$(date +%s)
    if found=$("tests/lint/$name.sh" 2>&1); then
        passed=$((passed + 1))
        echo "ok $name ($(($(date +%s) - start)) s)"
    else
        failed=$((failed + 1))
        echo "not ok $name ($(($(date +%s) - start)) s)"
        printf '%s\n' "$found" | sed 's/^/    /'
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
