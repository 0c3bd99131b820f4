"""The checks of a link can fail: with one fault planted at our end, in a key, a SAK, an election, a port, they do."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

import pytest

from pysec.drivers.software import SoftwareDriver
from pysec.mka import keys, participant
from pysec.mka.config import KayConfig
from pysec.mka.kdf import kdf
from pysec.protocols import Controls, Installed
from pysec.secret import Secret
from pysec.types import CipherSuite, Ki
from tests.interop.guest import Guest
from tests.interop.mka import MkaStation, wait_secured
from tests.interop.segment import Segment
from tests.interop.supplicant import SharedKey, Supplicant
from tests.interop.traffic import echo_from_here

KEY = SharedKey.make()
SOON_S = 8.0


def comes_up(segment: Segment, guest: Guest, *, ours: int = 10, theirs: int = 100) -> None:
    """As check_link begins; AssertionError for no common SAK, another key server than should be, or no echo."""
    supplicant = Supplicant(guest, KEY, priority=theirs)
    supplicant.start()
    with ExitStack() as stack:
        station = MkaStation(stack, segment, KEY, KayConfig(key_server_priority=ours))
        wait_secured(station, supplicant, seconds=SOON_S)
        assert station.status().is_key_server == (ours < theirs), "another key server"
        assert echo_from_here(segment, 56, wait_s=2.0), "no echo"


def test_without_a_fault_it_comes_up(segment: Segment, guest: Guest) -> None:
    comes_up(segment, guest)


@pytest.mark.parametrize("label", ["ICK", "KEK"])
@pytest.mark.parametrize("ours", [10, 200], ids=["key-server", "client"])
def test_canary_a_wrong_label(
    segment: Segment, guest: Guest, monkeypatch: pytest.MonkeyPatch, label: str, ours: int
) -> None:
    def wrong(key: bytes, name: str, context: bytes, octets: int) -> bytes:
        return kdf(key, name.lower() if name.endswith(label) else name, context, octets)

    monkeypatch.setattr(keys, "kdf", wrong)
    with pytest.raises(AssertionError, match="no common SAK"):
        comes_up(segment, guest, ours=ours)


class WrongSakDriver(SoftwareDriver):
    """Installs another SAK than the one that was agreed."""

    def install_sak(
        self, ki: Ki, sak: Secret, *, cipher_suite: CipherSuite, salt: bytes | None, confidentiality_offset: int
    ) -> None:
        """One bit of it is another."""
        octets = bytearray(sak.reveal())
        octets[0] ^= 1
        super().install_sak(
            ki,
            Secret(bytes(octets)),
            cipher_suite=cipher_suite,
            salt=salt,
            confidentiality_offset=confidentiality_offset,
        )


class UnprotectedDriver(SoftwareDriver):
    """Sends in clear, whatever it is told."""

    def set_controls(self, controls: Controls) -> None:
        """With frames unprotected."""
        super().set_controls(replace(controls, protect_frames=False))

    def read(self) -> Installed:
        """And says that it does not."""
        installed = super().read()
        return replace(installed, controls=replace(installed.controls, protect_frames=True))


@pytest.mark.parametrize("driver", [WrongSakDriver, UnprotectedDriver])
def test_canary_a_data_plane_that_does_something_else(
    segment: Segment, guest: Guest, monkeypatch: pytest.MonkeyPatch, driver: type[SoftwareDriver]
) -> None:
    monkeypatch.setattr(MkaStation, "driver_type", driver)
    with pytest.raises(AssertionError, match="no echo"):
        comes_up(segment, guest)


def test_canary_an_election_the_wrong_way_round(
    segment: Segment, guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(participant, "elect", lambda found: max(found, key=lambda one: one.rank, default=None))
    # We follow the worse one, which makes itself key server when we do not claim to be: a link, but not this one.
    with pytest.raises(AssertionError, match="another key server"):
        comes_up(segment, guest)
