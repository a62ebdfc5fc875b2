"""The machine below the service: sys, what it knows of the slots, what it has parent do."""
import json
import os
import signal
import time

import pytest

from conftest import new_appliance
from ctl_tool import Tool
from machine_world import Machine, box, machine


def test_facts_of_an_appliance_image(box):
    got = box.get("/system")
    assert got["appliance"] is True and got["board"] == "vm-x86_64" and got["uptime_s"] > 0
    a, b = got["slots"]
    assert (a["name"], a["running"], a["version"], a["complete"]) == ("a", True, "1.0", True)
    assert (b["name"], b["running"], b["version"], b["complete"]) == ("b", False, None, False)


def wait_for(what, seconds=60):
    end = time.monotonic() + seconds
    while not (got := what()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)
    return got


def test_a_version_that_works_is_blessed(box, machine):
    """After set-up: the token signs, the chain is whole, HTTPS answers."""
    slot = wait_for(lambda: (s := box.get("/system")["slots"][0])["healthy"] and s)
    assert slot["blessed"] and slot["tries"] == 7
    audit = [r["action"] for r in box.get("/audit", limit=100)["items"]]
    assert audit.count("system.blessed") == 1 and audit.count("system.started") == 1
    assert box.get("/system")["last_start"] == "version 1.0 runs from slot a"


def test_sys_owns_the_slots_and_nothing_else(box, machine):
    pid = box.pid("sys")
    status = dict(line.split(":\t", 1) for line in open(f"/proc/{pid}/status").read().splitlines() if ":\t" in line)
    assert status["Uid"].split()[0] == "61006" and int(status["CapEff"], 16) == 0 and status["Seccomp"] == "2"
    for name in ("control", "boot-a", "boot-b", "root-a", "root-b"):
        assert (machine.disk / name).stat().st_uid == 61006, name


def test_sys_is_started_again(box):
    first = box.pid("sys")
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: (box.state / "run/sys.pid").exists() and box.pid("sys") != first)
    assert box.get("/system")["slots"][0]["running"] is True


@pytest.fixture(scope="module")
def tool(box, tmp_path_factory):
    """The console tool, signed in."""
    t = Tool(tmp_path_factory.mktemp("tool"), None)
    t("--url", f"https://localhost:{box.port}", "--ca", str(box.state / "public/root.pem"), "login", "--stdin",
      stdin=json.dumps({k: box.credentials[k] for k in ("username", "password")}))
    return t


def test_the_console_tool_shows_the_machine(tool):
    assert json.loads(tool("--json", "system", "show"))["board"] == "vm-x86_64"
    told = tool("system", "show")
    assert "vm-x86_64" in told and "1.0" in told, told


def test_a_version_that_does_not_answer_costs_a_start(tmp_path_factory):
    """The CA process hangs, so nobody sees HTTPS answer: parent restarts the machine, and does not bless."""
    m = Machine(tmp_path_factory.mktemp("hangs"))
    m.older_other()
    with m.appliance(extra=["--prove-within", "6"]) as a:
        os.kill(a.pid("ca"), signal.SIGSTOP)
        assert a.process.wait(40) == 0
        assert "this version did not prove healthy in 6 s: restarting" in a.console
    assert not m.blessed("a") and m.status()["slot.a.tries"] == "2"


def test_a_version_without_another_to_go_back_to_stays(tmp_path_factory):
    m = Machine(tmp_path_factory.mktemp("stays"))
    with m.appliance(extra=["--prove-within", "6"]) as a:
        os.kill(a.pid("ca"), signal.SIGSTOP)
        time.sleep(10)
        assert a.process.poll() is None and not m.blessed("a")
        os.kill(a.pid("ca"), signal.SIGCONT)
        wait_for(lambda: m.blessed("a"))


def test_elsewhere_there_is_no_machine(tmp_path_factory):
    with new_appliance(tmp_path_factory) as a:
        a.set_up()
        got = a.get("/system")
        assert got["appliance"] is False and got["board"] is None and got["slots"] == []
        assert not (a.state / "run/sys.pid").exists()
