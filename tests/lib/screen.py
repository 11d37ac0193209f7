#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Run a command on a terminal of 80 by 24, end it, and tell what was on the screen.

    screen.py DRAWS q|int|resize COMMAND...

Waits until it has been drawn DRAWS times, then presses `q` or sends SIGINT (after another size, which
it has to be drawn for at once). Prints the last screen, then lines with what was seen besides.
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

HOME, BEGIN, END = b"\033[H", b"\033[?1049h", b"\033[?1049l"


def read(terminal, seen, until, limit_s=20):
    """Add to what was seen until a condition holds or the far end is gone."""
    deadline = time.monotonic() + limit_s
    while not until(seen) and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                piece = os.read(terminal, 65536)
            except OSError:
                break
            if not piece:
                break
            seen += piece
    return seen


def main():
    """Run, end, report."""
    draws, ending, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    before = termios.tcgetattr(terminal)
    seen = read(terminal, b"", lambda s: s.count(HOME) >= draws and s.endswith(b"\033[J"))
    if ending == "resize":
        count = seen.count(HOME)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 40, 0, 0))
        os.kill(pid, signal.SIGWINCH)
        seen = read(terminal, seen, lambda s: s.count(HOME) > count and s.endswith(b"\033[J"))
    drawn = seen.count(HOME)
    if ending == "q":
        os.write(terminal, b"q")
    else:
        os.kill(pid, signal.SIGINT)
    seen = read(terminal, seen, lambda s: END in s)
    after = termios.tcgetattr(terminal)
    status = os.waitpid(pid, 0)[1]
    last = seen.split(HOME)[-1].split(b"\033[J")[0]
    lines = [re.sub(rb"\033\[[0-9?]*[A-Za-z]", b"", line).rstrip(b"\r")
             for line in last.split(b"\n")]
    print(b"\n".join(lines).decode())
    print("drawn:", drawn)
    print("widest:", max(map(len, lines)), "lines:", len(lines))
    print("screen:", "restored" if seen.count(BEGIN) == seen.count(END) == 1 else "not restored")
    print("keys:", "restored" if before == after else "not restored")
    print("code:", os.waitstatus_to_exitcode(status))


main()
