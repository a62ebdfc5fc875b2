"""The image booted: from the kernel's start to the first-run page, by QEMU directly and by UEFI with Secure Boot."""
import re
import struct
import subprocess

import vm
from machine import partitions

GATE = "at most 10 s in emulation on 2 idle cores"


def kernel_start(m):
    """Seconds from power-on to the kernel's start, by what stage-0 says of its clock."""
    when, found = m.wait_line(r"stage-0: slot a, version \S+, ([0-9.]+) s after the kernel's start")
    return when - float(found[1])


def comes_up(m, figure, way):
    when, body, seen = m.wait_https()
    begun = kernel_start(m)
    figure(f"{way}: kernel start to HTTPS 200", f"{when - begun:.1f} s", GATE)
    figure(f"{way}: power-on to HTTPS 200", f"{when:.1f} s", GATE)
    assert b"<title>Certkeep" in body and b"<script" in body
    _, shown = m.wait_line(r"fingerprint: ([0-9a-f]{64})")
    assert shown[1] == seen, "the console shows the certificate that is served"


def control_slots(m):
    """(commit number, tries, blessed) of both slots, of the newer copy of the control record."""
    raw = m.folder / "off.raw"
    subprocess.run(["qemu-img", "convert", "-O", "raw", m.disk, raw], check=True)
    at, _ = partitions(raw)["control"]
    with open(raw, "rb") as f:
        f.seek(at)
        area = f.read(0x20000)
    raw.unlink()
    copies = [c for c in (area[:512], area[0x10000:][:512]) if c.startswith(b"CKBOOT")]
    newest = max(copies, key=lambda c: c[8:16])
    return [struct.unpack(">QBB", newest[s:s + 10]) for s in (32, 64)]


def test_direct_boot_answers_with_the_first_run_page(direct, figure):
    comes_up(direct, figure, "direct boot")
    assert direct.get("/api/v1/state")[1].startswith(b'{"state":"Unprovisioned"')


def test_uefi_boot_with_secure_boot_answers(secure, figure):
    comes_up(secure, figure, "UEFI and Secure Boot")


def test_console_shows_version_address_and_state(secure):
    secure.wait_line(r"^Certkeep \d+\.\d+\.\d+")
    secure.wait_line(r"^state: Unprovisioned$")
    secure.wait_line(r"^setup code: [0-9A-Z-]{14}$")
    secure.wait_line(rf"^admin UI: https://{re.escape(vm.guest_address())}/$")


def test_console_is_quiet_otherwise(secure):
    secure.wait_https()
    begun = next(i for i, (_, text) in enumerate(secure.lines) if "stage-0:" in text)
    known = re.compile(r"stage-0: slot a|Certkeep |state: |setup code: |admin UI: |no address yet|certificate of the|"
                       r"  [1-6]  |Number, then Enter:|$")
    assert [text for _, text in secure.lines[begun:] if not known.match(text)] == []


def test_kernel_is_locked_down_and_loads_nothing_more(direct):
    direct.wait_https()
    direct.wait_line(r"Kernel is locked down from command line")
    direct.wait_line(r"Kernel command line: .*module\.sig_enforce=1")
    assert not re.search(r"module verification failed|Oops|BUG:|WARNING:", direct.text())


def test_processes_are_few_and_all_ready(direct, figure):
    for name in ("key", "sys", "core", "ca", "web", "console"):
        direct.wait_line(rf"process\.ready process={name} ")
    direct.wait_line(r"dhcp\.started pid=\d+")
    started = set(re.findall(r"process\.started process=(\w+)", direct.text()))
    figure("processes when idle", len(started) + 2, "parent, dhcpcd and " + ", ".join(sorted(started)))
    assert started == {"key", "sys", "core", "ca", "web", "console"}
    assert not re.search(r"process\.died|dhcp\.ended|Landlock ABI", direct.text())


def test_power_button_switches_off_cleanly_and_the_state_is_kept(direct):
    direct.wait_line(r"proof\.proven")
    direct.command("system_powerdown")
    direct.wait_line(r"^switched off$")
    assert direct.wait_end() == 0
    assert "unmounting filesystem" in direct.text() and "process.killed" not in direct.text()
    direct.stop()
    assert control_slots(direct)[0] == (1, 7, 1), "the slot was blessed: it has all its tries"
    direct.start()
    direct.wait_https()
    assert "recovery" not in direct.text(), "the state volume was left clean"
