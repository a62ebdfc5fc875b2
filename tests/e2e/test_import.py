"""Certificates from files: what becomes a row, what is kept as chain, what is refused, and that no key is kept."""
import base64
import datetime
import json
import subprocess

import pytest
from contract import Contract
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from cryptography.x509.oid import NameOID
from ctl_tool import INPUT, PROGRAM, Tool

PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Issuer:
    def __init__(self, text, by=None):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.cert = (by or self).make(text, self.key.public_key(), ca=True)

    def make(self, text, public, ca=False):
        now = datetime.datetime.now(datetime.timezone.utc)
        b = (x509.CertificateBuilder().subject_name(name(text)).public_key(public).serial_number(x509.random_serial_number())
             .issuer_name(self.cert.subject if hasattr(self, "cert") else name(text))
             .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=60))
             .add_extension(x509.BasicConstraints(ca, None), True))
        if not ca:
            b = b.add_extension(x509.SubjectAlternativeName([x509.DNSName(text)]), False)
        return b.sign(self.key, hashes.SHA256())

    def leaf(self, text):
        key = ec.generate_private_key(ec.SECP256R1())
        return self.make(text, key.public_key()), key


@pytest.fixture(scope="module")
def c(appliance):
    return Contract(appliance)


@pytest.fixture(scope="module")
def root():
    return Issuer("Import Root")


@pytest.fixture(scope="module")
def ca(root):
    return Issuer("Import CA", root)


def file(content, called="certs.pem"):
    return {"name": called, "content": base64.b64encode(content).decode()}


def pem(*certs):
    return b"".join(x.public_bytes(PEM) for x in certs)


def take(c, *files, **more):
    return c.call("certs_import", 200, body={"files": list(files), **more}).value


def counts(got):
    return tuple(got[k] for k in ("imported", "duplicate", "chain", "refused"))


def row_of(c, cert):
    rows = c.a.get("/certificates", filter=f"fingerprint:equals:{cert.fingerprint(hashes.SHA256()).hex()}")["items"]
    return c.call("certs_get", 200, id=rows[0]["id"]).value if len(rows) == 1 else None


def test_import_makes_rows_with_their_chain(c, root, ca):
    one, two = ca.leaf("one.import.example")[0], ca.leaf("two.import.example")[0]
    before = c.a.get("/home")["counts"]
    got = take(c, file(pem(one, ca.cert, root.cert), "one.pem"), file(two.public_bytes(DER), "two.der"), tags=["from=import"])
    assert counts(got) == (2, 0, 2, 0), got
    row = row_of(c, one)
    assert (row["status"], row["readiness"], row["discovery_bot"], row["bot"]) == ("Discovered", "Bot Unassigned", "Import", "")
    assert row["name"] == "one.import.example" and row["names"] == ["one.import.example"] and row["tags"] == ["from=import"]
    assert row["issuer"] == "Import CA" and row["serial"] and row["not_after"] and row["key_info"]
    for cert, r in ((one, row), (two, row_of(c, two))):  # the chain comes from the other file, too
        chain = c.call("certs_download", 200, query={"format": "chain"}, id=r["id"]).data
        assert x509.load_pem_x509_certificates(chain) == [cert, ca.cert, root.cert]
    assert not row_of(c, ca.cert) and not row_of(c, root.cert)
    after = c.a.get("/home")["counts"]
    assert (after["certificates"] - before["certificates"], after["bot_unassigned"] - before["bot_unassigned"]) == (2, 2)
    first = c.call("certs_timeline", 200, id=row["id"]).value["items"][-1]
    assert (first["action"], first["text"]) == ("imported", "one.pem")
    audit = [r for r in c.a.get("/audit", limit=50)["items"] if r["action"] == "certificate.import"]
    assert {r["name"] for r in audit[:2]} == {"one.import.example", "two.import.example"}
    changed = c.call("certs_update", 200, id=row["id"], body={"bot": "built-in"}).value  # from here on as any other
    assert (changed["status"], changed["readiness"]) == ("Initiated", "Configuration Pending")


def test_import_knows_what_is_there(c, ca):
    cert = ca.leaf("again.import.example")[0]
    got = take(c, file(pem(cert), "first.pem"), file(cert.public_bytes(DER), "same.der"))
    assert counts(got) == (1, 1, 0, 0) and got["items"][1]["text"]
    row = row_of(c, cert)
    got = take(c, file(pem(cert)))
    assert counts(got) == (0, 1, 0, 0) and got["items"][0]["id"] == row["id"]
    assert row_of(c, cert)["rev"] == row["rev"]


@pytest.mark.parametrize("encoding", [PEM, DER])
def test_import_reads_pkcs7(c, ca, encoding):
    cert = ca.leaf(f"p7-{encoding.name}.import.example".lower())[0]
    got = take(c, file(pkcs7.serialize_certificates([cert, ca.cert], encoding), "bundle.p7b"))
    assert counts(got) == (1, 0, 1, 0) and row_of(c, cert)


def test_import_takes_a_self_signed_server_and_no_lone_ca(c, root):
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.timezone.utc)
    cert = (x509.CertificateBuilder().subject_name(name("self.import.example")).issuer_name(name("self.import.example"))
            .public_key(key.public_key()).serial_number(7).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=9))
            .add_extension(x509.BasicConstraints(True, None), True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("self.import.example")]), False).sign(key, hashes.SHA256()))
    got = take(c, file(pem(cert)), file(pem(root.cert), "root.pem"))
    assert counts(got) == (1, 0, 0, 1) and row_of(c, cert) and not row_of(c, root.cert)
    assert "CA certificate" in got["items"][1]["text"]


def keys(ca):
    cert, key = ca.leaf("secret.import.example")
    plain = serialization.NoEncryption()
    sealed = serialization.BestAvailableEncryption(b"a password")
    pkcs8 = serialization.PrivateFormat.PKCS8
    return {"with its certificate": pem(cert) + key.private_bytes(PEM, pkcs8, plain),
            "der": key.private_bytes(DER, pkcs8, plain), "old": key.private_bytes(PEM, serialization.PrivateFormat.TraditionalOpenSSL, plain),
            "old der": key.private_bytes(DER, serialization.PrivateFormat.TraditionalOpenSSL, plain),
            "sealed": key.private_bytes(PEM, pkcs8, sealed), "sealed der": key.private_bytes(DER, pkcs8, sealed),
            "p12": pkcs12.serialize_key_and_certificates(b"x", key, cert, None, sealed)}


def test_private_keys_are_refused_and_kept_nowhere(c, ca, appliance):
    good = ca.leaf("good.import.example")[0]
    all_keys = keys(ca)
    got = take(c, *[file(v, k) for k, v in all_keys.items()], file(pem(good), "good.pem"))
    assert counts(got) == (1, 0, 0, len(all_keys)), got
    assert all("private key" in i["text"] for i in got["items"] if i["file"] != "good.pem")
    c.refuse("certs_import", 400, "expected base64", body={"files": [{"name": "pasted", "content": all_keys["old"].decode()}]})
    store, said = (appliance.state / "core/data.mdb").read_bytes(), str(got) + appliance.log_text() + str(appliance.get("/audit", limit=100))
    for content in all_keys.values():
        for part in (content[-60:-30], base64.b64encode(content)[-60:-30], content[40:70]):
            assert part not in store and part.decode("latin-1") not in said


def test_import_has_limits_and_words(c, ca):
    cert = pem(ca.leaf("limit.import.example")[0])
    c.refuse("certs_import", 400, field="files", body={"files": []})
    c.refuse("certs_import", 400, body={"files": [file(cert)] * 101})
    got = take(c, file(b"no certificate", "notes.txt"), file(b"", "empty"), file(cert[:200], "half.pem"))
    assert counts(got) == (0, 0, 0, 3) and all(i["text"] for i in got["items"])
    c.refuse("certs_import", 400, "at most", field="files", body={"files": [file(b"A" * 600000, "large")]})
    many = take(c, file(cert * 600, "many.pem"))
    assert counts(many) == (1, 599, 0, 0)


def test_import_by_the_console_tool(c, ca, appliance, tmp_path):
    tool = Tool(tmp_path, None)
    root = tmp_path / "root.pem"
    root.write_text((appliance.state / "public/root.pem").read_text())
    tool("--url", f"https://{appliance.address}:{appliance.port}", "--ca", str(root), "login", "--stdin",
         stdin=json.dumps({"username": "admin", "password": appliance.credentials["password"]}))
    certs = [ca.leaf(f"cli{i}.import.example") for i in range(3)]
    files = []
    for i, (cert, _) in enumerate(certs):
        files.append(tmp_path / f"c{i}.pem")
        files[-1].write_bytes(pem(cert, ca.cert))
    said = tool("cert", "import", *map(str, files[:2]), "--tags", "by=tool")
    assert "2 imported" in said and "cli0.import.example" in said and row_of(c, certs[0][0])["tags"] == ["by=tool"]
    key = tmp_path / "key.pem"
    key.write_bytes(certs[2][1].private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    before = appliance.get("/audit", limit=1)["items"][0]["seq"]
    why = tool("cert", "import", str(key), status=INPUT)
    assert "1 of 1 were refused" in why and appliance.get("/audit", limit=1)["items"][0]["seq"] == before  # it was not sent
    run = subprocess.run([PROGRAM, "--json", "cert", "import", str(key), str(files[2])], env=tool.env, capture_output=True, text=True)
    got = json.loads(run.stdout)
    assert run.returncode == INPUT and counts(got) == (1, 0, 1, 1) and "PRIVATE" not in run.stdout + run.stderr
