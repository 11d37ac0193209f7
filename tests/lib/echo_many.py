#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Thousands of TCP connections to echo_server.py at once, told what to do line by line.

Usage: echo_many.py HOST,PORT,COUNT[,SOURCE]...

Opens them all and prints "opened N of N"; then each line on stdin gets one line as an answer:

  echo [PORT]  every connection (to that port) sends bytes of its own and waits for them to come
               back: "echoed N of N"
  busy         some are always sending from here on: "busy"
  still        and now no more: "N echoes" and what went wrong
  ends FILE    write "CLIENT SEEN PUBLIC" for each open connection, three endpoints, SEEN being
               where the server sees it come from: "wrote N"

A connection that is closed or reset, or that gets back anything else than what it sent, counts no
more: the answers end in "; N lost: WHY" then.
"""

import os
import resource
import select
import socket
import struct
import sys
import time

AT_ONCE = 128  # connections being opened, or busy
PATIENCE_S = 15.0  # without any progress
WORDS = 8


def endpoint(address):
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Connection:
    """One connection, and what it still has to read."""

    def __init__(self, number, host, port, source):
        self.number = number
        self.target = (host, port)
        self.source = source
        self.seen = b""
        self.expected = b""
        self.got = b""
        self.round = 0
        self.ready = False  # has read who the server takes it for
        self.lost = None

    def connect(self):
        self.sock = socket.socket(socket.AF_INET6 if ":" in self.target[0] else socket.AF_INET,
                                  socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        if self.source:
            self.sock.bind((self.source, 0))
        error = self.sock.connect_ex(self.target)
        if error and error != 115:  # EINPROGRESS
            raise OSError(error, os.strerror(error))

    def send(self):
        """Bytes that no other connection and no other round has."""
        self.round += 1
        self.expected = struct.pack("!II", self.number, self.round) * WORDS
        self.got = b""
        self.sock.send(self.expected)

    def read(self):
        """True when what it waited for is all there."""
        data = self.sock.recv(4096)
        if not data:
            raise ConnectionError("closed")
        if not self.ready:
            self.seen += data
            self.ready = self.seen.endswith(b"|")
            return self.ready
        self.got += data
        if not self.expected.startswith(self.got):
            raise ConnectionError("other bytes came back")
        return self.got == self.expected

    def seen_from(self):
        address, port, _, _ = self.seen.decode().split(" ", 3)
        return endpoint((address, port))


class Many:
    def __init__(self, connections):
        self.connections = connections
        self.by_fd = {}
        self.epoll = select.epoll()
        self.reasons = {}
        self.lines = b""
        self.busy_echoes = 0

    def lose(self, connection, error):
        connection.lost = str(error)
        self.reasons[connection.lost] = self.reasons.get(connection.lost, 0) + 1
        self.by_fd.pop(connection.sock.fileno(), None)
        connection.sock.close()

    def start(self, connection, act):
        try:
            act()
            return True
        except OSError as error:
            self.lose(connection, error)
            return False

    def open_one(self, connection):
        connection.connect()
        self.by_fd[connection.sock.fileno()] = connection
        self.epoll.register(connection.sock, select.EPOLLIN)

    def events(self, timeout):
        """Yield each connection that has read all it waited for, or is lost."""
        for fd, _ in self.epoll.poll(timeout):
            connection = self.by_fd.get(fd)
            if not connection:
                continue
            try:
                if connection.read():
                    yield connection
            except OSError as error:
                self.lose(connection, error)
                yield connection

    def each(self, connections, act):
        """act() on all of them, some at once, until each has its answer; how many have."""
        todo = list(reversed(connections))
        waiting = set()
        done = 0
        last = time.monotonic()
        while todo or waiting:
            while todo and len(waiting) < AT_ONCE:
                connection = todo.pop()
                if self.start(connection, lambda: act(connection)):
                    waiting.add(connection)
            for connection in self.events(0.1):
                waiting.discard(connection)
                done += not connection.lost
                last = time.monotonic()
            if time.monotonic() - last > PATIENCE_S:
                for connection in waiting:
                    self.lose(connection, "no answer")
                waiting.clear()
        return done

    def alive(self, port=None):
        return [c for c in self.connections
                if not c.lost and (port is None or c.target[1] == port)]

    def losses(self):
        why = ", ".join(f"{number} {reason}" for reason, number in self.reasons.items())
        return f"; {sum(self.reasons.values())} lost: {why}" if why else ""

    def open(self):
        done = self.each(self.connections, self.open_one)
        return f"opened {done} of {len(self.connections)}"

    def echo(self, port=None):
        asked = [c for c in self.connections if port is None or c.target[1] == int(port)]
        done = self.each([c for c in asked if not c.lost], Connection.send)
        return f"echoed {done} of {len(asked)}"

    def command(self):
        """The next line on stdin when there is one, else None."""
        if b"\n" not in self.lines and select.select([0], [], [], 0)[0]:
            data = os.read(0, 4096)
            if not data:
                sys.exit(0)
            self.lines += data
        line, newline, rest = self.lines.partition(b"\n")
        if not newline:
            return None
        self.lines = rest
        return line.decode().split()

    def busy(self):
        """Round after round over all connections until the next command comes."""
        self.say("busy")
        self.busy_echoes = 0
        command = None
        while not command and self.alive():
            for batch in self.batches():
                self.busy_echoes += self.each(batch, Connection.send)
                command = self.command()
                if command:
                    break
        if (command or self.wait()) != ["still"]:
            sys.exit("still is what ends busy")
        return f"{self.busy_echoes} echoes"

    def batches(self):
        alive = self.alive()
        for first in range(0, len(alive), 4 * AT_ONCE):
            yield alive[first:first + 4 * AT_ONCE]

    def ends(self, name):
        alive = self.alive()
        with open(name, "w", encoding="ascii") as out:
            for c in alive:
                print(endpoint(c.sock.getsockname()), c.seen_from(), endpoint(c.target), file=out)
        return f"wrote {len(alive)}"

    def say(self, text):
        print(text, flush=True)

    def wait(self):
        command = None
        while not command:
            select.select([0], [], [], None)
            command = self.command()
        return command

    def run(self):
        self.say(self.open() + self.losses())
        commands = {"echo": self.echo, "busy": self.busy, "ends": self.ends}
        while True:
            name, *rest = self.wait()
            self.say(commands[name](*rest) + self.losses())


def main():
    connections = []
    for target in sys.argv[1:]:
        host, port, count, *source = target.split(",")
        connections += [Connection(0, host, int(port), source[0] if source else None)
                        for _ in range(int(count))]
    for number, connection in enumerate(connections):
        connection.number = number
    limit = len(connections) + 100
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, max(limit, 4096)))
    Many(connections).run()


if __name__ == "__main__":
    main()
