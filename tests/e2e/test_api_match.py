"""If-Match of what people configure: only what another person changed stands in the way."""
import main_job
import pytest
from contract import Contract


@pytest.fixture(scope="module")
def c(appliance):
    return Contract(appliance)


def test_what_the_appliance_finds_out_refuses_nobody(c):
    one = {"id": main_job.connector(c.a)["id"]}
    seen = c.call("connectors_get", 200, **one)
    c.work("connectors_test", **one)
    now = c.call("connectors_get", 200, **one)
    assert now.value["rev"] > seen.value["rev"] and now.headers["ETag"] == seen.headers["ETag"]
    mine = {"If-Match": seen.headers["ETag"]}
    c.a.job_end(c.call("connectors_update", 200, body={"name": "Mine"}, headers=mine, **one).value["job"])
    c.refuse("connectors_update", 412, "changed meanwhile", body={"name": "Late"}, headers=mine, **one)
