#!/bin/sh
# cppcheck on the sources.
set -eu
cd "${LINT_TOP:-$(dirname -- "$0")/../..}"
mkdir -p build/cppcheck

# Suppressed, and why:
#   missingInclude*            we check our files, not the system's
#   normalCheckLevelMaxBranches  says only that the check level is the normal one
#   unusedFunction             needs the whole program in one process; the linker shows it better
#   constParameterCallback     the signature of a callback is not ours to choose
#   unmatchedSuppression       a suppression may be for a file that is not in this tree
#   checkersReport             a report, not a finding
#   swapcontextCalled and kin  fibers are meant (docs/decisions.md), and threads are not
#   arrayIndexOutOfBoundsCond in migrate.c   the first version of the store has no step that leads to it
#   preprocessorErrorDirective   it does not know push_macro (src/ipc/msg.h), so it skips a file that makes a
#       BLOB() after reading that header: those are left to clang-tidy and GCC's analyser
#   nullPointer...OutOfMemory  our allocators end the process (src/base/own.h)
#   memleak, resourceLeak      it knows neither OWN() nor TAKE(); the leak sanitizer judges in every test
cppcheck --quiet --std=c17 --language=c --library=posix --library=gnu --library=openssl \
    --enable=warning,performance,portability --inline-suppr --error-exitcode=1 -j 2 \
    --cppcheck-build-dir=build/cppcheck --template='{file}:{line}: {id}: {message}' \
    --suppress=missingInclude --suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches \
    --suppress=unusedFunction --suppress=constParameterCallback --suppress=unmatchedSuppression \
    --suppress=checkersReport --suppress=nullPointerOutOfMemory --suppress=nullPointerArithmeticOutOfMemory \
    --suppress=ctunullpointerOutOfMemory --suppress=memleak --suppress=resourceLeak \
    --suppress=swapcontextCalled --suppress=getcontextCalled --suppress=makecontextCalled \
    --suppress=arrayIndexOutOfBoundsCond:src/core/store/migrate.c \
    --suppress=preprocessorErrorDirective \
    --include=/usr/include/jansson.h -D_GNU_SOURCE -I. src crypto tools 2>&1
