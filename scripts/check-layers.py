#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Fail when an #include points up: each file may use its own layer and those below it.

A new file belongs to the layer whose name it starts with ("plan_safety.c" to "plan"); a file that
fits none has to be placed here first.
"""
import pathlib
import re
import sys

# From the ground up. Names on one line are one layer.
LAYERS = {
    "include/xdpfwd": ["addr", "csum reasons", "abi", "flow"],
    "bpf": ["kernel", "maps", "parse", "lookup", "flow", "flow_end translate", "flow_port", "flow_begin sweep",
            "acl flow_track", "mss", "nexthop", "emit_xdp emit_tc",
            "room", "answer icmp split", "fragment", "forward_tc",
            "xdpfwd"],
    "user": [
        "diag ipaddr portset service privileges",
        "clients",
        "log output watch",
        "toml",
        "config presets",
        "facts",
        "plan",
        "ruleset",
        "host features pins",
        "resolver",
        "state",
        "loader attach maps flows",
        "top",
        "apply unload planning show metrics",
        "reload exporter",
        "follow",
        "agent",
        "options",
        "cmd",
        "main",
    ],
}


def layer_of(folder, stem):
    """Height of a file in its folder; the longest layer name that the file's name starts with."""
    best = None
    for height, names in enumerate(LAYERS[folder]):
        for name in names.split():
            if (stem == name or stem.startswith(name + "_")) and (not best or len(name) > best[0]):
                best = (len(name), height)
    return best[1] if best else None


def check(path, folder, problems):
    """Hold every include of one file against its layer."""
    mine = layer_of(folder, path.name.split(".")[0])
    if mine is None:
        problems.append(f"{path}: no layer for this file in scripts/check-layers.py")
        return
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = re.match(r'#include (?:"|<xdpfwd/)([\w.]+)[">]', line)
        if not match:
            continue
        shared = "<xdpfwd/" in line
        if shared and folder != "include/xdpfwd":
            continue  # everything stands on include/
        theirs = layer_of("include/xdpfwd" if shared else folder, match.group(1).split(".")[0])
        if theirs is not None and theirs > mine:
            problems.append(f"{path}:{number}: {match.group(1)} is a layer above")


def main():
    """Check all folders; print what points up."""
    problems = []
    for folder in LAYERS:
        for path in sorted(pathlib.Path(folder).iterdir()):
            if path.suffix in (".c", ".h", ".cpp", ".def"):
                check(path, folder, problems)
    for path in sorted(pathlib.Path("user").glob("cmd_*.c")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if re.search(r"\bbpf_\w+\(", line):
                problems.append(f"{path}:{number}: a command calls BPF itself")
    print("\n".join(problems), file=sys.stderr, end="\n" if problems else "")
    return 1 if problems else 0


sys.exit(main())
