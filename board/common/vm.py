#!/usr/bin/env python3
"""Boots an image in QEMU: `make vm`, and the tests of tests/image.

    vm.py [--direct] [--kvm] [--port N] [--http-port N]     in the root that makes images

By UEFI with Secure Boot, the way a real machine starts; --direct gives kernel and stage-0 to QEMU instead.
A rack board gets a SATA disk and an Intel network card, others virtio. The image is left as made: the machine writes
to build/image/vm.qcow2, which starts anew when the image does.
Emulation unless --kvm. Control-A C changes to the QEMU monitor, where system_powerdown is the power button.
"""
import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
WORK = TOP / "build/image"
OVMF = Path("/usr/share/OVMF")
OWNER = "5f0b8a11-0000-4000-8000-0000000000ff"  # of the keys in the machine's firmware


def config(name):
    found = re.search(rf'^CONFIG_{name}="?([^"\n]*)"?$', (TOP / ".config").read_text(), re.M)
    return found[1] if found else ""


def image():
    """The raw disk image of the board in .config."""
    found = sorted((TOP / "build/images").glob(f"certkeep-*-{config('BOARD')}.raw"))
    if not found:
        sys.exit("vm: no image: make image")
    return found[-1]


def guest_address():
    """The fixed address of the image, or the one QEMU's DHCP server gives first."""
    return config("NETWORK_ADDRESS").split("/")[0] if config("NETWORK_STATIC") else "10.0.2.15"


def overlay(path, base):
    """A disk that begins as `base` and takes all writes."""
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", base, path], check=True)


def secure_variables(path, cert=None):
    """Variables of a firmware that trusts one key for Secure Boot: the one the image was signed with, or another."""
    cert = cert or config("SECURE_BOOT_CERT") or WORK / "test-keys/secure-boot/cert.pem"
    subprocess.run(["virt-fw-vars", "--input", OVMF / "OVMF_VARS_4M.fd", "--output", path, "--set-pk", OWNER, cert,
                    "--add-kek", OWNER, cert, "--add-db", OWNER, cert, "--secure-boot"], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def command(disk, variables=None, forwards=(), kvm=False, append="", serial="stdio", monitor=None, cmdline=None,
            initrd=WORK / "initrd"):
    """The argument list of QEMU. variables: UEFI with Secure Boot; else the kernel is given to QEMU."""
    argv = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-vga", "none", "-display", "none", "-no-reboot",
            "-smp", "2", "-m", "512", "-serial", serial]
    argv += ["-accel", "kvm", "-cpu", "host"] if kvm else ["-accel", "tcg,thread=multi", "-cpu", "max"]
    if variables:
        argv += ["-machine", "q35,smm=on", "-global", "driver=cfi.pflash01,property=secure,value=on",
                 "-drive", f"if=pflash,format=raw,readonly=on,file={OVMF}/OVMF_CODE_4M.secboot.fd",
                 "-drive", f"if=pflash,format=raw,file={variables}"]
    else:
        text = cmdline or (WORK / "cmdline").read_text().strip()
        argv += ["-machine", "q35", "-kernel", str(WORK / "vmlinuz"), "-initrd", str(initrd),
                 "-append", f"{text} {append}".strip()]
    rules = "".join(f",hostfwd=tcp:127.0.0.1:{host}-{guest_address()}:{guest}" for host, guest in forwards)
    disk_as, net_as = ("ide-hd", "e1000e") if config("BOARD").startswith("rack") else ("virtio-blk-pci", "virtio-net-pci")
    argv += ["-drive", f"if=none,id=disk,format=qcow2,file={disk}", "-device", f"{disk_as},drive=disk,bootindex=1",
             "-device", f"{net_as},netdev=net,romfile=", "-netdev", f"user,id=net{rules}"]
    return argv + (["-monitor", monitor] if monitor else [])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--direct", action="store_true")
    p.add_argument("--kvm", action="store_true")
    p.add_argument("--port", type=int, default=8443)
    p.add_argument("--http-port", type=int, default=8080)
    a = p.parse_args()
    disk, variables, base = WORK / "vm.qcow2", WORK / "vm.variables", image()
    if not disk.exists() or disk.stat().st_mtime < base.stat().st_mtime:
        overlay(disk, base)
        secure_variables(variables)
    print(f"vm: https://127.0.0.1:{a.port}/ once it is up; Control-A X ends it", flush=True)
    argv = command(disk, None if a.direct else variables, ((a.port, 443), (a.http_port, 80)), a.kvm, serial="mon:stdio")
    os.execvp(argv[0], argv)


if __name__ == "__main__":
    main()
