"""Why this exists: with small frames it is the frames a second that a port is at the end of, not the bits.

The two-NIC form: a source sends as fast as it can into one cable, a box hands on from there to another cable, and at
that one's far end the kernel counts what comes. The box is what is measured: a port whose both sides are packet
sockets, `bare`, a loop of recvmmsg and sendmmsg that does nothing else, or the kernel's bridge. One direction. What the
box does not keep up with is lost before it, as with any interface; the rate is that of what came out.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.harness import build
from bench.port_base import MACS, cpu_of, ip
from bench.port_links import ROOM_OCTETS, secys
from pysec.dataplane.port import Port, disable_offloads, open_packet
from pysec.lab.netns import NetNs

ROOM_FOR_TAG: Final = 32


@dataclass(frozen=True)
class Sample:
    """One run: frames a second that came out, CPU seconds of the box by million frames, the share that was lost."""

    frames_s: float
    cpu_s_per_million: float
    lost: float
    faults: list[str]


@dataclass
class Box:
    """A source's namespace, the box, and the far end."""

    source: NetNs
    box: NetNs
    sink: NetNs
    port: Port | None = None
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def cpu_s(self) -> float:
        """CPU seconds that the box has taken so far."""
        times = os.times()
        return times.user + times.system + sum(map(cpu_of, self.processes))


def _mtu(octets: int) -> int:
    return max(1500, octets) + ROOM_FOR_TAG


@contextlib.contextmanager
def _cables(octets: int) -> Iterator[Box]:
    with NetNs() as source, NetNs() as box, NetNs() as sink:
        for each in (source, box, sink):
            each.quieten()
        source.rtnl.add_veth("nic", "inside", box)
        box.rtnl.add_veth("cable", "far", sink)
        ends = ((source, "nic"), (box, "inside"), (box, "cable"), (sink, "far"))
        for place, name in ends:
            place.rtnl.set_up(name, mac=MACS[0] if name == "nic" else None, mtu=_mtu(octets))
        for place, name in ends:
            place.rtnl.wait_ready(name)
            with place.inside():
                disable_offloads(name)
        yield Box(source, box, sink)


@contextlib.contextmanager
def _port(suite: str | None, impl: str | None, octets: int) -> Iterator[Box]:
    with contextlib.ExitStack() as stack:
        found = stack.enter_context(_cables(octets))
        secy, peer = secys(suite, impl, _mtu(octets))
        stack.enter_context(secy)
        peer.close()
        with found.box.inside():
            controlled, common = open_packet("inside", ROOM_OCTETS), open_packet("cable", ROOM_OCTETS)
        longest = max(2000, octets)
        found.port = stack.enter_context(Port(secy, common=common, controlled=controlled, frame_octets=longest))
        for descriptor in (common, controlled):
            os.close(descriptor)
        found.port.start()
        yield found


@contextlib.contextmanager
def _bare(program: Path, octets: int) -> Iterator[Box]:
    with _cables(octets) as found:
        with found.box.inside():
            command = [str(program), "bare", "inside", "cable"]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        found.processes.append(process)
        try:
            yield found
        finally:
            process.communicate()


@contextlib.contextmanager
def _bridge(octets: int) -> Iterator[Box]:
    with _cables(octets) as found:
        ip(found.box, "link", "add", "bridge", "type", "bridge")
        ip(found.box, "link", "set", "bridge", "up")
        for name in ("inside", "cable"):
            ip(found.box, "link", "set", name, "master", "bridge")
        yield found


Maker = Callable[[int], contextlib.AbstractContextManager[Box]]


def find(provider: str, impl: str | None = None) -> tuple[Maker | None, str]:
    """How a provider's box is made; or None, and why there is none here."""
    if provider == "bare":
        return functools.partial(_bare, build("port_bench")), ""
    if provider == "bridge":
        return (_bridge, "") if shutil.which("ip") else (None, "iproute2 is not installed")
    if provider == "forwarder":
        return functools.partial(_port, None, impl), ""
    if provider.startswith("pysec:"):
        return functools.partial(_port, provider.removeprefix("pysec:"), impl), ""
    return None, "not in this form"


def run(make: Maker, octets: int, seconds: float) -> Sample:
    """One run (DriverError, OSError)."""
    program = build("port_bench")
    with make(octets) as box:
        before, cpu = box.sink.rtnl.facts("far").received, box.cpu_s()
        with box.source.inside():
            command = [str(program), "source", "nic", str(octets), str(seconds)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        # Before what still waits in the box comes through: that was not done in the time.
        came = box.sink.rtnl.facts("far").received - before
        cpu = box.cpu_s() - cpu
        sent, ns = map(int, done.stdout.split())
        faults = []
        if box.port is not None:
            stats = box.port.stats().transmit
            if stats.refused or stats.failed or stats.too_long:
                faults.append(f"{stats}")
        return Sample(came * 1e9 / ns, cpu * 1e6 / max(came, 1), max(0.0, 1 - came / sent), faults)
