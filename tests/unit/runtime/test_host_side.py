"""What the host has of a port: frames of full length, IPv6, and in clear only what the policy lets through, once."""

from __future__ import annotations

import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pysec.dataplane.port import disable_offloads
from pysec.errors import InternalError, UsageError
from pysec.lab import packets
from pysec.lab.netns import NetNs
from pysec.runtime import bypass, netlink
from pysec.runtime.settings import Memo
from pysec.runtime.single import SingleConfig
from pysec.types import MacAddress
from tests.unit.runtime.ups import MACS, PATIENCE_S, Ear, Up, secured

Places = tuple[NetNs, NetNs]
EXPERIMENT, LLDP = 0x88B5, 0x88CC
NEAREST_BRIDGE = MacAddress.parse("01:80:c2:00:00:0e")


def udp(place: NetNs, address: str, interface: str) -> socket.socket:
    place.rtnl.add_ipv4(interface, address, 24)
    with place.inside():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((address, 5000))
    return sock


def received(sock: socket.socket) -> bytes:
    assert select.select([sock], [], [], PATIENCE_S)[0], "nothing came"
    return sock.recv(4096)


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.parametrize(("options", "overhead"), [([], 32), (["--implicit-sci"], 24)], ids=["SCI", "no SCI"])
def test_the_longest_frame_of_the_controlled_port_passes(
    places: Places, key: Path, options: list[str], overhead: int
) -> None:
    """802.1AE-2018 10.5.3, 10.5.5: the overhead is the true one, or these would be too long for the cable."""
    with secured(places, key, *options):
        octets = 1532 - overhead - 28
        with udp(places[0], "10.99.0.1", "sec-cable") as a, udp(places[1], "10.99.0.2", "sec-cable") as b:
            a.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER: never in fragments
            a.sendto(bytes(octets), ("10.99.0.2", 5000))
            assert len(received(b)) == octets
            with pytest.raises(OSError, match="Message too long"):
                a.sendto(bytes(octets + 1), ("10.99.0.2", 5000))


@pytest.mark.root
@pytest.mark.slow
def test_ipv6_works_through_the_controlled_port(ipv6_places: Places, key: Path) -> None:
    """Link-local addresses, found by multicast."""
    with secured(ipv6_places, key):
        addresses = [f"fe80::ff:fe00:{which}%sec-cable" for which in "ab"]
        sockets = []
        for place, address in zip(ipv6_places, addresses, strict=True):
            with place.inside():
                sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
                end = time.monotonic() + PATIENCE_S
                while True:
                    try:
                        sock.bind(socket.getaddrinfo(address, 5000)[0][4])
                        break
                    except OSError:  # until nobody else was found to have it
                        assert time.monotonic() < end
                        time.sleep(0.05)
                sockets.append(sock)
        a, b = sockets
        with a, b, ipv6_places[0].inside():
            a.sendto(b"by IPv6", socket.getaddrinfo(addresses[1], 5000)[0][4])
            assert received(b) == b"by IPv6"


@pytest.mark.root
@pytest.mark.slow
def test_in_clear_under_should_secure_frames_pass_once_and_by_the_controlled_port(places: Places, key: Path) -> None:
    """The guard knows our own clear frames from the host's; what is bypassed is the host's, and nobody's twice."""
    first, second = places
    with second.inside():
        disable_offloads("cable")  # a veth leaves checksums to a card that it has not got
    up = Up(first, key, "--policy", "should-secure", "--bypass", "lldp")
    ears: list[Ear] = []
    try:
        up.wait_for("OPEN IN THE CLEAR")
        with udp(first, "10.99.0.1", "sec-cable") as a, udp(second, "10.99.0.2", "cable") as b:
            a.sendto(b"in clear, as decided", ("10.99.0.2", 5000))
            assert received(b) == b"in clear, as decided"
            b.sendto(b"and back", ("10.99.0.1", 5000))
            assert received(a) == b"and back"
        ears = [Ear(first, kind, name) for name in ("cable", "sec-cable") for kind in (LLDP, EXPERIMENT)]
        wire = Ear(second, LLDP)
        wire.say(packets.ethernet(NEAREST_BRIDGE, MACS[1], LLDP, bytes(46)))
        wire.say(packets.ethernet(MACS[0], MACS[1], EXPERIMENT, bytes(46)))
        heard: list[int] = [0] * 4
        end = time.monotonic() + PATIENCE_S
        while sum(heard) < 2 and time.monotonic() < end:
            heard = [before + len(ear.heard()) for before, ear in zip(heard, ears, strict=True)]
        time.sleep(0.2)  # for one too many
        heard = [before + len(ear.heard()) for before, ear in zip(heard, ears, strict=True)]
        wire.close()
        assert heard == [1, 0, 0, 1], "LLDP and others on the cable, LLDP and others on the controlled port"
        assert up.end(signal.SIGTERM) == (0, "")
    finally:
        up.kill()
        for ear in ears:
            ear.close()


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.parametrize("in_clear", [0, 1])
def test_vlan_tags_pass_inside_or_in_clear(places: Places, key: Path, in_clear: int) -> None:
    """What the host tags comes out tagged at the other end; on the wire the tag is before the SecTAG only if asked."""
    ups = [Up(place, key, "--vlan-tags-in-clear", str(in_clear)) for place in places]
    ears: list[Ear] = []
    try:
        for up in ups:
            up.wait_for("SECURED")
        frame = packets.ethernet(MACS[1], MACS[0], 0x8100, b"\x00\x05\x88\xb5" + bytes(60))
        ears = [Ear(places[0], 3, "sec-cable"), Ear(places[1], 3, "sec-cable"), Ear(places[1], 3)]
        ears[0].say(frame)
        heard: list[bytes] = []
        end = time.monotonic() + PATIENCE_S
        while frame not in heard and time.monotonic() < end:
            heard += ears[1].heard()
        assert frame in heard
        types = {each[12:14].hex() for each in ears[2].heard() if each[6:12] == MACS[0].octets}
        assert types - {"888e"} == {"8100" if in_clear else "88e5"}
        for up in ups:
            assert up.end(signal.SIGTERM) == (0, "")
    finally:
        for up in ups:
            up.kill()
        for ear in ears:
            ear.close()


CAPABILITIES = {
    "net_raw": "CAP_NET_RAW is missing: run it as root",
    "net_admin": "CAP_NET_ADMIN is missing: run it as root",
}


@pytest.mark.root
@pytest.mark.parametrize("capability", CAPABILITIES)
def test_without_a_capability_it_is_named(places: Places, key: Path, capability: str) -> None:
    """As the system has it, not a pretence."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("setpriv is not installed (util-linux)")
    command = [setpriv, "--bounding-set", f"-{capability}", sys.executable, "-m", "pysec.cli.main", "up", "cable"]
    with places[0].inside():
        done = subprocess.run(
            [*command, "--key", str(key), "--foreground"], capture_output=True, text=True, check=False, timeout=60
        )
    assert (done.returncode, done.stderr) == (77, f"pysec up: {CAPABILITIES[capability]}\n")
    with places[0].inside():
        down = subprocess.run([*command[:-2], "down", "cable"], capture_output=True, text=True, check=False, timeout=60)
    assert down.returncode == (77 if capability == "net_admin" else 0)
    assert ("CAP_NET_ADMIN is missing" in down.stderr) == (capability == "net_admin")


@pytest.mark.root
@pytest.mark.slow
def test_without_a_guard_it_says_what_that_means(places: Places, key: Path) -> None:
    places[0].rtnl.add_ipv4("cable", "10.98.0.1", 24)
    up = Up(places[0], key, "--no-guard")
    try:
        up.wait_for("no guard: the host's own stack sends and receives on cable in clear, past MACsec")
        up.wait_for("cable has 10.98.0.1: by these the host goes round MACsec")
        assert up.end(signal.SIGTERM) == (0, "")
    finally:
        up.kill()


# ---- without root


def test_bypassed_protocols_are_chosen_by_name() -> None:
    assert [entry.name for entry in bypass.named(["ptp", "lldp", "ptp"])] == ["ptp", "lldp"]
    with pytest.raises(UsageError, match="must be one of cfm, lacp, lldp, mmrp, mvrp, pause, ptp, stp"):
        bypass.named(["eapol"])
    for entry in bypass.KNOWN.values():
        assert (entry.ethertype is None) != (entry.address is None)
        assert entry.ethertype is None or entry.ethertype >= bypass.FIRST_ETHERTYPE
        assert entry.address is None or entry.address.is_group


def test_what_is_bypassed_goes_to_the_uncontrolled_port_of_the_secy() -> None:
    config = SingleConfig("eth9", bypass=bypass.named(["lldp", "stp"])).secy(1500)
    assert config.bypass_ethertypes == (0x888E, LLDP)
    assert config.bypass_addresses == (MacAddress.parse("01:80:c2:00:00:00"),)
    assert SingleConfig("eth9").secy(1500).bypass_ethertypes == (0x888E,)
    assert SingleConfig("eth9", vlan_tags_in_clear=1).secy(1500).vlan_tags_in_clear == 1


def test_the_overhead_is_that_of_the_sectag() -> None:
    """802.1AE-2018 10.5.3"""
    assert SingleConfig("eth9").overhead_octets(0) == 32
    implicit = SingleConfig("eth9", implicit_sci=True)
    assert [implicit.overhead_octets(peers) for peers in (0, 1, 2)] == [24, 24, 32]


@pytest.mark.parametrize("memo", [Memo(), Memo((1532, 1500)), Memo(None, ("gro", "lro")), Memo((1564, 1532), ("gro",))])
def test_a_memo_comes_back(memo: Memo) -> None:
    assert Memo.parse(str(memo)) == memo


@pytest.mark.parametrize("words", ["", "somebody's own", "to put back: mtu=15", "to put back: mtu=1:2 tso"])
def test_what_is_no_memo_puts_nothing_back(words: str) -> None:
    assert Memo.parse(words) == Memo()


def test_netlink_messages_come_apart_as_they_were_put_together() -> None:
    body = netlink.text(1, "eth9") + netlink.nested(2, netlink.attribute(3, b"\x01"), netlink.attribute(4, b""))
    ((kind, sequence, found),) = netlink.messages(netlink.message(7, 0, 9, body))
    assert (kind, sequence) == (7, 9)
    outer = netlink.attributes(found)
    assert outer[1] == b"eth9\0"
    assert netlink.attribute_list(outer[2]) == [(3, b"\x01"), (4, b"")]
    for bad in (b"\x03\0\x01\0", bytes(4)):
        with pytest.raises(InternalError):
            netlink.attributes(bad)
    with pytest.raises(InternalError):
        netlink.messages(bytes(16))
