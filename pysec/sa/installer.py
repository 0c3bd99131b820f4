"""Why this exists: a plan meets a data plane that refuses, and what then happens must be seen, and must end well.

`Installer` carries out the plan for one port. A step that is refused is an event with the driver's own words and the
time of the next try; nothing that builds on it is attempted meanwhile, what is in use stays so, and the rest of the
plan goes on (`plan.builds_on`). After the last step the data plane is read again: one that says "done" and has not
done it is refused just the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from pysec.errors import InternalError, KeyExhausted, NonceReused, PysecError
from pysec.protocols import Installed, SecYDriver
from pysec.sa.plan import Desired, SakMaterial, SetControls, Step, builds_on, make_plan
from pysec.types import Ki

FIRST_RETRY_S: Final = 0.1
LONGEST_RETRY_S: Final = 1.0
# The same call cannot succeed later: another SAK is needed.
FINAL: Final = (NonceReused, KeyExhausted)


@dataclass(frozen=True, slots=True)
class StepDone:
    """The data plane did what it was asked."""

    step: Step

    @property
    def reason(self) -> str:
        """One line for people."""
        return str(self.step)


@dataclass(frozen=True, slots=True)
class StepRefused:
    """The data plane refused a step. retry_at: the time of the next try; None: only a new SAK can help."""

    step: str
    ki: Ki | None
    why: str
    attempt: int
    retry_at: float | None

    @property
    def reason(self) -> str:
        """One line for people."""
        then = "a new SAK is needed" if self.retry_at is None else f"attempt {self.attempt}, to be tried again"
        return f"{self.step}: refused: {self.why} ({then})"


@dataclass(frozen=True, slots=True)
class Drifted:
    """The data plane was as it should be, and is not any more: somebody else works on it, or it has started anew."""

    step: str

    @property
    def reason(self) -> str:
        """One line for people."""
        return f"the data plane is not as it was left; to be done again: {self.step}"


InstallerEvent = StepDone | StepRefused | Drifted


class Installer:
    """Brings one data plane to what is desired, again and again until it is there."""

    def __init__(self, driver: SecYDriver) -> None:
        self._driver = driver
        self._desired: Desired | None = None
        self._installed: Installed | None = None
        self._before: Installed | None = None
        self._settled = False
        self._attempt = 0
        self._is_refused = False
        """Whether a step of the present round was."""
        self._retry_at: float | None = None
        self._hopeless: set[Ki | None] = set()
        """Keys of which a step cannot succeed, while this is desired. They are left alone."""
        self._events: deque[InstallerEvent] = deque()

    @property
    def installed(self) -> Installed | None:
        """What the data plane said last, or None if it has not been read."""
        return self._installed

    def take_before(self) -> Installed | None:
        """What the data plane said right before the last steps, once: the last word of a key that they have retired."""
        before, self._before = self._before, None
        return before

    @property
    def settled(self) -> bool:
        """Whether what is installed is what is desired."""
        return self._settled

    def next_event(self) -> InstallerEvent | None:
        """The next thing that happened, or None."""
        return self._events.popleft() if self._events else None

    def next_timer(self) -> float | None:
        """When a refused step is to be tried again, or None."""
        return None if self._settled else self._retry_at

    def audit(self) -> Installed | None:
        """Read the data plane, and notice if it is not any more what it was: the next `apply` then repairs it."""
        before, installed = self._installed, self.refresh()
        if installed is None or not self._settled or self._desired is None or _same_but_for_pns(before, installed):
            return installed
        left = make_plan(self._desired, installed, self._driver.capabilities)
        if left:
            self._settled, self._retry_at = False, None
            self._events.append(Drifted(str(left[0])))
        return installed

    def refresh(self) -> Installed | None:
        """Read the data plane, for its packet numbers; None if it cannot be read."""
        try:
            self._installed = self._driver.read()
        except PysecError:
            return None
        return self._installed

    def apply(self, desired: Desired, now: float) -> bool:
        """Do what is still to do, if it is time for it; whether what is installed is what is desired.

        The same `desired` again does nothing while it is settled, or waits for its next try.
        """
        if desired == self._desired:
            waits = self._hopeless if self._retry_at is None else now < self._retry_at
            if self._settled or waits:
                return self._settled
        else:
            self._desired, self._attempt = desired, 0
            self._hopeless.clear()
        self._settled, self._retry_at, self._is_refused = False, None, False
        try:
            before = self._driver.read()
        except PysecError as error:
            self._refused("read the state of the data plane", None, error, now)
            return False
        self._installed = self._before = before
        plan = make_plan(desired, before, self._driver.capabilities)
        if not plan:
            self._settled, self._attempt = True, 0
            return True
        self._verify(desired, self._carry_out(plan, desired, before, now), now)
        return self._settled

    def _carry_out(self, plan: list[Step], desired: Desired, before: Installed, now: float) -> list[Step]:
        """Make every step that does not build on one that cannot be made; those that the data plane calls done."""
        saks: dict[Ki, SakMaterial] = {key.material.ki: key.material for key in desired.keys}
        is_open = before.controls.controlled_port_enabled
        done: list[Step] = []
        undone: list[Step] = []
        for step in plan:
            ki = getattr(step, "ki", None)
            if ki in self._hopeless or any(self.builds_on(step, other, is_open, saks) for other in undone):
                undone.append(step)
                continue
            try:
                step.apply(self._driver, saks)
            except InternalError:
                raise
            except PysecError as error:
                self._refused(str(step), ki, error, now)
                undone.append(step)
            else:
                self._events.append(StepDone(step))
                done.append(step)
                is_open = step.controls.controlled_port_enabled if isinstance(step, SetControls) else is_open
        return done

    def builds_on(self, step: Step, undone: Step, port_is_open: bool, saks: Mapping[Ki, SakMaterial]) -> bool:
        """Whether a step waits for another: see `plan.builds_on`. A method, so that a test can break it."""
        return builds_on(step, undone, port_is_open, saks)

    def _verify(self, desired: Desired, done: list[Step], now: float) -> None:
        """Hold what there is against what was said to be done."""
        try:
            self._installed = self._driver.read()
        except PysecError as error:
            self._refused("read the state of the data plane", None, error, now)
            return
        left = make_plan(desired, self._installed, self._driver.capabilities)
        if not left:
            self._settled, self._attempt, self._retry_at = True, 0, None
            return
        lies = left if not self._is_refused and not self._hopeless else [step for step in left if step in done]
        if lies:
            silent = PysecError("the data plane said that it was done, and it is not")
            self._refused(str(lies[0]), getattr(lies[0], "ki", None), silent, now)

    def _refused(self, step: str, ki: Ki | None, error: PysecError, now: float) -> None:
        if not self._is_refused:
            self._is_refused = True
            self._attempt += 1
        if isinstance(error, FINAL):
            self._hopeless.add(ki)
            self._events.append(StepRefused(step, ki, str(error), self._attempt, None))
            return
        self._retry_at = now + min(FIRST_RETRY_S * 2 ** min(self._attempt - 1, 16), LONGEST_RETRY_S)
        self._events.append(StepRefused(step, ki, str(error), self._attempt, self._retry_at))


def _same_but_for_pns(before: Installed | None, now: Installed) -> bool:
    """Whether a data plane holds what it held, wherever its packet numbers are: the case at nearly every poll."""
    if before is None or (before.controls, before.keys, before.receive_scs) != (
        now.controls,
        now.keys,
        now.receive_scs,
    ):
        return False
    return len(before.sas) == len(now.sas) and all(
        (a.transmit, a.in_use, a.ki, a.sci, a.an) == (b.transmit, b.in_use, b.ki, b.sci, b.an)
        for a, b in zip(before.sas, now.sas, strict=True)
    )


def without_transmitting_port(desired: Desired) -> Desired:
    """The port stays closed while frames are to be protected and there is no key to protect them with."""
    controls = desired.controls
    if controls.controlled_port_enabled and controls.protect_frames and desired.encoding is None:
        return replace(desired, controls=replace(controls, controlled_port_enabled=False))
    return desired
