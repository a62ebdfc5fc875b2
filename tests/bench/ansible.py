"""Ansible as a peer: one playbook that copies a pair to many hosts, tests, reloads and checks by a handshake.

Set up as its own documentation advises for speed: pipelining, connections kept by ControlPersist, a fork
for each host, no facts gathered, no search for the interpreter, hosts that do not wait for each other.
"""
import json
import os
import resource
import shutil
import subprocess
import time
from pathlib import Path

PLAY = [{
    "hosts": "all", "gather_facts": False, "become": True, "strategy": "free",
    "tasks": [
        {"copy": {"src": "{{ pair }}.crt", "dest": "/etc/nginx/tls/shop.crt", "owner": "root", "group": "root", "mode": "0644"}},
        {"copy": {"src": "{{ pair }}.key", "dest": "/etc/nginx/tls/shop.key", "owner": "root", "group": "root", "mode": "0600"}},
        {"command": "nginx -t"},
        {"command": "nginx -s reload"},
        {"command": "sh {{ check }} {{ ansible_host }} {{ leaf }}", "delegate_to": "localhost", "become": False},
    ],
}]

# One handshake, again at once until the new leaf comes: an old worker may still answer for a moment.
CHECK = """\
for i in $(seq 100); do
    got=$(openssl s_client -connect "$1:443" -servername shop.example </dev/null 2>/dev/null |
        openssl x509 -noout -fingerprint -sha256 | tr -d : | tr A-F a-f)
    [ "${got#*=}" != "$2" ] || exit 0
    sleep 0.05
done
exit 1
"""

CONFIG = """\
[defaults]
forks = {forks}
host_key_checking = True
[ssh_connection]
pipelining = True
ssh_args = -o ControlMaster=auto -o ControlPersist=60s -o UserKnownHostsFile={known}
control_path_dir = {control}
"""


class Ansible:
    """`program`: path of ansible-playbook. `hosts`: of tests/hosts; `pairs`: for each, as CA.issue() makes them."""

    def __init__(self, program, folder, hosts, pairs):
        self.program, self.dir = program, Path(folder)
        self.dir.mkdir(mode=0o700)
        self.known, self.control = self.dir / "known_hosts", self.dir / "cp"
        self.known.write_text("".join(f"{h.address} {h.read('/etc/ssh/ssh_host_ed25519_key.pub')}" for h in hosts))
        (self.dir / "ansible.cfg").write_text(CONFIG.format(forks=len(hosts), known=self.known, control=self.control))
        (self.dir / "check.sh").write_text(CHECK)
        (self.dir / "play.json").write_text(json.dumps(PLAY))
        (self.dir / "nothing.json").write_text(json.dumps([{**PLAY[0], "tasks": []}]))
        (self.dir / "hosts.json").write_text(json.dumps({"all": {
            "hosts": {f"web{h.n}": self._host(h, pair) for h, pair in zip(hosts, pairs)},
            "vars": {"ansible_user": "deploy", "ansible_python_interpreter": "/usr/bin/python3",
                     "check": str(self.dir / "check.sh")}}}))

    def _host(self, h, pair):
        base, key = self.dir / f"pair{h.n}", self.dir / f"login{h.n}"
        for path, text in ((key, h.client_key), (Path(f"{base}.crt"), pair["chain"]), (Path(f"{base}.key"), pair["key"])):
            path.write_text(text)
            path.chmod(0o600)
        return {"ansible_host": h.address, "ansible_ssh_private_key_file": str(key), "pair": str(base), "leaf": pair["sha256"]}

    def run(self, play="play.json"):
        """-> seconds, and processor seconds of all that it started. Connections are new in each run, as after weeks."""
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        done = subprocess.run([self.program, "-i", "hosts.json", play], cwd=self.dir, capture_output=True, text=True,
                              env={"PATH": os.environ["PATH"], "HOME": str(self.dir), "LANG": "C.UTF-8",
                                   "ANSIBLE_CONFIG": str(self.dir / "ansible.cfg")})
        took, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            raise RuntimeError((done.stdout + done.stderr)[-3000:])
        return took, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime + self._end_connections()

    def _end_connections(self):
        """Ends the connections that stay open; -> their processor seconds, which nobody waits for."""
        used = 0
        for proc in Path("/proc").glob("[0-9]*"):
            try:
                if str(self.control) not in (proc / "cmdline").read_text():
                    continue
                v = (proc / "stat").read_text().rsplit(")", 1)[1].split()
                os.kill(int(proc.name), 15)
            except (OSError, UnicodeDecodeError):
                continue
            used += (int(v[11]) + int(v[12])) / os.sysconf("SC_CLK_TCK")
        shutil.rmtree(self.control, ignore_errors=True)
        return used
