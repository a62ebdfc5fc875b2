"""An appliance whose machine is a folder: slots in files, as certkeep-update's own tests have them."""
import contextlib

import pytest

from appliance import Appliance
from firmware import BOARD, Control, World, sign


class Machine(World):
    """Slot a holds version 1.0 and runs; `start` is what stage-0 leaves behind."""

    def __init__(self, folder):
        for p in (folder, *folder.parents):  # the users of sys and core pass through
            if str(p).startswith("/tmp/"):
                p.chmod(p.stat().st_mode | 0o011)
        sign("keygen", folder / "keys")
        super().__init__(folder, folder / "keys")
        self.lay(self.bundle("1.bundle"))
        self.disk.chmod(0o755)
        self.keys.chmod(0o755)
        (self.keys / "trust").chmod(0o644)
        self.start("a")

    @contextlib.contextmanager
    def appliance(self, state=None, **more):
        extra = ["--board", BOARD, "--slots", str(self.disk), "--trust", str(self.keys / "trust"),
                 *more.pop("extra", [])]
        a = Appliance(state=state or self.folder / "state", log=self.folder / "log", extra=extra, **more)
        with a:
            yield a
        for words in ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:"):
            assert words not in a.log_text(), a.log_text()[a.log_text().index(words):][:3000]

    def blessed(self, slot):
        """Read from the disk: the updater serves one caller at a time."""
        return Control((self.disk / "control").read_bytes()).slot(slot)[2] == 1

    def install(self, version, **more):
        """The whole update from slot a into slot b, without an appliance; slot a stays the one that runs."""
        self.update("bless")
        self.upload(self.bundle(f"{version}.bundle", version=version, **more))
        self.update("commit")

    def older_other(self):
        """Slot b holds an older system that may be started; slot a is new and has had one of its three starts."""
        self.install("0.9")
        self.change_control(lambda c: c.put("a", commit=3, tries=2, blessed=0))


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    return Machine(tmp_path_factory.mktemp("machine"))


@pytest.fixture(scope="module")
def box(machine):
    with machine.appliance() as a:
        a.set_up()
        yield a
