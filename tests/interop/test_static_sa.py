"""Static keys against the kernel's macsec: every suite, with and without encryption, both forms of the SecTAG.

The kernel refuses what is late by its replay window 0, what has another ICV, another SCI or another nonce; so traffic
both ways, with no frame refused on either side, says that the octets on the wire are the standard's
(802.1AE-2018 9.3 to 9.9, 10.5, 10.6, 14.5 to 14.8).
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import pytest

from pysec.lab import packets
from pysec.lab.hosts import settled
from pysec.types import CipherSuite
from tests.interop import kernel
from tests.interop.guest import Guest
from tests.interop.kernel import KernelCounters, StaticLink
from tests.interop.segment import GUEST_MAC, OUR_MAC, Segment
from tests.interop.station import Station
from tests.interop.traffic import check_traffic, echo_from_here, pings_lost


def check_counters(station: Station, guest: Guest) -> None:
    """Each side has accepted all that the other sent, and nothing else came."""
    settled(station.counters, still_s=0.3)
    theirs, ours = KernelCounters.read(guest), station.counters()
    kind = "Encrypted" if station.link.encrypt else "Protected"
    assert theirs.refused == {}
    assert ours["InPktsOK"] == theirs.own[f"OutPkts{kind}"] > 100
    assert theirs.receive["InPktsOK"] == ours[f"OutPkts{kind}"] > 100
    for name in ("InPktsNoTag", "InPktsBadTag", "InPktsNotValid", "InPktsLate", "InPktsUnknownSCI", "InPktsUnusedSA"):
        assert ours[name] == 0, name
    octets = "Decrypted" if station.link.encrypt else "Validated"
    assert ours[f"InOctets{octets}"] == theirs.own[f"OutOctets{kind}"]
    assert theirs.receive[f"InOctets{octets}"] == ours[f"OutOctets{kind}"]


def check_wire(frames: list[bytes], link: StaticLink) -> None:
    """The SecTAGs on the wire are in the form asked for, of both ends."""
    for source in (OUR_MAC, GUEST_MAC):
        read = [packets.ProtectedFrame.read(frame) for frame in frames if frame[6:12] == source.octets]
        assert len(read) > 100
        assert {(f.explicit_sci, f.end_station) for f in read} == {(link.form == "sci", link.form == "es")}
        assert {(f.encrypted, f.changed) for f in read} == {(link.encrypt, link.encrypt)}
        assert {f.an for f in read} == {link.an}
        first = link.first_pn & 0xFFFFFFFF
        assert [f.pn for f in read] == [(first + i) & 0xFFFFFFFF for i in range(len(read))]


def run_link(segment: Segment, guest: Guest, link: StaticLink, ours: StaticLink | None = None) -> None:
    """Set a link up, use it, compare. ours: our end's settings, where a fault is planted."""
    guest.run(link.commands())
    with contextlib.ExitStack() as stack, segment.recording() as recording:
        station = Station(stack, segment, ours or link)
        check_traffic(segment, guest)
        check_counters(station, guest)
        check_wire(recording.of(packets.ETHERTYPE_MACSEC), link)
        assert [f for f in recording.in_clear() if f[6:12] == OUR_MAC.octets] == []


@pytest.mark.parametrize("form", ["sci", "es"])
@pytest.mark.parametrize("encrypt", [True, False], ids=["encrypted", "integrity"])
@pytest.mark.parametrize("suite", list(CipherSuite), ids=str)
def test_traffic_and_counters(segment: Segment, guest: Guest, suite: CipherSuite, encrypt: bool, form: str) -> None:
    run_link(segment, guest, StaticLink(suite, encrypt, form))


@pytest.mark.slice
def test_a_slice_for_the_gate(segment: Segment, guest: Guest) -> None:
    run_link(segment, guest, StaticLink(CipherSuite.GCM_AES_XPN_256, an=2))


def test_without_sci_and_end_station(segment: Segment, guest: Guest) -> None:
    # 802.1AE-2018 10.5.3: with one receive SC neither is needed, and the receiver takes its only SC.
    run_link(segment, guest, StaticLink(form="nosci", an=3))


@pytest.mark.parametrize("first_pn", [(1 << 32) - 20, 0x0123_4567_89AB_CDEF], ids=["over-32-bits", "high"])
def test_extended_packet_numbers(segment: Segment, guest: Guest, first_pn: int) -> None:
    # 802.1AE-2018 10.6.2: the upper half is not on the wire; both ends recover it, also where the lower half wraps.
    run_link(segment, guest, StaticLink(CipherSuite.GCM_AES_XPN_128, first_pn=first_pn))


# ---- Canaries: with a fault planted at our end, the same checks fail.

FAULTS: dict[str, dict[str, Any]] = {
    "sscis-exchanged": {"suite": CipherSuite.GCM_AES_XPN_128, "our_ssci": 2, "guest_ssci": 1},
    "another-suite": {"suite": CipherSuite.GCM_AES_XPN_128},
    "another-an": {"an": 1},
    "in-clear": {"encrypt": False},
    "another-form": {"form": "es"},
    "packet-numbers-below": {"first_pn": 1},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_canary_a_planted_fault_is_found(segment: Segment, guest: Guest, fault: str) -> None:
    suite = CipherSuite.GCM_AES_XPN_128 if fault == "sscis-exchanged" else CipherSuite.GCM_AES_128
    link = StaticLink(suite, first_pn=1000)
    with pytest.raises(AssertionError):
        run_link(segment, guest, link, replace(link, **FAULTS[fault]))


def test_canary_another_key_is_found(segment: Segment, guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    link = StaticLink()
    commands = link.commands()
    monkeypatch.setattr(kernel, "OUR_KEY", bytes(32))
    guest.run(commands)
    with contextlib.ExitStack() as stack:
        station = Station(stack, segment, link)
        assert not echo_from_here(segment, 56, wait_s=1.0)
        assert pings_lost(guest, 1) == 1
        with pytest.raises(AssertionError):
            check_counters(station, guest)
        assert KernelCounters.read(guest).refused["InPktsNotValid"] > 0
