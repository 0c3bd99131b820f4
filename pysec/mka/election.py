"""Why this exists: all members must come to the same key server by themselves, or two of them distribute SAKs.

The rule (802.1X-2020 9.5): of the live members that are willing, the one with the numerically least key server
priority; among equals, that with the least SCI, all 8 octets of it, for one MAC address may have several ports. A
member with priority 255 is never key server. One that does not set its Key Server flag has chosen another, and is not
willing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pysec.mka.config import NEVER_KEY_SERVER
from pysec.types import Mi, Sci


@dataclass(frozen=True, slots=True)
class Candidate:
    """A live member, as the election sees it."""

    priority: int
    sci: Sci
    mi: Mi
    is_willing: bool

    @property
    def rank(self) -> tuple[int, int]:
        """The least wins (802.1X-2020 9.5)."""
        return self.priority, self.sci.value


def may_stand(candidate: Candidate) -> bool:
    """Whether the member can be key server at all (802.1X-2020 9.5)."""
    return candidate.is_willing and candidate.priority != NEVER_KEY_SERVER


def elect(candidates: Iterable[Candidate]) -> Candidate | None:
    """The key server (802.1X-2020 9.5), or None if nobody is willing."""
    return min(filter(may_stand, candidates), key=lambda candidate: candidate.rank, default=None)
