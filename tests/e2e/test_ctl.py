"""The console tool: signing in, files, trust, secrets and the command line."""
import json
import os
import re
import subprocess
import time

import pytest
from ctl_tool import (AUTH, CRYPTO, INPUT, NETWORK, PASSWORD, PROGRAM, Double, double, make_certificate, mode,  # noqa: F401
                      signed_in, tool)


# --- signing in, files, trust

def test_login_stores_a_token_only_its_owner_can_read(tool, double):
    tool.login()
    assert [mode(tool.config), mode(tool.config / "config.json"), mode(tool.config / "token")] == [0o700, 0o600, 0o600]
    token = (tool.config / "token").read_text()
    assert token in double.tokens
    config = (tool.config / "config.json").read_text()
    assert token not in config and PASSWORD not in config
    assert double.records["tokens"][0]["label"].startswith("certkeep on ")
    assert double.sessions == {}  # the session of the login is over
    assert "alice" in tool("whoami")
    assert "csrf" not in tool("--json", "whoami")


def test_second_login_revokes_the_token_before(signed_in, double):
    first = (signed_in.config / "token").read_text()
    signed_in.login()
    assert first not in double.tokens and len(double.tokens) == 1


def test_login_on_a_terminal_shows_no_password(tool, double):
    status, seen = tool.on_terminal(["--url", double.url, "--pin", double.fingerprint, "login"],
                                    [("User name:", "alice\n"), ("Password:", PASSWORD + "\n")])
    assert status == 0, seen
    assert PASSWORD not in seen and "Signed in" in seen


def test_control_c_at_a_question_changes_nothing(tool, double):
    status, seen = tool.on_terminal(["--url", double.url, "--pin", double.fingerprint, "login", "alice"], [("Password:", "abc\x03")])
    assert status == INPUT and "nothing was done" in seen and not double.requests


def test_login_with_a_code(tool, double):
    tool("--url", double.url, "--ca", str(double.pem), "login", "--stdin", stdin='{"code":"one-time-code"}')
    assert double.tokens


def test_wrong_password_is_refused_and_stores_nothing(tool, double):
    why = tool("--url", double.url, "--ca", str(double.pem), "login", "--stdin",
               stdin='{"username":"alice","password":"wrong"}', status=AUTH)
    assert "User name or password is wrong" in why and "wrong\"" not in why
    assert not tool.config.exists()


def test_broken_answers_are_not_quoted(tool, double):
    why = tool("--url", double.url, "login", "--stdin", stdin='{"password": "hunter2" oops', status=INPUT)
    assert "hunter2" not in why


def test_logout_revokes_and_forgets(signed_in, double):
    signed_in("logout")
    assert not double.tokens and not (signed_in.config / "token").exists()
    assert "certkeep login" in signed_in("whoami", status=AUTH)


def test_token_goes_to_its_own_address_alone(signed_in, tmp_path):
    other = Double(tmp_path)
    try:
        signed_in("--url", other.url, "--ca", str(other.pem), "whoami", status=AUTH)
        assert other.requests and not any("Authorization" in r[2] for r in other.requests)
    finally:
        other.close()


@pytest.mark.parametrize("name", ["token", "config.json"])
def test_file_that_others_may_read_is_refused(signed_in, name):
    os.chmod(signed_in.config / name, 0o640)
    assert "0600" in signed_in("whoami", status=INPUT)


def test_wrong_pin_is_refused_before_anything_is_sent(tool, double):
    why = tool("--url", double.url, "--pin", "00" * 32, "login", "--stdin",
               stdin=json.dumps({"username": "alice", "password": PASSWORD}), status=CRYPTO)
    assert double.fingerprint in why and "not the pinned one" in why
    assert double.requests == []


def test_wrong_ca_is_refused_before_anything_is_sent(tool, double, tmp_path):
    pem, _, _ = make_certificate(tmp_path, "stranger")
    tool("--url", double.url, "--ca", str(pem), "state", status=CRYPTO)
    assert double.requests == []


def test_unknown_server_is_refused_with_the_remedy(tool, double):
    why = tool("--url", double.url, "state", status=CRYPTO)
    assert "--pin" in why and "--ca" in why and double.requests == []


def test_certificate_for_another_name_is_refused(tool, double, tmp_path):
    tool("--url", double.url.replace("localhost", "127.0.0.1"), "--ca", str(double.pem), "state")
    pem, key, _ = make_certificate(tmp_path, "other.example", address=None)
    double.context.load_cert_chain(pem, key)
    assert "another name" in tool("--url", double.url, "--ca", str(pem), "state", status=CRYPTO)


def test_first_use_is_explicit(tool, double):
    tool("--url", double.url, "trust", "--first-use", status=INPUT)  # nobody to ask
    assert not tool.config.exists()
    status, seen = tool.on_terminal(["--url", double.url, "trust", "--first-use"], [("trust it?", "no\n")])
    assert status == INPUT and double.fingerprint in seen and not tool.config.exists()
    status, seen = tool.on_terminal(["--url", double.url, "trust", "--first-use"], [("trust it?", "yes\n")])
    assert status == 0
    assert json.loads((tool.config / "config.json").read_text())["pin"] == double.fingerprint
    assert "Operational" in tool("state")


def test_address_comes_from_option_environment_or_file(tool, double):
    tool("--ca", str(double.pem), "state", env={"CERTKEEP_URL": double.url})
    assert "--url" in tool("state", status=INPUT)
    for bad in ["http://localhost", "https://user@localhost", "https://localhost/path", "localhost"]:
        assert "expected https://" in tool("--url", bad, "state", status=INPUT)


def test_setup_signs_in_and_trusts_the_local_ca(tool, double, tmp_path):
    double.state = "Unprovisioned"
    double.add("connectors", name="Local CA", type="local")
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps({"setup_code": "1234-5678", "username": "alice", "password": PASSWORD,
                                   "passphrase": "open sesame please"}))
    words = ["--url", double.url, "--pin", double.fingerprint, "setup", "--from", str(answers)]
    os.chmod(answers, 0o644)
    assert "0600" in tool(*words, status=INPUT)
    os.chmod(answers, 0o600)
    assert "From now on the root" in tool(*words)
    config = json.loads((tool.config / "config.json").read_text())
    assert config["ca"] == double.pem.read_text() and "pin" not in config
    assert "Operational" in tool("state")


def test_setup_on_a_terminal_asks_twice(tool, double):
    double.state = "Unprovisioned"
    double.add("connectors", name="Local CA", type="local")
    status, seen = tool.on_terminal(
        ["--url", double.url, "--pin", double.fingerprint, "setup"],
        [("Setup code", "1234-5678\n"), ("User name", "alice\n"), ("Password of this user:", PASSWORD + "\n"),
         ("again:", "typed wrong\n"), ("Password of this user:", PASSWORD + "\n"), ("again:", PASSWORD + "\n"),
         ("Passphrase that", "open sesame please\n"), ("again:", "open sesame please\n")])
    assert status == 0, seen
    assert PASSWORD not in seen and "open sesame" not in seen and "not the same" in seen
    assert double.state == "Operational"


def test_unlock_reads_standard_input(tool, double):
    double.state = "Locked"
    words = ["--url", double.url, "--ca", str(double.pem), "unlock", "--stdin"]
    assert "passphrase is wrong" in tool(*words, stdin='{"passphrase":"no"}', status=AUTH)
    assert "Operational" in tool(*words, stdin='{"passphrase":"open sesame please"}')


# --- secrets

def test_secrets_are_not_in_arguments_environment_or_output(signed_in, double):
    """Looks at the process while the server makes it wait."""
    held = double.answer
    seen = []

    def slow(method, target, headers, body):
        if method == "POST" and target == "/api/v1/servers":
            pid = next(p for p in os.listdir("/proc") if p.isdigit() and is_tool(p))
            for name in ("cmdline", "environ"):
                with open(f"/proc/{pid}/{name}", "rb") as f:
                    seen.append(f.read())
        return held(method, target, headers, body)

    def is_tool(pid):
        try:
            return os.readlink(f"/proc/{pid}/exe") == PROGRAM
        except OSError:
            return False

    double.answer = slow
    out = signed_in("server", "add", "description=web7", "address=10.1.2.7", "username=deploy", "password=-", stdin="s3cret-word\n")
    token = (signed_in.config / "token").read_text()
    assert len(seen) == 2
    for text in [*[s.decode() for s in seen], out]:
        assert "s3cret-word" not in text and token not in text
    assert json.loads(double.requests[-1][3])["password"] == "s3cret-word"
    assert not any(token in r[1] or "s3cret" in r[1] for r in double.requests)


def test_secret_as_a_word_is_refused_and_not_repeated(signed_in, double):
    before = len(double.requests)
    why = signed_in("server", "add", "description=web7", "address=a", "username=u", "password=s3cret", status=INPUT)
    assert "password=-" in why and "s3cret" not in why
    assert all(r[0] == "GET" for r in double.requests[before:])


def test_secret_from_a_file(signed_in, double, tmp_path):
    file = tmp_path / "key"
    file.write_text("-----BEGIN KEY-----\nabc\n-----END KEY-----\n")
    os.chmod(file, 0o644)
    words = ["server", "add", "description=w", "address=10.0.0.1", "username=u", "login=key", f"ssh-key=@{file}"]
    assert "0600" in signed_in(*words, status=INPUT)
    os.chmod(file, 0o600)
    signed_in(*words)
    assert json.loads(double.requests[-1][3])["ssh_key"] == file.read_text()


def test_process_leaves_no_core(signed_in):
    child = subprocess.Popen([PROGRAM, "server", "add", "description=x", "password=-"], stdin=subprocess.PIPE,
                             env=signed_in.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 20
    limits = ""
    while not re.search("Max core file size +0 ", limits) and time.monotonic() < deadline:
        with open(f"/proc/{child.pid}/limits", encoding="utf-8") as f:
            limits = f.read()
    child.communicate(b"x\n")
    assert re.search("Max core file size +0 ", limits)


# --- the command line

@pytest.mark.parametrize("words, meant", [(["sever", "list"], "server list"), (["server", "lsit"], "server list"),
                                          (["cert", "renwe", "x"], "cert renew"), (["logn"], "login")])
def test_typo_is_answered_with_what_was_meant(tool, words, meant):
    assert f'did you mean "{meant}"?' in tool(*words, status=INPUT)


def test_help_and_completion(tool):
    assert "Exit status" in tool("help") and "--dry-run" in tool("help", "cert", "deploy")
    assert "approve-host-key" in tool("help", "server")
    script = tool("completion", "bash")
    got = subprocess.run(["bash", "-c", script + "\nCOMP_WORDS=(certkeep server a); COMP_CWORD=2; _certkeep; echo ${COMPREPLY[@]}"],
                         capture_output=True, text=True, check=True)
    assert got.stdout.split() == ["add", "approve-host-key"]


def test_unreachable_appliance(tool):
    assert "unreachable or refuses" in tool("--url", "https://127.0.0.1:1", "state", status=NETWORK)
