#!/bin/sh
# Shell: shellcheck on every script of the project, by its first line.
set -eu
cd "${LINT_TOP:-$(dirname -- "$0")/../..}"

find . -path ./build -prune -o -path ./web/node_modules -prune -o -path ./.git -prune -o -type f -print |
    LC_ALL=C sort | while read -r f; do
    case $(head -c 64 "$f" | head -n 1 | tr -d '\0') in
    '#!/bin/sh'* | '#!/bin/bash'* | '#!/usr/bin/env bash'*) echo "$f" ;;
    esac
done | xargs shellcheck --severity=style --format=gcc
