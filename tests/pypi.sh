#!/bin/sh
# Gets a tool that comes from PyPI into the cache, and prints where it is. Exit status 1 when it is not
# to be had.
#
#   pypi.sh PACKAGE PROGRAM
set -u
venv=/cache/venv-$1
tool=$venv/bin/$2
# The build root has no pip: it is used here only, and this root is thrown away.
if [ ! -x "$tool" ]; then
    { python3 -c 'import ensurepip' || { apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv; }
      python3 -m venv "$venv" && "$venv/bin/pip" install -q "$1"; } >/dev/null 2>&1 || { rm -rf "$venv"; exit 1; }
fi
echo "$tool"
