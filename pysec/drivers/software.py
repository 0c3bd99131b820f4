"""Why this exists: MKA drives the project's own SecY through the same Protocol as any other data plane.

A SecY of the core has one cipher suite for life. A change of suite, which by 802.1X-2020 12.4 ends every SA and
closes the port anyway, therefore makes a new SecY, and a new port around it where there is one. What the SecYs
before it counted, and which keys they used, is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Final, Protocol, Self

from pysec.dataplane import Counters, EventKind, SecY, SecYConfig
from pysec.errors import NonceReused, UsageError
from pysec.protocols import Capabilities, Controls, DriverEvent, DriverEventKind, Installed, InstalledSa
from pysec.secret import Secret
from pysec.types import An, CipherSuite, Ki, Sci, Ssci

_KINDS: Final = {
    EventKind.PN_THRESHOLD: DriverEventKind.PN_THRESHOLD,
    EventKind.PN_EXHAUSTED: DriverEventKind.PN_EXHAUSTED,
}


class RunningPort(Protocol):
    """What the driver needs of a port: to end it before its SecY. `pysec.Port` has it."""

    def close(self) -> None:
        """Stop, and let go of everything."""


def sum_of(counters: list[Counters]) -> Counters:
    """Several snapshots as one."""

    def columns(rows: list[tuple[int, ...]]) -> tuple[int, ...]:
        return tuple(sum(column) for column in zip(*rows, strict=True))

    return Counters(
        columns([c.packets_by_verdict for c in counters]),
        columns([c.packets_by_reason for c in counters]),
        columns([c.packets_without_sa for c in counters]),
        sum(c.in_octets_validated for c in counters),
        sum(c.in_octets_decrypted for c in counters),
        sum(c.out_octets_protected for c in counters),
        sum(c.out_octets_encrypted for c in counters),
    )


class SoftwareDriver:
    """The project's SecY, with or without a port around it, as a `SecYDriver`.

    `secy` is the one that works now; hold it no longer than until the next change of suite.
    """

    def __init__(
        self,
        sci: Sci,
        *,
        config: SecYConfig | None = None,
        cipher_suite: CipherSuite = CipherSuite.GCM_AES_128,
        open_port: Callable[[SecY], RunningPort] | None = None,
        pn_threshold: int | None = None,
        max_receive_channels: int = 128,
    ) -> None:
        """Make the SecY, its controlled port closed. open_port makes and starts a port for a SecY, now and after
        each change of suite. pn_threshold: of every transmit SA; None for three quarters of the space."""
        self._config = replace(config or SecYConfig(), controlled_port_enabled=False)
        self._open_port = open_port
        self._pn_threshold = pn_threshold
        self._max_receive_channels = max_receive_channels
        self._keys: set[Ki] = set()
        self._spent: set[Ki] = set()
        self._past: list[Counters] = []
        self._last_controls: tuple[tuple[SecYConfig, CipherSuite], Controls] | None = None
        self.secy = SecY(sci, cipher_suite, self._config, max_receive_channels=max_receive_channels)
        self._port = open_port(self.secy) if open_port else None

    @property
    def capabilities(self) -> Capabilities:
        """All suites and offsets; four keys, as there are four ANs."""
        return Capabilities(tuple(CipherSuite), (0, 30, 50), self._max_receive_channels, 4)

    @property
    def port(self) -> RunningPort | None:
        """The port around the SecY, if there is one."""
        return self._port

    def create_receive_sc(self, sci: Sci) -> None:
        """See SecYDriver."""
        self.secy.create_receive_sc(sci)

    def delete_receive_sc(self, sci: Sci) -> None:
        """See SecYDriver."""
        self.secy.delete_receive_sc(sci)

    def install_sak(
        self, ki: Ki, sak: Secret, *, cipher_suite: CipherSuite, salt: bytes | None, confidentiality_offset: int
    ) -> None:
        """See SecYDriver. NonceReused for a KI that a SecY before this one used: its packet numbers are not known."""
        if cipher_suite is not self.secy.cipher_suite:
            raise UsageError(f"SAK {ki}: is for {cipher_suite}, the SecY is set to {self.secy.cipher_suite}")
        if ki in self._spent:
            raise NonceReused(f"SAK {ki}: was used before the cipher suite changed")
        self.secy.install_sak(ki, sak, salt=salt, confidentiality_offset=confidentiality_offset)
        self._keys.add(ki)

    def create_receive_sa(self, sci: Sci, an: An, ki: Ki, *, lowest_pn: int, ssci: Ssci | None) -> None:
        """See SecYDriver."""
        self.secy.create_receive_sa(sci, an, ki, lowest_pn=lowest_pn, ssci=ssci)

    def enable_receive(self, ki: Ki) -> None:
        """See SecYDriver."""
        mine = [sa for sa in self.secy.sas() if not sa.transmit and sa.ki == ki]
        if not mine:
            raise UsageError(f"receive SA, KI {ki}: there is none")
        for sa in mine:
            if not sa.in_use:
                self.secy.enable_receive(sa.sci, ki)

    def raise_lowest_pn(self, sci: Sci, ki: Ki, pn: int) -> None:
        """See SecYDriver."""
        self.secy.update_lowest_pn(sci, ki, pn)

    def create_transmit_sa(self, an: An, ki: Ki, *, next_pn: int, ssci: Ssci | None, confidentiality: bool) -> None:
        """See SecYDriver."""
        self.secy.create_transmit_sa(
            an, ki, next_pn=next_pn, ssci=ssci, confidentiality=confidentiality, pn_threshold=self._pn_threshold
        )

    def enable_transmit(self, ki: Ki, enable: bool = True) -> None:
        """See SecYDriver."""
        self.secy.enable_transmit(ki, enable)

    def retire(self, ki: Ki) -> None:
        """See SecYDriver."""
        if ki in self._keys:
            self.secy.retire(ki)
            self._keys.discard(ki)

    def set_controls(self, controls: Controls) -> None:
        """See SecYDriver. With another cipher suite everything that was installed ends."""
        if controls.cipher_suite is not self.secy.cipher_suite:
            self._change_suite(controls.cipher_suite)
        self.secy.reconfigure(
            controlled_port_enabled=controls.controlled_port_enabled,
            protect_frames=controls.protect_frames,
            validate_frames=controls.validate_frames,
            replay_protect=controls.replay_protect,
            replay_window=controls.replay_window,
        )

    def _change_suite(self, suite: CipherSuite) -> None:
        old = self.secy
        fresh = SecY(
            old.sci,
            suite,
            replace(old.config, controlled_port_enabled=False),
            max_receive_channels=self._max_receive_channels,
        )
        if self._port is not None:
            self._port.close()
            self._port = None
        self._past = [sum_of([*self._past, old.counters()])]
        self._spent |= self._keys
        self._keys.clear()
        self.secy = fresh
        old.close()
        if self._open_port is not None:
            self._port = self._open_port(fresh)

    def read(self) -> Installed:
        """See SecYDriver."""
        sas = tuple(
            InstalledSa(sa.transmit, sa.sci, sa.an, sa.ki, sa.in_use, sa.next_pn, sa.lowest_pn)
            for sa in self.secy.sas()
        )
        return Installed(self._controls(), frozenset(self._keys), tuple(self.secy.receive_scs()), sas)

    def _controls(self) -> Controls:
        """The controls, made anew when they are others: they are read once a hello."""
        made_of = self.secy.config, self.secy.cipher_suite
        if self._last_controls is None or self._last_controls[0] != made_of:
            config, suite = made_of
            controls = Controls(
                config.controlled_port_enabled,
                config.protect_frames,
                config.validate_frames,
                config.replay_protect,
                config.replay_window,
                suite,
            )
            self._last_controls = made_of, controls
        return self._last_controls[1]

    def events(self) -> list[DriverEvent]:
        """See SecYDriver."""
        return [
            DriverEvent(_KINDS[event.kind], event.transmit, event.sci, event.ki, event.next_pn)
            for event in self.secy.events()
            if event.kind in _KINDS
        ]

    def counters(self) -> Counters:
        """The counters of the SecY and of those before it: they outlive a change of suite."""
        return sum_of([*self._past, self.secy.counters()])

    def close(self) -> None:
        """End the port, then wipe the keys."""
        if self._port is not None:
            self._port.close()
            self._port = None
        self.secy.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
