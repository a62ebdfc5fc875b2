"""Rows of `key` and the token: the programs in C beside this file measure, this reads their lines."""
import re
import subprocess

from table import median


def program(s, name, *args):
    return subprocess.run([str(s.build / "tests/bench" / name), *args], check=True, capture_output=True, text=True).stdout


def rate(text, label):
    return float(re.search(rf"^{re.escape(label)}\s+([0-9.]+)", text, re.M).group(1))


def keys(table, s):
    signatures(table, s)


def signatures(table, s):
    runs = [program(s, "bench_key", "1" if s.size < 10000 else "3") for _ in range(3)]
    bare = [rate(t, "bare module, C_SignInit and C_Sign") for t in runs]
    bulk = [rate(t, "messages, 32 under way") for t in runs]
    one = [rate(t, "messages, one at a time") for t in runs]
    ratio = median(b / x for b, x in zip(bulk, bare))
    table.add("signatures through key, 32 under way", f"{median(bulk):,.0f} /s", f"C_Sign {median(bare):,.0f} /s", ratio,
              ">= 0.95", ratio >= 0.95, f"{100 * ratio:.0f} %")
    over = median(1e6 / o - 1e6 / b for o, b in zip(one, bare))
    table.at_most("signature one at a time, on top of the bare module", over, "us", 60,
                  f"C_Sign {1e6 / median(bare):.0f} us", digits=0)
