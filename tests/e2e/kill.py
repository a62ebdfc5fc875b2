"""What the kill tests need: faults of core, victims, samplers of handshakes, and the tally.

    set_fault(a, "before Switch")  # core stops itself there (test builds: src/core/flow/fault.c)
    kill(a, "deploy")              # SIGKILL, at the latest when core stands still
"""
import hashlib
import os
import re
import signal
import socket
import ssl
import threading
import time
from pathlib import Path

TARGETS = ("core", "deploy", "ca", "key")
PERIOD_S = 0.04


def fault_path(state):
    """In core's own folder: it may read and remove nothing elsewhere."""
    return Path(state) / "core/fault"


def set_fault(a, where):
    path = fault_path(a.state)
    new = path.with_suffix(".new")
    new.write_text(where + "\n")
    new.chmod(0o644)
    new.rename(path)


def stat_of(pid):
    """The state letter of a process, or None when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return None


def wait_stopped(a, seconds=60):
    """Waits until core stands still at the fault -> its pid."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            pid = a.pid("core")
        except (OSError, ValueError):
            pid = None
        if pid and stat_of(pid) == "T":
            return pid
        time.sleep(0.002)
    raise AssertionError(f"core did not come to {fault_path(a.state).read_text()!r} in {seconds} s\n"
                         + a.log_text()[-3000:])


def pids(a, target):
    """The processes of that kind now: one, or for deploy as many as there are workers."""
    if target != "deploy":
        try:
            return [a.pid(target)]
        except (OSError, ValueError):
            return []
    parent, found = a.process.pid, []
    for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        try:
            if Path(f"/proc/{pid}/comm").read_text().strip() == "certkeep-deploy":
                found.append(int(pid))
        except OSError:
            pass
    return found


def kill(a, target):
    """SIGKILL to the processes of that kind -> how many there were."""
    n = 0
    for pid in pids(a, target):
        try:
            os.kill(pid, signal.SIGKILL)
            n += 1
        except ProcessLookupError:
            pass
    return n


class Sampler:
    """Complete TLS handshakes, one every 40 ms: chain, names and key must fit each time."""

    def __init__(self, address, name, roots, port=443):
        self.address, self.name, self.port = address, name, port
        self.roots = list(roots)
        self.ctx = None
        self.good = 0
        self.seen = set()     # leaves since the last take_seen
        self.broken = []      # an answer that is not a good pair
        self.refusals = []    # (seconds from the first refused try to the next good one, why)
        self.gap = 0.0        # longest time between two good handshakes, but for what this thread overslept
        self.slowest = 0.0    # longest good handshake
        self._since = self._why = self._last = None
        self._late = 0.0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def trust(self, *roots):
        self.roots += roots
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        ctx.load_verify_locations(cadata="\n".join(self.roots))
        self.ctx = ctx

    def __enter__(self):
        self.trust()
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._stop.set()
        self._thread.join(10)

    def take_seen(self):
        with self._lock:
            seen, self.seen = self.seen, set()
            return seen

    def reset_gap(self):
        with self._lock:
            gap, self.gap = self.gap, 0.0
            refusals, self.refusals = self.refusals, []
            return gap, refusals

    def _shake(self):
        with socket.create_connection((self.address, self.port), 5) as raw:
            with self.ctx.wrap_socket(raw, server_hostname=self.name) as tls:
                return hashlib.sha256(tls.getpeercert(binary_form=True)).hexdigest()

    def _run(self):
        while not self._stop.is_set():
            begun = time.monotonic()
            try:
                leaf = self._shake()
            except ssl.SSLError as e:  # of the key, the chain, the names: never allowed
                self.broken.append(f"{self.name}: {e}")
            except OSError as e:
                if self._since is None:
                    self._since, self._why = begun, repr(e)
            else:
                self._note(leaf, begun, time.monotonic())
            rest, slept = max(0.0, PERIOD_S - (time.monotonic() - begun)), time.monotonic()
            time.sleep(rest)
            self._late += time.monotonic() - slept - rest

    def _note(self, leaf, begun, now):
        with self._lock:
            self.good += 1
            self.seen.add(leaf)
            self.slowest = max(self.slowest, now - begun)
            if self._last is not None:
                self.gap = max(self.gap, now - self._last - self._late)
            if self._since is not None:
                self.refusals.append((now - self._since, self._why))
            self._last, self._since, self._late = now, None, 0.0


class Yardstick:
    """What a reload costs clients by itself: a machine nobody deploys to reloads its Nginx all the while, sampled alike.
    So the load of the whole run is in both."""

    PAUSE_S = 0.3

    def __init__(self, host, name):
        self.host, self.sampler = host, Sampler(host.address, name, [host.ca.root])
        self.reloads, self.takes = 0, 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.sampler.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._stop.set()
        self._thread.join(30)
        self.sampler.__exit__(*exc)

    def _run(self):
        while not self._stop.wait(self.PAUSE_S):
            begun = time.monotonic()
            self.host.run("nginx -t 2>/dev/null && nginx -s reload")
            self.takes = max(self.takes, time.monotonic() - begun)
            self.reloads += 1


class Tally:
    def __init__(self):
        self.kills, self.losses, self.jobs = {}, [], 0
        self._lock = threading.Lock()

    def add(self, target, n):
        with self._lock:
            self.kills[target] = self.kills.get(target, 0) + n

    @property
    def total(self):
        return sum(self.kills.values())

    def __str__(self):
        each = ", ".join(f"{k} {v}" for k, v in sorted(self.kills.items()))
        return f"{self.total} kills ({each}) in {self.jobs} issue-and-deploy jobs, {len(self.losses)} losses"
