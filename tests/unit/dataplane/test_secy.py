"""The SecY as Python sees it: defaults, status, single frames, IVs as the standard builds them."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pysec import (
    An,
    CipherSuite,
    Ki,
    Sci,
    Secret,
    SecY,
    SecYConfig,
    Ssci,
    UsageError,
    ValidateFrames,
    Verdict,
    xpn_recover,
)

A, B = Sci.parse("525400000a010001"), Sci.parse("525400000b010001")
KI = Ki.parse("000102030405060708090a0b00000001")
FRAME = bytes.fromhex("525400000b01525400000a010800") + bytes(range(64))


def test_defaults_are_the_standards() -> None:
    """802.1AE-2018 10.7.8 and 802.1AE-2018 10.7.17: strict, protected, replay window 0, SCI only where needed."""
    config = SecY(A).config
    assert config == SecYConfig()
    assert config.validate_frames is ValidateFrames.STRICT
    assert (config.replay_protect, config.replay_window, config.protect_frames) == (True, 0, True)
    assert (config.always_include_sci, config.use_es, config.use_scb) == (False, False, False)
    assert config.bypass_ethertypes == (0x888E,)


@pytest.mark.parametrize("suite", [CipherSuite.GCM_AES_128, CipherSuite.GCM_AES_256])
def test_the_iv_of_the_default_suites_is_sci_and_pn(suite: CipherSuite) -> None:
    """802.1AE-2018 14.5: the SCI, then the 32-bit PN; addresses and SecTAG are authenticated."""
    sak = bytes(range(suite.sak_octets))
    secy = SecY(A, suite, SecYConfig(always_include_sci=True))
    secy.install_sak(KI, Secret(sak))
    secy.create_transmit_sa(2, KI, next_pn=0xABCD)
    secy.enable_transmit(KI)
    sent = secy.protect_frame(FRAME)
    assert sent[12:28] == bytes.fromhex("88e52e000000abcd") + A.octets
    iv = A.octets + (0xABCD).to_bytes(4, "big")
    assert AESGCM(sak).decrypt(iv, sent[28:], sent[:28]) == FRAME[12:]


@pytest.mark.parametrize("suite", [CipherSuite.GCM_AES_XPN_128, CipherSuite.GCM_AES_XPN_256])
def test_the_iv_of_the_xpn_suites_is_ssci_and_pn_under_the_salt(suite: CipherSuite) -> None:
    """802.1AE-2018 14.7: SSCI and 64-bit PN, exclusive-or with the salt."""
    sak, salt, pn = bytes(range(suite.sak_octets)), bytes(range(0xA0, 0xAC)), 0x1_2345_6789_ABCD
    secy = SecY(A, suite)
    secy.install_sak(KI, sak, salt=salt)
    secy.create_transmit_sa(3, KI, next_pn=pn, ssci=Ssci(0x7A30C118))
    secy.enable_transmit(KI)
    sent = secy.protect_frame(FRAME)
    assert sent[12:20] == bytes.fromhex("88e50f006789abcd")
    iv = bytes(x ^ y for x, y in zip(bytes.fromhex("7a30c118") + pn.to_bytes(8, "big"), salt, strict=True))
    assert AESGCM(sak).decrypt(iv, sent[20:], sent[:20]) == FRAME[12:]


def test_status_says_what_is() -> None:
    """802.1AE-2018 10.7.4, 802.1AE-2018 10.7.14, 802.1AE-2018 10.7.21 and 802.1AE-2018 10.7.23."""
    secy = SecY(A)
    assert not secy.status().mac_operational
    secy.install_sak(KI, bytes(16))
    secy.create_transmit_sa(1, KI, next_pn=5, confidentiality=False, pn_ceiling=99, pn_threshold=77)
    secy.create_receive_sc(B)
    secy.create_receive_sa(B, 1, KI, lowest_pn=9)
    transmit, receive = secy.sas()
    assert (transmit.transmit, transmit.in_use, transmit.next_pn, transmit.confidentiality) == (True, False, 5, False)
    assert (transmit.pn_ceiling, transmit.pn_threshold, transmit.lowest_pn) == (99, 77, None)
    assert (receive.transmit, receive.in_use, receive.lowest_pn, receive.sci) == (False, False, 9, B)
    assert {transmit.ki, receive.ki} == {KI}
    secy.enable_transmit(KI)
    secy.enable_receive(B, KI)
    status = secy.status()
    assert status.mac_operational
    assert (status.encoding_an, status.transmitting, status.receiving_scs) == (An(1), True, 1)
    assert all(sa.in_use for sa in secy.sas())
    secy.reconfigure(controlled_port_enabled=False)
    assert not secy.status().mac_operational


def test_the_sci_is_explicit_when_there_are_two_peers() -> None:
    """802.1AE-2018 10.5.3: more than one receive SC enabled, and neither useES nor useSCB."""
    secy = SecY(A)
    secy.install_sak(KI, bytes(16))
    secy.create_transmit_sa(0, KI)
    secy.enable_transmit(KI)
    for n, peer in enumerate((B, Sci.parse("525400000c010001"))):
        secy.create_receive_sc(peer)
        assert not secy.status().including_sci
        secy.create_receive_sa(peer, 0, KI)
        secy.enable_receive(peer, KI)
        assert secy.status().including_sci == (n == 1)
        assert bool(secy.protect_frame(FRAME)[14] & 0x20) == (n == 1)


def test_frames_that_are_too_short_are_the_callers_fault() -> None:
    secy = SecY(A)
    with pytest.raises(UsageError, match="shorter than an Ethernet header"):
        secy.protect_frame(bytes(13))
    assert secy.validate_frame(b"") == (Verdict.IN_MALFORMED, None)


def test_pn_recovery_by_the_standards_examples() -> None:
    """802.1AE-2018 10.6.2, Table 10-2."""
    for lowest, field, pn in (
        (0x0000_0007_1234_0000, 0x2A2B_5051, 0x0000_0007_2A2B_5051),
        (0x0000_0007_8234_0000, 0x2A2B_5051, 0x0000_0008_2A2B_5051),
        (0x0000_0007_8234_0000, 0x9A2B_5051, 0x0000_0007_9A2B_5051),
        (0x0000_0007_2234_0000, 0x9A2B_5051, 0x0000_0007_9A2B_5051),
    ):
        assert xpn_recover(lowest, field) == pn


def test_a_secy_that_cannot_be() -> None:
    for make in (
        lambda: SecY(A, gcm="nonesuch"),
        lambda: SecY(A, max_receive_channels=0),
        lambda: SecY(A, max_receive_channels=4097),
        lambda: SecY(A, config=SecYConfig(use_scb=True)),
        lambda: SecY(Sci.of("525400000a01", 2), config=SecYConfig(use_es=True)),
    ):
        with pytest.raises(UsageError):
            make()


def test_counters_by_the_kernels_names() -> None:
    """802.1AE-2018 10.7.9 has one counter where 2006 and Linux have two, told apart by the reason."""
    clear, encrypted = (
        SecY(A, config=SecYConfig(always_include_sci=True)),
        SecY(A, config=SecYConfig(always_include_sci=True)),
    )
    for n, secy in enumerate((clear, encrypted)):
        secy.install_sak(KI, bytes([n]) * 16)
        secy.create_transmit_sa(0, KI, confidentiality=n == 1)
        secy.enable_transmit(KI)
    peer = SecY(B, config=SecYConfig(validate_frames=ValidateFrames.CHECK))
    for known in (False, True):
        if known:
            peer.create_receive_sc(A)
        for secy, times in ((clear, 1 + known), (encrypted, 3 + known)):
            for _ in range(times):
                peer.validate_frame(secy.protect_frame(FRAME))
    names = peer.counters().as_kernel_dict()
    got = {name: n for name, n in names.items() if n}
    assert got == {"InPktsUnknownSCI": 1, "InPktsNoSCI": 3, "InPktsUnusedSA": 2, "InPktsNotUsingSA": 4}
    assert peer.counters()[Verdict.IN_NO_SA] == 3
    assert {"InPktsOK", "InOctetsDecrypted", "OutOctetsEncrypted", "OutPktsEncrypted"} <= set(names)
