"""docs/howto/api.md is run as it stands: its shell blocks as one script, its JSON blocks as the files they
name (with the setup code, names and password of this run), against an appliance at its first start."""
import json
import os
import re
import subprocess

import pytest
from conftest import TOP, new_appliance

HOWTO = TOP / "docs/howto/api.md"
PASSWORD = "the howto's own password"


@pytest.fixture(scope="module")
def appliance(tmp_path_factory):
    with new_appliance(tmp_path_factory) as a:
        yield a


def blocks():
    """(language and file name, text) of each fenced block."""
    return re.findall(r"^```([^\n]+)\n(.*?)^```$", HOWTO.read_text(), re.M | re.S)


def write_files(folder, appliance, machine):
    here = {"setup.json": {"setup_code": appliance.setup_code, "password": PASSWORD, "names": ["localhost", appliance.address]},
            "server.json": {"address": machine.address, "password": machine.password}}
    for kind, text in blocks():
        if kind.startswith("json "):
            name = kind.split()[1]
            (folder / name).write_text(json.dumps(json.loads(text) | here.pop(name)))
            (folder / name).chmod(0o600)
    assert here == {}, "the page names no such file any more"


def test_every_block_is_run():
    assert {kind.split()[0] for kind, _ in blocks()} == {"sh", "json"}
    assert len([1 for kind, _ in blocks() if kind == "sh"]) >= 10


def test_howto_does_the_main_job(appliance, machine, tmp_path):
    old = machine.served()
    write_files(tmp_path, appliance, machine)
    script = "set -eu\n" + "\n".join(text for kind, text in blocks() if kind == "sh")
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8", "PIN": appliance.boot_pin,
           "URL": f"https://{appliance.address}:{appliance.port}", "STATE": str(appliance.state),
           "HOST_KEY": machine.host_keys()[0].split()[1]}
    r = subprocess.run(["sh", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=240)
    assert r.returncode == 0, r.stdout + r.stderr
    for words in ("Unprovisioned", "alice", "Active", "replace /etc/nginx/tls/shop.key", "state     Done", "Rolled Back", "deployed"):
        assert words in r.stdout, (words, r.stdout + r.stderr)
    assert machine.served() == old
    for secret in (PASSWORD, machine.password, appliance.setup_code):
        assert secret not in script and secret not in r.stdout + r.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["audit.jsonl", "audit.pem", "boot.pem", "root.pem"]
    program = appliance.build / "bin/certkeep"
    said = subprocess.run([program, "audit", "verify", "audit.jsonl", "--key", "audit.pem"], cwd=tmp_path, env=env,
                          capture_output=True, text=True)
    assert said.returncode == 0 and said.stdout.startswith("Good"), said.stderr


def test_a_wrong_pin_ends_the_howto_at_once(appliance, tmp_path):
    first = next(text for kind, text in blocks() if kind == "sh")
    env = {**os.environ, "URL": f"https://{appliance.address}:{appliance.port}", "PIN": "00" * 32}
    r = subprocess.run(["sh", "-euc", first], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60)
    assert r.returncode == 1 and "another certificate" in r.stderr and "state" not in r.stdout
