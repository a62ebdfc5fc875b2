"""The appliance in a machine, spoken to over its API: first run, unlock, calls, what the audit says."""
import hashlib
import http.client
import re
import ssl
import subprocess
import time

import vm
from appliance import ApiError, Appliance


class Box(Appliance):
    """An Appliance (tests/appliance.py) whose processes are in a Machine."""

    def __init__(self, machine):
        super().__init__(state=machine.folder / "client", port=machine.port, build=vm.TOP / "build/dev")
        (self.state / "public").mkdir(parents=True, exist_ok=True)
        self.machine = machine
        self.records = 0  # of the audit, when it was last verified

    @property
    def process(self):
        return self.machine.process

    @process.setter
    def process(self, value):
        assert value is None

    def log_text(self):
        return self.machine.text()

    def _connection(self, timeout):
        """Verified by the local CA once there is one, else by a fingerprint on the console."""
        conn = http.client.HTTPSConnection(self.address, self.port, timeout=timeout,
                                           context=ssl._create_unverified_context())
        conn.connect()
        leaf = conn.sock.getpeercert(True)
        if hashlib.sha256(leaf).hexdigest() in re.findall(r"fingerprint: ([0-9a-f]{64})", self.machine.text()):
            return conn
        conn.close()
        conn = http.client.HTTPSConnection(self.address, self.port, context=self._tls(), timeout=timeout)
        conn.connect()
        return conn

    def wait_up(self):
        """QEMU takes a connection before the machine can, and one that is too early only hangs."""
        self.machine.wait_line(r"fingerprint: [0-9a-f]{64}", 180)
        self.machine.wait_line(re.escape(f"https://{vm.guest_address()}/"), 180)

    def first_run(self):
        self.wait_up()
        self.setup_code = self.machine.wait_line(r"setup code: (\S+)")[1][1]
        self.wait_state("Unprovisioned")
        self.set_up(names=[self.address])
        ca = self.get("/connectors", filter="name:equals:Local CA")["items"][0]
        (self.state / "public/root.pem").write_bytes(self.call("GET", f"/ca/{ca['id']}/root.pem", token=False))
        return ca

    def unlock_again(self, seconds=300):
        """After a start: unlocks, and waits until it works. A busy host may let one try time out."""
        self.wait_up()
        end = time.monotonic() + seconds
        while self.again(self.call, "GET", "/state", token=False)["state"] != "Operational":
            assert time.monotonic() < end, self.log_text()[-3000:]
            try:
                self.call("POST", "/unlock", {"passphrase": self.credentials["passphrase"]}, token=False, timeout=120)
            except (OSError, http.client.HTTPException):
                pass
            except ApiError as e:
                if e.status not in (409, 502, 503, 504):
                    raise
            time.sleep(0.2)

    def again(self, call, *args, seconds=60, **kw):
        """A call that is repeated while a process comes up."""
        end = time.monotonic() + seconds
        while True:
            try:
                return call(*args, **kw)
            except (OSError, http.client.HTTPException) as e:
                last = e
            except ApiError as e:
                if e.status not in (409, 502, 503, 504):
                    raise
                last = e
            assert time.monotonic() < end, f"{last!r}\n{self.log_text()[-3000:]}"
            time.sleep(0.1)

    def all_ids(self, path):
        found, cursor = set(), None
        while True:
            page = self.get(path, limit=500, **({"cursor": cursor} if cursor else {}))
            found |= {row["id"] for row in page["items"]}
            cursor = page["next"]
            if not cursor:
                return found

    def verify_audit(self):
        """The whole chain with the console tool, against the appliance's key; no record may be lost."""
        export, key = self.state / "audit.jsonl", self.state / "audit.key"
        export.write_bytes(self.call("GET", "/audit/export"))
        key.write_bytes(self.call("GET", "/audit/key"))
        told = subprocess.run([self.build / "bin/certkeep", "audit", "verify", export, "--key", key], text=True,
                              capture_output=True, check=False)
        assert told.returncode == 0, told.stdout + told.stderr
        records = sum(1 for line in export.read_text().splitlines() if line.startswith('{"seq"'))
        assert records >= self.records, f"{self.records} records were there, {records} are left"
        self.records = records
        return told.stdout
