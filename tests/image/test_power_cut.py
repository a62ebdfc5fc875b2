"""The machine loses power, again and again, while its store is written: every start finds a good slot, all that was
answered for, and the audit chain whole. CUTS=n cuts so often (make soak); SEED repeats the moments.

The cut is a SIGKILL of QEMU. What the machine wrote and did not flush is lost with it as far as it was to go to
clusters that were not used since the start: their table is in QEMU's memory. Each start is therefore on a new layer,
in clusters of 4 KiB."""
import http.client
import os
import random
import subprocess
import threading
import time

import pytest
import vm
from appliance import ApiError
from box import Box
from machine import Machine

CUTS = int(os.environ.get("CUTS") or 30)
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
WRITING = 2.0  # the longest time of writing before a cut, seconds
BLESS_EVERY = 5  # a start takes a try, and there are 7 of them: so often the cut waits until the slot proved healthy


class Layers:
    """A disk that keeps what was on it at a cut, and a fresh layer for each start."""

    def __init__(self, folder):
        self.kept, self.top = folder / "kept.qcow2", folder / "disk.qcow2"
        vm.overlay(self.kept, vm.image())
        self.renew()

    def renew(self):
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=4096", "-F", "qcow2", "-b", self.kept,
                        self.top], check=True)

    def keep(self):
        subprocess.run(["qemu-img", "commit", "-q", self.top], check=True)
        self.renew()


class Writer(threading.Thread):
    """Makes records of one kind until the power goes, and remembers what was answered for."""

    def __init__(self, box, path, body):
        super().__init__(daemon=True)
        self.box, self.path, self.body = box, path, body
        self.answered, self.problem = [], None

    def run(self):
        while True:
            try:
                self.answered.append(self.box.post(self.path, self.body())["id"])
            except (OSError, http.client.HTTPException, ValueError):
                return  # the power is gone
            except ApiError as e:
                self.problem = e
                return


class World:
    def __init__(self, folder):
        self.layers, self.number = Layers(folder), 0
        self.machine = Machine(folder, disk=self.layers.top)
        self.box = Box(self.machine)
        self.promised = {"/servers": set(), "/certificates": set()}

    def first_run(self):
        self.machine.start()
        self.ca = self.box.first_run()["id"]
        self.wait_healthy()
        self.stop()

    def wait_healthy(self, seconds=120):
        end = time.monotonic() + seconds
        while not any(s["running"] and s["healthy"] for s in self.box.again(self.box.get, "/system")["slots"]):
            assert time.monotonic() < end, "the slot does not prove healthy"
            time.sleep(0.2)

    def name(self):
        self.number += 1
        return f"n{self.number}.cut.example"

    def stop(self):
        """Cuts the power; what is on the disk then is what the next start finds."""
        self.machine.stop()
        self.layers.keep()

    def start(self):
        self.machine.start()
        self.machine.wait_line(r"stage-0: slot a, version ")
        self.box.unlock_again()

    def check(self):
        for path, ids in self.promised.items():
            lost = ids - self.box.again(self.box.all_ids, path)
            assert not lost, f"{path}: {sorted(lost)} were answered for and are gone"
        self.box.again(self.box.verify_audit)

    def write_until(self, wait):
        writers = [Writer(self.box, "/servers", lambda: {
                       "description": self.name(), "address": "192.0.2.1", "server_type": "nginx", "username": "x",
                       "login": "password", "password": "secret"}),
                   Writer(self.box, "/certificates", lambda: {"name": self.name(), "connector": self.ca})]
        for w in writers:
            w.start()
        wait()
        self.stop()
        for w in writers:
            w.join(30)
            assert w.problem is None, w.problem
            self.promised[w.path] |= set(w.answered)


@pytest.mark.timeout(600 + 120 * CUTS)
def test_power_cuts_while_the_store_is_written(tmp_path, figure):
    rng = random.Random(SEED)
    w = World(tmp_path)
    try:
        w.first_run()
        for n in range(CUTS):
            w.start()
            w.check()
            moment = rng.random() * WRITING
            w.write_until(lambda: (n % BLESS_EVERY or w.wait_healthy(), time.sleep(moment)))
        w.start()
        w.check()
    except Exception as e:
        raise AssertionError(f"seed {SEED}, {w.number} writes: {e}") from e
    finally:
        w.machine.stop()
    kept = sum(len(ids) for ids in w.promised.values())
    assert kept > CUTS, "hardly anything was written"
    figure("power cuts while the store was written", f"{CUTS}, {kept} records answered for, none lost, seed {SEED}")
