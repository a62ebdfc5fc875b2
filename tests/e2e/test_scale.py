"""The whole appliance on a store of many thousands of certificates: it starts, lists, sums up and renews in bounded
steps. What an answer costs is counted in records looked at, not by a clock: the machine may be busy."""
import os
import re
import subprocess
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest
from appliance import Appliance
from conftest import TOP

FILL = Path(os.environ.get("BUILD", TOP / "build/asan")) / "tests/bench/core_fill"
SIZE, DUE = 17000, 3000
STUCK = 60          # of core_fill: what is due first names no CA
EXAMINE = 2000      # QUERY_EXAMINE: records one page may look at
STEP = 50           # BATCH of src/core/flow/schedule.c: renewals one round may start
GROWTH_MIB = 8


def memory(a):
    """Core's resident memory in MiB, without the mapping of the store, which is the kernel's page cache."""
    kib, counted = 0, True
    for line in Path(f"/proc/{a.pid('core')}/smaps").read_text().splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            counted = not line.endswith("/data.mdb")
        elif counted and line.startswith("Rss:"):
            kib += int(line.split()[1])
    return kib / 1024


def refill(a, *arguments):
    """Stops the appliance, adds certificates, starts it again."""
    a.stop()
    subprocess.run([FILL, a.state / "core", *map(str, arguments)], check=True)
    a.start()
    a.unlock()


@pytest.fixture(scope="module")
def a():
    """The product's own build: a sanitizer keeps what was freed, and so is never flat."""
    with Appliance(build=TOP / "build/dev") as a:
        a.set_up()
        for _ in range(100):
            a.get("/certificates", sort="not_after", limit=500)
            a.get("/home")
        a.small = memory(a)
        refill(a, SIZE)
        yield a


def page_of(a, path="/certificates", **query):
    page = a.get(path, **query)
    assert page["examined"] <= EXAMINE, f"{path} {query} looked at {page['examined']} records"
    return page


def walk(a, **query):
    """All records of a list, page by page; how many it looked at in all."""
    items, examined, cursor = [], 0, {}
    while True:
        page = page_of(a, limit=500, **query, **cursor)
        items += page["items"]
        examined += page["examined"]
        if page["next"] is None:
            return items, examined
        cursor = {"cursor": page["next"]}


def filled():
    """What core_fill made, row by row: (name, status)."""
    statuses = ("Discovered", "Deployed", "Deployed", "Deployed", "Rolled Back")
    for i in range(SIZE):
        yield f"host-{i:07}.example.com", statuses[i * 2654435761 % 2**32 % 5]


def test_lists_are_whole_and_in_order(a):
    names = sorted(n for n, _ in filled())
    assert page_of(a)["total"] == SIZE
    items, _ = walk(a, sort="name")
    assert [x["name"] for x in items] == names
    items, _ = walk(a, sort="-not_after")
    ends = [x["not_after"] for x in items]
    assert ends == sorted(ends, reverse=True) and len({x["id"] for x in items}) == SIZE


def test_filters_and_search_find_all_and_look_no_further(a):
    deployed = sorted(n for n, s in filled() if s == "Deployed")
    items, _ = walk(a, filter="status:equals:Deployed", sort="name")
    assert [x["name"] for x in items] == deployed
    assert page_of(a, filter="status:equals:Deployed")["total"] == len(deployed)
    items, examined = walk(a, filter=["status:equals:Deployed", "name:contains:99.example"])
    assert {x["name"] for x in items} == {n for n in deployed if "99.example" in n} and examined <= 2 * SIZE
    items, examined = walk(a, q="nothing has this")
    assert items == [] and SIZE <= examined <= 2 * SIZE
    one = page_of(a, filter="name:equals:host-0001234.example.com")
    assert len(one["items"]) == 1 and one["examined"] <= 2, "an index knows where it is"


def test_home_counts_them(a):
    home = a.get("/home")
    now = datetime.now(timezone.utc).strftime("%d-%b-%Y")
    expired = sum(1 for x in walk(a, filter=f"not_after:before:{now}")[0])
    assert home["counts"]["certificates"] == SIZE
    assert abs(home["counts"]["expired"] - expired) < SIZE / 300, "the day is not the second"
    assert all(len(v) <= 50 for v in home.values() if isinstance(v, list))


def test_thousands_due_become_jobs_step_by_step(a):
    refill(a, DUE, DUE, a.get("/connectors")["items"][0]["id"])
    before = page_of(a, "/jobs")["total"]
    begun, most, answers, end = 0, 0, 0, time.monotonic() + 240
    while begun < 2 * STEP:
        assert time.monotonic() < end, f"{begun} renewals have begun\n{a.log_text()[-2000:]}"
        page_of(a, sort="renew_at", limit=500)
        page_of(a, "/orders", sort="-created_at")
        total = page_of(a, "/jobs", sort="-created_at")["total"] - before
        most, begun, answers = max(most, total - begun), total, answers + 3
        time.sleep(0.05)
    assert most <= STEP + 2, f"{most} jobs were made between two answers"  # and a check of the local CA
    assert answers > 20
    held = set(re.findall(r"renew.start cert=(\S+) error=.*choose a connector", a.log_text()))
    assert len(held) >= STUCK, "what cannot be renewed is put off, and does not stand before the others"
    while (issued := page_of(a, filter="status:equals:Issued")["total"]) < STEP:
        assert time.monotonic() < end, f"{issued} are issued\n{a.log_text()[-2000:]}"
        time.sleep(0.2)


def test_memory_is_flat(a):
    grown = memory(a) - a.small
    assert grown <= GROWTH_MIB, f"core grew by {grown:.1f} MiB from none to {SIZE + DUE} certificates"
