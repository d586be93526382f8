#!/usr/bin/env python3
"""report.py: the report of a run: tables on the terminal, and every figure in report.md and report.html.

    loadtest/bench/report.py FILE [DIR]    FILE is one of loadtest/results/; DIR is build/bench if not given
"""
import html
import os
import re
import sys

import figures
import plot
import results as store
from contender import ALL as CONTENDERS

VERSUS = ("nginx", "nginx-tuned", "haproxy", "haproxy-tuned", "floor-epoll", "floor-splice")
COLUMNS = {  # a figure of a run: its heading in the report, scale, format
    "per_second": ("a second", 1, "{:,.0f}"), "p50": ("p50 µs", 1, "{:,.0f}"), "p99": ("p99 µs", 1, "{:,.0f}"),
    "p99.9": ("p99.9 µs", 1, "{:,.0f}"), "max": ("max µs", 1, "{:,.0f}"),
    "quiet_p50": ("quiet p50 µs", 1, "{:,.0f}"), "quiet_p99": ("quiet p99 µs", 1, "{:,.0f}"),
    "errors": ("failed", 1, "{:,.0f}"),
    "machine_per_unit": ("machine", None, None), "proxy_share": ("proxy CPU", 100, "{:.0f} %"),
}
NOT_MEASURED = """- **A network.** Everything runs over the loopback of one machine: no packet is lost, the MTU is
  65,536 and segments are merged, which flatters splice most of all.
- **Who pays for loopback.** The kernel does the receiver's half of the work inside the sender's
  system call: a relay pays for its peers' receiving and not for its own. With requests and answers
  that is the same for all; in bulk, one way, it is not, so the whole machine's CPU time per unit
  stands beside the proxy's.
- **Bulk at a fixed rate.** Each contender runs as fast as it can.
- **Other TLS** than 1.3 with an ECDSA P-256 certificate: 1.2, RSA, client certificates, early data,
  TLS towards the servers.
- **Two workers' throughput**, NUMA, more than two CPUs, IPv6, and connections beyond the descriptor
  limit.
- **Foreign CPU below 5 % of the machine.** The kernel samples it by clock tick, and counts in it
  what its own threads do for our sockets."""


def form(value):
    """The value with three significant digits, or all digits before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def spread(figure):
    flag = f" !{figure.marked}" if figure.marked else ""
    if len(figure.values) == 1 or figure.low == figure.high:
        return form(figure.median) + flag
    return f"{form(figure.median)} ({form(figure.low)}–{form(figure.high)}){flag}"


def ratio_text(figure):
    return "" if figure is None else f"{figure.median:.2f}"


# ---- the headline ----

def in_role(table, name):
    """The contender of that column: the named one, or its variant with logs or TLS on."""
    return next((n for n in (name, f"{name}-log", f"{name}-tls") if n in table.names), None)


def headline(found):
    """Rows of text, one per workload: staunch's figure and its ratio to each other contender."""
    rows = [["workload", "unit", "staunch: median (min–max)", *(CONTENDERS[n].label for n in VERSUS)]]
    for t in found:
        if t.ours is None:
            continue
        ratios = [ratio_text(t.ratio(name)) if (name := in_role(t, n)) else "" for n in VERSUS]
        rows.append([t.load.name, t.load.unit, spread(t.figure(t.ours)), *ratios])
    return rows


def goal_rows(found):
    rows = [["workload", "goal", "measured", ""]]
    for t in found:
        for goal, bound, ratio in t.goals():
            against, *key = goal.split()
            rival = f"the better {against[:-1]}" if against.endswith("*") else CONTENDERS[against].label
            rival += f", {key[0]}" if key else ""
            verdict = "met" if ratio <= bound else f"missed by {ratio / bound - 1:.0%}"
            rows.append([t.load.name, f"≤ {bound:.2f} of {rival}", f"{ratio:.2f}", verdict])
    for name, what, bound, value in figures.absolute_goals(found):
        rows.append([name, f"≤ {bound:,} {what}", form(value), "met" if value <= bound else "missed"])
    return rows


def aligned(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


# ---- details ----

def details(table):
    load = table.load
    rows = [["", f"{load.unit}", "staunch / it", *(COLUMNS[key][0] for key in load.extra)]]
    if load.metric == "cpu_per_unit":
        rows[0] += ["proxy CPU", "whole machine"]
    if "p99" in load.extra and "direct" in table.names:
        rows[0] += ["added p50 µs"]
    for name in table.names:
        ratio = table.ratio(name)
        row = [CONTENDERS[name].label, spread(table.figure(name)), "" if ratio is None else spread(ratio)]
        for key in load.extra:
            figure = table.figure(name, key, COLUMNS[key][1])
            row.append("" if figure is None else COLUMNS[key][2].format(figure.median))
        if load.metric == "cpu_per_unit":
            row.append(f"{table.figure(name, 'proxy_share').median:.0%}")
            row.append(form(table.figure(name, "machine_per_unit", load.scale).median))
        if "added p50 µs" in rows[0]:
            added = table.added(name, "p50")
            row.append("" if added is None else form(added))
        rows.append(row)
    return rows


def about(results):
    m = results["machine"]
    versions = ", ".join(m["versions"].values())
    return [
        f"{m['date']} on {m['cpu']}, {m['cpus']} CPUs, {m['memory_gib']} GiB, Linux {m['kernel']}. {versions}.",
        f"{results['rounds']} interleaved rounds of {results['seconds']:g} s, {results['took_seconds']} s in all; "
        f"one worker on one CPU, load and servers on another; {m['congestion_control']}; "
        "access logs are off unless named.",
        "Medians with least and greatest. A ratio is staunch's figure by the other's, round by round; below 1 "
        "staunch is better. !N: N rounds stayed disturbed (foreign CPU, steal, errors) after being repeated.",
    ]


def marked(results):
    seen = {}
    for run in results["runs"]:
        if run["marks"]:
            key = f"{run['workload']}, {run['contender']}"
            seen.setdefault(key, []).append("; ".join(run["marks"]))
    return [f"{key}: {' | '.join(marks)}" for key, marks in seen.items()]


# ---- the two files ----

def markdown_table(rows):
    lines = [" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows]
    return "\n".join([f"| {lines[0]} |", "|" + "---|" * len(rows[0]), *(f"| {line} |" for line in lines[1:])])


def markdown(results, found, drawn):
    parts = ["# Load test", *about(results), "## Ratios", markdown_table(headline(found))]
    if len(goal_rows(found)) > 1:
        parts += ["## Goals", markdown_table(goal_rows(found))]
    parts += [f"![{title}]({svg.replace('.svg', '.png')})" for title, svg in drawn]
    for t in found:
        parts += [f"## {t.load.name}: {t.load.title}", markdown_table(details(t))]
    if marked(results):
        parts += ["## Disturbed runs", "\n".join(f"- {line}" for line in marked(results))]
    return "\n\n".join([*parts, "## What was not measured", NOT_MEASURED]) + "\n"


CSS = """body{font:15px/1.5 system-ui,sans-serif;color:#24292f;max-width:1180px;margin:2em auto;padding:0 1em}
h1{font-size:1.6em}h2{font-size:1.15em;margin:2em 0 .4em;border-bottom:1px solid #d8dee4}
table{border-collapse:collapse;font-size:13px;display:block;overflow-x:auto}
th,td{padding:.25em .7em;text-align:right;border-bottom:1px solid #eaeef2}
th,td{font-variant-numeric:tabular-nums;white-space:nowrap}
th{background:#f6f8fa}th:first-child,td:first-child{text-align:left}tr.ours td{font-weight:600;background:#f0f6ff}
.good{color:#1a7f37}.bad{color:#cf222e}svg{max-width:100%;height:auto}figure{margin:1em 0}"""


def cell_class(text):
    if text.startswith("met"):
        return ' class="good"'
    return ' class="bad"' if text.startswith("missed") else ""


def html_table(rows):
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in rows[0])
    body = ""
    for row in rows[1:]:
        ours = ' class="ours"' if row[0].startswith("staunch") else ""
        body += f"<tr{ours}>" + "".join(f"<td{cell_class(cell)}>{html.escape(cell)}</td>" for cell in row) + "</tr>\n"
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>"


def inline_svg(path):
    """The picture, its ids prefixed with its name: in one page they must differ from another's."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    name = path.rsplit("/", 1)[1].removesuffix(".svg")
    return re.sub(r"""(\bid=["']|xlink:href='#|url\(#)""", rf"\1{name}-", text[text.index("<svg"):])


def page(results, found, drawn, out):
    parts = ["<h1>Load test</h1>", *(f"<p>{html.escape(line)}</p>" for line in about(results)),
             "<h2>Ratios</h2>", html_table(headline(found))]
    if len(goal_rows(found)) > 1:
        parts += ["<h2>Goals</h2>", html_table(goal_rows(found))]
    parts += [f"<figure>{inline_svg(f'{out}/{svg}')}</figure>" for _, svg in drawn]
    for t in found:
        parts += [f"<h2>{html.escape(t.load.name)}: {html.escape(t.load.title)}</h2>", html_table(details(t))]
    if marked(results):
        parts += ["<h2>Disturbed runs</h2><ul>",
                  *(f"<li>{html.escape(line)}</li>" for line in marked(results)), "</ul>"]
    items = NOT_MEASURED.replace("\n  ", " ").split("\n")
    parts += ["<h2>What was not measured</h2><ul>",
              *(f"<li>{html.escape(item[2:].replace('**', ''))}</li>" for item in items), "</ul>"]
    return f"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>staunch: load test</title>" \
           f"<style>{CSS}</style></head>\n<body>\n" + "\n".join(parts) + "\n</body></html>\n"


def write(results, out):
    found = figures.tables(results)
    drawn = plot.write(found, out)
    with open(f"{out}/report.md", "w", encoding="utf-8") as f:
        f.write(markdown(results, found, drawn))
    with open(f"{out}/report.html", "w", encoding="utf-8") as f:
        f.write(page(results, found, drawn, out))
    print("\n".join(about(results)) + "\n")
    print(aligned(headline(found)) + "\n")
    print(aligned(goal_rows(found)) + "\n")
    print(f"{out}/report.html {out}/report.md")


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    out = sys.argv[2] if len(sys.argv) == 3 else "build/bench"
    results = store.read(sys.argv[1])
    os.makedirs(out, exist_ok=True)
    write(results, out)


if __name__ == "__main__":
    main()
