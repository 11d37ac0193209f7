# SPDX-License-Identifier: GPL-2.0-only
"""The picture: how many packets each way forwards on one core, with whiskers."""
from xml.sax.saxutils import escape

from report import Core, flows_label

WIDTH, LEFT, TOP, GAP = 980, 262, 116, 46
ROW, BAR = 46, 14
INK, FAINT, GRID, PAPER = "#1f2328", "#59636e", "#d8dee4", "#ffffff"
# By kind of row: IPv4, IPv6.
COLOURS = {"bare": ("#6e7781", "#afb8c1"), "xdpfwd": ("#0969da", "#80ccff"),
           "kernel": ("#bc4c00", "#ffb77c")}
STEPS = (0.5, 1, 2, 5, 10, 20, 50)


def kind(row):
    if row["key"] == "bare":
        return "bare"
    return "xdpfwd" if row["key"].startswith(("xdp", "tc")) else "kernel"


class Picture:
    def __init__(self):
        self.parts = []

    def text(self, x, y, text, size=13, colour=INK, anchor="start", weight="normal"):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" '
                          f'text-anchor="{anchor}" font-weight="{weight}">{escape(text)}</text>')

    def line(self, x1, y1, x2, y2, colour=GRID, width=1):
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
                          f'stroke="{colour}" stroke-width="{width}"/>')

    def bar(self, x, y, width, height, colour):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height}" '
                          f'rx="2" fill="{colour}"/>')

    def svg(self, width, height):
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
                f'width="{width}" height="{height}" font-family="system-ui, sans-serif">\n'
                f'<rect width="{width}" height="{height}" fill="{PAPER}"/>\n'
                + "\n".join(self.parts) + "\n</svg>\n")


def draw_value(picture, x, y, scale, spread, colour):
    """One bar, its whisker from quartile to quartile, and its figure."""
    end = x + spread["median"] * scale
    low, high = x + spread["low"] * scale, x + spread["high"] * scale
    middle = y + BAR / 2
    picture.bar(x, y, end - x, BAR, colour)
    picture.line(low, middle, high, middle, INK, 1.5)
    for edge in (low, high):
        picture.line(edge, middle - 4, edge, middle + 4, INK, 1.5)
    picture.text(max(end, high) + 7, y + BAR - 2.5, f"{spread['median']:.2f}", 12, FAINT)


def draw_panel(picture, x, width, rows, core, flows, top):
    """All rows at one number of flows; @top: the largest figure of the picture."""
    step = next((s for s in STEPS if top / s <= 5), STEPS[-1])
    ticks = int(top / step) + 1
    scale = (width - 48) / (ticks * step)
    bottom = TOP + ROW * len(rows)
    picture.text(x, TOP - 26, flows_label(flows), 14, weight="600")
    for tick in range(ticks + 1):
        at = x + tick * step * scale
        picture.line(at, TOP - 8, at, bottom)
        picture.text(at, bottom + 18, f"{tick * step:g}", 12, FAINT, "middle")
    for i, row in enumerate(rows):
        y = TOP + i * ROW + (ROW - 2 * BAR - 3) / 2
        for family, colour in zip((4, 6), COLOURS[kind(row)]):
            spread = core.spread("mpps", row["key"], family=family, flows=flows)
            if spread:
                draw_value(picture, x, y, scale, spread, colour)
            y += BAR + 3
        if row["unavailable"]:
            picture.text(x + 6, TOP + i * ROW + ROW / 2 + 4, row["unavailable"], 12, FAINT)


def draw(data):
    """The SVG of a run."""
    core, rows, host = Core(data["one_core"]), data["rows"], data["host"]
    flows = [n for n in (4_000, 1_000_000) if n in core.flows()]
    top = max(r["mpps"]["high"] for r in core.by.values()
              if r["flows"] in flows and r["direction"] == "in" and r["size"] == 64)
    height = TOP + ROW * len(rows) + 72
    width = (WIDTH - LEFT - 20 - GAP * (len(flows) - 1)) / len(flows)
    picture = Picture()
    picture.text(20, 32, "Packets forwarded on one core", 19, weight="600")
    picture.text(20, 52, "million a second; 64 bytes, client to home; generator, forwarder and sink "
                 "take turns on the core", 13, FAINT)
    for i, row in enumerate(rows):
        picture.text(LEFT - 14, TOP + i * ROW + ROW / 2 + 5, row["label"], 14, anchor="end")
    for i, n in enumerate(flows):
        draw_panel(picture, LEFT + i * (width + GAP), width, rows, core, n, top)
    picture.text(20, height - 18, "Upper bar IPv4, lower bar IPv6; median of the rounds, whiskers "
                 f"from quartile to quartile. {host['cpu']}, Linux {host['kernel']}, "
                 f"{host['date']}.", 12, FAINT)
    return picture.svg(WIDTH, height)
