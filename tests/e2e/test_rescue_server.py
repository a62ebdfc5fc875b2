"""The small HTTPS server of rescue and of the locked page, over real TLS: curl, and a socket for what curl does not send."""
import hashlib
import os
import re
import socket
import ssl
import subprocess
import time

import pytest

PROGRAM = "build/asan/tests/doubles/firmware_server"


class Server:
    def __init__(self):
        self.process = subprocess.Popen([PROGRAM], stdout=subprocess.PIPE, text=True)
        m = re.fullmatch(r"port=(\d+) fingerprint=([0-9a-f]{64})\n", self.process.stdout.readline())
        self.port, self.fingerprint = int(m[1]), m[2]

    def connect(self, context=None):
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        return (context or ssl._create_unverified_context()).wrap_socket(raw)

    def say(self, data):
        """Sends bytes -> (status, head, body) of the answer; status 0 when there was none."""
        with self.connect() as s:
            s.sendall(data)
            answer = b""
            try:
                while part := s.recv(65536):
                    answer += part
            except ssl.SSLError:
                pass
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]) if head else 0, head.decode(), body.decode()

    def curl(self, path, *options):
        return subprocess.run(["curl", "-sk", "--max-time", "60", *options, f"https://127.0.0.1:{self.port}{path}"],
                              capture_output=True, text=True, check=True).stdout


@pytest.fixture
def server():
    s = Server()
    yield s
    if s.process.poll() is None:
        s.curl("/end")
    assert s.process.wait(20) == 0


def request(method="GET", path="/", body=b"", **fields):
    fields = {"Host": "appliance", **({"Content-Length": len(body)} if body else {}),
              **{k.replace("_", "-"): v for k, v in fields.items()}}
    return f"{method} {path} HTTP/1.1\r\n".encode() + "".join(f"{k}: {v}\r\n" for k, v in fields.items()).encode() + \
        b"\r\n" + body


def test_speaks_tls_1_3_and_shows_its_certificate(server):
    with server.connect() as s:
        assert s.version() == "TLSv1.3"
        assert hashlib.sha256(s.getpeercert(True)).hexdigest() == server.fingerprint
    old = ssl._create_unverified_context()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        server.connect(old)
    assert "Locked" in server.curl("/")


def test_page_is_html_for_a_browser_and_text_for_a_tool(server):
    status, head, body = server.say(request(Accept="text/html"))
    assert status == 200 and "text/html" in head
    assert "Enter &lt;the&gt; passphrase." in body and "a &amp; b" in body and "<script" not in body
    assert re.search(r"default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; form-action 'self'", head)
    status, head, body = server.say(request())
    assert status == 200 and "text/plain" in head and "<" not in body.replace("<the>", "").replace("<3>", "")


def test_form_field_reaches_its_handler(server):
    assert "It is open." in server.curl("/form", "--data-urlencode", "passphrase=open sesame")
    assert "not the right one" in server.curl("/form", "--data-urlencode", "passphrase=other")
    assert server.say(request("POST", "/form", b"passphrase=other"))[0] == 403
    assert server.say(request("POST", "/form", b"x=y"))[0] == 400


def test_requests_from_another_site_are_refused(server):
    body = b"passphrase=open+sesame"
    assert server.say(request("POST", "/form", body, Origin="https://appliance"))[0] == 200
    for origin in ("https://evil.example", "http://appliance", "null"):
        assert server.say(request("POST", "/form", body, Origin=origin))[0] == 403


@pytest.mark.parametrize("data,status", [
    (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 9000 + b"\r\n\r\n", 429),
    (request(path="/none"), 404),
    (request("POST", "/"), 404),
    (request("POST", "/form", b"a" * 257), 429),
    (request() + request(), 0),
], ids=["no host", "chunked", "long head", "path", "method", "long form", "two requests"])
def test_refuses(server, data, status):
    assert server.say(data)[0] == status
    assert "Locked" in server.curl("/"), "and goes on"


@pytest.mark.parametrize("options", [["-T"], ["-H", "Content-Type: application/octet-stream", "--data-binary"], ["-F"]],
                         ids=["put", "post", "form"])
def test_upload_arrives_whole(server, tmp_path, options):
    file = tmp_path / "bundle"
    file.write_bytes(os.urandom(5_000_001))
    word = {"-T": str(file), "-F": f"bundle=@{file}", "--data-binary": f"@{file}"}[options[-1]]
    assert hashlib.sha256(file.read_bytes()).hexdigest() in server.curl("/file", *options, word)


def test_an_empty_choice_is_refused_with_words(server, tmp_path):
    (tmp_path / "none").touch()
    assert "no file was chosen" in server.curl("/file", "-F", f"bundle=@{tmp_path}/none")


def test_one_upload_at_a_time_and_a_cut_one_leaves_the_place(server):
    with server.connect() as s:
        s.sendall(request("PUT", "/file", Content_Length=1000) + b"some of it")
        time.sleep(0.5)
        assert server.say(request("PUT", "/file", b"all of it"))[0] == 409
    for _ in range(50):
        status, _, body = server.say(request("PUT", "/file", b"all of it"))
        if status == 200:
            break
        time.sleep(0.1)
    assert hashlib.sha256(b"all of it").hexdigest() in body


def test_silent_peers_are_dropped_and_others_are_served(server):
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(8)]
    begun = time.monotonic()
    assert "Locked" in server.curl("/")
    assert 5 < time.monotonic() - begun < 20, "all places were taken, and came free"
    for s in silent:
        s.settimeout(5)
        assert s.recv(1) == b""
        s.close()


def test_ends_after_its_last_page(server):
    assert server.curl("/end") == "End\n"
    assert server.process.wait(10) == 0
