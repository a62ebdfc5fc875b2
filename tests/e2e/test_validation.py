"""Validation Status on a whole appliance: chain, names, and revocation by a local CA's own list and by the list that an
outside CA publishes over plain HTTP, real signatures and dates."""
import datetime
import hashlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import main_job
import pytest
from conftest import current
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PEM = serialization.Encoding.PEM
SITES = {"shop": "shop.example", "other": "other.example", "blog": "blog.example"}


def now():
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def subject(cn):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn)])


class OutsideCa:
    """Issues leaves that name a list here, and publishes whatever a test put under its path."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.cert = self.make("CN=Outside", self.key, ca=True)
        self.lists, self.asked = {}, []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def do_GET(self):
                outer.asked.append(self.path)
                body = outer.lists.get(self.path)
                self.send_response(200 if body else 404)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()

    def make(self, cn, key, names=(), ca=False, path=None):
        b = (x509.CertificateBuilder().subject_name(subject(cn)).issuer_name(subject("CN=Outside"))
             .public_key(key.public_key()).serial_number(x509.random_serial_number())
             .not_valid_before(now() - datetime.timedelta(days=1)).not_valid_after(now() + datetime.timedelta(days=60))
             .add_extension(x509.BasicConstraints(ca, None), True)
             .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False))
        if ca:
            b = b.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        if names:
            b = b.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
        if path:
            b = b.add_extension(x509.CRLDistributionPoints([x509.DistributionPoint(
                [x509.UniformResourceIdentifier(self.url + path)], None, None, None)]), False)
        return b.sign(self.key, hashes.SHA256())

    def issue(self, names, path=None, whole=True):
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = self.make(names[0], key, names, path=path)
        pem = leaf.public_bytes(PEM).decode()
        return {"cert": leaf, "leaf": pem, "chain": pem + (self.cert.public_bytes(PEM).decode() if whole else ""),
                "key": key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode(),
                "sha256": hashlib.sha256(leaf.public_bytes(serialization.Encoding.DER)).hexdigest()}

    def publish(self, path, revoked=(), key=None, life=3600, age=60):
        """A list as of `age` seconds ago, good for `life` seconds from now."""
        b = (x509.CertificateRevocationListBuilder().issuer_name(subject("CN=Outside"))
             .last_update(now() - datetime.timedelta(seconds=age)).next_update(now() + datetime.timedelta(seconds=life))
             .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False)
             .add_extension(x509.CRLNumber(1), False))
        for c in revoked:
            b = b.add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(c["cert"].serial_number)
                                          .revocation_date(now() - datetime.timedelta(days=1)).build())
        crl = b.sign(key or self.key, hashes.SHA256())
        self.lists[path] = crl.public_bytes(serialization.Encoding.DER)
        return crl


@pytest.fixture(scope="module")
def outside():
    ca = OutsideCa()
    yield ca
    ca.close()


def validated(a, server, name, fingerprint, status, seconds=60):
    end, row = time.monotonic() + seconds, None
    while time.monotonic() < end:
        row = current(a, server, name)
        if row["fingerprint"] == fingerprint and row["validation_status"] == status:
            return row
        time.sleep(0.2)
    raise AssertionError(f"{name} is {row['validation_status']}, not {status}: {row['validation_detail']}")


def serve(a, machine, server, **certs):
    """Puts the certificates on the sites and looks at the server again."""
    for site, cert in certs.items():
        machine.install(site, cert)
    machine.reload()
    a.work("POST", f"/servers/{server['id']}/test")


def text_time(t):
    return t.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_list_of_an_outside_ca_decides(appliance, machine, server, outside):
    good, revoked = outside.issue(["shop.example", "www.shop.example"], "/a.crl"), outside.issue(["other.example"], "/a.crl")
    none = outside.issue(["blog.example"])
    crl = outside.publish("/a.crl", [revoked])
    serve(appliance, machine, server, shop=good, other=revoked, blog=none)
    row = validated(appliance, server, "shop.example", good["sha256"], "Valid")
    assert row["validated_at"] == text_time(crl.last_update_utc), "as of the list, not of the look"
    assert "chain complete, names covered; not on the list of" in row["validation_detail"]
    assert row["validate_at"] == text_time(crl.next_update_utc), "looked at again when the next list is due"
    row = validated(appliance, server, "other.example", revoked["sha256"], "Revoked")
    assert "its CA revoked it on" in row["validation_detail"] and not row["revoked"], "not by us"
    row = validated(appliance, server, "blog.example", none["sha256"], "Revocation unknown")
    assert "names no revocation list" in row["validation_detail"] and row["validated_at"] is None
    assert outside.asked.count("/a.crl") == 1, "one list serves both"
    told = appliance.get(f"/certificates/{current(appliance, server, 'other.example')['id']}/timeline")["items"]
    assert any(x["action"] == "validated" and x["text"].startswith("Revoked: ") for x in told)
    audit = appliance.get("/audit", filter="action:equals:certificate.validated", limit=50)["items"]
    assert any(r["detail"].startswith("Revoked: ") for r in audit)
    rows = appliance.get("/certificates", filter="validation_status:equals:Revoked", columns="name,validation_status")
    assert [r["name"] for r in rows["items"]] == ["other.example"]


def test_list_that_proves_nothing_is_not_believed(appliance, machine, server, outside):
    certs = {site: outside.issue([name, f"www.{name}"], f"/{site}.crl") for site, name in SITES.items()}
    outside.publish("/shop.crl", key=ec.generate_private_key(ec.SECP256R1()))  # signed by somebody else
    outside.publish("/other.crl", life=-5, age=600)  # out of date
    outside.lists["/blog.crl"] = b"\x30\x82" + b"x" * (5 << 20)  # larger than is read
    serve(appliance, machine, server, **certs)
    for site, words in (("shop", "signature failure"), ("other", "expired"), ("blog", "MiB|bytes|large")):
        row = validated(appliance, server, SITES[site], certs[site]["sha256"], "Revocation unknown")
        assert any(w in row["validation_detail"] for w in words.split("|")), row["validation_detail"]


def test_list_is_read_again_when_the_next_is_due(appliance, machine, server, outside):
    cert, away = outside.issue(["shop.example", "www.shop.example"], "/b.crl"), outside.issue(["blog.example"], "/none.crl")
    outside.publish("/b.crl", life=20)
    serve(appliance, machine, server, shop=cert, blog=away)
    validated(appliance, server, "shop.example", cert["sha256"], "Valid")
    row = validated(appliance, server, "blog.example", away["sha256"], "Revocation unknown")
    assert "answered 404" in row["validation_detail"]
    outside.publish("/b.crl", [cert])
    validated(appliance, server, "shop.example", cert["sha256"], "Revoked", 90)


def test_names_and_chain_are_checked(appliance, machine, server, outside):
    outside.publish("/c.crl")
    wrong = outside.issue(["elsewhere.example"], "/c.crl")
    alone = outside.issue(["other.example"], "/c.crl", whole=False)
    serve(appliance, machine, server, shop=wrong, other=alone)
    row = validated(appliance, server, "shop.example", wrong["sha256"], "Name mismatch")
    assert "it does not cover shop.example, www.shop.example" in row["validation_detail"]
    row = validated(appliance, server, "other.example", alone["sha256"], "Chain incomplete")
    assert "its issuer is not sent with it" in row["validation_detail"]


def test_local_ca_knows_what_it_revoked(appliance):
    cert = appliance.post("/certificates", {"name": "mine.example", "connector": main_job.connector(appliance)["id"],
                                            "key_alg": "p-256"})
    path = f"/certificates/{cert['id']}"
    assert cert["validation_status"] == ""
    appliance.work("POST", f"{path}/issue")

    def status(want):
        end = time.monotonic() + 60
        while (row := appliance.get(path))["validation_status"] != want:
            assert time.monotonic() < end, row
            time.sleep(0.2)
        return row
    row = status("Valid")
    assert "not on the list of Local CA" in row["validation_detail"] and row["validated_at"]
    appliance.patch(path, {"names": ["mine.example", "also.example"]})
    assert "also.example" in status("Name mismatch")["validation_detail"]
    appliance.work("POST", f"{path}/revoke", {"reason": 1})
    assert "revoked: on the list of Local CA" in status("Revoked")["validation_detail"]
    assert appliance.get("/health")
