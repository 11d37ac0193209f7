# SPDX-License-Identifier: GPL-2.0-only
"""Network namespaces for the benchmark: everything made here is gone when the bench ends.

One edge for each way to forward, so that none has to be set up again between two measurements:

    outside "client" --- "pub0" edge "in0" --- "home" outside
"""
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build")).resolve()
XDPFWD = os.environ.get("XDPFWD", str(BUILD / "xdpfwd"))
STATE = pathlib.Path("/run/xdpfwd-bench")

# By address family: the edge's public and inner address, its gateway, the home server, and where
# the clients' addresses start (they are behind the gateway).
PUBLIC = {4: "198.51.100.2", 6: "2001:db8:51::2"}
GATEWAY = {4: "198.51.100.1", 6: "2001:db8:51::1"}
INNER = {4: "198.18.9.1", 6: "2001:db8:9::1"}
HOME = {4: "198.18.9.2", 6: "2001:db8:9::2"}
TUNNELLED = {4: "198.18.8.2", 6: "2001:db8:8::2"} # home, when it is behind a tunnel
CLIENTS = {4: "198.19.0.0", 6: "2001:db8:113::"}
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


class Unavailable(Exception):
    """A row that cannot be measured here; the text says why, for the table."""


def run(*argv, ns=None, check=True, text=None):
    """Run a command, in a namespace if one is named; its output, or an error with its message."""
    if ns:
        argv = ("nsenter", f"--net=/run/netns/{ns}", *argv)
    done = subprocess.run([str(a) for a in argv], input=text, capture_output=True, text=True)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(map(str, argv))}: {done.stderr.strip()}")
    return done.stdout


def write_config(path, source="preserve", ports='["49152-65535"]', home=None, count=1):
    """A configuration that forwards ports of both families to a server at home.

    With @count, that many forwards of 16 ports each instead of @ports.
    """
    home = home or HOME
    text = f'[backend.home]\naddress = ["{home[4]}", "{home[6]}"]\n'
    for i in range(count):
        if count > 1:
            ports = f'["{49152 + 16 * i}-{49167 + 16 * i}"]'
        text += (f'\n[[forward]]\nname = "bench{i}"\nprotocol = ["tcp", "udp"]\nports = {ports}\n'
                 f'backend = "home"\nsource = "{source}"\n')
    path.write_text(text)
    return path


class Bench:
    """What lasts for the whole run; use as a context manager."""

    def __enter__(self):
        STATE.mkdir(parents=True, exist_ok=True)
        self.dir = pathlib.Path(tempfile.mkdtemp(dir=STATE))
        self.stack = contextlib.ExitStack()
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


class Tool:
    """A program of ours that answers each line with a line of JSON, until the stack is unwound."""

    def __init__(self, stack, ns, name, *argv):
        self.process = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{ns}", str(BUILD / name), *map(str, argv)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        stack.callback(self.stop)

    def ask(self, *words):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(" ".join(map(str, words)) + "\n")
            self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args[2]} ended")
        return json.loads(line)

    def stop(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Edge:
    """One edge, set up to forward in one way, and the flood tool around it."""

    def __init__(self, bench, name):
        self.bench = bench
        self.name = name
        self.dir = bench.dir / name
        self.dir.mkdir()
        self.ns = f"xb-{bench.dir.name}-{name}"
        self.outside = f"{self.ns}-out"
        self.stack = bench.stack.enter_context(contextlib.ExitStack())
        self.agent = self.flooder = None
        self.bpffs = self.dir / "bpf"
        self._namespaces()
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

    def xdpfwd(self, *args, check=True):
        return run(XDPFWD, "--bpffs", self.bpffs, *args, ns=self.ns, check=check)

    def load(self, config, mode, agent):
        """Load xdpfwd; with an agent it stays in the foreground, and next hops are cached."""
        self.bpffs.mkdir(exist_ok=True)
        run("mount", "-t", "bpf", "bpf", self.bpffs)
        self.stack.callback(run, "umount", self.bpffs)
        # The range of the test covers the host's own ports, which it must keep.
        self.sysctl("net.ipv4.ip_local_port_range=20000 40000")
        argv = ["load", "pub0", "--config", str(config), "--mode", mode]
        if not agent:
            self.xdpfwd(*argv, "--detach")
            self.stack.callback(self.xdpfwd, "unload", "pub0")
            return
        with open(self.dir / "agent.log", "w", encoding="utf-8") as log:
            self.agent = subprocess.Popen(
                ["nsenter", f"--net=/run/netns/{self.ns}", XDPFWD, "--bpffs", self.bpffs, *argv],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.stack.callback(self._unload_agent)
        self.wait(lambda: self._status_agent() == self.agent.pid, "the agent")

    def _status_agent(self):
        if self.agent.poll() is not None:
            raise RuntimeError((self.dir / "agent.log").read_text())
        out = self.xdpfwd("status", "pub0", "--json", check=False)
        with contextlib.suppress(ValueError, LookupError):
            return json.loads(out)["interfaces"][0]["agent_pid"]
        return None

    def _unload_agent(self):
        self.agent.terminate()
        self.agent.wait()
        self.xdpfwd("unload", "pub0", check=False)

    @staticmethod
    def wait(condition, what, seconds=10):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise RuntimeError(f"waited in vain for {what}")
            time.sleep(0.05)

    def start_flood(self, bare=False):
        self.flooder = Tool(self.stack, self.outside, "bench-flood", f"/run/netns/{self.ns}",
                            "pub0", "in0", "client", "home", *(["bare"] * bare))

    def flood(self, direction, size, flows, packets, src, dst, expect, vary, cpu=0, window=0):
        """One flood; see flood.c."""
        return self.flooder.ask(direction, size, flows, packets, cpu, src, dst, expect, int(vary),
                                window)

    def start_cost(self):
        """Measure the programs that are loaded here; see cost.c."""
        pin = self.bpffs / "xdpfwd" / "pub0" / "rulesets"
        return Tool(self.stack, self.ns, "bench-cost", pin)
