"""What a file is besides its content: ACL, attributes, links, mounts. It stays, or a person is asked, or nothing is done."""
import pytest
from deploy_worker import (
    ACTIVATE, ARM, BACKUP, CHANGES, CONNECT, DISCOVER, FAILED, Host, Job, NAMES, OBSERVE, PERMISSION, PLAN, POLICY, REVIEW,
    ROLLBACK, ROLLED_BACK, STAGE, SWITCH, VALIDATE, VERIFY, assert_tidy, leaf_of,
    authority, host, worker,  # noqa: F401 (fixtures)
)

CRT, KEY = "/etc/nginx/tls/shop.crt", "/etc/nginx/tls/shop.key"


@pytest.fixture(scope="module")
def machine():
    with Host(235) as h:
        yield h


@pytest.fixture
def fresh(host):
    """New files, so that no attribute of another test is on them."""
    host.run(f"rm -f {CRT} {KEY}")
    host.install("shop", host.certs["shop"])
    return host


def facts(host):
    return host.run(f"getfacl -cp {CRT} {KEY}; getfattr --absolute-names -d -m '^user' {CRT} {KEY}; stat -c '%u %g %a' {CRT} {KEY}")


def test_acl_and_attributes_are_kept_there_and_back(fresh, worker, authority):
    fresh.run(f"chown root:www-data {KEY}; chmod 640 {KEY}; setfacl -m u:plain:r,g:mail:r {KEY};"
              f"setfattr -n user.owner -v 'team \"web\"' {CRT}; setfattr -n user.bytes -v 0x00ff0a {KEY}")
    before = facts(fresh)
    assert "user:plain:r--" in before and "user.bytes=0sAP8K" in before
    job = Job(worker, fresh, authority.issue(NAMES))
    job.ok(CONNECT, DISCOVER, PLAN, BACKUP, STAGE)
    assert "user:plain:r--" in fresh.run("getfacl -cp /etc/nginx/tls/.shop.key.cd-*")
    job.ok(VALIDATE, ARM, SWITCH, ACTIVATE, VERIFY)
    assert fresh.served() == job.cert["sha256"] and facts(fresh) == before
    job.ok(ROLLBACK)
    assert fresh.served() == leaf_of(fresh) and facts(fresh) == before
    assert_tidy(fresh)


def test_immutable_file_fails_before_any_change(fresh, worker, authority):
    fresh.run(f"chattr +i {KEY}")
    try:
        job = Job(worker, fresh, authority.issue(NAMES))
        job.ok(CONNECT)
        got = job.step(DISCOVER)
    finally:
        fresh.run(f"chattr -i {KEY}")
    assert (got["outcome"], got["cause"]) == (FAILED, PERMISSION)
    assert f"{KEY} is immutable (chattr +i)" in got["text"]


def test_second_name_of_a_file_needs_a_person(fresh, worker, authority):
    fresh.run(f"ln -f {CRT} /root/second.crt")
    new = authority.issue(NAMES)
    job = Job(worker, fresh, new)
    job.ok(CONNECT, DISCOVER)
    got = job.step(PLAN)
    assert (got["outcome"], got["cause"]) == (REVIEW, POLICY)
    assert f"! {CRT}: the file has more than one name; the others keep the old content" in got["evidence"]
    worker.start()
    job = Job(worker, fresh, new, accept_risks=True)
    job.ok(CONNECT, DISCOVER, PLAN, *CHANGES)
    assert fresh.read(CRT) == new["chain"] and fresh.read("/root/second.crt") == fresh.certs["shop"]["chain"]


def test_mount_of_its_own_is_written_over_when_a_person_agrees(fresh, worker, authority):
    """As in a container whose files come from outside: a rename over it is refused by the kernel."""
    fresh.run(f"cp -p {CRT} /root/outside.crt; mount --bind /root/outside.crt {CRT}")
    new = authority.issue(NAMES)
    try:
        fresh.reload()
        job = Job(worker, fresh, new)
        job.ok(CONNECT, DISCOVER)
        got = job.step(PLAN)
        assert (got["outcome"], got["cause"]) == (REVIEW, POLICY)
        assert f"! {CRT}: the file is a mount of its own: it is written over, which is not atomic" in got["evidence"]
        worker.start()
        job = Job(worker, fresh, new, accept_risks=True)
        job.ok(CONNECT, DISCOVER, PLAN, BACKUP, STAGE, VALIDATE, ARM, SWITCH, ACTIVATE, VERIFY)
        assert fresh.read("/root/outside.crt") == new["chain"] and fresh.served() == new["sha256"]
        job.ok(ROLLBACK)
        assert fresh.read("/root/outside.crt") == fresh.certs["shop"]["chain"] and fresh.served() == leaf_of(fresh)
        assert job.step(OBSERVE)["outcome"] == ROLLED_BACK
    finally:
        fresh.run(f"umount {CRT}")
        fresh.reload()
    assert_tidy(fresh)
