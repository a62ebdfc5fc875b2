"""Kconfig: few symbols, each explained, and a default configuration per board that names its own folder."""
from pathlib import Path

import kconfiglib
import pytest

TOP = Path(__file__).resolve().parents[2]
BOARDS = sorted(p.parent.name for p in TOP.glob("board/*/defconfig"))


def config(monkeypatch, board=None):
    monkeypatch.chdir(TOP)
    k = kconfiglib.Kconfig("Kconfig")
    if board:
        k.load_config(f"board/{board}/defconfig")
    return k


def test_symbols_are_few_and_explained(monkeypatch):
    k = config(monkeypatch)
    assert 0 < len(k.unique_defined_syms) < 30
    for node in k.node_iter():
        if isinstance(node.item, kconfiglib.Symbol) and node.prompt:
            assert node.help, f"{node.item.name} has no help"


@pytest.mark.parametrize("board", BOARDS)
def test_board_has_what_an_image_needs(monkeypatch, board):
    k = config(monkeypatch, board)
    assert k.syms["BOARD"].str_value == board
    assert not k.warnings
    for name in ("kernel.package", "modules", "cmdline"):
        assert (TOP / "board" / board / name).read_text().strip(), f"board/{board}/{name}"


def test_there_are_two_boards():
    assert BOARDS == ["rack-x86_64", "vm-x86_64"]
