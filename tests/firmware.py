"""Keys, images and disks of the firmware tests, and calls of the signing tool and the updater.

A disk is a folder with the five partitions as files. BUILD picks the build (default build/asan).
"""
import hashlib
import os
import pathlib
import random
import shutil
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(os.environ.get("BUILD", TOP / "build/asan"))
SIGN = TOP / "tools/firmware-sign"
BOARD = "vm-x86_64"
SALT = "5a" * 32
PIECE = 1 << 20
BOOT_BYTES = 1 << 20
ROOT_BYTES = 4 << 20

sys.path.insert(0, str(TOP / "tools"))


def run(*args, data=b"", ok=True, env=None):
    """Standard output; with ok=False the complaint of a call that must fail."""
    done = subprocess.run([str(a) for a in args], input=data, capture_output=True, check=False,
                          env={**os.environ, "TOKEN_SIGN": str(BUILD / "tools/token-sign"), **(env or {})})
    if ok:
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()
    assert done.returncode not in (0, None), f"{args} should fail: {done.stdout.decode()}"
    assert "Traceback" not in done.stderr.decode() and "Sanitizer" not in done.stderr.decode(), done.stderr.decode()
    return done.stderr.decode().strip()


def fields(text):
    return dict(line.split("=", 1) for line in text.splitlines())


def sign(*args, **kw):
    return run(SIGN, *args, **kw)


def copy_keys(keys, to):
    """The key folder as a copy of its own: a test may use its indexes up."""
    shutil.copytree(keys, to)
    return to


class World:
    """A folder with a key pair, two random images, and a disk once one is laid."""

    def __init__(self, folder, keys):
        self.folder, self.keys, self.disk = folder, keys, folder / "disk"
        seed = random.Random(str(folder))
        (folder / "boot.img").write_bytes(seed.randbytes(300_000))
        (folder / "root.img").write_bytes(seed.randbytes(2_500_000))

    def bundle(self, name, *more, version="1.0", rollback=1, ok=True, env=None, keys=None, board=BOARD):
        out = self.folder / name
        told = sign("bundle", "--keys", keys or self.keys, "--board", board, "--version", version, "--built",
                    1_700_000_000, "--rollback", rollback, "--boot", self.folder / "boot.img", "--root",
                    self.folder / "root.img", "--salt", SALT, "--out", out, *more, ok=ok, env=env)
        return out if ok else told

    def lay(self, bundle):
        sign("lay", bundle, self.disk, "--boot-bytes", BOOT_BYTES, "--root-bytes", ROOT_BYTES)

    def update(self, *args, data=b"", ok=True, trust=None, board=BOARD):
        return run(BUILD / "bin/certkeep-update", "--slots", self.disk, "--trust", trust or self.keys / "trust",
                   "--board", board, *args, data=data, ok=ok)

    def status(self):
        return fields(self.update("status"))

    def upload(self, bundle, first=0):
        """Sends the pieces from `first` on."""
        data = bundle.read_bytes()
        for i in range(first, -(-len(data) // PIECE)):
            part = data[i * PIECE:(i + 1) * PIECE]
            told = self.update("head", data=part) if i == 0 else self.update("piece", i, data=part)
            assert fields(told) == {"next": str(i + 1)}

    def start(self, slot):
        """What stage-0 leaves on the disk when it starts `slot`: a try is taken, the slot runs."""
        self.change_control(lambda c: c.start(slot))

    def change_control(self, change):
        control = Control((self.disk / "control").read_bytes())
        change(control)
        with open(self.disk / "control", "r+b") as f:
            f.seek(0x10000 if control.newest == 0 else 0)
            f.write(control.record())


class Control:
    """The control record, written as docs/formats/slot.md says it."""

    def __init__(self, partition):
        copies = [partition[at:at + 512] for at in (0, 0x10000)]
        valid = [i for i in (0, 1) if copies[i][:8] == b"CKBOOT\0\1" and copies[i][480:] == digest(copies[i][:480])]
        self.newest = max(valid, key=lambda i: copies[i][8:16])
        self.bytes = bytearray(copies[self.newest])

    def start(self, slot):
        index = "ab".index(slot)
        self.bytes[24], self.bytes[25] = index, 255
        self.bytes[32 + 32 * index + 8] -= 1

    def slot(self, slot):
        """(commit number, tries, blessed)"""
        at = 32 + 32 * "ab".index(slot)
        return int.from_bytes(self.bytes[at:at + 8], "big"), self.bytes[at + 8], self.bytes[at + 9]

    def put(self, slot, commit, tries, blessed, why=0):
        at = 32 + 32 * "ab".index(slot)
        self.bytes[at:at + 11] = commit.to_bytes(8, "big") + bytes((tries, blessed, why))

    def record(self):
        self.bytes[8:16] = (int.from_bytes(self.bytes[8:16], "big") + 1).to_bytes(8, "big")
        return bytes(self.bytes[:480]) + digest(self.bytes[:480])


def digest(data):
    return hashlib.sha256(bytes(data)).digest()
