"""Why this exists: what `make_vectors` and `make_mka_vectors` put vector files together from.

It shares no code with pysec.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

OURS = "made by tests/data/make_vectors.py, sealed by the package cryptography"
SUITES = ("GCM-AES-128", "GCM-AES-256", "GCM-AES-XPN-128", "GCM-AES-XPN-256")
ES, SC, SCB, E, C = 0x40, 0x20, 0x10, 0x08, 0x04


def octets(name: str, count: int) -> bytes:
    """Octets that follow from a name alone."""
    return hashlib.shake_256(name.encode()).digest(count)


@dataclass
class Sender:
    """One SA as a sender uses it."""

    name: str
    suite: str = "GCM-AES-128"
    sci: bytes = b""
    key: bytes = b""
    ssci: bytes = bytes.fromhex("00000001")
    salt: bytes = b""
    offset: int = 0

    def __post_init__(self) -> None:
        mac = bytes([octets(self.name, 1)[0] & 0xFE]) + octets(self.name + " mac", 5)
        self.sci = self.sci or mac + b"\0\1"
        self.key = self.key or octets(self.name + " key", 32 if self.suite.endswith("256") else 16)
        self.salt = self.salt or octets(self.name + " salt", 12)

    @property
    def is_xpn(self) -> bool:
        return "XPN" in self.suite

    def plain(self, length: int, ethertype: int = 0x0800) -> bytes:
        """A frame of this sender."""
        to = bytes.fromhex("020000000001")
        return to + self.sci[:6] + ethertype.to_bytes(2, "big") + octets(f"{self.name} {length}", length - 14)

    def protect(self, plain: bytes, pn: int, tci: int, *, an: int = 0, sl: int | None = None, clear: int = 0) -> bytes:
        """The frame on the wire. `tci` is taken as it is, whether it makes sense or not."""
        data = plain[12 + clear :]
        if sl is None:
            sl = len(data) if len(data) < 48 else 0
        tag = b"\x88\xe5" + bytes([tci | an, sl]) + (pn & 0xFFFFFFFF).to_bytes(4, "big")
        if tci & SC:
            tag += self.sci
        if self.is_xpn:
            number = int.from_bytes(self.ssci + pn.to_bytes(8, "big"), "big") ^ int.from_bytes(self.salt, "big")
            nonce = number.to_bytes(12, "big")
        else:
            nonce = self.sci + pn.to_bytes(4, "big")
        shown = min(self.offset, len(data)) if tci & E else len(data)
        sealed = AESGCM(self.key).encrypt(nonce, data[shown:], plain[:12] + tag + data[:shown])
        return plain[: 12 + clear] + tag + data[:shown] + sealed

    def fields(self, name: str, pn: int) -> dict[str, object]:
        """What every frame vector says."""
        found: dict[str, object] = {"id": name, "source": OURS, "suite": self.suite, "key": self.key.hex()}
        found |= {"sci": self.sci.hex(), "pn": pn}
        if self.is_xpn:
            found |= {"salt": self.salt.hex(), "ssci": self.ssci.hex()}
        return found

    def vector(self, name: str, pn: int, tci: int, plain: bytes, *, an: int = 0, clear: int = 0) -> dict[str, object]:
        """A frame that must be made and opened."""
        secure = self.protect(plain, pn, tci, an=an, clear=clear)
        bits = {"es": ES, "sc": SC, "scb": SCB, "e": E, "c": C}
        found = self.fields(name, pn) | {"an": an} | {key: int(bool(tci & bit)) for key, bit in bits.items()}
        if clear:
            found["clear_tag_octets"] = clear
        found |= {"sl": secure[15 + clear], "conf_offset": self.offset}
        return found | {"plain": plain.hex(), "secure": secure.hex()}


def document(name: str, vectors: list[dict[str, object]], **more: object) -> dict[str, object]:
    """A vector file."""
    return {"format": f"pysec-vectors/{name}/1", "source": OURS, "count": len(vectors), **more, "vectors": vectors}


@dataclass
class Capture:
    """A capture and what its frames open to."""

    name: str
    top: dict[str, object]
    packets: list[bytes] = field(default_factory=list)
    frames: list[dict[str, object]] = field(default_factory=list)

    def macsec(self, who: Sender, pn: int, tci: int, length: int, an: int = 0) -> None:
        """A protected frame."""
        plain = who.plain(length)
        self.packets.append(who.protect(plain, pn, tci, an=an))
        self.frames.append(
            {
                "n": len(self.packets),
                "kind": "macsec",
                "an": an,
                "sci": who.sci.hex(),
                "pn": pn,
                "user_data": plain[12:].hex(),
            }
        )

    def mkpdu(self, frame: bytes, said: dict[str, object]) -> None:
        """An MKPDU with its description."""
        self.packets.append(frame)
        self.frames.append({"n": len(self.packets), **said})

    def other(self, kind: str, frame: bytes) -> None:
        """A frame that is not MACsec."""
        self.packets.append(frame)
        self.frames.append({"n": len(self.packets), "kind": kind})

    def write(self, folder: Path) -> None:
        """Both files."""
        octets_ = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
        for i, packet in enumerate(self.packets):
            octets_ += struct.pack("<IIII", 1_700_000_000, 1000 * i, len(packet), len(packet)) + packet
        (folder / f"{self.name}.pcap").write_bytes(octets_)
        head = {"format": "pysec-vectors/macsec_capture/1", "title": OURS, "pcap": f"{self.name}.pcap"}
        head["pcap_sha256"] = hashlib.sha256(octets_).hexdigest()
        write(folder / f"{self.name}.json", {**head, "link": "ethernet", **self.top, "frames": self.frames})


def write(path: Path, values: object) -> None:
    """One JSON file, readable."""
    path.write_text(json.dumps(values, indent=1) + "\n", "utf-8")
