"""Why this exists: MKPDUs, and keys of 802.1X, put together without any of pysec's code, octet by octet.

After IEEE 802.1X-2020 clauses 6.2, 9 and 11.11.3, as implementations of others show them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

GROUP, EAPOL, WAN = bytes.fromhex("0180c2000003"), b"\x88\x8e", b"\x87\x6f"
_NAMES = ("GCM-AES-128", "GCM-AES-256", "GCM-AES-XPN-128", "GCM-AES-XPN-256")
SUITE_IDS = {name: bytes.fromhex(f"0080c2000100000{i}") for i, name in enumerate(_NAMES, start=1)}


def cmac(key: bytes, data: bytes) -> bytes:
    """AES-CMAC."""
    mac = CMAC(AES(key))
    mac.update(data)
    return mac.finalize()


def kdf(key: bytes, label: str, context: bytes, bits: int) -> bytes:
    """The KDF of 802.1X, block by block."""
    blocks = range(1, bits // 128 + 1)
    return b"".join(cmac(key, bytes([i]) + label.encode() + b"\0" + context + bits.to_bytes(2, "big")) for i in blocks)


@dataclass
class Ca:
    """A CA: its CAK and what follows from it."""

    cak: bytes
    ckn: bytes
    kek: bytes = b""
    ick: bytes = b""

    def __post_init__(self) -> None:
        context, bits = self.ckn[:16].ljust(16, b"\0"), 8 * len(self.cak)
        self.kek = kdf(self.cak, "IEEE8021 KEK", context, bits)
        self.ick = kdf(self.cak, "IEEE8021 ICK", context, bits)

    def fields(self) -> dict[str, object]:
        """An entry of `cas`."""
        return {name: getattr(self, name).hex() for name in ("cak", "ckn", "kek", "ick")}


Set = tuple[bytes, dict[str, object]]
"""A set on the wire, and what the description says of it."""


def put(kind: int, body: bytes, octet2: int = 0, nibble3: int = 0) -> bytes:
    """A set: head, body, padding."""
    return bytes([kind, octet2, nibble3 << 4 | len(body) >> 8, len(body) & 255]) + body + bytes(-len(body) % 4)


def peers(kind: int, entries: Sequence[tuple[bytes, int]], ssci: int = 0) -> Set:
    """A list of peers."""
    octets = b"".join(mi + mn.to_bytes(4, "big") for mi, mn in entries)
    listed = [{"mi": mi.hex(), "mn": mn} for mi, mn in entries]
    name = "live" if kind == 1 else "potential"
    return put(kind, octets, ssci), {"type": kind, "length": len(octets), "name": name, "peers": listed}


def sak_use(ki: bytes, an: int, flags: int, lpn: int, old: tuple[bytes, int, int, int] = (bytes(16), 0, 0, 1)) -> Set:
    """Which SAK is used; flags: 2 sent with, 1 received with."""
    old_ki, old_an, old_flags, old_lpn = old
    octets = ki + lpn.to_bytes(4, "big") + old_ki + old_lpn.to_bytes(4, "big")
    said = {
        "type": 3, "length": 40, "name": "sak_use", "latest_an": an, "latest_tx": bool(flags & 2),
        "latest_rx": bool(flags & 1), "old_an": old_an, "old_tx": bool(old_flags & 2), "old_rx": bool(old_flags & 1),
        "plain_tx": False, "plain_rx": False, "delay_protect": True, "latest_ki": ki.hex(), "latest_lpn": lpn,
        "old_ki": old_ki.hex(), "old_lpn": old_lpn,
    }  # fmt: skip
    return put(3, octets, an << 6 | flags << 4 | old_an << 2 | old_flags, 1), said


def distributed(ca: Ca, suite: str, sak: bytes, *, an: int, code: int, kn: int) -> Set:
    """A wrapped SAK."""
    wrapped = aes_key_wrap(ca.kek, sak)
    named = b"" if suite == "GCM-AES-128" else SUITE_IDS[suite]
    octets = kn.to_bytes(4, "big") + named + wrapped
    said: dict[str, object] = {"type": 4, "length": len(octets), "name": "distributed_sak", "an": an, "kn": kn}
    said |= {"cipher_suite": named.hex() or None, "wrapped": wrapped.hex(), "sak": sak.hex()}
    return put(4, octets, an << 6 | code << 4), {**said, "mka_confidentiality_offset_code": code}


def xpn(latest_high: int, old_high: int) -> Set:
    """The high halves of packet numbers."""
    octets = latest_high.to_bytes(4, "big") + old_high.to_bytes(4, "big")
    return put(8, octets), {"type": 8, "length": 8}


def indicator() -> Set:
    """What announces the ICV."""
    return b"\xff\0\0\x10", {"type": 255, "length": 16}


@dataclass
class Member:
    """A participant that sends MKPDUs."""

    ca: Ca
    sci: bytes
    mi: bytes
    priority: int = 16
    version: int = 3
    mn: int = 0
    capability: int = 3

    def sends(
        self,
        sets: Sequence[Set] = (),
        *,
        server: bool = True,
        key: bytes = b"",
        to: bytes = GROUP,
        ethertype: bytes = EAPOL,
    ) -> tuple[bytes, dict[str, object]]:
        """A frame, and what a capture's description says of it. key: another ICK than the CA's."""
        self.mn += 1
        ckn = self.ca.ckn
        flags = server << 3 | 4 | self.capability
        basic = self.sci + self.mi + self.mn.to_bytes(4, "big") + bytes.fromhex("0080c201") + ckn
        body = put(self.version, basic, self.priority, flags) + b"".join(octets for octets, _ in sets)
        length = len(body) + 16
        head = to + self.sci[:6] + ethertype + b"\x03\x05" + length.to_bytes(2, "big")
        icv = cmac(key or self.ca.ick, head + body)
        said: dict[str, object] = {
            "kind": "mkpdu", "eapol_version": 3, "dst": to.hex(":"), "src": self.sci[:6].hex(":"), "length": length,
            "icv": icv.hex(), "sets": [entry for _, entry in sets], "mka_version": self.version,
            "key_server_priority": self.priority, "key_server": server, "macsec_desired": True,
            "macsec_capability": self.capability, "sci": self.sci.hex(), "mi": self.mi.hex(), "mn": self.mn,
            "algo_agility": "0080c201", "ckn": ckn.hex(), "icv_ok": not key,
        }  # fmt: skip
        return head + body + icv, said


@dataclass
class Story:
    """The SAKs that are agreed in a capture."""

    saks: list[dict[str, object]] = field(default_factory=list)

    def agreed(self, frame: int, mi: bytes, suite: str, sak: bytes, *, an: int, code: int, kn: int) -> bytes:
        """Note a SAK that this frame distributes; its KI."""
        ki = mi + kn.to_bytes(4, "big")
        said: dict[str, object] = {"ki": ki.hex(), "an": an, "sak": sak.hex(), "cipher_suite": suite.lower()}
        self.saks.append({**said, "mka_confidentiality_offset_code": code, "first_frame": frame})
        return ki
