#!/bin/sh
# GCC's static analyser over every source: any warning fails.
set -eu
cd "${LINT_TOP:-$(dirname -- "$0")/../..}"
unset MAKEFLAGS MFLAGS MAKELEVEL
IN_BUILDROOT=1 make --no-print-directory -k -j "$(nproc)" MODE=analyze WERROR=1 analyze 2>&1 | awk '
    /(warning|error): / { print; bad = 1 }
    /^make.*\*\*\*/ { if (!bad) print; bad = 1 }
    END { exit bad }'
