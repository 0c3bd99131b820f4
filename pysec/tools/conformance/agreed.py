"""Why this exists: in a capture of MKA the keys of the protected frames come out of the MKPDUs, and out of nothing
else: the CAK is given, the SAKs beside the capture are only compared.

One `Agreement` hears all MKPDUs in their order; each is compared with what the capture's description says of it, field
by field, and must be refused where the description says that its ICV is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from pysec.dataplane import SecY
from pysec.mka.keys import Cak
from pysec.mka.sealed import Verified
from pysec.tools.agreement import Agreement
from pysec.tools.conformance import mka
from pysec.tools.conformance.cases import Check, Mismatch, Skip, Vectors, same, same_octets
from pysec.tools.conformance.product import Product
from pysec.tools.fields import Fields
from pysec.tools.pcap.keys import cipher_suite
from pysec.tools.stations import KeyedSa
from pysec.types import CipherSuite, Ki, Sci
from pysec.wire import mkpdu
from pysec.wire.eapol import EapolFrame
from pysec.wire.mkpdu import KiPn, MkPdu, Peek, PeerList

_COMPARED = ("live", "potential", "sak_use", "distributed_sak")
_FLAGS = ("latest_tx", "latest_rx", "old_tx", "old_rx", "plain_tx", "plain_rx", "delay_protect")


class AgreedCapture:
    """The MKPDUs of a capture whose CAKs are given, and the SecYs that they lead to."""

    def __init__(self, vectors: Vectors, product: Product) -> None:
        self._top, self._product = vectors.top, product
        self._entries = vectors.top.objects("cas")
        self._caks = [mka.cak_of(entry, product) for entry in self._entries]
        self.agreement = Agreement(self._caks, gcm=product.gcm, make=product.make_secy, unseal=self._verify)

    def keys(self) -> Iterator[tuple[str, Check]]:
        """The derived keys of each CA, and with EAP its CAK and CKN."""
        for number, (entry, cak) in enumerate(zip(self._entries, self._caks, strict=True), start=1):
            yield f"CA {number}: KEK, ICK", partial(mka.check_derived, entry, cak, self._product)
        if "eap" in self._top:
            yield "EAP: CAK, CKN", self._check_eap

    def check_mkpdu(self, entry: Fields, frame: bytes) -> None:
        """One MKPDU: its fields, its ICV, and the SAK in it."""
        heard = self.agreement.hear(frame)
        if heard.outer is None or heard.peek is None:
            raise Mismatch("an MKPDU", heard.why_not or "nothing")
        outer, found = heard.outer, heard.peek
        cak = next((cak for cak in self._caks if cak.ckn == found.ckn), None)
        if cak is None:
            raise Skip("no CAK has this CKN")
        is_good = entry.flag("icv_ok")
        mka.check_icv(outer, found, cak, is_good=is_good)
        if is_good != (heard.verified is not None):
            raise Mismatch("believed" if is_good else "refused", heard.why_not or "believed")
        if is_good and heard.why_not:
            raise Mismatch("a SAK that can be used", heard.why_not)
        pdu = self._product.decode(outer.body, cak_octets=cak.octets)
        self._compare(entry, outer, pdu)
        mka.check_made_again(pdu, outer, self._product)
        if is_good:
            self._compare_sak(entry, pdu, cak)

    def check_saks(self) -> None:
        """Everything that was distributed is what the description lists, in that order."""
        want = [
            (
                str(Ki(entry.octets("ki", 16))),
                entry.integer("an", 0, 3),
                str(cipher_suite(entry, "cipher_suite")),
                entry.integer("mka_confidentiality_offset_code", 0, 3),
            )
            for entry in self._top.objects_or_none("saks")
        ]
        got = [(str(sak.ki), sak.an, str(sak.suite), int(sak.offset)) for sak in self.agreement.saks.values()]
        same("SAKs", want, got)
        for entry in self._top.objects_or_none("saks"):
            agreed = self.agreement.saks[Ki(entry.octets("ki", 16))]
            same(f"SAK {agreed.ki.mka_text} as given", True, agreed.sak == entry.secret("sak", 16, 32))

    def secy_for(self, frame: bytes) -> SecY:
        """The SecY for a frame."""
        secy = self.agreement.secy_for(frame)
        if secy is None:
            raise Mismatch("a SAK, distributed before this frame", "none")
        return secy

    def installed(self, sci: Sci, an: int) -> tuple[CipherSuite, KeyedSa] | None:
        """The SA of an SCI that has this AN now, and its suite."""
        return self.agreement.installed(sci, an)

    def _verify(self, outer: EapolFrame, found: Peek, cak: Cak) -> Verified:
        """As `sealed.verify`, through the product under test."""
        cak.verify_icv(outer.header + found.covered, found.icv)
        return Verified(outer, self._product.decode(outer.body, cak_octets=cak.octets), cak)

    def _check_eap(self) -> None:
        entry = self._top.object("eap")
        macs = entry.texts("macs")
        if len(macs) != 2:
            raise entry.error("macs", "must be two addresses")
        bits = 8 * self._caks[0].octets
        made = mka.cak_from_eap(entry, (macs[0], macs[1]), entry.octets("session_id"), bits, self._product)
        same("CKN", str(self._caks[0].ckn), str(made.ckn))
        mka.check_derived(self._entries[0], made, self._product)

    def _compare(self, entry: Fields, outer: EapolFrame, pdu: MkPdu) -> None:
        basic = pdu.basic
        same("source address", entry.text("src"), str(outer.source))
        same("destination address", entry.text("dst"), str(outer.destination))
        same("EAPOL version", entry.integer("eapol_version", 0, 255), outer.version)
        same("MKA version", entry.integer("mka_version", 1, 255), pdu.version)
        same("priority", entry.integer("key_server_priority", 0, 255), basic.key_server_priority)
        same("key server", entry.flag("key_server"), basic.is_key_server)
        same("MACsec desired", entry.flag("macsec_desired"), basic.macsec_desired)
        same("MACsec capability", entry.integer("macsec_capability", 0, 3), int(basic.macsec_capability))
        same("SCI", str(entry.sci("sci")), str(basic.sci))
        same("MI", entry.octets("mi", 12).hex(), str(basic.mi))
        same("MN", entry.integer("mn", 0, 0xFFFFFFFF), basic.mn)
        same("algorithm agility", entry.octets("algo_agility", 4).hex(), basic.agility.hex())
        same("CKN", entry.octets("ckn").hex(), str(basic.ckn))
        same_octets("ICV", entry.octets("icv", 16), outer.body[-16:])
        same("length", entry.integer("length", 0, 0xFFFF), len(outer.body))
        sets = entry.objects_or_none("sets")
        kinds = [raw.type for raw in mkpdu.raw_sets(mkpdu.peek(outer.body))]
        same("sets", [found.integer("type", 0, 255) for found in sets], kinds)
        for found in sets:
            _compare_set(found, pdu)

    def _compare_sak(self, entry: Fields, pdu: MkPdu, cak: Cak) -> None:
        for found in entry.objects_or_none("sets"):
            if found.text("name", default="") != "distributed_sak" or "wrapped" not in found:
                continue
            if pdu.distributed_sak is None:
                raise Mismatch("a distributed SAK", "none")
            same_octets("wrapped SAK", found.octets("wrapped"), pdu.distributed_sak.wrapped)
            mka.check_sak(pdu.distributed_sak.wrapped, found.secret("sak", 16, 32), cak)


def is_agreed(vectors: Vectors) -> bool:
    """Whether a capture's keys come out of its MKPDUs."""
    return "cas" in vectors.top


def _compare_set(found: Fields, pdu: MkPdu) -> None:
    name = found.text("name", default="")
    if name not in _COMPARED:
        return
    value = getattr(pdu, name)
    if value is None:
        raise Mismatch(f"a set {name}", "none")
    if isinstance(value, PeerList):
        want = [(p.octets("mi", 12).hex(), p.integer("mn", 0, 0xFFFFFFFF)) for p in found.objects_or_none("peers")]
        same(f"{name} peers", want, [(str(peer.mi), peer.mn) for peer in value.peers])
    elif name == "sak_use":
        use = pdu.sak_use
        assert use is not None
        for flag in _FLAGS:
            same(flag, found.flag(flag), getattr(use, flag))
        same("latest AN", found.integer("latest_an", 0, 3), use.latest_an.value)
        same("old AN", found.integer("old_an", 0, 3), use.old_an.value)
        _compare_key(found, "latest", use.latest)
        _compare_key(found, "old", use.old)
    else:
        _compare_distributed(found, pdu)


def _compare_key(found: Fields, which: str, key: KiPn | None) -> None:
    same(f"{which} KI", found.octets(f"{which}_ki", 16), key.ki.octets if key else bytes(16))
    if key is not None:
        same(f"{which} PN", found.integer(f"{which}_lpn", 0, 0xFFFFFFFF), key.lowest_pn)


def _compare_distributed(found: Fields, pdu: MkPdu) -> None:
    sak = pdu.distributed_sak
    assert sak is not None
    same("AN", found.integer("an", 0, 3), sak.an.value)
    same("KN", found.integer("kn", 0, 0xFFFFFFFF), sak.kn.value if sak.kn else None)
    code = found.integer("mka_confidentiality_offset_code", 0, 3)
    same("confidentiality offset", code, int(sak.confidentiality_offset))
    named = CipherSuite.of_identifier(found.octets("cipher_suite", 8)) if "cipher_suite" in found else None
    same("cipher suite", named or CipherSuite.GCM_AES_128, sak.cipher_suite)
