"""LMS signatures (RFC 8554): LMS_SHA256_M32_H10 with LMOTS_SHA256_N32_W8, the one set mbedTLS verifies.

Numbers in comments are sections of the RFC. Nothing here keeps state: lmskey.py decides which index
may be used, and never gives one twice.
"""
import hashlib

LMS_TYPE = (6).to_bytes(4, "big")
OTS_TYPE = (4).to_bytes(4, "big")
HEIGHT = 10
LEAVES = 1 << HEIGHT
N = 32
CHAINS = 34
STEPS = 255
ID_BYTES = 16
PUBLIC_BYTES = 4 + 4 + ID_BYTES + N
SIGNATURE_BYTES = 4 + 4 + N + CHAINS * N + 4 + HEIGHT * N

D_PBLC, D_MESG, D_LEAF, D_INTR = b"\x80\x80", b"\x81\x81", b"\x82\x82", b"\x83\x83"


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def u32(n):
    return n.to_bytes(4, "big")


def chain(prefix, i, first, last, value):
    """Steps first to last - 1 of chain i (4.3, 4.5)."""
    head = prefix + i.to_bytes(2, "big")
    for j in range(first, last):
        value = hashlib.sha256(head + bytes((j,)) + value).digest()
    return value


def secret(identifier, seed, q, i):
    """The start of chain i of leaf q (appendix A)."""
    return sha256(identifier, u32(q), i.to_bytes(2, "big"), b"\xff", seed)


def leaf(identifier, seed, q):
    prefix = identifier + u32(q)
    ends = [chain(prefix, i, 0, STEPS, secret(identifier, seed, q, i)) for i in range(CHAINS)]
    return sha256(identifier, u32(LEAVES + q), D_LEAF, sha256(prefix, D_PBLC, *ends))


def tree(identifier, leaves):
    """All nodes by number: node[1] is the root (5.3)."""
    node = [b""] * LEAVES + list(leaves)
    for r in range(LEAVES - 1, 0, -1):
        node[r] = sha256(identifier, u32(r), D_INTR, node[2 * r], node[2 * r + 1])
    return node


def public(identifier, root):
    return LMS_TYPE + OTS_TYPE + identifier + root


def digits(q_hash):
    """The 34 digits that are signed: 32 of the hash and 2 of its checksum (4.4)."""
    return q_hash + sum(STEPS - b for b in q_hash).to_bytes(2, "big")


def sign(identifier, seed, node, q, randomizer, message):
    prefix = identifier + u32(q)
    q_hash = sha256(prefix, D_MESG, randomizer, message)
    chains = [chain(prefix, i, 0, d, secret(identifier, seed, q, i)) for i, d in enumerate(digits(q_hash))]
    path = [node[((LEAVES + q) >> level) ^ 1] for level in range(HEIGHT)]
    return b"".join((u32(q), OTS_TYPE, randomizer, *chains, LMS_TYPE, *path))


def index_of(signature):
    return int.from_bytes(signature[:4], "big")


def verify(key, signature, message):
    """True when it holds (5.4.2)."""
    if len(key) != PUBLIC_BYTES or len(signature) != SIGNATURE_BYTES or key[:8] != LMS_TYPE + OTS_TYPE:
        return False
    identifier, root = key[8:24], key[24:]
    q, at = index_of(signature), 8 + N
    if q >= LEAVES or signature[4:8] != OTS_TYPE or signature[at + CHAINS * N:][:4] != LMS_TYPE:
        return False
    prefix = identifier + u32(q)
    q_hash = sha256(prefix, D_MESG, signature[8:at], message)
    ends = [chain(prefix, i, d, STEPS, signature[at + i * N:][:N]) for i, d in enumerate(digits(q_hash))]
    at += CHAINS * N + 4
    r = LEAVES + q
    value = sha256(identifier, u32(r), D_LEAF, sha256(prefix, D_PBLC, *ends))
    while r > 1:
        other, at = signature[at:at + N], at + N
        pair = (other, value) if r & 1 else (value, other)
        r >>= 1
        value = sha256(identifier, u32(r), D_INTR, *pair)
    return value == root
