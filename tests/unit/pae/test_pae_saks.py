"""What a port remembers of SAKs: octets as long as they are used, packet numbers a little longer (802.1X-2020 9.8)."""

from __future__ import annotations

import pytest

from pysec.drivers import FakeDriver
from pysec.mka.events import SakMembers, SakReady
from pysec.pae.saks import SakStore, high_half_of
from pysec.protocols import Controls, Installed, InstalledSa
from pysec.sa.installer import Installer, StepRefused
from pysec.sa.plan import Desired, DesiredKey
from pysec.secret import Secret
from pysec.types import An, CipherSuite, ConfidentialityOffset, Ki, Sci, Ssci

OWN, PEER, THIRD = (Sci.of(f"02000000000{n}", 1) for n in (1, 2, 3))
KI = Ki(b"k" * 16)
SUITE = CipherSuite.GCM_AES_128
XPN = CipherSuite.GCM_AES_XPN_128
OPEN = Controls(controlled_port_enabled=True)


def ready(
    ki: Ki = KI,
    suite: CipherSuite = SUITE,
    offset: ConfidentialityOffset = ConfidentialityOffset.ZERO,
    known: bool = False,
) -> SakReady:
    members = ((OWN, Ssci(2) if suite.is_xpn else None), (PEER, Ssci(1) if suite.is_xpn else None))
    salt = b"s" * 12 if suite.is_xpn else None
    return SakReady("a test", ki, An(1), Secret(b"k" * 16), salt, suite, offset, members, False, known)


def installed(*sas: tuple[bool, Ki, int]) -> Installed:
    found = tuple(InstalledSa(tx, OWN if tx else PEER, An(1), ki, True, pn, None if tx else pn) for tx, ki, pn in sas)
    return Installed(Controls(), frozenset(), (), found)


def test_members_become_peers_with_their_sscis_and_we_do_not() -> None:
    store = SakStore(OWN)
    material = store.admit(ready(suite=XPN))
    assert material.peers == ((PEER, Ssci(1)),)
    assert material.ssci == Ssci(2)
    more = SakMembers("a test", KI, (*ready(suite=XPN).members, (THIRD, Ssci(3))))
    assert store.note_members(more)
    assert not store.note_members(more)
    held = store.get(KI)
    assert held is not None
    assert held.peers == ((PEER, Ssci(1)), (THIRD, Ssci(3)))
    assert not store.note_members(SakMembers("a test", Ki(b"x" * 16), ()))


@pytest.mark.parametrize(
    ("offset", "octets", "encrypts"),
    [
        (ConfidentialityOffset.INTEGRITY_ONLY, 0, False),
        (ConfidentialityOffset.ZERO, 0, True),
        (ConfidentialityOffset.THIRTY, 30, True),
        (ConfidentialityOffset.FIFTY, 50, True),
    ],
)
def test_what_is_distributed_as_offset_is_two_things_to_a_secy(
    offset: ConfidentialityOffset, octets: int, encrypts: bool
) -> None:
    material = SakStore(OWN).admit(ready(offset=offset))
    assert (material.confidentiality_offset, material.confidentiality) == (octets, encrypts)


def test_a_sak_that_comes_back_goes_on_above_its_packet_numbers() -> None:
    store = SakStore(OWN)
    first = store.admit(ready())
    assert first.next_pn == 1
    store.note_pns(installed((True, KI, 5000), (False, KI, 9000)))
    store.keep_only(())
    assert store.get(KI) is None
    assert len(first.sak) == 0, "its octets are gone"
    again = store.admit(ready(known=True))
    assert 5000 < again.next_pn < SUITE.pn_space
    store.note_pns(installed((True, KI, SUITE.pn_space)))
    store.keep_only(())
    spent = store.admit(ready(known=True))
    assert spent.next_pn == SUITE.pn_space, "and then it is exhausted: the last one has been used too"
    installer = Installer(FakeDriver(OWN))
    assert not installer.apply(Desired(OPEN, (DesiredKey(spent, True),)), 0)
    refused = [event for event in iter(installer.next_event, None) if isinstance(event, StepRefused)]
    assert [event.retry_at for event in refused] == [None], "only another SAK can help"
    assert "used up" in refused[0].why


def test_a_sak_that_is_held_and_announced_again_stays_as_it_is() -> None:
    store = SakStore(OWN)
    first = store.admit(ready())
    second = ready(known=True)
    assert store.admit(second) == first
    assert len(second.sak) == 0
    assert len(first.sak) == 16


def test_only_so_many_are_remembered() -> None:
    store = SakStore(OWN)
    kis = [Ki.of(b"m" * 12, number) for number in range(100)]
    for ki in kis:
        store.admit(ready(ki))
    store.keep_only(kis[:1])
    assert len(store._next_pns) <= 64
    store.erase_all()
    assert store.get(kis[0]) is None


def test_the_reading_before_a_retirement_has_the_last_packet_numbers() -> None:
    """A data plane would refuse a floor below what it has sent; the last poll may be two seconds old."""
    store, driver = SakStore(OWN), FakeDriver(OWN)
    installer = Installer(driver)
    material = store.admit(ready())
    assert installer.apply(Desired(OPEN, (DesiredKey(material, True),)), 0)
    driver.sent(3_000_000)
    assert installer.apply(Desired(), 1)
    before = installer.take_before()
    assert before is not None
    assert installer.take_before() is None
    store.note_pns(before)
    store.keep_only(())
    back = store.admit(ready(known=True))
    assert installer.apply(Desired(OPEN, (DesiredKey(back, True),)), 2), installer.next_event()
    assert driver.sent()[0] > 3_000_000


@pytest.mark.parametrize(
    ("next_pn", "low", "whole"),
    [
        (100, 90, 90),
        ((1 << 32) + 10, 5, (1 << 32) + 5),
        ((1 << 32) + 10, 0xFFFF_FFF0, 0xFFFF_FFF0),
        ((7 << 32) + 1, 0xFFFF_FFFF, (6 << 32) + 0xFFFF_FFFF),
        (10, 20, 20),
    ],
)
def test_half_a_packet_number_is_made_whole_by_that_of_the_data_plane(next_pn: int, low: int, whole: int) -> None:
    """A peer of MKA version 1 tells the low half alone (802.1X-2020 9.10)."""
    found = installed((False, KI, next_pn))
    assert high_half_of(found, KI, PEER, low, XPN) == whole
    assert high_half_of(found, KI, PEER, low, SUITE) is None
    assert high_half_of(found, KI, THIRD, low, XPN) is None


def test_a_retired_key_that_is_still_sent_with_has_its_packet_numbers_noted() -> None:
    """Its data plane could not retire it: its octets are gone here, and it goes on counting there."""
    store = SakStore(OWN)
    store.admit(ready())
    store.keep_only(())
    store.note_pns(installed((True, KI, 5_000_000)))
    assert store.admit(ready(known=True)).next_pn > 5_000_000
