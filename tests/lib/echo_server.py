#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""UDP and TCP echo on many ports; each answer says who asked and on which port.

An answer is "ADDRESS PORT LOCALPORT NAME|" followed by the bytes received, so that a client can
see whether its own address arrived, which backend port a public port leads to, and which server
answers. TCP says it once, when the connection opens, and echoes from there on.
"""

import argparse
import resource
import selectors
import socket

OPEN_FILES = 20000
SO_RCVBUFFORCE = 33  # a burst must be lost on the wire or not at all, never in this buffer
RECEIVE_BUFFER = 32 << 20


def open_socket(family, kind, port):
    sock = socket.socket(family, kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if kind == socket.SOCK_DGRAM:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
    sock.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))
    sock.setblocking(False)
    return sock


class Server:
    def __init__(self, name):
        self.name = name
        self.selector = selectors.DefaultSelector()

    def greeting(self, peer, local_port):
        return f"{peer[0]} {peer[1]} {local_port} {self.name}|".encode()

    def add(self, sock, handler):
        self.selector.register(sock, selectors.EVENT_READ, handler)

    def answer_datagrams(self, sock):
        port = sock.getsockname()[1]
        try:
            while True:
                data, peer = sock.recvfrom(65535)
                sock.sendto(self.greeting(peer, port) + data, peer)
        except BlockingIOError:
            pass
        except ConnectionError:
            pass  # the peer is gone; the next one is served all the same

    def accept(self, sock):
        connection, peer = sock.accept()
        connection.sendall(self.greeting(peer, sock.getsockname()[1]))
        self.add(connection, self.answer_stream)

    def answer_stream(self, sock):
        try:
            data = sock.recv(65536)
            if data:
                sock.setblocking(True)
                sock.sendall(data)
                return
        except ConnectionError:
            pass
        self.selector.unregister(sock)
        sock.close()

    def run(self):
        while True:
            for key, _ in self.selector.select():
                key.data(key.fileobj)


def port_list(text):
    ports = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        ports.extend(range(int(first), int(last or first) + 1))
    return ports


def main():
    parser = argparse.ArgumentParser(description="UDP and TCP echo server")
    parser.add_argument("--udp", type=port_list, default=[], help="ports: 53,3478-3479")
    parser.add_argument("--tcp", type=port_list, default=[])
    parser.add_argument("--name", default="echo")
    args = parser.parse_args()

    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    server = Server(args.name)
    for family in (socket.AF_INET, socket.AF_INET6):
        for port in args.udp:
            server.add(open_socket(family, socket.SOCK_DGRAM, port), server.answer_datagrams)
        for port in args.tcp:
            sock = open_socket(family, socket.SOCK_STREAM, port)
            sock.listen(4096)
            server.add(sock, server.accept)
    print("ready", flush=True)
    server.run()


if __name__ == "__main__":
    main()
