# SPDX-License-Identifier: MIT
"""What bench_servers.py measured, as charts: SVG by gnuplot, a panel of bars for each scenario."""
import collections
import shutil
import subprocess

import bench_table

WIDTH = 820
BAR, PANEL_HEAD, TITLE, FOOT = 26, 44, 46, 30  # heights in pixels
LEFT, RIGHT = 0.25, 0.90                       # where bars begin and end, of the width
COLOURS = {"valved": "0x1f6feb", "bare": "0x9aa4b2", "peer": "0xd29a4e"}
BACKGROUND, TEXT = "#fbfbf9", "#24292f"

# `value` takes a Row; `units` is said behind the title of a panel, by the scenario's unit.
Chart = collections.namedtuple("Chart", "file title scenarios value units")
GETS = ("get", "get-pipelined", "medium")
CHARTS = (
    Chart("cpu", "Server CPU for a request, less is better", (*GETS, "large"),
          lambda row: row.cpu, {"request": "µs", "GB": "seconds for a GB"}),
    Chart("rate", "Answers of one core, more is better", (*GETS, "large"),
          lambda row: row.rate, {"request": "requests a second", "GB": "GB a second"}),
    Chart("latency", "99th percentile of the time to an answer, less is better", GETS,
          lambda row: row.p99, {"request": "µs, under full load"}),
)


def _colour(title):
    return COLOURS.get(title.split(",")[0].split()[0], COLOURS["peer"])


def _number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _panel(top, bottom, title, bars):
    """A block of data and what plots it, between two heights (0 is the bottom, 1 the top)."""
    longest = max(value for _, value in bars)
    tics = ", ".join(f'"{name}" {place}' for place, (name, _) in enumerate(bars))
    data = "\n".join(f'{value} {place} {_colour(name)} "{_number(value)}"'
                     for place, (name, value) in enumerate(bars))
    return f"""
set tmargin at screen {top:.4f}
set bmargin at screen {bottom:.4f}
set title "{title}" offset 0,-0.6
set yrange [{len(bars) - 0.4}:-0.6]
set xrange [0:{longest * 1.02}]
set ytics ({tics})
$bars << END
{data}
END
set style fill solid noborder
plot $bars using 1:2:(0):1:($2-0.36):($2+0.36):3 with boxxyerror lc rgb variable, \\
     $bars using 1:2:4 with labels left offset 0.6,0
"""


def script(chart, panels, path, footer):
    """What gnuplot is told; `panels` are titles with their bars."""
    height = TITLE + FOOT + sum(PANEL_HEAD + BAR * len(bars) for _, bars in panels)
    parts = [f"""
set encoding utf8
set terminal svg size {WIDTH},{height} dynamic noenhanced font "Helvetica,Arial,sans-serif,13" \
background "{BACKGROUND}"
set output "{path}"
set lmargin at screen {LEFT}
set rmargin at screen {RIGHT}
set border 2 lc rgb "#c4cad1"
set ytics scale 0 nomirror textcolor rgb "{TEXT}"
unset xtics
unset key
set title font ",13" textcolor rgb "{TEXT}"
set label 1 "{chart.title}" at screen 0.5,{1 - 22 / height} center font ",16" textcolor rgb "{TEXT}"
set label 2 "{footer}" at screen 0.5,{14 / height} center font ",10" textcolor rgb "#6e7781"
set multiplot
"""]
    top = height - TITLE
    for title, bars in panels:
        bottom = top - PANEL_HEAD - BAR * len(bars)
        parts.append(_panel((top - PANEL_HEAD + 8) / height, (bottom + 8) / height, title, bars))
        parts.append("unset label 1; unset label 2\n")
        top = bottom
    return "".join(parts) + "unset multiplot\n"


def _bars(scenario, servers, value):
    """In the order of the scenario, except for what has no value."""
    return [(title, value(servers[title])) for title in scenario.servers
            if title in servers and value(servers[title])]


def draw(figures, scenarios, directory):
    """Writes one file for each chart of which anything was measured."""
    gnuplot = shutil.which("gnuplot")
    if not gnuplot:
        print("no charts: gnuplot is not installed")
        return
    directory.mkdir(parents=True, exist_ok=True)
    rows = bench_table.rows(figures, scenarios)
    machine = figures["machine"]
    kernel = machine["kernel"].partition("-")[0]
    footer = (f"{machine['cpu']}, Linux {kernel}, one core for the server, "
              f"{figures['socket']} sockets, {bench_table.count_of(figures['rounds'])}")
    for chart in CHARTS:
        panels = []
        for name in filter(rows.__contains__, chart.scenarios):
            scenario = scenarios[name]
            if bars := _bars(scenario, rows[name], chart.value):
                panels.append((f"{scenario.title} ({chart.units[scenario.unit]})", bars))
        if panels:
            path = directory / f"bench-{chart.file}.svg"
            subprocess.run([gnuplot], input=script(chart, panels, path, footer), text=True,
                           check=True)
            print(f"drawn: {path}")
