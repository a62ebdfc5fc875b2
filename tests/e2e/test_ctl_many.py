"""The console tool: one action on many certificates."""
import json
import subprocess

import pytest
from ctl_tool import CONFLICT, INPUT, NOT_FOUND, PROGRAM, double, record_id, signed_in, tool  # noqa: F401


@pytest.fixture
def certs(double):
    double.add("connectors", name="Local CA", type="local")
    return [double.add("certificates", name=f"{x}.example", status="Issued" if x != "c" else "Discovered", ignored=x == "b") for x in "abc"]


def batches(double):
    return [json.loads(r[3]) for r in double.requests if r[1] == "/api/v1/certificates/batch"]


def test_batch_has_a_result_for_each(signed_in, double, certs):
    double.job_of_action = double.job(31, {"state": "Running"})
    why = signed_in("cert", "batch", "renew", "a.example", "b.example", status=CONFLICT)
    assert "1 of 2 certificates were refused" in why
    assert batches(double) == [{"ids": [certs[0]["id"], certs[1]["id"]], "action": "renew"}]
    shown = signed_in("cert", "batch", "renew", "a.example")
    assert "a.example" in shown and "+ ok" in shown.replace("✓", "+") and record_id(31) in shown and "1 done, 0 refused" in shown


def test_batch_result_as_json_with_its_exit_status(signed_in, double, certs):
    r = subprocess.run([PROGRAM, "--json", "cert", "batch", "ignore", "b.example", "c.example"], env=signed_in.env,
                       capture_output=True, text=True, timeout=60, start_new_session=True)
    got = json.loads(r.stdout)
    assert r.returncode == CONFLICT and (got["done"], got["refused"]) == (1, 1)
    assert got["items"][0] == {"id": certs[1]["id"], "name": "b.example", "ok": False, "error": "it is ignored"}
    assert got["items"][1]["ok"] and "error" not in got["items"][1]


def test_batch_configures_under_a_name(signed_in, double, certs):
    signed_in("cert", "batch", "configure", "a.example", "c.example", "connector=Local CA", "renew_days=10", "--batch-name", "Wave 1")
    assert batches(double) == [{"ids": [certs[0]["id"], certs[2]["id"]], "action": "configure", "batch_name": "Wave 1",
                                "settings": {"connector": record_id(1), "renew_days": 10}}]
    signed_in("cert", "batch", "tag", "a.example", "tags=env=test,team=web")
    assert batches(double)[1] == {"ids": [certs[0]["id"]], "action": "tag", "tags": ["env=test", "team=web"]}


def test_batch_takes_what_a_filter_chooses_after_asking(signed_in, double, certs):
    for i in range(210):
        double.add("certificates", name=f"n{i}.example", status="Deployed")
    double.page = 100  # pages are shorter than what is chosen, and one call takes 200
    assert "--yes" in signed_in("cert", "batch", "deploy", "--filter", "Status is Deployed", status=INPUT)
    assert not batches(double)
    assert "210 done, 0 refused" in signed_in("cert", "batch", "deploy", "--filter", "Status is Deployed", "--yes")
    assert [len(b["ids"]) for b in batches(double)] == [200, 10]
    assert len({i for b in batches(double) for i in b["ids"]}) == 210


@pytest.mark.parametrize("words, status, expected", [
    (["renew"], INPUT, "Name them, or choose them by --filter"),
    (["renew", "a.example", "--filter", "Status is Issued"], INPUT, "not both"),
    (["renew", "--filter", "Status is Rolled Back", "--yes"], NOT_FOUND, "no certificate is chosen"),
    (["renew", "a.example", "renew_days=9"], INPUT, "takes no settings"),
    (["configure", "a.example"], INPUT, "expected settings"),
    (["tag", "a.example", "renew_days=9"], INPUT, "expected tags="),
    (["delete", "a.example"], INPUT, "--yes"),
    (["renew", "nosuch.example"], NOT_FOUND, 'no cert "nosuch.example"')])
def test_batch_refuses_what_is_unclear(signed_in, double, certs, words, status, expected):
    assert expected in signed_in("cert", "batch", *words, status=status)
    assert not batches(double)
