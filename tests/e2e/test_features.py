"""Features of docs/features.md that need a whole appliance, and no other test shows: states of connectors, orders and
servers, the planned deployment, filters, exports, batches. A public CA is played by Pebble, which proves every name."""
import json
import os
import time
from datetime import datetime, timedelta, timezone

import main_job
import pytest
from appliance import Appliance
from conftest import SANITIZER, current
from cryptography import x509
from host import Host
from test_acme_pebble import running_pebble

PEBBLE, HTTP01 = 20000 + os.getpid() % 300 * 30, 19000 + os.getpid() % 900  # two runs side by side part
DIRECTORY = f"https://localhost:{PEBBLE}/dir"


@pytest.fixture(scope="module")
def appliance(tmp_path_factory):
    """Its own: Pebble looks for the challenges on one port."""
    folder = tmp_path_factory.mktemp("appliance")
    for p in (folder, *folder.parents):
        if str(p).startswith("/tmp/"):
            p.chmod(p.stat().st_mode | 0o011)
    with Appliance(state=folder / "state", log=folder / "log", http01=HTTP01) as a:
        a.set_up(names=["localhost", a.address])
        yield a
    for words in SANITIZER:
        assert words not in a.log_text(), a.log_text()[a.log_text().index(words):][:3000]


@pytest.fixture(scope="module")
def machine():
    with Host(107) as h:
        yield h


@pytest.fixture(scope="module")
def server(appliance, machine):
    return main_job.add_server(appliance, machine)


@pytest.fixture(scope="module")
def public(appliance, tmp_path_factory):
    """A connector to a public CA, Active; with the CA's trust anchor."""
    with running_pebble(tmp_path_factory.mktemp("pebble"), port=PEBBLE, http_port=HTTP01) as trust:
        made = appliance.post("/connectors", {"name": "Public CA", "type": "acme", "settings": {
            "base_url": DIRECTORY, "contact": "pki@example.com", "trust": trust, "terms_agreed": True}})
        assert made["state"] == "Validating"
        appliance.job_end(made["job"])
        made = appliance.get(f"/connectors/{made['id']}")
        assert (made["state"], made["error"], made["ca_type"]) == ("Active", "", "Public"), made
        yield made


def add(a, name, connector, **more):
    return a.post("/certificates", {"name": name, "connector": connector["id"], "key_alg": "p-256", **more})


def order_of(a, cert):
    return a.get(f"/orders/{a.get('/certificates/' + cert['id'])['order']}")


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


def export(a, path):
    status, headers, data = a.request("GET", path)
    assert status == 200, data
    return headers["Content-Type"], data.decode()


# ---- connectors ----
def test_public_ca_proves_the_names_and_issues(appliance, public):
    cert = add(appliance, "www.public.example", public, names=["www.public.example", "public.example"])
    assert cert["status"] == "Initiated"
    appliance.work("POST", f"/certificates/{cert['id']}/issue")
    cert = appliance.get(f"/certificates/{cert['id']}")
    assert (cert["status"], cert["ca_type"], cert["dcv_status"]) == ("Issued", "Public", "http-01: proved")
    assert cert["order_reference"].startswith(f"https://localhost:{PEBBLE}/")
    order = order_of(appliance, cert)
    assert order["state"] == "Certificate Issued" and order["submitted_at"] and order["connector_name"] == "Public CA"
    actions = [x["action"] for x in appliance.get(f"/orders/{order['id']}/timeline")["items"]]
    assert "order queued" in actions and "issued" in actions


def test_change_of_a_connector_in_use_waits_for_its_validation(appliance, public):
    path = f"/connectors/{public['id']}"
    changed = appliance.patch(path, {"settings": {"base_url": f"https://localhost:{PEBBLE + 9}/dir"}})
    assert (changed["state"], changed["base_url"]) == ("Validating", DIRECTORY)
    cert = add(appliance, "meanwhile.public.example", public)
    issue = appliance.post(f"/certificates/{cert['id']}/issue")["job"]
    assert appliance.job_end(changed["job"])["state"] == "Failed"
    now = appliance.get(path)
    assert (now["state"], now["base_url"], now["settings"]["base_url"]) == ("Active", DIRECTORY, DIRECTORY)
    assert "the former settings serve on" in now["error"] and now["category"] == "Network"
    assert appliance.job_end(issue)["state"] == "Done", "the former settings did not serve on"
    changed = appliance.patch(path, {"name": "Public CA", "settings": {"contact": "new@example.com"}})
    appliance.job_end(changed["job"])
    now = appliance.get(path)
    assert (now["state"], now["error"], now["settings"]["contact"]) == ("Active", "", "new@example.com")


def test_connector_that_fails_at_first_stays_draft(appliance):
    made = appliance.post("/connectors", {"name": "Nobody there", "type": "acme", "settings": {
        "base_url": f"https://localhost:{PEBBLE + 9}/dir", "terms_agreed": True}})
    assert appliance.job_end(made["job"])["state"] == "Failed"
    made = appliance.get(f"/connectors/{made['id']}")
    assert made["state"] == "Draft" and made["category"] == "Network" and "connect" in made["error"].lower()
    assert made["id"] in [r["id"] for r in appliance.get("/home")["failed"]]
    steps = appliance.get(f"/connectors/{made['id']}/evidence")["items"]
    assert steps and any(s["state"] == "failed" for s in steps)
    assert "called Nobody there" in refused(appliance, "POST", "/connectors", {
        "name": "Nobody there", "type": "acme", "settings": {"base_url": DIRECTORY, "terms_agreed": True}})
    appliance.delete(f"/connectors/{made['id']}")
    refused(appliance, "GET", f"/connectors/{made['id']}", status=404)


def test_orders_wait_while_the_connector_is_disabled(appliance, public):
    path = f"/connectors/{public['id']}"
    assert appliance.post(f"{path}/disable")["state"] == "Inactive"
    cert = add(appliance, "waits.public.example", public)
    job = appliance.post(f"/certificates/{cert['id']}/issue")["job"]
    wait(lambda: appliance.get(f"/jobs/{job}")["state"] == "Waiting")
    order = order_of(appliance, cert)
    assert order["state"] == "Queued" and "Inactive" in order["error"] and order["next_at"]
    pending = appliance.get(f"/certificates/{cert['id']}")
    assert (pending["status"], pending["readiness"]) == ("Order Pending", cert["readiness"])
    assert "is open" in refused(appliance, "DELETE", f"/orders/{order['id']}")
    assert "configured for this connector" in refused(appliance, "DELETE", path)
    appliance.work("POST", f"{path}/reactivate")
    assert appliance.get(path)["state"] == "Active"
    appliance.post(f"/orders/{order['id']}/check")
    assert appliance.job_end(job)["state"] == "Done"
    assert order_of(appliance, cert)["state"] == "Certificate Issued"


def test_connector_that_breaks_is_in_error_until_a_test_passes(appliance, tmp_path):
    settings = {"base_url": f"https://localhost:{PEBBLE + 20}/dir", "terms_agreed": True}
    with running_pebble(tmp_path, port=PEBBLE + 20) as trust:
        made = appliance.post("/connectors", {"name": "Breaks", "type": "acme", "settings": {**settings, "trust": trust}})
        appliance.job_end(made["job"])
        path = f"/connectors/{made['id']}"
        assert appliance.get(path)["state"] == "Active"
    appliance.work("POST", f"{path}/test", want="Failed")
    now = appliance.get(path)
    assert now["state"] == "Error" and now["category"] == "Network" and now["error"]
    with running_pebble(tmp_path, port=PEBBLE + 20) as trust:  # it comes back with another anchor
        changed = appliance.patch(path, {"settings": {"trust": trust}})
        assert appliance.job_end(changed["job"])["state"] == "Done"
        assert (appliance.get(path)["state"], appliance.get(path)["error"]) == ("Active", "")
        assert "is Active: disable it first" in refused(appliance, "DELETE", path)
    appliance.post(f"{path}/disable")
    appliance.delete(path)


# ---- orders ----
def test_cancelled_order_leaves_the_certificate_initiated_and_can_be_deleted(appliance, public):
    path = f"/connectors/{public['id']}"
    appliance.post(f"{path}/disable")
    cert = add(appliance, "never.public.example", public)
    job = appliance.post(f"/certificates/{cert['id']}/issue")["job"]
    wait(lambda: appliance.get(f"/jobs/{job}")["state"] == "Waiting")
    order = order_of(appliance, cert)
    appliance.call("POST", f"/orders/{order['id']}/cancel")
    assert appliance.job_end(job)["state"] == "Cancelled"
    assert appliance.get(f"/orders/{order['id']}")["state"] == "Cancelled"
    after = appliance.get(f"/certificates/{cert['id']}")
    assert after["status"] == "Initiated" and "cancelled" in after["failure"]
    appliance.delete(f"/orders/{order['id']}")
    refused(appliance, "GET", f"/orders/{order['id']}", status=404)
    assert appliance.get(f"/certificates/{cert['id']}")["name"] == "never.public.example"
    appliance.work("POST", f"{path}/reactivate")


def test_revoked_certificate_is_on_the_list_of_its_ca(appliance):
    ca = main_job.connector(appliance)
    cert = add(appliance, "revoked.example", ca)
    appliance.work("POST", f"/certificates/{cert['id']}/issue")
    appliance.work("POST", f"/certificates/{cert['id']}/revoke", {"reason": 4, "comments": "replaced"})
    cert = appliance.get(f"/certificates/{cert['id']}")
    assert cert["revoked"] and order_of(appliance, cert)["state"] == "Revoked"
    order = order_of(appliance, cert)
    assert (order["revoke_reason"], order["revoke_comments"]) == (4, "replaced")
    crl = x509.load_der_x509_crl(appliance.request("GET", f"/ca/{ca['id']}/crl.der", token=False)[2])
    entry = crl.get_revoked_certificate_by_serial_number(int(cert["serial"].replace(":", ""), 16))
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason == x509.ReasonFlags.superseded


# ---- certificates ----
def test_planned_deployment_waits_for_its_time(appliance, machine, server):
    ca, row, old = main_job.connector(appliance), current(appliance, server, "other.example"), machine.served(443, "other.example")
    later = datetime.now(timezone.utc) + timedelta(days=2)
    main_job.configure(appliance, row["id"], ca["id"], deploy_after=later.strftime("%Y-%m-%dT%H:%M:%SZ"))
    issued = appliance.work("POST", f"/certificates/{row['id']}/issue")
    job = appliance.followed_by(issued["id"], "deploy")
    page = wait(lambda: (p := appliance.get(f"/jobs/{job}"))["state"] == "Waiting" and p)
    assert page["next_at"][:19] == later.strftime("%Y-%m-%dT%H:%M:%S") and "Deploy After" in page["error"]
    assert machine.served(443, "other.example") == old
    assert appliance.get(f"/certificates/{row['id']}")["readiness"] == "Deployment Pending"
    appliance.patch(f"/certificates/{row['id']}", {"deploy_after": None})
    assert appliance.job_end(job)["state"] == "Done"
    cert = appliance.get(f"/certificates/{row['id']}")
    assert machine.served(443, "other.example") == cert["fingerprint"] != old
    assert (cert["status"], cert["readiness"]) == ("Deployed", "Ready")


def test_failed_deployment_keeps_the_certificate_and_succeeds_on_retry(appliance, machine, server):
    row, old = current(appliance, server, "blog.example"), machine.served(8443, "blog.example")
    assert (row["status"], row["ca_type"]) == ("Discovered", "")
    main_job.configure(appliance, row["id"], main_job.connector(appliance)["id"])
    appliance.patch(f"/servers/{server['id']}", {"password": "wrong"})
    _, page = main_job.issue_and_deploy(appliance, row["id"], want="Failed")
    cert = appliance.get(f"/certificates/{row['id']}")
    assert page["cause"] == cert["failure_cause"] == "permission" and page["advice"] and cert["last_provisioned"]
    assert (cert["status"], cert["readiness"], cert["ca_type"]) == ("Issued", "Deployment Failed", "Private")
    assert cert["id"] in [r["id"] for r in appliance.get("/home")["failed"]]
    assert machine.served(8443, "blog.example") == old
    appliance.patch(f"/servers/{server['id']}", {"password": machine.password})
    appliance.work("POST", f"/jobs/{page['id']}/retry")
    cert = appliance.get(f"/certificates/{row['id']}")
    assert machine.served(8443, "blog.example") == cert["fingerprint"]
    assert (cert["status"], cert["readiness"], cert["failure"]) == ("Deployed", "Ready", "")
    appliance.work("POST", f"/certificates/{row['id']}/rollback")
    assert appliance.get(f"/certificates/{row['id']}")["status"] == "Rolled Back"
    assert machine.served(8443, "blog.example") == old
    appliance.work("POST", f"/certificates/{row['id']}/deploy", {})
    assert appliance.get(f"/certificates/{row['id']}")["status"] == "Deployed"


def test_renewal_and_its_deployment_need_nobody(appliance, machine, server):
    row = current(appliance, server, "blog.example")
    appliance.patch(f"/certificates/{row['id']}", {"validity_days": 1, "renew_days": 1})
    rotated = appliance.work("POST", f"/certificates/{row['id']}/rotate")
    short = current(appliance, server, "blog.example")
    assert short["id"] != row["id"] and rotated["cert"] == short["id"] and short["key"] != row["key"]
    new = wait(lambda: appliance.get(f"/certificates/{short['id']}")["successor"])  # a day before its end is now
    appliance.patch(f"/certificates/{new}", {"renewal": "manual"})
    wait(lambda: appliance.get(f"/certificates/{new}")["status"] == "Deployed")
    jobs = appliance.get("/jobs", filter="requested_by:equals:scheduler", columns="kind,requested_by", limit=50)["items"]
    assert {"issue", "deploy"} <= {j["kind"] for j in jobs}
    served = appliance.get(f"/certificates/{new}")
    assert machine.served(8443, "blog.example") == served["fingerprint"]
    assert wait(lambda: appliance.get(f"/certificates/{short['id']}")["superseded"])


def test_readiness_follows_the_configuration(appliance, server):
    cert = appliance.post("/certificates", {"name": "ready.example", "bot": ""})
    path = f"/certificates/{cert['id']}"
    assert cert["readiness"] == "Bot Unassigned"
    assert appliance.patch(path, {"bot": "built-in"})["readiness"] == "Configuration Pending"
    full = {"connector": main_job.connector(appliance)["id"], "server": server["id"], "deployment_type": "manual",
            "cert_path": "/etc/nginx/tls/ready.crt", "key_path": "/etc/nginx/tls/ready.key"}
    assert appliance.patch(path, full)["readiness"] == "Configuration Pending", "nothing is issued yet"
    appliance.work("POST", f"{path}/issue")
    assert appliance.get(path)["readiness"] == "Deployment Pending"
    assert appliance.post(f"{path}/ignore")["readiness"] == "Ignored"
    assert "ignored" in refused(appliance, "POST", f"{path}/renew")
    back = appliance.post(f"{path}/unignore")
    assert (back["readiness"], back["status"]) == ("Deployment Pending", "Issued")
    assert appliance.get("/home")["counts"]["deployment_pending"] >= 1
    appliance.delete(path)
    refused(appliance, "GET", path, status=404)


def test_downloads_and_words(appliance):
    cert = add(appliance, "files.example", main_job.connector(appliance), subject="CN=files.example,O=Example Ltd")
    appliance.work("POST", f"/certificates/{cert['id']}/issue")
    cert = appliance.get(f"/certificates/{cert['id']}")
    pem, chain, der = (appliance.request("GET", f"/certificates/{cert['id']}/download?format={f}")[2]
                       for f in ("pem", "chain", "der"))
    leaf = x509.load_der_x509_certificate(der)
    assert x509.load_pem_x509_certificate(pem) == leaf == x509.load_pem_x509_certificates(chain)[0]
    assert b"PRIVATE KEY" not in pem + chain
    words = appliance.get(f"/certificates/{cert['id']}/text")
    assert words["chain"][0]["serial"] == cert["serial"] and "O=Example Ltd" in words["chain"][0]["subject"]
    assert "files.example" in words["text"] and cert["organization"] == "Example Ltd"
    assert cert["sig_alg"] and cert["issuer"] and cert["not_before"] and cert["vulnerable"] == []


def test_batch_is_judged_one_by_one(appliance):
    ca = main_job.connector(appliance)
    ids = [add(appliance, f"batch{i}.example", ca)["id"] for i in range(3)]
    got = appliance.post("/certificates/batch", {"ids": [*ids, ids[0][:-4] + "zzzz"], "action": "configure",
                                                 "batch_name": "spring", "settings": {"validity_days": 30}})
    assert (got["done"], got["refused"]) == (3, 1)
    rows = appliance.get("/certificates", filter="batch:equals:spring", columns="name,batch", limit=10)["items"]
    assert sorted(r["name"] for r in rows) == ["batch0.example", "batch1.example", "batch2.example"]
    appliance.post("/certificates/batch", {"ids": ids, "action": "tag", "tags": ["env=test"]})
    appliance.post("/certificates/batch", {"ids": ids[:1], "action": "ignore"})
    rows = appliance.get("/certificates", filter=["tags:contains:env=test", "ignored:equals:true"])["items"]
    assert [r["id"] for r in rows] == ids[:1]


# ---- lists ----
def test_filters_combine_and_all_lifts_one(appliance):
    add(appliance, "filter-a.example", main_job.connector(appliance), tags=["team=red"])
    add(appliance, "filter-b.example", main_job.connector(appliance), tags=["team=blue"])

    def names(*filters, **more):
        return sorted(r["name"] for r in appliance.get("/certificates", filter=filters, limit=200, **more)["items"])
    both = ["filter-a.example", "filter-b.example"]
    assert names("name:contains:filter-") == both
    assert names("name:equals:filter-") == []
    assert names("name:contains:filter-", "tags:contains:blue") == both[1:]
    assert names("name:contains:filter-", "status:equals:All") == both
    assert names("name:contains:filter-", "status:equals:Issued") == []
    assert names("name:contains:filter-", "created_at:after:15-Jan-2026") == both
    assert names("name:contains:filter-", "created_at:before:01-Feb-2026") == []
    assert names("name:contains:filter-", q="red") == names("name:contains:filter-", q="filter-a") == both[:1]
    assert "operators" in refused(appliance, "GET", "/certificates?filter=status:contains:Iss", status=400)
    schema = {c["name"]: c for c in appliance.get("/schema/cert")["columns"]}
    assert schema["name"]["operators"][:2] == ["contains", "equals"] and "expires_within" in schema
    assert schema["not_after"]["operators"][:2] == ["before", "after"] and "contains" not in schema["status"]["operators"]


def test_export_honours_filters_and_columns(appliance):
    add(appliance, "export.example", main_job.connector(appliance))
    where = "/certificates?filter=name:equals:export.example&columns=name,status"
    kind, text = export(appliance, where + "&export=csv")
    assert kind.startswith("text/csv") and len(text.splitlines()) == 2
    assert "export.example" in text and "Initiated" in text and "Serial Number" not in text
    kind, text = export(appliance, where + "&export=json")
    assert [json.loads(line)["name"] for line in text.splitlines()] == ["export.example"]


CERT_COLUMNS = """CN / SAN Name|Discovery Bot|Provisioning Bot|Issuer CA|CA Type|Certificate Location|Signature Algorithm|\
Expires On|Expires Within|Order ID|Organization|Tags|Status|Batch Name|Scan IP Address|Scan Port|Issued On|\
Last Provisioned On|Validation Status|DCV Status|Deployment Type|Serial Number|Vulnerable"""
SERVER_COLUMNS = "Description|IP Address|Server Type|Version|Protocol|Ports|Service Name|Bot|Status|Last check|Tags"


@pytest.mark.parametrize("record, path, labels", [("cert", "certificates", CERT_COLUMNS),
                                                  ("server", "servers", SERVER_COLUMNS)])
def test_lists_have_their_columns(appliance, server, record, path, labels):
    columns = {c["label"]: c for c in appliance.get(f"/schema/{record}")["columns"]}
    assert set(labels.split("|")) <= set(columns), set(labels.split("|")) - set(columns)
    names = [columns[x]["name"] for x in labels.split("|")]
    rows = appliance.get(f"/{path}", columns=",".join(names), limit=200)["items"]
    assert rows and all(set(names) <= set(r) for r in rows)
    for n in names:  # each is written by something, but for what only people fill in
        if n not in ("organization", "batch", "order_reference", "version", "tags", "vulnerable"):
            assert any(r[n] not in (None, "", []) for r in rows), f"{n} is empty in every row"


# ---- servers ----
def test_server_states_and_guards(appliance, machine, server):
    path = f"/servers/{server['id']}"
    assert appliance.get(path)["state"] == "Active"
    assert appliance.post(f"{path}/disable")["state"] == "Disabled"
    cert = current(appliance, server, "other.example")
    page = appliance.work("POST", f"/certificates/{cert['id']}/deploy", {}, want="Failed")
    assert "disabled" in page["error"]
    assert "deployed to this server" in refused(appliance, "DELETE", path)
    assert appliance.post(f"{path}/enable")["state"] == "Unverified"
    appliance.work("POST", f"{path}/test")
    assert appliance.get(path)["state"] == "Active"
    appliance.patch(path, {"password": "wrong"})
    page = appliance.work("POST", f"{path}/test", want="Failed")
    assert page["cause"] == "permission" and appliance.get(path)["state"] == "Auth Failed"
    appliance.patch(path, {"password": machine.password})
    appliance.work("POST", f"{path}/test")
    machine_down = appliance.post("/servers", {**{k: server[k] for k in ("server_type", "username", "login")},
                                               "description": "gone", "address": "127.0.0.9", "port": 9, "password": "x"})
    assert machine_down["state"] == "Unverified"
    appliance.work("POST", f"/servers/{machine_down['id']}/test", want=None)
    gone = appliance.get(f"/servers/{machine_down['id']}")
    assert gone["state"] == "Unreachable" and gone["last_error"] and gone["bot"] == "built-in"
    appliance.delete(f"/servers/{gone['id']}")


def test_changed_host_key_needs_an_administrator(appliance, machine, server):
    path = f"/servers/{server['id']}"
    machine.change_host_key()
    appliance.work("POST", f"{path}/test", want="Failed")
    now = appliance.get(path)
    assert now["state"] == "Auth Failed" and now["offered_keys"] and now["host_keys"] != now["offered_keys"]
    assert server["id"] in [r["id"] for r in appliance.get("/home")["needs_me"]]
    appliance.post(f"{path}/host-keys/approve", {"fingerprints": machine.host_keys()})
    appliance.work("POST", f"{path}/test")
    assert appliance.get(path)["state"] == "Active"
