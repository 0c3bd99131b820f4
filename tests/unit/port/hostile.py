"""Two ports, a hostile relay between them, and whoever has the say over them; and the books that must balance.

Host A sends numbered frames as fast as it can. The relay, which stands on the wire, loses, doubles, exchanges, forges,
cuts, and replays, and counts what a SecY with replay window 0 has to accept of what it hands on. Meanwhile keys roll,
threads stop and start, the MTU changes and the wire goes away.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import resource
import select
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pysec import Ki, SecYConfig, Verdict
from pysec.dataplane.port import Port, memory_link
from tests.unit.port.joined import eventually, frame, secy_pair

SECTAG_AT, PN_AT = 12, 16
LONGEST = 1514
LOW_MTU = 1000
HEAD, FILLING = frame(0)[:14], bytes(range(256)) * 8


def numbered(number: int) -> bytes:
    """Frame of this number: of any length that Ethernet has, by the number."""
    octets = 60 + number * 131 % (LONGEST - 59)
    return HEAD + number.to_bytes(4, "big") + FILLING[number & 0xFF :][: octets - 18]


@dataclass
class Relay:
    """What stands on the wire. `accept`: what B has to accept of it; `passed`: the packet numbers it sees pass."""

    near: socket.socket
    far: socket.socket
    seed: int
    read: int = 0
    given: int = 0
    accept: int = 0
    passed: int = 0
    too_long: int = 0
    is_cut: bool = False
    done: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._next_pn: dict[int, int] = {}
        self._old: deque[bytes] = deque(maxlen=4096)
        self._held: bytes | None = None
        self.an = 0  # of the last frame read

    def rolled(self, an: int) -> None:
        """A new SAK has this AN: its PNs begin anew. To be called before it is used."""
        self._next_pn[an] = 1

    def work(self) -> bool:
        """Read a frame, if there is one, and do something with it; whether there was."""
        try:
            octets = self.near.recv(70000, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        self.read += 1
        if self.an != octets[SECTAG_AT + 2] & 3:
            self.an, self._held = octets[SECTAG_AT + 2] & 3, None  # what is held back belongs to an old key
        if self.is_cut:
            self.done["cut off"] += 1
        elif self._random.random() < 0.8:
            self._pass(octets)
        else:
            self._random.choice(
                (self._lose, self._double, self._exchange, self._forge, self._shorten, self._replay, self._invent)
            )(octets)
        return True

    def _give(self, octets: bytes) -> None:
        self.given += 1
        self.far.send(octets)

    def _pass(self, octets: bytes) -> None:
        an, pn = octets[SECTAG_AT + 2] & 3, int.from_bytes(octets[PN_AT : PN_AT + 4], "big")
        if pn >= self._next_pn.get(an, 1):
            self.passed += pn + 1 - self._next_pn.get(an, 1)
            self._next_pn[an] = pn + 1
            self.accept += 1
        self._give(octets)
        self._old.append(octets)  # not what was lost or cut off: the last frames of an SA would still be accepted
        if self._held is not None:
            held, self._held = self._held, None
            self._pass(held)

    def _lose(self, _: bytes) -> None:
        self.done["lost"] += 1

    def _double(self, octets: bytes) -> None:
        self.done["doubled"] += 1
        self._pass(octets)
        self._pass(octets)

    def _exchange(self, octets: bytes) -> None:
        self.done["exchanged"] += 1
        if self._held is not None:
            self._pass(octets)
        else:
            self._held = octets

    def _forge(self, octets: bytes) -> None:
        self.done["forged"] += 1
        forged = bytearray(octets)
        at = self._random.randrange(len(forged))
        forged[at] ^= 1 << self._random.randrange(8)
        self._give(bytes(forged))
        self._pass(octets)

    def _shorten(self, octets: bytes) -> None:
        self.done["shortened"] += 1
        self._give(octets[: self._random.randrange(1, len(octets))])
        self._pass(octets)

    def _replay(self, octets: bytes) -> None:
        self.done["replayed"] += 1
        self._pass(octets)
        for old in self._random.sample(self._old, min(len(self._old), 3)):
            self._give(old)

    def _invent(self, octets: bytes) -> None:
        self.done["invented"] += 1
        made = self._random.randbytes(self._random.randrange(1, 4000))
        self._give(made if self._random.random() < 0.5 else octets[:14] + made)
        self._pass(octets)


@dataclass
class Books:
    """What each found, in the end."""

    sent: int = 0
    received: int = 0
    rollovers: int = 0
    restarts: int = 0
    wrong: list[str] = field(default_factory=list)

    def check(self, what: str, left: int, right: int) -> None:
        """Note it if two figures differ that must be the same."""
        if left != right:
            self.wrong.append(f"{what}: {left} is not {right}")


@dataclass(frozen=True)
class Faults:
    """What a canary plants."""

    config: SecYConfig | None = None
    host_forgets: bool = False
    relay_adds: bool = False
    leaks_descriptors: bool = False
    leaks_memory: bool = False


class Hostile:
    """All of it, for some seconds."""

    def __init__(self, seed: int, faults: Faults) -> None:
        self.books, self._faults = Books(), faults
        self._stack = contextlib.ExitStack()
        self.a, self.b = (self._stack.enter_context(secy) for secy in secy_pair(faults.config))
        ends = [self._stack.enter_context(end) for _ in range(4) for end in memory_link()]
        self._host_a, inner_a, wire_a, near, far, wire_b, self._host_b, inner_b = ends
        self.port_a = self._stack.enter_context(Port(self.a, common=wire_a.fileno(), controlled=inner_a.fileno()))
        self.port_b = self._stack.enter_context(Port(self.b, common=wire_b.fileno(), controlled=inner_b.fileno()))
        self.relay = Relay(near, far, seed)
        self._random = random.Random(seed + 1)
        self._kis = itertools.count(100)
        self._ki, self._an = Ki(bytes(15) + b"\x01"), 0
        self._sending, self._ending = threading.Event(), threading.Event()
        self._kept: list[object] = []

    def __enter__(self) -> Hostile:
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._stack.close()

    # ---- each a thread

    def _send(self) -> None:
        for number in itertools.count():
            if self._ending.is_set() or not self._sending.is_set():
                return
            while not select.select([], [self._host_a], [], 0.1)[1]:
                if self._ending.is_set():
                    return
            self._host_a.send(numbered(number))
            self.books.sent += 1

    def _carry(self) -> None:
        while not self._ending.is_set():
            if not self.relay.work():
                select.select([self.relay.near], [], [], 0.01)
            elif self._faults.relay_adds and self.relay.read == 1000:
                self.relay.far.send(b"\0" * 60)

    def _receive(self) -> None:
        last = -1
        while not self._ending.is_set():
            if not select.select([self._host_b], [], [], 0.01)[0]:
                continue
            octets = self._host_b.recv(70000)
            if self._faults.host_forgets and self.books.received == 1000:
                self._faults_done()
                continue
            self.books.received += 1
            number = int.from_bytes(octets[14:18], "big")
            if octets != numbered(number):
                self.books.wrong.append(f"frame {number} is not what was sent")
            if number <= last:
                self.books.wrong.append(f"frame {number} after {last}")
            last = number

    def _faults_done(self) -> None:
        self._faults = Faults()

    # ---- what happens meanwhile

    def roll(self) -> None:
        """A new SAK, and the old one goes when nothing of it is under way any more."""
        number = next(self._kis)
        old, self._ki, self._an = self._ki, Ki(number.to_bytes(16, "big")), (self._an + 1) % 4
        sak = self._random.randbytes(16)
        self.relay.rolled(self._an)
        self.b.install_sak(self._ki, sak)
        self.b.create_receive_sa(self.a.sci, self._an, self._ki)
        self.b.enable_receive(self.a.sci, self._ki)
        self.a.install_sak(self._ki, sak)
        self.a.create_transmit_sa(self._an, self._ki)
        self.a.enable_transmit(self._ki)
        self.books.rollovers += 1
        if eventually(lambda: self.relay.an == self._an):
            given = self.relay.given
            eventually(lambda: self.port_b.stats().receive.frames_in >= given)
        for secy in (self.a, self.b):
            secy.retire(old)

    def restart(self) -> None:
        """Threads stop at a place that nobody chose."""
        port = self._random.choice((self.port_a, self.port_b))
        port.stop()
        time.sleep(self._random.random() / 50)
        port.start()
        self.books.restarts += 1
        if self._faults.leaks_descriptors:
            self._kept.append(memory_link())
        if self._faults.leaks_memory:
            self._kept.append(b"\1" * (64 << 20))

    def shrink(self) -> None:
        """A smaller MTU for a while."""
        self.a.reconfigure(common_port_mtu=LOW_MTU)
        time.sleep(0.05)
        self.a.reconfigure(common_port_mtu=LONGEST + 32)

    def flap(self) -> None:
        """The wire goes away for a while."""
        self.relay.is_cut = True
        time.sleep(0.05)
        self.relay.is_cut = False

    def run(self, seconds: float) -> Books:
        """Everything at once for so long; then the books."""
        self._sending.set()
        self.port_a.start()
        self.port_b.start()
        threads = [threading.Thread(target=each, daemon=True) for each in (self._send, self._carry, self._receive)]
        for thread in threads:
            thread.start()
        steps: list[Callable[[], None]] = []
        end, middle = time.monotonic() + seconds, None
        while (now := time.monotonic()) < end:
            if not steps:  # each comes in its turn, in an order of its own each time
                steps = [self.roll, self.roll, self.restart, self.shrink, self.flap]
                self._random.shuffle(steps)
            steps.pop()()
            time.sleep(self._random.random() / 5)
            if middle is None and now > end - seconds / 2:
                middle = belongings()
        self._sending.clear()
        threads[0].join()
        self._settle()
        self._balance()
        if middle is not None:
            self._compare(middle)
        self._ending.set()
        for thread in threads[1:]:
            thread.join()
        return self.books

    def _settle(self) -> None:
        def figures() -> tuple[int, ...]:
            a, b = self.port_a.stats().transmit, self.port_b.stats().receive
            return (a.frames_in, a.frames_out, self.relay.read, self.relay.given, b.frames_in, self.books.received)

        def still() -> bool:
            before = figures()
            time.sleep(0.3)
            return before == figures() and before[0] >= self.books.sent

        eventually(still)

    def _balance(self) -> None:
        check = self.books.check
        transmit, receive = self.port_a.stats().transmit, self.port_b.stats().receive
        out, into = self.a.counters(), self.b.counters()
        check("A sent, its port read", self.books.sent, transmit.frames_in)
        check("A's port accounts for every frame", transmit.unaccounted, 0)
        check("A's port handed on, the relay read", transmit.frames_out, self.relay.read)
        check("A encrypted, handed on", out.packets(Verdict.OUT_ENCRYPTED), transmit.frames_out + transmit.unsent)
        check("A counts what it read", out.total_out, transmit.frames_in - transmit.too_long)
        check("the relay gave, B's port read", self.relay.given, receive.frames_in)
        check("B's port accounts for every frame", receive.unaccounted, 0)
        check("B counts what it read", into.total_in, receive.frames_in - receive.too_long)
        check("B accepted, as the relay has it", into.packets(Verdict.IN_OK), self.relay.accept)
        gaps = self.b.sc_gaps(self.a.sci)
        check("packet numbers that B saw pass, as the relay has it", gaps.passed, self.relay.passed)
        check("frames that B knows to be lost, as the relay has it", gaps.lost, self.relay.passed - self.relay.accept)
        check("B's port handed on", receive.frames_out + receive.unsent, into.packets(Verdict.IN_OK))
        check("host B received", self.books.received, receive.frames_out)

    def _compare(self, before: tuple[int, int]) -> None:
        after = belongings()
        if after[0] > before[0]:
            self.books.wrong.append(f"descriptors: {after[0]}, half-way {before[0]}")
        if after[1] > before[1] + (32 << 20):
            self.books.wrong.append(f"memory: {after[1] >> 20} MiB, half-way {before[1] >> 20}")


def belongings() -> tuple[int, int]:
    """Descriptors and resident octets of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return len(os.listdir("/proc/self/fd")), pages * resource.getpagesize()
