"""Why this exists: the machines of a port speak to each other through one place, in one order, with one clock.

    frames -> KaY -> Logon -> CP machine -> SA plan -> driver
               ^                  ^                      |
               |                  +-- SAs in use --------+
               +-- SAK use, packet numbers --------------+

`PortAccessEntity` has the verbs of every engine here. After each of them it goes round that loop until nothing moves:
what the KaY says moves the CP machine, what that asks for is installed, and what is installed is told to the KaY, whose
MKPDUs say it to the peers. The driver's calls are synchronous; all else is bytes and time.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections import Counter, deque
from collections.abc import Callable
from typing import Final

from pysec.cp import Connect, ControlledPort, KeyState, State
from pysec.errors import InternalError, ProtocolError, PysecError
from pysec.mka import events as mka
from pysec.mka.kay import Kay, KayConfig
from pysec.mka.keys import Cak
from pysec.mka.port import KeyUse
from pysec.pae.config import PaeConfig
from pysec.pae.events import PortEvent, Source
from pysec.pae.logon import Logon
from pysec.pae.saks import SakStore, high_half_of, is_spent, sending_sa, worn_by_peers
from pysec.pae.status import PortStatus, is_open, is_secured
from pysec.protocols import Controls, Installed, Rng, SecYDriver
from pysec.sa.installer import Drifted, Installer, StepRefused, without_transmitting_port
from pysec.sa.plan import Desired, DesiredKey, SakMaterial, receiving, transmitting
from pysec.types import Ckn, Ki, Sci
from pysec.wire import eapol

# Rounds of the loop after one verb; what needs more than a few is two machines that answer each other for ever.
_MAX_ROUNDS: Final = 64


def _kebab(event: object) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", type(event).__name__).lower()


class PortAccessEntity:
    """One port: key agreement, the Controlled Port machine and a data plane (802.1X-2020 12.1)."""

    kay_type: type[Kay] = Kay

    def __init__(
        self,
        config: PaeConfig,
        sci: Sci,
        driver: SecYDriver,
        rng: Rng,
        now: float,
        *,
        make_kay: Callable[[KayConfig, Sci, Rng], Kay] | None = None,
        on_sak: Callable[[SakMaterial], None] | None = None,
    ) -> None:
        """Make a port without a CAK, its common port down; the driver's controlled port is closed at the first verb.

        sci: of the transmit SC. driver: of the same SCI; what it holds already and nobody here knows is retired.
        make_kay: makes the KaY, if it is to be another (one that is traced, or one with a planted fault). on_sak: is
        shown each SAK when it comes, for a key log.
        """
        self.config, self.sci = config, sci
        self.kay = (make_kay or self.kay_type)(config.kay, sci, rng)
        self._on_sak = on_sak
        self.cp = ControlledPort(config.cp())
        self.installer = Installer(driver)
        self.counters: Counter[str] = Counter()
        self._driver = driver
        self._logon = Logon(config, now)
        self._saks = SakStore(sci)
        self._events: deque[PortEvent] = deque()
        self._use: tuple[object, ...] | None = None
        self._using: tuple[Ki | None, Ki | None] = (None, None)
        self._server: mka.KeyServerElected | None = None
        self._live: tuple[Sci, ...] = ()
        self._poll_at: float | None = None
        self._asked = False
        self._state: tuple[str, Ki | None] = ("", None)
        self._last_pns: dict[Ki, int] = {}
        self._pending, self._why = "", ""
        self._header, self._header_is_for = b"", -1
        self._is_stirred = True
        """Whether something was said to a machine of which the others have not heard; without it, until ..."""
        self._rests_until = -math.inf
        """... none of them moves, unless the KaY has something to say."""

    # ---- verbs

    def add_cak(self, cak: Cak, now: float) -> None:
        """Take part in the CA of a CAK, which stays the caller's to erase (UsageError)."""
        self.kay.add_cak(cak, now)
        self._stir(now)

    def remove_cak(self, ckn: Ckn, now: float) -> None:
        """Take part no longer (UsageError)."""
        self.kay.remove_cak(ckn, now)
        self._stir(now)

    def set_port_enabled(self, enabled: bool, now: float) -> None:
        """The common port is up, or down."""
        if enabled != self.cp.variables.port_enabled:
            name, words = ("enabled", "up") if enabled else ("disabled", "down")
            self._tell(now, Source.PORT, name, f"the common port is {words}")
            if enabled:
                self.kay.start_hellos(now)
        self.cp.set_port_enabled(enabled)
        self._stir(now)

    def request_sak(self, reason: str, now: float) -> None:
        """Ask for a new SAK; it comes when the key server may make one."""
        self.kay.request_sak(reason, now)
        self._stir(now)

    def receive(self, frame: bytes, now: float) -> None:
        """Take a frame that came on the common port. What is no MKPDU is counted, and of no effect."""
        try:
            outer = eapol.parse(frame, (self.config.kay.ethertype,))
        except ProtocolError:
            self.counters["not EAPOL"] += 1
            return
        if outer.type != eapol.TYPE_MKA:
            self.counters["EAPOL, not MKA"] += 1
            return
        with contextlib.suppress(ProtocolError):  # the KaY tells it as an event, at a bounded rate
            header = bytes(frame[: eapol.HEADER_OCTETS])
            self.kay.receive_mkpdu(outer.body, now, source=outer.source, header=header)
        self._settle(now)

    def frames_to_send(self, now: float) -> list[bytes]:
        """The frames that are due, from destination address to the last octet before the FCS; none while it is down."""
        frames = [self._header_for(len(body)) + body for body in self.kay.pdus_to_send(now)]
        self._settle(now)
        return frames if self.cp.variables.port_enabled else []

    def _header_for(self, body_len: int) -> bytes:
        if body_len != self._header_is_for:
            config = self.config.kay
            self._header_is_for = body_len
            self._header = eapol.header(
                body_len,
                self.sci.mac,
                destination=config.destination,
                ethertype=config.ethertype,
                version=config.eapol_version,
            )
        return self._header

    def next_event(self) -> PortEvent | None:
        """The next thing that happened, or None."""
        return self._events.popleft() if self._events else None

    def next_timer(self) -> float | None:
        """When `handle_timer` is due, in the caller's clock, or None."""
        at = self.kay.next_timer()
        for other in (self._rests_until, self._poll_at):
            if other is not None and (at is None or other < at) and math.isfinite(other):
                at = other
        return at

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        self.kay.handle_timer(now)
        # A poll that is half due is made with whatever the timer is for: so it falls together with the hellos.
        if self._poll_at is not None and now >= self._poll_at - self._poll_interval_s / 2:
            self._poll(now)
            self._is_stirred |= not self.installer.settled
        self._settle(now)

    def close(self, now: float) -> None:
        """End the port, as if its common port were down: it closes, and every key goes, there and here."""
        self.cp.set_port_enabled(False)
        self._stir(now)
        self._saks.erase_all()

    # ---- the loop

    def _stir(self, now: float) -> None:
        self._is_stirred = True
        self._settle(now)

    def _settle(self, now: float) -> None:
        """Go round the loop until nothing moves. With most hellos nothing can, and a port has many of them."""
        if not self._is_stirred and not self.kay.port.events and now < self._rests_until:
            return
        self._is_stirred = True
        for _ in range(_MAX_ROUNDS):
            moved = self._hear_kay(now)
            self._set_connect(now)
            moved |= self.cp.step(now)
            self._hear_cp(now)
            moved |= self._install(now)
            moved |= self._tell_kay(now)
            moved |= self._ask_again(now)
            if not moved:
                self._say_state(now)
                self._is_stirred, self._rests_until = False, self._next_move(now)
                return
        raise InternalError(f"port {self.sci}: its machines do not come to rest")

    def _next_move(self, now: float) -> float:
        """When a machine moves by itself; the KaY says by events what time has done to it."""
        times = (self.cp.next_timer(), self.installer.next_timer(), self._logon.next_timer(now))
        return min((at for at in times if at is not None), default=math.inf)

    def _say_state(self, now: float) -> None:
        """What has become of the port, once the machines rest: the sentence that an operator waits for."""
        state = "secured" if self.is_secured else "in-clear" if is_open(self.installer.installed) else "closed"
        ki = self._using[1] if state == "secured" else None
        if (state, ki) != self._state:
            self._state = state, ki
            self._tell(now, Source.PORT, state, self.status().in_words())

    def _ask_again(self, now: float) -> bool:
        """In SECURED the machine waits for a SAK that the KaY believes to have given: the SAs went with the port, say.

        A key server then makes a new one; anybody else is seen by his key server not to use the present one.
        """
        v = self.cp.variables
        waits = self.cp.state is State.SECURED and v.connect is Connect.SECURE and not v.new_sak
        asked, self._asked = self._asked, waits
        if waits and not asked:
            self.kay.request_sak("the SAs of the present SAK have been deleted", now)
            return True
        return False

    def _tell(self, now: float, source: Source, name: str, reason: str, event: object = None) -> None:
        self._events.append(PortEvent(now, source, name, reason, event))

    def _set_connect(self, now: float) -> None:
        before, connect = self.cp.variables.connect, self._logon.connect(now)
        if connect is not before:
            policy = self.config.policy.value
            self._tell(now, Source.PORT, "connect", f"{before.value} to {connect.value}, policy {policy}")
        self.cp.set_connect(connect)

    def _hear_cp(self, now: float) -> None:
        while (event := self.cp.next_event()) is not None:
            self._tell(now, Source.CP, event.target.value.lower(), event.reason, event)

    # ---- what the KaY says

    def _hear_kay(self, now: float) -> bool:
        moved = False
        while (event := self.kay.next_event()) is not None:
            moved = True
            self._tell(now, Source.MKA, _kebab(event), event.reason, None if isinstance(event, mka.SakReady) else event)
            self._act_on(event, now)
        return moved

    def _act_on(self, event: mka.Event, now: float) -> None:
        match event:
            case mka.SakReady():
                material = self._saks.admit(event)
                if self._on_sak is not None and not event.known:
                    self._on_sak(material)
                self.cp.signal_new_sak(event.ki, event.an, event.cipher_suite, event.confidentiality_offset)
            case mka.SakMembers():
                self._saks.note_members(event)
            case mka.KeyServerElected():
                self._server = event
                self.cp.set_elected_self(event.is_self)
                if event.sci is not None and not event.has_sa:
                    self.cp.signal_changed_server()
            case mka.ConnectChanged():
                self._why = event.reason
                self._logon.agreed(Connect[event.connect.name], now)
            case mka.AllReceiving():
                self.cp.set_all_receiving(event.ki)
            case mka.ServerTransmitting():
                self.cp.set_server_transmitting(event.ki)
            case mka.PnDelayProtect():
                self._raise_lowest_pn(event, now)
            case mka.PeersChanged():
                self._live = tuple(sorted(event.scis))
            case _:
                pass

    def _raise_lowest_pn(self, event: mka.PnDelayProtect, now: float) -> None:
        installed, material = self.installer.installed, self._saks.get(event.ki)
        if installed is None or material is None:
            return
        pn: int | None = event.lowest_pn
        if event.low_half_only:
            pn = high_half_of(installed, event.ki, event.sci, event.lowest_pn, material.cipher_suite)
        if pn is None:
            return
        try:
            self._driver.raise_lowest_pn(event.sci, event.ki, pn)
        except PysecError as error:
            self._tell(now, Source.SECY, "delay-protect-refused", str(error))

    # ---- what is to be installed

    def _material_of(self, state: KeyState | None) -> DesiredKey | None:
        material = None if state is None else self._saks.get(state.ki)
        return None if state is None or material is None else DesiredKey(material, state.tx)

    def _desired(self) -> Desired:
        v = self.cp.variables
        old, latest = self._material_of(v.old), self._material_of(v.latest)
        if old is not None and latest is not None and old.material.an == latest.material.an:
            self.cp.end_old()  # a key server that gives an AN away twice ends the older SA by it
            old = None
        keys = tuple(key for key in (old, latest) if key is not None)
        return without_transmitting_port(Desired(v.controls, keys))

    def _install(self, now: float) -> bool:
        v = self.cp.variables
        desired = self._desired()
        settled = self.installer.apply(desired, now)
        self._hear_installer(now)
        if (before := self.installer.take_before()) is not None:
            self._saks.note_pns(before)
        installed = self.installer.installed
        using: tuple[Ki | None, Ki | None] = (None, None)
        if installed is not None:
            latest = None if v.latest is None else self._saks.get(v.latest.ki)
            using = (
                latest.ki if latest is not None and receiving(latest, installed) else None,
                transmitting(installed),
            )
        if settled:
            self._pending = ""
        # Also while a key that is to be gone cannot be retired: its octets are not needed for that.
        announced = v.distributed[0] if v.new_sak and v.distributed is not None else None
        self._saks.keep_only({s.ki for s in (v.latest, v.old) if s} | ({announced} if announced else set()))
        moved = using != self._using
        self._using = using
        self.cp.set_using(*using)
        if not desired.keys:
            self._poll_at = None
        elif self._poll_at is None:
            self._poll_at = now + self._poll_interval_s
        return moved

    def _hear_installer(self, now: float) -> None:
        while (event := self.installer.next_event()) is not None:
            self._tell(now, Source.SECY, _kebab(event), event.reason, None)
            if isinstance(event, StepRefused):
                self._pending = event.reason
                if event.retry_at is None:
                    self.kay.request_sak(event.why, now)
            elif isinstance(event, Drifted):
                self._pending = event.reason

    # ---- what the KaY is told

    def _tell_kay(self, now: float) -> bool:
        v = self.cp.variables
        use = tuple(None if s is None else KeyUse(s.ki, s.an, s.rx, s.tx) for s in (v.latest, v.old))
        plain = v.controls.controlled_port_enabled and not v.controls.protect_frames
        told = (*use, plain)
        if told == self._use:
            return False
        self._use = told
        self.kay.set_sak_use(use[0], use[1], plain, plain)
        return True

    @property
    def _poll_interval_s(self) -> float:
        config = self.config.kay
        return config.bounded_hello_time_s if config.delay_protect else config.hello_time_s

    def _poll(self, now: float) -> None:
        """Read packet numbers, and what the data plane has to say by itself.

        What is told as the lowest PN is what the last poll but one found: every frame since has a higher one.
        """
        self._poll_at = now + self._poll_interval_s
        installed = self.installer.audit()
        if installed is not None:
            self._saks.note_pns(installed)
            pns = {sa.ki: sa.next_pn for sa in installed.sas if sa.transmit}
            latest, old = (
                None if s is None or s.ki not in pns else (s.ki, self._last_pns.get(s.ki, 1), pns[s.ki])
                for s in (self.cp.variables.latest, self.cp.variables.old)
            )
            self.kay.report_pns(latest, old)
            self._last_pns = pns
            self._look_at_peers(installed, now)
            self._is_stirred |= is_spent(installed)
        agreed = self.kay.agreed_sak
        for event in self._driver.events():
            name = event.kind.name.lower().replace("_", "-")
            reason = f"{event.kind.value}: SC {event.sci}, KI {event.ki.mka_text}, next PN {event.next_pn}"
            self._tell(now, Source.SECY, name, reason, event)
            # If there is a newer one already, that is what was asked for.
            if agreed is None or agreed.ki == event.ki:
                self.kay.request_sak(reason, now)

    def _look_at_peers(self, installed: Installed, now: float) -> None:
        """A peer's packet numbers as our data plane has seen them, for those that cannot say them in full."""
        sak = self.kay.agreed_sak
        if sak is None:
            return
        worn = worn_by_peers(installed, sak.ki, self.config.kay.pn_threshold_of(sak.cipher_suite))
        if worn is not None:
            self.kay.request_sak(f"{worn.sci} has come to PN {worn.next_pn - 1}", now)

    # ---- what it is

    @property
    def is_secured(self) -> bool:
        """Whether frames pass, protected, and only so."""
        return is_secured(self.installer.installed)

    def _why_so(self) -> str:
        if not self.cp.variables.port_enabled:
            return "the common port is down"
        installed = self.installer.installed
        if installed is not None and (ki := transmitting(installed)) is not None and is_spent(installed):
            return f"the packet numbers of KI {ki.mka_text} are used up; a new SAK is needed"
        return self.kay.why_not_secured or self._why

    def saks_held(self) -> list[SakMaterial]:
        """The SAKs in hand, for a proof on the wire; they stay the port's to erase."""
        return self._saks.held()

    def status(self) -> PortStatus:
        """The port as it is."""
        installed = self.installer.installed or Installed(Controls(), frozenset(), (), ())
        sending = sending_sa(installed)
        v = self.cp.variables
        return PortStatus(
            sci=self.sci,
            policy=self.config.policy.value,
            connect=v.connect.value,
            state=self.cp.state.value,
            secured=self.is_secured,
            open=is_open(self.installer.installed),
            cipher_suite=installed.controls.cipher_suite,
            ki=None if sending is None else sending.ki,
            an=None if sending is None else sending.an,
            next_pn=None if sending is None else sending.next_pn,
            receiving=tuple((sa.sci, sa.ki) for sa in installed.sas if not sa.transmit and sa.in_use),
            key_server=None if self._server is None else self._server.sci,
            is_key_server=self._server is not None and self._server.is_self,
            live_peers=self._live,
            pending=self._pending,
            why=self._why_so(),
        )
