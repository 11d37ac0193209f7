#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Compare what came of odd_packets.py by two forwarders.

Usage: odd_compare.py NFTABLES XDPFWD: the same of each step, save for what differs() says, and that
exactly.
"""

import json
import sys

SHOWN = 5


def differs(step):
    """How xdpfwd is meant to differ: a word for what it does where nftables' host does nothing, or
    the other way round; None where they are to be the same."""
    return {
        # The host's connection tracking takes them for invalid and gives them to the host; what is
        # wrong stays as wrong as it was, for the end to judge.
        "wrong_checksum": "only xdpfwd",
        "odd_flags": "only xdpfwd",
        "short_udp": "only xdpfwd",
        # The host does not forward source routes; to xdpfwd options are cargo.
        "source_route": "only xdpfwd",
        # RFC 6633: of no use for long.
        "quench": "only nftables",
    }.get(step["kind"])


def main():
    with open(sys.argv[1], encoding="ascii") as file:
        nft = json.load(file)
    with open(sys.argv[2], encoding="ascii") as file:
        ours = json.load(file)
    wrong, kinds = 0, {}
    for number, (theirs, own) in enumerate(zip(nft, ours)):
        how = differs(theirs)
        some = bool(theirs["got"] or own["got"])
        fits = {None: theirs == own, "only xdpfwd": not theirs["got"] and some,
                "only nftables": not own["got"] and some}[how] or not (how is None or some)
        kinds[theirs["kind"]] = kinds.get(theirs["kind"], 0) + some
        if fits:
            continue
        wrong += 1
        if wrong <= SHOWN:
            print(f"step {number} {how or ''}\n  nftables {theirs}\n  xdpfwd   {own}")
    for kind, count in kinds.items():
        if not count and kind != "unknown_error":
            print(f"{kind}: nothing was compared")
            wrong += 1
    print(f"{wrong} differences in {len(nft)} steps")
    sys.exit(wrong != 0 or len(nft) != len(ours))


if __name__ == "__main__":
    main()
