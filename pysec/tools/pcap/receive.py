"""Why this exists: `validate` and `dissect` need the receivers of a capture, and a capture may show both directions.

Normally one SecY holds every secure channel that has a key. On a point-to-point link whose SecTAGs tell no SCI
(neither SC nor ES nor SCB) the SCI is that of the *only* receive SC (802.1AE-2018 9.9), and a receiver with two takes
port 1 of the source address for it. Where that is not so, each direction needs a receiver of its own: `sci_mode`
nosci.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pysec.dataplane import SecY, Verdict
from pysec.tools.pcap.keys import KeyFile, SciMode
from pysec.tools.pcap.reader import CaptureReader, Interface, Section
from pysec.tools.pcap.sectag import find_sectag
from pysec.tools.pcap.stream import Bursts, LeftOut, Outcome, through
from pysec.tools.pcap.tally import Tally
from pysec.tools.pcap.writer import Writer, pass_on
from pysec.tools.stations import KeyedSa, SecYMaker, add_receive_sa, receiving_secy


class Receivers:
    """The receiving SecYs of a capture."""

    def __init__(self, keys: KeyFile, *, gcm: str | None = None, make: SecYMaker = SecY, one: bool = False) -> None:
        """one: a single receiver, whatever the keys say of the SecTAGs."""
        self.keys = keys
        self.is_point_to_point = keys.sci_mode is SciMode.NOSCI and len(keys.scis) > 1 and not one
        first: dict[tuple[int, int], KeyedSa] = {}
        self._later: list[KeyedSa] = []
        for sa in sorted(keys.sas, key=lambda sa: sa.first_frame):
            if first.setdefault((sa.sci.value, sa.an), sa) is not sa:
                self._later.append(sa)  # its AN is in use by an earlier SAK; it comes when the capture shows it
        groups: dict[int, list[KeyedSa]] = {}
        for sa in first.values():
            groups.setdefault(sa.sci.value if self.is_point_to_point else 0, []).append(sa)
        config = keys.receive_config()
        order = [sci.value for sci in keys.scis] if self.is_point_to_point else [0]
        self.secys = [receiving_secy(keys.cipher_suite, groups[i], config, gcm=gcm, make=make) for i in order]
        self._by_mac = {sci.mac.octets: i for i, sci in reversed(list(enumerate(keys.scis)))}
        self._by_sci = {sci.value: i for i, sci in enumerate(keys.scis)}

    def index(self, frame: bytes) -> int:
        """Which of the SecYs receives this frame."""
        if not self.is_point_to_point:
            return 0
        found = self._by_mac.get(frame[6:12])
        if found is None and (tag := find_sectag(frame, self.keys.vlan_tags_in_clear)):
            sci = tag.sci(frame[6:12])
            found = self._by_sci.get(sci) if sci is not None else None
        return found or 0

    def due(self, number: int) -> Callable[[], None] | None:
        """What to do before this packet, if a later SAK is first seen with it."""
        if not self._later or self._later[0].first_frame > number:
            return None
        return lambda: self.install_due(number)

    def install_due(self, number: int) -> None:
        """Install the SAs of SAKs that are known from this packet on."""
        while self._later and self._later[0].first_frame <= number:
            sa = self._later.pop(0)
            add_receive_sa(self.secys[self._by_sci[sa.sci.value] if self.is_point_to_point else 0], sa)


def validated(reader: CaptureReader, receivers: Receivers) -> Iterator[Section | Interface | Outcome | LeftOut]:
    """Everything in a capture, its packets with their verdicts. A packet without verdict was cut short."""
    bursts = Bursts(receivers.secys, lambda secy, arena: secy.validate(arena))
    return through(
        reader, bursts, lambda packet: receivers.index(packet.data), lambda packet: receivers.due(packet.number)
    )


def validate(reader: CaptureReader, writer: Writer, rejects: Writer, keys: KeyFile, *, gcm: str | None = None) -> Tally:
    """Validate a capture: what is delivered goes to `writer` in clear, what is refused to `rejects` as it was."""
    tally = Tally(keys.scis)
    receivers = Receivers(keys, gcm=gcm)
    several = len(keys.scis) > 1 and not receivers.is_point_to_point
    for item in validated(reader, receivers):
        if isinstance(item, (Section, Interface)):
            pass_on(item, writer, rejects)
            continue
        tally.packets += 1
        if isinstance(item, LeftOut):
            tally.cut_short += 1
            continue
        tally.count(item)
        if item.is_passed:
            writer.write(item.packet, item.frame)
            tally.written += 1
        else:
            rejects.write(item.packet, item.packet.data)
            tally.rejected += 1
        if several and item.verdict in (Verdict.IN_NO_SA, Verdict.IN_NO_SA_ERROR):
            tag = find_sectag(item.packet.data, keys.vlan_tags_in_clear)
            tally.no_sci_in_tag += tag is not None and tag.sci(b"") is None
    return tally
