"""Why this exists: a link with the peer that most have, wpa_supplicant over the kernel's macsec, must be soon, too.

The peer runs in the guest of `make interop` (tests/interop). Its end of the cable is on and it sends its hellos, one in
2 s, unheard; a `pysec up` stands ready at the other end, which is off. Then that one is switched on, and echo requests
are put into the controlled port, one every 2 ms, until the first answer comes out: it has passed protected both ways.
The guest has no hardware virtualisation: what the peer computes takes many times as long as on a real machine, and
`peer_echo_ms`, an echo over the finished link, says how long a frame there and back takes alone.
"""

from __future__ import annotations

import contextlib
import select
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.mka_carrier import PATIENCE_S, Up, why_unavailable
from bench.mka_rows import MkaRow, significant
from pysec import keyfile
from pysec.errors import DriverError
from pysec.lab import packets
from pysec.lab.netns import NetNs
from tests.interop.guest import Guest, Image, find_image
from tests.interop.segment import GUEST_IPV4, GUEST_MAC, LAN_MTU, OUR_IPV4, OUR_MAC, Segment
from tests.interop.supplicant import SharedKey, Supplicant

STEP_S: Final = 0.002
CONTROLLED: Final = "secure"
HELLO_S: Final = 2.0
_ECHOES: Final = 20


def find() -> Image | str:
    """The guest; or one line that says what is missing."""
    why = why_unavailable()
    return find_image() if why is None else why


class _Echoes:
    """Echo requests into the controlled port, as whole frames; answers out of it."""

    def __init__(self, place: NetNs) -> None:
        with place.inside():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self._socket.bind((CONTROLLED, packets.ETHERTYPE_IPV4))
        self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # that the interface is down, told once
        self._socket.setblocking(False)
        self.number = 0

    def send(self) -> None:
        """The next one."""
        self.number = (self.number + 1) & 0xFFFF
        request = packets.echo(packets.ICMP_ECHO_REQUEST, 1, self.number, bytes(32))
        packet = packets.ipv4(GUEST_IPV4, OUR_IPV4, socket.IPPROTO_ICMP, request)
        with contextlib.suppress(OSError):
            self._socket.send(packets.ethernet(GUEST_MAC, OUR_MAC, packets.ETHERTYPE_IPV4, packet))

    def answered(self, wait_s: float) -> int:
        """The number of the next answer within a time, or 0."""
        end = time.monotonic() + wait_s
        while (left := end - time.monotonic()) > 0:
            if select.select([self._socket], [], [], left)[0]:
                frame = self._socket.recv(2048)
                echo = packets.read_echo(frame[14:])
                if echo is not None and echo.kind == packets.ICMP_ECHO_REPLY:
                    return echo.number
        return 0

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()


class _Peer:
    """The guest with its wpa_supplicant, and the key file of the link."""

    def __init__(self, image: Image, stack: contextlib.ExitStack) -> None:
        key = SharedKey.make()
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        self.key = folder / "link.key"
        text = f"format = pysec-cak/1\nckn = {key.ckn.hex()}\ncak = {key.cak.hex()}\n"
        keyfile.write(self.key, text.encode())
        self.segment = Segment(stack)
        (folder / "guest").mkdir()
        with self.segment.namespace.inside():
            guest = Guest(image, folder / "guest", self.segment.tap, GUEST_MAC)
        self._guest = stack.enter_context(guest)
        self._supplicant = Supplicant(self._guest, key, priority=100)

    @contextlib.contextmanager
    def says_hello(self) -> Iterator[None]:
        """It has been started anew, and knows nobody."""
        self._supplicant.start()
        self._guest.run(f"ip neigh replace {OUR_IPV4} lladdr {OUR_MAC} dev macsec0")
        yield
        self._supplicant.end()


def _once(peer: _Peer, priority: int, wait_s: float) -> tuple[float, float]:
    """From the carrier to the first answer, and the median of an echo then; both in s (DriverError)."""
    place = peer.segment.namespace
    place.rtnl.set_down("lan")
    with contextlib.ExitStack() as stack:
        stack.enter_context(peer.says_hello())
        up = Up(place, peer.key, priority, "--controlled", CONTROLLED, interface="lan")
        stack.callback(up.end)
        up.wait_for("up")
        echoes = _Echoes(place)
        stack.callback(echoes.close)
        time.sleep(wait_s)
        begin = time.monotonic()
        place.rtnl.set_up("lan", mtu=LAN_MTU)
        while echoes.answered(STEP_S) == 0:
            if time.monotonic() > begin + PATIENCE_S:
                raise DriverError(f"no protected frame came back {PATIENCE_S:g} s after the carrier")
            echoes.send()
        first = time.monotonic() - begin
        while echoes.answered(0.1):
            pass
        return first, statistics.median(_echo(echoes) for _ in range(_ECHOES))


def _echo(echoes: _Echoes) -> float:
    begin = time.monotonic()
    echoes.send()
    if echoes.answered(PATIENCE_S) == 0:
        raise DriverError("an echo over the secured link was not answered")
    return time.monotonic() - begin


def measure(image: Image, repeats: int) -> list[MkaRow]:
    """So many times as key server, and as many with the peer as key server, all through a Hello Time (DriverError)."""
    found = []
    with contextlib.ExitStack() as stack:
        peer = _Peer(image, stack)
        for role, priority in (("key-server", 10), ("client", 200)):
            row = MkaRow.of(f"carrier-guest-{role}", repeats=repeats, over="tap", peers=1, peer="wpa_supplicant")
            echo = []
            for turn in range(repeats):
                first, alone = _once(peer, priority, HELLO_S * turn / repeats)
                row.samples.append(first * 1e9)
                echo.append(alone)
            row.facts["slowest_ms"] = significant(max(row.samples) / 1e6)
            row.facts["peer_echo_ms"] = significant(statistics.median(echo) * 1e3)
            found.append(row)
    return found
