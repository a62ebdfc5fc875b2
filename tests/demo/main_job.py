"""The main job over the public API, with a real server: used by `make run` and the end-to-end tests."""


def add_server(a, host, account="deploy", sudo="sudo", say=lambda *x: None, **more):
    """Adds the server, pins its host key after comparing it with the machine's own, discovers what it serves."""
    body = {"description": f"demo web {host.address}", "address": host.address, "server_type": "nginx",
            "username": account, "login": "password", "password": host.password, "sudo": sudo,
            "ports": ["443"], "nginx_path": "/etc/nginx", "service_name": "nginx", **more}
    server = a.post("/servers", body)
    say("add server", server["description"])
    page = a.work("POST", f"/servers/{server['id']}/test", want="Failed")
    offered = a.get(f"/servers/{server['id']}")["offered_keys"]
    own = host.host_keys()
    wrong = [k for k in offered if k not in own]
    if wrong or not offered:
        raise AssertionError(f"the server offers {offered}, its console says {own}: {page['error']}")
    a.post(f"/servers/{server['id']}/host-keys/approve", {"fingerprints": offered})
    say("pin host key", "  ".join(offered))
    a.work("POST", f"/servers/{server['id']}/test")
    server = a.get(f"/servers/{server['id']}")
    say("check server", f"{server['state']}, {server['detected_version']}")
    return server


def find_cert(a, server, name):
    rows = a.get("/certificates", filter=[f"server:equals:{server['id']}", f"name:equals:{name}"],
                 columns="name,status,location,not_after,fingerprint")["items"]
    if len(rows) != 1:
        raise AssertionError(f"expected one certificate {name} on the server, found {rows}")
    return rows[0]


def connector(a, name="Local CA"):
    rows = a.get("/connectors", filter=f"name:equals:{name}")["items"]
    if len(rows) != 1:
        raise AssertionError(f"no connector {name}: {rows}")
    return rows[0]


def configure(a, cert_id, ca_id, **more):
    return a.patch(f"/certificates/{cert_id}", {"connector": ca_id, "key_alg": "p-256", "validity_days": 47, **more})


def issue_and_deploy(a, cert_id, on_step=None, want="Done"):
    """Key in the HSM, order, deployment, proof: returns (issue job, deploy job)."""
    issued = a.work("POST", f"/certificates/{cert_id}/issue", on_step=on_step)
    deploy = a.followed_by(issued["id"], "deploy")
    page = a.job_end(deploy, on_step=on_step)
    if want and page["state"] != want:
        report = a.request("GET", f"/jobs/{deploy}/report")[2].decode()
        raise AssertionError(f"deployment ended {page['state']}, not {want}:\n{report}")
    return issued, page
