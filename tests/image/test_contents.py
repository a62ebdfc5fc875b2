"""What is in the image: nothing to work with for an intruder, hardened programs, the promised sizes."""
import hashlib
import json
import re
import subprocess
from pathlib import Path

import machine
import pytest
import vm

SHELLS = {"sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "csh", "tcsh", "fish", "busybox", "toybox", "rc", "sash"}
INTERPRETERS = re.compile(r"(python|perl|ruby|lua|tclsh|node|php|gawk|mawk|nawk|awk|guile|gdb|ocaml|java|emacs|vim?|ed|sed)[0-9.]*")
MANAGERS = re.compile(r"(apt|dpkg|rpm|dnf|yum|pip|npm|snap|flatpak)[a-z-]*")
MB = 1_000_000
OURS = sorted(Path(vm.TOP / "build/dev/bin").glob("certkeep-*"))


def files(root):
    return [p for p in sorted(root.rglob("*")) if p.is_file() and not p.is_symlink()]


def is_elf(path):
    with open(path, "rb") as f:
        return f.read(4) == b"\x7fELF"


def readelf(*options):
    return subprocess.run(["readelf", "-W", *options], check=True, capture_output=True, text=True).stdout


def started(parts):
    """Our programs as they are in the image."""
    return sorted((parts / "root/usr/lib/certkeep").iterdir())


def test_no_shell_interpreter_or_package_manager(parts):
    names = {p.name for p in (parts / "root").rglob("*")}
    assert "certkeep-core" in names and "dhcpcd" in names
    found = sorted(n for n in names if n in SHELLS or INTERPRETERS.fullmatch(n) or MANAGERS.fullmatch(n))
    assert found == []
    assert [p for p in files(parts / "root") if p.read_bytes()[:2] == b"#!"] == []


def test_few_executables_and_none_that_raises_rights(parts, figure):
    executables = [p for p in files(parts / "root") if p.stat().st_mode & 0o111]
    starts = [p for p in files(parts / "root") if is_elf(p) and "INTERP" in readelf("-l", p) and p.suffix != ".so"
              and ".so." not in p.name]
    figure("executables", len(executables), "at most 16")
    assert len(executables) <= 16
    assert set(starts) <= set(executables)
    assert [p for p in files(parts / "root") if p.stat().st_mode & 0o7000] == []
    caps = subprocess.run(["getfattr", "-R", "-n", "security.capability", parts / "root"], capture_output=True, text=True,
                          check=False) if Path("/usr/bin/getfattr").exists() else None
    assert caps is None or "security.capability=" not in caps.stdout


def test_nothing_is_writable_or_foreign(parts):
    root = parts / "root"
    for p in [root, *root.rglob("*")]:
        if not p.is_symlink():
            assert p.stat().st_mode & 0o022 == 0, f"{p} is writable for others"
            assert (p.stat().st_uid, p.stat().st_gid) == (0, 0), p
    assert not list(root.rglob("*.ko*")), "modules belong into the boot image"


@pytest.mark.parametrize("program", OURS, ids=lambda p: p.name)
def test_program_is_hardened(program):
    head, dynamic = readelf("-h", program), readelf("-d", program)
    segments, notes = readelf("-l", program), readelf("-n", program)
    symbols = readelf("-s", program)
    assert "DYN (Position-Independent Executable" in head
    assert "GNU_RELRO" in segments and "BIND_NOW" in dynamic, "full RELRO"
    assert re.search(r"GNU_STACK.* RW +0x", segments), "stack is not executable"
    assert not re.search(r" RWE ", segments), "a segment is writable and executable"
    assert "__stack_chk_fail" in symbols, "stack protector"
    assert re.search(r"__\w+_chk\b", symbols.replace("__stack_chk", "")), "FORTIFY"
    assert re.search(r"IBT, SHSTK", notes), "CET"
    assert "RPATH" not in dynamic and "RUNPATH" not in dynamic


def test_programs_of_the_image_are_those_of_the_build(parts):
    assert {p.name for p in started(parts)} == {p.name for p in OURS} - {"certkeep-stage0"}
    for p in started(parts):
        built = readelf("-n", vm.TOP / "build/dev/bin" / p.name)
        assert re.search(r"Build ID: \w+", built)[0] in readelf("-n", p)


def test_every_library_is_there_and_needed(parts):
    root = parts / "root"
    libraries = {p.name for p in files(root) if ".so" in p.name and is_elf(p)}
    needed = {n for p in files(root) if is_elf(p) for n in re.findall(r"\(NEEDED\).*\[(.+)\]", readelf("-d", p))}
    assert needed <= libraries
    assert libraries - needed <= {"libsofthsm2.so", "ld-linux-x86-64.so.2"}


def test_manifest_of_hashes_is_that_of_the_disk(parts):
    lines = vm.image().with_suffix(".files.sha256").read_text().splitlines()
    listed = dict(reversed(line.split("  ", 1)) for line in lines)
    found = {f"/{p.relative_to(parts / 'root')}": hashlib.sha256(p.read_bytes()).hexdigest() for p in files(parts / "root")}
    assert listed == found


def test_bill_of_materials_names_what_is_inside(parts):
    bom = json.loads(vm.image().with_suffix(".spdx.json").read_text())
    names = {p["name"]: p for p in bom["packages"]}
    for name in ("certkeep", "libssl3t64", "libsofthsm2", "libc6", "dhcpcd-base", "tzdata", "libmbedtls-dev"):
        assert names[name]["versionInfo"], name
    assert any(n.startswith("linux-image-") for n in names)
    assert bom["spdxVersion"] == "SPDX-2.3" and len({p["SPDXID"] for p in bom["packages"]}) == len(names)


def test_sizes(figure):
    for what, path, most in (("root file system", "root", 20), ("boot program (UKI)", "uki.efi", 20)):
        size = (machine.WORK / path).stat().st_size
        figure(what, f"{size / MB:.1f} MB", f"at most {most} MB")
        assert size <= most * MB
    figure("update bundle", f"{vm.image().with_suffix('.bundle').stat().st_size / MB:.1f} MB")


def test_disk_has_the_partitions_of_the_format():
    found = machine.partitions(vm.image())
    assert list(found) == ["control", "boot-a", "boot-b", "root-a", "root-b", "state"]
    assert all(start % (1 << 20) == 0 for start, _ in found.values())
    assert found["control"][1] == 1 << 20
