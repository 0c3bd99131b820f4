"""Why this exists: below the frames are small functions that everything rests on, and each has vectors of its own:
AES-GCM, AES-CMAC, AES Key Wrap, the recovery of a 64-bit PN, and the salt and SSCIs of the XPN suites.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from pysec.errors import CryptoError, InvalidIcv, UsageError
from pysec.mka.xpn import assign_sscis, xpn_salt
from pysec.tools.conformance.cases import Check, Mismatch, Skip, Vectors, case_id, same, same_octets
from pysec.tools.conformance.product import Product
from pysec.tools.fields import Fields
from pysec.types import Sci


def wycheproof_aes_gcm(vectors: Vectors, product: Product) -> Iterator[tuple[str, Check]]:
    """wycheproof_aes_gcm: a valid case seals and opens, an invalid one neither opens nor is what sealing gives."""
    for group in vectors.top.objects("testGroups"):
        sizes = tuple(group.integer(name, 0, 1 << 20) for name in ("ivSize", "keySize", "tagSize"))
        for place, test in enumerate(group.objects("tests")):
            yield case_id(test, place), partial(_aes_gcm, test, sizes, product)


def _aes_gcm(test: Fields, sizes: tuple[int, ...], product: Product) -> None:
    iv_bits, key_bits, tag_bits = sizes
    if iv_bits != 96 or tag_bits != 128 or key_bits not in (128, 256):
        raise Skip("pysec has AES-128 and AES-256 with nonces of 96 and tags of 128 bits, and no others")
    key, nonce = test.secret("key", key_bits // 8), test.octets("iv", 12)
    message, aad = test.octets("msg"), test.octets("aad")
    sealed = test.octets("ct") + test.octets("tag", 16)
    result = test.text("result")
    opened = product.make_gcm_key(key, impl=product.gcm).try_open([nonce], [sealed], [aad])[0]
    made = product.make_gcm_key(key, impl=product.gcm).seal_with_nonces([nonce], [message], [aad])[0]
    if result == "valid":
        same_octets("opened", message, opened)
        same_octets("sealed", sealed, made)
    elif result == "invalid":
        if opened is not None:
            raise Mismatch("opened: nothing", f"opened: {len(opened)} octets")
        if made == sealed:
            raise Mismatch("sealed: another tag", "sealed: the tag that must not verify")
        _refuses(product, key.reveal(), nonce, sealed, aad)
    elif result == "acceptable":
        raise Skip("acceptable either way")
    else:
        raise test.error("result", "must be valid, invalid or acceptable")


def _refuses(product: Product, key: memoryview, nonce: bytes, sealed: bytes, aad: bytes) -> None:
    """`open` must raise: a caller that forgets to look must not get the octets."""
    try:
        product.make_gcm_key(bytes(key), impl=product.gcm).open([nonce], [sealed], [aad])
    except CryptoError:
        return
    raise Mismatch("open: InvalidIcv", "open: returned")


def wycheproof_aes_cmac(vectors: Vectors, product: Product) -> Iterator[tuple[str, Check]]:
    """wycheproof_aes_cmac: a valid tag is what we make and verifies, an invalid one neither."""
    for group in vectors.top.objects("testGroups"):
        for place, test in enumerate(group.objects("tests")):
            yield case_id(test, place), partial(_aes_cmac, test, product)


def _aes_cmac(test: Fields, product: Product) -> None:
    key = test.secret("key", 16, 32)  # kept: a secret that nobody has any more is erased, and its view with it
    mac = product.mac_key(key.reveal())
    message, tag, valid = test.octets("msg"), test.octets("tag"), _is_valid(test)
    made = mac.compute(message)
    try:
        mac.verify(message, tag)
        verified = True
    except InvalidIcv:
        verified = False
    same("verifies", valid, verified)
    if valid:
        same_octets("tag", tag, made)
    elif made == tag:
        raise Mismatch("another tag", "the tag that must not verify")


def wycheproof_aes_wrap(vectors: Vectors, product: Product) -> Iterator[tuple[str, Check]]:
    """wycheproof_aes_wrap: a valid case wraps and unwraps, an invalid one does not unwrap, nor is it what we make."""
    for group in vectors.top.objects("testGroups"):
        for place, test in enumerate(group.objects("tests")):
            yield case_id(test, place), partial(_aes_wrap, test, product)


def _aes_wrap(test: Fields, product: Product) -> None:
    kek, key, wrapped, valid = test.secret("key", 16, 32), test.secret("msg"), test.octets("ct"), _is_valid(test)
    wrapper = product.wrap_key(kek.reveal())
    try:
        unwrapped = wrapper.unwrap(wrapped)
    except CryptoError:
        unwrapped = None
    try:
        made: bytes | None = wrapper.wrap(key)
    except UsageError:
        made = None
    if valid:
        same("unwrapped", True, unwrapped == key)
        same_octets("wrapped", wrapped, made)
        return
    if unwrapped is not None:
        raise Mismatch("unwrapped: nothing", f"unwrapped: {len(unwrapped)} octets")
    if made == wrapped:
        raise Mismatch("another wrapping", "the wrapping that must not open")


def _is_valid(test: Fields) -> bool:
    result = test.text("result")
    if result == "acceptable":
        raise Skip("acceptable either way")
    if result not in ("valid", "invalid"):
        raise test.error("result", "must be valid, invalid or acceptable")
    return result == "valid"


def xpn_recovery(vectors: Vectors, product: Product) -> Iterator[tuple[str, Check]]:
    """xpn_recovery: the 64-bit PN of the 32 bits received (802.1AE-2018 10.6.2)."""

    def check(vector: Fields) -> None:
        lowest = int.from_bytes(vector.octets("lowest_acceptable_pn", 8), "big")
        received = int.from_bytes(vector.octets("pn_field", 4), "big")
        got = product.recover(lowest, received)
        same("PN", vector.octets("recovered_pn", 8).hex(), got.to_bytes(8, "big").hex())

    for place, vector in enumerate(vectors.top.objects("vectors")):
        yield case_id(vector, place), partial(check, vector)


def xpn_salt_ssci(vectors: Vectors, product: Product) -> Iterator[tuple[str, Check]]:
    """xpn_salt_ssci: the salt of a SAK and the SSCI of each SCI."""

    def check(vector: Fields) -> None:
        salt = xpn_salt(vector.octets("key_server_mi", 12), vector.integer("kn", 0, 0xFFFFFFFF))
        same_octets("salt", vector.octets("salt", 12), salt)
        try:
            want = {Sci.parse(text): n for text, n in vector.numbers_by_text("ssci").items()}
        except UsageError:
            raise vector.error("ssci", "must have SCIs for names") from None
        got = {sci: ssci.value for sci, ssci in assign_sscis(want).items()}
        same("SSCIs", _listed(want), _listed(got))

    for place, vector in enumerate(vectors.top.objects("vectors")):
        yield case_id(vector, place), partial(check, vector)


def _listed(sscis: dict[Sci, int]) -> str:
    return ", ".join(f"{sci} {n}" for sci, n in sorted(sscis.items()))
