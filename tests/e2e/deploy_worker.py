"""Drives certkeep-deploy as core does, through tests/doubles/deploy_driver.c, for the tests beside."""
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/hosts"))
from host import CA, PASSWORD, Host, handshake  # noqa: E402

BUILD = TOP / "build" / os.environ.get("MODE", "asan")
CONNECT, DISCOVER, PLAN, BACKUP, STAGE, VALIDATE, ARM, SWITCH, ACTIVATE, VERIFY, COMMIT, ROLLBACK, OBSERVE, CLEAN = range(1, 15)
OK, NO_CHANGE, REVIEW, FAILED, RETRY, HOST_KEY = range(6)
OLD, NEW, NEW_SERVED, MIXED, ROLLED_BACK = range(10, 15)
PERMISSION, CONNECTIVITY, FORMAT, CONFIGURATION, VERIFICATION, _CA, POLICY, INTERNAL = range(1, 9)
CHANGES = [BACKUP, STAGE, VALIDATE, ARM, SWITCH, ACTIVATE, VERIFY, COMMIT]
NAMES = ["shop.example", "www.shop.example"]


class Died(Exception):
    pass


class Worker:
    """One worker and the driver in front of it."""

    def __init__(self):
        self.driver = subprocess.Popen([BUILD / "tests/doubles/deploy_driver"], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True)
        self.log, self.parts = [], []
        self.start()

    def start(self):
        got = self.ask(op="start", program=str(BUILD / "bin/certkeep-deploy"))
        assert "error" not in got, got

    def ask(self, **q):
        self.driver.stdin.write(json.dumps(q) + "\n")
        self.driver.stdin.flush()
        got = json.loads(self.driver.stdout.readline())
        self.log += got["log"]
        self.parts += got["parts"]
        return got

    def kill(self):
        self.ask(op="kill")

    def close(self):
        self.driver.stdin.close()
        self.driver.wait(20)
        self.driver.stdout.close()


class Job:
    """A deployment (or, without a certificate, a server check) of one site of a host."""

    count = 0

    def __init__(self, worker, host, cert=None, user="deploy", sudo="sudo", secrets=None, sni="shop.example", port=443,
                 names=NAMES, login="password", server=None, key=None, **request):
        Job.count += 1
        self.w, self.cert, self.plan = worker, cert, ""
        self.key = key or (cert or {}).get("key", "")
        spki = x509.load_pem_x509_certificate(cert["leaf"].encode()).public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo) if cert else b""
        self.begin_args = dict(
            op="begin", job=f"{Job.count:020d}",
            server={"id": "s" * 20, "description": "web", "address": host.address, "server_type": "nginx", "port": 22,
                    "username": user, "login": login, "sudo": sudo, "nginx_path": "/etc/nginx", "service_name": "nginx",
                    "rollback_seconds": 60, "host_keys": host.host_keys(), **(server or {})},
            secrets={"password": PASSWORD} if secrets is None else secrets,
            request={"port": port, "sni": sni, "names": names if cert else [], **request},
            chain_pem=cert["chain"] if cert else "", spki=spki.hex())
        self.begun = self.begin()

    def begin(self):
        return self.w.ask(**self.begin_args)

    def again(self):
        """A new worker takes the job over, with the plan core has stored."""
        self.w.start()
        assert "error" not in self.begin()

    def step(self, number, kill_after_ms=0):
        got = self.w.ask(op="step", step=number, plan=self.plan, key=self.key if number == STAGE else "",
                         kill_after_ms=kill_after_ms)
        if "error" in got:
            if kill_after_ms:
                raise Died()
            raise AssertionError(got["error"])
        if got["outcome"] not in (RETRY,):
            self.plan = got["plan"]
        return got

    def ok(self, *numbers):
        for n in numbers:
            got = self.step(n)
            assert got["outcome"] == OK, (n, got)
        return got


def leaf_of(host, site="shop"):
    return host.certs[site]["sha256"]


def wait_served(host, leaf, seconds):
    end = time.monotonic() + seconds
    while host.served() != leaf:
        assert time.monotonic() < end, "another leaf is served"
        time.sleep(0.2)


def assert_tidy(host):
    left = host.run("find /etc/nginx -name '.*' -type f; ls -d /var/lib/certkeep/lock 2>/dev/null || true")
    assert left == ""


class Sampler(threading.Thread):
    """Shakes hands the whole time: nobody may ever see a broken or a foreign answer."""

    def __init__(self, host, allowed):
        super().__init__(daemon=True)
        self.host, self.allowed, self.bad, self.count, self.done = host, allowed, [], 0, False

    def run(self):
        while not self.done:
            try:
                got = handshake(self.host.address, 443, "shop.example")
                if got not in self.allowed:
                    self.bad.append(got)
            except Exception as e:  # whatever it is, a client saw it
                self.bad.append(repr(e))
            self.count += 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.done = True
        self.join()


FIRST = {}  # certificates of a machine before any test


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return CA(tmp_path_factory.mktemp("newca"), "New Example")


@pytest.fixture
def host(machine):
    """The machine with its first certificates, whatever the test before left."""
    machine.run("rm -rf /var/lib/certkeep /etc/nginx/conf.d/zz-*; find /etc/nginx/tls -name '.*' -type f -delete")
    for site, cert in FIRST.setdefault(machine.n, dict(machine.certs)).items():
        machine.install(site, cert)
    machine.reload()
    return machine


@pytest.fixture
def worker():
    w = Worker()
    yield w
    w.close()
