"""Why this exists: this is the KaY, the Key Agreement Entity of a port: what goes in, what comes out, in one place.

Bytes and the time come in, facts and bytes go out; there is no clock, no socket and no SecY in it (802.1X-2020 9):

    kay = Kay(KayConfig(), sci, os.urandom)
    kay.add_cak(cak, now)
    kay.receive_mkpdu(body, now, source=mac)        # ProtocolError: a peer that holds the CAK is at fault
    kay.handle_timer(now)                           # at kay.next_timer() at the latest
    while (event := kay.next_event()): ...          # SakReady: install it; AllReceiving, ServerTransmitting: go on
    kay.set_sak_use(latest, old, False, False)      # what the SecY has done; peers are told
    for body in kay.pdus_to_send(now): ...

Time is a monotonic number of seconds. If it goes back it is taken to stand still; if it leaps, everything that should
have happened in between is taken to have: peers have not been heard for so long, and are gone.

Each CAK is a participant; they know nothing of each other. One of them is the principal, and it alone makes and takes
SAKs: see `principal`. `participant` has what becomes of an MKPDU, `keyserver` and `keyclient` SAKs, `outcome` what the
port is told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pysec.errors import InvalidIcv, ProtocolError, UsageError
from pysec.mka import status
from pysec.mka.config import NEVER_KEY_SERVER, KayConfig
from pysec.mka.events import (
    Connect,
    Event,
    MkpduRefused,
    ParticipantDeleted,
    PrincipalChanged,
)
from pysec.mka.keys import Cak
from pysec.mka.outcome import Outcome
from pysec.mka.pacing import TokenBucket
from pysec.mka.participant import Participant
from pysec.mka.port import UNUSED_PN, KeyUse, PortState
from pysec.mka.principal import PrincipalChoice
from pysec.mka.sak import Sak
from pysec.types import Ckn, Ki, MacAddress, Sci
from pysec.wire import eapol, mkpdu
from pysec.wire.mkpdu import MkPdu, Peek, Repeat

__all__ = ["Kay", "KayConfig", "KeyUse"]

SakPns = tuple[Ki, int, int]
"""A KI, the lowest PN that was used with it in the last 2 s (0 if none), and the next one."""


# Where the MI stands in a body, and of how many MIs it is remembered what they said.
_MI: Final = slice(12, 24)
_MAX_REPEATS: Final = 128


class Kay:
    """The KaY of one port."""

    participant_type: type[Participant] = Participant

    def __init__(self, config: KayConfig, sci: Sci, rng: Callable[[int], bytes]) -> None:
        """rng gives so many random octets, as os.urandom does."""
        self.config = config
        self.port = PortState(config, sci, rng)
        self.participants: dict[Ckn, Participant] = {}
        self.outcome = Outcome(self.port)
        self._choice = PrincipalChoice(config.life_time_s)
        self._now = float("-inf")
        self._is_stale = True
        """Whether something has happened of which the conclusions are not drawn yet; without it, until ..."""
        self._changes_at: float | None = None
        """... there is nothing to conclude."""
        self._repeats: dict[bytes, Repeat] = {}
        """The last MKPDU of each MI, as far as it was new; only whoever holds a CAK is in here."""
        self._reports = TokenBucket(config.report_burst, config.report_interval_s)
        self.last_refusal = ""

    # ---- CAKs

    def add_cak(
        self,
        cak: Cak,
        now: float,
        *,
        key_server_priority: int | None = None,
        rank: int = 0,
        not_after: float | None = None,
        retained: bool = True,
    ) -> Ckn:
        """Begin to take part with a CAK; its CKN is the name of the participant (802.1X-2020 9.14).

        key_server_priority: instead of the configuration's; with EAP, the one who is not the authenticator has 255.
        rank: among participants with equal key servers the least is preferred, then the newest. not_after: when its
        lifetime ends, on the caller's clock. retained: a pre-shared CAK is; one that is not ends with its last peer.
        UsageError if the CKN is in use, or there are too many.
        """
        now = self._tick(now)
        if cak.ckn in self.participants:
            raise UsageError(f"CAK {cak.ckn}: there is a participant with this CKN")
        if len(self.participants) >= self.config.max_participants:
            raise UsageError(f"CAK {cak.ckn}: there are {len(self.participants)} participants, and no more may be")
        if key_server_priority is not None and not 0 <= key_server_priority <= NEVER_KEY_SERVER:
            raise UsageError(f"key server priority {key_server_priority}, must be 0 to 255")
        self.participants[cak.ckn] = self.participant_type(
            cak,
            self.port,
            now,
            key_server_priority=key_server_priority,
            rank=rank,
            not_after=not_after,
            retained=retained,
        )
        self._conclude(now)
        return cak.ckn

    def remove_cak(self, ckn: Ckn, now: float, reason: str = "removed") -> None:
        """End a participant (802.1X-2020 9.14; UsageError if there is none). The CAK itself is the caller's."""
        now = self._tick(now)
        if ckn not in self.participants:
            raise UsageError(f"CAK {ckn}: there is no participant with this CKN")
        self._delete(self.participants[ckn], reason)
        self._conclude(now)

    def _delete(self, participant: Participant, reason: str) -> None:
        del self.participants[participant.ckn]
        self.port.emit(ParticipantDeleted(reason, participant.ckn))

    def start_hellos(self, now: float) -> None:
        """The link has come up: send at once, and soon again."""
        now = self._tick(now)
        for participant in self.participants.values():
            participant.hello.start(now)

    # ---- receiving

    def receive_mkpdu(
        self, body: bytes, now: float, *, source: MacAddress | None = None, header: bytes | None = None
    ) -> None:
        """Take in the body of an EAPOL-MKA frame (802.1X-2020 11.11.2).

        The ICV covers the 18 octets in front of the body: `header` are those, as they came; without them they are
        taken to be what we would send from `source`, or from the MAC address in the sender's SCI.

        Until the ICV has been verified, a faulty MKPDU costs one look-up and one CMAC, is counted, and is nobody's
        fault: anybody can send it. After that ProtocolError is the fault of a peer that holds the CAK; what it said of
        itself before the fault has been taken in.
        """
        now = self._tick(now)
        repeat = self._repeats.get(bytes(body[_MI]))
        found = None if repeat is None else repeat.peek(body)
        if found is None:
            try:
                repeat, found = None, mkpdu.peek(body)
            except ProtocolError as error:
                return self._refuse("malformed", str(error), source)
        participant = self.participants.get(found.ckn)
        if participant is None:
            return self._refuse("unknown CKN", f"there is no CAK named {found.ckn}", source)
        if header is None:
            header = self._header_of(found, len(body), source)
        if not self.is_authentic(participant, found, header):
            why = f"the ICV does not verify with our CAK named {found.ckn}: the CAKs differ, or it is forged"
            return self._refuse("bad ICV", why, source)
        before = self._state_of(participant)
        try:
            participant.expire(now)
            self.take_in(participant, self._decode(found, repeat, participant.cak.octets), now)
        except ProtocolError as error:
            self._refuse("protocol error", str(error), source)
            raise
        finally:
            self._is_stale = self._is_stale or self._state_of(participant) != before
            self._settle(now)
        return None

    def _decode(self, found: Peek, repeat: Repeat | None, cak_octets: int) -> MkPdu:
        """The contents of an MKPDU whose ICV has been verified; if it says what the one before said, by that."""
        if repeat is not None:
            return repeat.decode(found)
        pdu = mkpdu.decode(found, cak_octets=cak_octets)
        if len(self._repeats) >= _MAX_REPEATS:
            self._repeats.clear()
        self._repeats[pdu.basic.mi.octets] = Repeat(found, pdu)
        return pdu

    def _state_of(self, participant: Participant) -> tuple[int, str | None, int]:
        """What an MKPDU changes, if it changes anything; what the peer says is compared by itself: `is_news`."""
        return participant.peers.changes, self.port.wanted, len(self.port.events)

    def is_authentic(self, participant: Participant, found: Peek, header: bytes) -> bool:
        """Whether the ICV verifies (802.1X-2020 9.4.1). Nothing of the MKPDU has been used before but its CKN."""
        try:
            participant.cak.verify_icv(header + found.covered, found.icv)
        except InvalidIcv:
            return False
        return True

    def take_in(self, participant: Participant, pdu: MkPdu, now: float) -> None:
        """The contents of an MKPDU: peers, then the SAK, then its use, in whatever order the sets came."""
        peer = participant.note_peers(pdu, now)
        if peer is None:
            return
        if pdu.distributed_cak is not None:
            self.port.counters["distributed CAK not taken"] += 1  # group CAKs (802.1X-2020 9.12) are not implemented
        if pdu.distributed_sak is not None:
            participant.elect(now)
            self._choose_principal(now)
            self._say_roles()
            if self._choice.may_lead(participant) and participant.key_client.take(peer, pdu, now):
                self._choose_principal(now, leader=participant)
        participant.note_use(peer, pdu, now)
        self._is_stale = self._is_stale or participant.is_news(peer, pdu)

    def _header_of(self, found: Peek, body_len: int, source: MacAddress | None) -> bytes:
        config = self.config
        return eapol.header(
            min(body_len, eapol.MAX_BODY_OCTETS),
            source or found.basic.sci.mac,
            destination=config.destination,
            ethertype=config.ethertype,
            version=config.eapol_version,
        )

    def _refuse(self, cause: str, why: str, source: MacAddress | None) -> None:
        self.port.counters[cause] += 1
        self.last_refusal = why
        if self._reports.take(self._now):
            self.port.emit(MkpduRefused(why, str(source) if source else "", dict(self.port.counters)))

    # ---- time and sending

    def next_timer(self) -> float | None:
        """When to call handle_timer and pdus_to_send, at the latest; None while there is no CAK."""
        when = self._next_change() if self._is_stale else self._changes_at
        for participant in self.participants.values():
            if when is None or participant.hello.next_at < when:
                when = participant.hello.next_at
        return when

    def _next_change(self) -> float | None:
        """When something happens by itself; hellos are not meant."""
        times = [participant.next_change(self._now) for participant in self.participants.values()]
        times.append(self._choice.next_change())
        return min((when for when in times if when is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Let happen what the time brings."""
        self._settle(self._tick(now))

    def pdus_to_send(self, now: float) -> list[bytes]:
        """The bodies of the MKPDUs that are due; they go in frames as the configuration has them."""
        now = self._tick(now)
        self._settle(now)
        due = [participant for participant in self.participants.values() if participant.hello.is_due(now)]
        if not due:
            return []
        self._is_stale = self._is_stale or any(participant.member.is_worn for participant in due)
        return [participant.send(now, participant is self.principal) for participant in due]

    def next_event(self) -> Event | None:
        """The next of the facts, in their order, or None."""
        return self.port.events.popleft() if self.port.events else None

    def _tick(self, now: float) -> float:
        self._now = max(self._now, now)
        return self._now

    # ---- what the SecY says

    def set_sak_use(self, latest: KeyUse | None, old: KeyUse | None, plain_tx: bool, plain_rx: bool) -> None:
        """What the SecY does now; the peers are told at once if it is something else (802.1X-2020 9.10)."""
        port = self.port
        given = latest, old, plain_tx, plain_rx
        if given == (port.latest, port.old, port.plain_tx, port.plain_rx):
            return
        port.latest, port.old, port.plain_tx, port.plain_rx = given
        for participant in self.participants.values():
            if participant.peers.live:
                participant.hello.hurry(self._now)
        self._conclude(self._now)

    def report_pns(self, latest: SakPns | None = None, old: SakPns | None = None) -> None:
        """How far our transmission has come with each SAK in use (802.1X-2020 9.8, 9.10)."""
        self.port.lowest_pns = {sak[0]: sak[1] or UNUSED_PN for sak in (latest, old) if sak is not None}
        principal, agreed = self.principal, self.agreed_sak
        for sak in (latest, old):
            if sak is None or principal is None or agreed is None or agreed.ki != sak[0]:
                continue
            if sak[2] >= agreed.cipher_suite.pn_space:
                self.port.spent = agreed.ki
            if principal.is_server:
                principal.key_server.check_threshold(sak[2], "our own SecY")
        if self.port.wanted is not None or self.port.spent is not None:
            self._conclude(self._now)

    def request_sak(self, reason: str, now: float) -> None:
        """Ask for a new SAK. It is made as soon as it may be; who is not key server can only wait for one."""
        now = self._tick(now)
        self.port.want_sak(reason)
        self._conclude(now)

    @property
    def why_not_secured(self) -> str:
        """For people; empty if `connect` is SECURE."""
        if self.connect is Connect.SECURE:
            return ""
        if not self.participants:
            return "there is no CAK"
        why = self.outcome.judge(self.principal, self._choice.sak(self._now))[1]
        return f"{why}; {self.last_refusal}" if self.last_refusal and self.principal is None else why

    @property
    def connect(self) -> Connect:
        """How the port may be used, as far as key agreement can tell."""
        return self.outcome.connect

    @property
    def principal(self) -> Participant | None:
        """The participant that has the say (802.1X-2020 9.16)."""
        return self._choice.present

    @property
    def agreed_sak(self) -> Sak | None:
        """The SAK that the principal has made or taken last, whether or not it is in use already."""
        return None if self.principal is None else self.principal.sak

    def status(self, now: float | None = None) -> status.KayStatus:
        """The whole state, for people; as of its last verb, or of a later time."""
        return status.of(self, self._now if now is None else max(now, self._now))

    # ---- from the participants to the port

    def _conclude(self, now: float) -> None:
        """Something has happened."""
        self._is_stale = True
        self._settle(now)

    def _is_due(self, now: float) -> bool:
        """Whether the time has brought something. Peers that were heard since put off what was foreseen, so that is
        looked at again when it comes near: it saves a timer for each Life Time."""
        if self._changes_at is None or self._changes_at <= now:
            return self._changes_at is not None
        if self._changes_at - now < self.config.hello_time_s:
            self._changes_at = self._next_change()
        return False

    def _settle(self, now: float) -> None:
        """Draw the conclusions of whatever has happened, until the state agrees with itself."""
        if not self._is_stale and not self._is_due(now):
            return
        self._end_participants(now)
        for participant in self.participants.values():
            participant.expire(now)
            participant.elect(now)
            participant.key_client.watch(now)
        self._choose_principal(now)
        if self.principal is not None:
            self.principal.key_client.take_up_again()
        self._say_roles()
        if self.principal is not None:
            self.principal.key_server.act(now)
        self.outcome.say_connect(self.principal, self._choice.sak(now))
        self.outcome.say_progress(self.principal)
        self._is_stale, self._changes_at = False, self._next_change()

    def _end_participants(self, now: float) -> None:
        for participant in list(self.participants.values()):
            if participant.not_after is not None and participant.not_after <= now:
                self._delete(participant, "its CAK's lifetime has ended")
            elif not participant.retained and participant.is_abandoned(now):
                self._delete(participant, "no live peer for an MKA Life Time")

    def _choose_principal(self, now: float, leader: Participant | None = None) -> None:
        choice, participants = self._choice, self.participants.values()
        is_other = choice.choose(participants, now) if leader is None else choice.lead(leader, participants, now)
        if is_other:
            why = (
                "no participant has a live peer" if choice.present is None else "it has live peers and the best server"
            )
            self.port.emit(PrincipalChanged(why, None if choice.present is None else choice.present.ckn))

    def _say_roles(self) -> None:
        """Before a SAK is announced: who is key server, and for whom there are to be receive SCs."""
        self.outcome.say_server(self.principal, self._choice.sak(self._now))
        self.outcome.say_scis(self.principal, self.participants.values())
