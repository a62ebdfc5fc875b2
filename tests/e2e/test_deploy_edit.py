"""First deployments and references that must change: files of its own for a server block, named by an edit."""
import pytest
from deploy_worker import (
    ACTIVATE, ARM, BACKUP, CHANGES, CLEAN, COMMIT, CONFIGURATION, CONNECT, DISCOVER, Died, FAILED, Host, Job, MIXED, NEW,
    NEW_SERVED, NO_CHANGE, OBSERVE, OLD, OK, PLAN, POLICY, REVIEW, ROLLBACK, ROLLED_BACK, STAGE, SWITCH, VALIDATE, VERIFY,
    Worker, assert_tidy, leaf_of,
    authority, host, worker,  # noqa: F401 (fixtures)
)

SITE = "/etc/nginx/conf.d/zz-bare.conf"
BARE = """\
# bare { before
server {
\tlisten 80; # plain {
\tlisten [::]:80;
\tserver_name bare.example; # the name
\treturn 200 'bare "site"';
}
# behind }
"""
EDITED = BARE.replace("\tlisten [::]:80;\n", """\
\tlisten [::]:80;
\tlisten 443 ssl;
\tlisten [::]:443 ssl;
\tssl_certificate /etc/nginx/tls/bare.example.crt;
\tssl_certificate_key /etc/nginx/tls/bare.example.key;
""")


@pytest.fixture(scope="module")
def machine():
    with Host(239) as h:
        yield h


@pytest.fixture
def site(host):
    """Writes configuration files for one test."""
    files = []

    def write(text, path=SITE, reload=True):
        files.append(path)
        host.write(path, text)
        if reload:
            host.reload()
    yield write
    host.run(f"rm -rf {' '.join(files)} /etc/nginx/tls/bare.example.* /etc/nginx/tls/a.example.* /srv/tls; nginx -t")
    host.reload()


def job_of(worker, authority, host, name="bare.example", accept_risks=True, cert=None, **more):
    return Job(worker, host, cert or authority.issue([name]), sni=name, names=[name], accept_risks=accept_risks, **more)


def test_first_certificate_of_a_plain_site(host, worker, authority, site):
    site(BARE)
    asks = job_of(worker, authority, host, accept_risks=False)
    asks.ok(CONNECT, DISCOVER)
    got = asks.step(PLAN)
    assert (got["outcome"], got["cause"]) == (REVIEW, POLICY)
    for line in (f"! the configuration file {SITE} is edited\n", "now: no certificate is named here\n",
                 "create  /etc/nginx/tls/bare.example.crt  new chain, 0:0 0644",
                 "create  /etc/nginx/tls/bare.example.key  new key, 0:0 0600", f"  {SITE}:2\n", "    listen [::]:80;\n",
                 "  + listen 443 ssl;\n", "  + ssl_certificate_key /etc/nginx/tls/bare.example.key;\n"):
        assert line in got["evidence"], got["evidence"]
    worker.start()
    job = job_of(worker, authority, host)
    job.ok(CONNECT, DISCOVER, PLAN, BACKUP, STAGE)
    assert host.run("stat -c '%a %n' /etc/nginx/tls/.bare*").split()[0::2] == ["644", "600"]
    assert "Test of the edited configuration: exit 0" in job.ok(VALIDATE)["evidence"]
    assert host.read(SITE) == BARE
    job.ok(ARM, SWITCH, ACTIVATE, VERIFY)
    assert "certificate file: /etc/nginx/tls/bare.example.crt\n" in job.ok(COMMIT)["evidence"]
    assert host.served(443, "bare.example") == job.cert["sha256"]
    assert host.served(443, "other.example") == leaf_of(host, "other") and host.served() == leaf_of(host)
    assert host.served(443, None) == leaf_of(host, "other")  # the default site is still the same
    assert host.read(SITE) == EDITED
    assert host.run("stat -c '%U %G %a' /etc/nginx/tls/bare.example.key") == "root root 600\n"
    assert_tidy(host)
    # the next deployment replaces the files; the same one again changes nothing
    for cert, outcome in ((job.cert, NO_CHANGE), (authority.issue(["bare.example"]), OK)):
        worker.start()
        again = job_of(worker, authority, host, cert=cert, accept_risks=False)
        again.ok(CONNECT, DISCOVER)
        assert again.step(PLAN)["outcome"] == outcome
    again.ok(*CHANGES)
    assert host.served(443, "bare.example") == again.cert["sha256"] and host.read(SITE) == EDITED


def test_configuration_that_allows_edits_asks_nobody(host, worker, authority, site):
    site(BARE)
    job = job_of(worker, authority, host, accept_risks=False, allow_edit=True)
    job.ok(CONNECT, DISCOVER)
    assert "as Configuration Edits allows" in job.ok(PLAN)["evidence"]


def test_rolls_the_edit_and_the_new_files_back(host, worker, authority, site):
    site(BARE)
    job = job_of(worker, authority, host, server={"keystore_path": "/srv/tls/"})
    job.ok(CONNECT, DISCOVER)
    assert "make    /srv/tls  0755" in job.ok(PLAN)["evidence"]
    job.ok(BACKUP, STAGE, VALIDATE, ARM, SWITCH, ACTIVATE, VERIFY)
    assert host.run("ls /srv/tls") == "bare.example.crt\nbare.example.key\n"
    got = job.ok(ROLLBACK)
    assert "certificate file: \n" in got["evidence"]
    assert host.read(SITE) == BARE and host.run("ls /srv") == ""
    assert host.served(443, "bare.example") == leaf_of(host, "other")
    assert job.step(OBSERVE)["outcome"] == ROLLED_BACK
    assert_tidy(host)


def test_timer_takes_the_edit_back(host, worker, authority, site):
    site(BARE)
    job = job_of(worker, authority, host, server={"rollback_seconds": 20})
    job.ok(CONNECT, DISCOVER, PLAN, BACKUP, STAGE, VALIDATE, ARM, SWITCH, ACTIVATE, VERIFY)
    worker.kill()
    host.run("for i in $(seq 60); do [ -e /var/lib/certkeep/*/rolled-back ] && exit; sleep 0.5; done; exit 1")
    job.again()
    assert job.step(OBSERVE)["outcome"] == ROLLED_BACK
    job.ok(ROLLBACK)
    assert host.read(SITE) == BARE and host.run("ls /etc/nginx/tls | grep -c bare || true") == "0\n"


def test_clean_leaves_nothing(host, worker, authority, site):
    site(BARE)
    job = job_of(worker, authority, host, server={"keystore_path": "/srv/tls"})
    job.ok(CONNECT, DISCOVER, PLAN, BACKUP, STAGE, VALIDATE, CLEAN)
    assert host.read(SITE) == BARE and host.run("ls /srv") == ""
    assert_tidy(host)


@pytest.mark.parametrize("during", CHANGES)
def test_step_repeats_after_a_worker_died_in_it(host, worker, authority, site, during):
    site(BARE)
    job = job_of(worker, authority, host)
    job.ok(CONNECT, DISCOVER, PLAN)
    for n in CHANGES:
        if n == during:
            for ms in (15, 60):
                try:
                    job.step(n, kill_after_ms=ms)
                except Died:
                    pass
                job.again()
            seen = job.step(OBSERVE)["outcome"]
            assert seen in ((OLD,) if n < SWITCH else (OLD, NEW, NEW_SERVED, MIXED))
        job.ok(n)
    assert host.served(443, "bare.example") == job.cert["sha256"] and host.read(SITE) == EDITED
    assert_tidy(host)


def test_listen_without_a_pair_that_others_serve(host, worker, authority, site):
    site("server { listen 443 ssl; server_name bare.example; return 200 x; }\n")
    job = job_of(worker, authority, host, cert_path="/etc/nginx/tls/bare.example.pem", key_path="/etc/nginx/tls/bare.example.k")
    job.ok(CONNECT, DISCOVER, PLAN, *CHANGES)
    assert host.served(443, "bare.example") == job.cert["sha256"]
    assert host.read(SITE) == ("server { listen 443 ssl; ssl_certificate /etc/nginx/tls/bare.example.pem; ssl_certificate_key "
                               "/etc/nginx/tls/bare.example.k; server_name bare.example; return 200 x; }\n")


def test_prepared_listen_that_nginx_refuses_until_the_pair_is_there(host, worker, authority, site):
    text = "server {\r\n  listen 9443 ssl;\r\n  server_name bare.example;\r\n}\r\n"
    site(text, reload=False)
    job = job_of(worker, authority, host, port=9443)
    job.ok(CONNECT, DISCOVER, PLAN, *CHANGES)
    assert host.served(9443, "bare.example") == job.cert["sha256"]
    assert host.run(f"grep -c '\r$' {SITE}") == "6\n" and host.run(f"wc -l <{SITE}") == "6\n"
    job.ok(ROLLBACK)
    assert host.run(f"grep -c '\r$' {SITE}") == "4\n" and host.run(f"wc -l <{SITE}") == "4\n"


def test_edit_that_nginx_refuses_never_becomes_live(host, worker, authority, site):
    """Our grammar takes it, nginx does not: the test in the mount namespace tells, before any switch."""
    site(BARE)
    job = job_of(worker, authority, host)
    job.ok(CONNECT, DISCOVER, PLAN, BACKUP, STAGE)
    host.run("mv /etc/nginx/tls/.bare.example.key.cd-* /root/away")
    got = job.step(VALIDATE)
    assert got["outcome"] == FAILED
    assert host.read(SITE) == BARE
    job.ok(CLEAN)
    assert_tidy(host)


def test_link_in_sites_enabled_stays_a_link(host, worker, authority, site):
    real, link = "/etc/nginx/sites-available/bare", "/etc/nginx/sites-enabled/bare"
    site(BARE, real, reload=False)
    host.run(f"ln -s ../sites-available/bare {link}")
    try:
        host.reload()
        job = job_of(worker, authority, host)
        job.ok(CONNECT, DISCOVER)
        assert f"edit    {real}  configuration" in job.ok(PLAN)["evidence"]
        job.ok(*CHANGES)
        assert host.read(real) == EDITED and host.run(f"readlink {link}") == "../sites-available/bare\n"
    finally:
        host.run(f"rm {link}")


def test_variable_path_gives_way_to_own_files(host, worker, authority, site):
    host.run("cp /etc/nginx/tls/other.crt /etc/nginx/tls/bare.example.pem; cp /etc/nginx/tls/other.key /etc/nginx/tls/bare.example.k;"
             "chmod 644 /etc/nginx/tls/bare.example.*")
    text = ("server {\n  listen 443 ssl;\n  server_name bare.example;\n  ssl_certificate_key \"tls/$ssl_server_name.k\"; # key\n"
            "  ssl_certificate tls/$ssl_server_name.pem;\n}\n")
    site(text)
    job = job_of(worker, authority, host)
    job.ok(CONNECT, DISCOVER)
    plan = job.ok(PLAN)["evidence"]
    assert "  - ssl_certificate tls/$ssl_server_name.pem;\n  + ssl_certificate /etc/nginx/tls/bare.example.crt;\n" in plan, plan
    job.ok(*CHANGES)
    assert host.served(443, "bare.example") == job.cert["sha256"]
    assert host.read(SITE) == text.replace("tls/$ssl_server_name.k", "/etc/nginx/tls/bare.example.key").replace(
        "tls/$ssl_server_name.pem", "/etc/nginx/tls/bare.example.crt")


SHARED = """\
ssl_certificate tls/shared.crt; ssl_certificate_key tls/shared.key;
server { listen 9443 ssl; server_name a.example; }
server { listen 9443 ssl; server_name b.example; }
"""


def test_one_of_two_sites_parts_from_a_shared_pair(host, worker, authority, site):
    shared = host.ca.issue(["a.example", "b.example"])
    host.install("shared", shared)
    host.certs.pop("shared")
    host.run("rm -f /etc/nginx/conf.d/blog.conf")
    try:
        site(SHARED)
        job = job_of(worker, authority, host, name="a.example", port=9443)
        job.ok(CONNECT, DISCOVER, PLAN, *CHANGES)
        assert host.served(9443, "a.example") == job.cert["sha256"]
        assert host.served(9443, "b.example") == shared["sha256"]
        assert host.read(SITE) == SHARED.replace(
            "listen 9443 ssl; server_name a", "listen 9443 ssl; ssl_certificate /etc/nginx/tls/a.example.crt; "
            "ssl_certificate_key /etc/nginx/tls/a.example.key; server_name a")
        # a certificate that holds both names still replaces the file
        worker.start()
        host.run(f"rm {SITE}")
        site(SHARED)
        both = Job(worker, host, authority.issue(["a.example", "b.example"]), sni="a.example", port=9443,
                   names=["a.example", "b.example"])
        both.ok(CONNECT, DISCOVER, PLAN, *CHANGES)
        assert host.served(9443, "b.example") == both.cert["sha256"] and host.read(SITE) == SHARED
    finally:
        from host import SITES
        host.write("/etc/nginx/conf.d/blog.conf", SITES["blog"])
        host.run(f"rm -f {SITE}; rm -f /etc/nginx/tls/shared.*")


def test_snippet_of_two_sites_is_never_edited(host, worker, authority, site):
    host.install("shared", host.ca.issue(["a.example", "b.example"]))
    host.certs.pop("shared")
    snippet = "/etc/nginx/snippets/zz-pair.conf"
    site("ssl_certificate tls/shared.crt;\nssl_certificate_key tls/shared.key;\n", snippet, reload=False)
    site("server { listen 9443 ssl; server_name a.example; include snippets/zz-pair.conf; }\n"
         "server { listen 9443 ssl; server_name b.example; include snippets/zz-pair.conf; }\n")
    job = job_of(worker, authority, host, name="a.example", port=9443)
    job.ok(CONNECT)
    got = job.step(DISCOVER)
    assert (got["outcome"], got["cause"]) == (REVIEW, CONFIGURATION)
    assert "the same lines also serve" in got["text"]


@pytest.mark.parametrize("text,why", [
    ("server { listen 80; server_name bare.example; } server { listen 8080; server_name bare.example; }", "both claim"),
    ("server { listen 443; server_name bare.example; }", None),
    ("server { listen 127.0.0.1:80; server_name bare.example; }", "other addresses"),
    ("server { listen 80 proxy_protocol; server_name bare.example; }", "behind a proxy"),
    ("server { listen 80; server_name bare.example; ssl_certificate tls/shop.crt; ssl_certificate_key tls/shop.key; }",
     "does not listen with TLS"),
])
def test_what_is_not_certain_needs_a_person(host, worker, authority, site, text, why):
    site(text + "\n")
    job = job_of(worker, authority, host)
    job.ok(CONNECT)
    got = job.step(DISCOVER)
    if why:
        assert (got["outcome"], got["cause"]) == (REVIEW, CONFIGURATION)
        assert why in got["text"], got["text"]
    else:  # nginx gives every listen of an address with TLS its TLS: the pair alone is missing
        assert got["outcome"] == OK and "ssl_certificate /etc" in job.step(PLAN)["evidence"]


def test_file_that_is_there_is_not_taken(host, worker, authority, site):
    site(BARE)
    host.write("/etc/nginx/tls/bare.example.key", "somebody's\n")
    job = job_of(worker, authority, host)
    job.ok(CONNECT)
    got = job.step(DISCOVER)
    assert got["outcome"] == FAILED and "exists already" in got["text"]


def test_edit_by_somebody_else_is_not_lost_in_a_rollback(host, worker, authority, site):
    site(BARE)
    job = job_of(worker, authority, host)
    job.ok(CONNECT, DISCOVER, PLAN, *CHANGES)
    theirs = host.read(SITE) + "# mine\n"
    host.write(SITE, theirs)
    got = job.step(ROLLBACK)
    assert got["outcome"] == FAILED and "edited by somebody else" in got["text"]
    assert host.read(SITE) == theirs and host.served(443, "bare.example") == job.cert["sha256"]
    host.write(SITE, EDITED)
    job.ok(ROLLBACK)
    assert host.read(SITE) == BARE
