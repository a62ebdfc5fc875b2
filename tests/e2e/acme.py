"""What the ACME tests share: certificates for doubles, and the driver of certkeep-ca."""
import json
import os
import subprocess
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

MODE = os.environ.get("MODE", "asan")
PROGRAM = f"build/{MODE}/bin/certkeep-ca"
DRIVER = f"build/{MODE}/tests/doubles/ca_driver"
PEM = serialization.Encoding.PEM


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
    kind = ""  # acme

    def __init__(self, trust, directory="https://localhost:14000/dir", http01_port=5002, settings=None):
        self.settings = settings or {"base_url": directory, "contact": "pki@example.com", "trust": trust, "terms_agreed": True}
        self.process = subprocess.Popen([DRIVER, PROGRAM, str(http01_port)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def __call__(self, op, **more):
        self.process.stdin.write(json.dumps({"op": op, **more}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def test(self, secrets=None, **settings):
        self.settings.update(settings)
        kind = {"kind": self.kind} if self.kind else {}
        return self("test", settings=self.settings, secrets=secrets or {}, **kind)

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(timeout=10) == 0
