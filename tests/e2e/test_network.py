"""The network of an appliance image: tried, confirmed, taken back, and back by itself; and power."""
import json
import os
import re
import signal
import subprocess
import time

import pytest

from contract import Contract
from ctl_tool import CONFLICT, INPUT, Tool
from conftest import new_appliance
from machine_world import Machine

LINK = "ckeep0"
ETH0 = {"name": LINK, "ipv4": "static", "address": "192.0.2.10/24", "gateway": "192.0.2.1", "ipv6": "off"}
BLOCK = f"\ninterface {LINK}\nstatic ip_address=192.0.2.10/24\nstatic routers=192.0.2.1\nnoipv6\nnoipv6rs\n"


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    return Machine(tmp_path_factory.mktemp("machine"))


@pytest.fixture(scope="module")
def box(machine):
    """Beside an interface of its own, without a route: other tests share the network namespace."""
    subprocess.run(["ip", "link", "add", LINK, "type", "veth", "peer", "name", LINK + "b"], check=True)
    try:
        subprocess.run(["ip", "address", "add", "198.51.100.7/24", "dev", LINK], check=True)
        for name in (LINK, LINK + "b"):
            subprocess.run(["ip", "link", "set", name, "up"], check=True)
        with machine.appliance() as a:
            a.set_up()
            yield a
    finally:
        subprocess.run(["ip", "link", "del", LINK], check=True)


@pytest.fixture(scope="module")
def c(box):
    return Contract(box)


def conf(box, name="dhcpcd.conf"):
    path = box.state / "sys" / name
    return path.read_text() if path.exists() else None


def wait_for(what, seconds=20):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_what_is_in_force_is_shown(c):
    got = c.call("network_get", 200).value
    assert got["of_image"] is True and got["pending"] is None and got["settings"]["interfaces"] == []
    eth0 = next(i for i in got["in_force"]["interfaces"] if i["name"] == LINK)
    assert eth0["up"] is True and "198.51.100.7/24" in eth0["addresses"] and eth0["routers"] == []
    assert re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", eth0["hardware"]) and eth0["lease"] is None
    assert got["in_force"]["host_name"] == os.uname().nodename


def test_a_change_is_tried_and_kept_when_confirmed(c, box):
    before = c.call("network_get", 200)
    got = c.call("network_update", 200, headers={"If-Match": before.headers["ETag"]},
                 body={"host_name": "keep.corp.example", "dns": ["192.0.2.53"], "search": "corp.example",
                       "interfaces": [ETH0]}).value
    assert got["pending"]["interfaces"][0]["address"] == "192.0.2.10/24" and got["settings"]["interfaces"] == []
    assert any("198.51.100.7" in w and "ends" in w for w in got["warnings"]), got["warnings"]
    wait_for(lambda: conf(box, "resolv.conf") == "search corp.example\nnameserver 192.0.2.53\n")
    assert conf(box).endswith(BLOCK)
    for act in ("host name", "network"):
        wait_for(lambda: f'machine.act act="{act}"' in box.log_text())  # noqa: B023
    got = c.call("network_confirm", 200).value
    assert got["pending"] is None and got["until"] is None and got["of_image"] is False
    assert got["settings"]["host_name"] == "keep.corp.example" and got["settings"]["interfaces"][0]["ipv4"] == "static"
    c.refuse("network_confirm", 409, "no change", )
    c.refuse("network_update", 412, body={"search": "x.example"}, headers={"If-Match": before.headers["ETag"]})
    said = [r["action"] for r in box.get("/audit", limit=10)["items"]]
    assert "network_update" in said and "network_confirm" in said


def test_a_refused_change_changes_nothing_and_names_the_field(c, box):
    held = conf(box)
    for body, field, words in (
            ({"interfaces": [{"name": LINK, "address": "192.0.2.10"}]}, "address", "prefix length"),
            ({"interfaces": [{"name": LINK, "gateway": "198.51.100.1"}]}, "gateway", "router of that network"),
            ({"dns": ["dns.example"]}, "dns", "as 192.0.2.53"),
            ({"host_name": "a b"}, "host_name", ""),
            ({"confirm_s": 1}, "confirm_s", "30"),
            ({"interfaces": [{"name": "eth0\nscript /x", "ipv4": "dhcp", "ipv6": "auto"}]}, "name", "")):
        c.refuse("network_update", 400, words, field, body=body)
    assert conf(box) == held and c.call("network_get", 200).value["pending"] is None


def test_a_change_is_taken_back_by_hand(c, box):
    c.call("network_update", 200, body={"interfaces": [{"name": LINK, "ipv4": "dhcp"}]})
    wait_for(lambda: "static ip_address" not in conf(box))
    assert c.call("network_revert", 200).value["pending"] is None
    wait_for(lambda: conf(box).endswith(BLOCK))
    c.refuse("network_revert", 409, "nothing to take back")


def test_an_unconfirmed_change_goes_back_by_itself(c, box):
    got = c.call("network_update", 200, body={"confirm_s": 30, "interfaces": [{"name": LINK, "address": "192.0.2.99/24"}]}).value
    assert got["pending"]
    wait_for(lambda: "192.0.2.99" in conf(box))
    wait_for(lambda: "192.0.2.99" not in conf(box), 40)
    assert conf(box).endswith(BLOCK)
    wait_for(lambda: any(r["action"] == "network.return" for r in box.get("/audit", limit=5)["items"]))
    assert c.call("network_get", 200).value["settings"]["confirm_s"] == 120
    c.refuse("network_confirm", 409, "too late")


def test_a_restart_of_core_brings_the_stored_settings_back(c, box):
    c.call("network_update", 200, body={"interfaces": [{"name": LINK, "address": "192.0.2.99/24"}]})
    wait_for(lambda: "192.0.2.99" in conf(box))
    os.kill(box.pid("core"), signal.SIGKILL)
    wait_for(lambda: "192.0.2.99" not in conf(box))
    box.wait_state("Operational")
    assert c.call("network_get", 200).value["pending"] is None and conf(box).endswith(BLOCK)


def test_what_is_in_force_already_interrupts_nothing(box):
    acts = lambda name: box.log_text().count(f'machine.act act="{name}"')  # noqa: E731
    names, networks = acts("host name"), acts("network")
    os.kill(box.pid("core"), signal.SIGKILL)
    wait_for(lambda: acts("host name") > names)  # core is back, and handed its settings over
    box.wait_state("Operational")
    assert acts("network") == networks, "the DHCP client was not started anew"


@pytest.fixture(scope="module")
def tool(box, tmp_path_factory):
    t = Tool(tmp_path_factory.mktemp("tool"), None)
    t("--url", f"https://localhost:{box.port}", "--ca", str(box.state / "public/root.pem"), "login", "--stdin",
      stdin=json.dumps({k: box.credentials[k] for k in ("username", "password")}))
    return t


def test_the_console_tool_does_the_same(tool, box):
    said = tool("system", "network-set", LINK, "address=192.0.2.77/24")
    assert "Tried now" in said and "192.0.2.77/24" in said and "network-confirm" in said
    wait_for(lambda: "192.0.2.77" in conf(box))
    assert "192.0.2.77/24" in tool("system", "network-confirm")
    assert "too late" in tool("system", "network-confirm", status=CONFLICT)
    assert "expected an IP address" in tool("system", "network-set", "dns=x", status=INPUT)
    assert json.loads(tool("--json", "system", "network-set", "search=lab.example"))["pending"]["search"] == "lab.example"
    tool("system", "network-revert")
    assert "198.51.100.7/24" in tool("system", "network")


def test_power_off_stops_everything_and_is_audited(tool, box, c):
    assert c.call("power_get", 200).value == {"jobs": []}
    c.refuse("power_run", 400, "restart or off", "act", body={"act": "sleep"})
    assert "switches itself off" in tool("system", "off", "--yes")
    wait_for(lambda: box.process.poll() is not None, 30)
    assert box.process.returncode == 0 and 'machine.act act="power off"' in box.log_text()
    box.start()
    box.unlock()
    last = next(r for r in box.get("/audit", limit=20)["items"] if r["action"] == "power_run" and r["result"] == "ok")
    assert last["detail"] == "power off"


def test_elsewhere_it_is_refused_with_what_to_do(tmp_path_factory):
    with new_appliance(tmp_path_factory) as a:
        a.set_up()
        c = Contract(a)
        for name, body in (("network_get", None), ("network_update", {"search": "x.example"}), ("power_run", {"act": "off"})):
            c.refuse(name, 409, "not an appliance image", **({"body": body} if body else {}))
