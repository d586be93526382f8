"""counts.py: what one request or connection costs, in counts that noise does not change.

A figure is the difference between a run of N and one of 2N, by N: the cost of start and stop is in
both runs and cancels out."""
import functools
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
LIMIT = 60000  # ms a run may take; it ends after N requests or connections
NOT_COUNTED = ("total", "futex", "poll", "restart_syscall", "clock_nanosleep")  # threads other than workers
ALLOCATORS = re.compile(r"(mi_)?(malloc|calloc|realloc|zalloc|posix_memalign|aligned_alloc|memalign|reallocarray)$")


def single(c):
    """The contender as one process without a master, so that the counts are the relaying's."""
    if c.kind == "nginx":
        return replace(c, argv=(*c.argv, "-g", "master_process off;"))
    if c.kind == "haproxy":
        return replace(c, argv=("haproxy", "-db", "-f", "@CONFIG@"))
    return c


def end(running):
    """Sends SIGTERM to the proxy, so that callgrind or strace around it writes its result; not to
    strace, which would end at once. Sends it again each second: some programs miss a signal that
    arrives between the check of their flag and their wait."""
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
    sys.exit(f"loadtest: {running.contender.name} does not end within {PATIENCE} s of SIGTERM")


def run_counted(name, scratch, wrapper, unit, n):
    """Runs everything on one CPU: each program runs until it waits, so events arrive in the same
    groups each time."""
    verb, _ = UNITS[unit]
    cpu = machine.cpus()[0]
    running = Running(single(contender.ALL[name]), scratch, workload.BACKENDS["echo"], pin=cpu, wrapper=wrapper)
    gen = Gen(cpu, verb, running.port, conns=1, count=n, ms=LIMIT, polite=1)
    gen.line()
    gen.line()
    gen.stop()
    end(running)


# ---- user instructions, allocations and locked instructions: callgrind ----

class Profile:
    """The totals of a callgrind file that has the cost of each instruction (--dump-instr=yes
    --compress-pos=no)."""

    def __init__(self, text):
        self.total = int(re.search(r"^(?:summary|totals): (\d+)", text, re.M)[1])
        self.allocations = 0  # calls of the allocator from outside it
        self.executed = {}  # {object file: {address: times}}
        self.names = {}
        self.at, self.callee, self.called = {"ob": "", "fn": ""}, "", False
        for line in text.splitlines():
            self.take(line)

    def take(self, line):
        named = re.match(r"(c?)(ob|fn)=\((\d+)\)(?: (.*))?$", line)
        if named:
            self.name(*named.groups())
        elif line.startswith("calls="):
            self.call(int(line[len("calls="):].split()[0]))
        elif line.startswith("0x"):
            address, _, cost = line.split()
            if not self.called:  # after "calls=" the cost is the callee's
                here = self.executed.setdefault(self.at["ob"], {})
                here[int(address, 16)] = here.get(int(address, 16), 0) + int(cost)
            self.called = False

    def name(self, is_callee, kind, number, name):
        if name:
            self.names[kind, number] = name.split("'")[0] if kind == "fn" else name
        if not is_callee:
            self.at[kind] = self.names[kind, number]
        elif kind == "fn":
            self.callee = self.names[kind, number]

    def call(self, times):
        self.called = True
        if ALLOCATORS.match(self.callee) and not ALLOCATORS.match(self.at["fn"]):
            self.allocations += times

    def locked(self):
        """How many locked instructions ran. One holds its cache line against all other CPUs."""
        return sum(times.get(address, 0) for ob, times in self.executed.items() for address in locked_of(ob))


@functools.lru_cache(maxsize=None)
def locked_of(path):
    """The addresses of an object file's locked instructions: those with the lock prefix, and
    xchg with memory, which locks without it."""
    if not os.path.exists(path):
        return ()
    code = subprocess.run(["objdump", "-d", "--no-show-raw-insn", path], capture_output=True, text=True, check=True)
    found = re.findall(r"^\s*([0-9a-f]+):\t(?:lock\b|xchg\w*\s[^\n]*\()", code.stdout, re.M)
    return tuple(int(address, 16) for address in found)


def parse_callgrind(text):
    profile = Profile(text)
    return {"instructions": profile.total, "allocations": profile.allocations, "locked": profile.locked()}


def callgrind(name, scratch, unit, n):
    out = f"{scratch}/callgrind.{name}.{unit}.{n}"
    run_counted(name, scratch, ("valgrind", "--tool=callgrind", "--dump-instr=yes", "--compress-pos=no",
                                f"--callgrind-out-file={out}"), unit, n)
    return parse_callgrind(machine.read(out))


# ---- system calls: strace ----

def parse_strace(text):
    """The counts of strace -c: "waits" is epoll_wait, "syscalls" all others, "epoll_ctl" a part of
    these, "eagain" the reads and writes that failed."""
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
    """{"WHAT_per_UNIT": count}."""
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
