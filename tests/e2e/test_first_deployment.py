"""A site that has no certificate yet, on a whole appliance: prepared by hand, approved once, renewed without a question."""
import main_job

SITE = "server {\n    listen 80;\n    server_name bare.example;\n    return 200 bare;\n}\n"
CONF, TLS = "/etc/nginx/conf.d/zz-bare.conf", "/etc/nginx/tls/bare.example"


def prepare(a, server, **more):
    return a.post("/certificates", {"name": "bare.example", "names": ["bare.example"], "server": server["id"], "port": 443,
                                    "connector": main_job.connector(a)["id"], "key_alg": "p-256", "validity_days": 47, **more})


def test_stated_version_is_compared_with_the_servers(appliance, machine, server):
    assert server["warning"] == ""
    for stated, warning in (("1.18", "Version: the record says 1.18, the server is nginx 1.26"), ("1.26", "")):
        appliance.patch(f"/servers/{server['id']}", {"version": stated})
        appliance.work("POST", f"/servers/{server['id']}/test")
        now = appliance.get(f"/servers/{server['id']}")
        assert now["warning"].startswith(warning) and bool(now["warning"]) == bool(warning)
        assert now["state"] == "Active"


def test_edit_is_asked_for_once_and_taken_back_by_one_action(appliance, machine, server):
    machine.write(CONF, SITE)
    machine.reload()
    row = prepare(appliance, server)
    assert row["config_edits"] == "ask"
    _, page = main_job.issue_and_deploy(appliance, row["id"], want="Needs Approval")
    assert f"! the configuration file {CONF} is edited" in page["plan_text"]
    assert "  + listen 443 ssl;\n" in page["plan_text"] and machine.read(CONF) == SITE
    appliance.post(f"/jobs/{page['id']}/approve")
    assert appliance.job_end(page["id"])["state"] == "Done"
    row = appliance.get(f"/certificates/{row['id']}")
    assert (row["status"], row["cert_path"], row["key_path"]) == ("Deployed", f"{TLS}.crt", f"{TLS}.key")
    assert machine.served(443, "bare.example") == row["fingerprint"]
    edited = machine.read(CONF)
    appliance.work("POST", f"/certificates/{row['id']}/rollback")
    row = appliance.get(f"/certificates/{row['id']}")
    assert (row["status"], row["cert_path"], row["key_path"]) == ("Rolled Back", "", "")
    assert machine.read(CONF) == SITE and machine.run(f"ls {TLS}.* 2>/dev/null || true") == ""
    # once allowed, nobody is asked; and the renewal replaces files only
    appliance.patch(f"/certificates/{row['id']}", {"config_edits": "allow"})
    appliance.work("POST", f"/certificates/{row['id']}/deploy", {})
    assert machine.served(443, "bare.example") == row["fingerprint"] and machine.read(CONF) == edited
    issued = appliance.work("POST", f"/certificates/{row['id']}/renew")
    page = appliance.job_end(appliance.followed_by(issued["id"], "deploy"))
    assert page["state"] == "Done" and "edit " not in page["plan_text"] and f"replace {TLS}.key" in page["plan_text"]
    assert machine.read(CONF) == edited
    assert machine.served(443, "bare.example") != row["fingerprint"]
