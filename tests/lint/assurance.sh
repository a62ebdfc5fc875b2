#!/bin/sh
# docs/assurance.md against the tree: see assurance.py.
set -eu
exec python3 "$(dirname -- "$0")/assurance.py"
