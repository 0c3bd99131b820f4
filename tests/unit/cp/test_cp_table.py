"""The Controlled Port table against an independent list of its arrows, pair by pair (802.1X-2020 12.4)."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from pysec.cp import Condition, Connect, ControlledPort, CpVariables, KeyState, State
from pysec.cp.table import CONDITIONS, ENTRY, EVERYWHERE, TRANSITIONS, Action
from pysec.protocols import Controls
from pysec.types import An, CipherSuite, Ki

KI, OTHER = Ki(b"k" * 16), Ki(b"o" * 16)
CHANGED = {Condition.CONNECT_LOST, Condition.CHANGED_SERVER, Condition.CHANGED_CIPHER}

# Written from the description of the machine and not from its table: state, condition, where it leads.
ARROWS = {
    ("INIT", Condition.ALWAYS): "CHANGE",
    ("CHANGE", Condition.CONNECT_UNAUTHENTICATED): "ALLOWED",
    ("CHANGE", Condition.CONNECT_AUTHENTICATED): "AUTHENTICATED",
    ("CHANGE", Condition.CONNECT_SECURE): "SECURED",
    ("ALLOWED", Condition.NOT_UNAUTHENTICATED): "CHANGE",
    ("AUTHENTICATED", Condition.NOT_AUTHENTICATED): "CHANGE",
    ("SECURED", Condition.NEW_SAK): "RECEIVE",
    ("RECEIVE", Condition.USING_RECEIVE_SAS): "RECEIVING",
    ("RECEIVE", Condition.NEW_SAK): "ABANDON",
    ("RECEIVING", Condition.NEW_SAK): "ABANDON",
    ("RECEIVING", Condition.NOT_ELECTED_SELF): "READY",
    ("RECEIVING", Condition.SELF_ALL_RECEIVING): "TRANSMIT",
    ("RECEIVING", Condition.SELF_PORT_CLOSED): "TRANSMIT",
    ("RECEIVING", Condition.SELF_TRANSMIT_WHEN_OVER): "TRANSMIT",
    ("READY", Condition.NEW_SAK): "ABANDON",
    ("READY", Condition.SERVER_TRANSMITTING): "TRANSMIT",
    ("READY", Condition.PORT_CLOSED): "TRANSMIT",
    ("TRANSMIT", Condition.USING_TRANSMIT_SA): "TRANSMITTING",
    ("TRANSMIT", Condition.NEW_SAK): "ABANDON",
    ("TRANSMITTING", Condition.RETIRE_WHEN_OVER): "RETIRE",
    ("ABANDON", Condition.NEW_SAK): "RECEIVE",
    ("RETIRE", Condition.NEW_SAK): "RECEIVE",
}
CHANGED_LEADS = {
    "SECURED": "CHANGE",
    "RECEIVE": "ABANDON",
    "RECEIVING": "ABANDON",
    "READY": "ABANDON",
    "TRANSMIT": "RETIRE",
    "TRANSMITTING": "RETIRE",
    "ABANDON": "RETIRE",
    "RETIRE": "CHANGE",
}
ARROWS |= {(state, condition): target for state, target in CHANGED_LEADS.items() for condition in CHANGED}
ARROWS |= {(state.value, Condition.PORT_DISABLED): "INIT" for state in State if state is not State.INIT}


def quiet(state: State) -> CpVariables:
    """Variables under which no arrow leaves the state, if any does without ALWAYS."""
    v = CpVariables(port_enabled=True, connect=Connect.SECURE, elected_self=True, now=10.0)
    v.controls = Controls(controlled_port_enabled=True)
    v.latest = KeyState(KI, An(0))
    v.transmit_when = v.retire_when = 20.0
    if state is State.CHANGE:
        v.connect = Connect.PENDING
    if state is State.ALLOWED:
        v.connect = Connect.UNAUTHENTICATED
    if state is State.AUTHENTICATED:
        v.connect = Connect.AUTHENTICATED
    return v


def make_true(v: CpVariables, condition: Condition) -> None:
    """Move as little as possible until a condition holds."""
    match condition:
        case Condition.PORT_DISABLED:
            v.port_enabled = False
        case Condition.CONNECT_UNAUTHENTICATED:
            v.connect = Connect.UNAUTHENTICATED
        case Condition.CONNECT_AUTHENTICATED:
            v.connect = Connect.AUTHENTICATED
        case Condition.CONNECT_SECURE:
            v.connect = Connect.SECURE
        case Condition.NOT_UNAUTHENTICATED | Condition.NOT_AUTHENTICATED | Condition.CONNECT_LOST:
            v.connect = Connect.PENDING
        case Condition.CHANGED_SERVER:
            v.chgd_server = True
        case Condition.CHANGED_CIPHER:
            v.cipher_suite = CipherSuite.GCM_AES_256
        case Condition.NEW_SAK:
            v.new_sak, v.distributed = True, (OTHER, An(1))
        case Condition.USING_RECEIVE_SAS:
            v.using_receive_sas = KI
        case Condition.NOT_ELECTED_SELF:
            v.elected_self = False
        case Condition.SELF_ALL_RECEIVING:
            v.all_receiving = KI
        case Condition.SELF_PORT_CLOSED | Condition.PORT_CLOSED:
            v.controls = replace(v.controls, controlled_port_enabled=False)
        case Condition.SELF_TRANSMIT_WHEN_OVER:
            v.now = v.transmit_when
        case Condition.SERVER_TRANSMITTING:
            v.server_transmitting = KI
        case Condition.USING_TRANSMIT_SA:
            v.using_transmit_sa = KI
        case Condition.RETIRE_WHEN_OVER:
            v.now = v.retire_when
        case Condition.ALWAYS:
            pass


def one_step(state: State, v: CpVariables) -> tuple[State, Condition] | None:
    port = ControlledPort()
    port.state, port.variables = state, v
    if not port._step_once():
        return None
    event = port.next_event()
    assert event is not None
    assert event.source is state
    assert event.target is port.state
    assert event.reason
    return event.target, event.condition


@pytest.mark.parametrize("state", State)
def test_every_pair_of_state_and_condition(state: State) -> None:
    """Those in the list lead where it says; every other one is refused: the machine stays."""
    for condition in Condition:
        v = quiet(state)
        if state is not State.INIT:
            assert one_step(state, quiet(state)) is None, f"{state} does not rest"
        make_true(v, condition)
        assert CONDITIONS[condition](v), condition
        found = one_step(state, v)
        want = ARROWS.get((state.value, condition))
        if state is State.INIT:
            assert found == (None if condition is Condition.PORT_DISABLED else (State.CHANGE, Condition.ALWAYS))
        elif want is None:
            # What makes the condition true may be the doing of an arrow of this state under another name.
            if found is not None:
                assert ARROWS[(state.value, found[1])] == found[0].value
                assert found[1] is not condition
        elif found is not None and found[1] is condition:
            assert found[0].value == want
        else:
            assert found is not None, (state, condition)
            assert found[0].value == want, (state, condition, found)


def test_the_table_has_these_arrows_and_no_others() -> None:
    table = {(t.source.value, t.condition): t.target.value for t in TRANSITIONS}
    table |= {(s.value, c): t.value for s, (c, t) in product(State, EVERYWHERE) if s is not t}
    assert len(TRANSITIONS) == len({(t.source, t.condition) for t in TRANSITIONS})
    assert table == ARROWS
    assert all(t.clause == "802.1X-2020 12.4" for t in TRANSITIONS)


def test_every_state_has_its_actions_and_every_action_is_used() -> None:
    assert set(ENTRY) == set(State)
    assert {action for actions in ENTRY.values() for action in actions} == set(Action)
    assert set(CONDITIONS) == set(Condition)
    assert {t.condition for t in TRANSITIONS} | {c for c, _ in EVERYWHERE} == set(Condition)


def test_only_three_states_open_the_port_and_only_one_with_keys() -> None:
    opening = {state for state, actions in ENTRY.items() if Action.OPEN_PORT in actions}
    assert opening == {State.ALLOWED, State.AUTHENTICATED, State.TRANSMIT}
    for state in (State.ALLOWED, State.AUTHENTICATED):
        assert Action.CONTROLS_PLAIN in ENTRY[state]
    reached_by = {t.condition for t in TRANSITIONS if t.target in (State.ALLOWED, State.AUTHENTICATED)}
    assert reached_by == {Condition.CONNECT_UNAUTHENTICATED, Condition.CONNECT_AUTHENTICATED}
