"""Why this exists: a claim about the wire has to come from the wire, not from the programs that use it.

`WireLog` is what a second listener makes of the frames it sees. In namespaces the listener is a packet socket on the
cable; over a memory link it is the relay that the cable is made of, which the canaries can make misbehave.
"""

from __future__ import annotations

import abc
import contextlib
import os
import select
import socket
import struct
import threading
from dataclasses import dataclass, field
from typing import Final, Literal

from pysec.lab.netns import NetNs
from pysec.lab.packets import ETHERTYPE_MACSEC
from pysec.types import MacAddress
from pysec.wire import eapol

SOL_PACKET: Final = 263
PACKET_STATISTICS: Final = 6
SO_RCVBUFFORCE: Final = 33
ETH_P_ALL: Final = 3
TAP_BUFFER_OCTETS: Final = 32 << 20
LONGEST_FRAME: Final = 65536
BURST: Final = 64
MACSEC: Final = ETHERTYPE_MACSEC.to_bytes(2, "big")
EAPOL: Final = eapol.ETHERTYPE.to_bytes(2, "big")


@dataclass
class Flow:
    """The protected frames of one sender under one key."""

    frames: int = 0
    first_pn: int = 0
    last_pn: int = 0
    not_rising: int = 0


@dataclass
class WireLog:
    """What was seen on the wire. One thread writes."""

    flows: dict[tuple[bytes, int], Flow] = field(default_factory=dict)
    turns: dict[bytes, int] = field(default_factory=dict)  # by sender: how often the AN was another than before
    unprotected: int = 0
    mkpdus: dict[bytes, int] = field(default_factory=dict)  # by sender: key agreement goes in the open
    kept: list[bytes] = field(default_factory=list)
    keep: int = 0  # so many frames are kept whole
    _last_an: dict[bytes, int] = field(default_factory=dict)

    def note(self, frame: bytes) -> None:
        """A frame passed."""
        if frame[12:14] == EAPOL:
            self.mkpdus[frame[6:12]] = self.mkpdus.get(frame[6:12], 0) + 1
            return
        if len(self.kept) < self.keep:
            self.kept.append(frame)
        if frame[12:14] != MACSEC or len(frame) < 20:
            self.unprotected += 1
            return
        source, an = frame[6:12], frame[14] & 3
        if self._last_an.setdefault(source, an) != an:
            self._last_an[source] = an
            self.turns[source] = self.turns.get(source, 0) + 1
        flow = self.flows.setdefault((source, an), Flow())
        pn = int.from_bytes(frame[16:20], "big")
        flow.frames += 1
        flow.first_pn = flow.first_pn or pn
        flow.not_rising += pn <= flow.last_pn
        flow.last_pn = pn

    def flow(self, source: MacAddress, an: int) -> Flow:
        """What one sender sent under one key."""
        return self.flows.get((source.octets, an), Flow())

    def frames_from(self, source: MacAddress) -> int:
        """How many frames one sender's address stands on."""
        return sum(flow.frames for (mac, _), flow in list(self.flows.items()) if mac == source.octets)


class _Listener(abc.ABC):
    """A thread that does one thing until it is closed."""

    def __init__(self) -> None:
        self._stop = os.eventfd(0, os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._main, daemon=True)

    @abc.abstractmethod
    def _main(self) -> None:
        """What the thread does."""

    @abc.abstractmethod
    def _let_go(self) -> None:
        """Close what it used."""

    def close(self) -> None:
        """End the thread, and let go of what it used."""
        if self._stop < 0:
            return
        os.eventfd_write(self._stop, 1)
        self._thread.join()
        os.close(self._stop)
        self._stop = -1
        self._let_go()


class CableTap(_Listener):
    """A packet socket on one end of a veth: it sees what leaves there and what arrives."""

    def __init__(self, namespace: NetNs, interface: str) -> None:
        super().__init__()
        self.log = WireLog()
        self._missed = 0
        with namespace.inside():
            self._socket = self._open(interface)
            self._out = self._open(interface, listen=False)
        self._thread.start()

    @staticmethod
    def _open(interface: str, *, listen: bool = True) -> socket.socket:
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        if listen:
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, TAP_BUFFER_OCTETS)
        sock.bind((interface, ETH_P_ALL if listen else 0))
        return sock

    def _main(self) -> None:
        poller = select.poll()
        poller.register(self._socket, select.POLLIN)
        poller.register(self._stop, select.POLLIN)
        while self._stop not in dict(poller.poll()):
            self._drain()

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(BURST):
                self.log.note(self._socket.recv(LONGEST_FRAME, socket.MSG_DONTWAIT))

    def missed(self) -> int:
        """How many frames the listener was too slow for, so far."""
        _, dropped = struct.unpack("=II", self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        self._missed += dropped
        return self._missed

    def inject(self, frame: bytes) -> None:
        """Put a frame on the cable, as an attacker would who got at it."""
        self._out.send(frame)

    def _let_go(self) -> None:
        self._socket.close()
        self._out.close()


@dataclass(frozen=True)
class WirePlant:
    """A fault for the canaries: what the wire does to the at-th frame towards B after `arm`."""

    what: Literal["drop", "duplicate", "reorder", "corrupt"]
    at: int


class MemoryWire(_Listener):
    """A cable in memory: a thread that carries frames between two local sockets and lets the listener see each."""

    def __init__(self, end_a: socket.socket, end_b: socket.socket, plant: WirePlant | None = None) -> None:
        super().__init__()
        self.log = WireLog()
        self._a = end_a
        self._b = end_b
        self._plant = plant
        self._armed = False
        self._count = 0
        self._held: bytes | None = None
        self._injected: list[bytes] = []
        self._lock = threading.Lock()
        self._call = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._thread.start()

    def arm(self) -> None:
        """From now on frames towards B are counted for the plant."""
        self._armed = True

    def inject(self, frame: bytes) -> None:
        """Put a frame on the wire towards B, as an attacker would who got at it."""
        with self._lock:
            self._injected.append(frame)
        os.eventfd_write(self._call, 1)

    def missed(self) -> int:
        """The wire misses nothing that it carries."""
        return 0

    def _main(self) -> None:
        poller = select.poll()
        for fd in (self._stop, self._call, self._a.fileno(), self._b.fileno()):
            poller.register(fd, select.POLLIN)
        while self._stop not in (events := dict(poller.poll())):
            if self._call in events:
                os.eventfd_read(self._call)
                with self._lock:
                    frames, self._injected = self._injected, []
                for frame in frames:
                    self._carry(frame, self._b)
            for source, to in ((self._a, self._b), (self._b, self._a)):
                if source.fileno() in events and not self._move(source, to):
                    poller.unregister(source)

    def _move(self, source: socket.socket, to: socket.socket) -> bool:
        """Carry what is there; False if the end it comes from has been closed."""
        with contextlib.suppress(BlockingIOError):
            for _ in range(BURST):
                frame = source.recv(LONGEST_FRAME, socket.MSG_DONTWAIT)
                if not frame:
                    return False
                for each in self._faulty(frame) if to is self._b else (frame,):
                    self._carry(each, to)
        return True

    def _faulty(self, frame: bytes) -> tuple[bytes, ...]:
        if self._plant is None or not self._armed or frame[12:14] == EAPOL:
            return (frame,)
        held, self._held = self._held, None
        if held is not None:
            return (frame, held)
        self._count += 1
        if self._count != self._plant.at:
            return (frame,)
        if self._plant.what == "drop":
            return ()
        if self._plant.what == "duplicate":
            return (frame, frame)
        if self._plant.what == "corrupt":
            return (frame[:-1] + bytes([frame[-1] ^ 1]),)
        self._held = frame
        return ()

    def _carry(self, frame: bytes, to: socket.socket) -> None:
        self.log.note(frame)
        while True:
            try:
                to.send(frame, socket.MSG_DONTWAIT)
                return
            except BlockingIOError:
                if not self._wait_for_room(to):
                    return
            except (BrokenPipeError, ConnectionResetError):
                return

    def _wait_for_room(self, to: socket.socket) -> bool:
        """False if the wire is being taken down; the frame is lost then, as it is when a cable is pulled."""
        poller = select.poll()
        poller.register(self._stop, select.POLLIN)
        poller.register(to, select.POLLOUT)
        return self._stop not in dict(poller.poll())

    def _let_go(self) -> None:
        os.close(self._call)
        self._a.close()
        self._b.close()
