#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""TCP connections to an echo server through masquerade, and what an outsider throws at them.

For each family: RSTs with a wrong sequence number on either side, RST then SYN, ICMP errors, and
closes that are meant. --transitory is what the forwarder has been told, in seconds. Prints lines
"FAMILY WHAT: RESULT" for the caller to judge.
"""

import argparse
import json
import os
import random
import socket
import struct
import subprocess
import time

from wire import ACK, RST, SYN, TCP, Cable, address, build, checksum, in_node, parse

DEADLINE_S = 20
LONE = ("client-rst", "backend-rst", "rst-syn", "icmp")  # then left alone
BUSY = "busy-rst"  # talks on all the time
ENDED = ("fin", "rst")
UNREACHABLES = 8  # from both sides, at least


class Lab:
    """The devices, the outsider's random numbers, and the forwarder's own view."""

    def __init__(self, args):
        self.args = args
        self.random = random.Random(args.seed)
        self.client = Cable(args.lab, "client/eth0", "edge/eth0")
        self.home = Cable(args.lab, "home/eth0", "edge/eth1")

    def flows(self):
        command = ["nsenter", f"--net=/run/netns/xf-{self.args.lab}-edge", self.args.xdpfwd,
                   "flows", "list", "eth0", "--proto", "tcp", "--json"]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        return {flow["client"]: flow for flow in json.loads(output)["flows"]}

    def unreachables(self, family):
        """How many of these the kernels at both ends have been told."""
        path, key = {"IPv4": ("snmp", "Icmp:"), "IPv6": ("snmp6", "Icmp6InDestUnreachs")}[family]
        total = 0
        for node in ("client", "home"):
            with in_node(self.args.lab, node), \
                    open(f"/proc/thread-self/net/{path}", encoding="ascii") as file:
                lines = [line.split() for line in file if line.startswith(key)]
            names, values = lines[0], lines[-1]
            total += int(values[names.index("InDestUnreachs") if family == "IPv4" else 1])
        return total


class Connection:
    """One connection of a real client, and the two ends of its flow in bytes."""

    def __init__(self, lab, host, port):
        self.lab, self.public_port = lab, port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with in_node(lab.args.lab, "client"):
            self.sock = socket.create_connection((host, port), timeout=5)
        while self.sock.recv(1) != b"|":
            pass
        name = self.sock.getsockname()
        self.name = f"[{name[0]}]:{name[1]}" if family == socket.AF_INET6 else "%s:%d" % name
        self.client, self.cport = address(name[0]), name[1]
        self.public = address(host)
        self.works()

    def ends(self, what):
        """An endpoint out of the flow list: address in bytes and port."""
        host, _, port = self.flow()[what].rpartition(":")
        return address(host.strip("[]")), int(port)

    def flow(self):
        return self.lab.flows().get(self.name)

    def state(self):
        flow = self.flow()
        return flow["state"] if flow else "gone"

    def works(self):
        """A word there and back."""
        word = os.urandom(1000)
        try:
            self.sock.sendall(word)
            answer = b""
            while len(answer) < len(word):
                part = self.sock.recv(65536)
                if not part:
                    return "closed"
                answer += part
        except OSError as error:
            return str(error)
        return "works" if answer == word else "garbled"

    def inject(self, inwards, flags, masquerade=None):
        """One packet as if from the client or the backend, its sequence numbers a guess."""
        seq, ack = self.lab.random.getrandbits(32), self.lab.random.getrandbits(32)
        if inwards:
            self.lab.client.send(build(TCP, self.client, self.cport, self.public,
                                       self.public_port, b"", flags, seq, ack))
            return
        backend, backend_port = self.ends("backend") if not masquerade else masquerade[1]
        edge, port = self.ends("masquerade") if not masquerade else masquerade[0]
        self.lab.home.send(build(TCP, backend, backend_port, edge, port, b"", flags, seq, ack))

    def icmp_errors(self):
        """Every kind of it, from either side, quoting this connection."""
        (backend, backend_port), (edge, port) = self.ends("backend"), self.ends("masquerade")
        to_client = build(TCP, self.public, self.public_port, self.client, self.cport, b"", ACK)
        to_backend = build(TCP, edge, port, backend, backend_port, b"", ACK)
        for packet in icmp_errors(self.client, self.public, to_client):
            self.lab.client.send(packet)
        for packet in icmp_errors(backend, edge, to_backend):
            self.lab.home.send(packet)

    def way_of_late_packet(self):
        """What becomes of a packet of this connection after its end; a reset comes in any case."""
        time.sleep(0.3)  # two ticks: the clock of the data path may be behind that of the list
        seq, ack = self.lab.random.getrandbits(32), self.lab.random.getrandbits(32)
        self.lab.client.send(build(TCP, self.client, self.cport, self.public, self.public_port,
                                   b"late", ACK, seq, ack))
        while True:
            data = self.lab.client.receive(DEADLINE_S)
            if not data:
                return "no answer"
            packet = parse(data)
            if packet and packet.proto == TCP and packet.flags & RST and packet.seq == ack:
                break
        while data := self.lab.home.receive(0):
            packet = parse(data)
            if packet and packet.proto == TCP and packet.seq == seq:
                return "forwarded"
        return "refused"

    def close(self, with_rst):
        if with_rst:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            self.sock.shutdown(socket.SHUT_WR)
            while self.sock.recv(1):
                pass  # the server closes its side, too
        self.sock.close()


def icmp_errors(src, dst, quoted):
    """Unreachable for each reason, and out of time."""
    v6 = len(src) == 16
    for kind, code in (((1, 0), (1, 1), (1, 3), (1, 4), (3, 0)) if v6 else
                       ((3, 0), (3, 1), (3, 2), (3, 3), (3, 10), (3, 13), (11, 0))):
        body = struct.pack("!BBHI", kind, code, 0, 0) + quoted
        pseudo = src + dst + struct.pack("!II", len(body), 58) if v6 else b""
        body = body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:]
        if v6:
            yield struct.pack("!IHBB", 6 << 28, len(body), 58, 64) + src + dst + body
            continue
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 64, 1, 0) + src + dst
        yield header[:10] + struct.pack("!H", checksum(header)) + header[12:] + body


def wait_until(condition):
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def reset_by(connection, inwards, flags):
    """A RST got through; an acknowledgement of before, if one was due, may undo the first."""
    connection.inject(inwards, flags)
    return connection.state() == "reset"


def disturb(hosts, connections):
    """Strays at the connections that are then left alone."""
    for family in hosts:
        for what, inwards, flags in (("client-rst", True, RST), ("backend-rst", False, RST | ACK),
                                     ("rst-syn", True, RST | ACK)):
            done = wait_until(lambda c=connections[family, what], i=inwards, f=flags:
                              reset_by(c, i, f))
            print(f"{family} {what} arrived: {'reset' if done else 'no'}")
        connection = connections[family, "icmp"]
        before = connection.lab.unreachables(family)
        connection.icmp_errors()
        done = wait_until(lambda c=connection, f=family, b=before:
                          c.lab.unreachables(f) >= b + UNREACHABLES)
        print(f"{family} icmp arrived: {'yes' if done else 'no'} {connection.state()}")
    for family in hosts:
        connections[family, "rst-syn"].inject(True, SYN)
    for (family, what), connection in connections.items():
        if what in LONE:
            print(f"{family} {what} then: {connection.works()} {connection.state()}")


def keep_busy(lab, hosts, connections):
    """Longer than the transitory time, RSTs between the words of a conversation, both sides."""
    busy = [connections[family, BUSY] for family in hosts]
    ends = {c: (c.ends("masquerade"), c.ends("backend")) for c in busy}
    results = {c: set() for c in busy}
    until = time.monotonic() + lab.args.transitory * 1.4
    while time.monotonic() < until:
        for c in busy:
            c.inject(True, RST)
            c.inject(False, RST, ends[c])
            results[c].add(c.works())
        time.sleep(0.05)
    for family, c in zip(hosts, busy):
        print(f"{family} {BUSY}: {' '.join(sorted(results[c]))} {c.state()}")


def end(hosts, connections):
    """Closes that are meant: soon over, but not at once."""
    for family in hosts:
        for what in ENDED:
            connections[family, what].close(what == "rst")
    for family in hosts:
        for what in ENDED:
            print(f"{family} {what} at once: {connections[family, what].state()}")
    for family in hosts:
        for what in ENDED:
            gone = wait_until(lambda c=connections[family, what]: c.state() == "gone")
            print(f"{family} {what} in the end: {'gone' if gone else 'there'} "
                  + connections[family, what].way_of_late_packet())
        print(f"{family} the others: " + " ".join(sorted(
            {connections[family, what].works() for what in (*LONE, BUSY)})))


def main():
    parser = argparse.ArgumentParser(description="TCP connections and strays")
    parser.add_argument("hosts", nargs="+", help="public addresses")
    parser.add_argument("--port", type=int, default=7000)
    parser.add_argument("--lab", required=True)
    parser.add_argument("--xdpfwd", required=True)
    parser.add_argument("--transitory", type=float, required=True)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    args = parser.parse_args()
    print(f"seed {args.seed}")
    lab = Lab(args)
    hosts = {"IPv6" if ":" in host else "IPv4": host for host in args.hosts}
    connections = {(family, what): Connection(lab, host, args.port)
                   for family, host in hosts.items() for what in (*LONE, BUSY, *ENDED)}
    disturb(hosts, connections)
    keep_busy(lab, hosts, connections)
    for (family, what), connection in connections.items():
        if what in LONE:
            print(f"{family} {what} later: {connection.works()} {connection.state()}")
    end(hosts, connections)


if __name__ == "__main__":
    main()
