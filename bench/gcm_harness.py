"""Why this exists: peers that may be missing, and a proof that each provider does what is asked before it is timed.

Each peer of bench/c is compiled when it is needed. One whose header or library is not installed is missing, by name and
with the package that has it; everything else goes on. The check is against OpenSSL, through `cryptography`, which has
one of its own.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench.gcm_rows import Group, Limits
from bench.harness import ROOT, Harness, build, build_shared, compiles_with
from pysec.errors import DriverError


@dataclass(frozen=True)
class Peer:
    """A library that may be here."""

    provider: str
    stem: str  # bench/c/peer_STEM.c
    header: str
    library: str
    package: str  # of Debian


PEERS = (
    Peer("ipsec-mb", "ipsec_mb", "intel-ipsec-mb.h", "IPSec_MB", "libipsec-mb-dev"),
    Peer("openssl", "openssl", "openssl/evp.h", "crypto", "libssl-dev"),
)


@dataclass(frozen=True)
class Way:
    """One way to call a provider; what is measured."""

    provider: str
    name: str
    without_data: bool = False  # for messages of additional data alone

    def takes(self, group: Group) -> bool:
        """Whether it can do the messages of a group."""
        return not self.without_data or group.mode == "integrity"


def frames_written(raw: bytes) -> Iterator[tuple[bytes, bytes, bytes, bytes, bytes]]:
    """Nonce, additional data, data before and after, tag of each frame that the harness wrote down."""
    at = 0

    def take(count: int) -> bytes:
        nonlocal at
        at += count
        return raw[at - count : at]

    while at < len(raw):
        aad_len, data_len = struct.unpack("=II", take(8))
        yield take(12), take(aad_len), take(data_len), take(data_len), take(16)


class GcmHarness(Harness):
    """bench/c/gcm_bench.c, running."""

    def __init__(self) -> None:
        super().__init__(build("gcm_bench", "gcm_ring", "gcm_limits"))
        self.versions: dict[str, str] = {}
        self.missing: dict[str, str] = {}
        self._key = b""
        self._ways: list[Way] = []
        self._folder = tempfile.TemporaryDirectory()

    def close(self) -> None:
        """End the program."""
        super().close()
        self._folder.cleanup()

    def find_peers(self) -> list[Way]:
        """Compile and load the peers that are here; `missing` says of the others why."""
        for peer in PEERS:
            if not compiles_with(peer.header, peer.library):
                self.missing[peer.provider] = f"needs {peer.header} and lib{peer.library} (Debian: {peer.package})"
                continue
            try:
                self.load(build_shared(f"peer_{peer.stem}", ROOT / "bench/c" / f"peer_{peer.stem}.c", peer.library))
            except DriverError as error:
                self.missing[peer.provider] = str(error)
        return self._ways

    def load(self, shared: Path) -> list[Way]:
        """Load one peer; its ways (DriverError)."""
        provider, ways, *version = self.ask(f"load {shared}")
        self.versions[provider] = " ".join(version)
        found = [Way(provider, name.rstrip("*"), name.endswith("*")) for name in ways.split(",")]
        self._ways += found
        return found

    def ring(self, group: Group) -> int:
        """Lay out the frames of a group; how many there are. Ways added before are forgotten."""
        self._key = group.key
        shape = (group.load.octets or 0, group.header, group.clear, group.burst, group.load.ring_mib or 0)
        return int(self.ask(f"ring {' '.join(map(str, shape))} {self._key.hex()}")[0])

    def add(self, way: Way) -> str:
        """Set up keys for a way; its number."""
        return self.ask(f"add {way.provider.partition(':')[0]} {way.name}")[0]

    def check(self, way: Way, case: str) -> None:
        """Compare frame by frame with OpenSSL, and see it refuse what was changed (DriverError)."""
        path = Path(self._folder.name) / "frames"
        try:
            self.ask(f"check {case} {path}")
        except DriverError as error:
            raise DriverError(f"{way.provider} ({way.name}) is wrong: {error}") from None
        aead = AESGCM(self._key)
        for number, (nonce, aad, before, after, tag) in enumerate(frames_written(path.read_bytes())):
            want = aead.encrypt(nonce, before, aad)
            if after + tag != want:
                part = "tag" if after == want[:-16] else "ciphertext"
                raise DriverError(
                    f"{way.provider} ({way.name}) is wrong: the {part} of frame {number}, {len(aad)} octets of"
                    f" additional data and {len(before)} of data, is not OpenSSL's"
                )

    def limits(self) -> dict[str, float]:
        """Core cycles of the instructions that AES-GCM is made of, {"aes:512": ..}."""
        return {name: float(cycles) for name, _, cycles in (word.partition("=") for word in self.ask("limits"))}

    def clock(self) -> float:
        """The core's clock just now, GHz."""
        return float(self.ask("clock")[0])


def best_limits(*measured: dict[str, float]) -> Limits:
    """The limits from several measurements: of each instruction the fastest."""
    names = set().union(*measured)
    return Limits.of({name: min(found[name] for found in measured if name in found) for name in names})
