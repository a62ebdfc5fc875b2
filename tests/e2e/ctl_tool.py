"""Runs the console tool against a strict double of the API; fixtures of the tests of it."""
import fcntl
import os
import pty
import json
import struct
import subprocess
import sys
import termios

import pytest

sys.path.insert(0, "tests/doubles")
from api_double import Double, make_certificate, record_id  # noqa: E402, F401

PROGRAM = os.path.abspath(f"build/{os.environ.get('MODE', 'asan')}/bin/certkeep")
PASSWORD = "correct horse battery"
INPUT, AUTH, NOT_FOUND, CONFLICT, REMOTE, NETWORK, CRYPTO = 10, 11, 13, 14, 16, 17, 19


class Tool:
    def __init__(self, folder, double):
        self.home, self.double = folder / "home", double
        self.home.mkdir()
        self.env = {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "ASAN_OPTIONS": "detect_leaks=1"}
        self.config = self.home / ".config" / "certkeep"

    def __call__(self, *words, stdin="", status=0, env=None):
        r = subprocess.run([PROGRAM, *words], input=stdin, env={**self.env, **(env or {})}, capture_output=True,
                           text=True, timeout=60, start_new_session=True)
        assert r.returncode == status, f"{words}: {r.returncode}\n{r.stdout}\n{r.stderr}"
        assert "AddressSanitizer" not in r.stderr and "runtime error" not in r.stderr
        return r.stdout if status == 0 else r.stderr

    def login(self):
        self("--url", self.double.url, "--ca", str(self.double.pem), "login", "--stdin",
             stdin=json.dumps({"username": "alice", "password": PASSWORD}))

    def on_terminal(self, words, answers, width=100):
        return on_terminal([PROGRAM, *words], answers, width, env={**self.env, "TERM": "xterm"})


def on_terminal(argv, answers, width=100, **kw):
    """Runs on a terminal of its own; answers follow the questions. Returns status and all that was seen."""
    fd, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    child = subprocess.Popen(["setsid", "--ctty", "--wait", *argv], stdin=slave, stdout=slave, stderr=slave, **kw)
    os.close(slave)
    seen = b""
    todo = list(answers)
    while True:
        try:
            part = os.read(fd, 4096)
        except OSError:
            break
        if not part:
            break
        seen += part
        if todo and todo[0][0].encode() in seen[seen.rfind(b"\n") + 1:]:
            os.write(fd, todo.pop(0)[1].encode())
    os.close(fd)
    return child.wait(timeout=30), seen.decode()


@pytest.fixture
def double(tmp_path):
    d = Double(tmp_path)
    yield d
    d.close()
    assert not d.violations


@pytest.fixture
def tool(tmp_path, double):
    return Tool(tmp_path, double)


@pytest.fixture
def signed_in(tool):
    tool.login()
    return tool


def mode(path):
    return os.stat(path).st_mode & 0o777
