#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Packets that no router may forward, and floods of fragments, put on the cables of a lab.

  kinds    one of each kind of wrong packet from the client's side and from
           home's; prints those that arrived at the other end, or "none of N arrived"
  flood    fragments that never make a packet, from ever new sources; prints how many

Forwards expected: UDP and TCP on --port, by preserve and to the same port, and on --masquerade.
"""

import argparse
import random
import struct
import time

from wire import SYN, TCP, UDP, Cable, address, build, checksum, parse

MARK = b"strange packet"
QUIET_S = 0.1
MARTIANS4 = ("0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.254", "169.254.1.1", "224.0.0.1",
             "239.255.255.255", "240.0.0.1", "255.255.255.255")
MARTIANS6 = ("::", "::1", "fe80::1", "ff02::1", "ff0e::1", "::ffff:198.51.100.10")


def set_header(packet, at, data):
    """An IPv4 packet with other bytes in its header, and a checksum that fits."""
    header = bytearray(packet[:20])
    header[at:at + len(data)] = data
    header[10:12] = bytes(2)
    header[10:12] = struct.pack("!H", checksum(bytes(header)))
    return bytes(header) + packet[20:]


def put(packet, at, data):
    return packet[:at] + data + packet[at + len(data):]


def martians(src, dst, sport, dport):
    """Sources, and from home destinations, that never cross a router."""
    for text in MARTIANS6 if len(src) == 16 else MARTIANS4:
        yield f"from {text}", build(UDP, address(text), sport, dst, dport, MARK)
        yield f"TCP from {text}", build(TCP, address(text), sport, dst, dport, MARK, SYN)
    yield "from its own destination", build(UDP, dst, sport, dst, dport, MARK)


def ipv4_lies(good, tcp):
    total = len(good)
    yield "header checksum 1 off", put(good, 10, struct.pack(
        "!H", (struct.unpack_from("!H", good, 10)[0] + 1) % 65535))
    yield "header checksum 0", put(good, 10, b"\0\0")
    yield "version 5", set_header(good, 0, b"\x55")
    yield "version 6 in an IPv4 frame", set_header(good, 0, b"\x65")
    yield "a header of 16 bytes", set_header(good, 0, b"\x44")
    yield "a header longer than the packet", set_header(good, 0, b"\x4f")
    yield "a total length beyond the frame", set_header(good, 2, struct.pack("!H", total + 100))
    yield "a total length of 19", set_header(good, 2, struct.pack("!H", 19))
    yield "a total length without ports", set_header(good, 2, struct.pack("!H", 22))
    for ttl in (0, 1):
        yield f"TTL {ttl}", set_header(good, 8, bytes([ttl]))
        yield f"TCP, TTL {ttl}", set_header(tcp, 8, bytes([ttl]))
    yield from l4_lies(good, tcp, 20)


def l4_lies(udp, tcp, at):
    yield "a UDP length of 7", put(udp, at + 4, struct.pack("!H", 7))
    yield "a UDP length beyond IP's", put(udp, at + 4, struct.pack("!H", len(udp)))
    yield "a TCP header of 16 bytes", put(tcp, at + 12, b"\x40")
    yield "a TCP header longer than the packet", put(tcp, at + 12, b"\xf0")


def ipv6_lies(good, tcp):
    yield "version 4", put(good, 0, b"\x40")
    yield "a payload length beyond the frame", put(good, 4, struct.pack("!H", len(good) + 100))
    yield "a payload length of 4", put(good, 4, struct.pack("!H", 4))
    yield "UDP without a checksum", put(good, 46, b"\0\0")
    for limit in (0, 1):
        yield f"hop limit {limit}", put(good, 7, bytes([limit]))
        yield f"TCP, hop limit {limit}", put(tcp, 7, bytes([limit]))
    yield from l4_lies(good, tcp, 40)


def wrong(src, sport, dst, dport):
    """(what, packet) of each kind."""
    udp = build(UDP, src, sport, dst, dport, MARK)
    tcp = build(TCP, src, sport, dst, dport, MARK, SYN)
    yield from martians(src, dst, sport, dport)
    yield from ipv6_lies(udp, tcp) if len(src) == 16 else ipv4_lies(udp, tcp)


def arrivals(cable, good):
    """Payloads of this tool's that have come, until the good packet has, and for a moment after."""
    seen, deadline = [], None
    while True:
        data = cable.receive(QUIET_S if deadline else 5)
        if data is None:
            return seen, bool(deadline)
        if good in data:
            deadline = True
        elif MARK in data and parse(data):  # not what ICMP says of one
            seen.append(data)


def round_of(cable, far, packets, good, frames=()):
    """Send all of them and then a good one; what came of them, in words."""
    for _, packet in packets:  # as what the good one is, whatever version they tell
        cable.sock.send(cable.header[good[0] >> 4] + packet + bytes(max(46 - len(packet), 0)))
    for frame in frames:
        cable.sock.send(frame)
    cable.send(good)
    seen, came = arrivals(far, b"good packet")
    if not came:
        return ["the good packet did not arrive"]
    return [data.hex() for data in seen]


def kinds(args):
    client = Cable(args.lab, "client/eth0", "edge/eth0")
    home = Cable(args.lab, "home/eth0", "edge/eth1")
    count, arrived = 0, []
    for source, public, backend in ((args.client4, args.public4, args.home4),
                                    (args.client6, args.public6, args.home6)):
        source, public, backend = (address(text) for text in (source, public, backend))
        for port in (args.port, args.masquerade):
            packets = list(wrong(source, 1234, public, port))
            good = build(UDP, source, 1234, public, port, b"good packet")
            # Forwards are about frames to this host, whatever IP says.
            kind = client.header[4 if len(source) == 4 else 6]
            frames = [mac + kind[6:] + build(UDP, source, 1235, public, port, MARK)
                      for mac in (b"\xff" * 6, b"\x01\0\x5e\0\0\1", b"\x33\x33\0\0\0\1",
                                  b"\2\0\0\0\0\x77")]
            arrived += round_of(client, home, packets, good, frames)
            count += len(packets) + len(frames)
        # What the backend sends of its own accord, by preserve.
        packets = [item for item in wrong(backend, args.port, source, 1234)
                   if "from " not in item[0]]
        packets += [(f"to {text}", build(UDP, backend, args.port, address(text), 1234, MARK))
                    for text in (MARTIANS4 if len(source) == 4 else MARTIANS6)]
        arrived += round_of(home, client, packets,
                            build(UDP, backend, args.port, source, 1234, b"good packet"))
        count += len(packets)
    print("\n".join(arrived) or f"none of {count} arrived")


def fragments(rng, public, port):
    """Three of one packet, of which at least one is missing."""
    number = rng.getrandbits(32)
    body = rng.randbytes(1400)
    if len(public) == 4:
        src = bytes([198, 19]) + rng.randbytes(2)

        def head(offset, more):
            return set_header(struct.pack("!BBHHHBBH", 0x45, 0, 20 + 1400, number & 0xFFFF,
                                          more << 13 | offset // 8, 64, 17, 0) + src + public,
                              1, b"\0")
    else:
        src = address("2001:db8:51::")[:8] + rng.randbytes(8)

        def head(offset, more):
            return (struct.pack("!IHBB", 6 << 28, 8 + 1400, 44, 64) + src + public +
                    struct.pack("!BBHI", 17, 0, offset | more, number))
    first = struct.pack("!HHHH", rng.randrange(1024, 65536), port, 3 * 1400, 0x1234) + body[8:]
    parts = [head(0, 1) + first, head(1400, 1) + body, head(2800, 0) + body]
    parts.pop(rng.randrange(3))
    rng.shuffle(parts)
    return parts


def flood(args):
    rng = random.Random(args.seed)
    client = Cable(args.lab, "client/eth0", "edge/eth0")
    targets = [(address(text), port) for text in (args.public4, args.public6)
               for port in (args.port, args.masquerade)]
    sent, begin = 0, time.monotonic()
    while sent < args.count:
        for packet in fragments(rng, *targets[sent // 2 % 4]):
            client.send(packet)
            sent += 1
        ahead = sent / args.rate - (time.monotonic() - begin)
        if ahead > 0.005:
            time.sleep(ahead)
    print(f"seed {args.seed}: sent {sent}")


def main():
    parser = argparse.ArgumentParser(description="packets that are not to be forwarded")
    parser.add_argument("what", choices=("kinds", "flood"))
    parser.add_argument("--lab", required=True)
    for name in ("client", "public", "home"):
        for family in "46":
            parser.add_argument(f"--{name}{family}")
    parser.add_argument("--port", type=int, default=7000)
    parser.add_argument("--masquerade", type=int, default=7100)
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--rate", type=int, default=20000, help="fragments a second")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    args = parser.parse_args()
    {"kinds": kinds, "flood": flood}[args.what](args)


if __name__ == "__main__":
    main()
