"""MKA with a pre-shared CAK against wpa_supplicant, its data through the kernel's macsec (802.1X-2020 9, 11.11).

What is proven each time: one SAK at both ends, sent and received with; echoes, TCP and UDP both ways; not a frame of
ours in clear but EAPOL; nothing refused by either side; every MKPDU of either side with a good ICV.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from pysec.mka.config import KayConfig
from pysec.types import CipherSuite, ConfidentialityOffset, MacAddress
from tests.interop.guest import Guest, Image
from tests.interop.mka import MkaStation, check_link, never_secured
from tests.interop.segment import GUEST_MAC, Segment
from tests.interop.supplicant import SharedKey, Supplicant

KEY = SharedKey.make()
PRIORITIES = {"key-server": (10, 100), "client": (200, 100)}
# In the range for documentation, and below ours, so that with equal priorities it wins.
LESSER_MAC = MacAddress.parse("00:00:5e:00:53:02")


@pytest.fixture(params=list(PRIORITIES))
def role(request: pytest.FixtureRequest) -> str:
    """What we are: key server or client."""
    return str(request.param)


def link(segment: Segment, guest: Guest, role: str, supplicant: Supplicant, **kay: Any) -> None:
    """A link in which we have a role."""
    ours, supplicant.priority = PRIORITIES[role]
    config = KayConfig(key_server_priority=ours, **kay)
    check_link(segment, guest, supplicant, config, we_serve=role == "key-server")


@pytest.mark.parametrize("cak_octets", [16, 32], ids=["cak-128", "cak-256"])
def test_link(segment: Segment, guest: Guest, role: str, cak_octets: int) -> None:
    link(segment, guest, role, Supplicant(guest, SharedKey.make(cak_octets)))


@pytest.mark.slice
def test_a_slice_for_the_gate(segment: Segment, guest: Guest) -> None:
    link(segment, guest, "key-server", Supplicant(guest, SharedKey.make(32)))


@pytest.mark.parametrize("ckn_octets", [1, 3, 13, 16, 31])
def test_names_of_every_length(segment: Segment, guest: Guest, role: str, ckn_octets: int) -> None:
    # 802.1X-2020 9.3.1: a CKN has 1 to 32 octets; the set that it stands in is padded to a multiple of four.
    link(segment, guest, role, Supplicant(guest, SharedKey.make(16, ckn_octets)))


def test_integrity_only(segment: Segment, guest: Guest, role: str) -> None:
    supplicant = Supplicant(guest, KEY, integrity_only=True)
    link(segment, guest, role, supplicant, confidentiality_offset=ConfidentialityOffset.INTEGRITY_ONLY)


def test_integrity_only_is_not_taken_where_it_is_not_allowed(segment: Segment, guest: Guest) -> None:
    supplicant = Supplicant(guest, KEY, priority=100, integrity_only=True)
    supplicant.start()
    with ExitStack() as stack:
        station = MkaStation(stack, segment, KEY, KayConfig(key_server_priority=200))
        never_secured(station)
        assert "sak-refused" in station.names(), station.reasons()
        assert "confidentiality" in station.status().why


@pytest.mark.parametrize("ours", [1, 7])
@pytest.mark.parametrize("theirs", [1, 2])
def test_port_identifiers(segment: Segment, guest: Guest, ours: int, theirs: int) -> None:
    supplicant = Supplicant(guest, KEY, priority=100, port=theirs)
    check_link(segment, guest, supplicant, KayConfig(key_server_priority=10), we_serve=True, port=ours)


def test_gcm_aes_256(segment: Segment, guest: Guest, role: str, image: Image) -> None:
    if not image.has("wpa_supplicant-256"):
        pytest.skip("the guest has no wpa_supplicant for GCM-AES-256: it is compiled from source")
    supplicant = Supplicant(guest, KEY, program="wpa_supplicant-256")
    link(segment, guest, role, supplicant, cipher_suites=(CipherSuite.GCM_AES_256,))


def test_hostapd(segment: Segment, guest: Guest, role: str, image: Image) -> None:
    if not image.has("hostapd"):
        pytest.skip("the guest has no hostapd with MACsec: it is compiled from source")
    link(segment, guest, role, Supplicant(guest, KEY, program="hostapd"))


# ---- Who is key server


def test_equal_priorities(segment: Segment, guest: Guest) -> None:
    # 802.1X-2020 9.5: the numerically least SCI, which is ours.
    supplicant = Supplicant(guest, KEY, priority=16)
    check_link(segment, guest, supplicant, KayConfig(key_server_priority=16), we_serve=True)


@pytest.fixture
def lesser_mac(guest: Guest) -> Iterator[MacAddress]:
    """Gives the guest a MAC address below ours, for a while."""
    guest.run(f"ip link set eth0 address {LESSER_MAC}")
    yield LESSER_MAC
    guest.run(f"clean; ip link set eth0 address {GUEST_MAC}")


def test_equal_priorities_and_a_lesser_mac(segment: Segment, guest: Guest, lesser_mac: MacAddress) -> None:
    supplicant = Supplicant(guest, KEY, priority=16)
    config = KayConfig(key_server_priority=16)
    check_link(segment, guest, supplicant, config, we_serve=False, guest_mac=lesser_mac)


def test_nobody_is_willing(segment: Segment, guest: Guest) -> None:
    # 802.1X-2020 9.5: 255 is never key server. wpa_supplicant, whose default it is, would be; we do not follow it.
    supplicant = Supplicant(guest, KEY, priority=255)
    supplicant.start()
    with ExitStack() as stack:
        station = MkaStation(stack, segment, KEY, KayConfig(key_server_priority=255))
        never_secured(station)
        assert "no member is willing to be key server" in station.status().why


# ---- Keys that differ


def test_another_cak(segment: Segment, guest: Guest, role: str) -> None:
    ours, theirs = PRIORITIES[role]
    supplicant = Supplicant(guest, SharedKey(bytes(16), KEY.ckn), priority=theirs)
    supplicant.start()
    with ExitStack() as stack:
        station = MkaStation(stack, segment, KEY, KayConfig(key_server_priority=ours))
        never_secured(station, supplicant)
        assert "the CAKs differ" in station.status().why
        assert station.status().live_peers == ()


def test_another_name(segment: Segment, guest: Guest) -> None:
    supplicant = Supplicant(guest, SharedKey(KEY.cak, KEY.ckn[:-1]), priority=100)
    supplicant.start()
    with ExitStack() as stack:
        station = MkaStation(stack, segment, KEY)
        never_secured(station, supplicant)
        assert f"no CAK named {KEY.ckn[:-1].hex()}" in station.status().why
