"""Why this exists: Annex C is the one place where the standard prints whole frames; both the oracle and the C core must
make them and take them, octet for octet."""

from __future__ import annotations

import pytest

from tests.model import gcm
from tests.model.parts import Config, ModelError
from tests.model.secy import SecY
from tests.vectors.annex_c import ANNEX_C, PADDED_SHORT, VLAN_IN_CLEAR

KI = b"Annex C's one KI"
STRANGER = 0x0200_0000_0001_0001


@pytest.fixture(params=["oracle", "core"])
def new_secy(request):
    """Make a SecY: the model's, or pysec's with the model's face."""
    if request.param == "oracle":
        return SecY
    from tests.model.subject import NativeSecY

    return NativeSecY


def receiver(new_secy, vector):
    """A SecY that receives what the vector's sender sends."""
    secy = new_secy(STRANGER, vector.suite, Config(vlan_tags_in_clear=vector.clear_vlan_tags))
    secy.install_sak(KI, vector.key, vector.salt)
    secy.create_receive_sc(vector.sci)
    secy.create_receive_sa(vector.sci, vector.an, KI, vector.pn, vector.ssci)
    secy.enable_receive(vector.sci, KI)
    return secy


@pytest.mark.parametrize("vector", [*ANNEX_C, *VLAN_IN_CLEAR], ids=lambda vector: vector.name)
def test_protect(vector, new_secy):
    """802.1AE-2018 Annex C, 10.5: the frame that the standard prints."""
    config = Config(always_include_sci=vector.sc, use_es=vector.es, vlan_tags_in_clear=vector.clear_vlan_tags)
    secy = new_secy(vector.sci, vector.suite, config)
    secy.install_sak(KI, vector.key, vector.salt)
    secy.create_transmit_sa(vector.an, KI, vector.pn, ssci=vector.ssci, confidentiality=vector.encrypted)
    secy.enable_transmit(KI)
    outcome = secy.protect(vector.plain)
    assert outcome.frame == vector.secure
    assert (outcome.pn, outcome.an, outcome.sci) == (vector.pn, vector.an, vector.sci)
    assert outcome.verdict == ("OUT_ENCRYPTED" if vector.encrypted else "OUT_PROTECTED")


@pytest.mark.parametrize("vector", [*ANNEX_C, *VLAN_IN_CLEAR, *PADDED_SHORT], ids=lambda vector: vector.name)
def test_validate(vector, new_secy):
    """802.1AE-2018 Annex C, 10.6; short frames that a MAC has padded are 9.10 NOTE 2."""
    secy = receiver(new_secy, vector)
    outcome = secy.validate(vector.secure)
    assert outcome.frame == vector.plain
    assert outcome[3:] == ("CONTROLLED", vector.pn, vector.sci, vector.an)
    assert outcome[:2] == ("IN_OK", "NONE")
    assert secy.validate(vector.secure).verdict == "IN_LATE"


@pytest.mark.parametrize("vector", ANNEX_C, ids=lambda vector: vector.name)
def test_refuse(vector, new_secy):
    """One bit of the last octet, another key, one octet less: no frame."""
    last = vector.secure[:-1] + bytes([vector.secure[-1] ^ 1])
    assert receiver(new_secy, vector).validate(last)[:3] == ("IN_NOT_VALID", "ICV", None)
    assert receiver(new_secy, vector).validate(vector.secure[:-1]).frame is None
    other = vector._replace(key=bytes([vector.key[0] ^ 1]) + vector.key[1:])
    assert receiver(new_secy, other).validate(vector.secure)[:3] == ("IN_NOT_VALID", "ICV", None)


@pytest.mark.parametrize("vector", ANNEX_C[::3], ids=lambda vector: vector.name)
def test_the_slow_gcm_makes_the_same_frame(vector):
    """802.1AE-2018 14.5, 14.7: the oracle's AES-GCM is OpenSSL's for speed; the one in pure Python makes the same
    frames of the IV and the AAD written out here once more."""
    header, data = vector.secure[: 28 if vector.sc else 20], vector.plain[12:]
    if vector.salt is None:
        iv = vector.sci.to_bytes(8, "big") + vector.pn.to_bytes(4, "big")
    else:
        plain = vector.ssci.to_bytes(4, "big") + vector.pn.to_bytes(8, "big")
        iv = bytes(a ^ b for a, b in zip(plain, vector.salt, strict=True))
    aad, text = (header, data) if vector.encrypted else (header + data, b"")
    sealed, icv = gcm.seal(vector.key, iv, text, aad)
    assert header + (sealed or data) + icv == vector.secure


def test_the_vectors_are_what_they_say():
    """The table holds every suite, with and without confidentiality, and each of the ways to name the SCI."""
    kinds = {(v.suite, v.encrypted) for v in ANNEX_C}
    assert len(kinds) == 8
    assert {(v.sc, v.es) for v in ANNEX_C} == {(True, False), (False, True)}
    with pytest.raises(ModelError):
        SecY(STRANGER, "GCM-AES-128").install_sak(KI, ANNEX_C[0].key + b"x")
