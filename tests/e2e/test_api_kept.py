"""Answers that web keeps: a change is seen at once, and who may no longer ask gets nothing more."""
import pytest
from appliance import ApiError


def ask(a, path, token=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return a.request("GET", path, headers=headers, token=False)


def asked(a, path, token=None):
    """The status, asked twice: the second answer is the kept one when nothing changed between."""
    first, second = ask(a, path, token), ask(a, path, token)
    assert (first[0], first[2]) == (second[0], second[2])
    return second[0]


def test_every_change_is_seen_by_the_next_question(appliance):
    cert = appliance.post("/certificates", {"name": "kept.example", "names": ["kept.example"]})["id"]
    for i in range(40):
        appliance.patch(f"/certificates/{cert}", {"tags": [f"t{i}"]})
        assert appliance.get(f"/certificates/{cert}")["tags"] == [f"t{i}"]
        assert appliance.get("/certificates", columns="name,tags")["items"][0]["tags"] == [f"t{i}"]
        assert appliance.get(f"/certificates/{cert}")["tags"] == [f"t{i}"]
    appliance.delete(f"/certificates/{cert}")
    with pytest.raises(ApiError) as gone:
        appliance.get(f"/certificates/{cert}")
    assert gone.value.status == 404


def test_a_token_that_was_taken_back_gets_nothing_more(appliance):
    made = appliance.post("/tokens", {"label": "kept"})
    assert asked(appliance, "/api/v1/users", made["token"]) == 200
    appliance.delete(f"/tokens/{made['id']}")
    assert asked(appliance, "/api/v1/users", made["token"]) == 401


def test_what_one_may_see_is_given_to_nobody_else(appliance):
    everything = appliance.post("/tokens", {"label": "kept"})["token"]
    little = appliance.post("/tokens", {"label": "kept", "roles": ["viewer"]})["token"]
    assert asked(appliance, "/api/v1/users", everything) == 200
    assert asked(appliance, "/api/v1/users", little) == 403
    assert asked(appliance, "/api/v1/users") == 401


def test_a_role_that_was_taken_away_counts_at_once(appliance):
    user = appliance.post("/users", {"username": "was-officer", "roles": ["security-officer"],
                                     "password": "a password for kept answers"})
    status, headers, _ = appliance.request("POST", "/session", {"username": "was-officer",
                                           "password": "a password for kept answers"}, token=False)
    assert status == 201
    cookie = {"Cookie": headers["Set-Cookie"].split(";")[0]}

    def users():
        return [appliance.request("GET", "/users", headers=cookie, token=False)[0] for _ in range(2)]

    assert users() == [200, 200]
    appliance.patch(f"/users/{user['id']}", {"roles": ["viewer"]})
    assert users() == [403, 403]
    appliance.patch(f"/users/{user['id']}", {"disabled": True})
    assert users() == [401, 401]
