"""Why this exists: a port that is secured late is a link that is down, and users see that before anything else.

Two `pysec up` stand ready, each a process of its own in a namespace of its own, a veth between them whose far end is
switched off. Then it is switched on, and numbered frames are put into one controlled port, one every half millisecond,
until the first comes out of the other. Under must-secure what comes out has been validated.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.harness import ROOT
from bench.mka_rows import MkaRow, significant
from pysec import keyfile
from pysec.errors import DriverError
from pysec.lab import netns
from pysec.lab.netns import NetNs
from pysec.lab.packets import ETHERTYPE_EXPERIMENT
from pysec.runtime import single
from pysec.types import MacAddress

CABLE: Final = "cable"
MTU: Final = 1532
STEP_S: Final = 0.0005
PATIENCE_S: Final = 20.0
MACS: Final = (MacAddress.parse("020000000b0a"), MacAddress.parse("020000000b0b"))
_PACKET_OUTGOING: Final = 4


def why_unavailable() -> str | None:
    """None if it is worth trying here, else one line that says what is missing."""
    return netns.why_unavailable() or single.why_unavailable()


@dataclass
class Timing:
    """One time that the cable was plugged in; times in s. faults: what was not as it must be."""

    first_frame_s: float = 0.0
    secured_s: list[float] = field(default_factory=list)  # of each end, from its own notice of the carrier on
    faults: list[str] = field(default_factory=list)


class Up:
    """A `pysec up` that is running."""

    def __init__(self, place: NetNs, key: Path, priority: int, *more: str, interface: str = CABLE) -> None:
        """Start it there."""
        options = ["--key", str(key), "--foreground", "--json", "--priority", str(priority), *more]
        command = [sys.executable, "-m", "pysec.cli.main", "up", interface, *options]
        with place.inside():
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)

    def wait_for(self, name: str) -> dict[str, Any]:
        """The next event of this name (DriverError if it ends before)."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event: dict[str, Any] = json.loads(line)
            if event.get("name") == name:
                return event
        raise DriverError(f"pysec up: ended, and did not say {name!r}")

    def end(self) -> None:
        """End it."""
        assert self._process.stdout is not None
        self._process.terminate()
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def _frames_of(place: NetNs, interface: str) -> socket.socket:
    """A packet socket for numbered frames."""
    with place.inside():
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        sock.bind((interface, ETHERTYPE_EXPERIMENT))
    sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # that the interface is down, told once
    sock.setblocking(False)
    return sock


def _received(sock: socket.socket) -> bytes | None:
    """The next frame that came from outside."""
    with contextlib.suppress(BlockingIOError):
        while True:
            frame, address = sock.recvfrom(2048)
            if address[2] != _PACKET_OUTGOING:
                return frame
    return None


@contextlib.contextmanager
def _stood_ready(*more: str) -> Iterator[tuple[NetNs, NetNs, Up, Up]]:
    """Two places, a cable that is not plugged in, and a `pysec up` in each, told "up"."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        key, text = folder / "link.key", keyfile.generate(128)[1]
        keyfile.write(key, text)
        keyfile.wipe(text)
        first, second = stack.enter_context(NetNs()), stack.enter_context(NetNs())
        for place in (first, second):
            place.quieten()
        first.rtnl.add_veth(CABLE, CABLE, second)
        first.rtnl.set_up(CABLE, mac=MACS[0], mtu=MTU)
        ups = []
        for priority, place in enumerate((first, second), 1):
            up = Up(place, key, priority, *more)
            stack.callback(up.end)
            ups.append(up)
        for up in ups:
            up.wait_for("up")
        time.sleep(0.05)  # until both have gone to sleep
        yield first, second, ups[0], ups[1]


def plug_in(plain: bool = False) -> Timing:
    """Do it once. plain: the planted fault, a numbered frame that goes round MACsec (DriverError)."""
    found = Timing()
    # A guard would keep the fault off the cable.
    with _stood_ready(*(["--no-guard"] if plain else [])) as (first, second, *ups), contextlib.ExitStack() as stack:
        into, out, cable = (
            stack.enter_context(_frames_of(place, name))
            for place, name in ((first, f"sec-{CABLE}"), (second, f"sec-{CABLE}"), (second, CABLE))
        )
        head = MACS[1].octets + MACS[0].octets + ETHERTYPE_EXPERIMENT.to_bytes(2, "big")
        begin = time.monotonic()
        second.rtnl.set_up(CABLE, mac=MACS[1], mtu=MTU)
        number = 0
        while (frame := _received(out)) is None:
            if time.monotonic() > begin + PATIENCE_S:
                raise DriverError(f"no protected frame came {PATIENCE_S:g} s after the carrier")
            with contextlib.suppress(BlockingIOError):
                into.send(head + number.to_bytes(8, "big") + bytes(38))
            number += 1
            select.select([out], [], [], STEP_S)
        found.first_frame_s = time.monotonic() - begin
        if not frame.startswith(head) or int.from_bytes(frame[14:22], "big") >= number:
            found.faults.append("a frame came out that nobody has sent")
        if plain:
            with _frames_of(first, CABLE) as aside:
                aside.send(head + bytes(46))
                select.select([cable], [], [], 1.0)
        if _received(cable) is not None:
            found.faults.append("a frame went over the cable in clear")
        _read_events(found, ups)
    return found


def _read_events(found: Timing, ups: list[Up]) -> None:
    for up in ups:
        enabled = up.wait_for("enabled")["at"]
        found.secured_s.append(up.wait_for("secured")["at"] - enabled)


def measure(repeats: int) -> MkaRow:
    """Plug in so many times; each time with new processes and a new key."""
    row = MkaRow.of("carrier", repeats=repeats, over="veth", peers=1)
    secured = []
    for _ in range(repeats):
        found = plug_in()
        row.samples.append(found.first_frame_s * 1e9)
        row.faults += found.faults
        secured.append(max(found.secured_s))
    row.facts["slowest_ms"] = significant(max(row.samples) / 1e6)
    row.facts["secured_after_ms"] = significant(sorted(secured)[len(secured) // 2] * 1e3)
    return row
