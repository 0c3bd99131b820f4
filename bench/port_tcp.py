"""Why this exists: TCP through the TAP interfaces of two hosts is what users of a protected link see.

iperf3 sends from host A to host B for a while. One sample is one run over a link that was made for it. Both ends, and
all that carries the link, share this machine, so beside the rate stand the CPU seconds by Gbit: of all together, and of
what carries the link alone. Work that the kernel does in an interrupt is charged to whoever was running.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass

from bench.port_base import ADDRESSES, Link, Maker, cpu_of
from pysec.errors import DriverError

ATTEMPTS = 50


@dataclass(frozen=True)
class Sample:
    """One run: bits a second, CPU seconds by Gbit of all and of the link alone, segments sent again."""

    bits_s: float
    cpu_s_per_gbit: float
    link_cpu_s_per_gbit: float
    retransmits: int
    faults: list[str]


def _cpu(link: Link) -> tuple[float, float]:
    """CPU seconds so far: of the children that have ended, and of what carries the link."""
    times = os.times()
    carriers = times.user + times.system + sum(map(cpu_of, link.processes))
    return times.children_user + times.children_system, carriers


def _client(link: Link, streams: int, seconds: int) -> dict[str, dict[str, float]]:
    command = ["iperf3", "-c", ADDRESSES[1], "-t", str(seconds), "-P", str(streams), "-J"]
    for _ in range(ATTEMPTS):  # until the server listens
        with link.a.inside():
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        answer = json.loads(done.stdout or "{}")
        if "error" not in answer:
            found: dict[str, dict[str, float]] = answer["end"]
            return found
        time.sleep(0.1)
    raise DriverError(f"iperf3: {answer['error']}")


def run(make: Maker, streams: int, seconds: int) -> Sample:
    """One run (DriverError)."""
    with make() as link:
        with link.b.inside():
            server = subprocess.Popen(["iperf3", "-s", "-1"], stdout=subprocess.DEVNULL)
        try:
            ends, carriers = _cpu(link)
            answer = _client(link, streams, seconds)
            server.wait(10)
        finally:
            server.kill()
            server.wait()
        ends_after, carriers_after = _cpu(link)
        rate = answer["sum_received"]["bits_per_second"]
        gbit = answer["sum_received"]["bytes"] * 8 / 1e9
        by_link = carriers_after - carriers
        return Sample(
            rate,
            (by_link + ends_after - ends) / gbit,
            by_link / gbit,
            int(answer["sum_sent"].get("retransmits", 0)),
            link.faults(),
        )
