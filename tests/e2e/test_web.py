"""certkeep-web with real clients: TLS policy, parallel calls, streams, files, http-01."""
import concurrent.futures
import gzip
import hashlib
import pathlib
import select
import socket
import ssl
import subprocess
import time

import pytest

from web_client import answer_of, request, web  # noqa: F401


def test_tls_1_3_with_hybrid_key_exchange(web):
    out = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{web.https}", "-alpn", "http/1.1"],
                         input=b"", capture_output=True, timeout=20).stdout.decode()
    assert "TLSv1.3" in out and "X25519MLKEM768" in out and "ALPN protocol: http/1.1" in out


@pytest.mark.parametrize("group", ["X25519", "P-256"])
def test_tls_takes_classical_groups(web, group):
    out = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{web.https}", "-groups", group],
                         input=b"", capture_output=True, timeout=20)
    assert out.returncode == 0 and b"TLSv1.3" in out.stdout


def test_tls_1_2_is_refused(web):
    with pytest.raises(ssl.SSLError, match="(?i)protocol.version|alert"):
        web.connect(maximum_version=ssl.TLSVersion.TLSv1_2)


def test_alpn_h2_alone_is_refused(web):
    out = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{web.https}", "-alpn", "h2"],
                         input=b"", capture_output=True, timeout=20)
    assert out.returncode != 0


def test_console_shows_the_fingerprint_of_the_boot_identity(web):
    with web.connect() as s:
        shown = hashlib.sha256(s.getpeercert(binary_form=True)).hexdigest()
    assert web.console[0].endswith(f"fingerprint: {shown}\n")


def test_no_resumption_and_no_ticket(web):
    with web.connect() as s:
        s.sendall(request("GET", "/api/v1/state"))
        assert answer_of(s).status == 200
        assert s.session is None or not s.session.has_ticket


def test_call_carries_everything(web):
    answer = web.raw(request("POST", "/api/v1/servers?a=1%202", "Authorization: Bearer tok_1.x", "X-CSRF-Token: cs",
                             "Idempotency-Key: k1", 'If-Match: "3"', "Accept: application/json", body=b'{"a":1}'))
    assert answer.status == 200
    got = answer.json()
    assert got == {"client": "127.0.0.1", "credential": "tok_1.x", "csrf": "cs", "method": "POST",
                   "path": "/api/v1/servers", "query": "a=1%202", "content_type": "application/json",
                   "accept": "application/json", "idempotency_key": "k1", "if_match": '"3"', "body": '{"a":1}',
                   "body_bytes": 7}


def test_security_headers_on_every_answer(web):
    for answer in (web.get("/"), web.get("/api/v1/state"), web.get("/a/../b"), web.get("/assets/none.js")):
        h = answer.headers
        assert "default-src 'self'" in h["content-security-policy"] and "unsafe" not in h["content-security-policy"]
        assert h["x-content-type-options"] == "nosniff" and h["referrer-policy"] == "no-referrer"
        assert h["strict-transport-security"] and h["cross-origin-opener-policy"] == "same-origin"
        assert h["permissions-policy"] and h["x-frame-options"] == "DENY"
    assert web.get("/api/v1/state").headers["cache-control"] == "no-store"


def test_answer_of_core_becomes_headers(web):
    answer = web.get("/api/v1/work")
    assert answer.status == 202 and answer.headers["location"] == "/api/v1/jobs/1"
    assert answer.headers["etag"] == '"7"'
    assert answer.headers["content-disposition"] == 'attachment; filename="download"'


def test_cookie_is_bound_to_the_host(web):
    made = web.raw(request("POST", "/api/v1/session", body=b"{}")).headers["set-cookie"]
    assert made == "__Host-certkeep=s3cret; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=600"
    assert web.get("/api/v1/state", "Cookie: a=b; __Host-certkeep=s3cret").json()["credential"] == "s3cret"
    ended = web.raw(request("DELETE", "/api/v1/session")).headers["set-cookie"]
    assert ended.endswith("Max-Age=0")


def test_failure_of_core_is_a_problem(web):
    answer = web.get("/api/v1/fail")
    assert answer.status == 403 and answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {"type": "urn:certkeep:error:denied", "title": "This is not allowed for you", "status": 403,
                             "detail": "not for you", "instance": "/api/v1/fail"}


def test_body_of_one_mebibyte(web):
    body = b'"' + b"a" * (1024 * 1024 - 2) + b'"'
    assert web.raw(request("POST", "/api/v1/x", body=body)).json()["body_bytes"] == 1024 * 1024


def test_big_answer_arrives_whole(web):
    answer = web.get("/api/v1/big", "Connection: close")
    assert answer.status == 200 and len(answer.body) == int(answer.headers["content-length"]) >= 3 * 1024 * 1024


def test_200_calls_in_parallel(web):
    def one(i):
        for _ in range(50):
            try:
                return web.get(f"/api/v1/slow?n={i}").json()["query"]
            except (OSError, AttributeError):
                time.sleep(0.1)  # over the connections of one address: come again
        return None

    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        assert sorted(pool.map(one, range(200))) == sorted(f"n={i}" for i in range(200))
    assert time.monotonic() - began < 200 * 0.2 / 2, "they wait for each other"


def test_more_connections_of_one_address_than_allowed(web):
    held = []
    try:
        with pytest.raises((OSError, AssertionError)):
            for _ in range(80):
                s = web.connect()
                held.append(s)
                s.sendall(request("GET", "/api/v1/state"))
                assert answer_of(s)
    finally:
        for s in held:
            s.close()
    assert 60 <= len(held) <= 66


def test_identity_changes_without_dropping_connections(web):
    def name(s):
        return ssl.DER_cert_to_PEM_cert(s.getpeercert(binary_form=True))

    web.tell("identity boot")
    with web.connect() as old:
        old.sendall(request("GET", "/api/v1/state"))
        assert answer_of(old).status == 200
        web.tell("identity ui2.example")
        with web.connect() as new:
            assert name(new) != name(old)
            new.sendall(request("GET", "/api/v1/state", host="ui2.example"))
            assert answer_of(new).status == 200  # the name of the new certificate is known
        old.sendall(request("GET", "/api/v1/state"))
        assert answer_of(old).status == 200
        web.tell("identity boot")
        deadline = time.monotonic() + 5
        while True:
            with web.connect() as again:
                if name(again) == name(old):
                    break
            assert time.monotonic() < deadline


def read_until(s, words, data=b""):
    while words not in data:
        got = s.recv(65536)
        assert got, f"ended before {words!r}: {data!r}"
        data += got
    return data


def test_events_arrive_and_survive_a_restart_of_core(web):
    with web.connect(timeout=20) as s:
        s.sendall(request("GET", "/api/v1/events?topics=cert", "Last-Event-ID: 41"))
        data = read_until(s, b"second line")
        assert b"content-type: text/event-stream" in data.lower()
        assert b"event: hello\ndata: opened after=41\ndata: second line" in data
        web.tell("event 42 first")
        assert b"id: 42\nevent: change\ndata: first\n\n" in read_until(s, b"first\n\n")
        web.tell("core-down")
        web.tell("core-up")
        read_until(s, b"opened after=42")
        web.tell("event 43 second")
        read_until(s, b"data: second\n\n")


def test_stream_that_core_refuses_is_a_problem(web):
    answer = web.get("/api/v1/events?topics=none")
    assert answer.status == 401 and answer.json()["type"] == "urn:certkeep:error:auth"


def test_calls_wait_for_a_restarting_core(web):
    web.tell("core-down")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(web.get, "/api/v1/state")
        with pytest.raises(concurrent.futures.TimeoutError):
            waiting.result(timeout=0.5)
        web.tell("core-up")
        assert waiting.result(timeout=10).status == 200


def test_client_that_leaves_before_its_answer(web):
    for _ in range(20):
        s = web.connect()
        s.sendall(request("GET", "/api/v1/slow"))
        s.close()
    time.sleep(0.5)
    assert web.get("/api/v1/state").status == 200


def test_files_of_the_ui(web):
    index = web.get("/")
    assert index.status == 200 and b"Certkeep" in index.body and index.headers["cache-control"] == "no-cache"
    assert web.get("/certificates/abc").body == index.body  # routed by the UI
    assert web.get("/assets/missing.js").status == 404
    plain = web.get("/assets/app-1a2b.js")
    assert plain.headers["cache-control"].endswith("immutable")
    packed = web.get("/assets/app-1a2b.js", "Accept-Encoding: br, gzip")
    assert packed.headers["content-encoding"] == "gzip" and gzip.decompress(packed.body) == plain.body
    refused = web.get("/assets/app-1a2b.js", "Accept-Encoding: gzip;q=0")
    assert "content-encoding" not in refused.headers
    kept = web.get("/", f"If-None-Match: {index.headers['etag']}")
    assert kept.status == 304
    assert web.raw(request("POST", "/", body=b"{}")).status == 405


def test_head_has_no_body(web):
    with web.connect() as s:
        s.sendall(request("HEAD", "/"))
        head = read_until(s, b"\r\n\r\n")
        assert b" 200 " in head and head.endswith(b"\r\n\r\n")
        s.sendall(request("GET", "/api/v1/state"))
        assert answer_of(s).json()["path"] == "/api/v1/state"


def test_http01_answers_only_challenges(web):
    def plain(data):
        with socket.create_connection(("127.0.0.1", web.http01), timeout=10) as s:
            s.sendall(data)
            return answer_of(s)

    web.tell("challenge tok-1 tok-1.print")
    found = plain(b"GET /.well-known/acme-challenge/tok-1 HTTP/1.1\r\nHost: shop.example\r\n\r\n")
    assert found.status == 200 and found.body == b"tok-1.print"
    web.tell("clear tok-1")
    assert plain(b"GET /.well-known/acme-challenge/tok-1 HTTP/1.1\r\nHost: shop.example\r\n\r\n").status == 404
    moved = plain(b"GET /anything HTTP/1.1\r\nHost: shop.example\r\n\r\n")
    assert moved.status == 308 and moved.headers["location"] == "https://shop.example/"
    assert plain(b"GET /x HTTP/1.1\r\nHost: <b>\r\n\r\n").status == 404


def test_slow_head_is_cut_off(web):
    """Slow loris: a byte now and then does not keep a connection for ever."""
    with web.connect(timeout=60) as s:
        began = time.monotonic()
        s.sendall(b"GET /api/v1/state HTTP/1.1\r\n")
        while time.monotonic() - began < 45:
            ready, _, _ = select.select([s], [], [], 2)
            try:
                if ready and s.recv(1) == b"":
                    break
                s.sendall(b"X")
            except OSError:
                break
        assert 20 < time.monotonic() - began < 40


def test_process_is_confined(web):
    status = pathlib.Path(f"/proc/{web.pid}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Seccomp"] == "2" and fields["NoNewPrivs"] == "1"
    assert fields["Uid"].split()[0] == "61003"
    assert int(fields["CapEff"], 16) == 0
