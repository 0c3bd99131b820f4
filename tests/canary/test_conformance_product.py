"""Conformance fails when the product is faulty, whatever the fault: each stub breaks one promise of the SecY.

The vectors are our own and right; the stub stands where the product's SecY stands.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pysec.dataplane import Action, Counters, FrameArena, GcmKey, SecY, Verdict, xpn_recover
from pysec.tools.conformance.product import Product
from pysec.tools.conformance.report import Report
from pysec.tools.conformance.run import run


class Drops(SecY):
    """Says OK and delivers nothing."""

    def validate(self, arena: FrameArena) -> Any:
        super().validate(arena)
        arena.frames["action"][: len(arena)] = int(Action.DISCARD)
        return arena.verdicts


class TakesAnyIcv(SecY):
    """Delivers what does not verify, as if it did."""

    def validate(self, arena: FrameArena) -> Any:
        super().validate(arena)
        used = arena.frames[: len(arena)]
        bad = used["verdict"] == int(Verdict.IN_NOT_VALID)
        used["verdict"][bad] = int(Verdict.IN_OK)
        used["action"][bad] = int(Action.CONTROLLED)
        return arena.verdicts


class DeliversWhatItRefuses(SecY):
    """The verdict is right, the frame goes on all the same."""

    def validate(self, arena: FrameArena) -> Any:
        super().validate(arena)
        arena.frames["action"][: len(arena)] = int(Action.CONTROLLED)
        return arena.verdicts


class CountsTwice(SecY):
    """Every frame moves its counter by two."""

    def counters(self) -> Counters:
        found = super().counters()
        doubled = tuple(2 * n for n in found.packets_by_verdict)
        return replace(found, packets_by_verdict=doubled)


class CountsNothing(SecY):
    """No frame moves a counter."""

    def counters(self) -> Counters:
        found = super().counters()
        return replace(found, packets_by_verdict=(0,) * len(found.packets_by_verdict))


class ForgetsReplay(SecY):
    """Takes any packet number again."""

    def validate(self, arena: FrameArena) -> Any:
        self.reconfigure(replay_protect=False)
        return super().validate(arena)


class LeavesPadding(SecY):
    """Hands the MAC's padding on with the frame."""

    def validate(self, arena: FrameArena) -> Any:
        before = arena.frames["len"][: len(arena)].copy()
        super().validate(arena)
        used = arena.frames[: len(arena)]
        padded = (before == 60) & (used["len"] < 36)
        used["len"][padded] = used["len"][padded] + np.uint32(1)
        return arena.verdicts


class WrongIcv(SecY):
    """Sends frames whose last octet is wrong."""

    def protect_frame(self, frame: bytes) -> bytes:
        made = super().protect_frame(frame)
        return made[:-1] + bytes([made[-1] ^ 1])


class SendsInClear(SecY):
    """Sends frames as they are."""

    def protect_frame(self, frame: bytes) -> bytes:
        return bytes(frame)


class OtherPn(SecY):
    """Tells another packet number than the frame's."""

    def validate(self, arena: FrameArena) -> Any:
        super().validate(arena)
        arena.frames["pn"][: len(arena)] += np.uint64(1)
        return arena.verdicts


class LaxGcm(GcmKey):
    """Opens nothing, but never raises either."""

    def open(self, *args: Any) -> list[bytes]:
        return [message or b"" for message in super().try_open(*args)]


class BlindGcm(GcmKey):
    """Opens with the tag unlooked at."""

    def try_open(self, nonces: Any, sealed: Any, aads: Any = None) -> list[bytes | None]:
        found = super().try_open(nonces, sealed, aads)
        return [
            bytes(message[:-16]) if opened is None else opened for message, opened in zip(sealed, found, strict=True)
        ]


@pytest.fixture
def own(repo_root: Path) -> Path:
    return repo_root / "tests" / "data" / "vectors"


def failed(report: Report) -> dict[str, int]:
    """Failures by file."""
    return {Path(f.file).stem: len(f.failures) for f in report.files if f.failures}


def test_the_product_itself_passes(own: Path) -> None:
    assert failed(run([own])) == {}


EVERYWHERE = {
    "macsec_padded_short_frames", "macsec_sequences", "macsec_synthetic_frames", "macsec_vlan_frames", "mka-psk",
    "mka-rekey", "static-nosci", "static-rekey",
}  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "files"),
    [
        (Drops, EVERYWHERE),
        (TakesAnyIcv, {"macsec_reject_frames", "macsec_sequences"}),
        (DeliversWhatItRefuses, {"macsec_reject_frames", "macsec_sequences"}),
        (CountsTwice, EVERYWHERE | {"macsec_reject_frames"}),
        (CountsNothing, EVERYWHERE | {"macsec_reject_frames"}),
        (ForgetsReplay, {"macsec_sequences"}),
        (LeavesPadding, {"macsec_padded_short_frames"}),
        (WrongIcv, EVERYWHERE),
        (SendsInClear, EVERYWHERE),
        (OtherPn, EVERYWHERE - {"macsec_sequences"}),
    ],
)
def test_canary_a_faulty_secy(own: Path, fault: type[SecY], files: set[str]) -> None:
    report = run([own], Product(make_secy=fault))
    assert not report.ok
    assert failed(report).keys() == files
    for file in report.files:
        for failure in file.failures:
            assert failure.id
            assert failure.want != failure.got


@pytest.mark.parametrize("fault", [LaxGcm, BlindGcm])
def test_canary_a_faulty_aes_gcm(own: Path, fault: type[GcmKey]) -> None:
    report = run([own / "wycheproof_aes_gcm.json"], Product(make_gcm_key=fault))
    assert failed(report) == {"wycheproof_aes_gcm": 10}


def test_canary_a_recovery_that_guesses_from_the_low_half(own: Path) -> None:
    """802.1AE-2018 10.6.2: the upper half follows the lowest acceptable PN, and rises when the low half has wrapped."""
    without_carry = Product(recover=lambda lowest, field: lowest >> 32 << 32 | field)
    assert failed(run([own / "xpn_recovery.json"], without_carry)) == {"xpn_recovery": 2}
    always = Product(recover=lambda lowest, field: xpn_recover(lowest, field) + (1 << 32))
    assert failed(run([own / "xpn_recovery.json"], always)) == {"xpn_recovery": 5}
