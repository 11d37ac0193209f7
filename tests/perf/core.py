# SPDX-License-Identifier: GPL-2.0-only
"""Floods: in one core by turns, and overloaded with the forwarder on a core of its own."""
import collections
import os
import pathlib
import statistics

from tools import FLOWS, GENERATOR_CPU, Unavailable

PACKETS = 1 << 18
SATURATE_PACKETS = 1 << 19
WINDOW = 128 # packets under way: enough to keep a core busy, fewer than a veth's ring takes
FORWARDER_CPU = 1
QUICK_FLOWS = 4_000
BEGUN_AT_ONCE = 50_000 # xdpfwd has room for 65,536 flows that no client has confirmed yet
TRIES = 5
FLOW_BYTES = 400 # of conntrack: an entry and its share of the tables; ours are smaller

Cell = collections.namedtuple("Cell", "direction family size flows")


def spread(samples):
    """Median, quartiles and count of a list of figures."""
    samples = sorted(samples)
    if not samples:
        return None
    low = samples[(len(samples) - 1) // 4]
    high = samples[-1 - (len(samples) - 1) // 4]
    return {"median": statistics.median(samples), "low": low, "high": high, "n": len(samples)}


def cells(quick):
    """By number of flows: what is measured. Packets of a size other than 64 once per family."""
    for flows in [QUICK_FLOWS] if quick else FLOWS:
        batch = []
        for family in (4, 6):
            batch.append(Cell("in", family, 64, flows))
            if flows == 4_000:
                batch.append(Cell("in", family, 1400, flows))
            batch.append(Cell("out", family, 64, flows))
        yield flows, batch


def has_room(rows):
    """Is there memory for every flow of every row?"""
    available = int(next(line.split()[1] for line in open("/proc/meminfo", encoding="ascii")
                         if line.startswith("MemAvailable"))) << 10
    return sum(row.tracks for row in rows) * 2 * sum(FLOWS) * FLOW_BYTES <= available // 2


def conntrack_room(bench, rows):
    """Let conntrack hold every flow of every row, tables sized to match."""
    entries = sum(row.tracks and not row.moves for row in rows) * 2 * sum(FLOWS)
    bench.sysctl("/proc/sys/net/netfilter/nf_conntrack_max", entries)
    bench.sysctl("/sys/module/nf_conntrack/parameters/hashsize", 1 << (entries.bit_length() - 1))


def measure(row, cell, packets=PACKETS, window=0):
    """Packets per second that arrived, or None when (nearly) none did.

    A row that takes long for a packet is sent half as many.
    """
    packets >>= row.slow
    got = row.edge.flood(cell.direction, cell.size, cell.flows, packets,
                         *row.packet(cell.direction, cell.family), cpu=GENERATOR_CPU, window=window)
    return got if got["received"] > packets // 100 else None


def begin(row, family, first, flows):
    """Let the client begin flows, home reply, and the client confirm; those that are confirmed."""
    def pass_by(direction):
        row.edge.flood(direction, 64, flows, flows, *row.packet(direction, family),
                       cpu=GENERATOR_CPU, first=first)

    for _ in range(TRIES):
        pass_by("in")
        if row.moves:
            row.edge.flows(family, first, flows)
        pass_by("out")
        pass_by("in")
        if not row.moves:
            return flows
        confirmed = row.edge.flows(family, first, flows)["confirmed"]
        if confirmed == flows:
            break
    return confirmed


def warm_up(row, family, flows, step=BEGUN_AT_ONCE):
    """Let a forwarder that keeps flows see each of them, three times; how many it did not take."""
    step = step if row.moves else flows
    confirmed = sum(begin(row, family, first, min(step, flows - first))
                    for first in range(0, flows, step))
    if row.moves:
        row.edge.flows(family, 0, flows)
    return flows - confirmed


def one_core(rows, quick, say):
    """Figures by row and cell, against the bare redirect of the same round; flows not begun."""
    rounds = 3 if quick else 5
    results, missing = [], []
    for flows, batch in cells(quick):
        say(f"one core, {flows:,} flows")
        for row in rows:
            for family in (4, 6) if row.tracks else ():
                missed = warm_up(row, family, flows)
                if missed:
                    missing.append({"row": row.key, "family": family, "flows": flows,
                                    "missing": missed})
                    say(f"{row.label}, IPv{family}: {missed:,} of {flows:,} flows not confirmed")
        samples = collections.defaultdict(list)
        for _ in range(rounds):
            for cell in batch:
                for row in rows:
                    samples[row.key, cell].append(measure(row, cell))
        results += [figures(row, cell, samples) for cell in batch for row in rows]
    return results, missing


def figures(row, cell, samples):
    """Figures of one row; what compares it with another one is made round by round."""
    own, bare, nft = (samples.get((key, cell), [None]) for key in (row.key, "bare", "nft"))
    result = {"row": row.key, **cell._asdict(), "mpps": None}
    if None in own or None in bare:
        return result
    pairs = [(a["pps"], b["pps"]) for a, b in zip(own, bare)]
    result["mpps"] = spread([a / 1e6 for a, _ in pairs])
    result["added_ns"] = spread([1e9 / a - 1e9 / b for a, b in pairs])
    result["ratio"] = spread([a / b for a, b in pairs])
    if None not in nft:
        result["over_nft"] = spread([a["pps"] / b["pps"] for a, b in zip(own, nft)])
        added = [(1e9 / a["pps"] - 1e9 / b["pps"], 1e9 / n["pps"] - 1e9 / b["pps"])
                 for a, b, n in zip(own, bare, nft)]
        if row.key != "bare":
            result["nft_added_over"] = spread([theirs / mine for mine, theirs in added])
    result["lost"] = sum(a["sent"] - a["received"] for a in own) / sum(a["sent"] for a in own)
    return result


class ForwarderCore:
    """The receive side of an edge's two devices on a core of its own, by threaded NAPI."""

    def __init__(self, edge):
        self.edge = edge

    def _threaded(self, on):
        # A fresh mount, since /sys shows the devices of the namespace that mounted it.
        script = "".join(f"echo {on} > /sys/class/net/{dev}/threaded;" for dev in ("pub0", "in0"))
        os.system(f"ip netns exec {self.edge.ns} sh -c '{script}'")

    @staticmethod
    def _threads():
        found = set()
        for comm in pathlib.Path("/proc").glob("[0-9]*/comm"):
            try:
                if comm.read_text().startswith(("napi/pub0-", "napi/in0-")):
                    found.add(int(comm.parent.name))
            except OSError:
                continue
        return found

    def __enter__(self):
        before = self._threads()
        self._threaded(1)
        threads = self._threads()
        if not threads:
            raise Unavailable("this kernel has no threaded NAPI")
        for pid in threads - before:
            os.sched_setaffinity(pid, {FORWARDER_CPU})
            os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(1))

    def __exit__(self, *exc):
        self._threaded(0)


def overloaded(rows, quick, say):
    """Packets per second that arrive when there are always more than the forwarder can take."""
    if (os.cpu_count() or 1) < 2:
        return []
    say("overloaded")
    batch = [Cell("in", family, 64, 4_000) for family in ((4,) if quick else (4, 6))]
    samples = collections.defaultdict(list)
    try:
        for _ in range(3 if quick else 9):
            for cell in batch:
                for row in rows:
                    with ForwarderCore(row.edge):
                        samples[row.key, cell].append(measure(row, cell, SATURATE_PACKETS, WINDOW))
    except Unavailable as reason:
        say(f"left out: {reason}")
        return []
    return [figures(row, cell, samples) for cell in batch for row in rows]
