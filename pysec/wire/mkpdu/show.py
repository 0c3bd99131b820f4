"""Why this exists: an MKPDU in a trace or on a terminal must say everything that helps and nothing that keys a SecY.

`as_dict` is for machines, `text` for people; both leave wrapped keys out, and print what a peer wrote as ASCII.
"""

from __future__ import annotations

from collections.abc import Iterator

from pysec.types import CipherSuite
from pysec.wire.mkpdu.announcement import Announcement
from pysec.wire.mkpdu.sets import BasicSet, DistributedSak, KiPn, MkPdu, PeerList, SakUse


def as_dict(pdu: MkPdu) -> dict[str, object]:
    """Every set that is there, under the names of its fields; octets as hex, KIs as MI/KN."""
    found: dict[str, object] = {"mka_version": pdu.version, "basic": _basic(pdu.basic)}
    if pdu.live is not None:
        found["live"] = _peers(pdu.live)
        if pdu.live.key_server_ssci is not None:
            found["key_server_ssci"] = pdu.live.key_server_ssci
    if pdu.potential is not None:
        found["potential"] = _peers(pdu.potential)
    if pdu.sak_use is not None:
        found["sak_use"] = _sak_use(pdu.sak_use)
    if pdu.distributed_sak is not None:
        found["distributed_sak"] = _distributed_sak(pdu.distributed_sak)
    if pdu.distributed_cak is not None:
        found["distributed_cak"] = {"ckn": str(pdu.distributed_cak.ckn)}
    if pdu.kmd is not None:
        found["kmd"] = _ascii(pdu.kmd)
    if pdu.announcement is not None:
        found["announcement"] = _announcement(pdu.announcement)
    if (xpn := pdu.xpn) is not None:
        found["xpn"] = {
            "suspension_time_s": xpn.suspension_time_s,
            "latest_high": xpn.latest_high,
            "old_high": xpn.old_high,
        }
    if pdu.icv_indicator:
        found["icv_indicator"] = True
    if pdu.unknown:
        found["unknown"] = [{"type": raw.type, "octets": len(raw.body)} for raw in pdu.unknown]
    return found


def text(pdu: MkPdu) -> str:
    """One line: who sends, what it wants, whom it hears, which keys it uses and distributes."""
    return ", ".join(_phrases(pdu))


def _phrases(pdu: MkPdu) -> Iterator[str]:
    basic = pdu.basic
    role = "key server" if basic.is_key_server else "member"
    yield f"MKA v{pdu.version} {role} {basic.mi} MN {basic.mn}, SCI {basic.sci}, CKN {basic.ckn}"
    wish = "desired" if basic.macsec_desired else "not desired"
    yield f"priority {basic.key_server_priority}, MACsec {wish}, capability {int(basic.macsec_capability)}"
    for name, peers in (("live", pdu.live), ("potential", pdu.potential)):
        if peers is not None:
            yield f"{name} [" + " ".join(f"{peer.mi}:{peer.mn}" for peer in peers.peers) + "]"
    if pdu.live is not None and pdu.live.key_server_ssci is not None:
        yield f"key server's SSCI {pdu.live.key_server_ssci}"
    if (sak := pdu.distributed_sak) is not None:
        yield _sak_text(sak)
    if (use := pdu.sak_use) is not None:
        yield _use_text(use)
    if pdu.distributed_cak is not None:
        yield f"distributes a CAK named {pdu.distributed_cak.ckn}"
    if pdu.xpn is not None:
        yield f"PNs' high halves {pdu.xpn.latest_high} and {pdu.xpn.old_high}"
        if pdu.xpn.suspension_time_s:
            yield f"wants suspension for {pdu.xpn.suspension_time_s} s"
    if pdu.kmd is not None:
        yield f"KMD {_ascii(pdu.kmd)}"
    if pdu.announcement is not None:
        suites = " ".join(_suite(offer.suite) for offer in pdu.announcement.suites)
        yield f"announces {suites or f'{len(pdu.announcement.tlvs)} TLVs'}"
    for raw in pdu.unknown:
        yield f"unknown set {raw.type} of {len(raw.body)} octets"


def _basic(basic: BasicSet) -> dict[str, object]:
    return {
        "key_server_priority": basic.key_server_priority,
        "is_key_server": basic.is_key_server,
        "macsec_desired": basic.macsec_desired,
        "macsec_capability": int(basic.macsec_capability),
        "sci": str(basic.sci),
        "mi": str(basic.mi),
        "mn": basic.mn,
        "ckn": str(basic.ckn),
    }


def _peers(peers: PeerList) -> list[dict[str, object]]:
    return [{"mi": str(peer.mi), "mn": peer.mn} for peer in peers.peers]


def _key(key: KiPn | None) -> dict[str, object] | None:
    return None if key is None else {"ki": key.ki.mka_text, "lowest_pn": key.lowest_pn}


def _sak_use(use: SakUse) -> dict[str, object]:
    flags = ("latest_tx", "latest_rx", "old_tx", "old_rx", "plain_tx", "plain_rx", "delay_protect", "empty")
    found: dict[str, object] = {name: getattr(use, name) for name in flags}
    found |= {"latest_an": use.latest_an.value, "old_an": use.old_an.value}
    return {**found, "latest": _key(use.latest), "old": _key(use.old)}


def _distributed_sak(sak: DistributedSak) -> dict[str, object]:
    if sak.kn is None or sak.cipher_suite is None:
        return {"plain": True}
    return {
        "an": sak.an.value,
        "kn": sak.kn.value,
        "cipher_suite": _suite(sak.cipher_suite),
        "confidentiality_offset": int(sak.confidentiality_offset),
    }


def _announcement(found: Announcement) -> dict[str, object]:
    tlvs = [{"type": tlv.type, "octets": len(tlv.value)} for tlv in found.tlvs]
    suites = [{"suite": _suite(offer.suite), "capability": offer.capability} for offer in found.suites]
    return {"tlvs": tlvs, "suites": suites}


def _sak_text(sak: DistributedSak) -> str:
    if sak.kn is None or sak.cipher_suite is None:
        return "says not to use MACsec"
    offset = sak.confidentiality_offset
    how = f"encrypting after {offset.octets} octets" if offset.octets else "encrypting"
    how = how if offset.encrypts else "integrity only"
    return f"distributes SAK KN {sak.kn}, AN {sak.an}, {_suite(sak.cipher_suite)}, {how}"


def _use_text(use: SakUse) -> str:
    parts = []
    for name, an, key, tx, rx in (
        ("latest", use.latest_an, use.latest, use.latest_tx, use.latest_rx),
        ("old", use.old_an, use.old, use.old_tx, use.old_rx),
    ):
        if key is not None:
            ways = "+".join(way for way, on in (("tx", tx), ("rx", rx)) if on) or "not in use"
            parts.append(f"{name} {key.ki.mka_text} AN {an} {ways} from PN {key.lowest_pn}")
    parts += [word for word, on in (("plain tx", use.plain_tx), ("plain rx", use.plain_rx)) if on]
    if use.delay_protect:
        parts.append("delay protection")
    return "uses " + (", ".join(parts) or "no SAK")


def _suite(suite: CipherSuite | bytes) -> str:
    return str(suite) if isinstance(suite, CipherSuite) else suite.hex("-")


def _ascii(words: str) -> str:
    return "".join(c if c.isascii() and c.isprintable() else c.encode("unicode_escape").decode() for c in words)
