"""A port whose packet numbers run out, or pass 2^32 with a peer that can say only half of one (802.1X-2020 9.8, 9.10).

Whatever happens a packet number is used once: where no SAK comes, transmission ends, and the port says why.
"""

from __future__ import annotations

import pytest

from pysec.drivers import Call, FakeDriver
from pysec.drivers.fake import InjectedFault
from pysec.errors import DriverError, UsageError
from pysec.pae import PaeConfig, entity, status
from pysec.protocols import DriverEvent, DriverEventKind
from pysec.types import PN_SPACE, CipherSuite, Ki
from tests.unit.pae.lan import Lan, Station, kay_config, pair
from tests.unit.pae.test_pae_life import key_of

XPN = CipherSuite.GCM_AES_XPN_128


def old_pair(**changes: object) -> tuple[Lan, Station, Station]:
    """A key server, and a peer of MKA version 1 that announces nothing, as hostap's."""
    options = {"cipher_suites": (XPN,), **changes}
    server = PaeConfig(kay=kay_config(1, **options))
    lan, first, second = pair(
        server, PaeConfig(kay=kay_config(2, mka_version=1, announce_cipher_suites=False, **options))
    )
    lan.run(15)
    return lan, first, second


def send(sender: Station, receiver: Station, frames: int) -> range:
    """So many frames go from one to the other, whose receive SA has then seen the last."""
    taken = sender.driver.sent(frames)
    receiver.driver.raise_lowest_pn(sender.pae.sci, key_of(sender), taken.stop)
    return taken


def lowest_of(receiver: Station) -> int:
    (found,) = (sa.lowest_pn for sa in receiver.driver.read().sas if not sa.transmit and sa.in_use)
    assert found is not None
    return found


def use_up_unseen(station: Station) -> None:
    """As `use_up`, whatever the data plane refuses."""
    fail, station.driver.fail = station.driver.fail, None
    use_up(station)
    station.pae.installer.refresh()
    station.driver.fail = fail


def use_up(station: Station) -> None:
    sa = next(sa for sa in station.driver.read().sas if sa.transmit and sa.in_use)
    station.driver.sent(station.driver.read().controls.cipher_suite.pn_space - sa.next_pn)


@pytest.mark.parametrize("sender", [0, 1])
def test_extended_packet_numbers_pass_2_to_the_32_and_nobody_rolls_keys(sender: int) -> None:
    lan, *stations = old_pair(delay_protect=True)
    one, other = stations[sender], stations[1 - sender]
    used, last = key_of(one), 0
    for frames in (0xBFFF_FFF0, 0x20, 0x3FFF_FFE0, 0x10, 5, 0x20, PN_SPACE, 3):
        taken = send(one, other, frames)
        assert taken.start > last
        last = taken.stop - 1
        lan.run(3)
        assert lowest_of(other) == taken.stop, "what half a packet number was taken for"
    assert last > 2 * PN_SPACE
    assert key_of(one) == key_of(other) == used
    assert one.pae.is_secured
    assert other.pae.is_secured


def rolls_when_worn() -> bool:
    lan, first, second = old_pair()
    used = key_of(first)
    send(second, first, XPN.pn_space // 4 * 3)
    lan.run(5)
    return key_of(first) == key_of(second) != used


def test_a_peer_that_cannot_say_it_is_worn_is_seen_by_the_data_plane_of_the_key_server() -> None:
    assert rolls_when_worn()


def test_the_canary_a_key_server_that_does_not_look_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entity, "worn_by_peers", lambda *args: None)
    assert not rolls_when_worn()


@pytest.mark.parametrize("suite", [CipherSuite.GCM_AES_128, XPN], ids=str)
@pytest.mark.parametrize("who", ["key server", "client"])
def test_without_a_new_sak_transmission_ends_with_a_reason(suite: CipherSuite, who: str) -> None:
    config = {"cipher_suites": (suite,)}
    lan, *both = pair(PaeConfig(kay=kay_config(1, **config)), PaeConfig(kay=kay_config(2, **config)))
    lan.run(15)
    station = both[who == "client"]

    def refuse(number: int, call: Call) -> None:
        if call.name == "install_sak":
            raise DriverError("no room for a second key")

    station.driver.fail = refuse
    use_up(station)
    lan.run(30)
    assert not station.pae.is_secured
    found = station.pae.status()
    assert not found.open
    assert "used up" in found.why
    assert "no room for a second key" in found.pending
    assert "pn-exhausted" in station.names
    assert "used up" in station.reasons("closed")[-1]
    with pytest.raises(UsageError):
        station.driver.sent()
    station.driver.fail = None
    lan.run(30)
    assert all(one.pae.is_secured for one in both)
    assert key_of(both[0]) == key_of(both[1])
    assert station.driver.sent()[0] == 1


def test_the_canary_a_port_that_does_not_look_says_it_is_secured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "is_spent", lambda installed: False)
    lan, first, _second = pair()
    lan.run(15)
    first.driver.fail = InjectedFault(DriverError("no"), 1, 10**6)
    use_up_unseen(first)
    lan.run(1)
    assert first.pae.is_secured


def test_the_threshold_of_a_key_that_was_replaced_brings_no_other() -> None:
    """The data plane is asked once a hello; by then what it has to say may be about the SAK before."""
    lan, first, _second = pair()
    lan.run(15)
    old = key_of(first)
    first.pae.request_sak("a test", lan.now)
    lan.run(8)
    made = key_of(first)
    assert made != old
    first.driver._events.append(event_of(first, old))
    lan.run(15)
    assert key_of(first) == made
    first.driver._events.append(event_of(first, made))
    lan.run(15)
    assert key_of(first) != made


def event_of(station: Station, ki: Ki) -> DriverEvent:
    return DriverEvent(DriverEventKind.PN_THRESHOLD, True, station.pae.sci, ki, 0xC000_0000)


def test_the_fake_sends_no_packet_number_past_the_last() -> None:
    lan, first, _second = pair()
    lan.run(5)
    use_up(first)
    assert first.driver.events()[-1].kind is DriverEventKind.PN_EXHAUSTED
    with pytest.raises(UsageError, match="not so many packet numbers"):
        first.driver.sent()
    assert isinstance(first.driver, FakeDriver)
