"""counts.py: how often something happens per request or connection, free of noise: the difference between a run of N
and one of 2N, over N. What start and stop cost is in both, and falls out."""
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace

import contender
import machine
import workload
from contender import Running
from sample import Gen

UNITS = {"request": ("rate", 2000), "connection": ("connect", 800)}
PATIENCE = 20  # seconds for a program to end
LIMIT = 60000  # ms a run may take; it ends when it has counted to N
NOT_COUNTED = ("total", "futex", "poll", "restart_syscall", "clock_nanosleep")  # of threads beside the workers
ALLOCATORS = re.compile(r"(mi_)?(malloc|calloc|realloc|zalloc|posix_memalign|aligned_alloc|memalign|reallocarray)$")


def single(c):
    """One process and no other to watch over it: what is counted is the relaying."""
    if c.kind == "nginx":
        return replace(c, argv=(*c.argv, "-g", "master_process off;"))
    if c.kind == "haproxy":
        return replace(c, argv=("haproxy", "-db", "-f", "@CONFIG@"))
    return c


def end(running):
    """Asks it to end, so that the tool around it writes its result; strace would take the signal for itself. Asks
    again, for a signal between a program's look at its flag and its wait is lost on some."""
    for _ in range(PATIENCE):
        for pid in running.pids():
            if machine.read(f"/proc/{pid}/comm").strip() != "strace":
                os.kill(pid, signal.SIGTERM)
        try:
            running.process.wait(timeout=1)
            return
        except subprocess.TimeoutExpired:
            continue
    running.stop()
    sys.exit(f"loadtest: {running.contender.name} does not end when asked to")


def run_counted(name, scratch, wrapper, unit, n):
    """All on one CPU: each runs until it waits, so that which events come together is the same each time."""
    verb, _ = UNITS[unit]
    cpu = machine.cpus()[0]
    running = Running(single(contender.ALL[name]), scratch, workload.BACKENDS["echo"], pin=cpu, wrapper=wrapper)
    gen = Gen(cpu, verb, running.port, conns=1, count=n, ms=LIMIT, polite=1)
    gen.line()
    gen.line()
    gen.stop()
    end(running)


# ---- user instructions and allocations: callgrind ----

def parse_callgrind(text):
    """{"instructions": all of them, "allocations": calls of the allocator's functions from elsewhere}."""
    names, calls, caller, callee = {}, 0, "", ""
    total = int(re.search(r"^(?:summary|totals): (\d+)", text, re.M)[1])
    for line in text.splitlines():
        m = re.match(r"(c?fn)=\((\d+)\)(?: (.*))?$", line)
        if m:
            if m[3]:
                names[m[2]] = m[3].split("'")[0]
            if m[1] == "fn":
                caller = names[m[2]]
            else:
                callee = names[m[2]]
        elif line.startswith("calls=") and ALLOCATORS.match(callee) and not ALLOCATORS.match(caller):
            calls += int(line[len("calls="):].split()[0])
    return {"instructions": total, "allocations": calls}


def callgrind(name, scratch, unit, n):
    out = f"{scratch}/callgrind.{name}.{unit}.{n}"
    run_counted(name, scratch, ("valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"), unit, n)
    return parse_callgrind(machine.read(out))


# ---- system calls: strace ----

def parse_strace(text):
    """{"syscalls": those that do something, "waits": those that wait, "epoll_ctl": of the first, "eagain": reads and
    writes that failed} of strace -c."""
    found = {"syscalls": 0, "waits": 0, "epoll_ctl": 0, "eagain": 0}
    for line in text.splitlines():
        m = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(\d+)?\s*(\w+)$", line)
        if not m or m[3] in NOT_COUNTED:
            continue
        found["waits" if m[3] in ("epoll_wait", "epoll_pwait") else "syscalls"] += int(m[1])
        if m[3] == "epoll_ctl":
            found["epoll_ctl"] += int(m[1])
        if re.match(r"(recv|send|read|write|splice)", m[3]):
            found["eagain"] += int(m[2] or 0)
    return found


def strace(name, scratch, unit, n):
    out = f"{scratch}/strace.{name}.{unit}.{n}"
    run_counted(name, scratch, ("strace", "-f", "-c", "-o", out), unit, n)
    return parse_strace(machine.read(out))


def slope(tool, name, scratch, unit):
    """{what: per unit}."""
    n = UNITS[unit][1]
    once, twice = tool(name, scratch, unit, n), tool(name, scratch, unit, 2 * n)
    return {f"{what}_per_{unit}": (twice[what] - once[what]) / n for what in once}


# ---- memory ----

def idle_bytes(name, scratch):
    bench = workload.Bench(None, None, 0, False, {})
    running = Running(contender.ALL[name], scratch, workload.BACKENDS["echo"])
    load = next(load for load in workload.ALL if load.name == "idle-100")
    found = workload.hold(bench, load, running)["bytes"]
    running.stop()
    return {"bytes_per_idle_connection": found}
