"""LMS against another implementation: hsslms (PyPI), which must be of the Python that runs this. Our
signatures must hold for it and its own for us. Ends with "N passed, N failed".
"""
import os
import pathlib
import sys

import hsslms

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))
from sign import lms  # noqa: E402  tools is not a package of the interpreter that has hsslms

SIGNATURES = 20


def holds_there(public, signature, message):
    try:
        hsslms.LMS_Pub(public).verify(message, signature)
        return True
    except hsslms.INVALID:
        return False


def ours_hold_there():
    identifier, seed = os.urandom(16), os.urandom(32)
    # As in the C tests: only the leaves that sign are one-time keys.
    leaves = [lms.leaf(identifier, seed, q) for q in range(SIGNATURES)]
    node = lms.tree(identifier, leaves + [os.urandom(32) for _ in range(lms.LEAVES - SIGNATURES)])
    public = lms.public(identifier, node[1])
    for q in range(SIGNATURES):
        message = os.urandom(512)
        signature = lms.sign(identifier, seed, node, q, os.urandom(32), message)
        assert holds_there(public, signature, message)
        assert not holds_there(public, signature, message[::-1])


def theirs_hold_here():
    key = hsslms.LMS_Priv(hsslms.LMS_ALGORITHM_TYPE.LMS_SHA256_M32_H10,
                          hsslms.LMOTS_ALGORITHM_TYPE.LMOTS_SHA256_N32_W8)
    public = key.gen_pub().get_pubkey()
    for q in range(SIGNATURES):
        message = os.urandom(512)
        signature = key.sign(message)
        assert lms.index_of(signature) == q
        assert lms.verify(public, signature, message)
        assert not lms.verify(public, signature, message[::-1])


def main():
    passed = failed = 0
    for test in (ours_hold_there, theirs_hold_here):
        try:
            test()
            passed += 1
        except AssertionError as error:
            failed += 1
            print(f"not ok {test.__name__}: line {error.__traceback__.tb_next.tb_lineno}")
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
