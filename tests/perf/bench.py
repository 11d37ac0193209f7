#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The benchmark: measures everything in turn, prints the tables, writes docs/performance.*

Everything happens in network namespaces of its own, which are gone afterwards.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import signal
import sys
import time

sys.dont_write_bytecode = True # the tree stays as it is

import core
import cost
import cost_masquerade
import flows
import goals
import lab
import picture
import report
import rows as ways
import scale
import sockets
import tools

DOCS = tools.ROOT / "docs"


def say(text):
    print(f"bench: {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def cpu_name():
    for line in open("/proc/cpuinfo", encoding="ascii"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def host(started):
    return {"date": datetime.date.today().isoformat(), "kernel": platform.release(),
            "cpu": cpu_name(), "cores": os.cpu_count(),
            "version": tools.run(tools.XDPFWD, "--version").split("\n")[0].removeprefix("xdpfwd "),
            "seconds": round(time.monotonic() - started)}


def measure_floods(bench, data, quick):
    say("setting up the ways to forward")
    rows = ways.all_rows()
    if not quick and not core.has_room(rows):
        say("not enough memory for 1,000,000 flows: left out")
        core.FLOWS.remove(1_000_000)
    for row in rows:
        row.set_up(bench, core.QUICK_FLOWS if quick else max(core.FLOWS))
    live = [row for row in rows if not row.unavailable]
    if not quick:
        core.conntrack_room(bench, live)
    data["rows"] = [{"key": row.key, "label": row.label, "what": row.what,
                     "unavailable": row.unavailable} for row in rows]
    data["one_core"], data["not_confirmed"] = core.one_core(live, quick, say)
    data["overloaded"] = core.overloaded(live, quick, say)
    return live


def write(data, out):
    (out / "performance.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    (out / "performance.svg").write_text(picture.draw(data), encoding="utf-8")
    report.write_page(out / "performance.md", data)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="no connections, and fewer of everything")
    parser.add_argument("--write", type=pathlib.Path, metavar="DIR", nargs="?", const=DOCS,
                        help="write performance.json and .svg there, and the tables into its "
                        "performance.md (default: docs)")
    args = parser.parse_args()
    if os.geteuid():
        sys.exit("bench: network namespaces and BPF programs need root: run it with sudo")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))
    started = time.monotonic()
    data = {"quick": args.quick}
    with lab.Bench() as bench:
        at_rest = flows.Footprint(bench)
        rows = measure_floods(bench, data, args.quick)
        data["cost"] = cost.programs(bench, rows, args.quick, say)
        data["cost"] += cost_masquerade.programs(bench, args.quick, say)
        data["scale"] = scale.rules(bench, args.quick, say)
        data["flows"] = flows.measure(bench, args.quick, say)
        data["footprint"] = at_rest.figures()
        data["reload"] = scale.reload_under_traffic(bench, say)
    data["sockets"] = [] if args.quick else sockets.measure(say)
    data["host"] = host(started)
    data["goals"] = goals.judge(data)
    print(report.text(data))
    if args.write:
        write(data, args.write)


if __name__ == "__main__":
    main()
