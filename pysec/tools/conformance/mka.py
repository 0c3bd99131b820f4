"""Why this exists: MKA has known answers for its keys, and MKPDUs of real devices for its octets.

A CAK is a handle that shows nothing, so what it derives is compared by what it does: its ICV is that of the known ICK,
it wraps as the known KEK does, and a SAK equals the one that is given.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from pysec.errors import CryptoError, InvalidIcv
from pysec.mka.keys import Cak
from pysec.secret import Secret
from pysec.tools.conformance.cases import Check, Mismatch, Vectors, per_vector, same, same_octets
from pysec.tools.conformance.product import Product
from pysec.tools.fields import Fields
from pysec.types import Ckn, Kn, MacAddress, Mi
from pysec.wire import eapol, mkpdu
from pysec.wire.mkpdu import MkPdu, Peek, RawSet
from pysec.wire.mkpdu.sets import DISTRIBUTED_CAK, DISTRIBUTED_SAK, SAK_USE

ETHERTYPES = (eapol.ETHERTYPE, eapol.WAN_ETHERTYPE)
_PROBE = bytes(range(64))


def key_hierarchy(vectors: Vectors, product: Product) -> Iterator[tuple[str, Check]]:
    """mka_kdf_8021x_annex_g: KDF, CAK, CKN, KEK, ICK, SAK."""
    return per_vector(_hierarchy, vectors, product)


def mkpdus(vectors: Vectors, product: Product) -> Iterator[tuple[str, Check]]:
    """mkpdu_real: a frame with its CAK; the ICV, the derived keys, the fields and the wrapped SAK."""
    return per_vector(_real, vectors, product)


def parse_only(vectors: Vectors, product: Product) -> Iterator[tuple[str, Check]]:
    """mkpdu_parse_only: a frame whose CAK nobody knows."""
    return per_vector(_parsed, vectors, product)


# ---- keys -----------------------------------------------------------------------------------------------------------


def cak_of(entry: Fields, product: Product) -> Cak:
    """The CAK of an entry with `cak` and `ckn`."""
    return product.cak.from_octets(entry.secret("cak", 16, 32), _ckn(entry))


def check_derived(entry: Fields, cak: Cak, product: Product) -> None:
    """The ICK and the KEK of an entry, those of the two that it has."""
    if "ick" in entry:
        ick = entry.secret("ick", cak.octets)
        same_octets("ICV with the ICK", product.mac_key(ick.reveal()).compute(_PROBE), cak.icv(_PROBE))
    if "kek" in entry:
        kek, probe = entry.secret("kek", cak.octets), Secret(_PROBE[:32])
        same_octets("wrapped with the KEK", product.wrap_key(kek.reveal()).wrap(probe), cak.wrap(probe))


def cak_from_eap(entry: Fields, macs: tuple[str, str], session_id: bytes, bits: int, product: Product) -> Cak:
    """The CAK that an MSK gives, with its CKN."""
    first, second = (MacAddress.parse(mac) for mac in macs)
    return product.cak.from_eap(entry.secret("msk"), session_id, first, second, bits=bits)


def _ckn(entry: Fields) -> Ckn:
    octets = entry.octets("ckn")
    if not 1 <= len(octets) <= 32:
        raise entry.error("ckn", "must have 1 to 32 octets")
    return Ckn(octets)


def _hierarchy(vector: Fields, product: Product) -> None:
    kind = vector.text("kind")
    if kind == "kdf":
        octets = vector.integer("bits", 128, 256) // 8
        key = vector.secret("key", 16, 32)
        made = product.kdf(bytes(key.reveal()), vector.text("label"), vector.octets("context"), octets)
        same_octets("out", vector.octets("out", octets), made)
    elif kind in ("cak", "ckn"):
        _from_eap(vector, kind, product)
    elif kind in ("kek", "ick"):
        cak = cak_of(vector, product)
        out = vector.secret("out", cak.octets)
        check_derived(Fields(vector.where, {kind: out.reveal().hex()}), cak, product)
    elif kind == "sak":
        # The SAK is derived from the CAK alone; the CKN only names it.
        cak = product.cak.from_octets(vector.secret("cak", 16, 32), Ckn(b"\0"))
        nonce, mis = vector.octets("ks_nonce", 16, 32), [Mi.parse(text) for text in vector.texts("mi_list")]
        sak = cak.derive_sak(nonce, mis, Kn(vector.integer("kn", 0, 0xFFFFFFFF)), len(nonce))
        same("SAK as given", True, sak == vector.secret("out", len(nonce)))
    else:
        raise vector.error("kind", "must be kdf, cak, ckn, kek, ick or sak")


def _from_eap(vector: Fields, kind: str, product: Product) -> None:
    macs = (vector.octets("mac1", 6).hex(), vector.octets("mac2", 6).hex())
    session_id = vector.octets("eap_session_id") if kind == "ckn" else b""
    bits = vector.integer("bits", 128, 256) if kind == "cak" else 128
    made = cak_from_eap(vector, macs, session_id, bits, product)
    if kind == "ckn":
        same_octets("CKN", vector.octets("out", 16), made.ckn.octets)
        return
    known = product.cak.from_octets(vector.secret("out", bits // 8), made.ckn)
    same_octets("ICV", known.icv(_PROBE), made.icv(_PROBE))


# ---- MKPDUs ---------------------------------------------------------------------------------------------------------


def check_icv(outer: eapol.EapolFrame, found: Peek, cak: Cak, *, is_good: bool) -> None:
    """The ICV verifies, or must not; and it is what we compute, or must not be."""
    covered = outer.header + found.covered
    try:
        cak.verify_icv(covered, found.icv)
        verified = True
    except InvalidIcv:
        verified = False
    same("ICV verifies", is_good, verified)
    same("ICV as we make it", is_good, cak.icv(covered) == found.icv)


def check_made_again(pdu: MkPdu, outer: eapol.EapolFrame, product: Product) -> None:
    """What we make of the values reads the same, and consists of the same sets, octet for octet, in whatever order."""
    found = mkpdu.peek(outer.body)
    cak_octets = len(pdu.distributed_cak.wrapped) - 8 if pdu.distributed_cak else 16
    for rising in (False, True):
        made = product.encode(pdu, found.icv, rising=rising)
        if product.decode(made, cak_octets=cak_octets) != pdu:
            raise Mismatch("the same values, made and read again", "others")
        ours = mkpdu.peek(made)
        same_octets("basic set", outer.body[: found.basic_octets], made[: ours.basic_octets])
        same("sets", sorted(map(_set_text, mkpdu.raw_sets(found))), sorted(map(_set_text, mkpdu.raw_sets(ours))))


def _set_text(raw: RawSet) -> str:
    """A set's octets. What stands as PN beside a KI of zeros is of no account, and devices differ there."""
    body = raw.body
    if raw.type == SAK_USE and len(body) == 40:
        body = b"".join(half if any(half[:16]) else bytes(20) for half in (body[:20], body[20:]))
    shown = "" if raw.type in (DISTRIBUTED_SAK, DISTRIBUTED_CAK) else body.hex()
    mark = hashlib.sha256(body).hexdigest()[:16]
    return f"{raw.type:03}/{raw.octet2:02x}/{raw.nibble3:x}/{shown or mark}"


def check_sak(wrapped: bytes, sak: Secret, cak: Cak) -> None:
    """The wrapped SAK opens to this one, and wraps to the same octets."""
    try:
        opened = cak.unwrap(wrapped)
    except CryptoError:
        raise Mismatch("a SAK wrapped by this CAK", "not so") from None
    same("SAK as given", True, opened == sak)
    same_octets("wrapped SAK", wrapped, cak.wrap(sak))


def _real(vector: Fields, product: Product) -> None:
    cak = cak_of(vector, product)
    check_derived(vector, cak, product)
    outer = eapol.parse(vector.octets("frame"), ETHERTYPES)
    found = mkpdu.peek(outer.body)
    check_icv(outer, found, cak, is_good=True)
    pdu = _fields(vector, outer, product, cak.octets)
    sak = pdu.distributed_sak
    same("distributes a SAK", "sak" in vector, sak is not None)
    if sak is not None:
        same("KN", vector.integer("kn", 0, 0xFFFFFFFF), sak.kn.value if sak.kn else None)
        same_octets("wrapped SAK", vector.octets("wrapped_sak"), sak.wrapped)
        check_sak(sak.wrapped, vector.secret("sak", 16, 32), cak)


def _parsed(vector: Fields, product: Product) -> None:
    _fields(vector, eapol.parse(vector.octets("frame"), ETHERTYPES), product, 16)


def _fields(vector: Fields, outer: eapol.EapolFrame, product: Product, cak_octets: int) -> MkPdu:
    pdu = product.decode(outer.body, cak_octets=cak_octets)
    same("CKN", vector.octets("ckn").hex(), str(pdu.basic.ckn))
    same("MKA version", vector.integer("mka_version", 1, 255), pdu.version)
    same("priority", vector.integer("key_server_priority", 0, 255), pdu.basic.key_server_priority)
    if "icv_indicator" in vector:
        same("ICV indicator", vector.flag("icv_indicator"), pdu.icv_indicator)
    check_made_again(pdu, outer, product)
    return pdu
