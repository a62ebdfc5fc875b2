"""The ACME connector against Pebble with real http-01 validation, and against a faulty CA.

Run inside the build root:  python3 -m pytest tests/e2e/test_acme_pebble.py
"""
import base64
import json
import os
import socket
import ssl
import subprocess
import threading
import time
import urllib.request
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

MODE = os.environ.get("MODE", "asan")
PROGRAM = f"build/{MODE}/bin/certkeep-ca"
DRIVER = f"build/{MODE}/tests/doubles/ca_driver"
PEM = serialization.Encoding.PEM
EAB_KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"


def make_cert(folder, name, issuer=None, ca=False, days=30, san=None):
    """A key and certificate as files; returns (certificate, key, path prefix)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(timezone.utc)
    end = now + timedelta(days=days)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, end) - timedelta(days=2))
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca, None), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key((issuer[1] if issuer else key).public_key()), False)
    )
    if ca:
        builder = builder.add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)
    if san:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(san)]), False)
    cert = builder.sign(issuer[1] if issuer else key, hashes.SHA256())
    path = f"{folder}/{name}"
    with open(path + ".pem", "wb") as f:
        f.write(cert.public_bytes(PEM))
    with open(path + ".key", "wb") as f:
        f.write(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return cert, key, path


class Driver:
    def __init__(self, trust, directory="https://localhost:14000/dir", http01_port=5002):
        self.settings = {"base_url": directory, "contact": "pki@example.com", "trust": trust, "terms_agreed": True}
        self.process = subprocess.Popen([DRIVER, PROGRAM, str(http01_port)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def __call__(self, op, **more):
        self.process.stdin.write(json.dumps({"op": op, **more}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def test(self, secrets=None, **settings):
        self.settings.update(settings)
        return self("test", settings=self.settings, secrets=secrets or {})

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(timeout=10) == 0


def wait_port(port, process):
    for _ in range(200):
        assert process.poll() is None, "server did not start"
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"port {port} did not open")


@contextmanager
def running_pebble(folder, port=14000, nonce_reject=5, eab=False, blocked=()):
    """Pebble on `port`, its management on port + 1000, DNS and its management on port + 1 and + 2."""
    root = make_cert(folder, "anchor", ca=True)
    server = make_cert(folder, "localhost", issuer=root, san="localhost")
    config = {
        "listenAddress": f"127.0.0.1:{port}",
        "managementListenAddress": f"127.0.0.1:{port + 1000}",
        "certificate": server[2] + ".pem",
        "privateKey": server[2] + ".key",
        "httpPort": 5002,
        "tlsPort": 5001,
        "externalAccountBindingRequired": eab,
        "domainBlocklist": list(blocked),
        "retryAfter": {"authz": 1, "order": 1},
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
    with running_pebble(tmp_path, port=14100, nonce_reject=30) as trust:
        ca = Driver(trust, "https://localhost:14100/dir")
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


class FaultyCA(BaseHTTPRequestHandler):
    """A CA that speaks just enough ACME to go wrong in the way `fault` names."""

    protocol_version = "HTTP/1.1"
    fault = ""
    orders = 0

    def log_message(self, *_):
        pass

    def reply(self, status, body=b"", **headers):
        self.send_response(status)
        self.send_header("Replay-Nonce", "bm9uY2U")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self):
        self.reply(200)

    def do_GET(self):
        here = f"https://localhost:{self.server.server_port}"
        directory = {name: f"{here}/{name}" for name in ("newNonce", "newAccount", "newOrder", "revokeCert")}
        fault = type(self).fault
        if fault == "503":
            return self.reply(503, b"later")
        if fault == "malformed":
            return self.reply(200, b'{"newNonce": ')
        if fault == "twice":
            return self.reply(200, b'{"newNonce":"a","newNonce":"b"}')
        if fault == "huge":
            return self.reply(200, b" " * (2 << 20))
        if fault == "redirect":
            return self.reply(302, Location="https://elsewhere.example/dir")
        if fault == "plain":
            directory["newOrder"] = "http://localhost/newOrder"
        if fault == "silent":
            self.close_connection = True
            return None
        return self.reply(200, json.dumps(directory).encode())

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        here = f"https://localhost:{self.server.server_port}"
        fault = type(self).fault
        if self.path == "/newAccount":
            return self.reply(201, b"{}", Location=f"{here}/account/1")
        if self.path == "/newOrder":
            type(self).orders += 1
            if fault == "429":
                problem = {"type": "urn:ietf:params:acme:error:rateLimited", "detail": "too many certificates"}
                return self.reply(429, json.dumps(problem).encode(), Retry_After="120")
            if fault == "drop":
                self.close_connection = True
                return None
            return self.reply(201, b"{}", Location=f"{here}/order/1")
        if fault == "processing":
            order = {"status": "processing", "authorizations": [], "finalize": f"{here}/finalize"}
            return self.reply(200, json.dumps(order).encode(), Retry_After="3600")
        order = {"status": "pending", "authorizations": ["https://elsewhere.example/1"], "finalize": f"{here}/finalize"}
        return self.reply(200, json.dumps(order).encode())


class QuietServer(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """Clients that hang up on a fault are the point of these tests."""


@contextmanager
def faulty_ca(folder, days=30, http01_port=5003):
    root = make_cert(folder, "anchor", ca=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    path = make_cert(folder, "localhost", issuer=root, san="localhost", days=days)[2]
    context.load_cert_chain(path + ".pem", path + ".key")
    server = QuietServer(("127.0.0.1", 0), FaultyCA)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    ca = Driver(root[0].public_bytes(PEM).decode(), f"https://localhost:{server.server_port}/dir", http01_port)
    try:
        yield ca
    finally:
        ca.close()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(name="faulty", scope="module")
def faulty_fixture(tmp_path_factory):
    with faulty_ca(tmp_path_factory.mktemp("faulty")) as ca:
        yield ca


@pytest.mark.parametrize("fault, code, text", [
    ("503", "network", "answered 503"),
    ("malformed", "remote", "directory"),
    ("twice", "remote", "directory"),
    ("huge", "remote", "larger than"),
    ("redirect", "remote", "answer 302"),
    ("plain", "remote", "expected an https URL"),
    ("silent", "network", "cut the connection"),
])
def test_faulty_directory(faulty, fault, code, text):
    FaultyCA.fault = fault
    answer = faulty.test()
    assert not answer["ok"] and answer["code"] == code and text in answer["error"], answer


def faulty_order(faulty, fault):
    FaultyCA.fault = ""
    assert faulty.test()["ok"]
    assert faulty("new_order")["ok"] and faulty("csr", names=["f.test"])["ok"]
    FaultyCA.fault, FaultyCA.orders = fault, 0
    return faulty("enroll")


def test_rate_limit_says_when(faulty):
    answer = faulty_order(faulty, "429")
    assert answer["code"] == "limit" and "too many certificates" in answer["error"] and "120 s" in answer["error"]


def test_lost_answer_to_new_order(faulty):
    """The mark stays; only a new enroll, not a poll, places an order again."""
    answer = faulty_order(faulty, "drop")
    assert answer["code"] == "network" and "cut the connection" in answer["error"], answer
    FaultyCA.fault, FaultyCA.orders = "processing", 0
    assert faulty("poll")["code"] == "not_found"
    assert FaultyCA.orders == 0
    assert faulty("enroll")["state"] == "Validation Pending"
    assert faulty("enroll")["state"] == "Validation Pending"
    assert FaultyCA.orders == 1, "a known order is continued"


def test_long_wait_goes_back_to_core(faulty):
    answer = faulty_order(faulty, "processing")
    assert answer["state"] == "Validation Pending" and answer["retry_after_s"] == 3600


def test_urls_on_other_hosts_are_refused(faulty):
    answer = faulty_order(faulty, "")
    assert answer["code"] == "remote" and "elsewhere.example" in answer["error"]


def test_expired_server_certificate(tmp_path):
    with faulty_ca(tmp_path, days=-1, http01_port=5004) as ca:
        answer = ca.test()
        assert answer["code"] == "crypto" and "has expired" in answer["error"], answer
