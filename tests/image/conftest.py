"""Tests of the image that `make image` made: its contents, and what it does when it is booted in QEMU.

They run in the root that makes images. One machine is booted per way of booting and shared by its tests.
"""
import os
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / p) for p in ("tests/image", "board/common", "tests", "tests/hosts", "tests/demo")]

from machine import Machine, image_parts  # noqa: E402

FIGURES = []


@pytest.fixture
def figure():
    """Notes a figure that is printed at the end: figure("root file system", "11.4 MB", "at most 20 MB")."""
    return lambda name, value, gate="": FIGURES.append((name, value, gate))


@pytest.fixture(scope="session")
def parts(tmp_path_factory):
    return image_parts(tmp_path_factory.mktemp("parts"))


@pytest.fixture(scope="session")
def direct(tmp_path_factory):
    with Machine(tmp_path_factory.mktemp("direct"), append="loglevel=7") as m:
        yield m


@pytest.fixture(scope="session")
def secure(tmp_path_factory):
    with Machine(tmp_path_factory.mktemp("secure"), uefi=True) as m:
        yield m


def pytest_terminal_summary(terminalreporter):
    counts = {k: len(terminalreporter.stats.get(k, [])) for k in ("passed", "failed", "error")}
    for name, value, gate in FIGURES:
        terminalreporter.write_line(f"{name}: {value}{f' (gate: {gate})' if gate else ''}")
    Path(os.environ["RESULT"]).write_text(f"{counts['passed']} passed, {counts['failed'] + counts['error']} failed\n")
