"""workload.py: the workloads, one row each, and the functions that measure them."""
import json
import time
from dataclasses import dataclass, field

import machine
from contender import RIVALS
from sample import Gen, TlsGen, pinned, run_gen, run_wrk

BODY = 1 << 20
BACKENDS = {"echo": 1101, "http": 1102, "source": 1103, "sink": 1104, "large": 1105, "beside": 1106}
NOT_SERVED = ("beside",)  # the generator is this server too: two processes on one CPU would wait for their turns
VERBS = {"large": ("http", {"size": BODY})}  # backends that are not named after their verb: (verb, options)
SOURCES = 250  # client addresses: 250 * 55,000 ports
HOLD = {"idle": (1000, 5000), "slow": (32, 160), "tls": (500, 2500)}  # connections: memory is measured at both
HOLD_QUICK = {"idle": (500, 1500), "slow": (16, 80), "tls": (100, 500)}
PROXIES = ("staunch", *RIVALS)
WITH_FLOOR = ("floor-epoll", *PROXIES)
WITH_FLOORS = ("floor-epoll", "floor-uring", *PROXIES)
WITH_ALL = ("direct", "floor-epoll", "floor-uring", "floor-thread", "floor-spin", *PROXIES)
WATCHED = ("staunch-watched",)
BULK = ("direct", "floor-epoll", "floor-splice", *PROXIES)
TLS = tuple(f"{name}-tls" for name in PROXIES)
TLS_DEFAULT = tuple(name for name in TLS if "tuned" not in name)


@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    how: str  # the key of the function in HOW
    backend: str
    contenders: tuple
    metric: str  # the key of the main figure in a run; lower is better
    unit: str
    scale: float = 1.0  # from the unit of the run's figure to `unit`
    extra: tuple = ("per_second", "p50", "p99")  # the report shows these figures beside the metric
    options: dict = field(default_factory=dict, hash=False)
    goals: dict = field(default_factory=dict, hash=False)  # {contender: highest ratio}; see Table.goals
    quick: bool = False
    workers: int = 1
    bulk: bool = False

    def maximum(self):
        """The key of the maximum that its "load" is a share of."""
        return "connect" if self.how == "connect" else "rate"


US = {"metric": "cpu_per_unit", "unit": "µs of proxy CPU per request", "scale": 1e-3}
CONN = {"metric": "cpu_per_unit", "unit": "µs of proxy CPU per connection", "scale": 1e-3}
GB = {"metric": "cpu_per_unit", "unit": "s of proxy CPU per GB", "bulk": True, "extra": ("per_second",)}
BYTES = {"metric": "bytes", "unit": "bytes of proxy memory per connection"}
P99 = {"metric": "p99", "unit": "µs, p99 from the intended send time", "extra": ("per_second", "p50", "p99.9", "max")}


def bulk(direction, backend, streams):
    return Workload(f"bulk-{direction}-{streams}", f"bulk {direction}, {streams} stream" + "s" * (streams > 1), "bulk",
                    backend, BULK, **GB, options={"conns": streams, "up": int(direction == "up")},
                    goals={"nginx": 0.25, "haproxy": 0.25, "nginx-tuned": 0.55, "haproxy-tuned": 0.90,
                           "floor-splice": 1.05}, quick=(direction, streams) == ("down", 1))


ALL = (
    Workload("keepalive-1", "keep-alive requests, 1 connection (wrk)", "wrk", "http", WITH_ALL, **US,
             options={"conns": 1}, quick=True,
             goals={"nginx*": 0.95, "haproxy*": 0.95, "floor-epoll": 1.05, "nginx* p50": 0.95,
                    "haproxy* p50": 0.95, "floor-epoll p50": 1.05}),
    Workload("keepalive-4", "keep-alive requests, 4 connections (wrk)", "wrk", "http", WITH_FLOORS, **US,
             options={"conns": 4}),
    Workload("keepalive-16", "keep-alive requests, 16 connections (wrk)", "wrk", "http", WITH_FLOORS, **US,
             options={"conns": 16}),
    Workload("keepalive-64", "keep-alive requests, 64 connections (wrk)", "wrk", "http", WITH_ALL + WATCHED, **US,
             options={"conns": 64}, quick=True,
             goals={"nginx*": 0.92, "haproxy*": 0.88, "floor-epoll": 1.03}),
    Workload("keepalive-256", "keep-alive requests, 256 connections (wrk)", "wrk", "http", WITH_FLOORS, **US,
             options={"conns": 256}),
    Workload("close", "connection per request, the server closes (wrk)", "wrk", "http", WITH_FLOORS, **CONN,
             options={"conns": 16, "script": "close"}),
    Workload("connect", "connection, request, close by the client, fixed rate", "connect", "echo",
             WITH_FLOORS + WATCHED, **CONN,
             options={"load": 0.7}, goals={"nginx*": 0.97, "haproxy*": 0.93, "floor-epoll": 1.0}, quick=True),
    bulk("down", "source", 1), bulk("down", "source", 32), bulk("up", "sink", 1), bulk("up", "sink", 32),
    Workload("rate-50", "requests at 50 % of the slowest one's maximum, open loop", "rate", "beside",
             ("direct", *WITH_FLOORS), **P99, options={"load": 0.5}, quick=True,
             goals={"nginx*": 0.8, "haproxy*": 0.8, "nginx* p99.9": 0.7, "haproxy* p99.9": 0.7,
                    "floor-epoll": 1.0}),
    Workload("rate-80", "requests at 80 % of the slowest one's maximum, open loop", "rate", "beside",
             ("direct", *WITH_FLOOR), **P99, options={"load": 0.8}),
    Workload("idle", "idle connections, fresh", "hold", "echo", WITH_FLOOR, **BYTES, extra=(), options={"exchange": 0},
             quick=True),
    Workload("idle-100", "idle connections after an exchange of 100 bytes", "hold", "echo", WITH_FLOOR, **BYTES,
             extra=(), options={"exchange": 100}, quick=True),
    Workload("idle-64k", "idle connections after an exchange of 64 KiB", "hold", "echo", WITH_FLOOR, **BYTES, extra=(),
             options={"exchange": 65536}),
    Workload("slow", "slow readers of an endless sender", "hold", "source", WITH_FLOOR, **BYTES, extra=(),
             options={"drip": 4096}),
    *(Workload(f"held-{n}", f"requests on 64 connections while {n:,} others are held", "held", "echo",
               ("floor-epoll", "staunch", "nginx", "haproxy"), **US, options={"load": 0.5, "held": n})
      for n in (1000, 9000)),
    *(Workload(f"balance-{n}", f"busiest of 2 workers, {n} connections", "balance", "echo", PROXIES, "share",
               "% of the connections", 100, extra=(), options={"conns": n}, workers=2) for n in (8, 64, 1000)),
    Workload("reload", "three reloads under 2,000 new connections a second", "reload", "echo",
             ("staunch", "nginx", "haproxy"), "failed", "failed connections and requests",
             extra=("p99", "p99.9", "max")),
    Workload("logged", "connection, request, close, access logs on", "connect", "echo",
             ("staunch-log", "nginx-log", "haproxy-log"), **CONN, options={"load": 0.5}),
    Workload("tls-handshake", "TLS 1.3: full handshake, request, close", "tls_connect", "http", TLS, **CONN,
             options={"resume": 0}, goals={"nginx-tls": 0.88, "haproxy-tls": 0.80}, quick=True),
    Workload("tls-resumed", "TLS 1.3: resumed handshake, request, close", "tls_connect", "http", TLS, **CONN,
             options={"resume": 1}, goals={"nginx-tls": 0.85}),
    Workload("tls-keepalive-64", "TLS 1.3: keep-alive requests, 64 connections (wrk)", "wrk", "http", TLS, **US,
             options={"conns": 64}, goals={"nginx-tls": 0.95, "haproxy-tls": 0.90}),
    Workload("tls-bulk", "TLS 1.3: bodies of 1 MiB, 4 connections (wrk)", "wrk", "large", TLS, **GB,
             options={"conns": 4, "body": BODY}, goals={"nginx-tls": 0.65, "haproxy-tls": 0.70}),
    Workload("tls-storm",
             "TLS 1.3: p99 of full handshakes among 5,000 clients that never finish theirs, by the quiet one",
             "tls_storm", "http", TLS_DEFAULT, "ratio", "times the quiet p99",
             extra=("p50", "p99", "quiet_p50", "quiet_p99", "errors"),
             options={"rate": 200, "storm": 5000}),
    Workload("tls-idle", "TLS 1.3: idle connections after an exchange of 100 bytes", "hold", "echo", TLS, **BYTES,
             extra=(), options={"exchange": 100}),
)


@dataclass
class Bench:
    """What all measurements of a run share."""
    tool_cpu: int
    proxy_cpu: int
    seconds: float
    quick: bool
    servers: dict  # {backend: Gen}
    maxima: dict = field(default_factory=dict)  # {how: {contender: per second}}

    def rate(self, how, share):
        return int(share * min(self.maxima[how].values()))


def server(cpu, kind):
    verb, options = VERBS.get(kind, (kind, {}))
    return Gen(cpu, verb, BACKENDS[kind], **options)


def server_pids(bench):
    return [gen.pid for gen in bench.servers.values()]


def window(bench):
    return {"ms": int(bench.seconds * 1000), "warm": 200}


def wrk(bench, load, running):
    scheme, script = "https" if running.contender.tls else "http", load.options.get("script", "report")
    argv = pinned(bench.tool_cpu, "wrk", "-t1", f"-c{load.options['conns']}", f"-d{max(1, round(bench.seconds))}",
                  "-s", f"loadtest/wrk/{script}.lua", f"{scheme}://127.0.0.1:{running.port}/")
    return run_wrk(running, server_pids(bench), argv, load.options.get("body"))


def beside(load):
    return {"echo": BACKENDS[load.backend]} if load.backend in NOT_SERVED else {}


def rate(bench, load, running):
    gen = Gen(bench.tool_cpu, "rate", running.port, conns=64, rate=bench.rate("rate", load.options["load"]),
              **beside(load), **window(bench))
    return run_gen(running, server_pids(bench), gen)


def held(bench, load, running):
    holder = Gen(bench.tool_cpu, "hold", running.port)
    holder.line()
    holder.command(f"open {load.options['held']}")
    found = rate(bench, load, running)
    holder.stop()
    return found


def connect(bench, load, running):
    gen = Gen(bench.tool_cpu, "connect", running.port, conns=64, sources=SOURCES,
              rate=bench.rate("connect", load.options["load"]), **window(bench))
    return run_gen(running, server_pids(bench), gen)


def tls_connect(bench, load, running):
    gen = TlsGen(bench.tool_cpu, "connect", running.port, conns=16, **load.options, **window(bench))
    return run_gen(running, server_pids(bench), gen)


def tls_storm(bench, load, running):
    """Measures the same handshakes twice: alone, and then in the storm."""
    def handshakes(**more):
        gen = TlsGen(bench.tool_cpu, "storm", running.port, **{**load.options, **window(bench), **more})
        return run_gen(running, server_pids(bench), gen)

    quiet, found = handshakes(storm=0), handshakes()
    found["quiet_p50"], found["quiet_p99"] = quiet["p50"], quiet["p99"]
    found["ratio"] = found["p99"] / quiet["p99"] if found["p99"] and quiet["p99"] else None
    found["marks"] += quiet["marks"]
    return found


def bulk_run(bench, load, running):
    gen = Gen(bench.tool_cpu, "bulk", running.port, **load.options, **window(bench))
    return run_gen(running, server_pids(bench), gen)


def hold(bench, load, running):
    """Private memory per connection: the slope between two numbers of connections, so that memory
    the proxy has without any does not count."""
    exchange, drip = load.options.get("exchange", 0), load.options.get("drip", 0)
    kind = "tls" if running.contender.tls else "slow" if drip else "idle"
    few, many = (HOLD_QUICK if bench.quick else HOLD)[kind]
    gen = TlsGen(bench.tool_cpu, "hold", running.port) if kind == "tls" else \
        Gen(bench.tool_cpu, "hold", running.port, drip=drip)
    gen.line()
    seen = []
    for count in (few, many):
        gen.command(f"open {count}")
        if exchange:
            gen.command(f"exchange {exchange}")
        time.sleep(0.3 if bench.quick else 2.0)
        seen.append((machine.private_dirty(running.pids()), machine.slab()))
    gen.stop()
    (m1, s1), (m2, s2) = seen
    return {"bytes": (m2 - m1) / (many - few), "kernel_bytes_all_sockets": (s2 - s1) / (many - few), "marks": []}


def balance(bench, load, running):
    """Counts each worker's connections: how many more descriptors its epoll instance watches."""
    before = machine.registered(running.pids())
    gen = Gen(None, "hold", running.port)
    gen.line()
    gen.command(f"open {load.options['conns']}")
    time.sleep(0.3)
    after = machine.registered(running.pids())
    gen.stop()
    more = sorted((after[key] - before.get(key, 0) for key in after), reverse=True)
    return {"share": more[0] / sum(more) if sum(more) else None, "counts": more, "marks": []}


def reload(bench, load, running):
    """Reloads the proxy three times under new connections at a fixed rate and old ones."""
    held = Gen(bench.tool_cpu, "rate", running.port, conns=16, rate=500, ms=int(bench.seconds * 1000) + 500, warm=0)
    held.line()

    def three_times():
        for _ in range(3):
            time.sleep(bench.seconds / 4)
            running.reload()

    found = run_gen(running, server_pids(bench), Gen(bench.tool_cpu, "connect", running.port, conns=64, rate=2000,
                                                     sources=SOURCES, **window(bench)), three_times)
    held_said = json.loads(held.line())
    held.stop()
    found["failed_new"], found["failed_held"] = found["errors"], held_said["errors"]
    found["failed"], found["marks"] = found["errors"] + held_said["errors"], []
    return found


HOW = {"wrk": wrk, "rate": rate, "held": held, "connect": connect, "tls_connect": tls_connect, "tls_storm": tls_storm,
       "bulk": bulk_run, "hold": hold, "balance": balance, "reload": reload}


def find_maximum(bench, load, running):
    """Runs the workload in a closed loop. The open loop's rate is a share of the result."""
    how = load.maximum()
    options = {"rate": {"conns": 64, **beside(load)}, "connect": {"conns": 64, "sources": SOURCES}}[how]
    gen = Gen(bench.tool_cpu, how, running.port, **options, ms=300 if bench.quick else 2000, warm=100)
    return run_gen(running, server_pids(bench), gen)["per_second"]
