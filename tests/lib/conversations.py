#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A random sequence of valid packets, both ways, as JSON: the same for the same seed.

Usage: conversations.py --seed N --steps N --output FILE CLIENT=PUBLIC=BACKEND=EDGE... with clients separated by
commas, one word for each address family. EDGE is the address that the backend is going to see.

Conversations begin, go on and end among each other. Each step is
{"flow", "way": "in" or "out", "packet": hex, "padding": bytes behind the packet, "note"}; in packets
of way "out" the destination port, which depends on who masquerades, is 0. Notes:
"" arrives; "expires": its TTL ends at the forwarder; "route": it asks to have its route recorded.
"""

import argparse
import json
import random

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop, PadN
from scapy.packet import Raw

from wire import checksum, parse

MTU = 1500
ACTIVE = 24  # conversations at a time
EXPIRE_MAX = 40  # a host sends no more than 50 ICMP errors in a burst
SERVICES = [(7000, 7000), *((port, port + 1000) for port in range(8000, 8010)), (50123, 50123)]
# Few client ports, so that they collide: privileged, free for masquerade, and the host's own.
CLIENT_PORTS = [123, 500, 1023, *range(2000, 2012), 20001, 32769, 40000, 50000, 60999, 65535]
IP_OPTIONS = {
    "no operation": b"\x01\x01\x01\x01",
    "end": b"\x00\x00\x00\x00",
    "stream": b"\x88\x04\x12\x34",
    "experiment": b"\x1e\x06abcd\x01\x00",
    "router alert": b"\x94\x04\x00\x00",
    "route, full": b"\x07\x07\x08\xc0\x00\x02\x01\x00",
    "route": b"\x07\x0b\x04\0\0\0\0\0\0\0\0\0",
}
TCP_NEXT = 1 << 32


class Conversation:
    """One flow, as a generator of steps."""

    def __init__(self, rng, expiring, number, ends, protocol):
        self.rng, self.expiring, self.number, self.protocol = rng, expiring, number, protocol
        self.client, self.cport, self.public, self.pport, self.backend, self.bport, self.edge = ends
        self.v6 = ":" in self.client

    def network(self, inwards, ttl):
        """A random IP header; for IPv4 with an option to be put in later, and a note on it."""
        rng = self.rng
        src, dst = (self.client, self.public) if inwards else (self.backend, self.edge)
        if not self.v6:
            name = rng.choice(list(IP_OPTIONS)) if rng.random() < 0.12 else ""
            header = IP(src=src, dst=dst, ttl=ttl, tos=rng.getrandbits(8),
                        id=rng.getrandbits(16), flags=rng.choice(["", "DF"]))
            return header, IP_OPTIONS.get(name, b""), "route" if name == "route" else ""
        header = IPv6(src=src, dst=dst, hlim=ttl, tc=rng.getrandbits(8), fl=rng.getrandbits(20))
        if rng.random() < 0.12:
            header /= IPv6ExtHdrHopByHop(options=[PadN(optdata=bytes(4))])
        if rng.random() < 0.12:
            header /= IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(rng.choice((4, 12, 20))))])
        return header, b"", ""

    def ttl(self):
        return self.rng.choice((2, 3, 64, 64, 64, 128, 255, self.rng.randrange(2, 256)))

    def payload(self):
        """Random bytes, no more than fit whatever comes before them."""
        room = MTU - (40 + 32 if self.v6 else 20 + 12) - 32
        return self.rng.randbytes(self.rng.choice((0, 1, 2, 3, 17, 100, self.rng.randrange(room),
                                                   room)))

    def step(self, inwards, l4, payload, ttl=None):
        """One packet. A payload of None fills it up."""
        l4.sport, l4.dport = (self.cport, self.pport) if inwards else (self.bport, 0)
        header, option, note = self.network(inwards, ttl or self.ttl())
        if payload is None:
            payload = self.rng.randbytes(MTU - len(header) - len(option) - len(l4))
        packet = header / l4 / Raw(payload)
        data = with_option(bytes(packet), option)
        padding = self.rng.randbytes(max(46 - len(data), 0)) if self.rng.random() < 0.5 else b""
        return {"flow": self.number, "way": "in" if inwards else "out", "packet": data.hex(),
                "padding": padding.hex(), "note": "expires" if ttl == 1 else note}

    def maybe_expiring(self, inwards, make, payload):
        """A packet; sometimes first the same one with a TTL of 1."""
        if self.rng.random() < 0.015 and next(self.expiring, None) is not None:
            yield self.step(inwards, make(), payload, 1)
        yield self.step(inwards, make(), payload)

    def steps(self):
        return self.tcp() if self.protocol == "tcp" else self.udp()

    def udp(self):
        rng = self.rng
        inwards = True
        for _ in range(rng.randrange(1, 12)):
            blank = {"chksum": 0} if not self.v6 and rng.random() < 0.15 else {}
            payload = self.payload() if rng.random() < 0.9 else None
            if payload and len(payload) >= 2 and not blank and rng.random() < 0.25:
                payload = self.balanced(inwards, payload)
            yield from self.maybe_expiring(inwards, lambda b=blank: UDP(**b), payload)
            inwards = rng.random() < 0.5

    def balanced(self, inwards, payload):
        """Payload with which the checksum comes to zero, before or after the forwarder."""
        if inwards and self.rng.random() < 0.5:
            ends = (self.client, self.cport, self.public, self.pport)
        elif inwards:
            ends = (self.edge, self.cport, self.backend, self.bport)
        else:
            ends = (self.public, self.pport, self.client, self.cport)
        payload = b"\0\0" + payload[2:]
        network = IPv6 if self.v6 else IP
        data = bytes(network(src=ends[0], dst=ends[2]) / UDP(sport=ends[1], dport=ends[3]) /
                     Raw(payload))
        return (parse(data).check_field()).to_bytes(2, "big") + payload[2:]

    def tcp(self):
        rng = self.rng
        again = 1 + (rng.random() < 0.2)
        base = {True: rng.getrandbits(32), False: rng.getrandbits(32)}
        stamps = rng.random() < 0.6
        for _ in range(again):
            yield from self.tcp_connection(base, stamps)
            base = {way: (number + 100000) % TCP_NEXT for way, number in base.items()}
            self.number += 10000  # whoever masquerades may choose another port

    def segment(self, inwards, flags, numbers, payload=b"", options=()):
        """One segment that moves the numbers on."""
        rng = self.rng
        seq, ack = numbers[inwards], numbers[not inwards]
        extra = "".join(flag for flag in "PEC" if "S" not in flags and "R" not in flags and
                        rng.random() < 0.3)
        urgent = rng.randrange(1, 100) if flags == "A" and payload and rng.random() < 0.05 else 0
        flags += extra + ("U" if urgent else "")

        def make():
            return TCP(seq=seq, ack=ack if "A" in flags else 0, flags=flags, window=65535,
                       urgptr=urgent, options=list(options))

        if set(flags) & set("FR"):
            yield self.step(inwards, make(), payload)
        else:
            yield from self.maybe_expiring(inwards, make, payload)
        numbers[inwards] = (seq + len(payload) + ("S" in flags) + ("F" in flags)) % TCP_NEXT

    def tcp_connection(self, base, stamps):
        rng = self.rng
        numbers = dict(base)
        clock = rng.getrandbits(31)
        first = [("MSS", rng.choice((536, 1220, 1440, 1460, 8960)))]
        if rng.random() < 0.5:
            first.insert(rng.randrange(2), ("SAckOK", b""))
        if rng.random() < 0.1:
            first = []
        later = []
        if stamps:
            first.append(("Timestamp", (clock, 0)))
            later = [("NOP", None), ("NOP", None), ("Timestamp", (clock + 1, clock))]
        yield from self.segment(True, "S", numbers, b"", first)
        yield from self.segment(False, "SA", numbers, b"", first)
        yield from self.segment(True, "A", numbers, b"", later)
        for _ in range(rng.randrange(0, 10)):
            yield from self.segment(rng.random() < 0.5, "A", numbers,
                                    self.payload(), later)
        if rng.random() < 0.15:
            # Numbers move no further: a RST is exact.
            yield from self.segment(rng.random() < 0.5, "RA", numbers)
            return
        first_to_close = rng.random() < 0.5
        yield from self.segment(first_to_close, "FA", numbers, self.payload(), later)
        yield from self.segment(not first_to_close, "A", numbers, b"", later)
        yield from self.segment(not first_to_close, "FA", numbers, b"", later)
        yield from self.segment(first_to_close, "A", numbers, b"", later)


def with_option(data, option):
    """An IPv4 packet with an option after its header, and the header's checksum anew."""
    if not option:
        return data
    header = bytearray(data[:20] + option)
    header[0] = 0x40 | len(header) // 4
    header[2:4] = (len(data) + len(option)).to_bytes(2, "big")
    header[10:12] = bytes(2)
    header[10:12] = checksum(bytes(header)).to_bytes(2, "big")
    return bytes(header) + data[20:]


def conversations(rng, worlds):
    """Ever new ones, no two with the same ends."""
    seen, number, expiring = set(), 0, iter(range(EXPIRE_MAX))
    while True:
        clients, public, backend, edge = rng.choice(worlds)
        pport, bport = rng.choice(SERVICES)
        protocol = rng.choice(("tcp", "udp"))
        ends = (rng.choice(clients), rng.choice(CLIENT_PORTS), public, pport, backend, bport, edge)
        if (protocol, ends) in seen:
            continue
        seen.add((protocol, ends))
        number += 1
        yield Conversation(rng, expiring, number, ends, protocol)


def main():
    parser = argparse.ArgumentParser(description="random valid packets")
    parser.add_argument("worlds", nargs="+")
    parser.add_argument("--output", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    worlds = []
    for text in args.worlds:
        clients, public, backend, edge = text.split("=")
        worlds.append((clients.split(","), public, backend, edge))
    fresh = conversations(rng, worlds)
    active, steps = [], []
    while active or len(steps) < args.steps:
        while len(active) < ACTIVE and len(steps) < args.steps:
            active.append(next(fresh).steps())
        chosen = rng.choice(active)
        try:
            steps.append(next(chosen))
        except StopIteration:
            active.remove(chosen)
    with open(args.output, "w", encoding="ascii") as file:
        json.dump(steps, file)


if __name__ == "__main__":
    main()
