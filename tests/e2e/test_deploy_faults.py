"""The deploy worker against a real machine, when things go wrong half-way: roll back, resume, wait, clean up."""
import pytest
from deploy_worker import (
    ACTIVATE, ARM, BACKUP, CA, CHANGES, CLEAN, COMMIT, CONNECT, DISCOVER, Died, FAILED, Host, Job,
    MIXED, NAMES, NEW, NEW_SERVED, OBSERVE, OLD, PLAN, RETRY, ROLLBACK, ROLLED_BACK, STAGE, SWITCH, Sampler,
    VALIDATE, VERIFICATION, VERIFY, Worker, assert_tidy, leaf_of, wait_served,
    authority, host, worker,  # noqa: F401 (fixtures)
)


@pytest.fixture(scope="module")
def machine():
    with Host(243) as h:
        yield h


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
