"""What the API tests call: an appliance set up through the contract, with a server whose certificate is deployed."""
import secrets
from types import SimpleNamespace

import main_job
from appliance import Appliance
from contract import Contract
from host import Host

NOBODY = "0" * 20  # an id of nothing


def path_args(w, name):
    path = w.c.operations[name][0]
    if "{id}" in path:
        return {"id": w.of_path[path.split("/")[3]]["id"]} if path.split("/")[3] in w.of_path else {"id": NOBODY}
    fixed = {"record": "cert", "connector": w.ca["id"], "n": "0"}
    return {k: v for k, v in fixed.items() if f"{{{k}}}" in path}


def of_machine(w, name):
    """What only an appliance image has: refused here, whatever is asked."""
    path = w.c.operations[name][0]
    return path.startswith("/api/v1/system/") and not path.startswith("/api/v1/system/identity")


def set_up(a, c):
    """The first run, held against the contract; the appliance object then acts as its administrator."""
    a.wait_for_setup_code()
    a.credentials = {"username": "admin", "password": secrets.token_urlsafe(18), "passphrase": secrets.token_urlsafe(24)}
    body = {"setup_code": a.setup_code, **a.credentials}
    c.refuse("setup_run", 400, "12 characters", "password", body={**body, "password": "short"}, token=False)
    c.refuse("setup_run", 400, "12 characters", "passphrase", body={**body, "passphrase": "short"}, token=False)
    c.refuse("setup_run", 403, "console", "setup_code", body={**body, "setup_code": "0000-0000-0000"}, token=False)
    made = c.call("setup_run", 201, body=body, token=False)
    assert made.value["user"]["username"] == "admin" and "Set-Cookie" in made.headers
    a.wait_state("Operational")
    a.sign_in()


def world(number):
    """Yields the world as one object; ends everything afterwards."""
    with Host(number) as host, Appliance() as a:
        c = Contract(a)
        set_up(a, c)
        w = SimpleNamespace(a=a, c=c, host=host)
        w.server = main_job.add_server(a, host)
        w.cert = main_job.find_cert(a, w.server, "shop.example")
        w.ca = main_job.connector(a)
        main_job.configure(a, w.cert["id"], w.ca["id"])
        w.issued, w.deployed = main_job.issue_and_deploy(a, w.cert["id"])
        w.order = a.get("/orders", filter="name:equals:shop.example")["items"][0]
        w.key = a.get("/keys")["items"][0]
        w.user = a.get("/users")["items"][0]
        w.policy = a.get("/policies")["items"][0]
        test = c.call("server_tests_create", 201, body={"server": w.server["id"], "settings": {}}).value
        w.of_path = {"server-tests": test, "servers": w.server, "certificates": w.cert, "connectors": w.ca, "orders": w.order,
                     "jobs": w.deployed, "keys": w.key, "users": w.user, "policies": w.policy}
        yield w
