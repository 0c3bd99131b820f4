"""Why this exists: the last word has what real devices sent to each other.

A capture of real peers comes as a pcap file and a JSON file that says what every frame opens to. The frames go in
their order through one receiver, whose SAs come from the MKPDUs of the capture if the file has the CAK (`cas`), else
from its `sas`, or `saks` and `scis`, and from nothing else: not from what is noted beside a frame. Each frame that
opens is then made again by a sender and compared octet for octet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from pysec.dataplane import SecY
from pysec.errors import FormatError
from pysec.tools.conformance.agreed import AgreedCapture, is_agreed
from pysec.tools.conformance.cases import Check, Mismatch, Skip, Vectors, same
from pysec.tools.conformance.frames import check_delivered, check_made
from pysec.tools.conformance.product import Product, receive
from pysec.tools.fields import Fields
from pysec.tools.pcap.keys import KeyFile, read_keys
from pysec.tools.pcap.reader import Packet
from pysec.tools.pcap.receive import Receivers
from pysec.tools.pcap.sectag import find_sectag
from pysec.tools.pcap.stream import capture_input
from pysec.tools.stations import KeyedSa
from pysec.types import XPN_SPACE, CipherSuite, Sci

FindSa = Callable[[Sci, int], tuple[CipherSuite, KeyedSa] | None]

_NOT_OURS = {
    "eapol": "EAPOL: not a MACsec frame",
    "other": "not a MACsec frame",
}


class _Capture:
    """A capture, its keys and its receivers."""

    def __init__(self, vectors: Vectors, product: Product) -> None:
        self.product = product
        name = vectors.top.text("pcap")
        path = vectors.path.parent / name
        if path.name != name or not path.is_file():
            raise vectors.top.error("pcap", "must name a file in the same folder")
        self.digest = hashlib.sha256(path.read_bytes()).hexdigest()
        with capture_input(path) as reader:
            self.packets = [item for item in reader if isinstance(item, Packet)]
        self.keys: KeyFile | None = None
        self.agreed = AgreedCapture(vectors, product) if is_agreed(vectors) else None
        if self.agreed is None and (vectors.top.lists_any("sas") or vectors.top.lists_any("saks")):
            self.keys = read_keys(vectors.top)
            self.receivers = Receivers(self.keys, gcm=product.gcm, make=product.make_secy, one=True)

    def check(self, entry: Fields, number: int) -> None:
        """One entry of `frames`."""
        kind = entry.text("kind")
        if kind in _NOT_OURS:
            raise Skip(_NOT_OURS[kind])
        if kind not in ("macsec", "mkpdu"):
            raise entry.error("kind", "must be macsec, mkpdu, eapol or other")
        if number > len(self.packets):
            raise Mismatch(f"packet {number} of the capture", f"{len(self.packets)} packets")
        frame = self.packets[number - 1].data
        if kind == "mkpdu":
            if self.agreed is None:
                raise Skip("MKPDU: the CAK is not given")
            self.agreed.check_mkpdu(entry, frame)
        elif self.agreed is not None:
            self._opens(entry, frame, self.agreed.secy_for(frame), self.agreed.installed)
        elif self.keys is None:
            raise Skip("no key is known")
        else:
            self.receivers.install_due(number)
            self._opens(entry, frame, self.receivers.secys[0], partial(self._keyed, self.keys, number))

    def _keyed(self, keys: KeyFile, number: int, sci: Sci, an: int) -> tuple[CipherSuite, KeyedSa] | None:
        sas = [sa for sa in keys.sas if (sa.sci, sa.an) == (sci, an) and sa.first_frame <= number]
        return (keys.cipher_suite, max(sas, key=lambda sa: sa.first_frame)) if sas else None

    def _opens(self, entry: Fields, frame: bytes, secy: SecY, find_sa: FindSa) -> None:
        """The frame is good and opens to what is noted, and a sender with the same SA makes it."""
        found = receive(secy, frame)
        if "user_data" not in entry:
            raise Skip("what it opens to is not known")
        plain = frame[:12] + entry.octets("user_data")
        check_delivered(found, plain)
        sci, pn = entry.sci("sci"), entry.integer("pn", 1, XPN_SPACE - 1)
        same("SCI", str(sci), str(Sci(found.sci)))
        same("PN", pn, found.pn)
        tag = find_sectag(frame)
        if tag is None:
            raise FormatError(f"{entry.where}: no SecTAG")
        own = find_sa(sci, tag.an)
        if own is None:
            raise Mismatch(f"an SA of {sci}, AN {tag.an}", "none")
        suite, sa = own
        check_made(self.product, suite, replace(sa, first_pn=pn), tag, plain=plain, secure=frame)


def captures(vectors: Vectors, product: Product) -> Iterator[tuple[str, Check]]:
    """macsec_capture: one case a frame, and one more if the pcap file is not the one that was described; with MKA also
    the derived keys of each CA, and the SAKs that were distributed."""
    capture = _Capture(vectors, product)
    want = vectors.top.text("pcap_sha256")
    if want != capture.digest:
        yield "pcap_sha256", lambda: same("SHA-256 of the pcap file", want, capture.digest)
    if capture.agreed is not None:
        yield from capture.agreed.keys()
    entries = vectors.top.objects("frames")
    for place, entry in enumerate(entries, start=1):
        number = entry.integer("n", 1, 1 << 53, default=place)
        yield f"frame {number}", partial(capture.check, entry, number)
    if capture.agreed is not None:
        yield "SAKs", capture.agreed.check_saks
    if len(capture.packets) != len(entries):
        yield "packets", lambda: same("packets in the capture", len(entries), len(capture.packets))
