#!/bin/sh
# Tests with foreign tools that come from another registry than Debian's, PyPI: schemathesis over the
# live API, Ansible, which deploys in turns with the appliance to the same servers, and hsslms, another
# implementation of the firmware's LMS signatures. A tool that cannot be had counts as skipped and is
# named. The last line is "N passed, N failed", with ", N skipped" if any.
#
# Environment: EXAMPLES=10  calls made up for each operation at most
#              ONLY=ansible,hsslms,schemathesis   the tools, all by default
set -u
cd "$(dirname -- "$0")/.." || exit 1

passed=0
failed=0
skipped=0
build() { # MODE
    make --no-print-directory -j"$(nproc)" MODE="$1" bins >build/interop.log 2>&1 || { tail -n 30 build/interop.log; return 1; }
}

# Runs a test that ends with "N passed, N failed"; what ends without it is one failure.
count() { # COMMAND...
    line=$("$@" 2>&1 | tee /dev/stderr | grep -E '^[0-9]+ passed, [0-9]+ failed$' | tail -n 1)
    [ -n "$line" ] || line="0 passed, 1 failed"
    passed=$((passed + ${line%% *}))
    line=${line#*, }
    failed=$((failed + ${line%% *}))
}

mkdir -p build
for tool in $(echo "${ONLY:-ansible,hsslms,schemathesis}" | tr , ' '); do
    case $tool in
    ansible) package=ansible-core program=ansible-playbook mode=dev ;;
    hsslms) package=hsslms program=python ;;
    schemathesis) package=schemathesis program=schemathesis mode=asan ;;
    *) echo "ONLY: expected some of ansible,hsslms,schemathesis, not $tool"; exit 1 ;;
    esac
    if ! path=$(tests/pypi.sh "$package" "$program"); then
        echo "skipped: $package is not to be had from PyPI"
        skipped=$((skipped + 1))
    elif [ "$tool" = hsslms ]; then
        count "$path" -B tests/interop_lms.py
    elif ! build "$mode"; then
        failed=$((failed + 1))
    elif [ "$tool" = ansible ]; then
        count python3 tests/bench/deploy_ansible.py "$path"
    else
        count python3 tests/interop.py "$path" "${EXAMPLES:-10}"
    fi
done
result="$passed passed, $failed failed"
[ "$skipped" = 0 ] || result="$result, $skipped skipped"
echo "$result"
[ "$failed" = 0 ]
