"""The table of `make bench`: one row for each figure, with its peer of the same run and its gate."""
import os
import platform
import statistics
import subprocess
from pathlib import Path

HEAD = ("figure", "measured", "peer", "ratio", "gate", "result")


class Table:
    def __init__(self):
        self.rows = []

    def add(self, figure, measured, peer="", ratio=None, gate="", met=None, off=""):
        """`met` None: nothing is demanded of this row. `off`: how far it is off when not met."""
        result = "" if met is None else "met" if met else f"NOT MET, {off}"
        self.rows.append((figure, measured, peer, "" if ratio is None else f"{ratio:.2f}", gate, result))
        print(f"  {figure}: {measured}" + (f", {result}" if result else ""), flush=True)

    def at_least(self, figure, value, unit, gate, peer="", ratio=None):
        self.add(figure, f"{value:,.0f} {unit}", peer, ratio, f">= {gate:,} {unit}", value >= gate,
                 f"{100 * value / gate:.0f} % of the gate")

    def at_most(self, figure, value, unit, gate, peer="", ratio=None, digits=1):
        self.add(figure, f"{value:,.{digits}f} {unit}", peer, ratio, f"<= {gate:,} {unit}", value <= gate,
                 f"{value / gate:.1f} times the gate")

    def text(self):
        rows = [HEAD, *self.rows]
        wide = [max(len(r[i]) for r in rows) for i in range(len(HEAD))]
        lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(r, wide)) + " |" for r in rows]
        lines.insert(1, "|" + "|".join("-" * (w + 2) for w in wide) + "|")
        return "\n".join(lines)


def median(values):
    return statistics.median(values)


def machine(top, size):
    """What the figures depend on, one line each. Load of others at the start tells how noisy it was."""
    cpu = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.machine())
    git = subprocess.run(["git", "-c", f"safe.directory={top}", "-C", str(top), "describe", "--always", "--dirty"],
                         capture_output=True, text=True)
    commit = git.stdout.strip() or os.environ.get("COMMIT", "unknown")
    only = f" ONLY={os.environ['ONLY']}" if os.environ.get("ONLY") else ""
    return [f"{os.cpu_count()} x {cpu}, Linux {platform.release()}, load of 1 minute before: {os.getloadavg()[0]:.1f}",
            f"commit {commit}, command: make bench SIZE={size}{only}"]
