#!/bin/sh
# Format: every C file as .clang-format writes it (`make format` does it). Tables (.def) are aligned by hand.
set -eu
cd "${LINT_TOP:-$(dirname -- "$0")/../..}"

find src crypto tests tools -name '*.[ch]' | LC_ALL=C sort | xargs -P 2 -n 20 clang-format --dry-run -Werror 2>&1 |
    awk -F: '/error: code should be clang-formatted/ { if (!seen[$1]++) print $1 ":" $2 ": not formatted: make format"; bad = 1 }
             END { exit bad }'
