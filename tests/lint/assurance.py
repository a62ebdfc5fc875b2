"""docs/assurance.md against the tree: each row names a test that exists, or says that the point is not met."""
import os
import re
import sys
from pathlib import Path

TOP = Path(os.environ.get("LINT_TOP") or Path(__file__).resolve().parents[2])
DOC = TOP / "docs/assurance.md"


def has_test(file, name):
    found = [f for f in (TOP / "tests").rglob(file)]
    head = r"^(?:static )?void " if file.endswith(".c") else r"^def "
    return any(re.search(head + re.escape(name) + r"\(", f.read_text(), re.M) for f in found)


def findings():
    for line, row in enumerate(DOC.read_text().splitlines() if DOC.exists() else [], 1):
        cells = [c.strip() for c in row.strip("|").split("|")]
        if not row.startswith("|") or cells[0] == "Point" or set(row) <= set("|- "):
            continue
        tests = re.findall(r"`(test_\w+\.(?:py|c))::(\w+)`", cells[-1])
        if not tests and "*not met*" not in row:
            yield f"{DOC.name}:{line}: {cells[0]}: neither a test nor *not met*"
        for file, name in tests:
            if not has_test(file, name):
                yield f"{DOC.name}:{line}: {cells[0]}: no test {file}::{name}"


bad = list(findings())
print("\n".join(bad))
sys.exit(1 if bad else 0)
