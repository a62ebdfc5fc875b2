"""An update over the API on an appliance whose slots are files: upload, resume, refusals, commit, restart, fallback."""
import json
import pytest

from appliance import ApiError
from ctl_tool import Tool
from firmware import PIECE, World, sign
from machine_world import box, machine
from test_machine import wait_for


def send(a, piece, data):
    status, _, body = a.request("POST", f"/system/update/pieces/{piece}", data=data, kind="application/octet-stream")
    answer = json.loads(body)
    if status >= 400:
        raise ApiError(status, answer)
    return answer


def parts(bundle):
    data = bundle.read_bytes()
    return [data[i:i + PIECE] for i in range(0, len(data), PIECE)]


def refusal(a, piece, data):
    with pytest.raises(ApiError) as told:
        send(a, piece, data)
    return told.value.status, told.value.problem["detail"]


def test_nothing_is_taken_while_the_running_version_is_not_healthy(box, machine):
    wait_for(lambda: box.get("/system/update")["healthy"])
    machine.change_control(lambda c: c.put("a", commit=1, tries=2, blessed=0))
    before = (machine.disk / "root-b").read_bytes()
    status, detail = refusal(box, 0, parts(machine.bundle("early.bundle", version="2.0"))[0])
    assert status == 409 and "has not proven healthy" in detail
    state = box.get("/system/update")
    assert state["phase"] == "idle" and not state["healthy"] and (machine.disk / "root-b").read_bytes() == before
    machine.update("bless")
    assert box.get("/system/update")["healthy"]


def test_who_may(box):
    user = box.post("/users", {"username": "watcher", "password": "just looking around", "roles": ["operator"]})
    assert user["username"] == "watcher"
    status, headers, body = box.request("POST", "/session", {"username": "watcher", "password": "just looking around"},
                                        token=False)
    cookie, csrf = headers["Set-Cookie"].split(";")[0], json.loads(body)["csrf"]
    signed_in = {"Cookie": cookie, "X-CSRF-Token": csrf}
    assert box.request("GET", "/system/update", token=False, headers=signed_in)[0] == 200
    for path in ("pieces/0", "commit", "restart"):
        assert box.request("POST", f"/system/update/{path}", token=False, headers=signed_in)[0] == 403, path


def test_what_is_refused(box, machine, tmp_path):
    stranger = World(tmp_path, tmp_path / "others")
    sign("keygen", stranger.keys)
    assert "not trusted here" in refusal(box, 0, parts(stranger.bundle("x.bundle"))[0])[1]
    rack = parts(machine.bundle("rack.bundle", board="rack-x86_64"))[0]
    assert "it is for the board rack-x86_64, this is vm-x86_64" in refusal(box, 0, rack)[1]
    old = parts(machine.bundle("old.bundle", version="0.5", rollback=0))[0]
    assert "version 0.5 is older than this appliance may go back to" in refusal(box, 0, old)[1]
    one_sided = bytearray(parts(machine.bundle("one.bundle", version="2.0"))[0])
    one_sided[700] ^= 1  # inside the LMS signature
    status, detail = refusal(box, 0, bytes(one_sided))
    assert status >= 400 and "signature" in detail, detail
    (machine.folder / "boot.img").write_bytes(bytes(2 << 20))
    assert "boot-b" in refusal(box, 0, parts(machine.bundle("large.bundle", version="2.0"))[0])[1]
    (machine.folder / "boot.img").write_bytes(bytes(300_000))
    assert box.get("/system/update")["phase"] == "idle"
    assert "piece" in refusal(box, 513, b"x")[1]
    assert box.request("POST", "/system/update/pieces/0", {"a": 1})[0] == 415
    with pytest.raises(ApiError) as told:
        box.post("/system/update/commit")
    assert told.value.status == 409 and "not complete" in told.value.problem["detail"]
    with pytest.raises(ApiError) as told:
        box.post("/system/update/restart")
    assert "no update is committed" in told.value.problem["detail"]


def test_upload_goes_on_where_it_was_and_commits(box, machine):
    pieces = parts(machine.bundle("2.bundle", version="2.0", rollback=2))
    assert send(box, 0, pieces[0])["next"] == 1
    state = send(box, 1, pieces[1])
    assert (state["phase"], state["version"], state["slot"], state["next"], state["pieces"]) == ("receiving", "2.0", "b", 2, 3)
    assert "piece 2 comes next" in refusal(box, 3, pieces[3])[1]
    assert "expected 1048576" in refusal(box, 2, pieces[2][:1000])[1]  # torn
    assert "piece 2" in refusal(box, 2, bytes(PIECE))[1]
    assert send(box, 0, pieces[0])["next"] == 2  # whoever lost track asks with the head
    assert send(box, 1, pieces[1])["next"] == 2
    send(box, 2, pieces[2])
    assert send(box, 3, pieces[3])["phase"] == "received"
    assert box.post("/system/update/commit")["phase"] == "checking"
    assert wait_for(lambda: (s := box.get("/system/update"))["phase"] != "checking" and s)["phase"] == "committed"
    facts = box.get("/system")
    assert facts["slots"][1]["next"] and facts["slots"][1]["version"] == "2.0" and not facts["fell_back"]
    actions = [r["action"] for r in box.get("/audit", limit=50)["items"]]
    assert "update_committed" in actions and "machine_update_piece" in actions


def test_restart_into_it_and_what_came_of_it(box, machine):
    box.post("/system/update/restart")
    assert box.process.wait(30) == 0
    box.stop()
    machine.change_control(lambda c: c.put("b", commit=2, tries=0, blessed=0, why=7))  # three starts, none healthy
    machine.start("a")
    box.start()
    box.unlock()
    facts = box.get("/system")
    assert facts["fell_back"] and facts["slots"][1]["failed"] and not facts["slots"][1]["next"]
    assert facts["last_start"] == ("fell back to version 1.0 in slot a: version 2.0 in slot b was installed later, but it was "
                                   "started and did not prove healthy")
    row = next(r for r in box.get("/audit", limit=50)["items"] if r["action"] == "system.started")
    assert row["result"] == "failed" and "did not prove healthy" in row["detail"]
    assert box.get("/system/update")["phase"] == "idle"
    wait_for(lambda: box.get("/system/update")["healthy"])


@pytest.fixture(scope="module")
def tool(box, tmp_path_factory):
    t = Tool(tmp_path_factory.mktemp("tool"), None)
    t("--url", f"https://localhost:{box.port}", "--ca", str(box.state / "public/root.pem"), "login", "--stdin",
      stdin=json.dumps({k: box.credentials[k] for k in ("username", "password")}))
    return t


def test_console_tool_updates(box, machine, tool):
    bundle = machine.bundle("3.bundle", version="3.0", rollback=2)
    pieces = parts(bundle)
    send(box, 0, pieces[0])
    send(box, 1, pieces[1])
    told = tool("system", "update", str(bundle))
    assert "goes on with piece 2 of 3" in told and "3.0" in told 
    assert box.get("/system/update")["phase"] == "committed"
    torn = machine.folder / "torn.bundle"
    torn.write_bytes(bundle.read_bytes()[:PIECE // 2])
    assert "is no update bundle" in tool("system", "update", str(torn), status=10)
    shown = tool("system", "show")
    assert "3.0" in shown


def test_console_tool_restarts(box, machine, tool):
    tool("system", "update", str(machine.folder / "3.bundle"), "--restart", "--yes")
    assert box.process.wait(30) == 0
