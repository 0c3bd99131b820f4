"""Why this exists: OpenVPN over TAP with AES-GCM is what many would protect an Ethernet link with, without MACsec.

Two of its processes, each by a certificate of its own that the other knows by its fingerprint. Keys and certificates
are made for the run, in a folder that nobody else can read.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bench.port_base import ADDRESSES, OUTSIDE, Link, cable, hosts, running
from pysec.errors import DriverError

CIPHER: Final = "AES-128-GCM"
CABLE_MTU: Final = 1600  # a frame of 1514 octets, and what OpenVPN, UDP and IPv4 add
PATIENCE_S: Final = 20.0
IS_UP: Final = "Initialization Sequence Completed"


def _identity(folder: Path, name: str) -> str:
    """Write name.key and name.crt; the certificate's fingerprint."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    octets = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / f"{name}.key").write_bytes(octets)
    (folder / f"{name}.key").chmod(0o600)
    (folder / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return certificate.fingerprint(hashes.SHA256()).hex(":")


def _command(folder: Path, number: int, other_fingerprint: str) -> list[str]:
    name = f"side{number}"
    # The other end is the only one that is let in, by its fingerprint; --verb 1 tells when the tunnel is up.
    return [
        "openvpn",
        *("--dev", f"pysecov{number}", "--dev-type", "tap", "--ifconfig", ADDRESSES[number], "255.255.255.0"),
        *("--proto", "udp", "--local", OUTSIDE[number], "--remote", OUTSIDE[1 - number]),
        *(("--tls-server", "--dh", "none") if number == 0 else ("--tls-client",)),
        *("--key", str(folder / f"{name}.key"), "--cert", str(folder / f"{name}.crt")),
        *("--peer-fingerprint", other_fingerprint, "--data-ciphers", CIPHER),
        *("--log", str(folder / f"{name}.log"), "--verb", "1", "--disable-dco"),
    ]


def _wait(log: Path, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE_S
    while True:
        said = log.read_text(errors="replace") if log.exists() else ""
        if IS_UP in said:
            return
        if time.monotonic() > end or process.poll() is not None:
            raise DriverError(f"openvpn: not up: {(said.splitlines() or ['it said nothing'])[-1]}")
        time.sleep(0.05)


@contextlib.contextmanager
def openvpn() -> Iterator[Link]:
    """A TAP interface for each host, and UDP between two processes (DriverError)."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        prints = [_identity(folder, f"side{number}") for number in range(2)]
        places = stack.enter_context(hosts())
        cable(*places, CABLE_MTU)
        link = Link(*places)
        for number, place in enumerate(places):
            place.rtnl.add_ipv4("cable", OUTSIDE[number], 24)
        for number, place in enumerate(places):
            command = _command(folder, number, prints[1 - number])
            link.processes.append(stack.enter_context(running(place, command, os.environ)))
        for number, process in enumerate(link.processes):
            _wait(folder / f"side{number}.log", process)
        yield link
