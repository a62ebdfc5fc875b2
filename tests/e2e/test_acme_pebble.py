"""The ACME connector against Pebble with real http-01 validation.

Run inside the build root:  python3 -m pytest tests/e2e/test_acme_pebble.py
"""
import base64
import json
import os
import socket
import ssl
import subprocess
import time
import urllib.request
from contextlib import contextmanager

import pytest
from cryptography import x509

from acme import PEM, Driver, make_cert

EAB_KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"


def wait_port(port, process):
    for _ in range(1200):
        assert process.poll() is None, "server did not start"
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"port {port} did not open")


@contextmanager
def running_pebble(folder, port=14000, nonce_reject=5, eab=False, blocked=(), http_port=5002, days=90):
    """Pebble on `port`, its management on port + 1000, DNS and its management on port + 1 and + 2."""
    root = make_cert(folder, "anchor", ca=True)
    server = make_cert(folder, "localhost", issuer=root, san="localhost")
    config = {
        "listenAddress": f"127.0.0.1:{port}",
        "managementListenAddress": f"127.0.0.1:{port + 1000}",
        "certificate": server[2] + ".pem",
        "privateKey": server[2] + ".key",
        "httpPort": http_port,
        "tlsPort": 5001,
        "externalAccountBindingRequired": eab,
        "domainBlocklist": list(blocked),
        "retryAfter": {"authz": 1, "order": 1},
        "certificateValidityPeriod": days * 86400,
    }
    if eab:
        config["externalAccountMACKeys"] = {"kid-1": EAB_KEY}
    path = f"{folder}/pebble.json"
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"pebble": config}, f)
    dns = subprocess.Popen(
        ["pebble-challtestsrv", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-http01", "", "-https01", "",
         "-tlsalpn01", "", "-doh", "", "-dns01", f"127.0.0.1:{port + 1}", "-management", f"127.0.0.1:{port + 2}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    # Validation is on; only its random delay of up to 15 s is off.
    env = {**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": str(nonce_reject), "PEBBLE_AUTHZREUSE": "0"}
    with open(f"{folder}/pebble.log", "w", encoding="utf-8") as log:
        pebble = subprocess.Popen(["pebble", "-config", path, "-strict", "-dnsserver", f"127.0.0.1:{port + 1}"],
                                  stdout=log, stderr=log, env=env)
    try:
        wait_port(port + 2, dns)
        wait_port(port, pebble)
        yield root[0].public_bytes(PEM).decode()
    finally:
        for process in (pebble, dns):
            process.terminate()
            process.wait()


@pytest.fixture(name="pebble", scope="module")
def pebble_fixture(tmp_path_factory):
    with running_pebble(tmp_path_factory.mktemp("pebble"), blocked=["blocked.test"]) as trust:
        yield trust


@pytest.fixture(name="ca")
def ca_fixture(pebble):
    driver = Driver(pebble)
    yield driver
    driver.close()


def enroll(ca, *names):
    assert ca("csr", names=names)["ok"]
    answer = ca("enroll")
    for _ in range(5):
        if answer.get("state") != "Validation Pending":
            break
        answer = ca("poll")
    return answer


def certificates(answer):
    return x509.load_pem_x509_certificates(answer["chain"].encode())


def names_of(cert):
    return cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)


def test_directory_and_account(ca):
    first = ca.test()
    assert first["ok"], first
    assert [line.split(" ")[:2] for line in first["evidence"]] == [
        ["Directory", "running"], ["Directory", "ok"], ["Account", "running"], ["Account", "ok"]]
    assert ca.test()["detail"] == first["detail"], "the same key has the same account"


def test_issue_proves_every_name(ca):
    assert ca.test()["ok"]
    answer = enroll(ca, "a.test", "b.test")
    assert answer["ok"] and answer["state"] == "Certificate Issued", answer
    chain = certificates(answer)
    assert sorted(names_of(chain[0])) == ["a.test", "b.test"]
    chain[0].verify_directly_issued_by(chain[1])
    assert answer["served"] >= 2, "the CA fetched an answer for each name"
    assert answer["published_now"] == 0, "and they were taken away after"
    assert answer["reference"].startswith("https://localhost:14000/my-order/")


def test_the_issuer_is_the_one_pebble_says(ca):
    assert ca.test()["ok"]
    chain = certificates(enroll(ca, "c.test"))
    context = ssl.create_default_context(cadata=ca.settings["trust"])
    with urllib.request.urlopen("https://localhost:15000/intermediates/0", context=context) as r:
        issuer = x509.load_pem_x509_certificate(r.read())
    chain[0].verify_directly_issued_by(issuer)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_crash_never_orders_twice(ca, count):
    """Killed at each thing remembered: before newOrder, after it, before the answer is published."""
    assert ca.test()["ok"]
    assert ca("csr", names=["crash.test"])["ok"]
    assert ca("kill_at", count=count)["ok"]
    dead = ca("enroll")
    assert not dead["ok"] and dead["code"] == "network"
    assert ca("restart")["ok"]
    if count > 1:
        # The order is known: asking for it continues, and what is remembered names one order only.
        answer = ca("poll")
        for _ in range(5):
            if answer.get("state") == "Validation Pending":
                answer = ca("poll")
    else:
        refused = ca("poll")
        assert not refused["ok"] and refused["code"] == "not_found"
        answer = ca("enroll")
    assert answer["ok"] and answer["state"] == "Certificate Issued", answer
    again = ca("poll")
    assert again["reference"] == answer["reference"] and again["chain"] == answer["chain"]
    assert answer["published_now"] == 0


def test_revoke(ca):
    assert ca.test()["ok"]
    answer = enroll(ca, "gone.test")
    serial = certificates(answer)[0].serial_number
    assert ca("revoke", reason=4)["state"] == "Revoked"
    assert ca("revoke", reason=4)["state"] == "Revoked", "a second time is no failure"
    context = ssl.create_default_context(cadata=ca.settings["trust"])
    with urllib.request.urlopen(f"https://localhost:15000/cert-status-by-serial/{serial:x}", context=context) as r:
        status = json.load(r)
    assert status["Status"] == "Revoked" and status["Reason"] == 4


def test_refused_name_says_why(ca):
    assert ca.test()["ok"]
    answer = enroll(ca, "blocked.test")
    assert not answer["ok"] and answer["code"] == "input", answer
    assert "rejectedIdentifier" in answer["error"]


def test_wildcard_is_refused_before_the_order(ca):
    assert ca.test()["ok"]
    answer = enroll(ca, "*.w.test")
    assert not answer["ok"] and answer["code"] == "input" and "dns-01" in answer["error"]


def test_unproven_name_is_rejected_with_the_cause(ca):
    request = urllib.request.Request("http://127.0.0.1:14002/set-default-ipv4", method="POST",
                                     data=json.dumps({"ip": "127.0.0.9"}).encode())
    urllib.request.urlopen(request).close()
    try:
        assert ca.test()["ok"]
        answer = enroll(ca, "elsewhere.test")
    finally:
        request.data = json.dumps({"ip": "127.0.0.1"}).encode()
        urllib.request.urlopen(request).close()
    assert answer["ok"] and answer["state"] == "Rejected", answer
    assert "elsewhere.test" in answer["detail"] and "connection" in answer["detail"]
    assert answer["published_now"] == 0


def test_cancel_gives_up_the_authorizations(ca):
    assert ca.test()["ok"]
    assert ca("csr", names=["cancel.test"])["ok"]
    assert ca("kill_at", count=2)["ok"]  # ordered, nothing proven
    assert not ca("enroll")["ok"]
    assert ca("restart")["ok"]
    assert ca("cancel")["state"] == "Cancelled"
    assert ca("poll")["state"] == "Rejected"


def test_account_key_unknown_to_the_ca_is_registered_again(ca):
    assert ca.test()["ok"]
    old = ca("state")["remembered"]
    assert ca("forget_account")["ok"]
    answer = enroll(ca, "new-account.test")
    assert answer["state"] == "Certificate Issued" and answer["remembered"] > old


def test_terms_must_be_agreed_to(ca):
    answer = ca.test(terms_agreed=False)
    assert not answer["ok"] and answer["code"] == "input" and "Terms of Service" in answer["error"]


def test_foreign_anchor(ca, tmp_path):
    other = make_cert(tmp_path, "other", ca=True)[0].public_bytes(PEM).decode()
    answer = ca.test(trust=other)
    assert not answer["ok"] and answer["code"] == "crypto" and "trusted anchor" in answer["error"]
    assert answer["evidence"][-1].startswith("Directory failed")


def test_other_name_and_no_server(ca):
    answer = ca.test(base_url="https://127.0.0.1:14000/dir")
    assert answer["code"] == "crypto" and "another name" in answer["error"]
    answer = ca.test(base_url="https://localhost:14009/dir")
    assert answer["code"] == "network" and answer["error"].startswith("directory: connect:")
    answer = ca.test(base_url="https://no-such-host.invalid/dir")
    assert answer["code"] == "network" and "DNS" in answer["error"]


def test_many_refused_nonces(tmp_path):
    with running_pebble(tmp_path, port=14600, nonce_reject=30) as trust:
        ca = Driver(trust, "https://localhost:14600/dir")
        assert ca.test()["ok"]
        for i in range(3):
            assert ca("new_order")["ok"]
            assert enroll(ca, f"n{i}.test")["state"] == "Certificate Issued"
        ca.close()


def test_external_account_binding(tmp_path):
    with running_pebble(tmp_path, port=14200, eab=True) as trust:
        ca = Driver(trust, "https://localhost:14200/dir")
        refused = ca.test()
        assert not refused["ok"] and refused["code"] == "input" and "EAB Key ID" in refused["error"]
        refused = ca.test(eab_id="kid-1", secrets={"eab_key": base64.urlsafe_b64encode(b"x" * 48).decode()})
        assert not refused["ok"] and refused["code"] == "auth", refused
        answer = ca.test(eab_id="kid-1", secrets={"eab_key": EAB_KEY})
        assert answer["ok"] and answer["open_context"] == "connector/c1/eab_key", answer
        assert enroll(ca, "eab.test")["state"] == "Certificate Issued"
        ca.close()
