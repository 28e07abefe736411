#!/usr/bin/env python3
"""Draws the rows that run.sh --json wrote: NAME-percentiles.svg, how long single spans take with each backend, and
NAME-peers.svg, what a span costs with other libraries.

    plots.py ROWS.json DIRECTORY NAME
"""

import argparse
import html
import json
import math
import pathlib
import sys

WIDTH, HEIGHT = 860, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 210, 50, 50
COLOURS = ("#b45309", "#1d4ed8", "#047857", "#7c3aed", "#be123c", "#0e7490")
GREY = "#6b7280"


class Drawing:
    """Collects the elements of one SVG file; coordinates are pixels from the upper left corner."""

    def __init__(self, title, height=HEIGHT):
        self.height = height
        self.elements = [f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>']
        self.text(20, 26, title, size=15, weight="bold")

    def text(self, x, y, words, size=12, anchor="start", colour="#111827", weight="normal"):
        self.elements.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}" '
                             f'font-weight="{weight}">{html.escape(words)}</text>')

    def line(self, x1, y1, x2, y2, colour="#e5e7eb"):
        self.elements.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>')

    def curve(self, points, colour, dashes=""):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.elements.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" '
                             f'stroke-dasharray="{dashes}"/>')

    def bar(self, x, y, width, height, colour):
        self.elements.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>')

    def write(self, path):
        path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self.height}" '
                        'font-family="sans-serif">\n' + "\n".join(self.elements) + "\n</svg>\n", encoding="utf-8")


def nanoseconds(value):
    return f"{value:,.0f} ns" if value >= 10 else f"{value:.2g} ns"


def powers_of_ten(low, high):
    return [10.0 ** exponent for exponent in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]


def draw_percentiles(rows, path):
    """Nines to the right, nanoseconds upwards, both logarithmic."""
    rows = [row for row in rows if row.get("curve") and row["section"] == "tail by backend"]
    references = [row for row in rows if row["verdict"] == "reference"]
    curves = references[:1] + [row for row in rows if row["verdict"] != "reference"]
    if not curves:
        return
    values = [value for row in curves for _, value in row["curve"] if value > 0]
    ticks = powers_of_ten(min(values), max(values))
    drawing = Drawing("Single child spans, with the clock pair around them: percentiles by backend")

    def x_of(percentage):
        return LEFT + (WIDTH - LEFT - RIGHT) * -math.log10(1 - percentage / 100) / 4

    def y_of(value):
        share = math.log10(value / ticks[0]) / math.log10(ticks[-1] / ticks[0])
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    for tick in ticks:
        drawing.line(LEFT, y_of(tick), WIDTH - RIGHT, y_of(tick))
        drawing.text(LEFT - 8, y_of(tick) + 4, nanoseconds(tick), anchor="end", colour=GREY)
    for percentage in (0, 90, 99, 99.9, 99.99):
        drawing.line(x_of(percentage), TOP, x_of(percentage), HEIGHT - BOTTOM)
        drawing.text(x_of(percentage), HEIGHT - BOTTOM + 18, f"{percentage} %", anchor="middle", colour=GREY)
    labels = []
    for number, row in enumerate(curves):
        is_reference = row["verdict"] == "reference"
        colour = GREY if is_reference else COLOURS[(number - 1) % len(COLOURS)]
        points = [(x_of(percentage), y_of(max(value, ticks[0]))) for percentage, value in row["curve"]]
        drawing.curve(points, colour, "5 4" if is_reference else "")
        name = "clock pair alone" if is_reference else row["case"].split(", ")[-1]
        labels.append([points[-1][1], name, colour])
    place_labels(drawing, labels)
    drawing.write(path)


def place_labels(drawing, labels):
    """Writes each label beside its curve's end, and none over another."""
    labels.sort()
    lowest = TOP
    for y, name, colour in labels:
        lowest = max(lowest + 16, y + 4)
        drawing.text(WIDTH - RIGHT + 10, lowest, name, colour=colour)


def draw_peers(rows, path):
    """A bar a library and kind of span, nanoseconds to the right, logarithmic."""
    rows = [row for row in rows if row["section"] == "peers" and row.get("median_ns")]
    if not rows:
        return
    height = TOP + BOTTOM + 26 * len(rows)
    drawing = Drawing("What a span costs the thread that makes it (median, one run)", height)
    left = 330
    ticks = powers_of_ten(min(row["median_ns"] for row in rows), max(row["median_ns"] for row in rows))

    def x_of(value):
        return left + (WIDTH - left - 90) * math.log10(value / ticks[0]) / math.log10(ticks[-1] / ticks[0])

    for tick in ticks:
        drawing.line(x_of(tick), TOP, x_of(tick), height - BOTTOM)
        drawing.text(x_of(tick), height - BOTTOM + 18, nanoseconds(tick), anchor="middle", colour=GREY)
    for number, row in enumerate(rows):
        y = TOP + 26 * number
        colour = COLOURS[0] if row["case"].startswith("waggle") else GREY
        drawing.text(left - 8, y + 17, row["case"], anchor="end")
        drawing.bar(left, y + 4, max(x_of(row["median_ns"]) - left, 1), 18, colour)
        drawing.text(x_of(row["median_ns"]) + 6, y + 17, nanoseconds(row["median_ns"]), colour=GREY)
    drawing.write(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rows", type=pathlib.Path)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("name")
    options = parser.parse_args()
    rows = json.loads(options.rows.read_text(encoding="utf-8"))["rows"]
    options.directory.mkdir(parents=True, exist_ok=True)
    draw_percentiles(rows, options.directory / f"{options.name}-percentiles.svg")
    draw_peers(rows, options.directory / f"{options.name}-peers.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
