"""Server-sent events: topics, what is told, who is told, and going on after the core was killed."""
import json
import os
import queue
import signal
import threading

import pytest

import api_world

HOST = 63


@pytest.fixture(scope="module")
def w():
    yield from api_world.world(HOST)


class Stream:
    """One open event stream; next(event) waits for the next event of that name."""

    def __init__(self, w, topics=None, token=None):
        self.contract = w.c
        self.conn = w.a._connection(60)
        path = "/api/v1/events" + (f"?topics={topics}" if topics else "")
        self.conn.request("GET", path, headers={"Accept": "text/event-stream", "Authorization": f"Bearer {token or w.a.token}"})
        self.answer = self.conn.getresponse()
        self.events = queue.Queue()
        if self.answer.status == 200:
            assert self.answer.getheader("Content-Type").startswith("text/event-stream")
            threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        event = {}
        try:
            for line in self.answer:
                name, _, value = line.decode().rstrip("\n").partition(":")
                if name:
                    event[name] = value.lstrip()
                elif event.get("data"):
                    data = json.loads(event["data"])
                    self.contract.validate(data, {"$ref": "#/components/schemas/Event"})
                    self.events.put((event.get("event"), data, event.get("id")))
                    event = {}
        except (OSError, ValueError, AttributeError):
            pass
        self.events.put((None, None, None))

    def next(self, wanted, seconds=20, where=lambda d: True):
        while True:
            event, data, number = self.events.get(timeout=seconds)
            assert event, f"the stream ended while waiting for {wanted}"
            if event == wanted and where(data):
                return data, number

    def close(self):
        self.conn.close()


def test_changes_are_told_by_topic(w):
    servers, everything = Stream(w, "server"), Stream(w)
    assert everything.next("state")[0] == {"state": "Operational"}
    w.a.patch(f"/certificates/{w.cert['id']}", {"tags": ["told"]})
    w.a.patch(f"/servers/{w.server['id']}", {"group": "told"})
    assert everything.next("change")[0] == {"record": "cert", "id": w.cert["id"], "deleted": False}
    assert servers.next("change")[0]["record"] == "server"
    made = w.a.post("/certificates", {"name": "short.example"})
    w.a.delete(f"/certificates/{made['id']}")
    everything.next("change", where=lambda d: d["id"] == made["id"] and d["deleted"])
    assert servers.events.empty()
    for s in (servers, everything):
        s.close()


def test_log_of_a_job_as_it_happens(w):
    issue = w.a.post(f"/certificates/{w.cert['id']}/renew")["job"]
    job = w.a.followed_by(issue, "deploy")
    s = Stream(w, f"job:{job}")
    assert w.a.job_end(job)["state"] == "Done"
    kept = w.a.get(f"/jobs/{job}/log")["items"]
    told, number = s.next("log", where=lambda d: d["seq"] == kept[-1]["seq"])
    assert told["id"] == job and told["line"] == kept[-1]["line"] and number == str(told["seq"])
    s.close()


def test_only_what_the_caller_may_read(w):
    w.a.post("/users", {"username": "auditor1", "roles": ["auditor"], "password": "long enough secret"})
    code = w.a.post("/sign-in-codes", {"user": "auditor1"})["code"]
    _, headers, data = w.a.request("POST", "/session", {"code": code}, token=False)
    _, _, made = w.a.request("POST", "/tokens", {"label": "e"}, token=False,
                             headers={"Cookie": headers["Set-Cookie"].split(";")[0], "X-CSRF-Token": json.loads(data)["csrf"]})
    s = Stream(w, token=json.loads(made)["token"])
    s.next("state")
    w.a.patch(f"/servers/{w.server['id']}", {"group": "hidden"})
    told = Stream(w)
    told.next("state")
    w.a.patch(f"/servers/{w.server['id']}", {"group": "again"})
    told.next("change")
    seen = [s.events.get()[1] for _ in range(s.events.qsize())]
    assert not [d for d in seen if d and d.get("record") in ("user", "server") and "SERVER_READ" not in
                json.loads(data)["permissions"]]
    s.close()
    told.close()


def test_refused_without_sign_in(w):
    assert Stream(w, token="ck_nobody").answer.status in (401, 403)
    status, headers, data = w.a.request("GET", "/events", headers={"Accept": "text/event-stream"}, token=False)
    assert status == 401
    w.c.check("events_stream", status, headers, data)


def test_the_stream_goes_on_after_the_core_was_killed(w):
    s = Stream(w)
    s.next("state")
    os.kill(w.a.pid("core"), signal.SIGKILL)
    s.next("state", where=lambda d: d["state"] == "Operational")  # web told the new core of the open stream
    w.a.wait_state("Operational")
    w.a.patch(f"/certificates/{w.cert['id']}", {"tags": ["after"]})
    s.next("change", where=lambda d: d["record"] == "cert")
    s.close()
