"""The guard as the wire sees it: nothing of the host in clear, either way, and a test of that which would notice.

One host runs `pysec up` on its end of a cable; at the other end stands an attacker who speaks to it in clear, tagged
and untagged, by IPv4 and IPv6. `leaks` says what went past MACsec. It is asked of a port with its guard, and of the
same port with a guard that was spoiled.
"""

from __future__ import annotations

import signal
import socket
import struct
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from pysec.errors import DriverError
from pysec.lab import packets
from pysec.lab.netns import RTM_NEWLINK, NetNs, _ifinfo
from pysec.runtime import netlink
from pysec.runtime.interface import opened
from pysec.types import MacAddress
from pysec.wire import eapol
from tests.unit.runtime.ups import MACS, PATIENCE_S, Ear, Up

pytestmark = [pytest.mark.root, pytest.mark.slow]

BROADCAST = MacAddress.parse("ff:ff:ff:ff:ff:ff")
NEAREST_BRIDGE = MacAddress.parse("01:80:c2:00:00:0e")
BRIDGES = MacAddress.parse("01:80:c2:00:00:00")
OURS, THEIRS = "10.98.0.1", "10.98.0.2"
EVERYTHING = socket.htons(3) and 3  # ETH_P_ALL
IPV4, ARP, IPV6, LLDP, MACSEC = 0x0800, 0x0806, 0x86DD, 0x88CC, 0x88E5
BYPASSED = {"lldp": LLDP, "stp": 38}


def tagged(frame: bytes, vid: int, tpid: int = 0x8100) -> bytes:
    return frame[:12] + struct.pack("!HH", tpid, vid) + frame[12:]


def link_local(mac: MacAddress) -> bytes:
    """The IPv6 address that a system makes of its own (RFC 4291, appendix A)."""
    octets = mac.octets
    return bytes.fromhex("fe80000000000000") + bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]


def icmpv6(target: bytes, message: bytes) -> bytes:
    source = link_local(MACS[1])
    pseudo = source + target + struct.pack("!I3xB", len(message), 58)
    total = packets.internet_checksum(pseudo + message)
    message = message[:2] + struct.pack("!H", total) + message[4:]
    return struct.pack("!IHBB", 6 << 28, len(message), 58, 255) + source + target + message


def arp_request() -> bytes:
    body = struct.pack("!HHBBH", 1, IPV4, 6, 4, 1) + MACS[1].octets + socket.inet_aton(THEIRS)
    return packets.ethernet(BROADCAST, MACS[1], ARP, body + bytes(6) + socket.inet_aton(OURS))


def echo_request() -> bytes:
    message = packets.echo(packets.ICMP_ECHO_REQUEST, 7, 1, b"in clear")
    return packets.ethernet(MACS[0], MACS[1], IPV4, packets.ipv4(OURS, THEIRS, socket.IPPROTO_ICMP, message))


def solicitation() -> bytes:
    ours = link_local(MACS[0])
    group = bytes.fromhex("ff0200000000000000000001ff") + ours[13:]
    message = struct.pack("!BBHI", 135, 0, 0, 0) + ours + bytes([1, 1]) + MACS[1].octets
    return packets.ethernet(MacAddress(b"\x33\x33" + group[12:]), MACS[1], IPV6, icmpv6(group, message))


def echo_request_v6() -> bytes:
    message = struct.pack("!BBHHH", 128, 0, 0, 7, 1) + b"in clear"
    return packets.ethernet(MACS[0], MACS[1], IPV6, icmpv6(link_local(MACS[0]), message))


def lldp(source: MacAddress) -> bytes:
    return packets.ethernet(
        NEAREST_BRIDGE, source, LLDP, b"\x02\x02\x07\x61\x04\x02\x05\x62\x06\x02\x00\x78" + bytes(40)
    )


def bpdu(source: MacAddress) -> bytes:
    return packets.ethernet(BRIDGES, source, 38, bytes.fromhex("424203") + bytes(43))


def clear_frames() -> list[bytes]:
    """What an attacker says: each of them untagged, tagged with priority only, and with a VLAN."""
    plain = [arp_request(), echo_request(), solicitation(), echo_request_v6()]
    return [each for frame in plain for each in (frame, tagged(frame, 0), tagged(frame, 5), tagged(frame, 5, 0x88A8))]


def wait_for_ipv6(place: NetNs) -> None:
    """Until the host has asked the link whether its address is free, and taken it."""
    end = time.monotonic() + PATIENCE_S
    with place.inside():
        while time.monotonic() < end:
            lines = Path("/proc/thread-self/net/if_inet6").read_text("ascii").splitlines()
            flags = [int(line.split()[4], 16) for line in lines if line.endswith(" cable")]
            if flags and not flags[0] & 0x40:  # IFA_F_TENTATIVE
                return
            time.sleep(0.01)
    raise AssertionError("the host's IPv6 does not come up")


def add_macvlan(place: NetNs) -> str | None:
    """Another interface of the host's on the same cable, with an address of its own; None where the kernel has none."""
    data = netlink.attribute(2, netlink.attribute(1, struct.pack("=I", 4)))  # IFLA_INFO_DATA, mode bridge
    info = netlink.attribute(18, netlink.text(1, "macvlan") + data)  # IFLA_LINKINFO, IFLA_INFO_KIND
    link = netlink.attribute(5, struct.pack("=I", place.rtnl.facts("cable").index))  # IFLA_LINK
    flags = netlink.NLM_F_ACK | netlink.NLM_F_CREATE | netlink.NLM_F_EXCL
    try:
        place.rtnl.request("macvlan", RTM_NEWLINK, flags, _ifinfo() + netlink.text(3, "beside") + link + info)
    except DriverError:
        return None
    return "beside"


def of_types(frames: Iterable[bytes], *types: int) -> list[bytes]:
    return [frame for frame in frames if int.from_bytes(frame[12:14], "big") in types]


def leaks(places: tuple[NetNs, NetNs], key: Path, *options: str, plant: str = "") -> set[str]:
    """What goes past MACsec at a port that is up: "out TYPE" from the host, "in TYPE" to it."""
    first, second = places
    first.rtnl.add_ipv4("cable", OURS, 24)
    beside = add_macvlan(first)
    wire = Ear(second, EVERYTHING)
    ear_beside = None if beside is None else Ear(first, EVERYTHING, beside)
    hosts = {kind: Ear(first, kind) for kind in (IPV4, ARP, IPV6, LLDP, eapol.ETHERTYPE)}
    up = Up(first, key, *options, plant=plant)
    try:
        up.wait_for("port up:")
        first.rtnl.set_up("cable")
        for place in places:
            place.rtnl.wait_ready("cable")
        if beside is not None:
            first.rtnl.set_up(beside)
        wire.say(*clear_frames())
        with first.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            sock.sendto(b"from the host", ("10.98.0.255", 9))
            sock.sendto(b"from the host", (THEIRS, 9))
        hosts[LLDP].say(lldp(MACS[0]), tagged(lldp(MACS[0]), 0), bpdu(MACS[0]))
        hosts[LLDP].say(packets.ethernet(MACS[1], MACS[0], MACSEC, bytes(40)))  # made up by somebody here
        wire.say(lldp(MACS[1]), tagged(lldp(MACS[1]), 0), bpdu(MACS[1]))
        wait_for_ipv6(first)
        wire.say(*clear_frames())
        # EAPOL passes, and what was sent before it has been at the guard by then.
        wire.say(packets.ethernet(eapol.PAE_GROUP_ADDRESS, MACS[1], eapol.ETHERTYPE, b"\3\1" + bytes(44)))
        end = time.monotonic() + PATIENCE_S
        arrived: list[bytes] = []
        while not arrived and time.monotonic() < end:
            arrived += hosts[eapol.ETHERTYPE].heard()
        assert arrived, "EAPOL does not pass"
        time.sleep(1.5)  # the host asks for routers a second later, and answers what it has got meanwhile
        out = wire.heard()
        assert of_types(out, eapol.ETHERTYPE), "MKPDUs do not pass"
        passing = of_types(out, eapol.ETHERTYPE)
        found = {f"out {frame[12:14].hex()}" for frame in out if frame not in passing}
        echoes = [packets.read_echo(frame[14:]) for frame in of_types(out, IPV4)]
        if any(echo is not None and echo.kind == packets.ICMP_ECHO_REPLY for echo in echoes):
            found.add("out echo reply")
        if any(frame[6:12] != MACS[0].octets for frame in out):
            found.add("out beside")
        for kind, ear in hosts.items():
            found |= set() if kind == eapol.ETHERTYPE else {f"in {frame[12:14].hex()}" for frame in ear.heard()}
        # A group address that is bypassed may pass a macvlan's filter, too: that goes by a hash of 8 bits.
        bypassed = [ethertype for name, ethertype in BYPASSED.items() if name in options]
        heard = [] if ear_beside is None else ear_beside.heard()
        if len(heard) > len(of_types(heard, *bypassed)):
            found.add("in beside")
        assert up.end(signal.SIGTERM) == (0, ""), "".join(up.lines)
        return found
    finally:
        up.kill()
        for ear in (wire, *hosts.values(), *([] if ear_beside is None else [ear_beside])):
            ear.close()


def test_nothing_of_the_host_passes_in_clear(loud_places: tuple[NetNs, NetNs], key: Path) -> None:
    assert leaks(loud_places, key) == set()


def test_should_secure_keeps_the_host_off_the_cable_as_well(loud_places: tuple[NetNs, NetNs], key: Path) -> None:
    assert leaks(loud_places, key, "--policy", "should-secure") == set()


def test_what_is_bypassed_by_name_passes_and_nothing_else(loud_places: tuple[NetNs, NetNs], key: Path) -> None:
    """Untagged, both ways; a tagged one of the same protocol does not."""
    found = leaks(loud_places, key, "--bypass", "lldp", "--bypass", "stp")
    assert found == {"out 88cc", "in 88cc", "out 0026"}


NO_DROP = """
from pysec.runtime.guard import Guard
rules = Guard._rules
Guard._policy = lambda self: 1
Guard._rules = lambda self: [rule for rule in rules(self) if not ({spoiled})]
"""
LATE = """
import asyncio
from pysec.runtime.guard import Guard
install = Guard.install
Guard.install = lambda self, memo="": asyncio.get_running_loop().call_later(3600, install, self, memo) and None
"""
BY_INNER_TYPE = """
from pysec.runtime import guard, nftables as nf
def of_type(ethertype):
    load = nf._expression("meta", nf._number(1, 1), nf._number(2, 1))
    return [load, nf._compare(nf.EQUAL, ethertype.to_bytes(2, "big"))]
guard._of_type = of_type
"""


@pytest.mark.parametrize(
    ("plant", "options", "wanted"),
    [
        pytest.param(
            NO_DROP.format(spoiled="rule[1] == 'dropped'"),
            [],
            {"out 0806", "out 86dd", "in 0800", "in 86dd"},
            id="no drop",
        ),
        pytest.param(
            NO_DROP.format(spoiled="rule[:2] == ('ingress', 'dropped')"),
            [],
            {"in 0806", "in 0800", "in 86dd"},
            id="no drop inward",
            marks=pytest.mark.soak,
        ),
        pytest.param(
            NO_DROP.format(spoiled="rule[:2] == ('egress', 'dropped')"),
            [],
            {"out 86dd", "out 88e5", "out 88cc"},
            id="no drop outward",
            marks=pytest.mark.soak,
        ),
        pytest.param(
            LATE,
            [],
            {"out echo reply", "out 0806", "out 86dd", "in 0800", "in 86dd"},
            id="too late",
            marks=pytest.mark.soak,
        ),
        pytest.param(
            "",
            ["--no-guard"],
            {"out echo reply", "out 0806", "out 0800", "out 86dd", "in 0800", "in 0806", "in 86dd", "in 88cc"},
            id="none",
        ),
    ],
)
def test_canary_a_guard_that_is_not_one(
    loud_places: tuple[NetNs, NetNs], key: Path, plant: str, options: list[str], wanted: set[str]
) -> None:
    found = leaks(loud_places, key, *options, plant=plant)
    assert wanted <= found
    with loud_places[0].inside(), opened("beside") as beside:
        if beside.exists:
            assert ("in beside" in found) == ("in 0800" in wanted)
            assert ("out beside" in found) == ("out 86dd" in wanted)


def test_canary_a_guard_that_looks_behind_the_tag(loud_places: tuple[NetNs, NetNs], key: Path) -> None:
    found = leaks(loud_places, key, "--bypass", "lldp", plant=BY_INNER_TYPE)
    assert {"in 88cc", "out 8100"} <= found
