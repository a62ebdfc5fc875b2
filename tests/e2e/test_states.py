"""States that follow from one another: what a certificate's readiness says while its last job failed, is retried or is
tried again by itself, on a whole appliance and a real server."""
import datetime
import json
import os
import re
import signal
import threading
import time
from pathlib import Path

import main_job
import pytest
from conftest import current, report, tree_hash
from fake_acme import FakeAcme


def wait(what, seconds=60):
    end = time.monotonic() + seconds
    while not (got := what()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)
    return got


def refused(a, method, path, body=None, status=409):
    got, _, data = a.request(method, path, body)
    assert got == status, data
    return json.loads(data)["detail"]


def readiness(a, cert):
    return a.get(f"/certificates/{cert['id']}")["readiness"]


def told(a, cert):
    """The timeline as "action: text", newest first."""
    return [f"{x['action']}: {x['text']}" for x in a.get(f"/certificates/{cert['id']}/timeline")["items"]]


@pytest.fixture
def failed(appliance, machine, server, site):
    """The shop, newly issued, whose deployment failed: the server refuses its own configuration."""
    cert = site("shop", deployment_type="manual")
    appliance.work("POST", f"/certificates/{cert['id']}/{'renew' if cert['status'] == 'Deployed' else 'issue'}")
    cert = current(appliance, server, "shop.example")
    machine.break_config()
    page = appliance.work("POST", f"/certificates/{cert['id']}/deploy", {}, want="Failed")
    machine.mend_config()
    assert readiness(appliance, cert) == "Deployment Failed"
    return cert, page


# ---- readiness on retry (423) ----
PENDING = "readiness: Deployment Failed to Deployment Pending"


def test_retry_makes_a_failed_certificate_pending_at_once(appliance, server, failed):
    cert, page = failed
    assert PENDING not in told(appliance, cert)
    appliance.post(f"/servers/{server['id']}/disable")
    appliance.call("POST", f"/jobs/{page['id']}/retry")
    assert PENDING in told(appliance, cert)  # committed with the retry, whatever comes of it
    appliance.job_end(page["id"])
    assert readiness(appliance, cert) == "Deployment Failed", "the retry failed, too"
    appliance.post(f"/servers/{server['id']}/enable")
    appliance.work("POST", f"/servers/{server['id']}/test")
    assert readiness(appliance, cert) == "Deployment Failed", "a check of the server is no retry"
    appliance.work("POST", f"/jobs/{page['id']}/retry")
    assert readiness(appliance, cert) == "Ready"


def test_certificate_retries_its_last_failed_job(appliance, machine, failed):
    cert, page = failed
    assert appliance.call("POST", f"/certificates/{cert['id']}/retry")["job"] == page["id"]
    assert appliance.job_end(page["id"])["state"] == "Done"
    cert = appliance.get(f"/certificates/{cert['id']}")
    assert (cert["readiness"], cert["failure"], cert["job"]) == ("Ready", "", page["id"])
    assert machine.served() == cert["fingerprint"]
    assert "the job is Done: nothing to retry" in refused(appliance, "POST", f"/certificates/{cert['id']}/retry")
    fresh = appliance.post("/certificates", {"name": "never.example"})
    assert "has had no job yet" in refused(appliance, "POST", f"/certificates/{fresh['id']}/retry")


def test_edit_of_the_aim_queues_the_failed_deployment_again(appliance, machine, server, site):
    cert = site("other", cert_path="/etc/nginx/tls/nobody.crt")
    _, page = main_job.issue_and_deploy(appliance, cert["id"], want="Failed")
    assert page["cause"] == "configuration" and readiness(appliance, cert) == "Deployment Failed"
    path = f"/certificates/{cert['id']}"
    assert appliance.patch(path, {"tags": ["env=test"]})["readiness"] == "Deployment Failed", "tags mend nothing"
    now = appliance.patch(path, {"cert_path": "/etc/nginx/tls/other.crt"})
    assert (now["readiness"], now["failure"], now["failure_cause"]) == ("Deployment Pending", "", "")
    assert appliance.job_end(page["id"])["state"] == "Done"
    assert readiness(appliance, cert) == "Ready"
    assert machine.served(443, "other.example") == appliance.get(path)["fingerprint"]


def test_scheduled_retry_is_pending_until_it_is_cancelled(appliance, machine, failed):
    cert, page = failed
    machine.run("kill $(cat /run/sshd.pid)")
    try:
        appliance.call("POST", f"/jobs/{page['id']}/retry")
        wait(lambda: appliance.get(f"/jobs/{page['id']}")["state"] == "Waiting")
        now = appliance.get(f"/certificates/{cert['id']}")
        assert (now["readiness"], now["failure_cause"]) == ("Deployment Pending", "connectivity") and now["failure"]
        appliance.call("POST", f"/jobs/{page['id']}/cancel")
        assert appliance.job_end(page["id"])["state"] == "Cancelled"
        assert wait(lambda: readiness(appliance, cert) == "Deployment Failed")
    finally:
        machine.run("/usr/sbin/sshd")
        machine._wait_port(22)


# ---- an approved plan is the plan that is carried out ----
@pytest.fixture
def planned(appliance, machine, server, site):
    """The blog with a plan that waits for approval; its server as it is then."""
    cert = site("blog", approval="manual")
    if cert["status"] == "Discovered" or cert["status"] == "Initiated":
        appliance.work("POST", f"/certificates/{cert['id']}/issue")
        page = appliance.job_end(appliance.get(f"/certificates/{cert['id']}")["job"])
    else:
        page = appliance.work("POST", f"/certificates/{cert['id']}/deploy", {}, want="Needs Approval")
    assert page["state"] == "Needs Approval" and not page["approved"]
    return page


def spoil_config(machine):
    machine.write("/etc/nginx/conf.d/zz-new.conf", "# a comment is a change, too\n")


def spoil_content(machine):
    machine.install("blog", machine.ca.issue(["blog.example"]))
    machine.reload()


def spoil_mode(machine):
    machine.run("chmod 640 /etc/nginx/tls/blog.key")


def spoil_names(machine):
    machine.run("sed -i 's/server_name blog.example;/server_name blog.example www.blog.example;/' "
                "/etc/nginx/conf.d/blog.conf")
    machine.reload()


@pytest.mark.parametrize("spoil, words", [
    (spoil_config, "the server's configuration changed"),
    (spoil_content, "certificate in the file: .* was .*|blog.crt has other content"),
    (spoil_mode, r"/etc/nginx/tls/blog.key: 0:0 0640, was 0:0 0600"),
    (spoil_names, r"port 8443 \[www.blog.example\] uses this certificate, too"),
])
def test_approved_plan_that_changed_is_asked_for_again(appliance, machine, planned, spoil, words):
    assert "changed since the approval" not in planned["plan_text"]
    spoil(machine)
    files, served = tree_hash(machine, "/etc/nginx", "/var/lib/certkeep"), machine.served(8443, "blog.example")
    appliance.post(f"/jobs/{planned['id']}/approve")
    page = wait(lambda: (p := appliance.get(f"/jobs/{planned['id']}"))["state"] == "Needs Approval" and p)
    assert "not the one that was approved" in page["error"] and "Nothing was changed" in page["error"]
    assert re.search(words, page["plan_text"].split("changed since the approval:")[1]), page["plan_text"]
    assert not page["approved"] and page["approved_by"] == "" and page["cause"] == "configuration"
    assert page["id"] in [r["id"] for r in appliance.get("/home")["needs_me"]]
    assert tree_hash(machine, "/etc/nginx", "/var/lib/certkeep") == files
    assert machine.served(8443, "blog.example") == served
    assert [s["state"] for s in page["steps"] if s["name"] == "Back up"] == ["waiting"]
    appliance.post(f"/jobs/{planned['id']}/cancel")


def test_plan_seen_is_the_plan_approved_and_goes_on_when_nothing_changed(appliance, machine, planned):
    path = f"/jobs/{planned['id']}"
    status, _, data = appliance.request("POST", f"{path}/approve", headers={"If-Match": f'"{planned["rev"] - 1}"'})
    assert status == 412 and b"changed meanwhile" in data
    status, _, _ = appliance.request("POST", f"{path}/approve", headers={"If-Match": f'"{planned["rev"]}"'})
    assert status == 200
    page = appliance.job_end(planned["id"])
    assert (page["state"], page["approved_by"]) == ("Done", "admin")
    assert machine.served(8443, "blog.example") == appliance.get(f"/certificates/{page['cert']}")["fingerprint"]


# ---- redeploy (152) ----
def nginx_workers(machine):
    return sorted(machine.run("pgrep -P $(cat /run/nginx.pid)").split())


def backups(machine):
    return sorted(machine.run("ls /var/lib/certkeep").split())


def test_redeploy_writes_reloads_and_proves_what_is_served_already(appliance, machine, server):
    cert = current(appliance, server, "other.example")
    path = f"/certificates/{cert['id']}"
    assert machine.served(443, "other.example") == cert["fingerprint"]
    assert appliance.work("POST", f"{path}/deploy", {}, want="No Change")["unchanged"]
    before = nginx_workers(machine), backups(machine)
    files = machine.run("stat -c %i:%y /etc/nginx/tls/other.*")
    plan = appliance.work("POST", f"{path}/redeploy", {"dry_run": True})
    assert "replace /etc/nginx/tls/other.key" in plan["plan_text"] and "nothing was changed" in plan["advice"]
    assert machine.run("stat -c %i:%y /etc/nginx/tls/other.*") == files and nginx_workers(machine) == before[0]
    page = appliance.work("POST", f"{path}/redeploy", {})
    assert (page["redeploy"], page["unchanged"]) == (True, True) and page["title"] == "Redeploy other.example"
    done = {s["name"]: s for s in page["steps"]}
    assert all(s["state"] == "done" for s in page["steps"]) and "Replace 2 files" in done["Plan"]["text"]
    assert "fresh handshakes serve leaf" in done["Verify"]["text"]
    assert not set(nginx_workers(machine)) & set(before[0]), "nginx was not reloaded"
    assert machine.served(443, "other.example") == cert["fingerprint"]
    assert backups(machine) == before[1], "a redeployment leaves no backup of the same leaf"
    assert "served before this deployment" in refused(appliance, "POST", f"/jobs/{page['id']}/rollback")


def test_redeploy_brings_back_what_somebody_replaced(appliance, machine, server):
    cert = current(appliance, server, "other.example")
    machine.install("other", machine.ca.issue(["other.example"]))
    machine.reload()
    stranger = machine.served(443, "other.example")
    page = appliance.work("POST", f"/certificates/{cert['id']}/redeploy", {})
    assert not page["unchanged"] and machine.served(443, "other.example") == cert["fingerprint"] != stranger
    appliance.work("POST", f"/jobs/{page['id']}/rollback")
    assert machine.served(443, "other.example") == stranger
    appliance.work("POST", f"/certificates/{cert['id']}/redeploy", {})


def test_failed_dry_run_leaves_the_row_alone(appliance, machine, server):
    cert = current(appliance, server, "other.example")
    machine.break_config()
    try:
        appliance.work("POST", f"/certificates/{cert['id']}/deploy", {"dry_run": True}, want="Failed")
    finally:
        machine.mend_config()
    now = appliance.get(f"/certificates/{cert['id']}")
    assert (now["readiness"], now["failure"], now["job"]) == (cert["readiness"], "", cert["job"])


# ---- orders end by time (429) ----
@pytest.fixture(scope="module")
def brief_ca(appliance, tmp_path_factory):
    """A CA whose certificates end within half a minute."""
    ca = FakeAcme(tmp_path_factory.mktemp("fake"))
    ca.life = datetime.timedelta(seconds=30)
    made = appliance.post("/connectors", {"name": "Brief", "type": "acme", "settings": {
        "base_url": ca.url + "/directory", "trust": ca.trust, "terms_agreed": True}})
    assert appliance.job_end(made["job"])["state"] == "Done", report(appliance, made["job"])
    ca.id = made["id"]
    yield ca
    ca.close()


def test_order_expires_with_its_certificate_across_a_restart(appliance, brief_ca):
    cert = appliance.post("/certificates", {"name": "brief.example", "connector": brief_ca.id, "key_alg": "p-256"})
    appliance.work("POST", f"/certificates/{cert['id']}/issue")
    cert = appliance.get(f"/certificates/{cert['id']}")
    order = appliance.get(f"/orders/{cert['order']}")
    assert (order["state"], order["expires_at"], order["expired_at"]) == ("Certificate Issued", cert["not_after"], None)
    appliance.stop()
    appliance.start()
    appliance.unlock()
    order = wait(lambda: (o := appliance.get(f"/orders/{order['id']}"))["state"] == "Expired" and o, 90)
    assert (order["expires_at"], order["expired_at"]) == (None, cert["not_after"])
    assert datetime.datetime.fromisoformat(order["updated_at"]) >= datetime.datetime.fromisoformat(cert["not_after"])
    assert [x["text"] for x in appliance.get(f"/orders/{order['id']}/timeline")["items"]
            if x["action"] == "order expired"] == ["its certificate has ended"]
    audit = appliance.get("/audit", filter=f"object:equals:order/{order['id']}")["items"]
    assert [(r["actor"], r["action"]) for r in audit] == [("scheduler", "order.expired")]
    assert [r["id"] for r in appliance.get("/orders", filter="state:equals:Expired")["items"]] == [order["id"]]
    appliance.delete(f"/orders/{order['id']}")


# ---- a row may change while its job runs ----
def test_row_changed_meanwhile_does_not_fail_its_issue(appliance):
    cert = appliance.post("/certificates", {"name": "busy.example", "connector": main_job.connector(appliance)["id"],
                                            "key_alg": "p-256"})
    for step in ("csr", "check"):
        appliance.fault.write_text(f"before {step}\n")
        core = appliance.pid("core")
        job = appliance.post(f"/certificates/{cert['id']}/issue", {})["job"]
        wait(lambda: Path(f"/proc/{core}/stat").read_text().rsplit(")", 1)[1].split()[0] in "Tt")
        asked = threading.Thread(target=appliance.patch, args=(f"/certificates/{cert['id']}", {"tags": [f"at={step}"]}))
        asked.start()
        time.sleep(0.5)  # the call now waits in core's socket
        os.kill(core, signal.SIGCONT)
        asked.join()
        assert appliance.job_end(job)["state"] == "Done"
        row = appliance.get(f"/certificates/{cert['id']}")
        assert (row["status"], row["tags"]) == ("Issued", [f"at={step}"])
