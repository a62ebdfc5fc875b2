"""The main job over the public API, on a whole appliance and a real server: issue, deploy, prove, renew,
approve, roll back, cancel; and what is left to read afterwards."""
import base64
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import main_job
import pytest
from conftest import TOP, Sampler, current, report, tree_hash

BUILD = Path(os.environ.get("BUILD", TOP / "build/asan"))
STEPS = ["Connect", "Discover", "Plan", "Back up", "Stage", "Validate", "Arm rollback timer", "Switch", "Activate",
         "Verify", "Commit"]


@pytest.fixture(scope="module")
def deployed(appliance, machine, server):
    """The shop, issued and deployed while somebody watches: old and new leaf, both jobs."""
    row = current(appliance, server, "shop.example")
    main_job.configure(appliance, row["id"], main_job.connector(appliance)["id"])
    before = machine.served()
    watch = Sampler(machine, [before])
    watch.start()
    issued, page = main_job.issue_and_deploy(appliance, row["id"], on_step=lambda page, s: watch.allowed.add(
        appliance.get(f"/certificates/{row['id']}")["fingerprint"]) if s["name"] == "Connect" else None)
    watch.done.set()
    watch.join()
    assert watch.bad == [] and watch.count > 5
    return {"cert": row["id"], "old": before, "issue": issued, "deploy": page}


def trust(a):
    ctx = ssl.create_default_context(cadata=a.call("GET", f"/ca/{main_job.connector(a)['id']}/root.pem",
                                                   token=False).decode())
    ctx.verify_flags |= ssl.VERIFY_X509_STRICT
    return ctx


def test_new_certificate_is_served_and_verifies_against_the_local_ca(appliance, machine, deployed):
    row = appliance.get(f"/certificates/{deployed['cert']}")
    assert machine.served() == row["fingerprint"] != deployed["old"]
    assert machine.served(443, "www.shop.example") == row["fingerprint"]
    assert (row["status"], row["readiness"]) == ("Deployed", "Ready") and not row["failure"]
    assert row["last_provisioned"] >= deployed["deploy"]["started_at"]
    assert row["location"] == f"{machine.address}:443" and row["renew_at"]
    with socket.create_connection((machine.address, 443), 5) as s:
        with trust(appliance).wrap_socket(s, server_hostname="www.shop.example") as tls:
            assert "www.shop.example" in str(tls.getpeercert()["subjectAltName"])


def test_other_sites_are_untouched(machine, deployed):
    assert machine.served(443, "other.example") == machine.certs["other"]["sha256"]
    assert machine.served(8443, "blog.example") == machine.certs["blog"]["sha256"]


def test_job_tells_its_steps_journal_log_and_report(appliance, deployed):
    page = appliance.get(f"/jobs/{deployed['deploy']['id']}")
    assert [(s["name"], s["state"]) for s in page["steps"]] == [(n, "done") for n in STEPS]
    for n in STEPS:  # intent before outcome, each with its time
        events = [(j["event"], j["time"]) for j in page["journal"] if j["step"] == n]
        assert [e for e, _ in events] == ["before", "after"] and events[0][1] <= events[1][1]
    assert [s["name"] for s in deployed["issue"]["steps"]] == ["key", "csr", "order", "check"]
    assert page["follows"] == deployed["issue"]["id"] and page["requested_by"] == "admin"
    log = appliance.get(f"/jobs/{page['id']}/log")
    text = "\n".join(x["line"] for x in log["items"])
    assert "Replace 2 files" in text and log["next"] == log["items"][-1]["seq"] + 1
    assert appliance.get(f"/jobs/{page['id']}/log", **{"from": log["next"]})["items"] == []
    words = report(appliance, page["id"])
    for expected in ("state     Done", "asked by  admin", "replace /etc/nginx/tls/shop.key", "Journal", "Log",
                     "after  Verify"):
        assert expected in words
    assert "replace /etc/nginx/tls/shop.crt" in page["plan_text"]


def test_timeline_tells_the_story(appliance, deployed):
    items = appliance.get(f"/certificates/{deployed['cert']}/timeline")["items"]
    actions = [x["action"] for x in sorted(items, key=lambda x: x["time"])]
    wanted = ["discovered", "order queued", "order", "issued", "deployed"]
    assert [a for a in actions if a in wanted] == wanted
    assert [x["job"] for x in items if x["action"] == "deployed"] == [deployed["deploy"]["id"]]


def nginx_workers(machine):
    return sorted(machine.run("pgrep -P $(cat /run/nginx.pid)").split())


def test_second_deployment_is_no_change_without_reload(appliance, machine, deployed):
    before = nginx_workers(machine), tree_hash(machine, "/etc/nginx", "/var/lib/certkeep")
    page = appliance.work("POST", f"/certificates/{deployed['cert']}/deploy", {}, want="No Change")
    assert "already" in page["advice"]
    assert (nginx_workers(machine), tree_hash(machine, "/etc/nginx", "/var/lib/certkeep")) == before


def test_renewal_makes_a_successor_and_supersedes_the_old(appliance, machine, server, deployed):
    old = current(appliance, server, "shop.example")
    main_job.issue_and_deploy(appliance, old["id"])
    new, old = current(appliance, server, "shop.example"), appliance.get(f"/certificates/{old['id']}")
    assert (old["superseded"], old["successor"], new["predecessor"]) == (True, new["id"], old["id"])
    assert new["fingerprint"] == machine.served() != old["fingerprint"]
    assert new["key"] != old["key"] and new["serial"] != old["serial"]
    assert old["renew_at"] is None and new["renew_at"]
    assert "superseded" in [x["action"] for x in appliance.get(f"/certificates/{old['id']}/timeline")["items"]]
    status, _, data = appliance.request("POST", f"/certificates/{old['id']}/renew", {})
    assert status == 409 and b"successor" in data


def test_dry_run_changes_nothing_and_shows_the_plan(appliance, machine, site):
    cert = site("other", deployment_type="manual")
    appliance.work("POST", f"/certificates/{cert['id']}/issue")
    before = tree_hash(machine, "/etc/nginx", "/var/lib/certkeep"), nginx_workers(machine)
    page = appliance.work("POST", f"/certificates/{cert['id']}/deploy", {"dry_run": True})
    assert page["dry_run"] and "nothing was changed" in page["advice"]
    assert "replace /etc/nginx/tls/other.crt" in page["plan_text"]
    assert {s["name"] for s in page["steps"] if s["state"] == "done"} == {"Connect", "Discover", "Plan"}
    assert (tree_hash(machine, "/etc/nginx", "/var/lib/certkeep"), nginx_workers(machine)) == before
    assert machine.served(443, "other.example") == machine.certs["other"]["sha256"]
    appliance.work("POST", f"/certificates/{cert['id']}/deploy", {})
    after = appliance.get(f"/certificates/{cert['id']}")
    assert machine.served(443, "other.example") == after["fingerprint"]


def test_manual_approval_waits_then_goes_on_and_one_action_rolls_back(appliance, machine, site):
    cert, old = site("blog", approval="manual"), machine.served(8443, "blog.example")
    _, page = main_job.issue_and_deploy(appliance, cert["id"], want="Needs Approval")
    assert "replace /etc/nginx/tls/blog.key" in page["plan_text"]
    assert machine.served(8443, "blog.example") == old
    assert page["id"] in [r["id"] for r in appliance.get("/home")["needs_me"]]
    appliance.post(f"/jobs/{page['id']}/approve")
    page = appliance.job_end(page["id"])
    assert (page["state"], page["approved_by"]) == ("Done", "admin")
    new = appliance.get(f"/certificates/{cert['id']}")["fingerprint"]
    assert machine.served(8443, "blog.example") == new != old
    with Sampler(machine, [old, new], 8443, "blog.example"):
        appliance.work("POST", f"/certificates/{cert['id']}/rollback")
    assert machine.served(8443, "blog.example") == old
    assert appliance.get(f"/certificates/{cert['id']}")["status"] == "Rolled Back"
    assert "rolled back" in [x["action"] for x in appliance.get(f"/certificates/{cert['id']}/timeline")["items"]]


def test_waiting_plan_can_be_cancelled(appliance, machine, server):
    cert, served = current(appliance, server, "blog.example"), machine.served(8443, "blog.example")
    assert cert["approval"] == "manual"
    page = appliance.work("POST", f"/certificates/{cert['id']}/deploy", {}, want="Needs Approval")
    assert appliance.post(f"/jobs/{page['id']}/cancel")["state"] == "Cancelled"
    status, _, data = appliance.request("POST", f"/jobs/{page['id']}/approve")
    assert status == 409 and b"nothing to approve" in data
    assert machine.served(8443, "blog.example") == served


def test_cancel_before_the_switch_leaves_the_server_as_it_was(appliance, machine, server, deployed):
    cert = current(appliance, server, "shop.example")
    before, old = tree_hash(machine, "/etc/nginx"), machine.served()
    main_job.configure(appliance, cert["id"], cert["connector"], deployment_type="manual")
    appliance.work("POST", f"/certificates/{cert['id']}/renew")
    cert = current(appliance, server, "shop.example")
    appliance.fault.write_text("after Back up\n")
    core = appliance.pid("core")
    with Sampler(machine, [old]):
        job = appliance.post(f"/certificates/{cert['id']}/deploy", {})["job"]
        wait_stopped(core)
        asked = threading.Thread(target=appliance.post, args=(f"/jobs/{job}/cancel",))
        asked.start()
        time.sleep(0.5)  # the call now waits in core's socket
        os.kill(core, signal.SIGCONT)
        asked.join()
        page = appliance.job_end(job)
    assert page["state"] == "Cancelled" and "nothing was changed" in page["error"]
    assert [s["state"] for s in page["steps"] if s["name"] == "Switch"] == ["skipped"]
    assert tree_hash(machine, "/etc/nginx") == before and machine.served() == old
    assert machine.run("ls -d /var/lib/certkeep/lock 2>/dev/null || true") == ""
    main_job.configure(appliance, cert["id"], cert["connector"], deployment_type="automated")
    appliance.call("POST", f"/jobs/{job}/retry")
    assert appliance.job_end(job)["state"] == "Done"
    assert machine.served() == appliance.get(f"/certificates/{cert['id']}")["fingerprint"] != old


def wait_stopped(pid, seconds=60):
    end = time.monotonic() + seconds
    while Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "Tt":
        assert time.monotonic() < end, "core never came to the step"
        time.sleep(0.02)


def verify_export(appliance, data, tmp_path):
    (tmp_path / "audit").write_bytes(data)
    pem = appliance.call("GET", "/audit/key").decode()
    (tmp_path / "key").write_bytes(base64.b64decode("".join(pem.splitlines()[1:-1])))
    return subprocess.run([BUILD / "tests/doubles/audit_check", tmp_path / "audit", tmp_path / "key"],
                          capture_output=True, text=True)


def test_audit_is_complete_chained_and_signed(appliance, deployed, tmp_path):
    rows = appliance.get("/audit", filter=f"object:equals:job/{deployed['deploy']['id']}", limit=200)["items"]
    for n in STEPS:
        mine = [r for r in rows if r["action"] == "job.step" and r["detail"].startswith(n + " ")]
        assert [r["detail"].split(":")[0] for r in reversed(mine)] == [f"{n} before", f"{n} after"]
        for r in mine:  # who, when, what, object, result
            assert r["actor"] == "admin" and r["time"] >= deployed["deploy"]["started_at"][:19]
            assert r["result"] == "ok" and "shop.example" in r["name"]
    assert [r["detail"] for r in rows if r["action"] == "job.end"] == ["Done"]
    data = appliance.call("GET", "/audit/export")
    done = {(r["action"], r["result"]) for r in map(json.loads, data.splitlines()) if "seq" in r}
    for action in ("servers_create", "servers_approve_host_keys", "servers_test", "certs_update", "certificate.issue",
                   "jobs_approve", "certs_rollback", "jobs_cancel", "certs_deploy", "sign in", "tokens_create"):
        assert (action, "ok") in done, f"{action} is not in the audit: {sorted(done)}"
    got = verify_export(appliance, data, tmp_path)
    records, signed = map(int, got.stdout.split() or (0, 0))
    assert got.returncode == 0 and records > 50 and signed >= records - 1, got.stderr
    lines = data.splitlines(keepends=True)
    for bad in (data.replace(b"shop.example", b"shop.examplf", 1), b"".join(lines[:9] + lines[10:])):
        assert verify_export(appliance, bad, tmp_path).returncode == 1
