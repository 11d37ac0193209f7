#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A random sequence of ICMP errors, fragments, packets too large and odd headers, forwarded.

Usage: odd_packets.py RESULT --lab ID --seed N --steps N ...: send each, and write down what comes of
it as JSON, for odd_compare.py. The same seed makes the same sequence. Masquerade ports are each forwarder's own: results hold 0 in
their place and in that of checksums that they are part of, after these have been found right.
"""

import argparse
import json
import random
import struct
import sys

import wire
from odd_bytes import (blank_header, cut, fragment, header_length, icmp, is_fragment, is_icmp_error,
                       join, piece, with_checksum4, with_options, without_fragment_header)
from wire import ACK, PSH, SYN, TCP, UDP, Cable, Fences, address, build, checksum, parse

SHOWN = 5
ANSWERS_MAX = 45  # a host sends no more than 50 ICMP errors in a burst
MTU = 1400  # towards home; the client's is 1500
ERRORS4 = [(3, code) for code in range(16)] + [(11, 0), (11, 1), (12, 0)]
ERRORS6 = [(1, code) for code in range(7)] + [(2, 0), (3, 0), (3, 1), (4, 0), (4, 2)]
SOURCE_QUENCH = (4, 0)
LOOSE_ROUTE = b"\x83\x07\x08" + bytes([198, 51, 100, 9]) + b"\0"
IP_OPTIONS = (b"\x01\x01\x01\x01", b"\x94\x04\0\0", b"\x07\x07\x04\0\0\0\0\0",
              b"\x44\x08\x05\0\0\0\0\0")


class Flow:
    """One conversation that both ends hold to be established."""

    def __init__(self, player, number, proto, v6, service):
        args = player.args
        self.player, self.proto, self.v6 = player, proto, v6
        self.cport, (self.pport, self.bport) = 2000 + number, service
        self.client, self.public, self.home, self.edge = (
            address(text) for text in (args.ipv6 if v6 else args.ipv4).split(","))
        self.seq, self.back = number << 20, number << 21
        # What each end has seen last: of the other, as it looked there.
        self.at_home = self.transfer(True, b"", SYN)
        self.masquerade = parse(self.at_home).sport
        self.seq += proto == TCP
        self.at_client = self.transfer(False, b"", SYN | ACK)
        self.back += proto == TCP
        self.at_home = self.transfer(True, b"", ACK)
        for inwards in (True, False):
            self.talk(inwards, b"it is established")

    def ends(self, inwards):
        if inwards:
            return self.client, self.cport, self.public, self.pport
        return self.home, self.bport, self.edge, self.masquerade

    def packet(self, inwards, payload, flags=ACK | PSH):
        numbers = (self.seq, self.back) if inwards else (self.back, self.seq)
        return build(self.proto, *self.ends(inwards), payload, flags, *numbers)

    def transfer(self, inwards, payload, flags):
        player = self.player
        near, far = player.cables(inwards)
        near.send(self.packet(inwards, payload, flags))
        got = player.next_of(far, lambda data: parse(data) is not None)
        if got is None:
            raise TimeoutError("a conversation cannot begin")
        return parse(got).data

    def talk(self, inwards, payload):
        seen = self.transfer(inwards, payload, ACK | PSH)
        if inwards:
            self.at_home = seen
        else:
            self.at_client = seen
        if self.proto == TCP:
            if inwards:
                self.seq += len(payload)
            else:
                self.back += len(payload)


class Player:
    """Both ends of the lab."""

    def __init__(self, args):
        self.args = args
        self.rng = random.Random(args.seed)
        self.client = Cable(args.lab, "client/eth0", "edge/eth0")
        self.home = Cable(args.lab, "home/eth0", "edge/eth1")
        self.public = address(args.ipv4.split(",")[1])
        self.fences = Fences(self.client, self.home, address(args.fence), self.public, 7000)
        self.problems, self.room = [], ANSWERS_MAX
        self.flows = [Flow(self, number, proto, v6, service)
                      for number, (proto, v6, service) in enumerate(
                          (proto, v6, service) for proto in (TCP, UDP) for v6 in (False, True)
                          for service in ((7000, 7000), (8003, 9003)))]

    def cables(self, inwards):
        return (self.client, self.home) if inwards else (self.home, self.client)

    def next_of(self, cable, wanted):
        while True:
            data = cable.receive(wire.LATE_S)
            if data is None or wanted(data):
                return data

    def all_until_fence(self, inwards):
        """What arrives at the far end before a packet that was sent now; neighbours' talk aside."""
        near, far = self.cables(inwards)
        fence, mark = self.fences.make(inwards)
        near.send(fence)
        seen = []
        while True:
            data = far.receive(wire.LATE_S)
            if data is None:
                self.problems.append("nothing arrives any more")
                return seen
            packet = parse(data) if not is_fragment(data) else None
            if packet and packet.payload == mark:
                return seen
            if not (data[0] >> 4 == 6 and data[6] in (0, 58) and data[40] >= 128):
                seen.append(cut(data))

    def drain(self):
        """What a host had to say about the step before."""
        for cable in self.cables(True):
            while cable.receive(0) is not None:
                pass

    def answers_to(self, packet):
        """What came of a packet of the client's: ICMP errors to it, and what arrived at home."""
        self.client.send(packet)
        arrived, told = self.all_until_fence(True), []
        while data := self.client.receive(0):
            told += [cut(data)] if is_icmp_error(data) else []
        return told, arrived

    # Kinds of steps: each sends something about a flow, and returns what came of it.

    def error(self, flow, inwards, kinds=None):
        rng = self.rng
        quote = flow.at_client if inwards else flow.at_home
        src, dst = (flow.client, flow.public) if inwards else (flow.home, flow.edge)
        if rng.random() < 0.5:  # a router on the way
            src = src[:-1] + b"\x63"
        at = header_length(quote)
        note = ""
        if flow.proto == UDP and not flow.v6 and rng.random() < 0.2:
            quote = quote[:at + 6] + b"\0\0" + quote[at + 8:]
            note = "blank"
        if not flow.v6 and rng.random() < 0.2:
            quote = with_options(quote, rng.choice(IP_OPTIONS))
            at = header_length(quote)
        if rng.random() < 0.4:
            quote = quote[:at + rng.choice((8, 12))]
            note = note or "short"
        word = rng.choice((0, 1280, 576))
        if rng.random() < 0.2:  # RFC 4884: padded, and something behind
            quote = quote.ljust(128, b"\0")[:128]
            word = 128 // 8 << 24 if flow.v6 else 128 // 4 << 16
            quote += b"\x20\0\xdf\xff\0\x08\x01\x01" + rng.randbytes(4)
        kind = rng.choice(kinds or (ERRORS6 if flow.v6 else ERRORS4))
        self.cables(inwards)[0].send(icmp(src, dst, kind, word, quote, rng))
        return [self.plain_error(flow, inwards, data, note)
                for data in self.all_until_fence(inwards)]

    def plain_error(self, flow, inwards, data, note):
        """A received error, without what depends on the masquerade port."""
        at = header_length(data)
        if not is_icmp_error(data):
            self.problems.append(f"not an error: {data.hex()}")
            return data.hex()
        pseudo = data[8:40] + struct.pack("!II", len(data) - at, 58) if flow.v6 else b""
        if checksum(pseudo + data[at:]) != 0:
            self.problems.append(f"wrong ICMP checksum: {data.hex()}")
        inner = data[at + 8:]
        l4 = header_length(inner)
        if not flow.v6 and checksum(inner[:l4]) != 0:
            self.problems.append(f"wrong inner header checksum: {data.hex()}")
        length = struct.unpack_from("!H", inner, 4 if flow.v6 else 2)[0] + (40 if flow.v6 else 0)
        packet = parse(inner) if len(inner) >= length else None
        if packet and not note and packet.check_field() != packet.right_checksum():
            self.problems.append(f"wrong inner checksum: {data.hex()}")
        if not inwards:
            return data.hex()
        data = bytearray(data)
        field = at + 8 + l4 + wire.CHECK_OFFSET[flow.proto]
        data[at + 2:at + 4] = data[at + 8 + l4 + 2:at + 8 + l4 + 4] = bytes(2)
        if len(data) >= field + 2 and note != "blank":
            data[field:field + 2] = bytes(2)
        return bytes(data).hex()

    def unknown_error(self, flow, inwards):
        """About a packet that nobody has sent: it reaches nobody."""
        rng = self.rng
        if inwards:
            src, dst = flow.client, flow.public
            quote = build(flow.proto, flow.public, 6999, flow.client, flow.cport, b"unknown", ACK)
        else:
            src, dst = flow.home, flow.edge
            quote = build(flow.proto, flow.edge, flow.masquerade ^ 0x4000, flow.home, flow.bport,
                          b"unknown", ACK)
        kind = rng.choice(ERRORS6 if flow.v6 else ERRORS4)
        self.cables(inwards)[0].send(icmp(src, dst, kind, 0, quote, rng))
        return [data.hex() for data in self.all_until_fence(inwards)]

    def quench(self, flow, inwards):
        return self.error(flow, inwards, [SOURCE_QUENCH])

    def fragments(self, flow, inwards):
        """A datagram in pieces, in any order; what arrives, as the datagram that it makes."""
        rng = self.rng
        payload = rng.randbytes(rng.randrange(600, 3600))
        whole = flow.packet(inwards, payload)
        body, number = whole[header_length(whole):], rng.getrandbits(32)
        cuts = sorted(rng.sample(range(64, len(body) - 8, 8), rng.randrange(1, 4)))
        cuts = [0] + cuts + [len(body)]
        while max(b - a for a, b in zip(cuts, cuts[1:])) > 1300:
            cuts = sorted(set(cuts + [c + 640 for c in cuts[:-1] if c + 640 < len(body) - 8]))
        parts = [fragment(whole, number, body, a, b) for a, b in zip(cuts, cuts[1:])]
        if len(parts) <= 5:  # the first, and as many as are kept before it comes
            rng.shuffle(parts)
        near, far = self.cables(inwards)
        for part in parts:
            near.send(part)
        got = [cut(data) for data in self.collect(far, len(body))]
        if self.args.exact:
            self.check_pieces(parts, got)
        return [self.plain(flow, inwards, join(got))] if got else []

    def collect(self, far, size):
        """Fragments until they make up a packet of that size."""
        got, have = [], 0
        while have < size:
            data = self.next_of(far, is_fragment)
            if data is None:
                return []
            got.append(data)
            have += len(cut(data)) - (48 if data[0] >> 4 == 6 else header_length(data))
        return got

    def check_pieces(self, sent, got):
        """They go on as they are, in whatever order: nothing is put together on the way."""
        if sorted(map(piece, sent)) != sorted(map(piece, got)):
            self.problems.append(f"other fragments: {[p.hex() for p in got]}")

    def too_large(self, flow, inwards):
        """Towards home only, with DF: refused. The answer, without what is left to each host."""
        if not self.room:
            return []
        self.room -= 1
        whole = flow.packet(True, bytes(self.rng.randrange(MTU - 20, 1500 - 60)))
        answers, arrived = self.answers_to(whole)
        for data in answers:
            at = header_length(data)
            pseudo = data[8:40] + struct.pack("!II", len(data) - at, 58) if flow.v6 else b""
            if checksum(pseudo + data[at:]) != 0 or (not flow.v6 and checksum(data[:at]) != 0):
                self.problems.append(f"wrong checksum: {data.hex()}")
            if data[at + 8:] != whole[:len(data) - at - 8]:
                self.problems.append(f"{whole.hex()} is not quoted: {data.hex()}")
        return [blank_header(data).hex() for data in answers + arrived]

    def too_large_without_df(self, flow, inwards):
        """IPv4: it arrives, in fragments."""
        if flow.v6 or flow.proto == TCP:
            return []
        whole = flow.packet(True, self.rng.randbytes(self.rng.randrange(MTU - 20, 1500 - 60)))
        whole = with_checksum4(whole[:6] + b"\0\0" + whole[8:20]) + whole[20:]
        self.client.send(whole)
        got = [cut(data) for data in self.collect(self.home, len(whole) - 20)]
        while data := self.client.receive(0):
            if is_icmp_error(data):
                self.problems.append(f"told that it is too large: {data.hex()}")
        if any(len(data) > MTU for data in got):
            self.problems.append("fragments that are too large")
        return [self.plain(flow, True, join(got))] if got else []

    def single(self, flow, inwards, data):
        near, _ = self.cables(inwards)
        near.send(data)
        return [self.plain(flow, inwards, got) for got in self.all_until_fence(inwards)]

    def plain(self, flow, inwards, data, error=0):
        """A received packet with the port of the client in place of the masquerade port."""
        packet = parse(data)
        if packet is None:
            return data.hex()
        wrong = (packet.check_field() - packet.right_checksum()) % 0xFFFF
        if wrong != error % 0xFFFF:
            self.problems.append(f"checksum wrong by {wrong:04x}: {data.hex()}")
        return packet.with_ports(flow.cport if inwards else packet.sport, packet.dport).data.hex()

    def wrong_checksum(self, flow, inwards):
        data = flow.packet(inwards, self.rng.randbytes(20))
        at = header_length(data) + wire.CHECK_OFFSET[flow.proto]
        error = self.rng.randrange(1, 0xFFFE)
        right = struct.unpack_from("!H", data, at)[0]
        wrong = (right + error) % 0xFFFF or 0xFFFF
        self.cables(inwards)[0].send(data[:at] + struct.pack("!H", wrong) + data[at + 2:])
        return [self.plain(flow, inwards, got, error) for got in self.all_until_fence(inwards)]

    def odd_flags(self, flow, inwards):
        if flow.proto == UDP:
            return []
        return self.single(flow, inwards, flow.packet(
            inwards, b"", self.rng.choice((0, SYN | 1, SYN | 4, 0x29))))

    def short_udp(self, flow, inwards):
        """A UDP length that ends before the packet does."""
        if flow.proto == TCP:
            return []
        inner = flow.packet(inwards, b"short")
        data = inner + self.rng.randbytes(7)
        if flow.v6:
            data = data[:4] + struct.pack("!H", len(data) - 40) + data[6:]
        else:
            data = with_checksum4(data[:2] + struct.pack("!H", len(data)) + data[4:20]) + data[20:]
        return self.single(flow, inwards, data)

    def source_route(self, flow, inwards):
        if flow.v6:
            return []
        return self.single(flow, inwards, with_options(flow.packet(inwards, b"routed"),
                                                       LOOSE_ROUTE))

    def atomic(self, flow, inwards):
        """IPv6: a fragment header on a packet that is whole."""
        if not flow.v6:
            return []
        data = flow.packet(inwards, self.rng.randbytes(30))
        data = (data[:4] + struct.pack("!H", len(data) - 32) + b"\x2c" + data[7:40] +
                struct.pack("!BBHI", flow.proto, 0, 0, self.rng.getrandbits(32)) + data[40:])
        near, _ = self.cables(inwards)
        near.send(data)
        got = self.all_until_fence(inwards)
        if self.args.exact and [d[40:48] for d in got] != [data[40:48]]:
            self.problems.append("the fragment header is not what it was")
        return [self.plain(flow, inwards, without_fragment_header(data)) for data in got]

    def play(self):
        kinds = (self.error,) * 8 + (self.fragments,) * 4 + (
            self.unknown_error, self.too_large, self.too_large_without_df, self.wrong_checksum,
            self.odd_flags, self.short_udp, self.source_route, self.atomic, self.quench)
        results = []
        for number in range(self.args.steps):
            kind, flow = self.rng.choice(kinds), self.rng.choice(self.flows)
            inwards = self.rng.random() < 0.5
            if kind == self.fragments and flow.proto == TCP:
                flow = self.flows[self.flows.index(flow) ^ 4]  # the same one of UDP
            if kind == self.quench and flow.v6:
                flow = self.flows[self.flows.index(flow) ^ 2]
            self.drain()
            state, problems = self.rng.getstate(), len(self.problems)
            results.append({"kind": kind.__name__, "v6": flow.v6, "udp": flow.proto == UDP,
                            "inwards": inwards, "got": kind(flow, inwards)})
            self.rng.setstate(state)  # the next step does not depend on what this one needed
            self.rng.getrandbits(32)
            for i in range(problems, len(self.problems)):
                self.problems[i] = f"step {number} {kind.__name__}: {self.problems[i]}"
            if len(self.problems) > SHOWN:
                break
        return results


def main():
    parser = argparse.ArgumentParser(description="odd packets, and what comes of them")
    parser.add_argument("result")
    parser.add_argument("--lab")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--ipv4", help="CLIENT,PUBLIC,HOME,EDGE")
    parser.add_argument("--ipv6")
    parser.add_argument("--fence")
    parser.add_argument("--exact", action="store_true", help="nothing is put together on the way")
    args = parser.parse_args()
    player = Player(args)
    results = player.play()
    with open(args.result, "w", encoding="ascii") as file:
        json.dump(results, file)
    print("\n".join(player.problems) or f"played {len(results)}")
    sys.exit(bool(player.problems))


if __name__ == "__main__":
    main()
