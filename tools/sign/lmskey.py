"""The private LMS key in a folder, and the rule that no index ever signs twice.

    lms.key    the secret: identifier (16) and seed (32); mode 0600, written once
    lms.tree   all nodes of the tree, 2,047 x 32 bytes; public, saves the work of making them again
    lms.next   the first index that was never reserved, as a decimal number
    lms.log    one line for each index: "INDEX SHA256-OF-WHAT-IS-SIGNED", written before it is used

Signing takes the lock, then reserves: lms.next is replaced by a file with the higher number, then the
line is added to lms.log, each flushed with its folder. Only then is the index used. A crash between
the two loses an index and never uses one twice.

A folder that was copied back is the danger: it would give indexes that are used already. It is
refused when lms.next and lms.log do not agree, and when a bundle beside the output, or any file
of a folder named with --seen, carries a signature of this key with an index that is not reserved yet.
"""
import fcntl
import hashlib
import multiprocessing
import os
import pathlib

from . import lms
from .files import Refused, add_line, read, replace, sync_folder, write_new

KEY_BYTES = lms.ID_BYTES + lms.N


def _leaf(work):
    return lms.leaf(*work)


def make(folder):
    """A new key in `folder`; returns the public key. About ten seconds on one core."""
    folder = pathlib.Path(folder)
    identifier, seed = os.urandom(lms.ID_BYTES), os.urandom(lms.N)
    with multiprocessing.Pool() as pool:
        leaves = pool.map(_leaf, [(identifier, seed, q) for q in range(lms.LEAVES)], 16)
    node = lms.tree(identifier, leaves)
    write_new(folder / "lms.tree", b"".join(node[1:]), 0o644)
    write_new(folder / "lms.log", b"", 0o644)
    write_new(folder / "lms.next", b"0\n", 0o644)
    write_new(folder / "lms.key", identifier + seed, 0o600)  # last: its presence says that the key is complete
    sync_folder(folder)
    return lms.public(identifier, node[1])


class LmsKey:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        secret = read(self.folder / "lms.key")
        nodes = read(self.folder / "lms.tree")
        if len(secret) != KEY_BYTES or len(nodes) != (2 * lms.LEAVES - 1) * lms.N:
            raise Refused(f"{folder}: lms.key or lms.tree is damaged: take the copy from your backup, but never lms.next")
        self.identifier, self.seed = secret[:lms.ID_BYTES], secret[lms.ID_BYTES:]
        self.node = [b""] + [nodes[i:i + lms.N] for i in range(0, len(nodes), lms.N)]
        self.public = lms.public(self.identifier, self.node[1])

    def state(self):
        """The next index, after lms.next and lms.log were found to agree."""
        try:
            following = int(read(self.folder / "lms.next").decode("ascii"))
            used = [int(line.split()[0]) for line in read(self.folder / "lms.log").decode("ascii").splitlines()]
        except (ValueError, IndexError):
            raise Refused(f"{self.folder}: lms.next or lms.log is damaged: the key must not be used any more") from None
        if used and max(used) >= following:
            raise Refused(f"{self.folder}: lms.next says {following}, but lms.log shows index {max(used)} in use: "
                          "lms.next was restored from an older copy; the key must not be used any more")
        return following

    def seen(self, folders):
        """The highest index of this key in the bundles of `folders`, -1 when there is none."""
        from .slotformat import SLOT_BLOCK_BYTES, block_signer, block_lms  # slotformat knows where it stands
        highest = -1
        for folder in folders:
            try:
                for path in sorted(p for p in pathlib.Path(folder).iterdir() if p.is_file()):
                    with open(path, "rb") as f:
                        block = f.read(SLOT_BLOCK_BYTES)
                    if block_signer(block) == self.identifier:
                        highest = max(highest, lms.index_of(block_lms(block)))
            except OSError as error:
                raise Refused(f"{error.filename}: {error.strerror}") from None
        return highest

    def sign(self, message, folders):
        """Signs under an index that is reserved first; returns the signature."""
        with open(self.folder / "lms.lock", "ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            q = self.state()
            seen = self.seen(folders)
            if seen >= q:
                raise Refused(f"{self.folder}: lms.next says {q}, but a bundle carries index {seen}: this folder was "
                              "restored from an older copy; the key must not be used any more")
            if q >= lms.LEAVES:
                raise Refused(f"{self.folder}: all {lms.LEAVES} indexes are used: make a new pair, and release a version "
                              "that trusts it, signed by a pair that has some left")
            self.reserve(q, message)
            signature = lms.sign(self.identifier, self.seed, self.node, q, os.urandom(lms.N), message)
        if not lms.verify(self.public, signature, message):
            raise Refused(f"{self.folder}: the signature made does not verify: lms.tree is damaged")
        return signature

    def reserve(self, q, message):
        replace(self.folder / "lms.next", f"{q + 1}\n".encode("ascii"), 0o644)
        add_line(self.folder / "lms.log", f"{q} {hashlib.sha256(message).hexdigest()}\n".encode("ascii"))
