#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Stand in for systemd: print what arrives at a socket as $NOTIFY_SOCKET names it, a line each."""
import os
import socket
import sys

path = sys.argv[1]
sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sock.bind(path)
os.chmod(path, 0o666)
print("ready", flush=True)
while True:
    for line in sock.recv(4096).decode().splitlines():
        print(line, flush=True)
