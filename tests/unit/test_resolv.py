"""certkeep-resolv: name servers of the DHCP client's environment become the resolver's file."""
import os
import subprocess
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[2] / os.environ.get("BUILD", "build/asan") / "bin/certkeep-resolv"
FILE = Path("/run/net/resolv.conf")  # /run of the build root's run


@pytest.fixture(autouse=True)
def folder():
    FILE.parent.mkdir(exist_ok=True)
    FILE.unlink(missing_ok=True)
    yield
    FILE.unlink(missing_ok=True)


def told(servers):
    env = {"reason": "BOUND"} | ({"new_domain_name_servers": servers} if servers is not None else {})
    return subprocess.run([PROGRAM], env=env, check=False).returncode


def test_servers_are_written():
    assert told("192.0.2.1 2001:db8::53") == 0
    assert FILE.read_text() == "nameserver 192.0.2.1\nnameserver 2001:db8::53\n"
    assert told("192.0.2.2") == 0
    assert FILE.read_text() == "nameserver 192.0.2.2\n"
    assert not FILE.with_name("resolv.conf.new").exists()


def test_at_most_three_and_nothing_but_addresses():
    assert told("evil.example 192.0.2.1\noptions 192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4") == 0
    assert FILE.read_text() == "nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n"


@pytest.mark.parametrize("servers", [None, "", "evil.example"])
def test_an_event_without_servers_leaves_the_file(servers):
    FILE.write_text("nameserver 192.0.2.9\n")
    assert told(servers) == 0
    assert FILE.read_text() == "nameserver 192.0.2.9\n"


def test_a_folder_that_is_not_there_is_an_error():
    FILE.parent.rmdir()
    assert told("192.0.2.1") == 1
