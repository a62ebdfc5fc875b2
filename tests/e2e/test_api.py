"""Every operation of docs/api.yaml on a live appliance: what it accepts, what it refuses, and that each
answer is what the contract says."""
import time

import pytest
from cryptography import x509

import api_world
from api_world import NOBODY, of_machine, path_args

HOST = 61
RECORDS = ["cert", "server", "connector", "order", "key", "job", "user", "token", "policy"]


@pytest.fixture(scope="module")
def w():
    yield from api_world.world(HOST)


def test_every_read(w):
    for name, (_, method, _op) in w.c.operations.items():
        if method == "GET" and name != "events_stream":
            (w.c.refuse if of_machine(w, name) else w.c.call)(name, 409 if of_machine(w, name) else 200, **path_args(w, name))


def test_every_operation_wants_to_know_who(w):
    for name, (_, method, op) in w.c.operations.items():
        if op["x-permission"] != "NONE" and name != "events_stream":
            kinds = op.get("requestBody", {}).get("content", {})
            body, raw_kind = {} if "application/json" in kinds else None, {"Content-Type": k for k in kinds if "json" not in k}
            w.c.refuse(name, 401, token=False, body=body, headers=raw_kind, **path_args(w, name))


def test_every_record_must_be_there(w):
    for name, (path, _, op) in w.c.operations.items():
        if "{id}" in path and "requestBody" not in op:
            w.c.refuse(name, 404, id=NOBODY)
    w.c.refuse("schema_get", 404, record="nothing")
    w.c.refuse("schema_get", 404, record="setting")
    for name in ("ca_root", "ca_crl"):
        w.c.refuse(name, 404, connector=NOBODY, token=False)


def test_every_body_is_read_strictly(w):
    public = {"setup_run": 409, "unlock_run": 409}
    for name, (_, _m, op) in w.c.operations.items():
        if "application/json" not in op.get("requestBody", {}).get("content", {}):
            continue
        args, state = path_args(w, name), 409 if of_machine(w, name) else public.get(name)
        detail = w.c.refuse(name, state or 400, body={"no_such": 1}, **args)
        assert state or detail["field"] == "no_such", detail
        w.c.refuse(name, state or 400, body=["a list"], **args)


def test_bodies_are_json_and_not_too_large(w):
    for kind, data in (("text/plain", b"{}"), ("application/json", b"{"), ("application/json", b'{"a":1,"a":2}')):
        status, headers, answer = raw(w, "/api/v1/servers", data, kind)
        assert status in (400, 415), answer
        w.c.check("servers_create", status, headers, answer)
    status, headers, answer = raw(w, "/api/v1/servers", b"{}", "application/json", length=2000000)
    assert status == 413, answer
    w.c.check("servers_create", status, headers, answer)


def raw(w, path, data, kind, length=None):
    conn = w.a._connection(30)
    try:
        conn.request("POST", path, body=data, headers={
            "Content-Type": kind, "Content-Length": str(length or len(data)), "Authorization": f"Bearer {w.a.token}"})
        answer = conn.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        conn.close()


def test_schemas_of_all_records(w):
    for record in RECORDS + ["connector.local", "connector.acme"]:
        schema = w.c.call("schema_get", 200, record=record).value
        assert schema["fields"] and all(f["kind"] for f in schema["fields"])


def test_server(w):
    good = {"description": "second", "address": "192.0.2.7", "server_type": "nginx", "username": "deploy",
            "login": "password", "password": "wonderful secret", "sudo": "sudo"}
    for change, field in (({"address": "no host!"}, "address"), ({"port": 0}, "port"), ({"port": "22"}, "port"),
                          ({"login": "magic"}, "login"), ({"password": None}, "password"), ({"state": "Active"}, "state"),
                          ({"ports": ["x"]}, "ports"), ({"rollback_seconds": 1}, "rollback_seconds")):
        w.c.refuse("servers_create", 400, field=field, body={**good, **change})
    made = w.c.call("servers_create", 201, body=good)
    server = made.value
    assert made.headers["Location"] == f"/api/v1/servers/{server['id']}"
    assert server["has_password"] and "password" not in server and server["state"] == "Unverified"
    assert server["last_check"] is None
    one = {"id": server["id"]}
    tag = w.c.call("servers_get", 200, **one).headers["ETag"]
    changed = w.c.call("servers_update", 200, body={"description": "renamed"}, headers={"If-Match": tag}, **one)
    assert changed.value["description"] == "renamed" and changed.value["has_password"]
    assert changed.headers["ETag"] != tag
    w.c.refuse("servers_update", 412, "changed meanwhile", body={"description": "late"}, headers={"If-Match": tag}, **one)
    w.c.refuse("servers_delete", 412, headers={"If-Match": tag}, **one)
    w.c.refuse("servers_update", 400, field="address", body={"address": ""}, **one)
    w.c.refuse("servers_approve_host_keys", 400, field="fingerprints", body={"fingerprints": []}, **one)
    w.c.refuse("servers_approve_host_keys", 409, body={"fingerprints": ["ssh-ed25519 SHA256:" + "A" * 43]}, **one)
    assert w.c.call("servers_disable", 200, **one).value["state"] == "Disabled"
    assert w.c.call("servers_enable", 200, **one).value["state"] == "Unverified"
    w.c.call("servers_delete", 204, **one)
    w.c.refuse("servers_get", 404, **one)
    w.c.refuse("servers_delete", 409, "shop.example|blog.example|other.example", id=w.server["id"])
    w.c.work("servers_test", id=w.server["id"])


def test_host_key_is_approved_again(w):
    again = w.c.call("servers_update", 200, id=w.server["id"], body={"address": f"10.213.{HOST}.2"}).value
    assert again["host_keys"]  # the same address is the same machine
    made = w.c.call("servers_create", 201, body={
        "description": "twin", "address": w.host.address, "server_type": "nginx", "username": "deploy",
        "login": "password", "password": w.host.password, "sudo": "sudo"}).value
    w.c.work("servers_test", want="Failed", id=made["id"])
    offered = w.c.call("servers_get", 200, id=made["id"]).value["offered_keys"]
    pinned = w.c.call("servers_approve_host_keys", 200, id=made["id"], body={"fingerprints": offered}).value
    assert pinned["host_keys"] == offered and pinned["offered_keys"] == []
    w.c.call("servers_delete", 204, id=made["id"])


def test_certificate(w):
    for change, field in (({"names": ["not a name!"]}, "names"), ({"connector": NOBODY}, "connector"),
                          ({"server": NOBODY}, "server"), ({"key_alg": "rsa-512"}, "key_alg"), ({"status": "Deployed"}, "status"),
                          ({"validity_days": 0}, "validity_days"), ({"deploy_after": "tomorrow"}, "deploy_after"),
                          ({"key_alg": "ed25519"}, "key_alg")):
        w.c.refuse("certs_create", 400, field=field, body={"name": "new.example", **change})
    w.c.refuse("certs_create", 400, field="name", body={})
    made = w.c.call("certs_create", 201, body={"name": "new.example", "connector": w.ca["id"], "key_alg": "p-256",
                                               "deployment_type": "manual", "validity_days": 30})
    one = {"id": made.value["id"]}
    assert made.headers["Location"].endswith(one["id"]) and made.value["not_after"] is None
    w.c.refuse("certs_download", 409, "no certificate", **one)
    w.c.refuse("certs_text", 409, **one)
    for name in ("certs_deploy", "certs_rollback", "certs_revoke"):
        body = {"reason": 0} if name == "certs_revoke" else None
        w.c.refuse(name, 409, body=body, **one)
    w.c.refuse("certs_revoke", 400, field="reason", body={"reason": 2}, **one)
    w.c.refuse("certs_revoke", 400, field="reason", body={}, **one)
    w.c.refuse("certs_issue", 400, field="dry_run", body={"dry_run": "yes"}, **one)
    assert "new.example" in w.c.work("certs_issue", body={"dry_run": True}, **one)["plan_text"]
    assert w.a.get(f"/certificates/{one['id']}")["status"] == "Initiated"
    tag = w.c.call("certs_update", 200, body={"tags": ["red"]}, **one).headers["ETag"]
    w.c.work("certs_issue", body={}, **one)
    w.c.call("certs_update", 200, body={"tags": ["blue"]}, headers={"If-Match": tag}, **one)
    w.c.refuse("certs_update", 412, body={"tags": []}, headers={"If-Match": tag}, **one)
    text = w.c.call("certs_text", 200, **one).value
    assert "new.example" in text["text"] and text["chain"][0]["names"] == ["new.example"]
    pem = w.c.call("certs_download", 200, **one).data
    der = w.c.call("certs_download", 200, query={"format": "der"}, **one).data
    assert x509.load_pem_x509_certificate(pem) == x509.load_der_x509_certificate(der)
    assert w.c.call("certs_download", 200, query={"format": "chain"}, **one).data.startswith(pem.strip())
    w.c.refuse("certs_download", 400, "pem, der or chain", query={"format": "jks"}, **one)
    assert w.c.call("certs_ignore", 200, **one).value["readiness"] == "Ignored"
    w.c.refuse("certs_renew", 409, "ignored", **one)
    assert w.c.call("certs_unignore", 200, **one).value["readiness"] != "Ignored"
    w.c.work("certs_renew", **one)
    w.c.work("certs_rotate", **one)
    times = [e["time"] for e in w.c.call("certs_timeline", 200, **one).value["items"]]
    assert len(times) > 5 and times == sorted(times, reverse=True)
    w.c.work("certs_revoke", body={"reason": 4, "comments": "the contract's test"}, **one)
    assert w.c.call("certs_get", 200, **one).value["revoked"]
    w.c.call("certs_delete", 204, **one)


def test_deployment(w):
    """Dry run, refusal and approval of the plan, back by certificate and by job: on blog.example."""
    row = w.a.get("/certificates", filter="name:equals:blog.example")["items"][0]
    one = {"id": row["id"]}
    w.c.call("certs_update", 200, body={"connector": w.ca["id"], "key_alg": "p-256", "validity_days": 40,
                                        "deployment_type": "manual", "approval": "manual"}, **one)
    before = w.host.served(8443, "blog.example")
    w.c.work("certs_issue", **one)
    plan = w.c.work("certs_deploy", want=None, body={"dry_run": True}, **one)
    assert plan["state"] in ("Done", "Needs Approval") and plan["plan_text"], plan
    for end, state in (("jobs_cancel", "Cancelled"), ("jobs_approve", "Done")):
        job = w.c.work("certs_deploy", want="Needs Approval", **one)
        w.c.refuse("certs_deploy", 409, "wait for its end", **one)
        assert w.host.served(8443, "blog.example") == before
        w.c.call(end, 200, id=job["id"])
        end = time.monotonic() + 60
        while (page := w.a.get(f"/jobs/{job['id']}"))["state"] != state:
            assert time.monotonic() < end, page
            time.sleep(0.1)
    assert w.host.served(8443, "blog.example") == w.a.get(f"/certificates/{row['id']}")["fingerprint"]
    w.c.refuse("jobs_rollback", 409, id=w.issued["id"])
    w.c.work("jobs_rollback", id=job["id"])
    assert w.host.served(8443, "blog.example") == before
    w.c.call("certs_update", 200, body={"approval": "automatic"}, **one)
    w.c.work("certs_deploy", **one)
    w.c.refuse("certs_retry", 409, "nothing to retry", **one)
    w.host.break_config()
    w.c.work("certs_redeploy", want="Failed", body={}, **one)
    w.host.mend_config()
    w.c.work("certs_retry", **one)
    w.c.refuse("certs_redeploy", 400, field="dry_run", body={"dry_run": "yes"}, **one)
    w.c.work("certs_rollback", **one)
    assert w.host.served(8443, "blog.example") == before


def test_job_runs_again(w):
    w.host.run("mv /usr/sbin/nginx /usr/sbin/nginx.away")
    failed = w.c.work("servers_test", want=None, id=w.server["id"])
    w.host.run("mv /usr/sbin/nginx.away /usr/sbin/nginx")
    w.c.refuse("jobs_retry", 400, field="step", body={"step": "dance"}, id=failed["id"])
    w.c.work("jobs_retry", body={"step": "Connect"}, id=failed["id"])


def test_batch(w):
    made = [w.c.call("certs_create", 201, body={"name": f"b{i}.example"}).value["id"] for i in range(3)]
    ids = made + [NOBODY]

    def batch(action, **more):
        answer = w.c.call("certs_batch", 200, body={"ids": ids, "action": action, **more}).value
        assert answer["refused"] + answer["done"] == 4 and [i["id"] for i in answer["items"]] == ids
        assert [i["name"] for i in answer["items"]] == ["b0.example", "b1.example", "b2.example", ""]
        assert not answer["items"][3]["ok"] and answer["items"][3]["error"]
        return answer

    for body, field in (({"ids": ids, "action": "explode"}, "action"), ({"ids": [], "action": "issue"}, "ids"),
                        ({"ids": ids, "action": "tag"}, "tags"), ({"ids": ids, "action": "configure"}, "settings"),
                        ({"ids": ids, "action": "configure", "settings": {"renew_days": 9}}, "batch_name"),
                        ({"action": "issue"}, "ids"), ({"ids": ids}, "action")):
        w.c.refuse("certs_batch", 400, field=field, body=body)
    assert batch("tag", tags=["blue", "green"], batch_name="spring")["done"] == 3
    row = w.a.get(f"/certificates/{made[0]}")
    assert row["batch"] == "spring" and row["tags"] == ["blue", "green"]
    assert batch("issue")["done"] == 0  # not configured
    assert batch("configure", settings={"connector": w.ca["id"], "deployment_type": "manual"}, batch_name="spring")["done"] == 3
    assert batch("configure", settings={"key_alg": "rsa-1"}, batch_name="spring")["done"] == 0
    assert batch("ignore")["done"] == 3
    assert batch("unignore")["done"] == 3
    for item in batch("issue")["items"][:3]:
        assert w.a.job_end(item["job"])["state"] == "Done"
    assert batch("deploy")["done"] == 0  # no server
    for item in batch("renew")["items"][:3]:
        assert w.a.job_end(item["job"])["state"] == "Done"
    assert batch("delete")["done"] == 3


def test_orders_and_jobs(w):
    one, done = {"id": w.order["id"]}, {"id": w.deployed["id"]}
    items = w.c.call("orders_timeline", 200, **one).value["items"]
    assert items and items[0]["time"] >= items[-1]["time"]
    for name in ("orders_check", "orders_cancel", "orders_retry"):
        w.c.refuse(name, 409, "Certificate Issued", **one)
    w.c.refuse("jobs_approve", 409, "Done", **done)
    w.c.refuse("jobs_cancel", 409, "Done", **done)
    w.c.refuse("jobs_retry", 409, "Done", **done)
    w.c.refuse("jobs_log", 400, query={"from": "x"}, **done)
    log = w.c.call("jobs_log", 200, **done).value
    rest = w.c.call("jobs_log", 200, query={"from": log["next"]}, **done).value
    assert log["items"] and rest == {"items": [], "next": log["next"]}
    assert w.c.call("jobs_get", 200, id=w.issued["id"]).value["follows_up"] == [w.deployed["id"]]
    assert b"shop.example" in w.c.call("jobs_report", 200, **done).data


def test_connector(w):
    kinds = {k["name"] for k in w.c.call("connector_kinds_list", 200).value["items"]}
    assert {"local", "acme"} <= kinds
    good = {"name": "Second CA", "type": "local", "settings": {}}
    for change, field in (({"name": ""}, "name"), ({"name": "Local CA"}, "name"), ({"type": "magic"}, "type"), ({"settings": 1}, "settings"),
                          ({"settings": {"no_such": 1}}, None)):
        status = 409 if change.get("name") == "Local CA" else 400
        w.c.refuse("connectors_create", status, field=field, body={**good, **change})
    acme = {"name": "A", "type": "acme", "settings": {"directory_url": "ftp://x"}}
    assert w.c.refuse("connectors_create", 400, body=acme)["field"].startswith("settings.")
    made = w.c.call("connectors_create", 201, body=good)
    one = {"id": made.value["id"]}
    assert w.a.job_end(made.value["job"])["state"] == "Done"
    got = w.c.call("connectors_get", 200, **one)
    assert got.value["state"] == "Active" and got.value["settings"]
    w.c.refuse("connectors_update", 400, field="type", body={"type": "acme"}, **one)
    w.a.job_end(w.c.call("connectors_update", 200, body={"name": "Renamed CA"}, headers={"If-Match": got.headers["ETag"]},
                         **one).value["job"])
    w.c.work("connectors_test", **one)
    said = w.c.call("connectors_evidence", 200, **one).value["items"]
    assert said and said[0]["time"] >= said[-1]["time"]
    w.c.refuse("connectors_reactivate", 409, "Active", **one)
    w.c.refuse("connectors_delete", 409, "disable", **one)
    assert w.c.call("connectors_disable", 200, **one).value["state"] == "Inactive"
    w.c.work("connectors_reactivate", **one)
    w.c.call("connectors_disable", 200, **one)
    w.c.call("connectors_delete", 204, **one)
    w.c.call("connectors_disable", 200, id=w.ca["id"])
    w.c.refuse("connectors_delete", 409, "configured", id=w.ca["id"])
    w.c.work("connectors_reactivate", id=w.ca["id"])


def test_order_of_a_connector_that_is_not_there_is_over(w):
    done = w.c.call("certs_create", 201, body={"name": "gone.example", "connector": w.ca["id"], "deployment_type": "manual"}).value
    w.c.work("certs_issue", id=done["id"])
    order = w.a.get(f"/certificates/{done['id']}")["order"]
    w.c.refuse("orders_delete", 412, id=order, headers={"If-Match": '"0"'})
    w.c.call("orders_delete", 204, id=order)
    w.c.refuse("orders_get", 404, id=order)


def test_users_tokens_codes(w):
    good = {"username": "eva", "full_name": "Eva", "roles": ["viewer"], "password": "long enough secret"}
    for change, field in (({"roles": []}, "roles"), ({"roles": ["king"]}, "roles"), ({"password": "short"}, "password"),
                          ({"password": None}, "password"), ({"username": ""}, "username"), ({"disabled": 1}, "disabled")):
        w.c.refuse("users_create", 400, field=field, body={**good, **change})
    made = w.c.call("users_create", 201, body=good)
    one = {"id": made.value["id"]}
    assert made.headers["Location"].endswith(one["id"]) and made.value["has_password"]
    w.c.refuse("users_create", 409, field="username", body=good)
    w.c.refuse("users_update", 412, body={"full_name": "E"}, headers={"If-Match": '"0"'}, **one)
    w.c.call("users_update", 200, body={"full_name": "Eva E."}, **one)
    w.c.refuse("users_delete", 409, "nobody else", id=w.user["id"])
    w.c.refuse("sign_in_codes_create", 404, body={"user": "nobody"})
    w.c.refuse("sign_in_codes_create", 400, field="minutes", body={"user": "eva", "minutes": 0})
    code = w.c.call("sign_in_codes_create", 201, body={"user": "eva"}).value["code"]
    w.c.refuse("session_create", 401, body={"username": "eva", "password": "wrong"}, token=False)
    w.c.refuse("session_create", 400, body={"username": "eva"}, token=False)
    signed = w.c.call("session_create", 201, body={"code": code}, token=False)
    cookie = {"Cookie": signed.headers["Set-Cookie"].split(";")[0]}
    w.c.refuse("session_create", 401, body={"code": code}, token=False)  # good once
    me = w.c.call("session_get", 200, headers=cookie, token=False).value
    assert me["user"]["username"] == "eva" and "USER_ADMIN" not in me["permissions"]
    w.c.refuse("tokens_create", 403, "CSRF", body={"label": "x"}, headers=cookie, token=False)
    cookie["X-CSRF-Token"] = me["csrf"]
    w.c.refuse("users_list", 403, "USER_ADMIN", headers=cookie, token=False)
    w.c.refuse("servers_create", 403, "SERVER_WRITE", body={}, headers=cookie, token=False)
    w.c.refuse("tokens_create", 403, body={"label": "x", "roles": ["operator"]}, headers=cookie, token=False)
    w.c.refuse("tokens_create", 400, field="label", body={}, headers=cookie, token=False)
    w.c.refuse("tokens_create", 400, field="expires_at", body={"label": "x", "expires_at": "2001-01-01T00:00:00Z"}, headers=cookie, token=False)
    token = w.c.call("tokens_create", 201, body={"label": "x"}, headers=cookie, token=False).value
    own = w.c.call("tokens_list", 200, headers=cookie, token=False).value["items"]
    assert [t["id"] for t in own] == [token["id"]]
    w.c.call("tokens_delete", 204, id=token["id"], headers=cookie, token=False)
    w.c.call("session_delete", 204, headers=cookie, token=False)
    w.c.refuse("session_get", 401, headers=cookie, token=False)
    w.c.call("users_delete", 204, **one)


def test_idempotency_key_does_nothing_twice(w):
    def create(description, key):
        body = {"description": description, "address": "192.0.2.9", "server_type": "nginx", "username": "u", "login": "password", "password": "p"}
        return {"body": body, "headers": {"Idempotency-Key": key}}
    before = w.a.get("/servers")["total"]
    first = w.c.call("servers_create", 201, **create("once", "k1"))
    again = w.c.call("servers_create", 201, **create("once", "k1"))
    assert again.value == first.value and again.headers["Location"] == first.headers["Location"]
    w.c.refuse("servers_create", 409, "Idempotency-Key", **create("other", "k1"))
    w.c.refuse("servers_create", 400, "Idempotency-Key", **create("long", "k" * 200))
    assert w.a.get("/servers")["total"] == before + 1
    jobs = [w.c.call("servers_test", 202, id=w.server["id"], headers={"Idempotency-Key": "t1"}).value["job"] for _ in range(2)]
    assert jobs[0] == jobs[1]
    w.a.job_end(jobs[0])
    w.c.call("servers_delete", 204, id=first.value["id"])


def test_audit_and_ca(w):
    w.c.refuse("audit_export", 400, "from", query={"from": "x"})
    lines = w.c.call("audit_export", 200, query={"from": 1, "to": 3}).data.splitlines()
    assert len(lines) >= 3
    assert b"BEGIN PUBLIC KEY" in w.c.call("audit_key", 200).data
    root = x509.load_pem_x509_certificate(w.c.call("ca_root", 200, connector=w.ca["id"], token=False).data)
    crl = x509.load_der_x509_crl(w.c.call("ca_crl", 200, connector=w.ca["id"], token=False).data)
    assert crl.is_signature_valid(root.public_key())


def test_lock_and_unlock(w):
    assert w.c.call("lock_run", 200).value["state"] == "Locked"
    w.a.wait_state("Locked")  # web takes another identity meanwhile
    problem = w.c.refuse("servers_list", 409)
    assert problem["state"] == "Locked"
    w.c.refuse("unlock_run", 400, field="passphrase", body={}, token=False)
    w.c.refuse("unlock_run", 401, body={"passphrase": "not this one at all"}, token=False)
    w.c.refuse("unlock_run", 429, "try again in", body={"passphrase": w.a.credentials["passphrase"]}, token=False)
    time.sleep(1.5)
    w.c.call("unlock_run", 200, body={"passphrase": w.a.credentials["passphrase"]}, token=False)
    w.a.wait_state("Operational")
    w.c.refuse("unlock_run", 409, body={"passphrase": "any"}, token=False)


def test_policies(w):
    made = w.c.call("policies_create", 201, body={"name": "Short", "for_names": ["*.short.example"], "max_days": 10}).value
    w.c.call("policies_update", 200, id=made["id"], body={"windows": ["Mon-Fri 22:00-04:00"]})
    answer = w.c.call("policies_check", 200, body={"name": "a.short.example", "validity_days": 11}).value
    assert [f["field"] for f in answer["findings"]] == ["validity_days"] and answer["policies"] == ["Default", "Short"]
    w.c.refuse("policies_check", 400, "expected a number", "validity_days", body={"validity_days": 0})
    w.c.call("policies_delete", 204, id=made["id"])
    w.c.refuse("policies_delete", 409, "built in", id=w.policy["id"])


def test_every_operation_was_tried(w):
    tried = {n for n, o in w.c.operations.items() if not o[0].startswith("/api/v1/system/")} - {"events_stream"}  # test_network.py, test_api_events.py
    assert not tried - w.c.accepted - {"orders_check", "orders_cancel", "orders_retry", "certs_import", "keys_delete", "retention_update"}  # test_acme_appliance.py, test_import.py, test_inventory.py, test_retention.py
    assert not tried - w.c.refused - {"state_get"}
