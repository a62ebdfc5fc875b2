"""What the test servers of CAs share: two-tier authorities that really issue, HTTPS whose certificate can be changed
while it runs, and the faults of a CA or of the line to it, each given as often as the test says."""
import ssl
import tempfile
import threading
import time
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
HUGE = 100 * 1024 * 1024


def now():
    return datetime.now(timezone.utc)


def _name(cn):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn)])


def certify(subject, public, issuer=None, days=90, ca=False, names=None, begin=None):
    """A certificate by issuer (certificate, key); by itself when public is a private key."""
    key = issuer[1] if issuer else public
    public = public if issuer else public.public_key()
    begin = begin or now() - timedelta(hours=1)
    b = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer[0].subject if issuer else subject)
         .public_key(public).serial_number(x509.random_serial_number()).not_valid_before(begin)
         .not_valid_after(begin + timedelta(days=days)).add_extension(x509.BasicConstraints(ca, None), True)
         .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
         .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), False))
    if ca:
        b = b.add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)
    else:
        b = b.add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]), False)
    if names:
        b = b.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
    return b.sign(key, hashes.SHA256())


class Authority:
    """A root and an issuing CA."""

    def __init__(self, cn):
        keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
        self.root = certify(_name(f"{cn} Root"), keys[0], days=3650, ca=True)
        self.issuing = certify(_name(f"{cn} CA"), keys[1].public_key(), (self.root, keys[0]), days=1800, ca=True)
        self.issuer = (self.issuing, keys[1])

    def issue(self, csr, names, days=90):
        return certify(csr.subject, csr.public_key(), self.issuer, days=days, names=names)


class Faults:
    """What goes wrong, by operation: `set("TrackOrder", "500", 2)` for its next two requests, 0 for all."""

    def __init__(self):
        self.by, self.lock = {}, threading.Lock()

    def set(self, operation, fault, times=0):
        with self.lock:
            self.by[operation] = (fault, times)

    def clear(self):
        with self.lock:
            self.by.clear()

    def take(self, operation):
        with self.lock:
            at = operation if operation in self.by else "*" if "*" in self.by else None
            if at is None:
                return ""
            fault, times = self.by[at]
            if times == 1:
                del self.by[at]
            elif times:
                self.by[at] = (fault, times - 1)
            return fault


class Dropped(Exception):
    """The connection ends without an answer."""


class TlsServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def finish_request(self, request, client_address):
        request.settimeout(30)
        try:
            with self.contexts[self.identity].wrap_socket(request, server_side=True) as tls:
                super().finish_request(tls, client_address)
        except (OSError, Dropped):
            pass  # the client hung up, or was to be hung up on

    def shutdown_request(self, request):
        self.close_request(request)


class Handler(BaseHTTPRequestHandler):
    """Reads a request whole; the CA's `serve` answers it with (status, content type, body, headers)."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _any(self):
        length = self.headers.get("Content-Length", "0")
        body = self.rfile.read(int(length)) if length.isdigit() else b""
        ca = self.server.ca
        status, kind, answer, headers = ca.serve(self.command, self.path, self.headers, body)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        size = HUGE if answer is HUGE else len(answer)
        self.send_header("Content-Length", str(size))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if answer is HUGE:
            for _ in range(HUGE // 65536):
                self.wfile.write(b" " * 65536)
        elif self.command != "HEAD":
            self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _any


class Service:
    """HTTPS on localhost. `identity` chooses the certificate it shows: good, expired, foreign (another authority's) or
    other (another name). It can be stopped and started again on its port with all it knows."""

    def __init__(self, slow_s=20):
        self.faults, self.lock, self.slow_s = Faults(), threading.RLock(), slow_s
        self.seen, self.port, self.http = [], 0, None
        self.identity = "good"
        trusted, stranger = Authority("Line"), Authority("Stranger")
        self.trust = trusted.root.public_bytes(PEM).decode()
        self.contexts = {"good": self._context(trusted, "localhost"), "foreign": self._context(stranger, "localhost"),
                         "other": self._context(trusted, "elsewhere.example"),
                         "expired": self._context(trusted, "localhost", now() - timedelta(days=40), 30)}
        self.start()

    @staticmethod
    def _context(authority, name, begin=None, days=30):
        key = ec.generate_private_key(ec.SECP256R1())
        cert = certify(_name(name), key.public_key(), authority.issuer, days=days, names=[name], begin=begin)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            chain, secret = Path(folder) / "chain", Path(folder) / "key"
            chain.write_bytes(cert.public_bytes(PEM) + authority.issuing.public_bytes(PEM))
            secret.write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
            context.load_cert_chain(chain, secret)
        return context

    def start(self):
        TlsServer.allow_reuse_address = True
        self.http = TlsServer(("127.0.0.1", self.port), Handler)
        self.port = self.http.server_port
        self.http.ca, self.http.contexts, self.http.identity = self, self.contexts, self.identity
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        self.http.shutdown()
        self.http.server_close()

    def show(self, identity):
        self.identity = self.http.identity = identity

    @property
    def origin(self):
        return f"https://localhost:{self.port}"

    def line_fault(self, fault, act):
        """An answer for a fault of the line or of the server as a whole, or None; `act` does what was asked for."""
        if fault == "slow":
            time.sleep(self.slow_s)
        if fault == "drop":
            act()
            raise Dropped
        if fault == "drop before":
            raise Dropped
        if fault == "500 after":
            act()
        if fault in ("500", "500 after", "503"):
            return int(fault[:3]), "text/html", b"<html><body>trouble</body></html>", {}
        if fault in ("401", "403"):
            return int(fault), "text/html", b"<html><body>who are you?</body></html>", {}
        if fault == "redirect":
            return 302, "text/html", b"", {"Location": "https://elsewhere.example/"}
        if fault == "malformed":
            return 200, "application/json", b'{"meta":{"status":"1"', {}
        if fault == "html":
            return 200, "text/html", b"<html><body>maintenance</body></html>", {}
        if fault == "huge":
            return 200, "application/json", HUGE, {}
        return None
