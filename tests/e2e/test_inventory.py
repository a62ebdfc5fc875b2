"""Issued certificates as an inventory, and keys that can be destroyed when nothing uses them."""
import json
import time

import main_job
import pytest
from contract import Contract
from ctl_tool import CONFLICT, Tool

ISSUED = ["order:not:", "serial:not:"]


@pytest.fixture(scope="module")
def c(appliance):
    return Contract(appliance)


@pytest.fixture(scope="module")
def tool(appliance, tmp_path_factory):
    t = Tool(tmp_path_factory.mktemp("tool"), None)
    root = t.home / "root.pem"
    root.write_text((appliance.state / "public/root.pem").read_text())
    t("--url", f"https://{appliance.address}:{appliance.port}", "--ca", str(root), "login", "--stdin",
      stdin=json.dumps({"username": "admin", "password": appliance.credentials["password"]}))
    return t


def issue(c, name):
    ca = main_job.connector(c.a)["id"]
    made = c.call("certs_create", 201, body={"name": name, "connector": ca, "key_alg": "p-256", "deployment_type": "manual"}).value
    c.work("certs_issue", id=made["id"], body={})
    return c.call("certs_get", 200, id=made["id"]).value


def test_issued_ones_are_listed_with_their_facts(c, tool):
    one = issue(c, "issued.example")
    c.call("certs_create", 201, body={"name": "only-added.example"})
    columns = "name,issuer,serial,order,order_reference,not_before,not_after,key_policy,status,revoked"
    rows = c.call("certs_list", 200, query={"filter": ISSUED, "columns": columns}).value["items"]
    assert [r["name"] for r in rows] == ["issued.example"]
    row = rows[0]
    assert row["serial"] == one["serial"] and row["order"] == one["order"] and row["key_policy"] == "deployable"
    assert row["issuer"] and row["not_before"] and row["not_after"] and row["status"] == "Issued" and row["revoked"] is False
    said = tool("cert", "issued")
    assert "issued.example" in said and one["serial"] in said and "only-added" not in said and "Key Custody" in said
    assert "issued.example" not in tool("cert", "issued", "--filter", "Revoked is yes")
    assert tool("cert", "issued", "--csv").count("\n") == 2


def test_key_in_use_is_kept_and_an_unused_one_destroyed(c, tool, appliance):
    cert = issue(c, "keyed.example")
    before = c.a.get("/home")["counts"]
    assert before["keys"] == c.a.get("/keys")["total"] and before["audit"] > 5 and "jobs_failed" in before
    c.refuse("keys_delete", 409, "keyed.example uses this key", id=cert["key"])
    assert "uses this key" in tool("key", "delete", "keyed.example", "--yes", status=CONFLICT)
    c.call("certs_delete", 204, id=cert["id"])
    c.refuse("keys_delete", 412, id=cert["key"], headers={"If-Match": '"99"'})
    assert "deleted" in tool("key", "delete", cert["key"], "--yes")
    c.refuse("keys_get", 404, id=cert["key"])
    assert c.a.get("/home")["counts"]["keys"] == before["keys"] - 1
    record = c.a.get("/audit", filter=f"object:equals:key/{cert['key']}")["items"][0]
    assert (record["action"], record["detail"], record["result"]) == ("keys_delete", "destroyed", "ok")


def test_key_under_work_is_kept(c, appliance):
    """A job that waits for its CA has made a key, and no certificate uses it yet."""
    ca = c.call("connectors_create", 201, body={"name": "Shy CA", "type": "local", "settings": {"subject": "CN=Shy CA"}}).value
    c.a.job_end(ca["job"])
    made = c.call("certs_create", 201, body={"name": "working.example", "connector": ca["id"], "deployment_type": "manual"}).value
    c.call("connectors_disable", 200, id=ca["id"])
    job = c.call("certs_issue", 202, id=made["id"], body={}).value["job"]
    key = wait_for_key(c, job)
    c.refuse("keys_delete", 409, "wait for its end", id=key)
    c.call("jobs_cancel", 200, id=job)
    c.a.job_end(job)
    c.call("keys_delete", 204, id=key)


def wait_for_key(c, job):
    end = time.monotonic() + 60
    while not (page := c.a.get(f"/jobs/{job}"))["key"] or page["state"] != "Waiting":
        assert time.monotonic() < end, page
        time.sleep(0.1)
    return page["key"]
