"""failover_figures.py: the ways a server fails, what is counted of the clients, and the goals. It
reads no file and no clock.
"""
import math
from dataclasses import dataclass

SERVERS = 3  # of which the first one fails
SLOW = 0.4  # s: an answer later than that is slow
WARM = 10  # s of good traffic before a server fails: what is learnt needs them
FIRST = 1.0  # s after the failure that are judged apart
LATE = 1.5  # s after the failure from when on no client may be slow
OUT, TRIALS = 10, 2  # staunch's passive.out in s, and its trials of a server that fails for 20 s


@dataclass(frozen=True)
class Mode:
    name: str
    title: str  # "the server ..."
    how: str  # what the server does, a word of failover_peers.py; "": it does nothing, its link fails
    after: int = 15  # seconds observed once the server is back
    tls: bool = False  # the proxies speak TLS to the servers, and verify


MODES = {mode.name: mode for mode in (
    Mode("refuse", "refuses", "refuse"),
    Mode("certificate", "shows an expired certificate (TLS to servers)", "expired", tls=True),
    Mode("reset", "resets after accept", "reset"),
    Mode("end", "ends after accept without a byte", "end"),
    Mode("silent", "accepts, never answers", "silent", after=24),
    Mode("blackhole", "drops SYNs (black hole)", ""),
)}


@dataclass(frozen=True)
class Goal:
    """The figure may be at most `most`, and for a count of clients those of `share` seconds of the
    failing server's share more: at ten times the rate the seconds stay."""
    modes: tuple
    figure: str
    most: float
    share: float = 0

    def bound(self, rate):
        return self.most + math.ceil(self.share * rate / SERVERS - 1e-9)


# The last column of the table of required outcomes.
GOALS = (
    Goal(("refuse", "certificate", "blackhole"), "failed", 0),
    Goal(("reset", "end"), "failed_first", 0, share=0.18),  # 3 at 50 a second
    Goal(("reset", "end"), "failed_later", TRIALS),
    Goal(("silent",), "failed", 3, share=1.3),
    Goal(("blackhole",), "slow", 0, share=1.2),  # 20 at 50 a second
    Goal(("blackhole",), "slow_late", 0),
    Goal(("refuse", "certificate", "reset", "end", "blackhole"), "back", 1.5),
    Goal(("silent",), "back", 2 * OUT * 1.1),  # with the second trial
)
FIGURES = {  # figure: what it is called
    "failed": "failed clients", "failed_first": f"failed in the first {FIRST:g} s",
    "failed_later": "failed after that", "slow": f"slower than {SLOW:g} s",
    "slow_late": f"slow after {LATE:g} s", "slowest": "slowest answer, s", "back": "in use again after, s",
}


def count(rows, fails, back, seconds):
    """The figures of one contender's clients: the server fails and is back at these seconds after the
    start, and clients began for `seconds`. A row is failover_peers.py's."""
    failed = [due for due, _, what, _ in rows if what != "ok"]
    slow = [due for due, took, what, _ in rows if what == "ok" and took > SLOW]
    answered = [took for _, took, what, _ in rows if what == "ok"]
    again = [due + took - back for due, took, what, server in rows if what == "ok" and server == 1 and due >= back]
    why = {}
    for _, _, what, _ in rows:
        if what != "ok":
            why[what] = why.get(what, 0) + 1
    return {
        "clients": len(rows), "failed": len(failed), "failed_first": sum(due < fails + FIRST for due in failed),
        "failed_later": sum(due >= fails + FIRST for due in failed), "slow": len(slow),
        "slow_late": sum(due >= fails + LATE for due in slow), "slowest": max(answered, default=None),
        "back": min(again, default=None), "why": why,
        "before": sum(due < fails - FIRST for due in failed + slow),
        "failed_by_second": by_second(failed, seconds), "slow_by_second": by_second(slow, seconds),
    }


def by_second(moments, seconds):
    counts = [0] * math.ceil(seconds)
    for moment in moments:
        counts[min(int(moment), len(counts) - 1)] += 1
    return counts


def judged(run):
    """[(figure, bound, measured, verdict)] of the goals of a run's mode."""
    rows = []
    for goal in GOALS:
        if run["mode"] in goal.modes:
            bound = goal.bound(run["rate"])
            rows.append((goal.figure, bound, run[goal.figure], verdict(run[goal.figure], bound)))
    return rows


def verdict(value, bound):
    if value is None:
        return "missed: never"
    return "met" if value <= bound else f"missed by {value - bound:.3g}"


def best_other(runs, mode, rate):
    """(failed and slow clients of staunch, of the best other contender), or None when one is missing."""
    suffered = {run["contender"]: run["failed"] + run["slow"] for run in runs
                if run["mode"] == mode and run["rate"] == rate}
    ours = suffered.pop("staunch", None)
    return (ours, min(suffered.values())) if suffered and ours is not None else None
