#!/usr/bin/env python3
"""failover.py: what clients suffer while one of three servers fails, behind staunch, HAProxy and nginx.

    loadtest/bench/failover.py [--only MODE,...] [--contenders NAME,...] [--rate N,...] [--seconds S]
                               [--out DIR] [--keep]

The clients are an open loop: good traffic first, then one server fails for --seconds, then it is back
and is observed. Where one CPU is enough for all contenders they run beside each other and see the same
moment; else one after the other. loadtest/README.md says how to read the report.
"""
import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

import contender
import failover_figures as figures
import failover_peers as peers
import failover_report as report
import machine
import results
from contender import Running
from sample import FOREIGN_MAX, Gen

BESIDE = 300  # connections a second of all contenders together, which the tools' CPU can make
BACK = 9100  # the servers' port of the first contender; the others' follow
START = 1.0  # seconds for the clients' process to start
LEAST = 12  # seconds that a server must fail for the goals to mean something
TOOLS_MAX = 0.8  # share of their CPU beyond which clients and servers themselves make latency
STRANGE = "02:00:00:00:00:01"  # nobody's address: what is sent there is lost


class Servers(Gen):
    """The servers, in a network namespace of their own at the other end of a veth."""
    program = ("unshare", "--net", sys.executable, "loadtest/bench/failover_peers.py")

    def __init__(self, cpu, count, tls):
        certs = {"cert": tls["good"], "expired": tls["expired"]} if tls else {}
        super().__init__(cpu, "serve", BACK, contenders=count, **certs)
        self.line()
        ip("link", "add", peers.LINK_PROXIES, "type", "veth", "peer", "name", peers.LINK, "netns", str(self.pid))
        ip("addr", "add", f"{peers.PROXIES}/24", "dev", peers.LINK_PROXIES)
        ip("link", "set", peers.LINK_PROXIES, "up")
        self.command("link")

    def become(self, mode, failing):
        """The first server begins or ceases to fail. Returns the moment."""
        if mode.how:
            return float(self.command(mode.how if failing else "good"))
        neighbour = [peers.SERVERS[0], "dev", peers.LINK_PROXIES]
        if failing:
            ip("neigh", "replace", *neighbour, "lladdr", STRANGE, "nud", "permanent")
        else:
            ip("neigh", "del", *neighbour)
        return time.monotonic()


class Clients(Gen):
    program = (sys.executable, "loadtest/bench/failover_peers.py")


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def openssl(*words):
    done = subprocess.run(["openssl", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"loadtest: openssl {words[0]} failed:\n{done.stderr}")


def make_certificates(scratch):
    """{"ca", "good", "expired"}: an authority, and two certificates of the servers by it, with their key."""
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    ca, key, request = f"{scratch}/ca.pem", f"{scratch}/server.key", f"{scratch}/server.csr"
    openssl("req", "-x509", *curve, "-days", "30", "-subj", "/CN=bench authority", "-keyout", f"{ca}.key", "-out", ca)
    openssl("req", *curve, "-subj", "/CN=bench.test", "-keyout", key, "-out", request)
    with open(f"{scratch}/names", "w", encoding="ascii") as f:
        f.write("subjectAltName=DNS:bench.test\n")
    paths = {"ca": ca}
    for name, days in (("good", "30"), ("expired", "-1")):
        paths[name] = f"{scratch}/{name}.pem"
        openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", f"{ca}.key", "-CAcreateserial", "-days", days,
                "-extfile", f"{scratch}/names", "-out", paths[name])
        with open(paths[name], "a", encoding="ascii") as f:
            f.write(machine.read(key))
    return paths


def words(tls):
    """What the files in rivals/ have in place of @NAME@, beside contender.words()."""
    ca = tls["ca"] if tls else ""
    return {
        **{f"SERVER{number + 1}": address for number, address in enumerate(peers.SERVERS)},
        "STAUNCH_TLS": f'tls: {{ca: "{ca}", name: "bench.test"}}' if tls else "",
        "HAPROXY_TLS": f"ssl verify required ca-file {ca} sni str(bench.test) verifyhost bench.test" if tls else "",
        "NGINX_TLS": "proxy_ssl on; proxy_ssl_verify on; proxy_ssl_server_name on; proxy_ssl_name bench.test; "
                     f"proxy_ssl_trusted_certificate {ca};" if tls else "",
    }


# ---- one measurement ----

class Progress:
    """One line: what runs, and how long the rest takes at most."""

    def __init__(self, measurements):
        self.left, self.number, self.total = sum(m.seconds for m in measurements), 0, len(measurements)
        self.live = sys.stderr.isatty()

    def begin(self, measurement):
        self.number += 1
        self.left -= measurement.seconds
        if not self.live:
            self.show(measurement, 0, "")

    def show(self, measurement, spent, text):
        left = max(0, self.left + measurement.seconds - spent)
        line = f"[{self.number}/{self.total}] {left // 60:3.0f}:{left % 60:02.0f} left  {measurement}  {text}"[:79]
        print(f"\r\033[K{line}" if self.live else line, end="" if self.live else "\n", file=sys.stderr, flush=True)

    def wait(self, measurement, until, text):
        while (rest := until - time.monotonic()) > 0:
            if self.live:
                self.show(measurement, time.monotonic() - measurement.began, text)
            time.sleep(min(rest, 1 if self.live else rest))

    def say(self, text):
        print(f"\r\033[K{text}" if self.live else text, file=sys.stderr, flush=True)


class Measurement:
    """One way to fail at one rate, behind contenders that run beside each other."""

    def __init__(self, mode, rate, names, fail):
        self.mode, self.rate, self.names, self.fail = mode, rate, names, fail
        self.length = figures.WARM + fail + mode.after  # of the load
        self.seconds = self.length + START + 2  # and of starting and stopping
        self.began = 0

    def __str__(self):
        return f"{self.mode.name} {self.rate}/s"

    def run(self, cpus, scratch, progress):
        """Returns the runs, one per contender."""
        tool_cpu, proxy_cpu = cpus
        self.began = time.monotonic()
        progress.begin(self)
        tls = make_certificates(scratch) if self.mode.tls else None
        servers = Servers(tool_cpu, len(self.names), tls)
        running = [self.start(name, f"{scratch}/{name}", BACK + k, proxy_cpu, words(tls))
                   for k, name in enumerate(self.names)]
        start = time.monotonic() + START
        clients = Clients(tool_cpu, "load", running[0].port, start=start, rate=self.rate, seconds=self.length,
                          more=",".join(str(r.port) for r in running[1:]))
        before = self.cpu(servers, clients, running)
        fails, back = self.fail_once(servers, start, progress)
        rows = json.loads(clients.line())
        share, marks = self.disturbed(before, self.cpu(servers, clients, running))
        for process in (clients, servers, *running):
            process.stop()
        return [{**self.result(r, rows[str(r.port)], (fails - start, back - start), marks), "tools_share": share}
                for r in running]

    def start(self, name, scratch, back, cpu, more):
        os.makedirs(scratch, exist_ok=True)
        return Running(report.CONTENDERS[name], scratch, back, pin=cpu, more=more)

    def fail_once(self, servers, start, progress):
        """Returns the moments at which the server failed and was back."""
        progress.wait(self, start + figures.WARM, "good traffic")
        fails = servers.become(self.mode, True)
        progress.wait(self, fails + self.fail, f"one server fails for {self.fail:g} s")
        back = servers.become(self.mode, False)
        progress.wait(self, start + self.length, "the server is back")
        return fails, back

    def cpu(self, servers, clients, running):
        """(moment, ns of clients and servers, ns of the proxies, ns of the whole machine, ns stolen)."""
        tools = machine.cpu_of([os.getpid(), servers.pid, clients.pid])
        return (time.monotonic(), tools, sum(r.cpu() for r in running), *machine.busy())

    def disturbed(self, before, after):
        """(share of their CPU that clients and servers used, why the measurement counts as disturbed)."""
        seconds, tools, proxies, busy, steal = (b - a for a, b in zip(before, after))
        shares = {"foreign CPU": (busy - tools - proxies) / seconds / 1e9 / os.cpu_count(),
                  "steal": steal / seconds / 1e9 / os.cpu_count()}
        marks = [f"{name} {share:.0%}" for name, share in shares.items() if share > FOREIGN_MAX]
        share = tools / seconds / 1e9
        return share, marks + ([f"clients and servers used {share:.0%} of their CPU"] if share > TOOLS_MAX else [])

    def result(self, running, rows, moments, marks):
        found = figures.count(rows, *moments, self.length)
        if found["before"]:
            marks = [*marks, f"{found['before']} clients failed or slow before the failure"]
        return {"mode": self.mode.name, "contender": running.contender.name, "rate": self.rate,
                "fails": moments[0], "back_at": moments[1], **found, "marks": marks}


# ---- the run ----

def options():
    parser = argparse.ArgumentParser(description="compare what clients suffer while a server fails", allow_abbrev=False)
    parser.add_argument("--only", default="", metavar="MODE,...", help=f"of: {', '.join(figures.MODES)}")
    parser.add_argument("--contenders", default="", metavar="NAME,...", help=f"of: {', '.join(report.CONTENDERS)}")
    parser.add_argument("--rate", default="50,500", metavar="N,...", help="connections a second of each contender")
    parser.add_argument("--seconds", type=float, default=20, help=f"that the server fails, at least {LEAST}")
    parser.add_argument("--out", default="build/bench/failover")
    parser.add_argument("--keep", action="store_true",
                        help=f"also write {results.KEPT}/failover-DATE.json, to be committed")
    o = parser.parse_args()
    o.only = chosen(parser, o.only, figures.MODES)
    o.contenders = chosen(parser, o.contenders, report.CONTENDERS)
    if not all(word.isdigit() and 0 < int(word) <= 1000 for word in o.rate.split(",")):
        parser.error(f"--rate: {o.rate}: needs numbers from 1 to 1000")
    if o.seconds < LEAST:
        parser.error(f"--seconds: {o.seconds:g}: at least {LEAST}")
    return o


def chosen(parser, words_, known):
    """The named ones in the order of `known`, or all."""
    names = list(filter(None, words_.split(",")))
    for name in names:
        if name not in known:
            parser.error(f"unknown name: {name} (known: {', '.join(known)})")
    return [name for name in known if name in names or not names]


def plan(o):
    found = []
    for rate in map(int, o.rate.split(",")):
        groups = [o.contenders] if rate * len(o.contenders) <= BESIDE else [[name] for name in o.contenders]
        found += [Measurement(figures.MODES[mode], rate, names, o.seconds) for mode in o.only for names in groups]
    return found


def drive(measurements):
    cpus = machine.cpus()
    os.sched_setaffinity(0, {cpus[0]})
    progress, runs = Progress(measurements), []
    for measurement in measurements:
        with tempfile.TemporaryDirectory(prefix="staunch-failover.") as scratch:
            found = measurement.run(cpus, scratch, progress)
        runs += found
        progress.say(f"{measurement}: failed " + ", ".join(f"{run['contender']} {run['failed']}" for run in found))
    return runs


def main():
    o = options()
    missing = contender.missing()
    if missing:
        sys.exit(f"loadtest: missing programs: {' '.join(missing)}; deploy/install-deps.sh bench installs them")
    machine.enter_namespace()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    about, began = machine.describe(), time.monotonic()
    runs = drive(plan(o))
    measured = {"machine": about, "seconds": o.seconds, "took_seconds": round(time.monotonic() - began), "runs": runs}
    os.makedirs(o.out, exist_ok=True)
    written = [f"{o.out}/results.json", *([results.kept_path(measured, "failover-")] if o.keep else [])]
    for path in written:
        results.write(measured, path)
    report.write(measured, o.out)
    print(" ".join(written))


if __name__ == "__main__":
    main()
