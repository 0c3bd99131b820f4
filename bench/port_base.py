"""Why this exists: every provider's link stands on the same ground: two hosts, a cable, addresses."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.port_devices import DEVICES
from pysec.dataplane.port import Port
from pysec.errors import DriverError
from pysec.lab.netns import NetNs
from pysec.types import MacAddress

MACS: Final = (MacAddress.parse("020000000b0a"), MacAddress.parse("020000000b0b"))
ADDRESSES: Final = ("10.20.30.1", "10.20.30.2")
OUTSIDE: Final = ("10.20.31.1", "10.20.31.2")  # of the cable, where a tunnel goes over IPv4
HOST_MTU, CABLE_MTU = 1500, 1532


@dataclass
class Link:
    """Two hosts, and what is between them."""

    a: NetNs
    b: NetNs
    ports: list[Port] = field(default_factory=list)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)  # that carry the link

    def faults(self) -> list[str]:
        """What a link must not do: a frame that was refused, or that is found in no counter."""
        found = []
        for name, port in zip("AB", self.ports, strict=False):
            stats = port.stats()
            for direction in (stats.transmit, stats.receive):
                if direction.refused or direction.malformed or direction.too_long:
                    found.append(f"port {name}: {direction}")
        return found


Maker = Callable[[], contextlib.AbstractContextManager[Link]]


@contextlib.contextmanager
def hosts() -> Iterator[tuple[NetNs, NetNs]]:
    """Two namespaces in which nothing speaks by itself."""
    with NetNs() as a, NetNs() as b:
        for each in (a, b):
            each.quieten()
        with DEVICES.lent(a, b):
            yield a, b


def cable(a: NetNs, b: NetNs, mtu: int) -> None:
    """A veth between them, ready, or the interfaces that are lent.

    Its MAC addresses are its own: under a host's, the host itself would take from it what is not protected.
    """
    if DEVICES.names is None:
        a.rtnl.add_veth("cable", "cable", b)
    for each in (a, b):
        each.rtnl.set_up("cable", mtu=mtu)
    for each in (a, b):
        each.rtnl.wait_ready("cable")


def ip(place: NetNs, *words: str) -> None:
    """iproute2, in a namespace (DriverError)."""
    with place.inside():
        done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise DriverError(f"ip {' '.join(words)}: {done.stderr.strip()}")


@contextlib.contextmanager
def running(place: NetNs, command: list[str], env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a namespace, ended in the end."""
    with place.inside():
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def cpu_of(process: subprocess.Popen[bytes]) -> float:
    """CPU seconds of a process that runs."""
    fields = Path(f"/proc/{process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
