#!/bin/sh
# Tables: what a .def file names is there, numbers are used once, and every fuzzer has a corpus
# (and every corpus a fuzzer). The compiler sees none of this, because nothing calls what is missing.
set -eu
cd "${LINT_TOP:-$(dirname -- "$0")/../..}"
bad=0
finding() { echo "$*"; bad=1; }

# Arguments of the entries MACRO(...) of a table: "column 1,column 2,...", one line each.
entries() { # FILE MACRO
    [ ! -f "$1" ] || sed -n "s/^[[:space:]]*$2[[:space:]]*(\([^)]*\).*/\1/p" "$1" | tr -d ' \t"'
}

# Processes have a folder with a main, named as their program.
for program in $(entries src/ipc/process.def PROCESS | cut -d, -f2); do
    [ -f "src/${program#certkeep-}/main.c" ] || finding "src/ipc/process.def: $program: no src/${program#certkeep-}/main.c"
done

# Handlers of routes are functions of core, named on_HANDLER.
for handler in $(entries src/model/routes.def ROUTE | cut -d, -f3 | sort -u); do
    grep -rqE "^int on_$handler\\(" src/core --include='*.c' || finding "src/model/routes.def: no function on_$handler in src/core"
done

# Kinds of connectors and targets have a file or folder of their name.
for name in $(entries src/model/connectors.def CONNECTOR | cut -d, -f1); do
    [ -f "src/ca/$name.c" ] || [ -d "src/ca/$name" ] || finding "src/model/connectors.def: $name: no src/ca/$name.c"
done
for name in $(entries src/model/targets.def TARGET | cut -d, -f1); do
    [ -f "src/deploy/target/$name.c" ] || [ -d "src/deploy/target/$name" ] ||
        finding "src/model/targets.def: $name: no src/deploy/target/$name.c"
done

# Names and numbers are used once: FILE MACRO COLUMN.
while read -r file macro column; do
    for twice in $(entries "$file" "$macro" | cut -d, -f"$column" | sort | uniq -d); do
        finding "$file: $macro: $twice stands twice in column $column"
    done
done <<TABLES
src/ipc/process.def PROCESS 1
src/ipc/process.def PROCESS 3
src/ipc/messages.def MSG 1
src/core/store/tables.def TABLE 1
src/core/store/tables.def TABLE 2
src/model/routes.def ROUTE 1,2
src/model/connectors.def CONNECTOR 1
TABLES

# fuzz_THING.c has corpus/THING, fuzz_PROCESS_THING.c may leave the process out of it.
for fuzzer in tests/fuzz/fuzz_*.c; do
    [ -f "$fuzzer" ] || continue
    corpus=$(sh tests/fuzz.sh --corpus "$fuzzer")
    if [ -z "$corpus" ] || [ -z "$(ls "$corpus")" ]; then finding "$fuzzer: no corpus with an input in tests/fuzz/corpus"; fi
    echo "$corpus" >>"${used:=$(mktemp)}"
done
for corpus in tests/fuzz/corpus/*/; do
    [ ! -d "$corpus" ] || grep -qxF "${corpus%/}" "${used:-/dev/null}" || finding "${corpus%/}: no fuzzer reads it"
done
rm -f "${used:-}"
exit $bad
