#!/bin/sh
# docs/features.md against the tree: see features.py.
set -eu
exec python3 "$(dirname -- "$0")/features.py"
