"""A whole appliance for tests and the demo: the real processes, started by the real parent.

    with Appliance() as a:             # a state folder of its own under /tmp, free ports
        a.set_up()                     # first run over the API; a.token is an API token from then on
        server = a.post("/servers", {...})
        job = a.work("POST", f"/servers/{server['id']}/test")   # waits for the job's end

Runs inside the build root as root. BUILD picks the build (default build/asan).
"""
import hashlib
import http.client
import json
import os
import re
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
ENDED = ("Done", "No Change", "Failed", "Rolled Back", "Cancelled", "Needs Approval")


class ApiError(Exception):
    """A problem (RFC 9457) as the API answered it."""

    def __init__(self, status, problem):
        super().__init__(f"{status}: {problem.get('detail', problem)}")
        self.status, self.problem = status, problem


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Appliance:
    def __init__(self, state=None, address="127.0.0.1", port=None, http01=None, build=None, static=None,
                 extra=(), log=None, http01_address="127.0.0.1"):
        self.build = Path(build or os.environ.get("BUILD", TOP / "build/asan"))
        self.own_state = state is None
        self.state = Path(state or tempfile.mkdtemp(prefix="certkeep-"))  # parent gives it its mode
        self.address, self.port = address, port or free_port()
        self.http01 = http01 or free_port()
        self.http01_address = http01_address
        self.static = Path(static or TOP / "web/dist")
        self.extra = list(extra)
        self.log_path = Path(log) if log else self.state.with_name(self.state.name + ".log")
        self.process = self.token = None
        self.setup_code = self.boot_pin = None
        self.console = []
        self.credentials = {}

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.stop()
        if self.own_state and exc[0] is None:
            shutil.rmtree(self.state, ignore_errors=True)
            self.log_path.unlink(missing_ok=True)

    # ---- processes ----
    def start(self):
        static = self.static
        if not static.is_dir():
            static = Path(tempfile.mkdtemp(prefix="certkeep-static-"))
            (static / "index.html").write_text("<!doctype html><title>Certkeep</title>")
        argv = [str(self.build / "bin/certkeep-parent"), "--state", str(self.state), "--bin", str(self.build / "bin"),
                "--static", str(static), "--listen-https", f"{self.address}:{self.port}",
                "--listen-http01", f"{self.http01_address}:{self.http01}", *self.extra]
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=self.log, stdin=subprocess.DEVNULL,
                                        start_new_session=True)  # Control-C is for the test, which then stops it
        threading.Thread(target=self._read_console, daemon=True).start()
        self.wait_state(lambda s: s in ("Unprovisioned", "Locked", "Operational", "Degraded"))

    def _read_console(self):
        for line in self.process.stdout:
            text = line.decode(errors="replace").rstrip()
            self.console.append(text)
            if m := re.search(r"setup code: (\S+)", text):
                self.setup_code = m.group(1)
            if m := re.search(r"fingerprint[^0-9a-f]*([0-9a-f]{64})", text):
                self.boot_pin = m.group(1)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("the appliance did not stop within 20 s of SIGTERM")
        if self.process:
            self.process.stdout.close()
            self.log.close()

    def pid(self, name):
        """The pid of a process ("core", "key", "web", "ca") now."""
        return int((self.state / "run" / f"{name}.pid").read_text())

    def log_text(self):
        return self.log_path.read_text(errors="replace")

    # ---- the API ----
    def _tls(self):
        root = self.state / "public/root.pem"
        ctx = ssl.create_default_context(cafile=str(root)) if root.exists() else ssl.create_default_context()
        if not root.exists():  # the boot identity: compared with the console by its fingerprint, below
            ctx.check_hostname, ctx.verify_mode = False, ssl.CERT_NONE
        ctx.minimum_version = ssl.TLSVersion.TLSv1_3
        return ctx

    def _connection(self, timeout):
        """Verified by the local CA; a Locked appliance shows its boot identity, known by its fingerprint on the console."""
        conn = http.client.HTTPSConnection(self.address, self.port, context=self._tls(), timeout=timeout)
        try:
            conn.connect()
            return conn
        except ssl.SSLCertVerificationError:
            conn.close()
        anyone = ssl._create_unverified_context()
        conn = http.client.HTTPSConnection(self.address, self.port, context=anyone, timeout=timeout)
        conn.connect()
        if hashlib.sha256(conn.sock.getpeercert(True)).hexdigest() != self.boot_pin:
            conn.close()
            raise ConnectionError("neither the local CA nor the console vouches for this certificate")
        return conn

    def request(self, method, path, body=None, headers=None, token=True, timeout=60, data=None, kind="application/json"):
        """One call -> (status, headers, bytes). Path without /api/v1 gets it; data: bytes instead of a JSON body."""
        if not path.startswith("/api/"):
            path = "/api/v1" + path
        conn = self._connection(timeout)
        send = {"Accept": "application/json", **(headers or {})}
        if token and self.token:
            send["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            data = json.dumps(body).encode()
        if data is not None:
            send["Content-Type"] = kind
        try:
            conn.request(method, path, body=data, headers=send)
            answer = conn.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            conn.close()

    def call(self, method, path, body=None, **kw):
        status, headers, data = self.request(method, path, body, **kw)
        kind = headers.get("Content-Type", "").split(";")[0]
        value = json.loads(data) if data and kind.endswith("json") else data
        if status >= 400:
            raise ApiError(status, value if isinstance(value, dict) else {"detail": repr(value)})
        return value

    def get(self, path, **query):
        if query:
            path += "?" + urllib.parse.urlencode(query, doseq=True)
        return self.call("GET", path)

    def post(self, path, body=None):
        return self.call("POST", path, body)

    def patch(self, path, body):
        return self.call("PATCH", path, body)

    def delete(self, path):
        return self.call("DELETE", path)

    def wait_state(self, want, seconds=60):
        want = want if callable(want) else (lambda s, w=want: s == w)
        end, last = time.monotonic() + seconds, None
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(f"the appliance ended with {self.process.returncode}: see {self.log_path}\n"
                                     + self.log_text()[-2000:])
            try:
                last = self.call("GET", "/state", token=False, timeout=5)
                if want(last["state"]):
                    return last
            except (OSError, http.client.HTTPException, ApiError, ValueError) as e:
                last = repr(e)
            time.sleep(0.05)
        raise AssertionError(f"waited {seconds} s for the state; last: {last}\n" + self.log_text()[-2000:])

    def wait_for_setup_code(self):
        end = time.monotonic() + 20
        while self.setup_code is None and time.monotonic() < end:
            time.sleep(0.05)
        assert self.setup_code, f"no setup code on the console: {self.console}"

    def set_up(self, username="admin", names=None):
        """First run: administrator, token, local CA; then a token of the administrator."""
        self.wait_for_setup_code()
        self.credentials = {"username": username, "password": secrets.token_urlsafe(18),
                            "passphrase": secrets.token_urlsafe(24)}
        body = {"setup_code": self.setup_code, "full_name": "First Administrator", **self.credentials}
        if names:
            body["names"] = names
        self.call("POST", "/setup", body, token=False, timeout=180)
        self.wait_state("Operational")
        self.sign_in()

    def sign_in(self):
        status, headers, data = self.request(
            "POST", "/session", {k: self.credentials[k] for k in ("username", "password")}, token=False)
        assert status == 201, data
        cookie = headers["Set-Cookie"].split(";")[0]
        session = json.loads(data)
        status, _, data = self.request("POST", "/tokens", {"label": "test"}, token=False,
                                       headers={"Cookie": cookie, "X-CSRF-Token": session["csrf"]})
        assert status == 201, data
        self.token = json.loads(data)["token"]

    def unlock(self):
        self.wait_state("Locked")
        self.call("POST", "/unlock", {"passphrase": self.credentials["passphrase"]}, token=False, timeout=120)
        self.wait_state("Operational")

    # ---- work ----
    def job_end(self, job, seconds=180, on_step=None):
        """Waits for the end of a job and returns its page. Calls that fail while a process restarts are repeated."""
        end, seen, page = time.monotonic() + seconds, {}, None
        while time.monotonic() < end:
            try:
                page = self.get(f"/jobs/{job}")
            except (OSError, http.client.HTTPException) as e:
                page = {"state": repr(e), "steps": []}
            except ApiError as e:
                if e.status not in (409, 502, 503, 504):
                    raise
                page = {"state": str(e), "steps": []}
            for s in page["steps"]:
                if on_step and seen.get(s["name"]) != s["state"]:
                    seen[s["name"]] = s["state"]
                    on_step(page, s)
            if page["state"] in ENDED:
                return page
            time.sleep(0.1)
        raise AssertionError(f"job {job} did not end in {seconds} s: {json.dumps(page, indent=1)}\n"
                             + self.log_text()[-3000:])

    def work(self, method, path, body=None, want="Done", **kw):
        """A call that answers 202, and the end of its job; want None: any end."""
        job = self.call(method, path, body)["job"]
        page = self.job_end(job, **kw)
        if want and page["state"] != want:
            report = self.request("GET", f"/jobs/{job}/report")[2].decode()
            raise AssertionError(f"job ended {page['state']}, not {want}:\n{report}")
        return page

    def followed_by(self, job, kind, seconds=60):
        """The job of that kind which `job` started."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for row in self.get("/jobs", filter=f"kind:equals:{kind}", limit=20)["items"]:
                if self.get(f"/jobs/{row['id']}")["follows"] == job:
                    return row["id"]
            time.sleep(0.1)
        raise AssertionError(f"no {kind} job follows {job}")
