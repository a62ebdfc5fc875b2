"""The rescue page over a disk made of files: what it says, what it refuses, and that what it takes is installed."""
import http.client
import re
import ssl
import subprocess

import pytest

from firmware import BOARD, BUILD, PIECE

RESCUE = BUILD / "tests/doubles/firmware_rescue"
LMS_AT = 608 + 700


class Rescue:
    def __init__(self, world):
        self.process = subprocess.Popen([RESCUE, world.disk, world.keys / "trust", BOARD], stdout=subprocess.PIPE, text=True)
        self.port = int(re.match(r"port=(\d+) ", self.process.stdout.readline())[1])

    def ask(self, method, path, body=None, **fields):
        conn = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60, context=ssl._create_unverified_context())
        try:
            conn.request(method, path, body=body, headers=fields)
            answer = conn.getresponse()
            return answer.status, answer.read().decode()
        finally:
            conn.close()


def lose(c):
    """What stage-0 leaves when slot a was started three times and never got healthy."""
    c.bytes[24], c.bytes[25] = 255, 255
    c.bytes[32 + 8:32 + 11] = bytes([0, 0, 7])


@pytest.fixture
def rescue(world):
    world.lay(world.bundle("1.bundle", rollback=2))
    world.start("a")
    world.update("bless")
    world.change_control(lose)
    r = Rescue(world)
    yield r
    r.process.kill()
    r.process.wait()


def test_rescue_page_says_why(rescue):
    status, page = rescue.ask("GET", "/", Accept="text/html")
    assert status == 200
    assert "<dt>Slot a</dt><dd>it was started and did not prove healthy</dd>" in page
    assert "<dt>Slot b</dt><dd>nothing complete is in it</dd>" in page
    assert "<dt>Lowest rollback index</dt><dd>2</dd>" in page
    assert 'action="/bundle"' in page and 'type=file' in page and "<script" not in page


def test_rescue_refuses_what_is_not_a_right_bundle(rescue, world):
    good = world.bundle("2.bundle", version="2.0", rollback=2).read_bytes()
    one, piece = bytearray(good), bytearray(good)
    one[LMS_AT] ^= 1
    piece[2 * PIECE + 5] ^= 1
    before = [(world.disk / p).read_bytes() for p in ("boot-a", "root-a")]
    for data, words in (
        (one, "LMS signature"),
        (world.bundle("old.bundle", version="0.9", rollback=1).read_bytes(), "older than this appliance may go back to"),
        (world.bundle("board.bundle", version="2.0", rollback=2, board="other").read_bytes(), "board"),
        (b"not a bundle", "piece 0: 12 bytes"),
        (b"", "no bundle was chosen"),
        (piece, "piece 2: its hash"),
        (good[:2 * PIECE + 1000], "piece 2: 1000 bytes"),
        (good[:2 * PIECE], "not complete: piece 2 comes next"),
    ):
        status, told = rescue.ask("PUT", "/bundle", bytes(data))
        assert 400 <= status < 500 and words in told, (words, told)
        assert world.status()["slot.b.commit"] == "0"
    assert rescue.ask("GET", "/api/v1/state")[0] == 404
    assert [(world.disk / p).read_bytes() for p in ("boot-a", "root-a")] == before
    assert rescue.process.poll() is None


def test_rescue_installs_a_torn_upload_once_it_is_sent_again(rescue, world):
    bundle = world.bundle("2.bundle", version="2.0", rollback=2)
    data = bundle.read_bytes()
    assert "not complete: piece 2 comes next" in rescue.ask("PUT", "/bundle", data[:2 * PIECE])[1]
    assert world.status()["update.next"] == "2"
    told = subprocess.run(["curl", "-sk", "-H", "Accept: text/html", "-F", f"bundle=@{bundle}",
                           f"https://127.0.0.1:{rescue.port}/bundle"], capture_output=True, text=True, check=True).stdout
    assert "The bundle is in slot b and was read back." in told
    assert rescue.process.wait(20) == 0, "the machine is to be restarted"
    now = world.status()
    assert (now["slot.b.version"], now["slot.b.tries"], now["slot.b.commit"]) == ("2.0", "3", "2")
    assert "2.0" in world.update("check", "b")


def test_rescue_page_is_what_a_browser_can_show(rescue, tmp_path):
    """Chromium shows it in both themes and on a phone, without a message on its console."""
    for size in ("1280,800", "390,780"):
        picture = tmp_path / f"{size}.png"
        told = subprocess.run(["chromium", "--headless", "--no-sandbox", "--ignore-certificate-errors", "--enable-logging=stderr",
                               f"--window-size={size}", f"--screenshot={picture}", f"https://127.0.0.1:{rescue.port}/"],
                              capture_output=True, text=True, check=True, timeout=120).stderr
        assert picture.stat().st_size > 5000
        assert "CONSOLE" not in told, "nothing of the page is refused by its own policy"
