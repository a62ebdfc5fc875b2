"""After a full run no secret is anywhere it does not belong: state, logs, command lines, environments, the
memory of processes without business with it. The searcher is searched itself first."""
import base64
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import main_job
import pytest
from conftest import configure_site, current
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from custody import KEY_SHAPES, Search, spellings

from host import PASSWORD

SUDO_PASSWORD = "sudo-marker-8Qd2vWz1"
LONG = ("parent", "key", "core", "web", "ca")


@pytest.mark.parametrize("how", list(spellings("a marker of the self-check")))
def test_searcher_finds_what_is_planted(tmp_path, how):
    marker = b"a marker of the self-check"
    planted = {"raw": marker, "hex": marker.hex().encode(), "HEX": marker.hex().upper().encode(),
               "utf-16le": marker.decode().encode("utf-16-le"), "utf-16be": marker.decode().encode("utf-16-be")}
    for i in range(3):  # inside of something longer, at each alignment
        planted[f"base64+{i}"] = base64.b64encode(b"x" * (i + 3) + marker + b"yy")
        planted[f"base64url+{i}"] = base64.urlsafe_b64encode(b"x" * (i + 3) + marker + b"yy")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/file").write_bytes(os.urandom(70000) + planted[how] + os.urandom(500))
    found = Search({"planted": marker}).tree(tmp_path)
    assert any(f"({how})" in f for f in found), found
    assert Search({"another": b"not there at all"}).tree(tmp_path) == []


def test_searcher_finds_command_lines_environments_and_memory():
    marker = "planted-" + os.urandom(8).hex()
    search = Search({"planted": marker})
    for argv, env in ((["sleep", "60"], {"X": marker}), (["sh", "-c", f"sleep 60; : {marker}"], {})):
        p = subprocess.Popen(argv, env={"PATH": os.environ["PATH"], **env})
        try:
            time.sleep(0.1)
            assert any(f"/{p.pid}/" in f for f in search.processes())
            assert search.memory(p.pid)
        finally:
            p.kill()
            p.wait()


@pytest.fixture(scope="module")
def story(appliance, machine, server):
    """The main job with every kind of secret in play: {name: value}."""
    machine.run("chpasswd", text=f"deploypw:{SUDO_PASSWORD}\n")
    keyed = main_job.add_server(appliance, machine, account="deploypw", sudo="sudo with password", login="key",
                                ssh_key=machine.client_key, sudo_password=SUDO_PASSWORD, description="by key")
    assert keyed["state"] == "Active"
    code = appliance.post("/sign-in-codes", {"user": "admin", "minutes": 5})["code"]
    unused = appliance.post("/sign-in-codes", {"user": "admin", "minutes": 5})["code"]
    status, headers, data = appliance.request("POST", "/session", {"code": code}, token=False)
    assert status == 201
    cookie, csrf = headers["Set-Cookie"].split(";")[0].split("=", 1)[1], json.loads(data)["csrf"]
    status, _, data = appliance.request("POST", "/tokens", {"label": "once"}, token=False, headers={
        "Cookie": headers["Set-Cookie"].split(";")[0], "X-CSRF-Token": csrf, "Idempotency-Key": "custody-1"})
    assert status == 201
    cert = configure_site(appliance, server, "shop.example")
    main_job.issue_and_deploy(appliance, cert["id"])
    appliance.work("POST", f"/servers/{keyed['id']}/test")
    appliance.post("/lock")
    appliance.unlock()
    rsa = configure_site(appliance, server, "other.example", key_alg="rsa-2048")
    main_job.issue_and_deploy(appliance, rsa["id"])
    key = load_pem_private_key(machine.read("/etc/nginx/tls/shop.key").encode(), None)
    rsa = load_pem_private_key(machine.read("/etc/nginx/tls/other.key").encode(), None).private_numbers()
    lines = machine.client_key.splitlines()
    return {
        "server password": PASSWORD, "sudo password": SUDO_PASSWORD, "SSH key": base64.b64decode("".join(lines[1:-1]))[-80:],
        "administrator's password": appliance.credentials["password"], "passphrase": appliance.credentials["passphrase"],
        "API token": appliance.token, "second token": json.loads(data)["token"], "session": cookie, "code": unused,
        "used code": code, "setup code": appliance.setup_code,
        "deployed key": key.private_numbers().private_value.to_bytes(32, "big"),
        "prime of the deployed RSA key": rsa.p.to_bytes(128, "big"),
        "exponent of the deployed RSA key": rsa.d.to_bytes(256, "big"),
    }


def test_key_was_really_deployed_from_the_appliance(appliance, machine, server, story):
    cert = current(appliance, server, "shop.example")
    assert cert["status"] == "Deployed" and machine.served() == cert["fingerprint"] and len(story["deployed key"]) == 32
    assert story["deployed key"].strip(b"\0")


def test_no_secret_in_state_and_logs(appliance, story):
    search = Search(story)
    found = search.tree(appliance.state) + search.bytes("log", appliance.log_path.read_bytes())
    console = "\n".join(x for x in appliance.console if "setup code" not in x)
    found += search.bytes("console", console.encode())
    for job in appliance.get("/jobs", limit=200)["items"]:
        found += search.bytes(f"report of {job['id']}", appliance.request("GET", f"/jobs/{job['id']}/report")[2])
    found += search.bytes("audit", appliance.call("GET", "/audit/export"))
    assert found == [] and search.places > 20
    names = {p.name for p in appliance.state.rglob("*")}
    assert {"core", "key", "public", "run", "softhsm2.conf"} <= names, "the state folder was not searched whole"


def test_no_private_key_in_state_and_logs(appliance, story):
    found = [f"{at}: {what}" for at in [appliance.log_path, *appliance.state.rglob("*")] if at.is_file()
             for what, shape in KEY_SHAPES.items() if shape in at.read_bytes()]
    assert found == []


def test_no_secret_on_command_lines_and_in_environments(story):
    search = Search(story)
    assert search.processes() == [] and search.places > 10


def test_deployed_key_is_left_in_no_memory(appliance, story):
    """Core, web, ca and parent never have it; key had it, for the moment of its export."""
    search = Search({name: value for name, value in story.items() if "deployed" in name})
    found = []
    for name in LONG:
        found += search.memory(appliance.process.pid if name == "parent" else appliance.pid(name))
    assert found == []


def as_user(uid, path):
    code = f"import os; os.setgroups([]); os.setgid({uid}); os.setuid({uid}); open({path!r}, 'rb').read(1)"
    return subprocess.run(["python3", "-c", code], capture_output=True, text=True)


def test_memory_of_processes_is_closed_to_other_users(appliance):
    for name in LONG[1:]:
        pid = appliance.pid(name)
        uid = int([x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("Uid:")][0].split()[1])
        assert uid >= 61000, f"{name} runs as {uid}"
        assert os.stat(f"/proc/{pid}/mem").st_uid == 0, f"{name} is dumpable"
        for other in (uid, 61003, 65534):  # not even its own user
            for what in ("mem", "environ"):
                got = as_user(other, f"/proc/{pid}/{what}")
                assert got.returncode and "PermissionError" in got.stderr, (name, other, what)


def test_crash_leaves_no_core_file(appliance):
    for name in ("ca", "web"):
        pid = appliance.pid(name)
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert [x.split()[-3:-1] for x in limits.splitlines() if x.startswith("Max core file size")] == [["0", "0"]]
        cwd = os.readlink(f"/proc/{pid}/cwd")
        os.kill(pid, signal.SIGABRT)  # dumps core by default, and no sanitizer catches it
        end = time.monotonic() + 20
        while True:
            try:
                if appliance.pid(name) != pid:
                    break
            except OSError:
                pass
            assert time.monotonic() < end, f"{name} was not restarted"
            time.sleep(0.05)
        assert [p for d in (cwd, appliance.state, appliance.folder) for p in Path(d).glob("core*") if p.is_file()] == []
    appliance.wait_state("Operational")
