"""From whom a SAK is taken, and which (802.1X-2020 9.8, 9.10, 11.11.3): a scripted key server against a real member."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from pysec.errors import ProtocolError
from pysec.mka.events import (
    PlainDistributed,
    PnDelayProtect,
    SakMembers,
    SakReady,
    SakRefused,
    ServerTransmitting,
)
from pysec.mka.kay import KayConfig, KeyUse
from pysec.mka.xpn import assign_sscis, xpn_salt
from pysec.secret import Secret
from pysec.types import An, CipherSuite, Ckn, ConfidentialityOffset, Ki, Kn, Mi
from pysec.wire.mkpdu import DistributedCak, DistributedSak, KiPn, PeerEntry, PeerList, SakUse, Xpn
from tests.unit.mka.lan import Lan, Puppet, cak, sci

SAK = bytes(range(16))


@dataclass
class Server:
    """A key server by hand, and the member that is tested."""

    config: KayConfig = field(default_factory=KayConfig)
    number: int = 1

    def __post_init__(self) -> None:
        self.lan = Lan()
        self.member = self.lan.station(5, config=self.config)
        self.puppet = Puppet(self.lan, self.number, key_server_priority=1, is_key_server=True)
        self.puppet.greet(self.member)

    def sak(
        self,
        kn: int = 1,
        octets: bytes = SAK,
        suite: CipherSuite | bytes = CipherSuite.GCM_AES_128,
        offset: ConfidentialityOffset = ConfidentialityOffset.ZERO,
        an: int = 0,
    ) -> DistributedSak:
        """A distributed SAK, wrapped with the CAK of all tests."""
        return DistributedSak(An(an), offset, Kn(kn), suite, cak().wrap(Secret(octets)))

    def ki(self, kn: int = 1) -> Ki:
        return Ki.of(self.puppet.mi, kn)

    def give(self, distributed: DistributedSak | None = None, **sets: object) -> None:
        """One MKPDU of the server, which lists the member as live unless told otherwise."""
        sets.setdefault("live", self.puppet.lists(self.member))
        self.puppet.send(self.member, distributed_sak=distributed, **sets)

    @property
    def taken(self) -> list[SakReady]:
        return self.member.said(SakReady)


def test_from_the_elected_server_that_lists_us_live() -> None:
    """802.1X-2020 9.8."""
    it = Server()
    it.give(it.sak())
    (ready,) = it.taken
    assert bytes(it.member.saks[ready.ki][0]) == SAK
    assert (ready.ki, ready.an, ready.cipher_suite) == (it.ki(), An(0), CipherSuite.GCM_AES_128)
    assert ready.confidentiality_offset is ConfidentialityOffset.ZERO
    assert {member for member, _ in ready.members} == {sci(1), sci(5)}
    assert it.member.connect == "SECURE"


def test_not_from_one_to_whom_we_are_only_potential() -> None:
    """802.1X-2020 9.8: it is for its live peers."""
    it = Server()
    it.give(it.sak(), live=None, potential=it.puppet.lists(it.member))
    assert not it.taken
    assert it.member.kay.port.counters["SAK not from the key server"] == 1


def test_not_from_a_potential_peer() -> None:
    """802.1X-2020 9.4.3, 9.8: it may be a replay."""
    it = Server()
    stranger = Puppet(it.lan, 2, key_server_priority=0, is_key_server=True)
    stranger.send(it.member, distributed_sak=it.sak())
    assert not it.taken


def test_not_from_another_than_the_elected_one() -> None:
    """802.1X-2020 9.5, 9.8: though it is live, sets its flag and holds the CAK."""
    it = Server()
    usurper = Puppet(it.lan, 2, key_server_priority=50, is_key_server=True)
    usurper.greet(it.member)
    usurper.send(it.member, live=usurper.lists(it.member), distributed_sak=it.sak())
    assert not it.taken
    better = Puppet(it.lan, 3, key_server_priority=0, is_key_server=True)
    better.send(it.member, live=better.lists(it.member), distributed_sak=it.sak())
    assert [ready.ki.mi for ready in it.taken] == [better.mi], "elected by the same MKPDU: peers first, then the SAK"


def test_not_while_we_are_key_server_ourselves() -> None:
    """802.1X-2020 9.5, 9.8."""
    it = Server(number=9, config=KayConfig(key_server_priority=0))
    it.give(it.sak())
    assert all(ready.is_key_server for ready in it.taken)


def test_the_same_ki_again_is_of_no_effect() -> None:
    """802.1X-2020 9.8: the server repeats it until it sees us transmit."""
    it = Server()
    for _ in range(5):
        it.give(it.sak())
    assert len(it.taken) == 1


def test_a_sak_that_our_secy_has_lost_before_it_was_reported_is_announced_again() -> None:
    """802.1X-2020 9.10: the server repeats it and cannot know; not more often than once in a Life Time."""
    it = Server()
    it.member.installs = False
    for _ in range(14):
        it.give(it.sak())
        it.lan.run(1)
    assert [ready.known for ready in it.taken] == [False, True, True]
    assert {ready.ki for ready in it.taken} == {it.ki()}
    it.member.installs = True
    for _ in range(14):
        it.give(it.sak())
        it.lan.run(1)
    assert len(it.taken) == 4
    assert it.member.kay.port.latest is not None


@pytest.mark.parametrize("what", ["an", "suite", "offset"])
def test_the_same_ki_with_something_else_is_a_fault(what: str) -> None:
    it = Server()
    it.give(it.sak())
    other = {
        "an": it.sak(an=1),
        "suite": it.sak(octets=bytes(32), suite=CipherSuite.GCM_AES_256),
        "offset": it.sak(offset=ConfidentialityOffset.THIRTY),
    }[what]
    with pytest.raises(ProtocolError, match="distributed again"):
        it.give(other)
    assert len(it.taken) == 1


def test_a_new_sak_with_the_an_of_the_present_one_is_a_new_sak() -> None:
    """802.1X-2020 9.8: a SAK is its KI, not its AN."""
    it = Server()
    it.give(it.sak(kn=1, an=0))
    it.give(it.sak(kn=2, an=0, octets=b"n" * 16))
    assert [(ready.ki, ready.an) for ready in it.taken] == [(it.ki(1), An(0)), (it.ki(2), An(0))]


def test_a_ki_never_names_two_saks() -> None:
    """802.1X-2020 9.8: the server has forgotten how far it had counted; what it sends now is not installed."""
    it = Server()
    it.give(it.sak(kn=1))
    it.give(it.sak(kn=2, octets=b"2" * 16))
    with pytest.raises(ProtocolError, match="used for another SAK"):
        it.give(it.sak(kn=1, octets=b"x" * 16))
    assert [ready.ki for ready in it.taken] == [it.ki(1), it.ki(2)]


def test_a_ki_is_remembered_beyond_the_loss_of_all_peers() -> None:
    """802.1X-2020 9.8."""
    it = Server()
    it.give(it.sak())
    it.lan.run(20)
    assert it.member.connect == "PENDING"
    it.puppet.greet(it.member)
    with pytest.raises(ProtocolError, match="used for another SAK"):
        it.give(it.sak(octets=b"x" * 16))
    it.give(it.sak())
    assert [ready.known for ready in it.taken] == [False, True]


def test_wrapped_by_somebody_else() -> None:
    """802.1X-2020 9.8: a SAK that does not unwrap is the peer's fault, and nothing is installed."""
    it = Server()
    wrapped = bytearray(it.sak().wrapped)
    wrapped[3] ^= 1
    with pytest.raises(ProtocolError, match="does not unwrap"):
        it.give(replace(it.sak(), wrapped=bytes(wrapped)))
    assert not it.taken
    it.give(it.sak())
    assert len(it.taken) == 1


# ---- what we may use


@pytest.mark.parametrize(
    ("config", "suite", "offset", "why"),
    [
        (KayConfig(cipher_suites=(CipherSuite.GCM_AES_256,)), CipherSuite.GCM_AES_128, 1, "not on our list"),
        (KayConfig(), b"\x00\x80\xc2\x00\x01\x00\x00\x09", 1, "not known"),
        (KayConfig(), CipherSuite.GCM_AES_128, 0, "integrity only"),
        (KayConfig(), CipherSuite.GCM_AES_XPN_128, 2, "no confidentiality offset"),
    ],
)
def test_a_sak_that_we_may_not_use_is_refused_once_with_the_reason(
    config: KayConfig, suite: CipherSuite | bytes, offset: int, why: str
) -> None:
    """802.1X-2020 9.7: our configuration has the last word on what is installed here."""
    it = Server(config=config)
    for _ in range(3):
        it.give(it.sak(suite=suite, offset=ConfidentialityOffset(offset)))
    (refused,) = it.member.said(SakRefused)
    assert why in refused.reason
    assert not it.taken
    assert it.member.connect == "PENDING"
    assert why in it.member.kay.status().why_not_secured


@pytest.mark.parametrize(
    "config", [KayConfig(integrity_only_allowed=True), KayConfig(confidentiality_offset=ConfidentialityOffset(0))]
)
def test_integrity_only_where_it_is_allowed(config: KayConfig) -> None:
    """802.1X-2020 9.7."""
    it = Server(config=config)
    it.give(it.sak(offset=ConfidentialityOffset.INTEGRITY_ONLY))
    assert [ready.confidentiality_offset for ready in it.taken] == [ConfidentialityOffset.INTEGRITY_ONLY]


@pytest.mark.parametrize(("allowed", "connect"), [(False, "PENDING"), (True, "AUTHENTICATED")])
def test_the_server_decides_against_macsec(allowed: bool, connect: str) -> None:
    """802.1X-2020 9.6, 12.4: said once; the port does not open for it unless that is configured."""
    it = Server(config=KayConfig(plain_allowed=allowed))
    for _ in range(3):
        it.give(DistributedSak.plain())
    assert [event.is_key_server for event in it.member.said(PlainDistributed)] == [False]
    assert it.member.connect == connect
    it.give(it.sak())
    assert it.member.connect == "SECURE"
    it.give(DistributedSak.plain())
    assert it.member.connect == connect


# ---- the numbers of the members


def xpn_salt_of(ki: Ki) -> bytes:
    return xpn_salt(ki.mi.octets, ki.kn.value)


def test_with_version_3_the_place_tells_the_number() -> None:
    """802.1X-2020 11.11.3: though one member was not heard yet; when it is, its SCI is told."""
    it = Server(number=3)
    unheard = Puppet(it.lan, 9)
    live = PeerList((PeerEntry(unheard.mi, 1), *it.puppet.lists(it.member).peers), 3)
    it.give(it.sak(suite=CipherSuite.GCM_AES_XPN_128), live=live)
    (ready,) = it.taken
    assert ready.salt == xpn_salt_of(ready.ki)
    assert {str(who): number.value for who, number in ready.members if number} == {str(sci(5)): 2, str(sci(3)): 3}
    unheard.send(it.member)
    (members,) = it.member.said(SakMembers)
    assert dict(members.members) == assign_sscis([sci(9), sci(5), sci(3)])
    assert it.member.scis == {sci(3), sci(9)}, "it may transmit already, though it has not shown that it hears us"


def test_with_earlier_versions_all_must_be_known_first() -> None:
    """802.1X-2020 11.11.3: a number that is one off would be worth nothing; the server repeats the SAK anyhow."""
    it = Server(number=3)
    it.puppet.version = 1
    others = [Puppet(it.lan, number) for number in (9, 8, 1)]
    live = tuple(PeerEntry(other.mi, 1) for other in others)

    def give() -> None:
        it.give(it.sak(suite=CipherSuite.GCM_AES_XPN_128), live=it.puppet.lists(it.member, others=live))

    give()
    assert not it.taken
    assert "SCI of a member" in it.member.kay.status().why_not_secured
    for other in others:
        other.send(it.member)
    give()
    (ready,) = it.taken
    assert dict(ready.members) == assign_sscis([sci(number) for number in (1, 3, 5, 8, 9)])


def test_a_place_that_does_not_exist_is_a_fault() -> None:
    """802.1X-2020 11.11.3."""
    it = Server()
    live = replace(it.puppet.lists(it.member), key_server_ssci=7)
    with pytest.raises(ProtocolError, match="SSCI"):
        it.give(it.sak(suite=CipherSuite.GCM_AES_XPN_128), live=live)
    assert not it.taken


def test_members_that_were_not_heard_do_not_matter_without_xpn() -> None:
    """802.1X-2020 9.8."""
    it = Server()
    it.give(it.sak(), live=it.puppet.lists(it.member, others=(PeerEntry(Mi(b"m" * 12), 3),)))
    (ready,) = it.taken
    assert {who for who, _ in ready.members} == {sci(1), sci(5)}


# ---- progress, delay protection


def test_the_server_transmits_with_it_as_the_latest_or_as_the_old_key() -> None:
    """802.1X-2020 9.10: who is late sees it as the old one only."""
    for is_old in (False, True):
        it = Server()
        it.give(it.sak())
        key = KiPn(it.ki(), 1)
        receiving = SakUse(old_rx=True, old=key) if is_old else SakUse(latest_rx=True, latest=key)
        it.give(it.sak(), sak_use=receiving)
        assert not it.member.said(ServerTransmitting)
        sending = replace(receiving, old_tx=is_old, latest_tx=not is_old)
        for _ in range(3):
            it.give(sak_use=sending)
        assert [event.ki for event in it.member.said(ServerTransmitting)] == [it.ki()]


def test_sak_and_its_use_in_one_mkpdu() -> None:
    """802.1X-2020 11.11.3: whatever the order on the wire, the SAK is taken before its use is looked at."""
    it = Server()
    it.give(it.sak(), sak_use=SakUse(latest_rx=True, latest_tx=True, latest=KiPn(it.ki(), 1)))
    assert len(it.taken) == len(it.member.said(ServerTransmitting)) == 1


def test_delay_protection_of_the_latest_and_the_old_key() -> None:
    """802.1X-2020 9.10: both; rising only; and nothing without the flag."""
    it = Server()
    it.give(it.sak(kn=1))
    it.give(it.sak(kn=2, octets=b"2" * 16, an=1))

    def says(latest: int, old: int, protect: bool = True) -> list[tuple[int, int]]:
        del it.member.events[:]
        it.give(
            sak_use=SakUse(
                delay_protect=protect, latest=KiPn(it.ki(2), latest), old=KiPn(it.ki(1), old), latest_rx=True
            )
        )
        return [(event.ki.kn.value, event.lowest_pn) for event in it.member.said(PnDelayProtect)]

    assert says(10, 5000, protect=False) == []
    assert says(10, 5000) == [(2, 10), (1, 5000)]
    assert says(10, 5001) == [(1, 5001)]
    assert says(9, 5001) == []
    it.give(sak_use=SakUse(delay_protect=True, latest=KiPn(Ki(b"?" * 16), 99), latest_rx=True))
    assert not it.member.said(PnDelayProtect)[1:], "of a SAK that is not known there is nothing to protect"


def test_delay_protection_with_extended_packet_numbers() -> None:
    """802.1X-2020 9.10, 11.11: in two halves, or from version 1 the low one only."""
    it = Server()
    it.give(it.sak(suite=CipherSuite.GCM_AES_XPN_128), live=replace(it.puppet.lists(it.member), key_server_ssci=2))
    use = SakUse(delay_protect=True, latest_rx=True, latest=KiPn(it.ki(), 7))
    it.give(sak_use=use, xpn=Xpn(0, 2, 0))
    it.give(sak_use=use)
    events = it.member.said(PnDelayProtect)
    assert [(event.lowest_pn, event.low_half_only) for event in events] == [(2 << 32 | 7, False), (7, True)]


def test_a_sak_that_both_still_use_is_taken_up_again() -> None:
    """802.1X-2020 9.10: we have not heard the server for a while, and it has not noticed: it distributes nothing."""
    it = Server()
    it.give(it.sak())
    it.lan.run(7)
    assert it.member.connect == "PENDING"
    it.member.kay.set_sak_use(None, KeyUse(it.ki(), An(0), True, True), False, False)
    use = SakUse(old_rx=True, old_tx=True, old=KiPn(it.ki(), 9))
    it.give(sak_use=use)
    assert it.member.connect == "SECURE"
    assert len(it.taken) == 1


def test_a_sak_that_our_secy_has_given_up_is_not() -> None:
    """802.1X-2020 9.10."""
    it = Server()
    it.give(it.sak())
    it.lan.run(7)
    it.member.kay.set_sak_use(None, None, False, False)
    for _ in range(3):
        it.lan.settle()
        it.give(sak_use=SakUse(old_rx=True, old_tx=True, old=KiPn(it.ki(), 9)))
    assert it.member.connect == "PENDING"


def test_the_cak_of_a_group_is_read_and_of_no_effect() -> None:
    """802.1X-2020 9.12: not implemented; a key server that distributes one must not disturb what there is."""
    lan = Lan()
    b = lan.station(2)
    server = Puppet(lan, 1, key_server_priority=0, is_key_server=True)
    server.greet(b)
    participants, events = set(b.kay.participants), len(b.events)
    offered = DistributedCak(server.key.wrap_cak(cak("0102", 0x33)), Ckn(b"group"))
    server.send(b, live=server.lists(b), distributed_cak=offered)
    assert b.kay.port.counters["distributed CAK not taken"] == 1
    assert set(b.kay.participants) == participants
    assert b.events[events:] == []
    assert [peer.mi for peer in b.participant.peers.live] == [server.mi], "and what else it says is taken in"


def test_a_suspension_that_another_asks_for_keeps_nobody_live() -> None:
    """802.1X-2020 9.18: not implemented; who is not heard for a Life Time is gone, whatever it has announced."""
    lan = Lan()
    b = lan.station(2)
    server = Puppet(lan, 1, key_server_priority=0, is_key_server=True)
    server.greet(b, xpn=Xpn(120, 0, 0))
    assert b.participant.peers.live
    lan.run(7)
    assert not b.participant.peers.live
