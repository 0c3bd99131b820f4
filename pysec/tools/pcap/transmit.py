"""Why this exists: a capture of clear traffic becomes one of protected traffic, as its senders would have sent it.

Each SCI that has a key is a transmit SC with a SecY of its own, and a frame belongs to the SCI whose MAC address is its
source (or all to one, if that is asked for). A frame of a sender without a key is left out: clear frames among
protected ones are what nobody wants by accident.

Packet numbers begin where the key file or the command line says. A second run with the same keys begins there
again, and then two different frames share a nonce: do not publish both with a key that matters.
"""

from __future__ import annotations

from dataclasses import replace

from pysec.dataplane import SecY, SecYConfig
from pysec.errors import UsageError
from pysec.tools.pcap.keys import KeyFile, SciMode
from pysec.tools.pcap.reader import MAX_PACKET, CaptureReader, Interface, Packet, Section
from pysec.tools.pcap.sectag import ES_PORT, SCB_PORT
from pysec.tools.pcap.stream import Bursts, LeftOut, through
from pysec.tools.pcap.tally import Tally
from pysec.tools.pcap.writer import Writer, pass_on
from pysec.tools.stations import SecYMaker, transmitting_secy
from pysec.types import Sci

_PORTS = {SciMode.ES: ES_PORT, SciMode.SCB: SCB_PORT}


class Transmitters:
    """The transmitting SecYs of a capture, found by source address."""

    def __init__(
        self,
        keys: KeyFile,
        *,
        an: int | None = None,
        only: Sci | None = None,
        gcm: str | None = None,
        make: SecYMaker = SecY,
    ) -> None:
        scis = keys.scis if only is None else [sci for sci in keys.scis if sci == only]
        if not scis:
            raise UsageError(f"SCI {only}: the key file has no key for it")
        config = replace(keys.transmit_config(), common_port_mtu=MAX_PACKET - 14)
        self._bypass = frozenset(e.to_bytes(2, "big") for e in SecYConfig().bypass_ethertypes)
        self._everything = only is not None
        self._by_mac: dict[bytes, int] = {}
        self.secys: list[SecY] = []
        chosen = {sa.sci: sa for sa in sorted(keys.sas, key=lambda sa: -sa.an) if an in (None, sa.an)}
        for place, sci in enumerate(scis):
            if self._by_mac.setdefault(sci.mac.octets, place) != place:
                raise UsageError(f"SCI {sci}: another SCI has its MAC address; choose one with --sci")
            if keys.sci_mode in _PORTS and sci.port != _PORTS[keys.sci_mode]:
                raise UsageError(f"SCI {sci}: sci_mode {keys.sci_mode.value} needs port {_PORTS[keys.sci_mode]}")
            if sci not in chosen:
                raise UsageError(f"SCI {sci}: the key file has no key for AN {an}")
            sa = chosen[sci]
            secy = transmitting_secy(keys.cipher_suite, sa, config, confidentiality=keys.encrypt, gcm=gcm, make=make)
            self.secys.append(secy)

    def index(self, packet: Packet) -> int | None:
        """Which of the SecYs sends this frame; None if its source has no key."""
        if self._everything or packet.data[12:14] in self._bypass:
            return 0
        return self._by_mac.get(packet.data[6:12])


def protect(
    reader: CaptureReader,
    writer: Writer,
    keys: KeyFile,
    *,
    an: int | None = None,
    only: Sci | None = None,
    allow_clear: bool = False,
    gcm: str | None = None,
) -> Tally:
    """Protect a capture. Frames without a key are left out, or written as they are if `allow_clear`."""
    tally = Tally(keys.scis)
    transmitters = Transmitters(keys, an=an, only=only, gcm=gcm)
    bursts = Bursts(transmitters.secys, lambda secy, arena: secy.protect(arena))
    for item in through(reader, bursts, transmitters.index):
        if isinstance(item, (Section, Interface)):
            pass_on(item, writer)
            continue
        tally.packets += 1
        if isinstance(item, LeftOut):
            if item.packet.is_cut:
                tally.cut_short += 1
                continue
            tally.no_key += 1
            if allow_clear:
                writer.write(item.packet, item.packet.data)
                tally.in_clear += 1
                tally.written += 1
            continue
        tally.count(item)
        if item.is_passed:
            writer.write(item.packet, item.frame)
            tally.written += 1
    return tally
