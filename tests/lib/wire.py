# SPDX-License-Identifier: GPL-2.0-only
"""Packets in bytes, and cables of a lab to put them on and to take them off.

A packet here starts with its IP header. Addresses are in bytes, 4 or 16 of them.
"""

import contextlib
import ctypes
import errno
import fcntl
import os
import select
import socket
import struct
import time
from typing import NamedTuple

TCP, UDP = socket.IPPROTO_TCP, socket.IPPROTO_UDP
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16

ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 3, 0x800, 0x86DD
PACKET_HOST = 0
SO_RCVBUFFORCE = 33
SIOCGIFHWADDR = 0x8927
LATE_S = 5.0  # for packets that should be there at once
RECEIVE_BUFFER = 64 << 20
CHECK_OFFSET = {TCP: 16, UDP: 6}


def address(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def checksum(data):
    """RFC 1071; never 0xffff unless all of the data is zero."""
    number = int.from_bytes(data + b"\0" * (len(data) % 2), "big")
    return 0xFFFF - (number % 0xFFFF or (0xFFFF if number else 0))


def l4_checksum(proto, src, dst, segment):
    """The checksum of a segment whose own field is taken for zero."""
    at = CHECK_OFFSET[proto]
    data = segment[:at] + b"\0\0" + segment[at + 2:]
    total = checksum(src + dst + struct.pack("!II", len(data), proto) + data)
    return 0xFFFF if proto == UDP and not total else total


def build(proto, src, sport, dst, dport, payload=b"", flags=0, seq=0, ack=0):
    """A plain packet with right checksums."""
    if proto == TCP:
        segment = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 5 << 4, flags, 65535, 0, 0)
    else:
        segment = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0)
    segment = bytearray(segment + payload)
    struct.pack_into("!H", segment, CHECK_OFFSET[proto],
                     l4_checksum(proto, src, dst, bytes(segment)))
    if len(src) == 16:
        return struct.pack("!IHBB", 6 << 28, len(segment), proto, 64) + src + dst + segment
    header = bytearray(struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0x4000, 64,
                                   proto, 0) + src + dst)
    struct.pack_into("!H", header, 10, checksum(bytes(header)))
    return bytes(header + segment)


class Packet(NamedTuple):
    """What a TCP or UDP packet says; data is the whole of it, without padding."""
    proto: int
    src: bytes
    sport: int
    dst: bytes
    dport: int
    l4: int  # offset of the TCP or UDP header
    data: bytes

    @property
    def flags(self):
        return self.data[self.l4 + 13]

    @property
    def seq(self):
        return struct.unpack_from("!I", self.data, self.l4 + 4)[0]

    @property
    def payload(self):
        header = 8 if self.proto == UDP else (self.data[self.l4 + 12] >> 4) * 4
        return self.data[self.l4 + header:]

    def check_field(self):
        return struct.unpack_from("!H", self.data, self.l4 + CHECK_OFFSET[self.proto])[0]

    def right_checksum(self):
        """What the checksum field ought to be; zero for UDP over IPv4 that carries none."""
        segment = self.data[self.l4:]
        if self.proto == UDP:
            if len(self.src) == 4 and not self.check_field():
                return 0
            segment = segment[:struct.unpack_from("!H", segment, 4)[0]]
        return l4_checksum(self.proto, self.src, self.dst, segment)

    def with_ports(self, sport, dport):
        """The same packet with other ports, and a checksum that fits them."""
        data = bytearray(self.data)
        struct.pack_into("!HH", data, self.l4, sport, dport)
        changed = self._replace(sport=sport, dport=dport, data=bytes(data))
        struct.pack_into("!H", data, self.l4 + CHECK_OFFSET[self.proto], changed.right_checksum())
        return changed._replace(data=bytes(data))


def parse(data):
    """A Packet, or None for what is neither TCP nor UDP."""
    if len(data) < 28:
        return None
    if data[0] >> 4 == 4:
        proto, at, src, dst = data[9], (data[0] & 15) * 4, data[12:16], data[16:20]
        data = data[:struct.unpack_from("!H", data, 2)[0]]
    else:
        proto, at, src, dst = data[6], 40, data[8:24], data[24:40]
        data = data[:40 + struct.unpack_from("!H", data, 4)[0]]
        while proto in (0, 44, 60):  # hop-by-hop, fragment, destination options
            proto, at = data[at], at + (8 if proto == 44 else (data[at + 1] + 1) * 8)
    if proto not in (TCP, UDP):
        return None
    sport, dport = struct.unpack_from("!HH", data, at)
    return Packet(proto, src, sport, dst, dport, at, data)


@contextlib.contextmanager
def in_node(lab, node):
    """Sockets that are made inside belong to that node of the lab."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net", "rb") as here, \
            open(f"/run/netns/xf-{lab}-{node}", "rb") as there:
        if libc.setns(there.fileno(), 0):
            raise OSError(ctypes.get_errno(), f"setns to {node}")
        try:
            yield
        finally:
            libc.setns(here.fileno(), 0)


def mac_address(device):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        return fcntl.ioctl(sock, SIOCGIFHWADDR, struct.pack("32s", device.encode()))[18:24]


class Cable:
    """The end of a cable at a node of a lab, NODE/DEVICE, and the far end it leads to."""

    def __init__(self, lab, near, far):
        node, device = far.split("/")
        with in_node(lab, node):
            far_mac = mac_address(device)
        node, device = near.split("/")
        with in_node(lab, node):
            near_mac = mac_address(device)
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
            self.sock.bind((device, ETH_P_ALL))
        self.header = {4: far_mac + near_mac + struct.pack("!H", ETH_P_IP),
                       6: far_mac + near_mac + struct.pack("!H", ETH_P_IPV6)}

    def send(self, packet, padding=b""):
        frame = self.header[packet[0] >> 4] + packet + padding
        while True:
            try:
                self.sock.send(frame)
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                time.sleep(0.0005)  # the far end has no room just now

    def receive(self, timeout):
        """The next IP packet that comes in, or None after timeout seconds without one."""
        deadline = time.monotonic() + timeout
        while True:
            left = max(deadline - time.monotonic(), 0)
            if not select.select([self.sock], [], [], left)[0]:
                return None
            frame, place = self.sock.recvfrom(65535)
            if place[2] == PACKET_HOST and frame[12:14] in (b"\x08\x00", b"\x86\xdd"):
                return frame[14:]


class Fences:
    """Packets that tell, when they arrive, that those before them have arrived or never will.

    They take the same way, with two flows of their own that never get to be established.
    """

    def __init__(self, client, home, source, public, port):
        self.inwards_ends = source, 40000 + os.getpid() % 10000, public, port
        begin = build(UDP, source, 50000 + os.getpid() % 10000, public, port, b"begin")
        client.send(begin)
        while True:
            data = home.receive(LATE_S)
            if data is None:
                raise TimeoutError("nothing comes through")
            seen = parse(data)
            if seen and seen.payload == b"begin":
                break
        self.outwards_ends = seen.dst, seen.dport, seen.src, seen.sport
        self.count = 0

    def make(self, inwards):
        """The next one: the packet, and its payload."""
        self.count += 1
        payload = b"fence" + struct.pack("!I", self.count)
        return build(UDP, *(self.inwards_ends if inwards else self.outwards_ends),
                     payload), payload
