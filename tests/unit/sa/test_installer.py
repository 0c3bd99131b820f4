"""The installer: whichever call fails, it ends where it should, and it says what was refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from pysec.drivers import Call, FakeDriver
from pysec.drivers.fake import InjectedFault
from pysec.errors import DriverError, NonceReused
from pysec.protocols import Controls, Installed
from pysec.sa.installer import (
    FIRST_RETRY_S,
    LONGEST_RETRY_S,
    Drifted,
    Installer,
    StepDone,
    StepRefused,
    without_transmitting_port,
)
from pysec.sa.plan import Desired, SakMaterial, Step, is_takedown, make_plan
from pysec.types import Ki
from tests.unit.sa.test_plan import OPEN, OWN, PEER, THIRD, key

FIRST = Desired(OPEN, (key("a", 0, PEER, THIRD, transmit=True),))
BOTH = Desired(OPEN, (key("a", 0, PEER, THIRD, transmit=True), key("b", 1, PEER, THIRD)))
TURNED = Desired(OPEN, (key("a", 0, PEER, THIRD), key("b", 1, PEER, THIRD, transmit=True)))
AFTER = Desired(OPEN, (key("b", 1, PEER, THIRD, transmit=True),))
CLOSED = Desired(Controls())
LIFE = (FIRST, BOTH, TURNED, AFTER, CLOSED)


def refusals(installer: Installer) -> list[StepRefused]:
    found = []
    while (event := installer.next_event()) is not None:
        if isinstance(event, StepRefused):
            found.append(event)
        else:
            assert isinstance(event, StepDone)
            assert event.reason
    return found


def peek(driver: FakeDriver) -> Installed:
    """Read the fake without a fault, and without its counting as a call."""
    fail, driver.fail = driver.fail, None
    found = driver.read()
    driver.calls.pop()
    driver.fail = fail
    return found


def settle(installer: Installer, desired: Desired, now: float) -> float:
    """Apply until it holds, at the times that the installer asks for; when that was."""
    for _ in range(40):
        if installer.apply(desired, now):
            return now
        at = installer.next_timer()
        assert at is not None
        assert at > now
        now = at
    raise AssertionError("it does not converge")


def calls_of_a_life() -> int:
    driver = FakeDriver(OWN)
    installer = Installer(driver)
    for desired in LIFE:
        assert installer.apply(desired, 0)
    return len(driver.calls)


def test_a_life_without_faults_refuses_nothing_and_asks_for_nothing_twice() -> None:
    driver = FakeDriver(OWN)
    installer = Installer(driver)
    for desired in LIFE:
        assert installer.apply(desired, 0)
        assert installer.settled
        assert installer.next_timer() is None
        done = len(driver.calls)
        assert installer.apply(desired, 0)
        assert len(driver.calls) == done
    assert not refusals(installer)
    made = [call for call in driver.calls if call.name != "read"]
    assert len(made) == len(set(made)), "a step was made twice"


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("at", range(1, calls_of_a_life() + 1))
def test_a_fault_at_any_call_is_told_and_the_plan_converges(at: int, times: int) -> None:
    fault = InjectedFault(DriverError("no room in the device"), at, times)
    driver = FakeDriver(OWN, fail=fault)
    installer = Installer(driver)
    now = 0.0
    for desired in LIFE:
        now = settle(installer, desired, now)
        assert not make_plan(desired, peek(driver), driver.capabilities)
    told = refusals(installer)
    assert fault.raised
    assert told
    assert all("no room in the device" in event.why for event in told)
    assert all(event.retry_at is not None for event in told)


@pytest.mark.parametrize(
    "name", ["install_sak", "enable_receive", "create_transmit_sa", "enable_transmit", "retire", "set_controls"]
)
def test_a_data_plane_that_lies_is_found_out(name: str) -> None:
    """The canary of the reading back: without it each of these would pass for success."""
    driver = FakeDriver(OWN, lie=lambda call: call.name == name)
    installer = Installer(driver)
    if name == "retire":
        driver.lie = None
        assert installer.apply(FIRST, 0)
        driver.lie = lambda call: call.name == name
        assert not installer.apply(CLOSED, 0)
    else:
        assert not installer.apply(FIRST, 0)
    assert refusals(installer)
    assert not installer.settled
    driver.lie = None
    settle(installer, CLOSED if name == "retire" else FIRST, 100.0)


def test_the_port_never_opens_before_its_key_is_sent_with() -> None:
    def refuse(number: int, call: Call) -> None:
        if call.name == "enable_transmit":
            raise DriverError("not now")

    driver = FakeDriver(OWN, fail=refuse)
    installer = Installer(driver)
    assert not installer.apply(FIRST, 0)
    assert not driver.port_open
    assert not driver.read().controls.controlled_port_enabled


def test_a_rollover_that_is_refused_leaves_the_key_in_use() -> None:
    driver = FakeDriver(OWN)
    installer = Installer(driver)
    assert installer.apply(FIRST, 0)

    def refuse(number: int, call: Call) -> None:
        if call.name == "install_sak":
            raise DriverError("table full")

    driver.fail = refuse
    assert not installer.apply(BOTH, 1)
    assert driver.port_open
    assert driver.encoding == Ki(b"a" * 16)
    (event,) = refusals(installer)
    assert event.ki == Ki(b"b" * 16)
    assert "table full" in event.reason
    assert event.attempt == 1


def test_waits_grow_up_to_a_bound_and_nothing_is_tried_before() -> None:
    driver = FakeDriver(OWN, fail=InjectedFault(DriverError("busy"), 1, 10**6))
    installer = Installer(driver)
    now, waits = 0.0, []
    for _ in range(10):
        assert not installer.apply(FIRST, now)
        at = installer.next_timer()
        assert at is not None
        waits.append(at - now)
        done = len(driver.calls)
        assert not installer.apply(FIRST, now + (at - now) / 2)
        assert len(driver.calls) == done
        now = at
    assert waits[0] == pytest.approx(FIRST_RETRY_S)
    assert waits[-1] == pytest.approx(LONGEST_RETRY_S)
    assert waits == sorted(waits)


def test_what_can_never_succeed_is_not_tried_again_until_something_else_is_wanted() -> None:
    driver = FakeDriver(OWN, fail=InjectedFault(NonceReused("SAK: used before"), 4))
    installer = Installer(driver)
    assert not installer.apply(FIRST, 0)
    assert installer.next_timer() is None
    (event,) = refusals(installer)
    assert event.retry_at is None
    assert "a new SAK is needed" in event.reason
    assert not installer.apply(FIRST, 1000)
    assert installer.apply(CLOSED, 1000)


def test_a_takedown_goes_on_past_a_refusal() -> None:
    driver = FakeDriver(OWN)
    installer = Installer(driver)
    assert installer.apply(TURNED, 0)

    def refuse(number: int, call: Call) -> None:
        if call == Call("retire", (Ki(b"a" * 16),)) or call.name == "set_controls":
            raise DriverError("no")

    driver.fail = refuse
    assert not installer.apply(CLOSED, 1)
    assert Ki(b"b" * 16) not in driver.read().keys, "the second key goes although the first did not"
    assert len(refusals(installer)) == 2


class StopsAtARefusal(Installer):
    """The planted fault: the first refusal ends the plan, whichever key it was for."""

    def builds_on(self, step: Step, undone: Step, port_is_open: bool, saks: Mapping[Ki, SakMaterial]) -> bool:
        return not is_takedown(step, port_is_open)


OLD, LATEST = Ki(b"a" * 16), Ki(b"b" * 16)


def refusing(*calls: tuple[str, Ki], error: Exception | None = None) -> Callable[[int, Call], None]:
    """Refuses calls by their name and the KI that is among their arguments."""

    def refuse(number: int, call: Call) -> None:
        if any(call.name == name and ki in call.arguments for name, ki in calls):
            raise error or DriverError("the device is busy")

    return refuse


def after_a_refused_retirement(kind: type[Installer]) -> tuple[FakeDriver, Installer]:
    driver = FakeDriver(OWN)
    installer = kind(driver)
    assert installer.apply(FIRST, 0)
    driver.fail = refusing(("retire", OLD))
    assert not installer.apply(AFTER, 1)
    return driver, installer


def test_an_old_key_that_cannot_be_retired_does_not_hold_up_the_latest() -> None:
    driver, installer = after_a_refused_retirement(Installer)
    assert driver.encoding == LATEST
    assert driver.receives(PEER, key("b", 1).material.an) == LATEST
    assert driver.port_open
    (event,) = refusals(installer)
    assert event.ki == OLD
    assert event.retry_at is not None
    assert "the device is busy" in event.reason
    calls = len(driver.calls)
    assert not installer.apply(AFTER, event.retry_at)
    assert [call.name for call in driver.calls[calls:]] == ["read", "retire", "read"], "only that is tried again"
    driver.fail = None
    settle(installer, AFTER, event.retry_at)
    assert peek(driver).keys == {LATEST}


def test_the_canary_an_installer_that_stops_at_a_refusal_does_not_come_to_the_latest_key() -> None:
    driver, _ = after_a_refused_retirement(StopsAtARefusal)
    assert driver.encoding is None or driver.encoding == OLD


@pytest.mark.parametrize("error", [DriverError("busy"), NonceReused("its packet numbers were used")])
@pytest.mark.parametrize("name", ["create_receive_sa", "enable_receive", "create_transmit_sa"])
def test_an_old_key_that_cannot_be_repaired_does_not_hold_up_the_latest(name: str, error: Exception) -> None:
    driver = FakeDriver(OWN)
    installer = Installer(driver)
    assert installer.apply(FIRST, 0)
    driver.retire(OLD)
    driver.fail = refusing((name, OLD), error=error)
    assert not installer.apply(TURNED, 1)
    assert driver.encoding == LATEST
    assert driver.port_open
    told = refusals(installer)
    assert {event.ki for event in told} == {OLD}


def test_what_cannot_succeed_for_one_key_is_left_alone_and_the_rest_is_tried_again() -> None:
    driver = FakeDriver(OWN)
    installer = Installer(driver)
    assert installer.apply(FIRST, 0)
    hopeless, later = NonceReused("used before"), DriverError("busy")

    def refuse(number: int, call: Call) -> None:
        if call.name == "install_sak":
            raise hopeless
        if call.name == "retire":
            raise later

    driver.fail = refuse
    assert not installer.apply(AFTER, 1)
    assert {(event.ki, event.retry_at is None) for event in refusals(installer)} == {(OLD, False), (LATEST, True)}
    at = installer.next_timer()
    assert at is not None
    calls = len(driver.calls)
    driver.fail = refusing(("install_sak", LATEST), error=hopeless)
    assert not installer.apply(AFTER, at)
    assert [call.name for call in driver.calls[calls:]] == ["read", "retire", "read"]
    assert installer.next_timer() is None
    assert OLD not in peek(driver).keys


def test_a_closed_port_is_not_opened_while_a_key_that_is_to_be_gone_is_there() -> None:
    """It was closed so that nothing passes while keys go."""
    driver = FakeDriver(OWN)
    installer = Installer(driver)
    assert installer.apply(FIRST, 0)
    driver.fail = refusing(("retire", OLD))
    assert not installer.apply(CLOSED, 1)
    assert not installer.apply(AFTER, 2)
    assert driver.encoding == LATEST
    assert not driver.port_open
    driver.fail = None
    settle(installer, AFTER, 3)
    assert driver.port_open


def test_a_peer_without_a_receive_sc_holds_up_only_keys_that_have_it_for_a_peer() -> None:
    driver = FakeDriver(OWN)
    installer = Installer(driver)
    pair = Desired(OPEN, (key("a", 0, PEER, transmit=True),))
    assert installer.apply(pair, 0)
    driver.retire(OLD)

    def refuse(number: int, call: Call) -> None:
        if call == Call("create_receive_sc", (THIRD,)):
            raise DriverError("table full")

    driver.fail = refuse
    assert not installer.apply(Desired(OPEN, (key("a", 0, PEER, transmit=True), key("b", 1, PEER, THIRD))), 1)
    assert driver.encoding == OLD
    assert driver.port_open
    assert LATEST not in peek(driver).keys


def test_a_port_that_protects_is_not_asked_to_open_without_a_key() -> None:
    assert not without_transmitting_port(Desired(OPEN)).controls.controlled_port_enabled
    assert without_transmitting_port(FIRST) == FIRST
    plain = Desired(Controls(controlled_port_enabled=True, protect_frames=False))
    assert without_transmitting_port(plain) == plain


def test_an_audit_tells_what_has_gone_and_nothing_while_only_packet_numbers_move() -> None:
    driver = FakeDriver(OWN)
    installer = Installer(driver)
    assert installer.apply(FIRST, 0)
    driver.sent(100)
    assert not refusals(installer)
    found = installer.audit()
    assert found is not None
    assert max(sa.next_pn for sa in found.sas if sa.transmit) == 101
    assert installer.settled
    driver.set_controls(Controls())
    assert installer.audit() is not None
    assert isinstance(installer.next_event(), Drifted)
    assert not installer.settled
    assert installer.apply(FIRST, 1)
    assert driver.port_open
    driver.fail = InjectedFault(DriverError("gone"), 1, 10**6)
    assert installer.audit() is None
    assert installer.settled
