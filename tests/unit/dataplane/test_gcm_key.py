"""GcmKey: bursts of AES-GCM whose nonces cannot be used twice."""

from __future__ import annotations

import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pysec import (
    GcmKey,
    InvalidIcv,
    KeyExhausted,
    NonceReused,
    Secret,
    UsageError,
    default_gcm,
    gcm_implementations,
)

USABLE = [info.name for info in gcm_implementations() if info.why_not is None]
MESSAGES = [os.urandom(n) for n in (0, 1, 15, 16, 17, 64, 255, 1500)]
AADS = [os.urandom(n) for n in (0, 1, 20, 28, 12, 64, 3, 70)]


@pytest.mark.parametrize("impl", USABLE)
@pytest.mark.parametrize("key_octets", [16, 32])
def test_others_can_open_it(impl: str, key_octets: int) -> None:
    """SP 800-38D 8.2.1, RFC 5116 3.2: a fixed field, then a counter."""
    key = os.urandom(key_octets)
    ours = GcmKey(Secret(key), fixed=b"abcd", impl=impl)
    assert ours.impl == impl
    sealed = ours.seal(MESSAGES, AADS) + ours.seal([b"once more"])
    assert [nonce for nonce, _ in sealed] == [b"abcd" + i.to_bytes(8, "big") for i in range(1, 10)]
    theirs = AESGCM(key)
    for (nonce, box), message, aad in zip(sealed, [*MESSAGES, b"once more"], [*AADS, b""], strict=True):
        assert theirs.decrypt(nonce, box, aad) == message
    nonces, boxes = [n for n, _ in sealed], [b for _, b in sealed]
    assert GcmKey(key, impl=impl).open(nonces, boxes, [*AADS, b""]) == [*MESSAGES, b"once more"]


def test_what_does_not_verify_gives_nothing() -> None:
    key = GcmKey(bytes(16))
    sealed = key.seal(MESSAGES)
    nonces, boxes = [n for n, _ in sealed], [bytearray(b) for _, b in sealed]
    boxes[3][0] ^= 1
    opened = key.try_open(nonces, boxes)
    assert opened[3] is None
    assert [m for m in opened if m is not None] == MESSAGES[:3] + MESSAGES[4:]
    with pytest.raises(InvalidIcv, match="message 3"):
        key.open(nonces, boxes)


def test_callers_nonces_must_rise_all_through_the_life() -> None:
    """SP 800-38D 8.2.1: uniqueness is the one thing that GCM cannot do without."""
    key = GcmKey(bytes(16))
    first, second = bytes(11) + b"\x01", bytes(11) + b"\x02"
    key.seal_with_nonces([first, second], [b"a", b"b"])
    for again in ([second], [first], [bytes(10) + b"\x01\x00", bytes(10) + b"\x01\x00"]):
        with pytest.raises(NonceReused):
            key.seal_with_nonces(again, [b"c"] * len(again))
    key.seal_with_nonces([bytes(10) + b"\x01\x00"], [b"c"])  # the refused burst has used up nothing
    with pytest.raises(UsageError, match="none of its own"):
        key.seal([b"d"])


def test_own_and_callers_nonces_do_not_mix() -> None:
    key = GcmKey(bytes(16))
    key.seal([b"a"])
    with pytest.raises(UsageError, match="its own nonces"):
        key.seal_with_nonces([bytes(12)], [b"b"])


def test_the_end_of_the_nonces() -> None:
    """SP 800-38D 8.3: no invocation past the last value of the counter."""
    key = GcmKey(bytes(16))
    key._counter = (1 << 64) - 3
    assert len(key.seal([b"a", b"b"])) == 2
    with pytest.raises(KeyExhausted):
        key.seal([b"c"])


@pytest.mark.parametrize(
    "call",
    [
        lambda: GcmKey(bytes(24)),
        lambda: GcmKey(bytes(16), fixed=b"abc"),
        lambda: GcmKey(bytes(16), impl="nonesuch"),
        lambda: GcmKey(bytes(16)).seal([b"a"], []),
        lambda: GcmKey(bytes(16)).seal_with_nonces([bytes(11)], [b"a"]),
        lambda: GcmKey(bytes(16)).seal_with_nonces([], [b"a"]),
        lambda: GcmKey(bytes(16)).open([bytes(12)], [bytes(15)]),
        lambda: GcmKey(bytes(16)).open([bytes(12)], []),
    ],
)
def test_misuse(call: object) -> None:
    with pytest.raises(UsageError):
        call()


def test_an_empty_burst() -> None:
    assert GcmKey(bytes(16)).seal([]) == []


def test_the_environment_forces_an_implementation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYSEC_GCM", "portable")
    assert default_gcm() == "portable"
    monkeypatch.setenv("PYSEC_GCM", "nonesuch")
    with pytest.raises(UsageError):
        default_gcm()
    assert GcmKey(bytes(16), impl="portable").impl == "portable"
