"""Why this exists: between its announcement and its retirement a SAK's octets are in the hands of the port, which must
know who uses it, give it to the data plane as often as a plan asks for it, and erase it as soon as nobody will.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from pysec.mka.events import SakMembers, SakReady
from pysec.protocols import Installed, InstalledSa
from pysec.sa.plan import SakMaterial
from pysec.types import CipherSuite, Ki, Sci, Ssci

# Retired KIs whose packet numbers are remembered, for one that comes back.
_MAX_REMEMBERED: Final = 64
# A data plane is read before a key is retired, and frames go on until it is: so many more may have gone out.
_PN_SLACK: Final = 1 << 20


class SakStore:
    """The SAKs of a port."""

    def __init__(self, sci: Sci) -> None:
        self._sci = sci
        self._held: dict[Ki, SakMaterial] = {}
        self._next_pns: OrderedDict[Ki, int] = OrderedDict()

    def get(self, ki: Ki) -> SakMaterial | None:
        """What the SAs of this KI need, or None if the SAK is not held."""
        return self._held.get(ki)

    def held(self) -> list[SakMaterial]:
        """Every SAK that is held; they stay the store's to erase."""
        return list(self._held.values())

    def admit(self, event: SakReady) -> SakMaterial:
        """Take a SAK in; what its SAs need. One that has been here before goes on above the packet numbers it used."""
        held = self._held.get(event.ki)
        if held is not None:
            event.sak.erase()
            self._held[event.ki] = self._with_members(held, event.members)
            return self._held[event.ki]
        offset = event.confidentiality_offset
        used = self._next_pns.get(event.ki)
        material = SakMaterial(
            event.ki,
            event.an,
            event.sak,
            event.cipher_suite,
            (),
            salt=event.salt,
            confidentiality_offset=offset.octets,
            confidentiality=offset.encrypts,
            next_pn=1 if used is None else min(used + _PN_SLACK, event.cipher_suite.pn_space),
        )
        self._held[event.ki] = self._with_members(material, event.members)
        return self._held[event.ki]

    def note_members(self, event: SakMembers) -> bool:
        """Take in who uses a SAK; whether that is new."""
        held = self._held.get(event.ki)
        if held is None:
            return False
        changed = self._with_members(held, event.members)
        self._held[event.ki] = changed
        return changed != held

    def _with_members(self, material: SakMaterial, members: Iterable[tuple[Sci, Ssci | None]]) -> SakMaterial:
        given = tuple(members)
        peers = tuple(sorted(member for member in given if member[0] != self._sci))
        return replace(material, peers=peers, ssci=dict(given).get(self._sci))

    def keep_only(self, wanted: Iterable[Ki]) -> None:
        """Erase every SAK but these; how far its packet numbers had come is remembered, as far as it was noted."""
        for ki in set(self._held) - set(wanted):
            held = self._held.pop(ki)
            held.sak.erase()
            self._remember(ki, held.next_pn)

    def _remember(self, ki: Ki, next_pn: int) -> None:
        self._next_pns[ki] = max(next_pn, self._next_pns.get(ki, 1))
        self._next_pns.move_to_end(ki)
        while len(self._next_pns) > _MAX_REMEMBERED:
            self._next_pns.popitem(last=False)

    def note_pns(self, installed: Installed) -> None:
        """Take in how far the packet numbers of the transmit SAs have come."""
        for sa in installed.sas:
            if sa.transmit and (sa.ki in self._held or sa.ki in self._next_pns):
                self._remember(sa.ki, sa.next_pn)

    def erase_all(self) -> None:
        """Erase every SAK."""
        self.keep_only(())


def sending_sa(installed: Installed) -> InstalledSa | None:
    """The encoding SA, whether or not it has a packet number left."""
    return next((sa for sa in installed.sas if sa.transmit and sa.in_use), None)


def is_spent(installed: Installed) -> bool:
    """Whether the encoding SA has used its last packet number: nothing passes until another one sends (802.1AE-2018
    10.5.2)."""
    sa = sending_sa(installed)
    return sa is not None and sa.next_pn >= installed.controls.cipher_suite.pn_space


def worn_by_peers(installed: Installed, ki: Ki, threshold: int) -> InstalledSa | None:
    """A receive SA of this KI whose sender has come to the threshold, as the data plane has seen; None if none has.

    MKPDUs of MKA version 1 and 2 have half of an extended packet number only (802.1X-2020 11.11.3).
    """
    return next((sa for sa in installed.sas if not sa.transmit and sa.ki == ki and sa.next_pn >= threshold), None)


def high_half_of(installed: Installed, ki: Ki, sci: Sci, low_half: int, suite: CipherSuite) -> int | None:
    """The whole of a PN of which a peer told the low 32 bits only, the nearest at or below the receive SA's next PN;
    None if there is no such SA."""
    next_pn = next((sa.next_pn for sa in installed.sas if not sa.transmit and (sa.ki, sa.sci) == (ki, sci)), None)
    if next_pn is None or not suite.is_xpn:
        return None
    whole = next_pn & ~0xFFFF_FFFF | low_half
    return whole - (1 << 32) if whole > next_pn and whole >= 1 << 32 else whole
