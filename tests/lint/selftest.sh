#!/bin/sh
# Every lint must fail when it has cause to: plants one violation at a time in a small tree of its
# own, and expects the lint to pass before and to name the planted file after.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
top=$(CDPATH='' cd -- "$here/../.." && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
export LINT_TOP="$tree" TIDY_CACHE="$tree/tidy"
failed=0
planted=0

clean() {
    rm -rf "${tree:?}"/*
    mkdir -p "$tree/src/base" "$tree/src/ipc" "$tree/src/model" "$tree/src/core/store" "$tree/src/key" \
        "$tree/crypto/firmware" "$tree/src/update" "$tree/tools" "$tree/tests/lint" "$tree/tests/fuzz/corpus/thing"
    cp "$top/Makefile" "$top/.clang-format" "$top/.clang-tidy" "$top/.shellcheckrc" "$tree/"
    cp "$top/tests/lint/strip.awk" "$tree/tests/lint/"
    cp "$top/tests/fuzz.sh" "$tree/tests/"
    printf 'int sample_add(int a, int b);\n\nint sample_add(int a, int b)\n{\n    return a + b;\n}\n' >"$tree/src/base/sample.c"
    printf 'int main(void)\n{\n    return 0;\n}\n' >"$tree/src/key/main.c"
    printf 'int on_handler(int a);\n\nint on_handler(int a)\n{\n    return a;\n}\n' >"$tree/src/core/api.c"
    printf 'PROCESS(KEY, "certkeep-key", 1, ONE)\n' >"$tree/src/ipc/process.def"
    printf 'TABLE(CERT, 1, cert)\n' >"$tree/src/core/store/tables.def"
    printf 'ROUTE(GET, "/api/v1/thing", handler, READ)\n' >"$tree/src/model/routes.def"
    printf 'int LLVMFuzzerTestOneInput(const unsigned char *p, unsigned long n);\n' >"$tree/tests/fuzz/fuzz_thing.c"
    printf 'x' >"$tree/tests/fuzz/corpus/thing/one"
}

# Expects LINT to fail and to speak of WHAT.
expect() { # LINT WHAT
    planted=$((planted + 1))
    if out=$("$here/$1.sh" 2>&1); then
        echo "$1 passes although there is $2"
        failed=1
    elif ! printf '%s\n' "$out" | grep -qF "$2"; then
        echo "$1 fails, but does not name $2:"
        printf '%s\n' "$out" | head -n 5
        failed=1
    fi
    clean
}

sample() { cat >"$tree/$1"; }
body() { printf 'int f(char *p, int n);\n\nint f(char *p, int n)\n{\n%s\n    return n;\n}\n' "$1"; }

clean
for lint in layers size banned tables features assurance format shell cppcheck tidy analyze; do
    out=$("$here/$lint.sh" 2>&1) || { echo "$lint fails on a clean tree: $out"; failed=1; }
done

echo '#include "src/ipc/msg.h"' | sample src/base/up.c;             expect layers src/base/up.c
echo '#include "src/key/serve.h"' | sample src/core/sideways.c;     expect layers src/core/sideways.c
echo '#include "msg.h"' | sample src/ipc/local.c;                   expect layers src/ipc/local.c
echo '#include "src/ipc/msg.h"' | sample crypto/up.h;               expect layers crypto/up.h
echo '#include <openssl/evp.h>' | sample crypto/firmware/other.c;   expect layers "links mbedTLS alone, not openssl"
echo '#include "crypto/kdf.h"' | sample src/update/other.c;         expect layers "share src/base and"
echo '#include "crypto/firmware/slot.h"' | sample src/key/fw.c;     expect layers "share src/base and"
echo '#include <psa/crypto.h>' | sample crypto/second.c;            expect layers "psa is for the firmware"

yes '/* line */' | head -n 401 | sample src/base/long.c;            expect size src/base/long.c
body "$(yes '    n++;' | head -n 70)" | sample src/base/tall.c;     expect size "f has"

for call in strcpy strcat sprintf gets strtok atoi atol sscanf alloca system popen rand mktemp strtol strtoull; do
    body "    $call(p);" | sample src/base/bad.c;                   expect banned "$call(p)"
done
mkdir -p "$tree/web/src"
echo '<p dangerouslySetInnerHTML={x}/>' | sample web/src/bad.tsx;   expect banned web/src/bad.tsx

echo 'PROCESS(LOST, "certkeep-lost", 2, ONE)' | sample src/ipc/process.def;             expect tables certkeep-lost
echo 'ROUTE(GET, "/api/v1/lost", lost, READ)' | sample src/model/routes.def;            expect tables "function on_lost"
echo 'CONNECTOR(lost, "Lost", "Public", "x",' | sample src/model/connectors.def;        expect tables src/ca/lost.c
printf 'TABLE(A, 7, a)\nTABLE(B, 7, b)\n' | sample src/core/store/tables.def;           expect tables "7 stands twice"
echo 'int x;' | sample tests/fuzz/fuzz_lost.c;                                          expect tables fuzz_lost.c
mkdir "$tree/tests/fuzz/corpus/lost"; echo x | sample tests/fuzz/corpus/lost/one;       expect tables corpus/lost

# A page of features whose line 001 is ROW, followed by MORE; all other lines are there.
features() { # ROW [MORE]
    mkdir -p "$tree/docs" "$tree/src/ctl" "$tree/web/src"
    echo 'COMMAND("thing list", "", list, READ, 0, "List")' >"$tree/src/ctl/commands.def"
    echo "  { path: '/things/:id', title: 'Thing' }," >"$tree/web/src/app.tsx"
    printf 'def test_it():\n    assert True\n' >"$tree/tests/test_thing.py"
    {
        printf '| Line | Feature | Page | Endpoint | Command | Test |\n| --- | --- | --- | --- | --- | --- |\n%s\n\n' "$1"
        printf '| Line | Feature | What is missing |\n| --- | --- | --- |\n'
        seq -f '| %03g | A | It. |' 2 447
        printf '%s\n' "${2-}"
    } >"$tree/docs/features.md"
}
# shellcheck disable=SC2016 # the backquotes are Markdown's
row='| 001 | A | `/things/1` | `GET /thing` | `thing list` | `test_thing.py::test_it` |'
features "$row"
out=$("$here/features.sh" 2>&1) || { echo "features fails on a page that is right: $out"; failed=1; }
features "$(echo "$row" | sed 's,/things/1,/lost/1,')";             expect features "page /lost/1"
features "$(echo "$row" | sed 's,GET /thing,GET /lost,')";          expect features "endpoint GET /lost"
features "$(echo "$row" | sed 's,thing list,thing lost,')";         expect features "command thing lost"
features "$(echo "$row" | sed 's,test_it,test_lost,')";             expect features "test_thing.py::test_lost"
features "$(echo "$row" | sed 's,test_thing,test_lost,')";          expect features "test_lost.py::test_it"
features "$(echo "$row" | sed 's,`thing list`,,')";                 expect features "no command"
features "$row" '| 001 | A | It. |';                                expect features "001 stands in line"
features "$row" '- 001-002 more';                                   expect features "002 stands in line"
features "$row" '| 448 | A | |';                                    expect features "448 does not say"
features "$(echo "$row" | sed 's,001,x,')";                         expect features "001 belongs to this release"

# shellcheck disable=SC2016 # the backquotes are Markdown's
for row in '| 1 | A | B | |' '| 1 | A | B | `test_thing.py::test_lost` |'; do
    mkdir -p "$tree/docs"
    printf '| Point | A | B | Test |\n| --- | --- | --- | --- |\n%s\n' "$row" | sample docs/assurance.md; expect assurance "assurance.md:3: 1"
done

printf 'int  f ( void ) ;\n' | sample src/base/crooked.c;           expect format src/base/crooked.c
# shellcheck disable=SC2016 # what it plants
printf '#!/bin/sh\nrm -r $1/x\n' | sample tests/bad.sh;             expect shell tests/bad.sh
body '    int a[4] = {0};
    n += a[4];' | sample src/base/over.c;                           expect cppcheck src/base/over.c
body '    char *q = 0;
    if (n > 2)
        n += *q;' | sample src/base/null.c;                         expect tidy src/base/null.c
body '    char *q = __builtin_malloc(4);
    if (n > 2)
        return 0;
    __builtin_free(q);
    __builtin_free(q);' | sample src/base/twice.c;                  expect analyze src/base/twice.c

echo "$planted violations planted"
[ "$failed" = 0 ]
