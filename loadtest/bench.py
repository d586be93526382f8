#!/usr/bin/env python3
"""bench.py: compare staunch with nginx and HAProxy, and all of them with the floors, on the same work in one run.

    loadtest/bench.py [--quick] [--only WORKLOAD,...] [--contenders NAME,...] [--rounds N] [--seconds S] [--out DIR]

Rounds are interleaved: each goes through every workload, and within a workload through every contender, so that what
the machine does meanwhile falls on all of them. A disturbed run is repeated, and marked if that did not help.
README.md says how to read what comes out.
"""
import argparse
import json
import os
import signal
import sys
import tempfile
import time

import contender
import machine
import report
import workload
from contender import Running

TRIES = 3
QUICK_SECONDS = 105  # for all; what is left of two minutes is for the plots


def options():
    parser = argparse.ArgumentParser(description="compare staunch with nginx and HAProxy", allow_abbrev=False)
    names = ", ".join(load.name for load in workload.ALL)
    parser.add_argument("--quick", action="store_true", help="some of it, in two minutes")
    parser.add_argument("--only", default="", metavar="WORKLOAD,...", help=f"of: {names}")
    parser.add_argument("--contenders", default="", metavar="NAME,...", help=f"of: {', '.join(contender.ALL)}")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="of one measurement")
    parser.add_argument("--out", default="build/bench")
    o = parser.parse_args()
    o.rounds = o.rounds or (3 if o.quick else 5)
    o.seconds = o.seconds or (0.5 if o.quick else 10)
    for word, known in ((o.only, [load.name for load in workload.ALL]), (o.contenders, contender.ALL)):
        for name in filter(None, word.split(",")):
            if name not in known:
                parser.error(f"not one of them: {name}")
    return o


def keep(load, name):
    """In a quick run: those that tell most. For small messages the rivals' tuning changes little."""
    most = ("floor-epoll", "floor-splice", "staunch", "nginx", "haproxy", *workload.TLS_DEFAULT)
    return name in most or (load.bulk and "tuned" in name)


def plan(o):
    """[(workload, [contender names])], as asked for."""
    only, names = set(filter(None, o.only.split(","))), set(filter(None, o.contenders.split(",")))
    chosen = []
    for load in workload.ALL:
        if load.name not in only and (only or (o.quick and not load.quick)):
            continue
        who = [name for name in load.contenders if (name in names if names else not o.quick or keep(load, name))]
        if who:
            chosen.append((load, who))
    if not chosen:
        sys.exit("loadtest: nothing to do")
    return chosen


class Progress:
    """One line: what runs, how far it is, how long it will take."""

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
        self.progress = Progress(sum(len(who) * self.rounds_of(load) for load, who in self.plan))
        self.end = time.monotonic() + QUICK_SECONDS if o.quick else None
        contender.make_certificate(scratch)
        served = workload.BACKENDS.keys() - set(workload.NOT_SERVED)
        servers = {kind: workload.server(tool_cpu, kind) for kind in sorted(served)}
        for gen in servers.values():
            gen.line()
        self.bench = workload.Bench(tool_cpu, proxy_cpu, o.seconds, o.quick, servers)

    def rounds_of(self, load):
        """Memory is the same each time: two looks, and a quick run's one, are enough."""
        return min(self.o.rounds, 1 if self.o.quick else 2) if load.how == "hold" else self.o.rounds

    def start(self, name, load):
        pin = self.bench.proxy_cpu if load.workers == 1 else None
        return Running(contender.ALL[name], self.scratch, workload.BACKENDS[load.backend], load.workers, load.bulk, pin)

    def find_maxima(self):
        """Of each one that will be measured; the slowest one's is what the fixed rates are shares of."""
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
        """Repeated while it is disturbed and there is time; the least disturbed is kept, with its marks."""
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
        found = []
        self.find_maxima()
        for number in range(self.o.rounds):
            for load, who in self.plan:
                if number < self.rounds_of(load):
                    turn = number % len(who)  # nobody is always first
                    found += [self.measure(load, name, number) for name in who[turn:] + who[:turn]]
        self.progress.end()
        return found


def main():
    o = options()
    if contender.missing():
        sys.exit(f"loadtest: not found: {' '.join(contender.missing())} (deploy/install-deps.sh bench)")
    machine.enter_namespace()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    about = machine.describe()
    with tempfile.TemporaryDirectory(prefix="staunch-bench.") as scratch:
        driver = Driver(o, scratch)
        began = time.monotonic()
        rounds = driver.run()
    results = {"machine": about, "quick": o.quick, "rounds": o.rounds, "seconds": o.seconds,
               "took_seconds": round(time.monotonic() - began), "maxima": driver.bench.maxima, "runs": rounds}
    os.makedirs(o.out, exist_ok=True)
    with open(f"{o.out}/results.json", "w", encoding="utf-8") as f:
        json.dump(results, f, indent=1)
    report.write(results, o.out)


if __name__ == "__main__":
    main()
