# SPDX-License-Identifier: GPL-2.0-only
"""Figures to tables: for the terminal, and between the markers of docs/performance.md."""

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


def table(head, lines):
    """A Markdown table, aligned so that it is read in a terminal as well."""
    lines = [[str(cell) for cell in line] for line in lines]
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]

    def row(cells):
        padded = [cells[0].ljust(widths[0])]
        padded += [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:])]
        return "| " + " | ".join(padded) + " |"

    rule = "|" + "|".join(["-" * (widths[0] + 2)] + ["-" * (w + 1) + ":" for w in widths[1:]]) + "|"
    return "\n".join([row(head), rule, *map(row, lines)])


def digits_for(value):
    return sum(abs(value) < limit for limit in (1, 10, 100))


def number(value, digits=None):
    if value is None:
        return "-"
    return f"{value:,.{digits_for(value) if digits is None else digits}f}"


def figure(spread, digits=None):
    """Median and quartiles: "9.9 (9.8-10.2)"."""
    if not spread:
        return "-"
    if digits is None:
        digits = digits_for(spread["median"])
    low, high = number(spread["low"], digits), number(spread["high"], digits)
    return f"{number(spread['median'], digits)} ({low}-{high})"


def ms(spread):
    """A figure in seconds as milliseconds."""
    return {**spread, **{name: spread[name] * 1e3 for name in ("median", "low", "high")}}


def flows_label(flows):
    return "1 flow" if flows == 1 else f"{flows:,} flows"


class Core:
    """Look up the figures of the floods."""

    def __init__(self, results):
        self.by = {(r["row"], r["direction"], r["family"], r["size"], r["flows"]): r
                   for r in results if r["mpps"]}

    def get(self, row, direction="in", family=4, size=64, flows=4_000):
        return self.by.get((row, direction, family, size, flows))

    def spread(self, name, *args, **kwargs):
        result = self.get(*args, **kwargs)
        return result[name] if result else None

    def spreads(self, name, row, **match):
        """One figure of all cells of a row that match."""
        keys = ("direction", "family", "size", "flows")
        return [r.get(name) for key, r in self.by.items() if key[0] == row
                and all(dict(zip(keys, key[1:]))[k] == v for k, v in match.items())]

    def flows(self):
        return sorted({key[4] for key in self.by})


def section_core(data):
    core, text = Core(data["one_core"]), []
    for family in (4, 6):
        lines = []
        for row in data["rows"]:
            if row["unavailable"]:
                lines.append([row["label"], row["unavailable"], "", ""])
                continue
            lines.append([row["label"], *(
                figure(core.spread(name, row["key"], family=family), digits)
                for name, digits in (("mpps", 2), ("added_ns", 0), ("ratio", 2)))])
        text += [f"IPv{family}, 64 bytes, client to home, 4,000 flows:", "",
                 table([f"one core, IPv{family}", "Mpps", "ns added", "of bare redirect"], lines),
                 ""]
    flows = core.flows()
    shown = [row for row in data["rows"] if not row["unavailable"]]
    for direction, way in (("in", "client to home"), ("out", "home to client")):
        lines = [[f"{row['label']}, IPv{family}", *(
            figure(core.spread("mpps", row["key"], direction, family, flows=n), 2)
            for n in flows)] for row in shown for family in (4, 6)]
        text += [f"By the number of flows (Mpps, 64 bytes, {way}):", "",
                 table([f"one core, {way}", *map(flows_label, flows)], lines), ""]
    lines = [[f"{row['label']}, IPv{family}",
              figure(core.spread("mpps", row["key"], family=family, size=1400), 2)]
             for row in shown for family in (4, 6)]
    text += ["Larger packets (Mpps, client to home, 4,000 flows):", "",
             table(["one core", "1400 bytes"], lines), ""]
    for gap in data["not_confirmed"]:
        label = next(row["label"] for row in data["rows"] if row["key"] == gap["row"])
        text += [f"{label}, IPv{gap['family']}: {gap['missing']:,} of {gap['flows']:,} flows could "
                 "not be confirmed before they were measured.", ""]
    return text


def section_overloaded(data):
    core = Core(data["overloaded"])
    if not core.by:
        return []
    lines = []
    for row in data["rows"]:
        for family in (4, 6):
            result = core.get(row["key"], family=family)
            if result:
                lines.append([f"{row['label']}, IPv{family}", figure(result["mpps"], 2),
                              figure(result["added_ns"], 0), figure(result["ratio"], 2)])
    return ["Overloaded, the forwarder alone on its core (64 bytes, client to home, 4,000 flows):", "",
            table(["overloaded", "Mpps", "ns added", "of bare redirect"], lines), ""]


def section_cost(data):
    costs = data["cost"]
    if not costs:
        return []
    programs = list(dict.fromkeys(cost["program"] for cost in costs))
    by = {(cost["program"], cost["case"]): cost for cost in costs}
    tables = [("ns", "One packet, caches warm (ns, by test runs, an empty program subtracted):", 1)]
    if costs[0]["instructions"]:
        tables.append(("instructions", "The same in instructions, kernel helpers included:", None))
    text = []
    for name, title, digits in tables:
        lines = []
        for case in dict.fromkeys(cost["case"] for cost in costs):
            cells = [by.get((program, case)) for program in programs]
            lines.append([case, *("" if not cell else
                                  figure(cell[name], digits) if digits else
                                  number(cell[name]["median"], 0) for cell in cells)])
        text += [title, "", table([name, *programs], lines), ""]
    return text


def section_sockets(data):
    text = []
    kinds = [("tcp", "bulk TCP", {"gbps": "Gbit/s", "cpu_per_gb": "CPU s per GB"}),
             ("udp", "bulk UDP", {"gbps": "Gbit/s", "cpu_per_gb": "CPU s per GB",
                                  "lost_percent": "% lost"}),
             ("connect", "new connections", {"per_second": "per second",
                                             "cpu_per_1000": "CPU s per 1,000",
                                             "p50": "p50 µs", "p99": "p99 µs"}),
             ("ask", "request latency", {"p50": "p50 µs", "p99": "p99 µs", "p999": "p99.9 µs"})]
    for lab, over in (("ethernet", "Ethernet"), ("wireguard", "a WireGuard tunnel")):
        for test, title, columns in kinds:
            found = [r for r in data["sockets"] if (r["lab"], r["test"]) == (lab, test)]
            if found:
                lines = [[r["label"], *(figure(r[name]) for name in columns)] for r in found]
                text += [table([f"{title} over {over}", *columns.values()], lines), ""]
    return text and ["Real connections, client to home and back:", "", *text]


def section_scale(data):
    lines = [[r["rules"], figure(r["xdp_ns"]), figure(r["tc_ns"]),
              number(r["memory"] / 1e6, 1) + " MB",
              figure(ms(r["load"]), 0), figure(ms(r["reload"]), 0)] for r in data["scale"]]
    reload = data["reload"]
    return ["The number of rules (one packet, IPv4 UDP, client to home; all maps; whole commands):",
            "", table(["rules", "XDP ns", "TC ns", "memory", "load ms", "reload ms"], lines), "",
            f"{reload['reloads']} reloads while {reload['sent']:,} packets were forwarded: "
            f"{reload['lost']:,} lost. Beside that traffic each took {figure(ms(reload['seconds']), 0)} ms.",
            ""]


def section_flows(data):
    core, lines = Core(data["one_core"]), []
    least = min(data["flows"], key=lambda r: r["flows"])
    for r in data["flows"]:
        added = [figure(core.spread("added_ns", "xdp_masq", direction, flows=r["flows"]), 0)
                 for direction in ("in", "out")]
        each = (r["memory"] - least["memory"]) / r["flows"]
        lines.append([f"{r['flows']:,}", *added, str(r["addresses"]),
                      number(r["memory"] / 1e6, 1) + " MB",
                      "-" if r is least else number(each, 0),
                      *(figure(ms(r[name])) for name in ("sweep_kept", "sweep_ended", "scrape",
                                                         "metrics", "count"))])
    rest = data["footprint"]
    return ["The number of flows (masquerade of IPv4 and UDP in XDP: ns added to a packet in the "
            "floods above; all maps; CPU time of a sweep; milliseconds of a scrape, and of whole "
            "commands):", "",
            table(["flows", "in, ns", "out, ns", "addresses", "memory", "bytes a flow",
                   "sweep, all stay, ms", "sweep, all end, ms", "scrape, ms", "`metrics`, ms",
                   "`flows count`, ms"], lines), "",
            f"At rest, with the default limits and one forward: {rest['resident'] / 1e6:.1f} MB "
            f"resident in the agent, {rest['maps'] / 1e6:.1f} MB in all maps, "
            f"{rest['cpu']:.2%} of a CPU over {rest['seconds']:.0f} s.", ""]


def section_goals(data):
    lines = [[goal["goal"], goal["wanted"], goal["measured"], goal["verdict"]]
             for goal in data["goals"]]
    return ["Goals:", "", table(["goal", "wanted", "measured", "verdict"], lines), ""]


def section_host(data):
    host = data["host"]
    return [f"{host['date']} · {host['cpu']}, {host['cores']} cores · Linux {host['kernel']} · "
            f"xdpfwd {host['version']} · {host['seconds']} s"
            f"{', quick' if data['quick'] else ''}", "",
            "Median (lower-upper quartile) of the rounds of one run.", ""]


SECTIONS = [section_host, section_goals, section_core, section_overloaded, section_cost,
            section_sockets, section_scale, section_flows]


def text(data):
    return "\n".join(line for section in SECTIONS for line in section(data))


def write_page(path, data):
    """Put the tables between the markers of a page."""
    page = path.read_text(encoding="utf-8")
    head, rest = page.split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    path.write_text(f"{head}{BEGIN}\n\n{text(data)}\n{END}{tail}", encoding="utf-8")
