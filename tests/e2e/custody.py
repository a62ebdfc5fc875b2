"""Looks for secrets where none may be: files, command lines, environments, memory; in every spelling.

A spelling is what a careless program makes of a value: the bytes, base64 at each of the three alignments
(both alphabets), hex in both cases, UTF-16 in both orders.
"""
import base64
import os
from pathlib import Path

# Starts of private keys: PEM of every kind, and PKCS#8 (version, algorithm) of RSA, EC P-256 and P-384, Ed25519.
KEY_SHAPES = {
    "PEM private key": b"PRIVATE KEY",
    "PKCS#8 RSA": bytes.fromhex("020100300d06092a864886f70d0101010500"),
    "PKCS#8 P-256": bytes.fromhex("020100301306072a8648ce3d020106082a8648ce3d030107"),
    "PKCS#8 P-384": bytes.fromhex("020100301006072a8648ce3d020106052b81040022"),
    "PKCS#8 Ed25519": bytes.fromhex("020100300506032b6570"),
}


def base64_cores(value):
    """What base64 of any text around the value must contain: one string for each alignment."""
    for lead in range(3):
        text = base64.b64encode(b"\0" * lead + value)
        first = (8 * lead + 5) // 6            # characters that also hold bits of what comes before
        last = 8 * (lead + len(value)) // 6    # and of what comes behind
        yield text[first:last]


def spellings(value):
    """{name of the spelling: bytes to look for}"""
    value = value.encode() if isinstance(value, str) else value
    out = {"raw": value, "hex": value.hex().encode(), "HEX": value.hex().upper().encode()}
    for i, core in enumerate(base64_cores(value)):
        out[f"base64+{i}"] = core
        out[f"base64url+{i}"] = core.replace(b"+", b"-").replace(b"/", b"_")
    try:
        text = value.decode("ascii")
        out["utf-16le"], out["utf-16be"] = text.encode("utf-16-le"), text.encode("utf-16-be")
    except UnicodeDecodeError:
        pass
    return out


class Search:
    def __init__(self, markers):
        """markers: {name: value}; every one at least 8 bytes, or it would be found by chance."""
        assert all(len(v) >= 8 for v in markers.values()), "a marker is too short"
        self.needles = [(f"{name} ({how})", needle) for name, value in markers.items()
                        for how, needle in spellings(value).items()]
        self.places = 0

    def bytes(self, where, data):
        self.places += 1
        return [f"{where}: {name}" for name, needle in self.needles if needle in data]

    def tree(self, folder):
        found = []
        for at in sorted(Path(folder).rglob("*")):
            found += self.bytes(f"name of {at}", str(at).encode())
            if at.is_file() and not at.is_symlink():
                found += self.bytes(at, at.read_bytes())
        return found

    def processes(self):
        """Command line and environment of everything that runs."""
        found = []
        for proc in Path("/proc").glob("[0-9]*"):
            for name in ("cmdline", "environ"):
                try:
                    found += self.bytes(proc / name, (proc / name).read_bytes())
                except OSError:
                    continue  # it has ended
        return found

    def memory(self, pid, limit=64 << 20):
        """Every private writable mapping; a sanitizer's shadow is above the limit and holds no data."""
        found, seen = [], 0
        with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
            for line in maps:
                span, mode = line.split()[:2]
                low, high = (int(x, 16) for x in span.split("-"))
                if not mode.startswith("rw") or high - low > limit:
                    continue
                try:
                    data = os.pread(mem.fileno(), high - low, low)
                except OSError:
                    continue  # a guard page, or pages the kernel keeps from everybody
                seen += len(data)
                found += self.bytes(f"memory of {pid} at {span}", data)
        assert seen > 1 << 16, f"the memory of {pid} could not be read"
        return found
