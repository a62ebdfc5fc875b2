"""The ACME connector against a CA that limits, fails, lies and hangs up.

Run inside the build root:  python3 -m pytest tests/e2e/test_acme_faults.py
"""
import json
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from acme import PEM, Driver, make_cert


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
