"""Why this exists: hello after hello a station says the same but for its numbers, and to put each MKPDU together, or
take it apart, from nothing is most of what a port costs that is up.

The numbers that are others each time are the sender's MN, those that it has heard of its peers, and its packet
numbers. `Outline` knows where they stand in an encoded MKPDU: it fills others in, and finds them in an MKPDU that is
the same otherwise. `Repeat` reads such an MKPDU by the one before it. Neither says anything that `encode` and `decode`
would not; for whatever is not the same they have no answer, and those two have to do it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from struct import Struct
from typing import Final

from pysec.types import PN_SPACE
from pysec.wire.mkpdu import sets
from pysec.wire.mkpdu.decode import Peek
from pysec.wire.mkpdu.sets import ICV_OCTETS, NO_KI, BasicSet, KiPn, MkPdu, PeerEntry, PeerList, Xpn

_MN_AT: Final = 24
_NO_KI: Final = NO_KI.octets
# Whose numbers they are, in the order of the wire; the two halves of a packet number stand apart.
MN, LIVE, POTENTIAL, LATEST_LOW, OLD_LOW, LATEST_HIGH, OLD_HIGH = range(7)


def _places(covered: bytes) -> Iterator[tuple[int, int]]:
    """What stands where: the numbers of an MKPDU that `decode` takes, less its ICV."""
    yield MN, _MN_AT
    at = 0
    while at < len(covered):
        kind, length = covered[at], (covered[at + 2] & 0x0F) << 8 | covered[at + 3]
        start = at + 4
        if at and kind in (sets.LIVE_PEERS, sets.POTENTIAL_PEERS):
            role = LIVE if kind == sets.LIVE_PEERS else POTENTIAL
            yield from ((role, place) for place in range(start + 12, start + length, 16))
        elif at and kind == sets.SAK_USE and length:
            for role, key in ((LATEST_LOW, start), (OLD_LOW, start + 20)):
                if covered[key : key + 16] != _NO_KI:
                    yield role, key + 16
        elif at and kind == sets.XPN:
            yield from ((LATEST_HIGH, start), (OLD_HIGH, start + 4))
        at = start + length + -length % 4


class Outline:
    """An MKPDU without its ICV, and where its numbers stand."""

    __slots__ = ("_layout", "_parts", "roles")

    def __init__(self, covered: bytes) -> None:
        """covered: a body less its ICV, of which `decode` makes an MKPDU."""
        places = sorted(_places(covered), key=lambda place: place[1])
        self.roles: Final = tuple(role for role, _ in places)
        form, at = ">", 0
        for _, place in places:
            form += f"{place - at}sI"
            at = place + 4
        self._layout: Final = Struct(f"{form}{len(covered) - at}s")
        self._parts: Final = self._layout.unpack(covered)

    def fill(self, mn: int, live: Iterable[int], potential: Iterable[int], latest_pn: int, old_pn: int) -> bytes:
        """The same with other numbers, less its ICV: as many of peers as it had."""
        lives, potentials = iter(live), iter(potential)
        parts = list(self._parts)
        for index, role in enumerate(self.roles):
            if role == MN:
                number = mn
            elif role == LIVE:
                number = next(lives)
            elif role == POTENTIAL:
                number = next(potentials)
            elif role in (LATEST_LOW, LATEST_HIGH):
                number = latest_pn % PN_SPACE if role == LATEST_LOW else latest_pn // PN_SPACE
            else:
                number = old_pn % PN_SPACE if role == OLD_LOW else old_pn // PN_SPACE
            parts[2 * index + 1] = number
        return self._layout.pack(*parts)

    def numbers(self, covered: bytes) -> tuple[int, ...] | None:
        """The numbers of another MKPDU, as `roles` has them; None if it is not the same in all else."""
        if len(covered) != self._layout.size:
            return None
        parts = self._layout.unpack(covered)
        return parts[1::2] if parts[::2] == self._parts[::2] else None


class Repeat:
    """An MKPDU that was read, to read those by it that say the same."""

    __slots__ = ("_basic_octets", "_of", "_outline", "_pdu")

    def __init__(self, found: Peek, pdu: MkPdu) -> None:
        """What `peek` and `decode` have made of it."""
        self._outline = Outline(found.covered)
        self._pdu, self._basic_octets = pdu, found.basic_octets
        roles = self._outline.roles
        # The numbers of one set stand together.
        self._of = [
            slice(roles.index(r), roles.index(r) + roles.count(r)) if r in roles else slice(0) for r in range(7)
        ]

    def peek(self, body: bytes) -> Peek | None:
        """As `mkpdu.peek`; None if it says anything else than the one before."""
        covered = bytes(body[:-ICV_OCTETS])
        numbers = self._outline.numbers(covered)
        if numbers is None:
            return None
        b = self._pdu.basic
        basic = BasicSet(
            b.key_server_priority,
            b.is_key_server,
            b.macsec_desired,
            b.macsec_capability,
            b.sci,
            b.mi,
            numbers[0],
            b.agility,
            b.ckn,
        )
        return Peek(self._pdu.version, basic, covered, bytes(body[-ICV_OCTETS:]), self._basic_octets)

    def decode(self, found: Peek) -> MkPdu:
        """As `mkpdu.decode`, of what this `peek` has given."""
        numbers = self._outline.numbers(found.covered)
        assert numbers is not None
        p, of = self._pdu, self._of
        xpn, use = p.xpn, p.sak_use
        if xpn is not None:
            (latest_high,), (old_high,) = numbers[of[LATEST_HIGH]], numbers[of[OLD_HIGH]]
            if (latest_high, old_high) != (xpn.latest_high, xpn.old_high):
                xpn = Xpn(xpn.suspension_time_s, latest_high, old_high)
        if use is not None:
            latest = _with_pn(use.latest, numbers[of[LATEST_LOW]])
            old = _with_pn(use.old, numbers[of[OLD_LOW]])
            if latest is not use.latest or old is not use.old:
                use = replace(use, latest=latest, old=old)
        return MkPdu(
            p.version,
            found.basic,
            _with_mns(p.live, numbers[of[LIVE]]),
            _with_mns(p.potential, numbers[of[POTENTIAL]]),
            use,
            p.distributed_sak,
            p.distributed_cak,
            p.kmd,
            p.announcement,
            xpn,
            p.icv_indicator,
            p.unknown,
        )


def _with_mns(peers: PeerList | None, mns: tuple[int, ...]) -> PeerList | None:
    if peers is None:
        return None
    entries = tuple(PeerEntry(entry.mi, mn) for entry, mn in zip(peers.peers, mns, strict=True))
    return PeerList(entries, peers.key_server_ssci)


def _with_pn(key: KiPn | None, pn: tuple[int, ...]) -> KiPn | None:
    if key is None or key.lowest_pn == pn[0]:
        return key
    return KiPn(key.ki, pn[0])
