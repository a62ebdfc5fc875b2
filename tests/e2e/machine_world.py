"""An appliance whose machine is a folder: slots in files, as certkeep-update's own tests have them."""
import contextlib

from appliance import Appliance
from firmware import BOARD, World, sign


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
