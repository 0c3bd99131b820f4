"""Why this exists: a whole SecY, one frame at a time, that anybody can check against IEEE 802.1AE-2018 clause 10.

It is the oracle of tests/property: the C core gets bursts, this gets the same frames one by one, and verdicts,
octets, counters and packet numbers must come out the same. Nothing is shared with the product. Where the standard is
silent, the project's decisions are marked "decided".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from . import sectag
from .parts import SAK_OCTETS, Config, ModelError, Outcome, ReceiveSa, ReceiveSc, Sak, TransmitSa, nonce, seal, unseal
from .replay import Replay, recover_pn, window_in_use
from .sectag import ETHERTYPE, ICV_OCTETS, BadTag, Mpdu, SecTag

VLAN_ETHERTYPES = (0x8100, 0x88A8)
RECEIVE_SC_VERDICTS = (
    "IN_OK", "IN_UNCHECKED", "IN_DELAYED", "IN_LATE", "IN_INVALID", "IN_NOT_VALID", "IN_DUPLICATE",
)  # fmt: skip


def split(frame: bytes, vlan_tags_in_clear: int) -> tuple[bytes, bytes, bytes]:
    """Addresses, VLAN tags left in clear, and the rest from its EtherType on (decided: the project's option)."""
    at = 12
    for _ in range(vlan_tags_in_clear):
        is_vlan = int.from_bytes(frame[at : at + 2], "big") in VLAN_ETHERTYPES
        if not is_vlan or len(frame) < at + 6:
            break
        at += 4
    return frame[:12], frame[12:at], frame[at:]


class SecY:
    """A SecY with one transmit SC. Set-up calls raise ModelError and then change nothing."""

    def __init__(self, sci: int, suite: str = "GCM-AES-128", config: Config | None = None) -> None:
        self.sci = sci
        self.suite = suite
        self.extended = "XPN" in suite
        self.pn_space = 2**64 if self.extended else 2**32
        self.config = config or Config()
        self.saks: dict[bytes, Sak] = {}
        self.known_saks: dict[bytes, Sak] = {}  # installed or retired
        self.pn_floor: dict[bytes, int] = {}
        self.past_replay: dict[tuple[bytes, int], Replay] = {}
        self.past_sscis: dict[bytes, dict[int, int]] = {}
        self.transmit_sas: dict[int, TransmitSa] = {}
        self.encoding_sa: int | None = None
        self.receive_scs: dict[int, ReceiveSc] = {}
        self.packets: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.octets: Counter[str] = Counter()
        self._check(self.config)

    # ---- Controls and keys -----------------------------------------------------------------------------------------

    def _check(self, config: Config) -> None:
        port = self.sci & 0xFFFF
        if config.use_es and port != 1 and not config.use_scb:
            raise ModelError("INVAL")  # the receiver would think of port 1 (802.1AE-2018 9.5)
        if config.use_scb and port != 0:
            raise ModelError("INVAL")
        if config.refuse_duplicates and (not config.replay_protect or config.replay_window > 65536):
            raise ModelError("INVAL")

    def reconfigure(self, **changes: object) -> None:
        """Change controls (802.1AE-2018 10.7.8, 10.7.17)."""
        config = replace(self.config, **changes)
        self._check(config)
        self.config = config

    def install_sak(self, ki: bytes, key: bytes, salt: bytes | None = None, confidentiality_offset: int = 0) -> None:
        """802.1AE-2018 10.7.28. Decided: a KI means one SAK and one salt for ever."""
        if len(key) != SAK_OCTETS[self.suite] or (salt is not None) != self.extended:
            raise ModelError("INVAL")
        if confidentiality_offset not in ((0,) if self.extended else (0, 30, 50)):
            raise ModelError("INVAL")
        for known in self.known_saks.values():
            if (known.ki == ki) != (known.key == key):
                raise ModelError("KI_REUSED")
            if known.ki == ki and known.salt != salt:
                raise ModelError("EXIST")  # two salts could make one IV of two packet numbers (14.7)
        if ki in self.saks and self.saks[ki].offset != confidentiality_offset:
            raise ModelError("EXIST")
        if ki not in self.saks:
            self.saks[ki] = self.known_saks[ki] = Sak(ki, key, salt, confidentiality_offset)

    def _sak(self, ki: bytes) -> Sak:
        if ki not in self.saks:
            raise ModelError("NOENT")
        return self.saks[ki]

    def _check_ssci(self, sak: Sak, sci: int, ssci: int) -> None:
        """802.1AE-2018 10.7.13, 10.7.22: no SSCI twice with a SAK, for transmission or reception."""
        if not self.extended:
            return
        users = [(self.sci, sa) for sa in self.transmit_sas.values()]
        users += [(sc.sci, sa) for sc in self.receive_scs.values() for sa in sc.sas.values()]
        if any(sa.sak is sak and sa.ssci == ssci and other != sci for other, sa in users):
            raise ModelError("SSCI")
        # Decided: SCI and SSCI belong together as long as the SAK is known, also when their SA has ended.
        for other, used in self.past_sscis.get(sak.ki, {}).items():
            if (used == ssci) != (other == sci):
                raise ModelError("SSCI")

    def retire(self, ki: bytes) -> None:
        """Decided: end every SA of a KI, forget the SAK, remember where its packet numbers stand."""
        if ki not in self.known_saks:
            raise ModelError("NOENT")
        for an in [an for an, sa in self.transmit_sas.items() if sa.sak.ki == ki]:
            self._drop_transmit_sa(an)
        for sc in self.receive_scs.values():
            for an in [an for an, sa in sc.sas.items() if sa.sak.ki == ki]:
                self._drop_receive_sa(sc, an)
        self.saks.pop(ki, None)

    # ---- Receive SCs and SAs ---------------------------------------------------------------------------------------

    def create_receive_sc(self, sci: int) -> None:
        """802.1AE-2018 10.7.11."""
        self.receive_scs.setdefault(sci, ReceiveSc(sci))

    def delete_receive_sc(self, sci: int) -> None:
        """802.1AE-2018 10.7.11: with its SAs and its counters. Decided: the SecY's own sums stay, and one that is not
        there is no error."""
        if sci in self.receive_scs:
            for an in list(self.receive_scs[sci].sas):
                self._drop_receive_sa(self.receive_scs[sci], an)
            del self.receive_scs[sci]

    def _drop_receive_sa(self, sc: ReceiveSc, an: int) -> None:
        """Decided: an SA that comes back under its KI goes on where it stood, and what it had not seen of the past
        counts as seen."""
        sa = sc.sas.pop(an)
        self.past_replay[sa.sak.ki, sc.sci] = sa.replay
        self.past_sscis.setdefault(sa.sak.ki, {})[sc.sci] = sa.ssci

    def create_receive_sa(self, sci: int, an: int, ki: bytes, lowest_pn: int = 1, ssci: int = 0) -> None:
        """802.1AE-2018 10.7.13."""
        sak = self._sak(ki)
        if sci not in self.receive_scs:
            raise ModelError("NOENT")
        sc = self.receive_scs[sci]
        self._check_ssci(sak, sci, ssci)
        if an in sc.sas and sc.sas[an].sak is sak:
            if self.extended and sc.sas[an].ssci != ssci:
                raise ModelError("EXIST")
            sc.sas[an].replay.raise_lowest(lowest_pn)
            return
        if any(sa.sak is sak for sa in sc.sas.values()):
            raise ModelError("EXIST")  # decided: SC and KI name one SA
        if an in sc.sas:
            self._drop_receive_sa(sc, an)
        replay = Replay(lowest_pn, lowest_pn)
        past = self.past_replay.pop((ki, sci), None)
        if past is not None:
            replay.continue_from(past)
        sc.sas[an] = ReceiveSa(an, sak, replay, ssci)

    def _receive_sa(self, sci: int, ki: bytes) -> ReceiveSa:
        for sa in self.receive_scs[sci].sas.values() if sci in self.receive_scs else ():
            if sa.sak.ki == ki:
                return sa
        raise ModelError("NOENT")

    def enable_receive(self, sci: int, ki: bytes, enable: bool = True) -> None:
        """802.1AE-2018 10.7.15, enableReceive."""
        self._receive_sa(sci, ki).in_use = enable

    def update_lowest_pn(self, sci: int, ki: bytes, pn: int) -> None:
        """802.1AE-2018 10.7.15, updtLowestPN."""
        self._receive_sa(sci, ki).replay.raise_lowest(pn)

    # ---- Transmit SAs ----------------------------------------------------------------------------------------------

    def create_transmit_sa(
        self, an: int, ki: bytes, next_pn: int = 1, *, ssci: int = 0, confidentiality: bool = True, pn_ceiling: int = 0
    ) -> None:
        """802.1AE-2018 10.7.22. Decided: no PN that a KI may have used comes back."""
        sak = self._sak(ki)
        self._check_ssci(sak, self.sci, ssci)
        old = self.transmit_sas.get(an)
        if old is not None and old.sak is sak:
            if old.confidentiality != confidentiality or (self.extended and old.ssci != ssci):
                raise ModelError("EXIST")
            old.next_pn = max(old.next_pn, next_pn)
            if pn_ceiling:
                self.set_pn_ceiling(ki, pn_ceiling)
            return
        if any(sa.sak is sak for sa in self.transmit_sas.values()):
            raise ModelError("EXIST")
        if next_pn < self.pn_floor.get(ki, 1):
            raise ModelError("PN_USED")
        if old is not None:
            if self.encoding_sa == an:
                raise ModelError("BUSY")
            self._drop_transmit_sa(an)
        self.transmit_sas[an] = TransmitSa(an, sak, next_pn, ssci, confidentiality, pn_ceiling % self.pn_space)

    def _drop_transmit_sa(self, an: int) -> None:
        sa = self.transmit_sas.pop(an)
        self.past_sscis.setdefault(sa.sak.ki, {})[self.sci] = sa.ssci
        self.pn_floor[sa.sak.ki] = max(self.pn_floor.get(sa.sak.ki, 1), sa.next_pn)
        if self.encoding_sa == an:
            self.encoding_sa = None

    def _transmit_sa(self, ki: bytes) -> TransmitSa:
        for sa in self.transmit_sas.values():
            if sa.sak.ki == ki:
                return sa
        raise ModelError("NOENT")

    def enable_transmit(self, ki: bytes, enable: bool = True) -> None:
        """802.1AE-2018 10.7.24."""
        sa = self._transmit_sa(ki)
        if enable:
            self.encoding_sa = sa.an
        elif self.encoding_sa == sa.an:
            self.encoding_sa = None

    def set_pn_ceiling(self, ki: bytes, pn_ceiling: int) -> None:
        """Decided: it may rise, or fall as far as next PN."""
        sa = self._transmit_sa(ki)
        if pn_ceiling and pn_ceiling < sa.next_pn:
            raise ModelError("PN_USED")
        sa.pn_ceiling = pn_ceiling % self.pn_space

    # ---- Status ----------------------------------------------------------------------------------------------------

    @property
    def including_sci(self) -> bool:
        """802.1AE-2018 10.5.3 a) to c), Table 10-1; there is one transmit SC."""
        enabled = sum(sc.receiving for sc in self.receive_scs.values())
        many = enabled > 1 and not self.config.use_es and not self.config.use_scb
        return self.config.always_include_sci or many

    @property
    def exhausted(self) -> bool:
        """Whether the encoding SA has no PN left, which closes the port both ways (802.1AE-2018 10.5.2)."""
        if self.encoding_sa is None or not self.config.protecting:
            return False
        return self.transmit_sas[self.encoding_sa].next_pn >= self.pn_space

    def sa_states(self) -> dict[tuple[int, int, bytes], tuple[int, ...]]:
        """By SCI, AN and KI: next PN and ceiling, or next and lowest PN and inUse (802.1AE-2018 10.7.14, 10.7.23)."""
        states: dict[tuple[int, int, bytes], tuple[int, ...]] = {}
        for out in self.transmit_sas.values():
            states[self.sci, out.an, out.sak.ki] = (out.next_pn, out.pn_ceiling)
        for sc in self.receive_scs.values():
            for sa in sc.sas.values():
                states[sc.sci, sa.an, sa.sak.ki] = (sa.replay.next_pn, sa.replay.lowest_pn, int(sa.in_use))
        return states

    def receive_state(self, sci: int, an: int) -> tuple[int, int]:
        """The lowest acceptable and the next PN of a receive SA (802.1AE-2018 10.7.14)."""
        replay = self.receive_scs[sci].sas[an].replay
        return replay.lowest_pn, replay.next_pn

    def protect_burst(self, frames: Sequence[bytes]) -> list[Outcome]:
        """A burst is one frame after the other."""
        return [self.protect(frame) for frame in frames]

    def validate_burst(self, frames: Sequence[bytes]) -> list[Outcome]:
        """A burst is one frame after the other."""
        return [self.validate(frame) for frame in frames]

    def sc_packets(self, sci: int) -> Counter[str]:
        """The counters of one SC."""
        if sci == self.sci:
            return Counter({v: self.packets[v] for v in ("OUT_PROTECTED", "OUT_ENCRYPTED")})
        return self.receive_scs[sci].packets

    def _count(self, outcome: Outcome) -> Outcome:
        """One verdict, one counter (802.1AE-2018 10.7.9, 10.7.18)."""
        self.packets[outcome.verdict] += 1
        if outcome.reason != "NONE":
            self.reasons[outcome.reason] += 1
        if outcome.verdict in RECEIVE_SC_VERDICTS:
            self.receive_scs[outcome.sci].packets[outcome.verdict] += 1
        return outcome

    # ---- Secure frame generation, 10.5 -----------------------------------------------------------------------------

    def protect(self, frame: bytes) -> Outcome:
        """One frame from the user of the controlled port."""
        return self._count(self._protect(frame))

    def _is_bypass(self, addresses: bytes, rest: bytes) -> bool:
        ethertype = int.from_bytes(rest[:2], "big")
        return ethertype in self.config.bypass_ethertypes or addresses[:6] in self.config.bypass_addresses

    def _protect(self, frame: bytes) -> Outcome:
        if len(frame) < 14:
            return Outcome("OUT_MALFORMED", "TOO_SHORT")
        addresses, vlan, user_data = split(frame, self.config.vlan_tags_in_clear)
        if self._is_bypass(addresses, user_data):
            return Outcome("OUT_BYPASS", frame=frame, action="COMMON")
        if not self.config.controlled_port_enabled:  # 802.1AE-2018 10.7.5: for protectFrames False as well
            return Outcome("OUT_CLOSED", "DISABLED")
        if not self.config.protecting:
            reason = "NULL" if self.config.validate_frames == "null" else "NONE"
            return Outcome("OUT_UNTAGGED", reason, frame, "COMMON")
        if self.encoding_sa is None:
            return Outcome("OUT_CLOSED", "NO_TRANSMIT_SA")
        sa = self.transmit_sas[self.encoding_sa]
        if sa.next_pn >= self.pn_space:
            return Outcome("OUT_CLOSED", "PN_EXHAUSTED")

        tag = self._encode_tag(sa, addresses[6:12], user_data)
        mpdu_octets = len(tag.encode()) + len(user_data) + ICV_OCTETS
        if self.config.common_port_mtu is not None and mpdu_octets - 2 > self.config.common_port_mtu:
            return Outcome("OUT_TOO_LONG")
        if sa.pn_ceiling and sa.next_pn >= sa.pn_ceiling:
            return Outcome("OUT_CLOSED", "PN_CEILING")

        pn, sa.next_pn = sa.next_pn, sa.next_pn + 1
        mpdu = seal(sa.sak, nonce(sa.sak, self.sci, sa.ssci, pn), addresses, tag, user_data)
        kind = "encrypted" if sa.confidentiality else "protected"
        self.octets[f"out_{kind}"] += len(user_data)
        return Outcome(f"OUT_{kind.upper()}", "NONE", addresses + vlan + mpdu, "COMMON", pn, self.sci, sa.an)

    def _encode_tag(self, sa: TransmitSa, source: bytes, user_data: bytes) -> SecTag:
        """802.1AE-2018 10.5.3, Table 10-1. Decided: a bit that has the receiver take the SCI from the source address is
        set only where that address is the SCI's (9.5 on ES; SCB alike), and the SCI is sent otherwise."""
        implying = self.config.use_es or self.config.use_scb
        explicit = self.including_sci or (implying and source != self.sci.to_bytes(8, "big")[:6])
        return SecTag(
            an=sa.an,
            sl=sectag.short_length(len(user_data)),
            pn_field=sa.next_pn & 0xFFFF_FFFF,
            sci=self.sci if explicit else None,
            e=sa.confidentiality,
            c=sa.confidentiality,
            es=self.config.use_es and not explicit,
            scb=self.config.use_scb and not explicit,
        )

    # ---- Secure frame verification, 10.6 ---------------------------------------------------------------------------

    def validate(self, frame: bytes) -> Outcome:
        """One frame from the common port."""
        return self._count(self._validate(frame))

    def _validate(self, frame: bytes) -> Outcome:
        config = self.config
        if len(frame) < 14:
            return Outcome("IN_MALFORMED", "TOO_SHORT")
        addresses, vlan, rest = split(frame, config.vlan_tags_in_clear)
        tagged = int.from_bytes(rest[:2], "big") == ETHERTYPE

        if not tagged and self._is_bypass(addresses, rest):
            return Outcome("IN_BYPASS", frame=frame, action="UNCONTROLLED")
        if not config.controlled_port_enabled:
            return Outcome("IN_CLOSED", "DISABLED")
        if self.exhausted:
            return Outcome("IN_CLOSED", "PN_EXHAUSTED")
        if config.validate_frames == "null":
            return Outcome("IN_UNTAGGED", "NULL", frame, "CONTROLLED")
        if not tagged:
            if config.validate_frames == "strict":
                return Outcome("IN_NO_TAG")
            return Outcome("IN_UNTAGGED", frame=frame, action="CONTROLLED")

        try:
            mpdu = sectag.parse(rest, extended=self.extended)
        except BadTag as bad:
            return Outcome("IN_BAD_TAG", bad.reason)
        if mpdu.tag.e and not mpdu.tag.c:
            return Outcome("IN_KAY")
        return self._validate_tagged(addresses, vlan, mpdu)

    def _validate_tagged(self, addresses: bytes, vlan: bytes, mpdu: Mpdu) -> Outcome:
        tag, mode = mpdu.tag, self.config.validate_frames
        readable = not tag.c  # without the key: the Secure Data is the User Data (802.1AE-2018 9.5)
        as_it_is = addresses + vlan + mpdu.secure_data

        # 802.1AE-2018 10.6.1
        sci = sectag.implied_sci(tag, addresses[6:])
        if sci is None and len(self.receive_scs) == 1:
            (sci,) = self.receive_scs
        if sci is None:  # decided: with several peers, as ES would say it
            sci = int.from_bytes(addresses[6:] + b"\0\1", "big")
        sc = self.receive_scs.get(sci)
        sa = sc.sas.get(tag.an) if sc is not None else None
        base = Outcome("NONE", sci=sci, an=tag.an)
        if sc is None or sa is None or not sa.in_use:
            base = base._replace(reason="UNKNOWN_SCI" if sc is None else "UNUSED_SA")
            if mode == "strict" or tag.c:
                return base._replace(verdict="IN_NO_SA_ERROR")
            return base._replace(verdict="IN_NO_SA", frame=as_it_is, action="CONTROLLED")

        # 802.1AE-2018 10.6.2
        pn = recover_pn(sa.replay.lowest_pn, tag.pn_field) if self.extended else tag.pn_field
        base = base._replace(pn=pn)
        if self.config.replay_protect and sa.replay.is_late(pn):
            return base._replace(verdict="IN_LATE")

        # 802.1AE-2018 10.6.3
        user_data, why_not = self._open(sc, sa, pn, addresses, mpdu)
        valid = user_data is not None

        # 10.6.4 finds what 10.6.2 found, one frame at a time. Decided: a duplicate is one only once it is VALID.
        if valid and self.config.refuse_duplicates and sa.replay.is_duplicate(pn):
            return base._replace(verdict="IN_DUPLICATE")

        # 802.1AE-2018 10.6.5
        if not valid and (mode == "strict" or not readable):
            return base._replace(verdict="IN_NOT_VALID", reason=why_not)
        if not valid and mode == "check":
            verdict, reason = "IN_INVALID", why_not
        elif sa.replay.is_late(pn or self.pn_space):
            verdict, reason = "IN_DELAYED", "NONE"
        elif not valid:
            verdict, reason = "IN_UNCHECKED", "NONE"
        else:
            verdict, reason = "IN_OK", "NONE"
        if valid:
            sa.replay.accept(pn, window_in_use(self.config.replay_window, extended=self.extended))
        frame = as_it_is if user_data is None else addresses + vlan + user_data
        return base._replace(verdict=verdict, reason=reason, frame=frame, action="CONTROLLED")

    def _open(self, sc: ReceiveSc, sa: ReceiveSa, pn: int, addresses: bytes, mpdu: Mpdu) -> tuple[bytes | None, str]:
        """The User Data if the Cipher Suite returns VALID, else None and why (802.1AE-2018 10.6.3). The octets are
        counted whether or not it does."""
        if self.config.validate_frames == "disabled":
            return None, "NOT_CHECKED"
        self.octets["in_decrypted" if mpdu.tag.e else "in_validated"] += len(mpdu.secure_data)
        if pn == 0:
            return None, "PN_ZERO"  # decided; 32-bit PNs of zero were bad tags already
        if mpdu.tag.c and not mpdu.tag.e:
            return None, "NOT_OURS"  # a suite that changes the data without hiding it (9.5): none of these
        user_data = unseal(sa.sak, nonce(sa.sak, sc.sci, sa.ssci, pn), addresses, mpdu)
        return user_data, "ICV"
