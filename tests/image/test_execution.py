"""Only verified code executes: an image whose first program tries otherwise, with the policy in force and without."""
import re
import subprocess

import pytest
import vm
from machine import Machine, as_qcow2, erase, partitions, raw_copy

ACTS = ("copied program", "script", "copy by the loader", "memory file", "mapped file", "mapped memory", "changed memory")


@pytest.fixture(scope="module")
def probing(tmp_path_factory):
    """A disk whose slot a holds a release that is signed like any other, with the probe as its first program."""
    folder = tmp_path_factory.mktemp("probe")
    disk, bundle = raw_copy(folder), folder / "probe.bundle"
    places = partitions(disk)
    subprocess.run([vm.TOP / "board/common/mkimage.sh", "again", bundle,
                    vm.TOP / "build/dev/tests/image/probe"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([vm.TOP / "tools/firmware-sign", "lay", bundle, folder / "laid",
                    "--boot-bytes", str(places["boot-a"][1]), "--root-bytes", str(places["root-a"][1])], check=True)
    with open(disk, "r+b") as f:
        for part in ("boot-a", "root-a"):
            f.seek(places[part][0])
            f.write((folder / f"laid/{part}").read_bytes())
    erase(disk, *places["control"])
    return disk


def results(m):
    m.wait_line(r"^probe: done", 180)
    return dict(re.findall(r"^probe: ([^:\n]+): (\w+)$", m.text(), re.M))


def test_nothing_but_verified_code_executes(probing, tmp_path):
    with Machine(tmp_path, uefi=True, disk=as_qcow2(probing)) as m:
        assert results(m) == {"verified program": "ran", **dict.fromkeys(ACTS, "refused")}
        assert "limited by the mounts alone" not in m.text()


def test_the_probe_finds_what_the_policy_refuses(probing, tmp_path):
    """Without UEFI the kernel has no key to check the policy with, stage-0 says so, and each try succeeds."""
    with Machine(tmp_path, disk=as_qcow2(probing), initrd=vm.WORK / "again/initrd") as m:
        m.wait_line(r"stage-0: the firmware does not know the key of this image")
        assert results(m) == {"verified program": "ran", **dict.fromkeys(ACTS, "ran")}
