"""Everything that can go wrong on the way to a served certificate, on a whole appliance.

Each test breaks one thing and asks for the same: words that name what is wrong and what to do, the cause
class of the contract, the old certificate served all the time, and a retry that works once it is mended.
"""
import re
import time

import main_job
import pytest
from conftest import Sampler, configure_site, current, report, tree_hash
from fake_acme import FakeAcme

from host import CA, PASSWORD

NAME = "shop.example"
FIRST = {}


@pytest.fixture
def shop(appliance, machine, server):
    """The shop with a certificate issued and not yet deployed; the server as it was first."""
    for site, cert in FIRST.setdefault(machine.n, dict(machine.certs)).items():
        machine.install(site, cert)
    machine.reload()
    assert appliance.get(f"/servers/{server['id']}")["state"] == "Active"
    cert = configure_site(appliance, server, NAME, deployment_type="manual")
    if cert["status"] == "Deployed":
        appliance.work("POST", f"/certificates/{cert['id']}/renew")
    else:
        appliance.work("POST", f"/certificates/{cert['id']}/issue")
    return current(appliance, server, NAME)


def broken_deploy(a, machine, cert, want="Failed", words=(), cause="", untouched=True):
    """A deployment that ends badly while somebody watches; returns the job's page."""
    old, files = machine.served(), tree_hash(machine, "/etc/nginx/tls")
    with Sampler(machine, [old]):
        job = a.post(f"/certificates/{cert['id']}/deploy", {})["job"]
        page = ended(a, job, want)
    row = a.get(f"/certificates/{cert['id']}")
    for w in words:
        assert re.search(w, page["error"]), page["error"]
        assert re.search(w, row["failure"]), row["failure"]
    assert (page["cause"], row["failure_cause"]) == (cause, cause), page["error"]
    assert row["fingerprint"] == cert["fingerprint"]  # a deploy failure never voids the certificate (214)
    assert row["readiness"] == ("Deployment Pending" if want == "Waiting" else "Deployment Failed")
    assert machine.served() == old
    if untouched:
        assert tree_hash(machine, "/etc/nginx/tls") == files
        assert machine.run("find /etc/nginx -name '.*' -type f; ls -d /var/lib/certkeep/lock 2>/dev/null || true") == ""
    if want in ("Failed", "Rolled Back"):
        assert page["advice"], page
        text = report(a, job)
        assert page["error"] in text and page["advice"] in text
    return page


def ended(a, job, want):
    end = time.monotonic() + 120
    while (page := a.get(f"/jobs/{job}"))["state"] != want:
        assert page["state"] in ("Queued", "Running", "Waiting") and time.monotonic() < end, report(a, job)
        time.sleep(0.1)
    return page


def retry_works(a, machine, cert, page):
    a.call("POST", f"/jobs/{page['id']}/retry")
    page = a.job_end(page["id"])
    assert page["state"] == "Done", report(a, page["id"])
    row = a.get(f"/certificates/{cert['id']}")
    assert machine.served() == cert["fingerprint"] and (row["status"], row["readiness"]) == ("Deployed", "Ready")
    assert not row["failure"] and not row["failure_cause"] and not page["error"]


def test_unwritable_folder(appliance, machine, shop):
    machine.set_readonly("/etc/nginx/tls")
    try:
        page = broken_deploy(appliance, machine, shop, words=["/etc/nginx/tls", "read-only"], cause="permission")
    finally:
        machine.set_writable("/etc/nginx/tls")
    assert "right" in page["advice"]
    retry_works(appliance, machine, shop, page)


def test_configuration_broken_before(appliance, machine, shop):
    machine.break_config()
    try:
        page = broken_deploy(appliance, machine, shop, words=["broken before", "nonsense"], cause="configuration")
    finally:
        machine.mend_config()
    assert "configuration" in page["advice"]
    retry_works(appliance, machine, shop, page)


def test_key_on_the_server_is_another_certificates(appliance, machine, shop):
    other = CA(machine.dir / "other", "Other").issue([NAME], key="rsa")
    machine.write("/etc/nginx/tls/shop.key", other["key"], 0o600)
    page = broken_deploy(appliance, machine, shop, words=["broken before", "key"], cause="configuration")
    machine.install("shop", machine.certs["shop"])
    retry_works(appliance, machine, shop, page)


def test_host_key_changed(appliance, machine, server, shop):
    machine.change_host_key()
    page = broken_deploy(appliance, machine, shop, words=["has changed"], cause="connectivity")
    assert "approve the host key" in page["advice"]
    row = appliance.get(f"/servers/{server['id']}")
    assert row["state"] == "Auth Failed" and "has changed" in row["last_error"]
    assert set(row["offered_keys"]) <= set(machine.host_keys()) and row["offered_keys"]
    status, _, data = appliance.request("POST", f"/servers/{server['id']}/host-keys/approve",
                                        {"fingerprints": ["ssh-ed25519 SHA256:" + "A" * 43]})
    assert status == 409 and b"was not offered" in data
    appliance.post(f"/servers/{server['id']}/host-keys/approve", {"fingerprints": row["offered_keys"]})
    appliance.work("POST", f"/servers/{server['id']}/test")
    retry_works(appliance, machine, shop, page)


def test_wrong_password_is_tried_once(appliance, machine, server, shop):
    machine.run("kill $(cat /run/sshd.pid); : >/var/log/sshd.log; /usr/sbin/sshd -E /var/log/sshd.log")
    machine._wait_port(22)
    appliance.patch(f"/servers/{server['id']}", {"password": "not the password"})
    try:
        page = broken_deploy(appliance, machine, shop, words=["deploy"], cause="permission")
        failed = [x for x in machine.read("/var/log/sshd.log").splitlines() if "Failed password" in x]
        assert len(failed) == 1, failed
        assert "not the password" not in report(appliance, page["id"])
    finally:
        appliance.patch(f"/servers/{server['id']}", {"password": PASSWORD})
    retry_works(appliance, machine, shop, page)


def test_server_unreachable_waits_and_goes_on(appliance, machine, shop):
    machine.run("kill $(cat /run/sshd.pid)")
    page = broken_deploy(appliance, machine, shop, want="Waiting", words=["port 22", "refused"], cause="connectivity")
    assert page["next_at"] and page["attempts"] >= 1 and "tried again by itself" in page["advice"]
    machine.run("/usr/sbin/sshd")
    machine._wait_port(22)
    assert appliance.job_end(page["id"])["state"] == "Done"  # by itself, after the back-off
    assert machine.served() == shop["fingerprint"]


def test_certificate_named_by_a_variable_is_left_alone(appliance, machine, shop):
    """The workers of nginx read such files at each handshake, as their own user: nobody can prove them before. The
    block would get files of its own, but those that lie there already may be somebody else's."""
    conf = machine.read("/etc/nginx/conf.d/shop.conf")
    machine.write("/etc/nginx/conf.d/shop.conf", conf.replace("/etc/nginx/tls/shop.", "/etc/nginx/tls/$ssl_server_name."))
    machine.run("cd /etc/nginx/tls; for x in crt key; do cp shop.$x shop.example.$x; chmod 644 shop.example.$x; done")
    machine.reload()
    try:
        page = broken_deploy(appliance, machine, shop, words=["shop.crt exists already", "name another"], cause="configuration")
    finally:
        machine.write("/etc/nginx/conf.d/shop.conf", conf)
        machine.run("rm -f /etc/nginx/tls/shop.example.*")
        machine.reload()
    retry_works(appliance, machine, shop, page)


NO_RELOAD = "#!/bin/sh\ncase \"$*\" in *reload*) exit 0;; esac\nexec /usr/sbin/nginx.real \"$@\"\n"


def test_reload_that_does_not_happen_rolls_back(appliance, machine, shop):
    machine.run("cp -a /usr/sbin/nginx /usr/sbin/nginx.real")
    machine.write("/usr/sbin/nginx.new", NO_RELOAD, 0o755)
    machine.run("mv /usr/sbin/nginx.new /usr/sbin/nginx")
    try:
        page = broken_deploy(appliance, machine, shop, want="Rolled Back", words=["Verify", "served"], cause="verification",
                             untouched=False)
        assert machine.read("/etc/nginx/tls/shop.crt") == machine.certs["shop"]["chain"]
        assert appliance.get(f"/certificates/{shop['id']}")["status"] == "Rolled Back"
        assert [s["state"] for s in page["steps"] if s["name"] == "Roll back"] == ["done"]
    finally:
        machine.run("mv /usr/sbin/nginx.real /usr/sbin/nginx")
    retry_works(appliance, machine, shop, page)


@pytest.fixture(scope="module")
def fake_ca(appliance, tmp_path_factory):
    ca = FakeAcme(tmp_path_factory.mktemp("fake"))
    made = appliance.post("/connectors", {"name": "Fake", "type": "acme", "settings": {
        "base_url": ca.url + "/directory", "trust": ca.trust, "terms_agreed": True}})
    assert appliance.job_end(made["job"])["state"] == "Done", report(appliance, made["job"])
    ca.id = made["id"]
    yield ca
    ca.close()


@pytest.mark.parametrize("mode,words", [
    ("wrong key", "key"), ("wrong chain", "chain|issuer|issued"), ("wrong names", "shop.example"), ("expired", "expired|not_after|ended"),
])
def test_bad_answer_of_the_ca_is_never_deployed(appliance, machine, server, fake_ca, mode, words):
    fake_ca.mode = mode
    cert = current(appliance, server, "other.example" if mode != "wrong names" else NAME)
    cert = main_job.configure(appliance, cert["id"], fake_ca.id, deployment_type="automated")
    old, fingerprint = machine.served(443, cert["name"]), cert["fingerprint"]
    with Sampler(machine, [old], sni=cert["name"]):
        page = appliance.work("POST", f"/certificates/{cert['id']}/issue", want="Failed", seconds=40)
    assert re.search(words, page["error"]) and page["cause"] == "ca" and "issue again" in page["advice"]
    now = current(appliance, server, cert["name"])
    assert now["failure"] == page["error"] and now["fingerprint"] in (fingerprint, None, "")
    assert appliance.get(f"/orders/{page['order']}")["state"] in ("Failed", "Certificate Issued")
    fake_ca.mode = "good"
    main_job.issue_and_deploy(appliance, now["id"])
    assert machine.served(443, cert["name"]) == appliance.get(f"/certificates/{now['id']}")["fingerprint"]


def test_ca_away_keeps_the_order_queued_across_a_restart(appliance, machine, server):
    cert = configure_site(appliance, server, "blog.example")
    ca, old = main_job.connector(appliance)["id"], machine.served(8443, "blog.example")
    appliance.post(f"/connectors/{ca}/disable")
    job = appliance.post(f"/certificates/{cert['id']}/issue", {})["job"]
    page = ended(appliance, job, "Waiting")
    assert "Local CA is Inactive" in page["error"] and page["next_at"]
    assert appliance.get(f"/orders/{page['order']}")["state"] == "Queued"
    appliance.stop()
    appliance.start()
    appliance.unlock()
    order = appliance.get(f"/orders/{page['order']}")
    assert order["state"] == "Queued" and "Inactive" in order["error"]
    assert machine.served(8443, "blog.example") == old
    appliance.post(f"/connectors/{ca}/reactivate")
    assert appliance.job_end(job)["state"] == "Done"
    appliance.job_end(appliance.followed_by(job, "deploy"))
    assert machine.served(8443, "blog.example") == appliance.get(f"/certificates/{cert['id']}")["fingerprint"]
    assert len(appliance.get("/orders", filter=f"cert:equals:{cert['id']}")["items"]) == 1
