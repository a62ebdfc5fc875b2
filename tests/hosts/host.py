#!/usr/bin/env python3
"""Real test machines: Debian with its own sshd, sudo and nginx, one per namespace.

A Host is a set of namespaces (mount, pid, network, uts, ipc) over an overlay of the pristine build
root; all it changes ends with it. It needs root, and runs inside `board/common/buildroot.sh run`.

    with Host(7) as h:                     # 10.213.7.2, we are 10.213.7.1
        h.run("nginx -T")                  # as root on the machine -> stdout; raises when it fails
        h.served(443, "shop.example")      # SHA-256 of the leaf a TLS handshake gets
        h.host_keys()                      # ["ssh-ed25519 SHA256:...", ...] as a server record pins them
        h.users["deploy"]                  # accounts: see ACCOUNTS; all have PASSWORD and h.client_key

On the command line: `host.py 7 8` starts hosts 7 and 8, prints one line of JSON for each and keeps
them until standard input ends or SIGTERM comes.

Sites (nginx 1.26, /etc/nginx/conf.d): shop.example + www.shop.example on 443 (shop.conf, files
/etc/nginx/tls/shop.{crt,key}); other.example on 443, the default server (other.conf); plain HTTP on
80; blog.example on 8443 (blog.conf), whose certificate pair is named on http level.

`Host(7, systemd=True)` boots systemd as the machine's init, in a cgroup of its own; nginx is then its
unit nginx.service. Otherwise init is a few lines of Python and nginx runs by itself.
"""
import fcntl
import hashlib
import json
import os
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from ca import CA, sh  # noqa: E402

PASSWORD = "correct horse 7 battery"
ACCOUNTS = {  # name: line of sudoers, or None
    "deploy": "deploy ALL=(ALL) NOPASSWD: ALL",
    "deploypw": "deploypw ALL=(ALL) ALL",
    "deploytty": "Defaults:deploytty requiretty\ndeploytty ALL=(ALL) NOPASSWD: ALL",
    "deployttypw": "Defaults:deployttypw requiretty\ndeployttypw ALL=(ALL) ALL",
    "plain": None,
}

SSHD_CONFIG = """\
HostKey /etc/ssh/ssh_host_ed25519_key
HostKey /etc/ssh/ssh_host_ecdsa_key
HostKey /etc/ssh/ssh_host_rsa_key
PermitRootLogin no
PasswordAuthentication yes
KbdInteractiveAuthentication yes
UsePAM yes
PrintMotd no
PidFile /run/sshd.pid
# Tests fail logins on purpose; the penalty of OpenSSH 10 would lock the next test out.
PerSourcePenalties no
"""

SITES = {
    "shop": """\
# The shop; braces } in { comments are no blocks
server {
    listen 443 ssl;
    server_name shop.example www.shop.example;
    ssl_certificate     /etc/nginx/tls/shop.crt;
    ssl_certificate_key /etc/nginx/tls/shop.key;
    location / { return 200 "shop\\n"; }
}
""",
    "other": """\
server {
    listen 443 ssl default_server;
    server_name other.example;
    ssl_certificate "/etc/nginx/tls/other.crt";
    ssl_certificate_key '/etc/nginx/tls/other.key';
    return 200 "other\\n";
}
""",
    "blog": """\
ssl_certificate /etc/nginx/tls/blog.crt;
ssl_certificate_key /etc/nginx/tls/blog.key;
server {
    listen 8443 ssl;
    server_name blog.example;
    return 200 "blog\\n";
}
""",
}
SITE_NAMES = {
    "shop": ["shop.example", "www.shop.example"],
    "other": ["other.example"],
    "blog": ["blog.example"],
}

# Runs in the new namespaces: mounts the machine's root and becomes its init, which says so.
BOOT = r"""
set -eu
mount -t tmpfs -o mode=755 host "$2"
mkdir "$2/up" "$2/wk" "$2/r"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/up,workdir=$2/wk" "$2/r"
R=$2/r
mount -t proc proc "$R/proc"
mount -t tmpfs -o mode=755,nosuid dev "$R/dev"
mkdir "$R/dev/pts" "$R/dev/shm"
for n in null zero full random urandom tty; do : >"$R/dev/$n"; mount --bind "/dev/$n" "$R/dev/$n"; done
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$R/dev/pts"
ln -s pts/ptmx "$R/dev/ptmx"; ln -s /proc/self/fd "$R/dev/fd"
mount -t tmpfs -o mode=1777 shm "$R/dev/shm"
mount -t tmpfs -o mode=755 run "$R/run"
mount -t tmpfs -o mode=1777 tmp "$R/tmp"
ip link set lo up
hostname "$3"
if [ -n "$4" ]; then
    mount -t sysfs -o ro sys "$R/sys"
    mount -t cgroup2 cgroup2 "$R/sys/fs/cgroup"
    echo "$3" >"$R/etc/hostname"
    ln -s /dev/null "$R/etc/systemd/system/systemd-modules-load.service"  # no modules to load in there
    echo up
    exec chroot "$R" /usr/bin/env -i container=certkeep PATH=/usr/sbin:/usr/bin \
        /usr/lib/systemd/systemd --system --log-target=null --unit=multi-user.target
fi
exec chroot "$R" /usr/bin/env -i PATH=/usr/sbin:/usr/bin HOME=/root LANG=C.UTF-8 python3 -u -c '
import os, signal
signal.signal(signal.SIGCHLD, lambda *a: None)
print("up")
while True:
    signal.sigwait({signal.SIGCHLD})
    try:
        while os.waitpid(-1, os.WNOHANG)[0]: pass
    except ChildProcessError: pass
'
"""


def handshake(address, port, sni=None, timeout=5):
    """A complete new TLS handshake -> SHA-256 of the leaf."""
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.check_hostname = False
    ctx.verify_mode = ssl.CERT_NONE
    with socket.create_connection((address, port), timeout) as raw:
        with ctx.wrap_socket(raw, server_hostname=sni) as tls:
            return hashlib.sha256(tls.getpeercert(binary_form=True)).hexdigest()


class Host:
    def __init__(self, n, root="/pristine", nginx=True, key="rsa", systemd=False):
        if not 1 <= n <= 254:
            raise ValueError("host number: expected 1 to 254")
        self.n, self.root, self.nginx, self.key, self.systemd = n, root, nginx, key, systemd
        self.address, self.gateway = f"10.213.{n}.2", f"10.213.{n}.1"
        self.link = f"ckh{n}"
        self.users = list(ACCOUNTS)
        self.password = PASSWORD
        self.proc = self.pid = self.dir = self.cgroup = self.lock = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()

    def start(self):
        self._take_number()
        self.dir = Path(tempfile.mkdtemp(prefix=f"host{self.n}."))
        try:
            self._boot()
            self._accounts()
            self._sshd()
            if self.nginx:
                self._nginx()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self):
        """Ends init of the pid namespace, and with it everything on the machine."""
        if self.proc:
            self.proc.kill()  # unshare: --kill-child takes init along
            self.proc.wait()
            self.proc.stdout.close()
            self.proc = self.pid = None
            sh("ip", "link", "del", self.link, check=False)
        if self.cgroup:
            self._leave_cgroup()
        if self.dir:
            shutil.rmtree(self.dir, ignore_errors=True)
            self.dir = None
        if self.lock:
            self.lock = self.lock.close()

    def _take_number(self):
        """Tests run side by side: a second machine of this number would take the network of the first."""
        lock = open(f"/tmp/certkeep-{self.link}.lock", "w", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError(f"host {self.n} is in use: give one of the tests another number") from None
        self.lock = lock

    def _boot(self):
        mnt = self.dir / "root"
        mnt.mkdir()
        boot = ["sh", "-c", BOOT, "boot", self.root, str(mnt), f"web-{self.n:02}", "systemd" * self.systemd]
        if self.systemd:  # the cgroup namespace begins at the cgroup its maker is in
            boot = ["sh", "-c", 'echo $$ >"$1/cgroup.procs"; shift; exec unshare --cgroup "$@"', "enter",
                    str(self._make_cgroup()), *boot]
        self.proc = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child", "--propagation", "private",
             *boot], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        if self.proc.stdout.readline().strip() != "up":
            raise RuntimeError(f"host {self.n}: the machine's root could not be mounted")
        self.pid = int(Path(f"/proc/{self.proc.pid}/task/{self.proc.pid}/children").read_text().split()[0])
        sh("ip", "link", "del", self.link, check=False)
        sh("ip", "link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", str(self.pid))
        sh("ip", "addr", "add", f"{self.gateway}/30", "dev", self.link)
        sh("ip", "link", "set", self.link, "up")
        self.run(f"""
            ip addr add {self.address}/30 dev eth0; ip link set eth0 up
            ip route add default via {self.gateway}
            echo '127.0.0.1 localhost web-{self.n:02}' >/etc/hosts""")

        if self.systemd:
            self._wait_systemd()

    def _make_cgroup(self):
        mnt = self.dir / "cgroup"
        mnt.mkdir()
        sh("mount", "-t", "cgroup2", "cgroup2", str(mnt))
        self.cgroup = mnt / f"certkeep-host{self.n}-{os.getpid()}"
        self.cgroup.mkdir()
        return self.cgroup

    def _leave_cgroup(self):
        """Removes the cgroups of the machine, from within outwards, when their last process is gone."""
        for folder, _, _ in os.walk(self.cgroup, topdown=False):
            for _ in range(100):
                try:
                    os.rmdir(folder)
                    break
                except OSError:
                    time.sleep(0.05)
        sh("umount", "-l", str(self.cgroup.parent))
        self.cgroup = None

    def _wait_systemd(self, seconds=30):
        end = time.monotonic() + seconds
        while True:
            state = self.run("systemctl is-system-running 2>&1 || true").strip()
            if state == "running":
                return
            assert time.monotonic() < end, f"systemd is {state}"
            time.sleep(0.1)

    def _enter(self):
        return ["nsenter", "-t", str(self.pid), "--mount", "--pid", "--net", "--uts", "--ipc", "--root", "--wd",
                "env", "-i", "PATH=/usr/sbin:/usr/bin", "HOME=/root", "LANG=C.UTF-8"]

    def run(self, cmd, text=None, check=True):
        """Runs a shell command as root on the machine -> its standard output."""
        return sh(*self._enter(), "sh", "-euc", cmd, text=text, check=check)

    def write(self, path, text, mode=0o644):
        self.run(f"mkdir -p {shlex.quote(os.path.dirname(path))}; cat >{shlex.quote(path)}; "
                 f"chmod {mode:o} {shlex.quote(path)}", text=text)

    def read(self, path):
        return self.run(f"cat {shlex.quote(path)}")

    def sha256(self, path):
        return self.run(f"sha256sum <{shlex.quote(path)}").split()[0]

    def _accounts(self):
        self.run("ssh-keygen -q -t ed25519 -N '' -C test -f /root/client")
        self.client_key, public = self.read("/root/client"), self.read("/root/client.pub")
        hashed = sh("openssl", "passwd", "-6", "-stdin", text=PASSWORD + "\n").strip()
        for name, sudoers in ACCOUNTS.items():
            self.run(f"useradd -m -s /bin/sh -p {shlex.quote(hashed)} {name}; install -d -m 700 -o {name} ~{name}/.ssh")
            self.write(f"/home/{name}/.ssh/authorized_keys", public, 0o600)
            self.run(f"chown {name} /home/{name}/.ssh/authorized_keys")
            if sudoers:
                self.write(f"/etc/sudoers.d/{name}", sudoers + "\n", 0o440)

    def _sshd(self):
        self.write("/etc/ssh/sshd_config", SSHD_CONFIG)
        # The audit id cannot be set in a container; as Debian's own container images do.
        self.run("sed -i '/pam_loginuid/d' /etc/pam.d/sshd; install -d -m 755 /run/sshd")
        self.change_host_key(restart=False)
        self.run("systemctl restart ssh" if self.systemd else "/usr/sbin/sshd")

    def change_host_key(self, restart=True):
        """New host keys of all types, as after a reinstallation."""
        self.run("rm -f /etc/ssh/ssh_host_*; ssh-keygen -q -A")
        if restart:
            self.run("kill -HUP $(cat /run/sshd.pid)")
            self._wait_host_key()

    def _wait_host_key(self, seconds=20):
        """Until sshd has taken up the new keys: for a moment the old one still answers, or nobody does."""
        key, end = self.read("/etc/ssh/ssh_host_ed25519_key.pub").split()[1], time.monotonic() + seconds
        while key not in sh("ssh-keyscan", "-T", "2", "-t", "ed25519", self.address, check=False):
            assert time.monotonic() < end, "sshd does not show its new host key"
            time.sleep(0.05)

    def host_keys(self):
        out = []
        for kind in ("ed25519", "ecdsa", "rsa"):
            line = self.run(f"ssh-keygen -l -E sha256 -f /etc/ssh/ssh_host_{kind}_key.pub").split()
            name = self.read(f"/etc/ssh/ssh_host_{kind}_key.pub").split()[0]
            out.append(f"{name} {line[1]}")
        return out

    def _nginx(self):
        self.ca = CA(self.dir / "ca", "Old Example")
        self.certs = {}
        self.run("rm -f /etc/nginx/sites-enabled/default; install -d -m 755 /etc/nginx/tls")
        for site, names in SITE_NAMES.items():
            self.install(site, self.ca.issue(names, key=self.key))
            self.write(f"/etc/nginx/conf.d/{site}.conf", SITES[site])
        self.write("/etc/nginx/conf.d/plain.conf", "server { listen 80; return 301 https://$host$request_uri; }\n")
        self.run("systemctl restart nginx" if self.systemd else "nginx")
        self._wait_port(443)

    def install(self, site, cert):
        """Writes a pair as the site's files; nginx does not know it before reload()."""
        self.certs[site] = cert
        self.write(f"/etc/nginx/tls/{site}.crt", cert["chain"])
        self.write(f"/etc/nginx/tls/{site}.key", cert["key"], 0o600)

    def reload(self):
        self.run("nginx -s reload")
        time.sleep(0.3)

    def stop_nginx(self):
        """Until it is gone: the command only tells it to go, and meanwhile it would take a reload for nothing."""
        self.run("nginx -s stop; while [ -e /run/nginx.pid ]; do sleep 0.02; done")

    def served(self, port=443, sni="shop.example"):
        return handshake(self.address, port, sni)

    def break_config(self):
        """What an unfinished edit leaves: nginx runs on, `nginx -t` fails."""
        self.write("/etc/nginx/conf.d/zz-broken.conf", "server { listen 443 ssl; nonsense on; }\n")

    def mend_config(self):
        self.run("rm -f /etc/nginx/conf.d/zz-broken.conf")

    def set_readonly(self, folder):
        self.run(f"mount --bind {shlex.quote(folder)} {shlex.quote(folder)}; mount -o remount,ro,bind {shlex.quote(folder)}")

    def set_writable(self, folder):
        self.run(f"umount {shlex.quote(folder)}")

    def link_down(self):
        sh("ip", "link", "set", self.link, "down")

    def link_up(self):
        sh("ip", "link", "set", self.link, "up")

    def _wait_port(self, port, seconds=5):
        end = time.monotonic() + seconds
        while True:
            try:
                socket.create_connection((self.address, port), 1).close()
                return
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def info(self):
        return {"n": self.n, "address": self.address, "users": self.users, "password": PASSWORD,
                "host_keys": self.host_keys(), "pid": self.pid}


def main(argv):
    if not argv or not all(a.isdigit() for a in argv):
        sys.exit("usage: host.py NUMBER...")
    signal.signal(signal.SIGTERM, lambda *a: sys.exit(0))
    hosts = []
    try:
        for a in argv:
            hosts.append(Host(int(a)).start())
            print(json.dumps(hosts[-1].info()), flush=True)
        sys.stdin.read()
    except KeyboardInterrupt:
        pass
    finally:
        for h in hosts:
            h.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
