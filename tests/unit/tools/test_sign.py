"""The signing tool: LMS by RFC 8554, and no index of the LMS key is ever used twice."""
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from firmware import TOP, copy_keys, fields, run, sign
from sign import files, lms, lmskey


def test_lms_gives_the_signature_of_rfc_8554(monkeypatch):
    """Appendix F, test case 2, the lower tree: LMS_SHA256_M32_H5 with W8."""
    monkeypatch.setattr(lms, "HEIGHT", 5)
    monkeypatch.setattr(lms, "LEAVES", 32)
    monkeypatch.setattr(lms, "LMS_TYPE", (5).to_bytes(4, "big"))
    monkeypatch.setattr(lms, "SIGNATURE_BYTES", 1292)
    identifier = bytes.fromhex("215f83b7ccb9acbcd08db97b0d04dc2b")
    seed = bytes.fromhex("a1c4696e2608035a886100d05cd99945eb3370731884a8235e2fb3d4d71f2547")
    randomizer = bytes.fromhex("0eb1ed54a2460d512388cad533138d240534e97b1e82d33bd927d201dfc24ebb")
    message = (b"The enumeration in the Constitution, of certain rights, shall not be construed to deny or "
               b"disparage others retained by the people.\n")
    node = lms.tree(identifier, [lms.leaf(identifier, seed, q) for q in range(32)])
    assert node[1].hex() == "a1cd035833e0e90059603f26e07ad2aad152338e7a5e5984bcd5f7bb4eba40b7"
    signature = lms.sign(identifier, seed, node, 4, randomizer, message)
    assert len(signature) == 1292
    assert signature[:8].hex() == "0000000400000004" and signature[8:40] == randomizer
    assert signature[40:72].hex() == "11b3649023696f85150b189e50c00e98850ac343a77b3638319c347d7310269d"
    assert signature[1096:1128].hex() == "97ec8075e82b393d542075134e2a17ee70a5e187075d03ae3c853cff60729ba4"
    assert signature[1128:1164].hex() == "000000054de1f6965bdabc676c5a4dc7c35f97f82cb0e31c68d04f1dad96314ff09e6b3d"
    assert signature[-32:].hex() == "e4041d95398a6f7f3e0ee97cc1591849d4ed236338b147abde9f51ef9fd4e1c1"
    assert lms.verify(lms.public(identifier, node[1]), signature, message)
    assert not lms.verify(lms.public(identifier, node[1]), signature, message + b" ")


def test_signatures_hold_for_the_c_verifier(world):
    world.lay(world.bundle("1.bundle"))
    assert fields(world.update("check", "a"))["version"] == "1.0"
    assert "slot b: manifest" in world.update("check", "b", ok=False)


def test_ecdsa_signature_is_over_the_manifest(world, keys):
    """Judged by a third implementation, from the trust file."""
    block = world.bundle("1.bundle").read_bytes()[:4096]
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), (keys / "trust").read_bytes()[:97])
    r, s = (int.from_bytes(block[at:at + 48], "big") for at in (512, 560))
    key.verify(utils.encode_dss_signature(r, s), block[:512], ec.ECDSA(hashes.SHA384()))


def index_of(bundle):
    return lms.index_of(bundle.read_bytes()[608:612])


def test_each_bundle_takes_the_next_index(world, keys):
    assert [index_of(world.bundle(f"{i}.bundle")) for i in range(3)] == [0, 1, 2]
    assert (keys / "lms.next").read_text() == "3\n"
    assert [line.split()[0] for line in (keys / "lms.log").read_text().splitlines()] == ["0", "1", "2"]


# Signs once with the key in argv[1] and keeps the signature in argv[2]; is killed at the system call
# of the tool that argv[3] counts, before it is made.
CRASH = """
import os, pathlib, signal, sys
sys.path.insert(0, sys.argv[4])
from sign import files, lms, lmskey
left = int(sys.argv[3])
def counted(name):
    real = getattr(os, name)
    def call(*args, **kw):
        global left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return real(*args, **kw)
    setattr(os, name, call)
key = lmskey.LmsKey(sys.argv[1])
for name in ("open", "write", "fsync", "rename", "close", "urandom"):
    counted(name)
signature = key.sign(sys.argv[3].encode(), [])
pathlib.Path(sys.argv[2]).write_bytes(signature)
"""


def test_a_crash_anywhere_never_uses_an_index_twice(keys, tmp_path):
    used = []
    for n in range(40):
        out = tmp_path / f"signature-{n}"
        done = subprocess.run([sys.executable, "-c", CRASH, keys, out, str(n), TOP / "tools"], check=False)
        if out.exists():
            used.append(lms.index_of(out.read_bytes()))
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
        # The next signature after the crash, made by somebody who knows nothing of it.
        used.append(lms.index_of(lmskey.LmsKey(keys).sign(b"next", [])))
    assert done.returncode == 0 and n >= 12, "the tool was killed at each of its calls"
    assert used == sorted(set(used)), "no index twice, and never backwards"


def test_the_index_is_on_the_disk_before_it_is_used(keys, monkeypatch):
    done = []
    for name in ("fsync", "rename"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, real=real, name=name: (done.append(name), real(*a))[1])
    real_sign = lms.sign

    def signing(*args):
        done.append("sign")
        assert (keys / "lms.next").read_text() == "1\n"
        assert (keys / "lms.log").read_text().startswith("0 ")
        return real_sign(*args)

    monkeypatch.setattr(lms, "sign", signing)
    lmskey.LmsKey(keys).sign(b"message", [])
    # the new file, its name, the folder, the log
    assert done == ["fsync", "rename", "fsync", "fsync", "sign"]


def test_signers_side_by_side_take_different_indexes(keys):
    with ThreadPoolExecutor(8) as pool:
        signatures = list(pool.map(lambda i: lmskey.LmsKey(keys).sign(str(i).encode(), []), range(8)))
    assert sorted(lms.index_of(s) for s in signatures) == list(range(8))


def test_an_older_state_file_is_refused(world, keys):
    world.bundle("1.bundle")
    shutil.copy(keys / "lms.next", keys / "old")
    world.bundle("2.bundle")
    shutil.copy(keys / "old", keys / "lms.next")
    assert "lms.next was restored from an older copy" in world.bundle("3.bundle", ok=False)
    assert not (world.folder / "3.bundle").exists()


def test_an_older_folder_is_refused_by_the_bundles_it_signed(world, keys, tmp_path):
    old = copy_keys(keys, tmp_path / "old")
    world.bundle("1.bundle")
    assert "a bundle carries index 0" in world.bundle("2.bundle", keys=old, ok=False)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (world.folder / "1.bundle").rename(elsewhere / "1.bundle")
    assert "a bundle carries index 0" in world.bundle("2.bundle", "--seen", elsewhere, keys=old, ok=False)
    assert index_of(world.bundle("2.bundle", "--seen", elsewhere)) == 1


@pytest.mark.parametrize("name, content, says", [
    ("lms.next", b"x\n", "lms.next or lms.log is damaged"),
    ("lms.log", b"one two\n", "lms.next or lms.log is damaged"),
    ("lms.next", b"1024\n", "all 1024 indexes are used"),
    ("lms.key", b"short", "lms.key or lms.tree is damaged"),
    ("trust", bytes(153), "not those of its trust file"),
])
def test_what_is_damaged_is_refused(world, keys, name, content, says):
    (keys / name).write_bytes(content)
    assert says in world.bundle("1.bundle", ok=False)


def test_a_damaged_tree_gives_no_signature(keys):
    tree = bytearray((keys / "lms.tree").read_bytes())
    tree[-1] ^= 1  # the last leaf: in the path of index 1022
    (keys / "lms.tree").write_bytes(tree)
    (keys / "lms.next").write_text("1022\n")
    with pytest.raises(files.Refused, match="does not verify"):
        lmskey.LmsKey(keys).sign(b"message", [])


def test_nothing_is_written_over(world, keys):
    world.bundle("1.bundle")
    assert "is there already" in world.bundle("1.bundle", ok=False)
    assert (keys / "lms.next").read_text() == "1\n"
    assert "is there already" in sign("keygen", keys, ok=False)


def test_the_private_halves_are_for_their_owner_only(keys):
    assert {(keys / n).stat().st_mode & 0o777 for n in ("lms.key", "ecdsa.pem")} == {0o600}


@pytest.mark.parametrize("option, value, says", [
    ("--salt", "12", "expected 32"), ("--salt", "xyz", "64 hexadecimal digits"),
    ("--version", "1 0", "version"), ("--board", "", "board"),
])
def test_options_are_judged_before_an_index_is_used(world, keys, option, value, says):
    assert says in world.bundle("1.bundle", option, value, ok=False)
    assert (keys / "lms.next").read_text() == "0\n"


def test_a_folder_that_is_not_there_costs_no_index(world, keys, tmp_path):
    assert "lost: No such file" in world.bundle("1.bundle", "--seen", tmp_path / "lost", ok=False)
    assert "lost: No such file" in world.bundle("lost/1.bundle", ok=False)
    assert (keys / "lms.next").read_text() == "0\n"


def test_lay_judges_its_bundle(world):
    bundle = world.bundle("1.bundle")
    parts = ["--boot-bytes", 1 << 20, "--root-bytes"]
    assert "do not fit" in sign("lay", bundle, world.disk, *parts, 2 << 20, ok=False)
    bundle.write_bytes(bundle.read_bytes()[:-1])
    assert "it is cut" in sign("lay", bundle, world.disk, *parts, 4 << 20, ok=False)
    assert "is not a bundle" in sign("lay", world.folder / "boot.img", world.disk, *parts, 4 << 20, ok=False)
    assert not world.disk.exists()


@pytest.fixture
def token(tmp_path):
    """A SoftHSM token with one P-384 key."""
    (tmp_path / "tokens").mkdir()
    conf = tmp_path / "softhsm2.conf"
    conf.write_text(f"directories.tokendir = {tmp_path}/tokens\nlog.level = ERROR\n")
    pin = tmp_path / "pin"
    pin.write_text("correct-horse\n")
    env = {"SOFTHSM2_CONF": str(conf)}
    module = "/usr/lib/softhsm/libsofthsm2.so"
    run("softhsm2-util", "--init-token", "--free", "--label", "release", "--so-pin", "battery-staple",
        "--pin", "correct-horse", env=env)
    run("pkcs11-tool", "--module", module, "--token-label", "release", "--login", "--pin", "correct-horse",
        "--keypairgen", "--key-type", "EC:secp384r1", "--label", "firmware", "--id", "01", "--usage-sign", env=env)
    return env, f"pkcs11:token=release;object=firmware?module-path={module}&pin-source=file:{pin}", pin


def test_the_ecdsa_key_may_live_in_a_token(world, token, tmp_path):
    env, uri, pin = token
    folder = tmp_path / "hsm"
    sign("keygen", folder, "--ecdsa", uri, env=env)
    assert not (folder / "ecdsa.pem").exists()
    world.keys = folder
    world.lay(world.bundle("1.bundle", env=env))
    assert fields(world.update("check", "a"))["version"] == "1.0"

    pin.write_text("wrong-horse\n")
    told = world.bundle("2.bundle", ok=False, env=env)
    assert "PIN" in told and "wrong-horse" not in told
    assert (folder / "lms.next").read_text() == "1\n", "a token that fails costs no index"


@pytest.mark.parametrize("uri, says", [
    ("pkcs11:token=release?module-path=/usr/lib/softhsm/libsofthsm2.so", "pin-source"),
    ("pkcs11:token=release;object=lost?{rest}", "public key"),
    ("pkcs11:token=lost;object=firmware?{rest}", "token"),
])
def test_a_key_that_is_not_in_the_token_makes_no_pair(token, tmp_path, uri, says):
    env, good, _ = token
    told = sign("keygen", tmp_path / "hsm", "--ecdsa", uri.format(rest=good.split("?")[1]), ok=False, env=env)
    assert says in told
    assert not (tmp_path / "hsm/lms.key").exists()
