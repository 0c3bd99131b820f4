"""What a port may do that MKA has not secured: must-secure, should-secure, and a key server without MACsec."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pysec.cp import Connect, State
from pysec.errors import UsageError
from pysec.pae import PaeConfig, Policy
from pysec.pae.logon import Logon
from pysec.protocols import Controls
from pysec.types import MacsecCapability
from tests.unit.pae.lan import Lan, cak, kay_config, pair

SHOULD = Policy.SHOULD_SECURE


def should(priority: int = 16, **changes: object) -> PaeConfig:
    return PaeConfig(SHOULD, kay_config(priority, plain_allowed=True, **changes))


def test_must_secure_alone_stays_closed_for_ever() -> None:
    lan = Lan()
    alone = lan.add()
    lan.on_step = lambda: None if not alone.driver.port_open else pytest.fail("open without a key")
    lan.run(60)
    assert alone.pae.cp.state is State.CHANGE
    assert alone.pae.status().in_words() == "CLOSED: no live peer"


def test_should_secure_alone_opens_in_the_clear_after_its_patience() -> None:
    lan = Lan()
    alone = lan.add(should())
    lan.run(5.9)
    assert not alone.driver.port_open
    lan.run(0.2)
    assert alone.driver.port_open
    assert not alone.driver.read().controls.protect_frames
    status = alone.pae.status()
    assert not status.secured
    assert status.in_words() == "OPEN IN THE CLEAR: no live peer"


def test_should_secure_is_secured_when_a_peer_comes_and_clear_again_when_it_goes() -> None:
    lan = Lan()
    first = lan.add(should(1))
    lan.run(8)
    second = lan.add(should(2))
    lan.run(1)
    assert first.pae.is_secured
    assert second.pae.is_secured
    lan.stations.remove(second)
    lan.run(4)
    assert first.pae.is_secured
    lan.run(3)
    assert not first.driver.port_open
    lan.run(7)
    assert first.pae.cp.state is State.ALLOWED
    assert not first.driver.read().keys


def test_should_secure_may_open_at_once() -> None:
    lan = Lan()
    alone = lan.add(replace(should(), open_after_s=0))
    lan.run(0)
    assert alone.pae.cp.state is State.ALLOWED


def test_a_key_server_that_decides_against_macsec_does_not_open_a_must_secure_port() -> None:
    """The class of CVE-2018-15372: what a peer says must not open the port."""
    lan, server, client = pair(should(1, macsec_desired=False), PaeConfig(kay=kay_config(2)))
    lan.run(20)
    assert "plain-distributed" in server.names
    assert not client.driver.port_open
    assert client.pae.cp.variables.connect is Connect.PENDING
    assert server.pae.cp.state is State.AUTHENTICATED


def test_a_key_server_that_decides_against_macsec_is_followed_under_should_secure() -> None:
    lan, _server, client = pair(should(1, macsec_desired=False), should(2))
    lan.run(10)
    assert client.pae.cp.state is State.AUTHENTICATED
    assert client.driver.port_open
    assert not client.pae.is_secured


def test_a_peer_without_macsec_is_left_out_under_must_secure() -> None:
    lan, server, _client = pair(PaeConfig(kay=kay_config(1)), should(2, macsec_capability=MacsecCapability.NONE))
    lan.run(20)
    assert not server.driver.port_open


def test_a_wrong_cak_under_must_secure_and_should_secure() -> None:
    lan = Lan()
    first, second = lan.add(PaeConfig(kay=kay_config(1))), lan.add(should(2), key=cak(9))
    lan.run(20)
    assert not first.driver.port_open
    assert second.pae.status().in_words().startswith("OPEN IN THE CLEAR: no live peer; the ICV does not verify")


def test_contradictions_are_refused() -> None:
    for wrong in (
        lambda: PaeConfig(kay=kay_config(plain_allowed=True)),
        lambda: PaeConfig(secured=Controls(protect_frames=False)),
        lambda: PaeConfig(SHOULD, open_after_s=-1),
    ):
        with pytest.raises(UsageError):
            wrong()


@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize("agreed", Connect)
def test_logon_word_by_word(policy: Policy, agreed: Connect) -> None:
    """802.1X-2020 12.5, as far as a port with pre-shared keys needs it."""
    logon = Logon(PaeConfig(policy, open_after_s=10), 0.0)
    logon.agreed(agreed, 0.0)
    late = {
        (Policy.MUST_SECURE, Connect.SECURE): Connect.SECURE,
        (SHOULD, Connect.SECURE): Connect.SECURE,
        (SHOULD, Connect.AUTHENTICATED): Connect.AUTHENTICATED,
        (SHOULD, Connect.PENDING): Connect.UNAUTHENTICATED,
        (SHOULD, Connect.UNAUTHENTICATED): Connect.UNAUTHENTICATED,
    }.get((policy, agreed), Connect.PENDING)
    assert logon.connect(10.0) is late
    waits = policy is SHOULD and agreed is Connect.PENDING
    assert logon.next_timer(5.0) == (10.0 if waits else None)
    assert logon.next_timer(10.0) is None
