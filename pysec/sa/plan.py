"""Why this exists: SAs are brought to life and retired in many small steps, any of which a data plane can refuse, and a
process can die between any two of them.

So nothing remembers how far it has come. What there should be (`Desired`) is held against what the data plane says
there is (`Installed`), and the difference is the plan: ordered, by key identifier, each step repeatable. After a fault
or a restart the plan is simply made again. Pure functions; `installer` carries a plan out.

What a refused step holds up is said by `builds_on`. The order, and what would go wrong otherwise:

 1. close the controlled port, if it is to be closed: nothing passes while keys go;
 2. retire every key that is not wanted, also those that nobody here remembers, before their ANs are given away;
 3. for each wanted key: SAK, receive SCs, receive SAs, receive SAs into use (before anybody sends with it);
 4. transmit SA, and into use; the SA that was sent with before stops by that;
 5. the other controls, and the port opens last: never without a transmit SA while frames are to be protected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from pysec.errors import InternalError, KeyExhausted
from pysec.protocols import Capabilities, Controls, Installed, SecYDriver
from pysec.secret import Secret
from pysec.types import An, CipherSuite, Ki, Sci, Ssci


@dataclass(frozen=True, slots=True)
class SakMaterial:
    """A SAK and all that its SAs need (802.1AE-2018 10.7.28). peers: the SCs to receive, with their SSCIs with XPN.

    confidentiality: off, frames are integrity protected only. lowest_pn is for receive SAs, next_pn for transmission;
    one past the last packet number, and there is none left.
    """

    ki: Ki
    an: An
    sak: Secret
    cipher_suite: CipherSuite
    peers: tuple[tuple[Sci, Ssci | None], ...]
    ssci: Ssci | None = None
    salt: bytes | None = None
    confidentiality_offset: int = 0
    confidentiality: bool = True
    lowest_pn: int = 1
    next_pn: int = 1


@dataclass(frozen=True, slots=True)
class DesiredKey:
    """A key that is to be received with, and to be sent with or not."""

    material: SakMaterial
    transmit: bool = False


@dataclass(frozen=True, slots=True)
class Desired:
    """What there should be. At most one key is to be sent with: the last that says so."""

    controls: Controls = field(default_factory=Controls)
    keys: tuple[DesiredKey, ...] = ()

    @property
    def encoding(self) -> Ki | None:
        """The key to be sent with."""
        return next((key.material.ki for key in reversed(self.keys) if key.transmit), None)


class Step(Protocol):
    """One call of a driver. It may be repeated."""

    def apply(self, driver: SecYDriver, saks: Mapping[Ki, SakMaterial]) -> None:
        """Make the call; what the driver raises goes on."""

    def __str__(self) -> str: ...


@dataclass(frozen=True, slots=True)
class SetControls:
    """Set the controls."""

    controls: Controls

    def apply(self, driver: SecYDriver, saks: Mapping[Ki, SakMaterial]) -> None:
        driver.set_controls(self.controls)

    def __str__(self) -> str:
        c = self.controls
        port = "open" if c.controlled_port_enabled else "closed"
        return f"controls: port {port}, frames {'protected' if c.protect_frames else 'in clear'}, {c.cipher_suite}"


@dataclass(frozen=True, slots=True)
class Retire:
    """End a key and all SAs that use it."""

    ki: Ki

    def apply(self, driver: SecYDriver, saks: Mapping[Ki, SakMaterial]) -> None:
        driver.retire(self.ki)

    def __str__(self) -> str:
        return f"retire {self.ki.mka_text}"


@dataclass(frozen=True, slots=True)
class DeleteReceiveSc:
    """Make room for another receive SC."""

    sci: Sci

    def apply(self, driver: SecYDriver, saks: Mapping[Ki, SakMaterial]) -> None:
        driver.delete_receive_sc(self.sci)

    def __str__(self) -> str:
        return f"delete receive SC {self.sci}"


@dataclass(frozen=True, slots=True)
class InstallSak:
    """Install a SAK."""

    ki: Ki

    def apply(self, driver: SecYDriver, saks: Mapping[Ki, SakMaterial]) -> None:
        m = saks[self.ki]
        driver.install_sak(
            m.ki,
            m.sak,
            cipher_suite=m.cipher_suite,
            salt=m.salt,
            confidentiality_offset=m.confidentiality_offset,
        )

    def __str__(self) -> str:
        return f"install SAK {self.ki.mka_text}"


@dataclass(frozen=True, slots=True)
class CreateReceiveSc:
    """Create a receive SC."""

    sci: Sci

    def apply(self, driver: SecYDriver, saks: Mapping[Ki, SakMaterial]) -> None:
        driver.create_receive_sc(self.sci)

    def __str__(self) -> str:
        return f"create receive SC {self.sci}"


@dataclass(frozen=True, slots=True)
class CreateReceiveSa:
    """Create a receive SA."""

    ki: Ki
    an: An
    sci: Sci

    def apply(self, driver: SecYDriver, saks: Mapping[Ki, SakMaterial]) -> None:
        m = saks[self.ki]
        driver.create_receive_sa(self.sci, self.an, self.ki, lowest_pn=m.lowest_pn, ssci=dict(m.peers)[self.sci])

    def __str__(self) -> str:
        return f"create receive SA {self.an} of SC {self.sci}, KI {self.ki.mka_text}"


@dataclass(frozen=True, slots=True)
class EnableReceive:
    """Take the receive SAs of a key into use."""

    ki: Ki

    def apply(self, driver: SecYDriver, saks: Mapping[Ki, SakMaterial]) -> None:
        driver.enable_receive(self.ki)

    def __str__(self) -> str:
        return f"receive with {self.ki.mka_text}"


@dataclass(frozen=True, slots=True)
class CreateTransmitSa:
    """Create the transmit SA of a key."""

    ki: Ki
    an: An

    def apply(self, driver: SecYDriver, saks: Mapping[Ki, SakMaterial]) -> None:
        m = saks[self.ki]
        if m.next_pn >= m.cipher_suite.pn_space:
            raise KeyExhausted(f"transmit SA, KI {self.ki.mka_text}: its packet numbers have been used up")
        driver.create_transmit_sa(self.an, self.ki, next_pn=m.next_pn, ssci=m.ssci, confidentiality=m.confidentiality)

    def __str__(self) -> str:
        return f"create transmit SA {self.an}, KI {self.ki.mka_text}"


@dataclass(frozen=True, slots=True)
class EnableTransmit:
    """Send with a key, or stop."""

    ki: Ki
    enable: bool = True

    def apply(self, driver: SecYDriver, saks: Mapping[Ki, SakMaterial]) -> None:
        driver.enable_transmit(self.ki, self.enable)

    def __str__(self) -> str:
        return f"{'send' if self.enable else 'stop sending'} with {self.ki.mka_text}"


# Steps that only take away: one of them builds on nothing, and is no reason to leave the next undone.
TAKES_AWAY = (Retire, DeleteReceiveSc)
BUILDS_A_KEY = (InstallSak, CreateReceiveSa, EnableReceive, CreateTransmitSa, EnableTransmit)


def is_takedown(step: Step, port_is_open: bool) -> bool:
    """Whether a step only takes something away."""
    if isinstance(step, SetControls):
        return port_is_open and not step.controls.controlled_port_enabled
    return isinstance(step, TAKES_AWAY) or (isinstance(step, EnableTransmit) and not step.enable)


def builds_on(step: Step, undone: Step, port_is_open: bool, saks: Mapping[Ki, SakMaterial]) -> bool:
    """Whether a step must wait because one before it in the plan could not be made.

    A key waits for itself and for the receive SCs of its peers, not for another key: what is refused for the old one
    does not hold up the latest. Everything that is built waits for the controls. A closed port is not opened before
    all is as it should be, keys that are to be gone among it: it was closed so that nothing passes while they go.
    """
    if is_takedown(step, port_is_open):
        return False
    if isinstance(undone, SetControls):
        return True
    if isinstance(step, SetControls):
        return step.controls.controlled_port_enabled and not port_is_open
    if not isinstance(step, BUILDS_A_KEY):
        return False
    if isinstance(undone, CreateReceiveSc):
        return undone.sci in dict(saks[step.ki].peers)
    return isinstance(undone, BUILDS_A_KEY) and undone.ki == step.ki


def make_plan(desired: Desired, installed: Installed, capabilities: Capabilities) -> list[Step]:
    """The steps from what is installed to what is desired, in the order above; none if they agree.

    InternalError if two keys of `desired` share an AN or a KI: they would end each other's SAs without end.
    """
    for what in ({key.material.ki for key in desired.keys}, {key.material.an for key in desired.keys}):
        if len(what) != len(desired.keys):
            raise InternalError("SA plan: two keys with the same KI or AN are asked for")
    steps: list[Step] = []
    now = installed.controls
    suite_changes = now.cipher_suite is not desired.controls.cipher_suite
    if now.controlled_port_enabled and (suite_changes or not desired.controls.controlled_port_enabled):
        now = replace(now, controlled_port_enabled=False)
        steps.append(SetControls(now))
    wanted = {key.material.ki for key in desired.keys}
    present = installed.keys | {sa.ki for sa in installed.sas}
    gone = present if suite_changes else present - wanted
    steps += [Retire(ki) for ki in sorted(gone)]
    if suite_changes:
        now = replace(desired.controls, controlled_port_enabled=False)
        steps.append(SetControls(now))
    left = Installed(
        now,
        installed.keys - gone,
        () if suite_changes else installed.receive_scs,
        tuple(sa for sa in installed.sas if sa.ki not in gone),
    )
    steps += _receive_scs(desired, left, capabilities)
    for key in desired.keys:
        steps += _key_steps(key, left)
    steps += _encoding_steps(desired.encoding, left)
    if now != desired.controls:
        steps.append(SetControls(desired.controls))
    return steps


def _receive_scs(desired: Desired, installed: Installed, capabilities: Capabilities) -> Iterator[Step]:
    """Receive SCs are made when needed. One without SAs stays for its counters, until its place is needed."""
    needed = {sci for key in desired.keys for sci, _ in key.material.peers}
    missing = sorted(needed - set(installed.receive_scs))
    idle = [sci for sci in installed.receive_scs if sci not in needed]
    surplus = len(installed.receive_scs) + len(missing) - capabilities.max_receive_channels
    yield from (DeleteReceiveSc(sci) for sci in idle[: max(0, surplus)])
    yield from (CreateReceiveSc(sci) for sci in missing)


def _key_steps(key: DesiredKey, installed: Installed) -> Iterator[Step]:
    m = key.material
    if m.ki not in installed.keys:
        yield InstallSak(m.ki)
    mine = {sa.sci: sa for sa in installed.sas if not sa.transmit and sa.ki == m.ki and sa.an == m.an}
    yield from (CreateReceiveSa(m.ki, m.an, sci) for sci, _ in m.peers if sci not in mine)
    if any(sci not in mine or not mine[sci].in_use for sci, _ in m.peers):
        yield EnableReceive(m.ki)
    if not any(sa.transmit and sa.ki == m.ki and sa.an == m.an for sa in installed.sas):
        yield CreateTransmitSa(m.ki, m.an)


def _encoding_steps(encoding: Ki | None, installed: Installed) -> Iterator[Step]:
    sending = {sa.ki for sa in installed.sas if sa.transmit and sa.in_use}
    if encoding is not None and encoding not in sending:
        yield EnableTransmit(encoding)
    if encoding is None:
        yield from (EnableTransmit(ki, False) for ki in sorted(sending))


def receiving(material: SakMaterial, installed: Installed) -> bool:
    """Whether every peer's receive SA of a key is in use."""
    in_use = {sa.sci for sa in installed.sas if not sa.transmit and sa.ki == material.ki and sa.in_use}
    return all(sci in in_use for sci, _ in material.peers)


def transmitting(installed: Installed) -> Ki | None:
    """The key of the encoding SA, or None."""
    return next((sa.ki for sa in installed.sas if sa.transmit and sa.in_use), None)
