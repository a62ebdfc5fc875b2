"""Service Name: on a machine whose init is systemd, the unit is found, reloaded and started, and the timer is a unit."""
import time

import pytest
from deploy_worker import (
    ACTIVATE, ARM, BACKUP, CHANGES, COMMIT, CONFIGURATION, CONNECT, DISCOVER, Host, Job, NAMES, OBSERVE, PLAN, REVIEW,
    ROLLBACK, ROLLED_BACK, STAGE, SWITCH, Sampler, VALIDATE, VERIFY, assert_tidy, leaf_of, wait_served,
    authority, host, worker,  # noqa: F401 (fixtures)
)


@pytest.fixture(scope="module")
def machine():
    with Host(240, systemd=True) as h:
        yield h


def timers(host):
    return host.run("systemctl list-units --all --plain --no-legend 'certkeep-rollback-*'")


def test_reloads_the_unit_and_arms_a_unit(host, worker, authority):
    new = authority.issue(NAMES)
    reloads = host.run("systemctl show -p ExecReload --value nginx")
    job = Job(worker, host, new)
    with Sampler(host, {leaf_of(host), new["sha256"]}) as s:
        job.ok(CONNECT, DISCOVER)
        plan = job.ok(PLAN)
        assert "unit nginx.service" in plan["evidence"] and "systemctl reload 'nginx.service'" in plan["evidence"]
        job.ok(BACKUP, STAGE, VALIDATE)
        assert "(systemd)" in job.ok(ARM)["text"]
        assert f"certkeep-rollback-{job.begin_args['job']}.timer" in timers(host)
        job.ok(SWITCH, ACTIVATE, VERIFY, COMMIT)
    assert s.bad == [] and host.served() == new["sha256"]
    assert timers(host) == ""
    assert host.run("systemctl show -p ExecReload --value nginx") != reloads  # it has run: systemd keeps its time
    assert_tidy(host)


def test_timer_of_systemd_fires_in_time(host, worker, authority):
    """Its own accuracy is a minute; ours must not be."""
    job = Job(worker, host, authority.issue(NAMES), server={"rollback_seconds": 20})
    job.ok(CONNECT, DISCOVER, PLAN, BACKUP, STAGE, VALIDATE, ARM)
    armed = time.monotonic()
    job.ok(SWITCH, ACTIVATE)
    wait_served(host, job.cert["sha256"], 5)
    worker.kill()
    wait_served(host, leaf_of(host), 30)
    assert time.monotonic() - armed > 15
    job.again()
    assert job.step(OBSERVE)["outcome"] == ROLLED_BACK
    job.ok(ROLLBACK)
    assert_tidy(host)
    assert host.run("systemctl is-active nginx") == "active\n"


def test_dead_unit_is_started_by_a_rollback(host, worker, authority):
    job = Job(worker, host, authority.issue(NAMES))
    job.ok(CONNECT, DISCOVER, PLAN, BACKUP, STAGE, VALIDATE, ARM, SWITCH, ACTIVATE)
    host.run("systemctl stop nginx")
    job.ok(ROLLBACK)
    assert host.served() == leaf_of(host)
    assert host.run("systemctl is-active nginx") == "active\n"


def test_unit_that_is_missing_is_told(host, worker, authority):
    job = Job(worker, host, authority.issue(NAMES), server={"service_name": "webserver"})
    job.ok(CONNECT, DISCOVER)
    plan = job.ok(PLAN)
    assert "Service Name: webserver.service does not exist: nginx is reloaded by its own command" in plan["evidence"]
    job.ok(*CHANGES)
    assert host.served() == job.cert["sha256"]


def test_unit_of_another_program_needs_a_person(host, worker, authority):
    job = Job(worker, host, authority.issue(NAMES), server={"service_name": "ssh"})
    job.ok(CONNECT)
    got = job.step(DISCOVER)
    assert (got["outcome"], got["cause"]) == (REVIEW, CONFIGURATION)
    assert "Service Name: ssh.service runs process" in got["text"]


def test_port_of_another_program_needs_a_person(host, worker, authority):
    """nginx knows the site on a port that somebody else holds: the reload could never take it."""
    host.write("/etc/nginx/conf.d/zz-taken.conf", "server { listen 7443 ssl; server_name taken.example;\n"
               "ssl_certificate tls/shop.crt; ssl_certificate_key tls/shop.key; }\n")
    host.run("systemd-run --quiet --collect --unit=taker socat TCP-LISTEN:7443,fork,reuseaddr EXEC:true")
    try:
        job = Job(worker, host, authority.issue(["taken.example"]), sni="taken.example", port=7443, names=["taken.example"])
        job.ok(CONNECT)
        got = job.step(DISCOVER)
    finally:
        host.run("systemctl stop taker; rm /etc/nginx/conf.d/zz-taken.conf")
    assert (got["outcome"], got["cause"]) == (REVIEW, CONFIGURATION)
    assert "port 7443 is held by socat, not by nginx" in got["text"]
