"""A private CA by the openssl command, and how commands are run here."""
import hashlib
import os
import shlex
import ssl
import subprocess
from pathlib import Path


def sh(*argv, text=None, check=True):
    r = subprocess.run(argv, input=text, capture_output=True, text=True)
    if check and r.returncode:
        raise RuntimeError(f"{shlex.join(argv)}: exit {r.returncode}: {r.stderr.strip() or r.stdout.strip()}")
    return r.stdout


class CA:
    """A private CA (root and one intermediate) made by the openssl command in a folder."""

    def __init__(self, folder, name="Example Test"):
        self.dir = Path(folder)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.serial = 0
        self._make("root", f"/CN={name} Root", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign",
                   None, "ec", 3650)
        self._make("inter", f"/CN={name} Issuing", "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign",
                   "root", "ec", 1825)

    def _make(self, file, subject, extensions, issuer, key, days):
        d = self.dir
        alg = ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"] if key == "ec" else ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
        sh("openssl", "genpkey", "-algorithm", *alg, "-out", str(d / f"{file}.key"))
        (d / f"{file}.ext").write_text("subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid:always\n" * bool(issuer)
                                       + ("" if issuer else "subjectKeyIdentifier=hash\n") + extensions + "\n")
        sh("openssl", "req", "-new", "-key", str(d / f"{file}.key"), "-subj", subject, "-out", str(d / f"{file}.csr"))
        by = ["-CA", str(d / f"{issuer}.crt"), "-CAkey", str(d / f"{issuer}.key")] if issuer else ["-signkey", str(d / f"{file}.key")]
        self.serial += 1
        sh("openssl", "x509", "-req", "-in", str(d / f"{file}.csr"), *by, "-days", str(days), "-sha256",
           "-set_serial", str(int.from_bytes(os.urandom(8), "big") >> 1), "-extfile", str(d / f"{file}.ext"),
           "-out", str(d / f"{file}.crt"))

    def issue(self, names, key="ec", days=90, eku="serverAuth"):
        """-> {"leaf", "chain" (leaf + intermediate), "key": PEM texts, "sha256": of the leaf}"""
        file = f"leaf{self.serial}"
        sans = ",".join(f"DNS:{n}" for n in names)
        self._make(file, f"/CN={names[0]}", f"subjectAltName={sans}\nextendedKeyUsage={eku}\nkeyUsage=critical,digitalSignature",
                   "inter", key, days)
        leaf = (self.dir / f"{file}.crt").read_text()
        return {"leaf": leaf, "chain": leaf + (self.dir / "inter.crt").read_text(),
                "key": (self.dir / f"{file}.key").read_text(),
                "sha256": hashlib.sha256(ssl.PEM_cert_to_DER_cert(leaf)).hexdigest()}

    @property
    def root(self):
        return (self.dir / "root.crt").read_text()
