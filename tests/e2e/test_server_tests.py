"""The connection test before a server is stored: real machine, real steps, nothing kept but the audit."""
import socket
import time

import pytest
from conftest import NUMBERS  # noqa: F401
from contract import Contract

STEPS = ["Network", "Host key", "Login", "Elevation", "Path", "Service", "Configuration", "Endpoints"]


@pytest.fixture(scope="module")
def c(appliance):
    return Contract(appliance)


@pytest.fixture
def form(machine):
    return {"description": "not yet", "address": machine.address, "server_type": "nginx", "username": "deploy",
            "login": "password", "password": machine.password, "sudo": "sudo"}


def run(c, settings, **more):
    """Runs a test to its end; how the steps looked on the way, and the result."""
    made = c.call("server_tests_create", 201, body={"settings": settings, **more})
    seen, end = [], time.monotonic() + 60
    assert made.headers["Location"] == f"/api/v1/server-tests/{made.value['id']}"
    while True:
        test = c.call("server_tests_get", 200, id=made.value["id"]).value
        states = [s["state"] for s in test["steps"]]
        assert [s["name"] for s in test["steps"]] == STEPS
        if not seen or seen[-1] != states:
            seen.append(states)
        if test["state"] != "Running":
            return test, seen
        assert time.monotonic() < end, test
        time.sleep(0.02)


def failed_at(test):
    assert test["state"] == "Failed" and test["error"] and test["advice"], test
    steps = [s for s in test["steps"] if s["state"] == "failed"]
    assert [s["text"] for s in steps] == [test["error"]]
    return steps[0]["name"]


@pytest.fixture
def pinned(c, form, machine):
    """A first test shows the host keys; they are compared with the machine's own."""
    test, _ = run(c, form)
    assert failed_at(test) == "Host key" and "not known yet" in test["error"]
    assert test["offered_keys"] and set(test["offered_keys"]) <= set(machine.host_keys())
    return test["offered_keys"]


def store(appliance):
    return (appliance.state / "core/data.mdb").read_bytes()


def test_unsaved_settings_are_tested_step_by_step(c, form, pinned, appliance):
    before = [appliance.get(f"/{p}")["total"] for p in ("servers", "certificates", "jobs")]
    test, seen = run(c, form, host_keys=pinned)
    assert test["state"] == "Done" and {s["state"] for s in test["steps"]} == {"done"}, test
    assert len(seen) > 2 and all("running" in s for s in seen[:-1]), seen  # shown as they happen
    times = [s["finished_at"] for s in test["steps"]]
    assert all(times) and times == sorted(times)
    found = {(e["port"], e["names"][0]): e for e in test["endpoints"]}
    assert set(found) == {(443, "shop.example"), (443, "other.example"), (8443, "blog.example")}
    shop = found[(443, "shop.example")]
    assert shop["served"] and shop["subject"] == "shop.example" and shop["cert_path"] == "/etc/nginx/tls/shop.crt" and shop["not_after"]
    assert "nginx" in test["detected_version"] and "/etc/nginx/nginx.conf" in test["steps"][4]["text"]
    assert [appliance.get(f"/{p}")["total"] for p in ("servers", "certificates", "jobs")] == before


@pytest.mark.parametrize("change, step", [
    ({"port": 2}, "Network"), ({"password": "a wrong password"}, "Login"), ({"username": "deploypw", "sudo": "sudo with password", "sudo_password": "wrong"}, "Elevation")])
def test_failing_step_is_named(c, form, pinned, machine, change, step):
    keys = {} if step == "Network" else {"host_keys": pinned}
    test, _ = run(c, {**form, **change}, **keys)
    assert failed_at(test) == step
    states = [s["state"] for s in test["steps"]]
    at = STEPS.index(step)
    assert states == ["done"] * at + ["failed"] + ["skipped"] * (7 - at)


def test_broken_configuration_is_named(c, form, pinned, machine):
    machine.break_config()
    try:
        test, _ = run(c, form, host_keys=pinned)
    finally:
        machine.mend_config()
    assert failed_at(test) == "Configuration" and "nginx" in test["error"]


def test_secrets_are_nowhere_afterwards(c, form, pinned, appliance, machine):
    secret = "a password that only this test has"
    test, _ = run(c, {**form, "password": secret}, host_keys=pinned)
    assert failed_at(test) == "Login"
    appliance.get("/audit")
    assert secret.encode() not in store(appliance) and secret not in appliance.log_text() and secret not in str(test)
    assert machine.password.encode() not in store(appliance)
    rows = [r for r in appliance.get("/audit", limit=100)["items"] if r["action"] in ("server.test", "server_tests_create")]
    assert rows[0]["action"] == "server.test" and rows[0]["result"] == "failed" and "Login failed" in rows[0]["detail"]
    assert machine.address in rows[0]["name"] and rows[0]["actor"] == "admin"


def test_repeated_request_is_not_kept(c, form, appliance):
    body = {"settings": form}
    one, two = (c.call("server_tests_create", 201, body=body, headers={"Idempotency-Key": "the same"}).value["id"] for _ in range(2))
    assert one != two


def test_found_keys_are_pinned_with_the_new_server(c, form, pinned, appliance):
    made = c.call("servers_create", 201, body=form).value
    strange = "ssh-ed25519 SHA256:" + "A" * 43
    c.refuse("servers_approve_host_keys", 409, "not offered", id=made["id"], body={"fingerprints": [strange]})
    got = c.call("servers_approve_host_keys", 200, id=made["id"], body={"fingerprints": [k.split()[1] for k in pinned]}).value
    assert got["host_keys"] == pinned
    c.work("servers_test", id=made["id"])
    c.refuse("server_tests_create", 409, "host_keys", body={"settings": form, "host_keys": [strange]})


def test_unsaved_changes_are_tested_over_stored_secrets(c, appliance, machine):
    row = appliance.get("/servers", filter="description:equals:not yet")["items"][0]
    one = {"server": row["id"]}
    assert run(c, {}, **one)[0]["state"] == "Done"  # stored password, stored pins
    test, _ = run(c, {"password": "another one"}, **one)
    assert failed_at(test) == "Login"
    test, _ = run(c, {"nginx_path": "/etc/nginx", "description": "changed"}, **one)
    assert test["state"] == "Done"
    server = c.call("servers_get", 200, id=row["id"]).value
    assert server["description"] == "not yet" and server["nginx_path"] == "" and server["rev"] == row["rev"]
    c.refuse("server_tests_create", 404, body={"settings": {}, "server": "0" * 20})


def test_test_belongs_to_its_user_and_pinning_to_an_approver(c, form, pinned, appliance):
    made = c.call("server_tests_create", 201, body={"settings": form}).value
    c.call("users_create", 201, body={"username": "oscar", "roles": ["operator"], "password": "an operator's password"})
    mine = appliance.token
    appliance.credentials, kept = {**appliance.credentials, "username": "oscar", "password": "an operator's password"}, appliance.credentials
    try:
        appliance.sign_in()
        c.refuse("server_tests_get", 404, id=made["id"])
        test, _ = run(c, form)
        assert failed_at(test) == "Host key"
        c.refuse("server_tests_create", 403, "HOST_KEY_APPROVE", body={"settings": form, "host_keys": test["offered_keys"]})
    finally:
        appliance.credentials, appliance.token = kept, mine


def test_no_more_than_a_few_run_at_once(c, form, pinned):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and says nothing: they last
        body = {"settings": {**form, "address": "127.0.0.1", "port": silent.getsockname()[1]}}
        got = [c.a.request("POST", "/api/v1/server-tests", body)[0] for _ in range(6)]
    assert got == [201, 201, 201, 201, 429, 429]
