"""The life of SAKs through the Controlled Port machine (802.1X-2020 12.4)."""

from __future__ import annotations

import pytest

from pysec.cp import Connect, ControlledPort, CpConfig, KeyState, State
from pysec.errors import InternalError
from pysec.protocols import Controls
from pysec.types import An, CipherSuite, ConfidentialityOffset, Ki, ValidateFrames

A, B, C = Ki(b"a" * 16), Ki(b"b" * 16), Ki(b"c" * 16)
SUITE = CipherSuite.GCM_AES_128


def machine(*, server: bool) -> ControlledPort:
    cp = ControlledPort()
    cp.set_port_enabled(True)
    cp.set_elected_self(server)
    return cp


def announce(
    cp: ControlledPort,
    ki: Ki,
    an: int,
    suite: CipherSuite = SUITE,
    offset: ConfidentialityOffset = ConfidentialityOffset.ZERO,
) -> None:
    cp.signal_new_sak(ki, An(an), suite, offset)


def states(cp: ControlledPort) -> list[str]:
    found = []
    while (event := cp.next_event()) is not None:
        found.append(event.target.value)
    return found


def bring_up(cp: ControlledPort, ki: Ki = A, an: int = 0, now: float = 0.0) -> None:
    cp.set_connect(Connect.SECURE)
    announce(cp, ki, an)
    cp.step(now)
    cp.set_using(ki, None)
    cp.step(now)
    cp.set_using(ki, ki)
    cp.step(now)
    assert cp.state is State.RETIRE
    states(cp)


def test_the_first_sak_opens_the_port_without_waiting_and_becomes_the_old_one() -> None:
    cp = machine(server=False)
    cp.step(0)
    assert states(cp) == ["CHANGE"]
    cp.set_connect(Connect.SECURE)
    announce(cp, A, 0)
    cp.step(1)
    assert states(cp) == ["SECURED", "RECEIVE"]
    assert not cp.variables.controls.controlled_port_enabled
    assert cp.variables.latest == KeyState(A, An(0))
    cp.set_using(A, None)
    cp.step(1)
    assert states(cp) == ["RECEIVING", "READY", "TRANSMIT"]
    assert cp.variables.latest == KeyState(A, An(0), rx=True, tx=True)
    cp.set_using(A, A)
    cp.step(1)
    assert states(cp) == ["TRANSMITTING", "RETIRE"]
    assert cp.variables.latest is None
    assert cp.variables.old == KeyState(A, An(0), rx=True, tx=True)
    assert cp.variables.controls == Controls(controlled_port_enabled=True)
    assert cp.variables.port_valid
    assert cp.next_timer() is None


def test_the_key_server_waits_for_its_peers_but_not_for_ever() -> None:
    cp = machine(server=True)
    bring_up(cp)
    announce(cp, B, 1)
    cp.step(10)
    cp.set_using(B, A)
    cp.step(10)
    assert cp.state is State.RECEIVING
    assert cp.next_timer() == 16
    cp.set_all_receiving(A)  # a late word about the key before
    cp.step(12)
    assert cp.state is State.RECEIVING
    cp.step(16)
    assert cp.state is State.TRANSMIT


def test_a_rollover_keeps_the_old_key_for_reception_until_it_retires() -> None:
    cp = machine(server=True)
    bring_up(cp)
    announce(cp, B, 1)
    cp.step(10)
    assert cp.variables.old == KeyState(A, An(0), rx=True, tx=True)
    cp.set_using(B, A)
    cp.set_all_receiving(B)
    cp.step(10.5)
    assert cp.state is State.TRANSMIT
    assert cp.variables.latest == KeyState(B, An(1), rx=True, tx=True)
    cp.set_using(B, B)
    cp.step(10.6)
    assert cp.state is State.TRANSMITTING
    assert cp.variables.old == KeyState(A, An(0), rx=True, tx=False)
    assert cp.next_timer() == pytest.approx(13.6)
    cp.step(13.5)
    assert cp.state is State.TRANSMITTING
    cp.step(13.6)
    assert cp.state is State.RETIRE
    assert cp.variables.old == KeyState(B, An(1), rx=True, tx=True)


def test_everybody_else_waits_for_the_key_server() -> None:
    cp = machine(server=False)
    bring_up(cp)
    announce(cp, B, 1)
    cp.step(10)
    cp.set_using(B, A)
    cp.step(10)
    assert cp.state is State.READY
    assert cp.next_timer() is None
    cp.step(1000)
    assert cp.state is State.READY
    cp.set_server_transmitting(B)
    cp.step(1000)
    assert cp.state is State.TRANSMIT


def test_a_word_that_comes_before_its_sak_is_not_lost() -> None:
    """The key server may be seen to transmit in the very MKPDU that distributes the SAK to a late member."""
    cp = machine(server=False)
    bring_up(cp)
    cp.set_server_transmitting(B)
    announce(cp, B, 1)
    cp.step(10)
    cp.set_using(B, A)
    cp.step(10)
    assert cp.state is State.TRANSMIT


def test_a_second_sak_before_the_first_is_used_abandons_it() -> None:
    cp = machine(server=False)
    bring_up(cp)
    announce(cp, B, 1)
    cp.step(10)
    cp.set_using(B, A)
    cp.step(10)
    announce(cp, C, 2)
    cp.step(11)
    assert states(cp) == ["RECEIVE", "RECEIVING", "READY", "ABANDON", "RECEIVE"]
    assert cp.variables.latest == KeyState(C, An(2))
    assert cp.variables.old == KeyState(A, An(0), rx=True, tx=True)


def test_a_sak_announced_again_is_not_new() -> None:
    cp = machine(server=False)
    bring_up(cp)
    announce(cp, A, 0)
    assert not cp.step(10)
    assert cp.state is State.RETIRE


def test_another_suite_closes_the_port_and_ends_the_keys() -> None:
    cp = machine(server=True)
    bring_up(cp)
    announce(cp, B, 1, CipherSuite.GCM_AES_256)
    cp.step(10)
    assert states(cp) == ["CHANGE", "SECURED", "RECEIVE"]
    v = cp.variables
    assert v.old is None
    assert v.latest == KeyState(B, An(1))
    assert not v.controls.controlled_port_enabled
    assert v.controls.cipher_suite is CipherSuite.GCM_AES_256


def test_another_offset_closes_the_port_and_ends_the_keys() -> None:
    cp = machine(server=True)
    bring_up(cp)
    announce(cp, B, 1, offset=ConfidentialityOffset.INTEGRITY_ONLY)
    cp.step(10)
    assert states(cp) == ["CHANGE", "SECURED", "RECEIVE"]
    assert cp.variables.confidentiality_offset is ConfidentialityOffset.INTEGRITY_ONLY


def test_another_server_closes_the_port_until_it_gives_a_sak() -> None:
    cp = machine(server=False)
    bring_up(cp)
    cp.signal_changed_server()
    cp.step(10)
    assert states(cp) == ["CHANGE", "SECURED"]
    assert not cp.variables.chgd_server
    assert cp.variables.old is None
    assert not cp.variables.controls.controlled_port_enabled


def test_connect_that_is_lost_closes_the_port_from_anywhere() -> None:
    cp = machine(server=False)
    bring_up(cp)
    announce(cp, B, 1)
    cp.set_connect(Connect.PENDING)
    cp.step(10)
    assert cp.state is State.CHANGE
    assert cp.variables.old is None
    cp.set_connect(Connect.SECURE)
    cp.step(11)
    assert cp.state is State.SECURED, "the SAK announced before is not used any more"


def test_a_port_in_the_clear_is_open_and_unprotected_until_it_is_secured() -> None:
    cp = machine(server=False)
    cp.set_connect(Connect.UNAUTHENTICATED)
    cp.step(0)
    controls = cp.variables.controls
    assert cp.state is State.ALLOWED
    assert controls.controlled_port_enabled
    assert not controls.protect_frames
    assert controls.validate_frames is ValidateFrames.CHECK
    assert not controls.replay_protect
    cp.set_connect(Connect.SECURE)
    cp.step(1)
    controls = cp.variables.controls
    assert cp.state is State.SECURED
    assert not controls.controlled_port_enabled
    assert controls.protect_frames
    assert controls.validate_frames is ValidateFrames.STRICT
    assert controls.replay_protect


def test_a_disabled_port_forgets_everything() -> None:
    cp = machine(server=False)
    bring_up(cp)
    cp.set_port_enabled(False)
    cp.step(10)
    assert cp.state is State.INIT
    assert cp.variables.old is None
    assert not cp.variables.controls.controlled_port_enabled
    assert not cp.step(11)


def test_a_step_that_a_data_plane_refuses_does_not_hold_the_machine() -> None:
    """DEVIATES of the table: RECEIVE and TRANSMIT have a way out."""
    cp = machine(server=False)
    bring_up(cp)
    announce(cp, B, 1)
    cp.step(10)
    announce(cp, C, 2)
    cp.step(11)
    assert cp.variables.latest == KeyState(C, An(2))
    cp.set_using(C, A)
    cp.set_server_transmitting(C)
    cp.step(12)
    assert cp.state is State.TRANSMIT
    announce(cp, B, 3)
    cp.step(13)
    assert cp.state is State.RECEIVE
    assert cp.variables.old == KeyState(A, An(0), rx=True, tx=True)


def test_configured_controls_and_times_are_used() -> None:
    secured = Controls(replay_window=64, validate_frames=ValidateFrames.CHECK, cipher_suite=CipherSuite.GCM_AES_256)
    cp = ControlledPort(CpConfig(secured, transmit_delay_s=2, retire_delay_s=1))
    cp.set_port_enabled(True)
    cp.set_connect(Connect.SECURE)
    cp.step(0)
    assert cp.state is State.SECURED
    assert cp.variables.controls == secured


def test_a_table_that_never_rests_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The canary of the loop."""
    from pysec.cp import machine as module

    loop = {**module._BY_SOURCE, State.CHANGE: ((next(iter(module._BY_SOURCE[State.INIT]))[0], State.INIT),)}
    monkeypatch.setattr(module, "_BY_SOURCE", loop)
    cp = machine(server=False)
    with pytest.raises(InternalError):
        cp.step(0)
