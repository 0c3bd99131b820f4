"""A port on the kernel's interfaces: packet sockets on a veth, TAP, and what the kernel does to frames on the way."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pysec import DriverError, MacAddress, SecY, SecYConfig, UsageError, Verdict
from pysec.dataplane.port import Port, disable_offloads, memory_link, open_packet, open_tap
from pysec.lab.netns import NetNs
from tests.unit.port.joined import MAC_A, MAC_B, counted, eventually, frame, read, secy_pair, waiting

pytestmark = pytest.mark.root
CABLE_MTU = 1532


@dataclass
class Cabled:
    """Port B on its end of a veth, its host in memory; at the other end of the cable a bare socket of A."""

    a: NetNs
    b: NetNs
    secy_a: SecY
    secy_b: SecY
    port: Port
    host: socket.socket
    at_a: socket.socket


@contextlib.contextmanager
def cabled(config: SecYConfig | None = None, buffer_octets: int = 0, start: bool = True) -> Iterator[Cabled]:
    """A veth with a port at one end."""
    with contextlib.ExitStack() as stack:
        a, b = stack.enter_context(NetNs()), stack.enter_context(NetNs())
        a.quieten()
        b.quieten()
        a.rtnl.add_veth("cable", "cable", b)
        a.rtnl.set_up("cable", mac=MacAddress(MAC_A), mtu=CABLE_MTU)
        b.rtnl.set_up("cable", mac=MacAddress(MAC_B), mtu=CABLE_MTU)
        for each in (a, b):
            each.rtnl.wait_ready("cable")
        with a.inside():
            at_a = stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
            at_a.bind(("cable", 0x88E5))
        with b.inside():
            common = open_packet("cable", buffer_octets)
            stack.callback(os.close, common)
        host, inner = (stack.enter_context(end) for end in memory_link())
        secy_a, secy_b = (stack.enter_context(secy) for secy in secy_pair(config))
        port = stack.enter_context(Port(secy_b, common=common, controlled=inner.fileno()))
        if start:
            port.start()
        yield Cabled(a, b, secy_a, secy_b, port, host, at_a)


def test_frames_from_the_cable_and_to_it() -> None:
    with cabled() as lan:
        for i in range(100):
            lan.at_a.send(lan.secy_a.protect_frame(frame(i)))
        assert [read(lan.host) for _ in range(100)] == [frame(i) for i in range(100)]
        back = [MAC_A + MAC_B + frame(i)[12:] for i in range(100)]
        for each in back:
            lan.host.send(each)
        got = [read(lan.at_a) for _ in back]
        assert [lan.secy_a.validate_frame(each)[1] for each in got] == back
        # Its own frames do not come back to it.
        counted(lambda: lan.port.stats().receive, frames_in=100, frames_out=100, own=0)


def test_a_socket_that_shows_what_leaves_does_no_harm() -> None:
    """Kernels before 4.20 cannot be asked to leave it out (what others on this machine send); the port does so."""
    with cabled(start=False) as lan, contextlib.ExitStack() as stack:
        with lan.b.inside():
            common = stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
            common.bind(("cable", 3))
            neighbour = stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
            neighbour.bind(("cable", 0))
        host, inner = (stack.enter_context(end) for end in memory_link())
        port = stack.enter_context(Port(lan.secy_b, common=common.fileno(), controlled=inner.fileno()))
        port.start()
        for i in range(50):
            host.send(MAC_A + MAC_B + frame(i)[12:])
            neighbour.send(MAC_A + MAC_B + frame(i)[12:])
        counted(lambda: port.stats().transmit, frames_out=50)
        counted(lambda: port.stats().receive, frames_in=50, own=50, refused=0)
        lan.at_a.send(lan.secy_a.protect_frame(frame(1)))
        assert read(host) == frame(1)


@pytest.mark.parametrize("ethertype", [0x8100, 0x88A8])
def test_a_vlan_tag_that_the_kernel_took_out_is_put_back(ethertype: int) -> None:
    tag = ethertype.to_bytes(2, "big") + (0xA005).to_bytes(2, "big")
    tagged = frame(1)[:12] + tag + frame(1)[12:]
    with cabled(SecYConfig(vlan_tags_in_clear=1)) as lan:
        protected = lan.secy_a.protect_frame(tagged)
        assert protected[12:18] == tag + b"\x88\xe5"
        lan.at_a.send(protected)
        assert read(lan.host) == tagged
        counted(lambda: lan.port.stats().receive, vlan_restored=1, frames_out=1)


def test_frames_that_found_no_room_are_counted_as_overrun() -> None:
    # 802.1AE-2018 10.6.3: what is lost before it could be validated is in-pkts-overrun.
    with cabled(buffer_octets=4096, start=False) as lan:
        for i in range(500):
            lan.at_a.send(lan.secy_a.protect_frame(frame(i, 1000)))
        lan.port.start()
        assert eventually(lambda: lan.port.stats().receive.overruns > 0)
        stats = lan.port.stats().receive
        assert eventually(lambda: lan.port.stats().receive.frames_in + stats.overruns == 500)
        assert lan.secy_b.counters()[Verdict.IN_OVERRUN] == stats.overruns
        counted(lambda: lan.port.stats().receive, frames_in=500 - stats.overruns, frames_out=500 - stats.overruns)


def test_overruns_are_counted_once_also_when_the_port_stops() -> None:
    with cabled(buffer_octets=4096, start=False) as lan:
        for i in range(500):
            lan.at_a.send(lan.secy_a.protect_frame(frame(i, 1000)))
        lan.port.start()
        lan.port.stop()
        lan.port.start()
        lan.port.stop()
        stats = lan.port.stats().receive
        assert 0 < stats.overruns == lan.secy_b.counters()[Verdict.IN_OVERRUN]


def test_a_frame_too_long_for_the_cable_is_counted_with_the_reason() -> None:
    with cabled() as lan:
        lan.host.send(MAC_A + MAC_B + frame(1, 1900)[12:])
        lan.host.send(MAC_A + MAC_B + frame(2)[12:])
        assert lan.secy_a.validate_frame(read(lan.at_a))[1] == MAC_A + MAC_B + frame(2)[12:]
        counted(lambda: lan.port.stats().transmit, failed=1, frames_out=1)
        assert lan.port.stats().transmit.last_error == os.strerror(90)


def test_the_secy_refuses_what_the_cable_would_not_carry() -> None:
    with cabled(SecYConfig(common_port_mtu=CABLE_MTU)) as lan:
        lan.host.send(MAC_A + MAC_B + frame(1, 1900)[12:])
        counted(lambda: lan.port.stats().transmit, refused=1, failed=0)
        assert lan.secy_b.counters()[Verdict.OUT_TOO_LONG] == 1


def interface_flags(namespace: NetNs, name: str, up: bool) -> None:
    """Switch an interface on or off."""
    with namespace.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sH22x", name.encode(), 1 if up else 0)
        fcntl.ioctl(sock, 0x8914, request)


def test_a_cable_that_goes_down_and_comes_up_again() -> None:
    with cabled() as lan:
        interface_flags(lan.b, "cable", up=False)
        lan.host.send(MAC_A + MAC_B + frame(1)[12:])
        counted(lambda: lan.port.stats().transmit, failed=1, frames_out=0)
        assert eventually(lambda: lan.port.stats().receive.read_errors > 0)
        interface_flags(lan.b, "cable", up=True)
        for each in (lan.a, lan.b):
            each.rtnl.wait_ready("cable")
        lan.at_a.send(lan.secy_a.protect_frame(frame(2)))
        assert read(lan.host) == frame(2)
        lan.host.send(MAC_A + MAC_B + frame(3)[12:])
        assert lan.secy_a.validate_frame(read(lan.at_a))[1] == MAC_A + MAC_B + frame(3)[12:]


def test_a_port_whose_interface_is_taken_away_can_be_stopped() -> None:
    with cabled() as lan:
        lan.a.close()  # the other end goes, and this end with it
        with contextlib.suppress(OSError):
            lan.host.send(frame(1))
        lan.port.stop()
        assert lan.port.stats().transmit.unaccounted == 0


def test_offloads_leave_checksums_to_nobody_until_they_are_off() -> None:
    """A veth hands on datagrams whose checksum hardware should have finished; a port counts them as such."""
    with cabled() as lan:
        lan.a.rtnl.add_ipv4("cable", "10.1.1.1", 24)
        with lan.a.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            sender.setsockopt(socket.SOL_SOCKET, 25, b"cable")  # SO_BINDTODEVICE
            sender.sendto(b"not finished", ("255.255.255.255", 9))
            assert eventually(lambda: lan.port.stats().receive.partial_checksums == 1)
            disable_offloads("cable")
            sender.sendto(b"finished", ("255.255.255.255", 9))
        assert eventually(lambda: lan.port.stats().receive.refused == 2)
        counted(lambda: lan.port.stats().receive, partial_checksums=1)


def tap_frame(number: int) -> bytes:
    """A frame that a host's stack drops without an answer: for B, of the EtherType for experiments."""
    return frame(number)


def test_a_tap_gives_and_takes_frames() -> None:
    with contextlib.ExitStack() as stack:
        namespace = stack.enter_context(NetNs())
        namespace.quieten()
        secy, peer = (stack.enter_context(each) for each in secy_pair())
        with namespace.inside():
            tap, name = open_tap("secure%d")
            disable_offloads(name)
        assert name == "secure0"
        namespace.rtnl.set_up(name, mac=MacAddress(MAC_B), mtu=4000)
        with namespace.inside():
            host = stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
            host.bind((name, 0x88B5))
        outside, wire = (stack.enter_context(end) for end in memory_link())
        port = stack.enter_context(Port(peer, common=wire.fileno(), controlled=tap))
        os.close(tap)
        port.start()
        for i in range(200):
            outside.send(secy.protect_frame(tap_frame(i)))
        assert [read(host) for _ in range(200)] == [tap_frame(i) for i in range(200)]
        for octets in (60, 2000, 2001, 4000, 61):
            host.send(MAC_A + MAC_B + frame(octets, octets)[12:])
        for octets in (60, 2000, 61):
            assert secy.validate_frame(read(outside))[1] == MAC_A + MAC_B + frame(octets, octets)[12:]
        counted(lambda: port.stats().transmit, frames_in=5, too_long=2, frames_out=3)
        assert not waiting(outside)
        # A TAP that is switched off takes no frames; they are counted, and it can be switched on again.
        interface_flags(namespace, name, up=False)
        outside.send(secy.protect_frame(tap_frame(1)))
        counted(lambda: port.stats().receive, failed=1, frames_out=200)
        interface_flags(namespace, name, up=True)
        outside.send(secy.protect_frame(tap_frame(2)))
        counted(lambda: port.stats().receive, failed=1, frames_out=201)
        assert namespace.rtnl.facts(name).received == 201
        port.close()
        with pytest.raises(DriverError):
            namespace.rtnl.facts(name)


def test_a_bump_in_the_wire() -> None:
    """Both sides packet sockets: a host without MACsec on one cable, the protected wire on the other."""
    with cabled() as lan, contextlib.ExitStack() as stack:
        bump, host_ns = stack.enter_context(NetNs()), stack.enter_context(NetNs())
        bump.quieten()
        host_ns.quieten()
        bump.rtnl.add_veth("inside", "nic", host_ns)
        bump.rtnl.set_up("inside", mtu=1500)
        host_ns.rtnl.set_up("nic", mtu=1500)
        bump.rtnl.wait_ready("inside")
        host_ns.rtnl.wait_ready("nic")
        with host_ns.inside():
            nic = stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
            nic.bind(("nic", 0x88B5))
        with bump.inside():
            controlled = open_packet("inside")
            stack.callback(os.close, controlled)
        with lan.b.inside():
            common = open_packet("cable")
            stack.callback(os.close, common)
        lan.port.close()
        port = stack.enter_context(Port(lan.secy_b, common=common, controlled=controlled))
        port.start()
        lan.at_a.send(lan.secy_a.protect_frame(frame(1)))
        assert read(nic) == frame(1)
        nic.send(MAC_A + MAC_B + frame(2)[12:])
        assert lan.secy_a.validate_frame(read(lan.at_a))[1] == MAC_A + MAC_B + frame(2)[12:]


def test_what_gives_more_or_less_than_frames_is_no_controlled_port() -> None:
    secy, peer = secy_pair()
    with NetNs() as namespace, secy, peer:
        one, other = memory_link()
        for flags in (0x0001 | 0x1000, 0x0001 | 0x1000 | 0x4000):  # TUN; TUN with super-frames
            with namespace.inside():
                tun = os.open("/dev/net/tun", os.O_RDWR)
                fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", b"", flags))
            with pytest.raises(UsageError):
                Port(secy, common=one.fileno(), controlled=tun)
            os.close(tun)
        one.close()
        other.close()


def test_nothing_of_this_is_in_the_namespace_of_the_test() -> None:
    assert not {"cable", "secure0", "inside"} & set(os.listdir("/sys/class/net"))
    assert Path("/proc/thread-self/ns/net").readlink() == Path("/proc/self/ns/net").readlink()
