"""Why this exists: tests need frames that no honest sender makes: any TCI, any SL, any PN, sealed with any key.

`Peer` seals whatever it is told to; only the ICV is honest, so that a refusal is for the reason under test.
"""

from __future__ import annotations

from dataclasses import dataclass

from .parts import Sak, nonce, seal
from .sectag import SecTag, short_length
from .secy import SecY

DESTINATION = bytes.fromhex("0200000000d1")
SUITES = ("GCM-AES-128", "GCM-AES-256", "GCM-AES-XPN-128", "GCM-AES-XPN-256")
SALT = bytes.fromhex("a1a2a3a4a5a6a7a8a9aaabac")


def suite_key(suite: str, number: int = 0) -> bytes:
    """A key that nobody uses for anything else."""
    return bytes((number + 1) * 7 + i & 0xFF for i in range(32 if suite.endswith("256") else 16))


def key_identifier(number: int) -> bytes:
    """A KI for each number."""
    return b"test member " + number.to_bytes(4, "big")


def new_sak(suite: str, number: int = 0, offset: int = 0) -> Sak:
    """The SAK that goes by `key_identifier(number)`."""
    return Sak(key_identifier(number), suite_key(suite, number), SALT if "XPN" in suite else None, offset)


def user_data(octets: int, fill: int = 0x40) -> bytes:
    """User Data: an EtherType that is nobody's, then a pattern. One octet is cut short."""
    return (b"\x08\x00" + bytes((fill + i) & 0xFF for i in range(max(0, octets - 2))))[:octets]


@dataclass
class Peer:
    """The sender of a receive SC. `sci` is the one it seals with; how the SecTAG names it is `form`."""

    sci: int
    suite: str
    sak: Sak
    an: int = 0
    ssci: int = 2

    @property
    def source(self) -> bytes:
        """The MAC address of the SCI."""
        return self.sci.to_bytes(8, "big")[:6]

    def frame(
        self, pn: int, data: bytes = user_data(60), *, form: str = "sci", e: bool = True, c: bool | None = None,
        an: int | None = None, sl: int | None = None, v: bool = False, pn_field: int | None = None,
        source: bytes | None = None, destination: bytes = DESTINATION, vlan: bytes = b"", padding: bytes = b"",
        tagged_sci: int | None = None, sc_beside: str = "",
    ) -> bytes:  # fmt: skip
        """A frame sealed with `pn`. `form` is how the SCI is named: sci, es, scb, es+scb or none; c follows e unless
        given. `sc_beside` sets es or scb in a tag that has an SCI as well, which 9.12 d) forbids."""
        source = self.source if source is None else source
        explicit = self.sci if tagged_sci is None else tagged_sci
        tag = SecTag(
            an=self.an if an is None else an,
            sl=short_length(len(data)) if sl is None else sl,
            pn_field=pn & 0xFFFF_FFFF if pn_field is None else pn_field,
            sci=explicit if form == "sci" else None,
            e=e,
            c=e if c is None else c,
            es=form in ("es", "es+scb") or sc_beside == "es",
            scb=form in ("scb", "es+scb") or sc_beside == "scb",
            v=v,
        )
        iv = nonce(self.sak, self.sci, self.ssci, pn)
        return destination + source + vlan + seal(self.sak, iv, destination + source, tag, data) + padding

    def join(self, secy: SecY, lowest_pn: int = 1, *, enable: bool = True) -> None:
        """Give a SecY the receive SC and SA of this sender."""
        secy.install_sak(self.sak.ki, self.sak.key, self.sak.salt, self.sak.offset)
        secy.create_receive_sc(self.sci)
        secy.create_receive_sa(self.sci, self.an, self.sak.ki, lowest_pn, self.ssci)
        if enable:
            secy.enable_receive(self.sci, self.sak.ki)


def flip(frame: bytes, at: int, mask: int = 1) -> bytes:
    """The frame with bits of one octet turned over."""
    return frame[:at] + bytes([frame[at] ^ mask]) + frame[at + 1 :]
