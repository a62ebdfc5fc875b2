"""certkeep-parent with stand-ins for every process: start, restart, peers, PIN, workers, stop."""
import os
import pathlib
import queue
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

BUILD = pathlib.Path(os.environ.get("CERTKEEP_BUILD", "build/asan")).resolve()
NAMES = ("key", "core", "web", "ca", "sys")
PARTITIONS = ("control", "boot-a", "boot-b", "root-a", "root-b")
WAIT_S = 15

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="parent runs as root only")


class Parent:
    def __init__(self, tmp, bin_dir):
        self.state = tmp / "state"
        self.slots = tmp / "slots"
        self.slots.mkdir()
        for name in PARTITIONS:
            (self.slots / name).touch()
        self.lines = queue.Queue()
        self.log = []
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.process = subprocess.Popen(
            [BUILD / "bin/certkeep-parent", "--state", self.state, "--bin", bin_dir,
             "--listen-https", f"127.0.0.1:{self.port}", "--board", "vm-x86_64", "--slots", self.slots],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for pipe, put in ((self.process.stdout, self.lines.put), (self.process.stderr, self.log.append)):
            threading.Thread(target=self._read, args=(pipe, put), daemon=True).start()

    @staticmethod
    def _read(pipe, put):
        for line in pipe:
            put(line.rstrip("\n"))

    def expect(self, *texts):
        """Waits until each of the console lines has come, in any order."""
        missing = list(texts)
        end = time.monotonic() + WAIT_S
        while missing:
            try:
                line = self.lines.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no line {missing}; log: {self.log}") from None
            if line in missing:
                missing.remove(line)

    def pid(self, name):
        return int((self.state / "run" / f"{name}.pid").read_text())

    def kill(self, name):
        os.kill(self.pid(name), signal.SIGKILL)

    def logged(self, text):
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            if any(text in line for line in self.log):
                return True
            time.sleep(0.01)
        return False

    def children(self):
        found = []
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[1]) == self.process.pid:
                found.append(fields[0])
        return found

    def stop(self):
        self.process.terminate()
        return self.process.wait(WAIT_S)


@pytest.fixture
def bin_dir(tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in (*NAMES, "deploy"):
        shutil.copy(BUILD / "tests/doubles/echo_process", folder / f"certkeep-{name}")
    return folder


@pytest.fixture
def parent(tmp_path, bin_dir):
    p = Parent(tmp_path, bin_dir)
    p.expect("core: key answered 3", "web: key answered 3", "web: listens 0")
    yield p
    if p.process.poll() is None:
        p.process.kill()
        p.process.wait()


def test_starts_all(parent):
    for name in NAMES:
        assert parent.logged(f"process.ready process={name}")
        assert pathlib.Path(f"/proc/{parent.pid(name)}").exists()


def test_inherits_nothing_else(tmp_path, bin_dir):
    p = Parent(tmp_path, bin_dir)
    p.expect("key: inherited descriptors 4", "core: inherited descriptors 4", "web: inherited descriptors 4")
    assert p.stop() == 0


def test_makes_the_state_folders(parent):
    for name, uid, mode in (("", 0, 0o711), ("core", 61002, 0o700), ("key", 61001, 0o700),
                            ("public", 61002, 0o755), ("run", 0, 0o755)):
        st = (parent.state / name).stat()
        assert (st.st_uid, st.st_gid, st.st_mode & 0o7777) == (uid, uid, mode), name
    assert (parent.state / "run/key.pid").stat().st_mode & 0o777 == 0o644


def test_gives_the_slots_to_sys(parent):
    assert {(parent.slots / name).stat().st_uid for name in PARTITIONS} == {61006}


def test_environment_is_clean(parent):
    for name in NAMES:
        env = pathlib.Path(f"/proc/{parent.pid(name)}/environ").read_bytes().split(b"\0")[:-1]
        keys = {e.split(b"=")[0] for e in env}
        assert keys == {b"LANG", b"OPENSSL_CONF"} | ({b"SOFTHSM2_CONF"} if name == "key" else set())


def test_restarted_key_is_joined_again_and_gets_the_pin(parent):
    old = parent.pid("key")
    for _ in range(2):
        parent.kill("key")
        parent.expect("key: pin 4711", "core: key answered 3", "web: key answered 3")
    assert parent.pid("key") != old
    assert parent.logged("signal=9")


def test_restarted_key_has_the_pin_before_it_can_be_asked(parent):
    parent.kill("key")
    parent.expect("key: pin 4711", "key: peers before the pin 0")


def test_restarted_web_listens_again(parent):
    parent.kill("web")
    parent.expect("web: listens 0", "web: key answered 3")
    with socket.create_connection(("127.0.0.1", parent.port), 2):
        pass


def test_worker_is_started_stopped_and_dies_with_core(parent):
    core = parent.pid("core")
    os.kill(core, signal.SIGUSR1)
    parent.expect("core: hello of worker 1")
    os.kill(core, signal.SIGUSR2)
    parent.expect("core: worker ended 1")
    os.kill(core, signal.SIGUSR1)
    parent.expect("core: hello of worker 2")
    assert len(parent.children()) == len(NAMES) + 1
    parent.kill("core")
    parent.expect("core: key answered 3")
    assert parent.logged("process.died process=deploy instance=2")
    assert len(parent.children()) == len(NAMES)


def test_workers_are_limited(parent):
    core = parent.pid("core")
    for n in range(1, 33):
        os.kill(core, signal.SIGUSR1)
        parent.expect(f"core: hello of worker {n}")
    os.kill(core, signal.SIGUSR1)
    parent.expect("core: 32 workers run already -1")
    assert parent.stop() == 0


def test_stops_all_and_leaves_no_zombie(parent):
    parent.kill("ca")
    assert parent.logged("process.died process=ca")
    assert "Z" not in parent.children()
    pids = [parent.pid(n) for n in ("key", "core", "web")]
    assert parent.stop() == 0
    for pid in pids:
        assert not pathlib.Path(f"/proc/{pid}").exists()
    assert not list((parent.state / "run").glob("*.pid"))


def test_kills_what_does_not_stop(parent):
    os.kill(parent.pid("core"), signal.SIGSTOP)
    assert parent.stop() == 0
    assert any("process.killed process=core" in line for line in parent.log)


def test_tries_a_missing_program_again(tmp_path, bin_dir):
    (bin_dir / "certkeep-ca").unlink()
    p = Parent(tmp_path, bin_dir)
    end = time.monotonic() + WAIT_S
    while sum("process.died process=ca" in x and "status=127" in x for x in p.log) < 3:
        assert time.monotonic() < end, p.log
        time.sleep(0.01)
    assert p.stop() == 0


def test_refuses_bad_arguments(tmp_path):
    for args in ([], ["--state", "relative", "--listen-https", "127.0.0.1:1"],
                 ["--state", str(tmp_path), "--listen-https", "nowhere"],
                 ["--state", str(tmp_path), "--listen-https", "127.0.0.1:0x"]):
        r = subprocess.run([BUILD / "bin/certkeep-parent", *args], capture_output=True, text=True)
        assert r.returncode != 0
        assert "certkeep-parent: " in r.stderr
