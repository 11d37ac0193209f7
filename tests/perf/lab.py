# SPDX-License-Identifier: GPL-2.0-only
"""Network namespaces for the benchmark: everything made here is gone when the bench ends.

One edge for each way to forward, so that none has to be set up again between two measurements:

    outside "client" --- "pub0" edge "in0" --- "home" outside
"""
import contextlib
import pathlib
import shutil
import tempfile

from forwarder import UNLIMITED, Xdpfwd, config_text, masquerade_text
from tools import Stack, Tool, Unavailable, run

STATE = pathlib.Path("/run/xdpfwd-bench")

# By address family: the edge's public and inner address, its gateway, the home server, and where
# the clients' addresses start (they are behind the gateway).
PUBLIC = {4: "198.51.100.2", 6: "2001:db8:51::2"}
GATEWAY = {4: "198.51.100.1", 6: "2001:db8:51::1"}
INNER = {4: "198.18.9.1", 6: "2001:db8:9::1"}
HOME = {4: "198.18.9.2", 6: "2001:db8:9::2"}
# What home may see instead of the clients. A flow's port is unique for each of them, so 1,000,000
# flows take some; there can be 63, and a flow finds its port at once while half of them are free.
MASQUERADE = {4: [f"198.18.9.{100 + i}" for i in range(32)],
              6: [f"2001:db8:9::{100 + i}" for i in range(31)]}
FLOWS_FOR_EACH = 32_000
FLOWS_LEAST = 262_144 # room, so that those not confirmed yet have it, too
TUNNELLED = {4: "198.18.8.2", 6: "2001:db8:8::2"} # home, when it is behind a tunnel
CLIENTS = {4: "198.19.0.0", 6: "2001:db8:113::"}
KEPT = "20000-21999" # ports that the host keeps for itself; all others can be forwarded
PREFIX = {4: 24, 6: 64}
MAC = {"client": "02:00:00:00:00:c1", "pub0": "02:00:00:00:00:e0",
       "in0": "02:00:00:00:00:e1", "home": "02:00:00:00:00:c2"}

NFT = """
table inet bench {
	chain in {
		type nat hook prerouting priority dstnat
		iifname "pub0" udp dport 49152-65535 dnat ip to %(home4)s
		iifname "pub0" udp dport 49152-65535 dnat ip6 to %(home6)s
	}
	chain out {
		type nat hook postrouting priority srcnat
		oifname "in0" masquerade
	}
}
""" % {"home4": HOME[4], "home6": HOME[6]}


class Bench:
    """What lasts for the whole run; use as a context manager."""

    def __enter__(self):
        STATE.mkdir(parents=True, exist_ok=True)
        self.dir = pathlib.Path(tempfile.mkdtemp(dir=STATE))
        self.stack = Stack()
        self.stack.callback(self._remove_dir)
        return self

    def __exit__(self, *exc):
        return self.stack.__exit__(*exc)

    def _remove_dir(self):
        shutil.rmtree(self.dir)
        with contextlib.suppress(OSError):
            STATE.rmdir()

    def sysctl(self, path, value):
        """Set a sysctl of the whole machine, and bring it back in the end."""
        file = pathlib.Path(path)
        before = file.read_text()
        if int(before) < value:
            file.write_text(str(value))
            self.stack.callback(file.write_text, before)


class Edge:
    """One edge, set up to forward in one way, and the flood tool around it."""

    def __init__(self, bench, name):
        self.bench = bench
        self.name = name
        self.dir = bench.dir / name
        self.dir.mkdir()
        self.ns = f"xb-{bench.dir.name}-{name}"
        self.outside = f"{self.ns}-out"
        self.stack = bench.stack.enter_context(Stack())
        self.flooder = None
        self._namespaces()
        self.xdpfwd = Xdpfwd(self.ns, self.dir, "pub0")
        self.stack.callback(self.xdpfwd.remove)
        self._edge_addresses()

    def _namespaces(self):
        for ns in (self.outside, self.ns):
            run("ip", "netns", "add", ns)
            self.stack.callback(run, "ip", "netns", "del", ns)
        self.sysctl("net.ipv6.conf.default.disable_ipv6=1", ns=self.outside)
        for far, near in (("client", "pub0"), ("home", "in0")):
            run("ip", "link", "add", far, "netns", self.outside, "address", MAC[far], "type", "veth",
                "peer", "name", near, "netns", self.ns, "address", MAC[near])
            run("ip", "link", "set", far, "up", ns=self.outside)
            run("ip", "link", "set", near, "up", ns=self.ns)
            # Without GRO a veth has no NAPI, and drops the frames that XDP sends it.
            run("ethtool", "-K", near, "gro", "on", ns=self.ns)

    def _edge_addresses(self):
        lines = ["link set lo up"]
        for family in (4, 6):
            nodad = " nodad" if family == 6 else ""
            lines += [
                f"addr add {PUBLIC[family]}/{PREFIX[family]} dev pub0{nodad}",
                f"addr add {INNER[family]}/{PREFIX[family]} dev in0{nodad}",
                f"route add default via {GATEWAY[family]} dev pub0",
                # The sinks take everything and answer nothing.
                f"neigh add {GATEWAY[family]} lladdr {MAC['client']} dev pub0 nud permanent",
                f"neigh add {HOME[family]} lladdr {MAC['home']} dev in0 nud permanent"]
        run("ip", "-batch", "-", ns=self.ns, text="\n".join(lines) + "\n")

    def add_masquerade_addresses(self, addresses):
        run("ip", "-batch", "-", ns=self.ns, text="".join(
            f"addr add {address}/{PREFIX[6]} dev in0 nodad\n" if ":" in address else
            f"addr add {address}/{PREFIX[4]} dev in0\n" for address in addresses))

    def add_tunnel(self):
        """A device without an Ethernet header towards home; nothing is at its other end."""
        run("ip", "tuntap", "add", "dev", "tun0", "mode", "tun", ns=self.ns)
        run("ip", "link", "set", "tun0", "up", ns=self.ns)
        for family in (4, 6):
            run("ip", "route", "add", TUNNELLED[family], "dev", "tun0", ns=self.ns)

    def sysctl(self, *settings, ns=None):
        run("sysctl", "-qw", *settings, ns=ns or self.ns)

    def forwarding(self):
        self.sysctl("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")

    def conntrack(self):
        """Flows outlive the run; checksums count as verified by the NIC, as they would be."""
        base = "net.netfilter.nf_conntrack_"
        self.sysctl(f"{base}udp_timeout=3600", f"{base}udp_timeout_stream=3600",
                    f"{base}checksum=0")

    def nftables(self, rules=NFT):
        self.forwarding()
        run("nft", "-f", "-", ns=self.ns, text=rules)
        self.conntrack()

    def iptables(self):
        """The same with iptables; whatever backend `iptables` is on this machine."""
        self.forwarding()
        for family, command in ((4, "iptables"), (6, "ip6tables")):
            if not shutil.which(command):
                raise Unavailable("iptables is not installed")
            for rule in (f"PREROUTING -i pub0 -p udp --dport 49152:65535 -j DNAT "
                         f"--to-destination {HOME[family]}",
                         "POSTROUTING -o in0 -j MASQUERADE"):
                try:
                    run(command, "-w", "-t", "nat", "-A", *rule.split(), ns=self.ns)
                except RuntimeError as error:
                    raise Unavailable(str(error).splitlines()[-1]) from error
        self.conntrack()

    def load(self, mode, agent=True, home=None):
        """Forward with xdpfwd so that the clients' addresses are kept."""
        self.load_text(config_text(home or HOME, '["49152-65535"]'), mode, agent)

    def masquerade(self, mode, flows):
        """The same so that home sees addresses of this host; room for @flows of each family.

        UDP may have three quarters of the table.
        """
        addresses = [address for family in (4, 6)
                     for address in MASQUERADE[family][:flows // FLOWS_FOR_EACH + 1]]
        self.add_masquerade_addresses(addresses)
        self.load_text(masquerade_text(HOME.values(), addresses, **UNLIMITED,
                                       flows=max(3 * flows, FLOWS_LEAST)), mode)

    def load_text(self, config, mode, agent=True):
        # The range of the test covers the host's own ports, which it must keep.
        self.sysctl(f"net.ipv4.ip_local_port_range={KEPT.replace('-', ' ')}")
        self.xdpfwd.load(config, mode, agent)

    def start_flood(self, bare=False):
        self.flooder = Tool(self.stack, self.outside, "bench-flood", f"/run/netns/{self.ns}",
                            "pub0", "in0", "client", "home", *(["bare"] * bare))

    def flood(self, direction, size, flows, packets, src, dst, expect, cpu=0, window=0, first=0):
        """One flood; see flood.c."""
        return self.flooder.ask(direction, size, first, flows, packets, cpu, src, dst, expect,
                                window)

    def replies(self, flows, dst, varies):
        """Let home reply to @dst, at the client's port; see flood.c."""
        return self.flooder.ask("replies", 0, flows, dst, int(varies))

    def flows(self, family, first, flows):
        """Let home reply to where xdpfwd has put each flow; how many are known, and confirmed."""
        return self.flooder.ask("flows", family, first, flows, self.xdpfwd.bpffs, "pub0")

    def start_cost(self, stack=None):
        """Measure the programs that are loaded here; see cost.c."""
        return Tool(stack or self.stack, self.ns, "bench-cost", self.xdpfwd.pin("rulesets"))
