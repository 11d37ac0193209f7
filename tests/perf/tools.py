# SPDX-License-Identifier: GPL-2.0-only
"""Run commands, and talk to programs of ours, inside network namespaces."""
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build")).resolve()
XDPFWD = os.environ.get("XDPFWD", str(BUILD / "xdpfwd"))
GENERATOR_CPU = 0
FLOWS = [1, 4_000, 100_000, 1_000_000]


class Unavailable(Exception):
    """A row that cannot be measured here; the text says why, for the table."""


def run(*argv, ns=None, check=True, text=None):
    """Run a command, in a namespace if one is named; its output, or an error with its message."""
    if ns:
        argv = ("nsenter", f"--net=/run/netns/{ns}", *argv)
    done = subprocess.run([str(a) for a in argv], input=text, capture_output=True, text=True)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(map(str, argv))}: {done.stderr.strip()}")
    return done.stdout


@contextlib.contextmanager
def signals_held():
    """What must not be cut short: a second Ctrl-C would leave half of it behind."""
    signals = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Stack(contextlib.ExitStack):
    """What is to be undone in the end, all of it."""

    def __exit__(self, *exc):
        with signals_held():
            return super().__exit__(*exc)


def wait(condition, what, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited in vain for {what}")
        time.sleep(0.02)


def start(ns, log, *argv):
    """Start a service; stop() ends it."""
    with open(log, "w", encoding="utf-8") as out:
        return subprocess.Popen(["nsenter", f"--net=/run/netns/{ns}", *map(str, argv)],
                                stdin=subprocess.DEVNULL, stdout=out, stderr=out)


def stop(process):
    process.terminate()
    process.wait()


class Tool:
    """A program of ours that answers each line with a line of JSON, until the stack is unwound."""

    def __init__(self, stack, ns, name, *argv):
        self.process = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{ns}", str(BUILD / name), *map(str, argv)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        stack.callback(self.stop)

    def ask(self, *words):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(" ".join(map(str, words)) + "\n")
            self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args[2]} ended")
        return json.loads(line)

    def stop(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
