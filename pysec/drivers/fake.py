"""Why this exists: key agreement must be tested against a data plane that refuses, lies and crashes, at any call.

`FakeDriver` moves no frames. It keeps the rules that matter (a KI has one SAK, packet numbers never fall, an AN has one
SA) and passes the same contract suite as a real one; `sent` says that frames went out. Every call is recorded; `fail`
is asked before each and may raise; `lie` makes calls return without doing anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from pysec.errors import NonceReused, UsageError
from pysec.protocols import Capabilities, Controls, DriverEvent, DriverEventKind, Installed, InstalledSa
from pysec.secret import Secret
from pysec.types import An, CipherSuite, Ki, Sci, Ssci


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was made: its name and its arguments but for the SAK."""

    name: str
    arguments: tuple[object, ...] = ()


@dataclass(slots=True)
class _Sa:
    an: An
    next_pn: int
    in_use: bool = False


@dataclass(slots=True)
class _Key:
    cipher_suite: CipherSuite
    receive: dict[Sci, _Sa] = field(default_factory=dict)
    transmit: _Sa | None = None


class FakeDriver:
    """A data plane without frames, as a `SecYDriver`."""

    def __init__(
        self,
        sci: Sci,
        *,
        capabilities: Capabilities | None = None,
        fail: Callable[[int, Call], None] | None = None,
        lie: Callable[[Call], bool] | None = None,
        pn_threshold: int | None = None,
    ) -> None:
        """fail: called with the number of the call, from 1, before it is made. lie: whether to do nothing and say so
        to nobody. pn_threshold: the next PN from which on an event is raised."""
        self.sci = sci
        self.calls: list[Call] = []
        self.fail = fail
        self.lie = lie
        self._capabilities = capabilities or Capabilities(tuple(CipherSuite))
        self._pn_threshold = pn_threshold
        self._controls = Controls()
        self._keys: dict[Ki, _Key] = {}
        # The SAK and the first PN not used with it, of every KI that ever was here.
        self._history: dict[Ki, tuple[Secret, int]] = {}
        self._receive_scs: set[Sci] = set()
        self._events: list[DriverEvent] = []

    @property
    def capabilities(self) -> Capabilities:
        """See SecYDriver."""
        return self._capabilities

    def _lies(self, name: str, *arguments: object) -> bool:
        call = Call(name, arguments)
        self.calls.append(call)
        if self.fail is not None:
            self.fail(len(self.calls), call)
        return self.lie is not None and self.lie(call)

    def _key(self, ki: Ki) -> _Key:
        if ki not in self._keys:
            raise UsageError(f"SAK {ki}: not installed")
        return self._keys[ki]

    def create_receive_sc(self, sci: Sci) -> None:
        """See SecYDriver."""
        if self._lies("create_receive_sc", sci):
            return
        if sci not in self._receive_scs and len(self._receive_scs) >= self._capabilities.max_receive_channels:
            raise UsageError(f"receive SC {sci}: there are as many as there may be")
        self._receive_scs.add(sci)

    def delete_receive_sc(self, sci: Sci) -> None:
        """See SecYDriver."""
        if self._lies("delete_receive_sc", sci):
            return
        self._receive_scs.discard(sci)
        for key in self._keys.values():
            key.receive.pop(sci, None)

    def install_sak(
        self, ki: Ki, sak: Secret, *, cipher_suite: CipherSuite, salt: bytes | None, confidentiality_offset: int
    ) -> None:
        """See SecYDriver."""
        if self._lies("install_sak", ki, cipher_suite, salt, confidentiality_offset):
            return
        if cipher_suite is not self._controls.cipher_suite:
            raise UsageError(f"SAK {ki}: is for {cipher_suite}, the SecY is set to {self._controls.cipher_suite}")
        if len(sak) != cipher_suite.sak_octets or (salt is not None) != cipher_suite.is_xpn:
            raise UsageError(f"SAK {ki}: does not go with {cipher_suite}")
        if confidentiality_offset not in self._capabilities.confidentiality_offsets:
            raise UsageError(f"SAK {ki}: confidentiality offset {confidentiality_offset}")
        if ki in self._history and self._history[ki][0] != sak:
            raise NonceReused(f"SAK {ki}: this KI was used with another SAK")
        if ki not in self._keys:
            if len(self._keys) >= self._capabilities.max_keys:
                raise UsageError(f"SAK {ki}: there are as many keys as there may be")
            self._keys[ki] = _Key(cipher_suite)
            self._history.setdefault(ki, (Secret(sak.reveal()), 1))

    def create_receive_sa(self, sci: Sci, an: An, ki: Ki, *, lowest_pn: int, ssci: Ssci | None) -> None:
        """See SecYDriver."""
        if self._lies("create_receive_sa", sci, an, ki, lowest_pn, ssci):
            return
        key = self._key(ki)
        if sci not in self._receive_scs:
            raise UsageError(f"receive SC {sci}: there is none")
        if (ssci is not None) != key.cipher_suite.is_xpn:
            raise UsageError(f"receive SA, KI {ki}: SSCI and suite do not go together")
        for other in self._keys.values():
            if other is not key and sci in other.receive and other.receive[sci].an == an:
                del other.receive[sci]
        if sci in key.receive:
            key.receive[sci].next_pn = max(key.receive[sci].next_pn, lowest_pn)
        else:
            key.receive[sci] = _Sa(an, lowest_pn)

    def enable_receive(self, ki: Ki) -> None:
        """See SecYDriver."""
        if self._lies("enable_receive", ki):
            return
        receive = self._key(ki).receive
        if not receive:
            raise UsageError(f"receive SA, KI {ki}: there is none")
        for sa in receive.values():
            sa.in_use = True

    def raise_lowest_pn(self, sci: Sci, ki: Ki, pn: int) -> None:
        """See SecYDriver."""
        if self._lies("raise_lowest_pn", sci, ki, pn):
            return
        receive = self._key(ki).receive
        if sci not in receive:
            raise UsageError(f"receive SA of SC {sci}, KI {ki}: there is none")
        receive[sci].next_pn = max(receive[sci].next_pn, pn)

    def create_transmit_sa(self, an: An, ki: Ki, *, next_pn: int, ssci: Ssci | None, confidentiality: bool) -> None:
        """See SecYDriver."""
        if self._lies("create_transmit_sa", an, ki, next_pn, ssci, confidentiality):
            return
        key = self._key(ki)
        if (ssci is not None) != key.cipher_suite.is_xpn:
            raise UsageError(f"transmit SA, KI {ki}: SSCI and suite do not go together")
        used = self._history[ki][1]
        if key.transmit is not None and key.transmit.an == an:
            key.transmit.next_pn = max(key.transmit.next_pn, next_pn)
            return
        if next_pn < used:
            raise NonceReused(f"transmit SA, KI {ki}: packet numbers below {used} have been used")
        for other in self._keys.values():
            if other is not key and other.transmit is not None and other.transmit.an == an:
                if other.transmit.in_use:
                    raise UsageError(f"transmit SA {an}: is in use with another key")
                other.transmit = None
        key.transmit = _Sa(an, next_pn)

    def enable_transmit(self, ki: Ki, enable: bool = True) -> None:
        """See SecYDriver."""
        if self._lies("enable_transmit", ki, enable):
            return
        key = self._key(ki)
        if key.transmit is None:
            raise UsageError(f"transmit SA, KI {ki}: there is none")
        if enable:
            for other in self._keys.values():
                if other.transmit is not None:
                    other.transmit.in_use = False
        key.transmit.in_use = enable

    def retire(self, ki: Ki) -> None:
        """See SecYDriver."""
        if self._lies("retire", ki):
            return
        self._keys.pop(ki, None)

    def set_controls(self, controls: Controls) -> None:
        """See SecYDriver."""
        if self._lies("set_controls", controls):
            return
        if controls.cipher_suite is not self._controls.cipher_suite:
            if controls.cipher_suite not in self._capabilities.cipher_suites:
                raise UsageError(f"cipher suite {controls.cipher_suite}: not implemented")
            self._keys.clear()
            self._receive_scs.clear()
        self._controls = controls

    def read(self) -> Installed:
        """See SecYDriver."""
        self._lies("read")
        sas = []
        for ki, key in self._keys.items():
            if key.transmit is not None:
                sa = key.transmit
                sas.append(InstalledSa(True, self.sci, sa.an, ki, sa.in_use, sa.next_pn, None))
            sas += [
                InstalledSa(False, sci, sa.an, ki, sa.in_use, sa.next_pn, sa.next_pn) for sci, sa in key.receive.items()
            ]
        return Installed(self._controls, frozenset(self._keys), tuple(sorted(self._receive_scs)), tuple(sas))

    def events(self) -> list[DriverEvent]:
        """See SecYDriver."""
        events, self._events = self._events, []
        return events

    # ---- what frames would do

    @property
    def encoding(self) -> Ki | None:
        """The key that is sent with, or None."""
        return next((ki for ki, key in self._keys.items() if key.transmit is not None and key.transmit.in_use), None)

    @property
    def port_open(self) -> bool:
        """Whether frames pass: the controlled port is enabled, and what protects them is there."""
        return self._controls.controlled_port_enabled and (
            not self._controls.protect_frames or self.encoding is not None
        )

    def receives(self, sci: Sci, an: An) -> Ki | None:
        """The key that a frame of this SCI and AN would be opened with, or None."""
        for ki, key in self._keys.items():
            sa = key.receive.get(sci)
            if sa is not None and sa.an == an and sa.in_use:
                return ki
        return None

    def sent(self, frames: int = 1) -> range:
        """That many frames were sent; the packet numbers they took (UsageError if they cannot be sent)."""
        ki = self.encoding
        if ki is None or not self.port_open:
            raise UsageError("nothing can be sent")
        sa, last = self._keys[ki].transmit, self._keys[ki].cipher_suite.pn_space
        assert sa is not None
        taken = range(sa.next_pn, sa.next_pn + frames)
        if taken.stop > last:
            raise UsageError(f"transmit SA, KI {ki}: there are not so many packet numbers left")
        threshold = self._pn_threshold
        if threshold is not None and sa.next_pn < threshold <= taken.stop:
            self._events.append(DriverEvent(DriverEventKind.PN_THRESHOLD, True, self.sci, ki, taken.stop))
        if taken.stop == last:
            self._events.append(DriverEvent(DriverEventKind.PN_EXHAUSTED, True, self.sci, ki, taken.stop))
        sa.next_pn = taken.stop
        self._history[ki] = (self._history[ki][0], max(self._history[ki][1], taken.stop))
        return taken


class InjectedFault:
    """A `fail` for the fake: raises at the n-th call, and at as many after it as asked."""

    def __init__(self, error: Exception, at: int, times: int = 1) -> None:
        self._error: Final = error
        self._at: Final = at
        self._times: Final = times
        self.raised = 0

    def __call__(self, number: int, call: Call) -> None:
        """See FakeDriver."""
        if self._at <= number < self._at + self._times:
            self.raised += 1
            raise self._error
