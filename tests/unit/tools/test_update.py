"""The updater as a program: a bundle from the signing tool, call by call, on a disk made of files."""
import fcntl
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from firmware import BOARD, BUILD, PIECE, SALT, TOP, World, fields, run, sign


@pytest.fixture
def appliance(world):
    """Slot a runs and is healthy; the images of the next version lie ready."""
    world.lay(world.bundle("1.bundle"))
    world.start("a")
    world.update("bless")
    (world.folder / "root.img").write_bytes((world.folder / "root.img").read_bytes()[::-1])
    return world


def test_an_update_from_upload_to_bless(appliance):
    appliance.upload(appliance.bundle("2.bundle", version="2.0", rollback=2))
    assert appliance.status()["update.next"] == "4"
    assert fields(appliance.update("commit")) == {"committed": "b"}
    now = appliance.status()
    assert now["running"] == "a" and now["slot.b.tries"] == "3" and now["slot.b.blessed"] == "false"
    assert now["slot.b.version"] == "2.0" and "update.slot" not in now
    assert fields(appliance.update("check", "b"))["version"] == "2.0"
    assert fields(appliance.update("check", "a"))["version"] == "1.0"

    appliance.start("b")
    assert appliance.status()["healthy"] == "false"
    appliance.update("bless")
    now = appliance.status()
    assert (now["running"], now["healthy"], now["floor"]) == ("b", "true", "2")
    assert "older than this appliance may go back to" in appliance.status()["slot.a.error"] or \
        "below 2" in appliance.status()["slot.a.error"]
    told = appliance.update("head", data=(appliance.folder / "1.bundle").read_bytes()[:PIECE], ok=False)
    assert "version 1.0 is older than this appliance may go back to" in told


def test_a_torn_upload_goes_on(appliance):
    data = appliance.bundle("2.bundle", version="2.0").read_bytes()
    appliance.update("head", data=data[:PIECE])
    appliance.update("piece", 1, data=data[PIECE:2 * PIECE])
    # The client died inside piece 2, and so did the updater that waited for the rest of it.
    with subprocess.Popen([BUILD / "bin/certkeep-update", "--slots", appliance.disk, "--trust",
                           appliance.keys / "trust", "--board", BOARD, "piece", "2"], stdin=subprocess.PIPE) as torn:
        torn.stdin.write(data[2 * PIECE:2 * PIECE + 1000])
        torn.stdin.flush()
        torn.send_signal(signal.SIGKILL)
    assert "expected 1048576" in appliance.update("piece", 2, data=data[2 * PIECE:2 * PIECE + 1000], ok=False)
    assert fields(appliance.update("head", data=data[:PIECE])) == {"next": "2"}
    appliance.upload(appliance.folder / "2.bundle", first=2)
    appliance.update("commit")
    assert fields(appliance.update("check", "b"))["version"] == "2.0"


def test_the_updater_is_confined_while_it_reads_what_was_sent(appliance):
    appliance.bundle("2.bundle", version="2.0")
    with subprocess.Popen([BUILD / "bin/certkeep-update", "--slots", appliance.disk, "--trust",
                           appliance.keys / "trust", "--board", BOARD, "head"], stdin=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as p:
        end, told = time.monotonic() + 20, {}
        while told.get("Seccomp") != "2" and time.monotonic() < end:
            told = dict(line.split(":\t", 1) for line in Path(f"/proc/{p.pid}/status").read_text().splitlines())
        p.kill()
    assert (told["Seccomp"], told["Seccomp_filters"], told["NoNewPrivs"]) == ("2", "2", "1")


def test_an_update_waits_until_the_running_system_is_healthy(world):
    world.lay(world.bundle("1.bundle"))
    world.start("a")
    before = {p.name: p.read_bytes() for p in world.disk.iterdir()}
    told = world.update("head", data=(world.folder / "1.bundle").read_bytes()[:PIECE], ok=False)
    assert "has not proven healthy" in told
    assert {p.name: p.read_bytes() for p in world.disk.iterdir()} == before
    world.update("bless")
    world.update("head", data=(world.folder / "1.bundle").read_bytes()[:PIECE])


def test_a_bundle_of_a_stranger_or_another_board_is_refused(appliance, tmp_path):
    other = World(tmp_path, tmp_path / "others")
    sign("keygen", other.keys)
    told = appliance.update("head", data=other.bundle("3.bundle").read_bytes()[:PIECE], ok=False)
    assert "not trusted here" in told
    rack = appliance.bundle("rack.bundle", board="rack-x86_64").read_bytes()[:PIECE]
    assert "it is for the board rack-x86_64, this is vm-x86_64" in appliance.update("head", data=rack, ok=False)

    both = tmp_path / "both"
    sign("trust", both, appliance.keys, other.keys)
    appliance.update("head", data=(tmp_path / "3.bundle").read_bytes()[:PIECE], trust=both)


def test_one_step_at_a_time(appliance):
    with open(appliance.disk / "control", "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "another update step is running" in appliance.update("status", ok=False)
    appliance.update("status")


@pytest.mark.parametrize("args, says", [
    (["lost"], "usage"), (["head", "more"], "usage"), (["piece"], "usage"), (["piece", "0"], "piece"),
    (["piece", "513"], "piece"), (["piece", "+1"], "piece"), (["check", "c"], "expected a or b"),
    (["bless", "a"], "usage"),
])
def test_calls_are_judged(appliance, args, says):
    assert says in appliance.update(*args, ok=False)


def test_input_is_limited(appliance):
    assert "more than a piece" in appliance.update("head", data=bytes(PIECE + 1), ok=False)


def test_what_is_missing_is_named(appliance, tmp_path):
    assert "trusted keys: 5 bytes" in appliance.update("status", trust=_file(tmp_path / "t", b"short"), ok=False)
    (appliance.disk / "root-b").unlink()
    assert "root-b" in appliance.update("status", ok=False)


def _file(path, data):
    path.write_bytes(data)
    return path


def test_veritysetup_agrees_with_our_hash_trees(world):
    """The tree of the signing tool, which the updater's verifier accepts, against the kernel's own tool."""
    tree = fields(sign("tree", "--salt", SALT, world.folder / "root.img", world.folder / "tree.img"))
    data_bytes = int(tree["root_bytes"])
    made = (world.folder / "tree.img").read_bytes()
    assert len(made) == data_bytes + int(tree["tree_bytes"])
    common = ["--no-superblock", "--hash-offset", data_bytes, "--data-blocks", data_bytes // 4096, "--data-block-size",
              4096, "--hash-block-size", 4096, "--salt", SALT, "--hash", "sha256"]
    run("veritysetup", "verify", world.folder / "tree.img", world.folder / "tree.img", tree["root_hash"], *common)
    again = _file(world.folder / "again.img", made[:data_bytes])
    told = run("veritysetup", "format", again, again, *common)
    assert re.search(r"Root hash:\s+(\w+)", told).group(1) == tree["root_hash"]
    assert again.read_bytes() == made
    world.lay(world.bundle("1.bundle"))
    assert (world.disk / "root-a").read_bytes()[:len(made)] == made
    world.update("check", "a")


def test_the_program_is_static_and_has_mbedtls_alone():
    program = TOP / "build/dev/bin/certkeep-update"
    told = run("readelf", "-W", "-h", "-l", "-d", program)
    assert "DYN (Position-Independent Executable" in told and "GNU_RELRO" in told and "BIND_NOW" in told
    assert "NEEDED" not in told and "INTERP" not in told
    names = run("nm", program)
    assert "mbedtls_lms_verify" in names and "psa_verify_message" in names
    assert not re.search(r"\b(OPENSSL|EVP|CRYPTO)_\w+|\bOSSL_|event_base|json_loads|curl_", names)
