"""The console tool: records, lists, work and the audit."""
import base64
import hashlib
import json
import re
import subprocess

import pytest
from ctl_tool import (CONFLICT, CRYPTO, INPUT, NOT_FOUND, PROGRAM, REMOTE, double, mode, record_id, signed_in,  # noqa: F401
                      tool)
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


# --- records and lists

def test_record_by_name_id_or_ambiguous(signed_in, double):
    one = double.add("servers", description="web7", address="10.1.2.7")
    double.add("servers", description="twin", address="10.1.2.8")
    double.add("servers", description="twin", address="10.1.2.9", state="Active")
    for name in ["web7", one["id"]]:
        shown = signed_in("server", "show", name)
        assert "IP Address:" in shown and "10.1.2.7" in shown and "! Unverified" in shown
    why = signed_in("server", "show", "twin", status=CONFLICT)
    assert record_id(2) in why and record_id(3) in why and "Active" in why
    assert 'no server "nosuch"' in signed_in("server", "show", "nosuch", status=NOT_FOUND)


def test_name_is_found_behind_short_pages(signed_in, double):
    for i in range(5):
        double.add("servers", description=f"web{i}", address="10.0.0.1")
    double.page = 1
    assert "web4" in signed_in("server", "show", "web4")
    assert len(signed_in("server", "list", "--all").splitlines()) == 6
    assert len(json.loads(signed_in("--json", "server", "list", "--limit", "3"))["items"]) == 3


def test_edit_sends_the_revision_and_typed_values(signed_in, double):
    double.add("servers", description="web7", address="10.1.2.7", rev=4)
    signed_in("server", "edit", "web7", "SSH-Port=2222", "ports=443,8443", "sudo=SUDO", "tags=")
    method, path, headers, body = double.requests[-1]
    assert (method, headers["If-Match"]) == ("PATCH", '"4"')
    assert json.loads(body) == {"port": 2222, "ports": ["443", "8443"], "sudo": "sudo", "tags": []}


@pytest.mark.parametrize("word, expected", [
    ("port=70000", "65535"), ("port=x", "port"), ("nosuch=1", "there is no setting"), ("state=Active", "cannot be set"),
    ("login=magic", "keyboard-interactive"), ("port", "NAME=VALUE")])
def test_bad_setting_is_refused_here(signed_in, double, word, expected):
    double.add("servers", description="web7", address="10.1.2.7")
    assert expected in signed_in("server", "edit", "web7", word, status=INPUT)
    assert not any(r[0] == "PATCH" for r in double.requests)


def test_certificate_names_its_server_and_connector(signed_in, double):
    server = double.add("servers", description="web7", address="10.1.2.7")
    connector = double.add("connectors", name="Local CA", type="local")
    double.add("certificates", name="shop.example")
    signed_in("cert", "configure", "shop.example", "server=web7", "connector=Local CA", "renew_days=10")
    assert json.loads(double.requests[-1][3]) == {"server": server["id"], "connector": connector["id"], "renew_days": 10}


def test_policy_names_connectors_and_is_asked(signed_in, double):
    connector = double.add("connectors", name="Local CA", type="local")
    signed_in("policy", "add", "name=Short", "connectors=Local CA", "key_algs=p-256, p-384", "max_days=10")
    assert json.loads(double.requests[-1][3]) == {
        "name": "Short", "connectors": [connector["id"]], "key_algs": ["p-256", "p-384"], "max_days": 10}
    limits = {"max_days": 10, "max_names": 0, "wildcards": True, "key_algs": ["p-256"], "custodies": ["sealed"], "renew_percent": 0,
              "renew_days": 0, "approval": "four eyes", "deploys_at": "2026-11-27T22:00:00Z", "deploys_now": False}
    text = "Validity: 47 days; policy Short allows at most 10, choose 10 or fewer"
    finding = {"policy": connector["id"], "policy_name": "Short", "field": "validity_days", "text": text}
    for findings, status in (([finding], CONFLICT), ([], 0)):
        answer = {"allowed": not findings, "findings": findings, "policies": ["Default", "Short"], "limits": limits}
        double.overrides[("POST", "/api/v1/policies/check")] = (200, "application/json", json.dumps(answer).encode())
        out = signed_in("policy", "check", "names=a.example", "validity_days=47", status=status)
        assert (text in out) == bool(findings) and ("Allowed" in out) == (not findings)
    assert "Validity:      at most 10 days" in out and "Deploys from:  2026-11-27T22:00:00Z" in out and "four eyes" in out
    assert json.loads(double.requests[-1][3]) == {"names": ["a.example"], "validity_days": 47}


def test_filter_sentences(signed_in, double):
    double.add("certificates", name="a.example", status="Deployed", not_after="2026-12-01T00:00:00Z")
    double.add("certificates", name="b.example", status="Issued", not_after="2027-12-01T00:00:00Z")
    double.add("certificates", name="c.example", status="Discovered", not_after="2027-12-01T00:00:00Z")

    def names(*filters):
        words = [w for f in filters for w in ("--filter", f)]
        return [r["name"][0] for r in json.loads(signed_in("--json", "cert", "list", *words))["items"]]

    assert names("Status is Deployed") == ["a"]
    assert names("status is not deployed") == ["b", "c"]
    assert names("Status is one of issued, Deployed") == ["a", "b"]
    assert names("Expires On before 2027-01-01") == ["a"]
    assert names("CN / SAN Name contains b.ex") == ["b"]
    assert names("status:equals:Issued") == ["b"]
    assert names("Expires On after 2027-01-01", "Status is Issued") == ["b"]
    assert "Deployed" in signed_in("cert", "list", "--filter", "Status is Wrong", status=INPUT)
    assert "Expires On" in signed_in("cert", "list", "--filter", "Nothing is this", status=INPUT)


def test_table_csv_and_columns(signed_in, double):
    double.add("servers", description="web7", address="10.1.2.7", state="Active")
    table = signed_in("server", "list", "--columns", "Description,Status")
    head, row = table.splitlines()
    assert head.split() == ["Description", "Status", "ID"] and row.split() == ["web7", "✓", "Active", record_id(1)]
    assert "\033" not in table
    assert signed_in("server", "list", "--columns", "description", "--csv") == "description\nweb7\n"
    assert signed_in("cert", "list") == "No certificates.\n"


def test_outside_text_cannot_drive_the_terminal(signed_in, double):
    double.add("servers", description="evil\x1b[2J\u202ename\x07\u009b", address="10.1.2.7")
    for words in (["server", "list"], ["server", "show", record_id(1)], ["--json", "server", "list"]):
        out = signed_in(*words)
        assert not any(ch in out for ch in "\x1b\x07\u009b\u202e"), words
    status, seen = signed_in.on_terminal(["server", "list"], [], width=70)
    plain = re.sub("\x1b\\[[0-9]*m", "", seen)  # our own colours
    assert status == 0 and plain != seen and "\x1b" not in plain and "\x07" not in plain
    assert record_id(1) in plain and "columns do not fit" in plain
    assert all(len(line) <= 70 for line in plain.splitlines())
    signed_in.env["NO_COLOR"] = "1"
    assert "\x1b" not in signed_in.on_terminal(["server", "list"], [])[1]


def test_delete_asks(signed_in, double):
    double.add("servers", description="web7", address="10.1.2.7")
    assert "--yes" in signed_in("server", "delete", "web7", status=INPUT)
    assert len(double.records["servers"]) == 1
    assert "deleted" in signed_in("server", "delete", "web7", "--yes")
    assert not double.records["servers"]


def test_problem_is_told_with_its_meaning(signed_in, double):
    body = json.dumps({"type": "urn:certkeep:error:conflict", "title": "t", "status": 409, "detail": "The appliance is Locked\x1b[2J.", "state": "Locked"})
    double.overrides[("GET", "/api/v1/health")] = (409, "application/problem+json", body.encode())
    why = signed_in("health", status=CONFLICT)
    assert "The appliance is Locked" in why and "meaning:" in why and "certkeep unlock" in why and "\x1b" not in why


def test_nonsense_answer_is_refused(signed_in, double):
    double.overrides[("GET", "/api/v1/health")] = (200, "application/json", b"{broken")
    assert "Certkeep" in signed_in("health", status=REMOTE)


def test_download_makes_a_new_file(signed_in, double, tmp_path):
    double.add("certificates", name="shop.example")
    double.overrides[("GET", f"/api/v1/certificates/{record_id(1)}/download")] = (200, "application/x-pem-file", b"PEM\n")
    out = tmp_path / "shop.pem"
    signed_in("cert", "download", "shop.example", "--format", "chain", "--out", str(out))
    assert out.read_text() == "PEM\n"
    assert "exists" in signed_in("cert", "download", "shop.example", "--out", str(out), status=CONFLICT)


# --- work

STEPS = [{"name": "order", "title": "Order", "state": "done", "started_at": "2026-11-21T02:45:00Z", "finished_at": "2026-11-21T02:45:03Z"},
         {"name": "verify", "title": "Prove by handshake", "state": "running"}]


def test_progress_shows_steps_log_and_end(signed_in, double):
    double.add("certificates", name="shop.example")
    double.job_of_action = double.job(31, {"state": "Running", "steps": STEPS}, {"state": "Running", "steps": STEPS},
                                      {"state": "Done", "steps": [STEPS[0], STEPS[1] | {"state": "done", "text": "served"}]},
                                      log=["asked the CA", "served by web7"])
    out = signed_in("cert", "renew", "shop.example")
    assert out.count("Order") == 1 and "3 s" in out and "✓ done" in out and "served" in out
    assert out.count("asked the CA") == 1 and out.rstrip().endswith("✓ Done")


def test_failed_job_gives_its_reason_and_status(signed_in, double):
    double.add("certificates", name="shop.example")
    double.job_of_action = double.job(32, {"state": "Rolled Back", "error": "handshake shows the old certificate", "advice": "look at nginx"})
    why = signed_in("cert", "deploy", "shop.example", status=REMOTE)
    assert "Rolled Back" in why and "handshake shows" in why and "look at nginx" in why


def test_job_that_needs_approval_shows_the_plan(signed_in, double):
    double.add("certificates", name="shop.example")
    double.job_of_action = double.job(33, {"state": "Needs Approval", "plan_text": "replace /etc/nginx/tls/shop.crt", "risks": ["reload of nginx"]})
    assert "job approve" in signed_in("cert", "deploy", "shop.example", status=CONFLICT)
    r = subprocess.run([PROGRAM, "job", "wait", record_id(33)], env=signed_in.env, capture_output=True, text=True)
    assert "replace /etc/nginx" in r.stdout and "reload of nginx" in r.stdout and r.returncode == CONFLICT


def test_dry_run_is_asked_for_and_shows_the_plan(signed_in, double):
    double.add("certificates", name="shop.example")
    double.job_of_action = double.job(34, {"state": "Done", "dry_run": True, "plan_text": "would replace shop.crt"})
    assert "would replace shop.crt" in signed_in("cert", "deploy", "shop.example", "--dry-run")
    assert [json.loads(r[3]) for r in double.requests if r[1].endswith("/deploy")] == [{"dry_run": True}]


def test_no_wait_prints_the_job(signed_in, double):
    double.add("certificates", name="shop.example")
    double.job_of_action = double.job(35, {"state": "Running"})
    assert signed_in("cert", "issue", "shop.example", "--no-wait") == f"Job {record_id(35)}\n"
    assert json.loads(signed_in("--json", "cert", "issue", "shop.example", "--no-wait")) == {"job": record_id(35)}


def test_jobs_that_follow_are_waited_for(signed_in, double):
    second = double.job(37, {"state": "Failed", "error": "no route", "title": "Deploy"})
    first = double.job(36, {"state": "Done", "follows_up": [second]})
    assert "no route" in signed_in("job", "wait", first, status=REMOTE)


def test_log_is_followed_to_the_end(signed_in, double):
    job = double.job(38, {"state": "Running"}, {"state": "Done"}, log=["one", "two\x1b[2J"])
    out = signed_in("job", "log", "-f", job)
    assert [line.split("  ")[1] for line in out.splitlines()] == ["one", "two\\x1b[2J"]


def test_connector_is_created_with_settings_and_validated(signed_in, double):
    double.job_of_action = double.job(39, {"state": "Done"})
    out = signed_in("connector", "create", "Inner CA", "local", "subject=CN=Inner", "Root-Validity=400")
    sent = next(r for r in double.requests if r[0] == "POST" and r[1] == "/api/v1/connectors")
    assert json.loads(sent[3]) == {"name": "Inner CA", "type": "local", "settings": {"subject": "CN=Inner", "root_days": 400}}
    assert "added" in out and "Done" in out


# --- audit

def audit_lines(n):
    lines, prev = [], "0" * 64
    for i in range(1, n + 1):
        line = json.dumps({"seq": i, "time": "2026-11-21T02:45:00Z", "actor": "alice", "client": "", "action": "cert.renew", "object": "",
                           "name": "", "result": "ok", "detail": "", "prev": prev}, separators=(",", ":"))
        prev = hashlib.sha256(line.encode()).hexdigest()
        lines.append(line)
    return lines, prev


@pytest.fixture
def audit(tmp_path):
    lines, last = audit_lines(3)
    key = ec.generate_private_key(ec.SECP256R1())
    signed_at = 1795229100  # 2026-11-21T02:45:00Z
    signed = b"certkeep audit head v1\n" + (3).to_bytes(8, "big") + signed_at.to_bytes(8, "big") + bytes.fromhex(last)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    lines.append(json.dumps({"head": 3, "time": "2026-11-21T02:45:00Z", "hash": last,
                             "signature": base64.b64encode(key.sign(signed, ec.ECDSA(hashes.SHA256()))).decode(),
                             "spki": base64.b64encode(key.public_key().public_bytes(serialization.Encoding.DER, form)).decode()},
                            separators=(",", ":")))
    pem = tmp_path / "audit.pem"
    pem.write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, form))
    return lines, pem


def test_audit_is_verified_offline(tool, audit, tmp_path):
    lines, pem = audit
    file = tmp_path / "audit.jsonl"
    file.write_text("\n".join(lines) + "\n")
    out = tool("audit", "verify", str(file))
    assert "3 records" in out and "up to record 3" in out and "Compare the key" in out
    assert "the key given" in tool("audit", "verify", str(file), "--key", str(pem))
    assert json.loads(tool("--json", "audit", "verify", str(file)))["signed_up_to"] == 3


@pytest.mark.parametrize("damage", [
    lambda lines: [lines[0], lines[1].replace("alice", "mallory"), *lines[2:]],
    lambda lines: [lines[0], *lines[2:]],
    lambda lines: [*lines[:3], lines[3].replace('"head":3', '"head":2')],
    lambda lines: [*lines, "nonsense"]])
def test_broken_audit_is_refused(tool, audit, tmp_path, damage):
    lines, _ = audit
    file = tmp_path / "audit.jsonl"
    file.write_text("\n".join(damage(lines)) + "\n")
    tool("audit", "verify", str(file), status=CRYPTO)


def test_audit_of_another_key_or_without_head_is_refused(tool, audit, tmp_path):
    lines, pem = audit
    file = tmp_path / "audit.jsonl"
    file.write_text("\n".join(lines) + "\n")
    other = tmp_path / "other.pem"
    other.write_bytes(ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    tool("audit", "verify", str(file), "--key", str(other), status=CRYPTO)
    file.write_text("\n".join(lines[:3]) + "\n")
    assert "no signed head" in tool("audit", "verify", str(file), "--key", str(pem), status=CRYPTO)
    assert "expected a public key" in tool("audit", "verify", str(file), "--key", str(file), status=INPUT)


def test_audit_export_to_a_private_file(signed_in, double, audit, tmp_path):
    double.audit = "\n".join(audit[0]) + "\n"
    out = tmp_path / "export.jsonl"
    signed_in("audit", "export", "--out", str(out))
    assert mode(out) == 0o600 and out.read_text() == double.audit
    signed_in("audit", "verify", str(out))
