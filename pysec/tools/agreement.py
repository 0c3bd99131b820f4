"""Why this exists: whoever has the CAK can follow in a capture what the members of a CA agreed, and open their frames.

`Agreement` takes the frames of a capture in their order. MKPDUs are verified before anything of them is believed; a SAK
that the key server distributes is unwrapped once, and becomes receive SAs of a SecY for every member whose SCI has been
seen. It decides nothing and sends nothing: it is an ear, not a participant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from pysec.dataplane import SecY, SecYConfig
from pysec.errors import CryptoError, InvalidIcv, ProtocolError, UsageError
from pysec.mka import sealed
from pysec.mka.keys import Cak
from pysec.mka.sealed import Verified
from pysec.mka.xpn import assign_sscis, sscis_by_position, xpn_salt
from pysec.secret import Secret
from pysec.tools.pcap.sectag import find_sectag
from pysec.tools.stations import KeyedSa, SecYMaker, add_receive_sa
from pysec.types import CipherSuite, Ckn, ConfidentialityOffset, Ki, Mi, Sci, Ssci
from pysec.wire import eapol
from pysec.wire.mkpdu import Peek

ETHERTYPES: Final = (eapol.ETHERTYPE, eapol.WAN_ETHERTYPE)
MAX_MEMBERS: Final = 512
"""Members whose SCIs are remembered; more have never met on one LAN."""
OWN_SCI: Final = Sci(0x020000000000FFFF)


@dataclass(frozen=True)
class AgreedSak:
    """A SAK as it was distributed."""

    ki: Ki
    an: int
    suite: CipherSuite
    offset: ConfidentialityOffset
    sak: Secret = field(repr=False)
    members: tuple[Mi, ...]
    """The key server and its live peers at that time."""
    key_server_ssci: int | None

    def sscis(self, scis: dict[Mi, Sci]) -> dict[Mi, Ssci] | None:
        """The SSCI of each member; None as long as one whose SCI decides has not been seen."""
        if self.key_server_ssci is not None:
            return sscis_by_position(self.members[0], self.members[1:], self.key_server_ssci)
        if any(mi not in scis for mi in self.members):
            return None
        numbers = assign_sscis({scis[mi] for mi in self.members})
        return {mi: numbers[scis[mi]] for mi in self.members}


@dataclass(frozen=True)
class Heard:
    """What became of one MKPDU."""

    outer: eapol.EapolFrame | None
    peek: Peek | None
    verified: Verified | None
    why_not: str | None
    """Why it was not believed, or what in it could not be used; None if all is well."""
    fresh: AgreedSak | None
    """The SAK that it brought, if it was the first to bring it."""

    @property
    def is_unknown_ckn(self) -> bool:
        """Whether it is of a CA whose CAK is not here, and may be as good as any."""
        return self.peek is not None and self.verified is None and self.why_not is None


class Agreement:
    """All that a capture has said so far to those who have these CAKs."""

    def __init__(
        self,
        caks: Iterable[Cak],
        *,
        config: SecYConfig | None = None,
        gcm: str | None = None,
        make: SecYMaker = SecY,
        unseal: Callable[[eapol.EapolFrame, Peek, Cak], Verified] = sealed.verify,
    ) -> None:
        self._caks: dict[Ckn, Cak] = {cak.ckn: cak for cak in caks}
        self._config = config or SecYConfig()
        self._gcm, self._make, self._verify = gcm, make, unseal
        self.saks: dict[Ki, AgreedSak] = {}
        """Every SAK that was distributed, in that order."""
        self.scis: dict[Mi, Sci] = {}
        """The members heard of with a good ICV."""
        self.secys: list[SecY] = []
        """A SecY for each suite that was agreed; the list grows, and nothing in it moves."""
        self._lanes: dict[CipherSuite, int] = {}
        self._by_an: dict[int, AgreedSak] = {}
        self._installed: dict[tuple[Sci, Ki], KeyedSa] = {}
        self._latest: AgreedSak | None = None

    # ---- MKPDUs -----------------------------------------------------------------------------------------------------

    def is_mkpdu(self, frame: bytes) -> bool:
        """Whether a frame is EAPOL-MKA, by its EtherType and packet type alone."""
        return eapol.is_eapol(frame, ETHERTYPES) and len(frame) > 15 and frame[15] == eapol.TYPE_MKA

    def hear(self, frame: bytes) -> Heard:
        """Take an MKPDU. Whatever it is, it ends here: what cannot be believed changes nothing."""
        outer, found = None, None
        try:
            outer, found = sealed.look(frame, ETHERTYPES)
            cak = self._caks.get(found.ckn)
            if cak is None:
                return Heard(outer, found, None, None, None)
            verified = self._verify(outer, found, cak)
        except (InvalidIcv, ProtocolError) as error:
            return Heard(outer, found, None, str(error), None)
        try:
            fresh = self._learn(verified)
        except (CryptoError, UsageError, ProtocolError) as error:
            return Heard(outer, found, verified, str(error), None)
        return Heard(outer, found, verified, None, fresh)

    def _learn(self, verified: Verified) -> AgreedSak | None:
        basic = verified.pdu.basic
        if basic.mi not in self.scis and len(self.scis) >= MAX_MEMBERS:
            raise UsageError(f"more than {MAX_MEMBERS} members: this one is left out")
        self.scis[basic.mi] = basic.sci
        fresh = self._distributed(verified)
        if fresh is not None:
            self.saks[fresh.ki] = self._by_an[fresh.an] = self._latest = fresh
        for sak in self._by_an.values():
            self._install(sak)
        return fresh

    def _distributed(self, verified: Verified) -> AgreedSak | None:
        """The SAK in an MKPDU, if there is one and it is new."""
        pdu, found = verified.pdu, verified.pdu.distributed_sak
        if found is None or found.kn is None or found.cipher_suite is None:
            return None
        ki = Ki.of(pdu.basic.mi, found.kn)
        if not isinstance(found.cipher_suite, CipherSuite):
            raise ProtocolError(f"SAK {ki.mka_text}: cipher suite {found.cipher_suite.hex('-')} is not known")
        sak = verified.cak.unwrap(found.wrapped)
        if known := self.saks.get(ki):
            if known.sak != sak or (known.an, known.suite) != (found.an.value, found.cipher_suite):
                raise ProtocolError(f"SAK {ki.mka_text}: distributed again as another one")
            return None
        peers = tuple(peer.mi for peer in pdu.live.peers) if pdu.live else ()
        place = pdu.live.key_server_ssci if pdu.live and found.cipher_suite.is_xpn else None
        offset = found.confidentiality_offset
        fresh = AgreedSak(ki, found.an.value, found.cipher_suite, offset, sak, (pdu.basic.mi, *peers), place)
        fresh.sscis({})  # a place that cannot be is found now, and not when its SAs are made
        return fresh

    # ---- the data plane ---------------------------------------------------------------------------------------------

    def _install(self, sak: AgreedSak) -> None:
        """Make the SAs of a SAK that are not there yet."""
        suite, secy = sak.suite, self._secy(sak.suite)
        salt = xpn_salt(sak.ki.mi.octets, sak.ki.kn.value) if suite.is_xpn else None
        sscis = sak.sscis(self.scis) if suite.is_xpn else None
        if suite.is_xpn and sscis is None:
            return
        for mi, sci in self.scis.items():
            if (sci, sak.ki) in self._installed or (sscis is not None and mi not in sscis):
                continue
            ssci = None if sscis is None else sscis[mi]
            offset = sak.offset.octets
            sa = KeyedSa(sci, sak.an, sak.sak, sak.ki, ssci=ssci, salt=salt, confidentiality_offset=offset)
            add_receive_sa(secy, sa)
            self._installed[sci, sak.ki] = sa

    def _secy(self, suite: CipherSuite) -> SecY:
        if suite not in self._lanes:
            made = self._make(OWN_SCI, suite, self._config, max_receive_channels=MAX_MEMBERS, gcm=self._gcm)
            self._lanes[suite] = len(self.secys)
            self.secys.append(made)
        return self.secys[self._lanes[suite]]

    def lane_for(self, frame: bytes) -> int | None:
        """Which of `secys` a MACsec frame is for: that of the suite of its AN's SAK; None before a SAK came."""
        tag = find_sectag(frame)
        sak = self._by_an.get(tag.an) if tag is not None else None
        sak = sak or self._latest
        return None if sak is None else self._lanes[sak.suite]

    def secy_for(self, frame: bytes) -> SecY | None:
        """That SecY itself."""
        lane = self.lane_for(frame)
        return None if lane is None else self.secys[lane]

    def installed(self, sci: Sci, an: int) -> tuple[CipherSuite, KeyedSa] | None:
        """The SA of an SCI that has this AN now, and its suite."""
        sak = self._by_an.get(an)
        sa = self._installed.get((sci, sak.ki)) if sak is not None else None
        return None if sak is None or sa is None else (sak.suite, sa)
