"""The kill test with a public CA: Pebble proves every name by http-01 while core, ca, key and deploy die right before
and right after every journalled step. Pebble's own log says what it was asked for."""
import contextlib
import os
import re
import ssl
import tempfile
import urllib.request
from pathlib import Path

import pytest
from appliance import free_port
from kill_world import world, worlds_with
from test_acme_pebble import running_pebble

PEBBLE = 14300

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="makes namespaces and users"), pytest.mark.timeout(600)]


class AtCA:
    """What Pebble made since the last look."""

    def __init__(self, folder):
        self.log, self.at = Path(folder) / "pebble.log", 0

    def check(self, a, order):
        text = self.log.read_text()[self.at:]
        self.at += len(text)
        orders = re.findall(r'Added order "([^"]+)" to the db', text)
        issued = re.findall(r"Issued certificate serial \S+ for order (\S+)", text)
        assert orders == issued == [order["reference"].rsplit("/", 1)[1]], "one order at the CA, one certificate for it"


@contextlib.contextmanager
def acme_world(turn, host, tally):
    port, http01 = PEBBLE + 10 * turn, free_port()
    with tempfile.TemporaryDirectory() as folder, running_pebble(folder, port=port, http_port=http01) as trust, \
            world(host, tally, AtCA(folder).check, http01=http01) as w:
        made = w.a.post("/connectors", {"name": "Pebble", "type": "acme", "settings": {
            "base_url": f"https://localhost:{port}/dir", "contact": "pki@example.com", "terms_agreed": True, "trust": trust}})
        assert w.a.job_end(made["job"])["state"] == "Done"
        w.configure(made["id"])
        with urllib.request.urlopen(f"https://localhost:{port + 1000}/roots/0",
                                    context=ssl.create_default_context(cadata=trust)) as root:
            w.sampler.trust(root.read().decode())
        yield w


@pytest.fixture(scope="module")
def worlds():
    with worlds_with(46, acme_world) as made:
        yield made


def test_kill_around_every_step(worlds):
    worlds.kill_around_every_step()


def test_the_tally(worlds, record_property):
    worlds.judge(lambda text: record_property("say", text))
