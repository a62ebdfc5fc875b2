"""The bytes of docs/formats/slot.md: manifest, slot block, hash tree, bundle, first control record."""
import hashlib
import re
import struct

from . import lms
from .files import Refused

BLOCK = 4096
PIECE = 1 << 20
PIECES_MAX = 512
SLOT_BLOCK_BYTES = 4096
CONTROL_BYTES = 1 << 20
MANIFEST_BYTES = 512
ECDSA_BYTES = 96
MAGIC = b"CKSLOT\0\1"
SIGNER_AT = 280
UPDATER_VERSION = 1
TRIES_NEW = 3


def text(field, value):
    if not re.fullmatch(r"[A-Za-z0-9.+~_-]{1,31}", value):
        raise Refused(f"{field}: {value!r}: expected 1 to 31 of A-Z a-z 0-9 . + ~ _ -")
    return value.encode("ascii").ljust(32, b"\0")


def padded(data, size=BLOCK):
    return data + bytes(-len(data) % size)


def verity_tree(data, salt):
    """Root hash and hash tree of dm-verity over `data`, a multiple of 4096 bytes."""
    levels, below = [], data
    while len(below) > BLOCK or not levels:
        hashes = [hashlib.sha256(salt + below[at:at + BLOCK]).digest() for at in range(0, len(below), BLOCK)]
        below = padded(b"".join(hashes))
        levels.append(below)
    return hashlib.sha256(salt + below).digest(), b"".join(reversed(levels))


def pieces(payload):
    return [payload[at:at + PIECE] for at in range(0, len(payload), PIECE)]


class Images:
    """Boot image and root of a slot; root is a multiple of 4096 bytes, without its tree."""

    def __init__(self, boot, root, salt):
        if len(root) % BLOCK or len(root) < 2 * BLOCK:
            raise Refused(f"root file system: {len(root)} bytes, expected a multiple of {BLOCK}, two blocks at least")
        if len(salt) != 32:
            raise Refused(f"salt: {len(salt)} bytes, expected 32")
        if not boot:
            raise Refused("boot image: it is empty")
        self.boot, self.root, self.salt = padded(boot), root, salt
        self.root_hash, self.tree = verity_tree(root, salt)
        self.payload = self.boot + self.root + self.tree
        self.pieces = pieces(self.payload)
        if len(self.pieces) > PIECES_MAX:
            raise Refused(f"{len(self.pieces)} MiB of images, at most {PIECES_MAX}")
        self.table = b"".join(hashlib.sha256(p).digest() for p in self.pieces)


def manifest(images, board, version, built, rollback, signer, product="certkeep", updater=UPDATER_VERSION):
    parts = [
        MAGIC, struct.pack(">II", updater, len(images.pieces)),
        text("product", product), text("board", board), text("version", version),
        struct.pack(">QQQ", built, rollback, len(images.boot)), hashlib.sha256(images.boot).digest(),
        struct.pack(">QQ", len(images.root), len(images.tree)), images.salt, images.root_hash,
        hashlib.sha256(images.table).digest(), signer,
    ]
    return b"".join(parts).ljust(MANIFEST_BYTES, b"\0")


def slot_block(signed, ecdsa, lms_signature):
    return (signed + ecdsa + lms_signature).ljust(SLOT_BLOCK_BYTES, b"\0")


def block_signer(block):
    """The key pair a slot block names, None when it is no slot block."""
    if len(block) < SLOT_BLOCK_BYTES or not block.startswith(MAGIC):
        return None
    return block[SIGNER_AT:SIGNER_AT + lms.ID_BYTES]


def block_lms(block):
    return block[MANIFEST_BYTES + ECDSA_BYTES:][:lms.SIGNATURE_BYTES]


def bundle(block, images):
    return (block + images.table).ljust(PIECE, b"\0") + images.payload


def record(magic, fields):
    """A record with sequence number 1 and its checksum."""
    body = (magic + struct.pack(">Q", 1) + fields).ljust(480, b"\0")
    return body + hashlib.sha256(body).digest()


def first_control():
    """The control partition of a new disk: slot a was just committed, slot b is empty."""
    slot_a = struct.pack(">QBBB", 1, TRIES_NEW, 0, 0).ljust(32, b"\0")
    fields = struct.pack(">QBB6x", 0, 255, 255) + slot_a
    return record(b"CKBOOT\0\1", fields).ljust(CONTROL_BYTES, b"\0")
