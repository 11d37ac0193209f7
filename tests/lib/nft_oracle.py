#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Write the nftables ruleset that does what a ports.toml says: what xdpfwd is compared with.

Usage: nft_oracle.py PORTS.TOML IFACE PUBLIC_ADDRESS... [--keep PORT]

PORT is the UDP port of the tunnel, which xdpfwd leaves with the host by itself.

Knows what the labs use: literal backends, ports, ranges, exclude, to_port, address, allow and
source. Needs Python 3.11 for its TOML reader.
"""

import argparse
import ipaddress
import sys
import tomllib


def as_list(value):
    return value if isinstance(value, list) else [value]


def expand(entries):
    ports = []
    for entry in as_list(entries):
        first, _, last = str(entry).partition("-")
        ports.extend(range(int(first), int(last or first) + 1))
    return ports


def ranges(ports):
    """[1, 2, 3, 7] -> "{ 1-3, 7 }" """
    runs = []
    for port in sorted(ports):
        if runs and runs[-1][1] == port - 1:
            runs[-1][1] = port
        else:
            runs.append([port, port])
    return "{ " + ", ".join(f"{a}-{b}" if a != b else f"{a}" for a, b in runs) + " }"


def family(address):
    return "ip6" if ipaddress.ip_address(address).version == 6 else "ip"


def rules(config, iface, publics, keep):
    """Yields (chain, rule): the way in; masquerade, or what home sends unasked."""
    for forward in config["forward"]:
        backends = {family(a): a
                    for a in as_list(config["backend"][forward["backend"]]["address"])}
        ports = expand(forward["ports"])
        shift = forward.get("to_port", ports[0]) - ports[0]
        stay = set(expand(forward.get("exclude", [])) + keep)
        ports = [port for port in ports if port not in stay]
        for public in as_list(forward.get("address", publics)):
            ip = family(public)
            if ip not in backends:
                continue
            backend = backends[ip]
            allow = [prefix for prefix in forward.get("allow", [])
                     if (":" in prefix) == (ip == "ip6")]
            if "allow" in forward and not allow:
                continue
            sources = f"{ip} saddr {{ {', '.join(allow)} }} " if allow else ""
            for protocol in as_list(forward["protocol"]):
                to, back = "", ""
                if shift:
                    pairs = ", ".join(f"{p} : {p + shift}" for p in ports)
                    mirrored = ", ".join(f"{p + shift} : {p}" for p in ports)
                    to = f" : {protocol} dport map {{ {pairs} }}"
                    back = f" : {protocol} sport map {{ {mirrored} }}"
                yield "prerouting", (
                    f"iifname {iface} {sources}{ip} daddr {public} "
                    f"{protocol} dport {ranges(ports)} dnat {ip} to {backend}{to}")
                backend_ports = ranges([p + shift for p in ports])
                if forward.get("source", "masquerade") == "masquerade":
                    yield "postrouting", (f"ct status dnat {ip} daddr {backend} "
                                          f"{protocol} dport {backend_ports} masquerade")
                    continue
                yield "postrouting", (
                    f"oifname {iface} {ip} saddr {backend} "
                    f"{protocol} sport {backend_ports} "
                    f"snat {ip} to {public}{back}")


def main():
    parser = argparse.ArgumentParser(description="ports.toml as an nftables ruleset")
    parser.add_argument("path")
    parser.add_argument("iface")
    parser.add_argument("publics", nargs="+")
    parser.add_argument("--keep", type=int, action="append", default=[])
    args = parser.parse_args()
    with open(args.path, "rb") as file:
        config = tomllib.load(file)
    chains = {"prerouting": [], "postrouting": []}
    for chain, rule in rules(config, args.iface, args.publics, args.keep):
        chains[chain].append(rule)
    print("table inet xdpfwd_oracle {")
    for chain, priority in (("prerouting", "dstnat"), ("postrouting", "srcnat")):
        print(f"\tchain {chain} {{")
        print(f"\t\ttype nat hook {chain} priority {priority}; policy accept;")
        for rule in chains[chain]:
            print(f"\t\t{rule}")
        print("\t}")
    print("\tchain forward {")
    print("\t\ttype filter hook forward priority mangle; policy accept;")
    print("\t\ttcp flags syn tcp option maxseg size set rt mtu")
    print("\t}")
    print("}")


if __name__ == "__main__":
    main()
