#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Thousands of masqueraded conversations, made of single packets, and floods against them.

  open FILE    begin --flows conversations and write them down; prints "opened N refused N"
  renew FILE   close every tenth TCP conversation and open it again from the same port;
               prints "renewed N refused N"
  talk FILE    one packet each way in each of them; prints "talked N lost N moved N", moved being
               those whose masquerade port is not the one they began with
  flood        SYNs or datagrams from spoofed sources, alternately IPv4 and IPv6; prints "sent N"

The client's node and home have to keep their own hands off --port.
"""

import argparse
import json
import random
import struct
import sys
import time

from wire import ACK, FIN, LATE_S, SYN, TCP, UDP, Cable, Fences, address, build, checksum, parse

BATCH = 64
SPOOFED = {4: address("198.19.0.0"), 6: address("2001:db8:bad::")}


class Conversation:
    """One flow: protocol, the client's and the public end, and the masquerade port."""

    def __init__(self, number, proto, client, cport, public, masquerade=None):
        self.number, self.proto, self.masquerade = number, proto, masquerade
        self.client, self.cport, self.public = client, cport, public

    def to_backend(self, port, flags=ACK, seq=None, ack=0):
        tag = struct.pack("!I", self.number)
        if self.proto == TCP and flags & SYN:
            return build(TCP, self.client, self.cport, self.public, port, b"", flags, self.number)
        return build(self.proto, self.client, self.cport, self.public, port, tag, flags,
                     self.number + 1 if seq is None else seq, ack)

    def to_client(self, seen, flags=ACK):
        """An answer to what was seen at the backend."""
        payload = b"" if self.proto == TCP and flags & SYN else struct.pack("!I", self.number)
        return build(self.proto, seen.dst, seen.dport, seen.src, seen.sport, payload, flags,
                     self.number * 7 + (0 if flags & SYN else 1), self.number + 1)

    def saved(self):
        return [self.number, self.proto, self.client.hex(), self.cport, self.public.hex(),
                self.masquerade]

    @classmethod
    def load(cls, saved):
        number, proto, client, cport, public, masquerade = saved
        return cls(number, proto, bytes.fromhex(client), cport, bytes.fromhex(public), masquerade)


class Crowd:
    """Both ends of all conversations."""

    def __init__(self, args):
        self.port = args.port
        self.client = Cable(args.lab, "client/eth0", "edge/eth0")
        self.home = Cable(args.lab, "home/eth0", "edge/eth1")
        self.fences = Fences(self.client, self.home, address(args.fence), address(args.public[0]),
                             self.port)

    @staticmethod
    def receive(cable, wanted):
        deadline = time.monotonic() + LATE_S
        while time.monotonic() < deadline:
            data = cable.receive(LATE_S)
            packet = data and parse(data)
            if packet and wanted(packet):
                return packet
        sys.exit("crowd: nothing comes through")

    def collect(self, inwards, arrived):
        """Put up a fence, and take in what arrives before it, by conversation number."""
        near, far = (self.client, self.home) if inwards else (self.home, self.client)
        fence, mark = self.fences.make(inwards)
        near.send(fence)
        while True:
            packet = self.receive(far, lambda packet: self.port in (packet.dport, packet.sport))
            if packet.payload == mark:
                return
            if packet.proto == TCP and packet.flags & SYN:
                # The client's SYN has the number for a sequence number, the answer seven of it.
                number = packet.seq if inwards else packet.seq // 7
            elif len(packet.payload) == 4:
                number = struct.unpack("!I", packet.payload)[0]
            else:
                continue  # the edge itself refuses a connection that it does not know
            arrived[number] = packet

    def pass_on(self, packets, inwards):
        """Send packets one way; returns what arrives of them, by conversation number."""
        arrived = {}
        for packet in packets:
            (self.client if inwards else self.home).send(packet)
        self.collect(inwards, arrived)
        for _ in range(3):
            if len(arrived) == len(packets):
                break
            time.sleep(0.02)  # the receiver's GRO may hold TCP back, and let the fence pass
            self.collect(inwards, arrived)
        return arrived

    def begin(self, batch):
        """Open conversations as a client and a server would; returns those that were let in."""
        first = self.pass_on([c.to_backend(self.port, SYN) for c in batch], True)
        batch = [c for c in batch if c.number in first]
        replied = self.pass_on([c.to_client(first[c.number], SYN | ACK) for c in batch], False)
        batch = [c for c in batch if c.number in replied]
        second = self.pass_on([c.to_backend(self.port, ACK, ack=c.number * 7 + 1)
                               for c in batch], True)
        batch = [c for c in batch if c.number in second]
        for c in batch:
            c.masquerade = first[c.number].sport
            if second[c.number].sport != c.masquerade:
                sys.exit("crowd: a conversation changed its port while it began")
        return batch

    def close(self, batch):
        seen = self.pass_on([c.to_backend(self.port, FIN | ACK) for c in batch], True)
        self.pass_on([c.to_client(seen[c.number], FIN | ACK) for c in batch], False)
        self.pass_on([c.to_backend(self.port, ACK) for c in batch], True)

    def talk(self, batch):
        """Returns the numbers of those that work both ways, and of those with another port."""
        seen = self.pass_on([c.to_backend(self.port) for c in batch], True)
        heard = self.pass_on([c.to_client(seen[c.number]) for c in batch if c.number in seen],
                             False)
        well = {c.number for c in batch if c.number in heard and self.is_right(c, heard[c.number])}
        moved = {c.number for c in batch
                 if c.number in seen and seen[c.number].sport != c.masquerade}
        return well, moved

    def is_right(self, c, packet):
        return (packet.src, packet.sport, packet.dst, packet.dport) == (
            c.public, self.port, c.client, c.cport)


def batches(items):
    return (items[i:i + BATCH] for i in range(0, len(items), BATCH))


def load(path):
    with open(path, encoding="ascii") as file:
        return [Conversation.load(saved) for saved in json.load(file)]


def save(path, conversations):
    with open(path, "w", encoding="ascii") as file:
        json.dump([c.saved() for c in conversations], file)


def new_conversations(args):
    publics = [address(text) for text in args.public]
    clients = [address(text) for text in args.clients]
    protocols = {"tcp": [TCP], "udp": [UDP], "both": [TCP, UDP]}[args.protocol]
    # No two of a client share a port: whoever masquerades may want to keep it.
    for i in range(args.flows):
        client = clients[i // len(protocols) % len(clients)]
        public = next(p for p in publics if len(p) == len(client))
        yield Conversation(args.first + i, protocols[i % len(protocols)], client,
                           args.first_port + i // len(clients), public)


def run_open(args):
    crowd = Crowd(args)
    wanted = list(new_conversations(args))
    opened = [c for batch in batches(wanted) for c in crowd.begin(batch)]
    save(args.file, opened)
    print(f"opened {len(opened)} refused {len(wanted) - len(opened)}")


def run_renew(args):
    crowd = Crowd(args)
    everyone = load(args.file)
    chosen = [c for c in everyone if c.proto == TCP][::10]
    renewed = 0
    for batch in batches(chosen):
        crowd.close(batch)
        renewed += len(crowd.begin(batch))
    save(args.file, everyone)
    print(f"renewed {renewed} refused {len(chosen) - renewed}")


def run_talk(args):
    crowd = Crowd(args)
    everyone = load(args.file)
    talked = moved = 0
    for batch in batches(everyone):
        well, elsewhere = crowd.talk(batch)
        talked += len(well)
        moved += len(elsewhere)
    print(f"talked {talked} lost {len(everyone) - talked} moved {moved}")


class Spoofed:
    """One kind of packet, to be sent from ever other sources."""

    def __init__(self, proto, public, port):
        src = SPOOFED[6 if len(public) == 16 else 4]
        self.packet = bytearray(build(proto, src, 0, public, port, b"flood", SYN))
        self.low = 14 if len(public) == 4 else 22  # where the address ends
        self.l4 = 20 if len(public) == 4 else 40
        self.check = self.l4 + (16 if proto == TCP else 6)
        self.sum = 0xFFFF - struct.unpack_from("!H", self.packet, self.check)[0]
        struct.pack_into("!H", self.packet, 10, 0) if len(public) == 4 else None
        self.ip_sum = 0xFFFF - checksum(bytes(self.packet[:20])) if len(public) == 4 else None

    def make(self, bits):
        host, port = bits >> 16 & 0xFFFF, bits & 0xFFFF | 1
        struct.pack_into("!H", self.packet, self.low, host)
        struct.pack_into("!H", self.packet, self.l4, port)
        struct.pack_into("!H", self.packet, self.check,
                         0xFFFF - ((self.sum + host + port) % 0xFFFF or 0xFFFF))
        if self.ip_sum is not None:
            struct.pack_into("!H", self.packet, 10,
                             0xFFFF - ((self.ip_sum + host) % 0xFFFF or 0xFFFF))
        return self.packet


def run_flood(args):
    cable = Cable(args.lab, "client/eth0", "edge/eth0")
    proto = TCP if args.protocol == "tcp" else UDP
    kinds = [Spoofed(proto, address(text), args.port) for text in args.public]
    source = random.Random(args.seed)
    deadline = time.monotonic() + args.seconds
    sent = 0
    while sent < args.flows and time.monotonic() < deadline:
        for _ in range(BATCH):
            bits = source.getrandbits(32)
            for kind in kinds:
                packet = kind.make(bits)
                for _ in range(args.copies):
                    cable.send(packet)
            sent += len(kinds)
    print(f"sent {sent} seed {args.seed}")


def main():
    parser = argparse.ArgumentParser(description="conversations by the thousand")
    parser.add_argument("what", choices=("open", "renew", "talk", "flood"))
    parser.add_argument("file", nargs="?")
    parser.add_argument("--lab", required=True)
    parser.add_argument("--public", nargs="+", required=True, help="addresses of the edge")
    parser.add_argument("--port", type=int, default=7001, help="public port and backend port")
    parser.add_argument("--protocol", choices=("tcp", "udp", "both"), default="both")
    parser.add_argument("--clients", nargs="+", help="addresses, each of a family of --public")
    parser.add_argument("--fence", help="another address of the client's, IPv4")
    parser.add_argument("--flows", type=int, default=1)
    parser.add_argument("--first", type=int, default=1, help="number of the first conversation")
    parser.add_argument("--first-port", type=int, default=1024, help="client port to begin with")
    parser.add_argument("--copies", type=int, default=1, help="flood: of each packet")
    parser.add_argument("--seconds", type=float, default=20, help="flood: no longer than this")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    args = parser.parse_args()
    {"open": run_open, "renew": run_renew, "talk": run_talk, "flood": run_flood}[args.what](args)


if __name__ == "__main__":
    main()
