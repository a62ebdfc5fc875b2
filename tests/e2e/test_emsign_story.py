"""emSign through the whole appliance: connector, orders that wait, deployment to nginx, renewal, revocation, the end of
the connector; and what befalls an order when the account, the line or a process fails."""
import json
import os
import signal
import time
from types import SimpleNamespace

import pytest

import emsign
import main_job
from appliance import Appliance
from contract import Contract
from emsign_world import settings
from host import Host

HOST = 65
NAME = "shop.example"


@pytest.fixture(scope="module")
def w():
    ca = emsign.EmSign()
    with Host(HOST) as host, Appliance() as a:
        a.set_up()
        w = SimpleNamespace(a=a, c=Contract(a), host=host, ca=ca)
        w.server = main_job.add_server(a, host)
        w.cert = main_job.find_cert(a, w.server, NAME)
        yield w
    ca.stop()


def until(w, path, seconds=60, **want):
    end, row = time.monotonic() + seconds, None
    while time.monotonic() < end:
        row = w.a.get(path)
        if all(row[k] == v for k, v in want.items()):
            return row
        time.sleep(0.1)
    raise AssertionError(f"{path} is not {want}: {json.dumps(row, indent=1)}\n{w.a.log_text()[-2000:]}")


def current(w):
    return w.a.get("/certificates", filter=[f"name:equals:{NAME}", "status:equals:Deployed", "superseded:equals:false"],
                   columns="name,fingerprint,serial,issuer")["items"][0]


def order_of(w, job):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if order := w.a.get(f"/jobs/{job}")["order"]:
            return f"/orders/{order}"
        time.sleep(0.05)
    raise AssertionError("the job has no order")


def renew(w):
    return w.c.call("certs_renew", 202, id=current(w)["id"]).value["job"]


def check(w, order):
    w.c.call("orders_check", 200, id=order.rsplit("/", 1)[1])


def deployed(w, job):
    page = w.a.job_end(job)
    assert page["state"] == "Done", json.dumps(page, indent=1)
    assert w.a.job_end(w.a.followed_by(job, "deploy"))["state"] == "Done"
    row = w.a.get(f"/certificates/{page['cert']}")
    assert w.host.served(443, NAME) == row["fingerprint"] and "emSign Test CA" in row["issuer"]
    return row


def one_at_ca(w, order):
    """The order's number at the CA is of one order, and no other there has its request's tag."""
    number, tag = w.a.get(order)["reference"], f"certkeep-{order.rsplit('/', 1)[1]}"
    assert [o.number for o in w.ca.orders if tag in o.body["additionalInformation"]["tags"]] == [number]


def test_connector_fails_as_a_draft_and_then_is_active(w):
    wrong = w.c.call("connectors_create", 201, body={"name": "emSign", "type": "emsign",
                                                     "settings": settings(w.ca, access_key="not the key")}).value
    assert w.a.job_end(wrong["job"])["state"] == "Failed"
    row = w.a.get(f"/connectors/{wrong['id']}")
    assert (row["state"], row["category"]) == ("Draft", "Authentication") and "AccessKey" in row["error"] and row["remedy"]
    assert "not the key" not in json.dumps(row) and "access_key" not in row["settings"] and row["settings"]["has_access_key"]
    changed = w.c.call("connectors_update", 200, id=row["id"], body={"settings": {"access_key": emsign.ACCESS_KEY}}).value
    assert w.a.job_end(changed["job"])["state"] == "Done"
    w.con = w.c.call("connectors_get", 200, id=row["id"]).value
    assert (w.con["state"], w.con["ca_type"], w.con["base_url"], w.con["error"]) == ("Active", "Public", w.ca.base, "")
    assert "4 products" in w.con["detail"]


def test_reasons_are_told_with_the_kind(w):
    kinds = {k["name"]: k for k in w.c.call("connector_kinds_list", 200).value["items"]}
    assert kinds["emsign"]["revoke_reasons"] == [1, 3, 4, 5, 9] and 0 in kinds["local"]["revoke_reasons"]


def test_pending_order_is_checked_and_deployed(w):
    w.ca.manual = True
    main_job.configure(w.a, w.cert["id"], w.con["id"])
    job = w.c.call("certs_issue", 202, id=w.cert["id"]).value["job"]
    order = order_of(w, job)
    row = until(w, order, state="Approval Pending")
    assert row["reference"] == w.ca.orders[-1].number
    assert w.a.get(f"/certificates/{w.cert['id']}")["status"] == "Order Pending"
    w.ca.approve(row["reference"])
    check(w, order)
    deployed(w, job)
    one_at_ca(w, order)
    w.ca.manual = False


def test_name_is_proved_by_a_record(w):
    w.ca.validated = set()
    job = renew(w)
    order = order_of(w, job)
    row = until(w, order, state="Validation Pending")
    assert "_emudhra-challenge.shop.example" in row["error"]
    assert w.a.get(f"/certificates/{w.a.get(f'/jobs/{job}')['cert']}")["dcv_status"] == "by the CA: pending"
    for name in w.ca.orders[-1].names:
        if name != NAME:
            w.ca.validated.add(name)
    w.ca.settle(w.ca.orders[-1])
    w.ca.published.add((NAME, row["error"].split()[-1]))
    check(w, order)
    assert deployed(w, job)["dcv_status"] == "by the CA: proved"
    w.ca.validated = {"example"}


@pytest.mark.parametrize("fault", ["drop", "500 after", "malformed", "huge"])
def test_lost_answer_makes_one_order(w, fault):
    act = "drop" if fault in ("malformed", "huge") else fault
    w.ca.faults.set("GenerateOrderSSL", act, 1)
    if fault != act:
        w.ca.faults.set("GetOrderReport", fault, 1)
    job = renew(w)
    order = order_of(w, job)
    row = until(w, order, category="Network")
    assert row["state"] == "Queued" and row["next_at"] and row["remedy"]
    for _ in range(3):
        if w.a.get(f"/jobs/{job}")["state"] == "Waiting":
            check(w, order)
        time.sleep(1)
    deployed(w, job)
    one_at_ca(w, order)


def test_account_is_throttled_and_the_order_goes_through(w):
    w.ca.faults.set("GenerateOrderSSL", "throttle", 1)
    job = renew(w)
    order = order_of(w, job)
    assert until(w, order, category="Too many requests")["state"] == "Queued"
    check(w, order)
    deployed(w, job)
    one_at_ca(w, order)


def test_tls_of_the_ca_goes_bad_and_the_order_waits(w):
    w.ca.show("expired")
    job = renew(w)
    order = order_of(w, job)
    row = until(w, order, category="Network")
    assert "has expired" in row["error"] and row["state"] == "Queued"
    w.ca.show("good")
    check(w, order)
    deployed(w, job)


def test_wrong_certificate_fails_the_order_and_leaves_the_old_one(w):
    before, count = w.host.served(443, NAME), len(w.ca.orders)
    w.ca.faults.set("GenerateOrderSSL", "wrong key", 1)
    job = renew(w)
    order = order_of(w, job)
    assert w.a.job_end(job)["state"] == "Failed"
    row = w.a.get(order)
    assert row["state"] == "Failed" and row["category"] and "issued certificate" in row["error"]
    assert w.host.served(443, NAME) == before and len(w.ca.orders) == count + 1
    again = w.c.call("orders_retry", 202, id=row["id"]).value["job"]
    deployed(w, again)


def test_refused_order_is_final_with_its_category(w):
    w.ca.faults.set("GenerateOrderSSL", "EMS-1162", 1)
    job = renew(w)
    order = order_of(w, job)
    assert w.a.job_end(job)["state"] == "Failed"
    row = w.a.get(order)
    assert (row["state"], row["category"]) == ("Failed", "Template not found") and "Product" in row["error"]
    deployed(w, w.c.call("orders_retry", 202, id=row["id"]).value["job"])


@pytest.mark.parametrize("who", ["ca", "core", "server"])
@pytest.mark.parametrize("call", ["GenerateOrderSSL", "TrackOrder", "GetCertificate"])
def test_kill_in_the_middle_of_each_call(w, who, call):
    """The CA takes its time over the call; meanwhile a process dies, or the CA itself and comes back."""
    w.ca.slow_s, count = 3, len(w.ca.calls)
    w.ca.faults.set(call, "slow", 1)
    job = renew(w)
    order = order_of(w, job)
    end = time.monotonic() + 30
    while call not in w.ca.calls[count:]:
        assert time.monotonic() < end
        time.sleep(0.02)
    if who == "server":
        w.ca.stop()
        time.sleep(0.5)
        w.ca.start()
    else:
        os.kill(w.a.pid(who), signal.SIGKILL)
        w.a.wait_state("Operational")
    end = time.monotonic() + 90
    while w.a.get(f"/jobs/{job}")["state"] in ("Running", "Waiting", "Queued") and time.monotonic() < end:
        if w.a.get(f"/jobs/{job}")["state"] == "Waiting":
            w.a.request("POST", f"{order}/check")
        time.sleep(1)
    deployed(w, job)
    one_at_ca(w, order)


def test_cancel_is_told_to_the_ca(w):
    w.ca.manual = True
    job = renew(w)
    order = order_of(w, job)
    row = until(w, order, state="Approval Pending")
    w.ca.faults.set("RejectOrder", "503", 1)
    w.c.call("orders_cancel", 200, id=row["id"])
    until(w, f"/jobs/{job}", state="Waiting", error="RejectOrder: emSign answered 503: it is in trouble; tried again later")
    w.c.call("orders_cancel", 200, id=row["id"])
    assert w.a.job_end(job)["state"] == "Cancelled" and w.a.get(order)["state"] == "Cancelled"
    assert w.ca.find(row["reference"]).status == "5"
    w.ca.manual = False
    deployed(w, w.c.call("orders_retry", 202, id=row["id"]).value["job"])


def test_cancel_that_comes_too_late_goes_on(w):
    w.ca.manual = True
    job = renew(w)
    order = order_of(w, job)
    row = until(w, order, state="Approval Pending")
    w.ca.approve(row["reference"])
    w.ca.manual = False
    w.c.call("orders_cancel", 200, id=row["id"])
    deployed(w, job)


def test_disabled_connector_keeps_orders(w):
    con = f"/connectors/{w.con['id']}"
    w.c.call("connectors_disable", 200, id=w.con["id"])
    job = renew(w)
    order = order_of(w, job)
    until(w, f"/jobs/{job}", state="Waiting")
    assert w.a.get(order)["state"] == "Queued"
    assert w.a.job_end(w.c.call("connectors_reactivate", 202, id=w.con["id"]).value["job"])["state"] == "Done"
    assert w.a.get(con)["state"] == "Active"
    deployed(w, job)


def test_revocation_waits_for_the_ca(w):
    row = w.a.get(f"/certificates/{current(w)['id']}")
    assert "1, 3, 4, 5, 9" in w.c.call("certs_revoke", 400, id=row["id"], body={"reason": 0}).value["detail"]
    w.ca.revokes_at_once = False
    job = w.c.call("certs_revoke", 202, id=row["id"], body={"reason": 4, "comments": "end; of test"}).value["job"]
    until(w, f"/jobs/{job}", state="Waiting", error="Revocation Pending: emSign: revocation pending")
    assert not w.a.get(f"/certificates/{row['id']}")["revoked"]
    w.ca.settle_revocation(row["order_reference"])
    w.a.post(f"/jobs/{job}/retry")
    assert w.a.job_end(job)["state"] == "Done"
    assert w.a.get(f"/certificates/{row['id']}")["revoked"] and w.a.get(f"/orders/{row['order']}")["state"] == "Revoked"
    assert w.ca.calls.count("RevokeOrder") == 1


def test_delete_is_guarded(w):
    w.c.call("connectors_disable", 200, id=w.con["id"])
    assert "configured" in w.c.call("connectors_delete", 409, id=w.con["id"]).value["detail"]
    local = main_job.connector(w.a)
    for row in w.a.get("/certificates", filter=f"connector:equals:{w.con['id']}")["items"]:
        w.a.patch(f"/certificates/{row['id']}", {"connector": local["id"]})
    w.c.call("connectors_delete", 204, id=w.con["id"])


def test_access_key_is_nowhere(w):
    assert emsign.ACCESS_KEY not in w.a.log_text()
    assert all(emsign.ACCESS_KEY not in body for _, body in w.ca.seen)
