"""Why this exists: a KI stands for one SAK and its packet numbers. Whoever mixes them up uses a nonce twice."""

from __future__ import annotations

import pytest

from tests.model.parts import ModelError
from tests.model.wire import SUITES, key_identifier, new_sak, suite_key, user_data

LOCAL = 0x0200_0000_00B1_0001
SCI = 0x0200_0000_00A1_0001
OTHER = 0x0200_0000_00A2_0001
FRAME = bytes.fromhex("0200000000d10200000000b1") + user_data(60)
KI, KI2 = key_identifier(0), key_identifier(1)


@pytest.fixture(params=["GCM-AES-128", "GCM-AES-XPN-256"])
def secy(request, new_secy):
    """A SecY without anything."""
    return new_secy(LOCAL, request.param)


def install(secy, number=0, ki=None):
    """Install a SAK, by its own KI unless another is given."""
    sak = new_sak(secy.suite, number)
    secy.install_sak(ki or sak.ki, sak.key, sak.salt)


def transmit(secy, an=0, ki=KI, next_pn=1):
    """Create and enable a transmit SA."""
    secy.create_transmit_sa(an, ki, next_pn, ssci=1)
    secy.enable_transmit(ki)


def test_the_same_again_changes_nothing(secy):
    """802.1AE-2018 10.7.28, 10.7.22, 10.7.13: every step may be repeated."""
    for _ in range(3):
        install(secy)
        transmit(secy)
        secy.create_receive_sc(SCI)
        secy.create_receive_sa(SCI, 0, KI, 1, 2)
        secy.enable_receive(SCI, KI)
        secy.protect(FRAME)
    assert secy.protect(FRAME).pn == 4
    for _ in range(3):
        secy.retire(KI)
    assert secy.protect(FRAME).reason == "NO_TRANSMIT_SA"


def test_one_ki_one_sak(secy):
    """Decided: a KI never stands for another SAK, nor a SAK for another KI, installed or retired."""
    install(secy)
    for number, ki in ((1, KI), (0, KI2)):
        with pytest.raises(ModelError, match=r"NonceReused|KI_REUSED"):
            install(secy, number, ki)
    secy.retire(KI)
    for number, ki in ((1, KI), (0, KI2)):
        with pytest.raises(ModelError, match=r"NonceReused|KI_REUSED"):
            install(secy, number, ki)
    install(secy)
    install(secy, 1)


def test_a_retired_ki_comes_back_above_its_packet_numbers(secy):
    """802.1AE-2018 10.5.2 gives each PN once; so a KI comes back with its recorded next PN or above, never lower."""
    install(secy)
    transmit(secy)
    assert [secy.protect(FRAME).pn for _ in range(5)] == [1, 2, 3, 4, 5]
    secy.retire(KI)
    install(secy)
    for floor in (1, 5):
        with pytest.raises(ModelError, match=r"NonceReused|PN_USED"):
            transmit(secy, next_pn=floor)
        assert secy.protect(FRAME).reason == "NO_TRANSMIT_SA"
    transmit(secy, an=3, next_pn=6)
    assert secy.protect(FRAME).pn == 6


def test_a_retired_ki_that_sent_nothing_keeps_its_floor(secy):
    """The floor that was promised once is not undercut, used or not (decided: PNs from it on may be another's)."""
    install(secy)
    transmit(secy, next_pn=1000)
    secy.retire(KI)
    install(secy)
    with pytest.raises(ModelError, match=r"NonceReused|PN_USED"):
        transmit(secy, next_pn=999)
    transmit(secy, next_pn=1000)
    assert secy.protect(FRAME).pn == 1000


def test_the_floor_rises(secy):
    """802.1AE-2018 10.7.22: the same KI and AN again with a higher floor lifts the next PN, a lower one does not."""
    install(secy)
    transmit(secy, next_pn=5)
    transmit(secy, next_pn=3)
    assert secy.protect(FRAME).pn == 5
    transmit(secy, next_pn=100)
    assert secy.protect(FRAME).pn == 100
    transmit(secy, next_pn=50)
    assert secy.protect(FRAME).pn == 101


def test_another_sa_with_the_same_an(secy):
    """802.1AE-2018 10.7.22: a prior SA with the same AN goes, but not while it is the encoding SA (decided)."""
    install(secy)
    install(secy, 1)
    transmit(secy)
    assert secy.protect(FRAME).pn == 1
    with pytest.raises(ModelError):
        secy.create_transmit_sa(0, KI2, ssci=1)
    assert secy.protect(FRAME).pn == 2
    secy.enable_transmit(KI, False)
    transmit(secy, ki=KI2)
    assert secy.protect(FRAME).pn == 1
    with pytest.raises(ModelError):
        secy.enable_transmit(KI)
    with pytest.raises(ModelError, match=r"NonceReused|PN_USED"):
        secy.create_transmit_sa(1, KI, 1, ssci=1)
    transmit(secy, an=1, ki=KI, next_pn=3)
    assert secy.protect(FRAME).pn == 3


def test_no_second_transmit_sa_for_a_ki(secy):
    """Two ANs with one SAK and one SCI would send each PN twice (802.1AE-2018 9.8, 14.5)."""
    install(secy)
    transmit(secy)
    first = secy.protect(FRAME)
    with pytest.raises(ModelError):
        secy.create_transmit_sa(1, KI, 1, ssci=1)
    second = secy.protect(FRAME)
    assert (first.pn, second.pn) == (1, 2)


def test_names_that_are_not_there(secy):
    """802.1AE-2018 10.7.13, 10.7.22: an SA needs its SAK installed, and its SC there."""
    for call in (
        lambda: secy.create_transmit_sa(0, KI, ssci=1),
        lambda: secy.enable_transmit(KI),
        lambda: secy.set_pn_ceiling(KI, 5),
        lambda: secy.enable_receive(SCI, KI),
        lambda: secy.update_lowest_pn(SCI, KI, 5),
        lambda: secy.retire(KI),
    ):
        with pytest.raises(ModelError):
            call()
    secy.create_receive_sc(SCI)
    with pytest.raises(ModelError):
        secy.create_receive_sa(SCI, 0, KI, ssci=2)
    install(secy)
    with pytest.raises(ModelError):
        secy.create_receive_sa(OTHER, 0, KI, ssci=2)
    assert secy.protect(FRAME).reason == "NO_TRANSMIT_SA"


@pytest.mark.parametrize("suite", SUITES)
def test_keys_of_the_wrong_size(suite, new_secy):
    """802.1AE-2018 10.7.28, 14.7: each suite has its size of SAK, and a salt of 12 octets or none."""
    secy = new_secy(LOCAL, suite)
    sak = new_sak(suite)
    other = suite_key("GCM-AES-128" if suite.endswith("256") else "GCM-AES-256")
    wrong = [(other, sak.salt), (sak.key[:-1], sak.salt), (b"", sak.salt), (sak.key, None if sak.salt else bytes(12))]
    for key, salt in wrong:
        with pytest.raises(ModelError):
            secy.install_sak(sak.ki, key, salt)
    secy.install_sak(sak.ki, sak.key, sak.salt)


@pytest.mark.parametrize("suite", [s for s in SUITES if "XPN" in s])
def test_ssci_is_unique_for_a_sak(suite, new_secy):
    """802.1AE-2018 10.7.13, 10.7.22: not created if the SSCI is another SCI's with this SAK, sent or received."""
    secy = new_secy(LOCAL, suite)
    for number in (0, 1):
        sak = new_sak(suite, number)
        secy.install_sak(sak.ki, sak.key, sak.salt)
    secy.create_receive_sc(SCI)
    secy.create_receive_sc(OTHER)
    secy.create_receive_sa(SCI, 0, KI, ssci=2)
    with pytest.raises(ModelError):
        secy.create_receive_sa(OTHER, 0, KI, ssci=2)
    with pytest.raises(ModelError):
        secy.create_transmit_sa(0, KI, ssci=2)
    secy.create_transmit_sa(0, KI, ssci=1)
    with pytest.raises(ModelError):
        secy.create_receive_sa(OTHER, 0, KI, ssci=1)
    secy.create_receive_sa(OTHER, 0, KI, ssci=3)
    secy.create_receive_sa(OTHER, 1, KI2, ssci=1)
    secy.create_receive_sa(SCI, 1, KI2, ssci=2)


def test_lowest_pn_of_a_receive_sa(secy):
    """802.1AE-2018 10.7.13, 10.7.15: given at creation, raised by whoever asks again, never lowered."""
    install(secy)
    secy.create_receive_sc(SCI)
    secy.create_receive_sa(SCI, 2, KI, 10, 2)
    assert secy.receive_state(SCI, 2) == (10, 10)
    secy.create_receive_sa(SCI, 2, KI, 5, 2)
    assert secy.receive_state(SCI, 2)[0] == 10
    secy.create_receive_sa(SCI, 2, KI, 20, 2)
    assert secy.receive_state(SCI, 2)[0] == 20
    secy.update_lowest_pn(SCI, KI, 15)
    assert secy.receive_state(SCI, 2)[0] == 20
    secy.update_lowest_pn(SCI, KI, 25)
    assert secy.receive_state(SCI, 2)[0] == 25
