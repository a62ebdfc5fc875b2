"""The certificate of the UI: requested, issued by another CA, served, and issued by the local CA again."""
import datetime
import json
import socket
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from conftest import new_appliance
from contract import Contract
from ctl_tool import INPUT, Tool

NOW = datetime.datetime.now(datetime.timezone.utc)
PEM = serialization.Encoding.PEM


class Authority:
    """A CA of the organisation: a root and an issuing CA."""

    def __init__(self):
        self.root_key, self.key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self.root = self.make("Corp Root", self.root_key.public_key(), "Corp Root", self.root_key, ca=True)
        self.issuing = self.make("Corp Issuing", self.key.public_key(), "Corp Root", self.root_key, ca=True)

    @staticmethod
    def make(name, public, issuer, key, ca=False, names=(), days=60, server=True, begin=NOW - datetime.timedelta(hours=1)):
        cn = lambda text: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])  # noqa: E731
        b = (x509.CertificateBuilder().subject_name(cn(name)).issuer_name(cn(issuer)).public_key(public)
             .serial_number(x509.random_serial_number()).not_valid_before(begin)
             .not_valid_after(begin + datetime.timedelta(days=days))
             .add_extension(x509.BasicConstraints(ca, None), critical=True))
        b = b.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False).add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        if ca:
            b = b.add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True)
        if names:
            b = b.add_extension(x509.SubjectAlternativeName(list(names)), critical=False)
        if not ca:
            use = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
            b = b.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        return b.sign(key, hashes.SHA256())

    def issue(self, csr, **more):
        request = x509.load_pem_x509_csr(csr.encode())
        assert request.is_signature_valid
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        leaf = self.make("keep.corp.example", request.public_key(), "Corp Issuing", self.key, names=names, **more)
        return leaf, leaf.public_bytes(PEM).decode() + self.issuing.public_bytes(PEM).decode()


@pytest.fixture(scope="module")
def ca():
    return Authority()


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    with new_appliance(tmp_path_factory) as a:
        a.set_up()
        yield a


@pytest.fixture(scope="module")
def c(box):
    return Contract(box)


def served(box, ca):
    """What a client that trusts the CA alone is shown -> DER; an error when it would not go on."""
    ctx = ssl.create_default_context(cadata=ca.root.public_bytes(PEM).decode())
    with ctx.wrap_socket(socket.create_connection((box.address, box.port)), server_hostname="keep.corp.example") as s:
        return s.getpeercert(True)


def test_what_is_served_is_shown(c, box):
    got = c.call("identity_get", 200).value
    assert got["imported"] is False and "localhost" in got["names"] and got["warnings"] is not None
    leaf = got["certificates"][0]
    seen = ssl.get_server_certificate((box.address, box.port))
    der = ssl.PEM_cert_to_DER_cert(seen)
    assert leaf["fingerprint"] == __import__("hashlib").sha256(der).hexdigest() and "Local" in leaf["issuer"]


def test_another_ca_signs_the_request_and_its_certificate_is_served(c, box, ca):
    csr = c.call("identity_request", 200, body={"names": ["keep.corp.example", "localhost", "127.0.0.1"]}).value["csr"]
    leaf, chain = ca.issue(csr)
    with pytest.raises(ssl.SSLError):
        served(box, ca)
    real, box._tls = box._tls, lambda: ssl._create_unverified_context()
    try:
        got = c.call("identity_import", 200, body={"chain": chain}).value
        assert got["imported"] is True and got["certificates"][0]["subject"] == "CN=keep.corp.example"
        assert len(got["certificates"]) == 2 and got["warnings"] == []
        assert served(box, ca) == leaf.public_bytes(serialization.Encoding.DER)
        soon, chain = ca.issue(csr, days=3)
        got = c.call("identity_import", 200, body={"chain": chain}).value
        assert any("ends soon" in w for w in got["warnings"])
        got = c.call("identity_renew", 200, body={}).value
        assert got["imported"] is False and "Local" in got["certificates"][0]["issuer"]
        assert "keep.corp.example" in got["certificates"][0]["names"]
    finally:
        box._tls = real
    assert box.get("/state")["state"] == "Operational"  # verified by the local CA again
    said = [(r["action"], r["detail"]) for r in box.get("/audit", limit=12)["items"] if r["result"] == "ok"]
    assert any(a == "identity_import" and d.startswith("imported, SHA-256 ") for a, d in said)
    assert ("identity_renew", "issued by the local CA") in said


def test_what_does_not_fit_is_refused_and_the_old_one_stays(c, ca):
    csr = c.call("identity_request", 200, body={}).value["csr"]
    before = c.call("identity_get", 200).value
    other = ca.make("keep.corp.example", ec.generate_private_key(ec.SECP256R1()).public_key(), "Corp Issuing", ca.key,
                    names=[x509.DNSName("keep.corp.example")]).public_bytes(PEM).decode()
    ended = ca.issue(csr, days=2, begin=NOW - datetime.timedelta(days=10))[1]
    client = ca.issue(csr, server=False)[1]
    key = ca.key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    for chain in (other, ended, client, key, "no PEM", ca.issue(csr)[1].split("-----END CERTIFICATE-----")[0]):
        c.refuse("identity_import", 400, "", "chain", body={"chain": chain})
    c.refuse("identity_request", 400, "", body={"names": ["a b"]})
    assert c.call("identity_get", 200).value == before


def test_the_console_tool_does_the_same(box, ca, tmp_path, tmp_path_factory):
    tool = Tool(tmp_path_factory.mktemp("tool"), None)
    tool("--url", f"https://localhost:{box.port}", "--ca", str(box.state / "public/root.pem"), "login", "--stdin",
         stdin=json.dumps({k: box.credentials[k] for k in ("username", "password")}))
    assert "Local" in tool("system", "identity")
    csr = tool("system", "identity-request", "keep.corp.example", "localhost", "127.0.0.1")
    chain = tmp_path / "chain.pem"
    chain.write_text("no PEM")
    assert "chain" in tool("system", "identity-import", str(chain), status=INPUT)
    chain.write_text(ca.issue(csr)[1])
    assert "keep.corp.example" in tool("system", "identity-import", str(chain))
    root = tmp_path / "root.pem"
    root.write_bytes(ca.root.public_bytes(PEM))
    assert "Local" in tool("--ca", str(root), "system", "identity-renew")
