"""The kill test: core, deploy, ca and key die by SIGKILL right before and right after every journalled
step of issue and deploy, in a rollback, and at random moments. Each time the job must reach its
end by itself, one certificate must have been signed for its order, and Nginx must have served a
whole pair, old or new, all the while.

KILLS sets how many kills at random moments there are (default 12), SEED their sequence.
"""
import contextlib
import http.client
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests"), str(TOP / "tests/demo")]
import main_job  # noqa: E402
from appliance import ApiError, Appliance  # noqa: E402
from host import Host  # noqa: E402
from kill import TARGETS, Sampler, Tally, fault_path, kill, pids, set_fault, signed, wait_stopped  # noqa: E402

NAME = "shop.example"
ISSUE = ("key", "csr", "order", "check")
DEPLOY = ("Connect", "Discover", "Plan", "Back up", "Stage", "Validate", "Arm rollback timer", "Switch", "Activate",
          "Verify", "Commit")
RELOADS = 10

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="makes namespaces and users"), pytest.mark.timeout(600)]


class World:
    """One appliance and one server for all kills; each job renews the certificate of the one before."""

    def __init__(self, a, host, sampler):
        self.a, self.host, self.sampler, self.tally = a, host, sampler, Tally()
        server = main_job.add_server(a, host, rollback_seconds=120)
        row = main_job.find_cert(a, server, NAME)
        self.ca = main_job.connector(a)["id"]
        main_job.configure(a, row["id"], self.ca)
        self.cert = row["id"]
        self.serving = host.served(443, NAME)

    def start(self):
        self.a.wait_state("Operational")
        self.sampler.take_seen()
        return self.a.post(f"/certificates/{self.cert}/issue")["job"]

    def end(self, job, want="Done"):
        """The ends of the issue job and of its deployment, and all that must hold then."""
        issued = self.a.job_end(job)
        assert issued["state"] == "Done", self.patient(lambda: self.report(job))
        deploy = self.patient(lambda: self.a.followed_by(job, "deploy"))
        deployed = self.a.job_end(deploy)
        self.a.wait_state("Operational")
        assert deployed["state"] == want, self.patient(lambda: self.report(deploy))
        self.tally.jobs += 1
        self.check(issued, deployed, want)
        return issued, deployed

    @staticmethod
    def patient(call, seconds=60):
        """A call that may meet a process that is being started again."""
        end = time.monotonic() + seconds
        while True:
            try:
                return call()
            except (OSError, http.client.HTTPException, ApiError):
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def check(self, issued, deployed, want):
        a, row = self.a, self.a.get(f"/certificates/{issued['cert']}")
        self.cert = row["id"]
        orders = [o for o in self.all("/orders") if a.get(f"/orders/{o['id']}")["job"] == issued["id"]]
        assert len(orders) == 1, f"orders of one job: {orders}"
        order = a.get(f"/orders/{orders[0]['id']}")
        assert order["state"] == "Certificate Issued"
        assert signed(a).get(order["id"]) == {order["reference"]}, "one order, one certificate signed"
        leaf = row["fingerprint"]
        follow = [j for j in self.all("/jobs", filter="kind:equals:deploy")
                  if a.get(f"/jobs/{j['id']}")["follows"] == issued["id"]]
        assert len(follow) == 1, f"deployments of one certificate: {follow}"
        now = self.host.served(443, NAME)
        assert now == (leaf if want == "Done" else self.serving)
        assert row["status"] == {"Done": "Deployed"}.get(want, want)
        seen = self.sampler.take_seen()
        assert seen <= {self.serving, leaf}, "only the old and the new certificate may ever be served"
        assert not self.sampler.broken, self.sampler.broken
        self.serving = now
        left = self.host.run("ls -A /etc/nginx/tls; ls -d /var/lib/certkeep/*/lock 2>/dev/null || :")
        assert ".cd-" not in left and "lock" not in left, f"left on the server: {left}"

    def all(self, path, **query):
        return self.a.get(path, limit=500, sort="-created_at", **query)["items"][:6]

    def report(self, job):
        text = self.a.request("GET", f"/jobs/{job}/report")[2].decode()
        return text + "\n" + self.a.log_text()[-4000:]

    def die_at(self, target, next_fault=None):
        """Waits until core stands at its fault, kills, lets core go on -> how many died."""
        core = wait_stopped(self.a)
        end = time.monotonic() + 20
        while not pids(self.a, target) and time.monotonic() < end:
            time.sleep(0.005)  # parent has not started it again since the kill before
        if next_fault:
            set_fault(self.a, next_fault)
        n = kill(self.a, target)
        if target != "core":
            os.kill(core, signal.SIGCONT)
        self.tally.add(target, n)
        return n


@pytest.fixture(scope="module")
def world():
    folder = Path(tempfile.mkdtemp(prefix="certkeep-kill-"))
    folder.chmod(0o711)
    state = folder / "state"
    a = Appliance(state=state, log=folder / "log", extra=["--fault", str(fault_path(state))])
    with Host(41) as host, a, Sampler(host.address, NAME, [host.ca.root]) as sampler:
        a.set_up(names=["localhost", a.address])
        sampler.trust((state / "public/root.pem").read_text())
        w = World(a, host, sampler)
        w.end(w.start())  # the first certificate of ours, undisturbed
        w.plain_reload = measure_reload(w)
        yield w


def measure_reload(w):
    """What a reload by itself costs: longest time without a good handshake, longest refusal."""
    w.sampler.reset_gap()
    longest = 0.0
    for _ in range(RELOADS):
        begun = time.monotonic()
        w.host.run("nginx -t 2>/dev/null && nginx -s reload")
        longest = max(longest, time.monotonic() - begun)
        time.sleep(0.3)
    gap, refusals = w.sampler.reset_gap()
    return {"takes": longest, "gap": gap, "refused": max((r[0] for r in refusals), default=0.0)}


@contextlib.contextmanager
def counted(w, what):
    """Whatever does not end as it should is a loss."""
    try:
        yield
    except BaseException:
        w.tally.losses.append(what)
        raise


def run_pair(w, step, target, want="Done"):
    """One job, killed before and after the step -> how many died."""
    with counted(w, f"{target} at {step}"):
        set_fault(w.a, f"before {step}")
        job = w.start()
        n = w.die_at(target, next_fault=f"after {step}")
        n += w.die_at(target)
        w.end(job, want)
        return n


@pytest.mark.parametrize("step", ISSUE + DEPLOY)
def test_kill_at(world, step):
    for target in TARGETS:
        if target == "deploy" and step in ISSUE:
            continue  # no worker runs yet
        assert run_pair(world, step, target) >= 2, f"{target} did not run at {step}"


@pytest.mark.parametrize("target", TARGETS)
def test_kill_at_roll_back(world, target):
    """The master of Nginx stands still: it takes no reload, so Verify fails and all is put back."""
    master = world.host.run("cat /run/nginx.pid").strip()
    world.host.run(f"kill -STOP {master}")
    try:
        assert run_pair(world, "Roll back", target, want="Rolled Back") >= 2
    finally:
        world.host.run(f"kill -CONT {master}")


def test_kill_at_random(world):
    """Up to three kills per job, anywhere in it."""
    seed = int(os.environ.get("SEED", time.time_ns() % 1000000))
    choose, left = random.Random(seed), int(os.environ.get("KILLS", "12"))
    while left > 0:
        with counted(world, f"random, SEED={seed}"):
            job = world.start()
            for _ in range(3):
                time.sleep(choose.uniform(0.0, 1.5))
                target = choose.choice(TARGETS)
                n = kill(world.a, target)
                world.tally.add(target, n)
                left -= n
            world.end(job)


def test_the_tally(world, capsys):
    """Last: what it came to, and how long Nginx ever refused against a plain reload."""
    gap, refusals = world.sampler.reset_gap()
    longest = max((r[0] for r in refusals), default=0.0)
    plain = world.plain_reload
    with capsys.disabled():
        print(f"\n{world.tally}\n{world.sampler.good} handshakes, {len(world.sampler.broken)} broken, "
              f"{len(refusals)} refusals, longest {longest * 1000:.0f} ms; "
              f"longest gap between two good handshakes {gap * 1000:.0f} ms, "
              f"around {RELOADS} plain reloads {plain['gap'] * 1000:.0f} ms (a reload takes {plain['takes'] * 1000:.0f} ms)")
    assert world.tally.total > 0 and not world.tally.losses
    assert not world.sampler.broken
    assert longest <= max(plain["takes"], plain["refused"]), refusals
