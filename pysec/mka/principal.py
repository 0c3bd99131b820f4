"""Why this exists: of several CAKs on a port one has the say, and both ends must change over without a gap.

The principal is the participant with live peers and the best key server (802.1X-2020 9.16). It alone makes and takes
SAKs. Three rules keep a change of it from being seen:

- Another one, better or newer, takes over from one that still has live peers after an MKA Life Time only (802.1X-2020
  9.5): by then everybody who will have come to life in it has.
- Who is not key server follows the key server: the participant by which that distributes a SAK leads. So the two ends
  need not agree on anything but who the key server is.
- Until the new principal has a SAK, that of the old one stands: it is in use between the same stations. Not for longer
  than an MKA Life Time, and not if there will be none.
"""

from __future__ import annotations

from collections.abc import Collection

from pysec.mka.choice import Secure
from pysec.mka.config import NEVER_KEY_SERVER
from pysec.mka.participant import Participant
from pysec.mka.sak import Sak


class PrincipalChoice:
    """Which participant is the principal."""

    def __init__(self, life_time_s: float) -> None:
        self._life_time_s = life_time_s
        self.present: Participant | None = None
        self._leader: Participant | None = None
        self._successor_at: float | None = None
        self._inherited: Sak | None = None
        self._inherited_until = 0.0

    def precedence(self, participant: Participant) -> tuple[int, int, int, float]:
        """The least is the best (802.1X-2020 9.16); after the key server, rank and age are the project's."""
        priority, sci = participant.server.rank if participant.server is not None else (NEVER_KEY_SERVER + 1, 0)
        return priority, sci, participant.rank, -participant.created_at

    def may_lead(self, participant: Participant) -> bool:
        """Whether a SAK may be taken by this participant: the principal, or one whose key server is the principal's."""
        present = self.present
        if present is None or present is participant or present.server is None:
            return True
        return participant.server is not None and participant.server.sci == present.server.sci

    def lead(self, participant: Participant, participants: Collection[Participant], now: float) -> bool:
        """The key server has distributed a SAK by this participant; whether that makes another one the principal."""
        self._leader = participant
        return self.choose(participants, now)

    def choose(self, participants: Collection[Participant], now: float) -> bool:
        """Choose among all participants (802.1X-2020 9.16, 9.5); whether it is another one than before."""
        candidates = [participant for participant in participants if participant.peers.live]
        best = self._best(candidates, now)
        if best is self.present:
            return False
        before, self.present, self._inherited = self.present, best, None
        if before is not None:
            if best is not None:
                self._inherited, self._inherited_until = before.sak, now + self._life_time_s
            before.put_aside()
        return True

    def _best(self, candidates: list[Participant], now: float) -> Participant | None:
        self._successor_at = None
        if self._leader is not None and (self._leader.is_server or self._leader not in candidates):
            self._leader = None
        if self._leader is not None:
            return self._leader
        best = min(candidates, key=self.precedence, default=None)
        present = self.present if self.present in candidates else None
        if best is None or present is None or best is present or best.live_since is None:
            return best
        ready_at = best.live_since + self._life_time_s
        if now >= ready_at:
            return best
        self._successor_at = ready_at
        return present

    def sak(self, now: float) -> Sak | None:
        """The SAK that stands: the principal's, or for a while that of the principal before it."""
        present = self.present
        if present is None or present.sak is not None or now >= self._inherited_until or not _may_agree(present):
            self._inherited = None
        return self._inherited if present is None or present.sak is None else present.sak

    def next_change(self) -> float | None:
        """When something changes by itself."""
        times = [self._successor_at, self._inherited_until if self._inherited is not None else None]
        return min((when for when in times if when is not None), default=None)


def _may_agree(principal: Participant) -> bool:
    """Whether the principal may come to a SAK of its own."""
    if principal.is_server:
        choice = principal.key_server.choice
        return choice is None or isinstance(choice, Secure)
    return not principal.is_plain
