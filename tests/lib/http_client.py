#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""HTTP clients for the tests, good ones and bad ones.

  http_client.py get URL [--method M] [--accept TYPE] [--user NAME:PASSWORD] [--ca FILE] [--body N]
      print "STATUS", the headers as "Name: value", an empty line and the body
  http_client.py raw HOST:PORT FILE
      send the file's bytes, print what comes back until the end
  http_client.py hold HOST:PORT COUNT [--drip]
      open that many connections, say "held", and with --drip send a header's byte each second; print
      "cut" when the server has ended all of them
"""
import argparse
import base64
import http.client
import select
import socket
import ssl
import sys
import time
import urllib.parse


def get(args):
    """One request as a browser would make it."""
    url = urllib.parse.urlsplit(args.url)
    headers = {}
    if args.accept:
        headers["Accept"] = args.accept
    if args.user:
        headers["Authorization"] = "Basic " + base64.b64encode(args.user.encode()).decode()
    if url.scheme == "https":
        context = ssl.create_default_context(cafile=args.ca)
        connection = http.client.HTTPSConnection(url.hostname, url.port, timeout=10,
                                                 context=context)
    else:
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=10)
    body = b"x" * args.body if args.body else None
    connection.request(args.method, url.path or "/", body=body, headers=headers)
    answer = connection.getresponse()
    print(answer.status)
    for name, value in answer.getheaders():
        print(f"{name}: {value}")
    print()
    sys.stdout.write(answer.read().decode())


def connect(where):
    """A TCP connection to HOST:PORT."""
    host, port = where.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=10)


def raw(args):
    """Whatever a file holds, sent as it is."""
    with connect(args.where) as conn, open(args.file, "rb") as file:
        conn.settimeout(20)
        try:
            conn.sendall(file.read())
        except OSError:
            pass  # the server has answered and gone
        try:
            while data := conn.recv(65536):
                sys.stdout.buffer.write(data)
        except ConnectionResetError:
            pass


def is_cut(conn):
    """Whether the server has ended a connection."""
    if not select.select([conn], [], [], 0)[0]:
        return False
    try:
        return conn.recv(65536) == b""
    except OSError:
        return True


def hold(args):
    """Connections that are alive and do not get on."""
    conns = [connect(args.where) for _ in range(args.count)]
    for conn in conns:
        conn.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\nX: ")
    print("held", flush=True)
    while conns:
        time.sleep(1)
        for conn in conns:
            try:
                if args.drip:
                    conn.sendall(b"x")
            except OSError:
                pass
        conns = [conn for conn in conns if not is_cut(conn)]
    print("cut", flush=True)


def main():
    """Do what the command line says."""
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("get")
    command.add_argument("url")
    command.add_argument("--method", default="GET")
    command.add_argument("--accept")
    command.add_argument("--user")
    command.add_argument("--ca")
    command.add_argument("--body", type=int, default=0)
    command.set_defaults(run=get)
    command = commands.add_parser("raw")
    command.add_argument("where")
    command.add_argument("file")
    command.set_defaults(run=raw)
    command = commands.add_parser("hold")
    command.add_argument("where")
    command.add_argument("count", type=int)
    command.add_argument("--drip", action="store_true")
    command.set_defaults(run=hold)
    args = parser.parse_args()
    try:
        args.run(args)
    except (OSError, http.client.HTTPException) as error:
        print(error)
        sys.exit(1)


main()
