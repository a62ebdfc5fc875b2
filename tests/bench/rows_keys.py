"""Rows of `key` and the token: the programs in C beside this file measure, this reads their lines."""
import re
import shutil
import subprocess

from table import median


def program(s, name, *args):
    return subprocess.run([str(s.build / "tests/bench" / name), *args], check=True, capture_output=True, text=True).stdout


def rate(text, label):
    return float(re.search(rf"^{re.escape(label)}\s+([0-9.]+)", text, re.M).group(1))


def keys(table, s):
    signatures(table, s)
    stored(table, s)


def stored(table, s):
    folder = s.dir / "keys"
    folder.mkdir(mode=0o711)
    text = program(s, "core_keys", str(s.size), str(folder), "1" if s.size < 10000 else "4")
    v = {m[1]: float(m[2]) for m in re.finditer(r"^(\w+) ([0-9.]+)$", text, re.M)}
    shutil.rmtree(folder)
    peer = f"token objects, in memory: {v['token_first']:.0f}, then {v['token_last']:.0f} /s"
    for name, at in (("empty", "none"), ("some", "10,000"), ("full", f"{s.size:,}")):
        table.at_least(f"stored P-256 keys, at {at} stored", v[f"store_{name}"], "/s", 2000, peer,
                       v[f"store_{name}"] / v["token_first"])
    flat = v["store_full"] / v["store_empty"]
    table.add(f"the same, at {s.size:,} against at none (flat)", f"{v['store_full']:,.0f} /s", f"{v['store_empty']:,.0f} /s", flat)
    slower = v["sign_empty"] / v["sign_full"]
    table.add(f"sign with a stored key, at {s.size:,} against at 100", f"{v['sign_full']:,.0f} /s", f"{v['sign_empty']:,.0f} /s",
              slower, "<= 1.10", slower <= 1.1, f"{slower:.2f} times as long")


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
