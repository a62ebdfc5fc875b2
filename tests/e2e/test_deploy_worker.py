"""The deploy worker against a real machine: real sshd, sudo, nginx, real handshakes.

The driver (tests/doubles/deploy_driver.c) plays core; the program under test is certkeep-deploy.
"""
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
        self.log = []
        self.start()

    def start(self):
        got = self.ask(op="start", program=str(BUILD / "bin/certkeep-deploy"))
        assert "error" not in got, got

    def ask(self, **q):
        self.driver.stdin.write(json.dumps(q) + "\n")
        self.driver.stdin.flush()
        got = json.loads(self.driver.stdout.readline())
        self.log += got["log"]
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


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return CA(tmp_path_factory.mktemp("newca"), "New Example")


@pytest.fixture(scope="module")
def machine():
    with Host(242) as h:
        yield h


@pytest.fixture
def host(machine):
    """The machine with its first certificates, whatever the test before left."""
    machine.run("rm -rf /var/lib/certkeep /etc/nginx/conf.d/zz-*; find /etc/nginx/tls -name '.*' -type f -delete")
    for site, cert in FIRST.setdefault(machine.n, dict(machine.certs)).items():
        machine.install(site, cert)
    machine.reload()
    return machine


FIRST = {}


@pytest.fixture
def worker():
    w = Worker()
    yield w
    w.close()


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


def test_check_finds_the_endpoints(host, worker):
    job = Job(worker, host)
    job.ok(CONNECT)
    got = job.ok(DISCOVER)
    found = {(f["port"], tuple(f["server_names"])): f for f in got["findings"]}
    assert set(found) == {(443, ("shop.example", "www.shop.example")), (443, ("other.example",)), (8443, ("blog.example",))}
    shop = found[(443, ("shop.example", "www.shop.example"))]
    assert (shop["cert_path"], shop["key_path"]) == ("/etc/nginx/tls/shop.crt", "/etc/nginx/tls/shop.key")
    assert (shop["config_file"], shop["config_line"]) == ("/etc/nginx/conf.d/shop.conf", 5)
    assert shop["configured_pem"] == shop["served_pem"] == host.certs["shop"]["chain"]
    assert shop["problem"] == ""
    assert "PRIVATE" not in json.dumps(got)
    assert "version: nginx 1.26" in got["evidence"]
    assert job.step(BACKUP)["outcome"] == FAILED  # a check changes nothing
    assert host.run("ls /var/lib") .find("certkeep") < 0


def test_deploys_and_finds_no_change_afterwards(host, worker, authority):
    new = authority.issue(NAMES)
    before = host.run("stat -c '%u %g %a' /etc/nginx/tls/shop.*")
    other = host.run("sha256sum /etc/nginx/tls/other.* /etc/nginx/conf.d/*")
    job = Job(worker, host, new)
    with Sampler(host, {leaf_of(host), new["sha256"]}) as s:
        job.ok(CONNECT, DISCOVER)
        plan = job.ok(PLAN)
        job.ok(*CHANGES)
    assert s.count > 20 and s.bad == []
    assert "replace /etc/nginx/tls/shop.key  new key, 0:0 0600" in plan["evidence"]
    assert "SANs: +0 -0" in plan["evidence"]
    assert host.served() == new["sha256"] and host.served(443, "www.shop.example") == new["sha256"]
    assert host.read("/etc/nginx/tls/shop.crt") == new["chain"]
    assert host.read("/etc/nginx/tls/shop.key") == new["key"]
    assert host.run("stat -c '%u %g %a' /etc/nginx/tls/shop.*") == before
    assert host.run("sha256sum /etc/nginx/tls/other.* /etc/nginx/conf.d/*") == other
    assert_tidy(host)
    assert host.run("stat -c %a /var/lib/certkeep") == "700\n"
    words = "\n".join(worker.log)
    assert PASSWORD not in words and "PRIVATE" not in words
    again = Job(Worker(), host, new)
    again.ok(CONNECT, DISCOVER)
    assert again.step(PLAN)["outcome"] == NO_CHANGE
    again.w.close()


def test_unknown_host_key_gets_no_password(host, worker, authority):
    job = Job(worker, host, authority.issue(NAMES), server={"host_keys": []})
    got = job.step(CONNECT)
    assert got["outcome"] == HOST_KEY
    assert set(host.host_keys()) <= set(got["evidence"].split("\n"))


def test_changed_host_key_stops(host, worker, authority):
    job = Job(worker, host, authority.issue(NAMES))
    host.change_host_key()
    got = job.step(CONNECT)
    assert got["outcome"] == HOST_KEY and "has changed" in got["text"]
    assert set(host.host_keys()) <= set(got["evidence"].split("\n"))


def test_wrong_password_is_a_permission_failure(host, worker):
    got = Job(worker, host, secrets={"password": "wrong"}).step(CONNECT)
    assert (got["outcome"], got["cause"]) == (FAILED, PERMISSION)


@pytest.mark.parametrize("user,sudo,login,secrets,good", [
    ("deploy", "sudo", "key", {"ssh_key"}, True),
    ("deploy", "sudo", "keyboard-interactive", {"password"}, True),
    ("deploypw", "sudo with password", "password", {"password"}, True),
    ("deploypw", "sudo with password", "key", {"ssh_key", "sudo_password"}, True),
    ("deploy", "sudo with password", "password", {"password"}, True),
    ("deploypw", "sudo with password", "key", {"ssh_key", "wrong"}, False),
    ("deploypw", "sudo", "password", {"password"}, False),
    ("deploytty", "sudo", "password", {"password"}, False),
    ("plain", "sudo with password", "password", {"password"}, False),
])
def test_login_and_elevation(host, worker, user, sudo, login, secrets, good):
    values = {"password": PASSWORD, "ssh_key": host.client_key, "sudo_password": PASSWORD}
    given = {k: values[k] for k in secrets if k in values}
    if "wrong" in secrets:
        given["sudo_password"] = "wrong"
    job = Job(worker, host, user=user, sudo=sudo, login=login, secrets=given)
    got = job.step(CONNECT)
    if good:
        assert got["outcome"] == OK, got
        job.ok(DISCOVER)
    else:
        assert (got["outcome"], got["cause"]) == (FAILED, PERMISSION), got


def test_account_without_rights_is_told_so(host, worker, authority):
    job = Job(worker, host, authority.issue(NAMES), user="plain", sudo="none")
    job.ok(CONNECT)
    got = job.step(DISCOVER)
    assert got["outcome"] == FAILED


def test_nobody_there_is_worth_a_retry(host, worker):
    job = Job(worker, host, server={"port": 2222})
    got = job.step(CONNECT)
    assert (got["outcome"], got["cause"]) == (RETRY, CONNECTIVITY)


def test_readonly_folder_fails_before_any_change(host, worker, authority):
    job = Job(worker, host, authority.issue(NAMES))
    host.set_readonly("/etc/nginx/tls")
    try:
        job.ok(CONNECT)
        got = job.step(DISCOVER)
    finally:
        host.set_writable("/etc/nginx/tls")
    assert (got["outcome"], got["cause"]) == (FAILED, PERMISSION)
    assert "read-only" in got["text"]


def test_broken_configuration_fails_before_any_change(host, worker, authority):
    job = Job(worker, host, authority.issue(NAMES))
    host.break_config()
    job.ok(CONNECT)
    got = job.step(DISCOVER)
    assert (got["outcome"], got["cause"]) == (FAILED, CONFIGURATION)
    assert "broken before" in got["text"] and "nonsense" in got["evidence"]
    assert len(got["findings"]) >= 3  # read file by file
    assert host.served() == leaf_of(host)


def test_configuration_broken_meanwhile_fails_in_validate(host, worker, authority):
    job = Job(worker, host, authority.issue(NAMES))
    job.ok(CONNECT, DISCOVER, PLAN, BACKUP, STAGE)
    host.break_config()
    got = job.step(VALIDATE)
    assert (got["outcome"], got["cause"]) == (FAILED, CONFIGURATION)
    host.mend_config()
    job.ok(CLEAN)
    assert_tidy(host)
    assert host.served() == leaf_of(host)


def test_foreign_key_is_never_written(host, worker, authority):
    job = Job(worker, host, authority.issue(NAMES), key=authority.issue(NAMES)["key"])
    job.ok(CONNECT, DISCOVER, PLAN, BACKUP)
    got = job.step(STAGE)
    assert (got["outcome"], got["cause"]) == (FAILED, FORMAT)
    job.ok(CLEAN)
    assert_tidy(host)


def test_chain_in_disorder_or_broken(host, worker, authority):
    new = authority.issue(NAMES)
    stranger = CA(host.dir / "stranger", "Stranger").issue(NAMES)
    bad = dict(new, chain=new["leaf"] + stranger["chain"].replace(stranger["leaf"], ""))
    assert "error" in Job(worker, host, bad).begun


def test_client_certificate_is_refused_in_the_plan(host, worker, authority):
    job = Job(worker, host, authority.issue(NAMES, eku="clientAuth"))
    job.ok(CONNECT, DISCOVER)
    got = job.step(PLAN)
    assert (got["outcome"], got["cause"]) == (FAILED, FORMAT)


def test_lost_names_need_a_person(host, worker, authority):
    new = authority.issue(["shop.example"])
    job = Job(worker, host, new, names=["shop.example"])
    job.ok(CONNECT, DISCOVER)
    got = job.step(PLAN)
    assert (got["outcome"], got["cause"]) == (REVIEW, POLICY) and "www.shop.example" in got["text"]
    worker.start()
    job = Job(worker, host, new, names=["shop.example"], allow_name_loss=True)
    job.ok(CONNECT, DISCOVER, PLAN)


def test_block_without_certificate_needs_a_person(host, worker, authority):
    host.write("/etc/nginx/conf.d/zz-bare.conf",
               "server { listen 9443; server_name bare.example; }\n")
    job = Job(worker, host, authority.issue(["bare.example"]), sni="bare.example", port=9443, names=["bare.example"])
    job.ok(CONNECT)
    got = job.step(DISCOVER)
    assert (got["outcome"], got["cause"]) == (REVIEW, CONFIGURATION)


def test_foreign_leaf_on_disk_stops(host, worker, authority):
    host.install("shop", CA(host.dir / "agent", "Agent").issue(NAMES))
    job = Job(worker, host, authority.issue(NAMES))
    job.ok(CONNECT)
    got = job.step(DISCOVER)
    assert (got["outcome"], got["cause"]) == (REVIEW, CONFIGURATION)


def test_own_leaf_on_disk_is_only_activated(host, worker, authority):
    new = authority.issue(NAMES)
    host.install("shop", new)
    job = Job(worker, host, new)
    job.ok(CONNECT, DISCOVER, PLAN, *CHANGES)
    assert host.served() == new["sha256"]


def test_failed_verification_rolls_back(host, worker, authority):
    """The handshake goes elsewhere: to a port that another program serves."""
    new = authority.issue(NAMES)
    job = Job(worker, host, new)
    with Sampler(host, {leaf_of(host), new["sha256"]}) as s:
        job.ok(CONNECT, DISCOVER, PLAN, BACKUP, STAGE, VALIDATE, ARM, SWITCH)
        # not activated: nginx serves the old leaf, and verification must see it
        got = job.step(VERIFY)
        assert (got["outcome"], got["cause"]) == (FAILED, VERIFICATION)
        job.ok(ROLLBACK)
    assert s.bad == []
    assert host.served() == leaf_of(host)
    assert host.sha256("/etc/nginx/tls/shop.key") == host.run(f"cat <<'E' | sha256sum\n{host.certs['shop']['key']}E").split()[0]
    assert_tidy(host)


def test_rolls_back_while_the_configuration_is_broken(host, worker, authority):
    new = authority.issue(NAMES)
    job = Job(worker, host, new)
    job.ok(CONNECT, DISCOVER, PLAN, BACKUP, STAGE, VALIDATE, ARM, SWITCH)
    host.break_config()
    assert job.step(ACTIVATE)["outcome"] == FAILED
    got = job.ok(ROLLBACK)
    assert "configuration test fails" in got["text"]
    assert host.served() == leaf_of(host) and host.read("/etc/nginx/tls/shop.crt") == host.certs["shop"]["chain"]


def test_rolls_back_and_starts_a_dead_server(host, worker, authority):
    job = Job(worker, host, authority.issue(NAMES))
    job.ok(CONNECT, DISCOVER, PLAN, BACKUP, STAGE, VALIDATE, ARM, SWITCH, ACTIVATE)
    host.stop_nginx()
    job.ok(ROLLBACK)
    assert host.served() == leaf_of(host)


def test_timer_fires_when_the_worker_is_gone(host, worker, authority):
    job = Job(worker, host, authority.issue(NAMES), server={"rollback_seconds": 20})
    job.ok(CONNECT, DISCOVER, PLAN, BACKUP, STAGE, VALIDATE, ARM, SWITCH, ACTIVATE)
    wait_served(host, job.cert["sha256"], 3)  # old workers answer for a moment
    worker.kill()
    wait_served(host, leaf_of(host), 30)
    job.again()
    assert job.step(OBSERVE)["outcome"] == ROLLED_BACK
    assert job.step(COMMIT)["outcome"] == ROLLED_BACK
    job.ok(ROLLBACK)
    assert_tidy(host)


@pytest.mark.parametrize("before", CHANGES)
def test_new_worker_goes_on_from_the_plan(host, worker, authority, before):
    new = authority.issue(NAMES)
    job = Job(worker, host, new)
    with Sampler(host, {leaf_of(host), new["sha256"]}) as s:
        job.ok(CONNECT, DISCOVER, PLAN)
        for n in CHANGES:
            if n == before:
                job.again()
            job.ok(n)
    assert s.bad == [] and host.served() == new["sha256"]
    assert_tidy(host)


@pytest.mark.parametrize("during", CHANGES)
def test_step_repeats_after_a_worker_died_in_it(host, worker, authority, during):
    new = authority.issue(NAMES)
    job = Job(worker, host, new)
    with Sampler(host, {leaf_of(host), new["sha256"]}) as s:
        job.ok(CONNECT, DISCOVER, PLAN)
        for n in CHANGES:
            if n == during:
                for ms in (15, 40, 120):
                    try:
                        job.step(n, kill_after_ms=ms)
                    except Died:
                        pass
                    job.again()
                seen = job.step(OBSERVE)["outcome"]
                assert seen in ((OLD,) if n < SWITCH else (OLD, NEW, NEW_SERVED, MIXED))
            job.ok(n)
    assert s.bad == [] and host.served() == new["sha256"]
    assert_tidy(host)


def test_files_changed_since_the_plan_need_a_new_one(host, worker, authority):
    job = Job(worker, host, authority.issue(NAMES))
    job.ok(CONNECT, DISCOVER, PLAN)
    host.install("shop", CA(host.dir / "agent2", "Agent").issue(NAMES))
    got = job.step(BACKUP)
    assert got["outcome"] == FAILED and "changed" in got["text"]
    job.ok(CLEAN)
    assert_tidy(host)
    assert host.read("/etc/nginx/tls/shop.crt") == host.certs["shop"]["chain"]


def test_second_job_waits_for_the_lock(host, worker, authority):
    first = Job(worker, host, authority.issue(NAMES))
    first.ok(CONNECT, DISCOVER, PLAN, BACKUP)
    second = Job(Worker(), host, authority.issue(NAMES))
    second.ok(CONNECT, DISCOVER, PLAN)
    assert second.step(BACKUP)["outcome"] == RETRY
    first.ok(CLEAN)
    second.ok(BACKUP, CLEAN)
    second.w.close()


def test_later_job_takes_a_deployment_back(host, worker, authority):
    done = Job(worker, host, authority.issue(NAMES))
    done.ok(CONNECT, DISCOVER, PLAN, *CHANGES)
    worker.start()
    back = Job(worker, host, done.cert)
    back.plan = done.plan
    assert back.step(SWITCH)["outcome"] == FAILED  # of another job: not to go on with
    assert back.step(OBSERVE)["outcome"] == NEW_SERVED
    back.ok(ROLLBACK)
    assert host.served() == leaf_of(host)
    assert back.step(OBSERVE)["outcome"] == ROLLED_BACK
    assert_tidy(host)


def test_wildcard_block_is_verified_by_a_name_it_stands_for(host, worker, authority):
    old = host.ca.issue(["*.wild.example"])
    host.install("zz-wild", old)
    host.write("/etc/nginx/conf.d/zz-wild.conf", "server { listen 443 ssl; server_name *.wild.example;\n"
               "ssl_certificate tls/zz-wild.crt; ssl_certificate_key tls/zz-wild.key; }\n")
    host.reload()
    job = Job(worker, host, authority.issue(["*.wild.example"]), sni="*.wild.example", names=["*.wild.example"])
    job.ok(CONNECT, DISCOVER, PLAN, *CHANGES)
    assert host.served(443, "x.wild.example") == job.cert["sha256"]
    host.certs.pop("zz-wild")
    host.run("rm -f /etc/nginx/tls/zz-wild.*")


def test_dry_run_ends_after_the_plan(host, worker, authority):
    job = Job(worker, host, authority.issue(NAMES), dry_run=True)
    job.ok(CONNECT, DISCOVER, PLAN)
    assert job.step(BACKUP)["outcome"] == FAILED
    assert_tidy(host)


def test_inherited_pair_on_another_port(host, worker, authority):
    new = authority.issue(["blog.example"], key="rsa")
    job = Job(worker, host, new, sni="blog.example", port=8443, names=["blog.example"])
    job.ok(CONNECT, DISCOVER, PLAN, *CHANGES)
    assert host.served(8443, "blog.example") == new["sha256"]


def test_two_backups_are_kept(host, worker, authority):
    for _ in range(4):
        job = Job(worker, host, authority.issue(NAMES))
        job.ok(CONNECT, DISCOVER, PLAN, *CHANGES)
        worker.start()
    assert len(host.run("ls /var/lib/certkeep").split()) == 2
