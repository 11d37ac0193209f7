# SPDX-License-Identifier: GPL-2.0-only
"""What a packet costs when its flow is tracked: known, new, and refused."""
import contextlib
import json

import cost
from forwarder import UNLIMITED, masquerade_text
from core import spread
from lab import HOME, INNER, MASQUERADE, TUNNELLED, Edge

NEW = 4_096 # flows begun in a round: as many clients, one packet each
REFUSED = 16_384
FULL = 65_536 # more than one address has ports
FULL_ROUNDS = 5
ADDRESSES = 8 # of each family: ports of flows that have just ended are not given to new ones
XDP = {"in": ("xdpfwd_xdp", "pub0"), "out": ("xdpfwd_xdp", "in0")}
TC = {"in": ("xdpfwd_tc", "pub0"), "out": ("xdpfwd_tc", "in0")}
TUNNEL = {"in": ("xdpfwd_tc", "pub0"), "out": ("xdpfwd_tc_l3", "tun0")}
# By column of the table: how packets come in and out.
ETHERNET = {"XDP": XDP, "TC": TC}
L3 = {"in": "TC, to a tunnel", "out": "TC L3, from a tunnel"}


def action(program, what):
    return what["xdp" if program.endswith("xdp") else "tc"]


def figure(tool, column, label, way, packet, rounds, what=cost.FORWARD, clients=0):
    """One line of the results."""
    case = cost.Case(label, *way, action(way[0], what), packet)
    return {"program": column, "case": label, **cost.measure(tool, case, rounds, clients)}


def establish(edge, tool, ways, family, proto, home, client_port=cost.CLIENT_PORT):
    """Begin a flow, reply to it and confirm it; the packets of its two directions."""
    there = cost.packet(family, proto, "in", home)
    there = (*there[:2], client_port, *there[3:])

    def listed():
        flows = json.loads(edge.xdpfwd("flows", "list", "pub0", "--json", "--proto", proto,
                                       "--client", there[1]))["flows"]
        return next(flow for flow in flows if flow["client"].endswith(f":{client_port}"))

    tool.ask(*ways["in"], *there, 1, 0)
    addr, port = listed()["masquerade"].rsplit(":", 1)
    back = proto, home[family], cost.PORT, addr.strip("[]"), port, 64
    tool.ask(*ways["out"], *back, 1, 0)
    tool.ask(*ways["in"], *there, 1, 0)
    if listed()["state"] not in ("confirmed", "established"):
        raise RuntimeError(f"the flow of {there} is {listed()['state']}")
    return {"in": there, "out": back}


def known(edge, tool, columns, home, rounds):
    """Packets of flows that are established. @columns: by name, the ways in and out."""
    for family in (4, 6):
        for proto in ("udp", "tcp"):
            first = {way: path for ways in columns.values() for way, path in ways.items()}
            packets = establish(edge, tool, first, family, proto, home)
            for direction in ("in", "out"):
                for column, ways in columns.items():
                    if direction in ways:
                        yield figure(tool, column,
                                     f"masquerade {direction}, IPv{family} {proto.upper()}",
                                     ways[direction], packets[direction], rounds)


def several(each):
    """Rounds that were measured one by one, as one line."""
    return {**each[0], **{name: spread([one[name]["median"] for one in each if one[name]])
                          for name in ("ns", "instructions")}}


def begun(edge, tool, rounds):
    """New flows, while there are free ports."""
    def new_on_free_port(column, family):
        edge.xdpfwd("flows", "flush", "pub0")
        one = figure(tool, column, f"masquerade in, IPv{family} UDP, new flow",
                     ETHERNET[column]["in"], cost.packet(family, "udp", "in", HOME), 1,
                     clients=NEW)
        flows = json.loads(edge.xdpfwd("flows", "count", "pub0", "--json"))["flows"]
        if flows < NEW:
            raise RuntimeError(f"{flows} flows, not {NEW}")
        return one

    for family in (4, 6):
        for column in ETHERNET:
            yield several([new_on_free_port(column, family) for _ in range(rounds)])


def begun_full(tool, rounds):
    """New flows when all ports of the only address are taken by others that are new."""
    packet = cost.packet(4, "udp", "in", HOME)
    tool.ask(*XDP["in"], *packet, FULL_ROUNDS, FULL)
    for column, ways in ETHERNET.items():
        yield figure(tool, column, "masquerade in, IPv4 UDP, new flow that takes another's port",
                     ways["in"], packet, rounds, clients=REFUSED)


def refused(edge, rounds):
    """New flows that are not begun."""
    def load(stack, **limits):
        edge.load_text(masquerade_text(HOME.values(), INNER.values(), **limits), "native")
        stack.callback(edge.xdpfwd.unload)
        return edge.start_cost(stack)

    def both(tool, label, packet):
        # The first to look for so many clients would fetch all of the index into the cache.
        tool.ask(*XDP["in"], *packet, 1, 4 * FULL)
        return [figure(tool, column, f"refused, {label}", ways["in"], packet, rounds, cost.DROP,
                       REFUSED) for column, ways in ETHERNET.items()]

    with contextlib.ExitStack() as stack:
        tool = load(stack, new_flows_per_second=1)
        # One /64 is one source.
        yield from both(tool, "too many of this source, IPv6 UDP", cost.packet(6, "udp", "in", HOME))
    with contextlib.ExitStack() as stack:
        tool = load(stack, masquerade_ports='"2000-2001"', **UNLIMITED)
        for port in (cost.CLIENT_PORT, cost.CLIENT_PORT + 1): # one of each parity
            establish(edge, tool, XDP, 4, "udp", HOME, port)
        yield from both(tool, "no port is left, IPv4 UDP", cost.packet(4, "udp", "in", HOME))


def load(bench, name, mode, home, addresses):
    edge = Edge(bench, name)
    if home is TUNNELLED:
        edge.add_tunnel()
    edge.add_masquerade_addresses(addresses)
    edge.load_text(masquerade_text(home.values(), addresses or INNER.values(), ("tcp", "udp"),
                                   **UNLIMITED), mode)
    return edge


def programs(bench, quick, say):
    """Figures as those of cost.programs(), in the same columns."""
    say("cost of masquerade")
    rounds = 5 if quick else 11
    addresses = [address for family in (4, 6) for address in MASQUERADE[family][:ADDRESSES]]
    edge, one = (load(bench, name, "native", HOME, some)
                 for name, some in (("costs", addresses), ("costs-one", [])))
    tunnel = load(bench, "costs-l3", "tc", TUNNELLED, [])
    tool = edge.start_cost()
    results = list(known(edge, tool, ETHERNET, HOME, rounds))
    results += begun(edge, tool, rounds)
    results += begun_full(one.start_cost(), rounds)
    results += known(tunnel, tunnel.start_cost(),
                     {L3[way]: {way: TUNNEL[way]} for way in ("in", "out")}, TUNNELLED, rounds)
    return results + list(refused(Edge(bench, "refuses"), rounds))
