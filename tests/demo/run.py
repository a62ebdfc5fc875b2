#!/usr/bin/env python3
"""The main job for people to watch: `make run`.

A real server (OpenSSH and Nginx of its own, in a network namespace) serves an old certificate. The
appliance finds it, makes a key in the HSM, orders at the local CA, deploys, and proves by a TLS
handshake that the new certificate is served. Everything goes over the public API.
"""
import os
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


def stay(a, row):
    code = a.post("/sign-in-codes", {"user": a.credentials["username"], "minutes": 60})["code"]
    print(f"""
{NAME} is served with the new certificate {row['fingerprint'][:32]}...

  Admin UI         https://{a.address}:{a.port}/
  One-time code    {code}   (sign in with the code; good once, for an hour)
  Its root         {a.state}/public/root.pem
  Log              {a.log_path}

Ctrl-C stops the appliance and the demo server and removes their state.""", flush=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while a.process.poll() is None:
            time.sleep(1)
        print("the appliance ended by itself: see its log", flush=True)
        return 1
    except KeyboardInterrupt:
        return 0


def main():
    once = os.environ.get("ONCE") == "1"
    state = Path(tempfile.mkdtemp(prefix="certkeep-demo-"))
    state.chmod(0o711)  # the appliance's users pass through it to their own folders
    a = Appliance(state=state / "state", build=TOP / "build/dev", address=os.environ.get("ADDRESS", "127.0.0.1"),
                  port=int(os.environ.get("UI_PORT", "8443")), http01=int(os.environ.get("HTTP_PORT", "8080")),
                  log=state / "appliance.log")
    print("== start", flush=True)
    try:
        with Host(int(os.environ.get("HOST", "1"))) as host, a:
            row = main_story(a, host)
            if not once:
                return stay(a, row)
    except Exception as e:  # the last line says what went wrong, whatever it was
        print(a.log_text()[-4000:] if a.log_path.exists() else "", file=sys.stderr)
        print(f"FAILED: {e}", flush=True)
        return 1
    print(f"OK: {NAME} is served with {row['fingerprint']}, deployed and proven in {time.monotonic() - started:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
