"""Why this exists: "MKA is up and the data in clear" is a real report; only the wire itself can say that it is not so.

`verify` sends a frame with random octets by the controlled port and watches the common port with a second socket. What
leaves there has to be a MACsec frame (EtherType 0x88E5) that opens, with the SAK in use and by a SecY of its own, to
exactly that frame; the random octets may not be readable in it where encryption is on. Meanwhile no frame of this host
may leave in clear but EAPOL and what the link lets pass by name.

The probe goes to a group address that bridges do not forward, under an EtherType for experiments (0x88B5), so that no
station does anything with it. Frames of other stations that arrive in clear are counted and prove nothing: anybody can
send them, and the SecY refuses them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pysec.dataplane import SecY, SecYConfig
from pysec.errors import DriverError, PysecError
from pysec.runtime.link import PACKET_OUTGOING
from pysec.runtime.single import SinglePort
from pysec.sa.plan import SakMaterial
from pysec.types import Sci

ETHERTYPE_MACSEC: Final = 0x88E5
ETHERTYPE_EXPERIMENT: Final = 0x88B5
ETH_P_ALL: Final = 3
# The bridge's own neighbours: reserved for future standardization in 802.1Q Table 8-1, never forwarded.
GROUP: Final = bytes.fromhex("0180c2000009")
PROBE_OCTETS: Final = 64
WATCHED_S: Final = 1.0
_PIECE: Final = 8


@dataclass(slots=True)
class Check:
    """One claim, whether it holds, and what was seen."""

    id: str
    ok: bool
    detail: str

    def as_dict(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {"id": self.id, "ok": self.ok, "detail": self.detail}


@dataclass(slots=True)
class _Seen:
    macsec: list[bytes] = field(default_factory=list)
    clear_out: list[bytes] = field(default_factory=list)
    clear_in: int = 0
    let_pass: int = 0


async def verify(port: SinglePort, watched_s: float = WATCHED_S) -> list[Check]:
    """Prove it, or not: every check, in order. Takes `watched_s`."""
    loop = asyncio.get_running_loop()
    status = port.status() if port.is_attached else None
    if status is None or not status.secured or status.ki is None:
        why = "its interface is not there" if status is None else status.why
        return [Check("secured", False, f"there is no SA to protect frames with: {why}")]
    checks = [Check("secured", True, status.in_words())]
    random = os.urandom(PROBE_OCTETS)
    probe = GROUP + status.sci.mac.octets + ETHERTYPE_EXPERIMENT.to_bytes(2, "big") + random
    seen = _Seen()
    with _watching(port.config.interface) as watcher, _sending(port.config.controlled_name) as sender:
        sender.send(probe)
        end = loop.time() + watched_s
        while loop.time() < end:
            await asyncio.sleep(0.02)
            _look(watcher, port, seen)
            if port.ended.is_set() or not port.is_attached:
                return [*checks, Check("on-the-wire", False, "the port ended meanwhile")]
    # The keys of now and of just before: a rollover may have come between.
    keys = [replace(key, lowest_pn=status.next_pn or 1) if key.ki == status.ki else key for key in port.pae.saks_held()]
    return checks + _judge(seen, probe, random, port, keys)


@contextlib.contextmanager
def _watching(interface: str) -> Iterator[socket.socket]:
    try:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0) as sock:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
            sock.bind((interface, ETH_P_ALL))
            yield sock
    except OSError as error:
        raise DriverError(f"watching {interface}: {error.strerror}") from None


@contextlib.contextmanager
def _sending(interface: str) -> Iterator[socket.socket]:
    try:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0) as sock:
            sock.bind((interface, 0))
            yield sock
    except OSError as error:
        raise DriverError(f"sending by {interface}: {error.strerror}") from None


def _look(watcher: socket.socket, port: SinglePort, seen: _Seen) -> None:
    while True:
        try:
            frame, address = watcher.recvfrom(70000)
        except BlockingIOError:
            return
        outward = address[2] == PACKET_OUTGOING
        if _ethertype(frame, port.config.vlan_tags_in_clear) == ETHERTYPE_MACSEC:
            if outward:
                seen.macsec.append(frame)
        elif _may_pass(frame, port):
            seen.let_pass += 1
        elif outward:
            seen.clear_out.append(frame)
        else:
            seen.clear_in += 1


def _ethertype(frame: bytes, tags_in_clear: int) -> int:
    at = 12
    while tags_in_clear and frame[at : at + 2] in (b"\x81\x00", b"\x88\xa8"):
        at, tags_in_clear = at + 4, tags_in_clear - 1
    return int.from_bytes(frame[at : at + 2], "big")


def _may_pass(frame: bytes, port: SinglePort) -> bool:
    ethertype = int.from_bytes(frame[12:14], "big")
    if ethertype == port.config.pae.kay.ethertype:
        return True
    by_type = {each.ethertype for each in port.config.bypass}
    by_address = {each.address.octets for each in port.config.bypass if each.address is not None}
    return ethertype in by_type or frame[:6] in by_address


def _judge(seen: _Seen, probe: bytes, random: bytes, port: SinglePort, keys: list[SakMaterial]) -> list[Check]:
    opened: bytes | None = None
    by: SakMaterial | None = None
    for frame in seen.macsec:
        for key in keys:
            if _opens(frame, port, key) == probe:
                opened, by = frame, key
    checks = [
        Check(
            "on-the-wire",
            opened is not None,
            f"the probe left as a MACsec frame, EtherType 88e5, of {len(opened)} octets, and opens with KI "
            f"{by.ki.mka_text} to what was sent"
            if opened is not None and by is not None
            else f"{len(seen.macsec)} MACsec frames left, and none opens to the probe",
        )
    ]
    if opened is not None and by is not None:
        checks.append(_readable(opened, random, by))
    clear = len(seen.clear_out)
    kinds = sorted({f"{int.from_bytes(frame[12:14], 'big'):04x}" for frame in seen.clear_out})
    checks.append(
        Check(
            "nothing-in-clear",
            not clear,
            f"{clear} frames left in clear, EtherTypes {', '.join(kinds)}"
            if clear
            else f"no frame left in clear; {seen.let_pass} of EAPOL and the bypass list were seen, "
            f"{seen.clear_in} others came from outside, which are refused",
        )
    )
    return checks


def _readable(frame: bytes, random: bytes, by: SakMaterial) -> Check:
    pieces = [random[at : at + _PIECE] for at in range(0, PROBE_OCTETS, _PIECE)]
    found = sum(piece in frame for piece in pieces)
    if not by.confidentiality:
        return Check("protection", found == len(pieces), "authenticated, not encrypted")
    # With a confidentiality offset the octets in front stay readable, the EtherType first.
    allowed = max(0, by.confidentiality_offset - 2) // _PIECE
    hidden = found <= allowed and random not in frame
    words = "encrypted: nothing of the probe is readable" if not found else f"{found * _PIECE} octets are readable"
    return Check("protection", hidden, words)


def _opens(frame: bytes, port: SinglePort, key: SakMaterial) -> bytes | None:
    """What a SecY of its own makes of a frame of ours."""
    sci, config = port.pae.sci, SecYConfig(vlan_tags_in_clear=port.config.vlan_tags_in_clear)
    with contextlib.suppress(PysecError), SecY(Sci.of(sci.mac, 2), key.cipher_suite, config) as secy:
        secy.install_sak(key.ki, key.sak, salt=key.salt, confidentiality_offset=key.confidentiality_offset)
        secy.create_receive_sc(sci)
        secy.create_receive_sa(sci, key.an, key.ki, lowest_pn=key.lowest_pn, ssci=key.ssci)
        secy.enable_receive(sci, key.ki)
        return secy.validate_frame(frame)[1]
    return None
