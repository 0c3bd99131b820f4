"""Why this exists: others protect links, too; what they make of this machine is the measure of ours.

A peer that is not there is named with the reason, and everything else is measured.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from bench import port_openvpn
from bench.port_base import ADDRESSES, CABLE_MTU, OUTSIDE, Link, Maker, cable, hosts, running
from pysec.errors import DriverError

WIREGUARD_OCTETS: Final = 60  # IPv4, UDP, and what WireGuard adds to a packet
PORT: Final = 51820
PATIENCE_S: Final = 10.0
WIREGUARD_ENV: Final = {**os.environ, "WG_PROCESS_FOREGROUND": "1", "LOG_LEVEL": "error"}


def _wireguard_set(name: str, lines: list[str]) -> None:
    """Speak to a wireguard-go by its socket, so that no key is in an argument."""
    path, end = Path("/var/run/wireguard") / f"{name}.sock", time.monotonic() + PATIENCE_S
    while not path.exists():
        if time.monotonic() > end:
            raise DriverError(f"wireguard-go: no {path}")
        time.sleep(0.01)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(PATIENCE_S)
        sock.connect(str(path))
        sock.sendall("".join(f"{line}\n" for line in ["set=1", *lines, ""]).encode())
        answer = sock.recv(4096)
    if b"errno=0" not in answer:
        raise DriverError(f"wireguard-go: {answer.decode(errors='replace').strip()}")


@contextlib.contextmanager
def wireguard_go() -> Iterator[Link]:
    """WireGuard's own implementation for systems without it in the kernel: TUN, UDP, ChaCha20-Poly1305, offloads."""
    keys = [X25519PrivateKey.generate() for _ in ADDRESSES]
    with contextlib.ExitStack() as stack:
        places = stack.enter_context(hosts())
        cable(*places, CABLE_MTU)
        link = Link(*places)
        for number, (place, key, other) in enumerate(zip(places, keys, keys[::-1], strict=True)):
            name = f"pysecwg{number}"
            place.rtnl.add_ipv4("cable", OUTSIDE[number], 24)
            link.processes.append(stack.enter_context(running(place, ["wireguard-go", "-f", name], WIREGUARD_ENV)))
            _wireguard_set(
                name,
                [
                    f"private_key={key.private_bytes_raw().hex()}",
                    f"listen_port={PORT}",
                    f"public_key={other.public_key().public_bytes_raw().hex()}",
                    f"endpoint={OUTSIDE[1 - number]}:{PORT}",
                    f"allowed_ip={ADDRESSES[1 - number]}/32",
                ],
            )
            place.rtnl.set_up(name, mtu=CABLE_MTU - WIREGUARD_OCTETS)
            place.rtnl.add_ipv4(name, ADDRESSES[number], 24)
        yield link


def find(provider: str) -> tuple[Maker | None, str]:
    """How a peer's link is made; or None, and why there is none here."""
    if provider == "wireguard-go":
        return (wireguard_go, "") if shutil.which(provider) else (None, "not installed")
    if provider == "openvpn":
        return (port_openvpn.openvpn, "") if shutil.which(provider) else (None, "not installed")
    if provider == "kernel":
        return None, "not set up by this bench yet" if Path(
            "/sys/module/macsec"
        ).exists() else "no macsec in this kernel"
    return None, "not in this form"
