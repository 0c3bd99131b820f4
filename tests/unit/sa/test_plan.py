"""The SA plan as a pure function: its order, what it leaves alone, and that doing it leaves nothing to do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pysec.drivers import FakeDriver
from pysec.errors import InternalError
from pysec.protocols import Capabilities, Controls, Installed, InstalledSa
from pysec.sa.plan import Desired, DesiredKey, SakMaterial, make_plan, receiving, transmitting
from pysec.secret import Secret
from pysec.types import An, CipherSuite, Ki, Sci, Ssci

OWN, PEER, THIRD = (Sci.of(f"02000000000{n}", 1) for n in (1, 2, 3))
OPEN = Controls(controlled_port_enabled=True)
CAPABLE = Capabilities(tuple(CipherSuite))
NOTHING = Installed(Controls(), frozenset(), (), ())


def material(name: str, an: int, *peers: Sci, suite: CipherSuite = CipherSuite.GCM_AES_128) -> SakMaterial:
    xpn = suite.is_xpn
    return SakMaterial(
        Ki(name.encode() * 16),
        An(an),
        Secret(name.encode() * suite.sak_octets),
        suite,
        tuple((sci, Ssci(place) if xpn else None) for place, sci in enumerate(peers or (PEER,), start=2)),
        ssci=Ssci(1) if xpn else None,
        salt=b"s" * 12 if xpn else None,
    )


def key(name: str, an: int, *peers: Sci, transmit: bool = False) -> DesiredKey:
    return DesiredKey(material(name, an, *peers), transmit)


def words(desired: Desired, installed: Installed, capabilities: Capabilities = CAPABLE) -> list[str]:
    return [
        str(step).replace(Ki(b"a" * 16).mka_text, "A").replace(Ki(b"b" * 16).mka_text, "B")
        for step in make_plan(desired, installed, capabilities)
    ]


def carry_out(desired: Desired, driver: FakeDriver) -> None:
    saks = {k.material.ki: k.material for k in desired.keys}
    for step in make_plan(desired, driver.read(), driver.capabilities):
        step.apply(driver, saks)


def test_a_first_key_is_received_with_before_it_is_sent_with_and_the_port_opens_last() -> None:
    assert words(Desired(OPEN, (key("a", 0, PEER, THIRD, transmit=True),)), NOTHING) == [
        f"create receive SC {PEER}",
        f"create receive SC {THIRD}",
        "install SAK A",
        f"create receive SA 0 of SC {PEER}, KI A",
        f"create receive SA 0 of SC {THIRD}, KI A",
        "receive with A",
        "create transmit SA 0, KI A",
        "send with A",
        "controls: port open, frames protected, GCM-AES-128",
    ]


def test_a_rollover_touches_the_old_key_only_to_retire_it() -> None:
    driver = FakeDriver(OWN)
    carry_out(Desired(OPEN, (key("a", 0, transmit=True),)), driver)
    both = Desired(OPEN, (key("a", 0, transmit=True), key("b", 1)))
    assert words(both, driver.read()) == [
        "install SAK B",
        f"create receive SA 1 of SC {PEER}, KI B",
        "receive with B",
        "create transmit SA 1, KI B",
    ]
    carry_out(both, driver)
    turned = Desired(OPEN, (key("a", 0, transmit=True), key("b", 1, transmit=True)))
    assert words(turned, driver.read()) == ["send with B"]
    carry_out(turned, driver)
    assert words(Desired(OPEN, (key("b", 1, transmit=True),)), driver.read()) == ["retire A"]


def test_the_port_closes_before_keys_go_and_they_go_before_others_come() -> None:
    driver = FakeDriver(OWN)
    carry_out(Desired(OPEN, (key("a", 0, transmit=True),)), driver)
    found = words(Desired(Controls(), (key("b", 0),)), driver.read())
    assert found[:3] == ["controls: port closed, frames protected, GCM-AES-128", "retire A", "install SAK B"]


def test_keys_that_nobody_remembers_are_retired() -> None:
    """A data plane that outlived the process that drove it."""
    stale = InstalledSa(True, OWN, An(0), Ki(b"z" * 16), True, 1000, None)
    left = Installed(OPEN, frozenset({Ki(b"y" * 16)}), (PEER,), (stale,))
    assert words(Desired(), left) == [
        "controls: port closed, frames protected, GCM-AES-128",
        f"retire {Ki(b'y' * 16).mka_text}",
        f"retire {Ki(b'z' * 16).mka_text}",
    ]


def test_another_suite_ends_everything_with_the_port_closed() -> None:
    driver = FakeDriver(OWN)
    carry_out(Desired(OPEN, (key("a", 0, transmit=True),)), driver)
    suite = CipherSuite.GCM_AES_XPN_256
    fresh = material("b", 0, suite=suite)
    wanted = Desired(replace(OPEN, cipher_suite=suite), (DesiredKey(fresh, True),))
    found = words(wanted, driver.read())
    assert found[0].startswith("controls: port closed")
    assert found[1] == "retire A"
    assert found[2] == "controls: port closed, frames protected, GCM-AES-XPN-256"
    assert found[-1] == "controls: port open, frames protected, GCM-AES-XPN-256"
    carry_out(wanted, driver)
    assert words(wanted, driver.read()) == []


def test_what_is_there_is_not_done_again_and_half_an_sa_is_completed() -> None:
    driver = FakeDriver(OWN)
    wanted = Desired(OPEN, (key("a", 0, PEER, THIRD, transmit=True),))
    steps = make_plan(wanted, driver.read(), driver.capabilities)
    saks = {k.material.ki: k.material for k in wanted.keys}
    for n, step in enumerate(steps):
        step.apply(driver, saks)
        step.apply(driver, saks)
        assert [str(s) for s in make_plan(wanted, driver.read(), driver.capabilities)] == [
            str(s) for s in steps[n + 1 :]
        ]
    assert receiving(wanted.keys[0].material, driver.read())
    assert transmitting(driver.read()) == wanted.encoding


def test_a_member_that_joins_under_the_same_key_is_added() -> None:
    driver = FakeDriver(OWN)
    carry_out(Desired(OPEN, (key("a", 0, transmit=True),)), driver)
    more = Desired(OPEN, (key("a", 0, PEER, THIRD, transmit=True),))
    assert words(more, driver.read())[-1] == "receive with A"
    carry_out(more, driver)
    assert driver.receives(THIRD, An(0)) == driver.receives(PEER, An(0)) == Ki(b"a" * 16)


def test_receive_scs_keep_their_counters_until_their_place_is_needed() -> None:
    room = replace(CAPABLE, max_receive_channels=2)
    there = Installed(Controls(), frozenset(), (OWN, THIRD), ())
    assert f"delete receive SC {OWN}" in words(Desired(Controls(), (key("a", 0),)), there, room)
    assert not any(w.startswith("delete") for w in words(Desired(Controls(), (key("a", 0),)), there))


def test_sending_stops_when_no_key_is_to_be_sent_with() -> None:
    driver = FakeDriver(OWN)
    carry_out(Desired(OPEN, (key("a", 0, transmit=True),)), driver)
    assert words(Desired(Controls(), (key("a", 0),)), driver.read()) == [
        "controls: port closed, frames protected, GCM-AES-128",
        "stop sending with A",
    ]


def test_two_keys_with_one_an_are_our_own_mistake() -> None:
    with pytest.raises(InternalError):
        make_plan(Desired(OPEN, (key("a", 1), key("b", 1))), NOTHING, CAPABLE)
