#!/bin/sh
# Measures what the design demands and prints one table, also into build/bench.md; docs/bench.md
# says what each row means. Never part of a test: it fails only when something could not be measured.
#
# Environment: SIZE=100000  stored keys and certificates
#              ONLY=keys,orders,reads,lists,deploy   groups of rows, all by default
set -eu
cd "$(dirname -- "$0")/../.."
make --no-print-directory -j "$(nproc)" MODE=dev bins doubles >build/bench-build.log 2>&1 ||
    { tail -n 30 build/bench-build.log; exit 1; }
exec python3 tests/bench/run.py
