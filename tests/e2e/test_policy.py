"""Policies on a whole appliance: what is refused when a certificate is configured, when an order is about to be
sent, when the CA's answer comes, and what a deployment waits for."""
import json
import os
import time
from datetime import datetime, timedelta, timezone

import main_job
import pytest
from appliance import ApiError
from conftest import current
from test_acme_pebble import running_pebble

PASSWORD = "a long enough password"
PEBBLE = 30000 + os.getpid() % 200 * 20


def refused(a, method, path, body=None, status=400):
    got, _, data = a.request(method, path, body)
    assert got == status, data
    return json.loads(data)


def wait(what, seconds=60):
    end = time.monotonic() + seconds
    while not (got := what()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)
    return got


@pytest.fixture(scope="module")
def local(appliance):
    return main_job.connector(appliance)


@pytest.fixture
def policy(appliance):
    """Makes policies that are gone after the test."""
    made = []

    def make(name, **limits):
        made.append(appliance.post("/policies", {"name": name, **limits}))
        return made[-1]
    yield make
    for p in made:
        appliance.delete(f"/policies/{p['id']}")


@pytest.fixture(scope="module")
def people(appliance):
    """Tokens of an operator who may approve too, of a second one, and of the security officer."""
    tokens = {}
    for name, roles in (("olga", ["operator", "approver"]), ("paul", ["approver"]), ("sue", ["security-officer"])):
        appliance.post("/users", {"username": name, "roles": roles, "password": PASSWORD})
        _, headers, data = appliance.request("POST", "/session", {"username": name, "password": PASSWORD}, token=False)
        headers = {"Cookie": headers["Set-Cookie"].split(";")[0], "X-CSRF-Token": json.loads(data)["csrf"]}
        status, _, data = appliance.request("POST", "/tokens", {"label": "test"}, token=False, headers=headers)
        assert status == 201, data
        tokens[name] = {"Authorization": f"Bearer {json.loads(data)['token']}"}
    return tokens


def as_person(a, headers, method, path, body=None):
    status, _, data = a.request(method, path, body, headers=headers, token=False)
    return status, json.loads(data) if data else None


def add(a, name, local, **more):
    return a.post("/certificates", {"name": name, "connector": local["id"], **more})


# ---- the records ----
def test_policies_are_there_from_the_first_start(appliance):
    found = {p["builtin"]: p for p in appliance.get("/policies", columns="name,builtin,max_days,max_days_from,for_ca_types")["items"]}
    assert set(found) == {"default", "public-tls"}
    assert found["public-tls"]["max_days_from"] == ["2020-09-01 398", "2026-03-15 200", "2027-03-15 100", "2029-03-15 47"]
    assert found["public-tls"]["for_ca_types"] == ["Public"] and found["default"]["max_days"] == 825
    problem = refused(appliance, "DELETE", f"/policies/{found['default']['id']}", status=409)
    assert "built in" in problem["detail"]
    page = appliance.get(f"/policies/{found['default']['id']}")
    assert appliance.patch(f"/policies/{page['id']}", {"max_days": 398})["max_days"] == 398
    assert appliance.patch(f"/policies/{page['id']}", {"max_days": 825})["max_days"] == 825


def test_policy_is_checked_before_it_is_kept(appliance, local):
    for body, field in (({}, "name"), ({"name": "default"}, "name"), ({"name": "X", "for_names": ["a b"]}, "for_names"),
                        ({"name": "X", "windows": ["noon"]}, "windows"), ({"name": "X", "key_algs": ["dsa"]}, "key_algs"),
                        ({"name": "X", "connectors": ["0" * 20]}, "connectors"), ({"name": "X", "builtin": "default"}, "builtin"),
                        ({"name": "X", "max_days_from": ["tomorrow 3"]}, "max_days_from"), ({"name": "X", "max_days": 826}, "max_days")):
        got, _, data = appliance.request("POST", "/policies", body)
        problem = json.loads(data)
        assert got in (400, 409) and problem["field"] == field, problem
    made = appliance.post("/policies", {"name": "X", "connectors": [local["id"]]})
    appliance.post(f"/connectors/{local['id']}/disable")
    # Other things stand in the way too; without certificates and orders only the policy does.
    problem = refused(appliance, "DELETE", f"/connectors/{local['id']}", status=409)
    job = appliance.post(f"/connectors/{local['id']}/reactivate")["job"]
    assert appliance.job_end(job)["state"] == "Done"
    appliance.delete(f"/policies/{made['id']}")
    assert "policy X names this connector" in problem["detail"]


def test_security_officer_writes_policies(appliance, people):
    body = {"name": "Written by Sue", "max_days": 90}
    for name, want in (("olga", 403), ("paul", 403), ("sue", 201)):
        status, answer = as_person(appliance, people[name], "POST", "/policies", body)
        assert status == want, answer
    assert as_person(appliance, people["olga"], "GET", f"/policies/{answer['id']}")[0] == 200
    assert as_person(appliance, people["olga"], "DELETE", f"/policies/{answer['id']}")[0] == 403
    assert as_person(appliance, people["sue"], "DELETE", f"/policies/{answer['id']}")[0] == 204
    audit = appliance.get("/audit", filter="name:equals:Written by Sue")["items"]
    assert [(x["actor"], x["action"], x["result"]) for x in audit] == [
        ("sue", "policies_delete", "ok"), ("sue", "policies_create", "ok")]


def test_check_tells_what_would_be_allowed(appliance, local, policy):
    policy("Prod", for_names=["*.prod.example"], max_days=30, key_algs=["p-384"], approval="four eyes",
           suffixes=["prod.example"], wildcards=False)
    asked = {"names": ["*.prod.example", "shop.example"], "connector": local["id"], "validity_days": 47, "key_alg": "p-256"}
    answer = appliance.post("/policies/check", asked)
    assert answer["allowed"] is False and answer["policies"] == ["Default", "Prod"]
    assert [(f["policy_name"], f["field"]) for f in answer["findings"]] == [
        ("Prod", "key_alg"), ("Prod", "validity_days"), ("Prod", "names"), ("Prod", "names")]
    assert answer["limits"]["max_days"] == 30 and answer["limits"]["key_algs"] == ["p-384"]
    assert (answer["limits"]["approval"], answer["limits"]["deploys_now"]) == ("four eyes", True)
    answer = appliance.post("/policies/check", {"names": ["a.prod.example"], "validity_days": 30, "key_alg": "p-384"})
    assert answer["allowed"] is True and answer["findings"] == []
    assert appliance.post("/policies/check", {"names": ["a.test.example"]})["policies"] == ["Default"]


# ---- when it is configured ----
def test_configuration_is_refused_at_its_field(appliance, local, policy):
    policy("Short", for_names=["*.short.example"], max_days=10)
    problem = refused(appliance, "POST", "/certificates", {"name": "a.short.example", "connector": local["id"]})
    assert problem["field"] == "validity_days"
    assert problem["detail"] == "Validity: 47 days; policy Short allows at most 10, choose 10 or fewer"
    cert = add(appliance, "a.short.example", local, validity_days=10)
    assert (cert["policy"], cert["policy_findings"], cert["configured_by"]) == ("Compliant", [], "admin")
    problem = refused(appliance, "PATCH", f"/certificates/{cert['id']}", {"validity_days": 11})
    assert problem["field"] == "validity_days" and "policy Short" in problem["detail"]
    done = appliance.post("/certificates/batch", {"ids": [cert["id"]], "action": "configure",
                                                       "batch_name": "short", "settings": {"validity_days": 11}})
    assert done["refused"] == 1 and "policy Short" in done["items"][0]["error"]
    assert appliance.get(f"/certificates/{cert['id']}")["validity_days"] == 10


def test_existing_certificates_are_judged_again(appliance, local, policy):
    cert = add(appliance, "old.judged.example", local, validity_days=47)
    made = policy("Judged", for_names=["*.judged.example"], max_days=20)
    path = f"/certificates/{cert['id']}"
    wait(lambda: appliance.get(path)["policy"] == "Findings")
    row = appliance.get(path)
    assert row["refused_by"] == [made["id"]] and row["policy_findings"] == [
        "Validity: 47 days; policy Judged allows at most 20, choose 20 or fewer"]
    listed = appliance.get("/certificates", filter=["policy:equals:Findings", f"refused_by:equals:{made['id']}"])["items"]
    assert [c["id"] for c in listed] == [cert["id"]]
    # What was there before may stay: another member is changed without an error.
    assert appliance.patch(path, {"batch": "spring"})["policy"] == "Findings"
    # A tag may bring a policy to it.
    tagged = policy("Tagged", for_tags=["env=judged"], key_algs=["p-384"])
    appliance.post("/certificates/batch", {"ids": [cert["id"]], "action": "tag", "tags": ["env=judged"]})
    assert appliance.get(path)["refused_by"] == [made["id"], tagged["id"]]
    appliance.patch(f"/policies/{made['id']}", {"max_days": 47})
    wait(lambda: appliance.get(path)["refused_by"] == [tagged["id"]])


# ---- when it is ordered ----
def test_policy_changed_between_configure_and_issue(appliance, local, policy):
    cert = add(appliance, "late.changed.example", local, validity_days=47)
    made = policy("Changed", for_names=["*.changed.example"], key_algs=["rsa-3072"])
    path = f"/certificates/{cert['id']}"
    dry = appliance.work("POST", f"{path}/issue", {"dry_run": True}, want="Failed")
    assert dry["cause"] == "policy" and appliance.get(path)["failure"] == ""
    page = appliance.work("POST", f"{path}/issue", want="Failed")
    assert (page["cause"], page["order"]) == ("policy", "")
    assert page["error"] == "Key Algorithm: policy Changed does not allow p-256; choose one of rsa-3072"
    assert "security officer" in page["advice"]
    row = appliance.get(path)
    assert (row["failure_cause"], row["status"], row["key"], row["order"]) == ("policy", "Initiated", "", "")
    appliance.patch(f"/policies/{made['id']}", {"key_algs": []})
    page = appliance.work("POST", f"/jobs/{page['id']}/retry")
    assert appliance.get(path)["status"] == "Issued" and appliance.get(path)["failure"] == ""


def test_queued_order_is_judged_before_it_is_sent(appliance, local, policy):
    cert = add(appliance, "queued.example", local, validity_days=47)
    appliance.post(f"/connectors/{local['id']}/disable")
    job = appliance.post(f"/certificates/{cert['id']}/issue")["job"]
    wait(lambda: appliance.get(f"/jobs/{job}")["state"] == "Waiting")
    policy("No queue", for_names=["queued.example"], max_days=10)
    appliance.job_end(appliance.post(f"/connectors/{local['id']}/reactivate")["job"])
    page = wait(lambda: (p := appliance.get(f"/jobs/{job}"))["state"] == "Failed" and p, 90)
    assert page["cause"] == "policy" and "policy No queue" in page["error"]
    order = appliance.get(f"/orders/{page['order']}")
    assert order["state"] == "Failed" and order["submitted_at"] is None


def test_answer_of_the_ca_is_checked_against_the_policies(appliance, tmp_path):
    """Pebble issues for longer than asked; nobody told the appliance."""
    with running_pebble(tmp_path, port=PEBBLE, http_port=appliance.http01, days=150) as trust:
        made = appliance.post("/connectors", {"name": "Public CA", "type": "acme", "settings": {
            "base_url": f"https://localhost:{PEBBLE}/dir", "contact": "pki@example.com", "trust": trust, "terms_agreed": True}})
        assert appliance.job_end(made["job"])["state"] == "Done"
        limit = appliance.post("/policies", {"name": "Hundred", "for_ca_types": ["Public"], "max_days": 100})
        cert = add(appliance, "long.public.example", made, validity_days=47)
        page = appliance.work("POST", f"/certificates/{cert['id']}/issue", want="Failed")
        assert page["cause"] == "policy" and page["step"] == "check", page
        assert page["error"] == "the CA's answer: Validity: 150 days; policy Hundred allows at most 100, choose 100 or fewer"
        row = appliance.get(f"/certificates/{cert['id']}")
        assert (row["fingerprint"], row["status"]) == ("", "Initiated")
        appliance.delete(f"/policies/{limit['id']}")
        appliance.work("POST", f"/jobs/{page['id']}/retry")  # looks at the same answer again
        row = appliance.get(f"/certificates/{cert['id']}")
        assert row["status"] == "Issued" and row["validation_status"] in ("", "Valid")


# ---- when it is deployed ----
def test_four_eyes(appliance, machine, server, local, policy, people):
    policy("Second person", for_names=["blog.example"], approval="four eyes")
    row, before = current(appliance, server, "blog.example"), machine.served(8443, "blog.example")
    path = f"/certificates/{row['id']}"
    status, answer = as_person(appliance, people["olga"], "PATCH", path, {"connector": local["id"], "key_alg": "p-256"})
    assert status == 200 and answer["configured_by"] == "olga", answer
    issued = as_person(appliance, people["olga"], "POST", f"{path}/issue")[1]["job"]
    assert appliance.job_end(issued)["state"] == "Done"
    job = appliance.followed_by(issued, "deploy")
    page = appliance.job_end(job)
    assert (page["state"], page["cause"]) == ("Needs Approval", "policy") and "policy Second person" in page["error"]
    status, problem = as_person(appliance, people["olga"], "POST", f"/jobs/{job}/approve")
    assert status == 403 and "have somebody else approve it" in problem["detail"], problem
    assert appliance.get(f"/jobs/{job}")["state"] == "Needs Approval" and machine.served(8443, "blog.example") == before
    status, answer = as_person(appliance, people["paul"], "POST", f"/jobs/{job}/approve")
    assert status == 200, answer
    page = appliance.job_end(job)
    assert (page["state"], page["approved_by"]) == ("Done", "paul")
    assert machine.served(8443, "blog.example") == appliance.get(path)["fingerprint"] != before


def test_four_eyes_asked_for_after_the_approval(appliance, machine, server, local, policy, people):
    """An approval by the requester does not outlive a policy that wants a second person."""
    made = policy("First only approval", for_names=["other.example"], approval="required",
                  windows=[far_window()])
    row = current(appliance, server, "other.example")
    status, answer = as_person(appliance, people["olga"], "PATCH", f"/certificates/{row['id']}", {"connector": local["id"]})
    assert status == 200, answer
    issued = as_person(appliance, people["olga"], "POST", f"/certificates/{row['id']}/issue")[1]["job"]
    job = appliance.followed_by(issued, "deploy")
    assert appliance.job_end(job)["state"] == "Needs Approval"
    assert as_person(appliance, people["olga"], "POST", f"/jobs/{job}/approve")[0] == 200
    page = wait(lambda: (p := appliance.get(f"/jobs/{job}"))["state"] == "Waiting" and p)
    assert "waits for its deployment window" in page["error"] and page["cause"] == "policy"
    appliance.patch(f"/policies/{made['id']}", {"approval": "four eyes", "windows": []})
    appliance.call("POST", f"/jobs/{job}/retry")
    page = appliance.job_end(job)
    assert (page["state"], page["approved"]) == ("Needs Approval", True) and "another person" in page["error"]
    assert as_person(appliance, people["paul"], "POST", f"/jobs/{job}/approve")[0] == 200
    assert appliance.job_end(job)["state"] == "Done"


def far_window():
    return (datetime.now(timezone.utc) + timedelta(days=3)).strftime("%a") + " 01:00-02:00"


def test_deployment_waits_for_its_window(appliance, machine, server, policy):
    made = policy("Nightly", for_names=["blog.example"], windows=[far_window()])
    row, before = current(appliance, server, "blog.example"), machine.served(8443, "blog.example")
    appliance.patch(f"/certificates/{row['id']}", {"batch": "window"})
    issued = appliance.work("POST", f"/certificates/{row['id']}/renew")
    job = appliance.followed_by(issued["id"], "deploy")
    page = wait(lambda: (p := appliance.get(f"/jobs/{job}"))["state"] == "Waiting" and p)
    assert "policy Nightly: waits for its deployment window at" in page["error"]
    assert page["plan_text"] and machine.served(8443, "blog.example") == before
    appliance.patch(f"/policies/{made['id']}", {"windows": ["daily 00:00-24:00"]})
    appliance.call("POST", f"/jobs/{job}/retry")
    assert appliance.job_end(job)["state"] == "Done"
    assert machine.served(8443, "blog.example") != before


def test_renewal_is_as_early_as_the_policy_wants(appliance, server, policy):
    row = current(appliance, server, "blog.example")
    assert row["status"] == "Deployed" and row["renew_at"]
    policy("Early", for_names=["blog.example"], renew_percent=80)
    wait(lambda: appliance.get(f"/certificates/{row['id']}")["renew_at"] < row["renew_at"])
    new = appliance.get(f"/certificates/{row['id']}")
    when, end = (datetime.fromisoformat(new[x]) for x in ("renew_at", "not_after"))
    assert timedelta(days=47 * 0.8 - 1) < end - when < timedelta(days=47 * 0.8 + 1)


def test_wrong_id_is_not_found(appliance):
    with pytest.raises(ApiError) as e:
        appliance.get("/policies/" + "0" * 20)
    assert e.value.status == 404
