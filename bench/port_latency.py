"""Why this exists: a machine that is controlled over a link waits for its answers, one at a time.

One sample is one run over a link that was made for it: pings that the other host's kernel answers, then datagrams that
a program there sends back, one after another, each as soon as the one before has come back. What a Python program at
each end costs is in every provider's figures alike, `veth`'s too. Where ports carry the link, it is also told how long
they held a burst (`pysec.dataplane.residence` says from where to where).
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from bench.port_base import ADDRESSES, Link, Maker
from pysec.dataplane.residence import PortResidence
from pysec.errors import DriverError

KINDS: Final = ("ping", "udp-echo")
PORT: Final = 7007
OCTETS: Final = 64
WARM: Final = 50
PATIENCE_S: Final = 5.0
_ECHO: Final = """
import socket, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind((sys.argv[1], int(sys.argv[2])))
print("ready", flush=True)
while True:
    octets, address = sock.recvfrom(2048)
    sock.sendto(octets, address)
"""


@dataclass(frozen=True)
class Sample:
    """One run: round trips in ns, and how long the ports held bursts, if ports carry the link."""

    round_trips_ns: list[int]
    residence: PortResidence | None
    faults: list[str]


@contextlib.contextmanager
def _echo(link: Link) -> Iterator[None]:
    with link.b.inside():
        command = [sys.executable, "-S", "-c", _ECHO, ADDRESSES[1], str(PORT)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        server.stdout.readline()
        yield
    finally:
        server.kill()
        server.communicate()


def _checksum(octets: bytes) -> int:
    """Of RFC 1071."""
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def _echo_request(number: int) -> bytes:
    """An ICMP echo request (RFC 792)."""
    head, body = struct.pack("!BBHHH", 8, 0, 0, os.getpid() & 0xFFFF, number & 0xFFFF), bytes(OCTETS - 8)
    return head[:2] + struct.pack("!H", _checksum(head + body)) + head[4:] + body


def _ping(sock: socket.socket, number: int) -> None:
    """One round trip."""
    request = _echo_request(number)
    sock.send(request)
    while sock.recv(2048)[24:28] != request[4:8]:  # behind an IPv4 header, what we have asked
        pass


def _datagram(sock: socket.socket, number: int) -> None:
    """One round trip."""
    sock.send(number.to_bytes(4, "big") + bytes(OCTETS - 4))
    while sock.recv(2048)[:4] != number.to_bytes(4, "big"):
        pass


def _round_trips(once: Callable[[socket.socket, int], None], sock: socket.socket, seconds: float) -> list[int]:
    """As many as go into so many seconds, the first ones left out (DriverError if one does not come back)."""
    sock.settimeout(PATIENCE_S)
    found: list[int] = []
    end = time.monotonic() + seconds
    number = 0
    while time.monotonic() < end or len(found) <= WARM:
        begun = time.perf_counter_ns()
        try:
            once(sock, number)
        except OSError:
            raise DriverError(f"round trip {number}: nothing has come back") from None
        found.append(time.perf_counter_ns() - begun)
        number += 1
    return found[WARM:]


def run(make: Maker, kind: str, seconds: float) -> Sample:
    """One run (DriverError)."""
    is_ping = kind == "ping"
    with make() as link, contextlib.nullcontext() if is_ping else _echo(link):
        with link.a.inside():
            how = (socket.SOCK_RAW, socket.IPPROTO_ICMP) if is_ping else (socket.SOCK_DGRAM, 0)
            sock = socket.socket(socket.AF_INET, *how)
        with sock:
            sock.connect((ADDRESSES[1], 0 if is_ping else PORT))
            found = _round_trips(_ping if is_ping else _datagram, sock, seconds)
        held = [port.residence() for port in link.ports]
        return Sample(found, held[0] + held[1] if held else None, link.faults())
