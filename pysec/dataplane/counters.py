"""Why this exists: counters by the names that IEEE YANG, the kernel and this project give them, as one snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pysec.dataplane.verdicts import Reason, Verdict

_NO_SA = ("InPktsUnknownSCI", "InPktsUnusedSA", "InPktsNoSCI", "InPktsNotUsingSA")
_OCTETS = ("in_octets_validated", "in_octets_decrypted", "out_octets_protected", "out_octets_encrypted")


@dataclass(frozen=True, slots=True)
class Counters:
    """A snapshot of counters (802.1AE-2018 10.7.9, 10.7.10, 10.7.18, 10.7.19): packets by verdict, and octets.

    Those of a SecY hold every frame that it has seen. Those of an SC hold what the standard counts per SC, summed over
    its present and past SAs; octets and reasons are kept per SecY only.
    """

    packets_by_verdict: tuple[int, ...]
    packets_by_reason: tuple[int, ...]
    packets_without_sa: tuple[int, ...]
    in_octets_validated: int
    in_octets_decrypted: int
    out_octets_protected: int
    out_octets_encrypted: int

    @classmethod
    def from_native(cls, raw: Any) -> Counters:
        """Read a struct pysec_counters."""
        return cls(
            tuple(raw.packets), tuple(raw.reasons), tuple(raw.no_sa), *(int(getattr(raw, name)) for name in _OCTETS)
        )

    def packets(self, verdict: Verdict) -> int:
        """Frames with this verdict."""
        return self.packets_by_verdict[verdict]

    def __getitem__(self, verdict: Verdict) -> int:
        return self.packets_by_verdict[verdict]

    @property
    def reasons(self) -> dict[str, int]:
        """Frames by the slug of their reason, those that occurred."""
        return {reason.slug: n for reason in Reason if reason and (n := self.packets_by_reason[reason])}

    @property
    def total_in(self) -> int:
        """Frames received: the twelve standard counters and the project's."""
        return sum(self.packets(v) for v in Verdict if v.name.startswith("IN_"))

    @property
    def total_out(self) -> int:
        """Frames submitted for transmission."""
        return sum(self.packets(v) for v in Verdict if v.name.startswith("OUT_"))

    def as_kernel_dict(self) -> dict[str, int]:
        """The standard's counters by the names of Linux and 802.1AE-2006, which split in-pkts-no-sa in InPktsUnknownSCI
        and InPktsUnusedSA, and in-pkts-no-sa-error in InPktsNoSCI and InPktsNotUsingSA."""
        split = (Verdict.IN_NO_SA, Verdict.IN_NO_SA_ERROR)
        named = {v.kernel_name: self.packets(v) for v in Verdict if v.kernel_name and v not in split}
        octets = {"".join(map(str.capitalize, name.split("_"))): int(getattr(self, name)) for name in _OCTETS}
        return named | dict(zip(_NO_SA, self.packets_without_sa, strict=True)) | octets

    def as_dict(self) -> dict[str, int]:
        """Every counter by its YANG name (or one in its manner for the project's own)."""
        named = {verdict.yang: self.packets(verdict) for verdict in Verdict if verdict}
        return named | {name.replace("_", "-"): int(getattr(self, name)) for name in _OCTETS}


@dataclass(frozen=True, slots=True)
class ScGaps:
    """What the packet numbers of a receive SC tell, over present and past SAs; not in the standard.

    passed: packet numbers that were used before the greatest one of a valid frame, and that one. valid: valid frames.
    reordered: those that came behind a greater packet number; deepest: by how many at most. Exact up to the last valid
    frame of each SA, as long as no frame is accepted twice (a replay window without `refuse_duplicates`).
    """

    passed: int
    valid: int
    reordered: int
    deepest: int

    @property
    def lost(self) -> int:
        """Frames that the peer sent and that were not accepted: lost on the way, or too late for the replay window."""
        return max(0, self.passed - self.valid)
