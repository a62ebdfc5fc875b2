"""ACME from the API to the served leaf: Pebble validates http-01 against the appliance's own listener; the CA
goes away and comes back, the appliance restarts, and its ca process is killed, without losing an order."""
import json
import os
import signal
import socket
import ssl
import threading
import time
import urllib.request
from types import SimpleNamespace

import pytest

import main_job
from appliance import Appliance, free_port
from contract import Contract
from host import Host
from test_acme_pebble import running_pebble

HOST, PEBBLE = 64, 14100


class Line:
    """The line to the CA: a TCP port that leads to Pebble while it is up."""

    def __init__(self, to):
        self.to, self.port, self.up_now = to, free_port(), False

    def up(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.up_now = True
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def down(self):
        self.up_now = False
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.to))
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(a, b), daemon=True).start()

    def _pump(self, a, b):
        try:
            while (data := a.recv(65536)) and self.up_now:
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


@pytest.fixture(scope="module")
def w(tmp_path_factory):
    http01, line = free_port(), Line(PEBBLE)
    with running_pebble(tmp_path_factory.mktemp("pebble"), port=PEBBLE, http_port=http01) as trust, \
            Host(HOST) as host, Appliance(http01=http01) as a:
        line.up()
        a.set_up()
        w = SimpleNamespace(a=a, c=Contract(a), host=host, line=line, trust=trust)
        w.server = main_job.add_server(a, host)
        w.cert = main_job.find_cert(a, w.server, "shop.example")
        yield w


def until(w, path, want, seconds=60):
    """The record, as soon as it has that state."""
    end, row = time.monotonic() + seconds, None
    while time.monotonic() < end:
        row = w.a.get(path)
        if row["state"] == want:
            return row
        time.sleep(0.1)
    raise AssertionError(f"{path} is not {want}: {json.dumps(row, indent=1)}\n{w.a.log_text()[-2000:]}")


def renew(w):
    """Starts a renewal; (job, successor's row)."""
    row = current(w)
    job = w.c.call("certs_renew", 202, id=row["id"]).value["job"]
    return job, w.a.get(f"/jobs/{job}")["cert"]


def current(w):
    return w.a.get("/certificates", filter=["name:equals:shop.example", "status:equals:Deployed",
                                            "superseded:equals:false"], columns="name,fingerprint,serial,issuer")["items"][0]


def order_of(w, job, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if order := w.a.get(f"/jobs/{job}")["order"]:
            return order
        time.sleep(0.1)
    raise AssertionError("the job has no order")


def deployed(w, job):
    """The issue job's end, its deployment's end, and the proof that the new leaf is served."""
    page = w.a.job_end(job)
    assert page["state"] == "Done", json.dumps(page, indent=1)
    assert w.a.job_end(w.a.followed_by(job, "deploy"))["state"] == "Done"
    row = w.a.get(f"/certificates/{page['cert']}")
    assert w.host.served(443, "shop.example") == row["fingerprint"] and "Pebble" in row["issuer"]
    return row


def test_connector_is_validated(w):
    url = f"https://localhost:{w.line.port}/dir"
    settings = {"base_url": url, "contact": "pki@example.com", "terms_agreed": True}
    wrong = w.c.call("connectors_create", 201, body={"name": "No anchor", "type": "acme", "settings": settings}).value
    assert w.a.job_end(wrong["job"])["state"] == "Failed"
    assert w.a.get(f"/connectors/{wrong['id']}")["state"] != "Active"
    w.c.call("connectors_delete", 204, id=wrong["id"])
    made = w.c.call("connectors_create", 201, body={"name": "Pebble", "type": "acme", "settings": {**settings, "trust": w.trust}}).value
    assert w.a.job_end(made["job"])["state"] == "Done"
    w.ca = w.c.call("connectors_get", 200, id=made["id"]).value
    assert w.ca["state"] == "Active" and w.ca["ca_type"] == "Public"
    assert [s["step"] for s in w.c.call("connectors_evidence", 200, id=made["id"]).value["items"]][-1] == "Directory"


def test_issue_and_deploy(w):
    main_job.configure(w.a, w.cert["id"], w.ca["id"])
    deployed(w, w.c.call("certs_issue", 202, id=w.cert["id"]).value["job"])


def test_order_waits_for_the_ca_across_a_restart(w):
    before = w.host.served(443, "shop.example")
    w.line.down()
    job, _ = renew(w)
    order = order_of(w, job)
    until(w, f"/jobs/{job}", "Waiting")
    assert until(w, f"/orders/{order}", "Queued")["error"]
    w.a.stop()
    w.a.start()
    w.a.wait_state("Locked")
    w.a.unlock()
    assert w.a.get(f"/orders/{order}")["state"] == "Queued" and w.host.served(443, "shop.example") == before
    w.line.up()
    assert w.c.call("orders_check", 200, id=order).value["id"] == order
    deployed(w, job)
    assert w.a.get(f"/orders/{order}")["state"] == "Certificate Issued"


def test_cancelled_order_is_tried_again(w):
    w.line.down()
    job, successor = renew(w)
    order = order_of(w, job)
    until(w, f"/jobs/{job}", "Waiting")
    w.c.call("orders_cancel", 200, id=order)
    until(w, f"/orders/{order}", "Cancelled")
    assert w.a.job_end(job)["state"] == "Cancelled"
    w.line.up()
    again = w.c.call("orders_retry", 202, id=order).value["job"]
    assert deployed(w, again)["id"] == successor


def test_ca_process_is_killed_in_the_middle(w):
    orders = w.a.get("/orders")["total"]
    job, _ = renew(w)
    order_of(w, job)
    os.kill(w.a.pid("ca"), signal.SIGKILL)
    deployed(w, job)
    assert w.a.get("/orders")["total"] == orders + 1


def test_revoke(w):
    row = w.a.get(f"/certificates/{current(w)['id']}")
    w.c.work("certs_revoke", body={"reason": 4, "comments": "end of test"}, id=row["id"])
    assert w.a.get(f"/certificates/{row['id']}")["revoked"]
    assert w.a.get(f"/orders/{row['order']}")["state"] == "Revoked"
    url = f"https://127.0.0.1:{PEBBLE + 1000}/cert-status-by-serial/{row['serial']}"
    with urllib.request.urlopen(url, context=ssl._create_unverified_context(), timeout=10) as answer:
        assert json.load(answer)["Status"] == "Revoked"
