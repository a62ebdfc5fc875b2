"""docs/features.md against the tree: endpoints are in routes.def, commands in src/ctl, pages in the router of the UI,
tests in tests/; each line of the contract stands once, and those of this release in one of the two tables."""
import os
import re
import sys
from pathlib import Path

TOP = Path(os.environ.get("LINT_TOP") or Path(__file__).resolve().parents[2])
DOC = TOP / "docs/features.md"
LAST = 447  # the lines after it say how open points of the contract are read
RELEASE = [(1, 16), (22, 27), (88, 105), (118, 188), (198, 214), (396, 399), (410, 431), (438, 447)]
MET = ["Line", "Feature", "Page", "Endpoint", "Command", "Test"]
MISSING = ["Line", "Feature", "What is missing"]
bad = []


def finding(line, text):
    bad.append(f"docs/features.md:{line}: {text}")


def text(path):
    return (TOP / path).read_text() if (TOP / path).exists() else ""


def endpoints():
    return set(re.findall(r'^ROUTE\((\w+),\s*"/api/v1([^"]*)"', text("src/model/routes.def"), re.M))


def commands():
    tables = sorted((TOP / "src/ctl").glob("*.def"))
    return {c for f in tables for c in re.findall(r'^COMMAND\("([^"]+)"', f.read_text(), re.M)}


def pages():
    """Patterns of the router, as expressions: a part with a colon fits any part."""
    paths = re.findall(r"\{ path: '([^']+)'", text("web/src/app.tsx"))
    return [re.compile("/".join("[^/]+" if p.startswith(":") else re.escape(p) for p in path.split("/"))) for path in paths]


def test_files():
    """Name of a file of tests -> its paths, so that a name alone says which."""
    files = {}
    for pattern in ("test_*.py", "test_*.c", "*.test.mjs"):
        for f in (TOP / "tests").rglob(pattern):
            files.setdefault(f.name, []).append(f)
    return files


def has_test(file, name):
    """C and Python: a function; the UI's tests: a title that begins so."""
    source = file.read_text()
    if file.suffix == ".mjs":
        return re.search(r"^\s*test\(['\"`]" + re.escape(name), source, re.M) is not None
    head = r"^(?:static )?void " if file.suffix == ".c" else r"^def "
    return re.search(head + re.escape(name) + r"\(", source, re.M) is not None


def check_test(line, ref, files):
    file, _, name = ref.partition("::")
    found = files.get(file, [])
    if len(found) != 1:
        finding(line, f"test {ref}: {len(found)} files of that name in tests/")
    elif not name or not has_test(found[0], name):
        finding(line, f"test {ref}: not in {found[0].relative_to(TOP)}")


def check_met(line, cells, known):
    routes, words, router, files = known
    page, endpoint, command, test = ([x for x in re.findall(r"`([^`]+)`", c)] for c in cells[2:])
    for what, found in (("page", page), ("endpoint", endpoint), ("command", command), ("test", test)):
        if not found:
            finding(line, f"no {what}: a line without one is not met")
    for p in page:
        if not any(r.fullmatch(p) for r in router):
            finding(line, f"page {p}: not in web/src/app.tsx")
    for e in endpoint:
        if tuple(e.split(" ", 1)) not in routes:
            finding(line, f"endpoint {e}: not in src/model/routes.def")
    for c in command:
        if c not in words:
            finding(line, f"command {c}: not in src/ctl")
    for t in test:
        check_test(line, t, files)


def take(line, first, last, seen):
    for n in range(first, last + 1):
        if n in seen:
            finding(line, f"{n:03d} stands in line {seen[n]} too")
        seen.setdefault(n, line)


def main():
    if not DOC.exists():
        return
    known = endpoints(), commands(), pages(), test_files()
    tables, seen, kind = {}, {}, None
    for line, row in enumerate(DOC.read_text().splitlines(), 1):
        cells = [c.strip() for c in row.strip("|").split("|")] if row.startswith("|") else None
        if cells in (MET, MISSING):
            kind = cells
        elif cells and kind and re.fullmatch(r"\d{3}", cells[0]) and len(cells) == len(kind):
            n = int(cells[0])
            take(line, n, n, seen)
            tables[n] = line
            if kind is MET or kind == MET:
                check_met(line, cells, known)
            elif not cells[2]:
                finding(line, f"{n:03d} does not say what is missing")
        elif cells and not set(row) <= set("|- "):
            finding(line, "neither a head nor a row of a table")
        elif m := re.match(r"- (\d{3})(?:-(\d{3}))? ", row):
            take(line, int(m[1]), int(m[2] or m[1]), seen)
    for first, last in RELEASE:
        for n in range(first, last + 1):
            if n not in tables:
                finding(1, f"{n:03d} belongs to this release and stands in no table")
    for n in range(1, LAST + 1):
        if n not in seen:
            finding(1, f"{n:03d} stands nowhere")


main()
print("\n".join(bad))
sys.exit(1 if bad else 0)
