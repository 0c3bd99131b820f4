"""Why this exists: all the parts of the simulation meet here, and here only: one loop, one clock, three acts.

    chaos     the LAN is as bad as the scenario has it, and faults come as it has them
    healing   no fault any more: within `HEALED_WITHIN_S` all must have come to one SAK
    calm      a perfect LAN; members come, go and roll their keys, an attacker replays: not a frame may be lost

A step is one verb of one port: a frame that arrived, a timer, a request. After each the referee looks, and whoever has
called its data plane in that step sends data at once, for what goes wrong in a rollover goes wrong in between.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from pysec.cp import State
from pysec.lab.sim import calm, faults
from pysec.lab.sim.dataplane import DataFrame, Killed, SimDriver
from pysec.lab.sim.lan import Lan, Timeline
from pysec.lab.sim.member import MakePort, Member
from pysec.lab.sim.referee import MOST_FRAMES, MOST_WAKES, Referee, Violation
from pysec.lab.sim.scenario import Scenario, Station
from pysec.mka.keys import Cak
from pysec.pae import PortAccessEntity, PortEvent
from pysec.secret import Secret
from pysec.types import Ckn, Mi

HEALED_WITHIN_S: Final = 45.0
DATA_EVERY_S: Final = 0.5
_FINEST_S: Final = 0.001
_RECORDED: Final = 300
_CKN: Final = Ckn(b"simulated")

Verb = Callable[[PortAccessEntity, float], None]
Tell = Callable[[float, str, str, object], None]


@dataclass(frozen=True, slots=True)
class Sent:
    """An MKPDU as its sender sent it."""

    at: float
    sender: str
    mi: Mi | None
    mn: int
    frame: bytes


class World:
    """One run of one scenario."""

    def __init__(self, scenario: Scenario, make_port: MakePort = PortAccessEntity, tell: Tell | None = None) -> None:
        """tell: takes what happens: when, to whom, in words, and the port's event or None. make_port: makes a port,
        as `PortAccessEntity` does."""
        self.scenario, self._make_port, self._tell = scenario, make_port, tell
        self.rng = random.Random(f"world/{scenario.seed}")  # noqa: S311 - a run is to be repeated
        self.timeline = Timeline()
        self.faults: Counter[str] = Counter()
        self.lan = Lan(self.timeline, random.Random(f"lan/{scenario.seed}"), self.faults)  # noqa: S311 - as above
        self.referee = Referee()
        self.members: list[Member] = []
        self.recorded: deque[Sent] = deque(maxlen=_RECORDED)
        self.healed_after_s = 0.0
        self.took_s: dict[str, float] = {}
        self.is_healed = False
        self.counts: Counter[str] = Counter()
        self._waiting = list(scenario.stations)
        self._cak = Cak.from_octets(Secret(bytes(range(scenario.cak_octets))), _CKN)

    # ---- telling

    def note(self, who: str, text: str, event: object = None) -> None:
        """Something for the trace."""
        if self._tell is not None:
            self._tell(self.timeline.now, who, text, event)

    def fault(self, what: str, who: str, text: str = "") -> None:
        """Something was injected."""
        self.faults[what] += 1
        self.note(who, f"INJECTED {what}{': ' if text else ''}{text}")

    # ---- members

    def join(self, station: Station | None = None) -> Member | None:
        """The next station that waits comes to the LAN; None if there is none."""
        if not self._waiting:
            return None
        made = self._waiting.pop(0)
        name = chr(ord("A") + len(self.members))
        member = Member(name, station or made, self._driver(name, made))
        self.members.append(member)
        self.start(member)
        return member

    def next_station(self) -> Station | None:
        """Who would join next."""
        return self._waiting[0] if self._waiting else None

    def _driver(self, name: str, station: Station) -> SimDriver:
        def changed() -> None:
            member = next((one for one in self.members if one.name == name), None)
            if member is not None:
                self.referee.changed(member)

        return SimDriver(station.sci, self.referee.key, changed)

    def start(self, member: Member) -> None:
        """A new process for a member."""
        self.note(member.name, f"starts: {member.sci}, priority {member.station.config.kay.key_server_priority}")
        member.is_on = True
        member.start(f"member/{self.scenario.seed}", self._cak, self.timeline.now, self._make_port)
        self.do(member, lambda pae, now: None)

    def stop(self, member: Member, why: str, *, switch_off: bool, for_good: bool = False) -> None:
        """A process ends without a word. switch_off: its data plane too, and what that remembers."""
        self.note(member.name, why)
        member.is_gone = for_good
        member.pae, member.wake_at = None, float("inf")
        self.referee.core.discard(member.name)
        if switch_off:
            member.is_on = False
            member.driver = self._driver(member.name, member.station)
            member.calls_seen = 0

    def running(self) -> list[Member]:
        """The members whose process runs."""
        return [member for member in self.members if member.pae is not None]

    def key_server(self) -> Member | None:
        """Who holds itself to be the key server, if it is one."""
        found = [m for m in self.running() if (p := m.participant) is not None and p.is_server and p.peers.live]
        return found[0] if len(found) == 1 else None

    # ---- one step

    def do(self, member: Member, verb: Verb) -> None:
        """A verb of a member's port, and all that follows from it."""
        pae = member.pae
        if pae is None or member.is_paused:
            return
        true = self.timeline.now
        now = true + member.offset
        try:
            verb(pae, now)
            frames = pae.frames_to_send(now)
        except Killed:
            self.faults["process killed between two driver calls"] += 1
            self._hear(member)
            self.stop(member, "KILLED between two calls of its data plane", switch_off=False)
            self.timeline.after(self.rng.uniform(0.05, 8), lambda: self._restart(member))
            return
        except Violation:
            raise
        except Exception as error:
            raise Violation("exception", f"{member.name}: {type(error).__name__}: {error}") from error
        self.counts["steps"] += 1
        for frame in frames:
            self._broadcast(member, frame)
        self._hear(member)
        self.referee.look(member, now)
        if len(member.driver.calls) != member.calls_seen:
            member.calls_seen = len(member.driver.calls)
            self._send_data(member)
        self._arm(member, now)

    def _restart(self, member: Member) -> None:
        if member.pae is None and not member.is_gone:
            self.start(member)

    def after_in_chaos(self, seconds: float, act: Callable[[], object]) -> None:
        """Plan something that does not come any more once the healing has begun."""
        self.timeline.after(seconds, lambda: None if self.is_healed else act())

    def _hear(self, member: Member) -> None:
        assert member.pae is not None
        event: PortEvent | None
        while (event := member.pae.next_event()) is not None:
            if self._tell is not None:
                self._tell(self.timeline.now, member.name, str(event), event)

    def _arm(self, member: Member, now: float) -> None:
        assert member.pae is not None
        at = member.pae.next_timer()
        if at is None:
            return
        true = self.timeline.now + max(at - now, _FINEST_S)
        if member.wake_at <= true:
            return
        self._wake_at(member, true)

    def _wake_at(self, member: Member, when: float) -> None:
        member.wake_at = when
        member.wake_id += 1
        wake_id = member.wake_id
        self.timeline.at(when, lambda: self._wake(member, wake_id))

    def _wake(self, member: Member, wake_id: int) -> None:
        if member.wake_id != wake_id or member.pae is None:
            return
        member.wake_at = float("inf")
        self.referee.count(member, "wake-ups", self.timeline.now, MOST_WAKES)
        self.do(member, lambda pae, now: pae.handle_timer(now))

    def wake(self, member: Member) -> None:
        """Its clock was set, or it was paused: its timer is set anew."""
        self._wake_at(member, self.timeline.now)

    # ---- frames

    def _broadcast(self, member: Member, frame: bytes) -> None:
        participant = member.participant
        mi, mn = (None, 0) if participant is None else (participant.member.mi, participant.member.mn)
        sent = Sent(self.timeline.now, member.name, mi, mn, frame)
        self.recorded.append(sent)
        self.counts["MKPDUs"] += 1
        self.referee.count(member, "MKPDUs", self.timeline.now, MOST_FRAMES)
        for other in self.members:
            if other is not member:
                self.lan.carry(member.name, other.name, partial(self.deliver, other, sent))

    def deliver(self, member: Member, sent: Sent) -> None:
        """An MKPDU arrives, for the first time or again."""
        if member.pae is None or not member.pae.cp.variables.port_enabled:
            return
        if member.is_paused:
            self.timeline.after(0.1, lambda: self.deliver(member, sent))
            return
        if sent.mi is not None and sent.mn > member.heard_mn.get(sent.mi, 0):
            member.heard_mn[sent.mi] = sent.mn
            member.heard_at[sent.mi] = self.timeline.now + member.offset
            member.took_at[sent.sender] = max(sent.at, member.took_at.get(sent.sender, sent.at))
        self.counts["MKPDUs delivered"] += 1
        self.do(member, lambda pae, now: pae.receive(sent.frame, now))

    def forge(self, member: Member, frame: bytes) -> None:
        """A frame arrives that nobody has sent."""
        self.do(member, lambda pae, now: pae.receive(frame, now))

    def _send_data(self, member: Member) -> None:
        if not member.is_on:
            return
        frame = member.driver.send()
        if frame is None:
            if member.name in self.referee.core and len(self.referee.core) > 1:
                raise Violation("lost-in-calm", f"{member.name}: its port is closed")
            return
        self.referee.sent(member, frame)
        self.counts["data frames"] += 1
        for other in self.members:
            if other is not member:
                self.lan.carry(member.name, other.name, partial(self._data_arrives, member, other, frame))

    def _data_arrives(self, sender: Member, receiver: Member, frame: DataFrame) -> None:
        if not receiver.is_on:
            return
        verdict = receiver.driver.receive(frame)
        self.counts[f"data {verdict}"] += 1
        self.referee.judged(sender, receiver, frame, verdict)

    def _tick(self) -> None:
        for member in self.members:
            self._send_data(member)
            if member.pae is not None and not member.is_paused:
                self._ask_who_is_live(member)
        self.timeline.after(DATA_EVERY_S, self._tick)

    def _ask_who_is_live(self, member: Member) -> None:
        own = member.participant
        if own is None or member.clock_was_set:
            return
        true = self.timeline.now
        ages: dict[Mi, float] = {}
        if len(self.members) == 2:  # of three, one may speak for another (802.1X-2020 9.4.3)
            for other in self.running():
                if other is not member and (peer := other.participant) is not None:
                    ages[peer.member.mi] = true - other.took_at.get(member.name, -1000.0)
        self.referee.liveness(member, true + member.offset, ages)

    # ---- the three acts

    def run(self) -> None:
        """The whole of it. Violation at the first thing that does not hold."""
        self._chaos()
        self._heal()
        calm.run(self)

    def _chaos(self) -> None:
        scenario = self.scenario
        self.lan.quality = scenario.quality
        self.note("LAN", f"{scenario.quality}")
        spread = self.rng.choice((0.0, 0.5, 5.0))
        for _ in range(scenario.members):
            self.timeline.at(self.rng.uniform(0, spread), self.join)
        for planned in scenario.faults:
            self.timeline.at(planned.at, partial(faults.inject, self, planned.what))
        self.timeline.at(0.1, self._tick)
        self.timeline.run_until(scenario.chaos_s)

    def _heal(self) -> None:
        self.note("LAN", "HEALED: from here on no frame is lost, doubled or overtaken, and nothing is injected")
        self.lan.heal()
        self.is_healed = True
        for member in self.members:
            member.driver.trouble.end()
            if member.is_paused:
                faults.resume(self, member)
            if member.pae is None:
                self._restart(member)
            else:
                self.do(member, lambda pae, now: pae.set_port_enabled(True, now))
        while len([member for member in self.members if member.is_on]) < 2 and self.join():
            pass
        self.healed_after_s = self.until_one_sak(HEALED_WITHIN_S, "after the healing")

    def until_one_sak(self, within_s: float, when: str) -> float:
        """Let time pass until all have come to one SAK, and for 1 s more; how long that took."""
        begun = self.timeline.now
        while why := self.referee.why_apart(self.present()):
            if self.timeline.now - begun > within_s:
                raise Violation("not-secured", f"{when}, for {within_s:g} s: {why}")
            self.timeline.run_until(self.timeline.now + 0.1)
        return self.timeline.now - begun

    def _is_sak_wanted(self) -> bool:
        """Whether a key server has been asked for a SAK, and may not make it yet."""
        return any(
            (p := member.participant) is not None and p.is_server and p.port.wanted is not None
            for member in self.running()
        )

    def _is_anybody_missed(self) -> bool:
        """Whether somebody takes a member to be live that is not there any more."""
        mis = {p.member.mi for member in self.running() if (p := member.participant) is not None}
        live = {peer.mi for m in self.running() if (p := m.participant) is not None for peer in p.peers.live}
        return not live <= mis

    def present(self) -> list[Member]:
        """The members that are switched on."""
        return [member for member in self.members if member.is_on]

    def until_rest(self, within_s: float) -> None:
        """Let time pass until nobody has anything left to do: every SAK but one has been retired."""
        end = self.timeline.now + within_s
        while self.timeline.now < end:
            states = {member.pae.cp.state for member in self.present() if member.pae is not None}
            is_worn = any(member.driver.is_worn for member in self.present())
            if states == {State.RETIRE} and not (is_worn or self._is_sak_wanted() or self._is_anybody_missed()):
                return
            self.timeline.run_until(self.timeline.now + 0.25)
