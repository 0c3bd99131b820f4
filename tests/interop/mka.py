"""Why this exists: our end of a link with MKA: the whole of a port, from the KaY to the SecY, on a segment.

The engines are those of the product, and so are SecY and port; only the loop around them is the test's, so that a test
can look into them while they run. `pysec up`, which has a loop of its own, is tried in test_up.py.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Callable

from pysec import Sci, SecY, SecYConfig
from pysec.dataplane.port import Port, disable_offloads, open_packet, open_tap
from pysec.drivers.software import SoftwareDriver
from pysec.lab import packets
from pysec.lab.hosts import settled
from pysec.mka.config import KayConfig
from pysec.mka.keys import Cak
from pysec.pae import PaeConfig, PortAccessEntity, PortEvent, PortStatus
from pysec.secret import Secret
from pysec.types import Ckn, MacAddress
from pysec.wire import eapol, mkpdu
from tests.interop.guest import Guest
from tests.interop.kernel import KernelCounters
from tests.interop.segment import GUEST_MAC, LAN_MTU, OUR_IPV4, OUR_MAC, Segment
from tests.interop.station import HOST_MTU
from tests.interop.supplicant import SharedKey, Supplicant
from tests.interop.traffic import check_traffic

PACKET_OUTGOING = 4
PATIENCE_S = 45.0


def until(condition: Callable[[], bool], seconds: float = PATIENCE_S) -> bool:
    """Whether it comes true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def _random(octets: int) -> bytes:
    return os.urandom(octets)


class MkaStation:
    """A port of pysec on a segment, with a thread that drives it."""

    driver_type: type[SoftwareDriver] = SoftwareDriver

    def __init__(
        self,
        stack: contextlib.ExitStack,
        segment: Segment,
        key: SharedKey,
        kay: KayConfig | None = None,
        *,
        port: int = 1,
    ) -> None:
        """Bring it up; `stack` takes it down."""
        self._segment = segment
        self.key = key
        self.events: list[PortEvent] = []
        self.failed: BaseException | None = None
        self._lock = threading.Lock()
        self._controlled = self._open_controlled(stack)
        self._eapol = self._open_eapol(stack)
        sci = Sci.of(OUR_MAC, port)
        secy = SecYConfig(always_include_sci=True, common_port_mtu=LAN_MTU)
        self.driver = stack.enter_context(self.driver_type(sci, config=secy, open_port=self._open_port))
        now = time.monotonic()
        self.entity = PortAccessEntity(PaeConfig(kay=kay or KayConfig()), sci, self.driver, _random, now)
        self.entity.add_cak(Cak(Secret(key.cak), Ckn(key.ckn)), now)
        self.entity.set_port_enabled(True, now)
        self._wake, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        stack.callback(self.close)

    def _open_controlled(self, stack: contextlib.ExitStack) -> int:
        with self._segment.namespace.inside():
            controlled, _ = open_tap("secure")
            stack.callback(os.close, controlled)
            disable_offloads("secure")
        rtnl = self._segment.namespace.rtnl
        rtnl.set_up("secure", mac=OUR_MAC, mtu=HOST_MTU)
        rtnl.add_ipv4("secure", OUR_IPV4, 24)
        return controlled

    def _open_eapol(self, stack: contextlib.ExitStack) -> socket.socket:
        with self._segment.namespace.inside():
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(eapol.ETHERTYPE))
        stack.callback(sock.close)
        sock.bind(("lan", eapol.ETHERTYPE))
        sock.setblocking(False)
        return sock

    def _open_port(self, secy: SecY) -> Port:
        with self._segment.namespace.inside():
            common = open_packet("lan", 4 << 20)
        try:
            port = Port(secy, common=common, controlled=self._controlled)
        finally:
            os.close(common)
        port.start()
        return port

    def _run(self) -> None:
        try:
            while self._turn():
                pass
        except BaseException as error:
            self.failed = error
            raise

    def _turn(self) -> bool:
        """Send what is due, wait for a frame or the time, take it in; False when it is to end."""
        with self._lock:
            for frame in self.entity.frames_to_send(time.monotonic()):
                self._eapol.send(frame)
            self._drain()
            due = self.entity.next_timer()
        wait = None if due is None else max(0.0, due - time.monotonic())
        ready, _, _ = select.select([self._eapol.fileno(), self._wake], [], [], wait)
        if self._wake in ready:
            return False
        with self._lock:
            with contextlib.suppress(BlockingIOError):
                while True:
                    frame, address = self._eapol.recvfrom(2048)
                    if address[2] != PACKET_OUTGOING:
                        self.entity.receive(frame, time.monotonic())
            self.entity.handle_timer(time.monotonic())
            self._drain()
        return True

    def _drain(self) -> None:
        while (event := self.entity.next_event()) is not None:
            self.events.append(event)

    def status(self) -> PortStatus:
        """The port as it is; an exception of its thread comes up here."""
        if self.failed is not None:
            raise AssertionError("the port's thread has failed") from self.failed
        with self._lock:
            return self.entity.status()

    def request_sak(self) -> None:
        """Ask for a new SAK; the loop looks again at its next timer, a hello at the latest."""
        with self._lock:
            self.entity.request_sak("asked for by a test", time.monotonic())
            self._drain()

    def reasons(self) -> str:
        """All that it has said, one event a line."""
        begun = self.events[0].at
        return "\n".join(f"{event.at - begun:8.3f} {event}" for event in self.events)

    def names(self) -> list[str]:
        """The names of the events so far."""
        return [event.name for event in self.events]

    def counters(self) -> dict[str, int]:
        """What our SecY counts, by the kernel's names."""
        return self.driver.counters().as_kernel_dict()

    def close(self) -> None:
        """End it as an administrator does; again, nothing."""
        if self._thread.is_alive() or self._wake >= 0:
            os.write(self._stop, b"x")
            self._thread.join()
            os.close(self._wake)
            os.close(self._stop)
            self._wake = -1
            with self._lock:
                self.entity.close(time.monotonic())
                self._drain()


def wait_secured(station: MkaStation, *supplicants: Supplicant, seconds: float = PATIENCE_S) -> str:
    """Wait until all are secured with one SAK, which each sends with and receives with from all others; its KI.

    AssertionError, with what each of them says, if that does not come about.
    """
    station_sci = station.entity.sci.octets.hex()

    def agreed() -> bool:
        status = station.status()
        if not status.secured or status.ki is None or len(status.receiving) < len(supplicants):
            return False
        ki = status.ki.octets.hex()
        if {each.octets.hex() for _, each in status.receiving} != {ki}:
            return False
        for sas in (supplicant.sas() for supplicant in supplicants):
            received_from = {sci for (sci, _), each in sas.receive.items() if each == ki}
            if sas.encoding_ki != ki or station_sci not in received_from or len(received_from) < len(supplicants):
                return False
        return True

    if not until(agreed, seconds):
        said = "\n".join(str(supplicant.sas()) for supplicant in supplicants)
        raise AssertionError(f"no common SAK\n{station.status()}\n{station.reasons()}\n{said}")
    ki = station.status().ki
    assert ki is not None
    return ki.octets.hex()


def never_secured(station: MkaStation, *supplicants: Supplicant, seconds: float = 10.0) -> None:
    """Wait, and have seen neither a port of ours that opened nor an SA of theirs (AssertionError)."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        status = station.status()
        assert not status.secured
        assert not status.open
        time.sleep(0.2)
    for supplicant in supplicants:
        assert supplicant.sas().receive == {}
    assert station.driver.counters().total_out == 0 or station.counters()["OutPktsEncrypted"] == 0


def check_mkpdus(frames: list[bytes], *keys: SharedKey) -> None:
    """Every MKPDU on the wire, ours and theirs, decodes strictly and has a good ICV (AssertionError)."""
    caks = {key.ckn: Cak(Secret(key.cak), Ckn(key.ckn)) for key in keys}
    assert frames
    for frame in frames:
        outer = eapol.parse(frame)
        found = mkpdu.peek(outer.body)
        cak = caks[found.ckn.octets]
        cak.verify_icv(outer.header + found.covered, found.icv)
        mkpdu.decode(outer.body, cak_octets=cak.octets)
        assert len(frame) == 18 + len(outer.body) or len(frame) == 60, "octets behind the ICV"


def check_counters(station: MkaStation, guest: Guest) -> None:
    """Each side has accepted all that the other sent."""
    settled(station.counters, still_s=0.3)
    theirs, ours = KernelCounters.read(guest), station.counters()
    # EAPOL frames have no SecTAG; the kernel counts them as it passes them up.
    assert {name: n for name, n in theirs.refused.items() if name != "InPktsNoTag"} == {}
    assert ours["InPktsOK"] == theirs.own["OutPktsEncrypted"] + theirs.own["OutPktsProtected"] > 100
    assert theirs.receive["InPktsOK"] == ours["OutPktsEncrypted"] + ours["OutPktsProtected"] > 100
    for name in ("InPktsNoTag", "InPktsBadTag", "InPktsNotValid", "InPktsLate", "InPktsUnknownSCI", "InPktsUnusedSA"):
        assert ours[name] == 0, name


def check_wire(frames: list[bytes], *, encrypted: bool, sources: tuple[MacAddress, ...]) -> None:
    """The frames of these ends are as agreed, and their packet numbers rise by one."""
    for source in sources:
        read = [packets.ProtectedFrame.read(frame) for frame in frames if frame[6:12] == source.octets]
        assert len(read) > 100
        assert {(f.encrypted, f.changed) for f in read} == {(encrypted, encrypted)}
        assert [f.pn for f in read] == list(range(1, len(read) + 1))


def check_link(
    segment: Segment,
    guest: Guest,
    supplicant: Supplicant,
    kay: KayConfig,
    *,
    we_serve: bool,
    port: int = 1,
    guest_mac: MacAddress = GUEST_MAC,
) -> MkaStation:
    """Bring a link up between us and a supplicant, use it, and compare what both say of it (AssertionError)."""
    with contextlib.ExitStack() as stack, segment.recording() as recording:
        supplicant.start()
        station = MkaStation(stack, segment, supplicant.key, kay, port=port)
        wait_secured(station, supplicant)
        check_traffic(segment, guest)
        assert station.status().is_key_server == we_serve, station.reasons()
        check_counters(station, guest)
        protected = recording.of(packets.ETHERTYPE_MACSEC)
        check_wire(protected, encrypted=not supplicant.integrity_only, sources=(OUR_MAC, guest_mac))
        assert [frame for frame in recording.in_clear() if frame[6:12] == OUR_MAC.octets] == []
        check_mkpdus(recording.of(eapol.ETHERTYPE), supplicant.key)
    return station
