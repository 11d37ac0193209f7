# SPDX-License-Identifier: GPL-2.0-only
"""The ways to forward that are compared: how each is set up, and how its packets look."""
import dataclasses

from lab import CLIENTS, HOME, INNER, PUBLIC, Edge
from tools import Unavailable


@dataclasses.dataclass
class Row:
    """One way to forward. @rewrites: "none", "dnat" or "masquerade"; @tracks: keeps flows."""

    key: str
    label: str
    what: str
    rewrites: str
    tracks: bool = False
    edge: Edge = None
    unavailable: str = ""

    def set_up(self, bench):
        try:
            self.edge = Edge(bench, self.key.replace("_", "-"))
            SET_UP[self.key](self.edge)
            self.edge.start_flood(bare=self.key == "bare")
        except Unavailable as reason:
            self.unavailable = str(reason)

    def packet(self, direction, family):
        """Source and destination to send, the address to see at the other end, what varies."""
        client, public, home = CLIENTS[family], PUBLIC[family], HOME[family]
        if direction == "in":
            if self.key == "route":
                return client, home, home, True
            return client, public, public if self.rewrites == "none" else home, True
        if self.rewrites == "masquerade":
            return home, INNER[family], public, False
        return home, client, home if self.rewrites == "none" else public, True


def load(mode, source, agent):
    """A function that loads xdpfwd on an edge."""
    def set_up(edge):
        try:
            edge.load(source, mode, agent)
        except RuntimeError as error:
            if "is not forwarded by" in str(error):
                raise Unavailable("not in this version") from error
            raise
    return set_up


SET_UP = {
    "bare": lambda edge: None,
    "xdp": load("native", "preserve", True),
    "xdp_fib": load("native", "preserve", False),
    "xdp_masq": load("native", "masquerade", True),
    "tc": load("tc", "preserve", True),
    "tc_masq": load("tc", "masquerade", True),
    "route": Edge.forwarding,
    "nft": Edge.nftables,
    "ipt": Edge.iptables,
}


def all_rows():
    return [
        Row("bare", "bare XDP redirect", "an XDP program that writes new MAC addresses and "
            "redirects: the least a forwarder can do, and the finish line", "none"),
        Row("xdp", "xdpfwd preserve, XDP", "`load --mode native`, the agent running: the next hop "
            "to the backend is cached", "dnat"),
        Row("xdp_fib", "xdpfwd preserve, XDP, no agent", "`load --mode native --detach`: the kernel "
            "is asked for the next hop of every packet", "dnat"),
        Row("xdp_masq", "xdpfwd masquerade, XDP", "the same with `source = \"masquerade\"`",
            "masquerade", tracks=True),
        Row("tc", "xdpfwd preserve, TC", "`load --mode tc`, the agent running", "dnat"),
        Row("tc_masq", "xdpfwd masquerade, TC", "the same with `source = \"masquerade\"`",
            "masquerade", tracks=True),
        Row("route", "kernel routing", "`ip_forward`, nothing rewritten, nothing tracked", "none"),
        Row("nft", "nftables DNAT + masquerade", "the usual two rules, and conntrack",
            "masquerade", tracks=True),
        Row("ipt", "iptables DNAT + masquerade", "the same with `iptables`", "masquerade",
            tracks=True),
    ]
