"""Rescue: no slot may run, a page takes a signed bundle and nothing else, and the machine starts what it brought."""
import hashlib
import http.client
import re
import ssl
import struct
import subprocess

import vm
from machine import Machine, as_qcow2, partitions, raw_copy

PIECE, SALT_AT, LMS_AT = 1 << 20, 184, 608 + 700
UNHEALTHY = 7  # docs/formats/slot.md, why


def spend_all_tries(disk, floor):
    """A control record as three starts that never got healthy leave it; slot b was never installed."""
    slots = struct.pack(">QBBB21x", 1, 0, 0, UNHEALTHY) + bytes(32)
    record = b"CKBOOT\0\1" + struct.pack(">QQBB6x", 9, floor, 0, 255) + slots + bytes(384)
    record += hashlib.sha256(record).digest()
    at, _ = partitions(disk)["control"]
    with open(disk, "r+b") as f:
        f.seek(at)
        f.write(record)


def sign(out, board, rollback, boot, root, salt):
    keys = vm.config("FIRMWARE_KEYS") or vm.WORK / "test-keys/firmware"
    subprocess.run([vm.TOP / "tools/firmware-sign", "bundle", "--keys", keys, "--board", board, "--version", "9.9",
                    "--built", "1800000000", "--rollback", str(rollback), "--boot", boot, "--root", root, "--salt", salt,
                    "--out", out], check=True, stdout=subprocess.DEVNULL)
    return out.read_bytes()


def bundles(folder):
    """-> (what installs, what must be refused: words of the refusal -> bytes)."""
    again = folder / "again.bundle"
    subprocess.run([vm.TOP / "board/common/mkimage.sh", "again", again], check=True, stdout=subprocess.DEVNULL)
    salt = again.read_bytes()[SALT_AT:SALT_AT + 32].hex()
    boot, root, board = vm.WORK / "again/boot", vm.WORK / "again/root", vm.config("BOARD")
    good = sign(folder / "good.bundle", board, 1, boot, root, salt)
    small = folder / "small"
    small.write_bytes(bytes(8192))
    one = bytearray(good)
    one[LMS_AT] ^= 1
    changed = bytearray(good)
    changed[2 * PIECE + 5] ^= 1
    return good, {
        "LMS signature": bytes(one),
        "older than this appliance may go back to": sign(folder / "old.bundle", board, 0, small, small, salt),
        "is for the board other": sign(folder / "other.bundle", "other", 1, small, small, salt),
        "piece 2: its hash": bytes(changed),
        "expected 1048576": good[:2 * PIECE + PIECE // 2],
        "not complete: piece 3 comes next": good[:3 * PIECE],
        "no bundle was chosen": b"",
    }


def ask(m, method, path, body=None, accept="*/*"):
    conn = http.client.HTTPSConnection("127.0.0.1", m.port, timeout=300, context=ssl._create_unverified_context())
    try:
        conn.request(method, path, body=body, headers={"Accept": accept})
        seen = hashlib.sha256(conn.sock.getpeercert(True)).hexdigest()
        answer = conn.getresponse()
        return answer.status, answer.read().decode(), seen
    finally:
        conn.close()


def test_rescue_refuses_all_but_a_right_bundle_and_starts_it(tmp_path, figure):
    disk = raw_copy(tmp_path)
    spend_all_tries(disk, floor=1)
    good, refused = bundles(tmp_path)
    with Machine(tmp_path, uefi=True, disk=as_qcow2(disk)) as m:
        m.wait_line(r"stage-0: slot a: it was started and did not prove healthy, 0 tries left")
        _, shown = m.wait_line(r"rescue: certificate SHA-256 fingerprint: ([0-9a-f]{64})")
        when, _ = m.wait_line(rf"rescue: https://{re.escape(vm.guest_address())}/")
        figure("UEFI and Secure Boot: power-on to an address in rescue", f"{when:.1f} s")
        status, page, seen = ask(m, "GET", "/", accept="text/html")
        assert status == 200 and seen == shown[1]
        assert "did not prove healthy" in page and "<form" in page and "<script" not in page
        for words, data in refused.items():
            status, told, _ = ask(m, "PUT", "/bundle", data)
            assert 400 <= status < 500 and words in told, (words, status, told)
        for path in ("/api/v1/state", "/bundle.old", "/proc/1/environ"):
            assert ask(m, "GET", path)[0] == 404
        status, told, _ = ask(m, "PUT", "/bundle", good)
        assert status == 200 and "in slot b" in told, told
        assert m.wait_end(60) == 0, "the machine restarts"
        m.stop()
        m.start()
        assert m.wait_end(180) == 0, "stage-0 of slot a sends the machine to the boot partition of slot b"
        m.stop()
        m.start()
        m.wait_line(r"stage-0: slot b, version 9\.9")
        m.wait_https()
