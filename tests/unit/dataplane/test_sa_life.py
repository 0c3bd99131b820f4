"""The life of SAs by key identifier: each step may be repeated, and no packet number comes twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pysec import (
    An,
    CipherSuite,
    EventKind,
    FrameArena,
    KeyExhausted,
    Ki,
    NonceReused,
    Sci,
    Secret,
    SecY,
    SecYConfig,
    Ssci,
    UsageError,
    Verdict,
)

A, B = Sci.parse("525400000a010001"), Sci.parse("525400000b010001")
KI = [Ki.of(bytes(12), n) for n in range(8)]
SAK = [bytes([n]) * 16 for n in range(8)]
FRAME = bytes.fromhex("525400000b01525400000a010800") + b"user data" * 8


def receiver(sender: SecY) -> SecY:
    secy = SecY(B, sender.cipher_suite)
    secy.create_receive_sc(sender.sci)
    return secy


@pytest.fixture
def sender() -> Iterator[SecY]:
    with SecY(A) as secy:
        yield secy


def transmit_with(secy: SecY, n: int, an: int = 0, next_pn: int = 1) -> None:
    secy.install_sak(KI[n], SAK[n])
    secy.create_transmit_sa(an, KI[n], next_pn=next_pn)
    secy.enable_transmit(KI[n])


def pn_of(frame: bytes) -> int:
    return int.from_bytes(frame[16:20], "big")


def test_every_step_may_be_repeated(sender: SecY) -> None:
    """802.1AE-2018 10.7.22, 802.1AE-2018 10.7.24, 802.1AE-2018 10.7.28: asked again for what is, nothing changes."""
    for _ in range(3):
        transmit_with(sender, 0)
    assert [pn_of(sender.protect_frame(FRAME)) for _ in range(3)] == [1, 2, 3]
    transmit_with(sender, 0)
    assert pn_of(sender.protect_frame(FRAME)) == 4
    transmit_with(sender, 0, next_pn=100)  # a floor rises
    transmit_with(sender, 0, next_pn=50)  # and never falls
    assert pn_of(sender.protect_frame(FRAME)) == 100
    for _ in range(2):
        sender.retire(KI[0])
    assert sender.status().saks == 0


def test_a_ki_belongs_to_one_sak_for_ever(sender: SecY) -> None:
    sender.install_sak(KI[0], SAK[0])
    for when in ("installed", "retired"):
        with pytest.raises(NonceReused):
            sender.install_sak(KI[0], SAK[1])
        with pytest.raises(NonceReused):
            sender.install_sak(KI[1], SAK[0])
        if when == "installed":
            sender.retire(KI[0])
    with pytest.raises(UsageError):
        sender.retire(KI[1])  # never was


def test_a_retired_ki_comes_back_above_its_packet_numbers(sender: SecY) -> None:
    """SP 800-38D 8: a packet number is never used twice with a key."""
    transmit_with(sender, 0, next_pn=7)
    sender.protect_frame(FRAME)
    sender.retire(KI[0])
    sender.install_sak(KI[0], SAK[0])
    for floor in (1, 7):
        with pytest.raises(NonceReused):
            sender.create_transmit_sa(0, KI[0], next_pn=floor)
    with pytest.raises(NonceReused):
        sender.create_transmit_sa(3, KI[0], next_pn=7)  # the AN makes no difference
    transmit_with(sender, 0, next_pn=8)
    assert pn_of(sender.protect_frame(FRAME)) == 8


def test_an_sa_that_lost_its_an_keeps_its_packet_numbers(sender: SecY) -> None:
    """802.1AE-2018 10.7.22: a prior SA with the same AN is deleted; its SAK stays installed and remembers."""
    transmit_with(sender, 0, an=0)
    sender.protect_frame(FRAME)
    with pytest.raises(UsageError):
        transmit_with(sender, 1, an=0)  # it is the encoding SA
    transmit_with(sender, 1, an=1)
    transmit_with(sender, 2, an=0)
    with pytest.raises(NonceReused):
        sender.create_transmit_sa(2, KI[0], next_pn=1)
    sender.create_transmit_sa(2, KI[0], next_pn=2)


def test_the_memory_of_retired_kis_is_bounded(sender: SecY) -> None:
    for n in range(1100):
        ki = Ki.of(b"\1" * 12, n)
        sender.install_sak(ki, n.to_bytes(16, "big"))
        sender.retire(ki)
    status = sender.status()
    assert (status.saks, status.retired_kis, status.forgotten_kis) == (0, 1024, 76)
    with pytest.raises(NonceReused):
        sender.install_sak(Ki.of(b"\1" * 12, 1099), bytes(16))


def test_one_ssci_for_one_sci() -> None:
    """802.1AE-2018 10.7.13, 802.1AE-2018 10.7.22: an SSCI must not repeat among the SCIs of a SAK."""
    salt = bytes(12)
    with SecY(A, CipherSuite.GCM_AES_XPN_128) as secy:
        secy.install_sak(KI[0], SAK[0], salt=salt)
        secy.create_transmit_sa(0, KI[0], ssci=Ssci(1))
        secy.create_receive_sc(B)
        with pytest.raises(UsageError, match="SSCI"):
            secy.create_receive_sa(B, 0, KI[0], ssci=Ssci(1))
        secy.create_receive_sa(B, 0, KI[0], ssci=Ssci(2))
        with pytest.raises(UsageError):
            secy.create_receive_sa(B, 0, KI[0])
        with pytest.raises(UsageError):
            secy.install_sak(KI[0], SAK[0], salt=b"x" * 12)  # other IVs under the same KI


def test_the_ceiling_stops_and_moves(sender: SecY) -> None:
    sender.install_sak(KI[0], SAK[0])
    sender.create_transmit_sa(0, KI[0], pn_ceiling=4)
    sender.enable_transmit(KI[0])
    arena = FrameArena(8)
    arena.fill([FRAME] * 5)
    assert sender.protect(arena).tolist() == [Verdict.OUT_ENCRYPTED] * 3 + [Verdict.OUT_CLOSED] * 2
    with pytest.raises(KeyExhausted, match="ceiling"):
        sender.protect_frame(FRAME)
    assert [(e.kind, e.next_pn) for e in sender.events()] == [(EventKind.PN_CEILING, 4)]
    assert sender.events() == []
    with pytest.raises(NonceReused):
        sender.set_pn_ceiling(KI[0], 3)
    sender.set_pn_ceiling(KI[0], 5)
    assert pn_of(sender.protect_frame(FRAME)) == 4
    sender.set_pn_ceiling(KI[0], None)
    assert pn_of(sender.protect_frame(FRAME)) == 5


@pytest.mark.parametrize("suite", [CipherSuite.GCM_AES_128, CipherSuite.GCM_AES_XPN_128])
def test_exhaustion_closes_the_port_both_ways_until_the_next_sak(suite: CipherSuite) -> None:
    """802.1AE-2018 10.5.2: at the end of the packet numbers neither direction passes; it is an event, not silence."""
    last = suite.pn_space - 1
    xpn = {"ssci": Ssci(1)} if suite.is_xpn else {}
    salt = {"salt": bytes(12)} if suite.is_xpn else {}
    with SecY(A, suite, SecYConfig(always_include_sci=True)) as secy, SecY(B, suite) as peer:
        for s in (secy, peer):
            s.install_sak(KI[0], SAK[0], **salt)
        secy.create_transmit_sa(0, KI[0], next_pn=last - 1, **xpn)
        secy.enable_transmit(KI[0])
        peer.create_receive_sc(A)
        peer.create_receive_sa(A, 0, KI[0], lowest_pn=last - 1, **xpn)
        peer.enable_receive(A, KI[0])
        arena = FrameArena(8)
        arena.fill([FRAME] * 4)
        verdicts = secy.protect(arena)
        assert verdicts.tolist() == [Verdict.OUT_ENCRYPTED] * 2 + [Verdict.OUT_CLOSED] * 2
        assert arena.pns.tolist() == [last - 1, last, 0, 0]
        kinds = [e.kind for e in secy.events()]
        assert kinds == [EventKind.PN_THRESHOLD, EventKind.PN_EXHAUSTED]
        assert secy.status().exhausted
        with pytest.raises(KeyExhausted, match="last packet number"):
            secy.protect_frame(FRAME)
        assert secy.validate_frame(FRAME)[0] == Verdict.IN_CLOSED

        sent = arena.delivered()
        assert [peer.validate_frame(f)[0] for f in sent] == [Verdict.IN_OK] * 2
        assert [peer.validate_frame(f)[0] for f in sent] == [Verdict.IN_LATE] * 2  # also the very last one
        rx = next(sa for sa in peer.sas() if not sa.transmit)
        assert (rx.next_pn, rx.lowest_pn) == (suite.pn_space, suite.pn_space)

        secy.install_sak(KI[1], SAK[1], **salt)
        secy.create_transmit_sa(1, KI[1], **xpn)
        secy.enable_transmit(KI[1])
        assert not secy.status().exhausted
        assert secy.protect_frame(FRAME)[14] & 3 == 1
        secy.retire(KI[0])
        secy.install_sak(KI[0], SAK[0], **salt)
        with pytest.raises(NonceReused):
            secy.create_transmit_sa(0, KI[0], next_pn=last, **xpn)


def test_receiving_past_the_threshold_is_an_event(sender: SecY) -> None:
    transmit_with(sender, 0, next_pn=0xBFFFFFFF)
    peer = receiver(sender)
    peer.install_sak(KI[0], SAK[0])
    peer.create_receive_sa(A, 0, KI[0])
    peer.enable_receive(A, KI[0])
    for _ in range(3):
        assert peer.validate_frame(sender.protect_frame(FRAME))[0] == Verdict.IN_OK
    events = peer.events()
    assert [(e.kind, e.transmit, e.sci, e.an, e.ki) for e in events] == [
        (EventKind.PN_THRESHOLD, False, A, An(0), KI[0])
    ]


def test_4096_receive_scs_and_not_one_more(sender: SecY) -> None:
    """802.1AE-2018 10.7.7 and 802.1AE-2018 10.7.11."""
    peer = SecY(B)
    scis = [Sci.of("525400010203", port) for port in range(1, 4096)] + [A]
    for sci in scis:
        peer.create_receive_sc(sci)
    with pytest.raises(UsageError):
        peer.create_receive_sc(Sci.of("020000000000", 1))
    assert peer.receive_scs() == sorted(scis)
    sender.reconfigure(always_include_sci=True)
    transmit_with(sender, 0)
    peer.install_sak(KI[0], SAK[0])
    peer.create_receive_sa(A, 0, KI[0])
    peer.enable_receive(A, KI[0])
    assert peer.validate_frame(sender.protect_frame(FRAME)) == (Verdict.IN_OK, FRAME)
    for sci in scis[:-1]:
        peer.delete_receive_sc(sci)
    assert peer.receive_scs() == [A]
    assert peer.validate_frame(sender.protect_frame(FRAME)) == (Verdict.IN_OK, FRAME)
    peer.delete_receive_sc(A)
    assert peer.validate_frame(sender.protect_frame(FRAME))[0] == Verdict.IN_NO_SA_ERROR
    with pytest.raises(UsageError):
        peer.sc_counters(A)


def test_counters_of_an_sc_outlive_its_sas(sender: SecY) -> None:
    """802.1AE-2018 10.7.9, 802.1AE-2018 10.7.18: the counts of an SC include those of its prior SAs."""
    peer = receiver(sender)
    for n in range(6):
        transmit_with(sender, n, an=n % 4)
        peer.install_sak(KI[n], SAK[n])
        peer.create_receive_sa(A, n % 4, KI[n])
        peer.enable_receive(A, KI[n])
        for _ in range(n + 1):
            assert peer.validate_frame(sender.protect_frame(FRAME))[0] == Verdict.IN_OK
        if n:
            sender.retire(KI[n - 1])
            peer.retire(KI[n - 1])
    assert peer.sc_counters(A)[Verdict.IN_OK] == 21 == peer.counters()[Verdict.IN_OK]
    assert sender.sc_counters(A)[Verdict.OUT_ENCRYPTED] == 21
    peer.delete_receive_sc(A)
    assert peer.counters()[Verdict.IN_OK] == 21


def test_disabled_and_closed(sender: SecY) -> None:
    """802.1AE-2018 10.7.5 and 802.1AE-2018 10.7.15."""
    transmit_with(sender, 0)
    peer = receiver(sender)
    peer.install_sak(KI[0], SAK[0])
    peer.create_receive_sa(A, 0, KI[0])
    assert peer.validate_frame(sender.protect_frame(FRAME))[0] == Verdict.IN_NO_SA_ERROR
    peer.enable_receive(A, KI[0])
    assert peer.validate_frame(sender.protect_frame(FRAME))[0] == Verdict.IN_OK
    peer.enable_receive(A, KI[0], False)
    assert peer.validate_frame(sender.protect_frame(FRAME))[0] == Verdict.IN_NO_SA_ERROR
    peer.enable_receive(A, KI[0])
    peer.reconfigure(controlled_port_enabled=False)
    assert peer.validate_frame(sender.protect_frame(FRAME))[0] == Verdict.IN_CLOSED
    sender.enable_transmit(KI[0], False)
    with pytest.raises(UsageError, match="no transmit SA"):
        sender.protect_frame(FRAME)
    sender.close()
    with pytest.raises(UsageError, match="closed"):
        sender.protect_frame(FRAME)


@pytest.mark.parametrize(
    "changes",
    [
        {"replay_window": -1},
        {"replay_window": 1 << 32},
        {"vlan_tags_in_clear": 3},
        {"common_port_mtu": 0},
        {"refuse_duplicates": True, "replay_window": 65537},
        {"refuse_duplicates": True, "replay_protect": False},
        {"bypass_ethertypes": (0x10000,)},
        {"bypass_ethertypes": tuple(range(17))},
        {"use_scb": True},
        {"nonesuch": 1},
    ],
)
def test_bad_controls_change_nothing(sender: SecY, changes: dict[str, object]) -> None:
    before = sender.config
    with pytest.raises(UsageError):
        sender.reconfigure(**changes)
    assert sender.config == before


def test_bad_keys_are_refused_without_being_shown() -> None:
    """Messages name the object and the fact, never a key."""
    key = bytes(range(0xC0, 0xCF))
    with SecY(A) as secy, SecY(A, CipherSuite.GCM_AES_XPN_256) as xpn:
        for call in (
            lambda: secy.install_sak(KI[0], key),
            lambda: secy.install_sak(KI[0], Secret(key * 2)),
            lambda: secy.install_sak(KI[0], key + b"1", salt=bytes(12)),
            lambda: secy.install_sak(KI[0], key + b"1", confidentiality_offset=20),
            lambda: xpn.install_sak(KI[0], (key + b"1") * 2),
            lambda: xpn.install_sak(KI[0], (key + b"1") * 2, salt=bytes(11)),
            lambda: xpn.install_sak(KI[0], (key + b"1") * 2, salt=bytes(12), confidentiality_offset=30),
        ):
            with pytest.raises(UsageError) as caught:
                call()
            assert key.hex() not in str(caught.value)
        assert secy.sas() == xpn.sas() == []


@pytest.mark.parametrize("duplicates", [False, True])
@pytest.mark.parametrize("end", ["retire", "delete SC", "another SA with its AN"])
def test_a_receive_sa_that_comes_back_accepts_nothing_again(sender: SecY, end: str, duplicates: bool) -> None:
    """802.1AE-2018 10.7.13: the caller says the lowest PN, but not below where this KI and SCI stood before."""
    transmit_with(sender, 0)
    window = 2 if duplicates else 0
    peer = SecY(B, config=SecYConfig(replay_window=window, refuse_duplicates=duplicates))

    def join() -> None:
        peer.create_receive_sc(A)
        peer.install_sak(KI[0], SAK[0])
        peer.create_receive_sa(A, 0, KI[0], lowest_pn=1)
        peer.enable_receive(A, KI[0])

    join()
    old = [sender.protect_frame(FRAME) for _ in range(3)]
    assert [peer.validate_frame(f)[0] for f in old] == [Verdict.IN_OK] * 3
    if end == "retire":
        peer.retire(KI[0])
    elif end == "delete SC":
        peer.delete_receive_sc(A)
    else:
        peer.install_sak(KI[1], SAK[1])
        peer.create_receive_sa(A, 0, KI[1])
    join()
    assert not {peer.validate_frame(f)[0] for f in old} & {Verdict.IN_OK, Verdict.IN_DELAYED}
    assert peer.validate_frame(sender.protect_frame(FRAME))[0] == Verdict.IN_OK


def test_switching_duplicates_on_accepts_nothing_a_second_time(sender: SecY) -> None:
    transmit_with(sender, 0)
    peer = receiver(sender)
    peer.reconfigure(replay_window=64)
    peer.install_sak(KI[0], SAK[0])
    peer.create_receive_sa(A, 0, KI[0])
    peer.enable_receive(A, KI[0])
    old = [sender.protect_frame(FRAME) for _ in range(5)]
    assert [peer.validate_frame(f)[0] for f in old] == [Verdict.IN_OK] * 5
    assert peer.validate_frame(old[1])[0] == Verdict.IN_OK  # the standard's window does not mind
    peer.reconfigure(refuse_duplicates=True)
    assert [peer.validate_frame(f)[0] for f in old] == [Verdict.IN_DUPLICATE] * 5
    new = [sender.protect_frame(FRAME) for _ in range(3)]
    assert [peer.validate_frame(f)[0] for f in (*reversed(new), *new)] == [Verdict.IN_OK] * 3 + [
        Verdict.IN_DUPLICATE
    ] * 3
