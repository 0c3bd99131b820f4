"""Two SecYs that trust each other, and ports around them, for the tests of the port layer."""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pysec import Ki, Sci, SecY, SecYConfig
from pysec.dataplane.port import DirectionStats, Port, memory_link

MAC_A = bytes.fromhex("0200000000aa")
MAC_B = bytes.fromhex("0200000000bb")
PATIENCE_S = 20.0


def frame(number: int, octets: int = 100, ethertype: int = 0x88B5) -> bytes:
    """A numbered frame from A to B of a given length."""
    body = number.to_bytes(4, "big") + bytes((number + i) & 0xFF for i in range(octets))
    return (MAC_B + MAC_A + ethertype.to_bytes(2, "big") + body)[:octets]


def secy_pair(config: SecYConfig | None = None) -> tuple[SecY, SecY]:
    """Two SecYs, ready in both directions, AN 0."""
    a, b = SecY(Sci.of(MAC_A, 1), config=config), SecY(Sci.of(MAC_B, 1), config=config)
    for sender, receiver, number in ((a, b, 1), (b, a, 2)):
        ki, sak = Ki(bytes(15) + bytes([number])), bytes([number]) * 16
        receiver.install_sak(ki, sak)
        receiver.create_receive_sc(sender.sci)
        receiver.create_receive_sa(sender.sci, 0, ki)
        receiver.enable_receive(sender.sci, ki)
        sender.install_sak(ki, sak)
        sender.create_transmit_sa(0, ki)
        sender.enable_transmit(ki)
    return a, b


@dataclass
class Joined:
    """Hosts A and B, each with a port, over one wire in memory."""

    secy_a: SecY
    secy_b: SecY
    port_a: Port
    port_b: Port
    host_a: socket.socket
    host_b: socket.socket


@contextlib.contextmanager
def joined(config: SecYConfig | None = None, **options: int) -> Iterator[Joined]:
    """Both ports run; options go to both."""
    with contextlib.ExitStack() as stack:
        secy_a, secy_b = (stack.enter_context(secy) for secy in secy_pair(config))
        ends = [stack.enter_context(end) for _ in range(3) for end in memory_link()]
        host_a, inner_a, wire_a, wire_b, host_b, inner_b = ends
        port_a = stack.enter_context(Port(secy_a, common=wire_a.fileno(), controlled=inner_a.fileno(), **options))
        port_b = stack.enter_context(Port(secy_b, common=wire_b.fileno(), controlled=inner_b.fileno(), **options))
        port_a.start()
        port_b.start()
        yield Joined(secy_a, secy_b, port_a, port_b, host_a, host_b)


def read(sock: socket.socket) -> bytes:
    """The next frame; TimeoutError if none comes."""
    if not select.select([sock], [], [], PATIENCE_S)[0]:
        raise TimeoutError("no frame came")
    return sock.recv(70000)


def waiting(sock: socket.socket) -> bool:
    """Whether a frame is there now."""
    return bool(select.select([sock], [], [], 0)[0])


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether it comes true before patience ends."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True


def counted(stats: Callable[[], DirectionStats], **want: int) -> None:
    """The counters come to stand as wanted, and account for every frame. They may lag behind the frames themselves."""
    want = {"unaccounted": 0, **want}
    eventually(lambda: {name: getattr(stats(), name) for name in want} == want)
    assert {name: getattr(stats(), name) for name in want} == want
