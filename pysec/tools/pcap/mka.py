"""Why this exists: to see from a capture alone who agreed what, whether it can be believed, and whether the frames that
follow are protected by what was agreed.

With the CAK of a CA its MKPDUs are verified, the SAKs in them unwrapped, and the MACsec frames behind them validated by
a SecY that has those SAKs and no others. Without it MKPDUs are only read, and said to be unverified. No key is shown.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from pysec.dataplane import Reason, SecYConfig, Verdict
from pysec.errors import ProtocolError
from pysec.mka.keys import Cak
from pysec.tools.agreement import AgreedSak, Agreement, Heard
from pysec.tools.pcap.dissect import stamp
from pysec.tools.pcap.reader import CaptureReader, Packet
from pysec.tools.pcap.sectag import find_sectag
from pysec.tools.pcap.stream import Bursts, LeftOut, Outcome, through
from pysec.tools.pcap.tally import REFUSED_BY_NOBODY
from pysec.wire import mkpdu
from pysec.wire.mkpdu import MkPdu
from pysec.wire.mkpdu.show import as_dict, text


class Belief(enum.Enum):
    """What can be said of an MKPDU."""

    VERIFIED = "verified"
    WRONG_ICV = "wrong-icv"
    UNKNOWN_CKN = "unknown-ckn"
    MALFORMED = "malformed"


_WORDS = {
    Belief.VERIFIED: "ICV verified",
    Belief.WRONG_ICV: "WRONG ICV: somebody else's, or another CAK of this name",
    Belief.UNKNOWN_CKN: "unverified: no CAK of this name",
    Belief.MALFORMED: "MALFORMED",
}


@dataclass(frozen=True, slots=True)
class MkPduLine:
    """One MKPDU, described."""

    packet: Packet
    time_ns: int | None
    belief: Belief
    pdu: MkPdu | None
    why_not: str | None
    sak: AgreedSak | None

    def as_dict(self) -> dict[str, object]:
        """The line as fields."""
        data = self.packet.data
        found: dict[str, object] = {"n": self.packet.number, "time": stamp(self.time_ns), "src": data[6:12].hex(":")}
        found |= {"dst": data[:6].hex(":"), "belief": self.belief.value, "why_not": self.why_not}
        found["mkpdu"] = as_dict(self.pdu) if self.pdu else None
        if self.sak:
            found["sak"] = {
                "ki": self.sak.ki.mka_text,
                "an": self.sak.an,
                "cipher_suite": str(self.sak.suite),
                "confidentiality_offset": int(self.sak.offset),
            }
        return found

    def text(self) -> str:
        """The line for people."""
        data = self.packet.data
        head = f"{self.packet.number} {stamp(self.time_ns) or '-'} {data[6:12].hex(':')}"
        said = f"{text(self.pdu)}: {_WORDS[self.belief]}" if self.pdu else _WORDS[self.belief]
        if self.why_not and self.belief is not Belief.WRONG_ICV:
            said += f": {self.why_not}"
        if self.sak:
            said += f"; SAK {self.sak.ki.mka_text} unwrapped, AN {self.sak.an}"
        return f"{head} {said}"


@dataclass
class Account:
    """The figures of a capture."""

    has_keys: bool
    packets: int = 0
    cut_short: int = 0
    other: int = 0
    no_sak: int = 0
    unusable: int = 0
    """Verified MKPDUs that brought something which cannot be used."""
    beliefs: Counter[Belief] = field(default_factory=Counter)
    members: int = 0
    saks: list[str] = field(default_factory=list)
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    reasons: Counter[tuple[Verdict, Reason]] = field(default_factory=Counter)

    @property
    def refused(self) -> int:
        """MACsec frames that a SecY refused."""
        return sum(n for v, n in self.verdicts.items() if not v.delivered and v not in REFUSED_BY_NOBODY)

    @property
    def faults(self) -> dict[str, int]:
        """What keeps a capture from being all right. Without keys only what cannot be read counts."""
        found = {"malformed-mkpdus": self.beliefs[Belief.MALFORMED], "cut-short": self.cut_short}
        if self.has_keys:
            found["wrong-icvs"] = self.beliefs[Belief.WRONG_ICV]
            found |= {"unusable-saks": self.unusable, "refused-frames": self.refused, "frames-without-sak": self.no_sak}
        return found

    @property
    def ok(self) -> bool:
        """Whether nothing was wrong."""
        return not any(self.faults.values())

    def as_dict(self) -> dict[str, object]:
        """The object of `--json`."""
        checks = [{"id": f"none-{k}", "ok": not n, "detail": f"{n} of {self.packets}"} for k, n in self.faults.items()]
        return {
            "ok": self.ok,
            "checks": checks,
            "command": "mka",
            "packets": self.packets,
            "mkpdus": {belief.value: self.beliefs[belief] for belief in Belief},
            "members": self.members,
            "saks": self.saks,
            "no_sak": self.no_sak,
            "cut_short": self.cut_short,
            "other": self.other,
            "verdicts": {verdict.yang: n for verdict, n in sorted(self.verdicts.items())},
            "reasons": {f"{v.yang}/{reason.slug}": n for (v, reason), n in sorted(self.reasons.items())},
        }

    def lines(self) -> list[str]:
        """The summary for people."""
        out = [f"{self.packets} packets, {self.beliefs.total()} MKPDUs, {self.members} members verified"]
        out += [f"  {n:>10}  MKPDUs: {_WORDS[belief]}" for belief, n in self.beliefs.items()]
        out += [f"  SAK {ki}" for ki in self.saks]
        for verdict, n in sorted(self.verdicts.items()):
            out.append(f"  {n:>10}  {verdict.yang:<20} {verdict.text}")
            for (v, reason), m in sorted(self.reasons.items()):
                if v is verdict:
                    out.append(f"  {'':>10}    {m} {reason.slug}: {reason.text}")
        for n, words in (
            (self.no_sak, "MACsec frames before any SAK was distributed: nothing can be said of them"),
            (self.cut_short, "cut short by the capture"),
            (self.other, "neither MKPDU nor MACsec"),
        ):
            if n:
                out.append(f"  {n:>10}  {words}")
        out.append("ok" if self.ok else "FAILED: " + ", ".join(f"{n} {k}" for k, n in self.faults.items() if n))
        return out


class Eavesdropper:
    """Reads a capture: gives its MKPDUs one by one and fills an account of everything."""

    def __init__(self, caks: Sequence[Cak], *, config: SecYConfig | None = None, gcm: str | None = None) -> None:
        self.account = Account(has_keys=bool(caks))
        self._agreement = Agreement(caks, config=config, gcm=gcm)
        self._heard: dict[int, Heard] = {}

    def read(self, reader: CaptureReader) -> Iterator[MkPduLine]:
        """Every MKPDU, in order; the account is complete when this ends."""
        bursts = Bursts(self._agreement.secys, lambda secy, arena: secy.validate(arena))
        for item in through(reader, bursts, self._lane, self._before):
            if isinstance(item, Outcome):
                self.account.packets += 1
                self._count(item)
            elif isinstance(item, LeftOut):
                self.account.packets += 1
                if heard := self._heard.pop(item.packet.number, None):
                    yield self._line(item.packet, reader.time_ns(item.packet), heard)
                else:
                    self._count_left_out(item.packet)
        self.account.members = len(self._agreement.scis)
        self.account.saks = [f"{sak.ki.mka_text} AN {sak.an} {sak.suite}" for sak in self._agreement.saks.values()]

    def _before(self, packet: Packet) -> Callable[[], None] | None:
        if packet.is_cut or not self._agreement.is_mkpdu(packet.data):
            return None

        def hear() -> None:
            self._heard[packet.number] = self._agreement.hear(packet.data)

        return hear

    def _lane(self, packet: Packet) -> int | None:
        if packet.number in self._heard or find_sectag(packet.data) is None:
            return None
        return self._agreement.lane_for(packet.data)

    def _line(self, packet: Packet, time_ns: int | None, heard: Heard) -> MkPduLine:
        pdu, why_not = heard.verified.pdu if heard.verified else None, heard.why_not
        belief = Belief.VERIFIED
        if heard.verified is None:
            pdu, malformed = _unverified(heard)
            if malformed:
                belief, why_not = Belief.MALFORMED, why_not if heard.peek is None else malformed
            else:
                belief = Belief.UNKNOWN_CKN if heard.is_unknown_ckn else Belief.WRONG_ICV
        elif why_not:
            self.account.unusable += 1
        self.account.beliefs[belief] += 1
        return MkPduLine(packet, time_ns, belief, pdu, why_not, heard.fresh)

    def _count(self, outcome: Outcome) -> None:
        self.account.verdicts[outcome.verdict] += 1
        if outcome.reason is not Reason.NONE:
            self.account.reasons[outcome.verdict, outcome.reason] += 1

    def _count_left_out(self, packet: Packet) -> None:
        if packet.is_cut:
            self.account.cut_short += 1
        elif find_sectag(packet.data) is not None:
            self.account.no_sak += 1
        else:
            self.account.other += 1


def _unverified(heard: Heard) -> tuple[MkPdu | None, str | None]:
    """What an MKPDU says that nobody vouches for, or what is wrong with it."""
    if heard.outer is None or heard.peek is None:
        return None, heard.why_not or "not an MKPDU"
    try:
        return mkpdu.decode(heard.outer.body), None
    except ProtocolError as error:
        return None, str(error)
