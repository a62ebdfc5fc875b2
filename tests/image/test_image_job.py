"""The main job inside the booted image: first run, a real server outside of it, a certificate of the local CA issued,
deployed, proved by handshakes, renewed; all over the API of the machine."""
import main_job
import pytest
from box import Box
from host import Host
from machine import Machine

SITE = "shop.example"


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    with Machine(tmp_path_factory.mktemp("job")) as m:
        box = Box(m)
        box.first_run()
        yield box


@pytest.fixture(scope="module")
def server():
    with Host(61) as h:
        yield h


def test_main_job_runs_in_the_image(box, server):
    """QEMU's user network takes the machine's connections to the server, which lies in a namespace of its own."""
    before = server.served(443, SITE)
    row = main_job.find_cert(box, main_job.add_server(box, server), SITE)
    main_job.configure(box, row["id"], main_job.connector(box)["id"])
    main_job.issue_and_deploy(box, row["id"])
    first = box.get(f"/certificates/{row['id']}")
    assert first["status"] == "Deployed" and server.served(443, SITE) == first["fingerprint"] != before

    main_job.issue_and_deploy(box, row["id"])  # a renewal: its certificate is a successor
    old = box.get(f"/certificates/{row['id']}")
    new = box.get(f"/certificates/{old['successor']}")
    assert old["superseded"] and new["predecessor"] == old["id"]
    assert server.served(443, SITE) == new["fingerprint"] != first["fingerprint"]
    assert server.served(443, "other.example") == server.certs["other"]["sha256"], "the other sites are untouched"
    assert "Signed up to record" in box.verify_audit()
