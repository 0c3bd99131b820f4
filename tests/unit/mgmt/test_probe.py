"""What `pysec show --verify` concludes from what was on the wire: it holds for the right frame, and for no other."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest

from pysec import CipherSuite, Ki, Sci, Secret, SecY, Ssci
from pysec.mgmt import probe
from pysec.mgmt.probe import PROBE_OCTETS, Check, _judge, _Seen
from pysec.sa.plan import SakMaterial
from pysec.types import An

ALICE = Sci.of("02:00:00:00:00:01")
PORT: Any = SimpleNamespace(pae=SimpleNamespace(sci=ALICE), config=SimpleNamespace(vlan_tags_in_clear=0))


def material(suite: CipherSuite, **more: Any) -> SakMaterial:
    xpn: dict[str, Any] = {"salt": bytes(12), "ssci": Ssci(1)} if suite.is_xpn else {}
    return SakMaterial(Ki(bytes(16)), An(1), Secret(bytes(range(suite.sak_octets))), suite, (), **xpn, **more)


def protected(key: SakMaterial, frame: bytes) -> bytes:
    """A frame as a SecY with this key sends it."""
    with SecY(ALICE, key.cipher_suite) as secy:
        secy.install_sak(key.ki, key.sak, salt=key.salt, confidentiality_offset=key.confidentiality_offset)
        secy.create_transmit_sa(key.an, key.ki, ssci=key.ssci, confidentiality=key.confidentiality)
        secy.enable_transmit(key.ki)
        return secy.protect_frame(frame)


def found(key: SakMaterial, seen: _Seen, random: bytes, frame: bytes) -> dict[str, Check]:
    return {check.id: check for check in _judge(seen, frame, random, PORT, [key])}


def a_probe() -> tuple[bytes, bytes]:
    random = os.urandom(PROBE_OCTETS)
    return random, probe.GROUP + ALICE.mac.octets + b"\x88\xb5" + random


@pytest.mark.parametrize("suite", list(CipherSuite))
def test_the_right_frame_proves_it(suite: CipherSuite) -> None:
    key = material(suite)
    random, frame = a_probe()
    other = protected(key, frame[:14] + bytes(46))
    checks = found(key, _Seen([other, protected(key, frame)]), random, frame)
    assert all(check.ok for check in checks.values())
    assert checks["protection"].detail == "encrypted: nothing of the probe is readable"


def test_integrity_only_is_not_called_encryption() -> None:
    key = material(CipherSuite.GCM_AES_128, confidentiality=False)
    random, frame = a_probe()
    checks = found(key, _Seen([protected(key, frame)]), random, frame)
    assert checks["protection"] == Check("protection", True, "authenticated, not encrypted")


@pytest.mark.parametrize("offset", [30, 50])
def test_an_offset_leaves_so_much_readable(offset: int) -> None:
    key = material(CipherSuite.GCM_AES_256, confidentiality_offset=offset)
    random, frame = a_probe()
    checks = found(key, _Seen([protected(key, frame)]), random, frame)
    assert checks["protection"].ok
    assert "octets are readable" in checks["protection"].detail


def test_canary_frames_in_clear_under_a_key_that_is_to_encrypt() -> None:
    """A SecY that authenticates and does not encrypt, though it was asked to."""
    random, frame = a_probe()
    readable = protected(material(CipherSuite.GCM_AES_128, confidentiality=False), frame)
    checks = found(material(CipherSuite.GCM_AES_128), _Seen([readable]), random, frame)
    assert checks["on-the-wire"].ok
    assert not checks["protection"].ok
    assert "64 octets are readable" in checks["protection"].detail


def test_canary_other_keys_other_frames_and_none() -> None:
    key = material(CipherSuite.GCM_AES_128)
    random, frame = a_probe()
    stranger = SakMaterial(key.ki, key.an, Secret(bytes(16)), key.cipher_suite, ())
    forged = bytearray(protected(key, frame))
    forged[-1] ^= 1
    for wire in ([], [protected(stranger, frame)], [bytes(forged)], [protected(key, a_probe()[1])]):
        checks = found(key, _Seen(wire), random, frame)
        assert not checks["on-the-wire"].ok
        assert "protection" not in checks


def test_canary_a_frame_that_left_in_clear() -> None:
    key = material(CipherSuite.GCM_AES_128)
    random, frame = a_probe()
    checks = found(key, _Seen([protected(key, frame)], [frame]), random, frame)
    assert not checks["nothing-in-clear"].ok
    assert "1 frames left in clear, EtherTypes 88b5" in checks["nothing-in-clear"].detail
