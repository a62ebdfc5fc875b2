"""How long ended work is kept: set through the API and the console tool, and followed by the clock."""
import datetime
import json
import time

import pytest
from contract import Contract
from ctl_tool import INPUT, Tool

DEFAULT = {"jobs_days": 180, "sessions_days": 0, "answers_hours": 24}


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


def test_retention_is_read_and_set_within_limits(c):
    got = c.call("retention_get", 200)
    assert got.value == DEFAULT
    for change, field in (({"jobs_days": 0}, "jobs_days"), ({"jobs_days": 3651}, "jobs_days"), ({"sessions_days": 366}, "sessions_days"),
                          ({"answers_hours": 0}, "answers_hours"), ({"answers_hours": 169}, "answers_hours"), ({"audit_days": 1}, "audit_days")):
        c.refuse("retention_update", 400, field=field, body=change)
    assert c.call("retention_get", 200).value == DEFAULT
    changed = c.call("retention_update", 200, body={"jobs_days": 30}, headers={"If-Match": got.headers["ETag"]})
    assert changed.value == {**DEFAULT, "jobs_days": 30}
    c.refuse("retention_update", 412, body={"jobs_days": 31}, headers={"If-Match": got.headers["ETag"]})
    record = c.a.get("/audit", filter="action:equals:retention_update")["items"][0]
    assert record["result"] == "failed"
    ok = c.a.get("/audit", filter=["action:equals:retention_update", "result:equals:ok"])["items"][0]
    assert ok["detail"] == "jobs 30 days, ended sessions 0 days, kept answers 24 hours" and ok["actor"] == "admin"
    assert c.call("retention_update", 200, body={"jobs_days": None}).value == DEFAULT  # the default again
    assert {f["name"]: f["initial"] for f in c.call("schema_get", 200, record="retention").value["fields"]} == {k: v for k, v in DEFAULT.items()}


def test_retention_by_the_console_tool(c, tool):
    assert "Jobs:" in tool("retention", "show") and "180" in tool("retention", "show")
    assert json.loads(tool("--json", "retention", "edit", "jobs_days=90", "answers_hours=48")) == {**DEFAULT, "jobs_days": 90, "answers_hours": 48}
    assert "3650" in tool("retention", "edit", "jobs_days=5000", status=INPUT)
    tool("retention", "edit", "jobs_days=", "answers_hours=")
    assert c.call("retention_get", 200).value == DEFAULT


def test_clock_takes_away_what_is_past_its_time(c, appliance):
    """A token that has ended: listed while the setting says so, then gone, with one record in the audit."""
    c.call("retention_update", 200, body={"sessions_days": 1})
    soon = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    made = c.call("tokens_create", 201, body={"label": "short lived", "expires_at": soon}).value

    def listed():
        return made["id"] in [t["id"] for t in appliance.get("/tokens", limit=100)["items"]]

    def pruned():
        return [r["detail"] for r in appliance.get("/audit", filter="action:equals:retention.prune")["items"]]

    time.sleep(3)
    before = len(pruned())
    assert listed()
    c.call("retention_update", 200, body={"sessions_days": 0})
    end = time.monotonic() + 60
    while listed():
        assert time.monotonic() < end
        time.sleep(0.3)
    assert len(pruned()) == before + 1 and ", 1 ended sessions" in pruned()[0]
