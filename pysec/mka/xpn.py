"""Why this exists: with extended packet numbering every member must form the same salt and number the senders
alike, or no frame verifies.

Two small rules, from the key server's choice of SAK to what a SecY is given with it. Both are pure functions; MKA
and the tools share them. The short names are those of 802.1AE-2018 7.1.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pysec.errors import UsageError
from pysec.types import PN_SPACE, Mi, Sci, Ssci

SALT_OCTETS = 12


def xpn_salt(mi: bytes, kn: int) -> bytes:
    """The 96-bit Salt of a SAK, from its key server's Member Identifier and its Key Number (802.1AE-2018 10.7.28).

    The first 16 bits of the MI are combined with the low half of the KN and the next 16 with its high half, by
    exclusive or; the other 64 bits are the MI's own. UsageError if the MI has not 12 octets or the KN not 32 bits.
    """
    if len(mi) != SALT_OCTETS or not 0 <= kn < PN_SPACE:
        raise UsageError("XPN salt: needs an MI of 12 octets and a KN of 32 bits")
    halves = (kn & 0xFFFF) << 16 | kn >> 16
    return (int.from_bytes(mi[:4], "big") ^ halves).to_bytes(4, "big") + bytes(mi[4:])


def assign_sscis(scis: Iterable[Sci]) -> dict[Sci, Ssci]:
    """The SSCI of every SCI that uses one SAK (802.1AE-2018 10.7.13): the greatest SCI has 1, the next 2, and so on.

    UsageError if an SCI comes twice: it would count, and move all that follow.
    """
    given = list(scis)
    if len(set(given)) != len(given):
        raise UsageError("SSCI: the same SCI is given twice")
    return {sci: Ssci(place) for place, sci in enumerate(sorted(given, reverse=True), start=1)}


def sscis_by_position(key_server: Mi, live: Sequence[Mi], key_server_ssci: int) -> dict[Mi, Ssci]:
    """The SSCIs that a version 3 key server tells (802.1X-2020 11.11.3): by place, so SCIs need not be known.

    `live` are the live peers in the order of its MKPDU, which is that of their SSCIs; its own number is left out of
    theirs. `assign_sscis` gives the same to whoever knows all SCIs. UsageError if a member comes twice, or the key
    server's number is not one of 1 to the number of members.
    """
    if len({key_server, *live}) != len(live) + 1:
        raise UsageError("SSCI: the same member is given twice")
    if not 1 <= key_server_ssci <= len(live) + 1:
        raise UsageError(f"SSCI: the key server's {key_server_ssci} is not one of 1 to {len(live) + 1}")
    members = [*live[: key_server_ssci - 1], key_server, *live[key_server_ssci - 1 :]]
    return {mi: Ssci(place) for place, mi in enumerate(members, start=1)}
