"""Our reader of nginx configurations against nginx itself: the same files, the same choice of block."""
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/hosts"))
from host import CA, handshake  # noqa: E402

DATA = TOP / "tests/data/target/nginx"
READER = TOP / "build" / os.environ.get("MODE", "asan") / "tests/doubles/deploy_reader"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return CA(tmp_path_factory.mktemp("ca"), "Reader")


@pytest.fixture(params=sorted(p.parent.name for p in DATA.glob("*/nginx.conf")))
def tree(request, tmp_path, authority):
    folder = tmp_path / request.param
    shutil.copytree(DATA / request.param, folder)
    (folder / "tls").mkdir()
    text = "".join(p.read_text() for p in folder.rglob("*") if p.is_file())
    certs = {}
    for name in set(re.findall(r'tls/([a-z-]+(?:\\? space)?)\.crt', text)):
        name = name.replace("\\", "")
        cert = authority.issue([f"{name.replace(' ', '-')}.file"], key="rsa" if "rsa" in name else "ec")
        (folder / "tls" / f"{name}.crt").write_text(cert["chain"])
        (folder / "tls" / f"{name}.key").write_text(cert["key"])
        certs[str(folder / "tls" / f"{name}.crt")] = cert["sha256"]
    args = ["nginx", "-c", str(folder / "nginx.conf"), "-g", f"pid {folder}/pid; error_log {folder}/log;"]
    subprocess.run(args, check=True)
    yield folder, certs, args
    subprocess.run(args + ["-s", "stop"], check=True)
    end = time.monotonic() + 5
    while (folder / "pid").exists() and time.monotonic() < end:
        time.sleep(0.02)


def test_agrees_with_nginx(tree):
    folder, certs, args = tree
    probes = [line.split() for line in (folder / "probes").read_text().splitlines()]
    dump = subprocess.run(args + ["-T"], capture_output=True, check=True).stdout
    out = subprocess.run([READER] + [w for port, name in probes for w in ("127.0.0.1", port, name)], input=dump,
                         capture_output=True, check=True).stdout.decode().splitlines()
    files = dict(line[5:].rsplit(" ", 1) for line in out if line.startswith("file "))
    assert files and all(os.path.getsize(f) == int(n) for f, n in files.items())
    chosen = {tuple(w.split("\t")[0].split()[1:3]): w.split("\t")[1:] for w in out if w.startswith("select ")}
    assert set(chosen) == {tuple(p) for p in probes}, out
    for port, name in probes:
        served = handshake("127.0.0.1", int(port), None if name == "-" else name)
        assert served in [certs[c] for c in chosen[(port, name)]], (port, name, chosen[(port, name)])


def test_thousands_of_blocks_are_read(tmp_path):
    conf = tmp_path / "nginx.conf"
    blocks = "".join(f"server {{ listen 443 ssl; server_name n{i}.test; ssl_certificate t/{i}.crt; ssl_certificate_key t/{i}.key; "
                     "location / { return 200; } }\n" for i in range(5000))
    text = f"events {{}}\nhttp {{\n{blocks}}}\n"
    dump = f"# configuration file {conf}:\n{text}\n"
    out = subprocess.run([READER, "192.0.2.1", "443", "n4999.test"], input=dump.encode(), capture_output=True, check=True)
    assert out.stdout.decode().splitlines()[-1] == f"select 443 n4999.test\t{tmp_path}/t/4999.crt"
