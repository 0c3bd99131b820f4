"""Why this exists: one process is to run the ports of a large switch, and what that takes must be known per port.

    python -m bench.mka_ports       one side: a process with ports, told what to do by a line of JSON

Two such processes are joined by a local socket pair for each link (whole frames, SOCK_SEQPACKET: what a packet socket
is for a port with an interface). In both, each port is a `PortAccessEntity` with a SecY of its own in a
`pysec.runtime.Service`. Only the first process is measured: its CPU time by the kernel's account, user and system, and
its resident memory. The other one is the live peers. Both stay on a CPU of their own where there are two.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from bench.harness import ROOT
from bench.mka_rows import MkaRow, significant
from pysec.drivers import SoftwareDriver
from pysec.errors import DriverError
from pysec.mka.kay import KayConfig
from pysec.mka.keys import Cak
from pysec.pae import PaeConfig, PortAccessEntity
from pysec.runtime import Service, SocketLink
from pysec.secret import Secret
from pysec.types import Ckn, Sci

HELLO_S: Final = 2.0
SPARE_FDS: Final = 64
COME_UP_S: Final = 0.05  # for each port, and a minute
AT_ONCE: Final = 16
FREEZE_AFTER_S: Final = 1.0
MEMORY_FROM: Final = 64  # ports: what fewer take is lost in what the process itself takes and gives back
KEY: Final = bytes(range(16))  # it protects nothing but this bench


def why_unavailable(ports: int) -> str | None:
    """None if this process may have so many descriptors, else one line that says what is missing."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    needed = 2 * ports + SPARE_FDS
    if hard != resource.RLIM_INFINITY and hard < needed:
        return f"{ports} ports: {needed} descriptors are needed, {hard} are allowed (ulimit -Hn)"
    return None


def _raise_limit(ports: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * ports + SPARE_FDS
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


# ---- one side, a process of its own


@dataclass(frozen=True)
class Task:
    """What a side is told. windows: how many times to measure for a Hello Time; 0: be the peers, until ended. deaf:
    the planted fault, so many ports that do not listen."""

    side: int
    fds: list[int]
    cpus: list[int]
    windows: int = 0
    settle_s: float = 0.0
    deaf: int = 0


class CountingLink(SocketLink):
    """A link that counts what comes and goes."""

    def __init__(self, end: socket.socket) -> None:
        super().__init__(end)
        self.sent = self.received = 0

    def send(self, frame: bytes) -> None:
        self.sent += 1
        super().send(frame)

    def receive(self) -> bytes | None:
        frame = super().receive()
        self.received += frame is not None
        return frame


class _DeafLink(CountingLink):
    def receive(self) -> bytes | None:
        super().receive()
        return None


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize()


def _cpu_ns() -> int:
    times = os.times()
    return int((times.user + times.system) * 1e9)


class _Side:
    def __init__(self, task: Task) -> None:
        self._task = task
        self._service = Service(freeze_after_s=FREEZE_AFTER_S)
        self._links: list[CountingLink] = []

    async def bring_up(self) -> None:
        """All ports, secured."""
        task, loop = self._task, asyncio.get_running_loop()
        config = PaeConfig(kay=KayConfig(key_server_priority=16 + task.side, hello_time_s=HELLO_S))
        for number, fd in enumerate(task.fds):
            sci = Sci.of(f"02{2 * number + task.side:010x}", 1)
            now = loop.time()
            pae = PortAccessEntity(config, sci, SoftwareDriver(sci), os.urandom, now)
            pae.add_cak(Cak.from_octets(Secret(KEY), Ckn(b"bench %d" % number)), now)
            pae.set_port_enabled(True, now)
            kind = _DeafLink if number < task.deaf else CountingLink
            self._links.append(kind(socket.socket(fileno=fd)))
            self._service.add(str(number), pae, self._links[-1])
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
        end = loop.time() + 60 + COME_UP_S * len(task.fds) if not task.deaf else loop.time() + 1
        while self.secured() < len(task.fds) and loop.time() < end:
            await asyncio.sleep(0.1)

    def secured(self) -> int:
        """How many ports are."""
        return sum(runner.pae.is_secured for runner in self._service.ports.values())

    def counts(self) -> tuple[int, int, int]:
        """Frames sent, received and lost."""
        links = self._links
        return sum(x.sent for x in links), sum(x.received for x in links), sum(x.lost for x in links)

    async def measure(self) -> dict[str, Any]:
        """Come up, wait, and then measure window by window."""
        before, began, at = _resident(), _cpu_ns(), time.monotonic()
        await self.bring_up()
        ports = len(self._task.fds)
        found: dict[str, Any] = {
            "came_up_s": time.monotonic() - at,
            "come_up_cpu_ns": (_cpu_ns() - began) / ports,
        }
        await asyncio.sleep(self._task.settle_s)
        windows = []
        for _ in range(self._task.windows):
            counts, at, cpu = self.counts(), time.monotonic(), time.process_time_ns()
            await asyncio.sleep(HELLO_S)
            cpu, wall = time.process_time_ns() - cpu, time.monotonic() - at
            moved = [after - earlier for after, earlier in zip(self.counts(), counts, strict=True)]
            windows.append({"cpu_ns": cpu, "wall_s": wall, "sent": moved[0], "received": moved[1], "lost": moved[2]})
        refused = sum(sum(runner.pae.kay.port.counters.values()) for runner in self._service.ports.values())
        return {**found, "windows": windows, "rss": _resident() - before, "secured": self.secured(), "refused": refused}


async def _serve(task: Task) -> None:
    os.sched_setaffinity(0, task.cpus)
    side = _Side(task)
    if task.windows:
        print(json.dumps(await side.measure()), flush=True)
        return
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)  # nothing more is said to us: it closes
    coming_up = loop.create_task(side.bring_up())
    await ended.wait()
    coming_up.cancel()


# ---- both sides


class _Process:
    def __init__(self, task: Task) -> None:
        command = [sys.executable, "-m", "bench.mka_ports"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, pass_fds=task.fds, cwd=ROOT, bufsize=0)
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(task)).encode() + b"\n")

    def result(self) -> dict[str, Any]:
        """What it measured (DriverError if it ended without)."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise DriverError("bench: the process with the ports ended, and has said nothing")
        found: dict[str, Any] = json.loads(line)
        return found

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def _split(cpus: Sequence[int]) -> tuple[list[int], list[int]]:
    """The last CPU for ours, the others for the peers; one for both if there is no other."""
    ordered = sorted(cpus)
    return ordered[-1:], ordered[:-1] or ordered


def measure(ports: int, windows: int, settle_s: float, cpus: Sequence[int], deaf: int = 0) -> MkaRow:
    """The row for so many ports (DriverError, OSError)."""
    _raise_limit(ports)
    ends = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(ports)]
    ours, theirs = _split(cpus)
    processes = []
    try:
        fds = [[pair[side].fileno() for pair in ends] for side in (0, 1)]
        processes.append(_Process(Task(1, fds[1], theirs)))
        processes.append(_Process(Task(0, fds[0], ours, windows, settle_s, deaf)))
        for pair in ends:
            for end in pair:
                end.close()
        found = processes[1].result()
    finally:
        for process in processes:
            process.close()
    return _row(ports, found)


def _row(ports: int, found: dict[str, Any]) -> MkaRow:
    row = MkaRow.of(f"ports-{ports}", ports=ports, hello_s=HELLO_S, over="socketpair")
    windows = found["windows"]
    for number, window in enumerate(windows):
        row.samples.append(window["cpu_ns"] / window["wall_s"] * HELLO_S / ports)
        if min(window["sent"], window["received"]) < ports * 0.9:
            row.faults.append(
                f"window {number}: {window['sent']} MKPDUs sent and {window['received']} received in "
                f"{window['wall_s']:.2f} s, there must be one for each of {ports} ports"
            )
        if window["lost"]:
            row.faults.append(f"window {number}: {window['lost']} MKPDUs had no room in a socket")
    if found["secured"] != ports:
        row.faults.append(f"{found['secured']} of {ports} ports are secured in the end")
    if found["refused"]:
        row.faults.append(f"{found['refused']} MKPDUs were refused")
    cores = sorted(window["cpu_ns"] / window["wall_s"] / 1e9 for window in windows)
    row.facts |= {
        "cores": significant(cores[len(cores) // 2]),
        "come_up_cpu_ms_per_port": significant(found["come_up_cpu_ns"] / 1e6),
        "came_up_s": significant(found["came_up_s"]),
    }
    if ports >= MEMORY_FROM:
        row.facts["rss_octets_per_port"] = round(found["rss"] / ports)
    return row


if __name__ == "__main__":
    asyncio.run(_serve(Task(**json.loads(sys.stdin.readline()))))
