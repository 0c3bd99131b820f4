"""Why this exists: the small loop that applies the table, and the doors by which the three neighbours speak to it.

No clock and no data plane: time is an argument, and what the SecY is to do is read off `latest`, `old` and `controls`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from pysec.cp.table import (
    CONDITIONS,
    ENTRY,
    EVERYWHERE,
    TRANSITIONS,
    Action,
    Condition,
    Connect,
    CpVariables,
    KeyState,
    State,
)
from pysec.errors import InternalError
from pysec.protocols import Controls
from pysec.types import An, CipherSuite, ConfidentialityOffset, Ki, ValidateFrames

MKA_LIFE_TIME_S: Final = 6.0
SAK_RETIRE_TIME_S: Final = 3.0

_BY_SOURCE: Final = {state: tuple((t.condition, t.target) for t in TRANSITIONS if t.source is state) for state in State}
# The longest way without waiting crosses each state a few times at most; more is a fault of the table.
_MAX_STEPS: Final = 4 * len(State)


@dataclass(frozen=True, slots=True)
class CpConfig:
    """What the machine is given when it is made.

    secured: the controls while the port is secured; its cipher suite, and offset, are those before any is agreed.
    transmit_delay_s, retire_delay_s: MKA Life Time and MKA SAK Retire Time (802.1X-2020 9.15).
    """

    secured: Controls = field(default_factory=Controls)
    offset: ConfidentialityOffset = ConfidentialityOffset.ZERO
    transmit_delay_s: float = MKA_LIFE_TIME_S
    retire_delay_s: float = SAK_RETIRE_TIME_S


@dataclass(frozen=True, slots=True)
class Transitioned:
    """The machine went from one state to another, and why."""

    source: State
    target: State
    condition: Condition

    @property
    def reason(self) -> str:
        """One line for people."""
        return f"{self.source.value} to {self.target.value}: {self.condition.value}"


class ControlledPort:
    """The CP machine of one port (802.1X-2020 12.4)."""

    def __init__(self, config: CpConfig | None = None) -> None:
        self._config = config or CpConfig()
        secured = self._config.secured
        self.state = State.INIT
        self.variables = CpVariables(
            cipher_suite=secured.cipher_suite,
            cipher_offset=self._config.offset,
            controls=replace(secured, controlled_port_enabled=False),
            confidentiality_offset=self._config.offset,
        )
        self._events: deque[Transitioned] = deque()

    # ---- what the neighbours say

    def set_port_enabled(self, enabled: bool) -> None:
        """The common port is up, or not."""
        self.variables.port_enabled = enabled

    def set_connect(self, connect: Connect) -> None:
        """Logon's word on the port. Leaving SECURE takes back a SAK that was announced and not yet used."""
        if self.variables.connect is Connect.SECURE and connect is not Connect.SECURE:
            self.variables.new_sak = False
        self.variables.connect = connect

    def set_elected_self(self, elected: bool) -> None:
        """Whether we are the key server."""
        self.variables.elected_self = elected

    def signal_changed_server(self) -> None:
        """The key server changed to one that no SA has for a peer; it holds until the machine has dealt with it."""
        self.variables.chgd_server = True

    def signal_new_sak(self, ki: Ki, an: An, cipher_suite: CipherSuite, offset: ConfidentialityOffset) -> None:
        """There is a new SAK, of this suite and offset. One that is being used already is not new."""
        v = self.variables
        if ki in (known.ki for known in (v.latest, v.old) if known is not None):
            return
        v.cipher_suite, v.cipher_offset = cipher_suite, offset
        v.distributed, v.new_sak = (ki, an), True

    def set_all_receiving(self, ki: Ki) -> None:
        """All live peers receive with this SAK."""
        self.variables.all_receiving = ki

    def set_server_transmitting(self, ki: Ki) -> None:
        """The key server transmits with this SAK."""
        self.variables.server_transmitting = ki

    def end_old(self) -> None:
        """The old SAK's AN was given to the latest: its SAs have ended by that, and it is not to come back."""
        self.variables.old = None

    def set_using(self, receive: Ki | None, transmit: Ki | None) -> None:
        """The KI whose receive SAs are all in use (the latest, if it is), and that of the encoding SA."""
        self.variables.using_receive_sas, self.variables.using_transmit_sa = receive, transmit

    # ---- the loop

    def step(self, now: float) -> bool:
        """Follow arrows until none can be taken; whether any was (InternalError if that never ends)."""
        self.variables.now = now
        for count in range(_MAX_STEPS):
            if not self._step_once():
                return count > 0
        raise InternalError(f"CP machine: no rest after {_MAX_STEPS} transitions, last in {self.state.value}")

    def _step_once(self) -> bool:
        v = self.variables
        for condition, target in EVERYWHERE:
            if CONDITIONS[condition](v):
                if self.state is target:
                    return False
                return self._enter(condition, target)
        for condition, target in _BY_SOURCE[self.state]:
            if CONDITIONS[condition](v):
                return self._enter(condition, target)
        return False

    def _enter(self, condition: Condition, target: State) -> bool:
        self._events.append(Transitioned(self.state, target, condition))
        self.state = target
        for action in ENTRY[target]:
            _ACTIONS[action](self.variables, self._config)
        return True

    def next_event(self) -> Transitioned | None:
        """The next transition that was made, or None."""
        return self._events.popleft() if self._events else None

    def next_timer(self) -> float | None:
        """When `step` is to be called again if nothing else happens, or None."""
        if self.state is State.RECEIVING and self.variables.elected_self:
            return self.variables.transmit_when
        if self.state is State.TRANSMITTING:
            return self.variables.retire_when
        return None


# ---- actions: each is one line of the figure


def _set_controls(v: CpVariables, **changes: bool | int | ValidateFrames | CipherSuite) -> None:
    # mypy holds each value of ** against every field; each call below names one of them.
    v.controls = replace(v.controls, **changes)  # type: ignore[arg-type]


def _set_port(enabled: bool) -> Callable[[CpVariables, CpConfig], None]:
    return lambda v, config: _set_controls(v, controlled_port_enabled=enabled)


def _port_valid(valid: bool) -> Callable[[CpVariables, CpConfig], None]:
    def action(v: CpVariables, config: CpConfig) -> None:
        v.port_valid = valid

    return action


def _forget_server_change(v: CpVariables, config: CpConfig) -> None:
    v.chgd_server = False


def _delete_latest(v: CpVariables, config: CpConfig) -> None:
    v.latest = None


def _delete_old(v: CpVariables, config: CpConfig) -> None:
    v.old = None


def _controls_plain(v: CpVariables, config: CpConfig) -> None:
    _set_controls(v, protect_frames=False, replay_protect=False, validate_frames=ValidateFrames.CHECK)


def _controls_secure(v: CpVariables, config: CpConfig) -> None:
    wanted = config.secured
    _set_controls(
        v,
        protect_frames=wanted.protect_frames,
        replay_protect=wanted.replay_protect,
        replay_window=wanted.replay_window,
        validate_frames=wanted.validate_frames,
    )


def _take_cipher(v: CpVariables, config: CpConfig) -> None:
    _set_controls(v, cipher_suite=v.cipher_suite)
    v.confidentiality_offset = v.cipher_offset


def _take_sak(v: CpVariables, config: CpConfig) -> None:
    if v.distributed is None:
        raise InternalError("CP machine: a new SAK without a KI")
    v.latest = KeyState(*v.distributed)
    v.new_sak = False


def _seen_in_the_variables(v: CpVariables, config: CpConfig) -> None:
    """A neighbour compares what it reads here with what it read before: SAs are made, and peers told, by that."""


def _latest_receives(v: CpVariables, config: CpConfig) -> None:
    if v.latest is not None:
        v.latest = replace(v.latest, rx=True)


def _start_transmit_when(v: CpVariables, config: CpConfig) -> None:
    v.transmit_when = v.now + config.transmit_delay_s


def _latest_transmits(v: CpVariables, config: CpConfig) -> None:
    if v.latest is not None:
        v.latest = replace(v.latest, tx=True)


def _old_stops(v: CpVariables, config: CpConfig) -> None:
    if v.old is not None:
        v.old = replace(v.old, tx=False)


def _start_retire_when(v: CpVariables, config: CpConfig) -> None:
    v.retire_when = v.now + (config.retire_delay_s if v.old is not None and v.old.rx else 0.0)


def _latest_to_old(v: CpVariables, config: CpConfig) -> None:
    v.old, v.latest = v.latest, None


_ACTIONS: Final[Mapping[Action, Callable[[CpVariables, CpConfig], None]]] = {
    Action.CLOSE_PORT: _set_port(False),
    Action.OPEN_PORT: _set_port(True),
    Action.PORT_NOT_VALID: _port_valid(False),
    Action.PORT_VALID: _port_valid(True),
    Action.FORGET_SERVER_CHANGE: _forget_server_change,
    Action.DELETE_LATEST: _delete_latest,
    Action.DELETE_OLD: _delete_old,
    Action.CONTROLS_PLAIN: _controls_plain,
    Action.CONTROLS_SECURE: _controls_secure,
    Action.TAKE_CIPHER: _take_cipher,
    Action.TAKE_SAK: _take_sak,
    Action.CREATE_SAS: _seen_in_the_variables,
    Action.LATEST_RECEIVES: _latest_receives,
    Action.START_TRANSMIT_WHEN: _start_transmit_when,
    Action.LATEST_TRANSMITS: _latest_transmits,
    Action.OLD_STOPS: _old_stops,
    Action.START_RETIRE_WHEN: _start_retire_when,
    Action.LATEST_TO_OLD: _latest_to_old,
    Action.NEW_INFO: _seen_in_the_variables,
}
