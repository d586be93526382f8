"""figures.py: compute the report's figures from the runs. It reads no file and no clock."""
from contender import ALL as CONTENDERS
from workload import ALL as WORKLOADS


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


class Figure:
    """Median, least and greatest of the rounds; `marked` of them were disturbed."""

    def __init__(self, values, marked=0):
        self.values, self.marked = values, marked
        self.median, self.low, self.high = median(values), min(values), max(values)


class Table:
    """The runs of one workload: {contender: {round: run}}."""

    def __init__(self, load, runs):
        self.load = load
        self.runs = {}
        for run in runs:
            if run["workload"] == load.name and run.get(load.metric) is not None:
                self.runs.setdefault(run["contender"], {})[run["round"]] = run
        self.names = [name for name in CONTENDERS if name in self.runs]
        self.ours = next((name for name in self.names if CONTENDERS[name].kind == "staunch"), None)

    def figure(self, name, key=None, scale=None):
        """The Figure of the workload's metric, or of another key; None when no round has it."""
        scale = scale or (1.0 if key else self.load.scale)
        runs = self.runs[name].values()
        values = [run[key or self.load.metric] * scale for run in runs if run.get(key or self.load.metric) is not None]
        return Figure(values, sum(bool(run["marks"]) for run in runs)) if values else None

    def ratio(self, name, key=None):
        """Staunch's figure by the other's, round by round: the machine disturbs both of a round
        alike. Below 1 staunch is better."""
        if self.ours is None or name == self.ours:
            return None
        key = key or self.load.metric
        ours, theirs = self.runs[self.ours], self.runs[name]
        pairs = [(ours[r].get(key), theirs[r].get(key)) for r in ours if r in theirs]
        ratios = [a / b for a, b in pairs if a is not None and b]
        return Figure(ratios) if ratios else None

    def added(self, name, key):
        """The median latency that a contender adds to no proxy; None when one is missing."""
        if "direct" not in self.runs or self.figure("direct", key) is None or self.figure(name, key) is None:
            return None
        return self.figure(name, key).median - self.figure("direct", key).median

    def goals(self):
        """[(goal, bound, ratio)]. "nginx*" means the better of nginx's variants. A second word names
        the figure to compare instead of the workload's metric."""
        found = []
        for goal, bound in self.load.goals.items():
            against, key = (goal.split() + [None])[:2]
            names = [n for n in self.runs if (n.startswith(against[:-1]) if against.endswith("*") else n == against)]
            ratios = [r.median for r in (self.ratio(name, key) for name in names) if r]
            if ratios:
                found.append((goal, bound, max(ratios)))
        return found


def tables(results):
    found = [Table(load, results["runs"]) for load in WORKLOADS]
    return [table for table in found if table.names]


def absolute_goals(found):
    """[(workload, unit, bound, measured)] of the goals that are numbers, not ratios."""
    bounds = {"idle": ("bytes", 512), "idle-100": ("bytes", 512), "slow": ("bytes", 65536), "balance-64": ("%", 52),
              "reload": ("failed", 0), "tls-idle": ("bytes", 12288),
              "tls-storm": ("times the quiet p99", 2)}
    rows = [(t.load.name, *bounds[t.load.name], t.figure(t.ours).median)
            for t in found if t.load.name in bounds and t.ours]
    held = [t.figure(t.ours).median for t in found if t.load.how == "held" and t.ours]
    return rows + ([("held-9000", "of held-1000", 1.05, held[1] / held[0])] if len(held) == 2 else [])


def curve(table, name):
    """[(1 / (1 - q), us)]: for each point that all rounds have, the median of the rounds."""
    rounds = [dict(map(tuple, run["curve"])) for run in table.runs[name].values() if run.get("curve")]
    shared = set.intersection(*map(set, rounds)) if rounds else set()
    return [(1 / (1 - q), median([points[q] for points in rounds])) for q in sorted(shared) if q < 1]
