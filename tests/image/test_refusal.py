"""What must not run: a slot that was changed, a boot program that Secure Boot does not know."""
import subprocess

import pytest
import vm
from machine import Machine, as_qcow2, change, copy_within, erase, partitions, raw_copy

MANIFEST_VERSION, ECDSA, LMS = 112, 512 + 40, 608 + 700  # bytes inside the slot block
SLOT_BLOCK = 4096


@pytest.fixture
def disk(tmp_path):
    """A raw copy and where its partitions are."""
    path = raw_copy(tmp_path)
    return path, partitions(path)


def slot_block(places, name):
    start, size = places[name]
    return start + size - SLOT_BLOCK


@pytest.mark.parametrize("at", [MANIFEST_VERSION, ECDSA, LMS], ids=["manifest", "ECDSA signature", "LMS signature"])
def test_a_changed_slot_block_is_refused_and_nothing_runs(disk, tmp_path, at):
    path, places = disk
    change(path, slot_block(places, "root-a") + at)
    with Machine(tmp_path, disk=as_qcow2(path)) as m:
        m.wait_line(r"stage-0: slot a: .*signature|stage-0: slot a: .*does not hold")
        m.wait_line(r"stage-0: no slot can be started")
        assert "Certkeep" not in m.text()


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


def test_secure_boot_refuses_a_boot_program_of_another_key(tmp_path):
    key, cert, variables = tmp_path / "key.pem", tmp_path / "cert.pem", tmp_path / "variables"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:3072", "-noenc", "-days", "9", "-subj", "/CN=another",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    vm.secure_variables(variables, cert)
    with Machine(tmp_path, uefi=True, variables=variables) as m:
        m.wait_line(r"Access Denied|Security Violation|failed to load|No bootable option")
        assert "stage-0" not in m.text()
