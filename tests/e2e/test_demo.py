"""`make run` as people see it: what it prints is done word by word, from another terminal; it leaves
nothing behind; and it says so when the main job fails. Fit for a machine that runs another demo."""
import os
import re
import shlex
import signal
import ssl
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from appliance import free_port
from conftest import TOP
from ctl_tool import on_terminal

HOST = 120


class Demo:
    def __init__(self, **env):
        self.port, self.state = free_port(), None
        self.folder = TOP / f"build/demo-{self.port}"
        self.process = subprocess.Popen(
            ["python3", "tests/demo/run.py"], cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True, env={**os.environ, "BUILD": "build/asan", "UI_PORT": str(self.port),
                                         "HTTP_PORT": str(free_port()), "HOST": str(HOST), **env})
        self.text, self.errors = "", ""
        self.readers = [threading.Thread(target=self._read, daemon=True),
                        threading.Thread(target=self._read_errors, daemon=True)]
        for r in self.readers:
            r.start()

    def _read(self):
        for line in self.process.stdout:
            self.text += line

    def _read_errors(self):
        self.errors = self.process.stderr.read()

    def wait_for(self, words, seconds=120):
        end = time.monotonic() + seconds
        while words not in self.text:
            assert self.process.poll() is None and time.monotonic() < end, self.text + self.errors
            time.sleep(0.02)

    def end(self, seconds=120):
        """Exit status, all lines."""
        status = self.process.wait(seconds)
        for r in self.readers:
            r.join(10)
        return status, self.text.splitlines()

    def commands(self, program):
        """The printed commands of a program, in order."""
        return [line.strip() for line in re.findall(rf"(?:^|\s)((?:\S+/)?{program} .*)$", self.text, re.M)]


def processes(words):
    found = []
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            line = Path(f"/proc/{p}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if words in line:
            found.append((int(p), line))
    return found


def assert_nothing_left(states_before):
    assert not processes("/tmp/certkeep-demo-") and not processes(f"web-{HOST:02}")
    assert set(Path("/tmp").glob("certkeep-demo-*")) == states_before
    assert f"ckh{HOST}" not in os.listdir("/sys/class/net")


@pytest.fixture
def states():
    return set(Path("/tmp").glob("certkeep-demo-*"))


@pytest.fixture
def start():
    demos = []

    def starter(**env):
        demos.append(Demo(**env))
        return demos[-1]
    yield starter
    for d in demos:
        if d.process.poll() is None:
            d.process.send_signal(signal.SIGINT)
            d.process.wait(60)


def run(command, **kw):
    return subprocess.run(shlex.split(command), cwd=TOP, capture_output=True, text=True, timeout=60, check=True, **kw).stdout


def check_console(demo):
    login, *others = demo.commands("certkeep")
    code = re.search(r"It asks for +(\S+)", demo.text).group(1)
    status, seen = on_terminal(shlex.split(login), [("One-time code:", code + "\n")], cwd=TOP)
    assert status == 0 and "Signed in" in seen and code not in seen, seen
    said = [run(c) for c in others]
    assert len(said) == 3 and "shop.example" in said[0] and "Deployed" in said[0]
    assert "Deploy shop.example" in said[1] and "Exit status" in said[2]
    assert (demo.folder / "config/certkeep/token").stat().st_mode & 0o077 == 0


def check_curl(demo):
    state, certs = demo.commands("curl")
    assert '"Operational"' in run(state)
    assert "shop.example" in run(certs)
    assert "/token " in certs and "Bearer" not in demo.text  # the token is no word of a command
    assert run(certs.replace("curl ", "curl -s -o /dev/null -w %{http_code} ").replace("certificates", "users")) == "403"


def fetch(url, root):
    context = ssl.create_default_context(cafile=str(root))
    with urllib.request.urlopen(url, context=context, timeout=20) as r:
        return r.status, r.headers, r.read()


def check_browser(demo):
    url = re.search(r"Browser +(\S+)", demo.text).group(1)
    root = demo.folder / "root.pem"
    status, headers, page = fetch(url, root)
    assert status == 200 and headers["Content-Type"].startswith("text/html")
    assert "default-src 'self'" in headers["Content-Security-Policy"] and "unsafe" not in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-cache"
    assets = re.findall(r'(?:src|href)="(/assets/[^"]+)"', page.decode())
    assert any(a.endswith(".js") for a in assets) and any(a.endswith(".css") for a in assets)
    for a in assets:
        status, headers, body = fetch(url.rstrip("/") + a, root)
        assert status == 200 and body and "immutable" in headers["Cache-Control"], a
        assert re.search(r"-[\w-]{8}\.\w+$", a), a
        assert headers["Content-Security-Policy"] and headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.skipif(not (TOP / "web/dist/index.html").exists(), reason="the admin UI is not built: make web")
def test_three_ways_work_as_printed_and_control_c_cleans_up(start, states):
    demo = start()
    demo.wait_for("Ctrl-C stops")
    check_browser(demo)
    check_console(demo)
    check_curl(demo)
    os.killpg(demo.process.pid, signal.SIGINT)  # as the terminal does
    status, lines = demo.end()
    assert (status, lines[-1]) == (0, "stopped"), demo.text + demo.errors
    assert not demo.folder.exists()
    assert_nothing_left(states)


def test_once_ends_with_what_is_served(start, states):
    demo = start(ONCE="1")
    status, lines = demo.end()
    assert status == 0, demo.text + demo.errors
    assert re.match(r"OK: shop\.example is served with [0-9a-f]{64}, deployed and proven in [0-9.]+ s$", lines[-1])
    assert not demo.folder.exists()
    assert_nothing_left(states)


def stop_nginx():
    """Stops nginx on the demo's machine, from the inside."""
    (outer, _), = [p for p in processes(f"web-{HOST:02}") if p[1].startswith("unshare ")]
    init = Path(f"/proc/{outer}/task/{outer}/children").read_text().split()[0]
    subprocess.run(["nsenter", "-t", init, "--mount", "--pid", "--net", "--root", "--wd", "nginx", "-s", "stop"],
                   check=True, capture_output=True)


def test_failure_is_told_and_kept_for_reading(start, states):
    demo = start(ONCE="1")
    demo.wait_for("Nginx serves")
    stop_nginx()
    status, lines = demo.end(240)
    assert status == 1 and lines[-1].startswith("FAILED: ") and "nginx" in lines[-1].lower(), demo.text + demo.errors
    log = TOP / lines[-1].rsplit(" ", 1)[1]
    assert "parent" in log.read_text()
    assert_nothing_left(states)
    log.unlink()
    log.parent.rmdir()
