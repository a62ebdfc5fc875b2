"""Rows of the whole appliance: orders, API reads beside nginx, list pages and memory at size."""
import http.client
import itertools
import json
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from appliance import Appliance, free_port
from table import median

PROCESSES = ("key", "core", "web", "ca")
WRK = ["wrk", "-t2", "-c32", "--latency"]
TICKS = os.sysconf("SC_CLK_TCK")


class Setting:
    """One appliance for all groups, made when first asked for. Its state is on disk, not in /tmp, which is memory."""

    def __init__(self, top, size):
        self.top, self.size, self.build = top, size, top / "build/dev"
        (top / "build").mkdir(exist_ok=True)
        self.dir = Path(tempfile.mkdtemp(prefix="bench-", dir=top / "build"))
        self.dir.chmod(0o711)
        self.a = None

    def appliance(self):
        if not self.a:
            self.a = Appliance(state=self.dir / "state", build=self.build, log=self.dir / "log")
            self.a.start()
            self.a.set_up(names=["localhost", self.a.address])
        return self.a

    def close(self):
        if self.a:
            self.a.stop()
        shutil.rmtree(self.dir, ignore_errors=True)


class Client:
    """The API over one connection that stays open."""

    def __init__(self, a):
        self.a = a
        self.conn = http.client.HTTPSConnection(a.address, a.port, context=a._tls(), timeout=60)

    def call(self, method, path, body=None):
        self.conn.request(method, "/api/v1" + path, body=json.dumps(body) if body else None,
                          headers={"Authorization": f"Bearer {self.a.token}", "Content-Type": "application/json"})
        answer = self.conn.getresponse()
        data = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {data[:300]}")
        return json.loads(data) if data else None

    def close(self):
        self.conn.close()


def pids(a):
    return {"parent": a.process.pid, **{p: a.pid(p) for p in PROCESSES}}


def cpu_seconds(a):
    """Processor time of each process so far."""
    out = {}
    for name, pid in pids(a).items():
        v = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        out[name] = (int(v[11]) + int(v[12])) / TICKS
    return out


def memory(a):
    """Process -> (RSS, PSS) in MiB, without the mapping of the store."""
    out = {}
    for name, pid in pids(a).items():
        rss = pss = 0
        counted = True
        for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
            if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                counted = not line.endswith("/data.mdb")
            elif counted and line.startswith("Rss:"):
                rss += int(line.split()[1])
            elif counted and line.startswith("Pss:"):
                pss += int(line.split()[1])
        out[name] = (rss / 1024, pss / 1024)
    return out


def add_memory(table, a, what, gate):
    m = memory(a)
    rss, pss = (sum(v[i] for v in m.values()) for i in (0, 1))
    each = ", ".join(f"{k} {v[0]:.0f}" for k, v in m.items())
    table.at_most(f"resident memory, {what} ({each})", rss, "MiB", gate)
    table.add(f"the same, shared pages counted once (PSS), {what}", f"{pss:.1f} MiB")


def issued(c):
    return c.call("GET", "/certificates?filter=status:equals:Issued&limit=1")["total"] or 0


def orders(table, s):
    a = s.appliance()
    n = 400 if s.size < 10000 else 1000
    c = Client(a)
    add_memory(table, a, "idle", 60)
    ca = c.call("GET", "/connectors?filter=name:equals:Local+CA")["items"][0]["id"]
    ids = [c.call("POST", "/certificates", {"name": f"order-{i}.bench.example", "names": [f"order-{i}.bench.example"],
                                            "connector": ca, "key_alg": "p-256", "validity_days": 47})["id"]
           for i in range(n)]
    before, began, had = cpu_seconds(a), time.monotonic(), issued(c)
    for i in range(0, n, 200):
        c.call("POST", "/certificates/batch", {"ids": ids[i:i + 200], "action": "issue"})
    while (done := issued(c) - had) < n:
        if time.monotonic() - began > 300:
            raise RuntimeError(f"{done} of {n} orders issued in 300 s")
        time.sleep(0.05)
    took, after = time.monotonic() - began, cpu_seconds(a)
    table.at_least(f"orders at the local CA, audit on, {n} in one batch", n / took, "/s", 200)
    used = {p: 1e3 * (after[p] - before[p]) / n for p in after}
    table.add("processor time of an order (" + ", ".join(f"{p} {v:.1f}" for p, v in used.items()) + ")",
              f"{sum(used.values()):.1f} ms")
    c.close()


ROTATE = """local paths, at = {%s}, 0
function request() at = at %% #paths + 1; return wrk.format(nil, paths[at]) end
"""


def wrk(url, seconds, token=None, script=None):
    """-> (requests per second, p99 in ms)"""
    head = ["-H", f"Authorization: Bearer {token}"] if token else []
    if script:
        head += ["-s", str(script)]
    text = subprocess.run([*WRK, f"-d{seconds}s", *head, url], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(text)
    value, unit = re.search(r"99%\s+([0-9.]+)(us|ms|s)", text).groups()
    return (float(re.search(r"Requests/sec:\s+([0-9.]+)", text).group(1)),
            float(value) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit])


class Nginx:
    """The same bytes as a file over TLS 1.3 with a P-256 certificate, one worker for each processor."""

    def __init__(self, folder, files):
        self.dir, self.port = folder / "nginx", free_port()
        (self.dir / "www").mkdir(parents=True)
        self.dir.chmod(0o755)
        for name, data in files.items():
            (self.dir / "www" / name).write_bytes(data)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                        str(self.dir / "key"), "-out", str(self.dir / "crt"), "-subj", "/CN=localhost"],
                       check=True, capture_output=True)
        (self.dir / "conf").write_text(f"""
            worker_processes auto; pid {self.dir}/pid; error_log {self.dir}/error; user root;
            events {{ worker_connections 1024; }}
            http {{ access_log off; keepalive_requests 1000000; default_type application/json; sendfile on;
              server {{ listen 127.0.0.1:{self.port} ssl; root {self.dir}/www; ssl_protocols TLSv1.3;
                ssl_certificate {self.dir}/crt; ssl_certificate_key {self.dir}/key; }} }}""")

    def __enter__(self):
        subprocess.run(["nginx", "-c", str(self.dir / "conf")], check=True, capture_output=True)
        return self

    def __exit__(self, *exc):
        subprocess.run(["nginx", "-c", str(self.dir / "conf"), "-s", "quit"], check=True, capture_output=True)
        shutil.rmtree(self.dir, ignore_errors=True)


def rotate(s, paths):
    """A script for wrk that asks each path in turn: more of them than web keeps answers."""
    script = s.dir / "rotate.lua"
    script.write_text(ROTATE % ",".join(f'"{p}"' for p in paths))
    return script


def reads(table, s):
    a = s.appliance()
    c = Client(a)
    have = c.call("GET", "/certificates?limit=200")["items"]
    for i in range(len(have), 200):
        c.call("POST", "/certificates", {"name": f"read-{i}.bench.example", "names": [f"read-{i}.bench.example"]})
    one = c.call("GET", "/certificates?limit=1")["items"][0]["id"]
    paths = {"one certificate": f"/api/v1/certificates/{one}", "page of 50": "/api/v1/certificates?limit=50"}
    many = {"one certificate": [f"/api/v1/certificates/{i['id']}" for i in c.call("GET", "/certificates?limit=500")["items"]],
            "page of 50": [f"/api/v1/certificates?limit=50&sort={s}&columns={','.join(k)}"
                           for s in ("name", "-name", "status", "not_after")
                           for k in itertools.permutations(("name", "status", "not_after", "issuer", "location"))]}
    c.close()
    bodies = {f"{i}.json": a.request("GET", p)[2] for i, p in enumerate(paths.values())}
    seconds, rounds = (2, 2) if s.size < 10000 else (5, 3)
    with Nginx(s.dir, bodies) as peer:
        for i, (what, path) in enumerate(paths.items()):
            ours, theirs = [], []
            for _ in range(rounds):  # in turns, as the machine drifts
                ours.append(wrk(f"https://{a.address}:{a.port}{path}", seconds, a.token))
                theirs.append(wrk(f"https://127.0.0.1:{peer.port}/{i}.json", seconds))
            rate, other = median(v[0] for v in ours), median(v[0] for v in theirs)
            made = [wrk(f"https://{a.address}:{a.port}/", seconds, a.token, rotate(s, many[what])) for _ in range(rounds)]
            p99, other99 = median(v[1] for v in ours), median(v[1] for v in theirs)
            size = f"{len(bodies[f'{i}.json']):,} bytes"
            table.at_least(f"authenticated API reads, {what} ({size}), 32 connections", rate, "/s", 3000)
            table.add("the same, against nginx serving the same bytes", f"{rate:,.0f} /s", f"nginx {other:,.0f} /s",
                      rate / other, ">= 0.50", rate >= other / 2, f"{100 * rate / other:.0f} %")
            table.at_most(f"the same, p99, {what}", p99, "ms", 20, f"nginx {other99:.1f} ms")
            table.at_least(f"the same, {len(many[what])} different questions in turn, all made anew by core",
                           median(v[0] for v in made), "/s", 3000)
            table.at_most(f"p99 of these, {what}", median(v[1] for v in made), "ms", 20)


LISTS = {
    "sort by expiry": "sort=not_after",
    "status filter, sort by expiry": "filter=status:equals:Deployed&sort=not_after",
    "name contains (1 in 10 matches), sort by name down": "filter=name:contains:7.example&sort=-name",
    "unselective filter, sort by expiry": "filter=status:not:Initiated&sort=-not_after",
    "expires before, sort by expiry down": "filter=not_after:before:2027-03-01&sort=-not_after",
    "text that no record has": "q=nothing+has+this",
}


def lists(table, s):
    a = s.appliance()
    a.stop()
    began = time.monotonic()
    subprocess.run([str(s.build / "tests/bench/core_fill"), str(a.state / "core"), str(s.size)], check=True)
    print(f"  filled {s.size} certificates in {time.monotonic() - began:.0f} s", flush=True)
    a.setup_code = None
    a.start()
    a.unlock()
    c = Client(a)
    for what, query in LISTS.items():
        times, cursor = [], ""
        for _ in range(200):
            began = time.monotonic()
            page = c.call("GET", f"/certificates?{query}&limit=50{cursor}")
            times.append((time.monotonic() - began) * 1e3)
            cursor = f"&cursor={page['next']}" if page["next"] else ""
        times = statistics.quantiles(times, n=100, method="inclusive")
        table.at_most(f"list page at {s.size:,}: {what}: p99 (p50 {times[49]:.1f} ms)", times[98], "ms", 20)
    c.close()
    add_memory(table, a, f"at {s.size:,} certificates after the lists", 150)
