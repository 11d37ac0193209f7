# SPDX-License-Identifier: GPL-2.0-only
"""What the number of rules costs: per packet, in memory, in time to load; reloads under traffic."""
import collections
import contextlib
import json
import threading
import time

import cost
from core import PACKETS, spread
from forwarder import config_text
from lab import CLIENTS, HOME, KEPT, PUBLIC, Edge
from tools import run

RULES = [
    ("1 port", {"ports": "[50000]"}),
    ("1,000 ports", {"ports": str([49000 + 2 * i for i in range(1000)])}),
    ("63,535 ports", {"ports": f'["1-65535"]\nexclude = ["{KEPT}"]'}),
    ("64 forwards", {"ports": "", "count": 64}),
]
RELOADS = 10


def timed(call, *args, **kwargs):
    start = time.monotonic()
    call(*args, **kwargs)
    return time.monotonic() - start


def bpftool(*argv):
    return json.loads(run("bpftool", "-j", *argv))


def memory(edge):
    """Bytes of all maps that are pinned, and of the rule set in force."""
    total = 0
    for pin in edge.xdpfwd.pin("").iterdir():
        try:
            shown = bpftool("map", "show", "pinned", pin)
        except RuntimeError:
            continue # a link
        total += int(shown["bytes_memlock"])
        if shown["type"] == "array_of_maps":
            for element in bpftool("map", "dump", "pinned", pin):
                inner = element.get("inner_map_id") or int.from_bytes(
                    bytes(int(byte, 16) for byte in element["value"]), "little")
                total += int(bpftool("map", "show", "id", inner)["bytes_memlock"])
    return total


class Scaled:
    """An edge with one of the rule sets."""

    def __init__(self, bench, number, name="scale"):
        self.label, options = RULES[number]
        self.text = config_text(HOME, **options)
        self.edge = Edge(bench, f"{name}{number}")
        self.edge.sysctl("net.ipv4.ip_local_port_range=" + KEPT.replace("-", " "))

    def load_times(self):
        """Seconds that a load takes, by itself and as a reload, each from scratch."""
        load = timed(self.edge.xdpfwd.load, self.text, "native", agent=False)
        reload = self.reload()
        self.edge.xdpfwd.unload()
        return load, reload

    def packet_costs(self):
        """ns by program, of programs that were just loaded: where they lie in memory matters."""
        self.edge.xdpfwd.load(self.text, "native")
        with contextlib.ExitStack() as stack:
            tool = self.edge.start_cost(stack)
            costs = {program: cost.measure(tool, cost.Case(
                "in", f"xdpfwd_{program}", "pub0", cost.FORWARD[program],
                cost.packet(4, "udp", "in", HOME)), 3)["ns"]["median"] for program in ("xdp", "tc")}
        used = memory(self.edge)
        self.edge.xdpfwd.unload()
        return costs, used

    def reload(self, text=None):
        """Reload with the file changed, so that there is something to do."""
        config = self.edge.xdpfwd.config
        if text is None:
            swap = {"preserve\"\n": "preserve\" \n", "preserve\" \n": "preserve\"\n"}
            before = config.read_text()
            text = next(before.replace(a, b) for a, b in swap.items() if a in before)
        config.write_text(text)
        return timed(self.edge.xdpfwd, "reload", "pub0")


def rules(bench, quick, say):
    """For each rule set: cost of a packet, memory, seconds to load and to reload."""
    say("scale")
    scaled = [Scaled(bench, number) for number in range(len(RULES))]
    samples = [collections.defaultdict(list) for _ in scaled]
    for _ in range(2 if quick else 5):
        for one, own, first in zip(scaled, samples, [samples[0]] * len(samples)):
            load, reload = one.load_times()
            costs, own["memory"] = one.packet_costs()
            own["load"].append(load)
            own["reload"].append(reload)
            for program, ns in costs.items():
                own[f"{program}_ns"].append(ns)
                own[f"{program}_ratio"].append(ns / first[f"{program}_ns"][-1])
    return [{"rules": one.label, **{name: value if name == "memory" else spread(value)
                                    for name, value in own.items()}}
            for one, own in zip(scaled, samples)]


def reload_under_traffic(bench, say):
    """Packets lost while one rule set replaces another, and how long each reload took."""
    say("reloads under traffic")
    scaled = Scaled(bench, 3, "reload")
    texts = [scaled.text, config_text(HOME, '["50000-50999"]')]
    scaled.edge.xdpfwd.load(texts[0], "native")
    scaled.edge.start_flood()
    times = []

    def reload():
        for i in range(RELOADS):
            times.append(scaled.reload(texts[(i + 1) % 2]))

    thread = threading.Thread(target=reload)
    thread.start()
    sent = received = 0
    while thread.is_alive():
        got = scaled.edge.flood("in", 64, 4_000, PACKETS, CLIENTS[4], PUBLIC[4], HOME[4])
        sent += got["sent"]
        received += got["received"]
    thread.join()
    return {"reloads": len(times), "sent": sent, "lost": sent - received, "seconds": spread(times)}
