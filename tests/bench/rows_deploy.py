"""Rows of deployment: the same certificate work on the same servers, by the appliance and by Ansible, in turns."""
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import main_job
from ansible import Ansible
from host import Host
from rows_appliance import TICKS, Client, cpu_seconds
from table import median

FIRST = 180  # number of the first server
NAMES = ["shop.example", "www.shop.example"]


class Servers:
    """Real servers, each in its own namespaces."""

    def __init__(self, n):
        self.all = [Host(FIRST + i, key="ec") for i in range(n)]

    def __enter__(self):
        try:
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                list(pool.map(Host.start, self.all))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc):
        for h in self.all:
            h.stop()

    def cpu_seconds(self):
        """Processor time of everything on the servers so far: what ended is in the sum of its parent."""
        spaces, used = {os.readlink(f"/proc/{h.pid}/ns/pid") for h in self.all}, 0
        for proc in Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(proc / "ns/pid") in spaces:
                    used += sum(int(v) for v in (proc / "stat").read_text().rsplit(")", 1)[1].split()[11:15])
            except OSError:
                continue
        return used / TICKS

    def served(self):
        return [h.served() for h in self.all]


class Ours:
    """A certificate of the appliance for the shop of each server, issued; run() deploys them all."""

    def __init__(self, a, servers):
        self.a, self.certs = a, []
        ca = main_job.connector(a)["id"]
        for h in servers.all:
            server = main_job.add_server(a, h, login="key", ssh_key=h.client_key)
            cert = main_job.find_cert(a, server, NAMES[0])["id"]
            main_job.configure(a, cert, ca, deployment_type="manual")
            a.work("POST", f"/certificates/{cert}/issue")
            self.certs.append(cert)
        self.leaves = [a.get(f"/certificates/{c}")["fingerprint"] for c in self.certs]

    @staticmethod
    def under_way(c):
        return any(c.call("GET", f"/jobs?filter=state:equals:{s}&limit=1")["total"] for s in ("Queued", "Running"))

    def run(self):
        """-> seconds, and processor seconds of all processes of the appliance, workers included."""
        c = Client(self.a)  # one that waited for the other side's turn would have been closed
        used, began = self.cpu_seconds(), time.monotonic()
        made = c.call("POST", "/certificates/batch", {"ids": self.certs, "action": "deploy"})["items"]
        while self.under_way(c):
            if time.monotonic() > began + 300:
                raise RuntimeError("the deployments did not end")
            time.sleep(0.1)
        took, used = time.monotonic() - began, self.cpu_seconds() - used
        c.close()
        for page in (self.a.get(f"/jobs/{m['job']}") for m in made):
            if page["state"] != "Done":  # "No Change" would be no work
                raise RuntimeError(f"a deployment is {page['state']}: {page['error']}")
        return took, used

    def cpu_seconds(self):
        ended = Path(f"/proc/{self.a.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[13:15]
        return sum(cpu_seconds(self.a).values()) + sum(int(v) for v in ended) / TICKS  # parent waited for the workers


class Turns:
    """What the turns of one side took, for each deployment."""

    def __init__(self, name, servers, run, leaves):
        self.name, self.servers, self.run, self.leaves = name, servers, run, leaves
        self.rate, self.own, self.theirs = [], [], []

    def turn(self):
        n, before = len(self.servers.all), self.servers.cpu_seconds()
        took, used = self.run()
        self.theirs.append(1e3 * (self.servers.cpu_seconds() - before) / n)
        if self.servers.served() != self.leaves:
            raise RuntimeError(f"{self.name} says that all is done, but a server does not serve the new certificate")
        self.rate.append(n / took)
        self.own.append(1e3 * used / n)
        print(f"  {self.name}: {self.rate[-1]:.2f} /s, processor time {self.own[-1]:.0f} ms, of the server "
              f"{self.theirs[-1]:.0f} ms", flush=True)


def measure(a, folder, program, n, rounds):
    """-> turns of the appliance, turns of Ansible, and seconds that Ansible takes to start and do nothing."""
    with Servers(n) as servers:
        ours = Ours(a, servers)
        pairs = [h.ca.issue(NAMES, key="ec") for h in servers.all]
        peer = Ansible(program, folder, servers.all, pairs)
        us = Turns("certkeep", servers, ours.run, ours.leaves)
        them = Turns("ansible", servers, peer.run, [p["sha256"] for p in pairs])
        idle, _ = peer.run("nothing.json")
        for _ in range(rounds):
            us.turn()
            them.turn()
    return us, them, idle


def add_rows(table, us, them, idle):
    n = len(us.servers.all)
    rate, other = median(us.rate), median(them.rate)
    ratio = rate / other
    table.add(f"deployments over SSH, verify included, {n} servers on these processors too", f"{rate:.2f} /s",
              f"ansible {other:.2f} /s", ratio, ">= 20", ratio >= 20, f"{100 * ratio / 20:.0f} %")
    bare = n / (n / other - idle)
    table.add("the same, without the time Ansible takes to start", f"{rate:.2f} /s", f"ansible {bare:.2f} /s", rate / bare)
    for what, mine, its in (("processor time of a deployment, without the server's", us.own, them.own),
                            ("the same, of the server", us.theirs, them.theirs)):
        table.add(what, f"{median(mine):.0f} ms", f"ansible {median(its):.0f} ms", median(its) / median(mine))


def deploy(table, s):
    got = subprocess.run([str(s.top / "tests/pypi.sh"), "ansible-core", "ansible-playbook"], capture_output=True, text=True)
    if got.returncode:
        raise RuntimeError("ansible-core is not to be had from PyPI: nothing to measure beside")
    add_rows(table, *measure(s.appliance(), s.dir / "ansible", got.stdout.strip(), *((4, 2) if s.size < 10000 else (16, 3))))
