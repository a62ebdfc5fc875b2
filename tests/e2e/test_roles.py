"""Who may do what: every route with every role over the real web, as routes.def and roles.def say; and who
may not come in at all."""
import json
import re
import time

import pytest
from conftest import TOP

from appliance import ApiError

MODEL = TOP / "src/model"
ROUTES = re.findall(r'^ROUTE\((\w+),\s*"([^"]+)",\s*(\w+),\s*(\w+)\)$', (MODEL / "routes.def").read_text(), re.M)
NOBODY = "0" * 20  # an id of no record: who is allowed gets 404 or a complaint about the body
PASSWORD = "a long enough password"
# Calls that would not end (the stream) or would end the test (lock, and signing the caller out).
SPECIAL = {"events_stream", "lock_run", "session_delete", "tokens_create"}


def roles():
    text = (MODEL / "roles.def").read_text()
    reads = {p for p in re.findall(r"^PERMISSION\((\w+),", (MODEL / "permissions.def").read_text(), re.M)
             if p.endswith("_READ") and p != "AUDIT_READ"}
    return {name: reads | set(re.findall(r"P\((\w+)\)", more))
            for name, more in re.findall(r'^ROLE\("([\w-]+)",\s*"[^"]*",\s*READS(.*)\)$', text, re.M)}


ROLES = roles()


def path_of(path):
    return path.replace("{record}", "cert").replace("{id}", NOBODY).replace("{connector}", NOBODY).replace("{n}", "0")


def call(a, method, path, token=None, body=None, headers=None):
    send = dict(headers or {})
    if token:
        send["Authorization"] = f"Bearer {token}"
    status, got, data = a.request(method, path_of(path), body, headers=send, token=False)
    return status, got, json.loads(data) if got.get("Content-Type", "").split(";")[0].endswith("json") else data


def sign_in(a, name, password=PASSWORD):
    status, headers, body = call(a, "POST", "/session", body={"username": name, "password": password})
    return status, headers, body


def session(a, name):
    status, headers, body = sign_in(a, name)
    assert status == 201, body
    return {"Cookie": headers["Set-Cookie"].split(";")[0]}, body["csrf"]


def token_of(a, name, **more):
    cookie, csrf = session(a, name)
    status, _, body = call(a, "POST", "/tokens", body={"label": "test", **more}, headers={**cookie, "X-CSRF-Token": csrf})
    return status, body


@pytest.fixture(scope="module")
def users(appliance):
    """A user and a token of each role."""
    made = {}
    for role in ROLES:
        user = appliance.post("/users", {"username": role, "roles": [role], "password": PASSWORD})
        status, body = token_of(appliance, role)
        assert status == 201, body
        made[role] = {"id": user["id"], "token": body["token"]}
    return made


def test_tables_were_read():
    assert len(ROUTES) > 60 and set(ROLES) == {"viewer", "operator", "approver", "connector-admin", "security-officer", "auditor"}
    assert "CERT_READ" in ROLES["viewer"] and "CERT_WRITE" not in ROLES["viewer"] and "CERT_WRITE" in ROLES["operator"]


@pytest.mark.parametrize("role", ROLES)
def test_each_route_asks_for_its_permission(appliance, users, role):
    wrong = []
    for method, path, name, need in ROUTES:
        if need == "NONE" or name in SPECIAL:
            continue
        status, _, body = call(appliance, method, path, users[role]["token"])
        allowed = need == "ANY" or need in ROLES[role]
        words = body.get("detail", "") if isinstance(body, dict) else ""
        denied = status == 403 and words == f"your roles do not include the permission {need}"
        if denied == allowed or status >= 500 or status == 401:
            wrong.append((method, path, need, status, words))
    assert wrong == []


def test_strangers_get_nothing(appliance):
    for token in (None, "ck_t_" + "A" * 43, "x"):
        for method, path, name, need in ROUTES:
            if need == "NONE":
                continue
            status, _, body = call(appliance, method, path, token)
            assert status == 401 and body["detail"], (method, path, token, status, body)


def test_changes_from_a_browser_need_the_csrf_token(appliance, users):
    cookie, csrf = session(appliance, "operator")
    for method, path, name, need in ROUTES:
        if method == "GET" or need == "NONE":
            continue
        for value in (None, "", csrf[:-1] + ("A" if csrf[-1] != "A" else "B"), "ck_s_x"):
            headers = {**cookie, **({"X-CSRF-Token": value} if value is not None else {})}
            status, _, body = call(appliance, method, path, headers=headers)
            assert status == 403 and "X-CSRF-Token" in body["detail"], (method, path, status, body)
    status, _, body = call(appliance, "DELETE", "/session", headers={**cookie, "X-CSRF-Token": csrf})
    assert status == 204
    assert call(appliance, "GET", "/session", headers=cookie)[0] == 401  # signed out is out


def test_token_has_a_subset_of_the_roles_of_its_user(appliance):
    appliance.post("/users", {"username": "both", "roles": ["operator", "auditor"], "password": PASSWORD})
    status, body = token_of(appliance, "both", roles=["auditor"])
    assert status == 201 and body["roles"] == ["auditor"]
    assert call(appliance, "GET", "/audit", body["token"])[0] == 200
    assert call(appliance, "POST", f"/servers/{NOBODY}/test", body["token"])[0] == 403
    status, _, more = call(appliance, "POST", "/tokens", body["token"], {"label": "wider", "roles": ["operator"]})
    assert status == 403 and "operator" in more["detail"]  # a token cannot make a stronger one
    status, more = token_of(appliance, "both", roles=["security-officer"])
    assert status == 403 and "security-officer" in more["detail"]
    appliance.delete(f"/tokens/{body['id']}")
    assert call(appliance, "GET", "/audit", body["token"])[0] == 401


def test_taking_a_role_away_takes_it_from_tokens(appliance, users):
    user = appliance.post("/users", {"username": "was-operator", "roles": ["operator"], "password": PASSWORD})
    _, body = token_of(appliance, "was-operator")
    assert call(appliance, "POST", f"/servers/{NOBODY}/test", body["token"])[0] == 404
    appliance.patch(f"/users/{user['id']}", {"roles": ["viewer"]})
    assert call(appliance, "POST", f"/servers/{NOBODY}/test", body["token"])[0] == 403


def test_token_ends_at_its_time(appliance, users):
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3))
    status, body = token_of(appliance, "viewer", expires_at=soon)
    assert status == 201 and call(appliance, "GET", "/home", body["token"])[0] == 200
    end = time.monotonic() + 10
    while (got := call(appliance, "GET", "/home", body["token"]))[0] == 200:
        assert time.monotonic() < end
        time.sleep(0.2)
    assert got[0] == 401 and "ended" in got[2]["detail"]
    status, body = token_of(appliance, "viewer", expires_at="2020-01-01T00:00:00Z")
    assert status == 400 and "expires_at" in body["detail"]


def test_disabled_user_is_out_at_once(appliance):
    user = appliance.post("/users", {"username": "leaver", "roles": ["operator"], "password": PASSWORD})
    cookie, _ = session(appliance, "leaver")
    _, body = token_of(appliance, "leaver")
    appliance.patch(f"/users/{user['id']}", {"disabled": True})
    assert call(appliance, "GET", "/home", body["token"])[0] == 401
    assert call(appliance, "GET", "/home", headers=cookie)[0] == 401
    status, _, wrong = sign_in(appliance, "leaver")
    assert status == 401 and wrong["detail"] == sign_in(appliance, "no-such-user")[2]["detail"]


def test_one_time_code_is_good_once(appliance, users):
    code = appliance.post("/sign-in-codes", {"user": "viewer", "minutes": 5})["code"]
    status, _, body = call(appliance, "POST", "/session", body={"code": code})
    assert status == 201 and body["roles"] == ["viewer"]
    assert call(appliance, "POST", "/session", body={"code": code})[0] == 401
    assert call(appliance, "GET", "/home", code)[0] == 401  # and never in place of a token


def test_last_manager_of_users_stays(appliance, users):
    everybody = {u["username"]: u["id"] for u in appliance.get("/users", limit=100)["items"]}
    appliance.patch(f"/users/{users['security-officer']['id']}", {"disabled": True})
    try:
        with pytest.raises(ApiError) as e:
            appliance.delete(f"/users/{everybody['admin']}")
        assert e.value.status == 409 and "nobody else" in e.value.problem["detail"]
    finally:
        appliance.patch(f"/users/{users['security-officer']['id']}", {"disabled": False})


def test_guessing_is_slowed_down_with_retry_after(appliance):
    """Last: from then on this address waits."""
    for i in range(20):
        status, headers, body = sign_in(appliance, "viewer", f"wrong password {i}")
        if status == 429:
            break
        assert status == 401
    assert status == 429 and i >= 3 and 1 <= int(headers["Retry-After"]) <= 300
    assert "wait" in body["detail"]
    status, headers, _ = sign_in(appliance, "viewer")  # the right password waits as well
    assert status == 429 and "Retry-After" in headers
    rows = appliance.get("/audit", filter=["action:equals:sign in", "result:equals:denied"], limit=100)["items"]
    assert len(rows) >= i and {r["name"] for r in rows} >= {"viewer"} and all(r["client"] for r in rows)
