#!/bin/sh
# clang-tidy on every source (.clang-tidy names the checks), two at a time. A file whose preprocessed
# text and checks did not change since it was last clean is not checked again.
#
#   tidy.sh [FILE...]
#
# Environment: BASE=COMMIT  only files that differ from it    TIDY_CACHE  where clean files are remembered
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cd "${LINT_TOP:-$here/../..}"

cache=${TIDY_CACHE:-/cache/tidy}
mkdir -p "$cache" 2>/dev/null || { cache=build/tidy; mkdir -p "$cache"; }
find "$cache" -type f -mtime +30 -delete

flags="-std=gnu17 -I. -D_GNU_SOURCE -DCERTKEEP_TEST=1 -DOPENSSL_API_COMPAT=30500 -DOPENSSL_NO_DEPRECATED
       $(pkg-config --cflags p11-kit-1)"

one() { # FILE
    # shellcheck disable=SC2086 # flags are words
    sum=$({ clang --version; cat .clang-tidy tests/.clang-tidy; clang -E $flags "$1"; } 2>/dev/null | sha256sum | cut -d' ' -f1)
    [ ! -f "$cache/$sum" ] || return 0
    # shellcheck disable=SC2086
    if out=$(clang-tidy --quiet --warnings-as-errors='*' "$1" -- $flags 2>/dev/null); then : >"$cache/$sum"
    else printf '%s\n' "$out"; return 1; fi
}

if [ "${1:-}" = --one ]; then one "$2"; exit; fi

if [ $# -gt 0 ]; then printf '%s\n' "$@"
elif [ -n "${BASE:-}" ]; then git -c safe.directory='*' diff --name-only --diff-filter=d "$BASE" -- '*.c'
else find src crypto tests tools -name '*.c' | LC_ALL=C sort; fi |
    LINT_TOP=$PWD xargs -P "$(nproc)" -n 1 "$here/tidy.sh" --one
