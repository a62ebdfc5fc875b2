"""The worlds of the kill tests. In each an appliance, a server, and one certificate that each job renews and deploys
while processes die. Four go on side by side: parent waits with the restart of what dies too often."""
import contextlib
import http.client
import os
import signal
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / p) for p in ("tests", "tests/hosts", "tests/demo")]
import main_job  # noqa: E402
from appliance import ApiError, Appliance  # noqa: E402
from host import Host  # noqa: E402
from kill import TARGETS, Sampler, Tally, Yardstick, fault_path, kill, pids, set_fault, wait_stopped  # noqa: E402

NAME = "shop.example"
ISSUE = ("key", "csr", "order", "check")
DEPLOY = ("Connect", "Discover", "Plan", "Back up", "Stage", "Validate", "Arm rollback timer", "Switch", "Activate",
          "Verify", "Commit")
TURNS = 4
ROUNDS = ((*ISSUE, *DEPLOY[:4]), DEPLOY[4:8], DEPLOY[8:])


def points(steps, turn):
    """Right before and right after each step, and who dies there: in four turns everybody everywhere, and in one turn
    one after the other, for parent waits with the restart of what dies again and again."""
    out = []
    for i, (step, when) in enumerate((s, w) for s in steps for w in ("before", "after")):
        if step not in ISSUE:
            out.append((f"{when} {step}", TARGETS[(i + turn) % 4]))
        elif turn < 3:  # no worker runs in an issue
            out.append((f"{when} {step}", ("core", "ca", "key")[(i + turn) % 3]))
    return out


class World:
    """One appliance and one server; each job renews the certificate of the one before. `check_ca(appliance, order)` is
    the test's: whether the CA made one thing for that order."""

    def __init__(self, a, host, sampler, tally, check_ca):
        self.a, self.host, self.sampler, self.tally, self.check_ca = a, host, sampler, tally, check_ca
        self.serving = self.former = host.served(443, NAME)

    def configure(self, ca):
        server = main_job.add_server(self.a, self.host, rollback_seconds=120)
        self.cert = main_job.find_cert(self.a, server, NAME)["id"]
        main_job.configure(self.a, self.cert, ca)

    def start(self, action="issue"):
        self.a.wait_state("Operational")
        self.sampler.take_seen()
        self.job = self.a.post(f"/certificates/{self.cert}/{action}", {} if action == "deploy" else None)["job"]
        return self.job

    def end(self, job, want="Done"):
        """The ends of the issue job and of its deployment, and all that must hold then."""
        issued = self.a.job_end(job)
        assert issued["state"] == "Done", self.patient(lambda: self.report(job))
        deploy = self.patient(lambda: self.a.followed_by(job, "deploy"))
        self.check_order(issued)
        return issued, self.end_deploy(deploy, want)

    def end_deploy(self, job, want="Done"):
        page = self.a.job_end(job)
        self.a.wait_state("Operational")
        assert page["state"] == want, self.patient(lambda: self.report(job))
        self.tally.jobs += 1
        self.check_served(page, want)
        return page

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

    def check_order(self, issued):
        """One order here, one at the CA, one certificate, one deployment."""
        a = self.a
        self.cert = self.patient(lambda: a.get(f"/certificates/{issued['cert']}"))["id"]
        orders = self.patient(lambda: [o for o in map(lambda o: a.get(f"/orders/{o['id']}"), self.last("/orders"))
                                       if o["job"] == issued["id"]])
        assert len(orders) == 1, f"orders of one job: {orders}"
        assert orders[0]["state"] == "Certificate Issued"
        self.check_ca(a, orders[0])
        follow = self.patient(lambda: [j for j in self.last("/jobs", filter="kind:equals:deploy")
                                       if a.get(f"/jobs/{j['id']}")["follows"] == issued["id"]])
        assert len(follow) == 1, f"deployments of one certificate: {follow}"

    def check_served(self, page, want):
        row = self.a.get(f"/certificates/{page['cert']}")
        leaf, now = row["fingerprint"], self.host.served(443, NAME)
        assert now == (leaf if want == "Done" else self.serving)
        assert row["status"] == {"Done": "Deployed", "Rolled Back": "Rolled Back"}.get(want, "Issued")
        # On a busy machine a worker of Nginx may not have heard yet of the reload of the job before.
        strange = self.sampler.take_seen() - {self.former, self.serving, leaf}
        assert not strange, f"only the old and the new certificate may ever be served, not {self.known(strange)}"
        assert not self.sampler.broken, self.sampler.broken
        self.former, self.serving = self.serving, now
        left = self.host.run("ls -A /etc/nginx/tls; ls -d /var/lib/certkeep/*/lock 2>/dev/null || :")
        assert ".cd-" not in left and "lock" not in left, f"left on the server: {left}"

    def known(self, leaves):
        """What the appliance knows of certificates by their thumbprints."""
        return [(leaf, self.a.get("/certificates", filter=f"fingerprint:equals:{leaf}", columns="status,superseded,created_at")["items"])
                for leaf in leaves]

    def last(self, path, **query):
        return self.a.get(path, limit=6, sort="-created_at", **query)["items"]

    def report(self, job):
        text = self.a.request("GET", f"/jobs/{job}/report")[2].decode()
        return text + "\n" + self.a.log_text()[-4000:]

    def die_at(self, targets, next_fault=None):
        """Waits until core stands at its fault, kills, lets core go on."""
        core = wait_stopped(self.a)
        end = time.monotonic() + 45  # parent's longest pause is 30 s
        while not all(pids(self.a, t) for t in targets) and time.monotonic() < end:
            time.sleep(0.005)  # parent has not started it again since the kill before
        if next_fault:
            set_fault(self.a, next_fault)
        for target in targets:
            n = kill(self.a, target)
            assert n > 0, f"{target} did not run"
            self.tally.add(target, n)
        if "core" not in targets:
            os.kill(core, signal.SIGCONT)

    def die(self, points, action="issue", meanwhile=lambda: None):
        """One job; at each point ("before Switch", "deploy", ...) those named are killed; `meanwhile` at the first -> job."""
        set_fault(self.a, points[0][0])
        job = self.start(action)
        wait_stopped(self.a)
        meanwhile()
        for i, (_, *targets) in enumerate(points):
            self.die_at(targets, points[i + 1][0] if i + 1 < len(points) else None)
        return job

    @contextlib.contextmanager
    def counted(self, what):
        """Whatever does not end as it should is a loss."""
        try:
            yield
        except BaseException:
            self.tally.losses.append(what)
            raise

    def kill_around(self, steps, turn):
        with self.counted(f"{steps[0]} to {steps[-1]}, turn {turn}"):
            self.end(self.die(points(steps, turn)))


class Worlds:
    """All worlds of a test, one tally, and the yardstick."""

    def __init__(self):
        self.tally, self.all, self.yardstick = Tally(), [], None

    def each(self, *work):
        """work[i](world i) for all worlds at once; one function is for all."""
        work = work * len(self.all) if len(work) == 1 else work
        with ThreadPoolExecutor(len(self.all)) as pool:
            for done in [pool.submit(f, w) for f, w in zip(work, self.all, strict=True)]:
                done.result()

    def kill_around_every_step(self):
        self.each(*(lambda w, turn=turn: [w.kill_around(steps, turn) for steps in ROUNDS] for turn in range(TURNS)))

    def judge(self, say):
        """Last: what it came to, and how long Nginx was ever not to be had against a reload by itself."""
        seen = [w.sampler.reset_gap() for w in self.all]
        gap, refusals = max(g for g, _ in seen), [r for _, rs in seen for r in rs]
        plain_gap, plain_refusals = self.yardstick.sampler.reset_gap()
        longest, plain = (max((r[0] for r in rs), default=0.0) for rs in (refusals, plain_refusals))
        broken = [b for w in self.all for b in w.sampler.broken]
        yard = self.yardstick
        say(f"{self.tally}\n{sum(w.sampler.good for w in self.all)} handshakes, {len(broken)} broken, {len(refusals)} refused, "
            f"the longest for {longest * 1000:.0f} ms; longest time without one {gap * 1000:.0f} ms\n"
            f"a reload by itself, {yard.reloads} times: takes up to {yard.takes * 1000:.0f} ms, {len(plain_refusals)} refused, the "
            f"longest for {plain * 1000:.0f} ms; longest time without a handshake {plain_gap * 1000:.0f} ms")
        assert self.tally.total > 100 and not self.tally.losses
        assert not broken and yard.reloads > 20
        assert longest <= max(yard.takes, plain), refusals
        allowed = max(yard.takes, 2 * plain_gap) + 0.1  # four are watched, and each watcher may itself have stood still
        assert gap <= allowed, f"no handshake for {gap:.2f} s, {allowed:.2f} s is what a reload takes"


@contextlib.contextmanager
def world(number, tally, check_ca, **more):
    """A world whose appliance takes faults, on machine `number`."""
    folder = Path(tempfile.mkdtemp(prefix="certkeep-kill-"))
    folder.chmod(0o711)
    state = folder / "state"
    a = Appliance(state=state, log=folder / "log", extra=["--fault", str(fault_path(state))], **more)
    with Host(number) as host, a, Sampler(host.address, NAME, [host.ca.root]) as sampler:
        a.set_up(names=["localhost", a.address])
        yield World(a, host, sampler, tally, check_ca)


@contextlib.contextmanager
def worlds_with(first_host, make):
    """Four worlds made by make(turn, host number, tally), a context manager; their first certificate is there."""
    all_of_them = Worlds()
    with Host(first_host + TURNS) as other, contextlib.ExitStack() as stack, ThreadPoolExecutor(TURNS) as pool:
        def enter(turn):
            return stack.enter_context(make(turn, first_host + turn, all_of_them.tally))

        all_of_them.all = list(pool.map(enter, range(TURNS)))
        all_of_them.each(lambda w: w.end(w.start()))
        with Yardstick(other, NAME) as all_of_them.yardstick:
            for w in all_of_them.all:
                w.sampler.reset_gap()
            yield all_of_them
