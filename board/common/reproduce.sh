#!/bin/sh
# Builds everything twice, the second time without caches, and compares what the two builds made.
# What is signed differs by its signatures alone: an LMS index is never used twice. So the signed files
# are compared without the slot block, and the boot program before Secure Boot signs it.
set -eu
cd "$(dirname -- "$0")/../.."
made="root root.tree rootfs.manifest initrd uki.unsigned.efi cmdline parts/state"

keep() { # FOLDER
    rm -rf "$1"
    mkdir -p "$1"
    for f in $made; do cp --sparse=always "build/image/$f" "$1/"; done
    cp build/images/*"-$board.spdx.json" build/images/*"-$board.files.sha256" "$1/"
}

make image
board=$(sed -n 's/^CONFIG_BOARD="\(.*\)"$/\1/p' .config)
keep build/reproduce/first
rm -rf build/dev web/dist
board/common/buildroot.sh run env CCACHE_DISABLE=1 make -j"$(nproc)" MODE=dev bins
make image
keep build/reproduce/second

status=0
for f in build/reproduce/first/*; do
    if cmp -s "$f" "build/reproduce/second/${f##*/}"; then
        echo "same ${f##*/} $(sha256sum <"$f" | cut -c1-64)"
    else
        echo "DIFFERENT ${f##*/}"
        status=1
    fi
done
exit $status
