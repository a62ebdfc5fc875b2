"""The gate of certkeep-web against requests that two programs could read as two, over real TLS."""
import pytest

from web_client import answer_of, request, web  # noqa: F401

REFUSED = {
    "two lengths": (b"POST /api/v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400),
    "length and chunked": (b"POST /api/v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n"
                           b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "gzip, chunked": (b"POST /api/v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
    "folded header": (b"GET /api/v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: 1\r\n 2\r\n\r\n", 400),
    "bare LF": (b"GET /api/v1/x HTTP/1.1\nHost: 127.0.0.1\n\n\r\n\r\n", 400),
    "blank before colon": (b"GET /api/v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length : 0\r\n\r\n", 400),
    "no host": (b"GET /api/v1/x HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET /api/v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: a.example\r\n\r\n", 400),
    "unknown host": (b"GET /api/v1/x HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
    "http 1.0": (b"GET /api/v1/x HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n", 505),
    "dot segments": (b"GET /api/v1/../../x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
    "encoded slash": (b"GET /api%2fv1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
    "encoded NUL": (b"GET /api/v1/x%00 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
    "put": (b"PUT /api/v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 405),
    "other site": (b"POST /api/v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\nSec-Fetch-Site: cross-site\r\n\r\n", 403),
    "form": (b"POST /api/v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\na", 415),
    "too long a body": (b"POST /api/v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1048577\r\n\r\n", 413),
    "huge head": (b"GET /api/v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: " + b"a" * 20000, 431),
    "many headers": (b"GET /api/v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X-A: a\r\n" * 100 + b"\r\n", 431),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("parts", [1, 7])
def test_odd_requests_are_refused_and_end_the_connection(web, name, parts):
    data, status = REFUSED[name]
    smuggled = request("GET", "/api/v1/smuggled")
    with web.connect() as s:
        step = max(1, len(data) // parts)
        try:
            for at in range(0, len(data), step):
                s.sendall(data[at:at + step])
            s.sendall(smuggled)
        except OSError:
            pass  # refused before all was sent
        answer = answer_of(s)
        assert answer.status == status
        assert answer.headers["connection"] == "close"
        assert answer.headers["content-type"] == "application/problem+json"
        try:
            assert s.recv(1) == b""
        except OSError:
            pass


def test_pipelined_requests_are_answered_in_order(web):
    with web.connect() as s:
        s.sendall(b"".join(request("GET", f"/api/v1/n{i}") for i in range(5)))
        data = b""
        while data.count(b'"body_bytes":0}') < 5:
            got = s.recv(65536)
            assert got
            data += got
        assert [data.index(f"/api/v1/n{i}".encode()) for i in range(5)] == \
            sorted(data.index(f"/api/v1/n{i}".encode()) for i in range(5))


def test_bad_request_after_good_one_on_the_same_connection(web):
    with web.connect() as s:
        s.sendall(request("GET", "/api/v1/good") + b"GET /bad%00 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert answer_of(s).json()["path"] == "/api/v1/good"
        assert answer_of(s).status == 400


def test_chunked_body_arrives_whole(web):
    head = (b"POST /api/v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n")
    assert web.raw(head + b'4\r\n{"a"\r\n3\r\n:1}\r\n0\r\n\r\n', parts=5).json()["body"] == '{"a":1}'


@pytest.mark.parametrize("body", [b"4;x=y\r\nabcd\r\n0\r\n\r\n", b"4\r\nabcdX\r\n0\r\n\r\n", b"-1\r\n\r\n",
                                  b"fffffffff\r\n", b"0\r\nTrailer: a\r\n\r\n", b"4\nabcd\n0\n\n"])
def test_odd_chunks_end_the_connection(web, body):
    head = (b"POST /api/v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n")
    with web.connect() as s:
        s.sendall(head + body + request("GET", "/api/v1/smuggled"))
        try:
            answer = answer_of(s)
        except OSError:
            answer = None
        assert answer is None
