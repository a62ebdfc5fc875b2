#!/usr/bin/env python3
"""What `make bench` runs: the groups of rows one after the other, then the table."""
import os
import sys
import traceback
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests"), str(TOP / "tests/hosts"), str(TOP / "tests/demo"), str(TOP / "tests/bench")]
import rows_appliance  # noqa: E402
import rows_deploy  # noqa: E402
import rows_keys  # noqa: E402
from table import Table, machine  # noqa: E402

GROUPS = {"keys": rows_keys.keys, "orders": rows_appliance.orders, "reads": rows_appliance.reads, "deploy": rows_deploy.deploy,
          "lists": rows_appliance.lists}


def main():
    size = int(os.environ.get("SIZE") or 100000)
    only = [g for g in os.environ.get("ONLY", "").split(",") if g] or list(GROUPS)
    if wrong := [g for g in only if g not in GROUPS]:
        sys.exit(f"ONLY: expected some of {','.join(GROUPS)}, not {','.join(wrong)}")
    table, failed, about = Table(), [], machine(TOP, size)
    print(*about, sep="\n", flush=True)
    setting = rows_appliance.Setting(TOP, size)
    try:
        for g in only:
            print(f"== {g}", flush=True)
            try:
                GROUPS[g](table, setting)
            except Exception:  # the other groups are still worth measuring
                traceback.print_exc()
                failed.append(g)
    finally:
        setting.close()
    text = "\n".join([*about, "", table.text()] + [f"\nCould not be measured: {g}" for g in failed]) + "\n"
    (TOP / "build/bench.md").write_text(text)
    print("\n" + text, end="")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
