#!/bin/sh
# Unpacks kernel packages into /usr/lib/kernels/PACKAGE of a root being made, with the version beside it.
#
#   kernels.sh ROOT PACKAGE...     PACKAGE: a metapackage such as linux-image-cloud-amd64
set -eu

root=$1
shift
for meta in "$@"; do
    real=$(chroot "$root" apt-cache depends "$meta" | sed -n 's/^ *Depends: \(linux-image-[^ ]*\).*/\1/p' | head -n 1)
    [ -n "$real" ] || { echo "kernels: $meta names no kernel" >&2; exit 1; }
    chroot "$root" sh -euc '
        cd /var/cache/apt/archives
        set -- "$1" "$2" "/usr/lib/kernels/$1"
        [ -n "$(find . -name "$2_*.deb")" ] || apt-get -q download "$2"
        deb=$(find . -name "$2_*.deb" | LC_ALL=C sort | tail -n 1)
        mkdir -p "$3"
        dpkg-deb -x "$deb" "$3"
        dpkg-deb -f "$deb" Package Version Architecture >"$3/package"' sh "$meta" "$real"
done
