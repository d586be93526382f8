#!/usr/bin/env python3
"""gates.py: count what a request, a connection and an idle connection cost, and compare the counts
with gates.json. Noise does not change them. Exits 1 when a count has risen.

    loadtest/bench/gates.py                    compare
    loadtest/bench/gates.py --accept REASON    write the changed counts and the reason to gates.json
    loadtest/bench/gates.py --rivals           compare instructions with nginx's and HAProxy's, too
"""
import argparse
import json
import os
import signal
import sys
import tempfile

import contender
import counts
import machine
import workload
from sample import Gen

BASELINE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "gates.json")
# How far a count may be above its baseline; one that is not named here may not rise at all. The
# kernel decides which events of a connection arrive together, and another process on the CPU
# changes that: the waits of a connection depend on it, and up to 4 % of its instructions.
SHARE = {"instructions_per_request": 0.01, "instructions_per_connection": 0.06, "bytes_per_idle_connection": 0.02}
ROOM = {"waits_per_request": 0.05, "waits_per_connection": 1, "locked_per_request": 0.05, "locked_per_connection": 3}
TRIES = 4
WHOLE = ("instructions", "bytes")  # the others keep one decimal: one timer more in a run does not show


def rounded(name, value):
    return round(value) if name.startswith(WHOLE) else round(value, 1) + 0.0  # never -0.0


def measure(scratch):
    found = {}
    for unit in counts.UNITS:
        found.update(counts.slope(counts.callgrind, "staunch", scratch, unit))
        found.update(counts.slope(counts.strace, "staunch", scratch, unit))
    found.update(counts.idle_bytes("staunch", scratch))
    return {name: rounded(name, value) for name, value in found.items()}


def measure_calmly(scratch, baseline):
    """Measures again while a count seems to have risen: other work on the machine can only add."""
    found = measure(scratch)
    for _ in range(TRIES - 1):
        if not any(verdict(name, value, baseline) == ("RISEN", True) for name, value in found.items()):
            break
        again = measure(scratch)
        found = {name: min(value, again[name]) for name, value in found.items()}
    return found


def verdict(name, value, baseline):
    """(the word for it, whether it fails the gate)."""
    if name not in baseline:
        return "new", True
    known = baseline[name]["value"]
    room = known * SHARE.get(name, 0) + ROOM.get(name, 0)
    if value > known + room:
        return "RISEN", True
    return ("fallen", False) if value < known - room else ("ok", False)


def compare(found, baseline):
    worse = 0
    for name, value in found.items():
        word, bad = verdict(name, value, baseline)
        worse += bad
        known = f"   baseline {baseline[name]['value']:>10,}" if name in baseline else ""
        print(f"  {word:<7} {name:<32} {value:>10,}{known}")
        if word == "RISEN":
            print(f"          {baseline[name]['reason']}")
    print(f"{len(found) - worse} passed, {worse} failed")
    return worse


def accept(found, baseline, reason):
    """Writes only what left its tolerance: a value that creeps within it keeps its old baseline."""
    for name, value in found.items():
        if verdict(name, value, baseline)[0] != "ok":
            baseline[name] = {"value": value, "reason": reason}
    with open(BASELINE, "w", encoding="utf-8") as f:
        json.dump({name: baseline[name] for name in found}, f, indent="\t")
        f.write("\n")


def rivals(found, scratch):
    for name in ("nginx", "haproxy"):
        for unit in counts.UNITS:
            key = f"instructions_per_{unit}"
            theirs = counts.slope(counts.callgrind, name, scratch, unit)[key]
            print(f"  {key}: staunch {found[key]:,}, {name} {theirs:,.0f}, ratio {found[key] / theirs:.2f}")


def main():
    parser = argparse.ArgumentParser(description="compare what a request costs with gates.json", allow_abbrev=False)
    parser.add_argument("--accept", metavar="REASON", help="write the changed counts to gates.json")
    parser.add_argument("--rivals", action="store_true", help="count nginx's and HAProxy's instructions, too")
    o = parser.parse_args()
    machine.enter_namespace()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    baseline = json.loads(machine.read(BASELINE)) if os.path.exists(BASELINE) else {}
    with tempfile.TemporaryDirectory(prefix="staunch-gates.") as scratch:
        echo = Gen(machine.cpus()[0], "echo", workload.BACKENDS["echo"])
        echo.line()
        found = measure_calmly(scratch, baseline)
        if o.rivals:
            rivals(found, scratch)
    if o.accept:
        accept(found, baseline, o.accept)
        return
    sys.exit(1 if compare(found, baseline) else 0)


if __name__ == "__main__":
    main()
