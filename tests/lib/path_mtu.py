#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What a UDP application that never fragments learns of its path, or what a client hears of it.

  probe HOST PORT   send to an echo server, smaller whenever somebody says so, until there is an
                    answer: "1420 by 198.51.100.2, then 1392 bytes echo"
  answer PORT SIZE  for each datagram send back as many bytes, smaller when told to; says the same
  spy DEVICE PREFIX...   listen for ICMP until SIGTERM, and print how many packets there were and
                    those that hold an address that starts like this, wherever in the packet
"""

import argparse
import select
import signal
import socket
import struct
import sys

from wire import PACKET_HOST, ETH_P_ALL, address

IP_MTU_DISCOVER, IP_PMTUDISC_DO, IP_RECVERR, IP_MTU = 10, 2, 11, 14
IPV6_MTU_DISCOVER, IPV6_RECVERR, IPV6_MTU = 23, 25, 24
LINK_MTU = 1500
ICMP, ICMPV6 = 1, 58


class Prober:
    """A UDP socket that learns from errors."""

    def __init__(self, host, patience):
        self.patience = patience
        self.v6 = ":" in host
        self.sock = socket.socket(socket.AF_INET6 if self.v6 else socket.AF_INET,
                                  socket.SOCK_DGRAM)
        level = socket.IPPROTO_IPV6 if self.v6 else socket.IPPROTO_IP
        discover, errors = ((IPV6_MTU_DISCOVER, IPV6_RECVERR) if self.v6 else
                            (IP_MTU_DISCOVER, IP_RECVERR))
        self.sock.setsockopt(level, discover, IP_PMTUDISC_DO)
        self.sock.setsockopt(level, errors, 1)
        self.headers = 48 if self.v6 else 28
        self.told = []

    def error(self):
        """An entry of the error queue: what it says of the MTU, and who says it."""
        _, ancillary, _, _ = self.sock.recvmsg(65535, 512, socket.MSG_ERRQUEUE)
        for _, _, data in ancillary:
            number, _, kind, _, _, info, _ = struct.unpack_from("IBBBBII", data)
            at = 16
            if self.v6:
                who = socket.inet_ntop(socket.AF_INET6, data[at + 8:at + 24])
            else:
                who = socket.inet_ntop(socket.AF_INET, data[at + 4:at + 8])
            if kind in (2, 3):  # by ICMP or ICMPv6, not by this host
                self.told.append(f"{info} by {who}")
            return number, info
        return 0, 0

    def wait(self):
        """An answer, or the MTU that an error tells, or nothing at all."""
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        for _, events in poll.poll(self.patience * 1000):
            if events & select.POLLERR:
                return self.error()[1], None
            return 0, self.sock.recvfrom(65535)[0]
        return 0, None

    def probe(self, target):
        mtu = LINK_MTU
        for _ in range(6):
            payload = bytes(mtu - self.headers)
            try:
                self.sock.sendto(payload, target)
            except OSError:
                mtu = self.error()[1]
                continue
            smaller, answer = self.wait()
            if answer is not None:
                fits = answer.endswith(payload)
                return f"{len(payload)} bytes {'echo' if fits else 'come back changed'}"
            if not smaller:
                return f"{len(payload)} bytes get no answer"
            mtu = smaller
        return "it never ends"


def probe(args):
    prober = Prober(args.host, args.patience)
    result = prober.probe((args.host, args.port))
    print("".join(f"{told}, " for told in prober.told) + f"then {result}")


def answer(args):
    """One client: its datagram is the question, and what arrives there afterwards its affair."""
    prober = Prober(args.host, args.patience)
    prober.sock.bind((args.host, args.port))
    print("ready", flush=True)
    _, client = prober.sock.recvfrom(65535)
    mtu = LINK_MTU
    for _ in range(6):
        prober.sock.sendto(bytes(mtu - prober.headers), client)
        smaller, thanks = prober.wait()
        if thanks is not None:
            break
        if not smaller:
            break
        mtu = smaller
    print("".join(f"{told}, " for told in prober.told) + f"then {mtu - prober.headers} bytes")


def is_icmp(packet):
    return packet[9] == ICMP if packet[0] >> 4 == 4 else packet[6] == ICMPV6 and packet[40] < 128


def spy(args):
    prefixes = [address(text).rstrip(b"\0") for text in args.prefixes]
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.bind((args.device, ETH_P_ALL))
    count, found = 0, []
    print("ready", flush=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while True:
            frame, place = sock.recvfrom(65535)
            if place[2] == PACKET_HOST and frame[12:14] in (b"\x08\x00", b"\x86\xdd") and \
                    is_icmp(frame[14:]):
                count += 1
                found += [frame.hex() for prefix in prefixes if prefix in frame[14:]]
    except KeyboardInterrupt:
        print(f"{'some' if count else 'no'} errors, {len(found)} of them tell")
        print("\n".join(found[:5]))


def main():
    parser = argparse.ArgumentParser(description="what is learnt of a path")
    commands = parser.add_subparsers(required=True)
    for name, function in (("probe", probe), ("answer", answer)):
        command = commands.add_parser(name)
        command.add_argument("host")
        command.add_argument("port", type=int)
        command.add_argument("--patience", type=float, default=3, help="seconds for an answer")
        command.set_defaults(function=function)
    command = commands.add_parser("spy")
    command.add_argument("device")
    command.add_argument("prefixes", nargs="+")
    command.set_defaults(function=spy)
    args = parser.parse_args()
    try:
        args.function(args)
    except OSError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
