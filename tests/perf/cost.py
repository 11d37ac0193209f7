# SPDX-License-Identifier: GPL-2.0-only
"""What each program costs for each kind of packet, and how that depends on the rules."""
import collections

from core import spread
from lab import CLIENTS, HOME, PUBLIC, TUNNELLED, Edge

CLIENT_PORT, PORT, OTHER_PORT = 40000, 50000, 40001
# What the programs answer, by hook.
FORWARD, PASS, DROP = {"xdp": 4, "tc": 7}, {"xdp": 2, "tc": -1}, {"xdp": 1, "tc": 2}

Case = collections.namedtuple("Case", "label program device action packet")


def packet(family, proto, direction, home, kind="ours"):
    """PROTO SRC SPORT DST DPORT TTL of a packet from a client to the edge, or from home to it."""
    client, public = CLIENTS[family] + ("1" if family == 6 else ""), PUBLIC[family]
    client = client[:-1] + "1" if family == 4 else client
    port = OTHER_PORT if kind == "other port" else PORT
    ttl = 1 if kind == "ttl" else 64
    proto = "arp" if kind == "arp" else proto
    if kind == "other address":
        public = public[:-1] + "9"
    if direction == "in":
        return proto, client, CLIENT_PORT, public, port, ttl
    return proto, home[family], port, client, CLIENT_PORT, ttl


def cases(program, devices, home, quick):
    """The packets to put through one program; @devices: by direction, None for not at all."""
    hook = "xdp" if program.endswith("xdp") else "tc"
    for family in (4, 6):
        for proto in ("udp", "tcp"):
            for direction, device in devices.items():
                if device:
                    yield Case(f"{direction}, IPv{family} {proto.upper()}", program, device,
                               FORWARD[hook], packet(family, proto, direction, home))
    device, direction = next((device, name) for name, device in devices.items() if device)
    for family in (4,) if quick else (4, 6):
        for kind, label, action in (("other port", "other port", PASS),
                                    ("other address", "other address", PASS),
                                    ("ttl", "TTL runs out, left to TC", PASS)):
            if kind == "other address" and direction == "out":
                continue # its source decides
            if kind == "ttl" and hook == "tc":
                continue # an answer, as long as there have not been too many
            yield Case(f"{label}, IPv{family} UDP", program, device, action[hook],
                       packet(family, "udp", direction, home, kind))
    if not program.endswith("l3"):
        yield Case("ARP", program, device, PASS[hook], packet(4, "udp", "in", home, "arp"))


def measure(tool, case, rounds, clients=0):
    """Cost of a packet, or of @clients packets a round, each from another client."""
    got = tool.ask(case.program, case.device, *case.packet, rounds, clients)
    if got["action"] != case.action:
        raise RuntimeError(f"{case.program}, {case.label}: action {got['action']}, not "
                           f"{case.action}: the case does not measure what it says")
    return {"ns": spread(got["ns"]), "instructions": spread(got["instructions"])}


def programs(bench, rows, quick, say):
    """Cost of every case by program; the two programs on Ethernet, and the one on a tunnel."""
    say("cost of each program")
    ethernet = next(row.edge for row in rows if row.key == "xdp")
    tunnel = Edge(bench, "tunnel")
    tunnel.add_tunnel()
    tunnel.load("tc", home=TUNNELLED)
    both = {"in": "pub0", "out": "in0"}
    plans = [("XDP", ethernet, "xdpfwd_xdp", both, HOME),
             ("TC", ethernet, "xdpfwd_tc", both, HOME),
             ("TC, to a tunnel", tunnel, "xdpfwd_tc", {"in": "pub0", "out": None}, TUNNELLED),
             ("TC L3, from a tunnel", tunnel, "xdpfwd_tc_l3", {"out": "tun0"}, TUNNELLED)]
    results = []
    least = ethernet.start_cost()
    for program, label in (("redirect_xdp", "redirect, IPv4 UDP"),
                           ("rewrite_xdp", "redirect and one fixed translation, IPv4 UDP")):
        case = Case(label, program, "pub0", FORWARD["xdp"], packet(4, "udp", "in", HOME))
        results.append({"program": "the least there is", "case": label,
                        **measure(least, case, 5 if quick else 11)})
    for label, edge, program, devices, home in plans:
        tool = edge.start_cost()
        for case in cases(program, devices, home, quick):
            results.append({"program": label, "case": case.label,
                            **measure(tool, case, 5 if quick else 11)})
    return results
