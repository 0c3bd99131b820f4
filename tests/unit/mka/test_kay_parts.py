"""The small parts of a KaY: its configuration, its pace, its own numbers, its memory of KIs."""

from __future__ import annotations

from dataclasses import fields

import pytest

from pysec.errors import InternalError, ProtocolError, UsageError
from pysec.mka import config as config_module
from pysec.mka.config import KayConfig
from pysec.mka.member import LAST_MN, Member
from pysec.mka.pacing import HelloTimer, TokenBucket
from pysec.mka.peers import PeerTable
from pysec.mka.sak import KnownSaks
from pysec.secret import Secret
from pysec.types import CipherSuite, Ki, MacsecCapability, Mi

SUITE = CipherSuite.GCM_AES_128


def test_the_defaults_are_the_standards() -> None:
    """802.1X-2020 9.15: Table 9-3."""
    it = KayConfig()
    assert (it.hello_time_s, it.bounded_hello_time_s, it.life_time_s, it.sak_retire_time_s) == (2.0, 0.5, 6.0, 3.0)
    assert it.pn_threshold_of(SUITE) == 0xC000_0000
    assert it.pn_threshold_of(CipherSuite.GCM_AES_XPN_128) == 0xC000_0000_0000_0000
    assert KayConfig(pn_threshold=5).pn_threshold_of(SUITE) == 5


def test_every_choice_says_what_it_is() -> None:
    """A docstring per field: the source has one behind each."""
    from pathlib import Path

    text = Path(config_module.__file__).read_text("utf-8").partition("def __post_init__")[0]
    lines = [line.strip() for line in text.splitlines()]
    for field in fields(KayConfig):
        at = next(index for index, line in enumerate(lines) if line.startswith(f"{field.name}: "))
        end = at if not lines[at].endswith("(") else lines.index(")", at)
        assert lines[end + 1].startswith('"""'), field.name


@pytest.mark.parametrize(
    "wrong",
    [
        {"key_server_priority": 256},
        {"key_server_priority": -1},
        {"mka_version": 4},
        {"cipher_suites": ()},
        {"cipher_suites": (SUITE, SUITE)},
        {"macsec_capability": MacsecCapability.INTEGRITY},
        {"hello_time_s": 0.0},
        {"hello_time_s": float("nan")},
        {"hello_time_s": 6.0},
        {"ramp_up_s": (0.1, -0.2)},
        {"rekey_period_s": 0.0},
        {"max_live_peers": 70},
        {"max_potential_peers": 0},
        {"max_participants": 0},
        {"hurry_burst": 0},
    ],
)
def test_choices_that_contradict_each_other(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        KayConfig(**wrong)  # type: ignore[arg-type]


def test_a_bucket_lets_a_burst_pass_and_then_its_rate() -> None:
    bucket = TokenBucket(3, 0.5)
    assert [bucket.take(10.0) for _ in range(5)] == [True, True, True, False, False]
    assert bucket.ready_at(10.0) == 10.5
    assert not bucket.take(10.4)
    assert bucket.take(10.5)
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]


def test_a_hurried_hello_is_delayed_by_the_bound_and_not_lost() -> None:
    """802.1X-2020 9.4."""
    timer = HelloTimer(KayConfig(ramp_up_s=(), hurry_burst=1, hurry_interval_s=0.1), 0.0)
    timer.sent(0.0, 2.0)
    assert timer.next_at == 2.0
    timer.hurry(0.5)
    assert timer.is_due(0.5)
    timer.sent(0.5, 2.0)
    timer.hurry(0.55)
    timer.hurry(0.56)
    assert timer.next_at == pytest.approx(0.6)
    assert not timer.is_due(0.59)
    timer.sent(0.6, 2.0)
    assert timer.next_at == 2.6


def counting() -> Member:
    return Member(lambda octets: bytes(octets), 6.0)  # noqa: PLW0108


def test_our_numbers_rise_from_1_and_are_recent_for_a_life_time() -> None:
    """802.1X-2020 9.4.2, 9.4.3."""
    member = counting()
    assert not member.is_recent(0, 0.0)
    assert [member.next_mn(at) for at in (0.0, 1.0, 2.0)] == [1, 2, 3]
    assert [member.is_recent(mn, 6.0) for mn in (0, 1, 2, 3, 4)] == [False, True, True, True, False]
    assert [member.is_recent(mn, 7.5) for mn in (1, 2, 3)] == [False, False, True]
    assert not member.is_recent(3, 100.0)


def test_numbers_that_are_used_up_are_not_begun_again() -> None:
    """802.1X-2020 9.4.2."""
    member = counting()
    member.mn = LAST_MN - 1
    assert member.next_mn(0.0) == LAST_MN
    assert member.is_worn
    with pytest.raises(InternalError):
        member.next_mn(0.0)
    member.renew()
    assert member.next_mn(0.0) == 1


def test_random_octets_must_be_as_many_as_were_asked_for() -> None:
    with pytest.raises(InternalError, match="asked for 12"):
        Member(lambda octets: b"few", 6.0)


def test_who_has_missed_one() -> None:
    member = counting()
    for at in (0.0, 2.0, 4.0):
        member.next_mn(at)
    assert [member.has_missed(mn, 4.1, 0.5) for mn in (1, 2, 3)] == [True, False, False]
    assert member.has_missed(2, 4.5, 0.5)


def test_a_ki_is_one_sak_and_the_memory_is_bounded() -> None:
    """802.1X-2020 9.8."""
    known = KnownSaks(2, b"seed")
    first, second, third = (Ki.of(Mi(b"m" * 12), kn) for kn in (1, 2, 3))
    assert not known.admit(first, Secret(b"a" * 16), SUITE)
    assert known.admit(first, Secret(b"a" * 16), SUITE)
    with pytest.raises(ProtocolError) as caught:
        known.admit(first, Secret(b"b" * 16), SUITE)
    assert "62" * 4 not in str(caught.value)
    with pytest.raises(ProtocolError):
        known.admit(first, Secret(b"a" * 16), CipherSuite.GCM_AES_XPN_128)
    known.admit(second, Secret(b"b" * 16), SUITE)
    known.admit(third, Secret(b"c" * 16), SUITE)
    assert (first in known, second in known, third in known) == (False, True, True)
    assert known.suite_of(third) is SUITE
    assert known.suite_of(first) is None


def test_an_empty_table_has_nothing_to_wait_for() -> None:
    table = PeerTable(KayConfig())
    assert table.next_expiry() is None
    assert table.expire(1e9) == []
    assert table.live == table.potential == []
