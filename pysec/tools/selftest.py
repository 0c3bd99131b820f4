"""Why this exists: before a key is trusted to this build on this CPU, it should show that it computes what the
standard says.

Every AES-GCM implementation ran its known answers when the core was loaded; `selftest` tells how that went, which one
is used here and why. Then each usable one takes a frame of 802.1AE Annex C through the SecY: it must be made exactly,
be opened again, and be refused once an octet of it is changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Final

from pysec.dataplane import GcmInfo, SecY, SecYConfig, Verdict, default_gcm, gcm_implementations
from pysec.errors import PysecError
from pysec.secret import Secret
from pysec.tools.stations import KeyedSa, SecYMaker, receiving_secy, transmitting_secy
from pysec.types import CipherSuite, Ki, Sci, Ssci

_KI: Final = Ki(b"selftest Annex C")


@dataclass(frozen=True)
class KnownFrame:
    """A frame of Annex C, encrypted. Its key is printed in the standard, so it guards nothing."""

    suite: CipherSuite
    key: bytes = field(repr=False)
    sci: Sci
    an: int
    pn: int
    uses_es: bool
    plain: bytes
    secure: bytes
    ssci: Ssci | None = None
    salt: bytes | None = None


# IEEE 802.1AE-2018 Annex C and its XPN forms: the 54-octet frame with ES, and the 60-octet one with an SCI.
KNOWN_FRAMES: Final = (
    KnownFrame(
        suite=CipherSuite.GCM_AES_128,
        key=bytes.fromhex("071b113b0ca743fecccf3d051f737382"),
        sci=Sci.parse("f0761e8dcd3d0001"),
        an=0,
        pn=1993627629,
        uses_es=True,
        plain=bytes.fromhex(
            "e20106d7cd0df0761e8dcd3d08000f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334"
            "0004"
        ),
        secure=bytes.fromhex(
            "e20106d7cd0df0761e8dcd3d88e54c2a76d457ed13b4c72b389dc5018e72a171dd85a5d3752274d3a019fbcaed09a425cd9b2e1c"
            "9b72eee7c9de7d52b3f3d6a5284f4a6d3fe22a5d6c2b960494c3"
        ),
    ),
    KnownFrame(
        suite=CipherSuite.GCM_AES_256,
        key=bytes.fromhex("e3c08a8f06c6e3ad95a70557b23f75483ce33021a9c72b7025666204c69c0b72"),
        sci=Sci.parse("12153524c0895e81"),
        an=2,
        pn=2999092325,
        uses_es=False,
        plain=bytes.fromhex(
            "d609b1f056637a0d46df998d08000f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334"
            "35363738393a0002"
        ),
        secure=bytes.fromhex(
            "d609b1f056637a0d46df998d88e52e00b2c2846512153524c0895e81e2006eb42f5277022d9b19925bc419d7a592666c925fe2ef"
            "718eb4e308efeaa7c5273b394118860a5be2a97f56ab78365ca597cdbb3edb8d1a1151ea0af7b436"
        ),
    ),
    KnownFrame(
        suite=CipherSuite.GCM_AES_XPN_128,
        key=bytes.fromhex("071b113b0ca743fecccf3d051f737382"),
        sci=Sci.parse("f0761e8dcd3d0001"),
        an=0,
        pn=12744982008792635373,
        uses_es=True,
        ssci=Ssci.parse("7a30c118"),
        salt=bytes.fromhex("e630e81a48de86a21c66fa6d"),
        plain=bytes.fromhex(
            "e20106d7cd0df0761e8dcd3d08000f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334"
            "0004"
        ),
        secure=bytes.fromhex(
            "e20106d7cd0df0761e8dcd3d88e54c2a76d457ed9ca46984430203ed416ebdc2fe2622ba3e5eab6961c36383009e187e9b0c8856"
            "4653b9abd216441c6ab6f0a232e9e44c978cf7cd84d43484d101"
        ),
    ),
    KnownFrame(
        suite=CipherSuite.GCM_AES_XPN_256,
        key=bytes.fromhex("691d3ee909d7f54167fd1ca0b5d769081f2bde1aee655fdbab80bd5295ae6be7"),
        sci=Sci.parse("f0761e8dcd3d0001"),
        an=0,
        pn=12744982008792635373,
        uses_es=True,
        ssci=Ssci.parse("7a30c118"),
        salt=bytes.fromhex("e630e81a48de86a21c66fa6d"),
        plain=bytes.fromhex(
            "e20106d7cd0df0761e8dcd3d08000f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334"
            "0004"
        ),
        secure=bytes.fromhex(
            "e20106d7cd0df0761e8dcd3d88e54c2a76d457ed88d9f7d1f1578ee34ba7b1abc89893ef1d3398c9f1dd3e47fbd8553e0ff786ef"
            "5699eb01ea10420d0ebd39a0e273c4c7f95ed843207d7a497dfa"
        ),
    ),
)


@dataclass(frozen=True)
class Check:
    """One claim, and whether it holds."""

    id: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class SelfTest:
    """What `pysec selftest` found."""

    implementations: list[GcmInfo]
    chosen: str
    why: str
    checks: list[Check]

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return all(check.ok for check in self.checks)

    def as_dict(self) -> dict[str, object]:
        """The object of `--json`."""
        return {
            "ok": self.ok,
            "gcm": self.chosen,
            "why": self.why,
            "implementations": [asdict(info) for info in self.implementations],
            "checks": [asdict(check) for check in self.checks],
        }

    def lines(self) -> list[str]:
        """For people."""
        out = [f"AES-GCM on this machine: {self.chosen} ({self.why})"]
        out += [f"{'ok    ' if check.ok else 'FAILED'} {check.id}: {check.detail}" for check in self.checks]
        failed = sum(not check.ok for check in self.checks)
        out.append(f"FAILED: {failed} of {len(self.checks)} checks" if failed else f"ok: {len(self.checks)} checks")
        return out


def selftest(implementations: Callable[[], list[GcmInfo]] = gcm_implementations, make: SecYMaker = SecY) -> SelfTest:
    """Run everything. The arguments are the seam for the canaries."""
    found = implementations()
    checks = [_known_answers(info) for info in found]
    for info in found:
        if info.why_not is None:
            checks += [
                Check(f"secy/{info.name}/{known.suite}", *_frame(known, info.name, make)) for known in KNOWN_FRAMES
            ]
    chosen = default_gcm()
    return SelfTest(found, chosen, _why(found, chosen), checks)


def _known_answers(info: GcmInfo) -> Check:
    name = f"gcm/{info.name}"
    if info.num_failed:
        return Check(name, False, f"{info.num_failed} of {info.num_tests} known answers are wrong; not offered")
    if info.why_not is not None:
        return Check(name, True, f"not used here: {info.why_not} ({info.what})")
    if not info.num_tests:
        return Check(name, False, "no known answer was tried")
    return Check(name, True, f"{info.num_tests} known answers right, priority {info.priority} ({info.what})")


def _why(found: list[GcmInfo], chosen: str) -> str:
    usable = {info.name: info.priority for info in found if info.why_not is None}
    if os.environ.get("PYSEC_GCM") == chosen:
        return "PYSEC_GCM asks for it"
    return f"priority {usable.get(chosen, 0)}, the highest of {len(usable)} that can be used"


def _frame(known: KnownFrame, gcm: str, make: SecYMaker) -> tuple[bool, str]:
    """Protect, validate, and refuse a forgery. Whether all is well, and what was seen."""
    sa = KeyedSa(known.sci, known.an, Secret(known.key), _KI, first_pn=known.pn, ssci=known.ssci, salt=known.salt)
    config = SecYConfig(always_include_sci=not known.uses_es, use_es=known.uses_es)
    forged = known.secure[:-1] + bytes([known.secure[-1] ^ 1])
    try:
        with transmitting_secy(known.suite, sa, config, gcm=gcm, make=make) as sender:
            made = sender.protect_frame(known.plain)
        with receiving_secy(known.suite, [sa], config, gcm=gcm, make=make) as receiver:
            refused, nothing = receiver.validate_frame(forged)
            verdict, opened = receiver.validate_frame(known.secure)
    except PysecError as error:
        return False, f"Annex C frame: {error}"
    if made != known.secure:
        return False, "Annex C frame: another frame was made than the standard has"
    if verdict is not Verdict.IN_OK or opened != known.plain:
        return False, f"Annex C frame: {verdict.yang}, or other octets came out"
    if refused is not Verdict.IN_NOT_VALID or nothing is not None:
        return False, f"Annex C frame with a wrong ICV: {refused.yang}"
    return True, f"Annex C frame of {len(known.plain)} octets made, opened, and refused when forged"
