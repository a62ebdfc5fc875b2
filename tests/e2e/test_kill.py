"""The kill test: core, deploy, ca and key die by SIGKILL right before and right after every journalled
step of issue and deploy, in a rollback, in a clean-up, and at random moments. Each time the job must
reach its end by itself, one certificate must have been signed for its order, and Nginx must have served
a whole pair, old or new, all the while. test_kill_acme.py does the same with a public CA.

KILLS sets how many kills at random moments there are (default 12), SEED their sequence.
"""
import contextlib
import os
import random
import re
import threading
import time

import main_job
import pytest
from kill import TARGETS, kill
from kill_world import NAME, TURNS, world, worlds_with

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="makes namespaces and users"), pytest.mark.timeout(600)]


def check_signed(a, order):
    """The local CA signed once for it, by the log of `ca`."""
    serials = re.findall(r'local\.signed order="?%s"? serial=([0-9a-f]+)' % order["id"], a.log_text())
    assert set(serials) == {order["reference"]}, "one order, one certificate signed"


@contextlib.contextmanager
def local_world(turn, host, tally):
    with world(host, tally, check_signed) as w:
        w.sampler.trust((w.a.state / "public/root.pem").read_text())
        w.configure(main_job.connector(w.a)["id"])
        yield w


@pytest.fixture(scope="module")
def worlds():
    with worlds_with(41, local_world) as made:
        yield made


def test_kill_around_every_step(worlds):
    worlds.kill_around_every_step()


def roll_back(*points):
    """The master of Nginx stands still: it takes no reload, so Verify fails and all is put back."""
    def work(w):
        master = w.host.run("cat /run/nginx.pid").strip()
        w.host.run(f"kill -STOP {master}")
        try:
            with w.counted(f"roll back, {points}"):
                page = w.end(w.die(points), want="Rolled Back")[1]
                assert page["cause"] == "verification"
        finally:
            w.host.run(f"kill -CONT {master}")
    return work


@contextlib.contextmanager
def undeployed(w):
    """The certificate is issued anew and stays here until a test deploys it."""
    w.a.patch(f"/certificates/{w.cert}", {"deployment_type": "manual"})
    issued = w.a.job_end(w.start())
    assert issued["state"] == "Done"
    w.cert = issued["cert"]
    try:
        yield
    finally:
        w.a.patch(f"/certificates/{w.cert}", {"deployment_type": "automated"})
        w.a.job_end(w.a.get(f"/certificates/{w.cert}")["job"])  # what failed may have begun again
        w.former, w.serving = w.serving, w.host.served(443, NAME)


def clean_up(w, start, want, meanwhile, target):
    """A deployment that gives up before the switch."""
    points = [(start,), ("before Clean up", target), ("after Clean up", target)]
    with w.counted(f"{target} at Clean up, {want}"):
        return w.end_deploy(w.die(points, "deploy", meanwhile), want)


def broken_meanwhile(w):
    """The configuration of Nginx breaks, so Validate fails and what was staged is taken away."""
    with undeployed(w):
        for target in TARGETS:
            try:
                page = clean_up(w, "before Validate", "Failed", w.host.break_config, target)
            finally:
                w.host.mend_config()
            assert page["cause"] == "configuration", page["error"]  # in Validate, or in Back up after a restart


def cancelled_meanwhile(w):
    def cancel():
        asked.append(threading.Thread(target=w.a.post, args=(f"/jobs/{w.job}/cancel",)))
        asked[0].start()
        time.sleep(0.5)  # the call now waits in core's socket

    with undeployed(w):
        for target in ("core", "deploy"):
            asked = []
            page = clean_up(w, "after Back up", "Cancelled", cancel, target)
            asked[0].join()
            assert (page["cause"], page["error"]) == ("", "cancelled; nothing was changed")


def test_kill_when_it_goes_wrong(worlds):
    worlds.each(roll_back(("before Roll back", "deploy"), ("before Roll back", "core"), ("before Roll back", "ca"),
                          ("after Roll back", "ca")),
                roll_back(("before Roll back", "key"), ("after Roll back", "core"), ("after Roll back", "deploy", "key")),
                broken_meanwhile, cancelled_meanwhile)


def test_kill_at_random(worlds):
    """Up to three kills per job, anywhere in it."""
    seed = int(os.environ.get("SEED", time.time_ns() % 1000000))

    def work(w):
        choose = random.Random(seed + worlds.all.index(w))
        left = int(os.environ.get("KILLS", "12")) / TURNS
        while left > 0:
            with w.counted(f"random, SEED={seed}"):
                job = w.start()
                for _ in range(3):
                    time.sleep(choose.uniform(0.0, 1.5))
                    target = choose.choice(TARGETS)
                    n = kill(w.a, target)
                    w.tally.add(target, n)
                    left -= n
                w.end(job)

    worlds.each(work)


def test_the_tally(worlds, record_property):
    worlds.judge(lambda text: record_property("say", text))
