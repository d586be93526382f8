"""figures_test.py CLASS: what the load test reads from the kernel and its tools, and what it makes of that."""
import contextlib
import glob
import itertools
import json
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest
import unittest.mock

sys.path.insert(0, "loadtest/bench")
import contender
import counts
import figures
import gates
import machine
import report
import results
import sample
import tls_gen

sample.CPUS = 2


def load(name):
    return next(load for load in figures.WORKLOADS if load.name == name)


def run(contender, number, value, marks=(), name="keepalive-64"):
    return {"workload": name, "contender": contender, "round": number, "cpu_per_unit": value, "marks": list(marks)}


class Medians(unittest.TestCase):
    def test_odd_and_even(self):
        self.assertEqual(figures.median([3]), 3)
        self.assertEqual(figures.median([9, 1, 5]), 5)
        self.assertEqual(figures.median([9, 1, 5, 6]), 5.5)

    def test_spread_and_marks(self):
        runs = [run("staunch", 0, 8000), run("staunch", 1, 6000, ["foreign CPU 9%"]), run("staunch", 2, 7000)]
        figure = figures.Table(load("keepalive-64"), runs).figure("staunch")
        self.assertEqual((figure.low, figure.median, figure.high, figure.marked), (6, 7, 8, 1))  # ns to µs


class Ratios(unittest.TestCase):
    """Round by round: a machine that is twice as slow in one round is so for both."""
    runs = [run("staunch", 0, 80), run("nginx", 0, 100), run("staunch", 1, 160), run("nginx", 1, 200),
            run("staunch", 2, 90), run("nginx", 2, 100), run("staunch", 3, 1), run("nginx-tuned", 0, 160)]

    def test_only_pairs_count(self):
        table = figures.Table(load("keepalive-64"), self.runs)
        ratio = table.ratio("nginx")
        self.assertEqual((ratio.low, ratio.median, ratio.high), (0.8, 0.8, 0.9))
        self.assertIsNone(table.ratio("staunch"))

    def test_a_goal_is_held_against_the_better_variant(self):
        table = figures.Table(load("keepalive-64"), self.runs)
        self.assertEqual(table.goals(), [("nginx*", 0.92, 0.8)])

    def test_tls_stands_in_the_columns_of_its_plain_variants(self):
        runs = [run(name, 0, value, name="tls-handshake") for name, value in
                (("staunch-tls", 90), ("nginx-tls", 100), ("haproxy-tuned-tls", 120))]
        table = figures.Table(load("tls-handshake"), runs)
        self.assertEqual(report.headline([table])[1][3:], ["0.90", "", "", "0.75", "", ""])

    def test_a_run_without_the_metric_is_no_figure(self):
        table = figures.Table(load("keepalive-64"), [run("staunch", 0, None), run("nginx", 0, 5)])
        self.assertEqual(table.names, ["nginx"])
        self.assertIsNone(table.ours)

    def test_the_curve_has_the_points_that_all_rounds_have(self):
        runs = [dict(run("staunch", n, 1), curve=curve) for n, curve in
                enumerate(([[0.0, 10], [0.5, 20], [0.9, 90]], [[0.0, 30], [0.5, 60]], [[0.0, 20], [0.5, 30]]))]
        table = figures.Table(load("keepalive-64"), runs)
        self.assertEqual(figures.curve(table, "staunch"), [(1, 20), (2, 30)])


class Kernel(unittest.TestCase):
    def test_schedstat(self):
        self.assertEqual(machine.parse_schedstat("123456789 42 7\n"), 123456789)

    def test_stat_of_a_program_with_a_wild_name(self):
        text = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 2 3 4 50 25 0 0 20 0 3 0 100 1 2\n"
        self.assertEqual(machine.parse_stat_cpu(text), 75 * 1_000_000_000 // machine.TICK)

    def test_busy_leaves_out_idle_wait_and_steal(self):
        text = "cpu  1 2 3 1000 2000 4 5 6 7 8\ncpu0 9 9 9 9 9 9 9 9 9 9\n"
        tick = 1_000_000_000 // machine.TICK
        self.assertEqual(machine.parse_busy(text), (15 * tick, 6 * tick))

    def test_rollup(self):
        self.assertEqual(machine.parse_rollup("Rss:  9 kB\nPrivate_Clean:  1 kB\nPrivate_Dirty:   12 kB\n"), 12288)

    def test_our_own_cpu_time_grows(self):
        before = sum(machine.thread_cpu(machine.os.getpid()).values())
        while sum(machine.thread_cpu(machine.os.getpid()).values()) == before:
            pass
        self.assertGreater(before, 0)


class Marks(unittest.TestCase):
    said = {"units": 1000, "errors": 0, "seconds": 2.0,
            "latency": {"curve": [[0.0, 1], [0.4988128, 5], [0.9, 7], [0.99, 9]], "max": 11}}

    @staticmethod
    def at(seconds, proxy, tools, busy, steal=0, drops=0):
        s = 1_000_000_000
        return sample.Sample(seconds, int(proxy * s), int(tools * s), int(busy * s), int(steal * s),
                             {"ListenDrops": drops, "RetransSegs": drops})

    def result(self, **last):
        values = {"seconds": 12, "proxy": 2, "tools": 3, "busy": 105, **last}
        return sample.result(self.at(10, 1, 1, 102), self.at(**values), self.said)

    def test_a_calm_run(self):
        found = self.result()
        self.assertEqual(found["marks"], [])
        self.assertEqual(found["cpu_per_unit"], 1_000_000)
        self.assertEqual(found["machine_per_unit"], 3_000_000)
        self.assertEqual((found["p50"], found["p99"], found["p99.9"]), (5, 9, None))

    def test_foreign_work(self):
        self.assertEqual(self.result(busy=105.19)["marks"], [])
        self.assertEqual(self.result(busy=105.5)["marks"], ["foreign CPU 12%"])

    def test_steal_drops_and_errors(self):
        self.assertEqual(self.result(steal=1)["marks"], ["steal 25%"])
        self.assertEqual(self.result(drops=3)["marks"], ["ListenDrops 3"])
        bad = sample.result(self.at(10, 1, 1, 102), self.at(12, 2, 3, 105), dict(self.said, errors=2, units=0))
        self.assertEqual(bad["marks"], ["2 errors", "nothing done"])
        self.assertIsNone(bad["cpu_per_unit"])


class Tls(unittest.TestCase):
    """The client with TLS, against a server that does what it expects, and ones that do not."""

    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        scratch = cls.stack.enter_context(tempfile.TemporaryDirectory())
        contender.make_certificate(scratch)
        cls.certificate = contender.certificate(scratch)

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    @staticmethod
    def serve(listener, contexts, polite):
        """Ends when the listener does. More than one context: no connection can resume the one before it."""
        for context in itertools.cycle(contexts):
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with plain, contextlib.suppress(OSError), context.wrap_socket(plain, server_side=True) as peer:
                peer.recv(4096)
                peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
                if polite:
                    peer.unwrap()

    def context(self, tickets):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        context.num_tickets = tickets
        return context

    def failures(self, resume, tickets=1, polite=True, contexts=1):
        """Runs the client against such a server. Returns ({why it failed}, connections that went well)."""
        contexts = [self.context(tickets) for _ in range(contexts)]
        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=self.serve, args=(listener, contexts, polite))
            thread.start()
            churn = tls_gen.Churn(listener.getsockname(), 1, resume, ms=200, warm=0)
            churn.turn(churn.lanes[0])
            churn.run_until(churn.end)
            for lane in churn.lanes:
                lane.close()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
        return set(churn.failures), len(churn.latencies)

    def test_full_and_resumed(self):
        for resume in (0, 1):
            failures, well = self.failures(resume)
            self.assertEqual(failures, set())
            self.assertGreater(well, 1)

    def test_no_ticket_is_an_error(self):
        self.assertEqual(self.failures(1, tickets=0), ({"no ticket"}, 0))

    def test_a_handshake_that_is_not_resumed_is_an_error(self):
        self.assertEqual(self.failures(1, contexts=2), ({"not resumed"}, 0))

    def test_an_end_without_close_notify_is_an_error(self):
        failures, well = self.failures(0, polite=False)
        self.assertEqual((len(failures), well), (1, 0))

    def test_the_curve_goes_as_far_as_there_are_enough(self):
        points = tls_gen.curve(range(100, 0, -1))
        self.assertEqual((points[0], points[10], points[-1]), ([0.0, 1], [0.9, 91], [0.99, 100]))


class Counts(unittest.TestCase):
    def test_strace(self):
        text = """% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 45.20    1.093193         260      4194         1 epoll_wait
 44.10    1.066684       10884        98        42 futex
  1.72    0.041680          10      4002       801 recvfrom
  0.85    0.020649          25       800       800 connect
  0.85    0.020649          25         7           epoll_ctl
------ ----------- ----------- --------- --------- ----------------
100.00    2.418440         100      9101      1644 total
"""
        self.assertEqual(counts.parse_strace(text),
                         {"syscalls": 4809, "waits": 4194, "epoll_ctl": 7, "eagain": 801})

    def test_callgrind(self):
        """Names are given once and then by number; the allocator's own calls of itself are not ours."""
        text = """ob=(1) /staunch
fn=(1) relay_turn
0x10 10 5
cfn=(2) malloc
calls=3 0x50 0
0x14 11 9
0x14 11 2
fn=(2)
0x50 1 1
cfn=(3) mi_malloc
calls=3 0x60 0
0x54 2 2
ob=(2) /other
fn=(4) other
0x10 4 100
cfn=(2)
calls=4 0x50 0
0x18 5 5
cfn=(5) malloc_usable_size
calls=9 0x70 0
0x1c 6 6
summary: 4242
"""
        locked = {"/staunch": (0x14, 0x50), "/other": (0x18,)}
        with unittest.mock.patch.object(counts, "locked_of", lambda path: locked[path]):
            found = counts.parse_callgrind(text)
        self.assertEqual(found, {"instructions": 4242, "allocations": 7, "locked": 3})

    def test_locked(self):
        """objdump's own words for the prefix, and for the one instruction that needs none."""
        code = """  10:\tlock cmpxchg %edx,(%rdi)
  14:\txchg   %eax,0x90e8(%r12)
  18:\txchg   %ax,%ax
  1c:\tmov    %eax,(%rdi)
"""
        done = unittest.mock.Mock(stdout=code)
        with unittest.mock.patch.object(counts.subprocess, "run", lambda *a, **k: done):
            self.assertEqual(counts.locked_of(__file__), (0x10, 0x14))


class Gates(unittest.TestCase):
    baseline = {"instructions_per_request": {"value": 1000, "reason": ""}, "syscalls_per_request": {"value": 4.0},
                "waits_per_connection": {"value": 5.0}}

    def test_verdicts(self):
        for name, value, word, bad in (
                ("instructions_per_request", 1010, "ok", False), ("instructions_per_request", 1011, "RISEN", True),
                ("instructions_per_request", 990, "ok", False), ("instructions_per_request", 989, "fallen", False),
                ("syscalls_per_request", 4.0, "ok", False), ("syscalls_per_request", 4.1, "RISEN", True),
                ("waits_per_connection", 6.0, "ok", False), ("waits_per_connection", 6.1, "RISEN", True),
                ("bytes_per_idle_connection", 1, "new", True)):
            self.assertEqual(gates.verdict(name, value, self.baseline), (word, bad), (name, value))

    def test_rounding(self):
        self.assertEqual(gates.rounded("instructions_per_request", 1000.6), 1001)
        self.assertEqual(str(gates.rounded("eagain_per_request", -0.004)), "0.0")


class Results(unittest.TestCase):
    """The file of a run: one measurement a line, and short floats."""
    facts = {"machine": {"date": "2026-01-02 03:04:05 +0000"}, "quick": False, "seconds": 2.0}
    made = {"workload": "keepalive-64", "round": 0, "cpu_ns": 2080024526, "cpu_per_unit": 0.6386561390667367,
           "curve": [[0.0, 6.0], [0.9996019, 57.5]], "p99": None, "marks": []}
    short = {**made, "cpu_per_unit": 0.6386561, "curve": [[0, 6], [0.9996019, 57.5]]}

    def test_a_line_for_each_run(self):
        text = results.text({**self.facts, "runs": [self.made] * 3})
        lines = [json.loads(line.rstrip(",")) for line in text.split("\n") if "workload" in line]
        self.assertEqual(lines, [self.short] * 3)
        self.assertEqual(json.loads(text), {**self.facts, "runs": [self.short] * 3})
        self.assertNotIn(".0,", text)

    def test_written_and_read(self):
        with tempfile.TemporaryDirectory() as scratch:
            for runs in ([], [self.short]):
                results.write({**self.facts, "runs": runs}, f"{scratch}/results.json")
                self.assertEqual(results.read(f"{scratch}/results.json"), {**self.facts, "runs": runs})

    def test_another_file_is_refused_with_a_reason(self):
        with tempfile.TemporaryDirectory() as scratch:
            for text, reason in (("", "Expecting value"), ("[]", "no \"machine\""), ("{}", "no \"machine\"")):
                with open(f"{scratch}/x.json", "w", encoding="utf-8") as f:
                    f.write(text)
                with self.assertRaisesRegex(SystemExit, f"x.json: .*{reason}"):
                    results.read(f"{scratch}/x.json")

    def test_a_run_is_kept_by_its_day(self):
        self.assertEqual(results.kept_path(self.facts), "loadtest/results/2026-01-02.json")

    def test_every_kept_file_is_as_written_and_has_a_report(self):
        paths = glob.glob(f"{results.KEPT}/[0-9]*")
        self.assertGreater(len(paths), 0)
        for path in paths:
            with open(path, encoding="utf-8") as f:
                text = f.read()
            kept = results.read(path)
            self.assertEqual(text, results.text(kept), path)
            self.assertEqual(path, results.kept_path(kept))
            self.assertLessEqual(text.count("\n"), 400, path)
            tables = figures.tables(kept)
            self.assertEqual(sum(len(rounds) for t in tables for rounds in t.runs.values()), len(kept["runs"]), path)
            self.assertGreater(len(report.headline(tables)), 1, path)


if __name__ == "__main__":
    unittest.main()
