"""schemathesis over a live appliance, once per operation of docs/api.yaml: interop.py SCHEMATHESIS EXAMPLES."""
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TOP / "tests")]
from appliance import Appliance  # noqa: E402
from contract import Contract  # noqa: E402

CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance",
          "response_schema_conformance", "response_headers_conformance"]
# A stream does not end; the others would end the run: no state, no session or no token left to call with.
LEFT_OUT = {"events_stream", "setup_run", "lock_run", "unlock_run", "session_delete"}


def main(tool, examples):
    passed = failed = 0
    with Appliance() as a:
        a.set_up()
        for name in Contract(a).operations:
            if name in LEFT_OUT:
                continue
            run = subprocess.run(
                [tool, "run", str(TOP / "docs/api.yaml"), "--url", f"https://{a.address}:{a.port}", "--tls-verify",
                 str(a.state / "public/root.pem"), "-H", f"Authorization: Bearer {a.token}", "--checks", ",".join(CHECKS),
                 "--include-operation-id", name, "--phases", "examples,coverage,fuzzing", "-n", examples,
                 "--generation-deterministic", "--no-color", "--suppress-health-check", "all"],
                capture_output=True, text=True, cwd="/tmp", timeout=300)
            good = run.returncode == 0
            passed, failed = passed + good, failed + (not good)
            print(f"{'ok' if good else 'not ok'} {name}", flush=True)
            if not good:
                print("    " + (run.stdout + run.stderr)[-3000:].replace("\n", "\n    "), flush=True)
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
