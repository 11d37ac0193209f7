# SPDX-License-Identifier: GPL-2.0-only
"""The ways to forward that are compared: how each is set up, and how its packets look."""
import dataclasses

from lab import CLIENTS, HOME, INNER, PUBLIC, Edge
from tools import Unavailable


@dataclasses.dataclass
class Row:
    """One way to forward.

    @rewrites: "none", "dnat" or "masquerade"; @tracks: keeps flows; @moves: to other ports, which
    are known from its records; @slow: goes through skbs.
    """

    key: str
    label: str
    what: str
    rewrites: str
    tracks: bool = False
    moves: bool = False
    slow: bool = False
    edge: Edge = None
    unavailable: str = ""

    def set_up(self, bench, flows):
        """Make it ready for so many flows."""
        try:
            self.edge = Edge(bench, self.key.replace("_", "-"))
            SET_UP[self.key](self.edge, flows)
            self.edge.start_flood(bare=self.key == "bare")
            if not self.moves:
                for family in (4, 6):
                    self.edge.replies(flows, *self.reply_to(family))
        except Unavailable as reason:
            self.unavailable = str(reason)

    def packet(self, direction, family):
        """Source and destination to send, and the address to see at the other end."""
        client, public, home = CLIENTS[family], PUBLIC[family], HOME[family]
        if direction == "in":
            if self.key == "route":
                return client, home, home
            return client, public, public if self.rewrites == "none" else home
        return home, self.reply_to(family)[0], home if self.rewrites == "none" else public

    def reply_to(self, family):
        """Where home replies to, and whether that varies as the client's address does."""
        if self.rewrites == "masquerade":
            return INNER[family], False
        return CLIENTS[family], True


SET_UP = {
    "bare": lambda edge, flows: None,
    "xdp": lambda edge, flows: edge.load("native"),
    "xdp_fib": lambda edge, flows: edge.load("native", agent=False),
    "xdp_masq": lambda edge, flows: edge.masquerade("native", flows),
    "tc": lambda edge, flows: edge.load("tc"),
    "tc_masq": lambda edge, flows: edge.masquerade("tc", flows),
    "route": lambda edge, flows: edge.forwarding(),
    "nft": lambda edge, flows: edge.nftables(),
    "ipt": lambda edge, flows: edge.iptables(),
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
            "masquerade", tracks=True, moves=True),
        Row("tc", "xdpfwd preserve, TC", "`load --mode tc`, the agent running", "dnat", slow=True),
        Row("tc_masq", "xdpfwd masquerade, TC", "the same with `source = \"masquerade\"`",
            "masquerade", tracks=True, moves=True, slow=True),
        Row("route", "kernel routing", "`ip_forward`, nothing rewritten, nothing tracked", "none",
            slow=True),
        Row("nft", "nftables DNAT + masquerade", "the usual two rules, and conntrack",
            "masquerade", tracks=True, slow=True),
        Row("ipt", "iptables DNAT + masquerade", "the same with `iptables`", "masquerade",
            tracks=True, slow=True),
    ]
