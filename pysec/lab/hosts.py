"""Why this exists: the scenario is told once, whether its two hosts live in namespaces or in memory.

A `Lan` is two hosts, A and B, each behind a port of pysec, and a wire between them with a listener on it.
`NamespaceLan` takes the kernel's network stack for hosts and counts with the kernel's counters; `MemoryLan` needs no
privilege and makes the hosts' few frames itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import select
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from pysec.dataplane import SecY, SecYConfig
from pysec.dataplane.port import Port, disable_offloads, memory_link, open_packet, open_tap
from pysec.drivers import SoftwareDriver
from pysec.lab import packets
from pysec.lab.netns import NetNs
from pysec.lab.wiretap import ETH_P_ALL, SO_RCVBUFFORCE, CableTap, MemoryWire, WireLog, WirePlant
from pysec.runtime import SocketLink
from pysec.types import MacAddress, Sci

CABLE_MTU: Final = 1532  # SecTAG with SCI and ICV take 32 octets, so the hosts keep their 1500
HOST_MTU: Final = 1500
QUEUE_FRAMES: Final = 8192
BUFFER_OCTETS: Final = 32 << 20
TRAFFIC_PORT: Final = 4242
PING_WAIT_S: Final = 2.0
SO_ATTACH_FILTER: Final = 26
PACKET_OUTGOING: Final = 4


@dataclass(frozen=True, slots=True)
class HostCounts:
    """What a host's side says of its controlled port: the kernel's counters, or in memory the port's."""

    sent: int
    received: int
    own_business_sent: int  # of these: ARP and the like, that nobody asked for
    own_business_received: int
    dropped: int  # by the system, between host and port


@dataclass
class Host:
    """A host: its addresses, its data plane, the link that carries its MKPDUs, and the pings that it took part in."""

    name: str
    mac: MacAddress
    ipv4: str
    driver: SoftwareDriver
    link: SocketLink
    pings_sent: int = 0
    replies_sent: int = 0
    replies_received: int = 0

    @property
    def sci(self) -> Sci:
        """The SCI of its transmit SC."""
        return self.secy.sci

    @property
    def secy(self) -> SecY:
        """The SecY that works now."""
        return self.driver.secy

    @property
    def port(self) -> Port:
        """The port around it."""
        port = self.driver.port
        assert isinstance(port, Port)
        return port


class Wire(Protocol):
    """The wire and the listener on it."""

    log: WireLog

    def inject(self, frame: bytes) -> None:
        """Put a frame on the wire towards B."""

    def missed(self) -> int:
        """How many frames the listener missed."""


class Lan(Protocol):
    """Two hosts and a wire."""

    @property
    def mode(self) -> str:
        """namespaces or memory."""

    @property
    def a(self) -> Host:
        """The host that the numbered traffic comes from."""

    @property
    def b(self) -> Host:
        """The host that forged frames are meant for."""

    @property
    def wire(self) -> Wire:
        """What is between them."""

    def ping(self, origin: Host, number: int, text: bytes) -> float | None:
        """Send one echo request from a host to the other; how long the reply took in s, or None."""

    def counts(self, host: Host) -> HostCounts:
        """What went between a host and its port."""

    def arm(self) -> None:
        """The numbered traffic is about to begin."""

    def traffic_ends(self) -> tuple[socket.socket, socket.socket, bytes]:
        """A socket at A to send numbered messages with, one at B to read them from, and what stands before each."""


def _driver(
    stack: contextlib.ExitStack, mac: MacAddress, common: int, controlled: int
) -> tuple[SoftwareDriver, SocketLink]:
    """A data plane between two descriptors, its controlled port closed, and the link of its uncontrolled port."""
    ours, theirs = memory_link()
    stack.enter_context(theirs)
    link = SocketLink(ours)
    stack.callback(link.close)

    def open_port(secy: SecY) -> Port:
        port = Port(secy, common=common, controlled=controlled, uncontrolled=theirs.fileno())
        port.start()
        return port

    config = SecYConfig(always_include_sci=True, common_port_mtu=CABLE_MTU)
    return stack.enter_context(SoftwareDriver(Sci.of(mac, 1), config=config, open_port=open_port)), link


def _macs() -> tuple[MacAddress, MacAddress]:
    """Two locally administered addresses that differ in their last octet."""
    stem = bytes([0x02]) + secrets.token_bytes(4)
    return MacAddress(stem + b"\x0a"), MacAddress(stem + b"\x0b")


def settled(read: Callable[[], object], *, still_s: float = 0.1, at_most_s: float = 3.0) -> None:
    """Wait until what `read` gives has not changed for a while."""
    end = time.monotonic() + at_most_s
    last, since = read(), time.monotonic()
    while time.monotonic() - since < still_s and time.monotonic() < end:
        time.sleep(0.01)
        if (now := read()) != last:
            last, since = now, time.monotonic()


# ---- Namespaces ------------------------------------------------------------------------------------------------------


class _SockFprog(ctypes.Structure):
    _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_void_p))


class _OwnBusiness:
    """Counts what a host says beside IPv4 on an interface: ARP, and IPv6 where it cannot be switched off."""

    _PROGRAM = ((0x28, 0, 0, 12), (0x15, 0, 1, packets.ETHERTYPE_IPV4), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFF))

    def __init__(self, interface: str) -> None:
        code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *each) for each in self._PROGRAM))
        program = _SockFprog(len(self._PROGRAM), ctypes.addressof(code))
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, bytes(program))
        self._socket.bind((interface, ETH_P_ALL))
        self._sent = 0
        self._received = 0

    def counts(self) -> tuple[int, int]:
        """Frames sent and received so far."""
        with contextlib.suppress(BlockingIOError):
            while True:
                _, address = self._socket.recvfrom(64, socket.MSG_DONTWAIT)
                if address[2] == PACKET_OUTGOING:
                    self._sent += 1
                else:
                    self._received += 1
        return self._sent, self._received

    def close(self) -> None:
        """Stop counting."""
        self._socket.close()


@dataclass
class _Place:
    """What belongs to one host's namespace."""

    namespace: NetNs
    icmp: socket.socket
    own_business: _OwnBusiness
    identifier: int = field(default_factory=lambda: secrets.randbelow(65536))


class NamespaceLan:
    """Two network namespaces, a veth between them, in each a TAP interface for the host and a port of pysec."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        """Build it; whatever is made is handed to `stack` at once, which takes it down in the opposite order."""
        self.mode = "namespaces"
        first, second = stack.enter_context(NetNs()), stack.enter_context(NetNs())
        for namespace in (first, second):
            namespace.quieten()
        first.rtnl.add_veth("cable", "cable", second)
        mac_a, mac_b = _macs()
        self.a, place_a = self._host(stack, first, "A", mac_a, "10.20.30.1")
        self.b, place_b = self._host(stack, second, "B", mac_b, "10.20.30.2")
        for namespace in (first, second):
            namespace.rtnl.wait_ready("cable")
        self._places = {"A": place_a, "B": place_b}
        self.wire = CableTap(first, "cable")
        stack.callback(self.wire.close)
        self._stack = stack

    @staticmethod
    def _host(
        stack: contextlib.ExitStack, namespace: NetNs, name: str, mac: MacAddress, ipv4: str
    ) -> tuple[Host, _Place]:
        rtnl = namespace.rtnl
        rtnl.set_up("cable", mac=mac, mtu=CABLE_MTU)
        with namespace.inside():
            disable_offloads("cable")
            common = open_packet("cable", BUFFER_OCTETS)
            stack.callback(os.close, common)
            controlled, _ = open_tap("secure")
            stack.callback(os.close, controlled)
            icmp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
        rtnl.set_up("secure", mac=mac, mtu=HOST_MTU, queue_frames=QUEUE_FRAMES)
        with namespace.inside():
            own_business = _OwnBusiness("secure")
            stack.callback(own_business.close)
        rtnl.add_ipv4("secure", ipv4, 24)
        driver, link = _driver(stack, mac, common, controlled)
        return Host(name, mac, ipv4, driver, link), _Place(namespace, icmp, own_business)

    def ping(self, origin: Host, number: int, text: bytes) -> float | None:
        """An echo by a raw socket of the origin's namespace; the other host's kernel answers."""
        target, place = (self.b if origin is self.a else self.a), self._places[origin.name]
        begin = time.monotonic()
        place.icmp.sendto(packets.echo(packets.ICMP_ECHO_REQUEST, place.identifier, number, text), (target.ipv4, 0))
        origin.pings_sent += 1
        want = packets.Echo(packets.ICMP_ECHO_REPLY, place.identifier, number, text)
        while (left := begin + PING_WAIT_S - time.monotonic()) > 0:
            if not select.select([place.icmp], [], [], left)[0]:
                break
            if packets.read_echo(place.icmp.recv(65536)) == want:
                target.replies_sent += 1
                origin.replies_received += 1
                return time.monotonic() - begin
        return None

    def counts(self, host: Host) -> HostCounts:
        """The kernel's counters of the TAP interface."""
        place = self._places[host.name]
        facts = place.namespace.rtnl.facts("secure")
        sent, received = place.own_business.counts()
        return HostCounts(facts.sent, facts.received, sent, received, facts.sent_dropped + facts.received_dropped)

    def arm(self) -> None:
        """Nothing misbehaves here."""

    def traffic_ends(self) -> tuple[socket.socket, socket.socket, bytes]:
        """UDP over the protected link."""
        with self._places["B"].namespace.inside():
            receiver = self._stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_OCTETS)
            receiver.bind((self.b.ipv4, TRAFFIC_PORT))
        with self._places["A"].namespace.inside():
            sender = self._stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            sender.connect((self.b.ipv4, TRAFFIC_PORT))
        return sender, receiver, b""


# ---- Memory ----------------------------------------------------------------------------------------------------------


class MemoryLan:
    """Two ports of pysec over local sockets, and a wire that is a thread; the hosts are this object."""

    def __init__(self, stack: contextlib.ExitStack, plant: WirePlant | None = None) -> None:
        """Build it; whatever is made is handed to `stack` at once, which takes it down in the opposite order."""
        self.mode = "memory"
        mac_a, mac_b = _macs()
        self._sockets: dict[str, socket.socket] = {}
        self.a, wire_a = self._host(stack, "A", mac_a, "10.20.30.1")
        self.b, wire_b = self._host(stack, "B", mac_b, "10.20.30.2")
        self.wire = MemoryWire(wire_a, wire_b, plant)
        stack.callback(self.wire.close)

    def _host(self, stack: contextlib.ExitStack, name: str, mac: MacAddress, ipv4: str) -> tuple[Host, socket.socket]:
        wire_end, common = memory_link()
        host_end, controlled = memory_link()
        for end in (wire_end, common, host_end, controlled):
            stack.enter_context(end)
        self._sockets[name] = host_end
        driver, link = _driver(stack, mac, common.fileno(), controlled.fileno())
        return Host(name, mac, ipv4, driver, link), wire_end

    def ping(self, origin: Host, number: int, text: bytes) -> float | None:
        """An echo made here, and answered here at the other end."""
        target = self.b if origin is self.a else self.a
        request = packets.echo(packets.ICMP_ECHO_REQUEST, 1, number, text)
        begin = time.monotonic()
        self._sockets[origin.name].send(self._frame(target, origin, request))
        origin.pings_sent += 1
        if self._wait_for_echo(target, packets.Echo(packets.ICMP_ECHO_REQUEST, 1, number, text)) is None:
            return None
        reply = packets.echo(packets.ICMP_ECHO_REPLY, 1, number, text)
        self._sockets[target.name].send(self._frame(origin, target, reply))
        target.replies_sent += 1
        if self._wait_for_echo(origin, packets.Echo(packets.ICMP_ECHO_REPLY, 1, number, text)) is None:
            return None
        origin.replies_received += 1
        return time.monotonic() - begin

    @staticmethod
    def _frame(to: Host, source: Host, message: bytes) -> bytes:
        packet = packets.ipv4(to.ipv4, source.ipv4, socket.IPPROTO_ICMP, message)
        return packets.ethernet(to.mac, source.mac, packets.ETHERTYPE_IPV4, packet)

    def _wait_for_echo(self, host: Host, want: packets.Echo) -> packets.Echo | None:
        sock = self._sockets[host.name]
        end = time.monotonic() + PING_WAIT_S
        while (left := end - time.monotonic()) > 0:
            if not select.select([sock], [], [], left)[0]:
                break
            if packets.read_echo(sock.recv(65536)[14:]) == want:
                return want
        return None

    def counts(self, host: Host) -> HostCounts:
        """What the port read from its host and delivered to it: in memory there is nobody between who counts."""
        stats = host.port.stats()
        sent = stats.transmit.frames_in - stats.transmit.from_uncontrolled
        return HostCounts(sent, stats.receive.frames_out, 0, 0, 0)

    def arm(self) -> None:
        """The wire may begin to misbehave, if it is to."""
        self.wire.arm()

    def traffic_ends(self) -> tuple[socket.socket, socket.socket, bytes]:
        """Ethernet frames of the EtherType for experiments."""
        header = packets.ethernet(self.b.mac, self.a.mac, packets.ETHERTYPE_EXPERIMENT, b"")
        return self._sockets["A"], self._sockets["B"], header
