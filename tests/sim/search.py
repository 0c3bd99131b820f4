"""Every way that two ports and a lossy link can take with so many faults: the real engines, not a model of them.

A state is two ports with their data planes, and the MKPDUs that are under way. From each, every one of these is tried:

    deliver    the oldest MKPDU on its way to a port arrives
    lose       it does not: a fault; that the next in the same direction is lost, too, is no further fault but a cut
    duplicate  it arrives, and once more later: a fault
    timer      time goes on to the next timer of either port; with something under way still, a fault: it is delayed

States with the same canonical form are one (`fork`). Those that fewer faults lead to are looked at first, so that the
search ends with a sentence: all ways with so many faults, in so many seconds. From each state the link is healed as
well: then both must come to one SAK, and stay with it, or there is a deadlock. Nothing may be refused by a data plane,
as it would be if a packet number came twice, and a KI must name one SAK only.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pysec.drivers import FakeDriver
from pysec.mka.config import KayConfig
from pysec.mka.keys import Cak
from pysec.pae import PaeConfig, PortAccessEntity
from pysec.secret import Secret
from pysec.types import CipherSuite, Ckn, Ki, Mi, Sci
from pysec.wire import mkpdu
from tests.sim.fork import Canonical, fork

MOST_UNDER_WAY = 2
HEALED_WITHIN_S = 45.0
STEADY_S = 7.0
_EAPOL_HEADER = 18


class Draws:
    """Octets that can be had again, and copied with the state."""

    def __init__(self, seed: str) -> None:
        self._seed, self._n = seed, 0

    def __call__(self, octets: int) -> bytes:
        self._n += 1
        return hashlib.blake2b(f"{self._seed}/{self._n}".encode(), digest_size=octets).digest()


@dataclass
class State:
    """Two ports and what is under way: to port 0, and to port 1; the number says how often it may still arrive."""

    ports: list[PortAccessEntity]
    drivers: list[FakeDriver]
    under_way: list[list[tuple[bytes, int]]]
    now: float = 1000.0
    saks: dict[Ki, bytes] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    is_cut: list[bool] = field(default_factory=lambda: [False, False])
    """Whether the last MKPDU to a port was lost."""

    def fork(self) -> State:
        """A copy that can go another way."""
        memo: dict[int, object] = {}
        drivers = [fork(driver, memo) for driver in self.drivers]
        ports = [fork(port, memo) for port in self.ports]
        queues = [list(queue) for queue in self.under_way]
        return State(ports, drivers, queues, self.now, dict(self.saks), list(self.faults), list(self.is_cut))

    def key(self) -> bytes:
        """What the state is."""
        members: dict[Mi, tuple[int, int]] = {}
        for port in self.ports:
            (participant,) = port.kay.participants.values()
            members[participant.member.mi] = participant.member.mn, participant.key_server._kn
        form = Canonical(self.now, members)
        wire = tuple(
            tuple((form.of(mkpdu.decode(frame[_EAPOL_HEADER:])), left) for frame, left in queue)
            for queue in self.under_way
        )
        said = repr((form.of(self.ports), form.of(self.drivers), wire, self.is_cut))
        return hashlib.blake2b(said.encode(), digest_size=16).digest()

    # ---- what may happen

    def pump(self) -> None:
        """Let both ports say what they have to say, and use their keys."""
        for index, port in enumerate(self.ports):
            for frame in port.frames_to_send(self.now):
                queue = self.under_way[1 - index]
                queue.append((frame, 1))
                del queue[:-MOST_UNDER_WAY]
            while (event := port.next_event()) is not None:
                if event.name == "step-refused":
                    self.faults.append(f"port {index}: {event.reason}")
            self._use_keys(index)

    def _use_keys(self, index: int) -> None:
        driver = self.drivers[index]
        for ki in driver._keys:
            octets = bytes(driver._history[ki][0].reveal())
            if self.saks.setdefault(ki, octets) != octets:
                self.faults.append(f"port {index}: KI {ki.mka_text} names two SAKs")
        ki = driver.encoding
        if ki is not None and driver.port_open and driver._history[ki][1] == 1:
            driver.sent()
        controls = driver.read().controls
        if controls.controlled_port_enabled and (ki is None or not controls.protect_frames):
            self.faults.append(f"port {index}: is open without an SA")

    def deliver(self, index: int, keep: bool) -> None:
        """The oldest MKPDU to a port arrives."""
        frame, left = self.under_way[index].pop(0)
        if keep:
            self.under_way[index].append((frame, left - 1))
        self.ports[index].receive(frame, self.now)
        self.pump()

    def next_time(self) -> float:
        """When something happens by itself."""
        times = [at for port in self.ports if (at := port.next_timer()) is not None]
        return max(min(times), self.now + 0.001)

    def timer(self) -> None:
        """Time goes on."""
        self.now = self.next_time()
        for port in self.ports:
            if (at := port.next_timer()) is not None and at <= self.now:
                port.handle_timer(self.now)
        self.pump()

    @property
    def is_secured(self) -> bool:
        """Whether both send with one SAK, and receive with it."""
        first, second = self.drivers
        ki = first.encoding
        if ki is None or ki != second.encoding or not (first.port_open and second.port_open):
            return False
        in_use = [{sa.ki for sa in driver.read().sas if not sa.transmit and sa.in_use} for driver in self.drivers]
        return all(ki in kis for kis in in_use)

    def futures(self) -> Iterator[tuple[str, int, State]]:
        """Every state that may come next, by what, and whether that is a fault."""
        for index in (0, 1):
            queue = self.under_way[index]
            if not queue:
                continue
            after = self.fork()
            after.deliver(index, keep=False)
            after.is_cut[index] = False
            yield f"deliver to {index}", 0, after
            after = self.fork()
            del after.under_way[index][0]
            after.is_cut[index] = True
            yield f"lose to {index}", int(not self.is_cut[index]), after
            if queue[0][1] > 0:
                after = self.fork()
                after.deliver(index, keep=True)
                after.is_cut[index] = False
                yield f"duplicate to {index}", 1, after
            break  # what arrives at one port does not touch the other: one order stands for both
        after = self.fork()
        after.timer()
        yield "timer", int(any(self.under_way)), after


def begin(port_type: Callable[..., PortAccessEntity] = PortAccessEntity, *, ask_again: bool = False) -> State:
    """Two ports that have just been switched on. ask_again: that are secured, and both of them ask for a new SAK."""
    kay = KayConfig(cipher_suites=(CipherSuite.GCM_AES_128,), ramp_up_s=(), announce_cipher_suites=False)
    ports, drivers = [], []
    for index in (0, 1):
        sci = Sci.of(f"02000000000{index}", 1)
        driver = FakeDriver(sci)
        port = port_type(PaeConfig(kay=kay), sci, driver, Draws(str(index)), 1000.0)
        cak = Cak.from_octets(Secret(bytes(range(16))), Ckn(b"searched"))
        port.add_cak(cak, 1000.0)
        port.set_port_enabled(True, 1000.0)
        ports.append(port)
        drivers.append(driver)
    state = State(ports, drivers, [[], []])
    state.pump()
    if ask_again:
        assert heal(state, set())
        for port in state.ports:
            port.request_sak("both at once", state.now)
        state.pump()
    return state


def heal(state: State, known_good: set[bytes]) -> bool:
    """From here on every MKPDU arrives at once: whether both come to one SAK, and have one STEADY_S later. Of the
    states on the way the same is known then."""
    state.is_cut = [False, False]
    begun, way = state.now, []
    secured_since: float | None = None
    while state.now - begun < HEALED_WITHIN_S:
        while any(state.under_way):
            state.deliver(0 if state.under_way[0] else 1, keep=False)
        secured_since = (secured_since or state.now) if state.is_secured else None
        key = state.key()
        if key in known_good or (secured_since is not None and state.now - secured_since >= STEADY_S):
            known_good.update(way)
            return True
        way.append(key)
        state.timer()
    return False


@dataclass
class Found:
    """What a search came to: every way with `all_faults` faults or fewer was gone, up to the horizon."""

    states: int = 0
    transitions: int = 0
    steps: int = 0
    all_faults: int = 0
    secured: int = 0
    problem: str = ""
    way: tuple[str, ...] = ()

    def in_words(self) -> str:
        """One line, or the problem and the way to it."""
        if self.problem:
            return f"FAILED after {self.states} states: {self.problem}\n    " + "\n    ".join(self.way)
        return (
            f"{self.states} states, {self.transitions} transitions, up to {self.steps} steps; every way with "
            f"{self.all_faults} faults or fewer, and part of those with {self.all_faults + 1}; no deadlock, no reuse"
        )


def search(start: State, most_states: int, horizon_s: float = 12.0) -> Found:
    """Look at so many states at most, or until something is wrong."""
    found, begun, planned = Found(), start.now, 0
    good: set[bytes] = set()
    least: dict[bytes, int] = {start.key(): 0}
    todo: list[tuple[int, int, int, bytes, State, tuple[str, ...]]] = [(0, 0, 0, start.key(), start, ())]
    done: set[bytes] = set()
    while todo and found.states < most_states:
        faults, steps, _, key, state, way = heapq.heappop(todo)
        found.all_faults = faults - 1
        if key in done:
            continue
        done.add(key)
        found.states, found.secured = found.states + 1, found.secured + state.is_secured
        found.steps = max(found.steps, steps)
        healed = state.fork()
        if key not in good and not (heal(healed, good) and not healed.faults):
            found.problem = next(iter(healed.faults), "deadlock: the healed link does not come to one SAK")
            found.way = way
            return found
        good.add(key)
        for name, cost, after in state.futures():
            found.transitions += 1
            if after.faults:
                found.problem, found.way = after.faults[0], (*way, name)
                return found
            after_key = after.key()
            if after.now - begun <= horizon_s and faults + cost < least.get(after_key, 1_000_000):
                least[after_key] = faults + cost
                planned += 1
                heapq.heappush(todo, (faults + cost, steps + 1, planned, after_key, after, (*way, name)))
    if not todo:
        found.all_faults = 1_000_000
    return found
