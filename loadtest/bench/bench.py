#!/usr/bin/env python3
"""bench.py: compare staunch with nginx, HAProxy and the floors on the same work in one run.

    loadtest/bench/bench.py [--quick] [--only WORKLOAD,...] [--contenders NAME,...] [--rounds N]
                            [--seconds S] [--out DIR] [--keep]

Rounds are interleaved: each round goes through every workload, and each workload through every
contender, so that other work on the machine disturbs all contenders alike. The driver repeats a
disturbed measurement, and marks it if it stays disturbed. loadtest/README.md says how to read the
report.
"""
import argparse
import os
import signal
import sys
import tempfile
import time

import contender
import machine
import report
import results
import workload
from contender import Running

TRIES = 3
QUICK_SECONDS = 105  # for all measurements; the plots get the rest of the two minutes


def options():
    parser = argparse.ArgumentParser(description="compare staunch with nginx and HAProxy", allow_abbrev=False)
    names = ", ".join(load.name for load in workload.ALL)
    parser.add_argument("--quick", action="store_true", help="a part of the workloads, in two minutes")
    parser.add_argument("--only", default="", metavar="WORKLOAD,...", help=f"of: {names}")
    parser.add_argument("--contenders", default="", metavar="NAME,...", help=f"of: {', '.join(contender.ALL)}")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="of one measurement")
    parser.add_argument("--out", default="build/bench")
    parser.add_argument("--keep", action="store_true", help=f"also write {results.KEPT}/DATE.json, to be committed")
    o = parser.parse_args()
    o.rounds = o.rounds or (3 if o.quick else 5)
    o.seconds = o.seconds or (0.5 if o.quick else 10)
    for word, known in ((o.only, [load.name for load in workload.ALL]), (o.contenders, contender.ALL)):
        for name in filter(None, word.split(",")):
            if name not in known:
                parser.error(f"unknown name: {name} (known: {', '.join(known)})")
    return o


def in_quick_run(load, name):
    """Whether a quick run measures it. Tuning changes little for small messages, so only for bulk."""
    most = ("floor-epoll", "floor-splice", "staunch", "nginx", "haproxy", *workload.TLS_DEFAULT)
    return name in most or (load.bulk and "tuned" in name)


def plan(o):
    """[(workload, [contender names])], as the options ask."""
    only, names = set(filter(None, o.only.split(","))), set(filter(None, o.contenders.split(",")))
    chosen = []
    for load in workload.ALL:
        if load.name not in only and (only or (o.quick and not load.quick)):
            continue
        who = [name for name in load.contenders if name in names or not names]
        if o.quick and not names:
            who = [name for name in who if in_quick_run(load, name)]
        if who:
            chosen.append((load, who))
    if not chosen:
        sys.exit("loadtest: none of --contenders takes part in --only's workloads")
    return chosen


class Progress:
    """One line: the running measurement, its number, the time left."""

    def __init__(self, total):
        self.total, self.done, self.began = total, 0, time.monotonic()
        self.live = sys.stderr.isatty()

    def show(self, text):
        spent = time.monotonic() - self.began
        left = f"{spent / self.done * (self.total - self.done):.0f} s left" if self.done else "starting"
        line = f"[{self.done + 1}/{self.total}] {left:>12}  {text}"
        print(f"\r\033[K{line}" if self.live else line, end="" if self.live else "\n", file=sys.stderr, flush=True)

    def end(self):
        print("\r\033[K" if self.live else "", end="", file=sys.stderr, flush=True)


class Driver:
    def __init__(self, o, scratch):
        tool_cpu, proxy_cpu = machine.cpus()
        os.sched_setaffinity(0, {tool_cpu})
        self.o, self.scratch = o, scratch
        self.plan = plan(o)
        total = sum(len(who) * self.rounds_of(load) for load, who in self.plan)
        if o.keep and total > results.KEPT_RUNS:
            sys.exit(f"loadtest: --keep takes at most {results.KEPT_RUNS} measurements and this run makes {total}: "
                     f"lower --rounds, or name fewer workloads with --only")
        self.progress = Progress(total)
        self.end = time.monotonic() + QUICK_SECONDS if o.quick else None
        contender.make_certificate(scratch)
        served = workload.BACKENDS.keys() - set(workload.NOT_SERVED)
        servers = {kind: workload.server(tool_cpu, kind) for kind in sorted(served)}
        for gen in servers.values():
            gen.line()
        self.bench = workload.Bench(tool_cpu, proxy_cpu, o.seconds, o.quick, servers)

    def rounds_of(self, load):
        """Memory hardly varies between rounds: two rounds are enough, and one in a quick run."""
        return min(self.o.rounds, 1 if self.o.quick else 2) if load.how == "hold" else self.o.rounds

    def start(self, name, load):
        pin = self.bench.proxy_cpu if load.workers == 1 else None
        return Running(contender.ALL[name], self.scratch, workload.BACKENDS[load.backend], load.workers,
                       load.bulk, pin)

    def find_maxima(self):
        """Finds each contender's maximum. The fixed rates are shares of the slowest one's."""
        for how in ("rate", "connect"):
            loads = [(load, who) for load, who in self.plan if load.options.get("load") and load.maximum() == how]
            names = {name for _, who in loads for name in who if contender.ALL[name].kind not in ("direct", "floor")}
            self.bench.maxima[how] = {}
            for name in sorted(names):
                self.progress.show(f"maximum, {how}: {name}")
                running = self.start(name, loads[0][0])
                self.bench.maxima[how][name] = workload.find_maximum(self.bench, loads[0][0], running)
                running.stop()

    def measure(self, load, name, number):
        """Measures until a run is undisturbed or time is up. Returns the least disturbed run."""
        tried = []
        for attempt in range(TRIES):
            again = f", again: {', '.join(tried[-1]['marks'])}" if tried else ""
            self.progress.show(f"round {number + 1}/{self.o.rounds}  {load.name}  {name}{again}")
            running = self.start(name, load)
            found = workload.HOW[load.how](self.bench, load, running)
            running.stop()
            tried.append({"workload": load.name, "contender": name, "round": number, "attempt": attempt, **found})
            if not found["marks"] or not self.time_for_another():
                break
        self.progress.done += 1
        return min(tried, key=lambda found: (len(found["marks"]), found.get("foreign_share", 0)))

    def time_for_another(self):
        if self.end is None:
            return True
        spent = time.monotonic() - self.progress.began
        each = spent / max(1, self.progress.done)
        return time.monotonic() + each * (self.progress.total - self.progress.done + 1) < self.end

    def run(self):
        measured = []
        self.find_maxima()
        for number in range(self.o.rounds):
            for load, who in self.plan:
                if number < self.rounds_of(load):
                    turn = number % len(who)  # each round begins with another contender
                    measured += [self.measure(load, name, number) for name in who[turn:] + who[:turn]]
        self.progress.end()
        return measured


def main():
    o = options()
    missing = contender.missing()
    if missing:
        sys.exit(f"loadtest: missing programs: {' '.join(missing)}; deploy/install-deps.sh bench installs them")
    machine.enter_namespace()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    about = machine.describe()
    with tempfile.TemporaryDirectory(prefix="staunch-bench.") as scratch:
        driver = Driver(o, scratch)
        began = time.monotonic()
        runs = driver.run()
    measured = {"machine": about, "quick": o.quick, "rounds": o.rounds, "seconds": o.seconds,
                "took_seconds": round(time.monotonic() - began), "maxima": driver.bench.maxima, "runs": runs}
    os.makedirs(o.out, exist_ok=True)
    written = [f"{o.out}/results.json", *([results.kept_path(measured)] if o.keep else [])]
    for path in written:
        results.write(measured, path)
    report.write(measured, o.out)
    print(" ".join(written))


if __name__ == "__main__":
    main()
