"""What must not run, and what runs instead: a changed slot, a boot program that Secure Boot does not know, a bundle of
one signature or of an older release. Flipped bytes are in test_tamper.py."""
import subprocess

import firmware
import pytest
import vm
from machine import Machine, as_qcow2, change, copy_within, erase, partitions, raw_copy

ECDSA = 512 + 40  # a byte of the signature inside the slot block
SLOT_BLOCK = 4096


@pytest.fixture
def disk(tmp_path):
    """A raw copy and where its partitions are."""
    path = raw_copy(tmp_path)
    return path, partitions(path)


def slot_block(places, name):
    start, size = places[name]
    return start + size - SLOT_BLOCK


def test_the_other_slot_runs_when_one_is_refused(disk, tmp_path):
    path, places = disk
    copy_within(path, places["root-a"][0], places["root-b"][0], places["root-a"][1])
    erase(path, *places["control"])  # without it both slots count as installed
    change(path, slot_block(places, "root-a") + ECDSA)
    with Machine(tmp_path, disk=as_qcow2(path)) as m:
        m.wait_line(r"stage-0: slot a: ")
        m.wait_line(r"stage-0: slot b, version ")
        m.wait_https()


def test_a_changed_block_of_the_root_restarts_and_costs_the_slot_its_tries(disk, tmp_path):
    path, places = disk
    start = places["root-a"][0]
    erase(path, start + (1 << 20), 8 << 20)  # of 11 MB, so that start-up reads some of it
    with Machine(tmp_path, disk=as_qcow2(path)) as m:
        for _ in range(3):
            m.wait_line(r"stage-0: slot a, version ")
            assert m.wait_end(120) == 0, "QEMU ends when the machine restarts"
            assert "setup code" not in m.text()
            m.stop()
            m.start()
        m.wait_line(r"stage-0: slot a: it was started and did not prove healthy, 0 tries left")
        m.wait_line(r"stage-0: no slot can be started")


def updater(folder, *words, data):
    """certkeep-update on a disk cut out of the image, in which slot a runs and is healthy."""
    return subprocess.run([vm.TOP / "build/dev/bin/certkeep-update", "--slots", folder, "--trust", vm.WORK / "firmware.keys",
                           "--board", vm.config("BOARD"), *words], input=data, capture_output=True, check=False)


@pytest.fixture
def running(tmp_path):
    with open(vm.image(), "rb") as f:
        for name, (start, size) in partitions(vm.image()).items():
            if name != "state":
                f.seek(start)
                (tmp_path / name).write_bytes(f.read(size))
    return tmp_path


def healthy(folder, floor=0):
    """Writes the control record of a blessed slot a."""
    c = firmware.Control((folder / "control").read_bytes())
    c.bytes[16:24] = floor.to_bytes(8, "big")
    c.bytes[24], c.bytes[40], c.bytes[41] = 0, 7, 1
    with open(folder / "control", "r+b") as f:
        f.seek(0x10000 if c.newest == 0 else 0)
        f.write(c.record())


def head_of_the_bundle():
    with open(vm.image().with_suffix(".bundle"), "rb") as f:
        return f.read(1 << 20)


def test_a_bundle_with_one_signature_is_refused(running):
    healthy(running)
    head = head_of_the_bundle()
    assert updater(running, "head", data=head).returncode == 0, "both signatures: taken"
    for at, size, name in ((512, 96, "ECDSA"), (608, 1452, "LMS")):
        one = head[:at] + bytes(size) + head[at + size:]
        told = updater(running, "head", data=one)
        assert told.returncode != 0 and name in told.stderr.decode(), told


def test_an_older_release_is_refused(running):
    index = int.from_bytes(head_of_the_bundle()[120:128], "big")
    healthy(running, floor=index + 1)
    told = updater(running, "head", data=head_of_the_bundle())
    assert told.returncode != 0 and f"rollback index {index} is below {index + 1}" in told.stderr.decode(), told


def test_secure_boot_refuses_a_boot_program_of_another_key(tmp_path):
    key, cert, variables = tmp_path / "key.pem", tmp_path / "cert.pem", tmp_path / "variables"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:3072", "-noenc", "-days", "9", "-subj", "/CN=another",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    vm.secure_variables(variables, cert)
    with Machine(tmp_path, uefi=True, variables=variables) as m:
        m.wait_line(r"Access Denied|Security Violation|failed to load|No bootable option")
        assert "stage-0" not in m.text()
