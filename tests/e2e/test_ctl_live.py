"""The console tool against a whole appliance and a real server: what an administrator does from the first
start on, in order. The words of the tool, its exit status and its files are judged; no secret may be among
the words it was given or printed."""
import hashlib
import http.client
import json
import re
import ssl
import time

import pytest
from conftest import current, new_appliance, report
from ctl_tool import AUTH, CONFLICT, CRYPTO, INPUT, NOT_FOUND, REMOTE, Tool, mode

PASSWORD, PASSPHRASE = "a first administrator's password", "the passphrase of this key store"
DENIED, LIMIT = 12, 15


class Console(Tool):
    """The tool, with a record of all it was told and all it said."""

    def __init__(self, folder, secrets):
        super().__init__(folder, None)
        self.secrets, self.seen = secrets, []

    def __call__(self, *words, **kw):
        said = super().__call__(*words, **kw)
        self.seen += [*words, said]
        return said

    def json(self, *words, **kw):
        return json.loads(self("--json", *words, **kw))


@pytest.fixture(scope="module")
def appliance(tmp_path_factory):
    with new_appliance(tmp_path_factory) as a:
        yield a


@pytest.fixture(scope="module")
def url(appliance):
    return f"https://{appliance.address}:{appliance.port}"


@pytest.fixture(scope="module")
def tool(tmp_path_factory):
    t = Console(tmp_path_factory.mktemp("console"), [PASSWORD, PASSPHRASE])
    yield t
    for text in t.seen:
        assert not [s for s in t.secrets if s in text], text


def stays_open(appliance):
    """A connection made before the first run, which nobody may drop."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection(appliance.address, appliance.port, context=context, timeout=60)


def state_over(connection):
    connection.request("GET", "/api/v1/state")
    return json.loads(connection.getresponse().read())["state"]


@pytest.fixture(scope="module")
def ready(appliance, url, tool, tmp_path_factory):
    """Set up by the pin on the console; signed in, the root of the local CA trusted."""
    pinned = ["--url", url, "--pin", appliance.boot_pin]
    assert "Unprovisioned" in tool(*pinned, "state")
    assert appliance.boot_pin in tool("--url", url, "--pin", "00" * 32, "state", status=CRYPTO)
    answers = {"setup_code": "000000-000000", "username": "admin", "password": PASSWORD, "full_name": "First Administrator",
               "passphrase": PASSPHRASE, "names": ["localhost", appliance.address]}
    assert "Setup code: not the one" in tool(*pinned, "setup", "--stdin", stdin=json.dumps(answers), status=DENIED)
    assert not tool.config.exists()
    tool.secrets.append(appliance.setup_code)
    open_before = stays_open(appliance)
    assert state_over(open_before) == "Unprovisioned"
    socket = open_before.sock
    said = tool(*pinned, "setup", "--stdin", stdin=json.dumps({**answers, "setup_code": appliance.setup_code}))
    assert "Signed in" in said and "From now on the root of its local CA is trusted" in said
    assert state_over(open_before) == "Operational" and open_before.sock is socket
    open_before.close()
    appliance.credentials = {"username": "admin", "password": PASSWORD, "passphrase": PASSPHRASE}
    appliance.sign_in()
    tool.secrets.append((tool.config / "token").read_text())
    return tool


def test_setup_trusts_the_root_and_leaves_no_session(appliance, url, ready):
    config = json.loads((ready.config / "config.json").read_text())
    assert config["ca"] == (appliance.state / "public/root.pem").read_text() and "pin" not in config
    assert [mode(ready.config), mode(ready.config / "config.json"), mode(ready.config / "token")] == [0o700, 0o600, 0o600]
    assert "Operational" in ready("state")
    assert "admin" in ready("whoami") and "security-officer" in ready("whoami")
    assert "not the pinned one" in ready("--url", url, "--pin", appliance.boot_pin, "state", status=CRYPTO)
    assert "Operational" in ready("setup", "--stdin", stdin=json.dumps({
        "setup_code": appliance.setup_code, "username": "again", "password": PASSWORD, "passphrase": PASSPHRASE}), status=CONFLICT)
    parts = ready.json("health")["parts"]
    assert parts and all(p["title"] in ready("health") for p in parts)
    assert "Breaks next" in ready("home")


@pytest.fixture(scope="module")
def web(appliance, machine, ready):
    """The server, from nothing to Active; its id."""
    ready.secrets.append(machine.password)
    said = ready("server", "add", "description=web-live", f"address={machine.address}", "username=deploy", "sudo=sudo",
                 "password=-", stdin=machine.password + "\n")
    server = re.search(r"\((.*)\)", said).group(1)
    why = ready("server", "test", "web-live", status=REMOTE)
    assert "Failed" in why and "host key" in why
    shown = ready.json("server", "show", "web-live")["offered_keys"]
    assert shown and set(shown) <= set(machine.host_keys())
    assert "has not shown this key" in ready("server", "approve-host-key", "web-live", "SHA256:" + "A" * 43, status=INPUT)
    assert "fingerprints that are given" in ready("server", "approve-host-key", "web-live", "--yes", status=INPUT)
    ready("server", "approve-host-key", "web-live", *[k.split()[1] for k in shown])
    said = ready("server", "test", "web-live")
    assert said.rstrip().endswith("✓ Done") and "nginx" in said
    return server


def test_server_is_tested_before_it_is_stored(ready, web, machine):
    words = ["description=web-tried", f"address={machine.address}", "username=deploy", "sudo=sudo", "password=-"]

    def add(*more, **kw):
        return ready("server", "add", *words, *more, stdin=machine.password + "\n", **kw)

    why = add("--test-only", status=REMOTE)
    assert "failed at Host key" in why and "✗ failed" not in why  # the error alone goes to standard error
    keys = ",".join(k.split()[1] for k in machine.host_keys())
    said = add("--test-only", "--host-key", keys)
    assert re.search(r"✓ done +Login", said) and re.search(r"8443 +blog.example", said)
    ready("server", "show", "web-tried", status=NOT_FOUND)
    assert "added" in add("--host-key", keys)
    assert set(ready.json("server", "show", "web-tried")["host_keys"]) == set(machine.host_keys())
    edit = ["server", "edit", "web-tried", "username=plain", "sudo=none", "--test-only"]  # an account that may not read
    assert "failed at Configuration" in ready(*edit, status=REMOTE)
    assert ready.json("server", "show", "web-tried")["username"] == "deploy"
    ready("server", "delete", "web-tried", "--yes")


def test_server_is_added_pinned_and_found(web, ready, machine):
    shown = ready("server", "show", "web-live")
    assert "Active" in shown and machine.address in shown
    assert "web-live" in ready("server", "list", "--filter", "Status is Active")
    assert ready("server", "list", "--filter", "Status is Unverified", "--csv").count("\n") == 1
    names = {row["name"] for row in ready.json("cert", "list", "--filter", "server:equals:" + web)["items"]}
    assert names == {"shop.example", "other.example", "blog.example"}


@pytest.fixture(scope="module")
def shop(web, ready):
    """The shop, issued and deployed; what the tool said."""
    said = ready("cert", "configure", "shop.example", "connector=Local CA", "key-alg=p-256", "validity_days=30")
    assert "changed" in said
    return ready("cert", "issue", "shop.example")


def test_issue_shows_the_work_and_the_server_serves_it(shop, ready, machine):
    assert shop.count("✓ Done") == 2 and "Job " in shop  # the order, then the deployment that follows it
    for step in ["Connect", "Discover", "Plan", "Back up", "Switch", "Activate", "Verify", "Commit"]:
        assert len(re.findall(rf"^✓ done +{step}\b", shop, re.M)) == 1, step
    row = ready.json("cert", "show", "shop.example")
    assert row["status"] == "Deployed" and machine.served() == row["fingerprint"]
    assert "shop.example" in ready("cert", "text", "shop.example")
    assert ready("cert", "timeline", "shop.example").index("deployed") > 0


def test_download_is_what_is_served(shop, ready, machine, tmp_path):
    out = tmp_path / "shop.der"
    ready("cert", "download", "shop.example", "--format", "der", "--out", str(out))
    assert hashlib.sha256(out.read_bytes()).hexdigest() == machine.served()


def test_order_is_listed_and_has_a_timeline(shop, ready):
    rows = ready.json("order", "list", "--filter", "name:equals:shop.example")["items"]
    assert [r["state"] for r in rows] == ["Certificate Issued"]
    assert "Local CA" in ready("order", "list")
    assert "issued" in ready("order", "timeline", rows[0]["id"])
    assert "Certificate Issued" in ready("order", "show", rows[0]["id"])
    assert "p-256" in ready("key", "list")


def test_dry_run_changes_nothing(web, ready, machine):
    before = machine.served(443, "other.example")
    ready("cert", "configure", "other.example", "connector=Local CA", "deployment_type=manual")
    ready("cert", "issue", "other.example")
    said = ready("cert", "deploy", "other.example", "--dry-run")
    assert "replace /etc/nginx/tls/other.crt" in said and "✓ done  " in said and re.search(r"skipped +Switch", said)
    assert machine.served(443, "other.example") == before


def test_plan_is_approved_deployed_and_rolled_back(web, ready, machine):
    old = machine.served(8443, "blog.example")
    ready("cert", "configure", "blog.example", "connector=Local CA", "approval=manual")
    why = ready("cert", "issue", "blog.example", status=CONFLICT)
    job = re.search(r"job approve (\S+)", why).group(1)
    assert machine.served(8443, "blog.example") == old
    assert "Needs you" in ready("home") and job in ready("home")
    assert "--yes" in ready("job", "approve", job, status=INPUT)  # nobody to ask
    said = ready("job", "approve", job, "--yes")
    assert "replace /etc/nginx/tls/blog.key" in said and said.rstrip().endswith("✓ Done")
    new = machine.served(8443, "blog.example")
    assert new == ready.json("cert", "show", "blog.example")["fingerprint"] != old
    assert "nothing to approve" in ready("job", "approve", job, "--yes", status=CONFLICT)
    assert ready("cert", "rollback", "blog.example", "--yes").rstrip().endswith("✓ Done")
    assert machine.served(8443, "blog.example") == old


def test_many_at_once(web, ready, machine):
    old = machine.served(8443, "blog.example")
    assert "0 refused" in ready("cert", "batch", "configure", "--filter", "Scan Port is 8443", "approval=automatic", "--batch-name", "Wave 1", "--yes")
    rows = ready.json("cert", "list", "--filter", "batch:equals:Wave 1", "--columns", "name,approval")["items"]
    assert ("blog.example", "automatic") in [(r["name"], r["approval"]) for r in rows]
    said = ready("cert", "batch", "deploy", "blog.example", "0" * 20, status=CONFLICT)
    assert "1 of 2 certificates were refused" in said
    job = ready.json("cert", "show", "blog.example")["job"]
    assert ready("job", "wait", job).rstrip().endswith("✓ Done") and machine.served(8443, "blog.example") != old


def test_jobs_tell_their_story(shop, ready, appliance):
    row = ready.json("job", "list", "--filter", "kind:equals:deploy", "--sort", "created_at", "--limit", "1")["items"][0]
    assert "Steps:" in ready("job", "show", row["id"])
    assert ready("job", "log", row["id"]) == ready("job", "log", "-f", row["id"])
    assert ready("job", "report", row["id"]).split("Journal")[1] == report(appliance, row["id"]).split("Journal")[1]


def test_failed_job_gives_reason_and_status(web, ready, machine, appliance):
    machine.break_config()
    try:
        why = ready("cert", "deploy", "other.example", status=REMOTE)
        assert "nginx" in why and ("Failed" in why or "Rolled Back" in why)
    finally:
        machine.mend_config()
    row = current(appliance, {"id": web}, "other.example")
    assert row["readiness"] == "Deployment Failed" and row["failure"]
    assert "Redeploy other.example" in ready("cert", "redeploy", "--dry-run", "other.example")
    assert ready("cert", "retry", "other.example").rstrip().endswith("✓ Done")
    assert current(appliance, {"id": web}, "other.example")["readiness"] == "Ready"


def test_connector_life(ready):
    said = ready("connector", "create", "Second CA", "local", "subject=CN=Second Example CA", "root_days=400")
    assert "added" in said and said.rstrip().endswith("✓ Done")
    assert "Active" in ready("connector", "show", "Second CA") and "CN=Second Example CA" in ready("connector", "show", "Second CA")
    assert ready("connector", "test", "Second CA").rstrip().endswith("✓ Done")
    assert ready("connector", "evidence", "Second CA").count("\n") > 2
    ready("connector", "disable", "Second CA")
    assert "Inactive" in ready("connector", "show", "Second CA")
    assert ready("connector", "reactivate", "Second CA").rstrip().endswith("✓ Done")
    assert "Active" in ready("connector", "show", "Second CA")
    assert "another connector is called" in ready("connector", "create", "Second CA", "local", status=CONFLICT)
    assert "disable it first" in ready("connector", "delete", "Second CA", "--yes", status=CONFLICT)
    ready("connector", "disable", "Second CA")
    ready("connector", "delete", "Second CA", "--yes")
    ready("connector", "show", "Second CA", status=NOT_FOUND)


def test_users_tokens_and_codes(ready, url, tmp_path_factory):
    other = Console(tmp_path_factory.mktemp("viewer"), ready.secrets)
    ready.secrets.append("a viewer's own password")
    ready("user", "add", "username=vera", "roles=viewer", "password=-", stdin="a viewer's own password\n")
    code = ready("code", "vera", "minutes=5").splitlines()[0]
    root = ready.config / "root.pem"
    root.write_text(json.loads((ready.config / "config.json").read_text())["ca"])
    trust = ["--url", url, "--ca", str(root)]
    assert "as vera" in other(*trust, "login", "--stdin", stdin=json.dumps({"code": code}))
    other(*trust, "login", "--stdin", stdin=json.dumps({"code": code}), status=AUTH)  # good once
    assert "web-live" in other("server", "list")
    other("server", "delete", "web-live", "--yes", status=DENIED)
    other("user", "list", status=DENIED)
    file = tmp_path_factory.mktemp("token") / "token"
    ready("token", "create", "robot", "roles=viewer", "--out", str(file))
    assert mode(file) == 0o600
    ready.secrets.append(file.read_text().strip())
    assert "robot" in ready("token", "list")
    ready("token", "delete", "robot", "--yes")
    assert "robot" not in ready("token", "list")
    ready("user", "delete", "vera", "--yes")
    other("whoami", status=AUTH)
    ready.seen += other.seen


def test_errors_have_their_exit_status(ready, web):
    assert "no such" in ready("cert", "show", "nowhere.example", status=NOT_FOUND).lower()
    ready("server", "show", "0" * 26, status=NOT_FOUND)
    ready("server", "add", "description=web-2", "address=not a host", "username=u", status=INPUT)
    ready("server", "delete", "web-live", "--yes", status=CONFLICT)  # certificates are deployed to it
    assert "validity" in ready("cert", "configure", "shop.example", "validity_days=9000", status=INPUT).lower()


def test_audit_is_exported_and_verified_without_the_appliance(ready, shop, tmp_path):
    file, key, bad = tmp_path / "audit.jsonl", tmp_path / "audit.pem", tmp_path / "bad.jsonl"
    ready("audit", "export", "--out", str(file))
    ready("audit", "key", "--out", str(key))
    said = ready("audit", "verify", str(file), "--key", str(key))
    assert "Good" in said and "the key given" in said
    data = file.read_bytes()
    at = data.index(b"shop.example")
    bad.write_bytes(data[:at] + b"S" + data[at + 1:])
    assert "Good" not in ready("audit", "verify", str(bad), "--key", str(key), status=CRYPTO)
    bad.write_bytes(b"".join(line for i, line in enumerate(data.splitlines(True)) if i != 4))
    ready("audit", "verify", str(bad), status=CRYPTO)
    assert mode(file) == 0o600 and not [s for s in ready.secrets if s.encode() in data]
    assert "servers_create" in ready("audit", "list", "--limit", "500")


def test_lock_and_unlock(ready, appliance, shop):
    assert "--yes" in ready("lock", status=INPUT)
    assert "Locked" in ready("lock", "--yes")
    pinned = ["--url", f"https://{appliance.address}:{appliance.port}", "--pin"]
    assert "locked appliance" in ready("state", status=CRYPTO)  # the certificate is the boot's again
    pin = [m for line in appliance.console for m in re.findall(r"[0-9a-f]{64}", line)][-1]
    assert pin in ready(*pinned, "00" * 32, "state", status=CRYPTO)
    ready(*pinned, pin, "whoami", status=CONFLICT)
    ready(*pinned, pin, "unlock", "--stdin", stdin=json.dumps({"passphrase": "not that one"}), status=AUTH)
    assert "try again" in ready(*pinned, pin, "unlock", "--stdin", stdin=json.dumps({"passphrase": PASSPHRASE}), status=LIMIT)
    time.sleep(1.5)  # as it was told
    assert "Operational" in ready(*pinned, pin, "unlock", "--stdin", stdin=json.dumps({"passphrase": PASSPHRASE}))
    assert "Operational" in ready("state") and "admin" in ready("whoami")


def test_logout_revokes_the_token(ready):
    assert "Signed out" in ready("logout")
    assert "certkeep login" in ready("whoami", status=AUTH)


def test_no_secret_is_in_the_log(ready, appliance):
    text = appliance.log_text() + "".join(line for line in appliance.console if "setup code" not in line)
    assert not [s for s in ready.secrets if s in text]
