"""Why this exists: `pysec up` runs one port, and everything that it makes must be gone when it ends, however it ends.

The common port is an interface of this machine; the controlled port a TAP interface, which vanishes with its last
descriptor; between them stands the software SecY with its port, whose uncontrolled port carries the MKPDUs. The host's
stack uses the TAP; from the interface itself the guard keeps it away.

Two lives. The guard and the TAP, with the addresses that the host has given to it, last as long as the port: the guard
stands before anything else is opened, and goes last. The SecY, key agreement and the packet socket last as long as the
interface: when it goes away they end, and when it comes back they are made anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pysec.dataplane import Port, SecY, SecYConfig
from pysec.dataplane.port import open_packet
from pysec.dataplane.residence import PortResidence, allowed_ns
from pysec.drivers import SoftwareDriver
from pysec.errors import DriverError, PysecError, UsageError
from pysec.mka.kay import Kay, KayConfig
from pysec.mka.keys import Cak
from pysec.pae import PaeConfig, Policy, PortAccessEntity, PortEvent, PortStatus, Source
from pysec.protocols import Rng
from pysec.runtime.addresses import Address
from pysec.runtime.bypass import Bypass
from pysec.runtime.common import CommonPort
from pysec.runtime.guard import CAP_NET_ADMIN, CAP_NET_RAW, has_capability
from pysec.runtime.interface import LinkWatch, opened
from pysec.runtime.keylog import KeyLog
from pysec.runtime.link import Memberships, SocketLink
from pysec.runtime.nftables import RulesWatch
from pysec.runtime.runner import PortRunner
from pysec.runtime.tap import ControlledTap, name_for
from pysec.runtime.trace import TracedKay, TraceWriter
from pysec.types import Sci

RECEIVE_ROOM_OCTETS = 8 << 20


@dataclass(frozen=True, slots=True)
class SingleConfig:
    """What `pysec up` is told.

    controlled: the name of the TAP interface; "" for one made of the interface's. guard: keep the host's own stack off
    the common port. bypass: what goes round MACsec. raise_mtu: raise the common port's MTU, so that the controlled
    port has what that had. implicit_sci: to a single peer, leave the SCI out of the SecTAG. vlan_tags_in_clear: 0 to 2.
    residence_every: one burst of so many is timed on its way through the port; 0 for none. addresses: what the
    controlled port is given. move_addresses: it gets those of the common port, and its routes, until the end.
    """

    interface: str
    pae: PaeConfig = field(default_factory=PaeConfig)
    controlled: str = ""
    trace: Path | None = None
    keylog: Path | None = None
    guard: bool = True
    bypass: tuple[Bypass, ...] = ()
    raise_mtu: bool = False
    implicit_sci: bool = False
    vlan_tags_in_clear: int = 0
    residence_every: int = 0
    addresses: tuple[Address, ...] = ()
    move_addresses: bool = False

    @property
    def controlled_name(self) -> str:
        """The TAP interface's name."""
        return self.controlled or name_for(self.interface)

    def secy(self, common_port_mtu: int) -> SecYConfig:
        """The controls that the SecY begins with."""
        return SecYConfig(
            always_include_sci=not self.implicit_sci,
            vlan_tags_in_clear=self.vlan_tags_in_clear,
            common_port_mtu=common_port_mtu,
            bypass_ethertypes=(
                self.pae.kay.ethertype,
                *(entry.ethertype for entry in self.bypass if entry.ethertype is not None),
            ),
            bypass_addresses=tuple(entry.address for entry in self.bypass if entry.address is not None),
        )

    def overhead_octets(self, num_receiving: int) -> int:
        """SecTAG and ICV: 32 octets with an SCI, 24 without (802.1AE-2018 10.5.3); num_receiving: receive SCs."""
        return 24 if self.implicit_sci and num_receiving <= 1 else 32


def why_unavailable() -> str | None:
    """None if it is worth trying here, else one line that says what is missing."""
    if not os.access("/dev/net/tun", os.F_OK):
        return "there is no /dev/net/tun, which the controlled port needs: modprobe tun"
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "no access to /dev/net/tun, which the controlled port needs"
    needed = {"CAP_NET_RAW": CAP_NET_RAW, "CAP_NET_ADMIN": CAP_NET_ADMIN}
    missing = [name for name, number in needed.items() if not has_capability(number)]
    if missing:
        return f"{' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} missing: run it as root"
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0).close()
    except OSError as error:
        return f"no packet sockets here ({error.strerror}); they need CAP_NET_RAW and CONFIG_PACKET"
    return None


class SinglePort:
    """One port of this machine, from an interface to a TAP, in the asyncio loop that makes it."""

    def __init__(self, config: SingleConfig, cak: Cak, on_event: Callable[[PortEvent], None]) -> None:
        """Build it, standing still (UsageError, DriverError, KeyStoreError, OSError; nothing is left then).

        The CAK is lent as long as the port lives."""
        self.config, self._cak = config, cak
        self._on_event = on_event
        self.failure: PysecError | None = None
        self.ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._stack = contextlib.ExitStack()
        self._attached = contextlib.ExitStack()
        self._is_attached = False
        self._times = 0
        self._port: Port | None = None
        self._past_residence = PortResidence()
        self._common: CommonPort | None = None
        try:
            self._build()
        except BaseException:
            self._attached.close()
            if self._common is not None:
                self._common.abandon()
            self._stack.close()
            raise

    # ---- what lasts as long as the port

    def _build(self) -> None:
        stack, config = self._stack, self.config
        interface = stack.enter_context(opened(config.interface))
        if not interface.exists:
            raise UsageError(f"interface {config.interface}: there is none of this name")
        self._index = interface.index
        _ = interface.mac  # an Ethernet interface, or a DriverError
        self._interface = interface
        self._tap = ControlledTap(config.controlled_name, interface, self._tell)
        stack.callback(self._tap.close)
        self._tap.refuse_if_there()
        self._common = self._common_port()
        self._common.secure()
        if config.trace is not None:
            file = stack.enter_context(config.trace.open("w", encoding="utf-8", buffering=1))
            self._tracer = TraceWriter(file)
        self._key_log = None if config.keylog is None else stack.enter_context(KeyLog(config.keylog))
        self._mtu = interface.mtu
        self._tap.make(interface.mac, self._mtu, config.overhead_octets(0))
        self._tap.address(config.addresses, config.move_addresses)
        self._watch = LinkWatch()
        stack.callback(self._watch.close)
        self._attach()

    def _common_port(self) -> CommonPort:
        config = self.config
        return CommonPort(
            self._interface,
            self._tell,
            ethertype=config.pae.kay.ethertype,
            guard=config.guard,
            must=config.pae.policy is Policy.MUST_SECURE,
            bypass=config.bypass,
            raise_mtu_by=config.overhead_octets(1) if config.raise_mtu else 0,
        )

    def _fit_tap(self, num_receiving: int) -> None:
        self._tap.fit(self._mtu, self.config.overhead_octets(num_receiving))

    # ---- what lasts as long as the interface

    def _attach(self) -> None:
        stack, config = self._attached, self.config
        self._times += 1
        mac, self._mtu = self._interface.mac, self._interface.mtu
        self._seen_mtu = self._mtu
        if self._tap.interface.mac != mac:
            self._tap.interface.mac = mac
        self._memberships = stack.enter_context(Memberships(config.interface, config.pae.kay.destination))
        self._memberships.all_groups(True)
        with socket.socket(fileno=open_packet(config.interface, RECEIVE_ROOM_OCTETS)) as opening:
            self.common.let_pass(opening)
            common_fd = opening.detach()
        stack.callback(os.close, common_fd)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        link = SocketLink(ours)
        stack.callback(link.close)
        stack.enter_context(theirs)
        self._longest = max(2000, self._mtu + 18)

        def open_port(secy: SecY) -> Port:
            port = Port(
                secy,
                common=common_fd,
                controlled=self._tap.fd,
                uncontrolled=theirs.fileno(),
                frame_octets=self._longest,
                residence_every=config.residence_every,
            )
            port.start()
            if self._port is not None:
                self._past_residence += self._port.residence()
            self._port = port
            return port

        sci, kay = Sci.of(mac, 1), config.pae.kay
        driver = SoftwareDriver(
            sci,
            config=config.secy(self._mtu),
            cipher_suite=config.pae.first_suite,
            open_port=open_port,
            pn_threshold=kay.pn_threshold,
        )
        stack.callback(driver.close)
        self.driver = driver
        self.pae = PortAccessEntity(
            config.pae,
            sci,
            driver,
            os.urandom,
            self._loop.time(),
            make_kay=self._make_kay(),
            on_sak=None if self._key_log is None else self._key_log.write,
        )
        self.runner = PortRunner(self.pae, link, on_event=self._hear, on_failure=self._fail)
        self.pae.add_cak(self._cak, self._loop.time())
        self._is_attached = True

    def _detach(self) -> None:
        """End it: the controlled port closes and keys are wiped."""
        self._is_attached = False
        self.runner.stop()
        try:
            self.pae.close(self._loop.time())
            self.runner.drain()
        finally:
            self._attached.close()

    def _make_kay(self) -> Callable[[KayConfig, Sci, Rng], Kay] | None:
        if self.config.trace is None:
            return None
        name = self.config.interface if self._times == 1 else f"{self.config.interface}#{self._times}"
        write = self._tracer.for_port(name)
        return lambda config, sci, rng: TracedKay(config, sci, rng, write)

    # ---- running

    def start(self) -> None:
        """Begin; the port is enabled as soon as its interface has carrier."""
        self._say_about_the_host()
        self._follow(self._watch, self._changed)
        if self.common.is_to_be_watched:
            rules = RulesWatch()
            self._stack.callback(rules.close)
            self._follow(rules, self.common.ensure)
        self.runner.start()
        self._carrier()

    def _follow(self, watch: LinkWatch, act: Callable[[], None]) -> None:
        def changed() -> None:
            try:
                if watch.drain():
                    act()
            except PysecError as error:
                self._fail(error)

        self._loop.add_reader(watch.fileno(), changed)
        self._stack.callback(self._loop.remove_reader, watch.fileno())

    def _tell(self, name: str, reason: str) -> None:
        self._on_event(PortEvent(self._loop.time(), Source.PORT, name, reason))

    def _hear(self, event: PortEvent) -> None:
        """The controlled port has carrier while it is open (802.1AE-2018 10.7.5), so the host sees what it can do."""
        if event.source is Source.PORT and event.name in ("secured", "in-clear", "closed"):
            if event.name == "secured":
                self._fit_tap(len({sci for sci, _ in self.pae.status().receiving}))
            self._tap.carrier(event.name != "closed")
        self._on_event(event)

    def _say_about_the_host(self) -> None:
        found = self._interface.addresses()
        if found and self.common.is_guarded:
            words = f"of no use while the guard stands, give them to {self.config.controlled_name}"
        else:
            words = "by these the host goes round MACsec"
        if found:
            self._tell("warning", f"{self.config.interface} has {', '.join(found)}: {words}")

    def _changed(self) -> None:
        """Something about an interface has changed."""
        if not self._tap.interface.exists:
            self._fail(DriverError(f"interface {self._tap.name}: has gone"))
        elif not self._has_followed():
            if self._is_attached:
                self._lose()
            self._find_again()

    def _has_followed(self) -> bool:
        """Take over what has changed about the interface; False if it is no longer the one that the port is on."""
        if self._interface.index != self._index or not self._is_attached:
            return False
        try:
            self._follow_mtu()
            self._memberships.everything(self._tap.interface.promiscuity > 0)
            self._carrier()
        except PysecError:
            if self._interface.index == self._index:
                raise
            return False  # it went meanwhile
        return True

    def _lose(self) -> None:
        if self._is_attached:
            self._detach()
        else:  # while the port was being built on it
            self._attached.close()
        self.common.follow(self._index)
        name = self.config.interface
        self._tell("gone", f"interface {name} has gone: waiting for it, {self._tap.name} stays")

    def _find_again(self) -> None:
        """If the interface is back, begin anew. One that goes again meanwhile is waited for again."""
        self._index = self._interface.index
        if not self._index:
            return
        try:
            self._begin_anew()
        except PysecError:
            if self._interface.index == self._index:
                raise
            self._lose()

    def _begin_anew(self) -> None:
        """On an interface whose settings are those of a new one."""
        self._tell("back", f"interface {self.config.interface} is there again")
        self.common.renew()
        self._attach()
        self._fit_tap(0)
        self.runner.start()
        self._carrier()

    def _follow_mtu(self) -> None:
        mtu = self._interface.mtu
        if mtu == self._seen_mtu:
            return
        self._seen_mtu = mtu
        if mtu + 18 > self._longest:
            self._tell("warning", f"{self.config.interface} has MTU {mtu}: the port takes {self._longest - 18}")
            mtu = self._longest - 18
        self._mtu = mtu
        self.driver.secy.reconfigure(common_port_mtu=mtu)
        self._fit_tap(len({sci for sci, _ in self.pae.status().receiving}))

    def _carrier(self) -> None:
        carrier = self._interface.has_carrier
        if carrier != self.pae.cp.variables.port_enabled:
            self.pae.set_port_enabled(carrier, self.runner.now)
            self.runner.pump()

    def _fail(self, error: PysecError) -> None:
        if self.failure is None:
            self.failure = error
        self.ended.set()

    @property
    def common(self) -> CommonPort:
        """The common port's guard and settings."""
        assert self._common is not None
        return self._common

    @property
    def is_attached(self) -> bool:
        """Whether its interface is there, so that it has a SecY and key agreement."""
        return self._is_attached

    def status(self) -> PortStatus:
        """The port as it is."""
        return self.pae.status()

    def residence(self) -> PortResidence | None:
        """How long bursts have stayed in the port so far; None if it was not asked for."""
        if self._port is None or not self.config.residence_every:
            return None
        return self._past_residence + self._port.residence()

    @property
    def allowed_ns(self) -> int | None:
        """How long they may, by the interface's speed and MTU (802.1AE-2018 Table 10-3); None if it tells no speed."""
        mbit_s = self._interface.mbit_s
        return None if mbit_s is None else allowed_ns(mbit_s, self._mtu)

    def close(self, leave_closed: bool = False) -> None:
        """End it: the controlled port closes, keys are wiped, the TAP and every descriptor go, then the guard.

        After a failure the guard stays, for nothing has decided that the host may use the cable in clear; and so it
        does if leave_closed, for whoever takes over."""
        try:
            if self._is_attached:
                self._detach()
        finally:
            self.common.end(well=self.failure is None and not leave_closed)
            self._stack.close()
