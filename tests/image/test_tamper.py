"""A flipped byte anywhere in what may run: refused by the code that stage-0 and the updater judge with, run on the
image file; the boot program by Secure Boot's check too; and ten of them booted. TAMPER=n flips so many bytes;
SEED repeats a run."""
import os
import random
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import vm
from machine import Machine, as_qcow2, change, partitions, raw_copy

FLIPS = int(os.environ.get("TAMPER", "2000"))
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
BLOCK, MANIFEST, ECDSA, LMS = 4096, (0, 512), (512, 608), (608, 2060)
PE_POINTER, PE_CHECKSUM, PE_TABLES, CERTIFICATES = 0x3c, 24 + 64, 24 + 112, 4  # of a PE32+ file
SHARE = {"root": 45, "hash tree": 20, "UKI": 15, "manifest": 8, "ECDSA signature": 6, "LMS signature": 6}  # of 100


class Slot:
    """Slot a of the image file: its partitions cut out, and where each part that must hold lies in them."""

    def __init__(self, folder):
        self.folder, disk = folder, vm.image()
        self.places = partitions(disk)
        with open(disk, "rb") as f:
            for name in ("control", "boot-a", "boot-b", "root-a", "root-b"):
                f.seek(self.places[name][0])
                (folder / name).write_bytes(f.read(self.places[name][1]) if name[-1] != "b" else bytes(BLOCK))
        root, boot = folder / "root-a", (folder / "boot-a").read_bytes()
        block = root.stat().st_size - BLOCK
        with open(root, "rb") as f:
            f.seek(block)
            manifest = f.read(512)
        data, tree = (int.from_bytes(manifest[at:at + 8], "big") for at in (168, 176))
        self.uki = (vm.WORK / "uki.efi").read_bytes()
        self.uki_at = boot.index(self.uki)
        self.parts = {"root": ("root-a", 0, data), "hash tree": ("root-a", data, tree),
                      "UKI": ("boot-a", self.uki_at, len(self.uki)),
                      **{name: ("root-a", block + a, b - a) for name, (a, b) in
                         (("manifest", MANIFEST), ("ECDSA signature", ECDSA), ("LMS signature", LMS))}}

    def pick(self, rng, part):
        """A bit of a byte of a random block of the part -> (partition, byte, mask)."""
        partition, at, size = self.parts[part]
        block = rng.randrange(-(-size // BLOCK)) * BLOCK
        return partition, at + block + rng.randrange(min(BLOCK, size - block)), 1 << rng.randrange(8)

    def on_disk(self, flip):
        return self.places[flip[0]][0] + flip[1]


@pytest.fixture(scope="module")
def slot(tmp_path_factory):
    return Slot(tmp_path_factory.mktemp("slot"))


def judge(slot, flips):
    """One answer of the verifier for each flip; None flips nothing."""
    lines = "".join("\n" if f is None else f"{f[0]} {f[1]} {f[2]}\n" for f in flips)
    told = subprocess.run([vm.TOP / "build/dev/tests/image/slot_verifier", slot.folder, vm.WORK / "firmware.keys",
                           vm.config("BOARD")], input=lines, text=True, capture_output=True, check=False)
    assert told.returncode == 0, told.stderr
    return told.stdout.splitlines()


def judge_all(slot, flips):
    n = os.cpu_count()
    with ThreadPoolExecutor(n) as pool:
        answers = list(pool.map(lambda i: judge(slot, flips[i::n]), range(n)))
    return [answers[i % n][i // n] for i in range(len(flips))]


def covered_by_secure_boot(uki, at):
    """Authenticode leaves out the checksum, the entry of the certificate table, and the table."""
    pe = int.from_bytes(uki[PE_POINTER:PE_POINTER + 4], "little")
    entry = pe + PE_TABLES + 8 * CERTIFICATES
    table = int.from_bytes(uki[entry:entry + 4], "little")
    return at < table and not any(start <= at < start + size for start, size in ((pe + PE_CHECKSUM, 4), (entry, 8)))


def secure_boot_accepts(folder, uki, at=None, mask=0):
    path = folder / "changed.efi"
    data = bytearray(uki)
    if at is not None:
        data[at] ^= mask
    path.write_bytes(data)
    cert = vm.config("SECURE_BOOT_CERT") or vm.WORK / "test-keys/secure-boot/cert.pem"
    return subprocess.run(["sbverify", "--cert", cert, path], capture_output=True, check=False).returncode == 0


def test_verifier_refuses_every_flipped_byte_of_the_image_file(slot, figure):
    rng = random.Random(SEED)
    wanted = [part for part, share in SHARE.items() for _ in range(FLIPS * share // 100)]
    flips = [slot.pick(rng, part) for part in wanted]
    assert judge(slot, [None]) == ["runs"], "the slot as it was made"
    answers = judge_all(slot, flips)
    ran = [(part, flip) for part, flip, answer in zip(wanted, flips, answers) if not answer.startswith("refused")]
    assert ran == [], f"seed {SEED}"
    says = {"root": "root-a", "hash tree": "root-a", "UKI": "boot-a: its hash is not the one",
            "ECDSA signature": "ECDSA", "LMS signature": "LMS"}
    for part, flip, answer in zip(wanted, flips, answers):
        assert says.get(part, "slot a") in answer, (part, flip, answer)
    figure("flipped bytes refused by the verifier", f"{len(flips)} of {len(flips)}, seed {SEED}",
           ", ".join(f"{part} {wanted.count(part)}" for part in SHARE))


def test_secure_boot_refuses_flipped_bytes_of_the_boot_program(slot, tmp_path, figure):
    rng = random.Random(SEED + 1)
    assert secure_boot_accepts(tmp_path, slot.uki), "the boot program as it was made"
    places = [(at - slot.uki_at, mask) for _, at, mask in (slot.pick(rng, "UKI") for _ in range(FLIPS // 20))]
    places = [p for p in places if covered_by_secure_boot(slot.uki, p[0])]
    assert [p for p in places if secure_boot_accepts(tmp_path, slot.uki, *p)] == [], f"seed {SEED}"
    figure("flipped bytes of the boot program refused by Secure Boot's check", f"{len(places)} of {len(places)}")


@pytest.fixture
def flipped(slot, tmp_path):
    """-> a disk with one byte of slot a flipped."""
    def make(flip):
        path = raw_copy(tmp_path)
        change(path, slot.on_disk(flip), flip[2])
        return as_qcow2(path)
    return make


@pytest.mark.parametrize("part", ["manifest", "ECDSA signature", "LMS signature"])
def test_a_flip_in_the_slot_block_boots_nothing(slot, flipped, tmp_path, part):
    flip = slot.pick(random.Random(f"{SEED}{part}"), part)
    with Machine(tmp_path, disk=flipped(flip)) as m:
        m.wait_line(r"stage-0: slot a: ")
        m.wait_line(r"stage-0: no slot can be started")
        assert "Certkeep" not in m.text(), (SEED, flip)


@pytest.mark.parametrize("block", ["super block", "directory", "top of the tree", "leaf of the tree"])
def test_a_flip_in_what_a_start_reads_of_the_root_boots_nothing(slot, flipped, tmp_path, block):
    """dm-verity judges blocks as they are read, so these are some that every start reads."""
    rng = random.Random(f"{SEED}{block}")
    _, data, tree = slot.parts["hash tree"]
    at = {"super block": 0, "directory": data - BLOCK, "top of the tree": data, "leaf of the tree": data + tree - BLOCK}
    flip = ("root-a", at[block] + rng.randrange(96), 1 << rng.randrange(8))
    with Machine(tmp_path, disk=flipped(flip)) as m:
        m.wait_end_or_line(r"stage-0: no slot can be started")
        assert "setup code" not in m.text() and "process.ready" not in m.text(), (SEED, flip)


@pytest.mark.parametrize("n", range(3))
def test_a_flip_in_the_boot_program_is_not_started(slot, flipped, tmp_path, n):
    rng = random.Random(SEED + 10 + n)
    flip = next(f for f in iter(lambda: slot.pick(rng, "UKI"), None)
                if covered_by_secure_boot(slot.uki, f[1] - slot.uki_at))
    with Machine(tmp_path, uefi=True, disk=flipped(flip)) as m:
        m.wait_line(r"Access Denied|Security Violation|failed to load|No bootable option")
        assert "stage-0" not in m.text(), (SEED, flip)
