"""plot.py: draw the report's pictures with gnuplot: SVG for report.html, PNG for report.md."""
import subprocess

import figures
from contender import ALL as CONTENDERS

COLOURS = {
    "direct": "#24292f", "floor-epoll": "#6e7781", "floor-uring": "#8250df", "floor-splice": "#4f5760",
    "floor-thread": "#a9b1ba", "floor-spin": "#c6ccd2",
    "staunch": "#1f6feb", "staunch-log": "#1f6feb", "staunch-watched": "#79b8ff", "staunch-tls": "#1f6feb",
    "nginx": "#8fd19e", "nginx-tuned": "#2da44e", "nginx-log": "#2da44e",
    "nginx-tls": "#8fd19e", "nginx-tuned-tls": "#2da44e",
    "haproxy": "#f5b971", "haproxy-tuned": "#d9730d", "haproxy-log": "#d9730d",
    "haproxy-tls": "#f5b971", "haproxy-tuned-tls": "#d9730d",
}
STYLE = """
set border 3 linecolor rgb '#8c959f'
set tics nomirror textcolor rgb '#24292f'
set grid ytics linecolor rgb '#d8dee4' linewidth 1 dashtype solid
set key outside right top vertical Left reverse samplen 1.5 spacing 1.25
"""


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def draw(out, name, width, height, script):
    """Returns the name of the SVG, or None when gnuplot fails."""
    terminals = (f"svg size {width},{height} font 'Helvetica,13' background 'white'", f"{name}.svg"), \
                (f"pngcairo size {2 * width},{2 * height} font 'Sans,13' fontscale 1.7 linewidth 2", f"{name}.png")
    text = STYLE + "".join(f"set terminal {terminal}\nset output {quoted(out + '/' + file)}\n{script}\n"
                           for terminal, file in terminals)
    done = subprocess.run(["gnuplot"], input=text, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        print(f"loadtest: gnuplot: {done.stderr.strip()}")
        return None
    return f"{name}.svg"


def bars(found, value, shown="%.2f", least=0.0):
    """A cluster of bars per workload, a bar per contender, each with its number and range."""
    names = [name for name in CONTENDERS if any(name in t.names and value(t, name) for t in found)]
    width = len(names) + 1.5
    blocks, boxes, ranges, labels, top = [], [], [], [], least
    for i, name in enumerate(names):
        rows = [(j * width + i, value(t, name)) for j, t in enumerate(found) if name in t.names and value(t, name)]
        top = max([top, *(f.high for _, f in rows)])
        lines = "\n".join(f"{x} {f.median:.6g} {f.low:.6g} {f.high:.6g} {quoted(shown % f.median)}" for x, f in rows)
        blocks.append(f"$b{i} << END\n{lines}\nEND")
        boxes.append(f"$b{i} using 1:2 with boxes fillstyle solid 0.9 noborder linecolor rgb '{COLOURS[name]}' "
                     f"title {quoted(CONTENDERS[name].label)}")
        if any(f.low < f.high for _, f in rows):
            ranges.append(f"$b{i} using 1:3:(0):($4-$3) with vectors nohead linecolor rgb '#424a53' "
                          "linewidth 1.5 notitle")
        # Drawn after all boxes, or a neighbour's box would cover the label.
        labels.append(f"$b{i} using 1:4:5 with labels rotate by 90 left offset 0,0.5 font ',9' notitle")
    tics = ", ".join(f"{quoted(t.load.name)} {j * width + (len(names) - 1) / 2}" for j, t in enumerate(found))
    plots = "plot " + ", \\\n".join(boxes + ranges + labels)
    return "\n".join([*blocks, f"set xtics ({tics}) scale 0", "set boxwidth 0.85",
                      f"set xrange [-1:{len(found) * width - 1}]", plots]), top


def bar_plot(out, name, title, label, found, value, shown="%.2f"):
    found = [t for t in found if any(value(t, n) for n in t.names)]
    if not found:
        return None
    body, top = bars(found, value, shown)
    head = f"set title {quoted(title)}\nset ylabel {quoted(label)}\nset yrange [0:{top * 1.22:.6g}]\n"
    return draw(out, name, max(620, 220 + 150 * len(found)), 400, head + body)


def log_bars(out, name, title, label, found, value, shown):
    found = [t for t in found if any(value(t, n) for n in t.names)]
    if not found:
        return None
    body, top = bars(found, value, shown)
    head = f"set title {quoted(title)}\nset ylabel {quoted(label)}\nset logscale y\n" \
           f"set yrange [10:{top * 4:.6g}]\nset format y '%.0s %cB'\n"
    return draw(out, name, max(620, 220 + 180 * len(found)), 400, head + body)


def curves(out, table):
    """Latency by percentile. The x axis counts nines, so the tail takes most of the picture."""
    blocks, plots, last = [], [], 10
    for i, name in enumerate(table.names):
        points = figures.curve(table, name)
        if not points:
            continue
        last = max(last, points[-1][0])
        blocks.append(f"$c{i} << END\n" + "\n".join(f"{x:.6g} {y:.6g}" for x, y in points) + "\nEND")
        wide = 3.5 if name == "staunch" else 2
        plots.append(f"$c{i} using 1:2 with lines linewidth {wide} linecolor rgb '{COLOURS[name]}' "
                     f"title {quoted(CONTENDERS[name].label)}")
    if not plots:
        return None
    tics = ", ".join(f"{quoted(text)} {x}" for text, x in (("0", 1), ("50", 2), ("90", 10), ("99", 100),
                                                          ("99.9", 1000), ("99.99", 10000), ("99.999", 100000)))
    head = f"set title {quoted(table.load.title)}\n" \
           "set xlabel 'percentile of the requests'\nset ylabel 'latency, µs'\n" \
           f"set logscale xy\nset xrange [1:{last:.6g}]\nset xtics ({tics})\nset grid xtics\n"
    return draw(out, table.load.name, 860, 430, "\n".join(blocks) + "\n" + head + "plot " + ", \\\n".join(plots))


def relative(table, name):
    """The contender's figure by staunch's, round by round; staunch itself is 1."""
    if table.ours is None:
        return None
    if name == table.ours:
        return figures.Figure([1.0])
    ratio = table.ratio(name)
    return figures.Figure([1 / r for r in ratio.values if r]) if ratio else None


def write(found, out):
    """Returns [(title, svg)] of the pictures that gnuplot drew."""
    def named(*starts):
        return [t for t in found if t.load.name.startswith(starts)]

    def relative_bars(name, title, chosen):
        return bar_plot(out, name, f"{title}, staunch = 1", "times staunch's", chosen, relative)

    tls = named("tls")
    cpu = [t for t in found if t.load.metric == "cpu_per_unit"]
    small = [t for t in cpu if t not in tls and not t.load.bulk]
    bulk = [t for t in cpu if t not in tls and t.load.bulk]
    drawn = [
        ("CPU per unit of work, staunch = 1", relative_bars("cpu", "CPU of the proxy per unit of work", small)),
        ("CPU per byte in bulk, staunch = 1", relative_bars("cpu-bulk", "CPU of the proxy per byte in bulk", bulk)),
        ("CPU with TLS, staunch = 1", relative_bars("cpu-tls", "CPU of the proxy per unit of work with TLS",
                                                    [t for t in cpu if t in tls])),
        ("Requests and connections", bar_plot(out, "throughput", "Throughput (wrk, closed loop)", "thousands a second",
                                              named("keepalive", "close"),
                                              lambda t, n: t.figure(n, "per_second", 1e-3), "%.0f")),
        ("Bulk throughput", bar_plot(out, "throughput-bulk", "Throughput in bulk", "GB/s", named("bulk"),
                                     lambda t, n: t.figure(n, "per_second", 1e-9), "%.1f")),
        *((t.load.title, curves(out, t)) for t in named("rate")),
        ("Memory per connection", log_bars(out, "memory", "Memory of the proxy per connection (log scale)", "bytes",
                                           named("idle", "slow"), lambda t, n: t.figure(n), "%.0f")),
        ("Memory per TLS connection", bar_plot(out, "memory-tls", "Memory of the proxy per idle TLS connection", "KiB",
                                               named("tls-idle"), lambda t, n: t.figure(n, scale=1 / 1024), "%.1f")),
    ]
    return [(title, svg) for title, svg in drawn if svg]
