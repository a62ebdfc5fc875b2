"""What an operator sets on the booted machine: a fixed address that is kept, one that goes back by itself, power off."""
import http.client
import json
import secrets
import ssl
import time

import pytest
import vm
from machine import Machine

PASSWORD, PASSPHRASE = secrets.token_urlsafe(18), secrets.token_urlsafe(24)
MINE = "10.0.2.15/24"  # what QEMU forwards to


class Api:
    """The API of the machine, with a token of its first administrator."""

    def __init__(self, machine):
        self.m, self.token = machine, None
        _, code = machine.wait_line(r"^setup code: ([0-9A-Z-]{14})$")
        self.call("POST", "/setup", {"setup_code": code[1], "username": "admin", "full_name": "", "password": PASSWORD,
                                     "passphrase": PASSPHRASE}, timeout=240)
        session, cookie = self.call("POST", "/session", {"username": "admin", "password": PASSWORD}, cookie=True)
        self.token = self.call("POST", "/tokens", {"label": "test"},
                               headers={"Cookie": cookie, "X-CSRF-Token": session["csrf"]})["token"]

    def call(self, method, path, body=None, headers=None, timeout=60, cookie=False):
        conn = http.client.HTTPSConnection("127.0.0.1", self.m.port, timeout=timeout,
                                           context=ssl._create_unverified_context())
        send = {"Content-Type": "application/json", **(headers or {})}
        if self.token:
            send["Authorization"] = f"Bearer {self.token}"
        try:
            conn.request(method, "/api/v1" + path, body=None if body is None else json.dumps(body), headers=send)
            answer = conn.getresponse()
            data = answer.read()
            assert answer.status < 300, (method, path, answer.status, data[:500])
            value = json.loads(data)
            return (value, answer.getheader("Set-Cookie").split(";")[0]) if cookie else value
        finally:
            conn.close()

    def until(self, judge, seconds, path="/system/network"):
        end, last = time.monotonic() + seconds, None
        while time.monotonic() < end:
            try:
                last = self.call("GET", path, timeout=5)
                if judge(last):
                    return last
            except (OSError, http.client.HTTPException) as e:
                last = repr(e)
            time.sleep(0.5)
        raise AssertionError(f"within {seconds} s: {last}\n{self.m.text()[-3000:]}")


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    with Machine(tmp_path_factory.mktemp("network"), append="loglevel=7") as m:
        m.wait_https()
        yield m


@pytest.fixture(scope="module")
def api(box):
    return Api(box)


def eth0(network):
    return next(i for i in network["in_force"]["interfaces"] if i["name"] == "eth0")


def test_what_is_in_force_is_shown(api):
    """Of an image without a fixed address: the lease and what came with it."""
    got = api.call("GET", "/system/network")
    assert got["of_image"] is True and got["in_force"]["host_name"] == "certkeep"
    assert MINE in eth0(got)["addresses"] and "10.0.2.2" in eth0(got)["routers"] and eth0(got)["up"] is True
    if vm.config("NETWORK_STATIC"):
        assert not eth0(got).get("lease")
    else:
        assert eth0(got)["lease"]["server"] == "10.0.2.2" and got["in_force"]["dns"] == ["10.0.2.3"]


def test_a_fixed_address_is_set_and_kept(api):
    fixed = {"name": "eth0", "ipv4": "static", "address": MINE, "gateway": "10.0.2.2", "ipv6": "off"}
    api.call("PATCH", "/system/network", {"host_name": "keep.lab.example", "dns": ["10.0.2.3", "192.0.2.53"],
                                          "search": "lab.example", "interfaces": [fixed]})
    got = api.until(lambda n: n["in_force"]["dns"] == ["10.0.2.3", "192.0.2.53"] and MINE in eth0(n)["addresses"], 60)
    assert got["in_force"]["host_name"] == "keep.lab.example" and got["in_force"]["search"] == "lab.example"
    assert not [a for a in eth0(got)["addresses"] if ":" in a and not a.startswith("fe80:")]
    got = api.call("POST", "/system/network/confirm")
    assert got["settings"]["interfaces"] == [{**fixed, "address6": None}] and got["pending"] is None


def test_an_address_that_cuts_off_goes_back_by_itself(api):
    begun = time.monotonic()
    got = api.call("PATCH", "/system/network", {"confirm_s": 30, "interfaces": [{"name": "eth0", "address": "10.0.2.99/24"}]})
    assert any("10.0.2.15" in w for w in got["warnings"]), got["warnings"]
    assert time.monotonic() - begun < 20, "the answer comes before the change"
    back = api.until(lambda n: n["pending"] is None, 120)
    assert time.monotonic() - begun > 20, "it was cut off until the old settings came back"
    assert MINE in eth0(back)["addresses"] and back["settings"]["confirm_s"] == 120
    said = api.call("GET", "/audit?limit=5")["items"]
    assert "network.return" in [r["action"] for r in said]


def test_power_off_by_the_api_and_the_address_is_kept(api, box):
    api.call("POST", "/system/power", {"act": "off"})
    box.wait_line(r"^switched off$")
    assert box.wait_end() == 0
    box.stop()
    box.start()
    box.wait_https()
    box.wait_line(r'machine\.act act="network"')
    state = json.loads(box.get("/api/v1/state")[1])
    assert state["state"] == "Locked"


def test_the_console_menu_sets_the_network_and_switches_off(box):
    box.wait_line(r"Number, then Enter:")
    box.type("1")
    box.wait_line(rf"^address eth0 {MINE}")
    box.wait_line(r"^host keep\.lab\.example")
    box.type("4", "no")
    box.wait_line(r"^Nothing was changed\.")
    networks = box.text().count('machine.act act="network"')
    box.type("3", "eth0", "10.0.2.15/24", "10.0.2.2", "192.0.2.7", "yes")
    box.wait_line(r"^Done\.")
    assert box.text().count('machine.act act="network"') > networks
    end = time.monotonic() + 60
    while "\ndns 192.0.2.7\n" not in box.text().split("Done.")[-1]:  # the DHCP client is on its way
        assert time.monotonic() < end, box.text()[-3000:]
        box.type("1")
        time.sleep(2)
    box.type("5", "off")
    box.wait_line(r"^switched off$")
    assert box.wait_end() == 0
