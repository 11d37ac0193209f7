# SPDX-License-Identifier: GPL-2.0-only
"""What the figures are to reach, as ratios inside one run, and whether they do."""
from report import Core, ms

LATER = "not measured"


def goal(name, wanted, measured, at_least, shown="{:.2f}"):
    """Judge a figure with its spread, or a plain number, by a limit to reach or not to exceed."""
    sign = ">=" if at_least else "<="
    result = {"goal": name, "wanted": f"{sign} {shown.format(wanted)}", "measured": "-",
              "verdict": LATER}
    if measured is None:
        return result
    if not isinstance(measured, dict):
        measured = {"median": measured, "low": measured, "high": measured, "n": 1}
    value, low, high = (measured[key] for key in ("median", "low", "high"))
    result["measured"] = shown.format(value)
    if measured["n"] > 1:
        result["measured"] += f" ({shown.format(low)}-{shown.format(high)})"
    if value >= wanted if at_least else value <= wanted:
        result["verdict"] = "met"
        return result
    by = f"{abs(value / wanted - 1):.0%}" if wanted else shown.format(value)
    within = (high >= wanted) if at_least else (low <= wanted)
    result["verdict"] = f"missed by {by}" + (", within the spread" if within else "")
    return result


def worst(figures, at_least=True):
    """The figure that is furthest from its limit."""
    figures = [figure for figure in figures if figure is not None]
    return (min if at_least else max)(figures, key=lambda f: f["median"]) if figures else None


def core_goals(data):
    core, overloaded = Core(data["one_core"]), Core(data["overloaded"])
    return [
        goal("preserve, XDP: throughput over the bare redirect, worst case", 0.90,
             worst(core.spreads("ratio", "xdp")), True),
        goal("masquerade, XDP: the same at 4,000 flows", 0.86,
             worst(core.spreads("ratio", "xdp_masq", flows=4_000)), True),
        goal("masquerade, XDP: the same at 1,000,000 flows", 0.70,
             worst(core.spreads("ratio", "xdp_masq", flows=1_000_000)), True),
        goal("preserve, XDP: cost nftables adds over cost xdpfwd adds, worst case", 25,
             worst(core.spreads("nft_added_over", "xdp")), True, "{:.1f}x"),
        goal("masquerade, XDP: the same", 16,
             worst(core.spreads("nft_added_over", "xdp_masq")), True, "{:.1f}x"),
        goal("preserve, overloaded: packets of xdpfwd over packets of nftables", 5,
             worst(overloaded.spreads("over_nft", "xdp")), True, "{:.1f}x"),
        goal("masquerade, overloaded: the same", 5,
             worst(overloaded.spreads("over_nft", "xdp_masq")), True, "{:.1f}x"),
    ]


def cost_goals(data):
    foreign = [cost["ns"] for cost in data["cost"]
               if cost["case"].startswith(("other", "ARP"))]
    return [goal("a packet that is not ours: ns over an empty program, worst case", 20,
                 worst(foreign, at_least=False), False, "{:.1f} ns")]


def socket_goals(data):
    by = {(r["lab"], r["test"], r["way"]): r for r in data["sockets"]}

    def ratio(figure, lab, test, other):
        their = by.get((lab, test, other))
        return their and their["tc_over"].get(figure)

    goals = []
    for lab, over in (("ethernet", "Ethernet"), ("wireguard", "a tunnel")):
        for test in ("tcp", "udp"):
            what = f"TC, {test.upper()} over {over}, against nftables"
            goals += [goal(f"{what}: throughput", 1, ratio("gbps", lab, test, "nft"), True),
                      goal(f"{what}: CPU per GB", 0.85, ratio("cpu_per_gb", lab, test, "nft"),
                           False)]
    goals.append(goal("TC: p99 of request latency over that of nftables", 1,
                      ratio("p99", "ethernet", "ask", "nft"), False))
    proxies = [ratio("p99", "ethernet", "ask", way) for way in ("haproxy", "nginx", "socat")]
    goals.append(goal("TC: p99 of request latency over that of the best proxy", 0.5,
                      worst(proxies, at_least=False), False))
    return goals


def scale_goals(data):
    ratios = [r[name] for r in data["scale"] for name in ("xdp_ratio", "tc_ratio")]
    reloads = [r["reload"] for r in data["scale"]]
    return [
        goal("cost of a packet with any number of rules over that with one", 1.03,
             worst(ratios, at_least=False), False, "{:.3f}"),
        goal("load, the largest configuration", 0.5,
             worst([r["load"] for r in data["scale"]], False), False, "{:.3f} s"),
        goal("reload, the largest configuration", 0.05,
             worst(reloads, False), False, "{:.3f} s"),
        goal("packets lost by reloads under traffic", 0, data["reload"]["lost"], False, "{:.0f}"),
    ]


def flow_goals(data):
    most = next((r for r in data["flows"] if r["flows"] == 1_000_000), None)
    memory = most and most["memory"] / 1e6
    sweeps = worst([most["sweep_kept"], most["sweep_ended"]], False) if most else None
    scrape = ms(worst([most["scrape"], most["metrics"]], False)) if most else None
    rest = data["footprint"]
    return [
        goal("memory of 1,000,000 flows, all maps", 200, memory, False, "{:.0f} MB"),
        goal("sweep of 1,000,000 flows, worst case", 1, sweeps, False, "{:.2f} s CPU"),
        goal("scrape with 1,000,000 flows, or `xdpfwd metrics`", 10, scrape, False, "{:.1f} ms"),
        goal("at rest: memory resident in the agent", 12, rest["resident"] / 1e6, False,
             "{:.1f} MB"),
        goal("at rest: all maps", 64, rest["maps"] / 1e6, False, "{:.1f} MB"),
        goal("at rest: CPU time", 0.1, rest["cpu"] * 100, False, "{:.2f} %"),
    ]


def judge(data):
    connections = [] if data["quick"] else socket_goals(data)
    return core_goals(data) + cost_goals(data) + connections + scale_goals(data) + flow_goals(data)
