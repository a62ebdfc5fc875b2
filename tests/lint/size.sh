#!/bin/sh
# Sizes: a file has at most 400 lines, a C function at most 60 from brace to brace.
# Generated TypeScript (*.gen.ts) is exempt. The format puts the braces of a function in column 0.
set -eu
cd "${LINT_TOP:-$(dirname -- "$0")/../..}"

folders=$(for d in src crypto tests tools web/src; do [ ! -d "$d" ] || echo "$d"; done)
# shellcheck disable=SC2086 # the folders are words
find $folders \( -name '*.[ch]' -o -name '*.ts' -o -name '*.tsx' -o -name '*.py' -o -name '*.sh' \) ! -name '*.gen.ts' -print |
    LC_ALL=C sort | xargs awk '
    FNR == 1 { ends(); file = FILENAME; open = 0 }
    { lines = FNR }
    file ~ /\.[ch]$/ && /^[a-z].*\(/ { name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name) }
    file ~ /\.[ch]$/ && /^\{/ { open = FNR }
    file ~ /\.[ch]$/ && /^\}/ && open {
        if (FNR - open + 1 > 60) { printf "%s:%d: %s has %d lines, at most 60\n", file, open, name, FNR - open + 1; bad = 1 }
        open = 0
    }
    function ends() { if (file != "" && lines > 400) { printf "%s: %d lines, at most 400\n", file, lines; bad = 1 } }
    END { ends(); exit bad }'
