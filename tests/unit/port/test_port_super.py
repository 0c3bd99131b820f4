"""A TAP interface with super-frames: what the kernel hands over is cut as the model says, what comes is merged, and two
hosts speak TCP across it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from pysec import Ki, MacAddress, SecY
from pysec.dataplane.port import Port, disable_offloads, memory_link, open_tap
from pysec.lab.netns import NetNs
from tests.model.segments import ACK, CWR, FIN, PSH, UDP, Flow, VnetHeader
from tests.unit.port.joined import MAC_A, MAC_B, counted, eventually, frame, read, secy_pair, waiting

pytestmark = pytest.mark.root
SOL_PACKET, PACKET_VNET_HDR = 263, 15
SO_RCVBUFFORCE = 33
NATIVE = "=BBHHHH"
DATA = random.Random(1).randbytes(20_000)
FLOWS = {
    "TCP over IPv4": Flow(),
    "TCP over IPv4 in a VLAN": Flow(vlans=bytes.fromhex("81000064")),
    "TCP over IPv6": Flow(version=6),
    "UDP over IPv4": Flow(protocol=UDP),
    "UDP over IPv6": Flow(version=6, protocol=UDP),
}


@dataclass
class Tapped:
    """A port with its TAP interface `secure`, a packet socket beside the host at it, and the wire's other end."""

    namespace: NetNs
    port: Port
    peer: SecY  # at the other end of the wire
    host: socket.socket
    wire: socket.socket

    def give(self, header: VnetHeader, octets: bytes) -> None:
        """Have the interface hand over a super-frame."""
        fields = (header.flags, header.gso_type, header.hdr_len, header.gso_size, header.csum_start, header.csum_offset)
        self.host.send(struct.pack(NATIVE, *fields) + octets)

    def taken(self) -> tuple[VnetHeader, bytes]:
        """The next frame or super-frame that the host got."""
        octets = read(self.host)
        return VnetHeader(*struct.unpack_from(NATIVE, octets)), octets[10:]

    def sent(self) -> bytes:
        """The next frame on the wire, as its peer takes it."""
        return self.peer.validate_frame(read(self.wire))[1]


@contextlib.contextmanager
def tapped(*, start: bool = True, buffer_octets: int = 8 << 20, **options: int) -> Iterator[Tapped]:
    """A namespace in which nobody answers."""
    with contextlib.ExitStack() as stack:
        namespace = stack.enter_context(NetNs())
        namespace.quieten()
        secy, peer = (stack.enter_context(each) for each in secy_pair())
        with namespace.inside():
            tap, name = open_tap("secure")
        namespace.rtnl.set_up(name, mac=MacAddress(MAC_A), mtu=9000)
        with namespace.inside():
            host = stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
            host.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
            host.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
            host.bind((name, 3))
            host.setsockopt(SOL_PACKET, 23, 1)  # PACKET_IGNORE_OUTGOING
        wire, inner = (stack.enter_context(end) for end in memory_link(buffer_octets))
        port = stack.enter_context(Port(secy, common=inner.fileno(), controlled=tap, **options))
        os.close(tap)
        if start:
            port.start()
        yield Tapped(namespace, port, peer, host, wire)


@pytest.mark.parametrize("name", FLOWS)
def test_what_the_host_hands_over_is_cut(name: str) -> None:
    flow = FLOWS[name]
    every = [ACK | PSH | FIN, ACK | CWR] if flow.protocol != UDP else [0]
    with tapped() as lan:
        frames = octets = 0
        for flags in every:
            try:
                lan.give(*flow.super_frame(DATA, 1448, sequence=77, flags=flags, identification=9))
            except OSError:
                pytest.skip("this kernel does not know this kind of super-frame")
            want = flow.segments(DATA, 1448, sequence=77, flags=flags, identification=9)
            assert [lan.sent() for _ in want] == want
            frames, octets = frames + len(want), octets + sum(map(len, want))
        wanted = {"frames_in": frames, "frames_out": frames, "octets_in": octets, "super_frames": len(every)}
        counted(lambda: lan.port.stats().transmit, checksums=0, malformed=0, **wanted)


@pytest.mark.parametrize("burst", [1, 3, 64])
def test_a_super_frame_longer_than_a_burst(burst: int) -> None:
    """Packet numbers rise all the same: the peer's window is 0."""
    with tapped(burst=burst) as lan:
        want = []
        for number in range(4):
            where = {"sequence": number * 20_000, "identification": number}
            lan.give(*Flow().super_frame(DATA, 100, **where))
            lan.host.send(bytes(10) + frame(number))
            want += [*Flow().segments(DATA, 100, **where), frame(number)]
        assert [lan.sent() for _ in want] == want
        counted(lambda: lan.port.stats().transmit, frames_in=len(want), frames_out=len(want), super_frames=4)


def test_a_checksum_is_finished_and_a_frame_stays() -> None:
    with tapped() as lan:
        flow = Flow(protocol=UDP)
        lan.give(VnetHeader(1, csum_start=flow.transport, csum_offset=6), flow.frame(DATA[:999], partial=True))
        lan.give(VnetHeader(), frame(1, 2000))
        lan.give(VnetHeader(), frame(2, 2001))
        lan.give(VnetHeader(), frame(3, 60))
        assert [lan.sent() for _ in range(3)] == [flow.frame(DATA[:999]), frame(1, 2000), frame(3, 60)]
        counted(lambda: lan.port.stats().transmit, frames_in=4, frames_out=3, too_long=1, checksums=1, super_frames=0)


def test_what_cannot_be_cut_is_counted_and_dropped() -> None:
    with tapped() as lan:
        header, octets = Flow().super_frame(DATA, 1448)
        lan.give(header, octets[:17] + b"\x01" + octets[18:])  # the length that IP gives
        lan.give(*Flow().super_frame(DATA, 4000))
        lan.give(VnetHeader(), frame(3))
        assert lan.sent() == frame(3)
        counted(lambda: lan.port.stats().transmit, frames_in=7, malformed=1, too_long=5, frames_out=1, super_frames=0)


def test_a_port_that_stops_accounts_for_a_super_frame_half_cut() -> None:
    with tapped(burst=2, buffer_octets=4608) as lan:
        lan.give(*Flow().super_frame(DATA, 1448))
        assert eventually(lambda: lan.port.stats().transmit.waits > 0)
        lan.port.stop()
        stats = lan.port.stats().transmit
        assert (stats.frames_in, stats.unaccounted) == (14, 0)
        assert 0 < stats.frames_out < 13
        assert stats.unsent == 14 - stats.frames_out
        assert stats.octets_in == sum(map(len, Flow().segments(DATA, 1448)))
        sent = [lan.sent() for _ in range(stats.frames_out)]
        assert sent == Flow().segments(DATA, 1448)[: len(sent)]
        assert not waiting(lan.wire)
        lan.port.start()
        lan.give(VnetHeader(), frame(1))
        assert lan.sent() == frame(1)


@pytest.mark.parametrize("name", [name for name, flow in FLOWS.items() if flow.protocol != UDP])
def test_what_comes_is_merged(name: str) -> None:
    flow = FLOWS[name]
    with tapped(start=False) as lan:
        frames = flow.segments(DATA, 1448, sequence=77, flags=ACK | PSH, identification=9)
        for each in (frame(1), *frames, frame(2)):
            lan.wire.send(lan.peer.protect_frame(each))
        lan.port.start()
        assert lan.taken() == (VnetHeader(), frame(1))
        header, octets = flow.super_frame(DATA, 1448, sequence=77, flags=ACK | PSH, identification=9)
        got = lan.taken()
        if flow.vlans:  # the kernel has taken the tag out
            assert got[1] == octets[:12] + octets[16:]
        else:
            # How the kernel lays it out in memory decides hdr_len.
            assert got[0].hdr_len >= header.hdr_len
            assert (got[0].gso_type, got[0].gso_size, got[1]) == (header.gso_type, header.gso_size, octets)
        assert lan.taken() == (VnetHeader(), frame(2))
        length = sum(map(len, frames)) + 200
        counted(lambda: lan.port.stats().receive, frames_in=16, frames_out=16, octets_out=length, super_frames=1)


def test_a_super_frame_that_the_host_does_not_take_is_counted_frame_by_frame() -> None:
    with tapped(start=False) as lan:
        for each in Flow().segments(DATA, 1448):
            lan.wire.send(lan.peer.protect_frame(each))
        switch_off(lan.namespace)
        lan.port.start()
        counted(lambda: lan.port.stats().receive, frames_in=14, failed=14, frames_out=0, super_frames=1)


def switch_off(namespace: NetNs) -> None:
    """Take the interface down."""
    with namespace.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, 0x8914, struct.pack("16sH22x", b"secure", 0))


# ---- Two hosts -------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def hosts(super_a: bool = True, super_b: bool = True) -> Iterator[tuple[NetNs, NetNs, Port, Port]]:
    """Two hosts with a TAP interface and a port each, and a wire in memory that loses nothing."""
    with contextlib.ExitStack() as stack:
        secys = [stack.enter_context(each) for each in secy_pair()]
        ends = [stack.enter_context(end) for end in memory_link(8 << 20)]
        found = []
        kinds = (super_a, super_b)
        for number, (secy, end, mac, kind) in enumerate(zip(secys, ends, (MAC_A, MAC_B), kinds, strict=True), 1):
            namespace = stack.enter_context(NetNs())
            with namespace.inside():
                tap, name = open_tap("secure", super_frames=kind)
                if not kind:
                    disable_offloads(name)
            namespace.rtnl.set_up(name, mac=MacAddress(mac), mtu=1500, queue_frames=4096)
            namespace.rtnl.add_ipv4(name, f"10.20.30.{number}", 24)
            port = stack.enter_context(Port(secy, common=end.fileno(), controlled=tap))
            os.close(tap)
            port.start()
            found.append((namespace, port))
        (a, port_a), (b, port_b) = found
        yield a, b, port_a, port_b


def transfer(source: NetNs, sink: NetNs, address: str, octets: int) -> bool:
    """Octets by TCP; whether they came as they were sent."""
    data = random.Random(octets).randbytes(octets)
    got = bytearray()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with sink.inside():
        listener = socket.socket(family)
        listener.bind(("", 5201))
        listener.listen()
    listener.settimeout(20)
    with source.inside():
        scope = socket.if_nametoindex("secure")
        sender = socket.socket(family)

    def send() -> None:
        with sender:
            sender.connect((address, 5201, 0, scope) if family == socket.AF_INET6 else (address, 5201))
            sender.sendall(data)

    with listener:
        thread = threading.Thread(target=send)
        thread.start()
        with contextlib.suppress(TimeoutError):
            taker, _ = listener.accept()
            with taker:
                taker.settimeout(20)
                while piece := taker.recv(1 << 20):
                    got += piece
        thread.join()
    return bytes(got) == data


def tcp_errors(namespace: NetNs) -> dict[str, int]:
    """What the host's TCP found wrong. (It may send again what is only late.)"""
    with namespace.inside(), open("/proc/thread-self/net/snmp", encoding="ascii") as file:
        names, values = (line.split()[1:] for line in file if line.startswith("Tcp:"))
    found = dict(zip(names, map(int, values), strict=True))
    return {name: found[name] for name in ("InErrs", "InCsumErrors")}


def all_arrived(port_a: Port, port_b: Port) -> None:
    """Whatever one port sent, the other delivered, but for what the system lost before it could be read. Its SecY, with
    a window of 0, takes nothing out of order."""
    for source, sink in ((port_a, port_b), (port_b, port_a)):
        counted(lambda source=source: source.stats().transmit, malformed=0, too_long=0, refused=0)
        assert eventually(lambda source=source, sink=sink: balance(source, sink) == (0, 0)), balance(source, sink)


def balance(source: Port, sink: Port) -> tuple[int, int]:
    """Frames on their way, and frames read and not delivered. The hosts may speak on while we look."""
    sent, got = source.stats().transmit.frames_out, sink.stats().receive
    return sent - got.frames_in - got.overruns, got.frames_in - got.frames_out


@pytest.mark.parametrize("kinds", [(True, True), (True, False), (False, True)], ids=str)
def test_two_hosts_speak_tcp(kinds: tuple[bool, bool]) -> None:
    """A host that takes plain frames looks at every checksum that was finished here, and one that gives plain frames
    made every checksum that is verified here."""
    with hosts(*kinds) as (a, b, port_a, port_b):
        assert transfer(a, b, "10.20.30.2", 5_000_003)
        assert transfer(b, a, "10.20.30.1", 3_000_001)
        for namespace in (a, b):
            assert tcp_errors(namespace) == {"InErrs": 0, "InCsumErrors": 0}
        all_arrived(port_a, port_b)
        for kind, port in zip(kinds, (port_a, port_b), strict=True):
            stats = port.stats()
            assert (stats.transmit.super_frames > 0) == kind
            assert (stats.receive.super_frames > 0) == kind


def test_two_hosts_speak_tcp_over_ipv6() -> None:
    with hosts() as (a, b, port_a, port_b):
        # fe80::/64 with the interface's identifier (RFC 4291 2.5.6, appendix A).
        address = "fe80::ff:fe00:bb"
        assert eventually(lambda: _has_ipv6(b) and _has_ipv6(a))
        assert transfer(a, b, address, 3_000_001)
        assert port_a.stats().transmit.super_frames > 0
        assert port_b.stats().receive.super_frames > 0


def _has_ipv6(namespace: NetNs) -> bool:
    """Whether the link-local address is there, and no longer tentative (flag 40)."""
    with namespace.inside():
        with contextlib.suppress(OSError), open("/proc/thread-self/net/if_inet6", encoding="ascii") as file:
            return any("secure" in line and int(line.split()[4], 16) & 0x40 == 0 for line in file)
        pytest.skip("no IPv6 here")


def test_the_port_switches_offloads_on_and_they_can_be_switched_off() -> None:
    with hosts() as (a, b, port_a, _):
        with a.inside():
            disable_offloads("secure")
        before = port_a.stats().transmit.super_frames
        assert transfer(a, b, "10.20.30.2", 1_000_000)
        assert port_a.stats().transmit.super_frames == before


def roll(sender: SecY, receiver: SecY, generation: int) -> Ki:
    """A new SAK in one direction: first where it is received."""
    ki, sak, an = Ki(b"roll" + generation.to_bytes(12, "big")), generation.to_bytes(16, "big"), generation % 4
    for each in (receiver, sender):
        each.install_sak(ki, sak)
    receiver.create_receive_sa(sender.sci, an, ki)
    receiver.enable_receive(sender.sci, ki)
    sender.create_transmit_sa(an, ki)
    sender.enable_transmit(ki)
    return ki


class Rolling(threading.Thread):
    """New SAKs from A to B, as fast as old frames arrive, for as long as the block lasts."""

    def __init__(self, sender: Port, receiver: Port) -> None:
        super().__init__()
        self.num = 0
        self._sender, self._receiver = sender, receiver
        self._done = threading.Event()

    def run(self) -> None:
        """Roll; a SAK is retired when the last frame under it has arrived."""
        old: Ki | None = None
        while not self._done.wait(0.002):
            self.num += 1
            ki = roll(self._sender.secy, self._receiver.secy, self.num)
            read_so_far = self._sender.stats().transmit.frames_in  # none that is read later has the old SAK
            if not eventually(lambda mark=read_so_far: self._receiver.stats().receive.frames_out >= mark):
                return  # what is missing shows in the counters
            if old is not None:
                for each in (self._receiver.secy, self._sender.secy):
                    each.retire(old)
            old = ki

    def __enter__(self) -> Rolling:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join()


def test_keys_roll_under_tcp_and_no_frame_is_lost_or_overtaken() -> None:
    with hosts() as (a, b, port_a, port_b):
        with Rolling(port_a, port_b) as rolling:
            assert transfer(a, b, "10.20.30.2", 20_000_000)
        assert rolling.num > 5
        all_arrived(port_a, port_b)


def test_canary_a_key_that_comes_too_late_is_seen() -> None:
    with hosts() as (a, b, port_a, port_b):
        ki = Ki(bytes(15) + b"\x77")
        for each in (port_a.secy, port_b.secy):
            each.install_sak(ki, bytes(16))
        port_a.secy.create_transmit_sa(1, ki)
        port_a.secy.enable_transmit(ki)
        port_b.secy.create_receive_sa(port_a.secy.sci, 1, ki)
        enabling = threading.Timer(0.3, lambda: port_b.secy.enable_receive(port_a.secy.sci, ki))
        enabling.start()
        assert transfer(a, b, "10.20.30.2", 100_000)
        enabling.join()
        assert port_b.stats().receive.refused > 0
        assert port_b.stats().receive.frames_out < port_a.stats().transmit.frames_out
