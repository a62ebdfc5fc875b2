"""A machine in QEMU that boots the image, and the parts of the image for tests that look inside."""
import hashlib
import http.client
import json
import re
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import vm

WORK, SECTOR = vm.WORK, 512


def partitions(disk):
    """Name -> (first byte, bytes) of a raw disk image."""
    table = json.loads(subprocess.run(["sfdisk", "-J", disk], check=True, capture_output=True).stdout)["partitiontable"]
    return {p["name"]: (p["start"] * SECTOR, p["size"] * SECTOR) for p in table["partitions"]}


def image_parts(folder):
    """The files of the root file system that is on the disk image, unpacked -> folder."""
    disk = vm.image()
    at, _ = partitions(disk)["root-a"]
    subprocess.run(["unsquashfs", "-q", "-n", "-o", str(at), "-d", folder / "root", disk], check=True,
                   stdout=subprocess.DEVNULL)
    return folder


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Machine:
    def __init__(self, folder, uefi=False, append="", disk=None, variables=None, cmdline=None,
                 initrd=WORK / "initrd"):
        self.folder, self.port, self.http_port = Path(folder), free_port(), free_port()
        self.disk = disk or self.folder / "disk.qcow2"
        if not disk:
            vm.overlay(self.disk, vm.image())
        self.variables = variables
        if uefi and not variables:
            self.variables = self.folder / "variables"
            vm.secure_variables(self.variables)
        self.append, self.cmdline, self.initrd = append, cmdline, initrd
        self.lines, self.process = [], None  # (seconds since power-on, text)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.stop()

    def start(self):
        self.lines.clear()
        self.monitor = self.folder / "monitor"
        self.monitor.unlink(missing_ok=True)
        argv = vm.command(self.disk, self.variables, ((self.port, 443), (self.http_port, 80)), append=self.append,
                          monitor=f"unix:{self.monitor},server,nowait", cmdline=self.cmdline,
                          initrd=self.initrd)
        self.power_on = time.monotonic()
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append((time.monotonic() - self.power_on, line.decode(errors="replace").rstrip()))

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join(10)
        self.process.stdout.close()

    def type(self, *lines):
        """Types at the serial console."""
        self.process.stdin.write("".join(line + "\r" for line in lines).encode())
        self.process.stdin.flush()

    def text(self):
        return "\n".join(text for _, text in list(self.lines))

    def wait_line(self, pattern, seconds=120):
        """Waits for a line of the console -> (seconds since power-on, match)."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for when, text in list(self.lines):
                if m := re.search(pattern, text):
                    return when, m
            if self.process.poll() is not None and not self.reader.is_alive():
                break
            time.sleep(0.02)
        raise AssertionError(f"no line {pattern!r} within {seconds} s on the console:\n{self.text()[-4000:]}")

    def wait_end(self, seconds=60):
        return self.process.wait(seconds)

    def wait_end_or_line(self, pattern, seconds=120):
        """Waits until QEMU ends, as it does when the machine restarts, or the line is there."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None or re.search(pattern, self.text()):
                return
            time.sleep(0.05)
        raise AssertionError(f"neither an end nor {pattern!r} within {seconds} s:\n{self.text()[-4000:]}")

    def command(self, text):
        """One command of QEMU's monitor."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(self.monitor))
            s.sendall(text.encode() + b"\n")
            s.settimeout(2)
            try:
                while s.recv(4096):
                    pass
            except TimeoutError:
                pass

    def get(self, path="/", timeout=10):
        """-> (status, body, SHA-256 of the certificate); the certificate is for the caller to compare."""
        conn = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout,
                                           context=ssl._create_unverified_context())
        try:
            conn.request("GET", path)
            answer = conn.getresponse()
            seen = hashlib.sha256(conn.sock.getpeercert(True)).hexdigest()
            return answer.status, answer.read(), seen
        finally:
            conn.close()

    def wait_https(self, path="/", seconds=180):
        """Waits for HTTPS 200 -> (seconds since power-on, body, fingerprint)."""
        end, last = time.monotonic() + seconds, None
        # QEMU takes a connection before the machine can: one that is too early only hangs.
        self.wait_line(r"fingerprint: [0-9a-f]{64}", seconds)
        self.wait_line(re.escape(f"https://{vm.guest_address()}/"), seconds)
        while time.monotonic() < end:
            try:
                status, body, seen = self.get(path, timeout=5)
                if status == 200:
                    return time.monotonic() - self.power_on, body, seen
                last = status
            except (OSError, http.client.HTTPException) as e:
                last = repr(e)
            assert self.process.poll() is None, f"the machine ended:\n{self.text()[-4000:]}"
            time.sleep(0.05)
        raise AssertionError(f"no HTTPS 200 within {seconds} s ({last}):\n{self.text()[-4000:]}")


def raw_copy(folder):
    """A copy of the disk image that a test may damage."""
    path = Path(folder) / "disk.raw"
    subprocess.run(["cp", "--sparse=always", vm.image(), path], check=True)
    return path


def as_qcow2(raw):
    """A machine's disk over a raw image."""
    path = raw.with_suffix(".qcow2")
    vm.overlay(path, raw)
    return path


def change(path, at, mask=0x01):
    """Flips bits of one byte."""
    with open(path, "r+b") as f:
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ mask]))


def copy_within(path, source, target, size):
    with open(path, "r+b") as f:
        f.seek(source)
        data = f.read(size)
        f.seek(target)
        f.write(data)


def erase(path, at, size):
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(bytes(size))
