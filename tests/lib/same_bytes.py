#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Play a sequence of conversations.py through a forwarder, and compare what two of them made of it.

  play STEPS RESULT     send each packet, write down what arrives; the lab's kernels keep quiet
  compare STEPS NFT XDPFWD   all bytes are the same, save for what is said below

The masquerade port is each forwarder's own choice: RESULT holds the client's in its place, with a
checksum that fits. Before that, every checksum has been found right as it was.

Where a TTL ends, both say so. The one known difference: a host enters itself in a recorded route,
xdpfwd does not.
"""

import argparse
import json
import struct
import sys

from wire import LATE_S, Cable, Fences, address, checksum, parse

SHOWN = 5


def says_time_exceeded(data, to):
    if data[0] >> 4 == 4:
        at = (data[0] & 15) * 4  # a host returns a recorded route in a header of its own
        return data[9] == 1 and data[at:at + 2] == b"\x0b\0" and data[16:20] == to
    return data[6] == 58 and data[40:42] == b"\x03\0" and data[24:40] == to


def quotes(data, sent):
    """An ICMP error from the address that the packet was sent to, about that very packet."""
    v6 = data[0] >> 4 == 6
    quoted = data[48 if v6 else (data[0] & 15) * 4 + 8:]
    return (data[8:24] if v6 else data[12:16]) == sent.dst and (
        len(quoted) >= sent.l4 + 8 and sent.data.startswith(quoted))


def is_unasked(data):
    """A reset, an ICMP error and the like; neighbour discovery is not."""
    if data[0] >> 4 == 4:
        return data[9] in (1, 6, 17)
    return data[6] in (6, 17) or (data[6] == 58 and data[40] < 128)


class Player:
    """Both ends of the lab, one packet at a time."""

    def __init__(self, args):
        self.client = Cable(args.lab, "client/eth0", "edge/eth0")
        self.home = Cable(args.lab, "home/eth0", "edge/eth1")
        self.fences = Fences(self.client, self.home, address(args.fence), address(args.public),
                             args.port)
        self.quotes = args.quotes
        self.masquerade = {}
        self.problems = []

    def problem(self, number, what):
        self.problems.append(f"step {number}: {what}")

    def is_right(self, number, packet):
        """Both checksums are what they would be, had the packet been sent like this."""
        data = packet.data
        if len(packet.src) == 4:
            header = data[:(data[0] & 15) * 4]
            if header[10:12] != struct.pack("!H", checksum(header[:10] + b"\0\0" + header[12:])):
                self.problem(number, "the IP checksum is wrong")
        if packet.check_field() != packet.right_checksum():
            self.problem(number, f"the checksum is {packet.check_field():04x}, "
                                 f"not {packet.right_checksum():04x}")

    def prepare(self, step):
        """The packet to send; one to the masquerade port goes to the one that was seen."""
        packet = parse(bytes.fromhex(step["packet"]))
        if step["way"] == "in":
            return packet
        return packet.with_ports(packet.sport, self.masquerade[step["flow"]])

    def receive(self, number, cable, until=None):
        """The next TCP or UDP packet, or with until the one with this payload; else None."""
        while True:
            data = cable.receive(LATE_S)
            if data is None:
                return None
            packet = parse(data)
            if packet and (until is None or packet.payload == until):
                return packet
            if is_unasked(data):
                self.problem(number, f"unexpected: {data.hex()}")

    def expect_end(self, number, inwards, sent):
        """Nothing arrives, and the sender is told once that the packet's time was over."""
        near, far = (self.client, self.home) if inwards else (self.home, self.client)
        fence, mark = self.fences.make(inwards)
        near.send(fence)
        if not self.receive(number, far, mark):
            self.problem(number, "nothing arrives any more")
        while True:
            data = near.receive(LATE_S)
            if data is None:
                self.problem(number, "the end of its time was not told")
                return
            if says_time_exceeded(data, sent.src):
                break
            if is_unasked(data):
                self.problem(number, f"unexpected: {data.hex()}")
        if self.quotes and not quotes(data, sent):
            self.problem(number, f"{sent.data.hex()} is not quoted: {data.hex()}")

    def normalise(self, number, step, sent, got):
        """What is compared, in hexadecimal."""
        self.is_right(number, got)
        if step["way"] == "out":
            return got.data.hex()
        port = self.masquerade.setdefault(step["flow"], got.sport)
        if got.sport != port:
            self.problem(number, f"the masquerade port was {port}, and now is {got.sport}")
        return got.with_ports(sent.sport, got.dport).data.hex()

    def play(self, number, step):
        inwards = step["way"] == "in"
        sent = self.prepare(step)
        near, far = (self.client, self.home) if inwards else (self.home, self.client)
        near.send(sent.data, bytes.fromhex(step["padding"]))
        if step["note"] == "expires":
            self.expect_end(number, inwards, sent)
            return None
        got = self.receive(number, far)
        if got is None:
            self.problem(number, f"lost: {sent.data.hex()}")
            return None
        return self.normalise(number, step, sent, got)

    def rest(self):
        """Nobody has said anything that was not asked for: resets, or ICMP."""
        for cable in (self.client, self.home):
            while data := cable.receive(0.2):
                if is_unasked(data):
                    self.problem("last", f"unexpected: {data.hex()}")


def read(path):
    with open(path, encoding="ascii") as file:
        return json.load(file)


def run_play(args):
    player = Player(args)
    results = []
    for number, step in enumerate(read(args.files[0])):
        results.append(player.play(number, step))
        if len(player.problems) > SHOWN:
            break
    player.rest()
    with open(args.files[1], "w", encoding="ascii") as file:
        json.dump({"packets": results, "ports": player.masquerade}, file)
    print("\n".join(player.problems) or f"played {sum(r is not None for r in results)}")
    sys.exit(bool(player.problems))


def with_route(data, here):
    """What a router makes of an IPv4 packet with room in the first option, a recorded route."""
    data = bytearray(data)
    length = (data[0] & 15) * 4
    pointer = data[22]
    data[19 + pointer:23 + pointer] = here
    data[22] += 4
    data[10:12] = bytes(2)
    data[10:12] = struct.pack("!H", checksum(bytes(data[:length])))
    return bytes(data)


def run_compare(args):
    steps, nft, ours = (read(path) for path in args.files)
    differences = 0
    for number, (step, theirs, own) in enumerate(zip(steps, nft["packets"], ours["packets"])):
        if step["note"] == "route" and own:
            own = with_route(bytes.fromhex(own),
                             address(args.edge[0 if step["way"] == "in" else 1])).hex()
        if theirs == own:
            continue
        differences += 1
        if differences <= SHOWN:
            print(f"step {number} {step}\n  nftables {theirs}\n  xdpfwd   {own}")
    same_length = len(steps) == len(nft["packets"]) == len(ours["packets"])
    other = sum(port != ours["ports"].get(flow) for flow, port in nft["ports"].items())
    print(f"{differences} differences in {len(steps)} packets of {len(nft['ports'])} flows, "
          f"{other} of them with another port")
    sys.exit(differences != 0 or not same_length)


def main():
    parser = argparse.ArgumentParser(description="the same bytes as by another forwarder")
    parser.add_argument("what", choices=("play", "compare"))
    parser.add_argument("files", nargs="+")
    parser.add_argument("--lab")
    parser.add_argument("--fence", help="an address of the client's for itself, IPv4")
    parser.add_argument("--public", help="the edge's address that the fences go to")
    parser.add_argument("--port", type=int, default=7000)
    parser.add_argument("--quotes", action="store_true",
                        help="ICMP errors have to quote what was sent, from where that was sent to")
    parser.add_argument("--edge", nargs=2, help="what a host records: towards home, and back")
    args = parser.parse_args()
    {"play": run_play, "compare": run_compare}[args.what](args)


if __name__ == "__main__":
    main()
