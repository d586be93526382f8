#!/usr/bin/env python3
"""failover_report.py: the report of failover.py: tables on the terminal, every figure in report.md and report.html.

    loadtest/bench/failover_report.py FILE [DIR]    FILE is one of loadtest/results/failover-*.json;
                                                    DIR is build/bench/failover if not given
"""
import html
import os
import sys

import contender
import failover_figures as figures
import plot
import results as store
from report import CSS, aligned, html_table, inline_svg, markdown_table

CONTENDERS = {c.name: c for c in (
    contender.staunch("staunch", "failover-staunch.yaml", label="staunch"),
    contender.haproxy("haproxy", "failover-haproxy.conf", label="HAProxy, check"),
    contender.haproxy("haproxy-tuned", "failover-haproxy-tuned.conf", label="HAProxy, tuned"),
    contender.nginx("nginx", "failover-nginx.conf", label="nginx, default"),
    contender.nginx("nginx-tuned", "failover-nginx-tuned.conf", label="nginx, tuned"),
)}
LEAST_TOP = 5  # of an axis of clients: a panel in which nobody suffers has one, too
COLUMNS = ("failed", "failed_first", "slow", "slow_late", "slowest", "back")
NOT_MEASURED = (
    "Connections that are open when the server fails: each client makes one request.",
    "Loss: the black hole loses everything, and the other links nothing.",
    "More than one failing server, and servers that are slow rather than silent.",
    "nginx's paid version, which has checks, and HAProxy's newer versions.",
)


def number(value):
    return "never" if value is None else f"{value:.0f}" if isinstance(value, int) or value >= 100 else f"{value:.2f}"


def groups(results):
    """[(mode, rate, {contender: run})] in the order of the run."""
    found = {}
    for run in results["runs"]:
        found.setdefault((run["rate"], run["mode"]), {})[run["contender"]] = run
    return [(figures.MODES[mode], rate, {name: runs[name] for name in CONTENDERS if name in runs})
            for (rate, mode), runs in found.items()]


def names(results):
    return [name for name in CONTENDERS if any(run["contender"] == name for run in results["runs"])]


# ---- tables ----

def headline(results, key):
    """One figure: a row per mode and rate, a column per contender."""
    rows = [["the server ...", "a second", *(CONTENDERS[name].label for name in names(results))]]
    for mode, rate, runs in groups(results):
        cells = [number(runs[name][key]) if name in runs else "" for name in names(results)]
        rows.append([mode.title, str(rate), *cells])
    return rows


def short(results, key):
    """The same for 80 columns: names instead of titles."""
    rows = [["", "", *names(results)]]
    by_title = {mode.title: mode.name for mode in figures.MODES.values()}
    return rows + [[by_title[title], rate, *cells] for title, rate, *cells in headline(results, key)[1:]]


def goal_rows(results):
    rows = [["the server ...", "a second", "goal for staunch", "measured", ""]]
    for mode, rate, runs in groups(results):
        if "staunch" not in runs:
            continue
        for figure, bound, value, verdict in figures.judged(runs["staunch"]):
            rows.append([mode.name, str(rate), f"{figures.FIGURES[figure]} ≤ {bound:g}", number(value), verdict])
        pair = figures.best_other(results["runs"], mode.name, rate)
        if pair:
            rows.append([mode.name, str(rate), f"failed and slow ≤ {pair[1]}, the best other's", str(pair[0]),
                         figures.verdict(*pair)])
    return rows


def details(runs):
    rows = [["", *(figures.FIGURES[key] for key in COLUMNS), "of clients", "how they failed"]]
    for name, run in runs.items():
        why = ", ".join(f"{count} {what}" for what, count in sorted(run["why"].items()))
        rows.append([CONTENDERS[name].label, *(number(run[key]) for key in COLUMNS), str(run["clients"]), why])
    return rows


def about(results):
    m = results["machine"]
    versions = [text for name, text in m["versions"].items() if name != "wrk"]
    return [
        f"{m['date']} on {m['cpu']}, {m['cpus']} CPUs, {m['memory_gib']} GiB, Linux {m['kernel']}. "
        f"{', '.join(versions)}.",
        f"Three servers; after {figures.WARM} s of good traffic one fails for {results['seconds']:g} s, then it is "
        f"back. {results['took_seconds']} s in all; one worker a proxy, all proxies on one CPU, clients and servers on "
        "another.",
        "Failed: reset, ended without the answer, or no answer in 10 s. In use again: from the moment the server "
        "can be reached again to the first answer of its to a client that began after that moment.",
    ]


def marked(results):
    """A line per mode, rate and mark: it holds for all that ran beside each other."""
    seen = {}
    for run in results["runs"]:
        for mark in run["marks"]:
            seen.setdefault((f"{run['mode']}, {run['rate']} a second", mark), []).append(run["contender"])
    return [f"{where}, {', '.join(who)}: {mark}" for (where, mark), who in seen.items()]


# ---- plots ----

def panel(runs, key, label):
    """One of a picture's two panels: staunch last, so that its line lies on top. A line that lies under others is
    the wider for it, so that it is seen."""
    blocks, plots, top = [], [], LEAST_TOP
    for i, (name, run) in enumerate(reversed(runs.items())):
        counts = run[f"{key}_by_second"]
        top = max(top, *counts)
        lines = "\n".join(f"{s} {n}" for s, n in enumerate(counts + counts[-1:]))  # a step ends where the next begins
        blocks.append(f"${key}{i} << END\n{lines}\nEND")
        plots.append(f"${key}{i} using 1:2 with steps linewidth {max(7 - 1.5 * i, 2.5):g} "
                     f"linecolor rgb '{plot.COLOURS[name]}' title {plot.quoted(CONTENDERS[name].label)}")
    head = f"set ylabel {plot.quoted(label)}\nset yrange [{-top * 0.02:.3g}:{top * 1.08:.3g}]\n"
    return "\n".join(blocks) + "\n" + head + "plot " + ", \\\n".join(plots) + "\n"


def picture(out, mode, rate, runs):
    """Failed clients above, slow ones below, by the second in which they began; the failure is shaded."""
    first = next(iter(runs.values()))
    title = f"The server {mode.title}: {rate} clients a second"
    shade = f"set object 1 rectangle from {first['fails']:.2f}, graph 0 to {first['back_at']:.2f}, graph 1 behind " \
            "fillcolor rgb '#f1f3f5' fillstyle solid noborder\n"
    head = f"set multiplot layout 2,1 title {plot.quoted(title)}\nset lmargin 9\nset rmargin 22\n" \
           f"set xrange [0:{len(first['failed_by_second'])}]\nset key on\nunset xlabel\n"
    script = head + shade + panel(runs, "failed", "failed, each second") \
        + "set key off\nset xlabel 'second in which the client began'\n" \
        + panel(runs, "slow", f"slower than {figures.SLOW:g} s") + "unset multiplot\nunset object 1\n"
    return plot.draw(out, f"{mode.name}-{rate}", 860, 520, script)


# ---- the files ----

def markdown(results, drawn):
    parts = ["# Fail-over", *about(results)]
    for key in ("failed", "slow", "back"):
        parts += [f"## {figures.FIGURES[key].capitalize()}", markdown_table(headline(results, key))]
    parts += ["## Goals", markdown_table(goal_rows(results))]
    for (mode, rate, runs), svg in zip(groups(results), drawn):
        parts += [f"## The server {mode.title}: {rate} clients a second", markdown_table(details(runs))]
        parts += [f"![{mode.name}]({svg.replace('.svg', '.png')})"] if svg else []
    if marked(results):
        parts += ["## Disturbed runs", "\n".join(f"- {line}" for line in marked(results))]
    return "\n\n".join([*parts, "## What was not measured", "\n".join(f"- {line}" for line in NOT_MEASURED)]) + "\n"


def items(lines):
    return ["<ul>", *(f"<li>{html.escape(line)}</li>" for line in lines), "</ul>"]


def page(results, drawn, out):
    parts = ["<h1>Fail-over</h1>", *(f"<p>{html.escape(line)}</p>" for line in about(results))]
    for key in ("failed", "slow", "back"):
        parts += [f"<h2>{html.escape(figures.FIGURES[key].capitalize())}</h2>", html_table(headline(results, key))]
    parts += ["<h2>Goals</h2>", html_table(goal_rows(results))]
    for (mode, rate, runs), svg in zip(groups(results), drawn):
        parts += [f"<h2>The server {html.escape(mode.title)}: {rate} clients a second</h2>", html_table(details(runs))]
        parts += [f"<figure>{inline_svg(f'{out}/{svg}')}</figure>"] if svg else []
    if marked(results):
        parts += ["<h2>Disturbed runs</h2>", *items(marked(results))]
    parts += ["<h2>What was not measured</h2>", *items(NOT_MEASURED)]
    return f"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>staunch: fail-over</title>" \
           f"<style>{CSS}</style></head>\n<body>\n" + "\n".join(parts) + "\n</body></html>\n"


def write(results, out):
    drawn = [picture(out, *group) for group in groups(results)]
    with open(f"{out}/report.md", "w", encoding="utf-8") as f:
        f.write(markdown(results, drawn))
    with open(f"{out}/report.html", "w", encoding="utf-8") as f:
        f.write(page(results, drawn, out))
    for key in ("failed", "slow", "slowest", "back"):
        print(f"{figures.FIGURES[key]}\n{aligned(short(results, key))}\n")
    print(aligned(goal_rows(results)) + "\n")
    print("\n".join(f"disturbed: {line}" for line in marked(results)))
    print(f"{out}/report.html {out}/report.md")


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    out = sys.argv[2] if len(sys.argv) == 3 else "build/bench/failover"
    results = store.read(sys.argv[1])
    os.makedirs(out, exist_ok=True)
    write(results, out)


if __name__ == "__main__":
    main()
