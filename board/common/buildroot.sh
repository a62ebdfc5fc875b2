#!/bin/sh
# Makes, caches and enters the Debian trixie build root: everything is built and tested in it,
# so that a build host needs git and a network only.
#
#   buildroot.sh path             print where the root is (and make it when absent)
#   buildroot.sh run COMMAND...   run COMMAND in it, with the checkout as /work
#   buildroot.sh image-path | image-run COMMAND...    the same with the root that makes and boots images
#
# In both, /pristine is the build root as it was made: the machines that tests deploy to are made of it.
# A run sees the cached root through an overlay whose changes end with the run, so the cache stays
# as made and runs do not disturb each other.
#
# Environment: MIRROR   Debian mirror (default: the one of the host's own apt sources)
#              NATIVE=1 use this host as it is (it must be trixie with build.packages installed)
#              KEEP_DAYS=14 remove a root that was not used for so many days when a new one is made
#              KEEP_NET=0 gives the run a network of its own with loopback only
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
top=$(CDPATH='' cd -- "$here/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/certkeep
# The root that makes images has the packages the image is made of, and the kernel of each board.
choose() { # build | image
    kind=$1 lists=$here/build.packages
    [ "$kind" != image ] || lists="$here/packages.list $here/image.packages"
}
choose build
case ${1:-} in image-*) choose image ;; esac

say() { printf 'buildroot: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# shellcheck disable=SC2086 # the lists are words
packages() { sed 's/#.*//' $lists | tr -s ' \n' '\n' | sed '/^$/d'; }
# Kernel packages are unpacked, not installed: their scripts would build an initramfs of the root.
kernels() { [ "$kind" != image ] || cat "$here"/../*/kernel.package | sort -u; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo --preserve-env=XDG_CACHE_HOME,HOME,MIRROR,KEEP_NET,KEEP_DAYS "$@"
    else die "needs root: run it as root, or install sudo"; fi
}

mirror() {
    if [ -n "${MIRROR:-}" ]; then printf '%s\n' "${MIRROR%/}"; return; fi
    # The first Debian archive named by one-line or deb822 sources.
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
        sed -n -e 's/^deb  *\(\[[^]]*\] *\)\{0,1\}\([^ ]*\/debian\)\/\{0,1\} .*/\2/p' \
               -e 's/^URIs: *\([^ ]*\/debian\)\/\{0,1\} *$/\1/p' | head -n 1
}

# Installs mmdebstrap on the build host: the only thing the host itself must have.
need_mmdebstrap() {
    command -v mmdebstrap >/dev/null && return
    command -v apt-get >/dev/null || die "mmdebstrap is missing and this host has no apt-get to install it"
    say "installing mmdebstrap on this host"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mmdebstrap debian-archive-keyring >&2
}

root_path() { printf '%s/root-%s\n' "$cache" "$({ packages; kernels; } | sha256sum | cut -c1-16)"; }

make_root() {
    need_mmdebstrap
    m=$(mirror)
    [ -n "$m" ] || die "no Debian mirror in this host's apt sources: set MIRROR=http://.../debian"
    say "making the build root in $1 (some minutes, once per package list)"
    mkdir -p "$cache/debs" "$1.new"
    {
        echo "deb $m trixie main"
        echo "deb $m trixie-updates main"
        echo "deb ${m%/debian}/debian-security trixie-security main"
    } >"$cache/sources.list"
    # unshare: no service may start on the host and no device node of the host is in reach
    mmdebstrap --mode=root --variant=minbase --keyring=/usr/share/keyrings --quiet \
        --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
        --aptopt='Acquire::Retries "3"' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        --skip=essential/unlink \
        --setup-hook="mkdir -p '$cache/debs' \"\$1\"/var/cache/apt/archives/" \
        --setup-hook="sync-in '$cache/debs' /var/cache/apt/archives/" \
        --customize-hook="'$here/kernels.sh' \"\$1\" $(kernels | paste -sd' ')" \
        --customize-hook="sync-out /var/cache/apt/archives '$cache/debs'" \
        --include="$(packages | paste -sd,)" trixie "$1.new" "$cache/sources.list" >&2
    rm -rf "$1.new/var/cache/apt/archives"/*.deb "$1.new/var/lib/apt/lists"/*
    mkdir -p "$1.new/work" "$1.new/cache" "$1.new/pristine"
    mv "$1.new" "$1"
}

# Checkouts of different package lists share the cache: each root stays until nobody used it for
# KEEP_DAYS. The time of last use lies beside the root, because a root in use never changes.
ensure_root() {
    root=$(root_path)
    if [ ! -d "$root" ]; then
        mkdir -p "$cache"
        exec 9>"$cache/lock"
        flock 9
        [ -d "$root" ] || { rm -rf "$root.new"; make_root "$root"; }
        drop_unused_roots
        flock -u 9
    fi
    : >"$cache/used-${root##*/}"
}

drop_unused_roots() {
    find "$cache" -maxdepth 1 -name 'used-root-*' -mtime +"${KEEP_DAYS:-14}" | while read -r mark; do
        old=$cache/${mark##*/used-}
        [ "$old" = "$root" ] || rm -rf "$old" "$mark"
    done
}

# Enters the root: own mounts, processes and /dev; the host's /sys and /proc/sys are read-only.
enter() {
    net=
    [ "${KEEP_NET:-1}" = 1 ] || net=--net
    mkdir -p "$cache/ccache" "$cache/npm"
    # shellcheck disable=SC2086
    exec unshare --mount --pid --ipc --uts $net --fork --kill-child --propagation private \
        sh -euc '
        root=$1 top=$2 cache=$3 net=$4 pristine=$5
        shift 5
        stage=$(mktemp -d /tmp/certkeep-root.XXXXXX)
        mount -t tmpfs -o mode=755 overlay "$stage"
        mkdir "$stage/up" "$stage/wk" "$stage/r"
        mount -t overlay overlay -o "lowerdir=$root,upperdir=$stage/up,workdir=$stage/wk" "$stage/r"
        R=$stage/r
        mount -t proc proc "$R/proc"
        mount -t sysfs -o ro sys "$R/sys" 2>/dev/null || { mount --bind /sys "$R/sys"; mount -o remount,ro,bind "$R/sys"; }
        mount -t tmpfs -o mode=755,nosuid dev "$R/dev"
        mkdir "$R/dev/pts" "$R/dev/shm" "$R/dev/net"
        for n in null zero full random urandom tty; do : >"$R/dev/$n"; mount --bind "/dev/$n" "$R/dev/$n"; done
        mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$R/dev/pts"
        ln -s pts/ptmx "$R/dev/ptmx"; ln -s /proc/self/fd "$R/dev/fd"
        i=0; for f in stdin stdout stderr; do ln -s /proc/self/fd/$i "$R/dev/$f"; i=$((i+1)); done
        mount -t tmpfs -o mode=1777 shm "$R/dev/shm"
        mount -t tmpfs -o mode=755 run "$R/run"
        mount -t tmpfs -o mode=1777 tmp "$R/tmp"
        cp -L /etc/resolv.conf "$R/etc/resolv.conf" 2>/dev/null || :
        if [ -f /etc/ssl/certs/ca-certificates.crt ]; then cat /etc/ssl/certs/ca-certificates.crt >"$R/etc/ssl/certs/ca-certificates.crt"; fi
        mount --bind "$top" "$R/work"
        mount --bind "$cache" "$R/cache"
        mount --bind "$pristine" "$R/pristine"
        mount -o remount,ro,bind "$R/pristine"
        [ -z "$net" ] || chroot "$R" ip link set lo up
        exec chroot "$R" /usr/bin/env -i -C /work HOME=/root TERM="${TERM:-dumb}" LANG=C.UTF-8 \
            PATH=/usr/lib/ccache:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin \
            CCACHE_DIR=/cache/ccache npm_config_cache=/cache/npm IN_BUILDROOT=1 "$@"
        ' sh "$root" "$top" "$cache" "$net" "$pristine" "$@"
}

case ${1:-} in
path | image-path) as_root "$0" "$1-as-root" ;;
path-as-root | image-path-as-root) ensure_root; printf '%s\n' "$root" ;;
run | image-run)
    verb=$1
    shift
    [ $# -gt 0 ] || die "run what? usage: buildroot.sh run COMMAND..."
    if [ "${NATIVE:-0}" = 1 ] || [ "${IN_BUILDROOT:-0}" = 1 ]; then exec "$@"; fi
    as_root "$0" "$verb-as-root" "$@"
    ;;
run-as-root | image-run-as-root)
    wanted=$kind
    shift
    choose build
    ensure_root
    pristine=$root
    choose "$wanted"
    ensure_root
    enter "$@"
    ;;
*) die "usage: buildroot.sh path | run COMMAND... | image-path | image-run COMMAND..." ;;
esac
