#!/usr/bin/env python3
"""The main job for people to watch: `make run`.

A real server (OpenSSH and Nginx of its own, in a network namespace) serves an old certificate. The
appliance finds it, makes a key in the HSM, orders at the local CA, deploys, and proves by a TLS
handshake that the new certificate is served. Everything goes over the public API. Then it stays, and
says how to look at it; what other terminals need for that lies in build/demo-PORT until it ends.
"""
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests"), str(TOP / "tests/hosts"), str(TOP / "tests/demo")]
from appliance import Appliance  # noqa: E402
from host import Host  # noqa: E402
import main_job  # noqa: E402

NAME = "shop.example"
started = time.monotonic()

# The build root is left after each command, so what the tool stores lies in the checkout.
TOOL = """#!/bin/sh
# The console tool of this build, for the demo that runs now.
cd "$(dirname -- "$0")/../.."
exec board/common/buildroot.sh run sh -c \\
    'XDG_CONFIG_HOME=$PWD/{folder}/config exec {build}/bin/certkeep "$@"' certkeep "$@"
"""

WAYS = """
{name} is served with the new certificate {fingerprint}.
Look at it, from this computer and this folder:

1. Browser         {url}/
   Sign in with    {browser_code}   (one-time code of {user}, for an hour)
   Its root        {folder}/root.pem   (trust it in the browser, or accept the warning)

2. Console tool    {folder}/certkeep --url {url} --ca {folder}/root.pem login --code
   It asks for     {console_code}   (another one-time code)
   Then            {folder}/certkeep cert list
                   {folder}/certkeep job list --sort -created_at
                   {folder}/certkeep help

3. REST API        curl --cacert {folder}/root.pem {url}/api/v1/state
   As a viewer     curl --cacert {folder}/root.pem -H @{folder}/token {url}/api/v1/certificates
   Described in    docs/api.yaml, docs/howto/api.md

Log                {folder}/appliance.log
Ctrl-C stops the appliance and the demo server and removes their state."""


def say(what, text=""):
    print(f"{time.monotonic() - started:7.1f} s  {what:<18} {text}", flush=True)


def step(page, s):
    if s["state"] in ("done", "failed"):
        say(f"  {s['title']}", f"{s['state']}: {s['text']}".splitlines()[0][:140])


def main_story(a, host):
    before = host.served(443, NAME)
    say("demo server", f"{host.address}, Nginx serves {NAME} with leaf {before[:16]}")
    a.set_up(names=["localhost", a.address])
    say("appliance", "provisioned: token, administrator, local CA, certificate of the admin UI")
    server = main_job.add_server(a, host, say=say)
    cert = main_job.find_cert(a, server, NAME)
    say("discovered", f"{cert['name']} at {cert['location']}, leaf {cert['fingerprint'][:16]}")
    main_job.configure(a, cert["id"], main_job.connector(a)["id"])
    say("configure", "CA: Local CA, key: P-256 in the HSM, 47 days")
    main_job.issue_and_deploy(a, cert["id"], on_step=step)
    after, row = host.served(443, NAME), a.get(f"/certificates/{cert['id']}")
    if after == before or after != row["fingerprint"]:
        raise AssertionError(f"{NAME} is served with leaf {after}, the record says {row['fingerprint']}")
    say("served", f"leaf {after[:16]}, issued by {row['issuer']}, until {row['not_after']}, status {row['status']}")
    return row


def lend(folder, name, text, mode):
    """A file for whoever owns the checkout: the demo itself runs as root."""
    path = folder / name
    path.touch(mode=0o600)
    path.write_text(text)
    path.chmod(mode)
    owner = TOP.stat()
    os.chown(path, owner.st_uid, owner.st_gid)


def lend_all(a, folder):
    here = folder.relative_to(TOP)
    token = a.post("/tokens", {"label": "demo", "roles": ["viewer"]})["token"]
    lend(folder, "root.pem", (a.state / "public/root.pem").read_text(), 0o644)
    lend(folder, "token", f"Authorization: Bearer {token}\n", 0o600)
    lend(folder, "certkeep", TOOL.format(folder=here, build=a.build.relative_to(TOP)), 0o755)


def sign_in_code(a):
    return a.post("/sign-in-codes", {"user": a.credentials["username"], "minutes": 60})["code"]


def stay(a, row, folder):
    lend_all(a, folder)
    print(WAYS.format(name=NAME, fingerprint=row["fingerprint"], url=f"https://{a.address}:{a.port}",
                      user=a.credentials["username"], browser_code=sign_in_code(a), console_code=sign_in_code(a),
                      folder=folder.relative_to(TOP)), flush=True)
    while a.process.poll() is None:
        time.sleep(0.2)
    raise RuntimeError("the appliance ended by itself")


def demo(folder, once):
    state = Path(tempfile.mkdtemp(prefix="certkeep-demo-"))
    state.chmod(0o711)  # the appliance's users pass through it to their own folders
    a = Appliance(state=state / "state", build=TOP / os.environ.get("BUILD", "build/dev"),
                  address=os.environ.get("ADDRESS", "127.0.0.1"), port=int(os.environ.get("UI_PORT", "8443")),
                  http01=int(os.environ.get("HTTP_PORT", "8080")), log=folder / "appliance.log")
    try:
        with Host(int(os.environ.get("HOST", "1"))) as host, a:
            row = main_story(a, host)
            if not once:
                stay(a, row, folder)
            return row
    finally:
        shutil.rmtree(state, ignore_errors=True)


def main():
    once, status = os.environ.get("ONCE") == "1", 1
    folder = TOP / f"build/demo-{os.environ.get('UI_PORT', '8443')}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print("== start", flush=True)
    try:
        row = demo(folder, once)
        last, status = f"OK: {NAME} is served with {row['fingerprint']}, deployed and proven in " \
                       f"{time.monotonic() - started:.1f} s", 0
    except KeyboardInterrupt:
        last, status = "stopped", 0 if (folder / "token").exists() else 130  # or before the main job was done
    except Exception as e:  # the last line says what went wrong, whatever it was
        log = folder / "appliance.log"
        print(log.read_text(errors="replace")[-4000:] if log.exists() else "", file=sys.stderr)
        last = f"FAILED: {' '.join(str(e).split())}; the whole log is {log.relative_to(TOP)}"
    if status != 1:
        shutil.rmtree(folder, ignore_errors=True)
    print(last, flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
