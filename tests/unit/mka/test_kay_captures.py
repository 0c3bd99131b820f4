"""In the shoes of a real station: a KaY with the MI of one that was captured, among the MKPDUs of the real others.

The captures are of wpa_supplicant with two and three members (802.1X-2020 9.4, 9.5, 9.8, 9.10). Whatever the captured
station sent counts as sent by ours; what the others sent is received. Ours must come to the same key server and the
same SAKs as the real one did, at the same moments.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pysec.mka.events import KeyServerElected, MkpduRefused, PeerLost, SakReady
from pysec.mka.kay import Kay, KayConfig
from pysec.mka.keys import Cak
from pysec.secret import Secret
from pysec.tools.pcap.reader import CaptureReader, Packet
from pysec.types import Ckn, Mi, Sci
from pysec.wire import eapol, mkpdu

NAMES = (
    "mka-psk-128",
    "mka-psk-256",
    "mka-psk-128-rekey",
    "mka-psk-cs256",
    "mka-psk-integ",
    "mka-psk-tie",
    "mka-psk-trio-rekey",
    "mka-eap-tls12",
    "mka-eap-tls13",
)


@dataclass
class Capture:
    """A capture and what is known of it."""

    facts: dict[str, Any]
    frames: list[tuple[float, bytes]]

    @property
    def cak(self) -> Cak:
        (ca,) = self.facts["cas"]
        return Cak.from_octets(Secret.from_hex(ca["cak"]), Ckn.parse(ca["ckn"]))

    def mkpdus(self) -> Iterator[tuple[float, eapol.EapolFrame, mkpdu.Peek]]:
        for at, frame in self.frames:
            if eapol.is_eapol(frame):
                outer = eapol.parse(frame)
                if outer.type == eapol.TYPE_MKA:
                    yield at, outer, mkpdu.peek(outer.body)


def load(folder: Path, name: str) -> Capture:
    facts = json.loads((folder / f"{name}.json").read_text("utf-8"))
    with (folder / f"{name}.pcap").open("rb") as stream:
        reader = CaptureReader(stream, name)
        packets = [item for item in reader if isinstance(item, Packet)]
        frames = [((reader.time_ns(packet) or 0) / 1e9, packet.data) for packet in packets]
    return Capture(facts, frames)


@dataclass
class Run:
    """What became of our KaY."""

    kay: Kay
    saks: dict[str, str]
    servers: list[str]
    refused: int
    lost: int


def in_the_shoes_of(capture: Capture, who: Sci) -> Run:
    first = next(found for _, _, found in capture.mkpdus() if found.basic.sci == who)
    config = KayConfig(key_server_priority=first.basic.key_server_priority, integrity_only_allowed=True)
    start = capture.frames[0][0]
    kay = Kay(config, who, lambda octets: bytes(octets))  # noqa: PLW0108
    run = Run(kay, {}, [], 0, 0)
    present: Mi | None = None
    for at, outer, found in capture.mkpdus():
        now = at - start
        if found.basic.sci == who:
            if found.basic.mi != present:  # it has started, or come back
                if kay.participants:
                    kay.remove_cak(capture.cak.ckn, now)
                kay.add_cak(capture.cak, now)
                present = found.basic.mi
            participant = kay.participants[capture.cak.ckn]
            participant.member.mi = found.basic.mi
            participant.member.mn = found.basic.mn - 1
            participant.member.next_mn(now)
        elif kay.participants:
            kay.receive_mkpdu(outer.body, now, header=outer.header)
        kay.handle_timer(now)
        while (event := kay.next_event()) is not None:
            if isinstance(event, SakReady) and not event.is_key_server:
                run.saks[str(event.ki)] = bytes(event.sak.reveal()).hex()
            elif isinstance(event, KeyServerElected):
                run.servers.append(str(event.sci))
            run.refused += isinstance(event, MkpduRefused)
            run.lost += isinstance(event, PeerLost)
    return run


@pytest.mark.parametrize("name", NAMES)
def test_a_member_takes_the_saks_that_the_real_one_took(vectors_dir: Path, name: str) -> None:
    """802.1X-2020 9.8: every SAK of the capture that was made while the member was there, and no other."""
    capture = load(vectors_dir / "interop", name)
    real = {sak["ki"]: sak["sak"] for sak in capture.facts["saks"]}
    server_mis = {ki[:24] for ki in real}
    (server,) = {found.basic.sci for _, _, found in capture.mkpdus() if found.basic.mi.octets.hex() in server_mis}
    members = [Sci.parse(text) for text in capture.facts["scis"] if Sci.parse(text) != server]
    taken: dict[str, str] = {}
    for member in members:
        run = in_the_shoes_of(capture, member)
        assert run.saks.items() <= real.items()
        assert run.saks
        assert str(server) in run.servers
        assert run.refused == 0
        taken |= run.saks
    assert taken == real


@pytest.mark.parametrize("name", NAMES)
def test_the_key_server_is_elected_as_by_the_real_one(vectors_dir: Path, name: str) -> None:
    """802.1X-2020 9.5: in the shoes of the server we elect ourselves, and refuse nothing of the members."""
    capture = load(vectors_dir / "interop", name)
    server_mi = capture.facts["saks"][0]["ki"][:24]
    server = next(found.basic.sci for _, _, found in capture.mkpdus() if found.basic.mi.octets.hex() == server_mi)
    run = in_the_shoes_of(capture, server)
    assert str(server) in run.servers
    assert run.refused == 0
    assert not run.saks
    assert run.kay.principal is None or run.kay.principal.is_server


def test_the_wrong_cak_of_a_real_station(vectors_dir: Path) -> None:
    """802.1X-2020 9.4.1."""
    capture = load(vectors_dir / "interop", "mka-psk-wrong-cak")
    (ca,) = capture.facts["cas"]
    key = Cak.from_octets(Secret.from_hex(ca["cak"]), Ckn.parse(ca["ckn"]))
    good, bad = 0, 0
    for index, (at, outer, _) in enumerate(capture.mkpdus()):
        kay = Kay(KayConfig(), Sci.parse("5254000000990001"), bytes)
        kay.add_cak(key, at)
        kay.receive_mkpdu(outer.body, at, header=outer.header)
        is_bad = kay.port.counters["bad ICV"] == 1
        bad += is_bad
        good += not is_bad
        assert index < 100
    assert (good, bad) == (6, 6)
