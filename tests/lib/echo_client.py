#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Talk to echo_server.py: ask once, count packets at a rate, or keep one long connection busy.

  ask      one exchange; prints "ADDRESS PORT LOCALPORT NAME" as the server says
  pings    UDP with sequence numbers at a rate; prints "sent N received N lost N"
  stream   bytes both ways over one TCP connection; prints "sent N received N lost N"
  queries  many short UDP exchanges, each from a new ephemeral port, as a resolver makes them

`pings` and `stream` go on for --seconds, or until SIGINT or SIGTERM, and fail when anything was
lost or came back changed.
"""

import argparse
import random
import signal
import socket
import struct
import sys
import threading
import time

SO_RCVBUFFORCE = 33
RECEIVE_BUFFER = 32 << 20
LATE_S = 1.0  # how long after the last packet an answer may still come
BURST = 16  # after a pause of the scheduler, send no more than this many at once


class Stop:
    """Ends a run at a time or at a signal, whichever comes first."""

    def __init__(self, seconds):
        self.until = time.monotonic() + seconds if seconds else float("inf")
        self.told = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.tell)

    def tell(self, *_):
        self.told = True

    def __bool__(self):
        return self.told or time.monotonic() >= self.until


def connect(args, kind):
    family = socket.AF_INET6 if ":" in args.host else socket.AF_INET
    sock = socket.socket(family, kind)
    sock.settimeout(args.timeout)
    if args.source or args.source_port:
        sock.bind((args.source or ("::" if family == socket.AF_INET6 else "0.0.0.0"),
                   args.source_port))
    sock.connect((args.host, args.port))
    return sock


def pattern(size):
    return random.Random(size).randbytes(size)


def read_greeting(sock):
    seen = b""
    while not seen.endswith(b"|"):
        byte = sock.recv(1)
        if not byte:
            sys.exit("the connection was closed")
        seen += byte
    return seen[:-1].decode()


def read_exactly(sock, size):
    data = bytearray()
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            sys.exit(f"the connection was closed after {len(data)} of {size} bytes")
        data += part
    return bytes(data)


def ask(args):
    payload = pattern(args.size)
    if args.protocol == "tcp":
        with connect(args, socket.SOCK_STREAM) as sock:
            seen = read_greeting(sock)
            sock.sendall(payload)
            data = read_exactly(sock, len(payload))
    else:
        with connect(args, socket.SOCK_DGRAM) as sock:
            sock.send(payload)
            seen, _, data = sock.recv(65535).partition(b"|")
            seen = seen.decode()
    if data != payload:
        sys.exit("the answer differs from what was sent")
    print(seen)


def report(sent, received, extra=""):
    print(f"sent {sent} received {received} lost {sent - received}{extra}", flush=True)
    return 0 if sent and sent == received else 1


class Pinger:
    """Sends numbered datagrams and ticks off the answers as they come."""

    def __init__(self, args):
        self.args = args
        self.sock = connect(args, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
        self.sock.settimeout(0.05)
        self.padding = pattern(max(args.size - 8, 0))
        self.answered = set()
        self.refused = 0
        self.wrong = 0
        self.sent = 0
        self.deadline = None

    def over(self):
        return self.deadline is not None and (
            len(self.answered) == self.sent or time.monotonic() > self.deadline)

    def receive(self):
        while not self.over():
            try:
                _, _, data = self.sock.recv(65535).partition(b"|")
            except socket.timeout:
                continue
            except ConnectionError:
                self.refused += 1  # an ICMP error: the host had no forward for it
                continue
            if data[8:] != self.padding:
                self.wrong += 1
                continue
            self.answered.add(struct.unpack("!Q", data[:8])[0])

    def send(self, number):
        try:
            self.sock.send(struct.pack("!Q", number) + self.padding)
        except ConnectionError:
            self.refused += 1  # reported here, but caused by an earlier packet: send this one
            self.sock.send(struct.pack("!Q", number) + self.padding)

    def run(self):
        receiver = threading.Thread(target=self.receive)
        receiver.start()
        stop = Stop(self.args.seconds)
        interval = 1 / self.args.rate
        due = time.monotonic()
        while not stop and self.sent < self.args.count:
            now = time.monotonic()
            if due > now:
                time.sleep(due - now)
            due = max(due + interval, now - BURST * interval)
            self.send(self.sent)
            self.sent += 1
        self.deadline = time.monotonic() + LATE_S
        receiver.join()
        extra = "".join(
            f" {name} {number}"
            for name, number in (("refused", self.refused), ("wrong", self.wrong))
            if number)
        missing = [number for number in range(self.sent) if number not in self.answered]
        if missing:
            extra += f" (first {missing[0]}, last {missing[-1]})"
        return report(self.sent, len(self.answered), extra)


def stream(args):
    stop = Stop(args.seconds)
    chunk = pattern(args.size)
    sent = received = 0
    with connect(args, socket.SOCK_STREAM) as sock:
        read_greeting(sock)
        while not stop:
            sock.sendall(chunk)
            sent += len(chunk)
            if read_exactly(sock, len(chunk)) != chunk:
                sys.exit("the answer differs from what was sent")
            received += len(chunk)
            time.sleep(1 / args.rate)
    return report(sent, received)


def queries(args):
    answered = 0
    for number in range(args.count):
        with connect(args, socket.SOCK_DGRAM) as sock:
            question = struct.pack("!Q", number)
            sock.send(question)
            try:
                answered += sock.recv(65535).endswith(b"|" + question)
            except OSError:
                pass
    return report(args.count, answered)


def main():
    parser = argparse.ArgumentParser(description="client of echo_server.py")
    parser.add_argument("what", choices=("ask", "pings", "stream", "queries"))
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--protocol", choices=("tcp", "udp"), default="udp")
    parser.add_argument("--source", help="local address")
    parser.add_argument("--source-port", type=int, default=0)
    parser.add_argument("--size", type=int, default=64, help="bytes of payload")
    parser.add_argument("--rate", type=float, default=2000, help="packets a second")
    parser.add_argument("--count", type=int, default=sys.maxsize)
    parser.add_argument("--seconds", type=float, default=0, help="0: until a signal")
    parser.add_argument("--timeout", type=float, default=3, help="seconds to wait for an answer")
    args = parser.parse_args()
    try:
        if args.what == "pings":
            sys.exit(Pinger(args).run())
        sys.exit({"ask": ask, "stream": stream, "queries": queries}[args.what](args))
    except OSError as error:
        sys.exit(f"{args.protocol} {args.host} port {args.port}: {error}")


if __name__ == "__main__":
    main()
