"""The test machines are what the other tests take them for."""
import subprocess

import pytest
from host import CA, PASSWORD, Host


@pytest.fixture(scope="module")
def host():
    with Host(241) as h:
        yield h


def ssh(host, user, command, key):
    path = host.dir / "key"
    path.write_text(key)
    path.chmod(0o600)
    return subprocess.run(
        ["ssh", "-n", "-i", str(path), "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR",
         "-o", "UserKnownHostsFile=/dev/null", f"{user}@{host.address}", command], capture_output=True, text=True)


def test_serves_its_sites(host):
    assert host.served(443, "shop.example") == host.certs["shop"]["sha256"]
    assert host.served(443, "other.example") == host.certs["other"]["sha256"]
    assert host.served(443, None) == host.certs["other"]["sha256"]
    assert host.served(8443, "blog.example") == host.certs["blog"]["sha256"]


def test_login_and_sudo_as_the_accounts_say(host):
    assert ssh(host, "deploy", "sudo -n id -u", host.client_key).stdout == "0\n"
    assert ssh(host, "plain", "id -un", host.client_key).stdout == "plain\n"
    assert ssh(host, "plain", "sudo -n id -u", host.client_key).returncode != 0
    assert ssh(host, "deploypw", "sudo -n id -u", host.client_key).returncode != 0
    right = ssh(host, "deploypw", f"echo '{PASSWORD}' | sudo -S -p '' id -u", host.client_key)
    assert right.stdout == "0\n", right.stderr
    assert ssh(host, "deploytty", "sudo -n id -u", host.client_key).returncode != 0
    assert ssh(host, "root", "true", host.client_key).returncode != 0


def test_has_its_own_processes_and_files(host):
    assert "sshd" in host.run("ps -e -o comm=")
    host.write("/etc/only-here", "x")
    assert host.read("/etc/only-here") == "x"


def test_changes_host_keys(host):
    before = host.host_keys()
    assert len(before) == 3 and before[0].startswith("ssh-ed25519 SHA256:")
    host.change_host_key()
    assert not set(before) & set(host.host_keys())


def test_breaks_and_mends(host):
    host.break_config()
    with pytest.raises(RuntimeError):
        host.run("nginx -t")
    host.mend_config()
    host.run("nginx -t")
    host.set_readonly("/etc/nginx/tls")
    with pytest.raises(RuntimeError):
        host.run("touch /etc/nginx/tls/x")
    host.set_writable("/etc/nginx/tls")
    host.run("touch /etc/nginx/tls/x; rm /etc/nginx/tls/x")


def test_reload_serves_what_was_installed(host, tmp_path):
    new = CA(tmp_path, "New").issue(["shop.example", "www.shop.example"])
    host.install("shop", new)
    host.reload()
    assert host.served(443, "shop.example") == new["sha256"]


def test_a_number_is_taken_once(host):
    with pytest.raises(RuntimeError, match="is in use"), Host(host.n):
        pass
    assert host.served(443, "shop.example")
