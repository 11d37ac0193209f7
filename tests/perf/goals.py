# SPDX-License-Identifier: GPL-2.0-only
"""What the figures are to reach, as ratios inside one run, and whether they do."""
from report import Core

LATER = "not measured yet"


def goal(name, wanted, measured, at_least, shown="{:.2f}"):
    """Judge one figure. @wanted is a limit: to reach, or not to exceed."""
    sign = ">=" if at_least else "<="
    result = {"goal": name, "wanted": f"{sign} {shown.format(wanted)}", "measured": "-",
              "verdict": LATER}
    if measured is None:
        return result
    met = measured >= wanted if at_least else measured <= wanted
    by = abs(measured / wanted - 1) * 100
    result["measured"] = shown.format(measured)
    result["verdict"] = "met" if met else f"missed by {by:.0f} %"
    return result


def worst(values, at_least=True):
    values = [value for value in values if value is not None]
    return (min if at_least else max)(values) if values else None


def dearer(core, than, row):
    """How many times the cost of @row over the bare redirect @than adds, in the worst cell."""
    pairs = []
    for key in list(core.by):
        if key[0] == row and (than, *key[1:]) in core.by:
            own, other = core.by[key], core.by[than, *key[1:]]
            pairs.append(other["added_ns"]["median"] / own["added_ns"]["median"])
    return worst(pairs)


def core_goals(data):
    core = Core(data["one_core"])
    overloaded = Core(data["overloaded"])
    ratio = [r / n for family in (4, 6)
             for r in overloaded.values("mpps", "xdp", family=family)
             for n in overloaded.values("mpps", "nft", family=family)]
    return [
        goal("preserve, XDP: throughput over the bare redirect, worst case", 0.90,
             worst(core.values("ratio", "xdp")), True),
        goal("masquerade, XDP: the same at 4,000 flows", 0.86,
             worst(core.values("ratio", "xdp_masq", flows=4_000)), True),
        goal("masquerade, XDP: the same at 1,000,000 flows", 0.70,
             worst(core.values("ratio", "xdp_masq", flows=1_000_000)), True),
        goal("preserve, XDP: cost nftables adds over cost xdpfwd adds, worst case", 25,
             dearer(core, "nft", "xdp"), True, "{:.1f}x"),
        goal("masquerade, XDP: the same", 16, dearer(core, "nft", "xdp_masq"), True, "{:.1f}x"),
        goal("overloaded: packets of xdpfwd over packets of nftables", 5, worst(ratio), True,
             "{:.1f}x"),
    ]


def cost_goals(data):
    foreign = [cost["ns"]["median"] for cost in data["cost"]
               if cost["case"].startswith(("other", "ARP"))]
    return [goal("a packet that is not ours: ns over an empty program, worst case", 20,
                 worst(foreign, at_least=False), False, "{:.1f} ns")]


def judge(data):
    return core_goals(data) + cost_goals(data)
