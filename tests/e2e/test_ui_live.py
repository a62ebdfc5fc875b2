"""The admin UI in a real browser against a live appliance, with a real server and a real ACME CA: what it changes
(tests/e2e/ui/live.mjs) and what it shows (some of the tests that run against the stand-in too)."""
import json
import os
import re
import subprocess

import pytest
from appliance import Appliance
from conftest import TOP
from host import Host
from test_acme_pebble import running_pebble

UI, PEBBLE, HOST = TOP / "tests/e2e/ui", 14500, 113

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def own_network():
    """Chromium breaks off what it loads when an interface comes or goes, as those of other tests' machines do."""
    with open("/proc/thread-self/ns/net") as before:
        os.unshare(os.CLONE_NEWNET)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        yield
        os.setns(before.fileno(), os.CLONE_NEWNET)


@pytest.fixture(scope="module")
def environment(own_network, tmp_path_factory):
    """For the tests in the browser: where to go, who to be, and what the world is like."""
    with running_pebble(tmp_path_factory.mktemp("pebble"), port=PEBBLE) as trust, Host(HOST) as host, Appliance() as a:
        a.set_up(names=["localhost", a.address])
        world = {"address": host.address, "host_keys": host.host_keys(), "password": host.password,
                 "directory": f"https://localhost:{PEBBLE}/dir", "trust": trust}
        yield {**os.environ, "UI_URL": f"https://{a.address}:{a.port}", "UI_USER": a.credentials["username"],
               "UI_PASSWORD": a.credentials["password"], "UI_WORLD": json.dumps(world)}
        assert "ERROR: AddressSanitizer" not in a.log_text() and "runtime error:" not in a.log_text()


def run(environment, *arguments):
    """-> (passed, skipped); a test that failed is told with its output."""
    got = subprocess.run(["node", "--test", "--test-concurrency=1", "--test-reporter=spec", *arguments], cwd=UI,
                         env=environment, capture_output=True, text=True)
    count = {k: int(n) for k, n in re.findall(r"^ℹ (pass|fail|skipped) (\d+)", got.stdout, re.M)}
    assert got.returncode == 0 and count["fail"] == 0, got.stdout[-6000:] + got.stderr[-2000:]
    return count["pass"], count["skipped"]


def test_what_changes_something(environment):
    passed, skipped = run(environment, "live.mjs")
    assert passed >= 7 and skipped == 0


def test_what_reads(environment):
    """After the story, so that there is something to see; the stand-in shows the other themes and widths."""
    only = "--test-name-pattern=^pages are accessible, dark, 390|^400 % zoom|^an empty list"
    assert run(environment, only, "pages.test.mjs", "list.test.mjs")[0] == 3
