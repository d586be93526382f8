"""sample.py: one measurement: the CPU times between the begin and the end of the load."""
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass

import machine

# Shares of the machine: with more foreign work, or more steal by the host, a run counts as
# disturbed. Foreign work includes the kernel's threads that serve our sockets: 2 to 3 % with many
# short connections.
FOREIGN_MAX = 0.05
CPUS = os.cpu_count()
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}


@dataclass
class Sample:
    at: float  # s
    proxy: int  # ns of CPU time, as are the next three
    tools: int
    busy: int  # the whole machine
    steal: int  # taken by the host
    counters: dict


def take(running, tools):
    """Samples now. `tools` are the ids of our processes other than the proxy and this one."""
    busy, steal = machine.busy()
    return Sample(time.monotonic(), running.cpu(), machine.cpu_of([os.getpid(), *tools]), busy, steal,
                  machine.counters())


def quantile(curve, q):
    """The value of the curve's point nearest to q; None when 1 - q is off by 10 % or more."""
    if not curve:
        return None
    nearest = min(curve, key=lambda point: abs((1 - point[0]) / (1 - q) - 1))
    return nearest[1] if abs((1 - nearest[0]) / (1 - q) - 1) < 0.1 else None


def result(before, after, said, ended_tools=0):
    """The figures of one run. `ended_tools` is the CPU time of tools that have ended."""
    seconds = after.at - before.at
    proxy, units = after.proxy - before.proxy, said["units"]
    machine_ns, steal = after.busy - before.busy, after.steal - before.steal
    foreign = max(0, machine_ns - proxy - (after.tools - before.tools) - ended_tools)
    found = {
        "seconds": seconds, "units": units, "errors": said["errors"], "per_second": units / said["seconds"],
        "cpu_ns": proxy, "proxy_share": proxy / seconds / 1e9,
        "cpu_per_unit": proxy / units if units else None, "machine_per_unit": machine_ns / units if units else None,
        "foreign_share": foreign / seconds / 1e9 / CPUS, "steal_share": steal / seconds / 1e9 / CPUS,
        "counters": {key: after.counters[key] - before.counters[key] for key in after.counters},
        "curve": said["latency"]["curve"], "max": said["latency"]["max"],
    }
    for name, q in QUANTILES.items():
        found[name] = quantile(found["curve"], q)
    found["marks"] = marks(found)
    return found


def marks(found):
    """Why this run counts as disturbed: one text per cause, none if it is undisturbed."""
    said = []
    if found["foreign_share"] > FOREIGN_MAX:
        said.append(f"foreign CPU {found['foreign_share']:.0%}")
    if found["steal_share"] > FOREIGN_MAX:
        said.append(f"steal {found['steal_share']:.0%}")
    if found["errors"]:
        said.append(f"{found['errors']} errors")
    if not found["units"]:
        said.append("nothing done")
    said += [f"{key} {n}" for key, n in found["counters"].items() if n and key != "RetransSegs"]
    return said


# ---- the tools ----

def pinned(cpu, *argv):
    return [*(["taskset", "-c", str(cpu)] if cpu is not None else []), *argv]


class Gen:
    """A generator or a server as a child process; gen/gen.h has the protocol."""
    program = ("build/release/loadtest/gen/gen",)

    def __init__(self, cpu, verb, port, **options):
        words = [f"{name}={value}" for name, value in options.items()]
        self.process = machine.spawn(pinned(cpu, *self.program, verb, f"at=127.0.0.1:{port}", *words),
                                     text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = self.process.pid

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"loadtest: gen ended with status {self.process.wait()}")
        return line

    def command(self, text):
        """Sends a command and waits until it is done. Returns the line that says so."""
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        return self.line()

    def stop(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


class TlsGen(Gen):
    program = (sys.executable, "loadtest/bench/tls_gen.py")


def run_gen(running, servers, gen, during=None):
    """Samples at the line "begin" and at the result's line. Calls `during` in between."""
    tools = [*servers, gen.pid]
    gen.line()
    before = take(running, tools)
    if during:
        during()
    said = json.loads(gen.line())
    found = result(before, take(running, tools), said)
    gen.stop()
    return found


def run_wrk(running, servers, argv, body=None):
    """Samples around the whole run of wrk, connecting included: wrk does not say when it begins.
    The unit is a request, or with `body` a byte of the answers' bodies."""
    before, used = take(running, servers), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    after, used_then = take(running, servers), resource.getrusage(resource.RUSAGE_CHILDREN)
    wrk_ns = int(1e9 * (used_then.ru_utime + used_then.ru_stime - used.ru_utime - used.ru_stime))
    said = json.loads(done.stdout.strip().split("\n")[-1])
    said["units"] *= body or 1
    return result(before, after, said, wrk_ns)
