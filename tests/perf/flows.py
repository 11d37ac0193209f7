# SPDX-License-Identifier: GPL-2.0-only
"""What the number of flows costs besides packets: memory, sweeps, scrapes; and the agent at rest."""
import json
import os
import pathlib
import signal
import sys
import time

from core import BEGUN_AT_ONCE, spread, warm_up
from forwarder import METRICS, UNLIMITED, masquerade_text
from lab import HOME, MASQUERADE, Edge
from rows import Row
from scale import memory, timed
from tools import FLOWS, Tool, run

# Ports that a new flow can choose from for each flow that there is in the end. It looks at 24.
ROOM = 1.25
PORTS = 62_512 # of one address: 1024-65535 without those that the host keeps

SCRAPE = """
import http.client, time
host, rounds = %r, %d
for _ in range(rounds):
	start = time.monotonic()
	server = http.client.HTTPConnection(host)
	server.request("GET", "/metrics")
	answer = server.getresponse()
	text = answer.read()
	took = time.monotonic() - start
	assert answer.status == 200 and b"xdpfwd_flows{" in text, text
	print(took)
"""


class Flows:
    """An edge with room for so many flows, all of IPv4 and UDP, and as many addresses as it takes."""

    def __init__(self, bench, flows):
        self.count = flows
        self.edge = Edge(bench, f"flows{flows}")
        self.addresses = MASQUERADE[4][:int(flows * ROOM / PORTS) + 1]
        self.edge.add_masquerade_addresses(self.addresses)
        home = [HOME[4]]
        self.edge.load_text(masquerade_text(home, self.addresses, metrics=True, flows=flows,
                                            **UNLIMITED), "native")
        self.tool = Tool(self.edge.stack, self.edge.ns, "bench-sweep", self.edge.xdpfwd.bpffs, "pub0")
        self.tool.ask("kept") # UDP may have the whole table from now on
        self.edge.start_flood()
        self.row = Row("xdp_masq", "", "", "masquerade", tracks=True, moves=True, edge=self.edge)

    def begin(self):
        """Begin all flows, and find them in the counters, too."""
        # Of those that are not confirmed it has room for half as many.
        missing = warm_up(self.row, 4, self.count, min(BEGUN_AT_ONCE, self.count // 4 or 1))
        stats = json.loads(self.edge.xdpfwd("stats", "pub0", "--json"))["interfaces"][0]
        if stats["flows"]["udp"] != self.count or missing:
            raise RuntimeError(f"{stats['flows']} and {missing} not confirmed, of {self.count}; "
                               f"{stats['drops']}")
        return stats["drops"]["no_port"]

    def sweep(self, tool, kind, rounds):
        """CPU seconds; the agent, which sweeps as well, waits meanwhile."""
        pid = self.edge.xdpfwd.agent.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            swept = [tool.ask(kind) for _ in range(rounds)]
        finally:
            os.kill(pid, signal.SIGCONT)
        if any(one["ended" if kind == "ended" else "live"] != self.count for one in swept):
            raise RuntimeError(f"swept {swept}, not {self.count} flows")
        return spread([one["cpu"] for one in swept])

    def scrape(self, rounds):
        return spread([float(line) for line in run(
            sys.executable, "-c", SCRAPE % (METRICS, rounds), ns=self.edge.ns).split()])

    def measure(self, rounds):
        xdpfwd = self.edge.xdpfwd
        refused, tool = self.begin(), self.tool
        result = {"flows": self.count, "addresses": len(self.addresses), "refused": refused,
                  "memory": memory(self.edge), "sweep_kept": self.sweep(tool, "kept", rounds),
                  "scrape": self.scrape(rounds),
                  "metrics": spread([timed(xdpfwd, "metrics", "pub0") for _ in range(rounds)]),
                  "count": spread([timed(xdpfwd, "flows", "count", "pub0")
                                   for _ in range(rounds)])}
        result["sweep_ended"] = self.sweep(tool, "ended", 1)
        xdpfwd.unload()
        return result


def measure(bench, quick, say):
    """By number of flows."""
    say("memory, sweep and scrape by flows")
    counts = [1, 4_000] if quick else FLOWS
    return [Flows(bench, count).measure(3 if quick else 7) for count in counts]


class Footprint:
    """The agent with the default limits and nothing to do, from now on; figures() in the end."""

    def __init__(self, bench):
        edge = Edge(bench, "footprint")
        # As small as a config gets, with the listener for Prometheus.
        edge.load_text(masquerade_text(HOME.values(), [], ("tcp", "udp"), metrics=True), "native")
        self.edge = edge
        self.agent = pathlib.Path(f"/proc/{edge.xdpfwd.agent.pid}")
        self.start = time.monotonic(), self._cpu_seconds()

    def _cpu_seconds(self):
        """Exactly, of all threads; stat counts whole ticks."""
        return sum(int(stat.read_text().split()[0])
                   for stat in self.agent.glob("task/*/schedstat")) / 1e9

    def _resident(self):
        return next(int(line.split()[1]) << 10 for line in
                    (self.agent / "status").read_text().splitlines() if line.startswith("VmRSS"))

    def figures(self):
        wall, cpu = time.monotonic() - self.start[0], self._cpu_seconds() - self.start[1]
        return {"resident": self._resident(), "maps": memory(self.edge), "seconds": wall,
                "cpu": cpu / wall}
