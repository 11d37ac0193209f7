# SPDX-License-Identifier: GPL-2.0-only
"""xdpfwd itself: configurations for the benchmark, loading and unloading."""
import contextlib
import json
import os

from tools import GENERATOR_CPU, XDPFWD, run, start, stop, wait

METRICS = "127.0.0.1:9743"
# A masquerade that refuses nothing, and keeps what it knows until the end.
UNLIMITED = {"flows_per_source": 0, "new_flows_per_second": 0}
IDLE = '{ udp = "1h", tcp_transitory = "1h" }'


def config_text(home, ports, count=1):
    """Forward @ports (TOML) of both families and protocols to the server at @home.

    With @count, that many forwards of 16 ports each instead of @ports.
    """
    text = f'[backend.home]\naddress = ["{home[4]}", "{home[6]}"]\n'
    for i in range(count):
        if count > 1:
            ports = f'["{49152 + 16 * i}-{49167 + 16 * i}"]'
        text += (f'\n[[forward]]\nname = "bench{i}"\nprotocol = ["tcp", "udp"]\nports = {ports}\n'
                 f'backend = "home"\nsource = "preserve"\n')
    return text


def masquerade_text(home, addresses, protocols=("udp",), metrics=False, **limits):
    """Forward UDP 49152-65535 so that home sees @addresses; @limits: keys of [limits]."""
    def quoted(texts):
        return "[" + ", ".join(f'"{text}"' for text in texts) + "]"

    text = f'[metrics]\nlisten = "{METRICS}"\n\n' if metrics else ""
    if limits:
        text += "[limits]\n" + "".join(f"{key} = {value}\n" for key, value in limits.items())
    text += f"\n[backend.home]\naddress = {quoted(home)}\n"
    if addresses:
        text += f"masquerade_address = {quoted(addresses)}\n"
    return (f'{text}\n[[forward]]\nname = "bench"\nprotocol = {quoted(protocols)}\n'
            f'ports = ["49152-65535"]\nbackend = "home"\nsource = "masquerade"\n'
            f'timeout = {IDLE}\nmid_stream = true\n')


class Xdpfwd:
    """xdpfwd on one interface of a namespace, with a BPF file system of its own."""

    def __init__(self, ns, directory, iface):
        self.ns, self.dir, self.iface = ns, directory, iface
        self.bpffs = directory / "xdpfwd-bpf"
        self.config = directory / "ports.toml"
        self.agent = None

    def __call__(self, *args, check=True):
        return run(XDPFWD, "--bpffs", self.bpffs, *args, ns=self.ns, check=check)

    def load(self, config, mode, agent=True, force=False):
        """Load it; with an agent it stays in the foreground, and next hops are cached."""
        self.config.write_text(config)
        argv = ["load", self.iface, "--config", self.config, "--mode", mode]
        argv += ["--force"] * force
        if not self.bpffs.exists():
            self.bpffs.mkdir()
            run("mount", "-t", "bpf", "bpf", self.bpffs)
        if not agent:
            self(*argv, "--detach")
            return
        log = self.dir / "agent.log"
        self.agent = start(self.ns, log, XDPFWD, "--bpffs", self.bpffs, *argv)
        # Away from the generator, which leaves no time to anything else on its core.
        cpus = os.sched_getaffinity(0)
        os.sched_setaffinity(self.agent.pid, cpus - {GENERATOR_CPU} or cpus)

        def is_up():
            if self.agent.poll() is not None:
                raise RuntimeError(log.read_text())
            with contextlib.suppress(ValueError, LookupError):
                status = json.loads(self("status", self.iface, "--json", check=False))
                return status["interfaces"][0]["agent_pid"] == self.agent.pid
            return False

        wait(is_up, "the agent")

    def unload(self):
        if self.agent:
            stop(self.agent)
            self.agent = None
        self("unload", self.iface)

    def pin(self, name):
        return self.bpffs / "xdpfwd" / self.iface / name

    def remove(self):
        """The way back from load(), from wherever that got to."""
        if self.agent:
            stop(self.agent)
        if self.bpffs.exists():
            self("unload", self.iface, check=False)
            run("umount", self.bpffs)
