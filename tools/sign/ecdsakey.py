"""The ECDSA P-384 key: a PEM file, or a key in a PKCS#11 token named by a pkcs11: URI.

A folder holds ecdsa.pem (PKCS#8, mode 0600) or ecdsa.uri (the URI, one line). The token is spoken to by
token-sign, which is built from this tree and uses the appliance's own PKCS#11 code; the PIN stands in
the file that the URI's pin-source names, and nowhere else.
"""
import os
import pathlib
import subprocess

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from .files import Refused, read, write_new

TOP = pathlib.Path(__file__).resolve().parents[2]
SCHEME = ec.ECDSA(hashes.SHA384())
HALF = 48


def make(folder, uri=None):
    if uri:
        write_new(pathlib.Path(folder) / "ecdsa.uri", uri.encode() + b"\n", 0o600)
    else:
        pem = ec.generate_private_key(ec.SECP384R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        write_new(pathlib.Path(folder) / "ecdsa.pem", pem, 0o600)


def token_sign(command, uri, data=b""):
    tool = os.environ.get("TOKEN_SIGN", TOP / "build/dev/tools/token-sign")
    try:
        done = subprocess.run([tool, command, uri], input=data, capture_output=True, check=False)
    except OSError as error:
        raise Refused(f"{tool}: {error.strerror}: build it with `make tools`") from None
    if done.returncode:
        raise Refused(done.stderr.decode(errors="replace").strip())
    return done.stdout


class EcdsaKey:
    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self.private = self.uri = None
        if (folder / "ecdsa.uri").exists():
            self.uri = read(folder / "ecdsa.uri").decode().strip()
            key = serialization.load_der_public_key(token_sign("public", self.uri))
        else:
            self.private = serialization.load_pem_private_key(read(folder / "ecdsa.pem"), None)
            key = self.private.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
            raise Refused(f"{folder}: the ECDSA key is not on P-384")
        self.key = key
        self.public = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)

    def sign(self, message):
        der = token_sign("sign", self.uri, message) if self.uri else self.private.sign(message, SCHEME)
        try:
            self.key.verify(der, message, SCHEME)
        except InvalidSignature:
            raise Refused("the ECDSA signature made does not verify: the token has another private key") from None
        r, s = utils.decode_dss_signature(der)
        return r.to_bytes(HALF, "big") + s.to_bytes(HALF, "big")
