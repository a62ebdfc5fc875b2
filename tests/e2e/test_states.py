"""States that follow from one another: what a certificate's readiness says while its last job failed, is retried or is
tried again by itself, on a whole appliance and a real server."""
import json
import time

import main_job
import pytest
from conftest import current


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
