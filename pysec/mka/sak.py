"""Why this exists: a SAK is known by its key identifier, and a key identifier is never used for two keys.

`Sak` is what a participant remembers of a SAK, `KnownSaks` guards the names, `next_an` chooses the AN, `number_members`
gives the members their SSCIs.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

from pysec.errors import ProtocolError
from pysec.mka.xpn import assign_sscis, sscis_by_position
from pysec.secret import Secret
from pysec.types import An, CipherSuite, ConfidentialityOffset, Ki, Mi, Sci, Ssci


@dataclass(frozen=True, slots=True)
class SakMember:
    """A member by its MI. Its SCI is None as long as it was not heard; its SSCI is None without an XPN suite."""

    mi: Mi
    sci: Sci | None
    ssci: Ssci | None = None


@dataclass(frozen=True, slots=True)
class Sak:
    """A SAK that this participant made or took (802.1X-2020 9.8). Its octets are not here."""

    ki: Ki
    an: An
    cipher_suite: CipherSuite
    confidentiality_offset: ConfidentialityOffset
    server: Sci
    members: tuple[SakMember, ...]
    made_at: float
    reason: str
    wrapped: bytes | None = field(default=None, repr=False)
    """For distribution, if it is we who made it."""
    member_mis: frozenset[Mi] = field(init=False, repr=False, compare=False)
    """The MIs of all members."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "member_mis", frozenset(member.mi for member in self.members))

    @property
    def is_ours(self) -> bool:
        """Whether we made it, under the MI that stands in its KI."""
        return self.wrapped is not None

    @property
    def known_members(self) -> tuple[tuple[Sci, Ssci | None], ...]:
        """The members whose SCI is known."""
        return tuple((member.sci, member.ssci) for member in self.members if member.sci is not None)

    def has_member(self, sci: Sci) -> bool:
        """Whether an SCI is that of a member."""
        return any(member.sci == sci for member in self.members)


class KnownSaks:
    """The KIs that were used, each with something to recognise its SAK by, and the oldest forgotten at the bound."""

    def __init__(self, bound: int, seed: bytes) -> None:
        self._bound, self._seed = bound, seed
        self._seen: OrderedDict[Ki, tuple[bytes, CipherSuite]] = OrderedDict()

    def __contains__(self, ki: Ki) -> bool:
        return ki in self._seen

    def suite_of(self, ki: Ki) -> CipherSuite | None:
        """The cipher suite of a SAK that is remembered."""
        found = self._seen.get(ki)
        return None if found is None else found[1]

    def admit(self, ki: Ki, sak: Secret, suite: CipherSuite) -> bool:
        """Remember a SAK; whether it was known before. ProtocolError if the KI was that of another SAK."""
        print_of_sak = hashlib.blake2b(sak.reveal(), key=self._seed, digest_size=16).digest()
        if (found := self._seen.get(ki)) is not None:
            if found != (print_of_sak, suite):
                raise ProtocolError(f"SAK {ki.mka_text}: this KI has been used for another SAK")
            return True
        self._seen[ki] = print_of_sak, suite
        if len(self._seen) > self._bound:
            self._seen.popitem(last=False)
        return False


def next_an(last: An | None, in_use: Container[An]) -> An | None:
    """The AN for a new SAK: the next that no SA uses (802.1X-2020 9.9); None if all four are in use."""
    an = last.next if last is not None else An(0)
    for _ in range(4):
        if an not in in_use:
            return an
        an = an.next
    return None


def number_by_sci(members: Mapping[Mi, Sci]) -> tuple[SakMember, ...]:
    """The members of a SAK of an XPN suite, their SCIs all known (802.1AE-2018 10.7.13)."""
    sscis = assign_sscis(members.values())
    return tuple(SakMember(mi, sci, sscis[sci]) for mi, sci in members.items())


def number_by_position(
    server: Mi, live: Sequence[Mi], server_ssci: int, scis: Mapping[Mi, Sci]
) -> tuple[SakMember, ...]:
    """The members of a SAK of a version 3 key server, whose SCIs need not all be known (802.1X-2020 11.11.3)."""
    sscis = sscis_by_position(server, live, server_ssci)
    return tuple(SakMember(mi, scis.get(mi), ssci) for mi, ssci in sscis.items())
