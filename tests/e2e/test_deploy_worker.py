"""The deploy worker against a real machine: what it finds, deploys, and refuses before any change."""
import json

import pytest
from deploy_worker import (
    BACKUP, CA, CHANGES, CLEAN, CONFIGURATION, CONNECT, CONNECTIVITY, DISCOVER, FAILED, FORMAT,
    HOST_KEY, Host, Job, NAMES, NO_CHANGE, OK, PASSWORD, PERMISSION, PLAN, POLICY, RETRY, REVIEW, STAGE,
    Sampler, VALIDATE, Worker, assert_tidy, leaf_of,
    authority, host, worker,  # noqa: F401 (fixtures)
)


@pytest.fixture(scope="module")
def machine():
    with Host(242) as h:
        yield h


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
    parts = dict(worker.parts)
    assert list(parts) == ["Network", "Host key", "Login", "Elevation", "Path", "Service", "Configuration", "Endpoints"]
    assert parts["Host key"] in host.host_keys() and "/etc/nginx/nginx.conf" in parts["Path"] and parts["Endpoints"] == "3 TLS endpoints"
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


@pytest.mark.parametrize("stated,warns", [("1.26", False), ("1.18", True), ("", False)])
def test_other_version_is_a_warning(host, worker, authority, stated, warns):
    line = f"Version: the record says {stated}, the server is nginx 1.26."
    job = Job(worker, host, authority.issue(NAMES), server={"version": stated})
    job.ok(CONNECT)
    assert (f"warning: {line}" in job.ok(DISCOVER)["evidence"]) == warns
    plan = job.ok(PLAN)["evidence"]
    assert (line in plan) == warns and ("Version:" in plan) == warns


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
    assert [p for p, _ in worker.parts] == ["Network", "Host key"]


@pytest.mark.parametrize("user,sudo,login,secrets,good", [
    ("deploy", "sudo", "key", {"ssh_key"}, True),
    ("deploy", "sudo", "keyboard-interactive", {"password"}, True),
    ("deploypw", "sudo with password", "password", {"password"}, True),
    ("deploypw", "sudo with password", "key", {"ssh_key", "sudo_password"}, True),
    ("deploy", "sudo with password", "password", {"password"}, True),
    ("deploypw", "sudo with password", "key", {"ssh_key", "wrong"}, False),
    ("deploypw", "sudo", "password", {"password"}, False),
    ("deploytty", "sudo", "password", {"password"}, True),
    ("deployttypw", "sudo with password", "key", {"ssh_key", "sudo_password"}, True),
    ("deployttypw", "sudo with password", "key", {"ssh_key", "wrong"}, False),
    ("deployttypw", "sudo", "password", {"password"}, False),
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


MASTER = ("cp /usr/bin/sleep /tmp/nginx; bash -c 'exec -a \"nginx: master process nginx\" /tmp/nginx %s' >/dev/null 2>&1 & "
          "while ! pgrep -fx 'nginx: master process nginx %s' >/dev/null; do sleep 0.01; done; echo $!")


def test_second_master_stops_unless_it_is_a_worker_that_just_begins(host, worker, authority):
    """A worker bears its master's title until it has begun, which takes long on a busy machine."""
    job = Job(worker, host, authority.issue(NAMES))
    job.ok(CONNECT)
    host.run(MASTER % (("0.7",) * 2))
    job.ok(DISCOVER)
    pid = host.run(MASTER % (("600",) * 2)).strip()
    got = job.step(DISCOVER)
    host.run(f"kill {pid}")
    assert (got["outcome"], got["cause"]) == (REVIEW, CONFIGURATION) and "two nginx master" in got["text"]


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


def test_shell_that_was_ended_between_steps_is_opened_anew(host, worker, authority):
    """As a time limit of sudo does it. One shell serves a job: its sudo is asked once."""
    cert = authority.issue(NAMES)
    job = Job(worker, host, cert)
    job.ok(CONNECT)
    shells = "pgrep -f -c 'sh -c ech[o] begin-' || true"
    assert int(host.run(shells)) > 0
    job.ok(DISCOVER, PLAN)
    host.run("pkill -KILL -f 'sh -c ech[o] begin-'; sleep 0.2")
    assert host.run(shells).strip() == "0"
    job.ok(*CHANGES)
    assert host.served() == cert["sha256"]
