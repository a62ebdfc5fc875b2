#!/bin/sh
# Layers: an include goes to a lower layer or stays in its own; a process includes no other process.
# The three folders of layer 2 are one library and may use each other. Includes between our files
# are written from the top of the tree. Tests may include anything.
#
# The firmware (crypto/firmware, src/rescue, src/update, src/stage0) is a tree of its own: it uses src/base,
# the confinement of src/sandbox and mbedTLS, nothing else of the service, and the service uses nothing of it.
set -eu
cd "${LINT_TOP:-$(dirname -- "$0")/../..}"

find src crypto tools -name '*.[ch]' -o -name '*.def' | LC_ALL=C sort | xargs awk '
    BEGIN {
        level["src/base"] = 0; level["crypto"] = 1; level["src/model"] = level["src/update"] = 3
        level["src/ipc"] = level["src/net"] = level["src/sandbox"] = level["src/rescue"] = 2
    }
    function firmware(path) { return path ~ /^(crypto\/firmware|src\/rescue|src\/update|src\/stage0)\// }
    function module(path, part) { split(path, part, "/"); return part[1] == "crypto" ? "crypto" : part[1] "/" part[2] }
    function layer(m) { return m in level ? level[m] : 4 }
    function finding(text) { printf "%s:%d: %s\n", FILENAME, FNR, text; bad = 1 }
    /^[ \t]*#[ \t]*include[ \t]*"/ {
        path = $0
        sub(/^[^"]*"/, "", path); sub(/".*/, "", path)
        if (path !~ /^(src\/[a-z0-9_]+|crypto)\//) { finding("include \"" path "\" from the top of the tree: \"src/...\" or \"crypto/...\""); next }
        if (firmware(FILENAME) != firmware(path) && path !~ /^src\/(base\/|sandbox\/(narrow|foreign)\.h$)/) finding("the firmware and the service share src/base and the confinement alone, not " path)
        from = module(FILENAME); to = module(path)
        if (layer(to) > layer(from) || (from != to && layer(to) == 4))
            finding(from " (layer " layer(from) ") must not include " path " (layer " layer(to) ")")
    }
    /^[ \t]*#[ \t]*include[ \t]*</ {
        lib = $0
        sub(/^[^<]*</, "", lib); sub(/[\/.>].*/, "", lib)
        if (firmware(FILENAME) && lib ~ /^(openssl|p11-kit|curl|lmdb|libssh2|seccomp|event2|jansson)$/) finding("the firmware links mbedTLS alone, not " lib)
        if (!firmware(FILENAME) && lib ~ /^(mbedtls|psa)$/) finding(lib " is for the firmware: the service uses OpenSSL")
    }
    END { exit bad }'
