"""What the tests over a whole appliance share: one appliance and one server machine per file."""
import contextlib
import hashlib
import sys
import threading
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / p) for p in ("tests", "tests/hosts", "tests/demo", "tests/ca")]
import main_job  # noqa: E402
from appliance import Appliance  # noqa: E402
from host import Host, handshake  # noqa: E402

SANITIZER = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:")
NUMBERS = {"test_main_job": 101, "test_break": 102, "test_custody": 103, "test_roles": 104, "test_ctl_live": 110,
           "test_api_howto": 111, "test_server_tests": 112, "test_policy": 115, "test_states": 123,
           "test_validation": 121, "test_first_deployment": 122}


class Sampler(threading.Thread):
    """Shakes hands the whole time: a client may never see anything but the leaves allowed."""

    def __init__(self, host, allowed, port=443, sni="shop.example"):
        super().__init__(daemon=True)
        self.at, self.allowed = (host.address, port, sni), set(allowed)
        self.bad, self.count, self.done = [], 0, threading.Event()

    def run(self):
        while not self.done.wait(0.02):
            try:
                got = handshake(*self.at)
                if got not in self.allowed:
                    self.bad.append(got)
            except Exception as e:  # whatever it is, a client saw it
                self.bad.append(repr(e))
            self.count += 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *more):
        self.done.set()
        self.join()
        if kind is None:
            assert self.count > 2, "the sampler never got to the server"
            assert self.bad == [], f"{len(self.bad)} of {self.count} handshakes: {self.bad[:3]}"


@contextlib.contextmanager
def new_appliance(tmp_path_factory):
    """An appliance at its first start, whose log is free of findings at its end."""
    folder = tmp_path_factory.mktemp("appliance")
    for p in (folder, *folder.parents):  # the appliance's users pass through to their own folders
        if str(p).startswith("/tmp/"):
            p.chmod(p.stat().st_mode | 0o011)
    fault = folder / "state/core/fault"  # where core may read it: src/core/flow/fault.c
    a = Appliance(state=folder / "state", log=folder / "log", extra=["--fault", str(fault)])
    a.folder, a.fault = folder, fault
    with a:
        yield a
    for words in SANITIZER:
        assert words not in a.log_text(), a.log_text()[a.log_text().index(words):][:3000]


@pytest.fixture(scope="module")
def appliance(tmp_path_factory):
    with new_appliance(tmp_path_factory) as a:
        a.set_up(names=["localhost", a.address])
        yield a


@pytest.fixture(scope="module")
def machine(request):
    with Host(NUMBERS[request.module.__name__]) as h:
        yield h


@pytest.fixture(scope="module")
def server(appliance, machine):
    """The machine as a server of the appliance: keys pinned, discovered, Active."""
    return main_job.add_server(appliance, machine)


@pytest.fixture
def site(appliance, machine, server):
    """site("shop"): the certificate row of that site, configured for the local CA."""
    return lambda name, **more: configure_site(appliance, server, f"{name}.example", **more)


def configure_site(a, server, name, **more):
    row = current(a, server, name)
    return main_job.configure(a, row["id"], main_job.connector(a)["id"], **more)


def current(a, server, name):
    """The certificate of the name that has no successor."""
    rows = a.get("/certificates", filter=[f"server:equals:{server['id']}", f"name:equals:{name}"], limit=100)["items"]
    found = [c for c in (a.get(f"/certificates/{r['id']}") for r in rows) if not c["successor"] and not c["superseded"]]
    assert len(found) == 1, found
    return found[0]


def tree_hash(host, *folders):
    """One hash over names, owners and modes of everything below, times and content of files."""
    text = host.run("for d in " + " ".join(folders) + "; do [ -e $d ] || continue; find $d -printf '%p %u %g %m\\n';"
                    " find $d -type f -printf '%p %T@\\n' -exec sha256sum {} +; done | sort")
    return hashlib.sha256(text.encode()).hexdigest()


def report(a, job):
    return a.request("GET", f"/jobs/{job}/report")[2].decode()


def pytest_terminal_summary(terminalreporter):
    """What tests have to say beside passing: record_property("say", text)."""
    for kind in ("passed", "failed"):
        for r in terminalreporter.stats.get(kind, []):
            for text in (v for k, v in r.user_properties if k == "say" and r.when == "call"):
                terminalreporter.write_line(f"{r.nodeid}:\n{text}")
