"""Why this exists: what must always hold is said once, apart from whatever may happen, and is asked at every step.

The first thing that does not hold ends the run with a `Violation`, in words. The claims:

    pn-reused            the frames that a station sends with a SAK have rising packet numbers, over all its lives
    ki-of-two-saks       a KI never names two SAKs
    retired-key          no data is accepted under a key that the receiver's Controlled Port machine does not use
    port-open            under must-secure the port is never open without protection, nor for longer than one step
                         without a SAK that key agreement stands by, and a transmit SA
    sak-source           a SAK that comes from a peer comes from the key server that was elected
    not-live             whoever is taken to be live was heard, with something new, within an MKA Life Time, and has
                         heard us within two
    storm                nobody sends without measure, or wakes without end
    exception            nothing but ProtocolError leaves a port, and that does not go past `receive`
    not-secured          after the last fault all come to one SAK, and data passes from each to each
    lost-in-calm         on a perfect LAN no frame between those who stay is lost, whatever else happens
    disturbed            what an attacker sends does not change the SAK; what asks for another SAK does
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from pysec.cp import Connect
from pysec.lab.sim.dataplane import ACCEPTED, DataFrame
from pysec.lab.sim.member import Member
from pysec.types import Ki, Mi

# MKPDUs and wake-ups of one member in a second. A burst of 8, ten more, and a ramp are 22.
MOST_FRAMES: Final = 40
MOST_WAKES: Final = 200
# Clocks are compared with this much of tolerance.
_SLACK_S: Final = 0.01


class Violation(Exception):
    """Something that must hold does not."""

    def __init__(self, claim: str, detail: str) -> None:
        super().__init__(f"{claim}: {detail}")
        self.claim, self.detail = claim, detail


class Referee:
    """Watches all members."""

    def __init__(self) -> None:
        self.checks: Counter[str] = Counter()
        self._saks: dict[Ki, str] = {}
        self._next_pns: dict[tuple[str, object], int] = {}
        self._rates: dict[tuple[str, str], tuple[int, int]] = {}
        self._kis_of: dict[tuple[str, int], set[Ki]] = {}
        self.core: set[str] = set()
        """Members between whom no frame may be lost now."""

    # ---- keys and packet numbers

    def key(self, ki: Ki, fingerprint: str) -> None:
        """A data plane has been given a key."""
        known = self._saks.setdefault(ki, fingerprint)
        self.checks["ki-of-two-saks"] += 1
        if known != fingerprint:
            raise Violation("ki-of-two-saks", f"KI {ki.mka_text} names two SAKs")

    def sent(self, member: Member, frame: DataFrame) -> None:
        """A frame goes out. With an XPN suite it is the SSCI that tells two senders with a SAK apart."""
        who = frame.sci if frame.ssci is None else frame.ssci
        self.checks["pn-reused"] += 1
        due = self._next_pns.get((frame.sak, who), 1)
        if frame.pn < due:
            why = f"{member.name} sends PN {frame.pn} with KI {frame.ki.mka_text}; {due - 1} has been used"
            raise Violation("pn-reused", why)
        self._next_pns[frame.sak, who] = frame.pn + 1

    def judged(self, sender: Member, receiver: Member, frame: DataFrame, verdict: str) -> None:
        """A frame has arrived at a member."""
        if verdict is ACCEPTED:
            self._accepted(receiver, frame)
        elif sender.name in self.core and receiver.name in self.core:
            raise Violation("lost-in-calm", f"{sender.name} to {receiver.name}, PN {frame.pn}: {verdict}")

    def _accepted(self, receiver: Member, frame: DataFrame) -> None:
        self.checks["retired-key"] += 1
        ki = receiver.driver.receives(frame.sci, frame.an)
        if ki != frame.ki:
            raise Violation("ki-of-two-saks", f"{receiver.name} took a frame of KI {frame.ki.mka_text} under another")
        if receiver.pae is None or self.is_impeded(receiver):
            return
        if ki not in receiver.wanted_keys():
            raise Violation(
                "retired-key", f"{receiver.name} took data under KI {frame.ki.mka_text}, which it has ended"
            )

    @staticmethod
    def is_impeded(member: Member) -> bool:
        """Whether its data plane did not do what it was told, by our injection, and has not yet come right."""
        trouble = member.driver.trouble
        if not trouble.is_over:
            return True
        if trouble.has_hurt and member.pae is not None and member.pae.installer.settled:
            trouble.has_hurt = False
        return trouble.has_hurt

    # ---- after each step of a member

    def changed(self, member: Member) -> None:
        """A call of a data plane is done, in the middle of a step: never in the clear."""
        controls = member.driver.controls
        self.checks["port-open"] += 1
        if controls.controlled_port_enabled and not controls.protect_frames:
            raise Violation("port-open", f"{member.name}: the port is open in the clear")

    def look(self, member: Member, now: float) -> None:
        """A member has done something, and rests. now: by its own clock."""
        pae = member.pae
        assert pae is not None
        controls = member.driver.controls
        self.checks["port-open"] += 1
        if controls.controlled_port_enabled and not self.is_impeded(member):
            if not controls.protect_frames or member.driver.encoding is None:
                raise Violation("port-open", f"{member.name}: the port is open without a transmit SA")
            if pae.cp.variables.connect is not Connect.SECURE or pae.kay.connect.value != "SECURE":
                raise Violation("port-open", f"{member.name}: the port is open, and key agreement is not SECURE")
        self._sak_source(member)

    def _sak_source(self, member: Member) -> None:
        participant = member.participant
        if participant is None or participant.sak is None:
            return
        seen = self._kis_of.setdefault((member.name, member.lives), set())
        ki = participant.sak.ki
        if ki in seen:
            return
        seen.add(ki)
        self.checks["sak-source"] += 1
        server = participant.server
        if server is None or server.mi != ki.mi:
            raise Violation("sak-source", f"{member.name} uses a SAK of somebody else than its key server")

    def liveness(self, member: Member, now: float, ages: dict[Mi, float]) -> None:
        """Who is live to a member. ages: for some MIs, how long ago that was sent by the member which they have heard
        last."""
        participant = member.participant
        if participant is None:
            return
        life = participant.port.config.life_time_s
        for peer in participant.peers.live:
            self.checks["not-live"] += 1
            heard = member.heard_at.get(peer.mi)
            if heard is None or now - heard > life + _SLACK_S:
                raise Violation(
                    "not-live", f"{member.name} holds {peer.sci} to be live, and has not heard it for {life} s"
                )
            age = ages.get(peer.mi, 0.0)
            if age > 2 * life + _SLACK_S:
                why = f"{member.name} holds {peer.sci} to be live, which has not heard it for {age:.1f} s"
                raise Violation("not-live", why)

    def count(self, member: Member, what: str, now: float, most: int) -> None:
        """Something that may not happen too often."""
        key, second = (member.name, what), int(now)
        at, number = self._rates.get(key, (second, 0))
        number = number + 1 if at == second else 1
        self._rates[key] = second, number
        if number > most:
            raise Violation("storm", f"{member.name}: more than {most} {what} in a second")

    # ---- all together

    def why_apart(self, members: list[Member]) -> str:
        """Why data does not pass from each member to each under one SAK; empty if it does."""
        kis = {member.name: member.is_sending_with for member in members}
        for member in members:
            if kis[member.name] is None:
                state = "its process does not run" if member.pae is None else member.pae.status().in_words()
                return f"{member.name} does not send: {state}"
        if len(set(kis.values())) > 1:
            return "they send with different SAKs: " + ", ".join(
                f"{name} {ki.mka_text}" for name, ki in kis.items() if ki is not None
            )
        for sender in members:
            an = sender.driver.encoding_an
            for receiver in members:
                if receiver is not sender and receiver.driver.receives(sender.sci, an) != kis[sender.name]:
                    return f"{receiver.name} does not receive what {sender.name} sends"
        return ""
