"""Why this exists: MACsec frames of the standard, of others and of our own must open to their plain octets, and the
plain octets must make exactly these frames.

One function for each frame format of docs/formats.md. Every case has its own receiver, strict and with replay
protection, that knows the case's SA and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pysec.dataplane import Reason, SecY, SecYConfig, Verdict
from pysec.tools.conformance.cases import Check, Mismatch, Vectors, per_vector, same, same_octets
from pysec.tools.conformance.product import Product, Received, receive, send
from pysec.tools.fields import Fields
from pysec.tools.pcap.keys import cipher_suite, xpn_fields
from pysec.tools.pcap.sectag import SecTag, find_sectag
from pysec.tools.stations import KeyedSa
from pysec.types import PN_SPACE, CipherSuite, Ki, Sci

_KI = Ki(b"conformance case")

KERNEL_DETAIL = {
    (Verdict.IN_NO_SA, Reason.UNKNOWN_SCI): "InPktsUnknownSCI",
    (Verdict.IN_NO_SA, Reason.UNUSED_SA): "InPktsUnusedSA",
    (Verdict.IN_NO_SA_ERROR, Reason.UNKNOWN_SCI): "InPktsNoSCI",
    (Verdict.IN_NO_SA_ERROR, Reason.UNUSED_SA): "InPktsNotUsingSA",
}
"""Where 802.1AE-2006 and Linux have two counters for one of 2018, the reason tells which."""


def frames(vectors: Vectors, product: Product) -> Iterator[tuple[str, Check]]:
    """macsec_annex_c_frames, macsec_synthetic_frames and macsec_vlan_frames: `plain` and `secure`, both ways."""
    return per_vector(_both_ways, vectors, product)


def padded(vectors: Vectors, product: Product) -> Iterator[tuple[str, Check]]:
    """macsec_padded_short_frames: padding behind the ICV is taken; what we make is the frame without it."""
    return per_vector(_both_ways, vectors, product)


def rejects(vectors: Vectors, product: Product) -> Iterator[tuple[str, Check]]:
    """macsec_reject_frames: nothing is delivered, and exactly the counter that is named moves."""
    return per_vector(_reject, vectors, product)


def sequences(vectors: Vectors, product: Product) -> Iterator[tuple[str, Check]]:
    """macsec_sequences: frames in their order for one receive SC, at each replay window."""
    return per_vector(_sequence, vectors, product)


# ---- what a vector says -----------------------------------------------------------------------------------------


def _clear_tags(vector: Fields) -> int:
    octets = vector.integer("clear_tag_octets", 0, 8, default=0)
    if octets % 4:
        raise vector.error("clear_tag_octets", "must be 0, 4 or 8")
    return octets // 4


def _tag(vector: Fields, secure: bytes) -> SecTag:
    tag = find_sectag(secure, _clear_tags(vector))
    if tag is None or tag.offset != 12 + 4 * _clear_tags(vector):
        raise vector.error("secure", "has no SecTAG where it should be")
    return tag


def _sa(vector: Fields, suite: CipherSuite, an: int) -> KeyedSa:
    """The SA of a vector. Its first PN is the frame's own, so that an XPN receiver can recover the upper half."""
    ssci, salt = xpn_fields(vector, suite)
    return KeyedSa(
        sci=vector.sci("sci"),
        an=vector.integer("an", 0, 3, default=an),
        key=vector.secret("key", suite.sak_octets),
        ki=_KI,
        first_pn=max(1, vector.integer("pn", 0, suite.pn_space - 1, default=1)),
        ssci=ssci,
        salt=salt,
        confidentiality_offset=_offset(vector, suite),
    )


def _offset(vector: Fields, suite: CipherSuite) -> int:
    offset = vector.integer("conf_offset", 0, 50, default=0)
    if offset not in (0, 30, 50) or (offset and suite.is_xpn):
        raise vector.error("conf_offset", "must be 0, 30 or 50, and 0 with an XPN suite")
    return offset


# ---- checks -------------------------------------------------------------------------------------------------------


def check_delivered(found: Received, plain: bytes) -> None:
    """The frame was found good, only the counter for that moved, and what was delivered is `plain`."""
    same("verdict", Verdict.IN_OK.yang, _says(found))
    same("counters that moved", _steps({Verdict.IN_OK: 1}), _steps(found.moved))
    same_octets("delivered", plain, found.frame)


def check_made(
    product: Product, suite: CipherSuite, sa: KeyedSa, tag: SecTag, *, plain: bytes, secure: bytes, clear_tags: int = 0
) -> None:
    """A sender told to use the same form of SecTAG makes the same frame, octet for octet."""
    config = SecYConfig(always_include_sci=tag.sc, use_es=tag.es, use_scb=tag.scb, vlan_tags_in_clear=clear_tags)
    with product.sender(suite, sa, config, confidentiality=tag.e) as secy:
        made = send(secy, plain)
    if isinstance(made, str):
        raise Mismatch(f"protected: {len(secure)} octets", f"protected: nothing: {made}")
    same_octets("protected", secure, made)


def _says(found: Received) -> str:
    return found.verdict.yang + (f" ({found.reason.slug})" if found.reason is not Reason.NONE else "")


def _steps(moved: dict[Verdict, int]) -> str:
    return ", ".join(f"{v.yang} by {n}" for v, n in sorted(moved.items())) or "none"


def _both_ways(vector: Fields, product: Product) -> None:
    suite = cipher_suite(vector, "suite")
    secure, plain = vector.octets("secure"), vector.octets("plain")
    tag, clear_tags = _tag(vector, secure), _clear_tags(vector)
    sa = _sa(vector, suite, tag.an)
    with product.receiver(suite, [sa], SecYConfig(vlan_tags_in_clear=clear_tags)) as secy:
        found = receive(secy, secure)
    check_delivered(found, plain)
    same("PN", vector.integer("pn", 1, suite.pn_space - 1), found.pn)
    same("SCI", str(sa.sci), str(Sci(found.sci)))
    for name in ("es", "sc", "scb", "e", "c"):
        if name in vector:
            same(f"{name} bit", vector.flag(name), getattr(tag, name))
    unpadded = vector.integer("unpadded_secure_octets", 1, len(secure), default=len(secure))
    check_made(product, suite, sa, tag, plain=plain, secure=secure[:unpadded], clear_tags=clear_tags)


def _reject(vector: Fields, product: Product) -> None:
    suite = cipher_suite(vector, "suite")
    secure = vector.octets("secure")
    want = vector.text("expect_counter_strict")
    tag = find_sectag(secure)
    sa = _sa(vector, suite, tag.an if tag else 0)
    with product.receiver(suite, [sa], SecYConfig()) as secy:
        found = receive(secy, secure)
    if found.frame is not None:
        raise Mismatch("delivered: nothing", f"delivered: {len(found.frame)} octets, {_says(found)}")
    if want == "none":
        same("verdict", Verdict.IN_KAY.yang, _says(found))
        same("counters that moved", _steps({Verdict.IN_KAY: 1}), _steps(found.moved))
        return
    names = [found.verdict.kernel_name, found.verdict.yang, KERNEL_DETAIL.get((found.verdict, found.reason), "")]
    if want not in names:
        raise Mismatch(f"counter: {want}", f"counter: {names[0] or names[1]} ({found.reason.slug})")
    same("counters that moved", _steps({found.verdict: 1}), _steps(found.moved))


def _sequence(vector: Fields, product: Product) -> None:
    entries = vector.objects("frames")
    suite = cipher_suite(entries[0], "suite")
    sas, tags = _sequence_sas(entries, suite)
    if "expect_by_replay_window" in vector:
        expected = vector.texts_by_text("expect_by_replay_window")
    else:
        expected = {"0": ["deliver"] * len(entries)}
    if not expected:
        raise vector.error("expect_by_replay_window", "must name a replay window")
    for window, want in expected.items():
        if not window.isascii() or not window.isdecimal() or int(window) >= PN_SPACE or len(want) != len(entries):
            raise vector.error("expect_by_replay_window", "must give a word for each frame at each window")
        with product.receiver(suite, _distinct(sas), SecYConfig(replay_window=int(window))) as secy:
            got = [_arrives(secy, entry) for entry in entries]
        same(f"replay window {window}", " ".join(want), " ".join(got))
    for entry, sa, tag in zip(entries, sas, tags, strict=True):
        own = replace(sa, first_pn=entry.integer("pn", 1, suite.pn_space - 1))
        check_made(product, suite, own, tag, plain=entry.octets("plain"), secure=entry.octets("secure"))


def _sequence_sas(entries: Sequence[Fields], suite: CipherSuite) -> tuple[list[KeyedSa], list[SecTag]]:
    """The SA of each frame. Frames of one AN and key share it, and it begins at the lowest of their PNs: what is
    late is then late by the rule alone, and with XPN the upper half can be recovered."""
    tags = [_tag(entry, entry.octets("secure")) for entry in entries]
    sas = [_sa(entry, suite, tag.an) for entry, tag in zip(entries, tags, strict=True)]
    found = []
    for sa in sas:
        alike = [i for i, other in enumerate(sas) if (other.sci, other.an) == (sa.sci, sa.an) and other.key == sa.key]
        ki = Ki(b"sequence of " + alike[0].to_bytes(4, "big"))
        found.append(replace(sa, ki=ki, first_pn=min(sas[i].first_pn for i in alike)))
    return found, tags


def _distinct(sas: Sequence[KeyedSa]) -> list[KeyedSa]:
    return list({(sa.sci, sa.ki): sa for sa in sas}.values())


def _arrives(secy: SecY, entry: Fields) -> str:
    """`deliver` if the frame is good and comes out right, else its counter without what all have in common."""
    found = receive(secy, entry.octets("secure"))
    if found.verdict is Verdict.IN_OK:
        check_delivered(found, entry.octets("plain"))
        return "deliver"
    if found.frame is not None and not found.verdict.delivered:
        return f"{found.verdict.yang}-yet-delivered"
    return found.verdict.yang.removeprefix("in-pkts-")
