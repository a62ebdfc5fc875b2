"""certkeep-web under its driver (tests/doubles/web_driver.c), and a client that sends any bytes."""
import gzip
import json
import os
import pathlib
import socket
import ssl
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = TOP / os.environ.get("BUILD", "build/asan")
SCRIPT = b"export const a = 1;\n" * 200


class Web:
    def __init__(self, folder):
        self.process = subprocess.Popen(
            [BUILD / "tests/doubles/web_driver", BUILD / "bin/certkeep-web", "--static", folder, "--name", "ui.example"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        words = dict(w.split("=") for w in self.process.stdout.readline().split())
        self.https, self.http01, self.pid = (int(words[k]) for k in ("https", "http01", "pid"))
        self.console = []
        assert self.read_line() == "ready\n"

    def read_line(self):
        """The next line of the driver that is no message for the console."""
        while (line := self.process.stdout.readline()).startswith("console "):
            self.console.append(line)
        return line

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer = self.read_line()
        assert answer.startswith("ok "), answer
        return {k: int(v) for k, v in (w.split("=") for w in answer.split()[1:])}

    def connect(self, timeout=10, **settings):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        for name, value in settings.items():
            setattr(context, name, value)
        raw = socket.create_connection(("127.0.0.1", self.https), timeout=timeout)
        return context.wrap_socket(raw, server_hostname="ui.example")

    def raw(self, data, parts=1):
        """Sends bytes; all that comes back until the server closes or an answer is complete."""
        with self.connect() as s:
            step = max(1, len(data) // parts)
            for at in range(0, len(data), step):
                s.sendall(data[at:at + step])
            return answer_of(s)

    def get(self, path, *headers):
        return self.raw(request("GET", path, *headers))

    def stop(self):
        if self.process.poll() is None:
            self.process.stdin.write("stop\n")
            self.process.stdin.flush()
        return self.process.wait(timeout=20)


class Answer:
    def __init__(self, head, body):
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}
        self.body = body

    def json(self):
        return json.loads(self.body)


def answer_of(s):
    data = b""
    while b"\r\n\r\n" not in data:
        got = s.recv(65536)
        if not got:
            return None if not data else pytest.fail(f"half an answer: {data!r}")
        data += got
    head, body = data.split(b"\r\n\r\n", 1)
    answer = Answer(head, body)
    length = int(answer.headers.get("content-length", 0))
    while len(answer.body) < length:
        got = s.recv(65536)
        assert got, "cut off"
        answer.body += got
    return answer


def request(method, path, *headers, body=b"", host="127.0.0.1"):
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *headers]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    folder = tmp_path_factory.mktemp("static")
    (folder / "assets").mkdir()
    (folder / "index.html").write_text("<!doctype html><title>Certkeep</title>")
    (folder / "assets/app-1a2b.js").write_bytes(SCRIPT)
    (folder / "assets/app-1a2b.js.gz").write_bytes(gzip.compress(SCRIPT))
    started = Web(folder)
    yield started
    assert started.stop() == 0
