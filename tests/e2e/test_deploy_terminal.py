"""sudo that demands a terminal (requiretty): it gets one that shows nothing, and no content goes over it."""
import json
import time

import pytest
from deploy_worker import (
    CHANGES, CONNECT, DISCOVER, FAILED, Host, Job, NAMES, PASSWORD, PERMISSION, PLAN, Sampler, assert_tidy, leaf_of,
    authority, host, worker,  # noqa: F401 (fixtures)
)


@pytest.fixture(scope="module")
def machine():
    with Host(236) as h:
        yield h


def leftovers(host, seconds=5):
    """Pipes and helpers of the account, when the session is over."""
    end = time.monotonic() + seconds
    while True:
        left = host.run("ls -d /tmp/certkeep-* 2>/dev/null || true; ps -u deploytty,deployttypw -o pid=,args= || true")
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.1)


@pytest.fixture
def seen(host):
    """A sudo in front of the real one that keeps how it finds its terminal: sudo changes the modes itself, but later."""
    host.write("/usr/local/bin/sudo", "#!/bin/sh\n[ ! -t 0 ] || stty -a >/tmp/modes-$$\nexec /usr/bin/sudo \"$@\"\n", 0o755)
    yield
    host.run("rm -f /usr/local/bin/sudo /tmp/modes-*")


@pytest.mark.parametrize("user,sudo", [("deploytty", "sudo"), ("deployttypw", "sudo with password")])
def test_deploys_over_a_terminal_that_shows_nothing(host, worker, authority, seen, user, sudo):
    new = authority.issue(NAMES)
    job = Job(worker, host, new, user=user, sudo=sudo)
    said = [job.ok(CONNECT)]
    modes = host.run("cat /tmp/modes-*").split()
    assert "-echo" in modes and "-onlcr" in modes, modes
    with Sampler(host, {leaf_of(host), new["sha256"]}) as s:
        for n in [DISCOVER, PLAN, *CHANGES]:
            said.append(job.ok(n))
    assert s.bad == [] and host.served() == new["sha256"]
    assert host.read("/etc/nginx/tls/shop.key") == new["key"] and host.read("/etc/nginx/tls/shop.crt") == new["chain"]
    assert_tidy(host)
    worker.kill()
    words = json.dumps(said) + "\n".join(worker.log)
    assert PASSWORD not in words and "PRIVATE" not in words
    assert leftovers(host) == ""


def test_binary_content_comes_over_whole(host, worker, authority):
    """A configuration with bytes that mean something to a terminal: ^C, ^D, ^S, ^Z, DEL, CR, no line end."""
    host.run("printf '# \\003 \\004 \\021 \\023 \\032 \\034 \\177 \\r \\377 tail' >/etc/nginx/conf.d/zz-bytes.conf")
    try:
        job = Job(worker, host, authority.issue(NAMES), user="deploytty")
        job.ok(CONNECT, DISCOVER, PLAN, *CHANGES)  # DISCOVER compares the size of each file with what came
    finally:
        host.run("rm /etc/nginx/conf.d/zz-bytes.conf")
    assert host.served() == job.cert["sha256"]


def test_refused_password_leaves_nothing_behind(host, worker):
    got = Job(worker, host, user="deployttypw", sudo="sudo with password",
              secrets={"password": PASSWORD, "sudo_password": "wrong 1"}).step(CONNECT)
    assert (got["outcome"], got["cause"]) == (FAILED, PERMISSION)
    assert "wrong 1" not in json.dumps(got) + "\n".join(worker.log)
    worker.kill()
    assert leftovers(host) == ""
