"""failover_test.py CLASS: what failover.py counts, its goals, its peers and its report."""
import asyncio
import glob
import sys
import time
import unittest
import unittest.mock

sys.path.insert(0, "loadtest/bench")
import failover
import failover_figures as figures
import failover_peers as peers
import failover_report as report
import results


def run(mode="reset", contender="staunch", rate=50, **figure):
    """A measurement in which nobody suffered, but for what is named."""
    rows = [[n / rate, 0.001, "ok", 1 + n % 3] for n in range(45 * rate)]
    return {"mode": mode, "contender": contender, "rate": rate, "fails": 10.01, "back_at": 30.01,
            **figures.count(rows, 10.01, 30.01, 45), "marks": [], **figure}


def whole(*runs):
    versions = {"staunch": "staunch 1", "nginx": "nginx/1", "haproxy": "HAProxy 2", "wrk": "wrk 4"}
    facts = {"date": "2026-01-02 03:04:05 +0000", "cpu": "a CPU", "cpus": 2, "memory_gib": 4, "kernel": "6",
             "versions": versions}
    return {"machine": facts, "seconds": 20, "took_seconds": 46, "runs": list(runs)}


class Count(unittest.TestCase):
    """One row each: a client's begin, its latency, what happened, which server answered."""
    def count(self, *rows):
        return figures.count(rows, 10.0, 30.0, 45)

    def test_nobody_suffers(self):
        found = self.count([0.0, 0.001, "ok", 1], [10.1, 0.4, "ok", 2], [30.5, 0.002, "ok", 3])
        self.assertEqual((found["clients"], found["failed"], found["slow"], found["slowest"]), (3, 0, 0, 0.4))
        self.assertEqual((found["why"], found["before"], found["back"]), ({}, 0, None))

    def test_failures_by_time(self):
        """A client that connects just before the failure belongs to the first second."""
        found = self.count([9.99, 0.1, "reset", 0], [10.9, 0.1, "end", 0], [11.0, 10.0, "silence", 0],
                           [29.0, 0.1, "reset", 0], [10.5, 0.1, "refused", 0])
        self.assertEqual((found["failed"], found["failed_first"], found["failed_later"]), (5, 3, 2))
        self.assertEqual(found["why"], {"reset": 2, "end": 1, "silence": 1, "refused": 1})
        self.assertEqual([found["failed_by_second"][s] for s in (9, 10, 11, 29)], [1, 2, 1, 1])
        self.assertEqual((sum(found["failed_by_second"]), len(found["failed_by_second"])), (5, 45))

    def test_slow_is_answered_and_late_is_after_the_failure(self):
        found = self.count([10.1, 0.401, "ok", 2], [11.4, 5.0, "ok", 2], [11.5, 0.5, "ok", 3],
                           [12.0, 10.0, "silence", 0])
        self.assertEqual((found["slow"], found["slow_late"], found["slowest"], found["failed"]), (3, 1, 5.0, 1))
        self.assertEqual(sum(found["slow_by_second"]), 3)

    def test_who_suffers_before_the_failure_disturbs(self):
        self.assertEqual(self.count([8.9, 0.1, "reset", 0], [3.0, 0.5, "ok", 1], [9.5, 0.1, "reset", 0])["before"], 2)

    def test_back_is_an_answer_to_one_who_began_after(self):
        """An answer of another server, or to a client that waited since before, proves nothing."""
        found = self.count([29.9, 0.3, "ok", 1], [30.1, 0.01, "ok", 2], [30.2, 9.0, "silence", 1],
                           [31.0, 0.25, "ok", 1], [31.1, 0.05, "ok", 1])
        self.assertAlmostEqual(found["back"], 1.15)

    def test_no_client_at_all(self):
        found = self.count()
        self.assertEqual((found["clients"], found["slowest"], found["back"]), (0, None, None))


class Goals(unittest.TestCase):
    def bounds(self, mode, rate):
        return {goal.figure: goal.bound(rate) for goal in figures.GOALS if mode in goal.modes}

    def test_the_page_at_50_a_second(self):
        self.assertEqual(self.bounds("refuse", 50), {"failed": 0, "back": 1.5})
        self.assertEqual(self.bounds("certificate", 50), {"failed": 0, "back": 1.5})
        for mode in ("reset", "end"):
            self.assertEqual(self.bounds(mode, 50), {"failed_first": 3, "failed_later": 2, "back": 1.5})
        self.assertEqual(self.bounds("silent", 50), {"failed": 25, "back": 22})
        self.assertEqual(self.bounds("blackhole", 50), {"failed": 0, "slow": 20, "slow_late": 0, "back": 1.5})

    def test_at_500_the_seconds_hold_and_trials_stay(self):
        self.assertEqual(self.bounds("reset", 500), {"failed_first": 30, "failed_later": 2, "back": 1.5})
        self.assertEqual(self.bounds("silent", 500), {"failed": 220, "back": 22})
        self.assertEqual(self.bounds("blackhole", 500)["slow"], 200)

    def test_every_mode_has_goals_and_every_figure_a_name(self):
        for mode in figures.MODES:
            self.assertGreater(len(self.bounds(mode, 50)), 1, mode)
        self.assertLessEqual({goal.figure for goal in figures.GOALS}, figures.FIGURES.keys())

    def test_verdicts(self):
        self.assertEqual(figures.verdict(3, 3), "met")
        self.assertEqual(figures.verdict(198, 3), "missed by 195")
        self.assertEqual(figures.verdict(3.0, 1.5), "missed by 1.5")
        self.assertEqual(figures.verdict(None, 1.5), "missed: never")

    def test_the_best_other(self):
        runs = [run(failed=3, slow=1), run(contender="nginx", failed=0, slow=9),
                run(contender="haproxy", failed=5, slow=0), run(contender="haproxy", rate=500, failed=0),
                run("end", contender="haproxy", failed=0)]
        self.assertEqual(figures.best_other(runs, "reset", 50), (4, 5))
        self.assertIsNone(figures.best_other(runs[1:], "reset", 50))
        self.assertIsNone(figures.best_other(runs[:1], "reset", 50))


class Peers(unittest.TestCase):
    """The clients against a server of the bench, with no proxy between them."""
    def clients(self, how, count=3):
        """[(what happened, server)] of clients of a server that does `how`."""
        async def talk():
            server = peers.Server(0, 0, {})
            port = server.listener.getsockname()[1]
            server.at = (server.at[0], port)
            server.become(how)
            load = peers.Load(port, time.monotonic(), 1000, count / 1000)
            await load.run()
            server.become("refuse")
            return [(what, number) for _, _, what, number in load.rows]

        with unittest.mock.patch.object(peers, "SERVERS", ("127.0.0.1",)):
            return asyncio.run(talk())

    def test_each_way_to_fail_is_what_it_says(self):
        for how, seen in (("good", ("ok", 1)), ("refuse", ("refused", 0)), ("reset", ("reset", 0)),
                          ("end", ("end", 0))):
            self.assertEqual(self.clients(how), [seen] * 3, how)
        with unittest.mock.patch.object(peers, "PATIENCE", 0.2):
            self.assertEqual(self.clients("silent"), [("silence", 0)] * 3)

    def test_a_server_is_good_again(self):
        async def talk():
            server = peers.Server(0, 0, {})
            server.at = server.listener.getsockname()
            seen = []
            for how in ("refuse", "good", "reset", "good"):
                server.become(how)
                load = peers.Load(server.at[1], time.monotonic(), 1000, 0.001)
                await load.run()
                seen.append(load.rows[0][2])
            server.become("refuse")
            return seen

        with unittest.mock.patch.object(peers, "SERVERS", ("127.0.0.1",)):
            self.assertEqual(asyncio.run(talk()), ["refused", "ok", "reset", "ok"])


class Plan(unittest.TestCase):
    def plan(self, *words):
        with unittest.mock.patch.object(sys, "argv", ["failover.py", *words]):
            return failover.plan(failover.options())

    def test_beside_each_other_where_one_cpu_is_enough(self):
        found = self.plan("--only", "blackhole,refuse", "--rate", "50,500")
        self.assertEqual([(str(m), len(m.names)) for m in found[:3]],
                         [("refuse 50/s", 5), ("blackhole 50/s", 5), ("refuse 500/s", 1)])
        self.assertEqual(len(found), 2 + 2 * 5)

    def test_one_contender_is_asked_for(self):
        found = self.plan("--contenders", "staunch", "--rate", "500", "--seconds", "12")
        self.assertEqual([m.names for m in found], [["staunch"]] * 6)
        self.assertEqual(found[0].length, 37)

    def test_disturbed(self):
        """10 s of two CPUs: clients and servers, proxies, the whole machine, stolen."""
        measurement, begin = self.plan("--rate", "50")[0], (5.0, 0, 0, 0, 0)
        with unittest.mock.patch("os.cpu_count", lambda: 2):
            for used, share, marks in (
                    ((4e9, 1e9, 6e9, 0), 0.4, []),
                    ((4e9, 1e9, 6.1e9, 0), 0.4, ["foreign CPU 6%"]),
                    ((9e9, 1e9, 10e9, 2e9), 0.9, ["steal 10%", "clients and servers used 90% of their CPU"])):
                found = measurement.disturbed(begin, (15.0, *used))
                self.assertAlmostEqual(found[0], share)
                self.assertEqual(found[1], marks)

    def test_what_cannot_be_is_refused(self):
        for words in (["--only", "refuse,x"], ["--contenders", "apache"], ["--rate", "50,x"], ["--rate", "2000"],
                      ["--seconds", "5"]):
            with self.assertRaises(SystemExit), unittest.mock.patch("sys.stderr"):
                self.plan(*words)

    def test_every_configuration_is_filled(self):
        for tls in (None, {"ca": "/ca.pem", "good": "/good.pem", "expired": "/expired.pem"}):
            for c in report.CONTENDERS.values():
                with open(f"{failover.contender.CONFIGS}/{c.config}.in", encoding="utf-8") as f:
                    text = f.read()
                values = {**failover.contender.words(c, "/x", 9100, 2000, 1, False), **failover.words(tls)}
                self.assertNotRegex(failover.contender.fill(text, values), "@[A-Z]", c.name)


class Report(unittest.TestCase):
    def test_tables(self):
        runs = [run(failed=198, failed_first=17, failed_later=181, back=0.5),
                run(contender="nginx", failed=87, back=None)]
        rows = report.headline(whole(*runs), "failed")
        self.assertEqual(rows[1], ["resets after accept", "50", "198", "87"])
        self.assertEqual(report.short(whole(*runs), "back")[1], ["reset", "50", "0.50", "never"])
        self.assertEqual([row[2:] for row in report.goal_rows(whole(*runs))[1:]], [
            ["failed in the first 1 s ≤ 3", "17", "missed by 14"], ["failed after that ≤ 2", "181", "missed by 179"],
            ["in use again after, s ≤ 1.5", "0.50", "met"],
            ["failed and slow ≤ 87, the best other's", "198", "missed by 111"]])

    def test_the_terminals_tables_fit_80_columns(self):
        found = whole(*(run(mode, name, rate=500) for mode in figures.MODES for name in report.CONTENDERS))
        for rows in (report.short(found, "failed"), report.goal_rows(found)):
            self.assertLessEqual(max(map(len, report.aligned(rows).split("\n"))), 80)

    def test_disturbed_runs_beside_each_other_are_told_once(self):
        runs = [run(marks=["steal 9%"]), run(contender="nginx", marks=["steal 9%"])]
        self.assertEqual(report.marked(whole(*runs)), ["reset, 50 a second, staunch, nginx: steal 9%"])

    def test_a_run_is_kept_by_its_day_and_is_small(self):
        runs = [run(mode, name, rate) for mode in figures.MODES for name in report.CONTENDERS for rate in (50, 500)]
        self.assertEqual(results.kept_path(whole(), "failover-"), "loadtest/results/failover-2026-01-02.json")
        text = results.text(whole(*runs))
        self.assertLess((text.count("\n"), len(text)), (70, 50000))

    def test_every_kept_file_is_as_written_and_has_a_report(self):
        for path in glob.glob(f"{results.KEPT}/failover-*"):
            kept = results.read(path)
            with open(path, encoding="utf-8") as f:
                self.assertEqual(f.read(), results.text(kept), path)
            self.assertEqual(path, results.kept_path(kept, "failover-"))
            self.assertGreater(len(report.goal_rows(kept)), 1, path)


if __name__ == "__main__":
    unittest.main()
