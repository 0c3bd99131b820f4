"""Packet numbers that run out: members say so, the key server makes another SAK, and who is not heard helps himself
(802.1X-2020 9.8, 9.10)."""

from __future__ import annotations

import pytest

from pysec.mka.config import KayConfig
from pysec.mka.events import MiChanged
from pysec.mka.kay import Kay
from pysec.mka.keyclient import STRANDED_LIFE_TIMES, KeyClient
from pysec.mka.participant import Participant
from pysec.types import CipherSuite, Ki
from tests.unit.mka.lan import Lan, Station

XPN = CipherSuite.GCM_AES_XPN_128
PATIENCE_S = STRANDED_LIFE_TIMES * 6


class WaitsForEver(KeyClient):
    """The planted fault: nothing is done about packet numbers that are used up."""

    @property
    def stranded(self) -> str:
        return super().stranded if self._p.sak is None else ""


class PatientParticipant(Participant):
    """With such a client."""

    key_client_type = WaitsForEver


class PatientKay(Kay):
    """With such a participant."""

    participant_type = PatientParticipant


def spent_client(version: int, kay_type: type[Kay] = Kay) -> tuple[Lan, Station, Station, Ki]:
    """A key server, and a client whose packet numbers of an XPN suite have just been used up."""
    lan = Lan()
    suites = (XPN,)
    server = lan.station(1, config=KayConfig(cipher_suites=suites))
    config = KayConfig(cipher_suites=suites, announce_cipher_suites=False, mka_version=version)
    client = lan.station(2, config=config, kay_type=kay_type)
    lan.run(20)
    ki = server.ki
    assert client.ki == ki
    client.kay.report_pns(old=(ki, XPN.pn_space, XPN.pn_space))
    return lan, server, client, ki


@pytest.mark.parametrize("suite", [CipherSuite.GCM_AES_128, CipherSuite.GCM_AES_XPN_128])
def test_one_past_the_last_pn_is_told_as_the_last(suite: CipherSuite) -> None:
    lan = Lan()
    config = KayConfig(cipher_suites=(suite,))
    server, client = lan.station(1, config=config), lan.station(2, config=config)
    lan.run(20)
    ki = server.ki
    assert client.ki == ki
    client.kay.report_pns(old=(ki, suite.pn_space, suite.pn_space))
    lan.run(5)
    assert server.ki == client.ki != ki
    reasons = [sent.pdu.sak_use for sent in lan.by(client) if sent.pdu.sak_use is not None]
    told = max(slot.lowest_pn for use in reasons for slot in (use.latest, use.old) if slot is not None)
    assert told == 0xFFFF_FFFF
    assert not client.said(MiChanged), "a key server that is told needs no more"


def test_a_member_that_cannot_say_it_takes_a_new_mi_for_a_new_sak() -> None:
    """In MKA version 1 an MKPDU has the low half of an extended packet number only."""
    lan, server, client, ki = spent_client(1)
    lan.run(PATIENCE_S - 1)
    assert server.ki == client.ki == ki
    assert not client.said(MiChanged)
    lan.run(3)
    (changed,) = client.said(MiChanged)
    assert "used up" in changed.reason
    assert server.ki == client.ki != ki
    lan.run(60)
    assert len(client.said(MiChanged)) == 1
    assert server.transmits_with == client.transmits_with == server.ki


def test_the_canary_a_member_that_waits_gets_none() -> None:
    lan, server, client, ki = spent_client(1, PatientKay)
    lan.run(PATIENCE_S + 60)
    assert server.ki == client.ki == ki


def test_a_key_server_that_is_told_the_whole_makes_one_at_once() -> None:
    """In MKA version 3 the XPN set has the high half."""
    lan, server, client, ki = spent_client(3)
    lan.run(4)
    assert server.ki == client.ki != ki
    assert not client.said(MiChanged)


def test_a_server_that_has_used_up_its_own_makes_another() -> None:
    lan, server, client, ki = spent_client(3)
    before = server.ki
    server.kay.report_pns(old=(before, XPN.pn_space, XPN.pn_space))
    lan.run(20)
    assert server.ki == client.ki not in (ki, before)
    assert not server.said(MiChanged)
