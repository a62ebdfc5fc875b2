#!/bin/sh
# Tests by foreign tools that come from another registry than Debian's: schemathesis (PyPI) over the
# live API. A tool that cannot be had counts as skipped and is named. The last line is
# "N passed, N failed", with ", N skipped" if any.
#
# Environment: EXAMPLES=10  calls made up for each operation at most
set -u
cd "$(dirname -- "$0")/.." || exit 1

venv=/cache/venv
tool=$venv/bin/schemathesis
get_tool() {
    # The build root has no pip: it is used here only, and this root is thrown away.
    python3 -c 'import ensurepip' 2>/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv; } >/dev/null 2>&1
    python3 -m venv "$venv" && "$venv/bin/pip" install -q schemathesis
}
if [ ! -x "$tool" ] && ! get_tool; then
    rm -rf "$venv"
    echo "skipped: schemathesis is not to be had from PyPI"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
make -j"$(nproc)" MODE=asan bins >build/interop.log 2>&1 || { tail -n 30 build/interop.log; echo "0 passed, 1 failed"; exit 1; }
exec python3 tests/interop.py "$tool" "${EXAMPLES:-10}"
