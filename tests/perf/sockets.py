# SPDX-License-Identifier: GPL-2.0-only
"""Real connections: bulk transfer, connection rate and latency, with what they cost in CPU time.

The client talks to the edge, the edge passes it on to home by one way at a time.
"""
import collections
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import time

from core import spread
from forwarder import Xdpfwd, config_text
from tools import BUILD, ROOT, Stack, Unavailable, run, signals_held, start, stop, wait

EDGE, HOME = "198.51.100.2", {4: "198.18.9.2", 6: "2001:db8:9::2"}
BULK, ASK = 5201, 7000 # what listens at home: iperf3, and our own server
# Where each way listens at the edge: a base that is added to the ports above.
BASE = {"route": 0, "tc": 0, "nft": 10000, "haproxy": 20000, "nginx": 30000, "socat": 40000}
LABELS = {"route": "kernel routing", "tc": "xdpfwd preserve, TC", "nft": "nftables DNAT + masquerade",
          "haproxy": "HAProxy, TCP mode", "nginx": "nginx, stream module", "socat": "socat"}
CLIENTS, RATE = 32, 5000
UDP_RATE = {"ethernet": "1G", "wireguard": "300M"} # less than anything here can carry

NFT = """
table inet bench {
	chain in {
		type nat hook prerouting priority dstnat
		iifname "eth0" meta l4proto { tcp, udp } th dport %d dnat ip to %s:%d
		iifname "eth0" meta l4proto { tcp, udp } th dport %d dnat ip to %s:%d
	}
	chain out {
		type nat hook postrouting priority srcnat
		oifname != "eth0" masquerade
	}
}
"""

HAPROXY = """
global
	maxconn 8192
defaults
	mode tcp
	timeout connect 5s
	timeout client 60s
	timeout server 60s
"""

NGINX = """
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
worker_processes auto;
daemon off;
pid %(dir)s/nginx.pid;
error_log %(dir)s/nginx.log;
events { worker_connections 8192; }
stream {
"""


def cpu_seconds():
    """CPU time since some moment that was not idle; exact, while busy time is sampled by ticks."""
    with open("/proc/stat", encoding="ascii") as stat:
        idle, waiting = map(int, stat.readline().split()[4:6])
    return time.monotonic() * os.cpu_count() - (idle + waiting) / os.sysconf("SC_CLK_TCK")


class Lab:
    """A client, an edge and a home server by scripts/lab.sh; use as a context manager."""

    def __init__(self, variant):
        script = ROOT / "scripts" / "lab.sh"
        env = {**os.environ, "LAB_TX_OFFLOAD": "on"}
        with signals_held():
            made = subprocess.run([script, "make", variant], env=env, check=True, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.id = made.stdout.strip()
        self.stack = Stack()
        self.stack.callback(run, script, "remove", self.id)
        self.dir = pathlib.Path("/run/xdpfwd-lab") / self.id
        self.variant = variant
        self.xdpfwd = Xdpfwd(self.ns("edge"), self.dir, "eth0")
        self.stack.callback(self.xdpfwd.remove)

    def __enter__(self):
        try:
            for node in ("client", "edge", "home"):
                # Enough ports for many short connections, and at once again (the last since 6.14).
                run("sysctl", "-eqw", "net.ipv4.ip_local_port_range=10000 65535",
                    "net.ipv4.tcp_tw_reuse=1", "net.ipv4.tcp_tw_reuse_delay=1", ns=self.ns(node))
            run("ip", "route", "add", HOME[4], "via", EDGE, ns=self.ns("client"))
            self.service("home", "iperf3", "iperf3", "-s", "-p", BULK)
            self.service("home", "server", BUILD / "bench-load", "serve", ASK)
            self.listening("home", BULK, ASK)
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *exc):
        return self.stack.__exit__(*exc)

    def ns(self, node):
        return f"xf-{self.id}-{node}"

    def service(self, node, name, *argv):
        self.stack.callback(stop, start(self.ns(node), self.dir / f"{name}.out", *argv))

    def listening(self, node, *ports):
        def all_there():
            text = run("ss", "-Hltn", ns=self.ns(node))
            return all(f":{port} " in text for port in ports)
        wait(all_there, f"ports {ports} at {node}")

    def start_proxies(self):
        """The user-space ways; the ones that are installed. They cost nothing while idle."""
        ways = [way for way in ("haproxy", "nginx", "socat") if shutil.which(way)]
        for way in ways:
            ports = {BASE[way] + port: f"{HOME[4]}:{port}" for port in (BULK, ASK)}
            getattr(self, f"_start_{way}")(ports)
            self.listening("edge", *ports)
        return ways

    def _start_haproxy(self, ports):
        config = self.dir / "haproxy.cfg"
        config.write_text(HAPROXY + "".join(
            f"listen l{port}\n\tbind :{port}\n\tserver home {to}\n" for port, to in ports.items()))
        self.service("edge", "haproxy", "haproxy", "-db", "-f", config)

    def _start_nginx(self, ports):
        config = self.dir / "nginx.conf"
        config.write_text(NGINX % {"dir": self.dir} + "".join(
            f"\tserver {{ listen {port}; proxy_pass {to}; }}\n" for port, to in ports.items())
            + "}\n")
        self.service("edge", "nginx", "nginx", "-c", config)

    def _start_socat(self, ports):
        for port, to in ports.items():
            self.service("edge", f"socat{port}", "socat",
                         f"TCP-LISTEN:{port},fork,reuseaddr,nodelay,backlog=1024",
                         f"TCP:{to},nodelay")

    @contextlib.contextmanager
    def forwarding(self, way):
        """One way in force; yields the address to ask and the base of its ports."""
        edge = self.ns("edge")
        if way == "tc":
            self.xdpfwd.load(config_text(HOME, f"[{BULK}, {ASK}]"), "tc")
        if way in ("nft", "route"):
            run("sysctl", "-qw", "net.ipv4.ip_forward=1", ns=edge)
        if way == "nft":
            rules = [field for port in (BULK, ASK) for field in (BASE[way] + port, HOME[4], port)]
            run("nft", "-f", "-", ns=edge, text=NFT % tuple(rules))
        try:
            yield HOME[4] if way == "route" else EDGE, BASE[way]
        finally:
            if way == "tc":
                self.xdpfwd.unload()
            if way == "nft":
                run("nft", "delete", "table", "inet", "bench", ns=edge)
            if way in ("nft", "route"):
                run("sysctl", "-qw", "net.ipv4.ip_forward=0", ns=edge)

    def client(self, *argv):
        """Run a tool at the client: its JSON, and the CPU time all of it took."""
        before = cpu_seconds()
        out = json.loads(run(*argv, ns=self.ns("client")))
        return out, cpu_seconds() - before

    def bulk(self, to, port, seconds, *options):
        """iperf3: gigabits a second at the receiver, and CPU seconds per gigabyte."""
        out, cpu = self.client("iperf3", "-J", "-c", to, "-p", port, "-t", seconds, *options)
        received = out["end"]["sum_received"]
        figures = {"gbps": received["bytes"] * 8e-9 / out["end"]["sum_sent"]["seconds"],
                   "cpu_per_gb": cpu / (received["bytes"] / 1e9)}
        if "lost_percent" in received:
            figures["lost_percent"] = received["lost_percent"]
        return figures

    def load(self, kind, to, port, seconds, *options):
        """Our own client: how many, CPU seconds per 1,000, and how long each took (µs)."""
        out, cpu = self.client(BUILD / "bench-load", kind, to, port, seconds, *options)
        if not out["answered"]:
            raise Unavailable("no answers")
        return {"per_second": out["answered"] / out["seconds"], "failed": out["failed"],
                "cpu_per_1000": cpu / (out["answered"] / 1e3),
                **{key: out[key] for key in ("p50", "p99", "p999")}}


def tests(lab, way, to, base, seconds):
    """Name and figures of all that is measured for one way in one lab."""
    yield "tcp", lab.bulk(to, base + BULK, seconds)
    if way in ("route", "tc", "nft"):
        yield "udp", lab.bulk(to, base + BULK, seconds, "-u", "-b", UDP_RATE[lab.variant], "-l",
                              "1300")
    if lab.variant == "ethernet":
        yield "connect", lab.load("connect", to, base + ASK, seconds, CLIENTS)
        yield "ask", lab.load("ask", to, base + ASK, seconds, CLIENTS, RATE)


def measure(say, rounds=5, seconds=2):
    """Figures by lab, test and way."""
    results = []
    for variant in ("ethernet", "wireguard"):
        say(f"connections over {variant}")
        samples = collections.defaultdict(lambda: collections.defaultdict(list))
        with Lab(variant) as lab:
            ways = ["route", "tc", "nft"] + (lab.start_proxies() if variant == "ethernet" else [])
            for _ in range(rounds):
                for way in ways:
                    with lab.forwarding(way) as (to, base):
                        for test, figures in tests(lab, way, to, base, seconds):
                            for name, value in figures.items():
                                samples[test, way][name].append(value)
        results += [{"lab": variant, "test": test, "way": way, "label": LABELS[way],
                     **{name: spread(values) for name, values in figures.items()},
                     "tc_over": ratios(figures, samples[test, "tc"])}
                    for (test, way), figures in samples.items()]
    return results


def ratios(figures, own):
    """Our figures over these, round by round."""
    return {name: spread([a / b for a, b in zip(own[name], values)])
            for name, values in figures.items() if all(values)}
