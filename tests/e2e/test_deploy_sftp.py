"""Uploads of an account that needs no elevation go by SFTP, when the server has it."""
import pytest
from deploy_worker import (
    CHANGES, CONNECT, DISCOVER, Host, Job, NAMES, OK, PLAN, STAGE,
    authority, host, worker,  # noqa: F401 (fixtures)
)

WRAPPER = "#!/bin/sh\ndate >>/run/sftp-used\nexec /usr/lib/openssh/sftp-server\n"


@pytest.fixture(scope="module")
def machine():
    with Host(241) as h:
        yield h


def allow_root(host, subsystem):
    """Root may log in by key; sshd offers SFTP or not."""
    host.run("install -d -m 700 /root/.ssh; cat /home/deploy/.ssh/authorized_keys >/root/.ssh/authorized_keys;"
             "chmod 600 /root/.ssh/authorized_keys; rm -f /run/sftp-used;"
             "sed -i '/^Subsystem/d; s/^PermitRootLogin.*/PermitRootLogin prohibit-password/' /etc/ssh/sshd_config")
    if subsystem:
        host.write("/usr/local/bin/sftp-log", WRAPPER, 0o755)
        host.run("echo 'Subsystem sftp /usr/local/bin/sftp-log' >>/etc/ssh/sshd_config")
    host.run("kill -HUP $(cat /run/sshd.pid)")
    host._wait_port(22)


@pytest.mark.parametrize("subsystem", [True, False])
def test_root_deploys_with_and_without_sftp(host, worker, authority, subsystem):
    allow_root(host, subsystem)
    cert = authority.issue(NAMES)
    job = Job(worker, host, cert, user="root", sudo="none", login="key", secrets={"ssh_key": host.client_key})
    job.ok(CONNECT, DISCOVER, PLAN)
    for step in CHANGES:
        job.ok(step)
        if step == STAGE:
            modes = host.run("stat -c '%a %n' /etc/nginx/tls/.shop*").split()
            assert modes[0::2] and all(m in ("600", "640", "644") for m in modes[0::2]), modes
    assert host.run("test -e /run/sftp-used && echo yes || echo no").strip() == ("yes" if subsystem else "no")
    assert host.served(443, "shop.example") == cert["sha256"]


def test_sftp_names_what_it_cannot_write(host, worker, authority):
    allow_root(host, True)
    job = Job(worker, host, authority.issue(NAMES), user="root", sudo="none", login="key",
              secrets={"ssh_key": host.client_key})
    job.ok(CONNECT, DISCOVER, PLAN)
    job.ok(CHANGES[0])
    host.set_readonly("/etc/nginx/tls")
    try:
        got = job.step(STAGE)
    finally:
        host.set_writable("/etc/nginx/tls")
    assert got["outcome"] != OK
    assert "/etc/nginx/tls/" in got["text"] and "cannot be written" in got["text"], got
