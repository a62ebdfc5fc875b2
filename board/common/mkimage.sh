#!/bin/sh
# Makes the image of the board in .config from the programs in build/dev/bin and the UI in web/dist:
# root file system -> squashfs -> boot image (kernel and stage-0) -> signed bundle -> disk images, with
# SBOM and hashes, in build/images. Runs in the root that makes images; `make image` calls it.
#
#
#   mkimage.sh              all of it
#   mkimage.sh again FILE [PROGRAM]   from what that left, the bundle of a release one second younger with another
#                                     hash tree; with PROGRAM as its first program
#
# Environment: SOURCE_DATE_EPOCH  the time every file gets
set -eu
export LC_ALL=C TZ=UTC
cd "$(dirname -- "$0")/../.."
here=board/common
work=build/image
out=build/images
: "${SOURCE_DATE_EPOCH:?}"

say() { printf 'image: %s\n' "$*"; }
die() { printf 'image: %s\n' "$*" >&2; exit 1; }
config() { sed -n "s/^CONFIG_$1=\"\{0,1\}\([^\"]*\)\"\{0,1\}\$/\1/p" .config; }
words() { sed 's/#.*//' "$1" | tr -s ' \n' ' '; }
mib() { echo $(($1 * 1024 * 1024)); }

# Keys for tests, unless others are given: they are in this checkout, so they protect nothing.
test_secure_boot_keys() {
    [ -f "$1/key.pem" ] || {
        mkdir -p "$1"
        openssl req -x509 -newkey rsa:3072 -noenc -days 3650 -subj "/CN=Certkeep test key, protects nothing" \
            -keyout "$1/key.pem" -out "$1/cert.pem" 2>/dev/null
    }
}

# The kernel of the board, and the modules it needs in the order in which they are loaded.
unpack_kernel() {
    kernel=/usr/lib/kernels/$(cat "board/$board/kernel.package")
    release=$(ls "$kernel/usr/lib/modules")
    rm -rf "$work/modules" "$work/depmod"
    mkdir -p "$work/modules" "$work/depmod/lib/modules"
    cp -r "$kernel/usr/lib/modules/$release" "$work/depmod/lib/modules/"
    depmod -b "$work/depmod" "$release"
    for m in $(words "board/$board/modules"); do
        modprobe -d "$work/depmod" -S "$release" --show-depends "$m" || echo "no-module $m"
    done >"$work/modules.wanted"
    ! grep no-module "$work/modules.wanted" || die "a module of board/$board/modules is not in $release"
    n=100
    sed -n 's/^insmod \([^ ]*\).*/\1/p' "$work/modules.wanted" | awk '!seen[$0]++' | while read -r m; do
        n=$((n + 1))
        name=$(basename "${m%.xz}")
        xz -dc "$m" >"$work/modules/$n-$name"
    done
}

# What may execute: files of the boot image and of the root that belongs to it (src/stage0/ipe.h).
make_policy() { # ROOT-HASH FILE
    cat >"$work/ipe.text" <<POLICY
policy_name=certkeep policy_version=0.0.1
DEFAULT action=DENY
op=EXECUTE boot_verified=TRUE action=ALLOW
op=KMODULE boot_verified=TRUE action=ALLOW
op=FIRMWARE boot_verified=TRUE action=ALLOW
op=EXECUTE dmverity_roothash=sha256:$1 action=ALLOW
POLICY
    openssl smime -sign -binary -in "$work/ipe.text" -signer "$secure_cert" -inkey "$secure_key" -md sha256 -noattr \
        -nodetach -nosmimecap -outform der -out "$2"
}

# stage-0, the modules, the keys it trusts, its board, the root it belongs to, and what rescue runs.
make_initramfs() { # ROOT-HASH
    tree=$work/initramfs
    rm -rf "$tree"
    mkdir -p "$tree/dev" "$tree/proc" "$tree/sys" "$tree/root"
    cp build/dev/bin/certkeep-stage0 "$tree/init"
    strip --strip-all "$tree/init"
    cp -r "$work/modules" "$tree/modules"
    cp "$work/firmware.keys" "$tree/firmware.keys"
    echo "$board" >"$tree/board"
    echo "$1" >"$tree/root-hash"
    make_policy "$1" "$tree/ipe.policy"
    if [ "$(config RESCUE)" = y ]; then
        ln -s usr/lib "$tree/lib"
        ln -s usr/lib64 "$tree/lib64"
        while read -r path; do
            mkdir -p "$tree$(dirname "$path")"
            cp "$work/rootfs$path" "$tree$path"
        done <"$work/rootfs.rescue"
    fi
    find "$tree" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
    find "$tree" -type f ! -perm -u+x -exec chmod 644 {} +
    find "$tree" -type f -perm -u+x -exec chmod 755 {} +
    (cd "$tree" && find . | sort | cpio -o -H newc --reproducible --quiet -R 0:0) | zstd -q -19 -T1 >"$work/initrd"
}

make_root() {
    "$here/mkrootfs.py" .config build/dev/bin web/dist "$work/firmware.keys" "$work/rootfs"
    squash_root
}

squash_root() {
    find "$work/rootfs" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
    rm -f "$work/root"
    mksquashfs "$work/rootfs" "$work/root" -quiet -no-progress -noappend -all-root -comp zstd \
        -Xcompression-level "$(config SQUASHFS_LEVEL)" -b 128K -no-xattrs >/dev/null
}

# The salt is public: it only makes the hash tree of one root no hint at that of another.
hash_root() { # SEED
    salt=$({ echo "$1"; cat "$work/root"; } | sha256sum | cut -c1-64)
    rm -f "$work/root.tree"
    root_hash=$(tools/firmware-sign tree --salt "$salt" "$work/root" "$work/root.tree" | sed -n 's/^root_hash=//p')
}

sign_bundle() { # FILE BUILT
    tools/firmware-sign bundle --keys "$keys" --board "$board" --version "$version" --built "$2" \
        --rollback "$(words "$here/rollback.index" | tr -d ' ')" --boot "$work/boot" --root "$work/root" \
        --salt "$salt" --out "$1" >/dev/null
}

# A FAT file system with the one program the firmware starts; what is unused at its end is left out.
make_boot() {
    words "board/$board/cmdline" >"$work/cmdline"
    ukify build --linux="$kernel/boot/vmlinuz-$release" --initrd="$work/initrd" --cmdline="@$work/cmdline" \
        --os-release="@$work/rootfs/etc/os-release" --uname="$release" --output="$work/uki.unsigned.efi" >/dev/null
    sbsign --key "$secure_key" --cert "$secure_cert" --output "$work/uki.efi" "$work/uki.unsigned.efi" 2>/dev/null
    touch -d "@$SOURCE_DATE_EPOCH" "$work/uki.efi"
    rm -f "$work/boot"
    truncate -s "$(mib "$(config BOOT_MB)")" "$work/boot"
    mkfs.vfat --invariant -F 32 -s 1 -n CERTKEEP "$work/boot" >/dev/null
    mmd -i "$work/boot" ::EFI ::EFI/BOOT
    mcopy -m -i "$work/boot" "$work/uki.efi" ::EFI/BOOT/BOOTX64.EFI
    python3 - "$work/boot" <<'PYTHON'
import sys
with open(sys.argv[1], "r+b") as f:
    used = len(f.read().rstrip(b"\0"))
    f.truncate(-(-used // 4096) * 4096)
PYTHON
}

make_state() {
    rm -f "$work/state"
    truncate -s "$(mib "$(config STATE_MB)")" "$work/state"
    E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH mke2fs -q -t ext4 -L state -U 0fc63daf-8483-4772-8e79-3d69d8477de5 \
        -E hash_seed=0fc63daf-8483-4772-8e79-3d69d8477de6,lazy_itable_init=0,lazy_journal_init=0,nodiscard \
        -m 0 "$work/state"
}

# docs/formats/slot.md, Disk
make_disk() { # FILE
    boot_mb=$(config BOOT_MB) root_mb=$(config ROOT_MB) state_mb=$(config STATE_MB)
    rm -f "$1"
    truncate -s "$(mib $((3 + 2 * boot_mb + 2 * root_mb + state_mb)))" "$1"
    sfdisk -q "$1" <<SFDISK
label: gpt
label-id: 0fc63daf-8483-4772-8e79-3d69d8477de4
start=2048, size=1MiB, type=L, name=control, uuid=5f0b8a11-0000-4000-8000-000000000001
size=${boot_mb}MiB, type=U, name=boot-a, uuid=5f0b8a11-0000-4000-8000-000000000002
size=${boot_mb}MiB, type=U, name=boot-b, uuid=5f0b8a11-0000-4000-8000-000000000003
size=${root_mb}MiB, type=L, name=root-a, uuid=5f0b8a11-0000-4000-8000-000000000004
size=${root_mb}MiB, type=L, name=root-b, uuid=5f0b8a11-0000-4000-8000-000000000005
size=${state_mb}MiB, type=L, name=state, uuid=5f0b8a11-0000-4000-8000-000000000006
SFDISK
    at=1
    for part in control boot-a boot-b root-a root-b state; do
        dd if="$work/parts/$part" of="$1" bs=1M seek=$at conv=notrunc,sparse status=none
        at=$((at + $(stat -c %s "$work/parts/$part") / 1048576))
    done
}

[ -f .config ] || die "no .config: make vm-x86_64_defconfig"
board=$(config BOARD)
version=$(sed -n 's/.*CERTKEEP_VERSION "\(.*\)"/\1/p' src/model/version.h)
name=certkeep-$version-$board
mkdir -p "$work" "$out"
secure_key=$(config SECURE_BOOT_KEY) secure_cert=$(config SECURE_BOOT_CERT) keys=$(config FIRMWARE_KEYS)
[ -n "$secure_key" ] || {
    test_secure_boot_keys "$work/test-keys/secure-boot"
    secure_key=$work/test-keys/secure-boot/key.pem secure_cert=$work/test-keys/secure-boot/cert.pem
}
[ -n "$keys" ] || {
    keys=$work/test-keys/firmware
    [ -d "$keys" ] || { say "making a test key pair for the firmware"; tools/firmware-sign keygen "$keys" >/dev/null; }
}
rm -f "$work/firmware.keys"
tools/firmware-sign trust "$work/firmware.keys" "$keys"

if [ "${1:-}" = again ]; then
    unpack_kernel
    saved=$work
    work=$work/again
    rm -rf "$work"
    mkdir -p "$work"
    cp -r "$saved/root" "$saved/rootfs" "$saved/rootfs.rescue" "$saved/modules" "$saved/firmware.keys" "$work/"
    [ -z "${3:-}" ] || { cp "$3" "$work/rootfs/usr/lib/certkeep/certkeep-parent" && squash_root; }
    hash_root again
    make_initramfs "$root_hash"
    make_boot
    sign_bundle "$2" $((SOURCE_DATE_EPOCH + 1))
    exit
fi

rm -f "${out:?}/$name".*
make_root
hash_root first
unpack_kernel
make_initramfs "$root_hash"
make_boot
sign_bundle "$out/$name.bundle" "$SOURCE_DATE_EPOCH"
rm -rf "$work/parts"
tools/firmware-sign lay "$out/$name.bundle" "$work/parts" --boot-bytes "$(mib "$(config BOOT_MB)")" \
    --root-bytes "$(mib "$(config ROOT_MB)")"
make_state
mv "$work/state" "$work/parts/state"
make_disk "$out/$name.raw"
qemu-img convert -f raw -O qcow2 -c "$out/$name.raw" "$out/$name.qcow2"
cp "$kernel/boot/vmlinuz-$release" "$work/vmlinuz"
cp "$work/rootfs.manifest" "$out/$name.files.sha256"
"$here/mksbom.py" "$name" "$work/rootfs.packages" "$work/rootfs.manifest" "$kernel/package" "$work/build.versions" \
    >"$out/$name.spdx.json"
(cd "$out" && sha256sum "$name".* >"$name.sha256")
say "root $(stat -c %s "$work/root") bytes, boot program $(stat -c %s "$work/uki.efi") bytes, modules $(find "$work/modules" -type f | wc -l)"
(cd "$out" && ls -sh "$name".*)
