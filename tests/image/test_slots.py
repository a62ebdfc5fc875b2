"""Two releases on one disk: the younger one runs, and the firmware is sent to the boot partition that belongs to it."""
import subprocess

import vm
from machine import Machine, as_qcow2, erase, partitions, raw_copy


def lay_second_release(disk, places, folder):
    """Puts a younger release into slot b, as if it had been installed there, and forgets which one was to start."""
    bundle = folder / "again.bundle"
    subprocess.run([vm.TOP / "board/common/mkimage.sh", "again", bundle], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([vm.TOP / "tools/firmware-sign", "lay", bundle, folder / "laid",
                    "--boot-bytes", str(places["boot-b"][1]), "--root-bytes", str(places["root-b"][1])], check=True)
    with open(disk, "r+b") as f:
        for part in ("boot", "root"):
            f.seek(places[f"{part}-b"][0])
            f.write((folder / f"laid/{part}-a").read_bytes())
    erase(disk, *places["control"])


def test_the_younger_release_is_started_through_its_own_boot_partition(tmp_path):
    path = raw_copy(tmp_path)
    places = partitions(path)
    lay_second_release(path, places, tmp_path)
    with Machine(tmp_path, uefi=True, disk=as_qcow2(path)) as m:
        assert m.wait_end(180) == 0, "stage-0 of slot a restarts the machine"
        assert "stage-0: slot a, version" not in m.text()
        m.stop()
        m.start()  # the firmware finds BootNext
        m.wait_line(r"stage-0: slot b, version ")
        m.wait_https()
