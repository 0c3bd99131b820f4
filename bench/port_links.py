"""Why this exists: what a protected link costs shows only beside links that are built alike and do less, or else.

Every link is two hosts in namespaces of their own, with an IPv4 address each, and something between them. All but
`veth` and `bridge` have a veth as their cable, with room for what is added to a frame of 1500 octets.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
from collections.abc import Iterator
from typing import Final

from bench import port_peers
from bench.port_base import ADDRESSES, CABLE_MTU, HOST_MTU, MACS, Link, Maker, cable, hosts, ip
from bench.port_devices import DEVICES
from pysec import SecY, SecYConfig
from pysec.dataplane.port import Port, disable_offloads, open_packet, open_tap
from pysec.lab.netns import NetNs
from pysec.types import CipherSuite, Ki, Sci, Ssci, ValidateFrames

ROOM_OCTETS: Final = 32 << 20
QUEUE_FRAMES: Final = 8192
INTEGRITY: Final = "-integrity"  # behind a suite: nothing is encrypted


@contextlib.contextmanager
def veth() -> Iterator[Link]:
    """The hosts on the ends of one veth, with all that it can do: what this machine can carry at all."""
    with hosts() as (a, b):
        cable(a, b, HOST_MTU)
        for each, address in zip((a, b), ADDRESSES, strict=True):
            each.rtnl.add_ipv4("cable", address, 24)
        yield Link(a, b)


@contextlib.contextmanager
def bridge() -> Iterator[Link]:
    """The kernel's bridge between two of them."""
    with hosts() as (a, b), NetNs() as between:
        ip(between, "link", "add", "bridge", "type", "bridge")
        ip(between, "link", "set", "bridge", "up")
        for number, (each, address) in enumerate(zip((a, b), ADDRESSES, strict=True)):
            each.rtnl.add_veth("cable", f"side{number}", between)
            each.rtnl.set_up("cable", mac=MACS[number], mtu=HOST_MTU)
            between.rtnl.set_up(f"side{number}")
            ip(between, "link", "set", f"side{number}", "master", "bridge")
            each.rtnl.wait_ready("cable")
            each.rtnl.add_ipv4("cable", address, 24)
        yield Link(a, b)


def secys(name: str | None, impl: str | None = None, mtu: int = CABLE_MTU) -> tuple[SecY, SecY]:
    """Two that trust each other, by a suite's name; without one, two that let everything pass as it is."""
    if name is None:
        config = SecYConfig(protect_frames=False, validate_frames=ValidateFrames.DISABLED)
        plain = [SecY(Sci.of(mac, 1), config=config) for mac in MACS]
        return plain[0], plain[1]
    suite = CipherSuite.parse(name.removesuffix(INTEGRITY))
    config = SecYConfig(always_include_sci=True, common_port_mtu=mtu)
    made = [SecY(Sci.of(mac, 1), suite, config=config, gcm=impl) for mac in MACS]
    salt = bytes(12) if suite.is_xpn else None
    for number, (sender, receiver) in enumerate((made, made[::-1]), 1):
        ki, sak = Ki(bytes(15) + bytes([number])), os.urandom(suite.sak_octets)
        ssci = Ssci(number) if suite.is_xpn else None
        receiver.install_sak(ki, sak, salt=salt)
        receiver.create_receive_sc(sender.sci)
        receiver.create_receive_sa(sender.sci, 0, ki, ssci=ssci)
        receiver.enable_receive(sender.sci, ki)
        sender.install_sak(ki, sak, salt=salt)
        sender.create_transmit_sa(0, ki, ssci=ssci, confidentiality=not name.endswith(INTEGRITY))
        sender.enable_transmit(ki)
    return made[0], made[1]


@contextlib.contextmanager
def ports(suite: str | None, impl: str | None = None, *, super_frames: bool = True, **options: int) -> Iterator[Link]:
    """A TAP interface for each host and a port behind it, with a SecY that has this suite, or lets all pass. options:
    of the ports, `residence_every` and `spin_us`."""
    with contextlib.ExitStack() as stack:
        a, b = stack.enter_context(hosts())
        cable(a, b, CABLE_MTU)
        link = Link(a, b)
        for number, (each, secy) in enumerate(zip((a, b), secys(suite, impl), strict=True)):
            stack.enter_context(secy)
            with each.inside():
                disable_offloads("cable")
                common = open_packet("cable", ROOM_OCTETS)
                tap, _ = open_tap("secure", super_frames=super_frames)
                if not super_frames:
                    disable_offloads("secure")
            each.rtnl.set_up("secure", mac=MACS[number], mtu=HOST_MTU, queue_frames=QUEUE_FRAMES)
            each.rtnl.add_ipv4("secure", ADDRESSES[number], 24)
            link.ports.append(stack.enter_context(Port(secy, common=common, controlled=tap, **options)))
            for descriptor in (common, tap):
                os.close(descriptor)
            link.ports[-1].start()
        yield link


def find(provider: str, impl: str | None = None, **options: int) -> tuple[Maker | None, str]:
    """How a provider's link is made; or None, and why there is none here. options: of the
    ports, where ports carry it."""
    if provider == "veth":
        return veth, ""
    if provider == "bridge" and DEVICES.names is not None:
        return None, "it would need two cables"
    if provider == "bridge":
        return (bridge, "") if shutil.which("ip") else (None, "iproute2 is not installed")
    if provider == "forwarder":
        return functools.partial(ports, None, impl, **options), ""
    if provider.startswith("pysec:"):
        suite = provider.removeprefix("pysec:")
        return functools.partial(ports, suite, impl, **options), ""
    return port_peers.find(provider)
