#!/bin/sh
# Banned: calls that overflow, guess or start a shell. Numbers are parsed by src/base/str.c alone.
# In the admin UI: whatever turns a string into markup or code.
set -eu
cd "${LINT_TOP:-$(dirname -- "$0")/../..}"

calls='v?sprintf|strn?cpy|stpcpy|strn?cat|gets|strtok|atoi|atoll?|atof|v?sscanf|alloca|system|popen|s?rand|mktemp|tmpnam|gmtime|localtime|ctime'
parse='strto(l|ul|ll|ull|d|f|ld|imax|umax)'
bad=0

code() { find src crypto tests tools -name '*.[ch]' | LC_ALL=C sort | xargs awk -f tests/lint/strip.awk; }

# A declaration or a member of that name is not a call: only "name(" that no word or member access precedes.
code | grep -E "(^|[^[:alnum:]_.>])($calls)[[:space:]]*\\(" && bad=1
code | grep -v '^src/base/str\.c:' | grep -E "(^|[^[:alnum:]_.>])($parse)[[:space:]]*\\(" && bad=1
if [ -d web/src ]; then
    grep -rnE 'dangerouslySetInnerHTML|(inner|outer)HTML|insertAdjacentHTML|document\.write|\beval\(|new Function\(' \
        --include='*.ts' --include='*.tsx' web/src && bad=1
fi
exit $bad
