"""What makes a hello cheap changes nothing of what is said or heard, whatever happens around it.

802.1X-2020 11.11.3.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from pysec.mka.config import KayConfig
from pysec.mka.kay import Kay
from pysec.mka.message import PduMaker
from pysec.mka.peers import PeerTable
from pysec.types import CipherSuite
from pysec.wire import mkpdu
from pysec.wire.mkpdu import ICV_OCTETS, MkPdu, Outline, Peek, Repeat
from tests.unit.mka.lan import Lan


class Watch:
    """Compares each MKPDU that was filled in, or read by the one before, with one made or read from nothing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.counts: Counter[str] = Counter()
        fill, decode = PduMaker._filled, Kay._decode

        def filled(maker: PduMaker, outline: Outline, mn: int, *slots: Any) -> bytes:
            assert maker._said is not None
            self.counts["filled"] += 1
            config = maker._participant.port.config
            whole = maker._pdu(mn, (slots[0], slots[1]), maker._said[6])
            expected = mkpdu.encode(whole, bytes(ICV_OCTETS), rising=config.rising_set_order)[:-ICV_OCTETS]
            made = fill(maker, outline, mn, *slots)
            assert made == expected
            return made

        def decoded(kay: Kay, found: Peek, repeat: Repeat | None, octets: int) -> MkPdu:
            self.counts["read from nothing" if repeat is None else "read by the one before"] += 1
            pdu = decode(kay, found, repeat, octets)
            assert pdu == mkpdu.decode(found.covered + found.icv, cak_octets=octets)
            return pdu

        monkeypatch.setattr(PduMaker, "_filled", filled)
        monkeypatch.setattr(Kay, "_decode", decoded)


def live_through(config: KayConfig) -> None:
    """Members come, go and return, keys roll, packet numbers rise, MKPDUs are lost."""
    lan = Lan()
    a, b = lan.station(1, config=config), lan.station(2, config=config)
    lan.run(20)
    for step in range(1, 4):
        for station in (a, b):
            station.kay.report_pns(old=(station.ki, step * 0x6000_0000, step * 0x6000_0000 + 9))
        lan.run(5)
    c = lan.station(3, config=config)
    lan.run(15)
    a.kay.request_sak("a test", lan.now)
    lan.run(5)
    c = lan.restart(c)
    lan.run(15)
    lan.passes = lambda sender, receiver, sent: lan.random.random() < 0.6
    lan.run(40)
    lan.passes = lambda sender, receiver, sent: True
    lan.kill(a)
    lan.run(30)
    assert b.ki == c.ki


@pytest.mark.parametrize("suite", [CipherSuite.GCM_AES_128, CipherSuite.GCM_AES_XPN_256], ids=str)
@pytest.mark.parametrize("options", [{}, {"rising_set_order": True, "icv_indicator": True}, {"delay_protect": True}])
def test_nothing_is_said_or_heard_otherwise(
    monkeypatch: pytest.MonkeyPatch, suite: CipherSuite, options: dict[str, Any]
) -> None:
    watch = Watch(monkeypatch)
    live_through(KayConfig(cipher_suites=(suite,), **options))
    assert watch.counts["filled"] > 100
    assert watch.counts["read by the one before"] > 100
    assert watch.counts["read from nothing"] > 20


def test_the_canary_a_maker_that_does_not_notice_who_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    Watch(monkeypatch)
    monkeypatch.setattr(PeerTable, "changes", property(lambda table: 0, lambda table, value: None), raising=False)
    with pytest.raises((AssertionError, StopIteration)):
        live_through(KayConfig())


def test_what_is_remembered_is_bounded_and_forged_mkpdus_are_not_remembered() -> None:
    lan = Lan()
    a, b = lan.station(1), lan.station(2)
    lan.run(10)
    assert set(a.kay._repeats) == {b.participant.member.mi.octets}
    sent = lan.by(b)[-1]
    forged = bytearray(sent.body)
    forged[12:24] = bytes(12)
    a.kay.receive_mkpdu(bytes(forged), lan.now, header=sent.header)
    assert set(a.kay._repeats) == {b.participant.member.mi.octets}
    for _ in range(300):
        b.participant.renew_mi("a test", lan.now)
        lan.run(1.2)
    assert len(a.kay._repeats) <= 128
