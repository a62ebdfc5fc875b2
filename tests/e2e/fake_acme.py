"""A CA that speaks just enough ACME to hand out certificates, good or bad, as a test tells it.

It checks no signature and proves no name: the appliance must not rely on a CA to be right.
"""
import base64
import datetime
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from acme import PEM, make_cert


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def name(cn):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn)])


def make_root(cn):
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.timezone.utc)
    cert = (x509.CertificateBuilder().subject_name(name(cn)).issuer_name(name(cn)).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=900))
            .add_extension(x509.BasicConstraints(True, None), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .sign(key, hashes.SHA256()))
    return cert, key


class FakeAcme:
    def __init__(self, folder):
        self.root, self.key = make_root("Fake ACME")
        self.stranger = make_root("Stranger")[0]
        self.mode, self.certs, self.orders = "good", {}, 0
        self.life = datetime.timedelta(days=60)  # of what it issues
        anchor = make_cert(str(folder), "anchor", ca=True)
        served = make_cert(str(folder), "localhost", issuer=anchor, san="localhost")
        self.trust = anchor[0].public_bytes(PEM).decode()
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ctx.load_cert_chain(served[2] + ".pem", served[2] + ".key")
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"ca": self}))
        self.http.socket = ctx.wrap_socket(self.http.socket, server_side=True)
        self.url = f"https://localhost:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()

    def issue(self, csr):
        now, names = datetime.datetime.now(datetime.timezone.utc), csr.extensions.get_extension_for_class(
            x509.SubjectAlternativeName).value
        if self.mode == "wrong names":
            names = x509.SubjectAlternativeName([x509.DNSName("elsewhere.example")])
        public = ec.generate_private_key(ec.SECP256R1()).public_key() if self.mode == "wrong key" else csr.public_key()
        until = now - datetime.timedelta(minutes=5) if self.mode == "expired" else now + self.life
        leaf = (x509.CertificateBuilder().subject_name(csr.subject).issuer_name(self.root.subject).public_key(public)
                .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
                .not_valid_after(until).add_extension(names, False)
                .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False)
                .sign(self.key, hashes.SHA256()))
        chain = [leaf, self.stranger if self.mode == "wrong chain" else self.root]
        return b"".join(c.public_bytes(PEM) for c in chain)


class Handler(BaseHTTPRequestHandler):
    ca = None
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, value, **headers):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/pem-certificate-chain" if value is body else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Replay-Nonce", base64.urlsafe_b64encode(x509.random_serial_number().to_bytes(20)).decode().rstrip("="))
        for k, v in headers.items():
            self.send_header(k, v)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self):
        self.answer(200, {})

    def do_GET(self):
        u = self.ca.url
        self.answer(200, {"newNonce": u + "/nonce", "newAccount": u + "/account", "newOrder": u + "/order",
                          "revokeCert": u + "/revoke"})

    def order(self, n):
        u, have = self.ca.url, n in self.ca.certs
        return {"status": "valid" if have else "ready", "authorizations": [f"{u}/authz/{n}"], "finalize": f"{u}/finalize/{n}",
                "identifiers": [], **({"certificate": f"{u}/cert/{n}"} if have else {})}

    def do_POST(self):
        jws = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        payload = json.loads(unb64(jws["payload"]) or b"{}")
        what, _, n = self.path.strip("/").partition("/")
        if what == "account":
            self.answer(201, {"status": "valid"}, Location=self.ca.url + "/account/1")
        elif what == "order" and not n:
            self.ca.orders += 1
            n = str(self.ca.orders)
            self.answer(201, self.order(n), Location=f"{self.ca.url}/order/{n}")
        elif what == "finalize":
            self.ca.certs[n] = self.ca.issue(x509.load_der_x509_csr(unb64(payload["csr"])))
            self.answer(200, self.order(n))
        elif what == "cert":
            self.answer(200, self.ca.certs[n])
        else:
            self.answer(200, self.order(n))
