"""Why this exists: what a participant says of itself is put together in one place, set by set.

Which sets there are follows 802.1X-2020 11.11: the basic set always; the lists if they have entries; SAK Use as soon
as there is a live peer, with or without a key, because some peers take its absence for a fault; the SAK while it is
being distributed; the XPN set from version 3 on, while the SAKs spoken of have 64-bit PNs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pysec.mka.config import KayConfig
from pysec.mka.peers import entries, in_ssci_order
from pysec.mka.port import UNUSED_PN, KeyUse
from pysec.types import PN_SPACE, An, MacsecCapability
from pysec.wire import eapol, mkpdu
from pysec.wire.mkpdu import (
    AGILITY,
    ICV_OCTETS,
    Announcement,
    BasicSet,
    DistributedSak,
    KiPn,
    MkPdu,
    Outline,
    PeerList,
    SakUse,
    SuiteOffer,
    Xpn,
)

if TYPE_CHECKING:
    from pysec.mka.participant import Participant


def announcement(config: KayConfig) -> Announcement | None:
    """Our cipher suites and what we can do with each (802.1X-2020 9.13); XPN suites have no offsets."""
    capability = config.macsec_capability
    if not config.announce_cipher_suites or capability is MacsecCapability.NONE:
        return None
    offers = (
        SuiteOffer(suite, min(capability, MacsecCapability.CONFIDENTIALITY) if suite.is_xpn else capability)
        for suite in config.cipher_suites
    )
    return Announcement.of_suites(tuple(offers))


class PduMaker:
    """Makes the MKPDUs of one participant."""

    def __init__(self, participant: Participant) -> None:
        self._participant = participant
        self._announced = announcement(participant.port.config)
        self._said: tuple[object, ...] | None = None
        """What the last MKPDU said, but for its numbers ..."""
        self._outline: Outline | None = None
        """... and itself, to be sent again with others."""
        self._header = b""

    def make(self, now: float, is_principal: bool) -> bytes:
        """An MKPDU as an EAPOL body, its ICV computed over the frame that it goes in (802.1X-2020 9.4.1)."""
        p, port = self._participant, self._participant.port
        slots = self._slots()
        distributed = p.key_server.distributed() if is_principal else None
        sak = None if p.sak is None else p.sak.ki
        said = (p.peers.changes, p.member.mi, p.is_server, slots, port.plain_tx, port.plain_rx, distributed, sak)
        if self._outline is not None and said == self._said:
            covered = self._filled(self._outline, p.member.next_mn(now), *slots)
        else:
            pdu = self._pdu(p.member.next_mn(now), slots, distributed)
            covered = mkpdu.encode(pdu, bytes(ICV_OCTETS), rising=port.config.rising_set_order)[:-ICV_OCTETS]
            self._said, self._outline = said, Outline(covered)
            self._header = self._header_for(len(covered) + ICV_OCTETS)
        return covered + p.cak.icv(self._header + covered)

    def _filled(self, outline: Outline, mn: int, latest: KeyUse | None, old: KeyUse | None) -> bytes:
        """The last MKPDU with the numbers of now."""
        peers = self._participant.peers
        live, potential = in_ssci_order(peers.live), peers.potential
        pns = (0 if use is None else self._lowest_pn(use) for use in (latest, old))
        return outline.fill(mn, (peer.mn for peer in live), (peer.mn for peer in potential), *pns)

    def _header_for(self, body_len: int) -> bytes:
        config, sci = self._participant.port.config, self._participant.port.sci
        return eapol.header(
            body_len,
            sci.mac,
            destination=config.destination,
            ethertype=config.ethertype,
            version=config.eapol_version,
        )

    def _pdu(self, mn: int, slots: tuple[KeyUse | None, KeyUse | None], distributed: DistributedSak | None) -> MkPdu:
        """The MKPDU, from nothing. What is not in the configuration, or a number, is in `said`."""
        p, config = self._participant, self._participant.port.config
        live, potential = in_ssci_order(p.peers.live), p.peers.potential
        ssci = self._own_ssci(distributed)
        return MkPdu(
            version=config.mka_version,
            basic=self._basic(mn),
            live=PeerList(entries(live), ssci) if live else None,
            potential=PeerList(entries(potential)) if potential else None,
            sak_use=self._sak_use(*slots) if live else None,
            distributed_sak=distributed,
            announcement=self._announced,
            xpn=self._xpn(*slots) if live and config.mka_version >= 3 else None,
            icv_indicator=config.icv_indicator,
        )

    def _basic(self, mn: int) -> BasicSet:
        p, config = self._participant, self._participant.port.config
        return BasicSet(
            key_server_priority=p.priority,
            is_key_server=p.is_server,
            macsec_desired=config.macsec_desired,
            macsec_capability=config.macsec_capability,
            sci=p.port.sci,
            mi=p.member.mi,
            mn=mn,
            agility=AGILITY,
            ckn=p.ckn,
        )

    def _own_ssci(self, distributed: DistributedSak | None) -> int | None:
        """The low octet of our SSCI, beside an XPN SAK in version 3 (802.1X-2020 11.11.3)."""
        p = self._participant
        if distributed is None or p.sak is None or p.port.config.mka_version < 3:
            return None
        return next((m.ssci.value for m in p.sak.members if m.mi == p.member.mi and m.ssci is not None), None)

    # ---- which SAKs we use (802.1X-2020 9.10)

    def _slots(self) -> tuple[KeyUse | None, KeyUse | None]:
        """The latest and the old key, where this participant has made or taken them: a KI has a meaning in one CA.

        A SAK of ours is the latest until every member transmits with it, though the Controlled Port machine, which has
        no older one to wait for, calls it the old one already: hostap's members only believe in a latest key's LTX.
        """
        p = self._participant
        latest, old = (
            use if use is not None and use.ki in p.known_saks else None for use in (p.port.latest, p.port.old)
        )
        if latest is None and old is not None and p.key_server.is_awaited(old.ki):
            return old, None
        return latest, old

    def _lowest_pn(self, use: KeyUse) -> int:
        """The PN to tell. One past the last, when they are used up, has no place in the field: it would read as 0."""
        p = self._participant
        pn, suite = p.port.lowest_pns.get(use.ki, UNUSED_PN), p.known_saks.suite_of(use.ki)
        return pn if suite is None else min(pn, suite.pn_space - 1)

    def _ki_pn(self, use: KeyUse | None) -> KiPn | None:
        return None if use is None else KiPn(use.ki, self._lowest_pn(use) % PN_SPACE)

    def _sak_use(self, latest: KeyUse | None, old: KeyUse | None) -> SakUse:
        p, config = self._participant, self._participant.port.config
        if config.macsec_capability is MacsecCapability.NONE:
            return SakUse(plain_tx=p.port.plain_tx, plain_rx=p.port.plain_rx, empty=True)
        return SakUse(
            latest_an=latest.an if latest else An(0),
            latest_tx=latest is not None and latest.tx,
            latest_rx=latest is not None and latest.rx,
            old_an=old.an if old else An(0),
            old_tx=old is not None and old.tx,
            old_rx=old is not None and old.rx,
            plain_tx=p.port.plain_tx,
            plain_rx=p.port.plain_rx,
            delay_protect=config.delay_protect and (latest is not None or old is not None),
            latest=self._ki_pn(latest),
            old=self._ki_pn(old),
        )

    def _xpn(self, latest: KeyUse | None, old: KeyUse | None) -> Xpn | None:
        p, slots = self._participant, (latest, old)
        suites = {p.known_saks.suite_of(use.ki) for use in slots if use is not None}
        if p.sak is not None:
            suites.add(p.sak.cipher_suite)
        if not any(suite is not None and suite.is_xpn for suite in suites):
            return None
        return Xpn(0, *(self._lowest_pn(use) // PN_SPACE if use is not None else 0 for use in slots))
