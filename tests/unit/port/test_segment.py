"""Super-frames are cut into exactly the frames that a model builds field by field; what does not add up is refused."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import pytest

from tests.canary.plant import plant
from tests.model.segments import (
    ACK,
    CWR,
    ECE,
    FIN,
    GSO_UFO,
    NEEDS_CSUM,
    PSH,
    RST,
    SYN,
    TCP,
    UDP,
    Flow,
    VnetHeader,
    cut_record,
)
from tests.unit.port.cases import ask, build

DESTINATION_OPTIONS = 60
EXTENSION = bytes([TCP, 0, 1, 4, 0, 0, 0, 0])
FLOWS = {
    "TCP over IPv4": Flow(),
    "TCP over IPv4 without options": Flow(options=b""),
    "TCP over IPv4, fragments allowed, IP options": Flow(fragment=0, ip_options=b"\1\1\1\0" * 2, traffic_class=2),
    "TCP over IPv4 in a VLAN": Flow(vlans=bytes.fromhex("81000064")),
    "TCP over IPv4 in a VLAN of a VLAN": Flow(vlans=bytes.fromhex("88a8006481000065")),
    "TCP over IPv6": Flow(version=6),
    "TCP over IPv6 in a VLAN": Flow(version=6, vlans=bytes.fromhex("81000064")),
    "TCP over IPv6 behind destination options": Flow(
        version=6, ip_options=EXTENSION, first_extension=DESTINATION_OPTIONS
    ),
    "UDP over IPv4": Flow(protocol=UDP),
    "UDP over IPv6": Flow(version=6, protocol=UDP),
}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("segment"))


def payload(octets: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(octets)


@pytest.mark.parametrize("name", FLOWS)
def test_cut_as_the_model_builds_them(program: Path, name: str) -> None:
    # RFC 791 3.1, RFC 8200 3, RFC 8200 4.3, RFC 8200 8.1, RFC 9293 3.1, RFC 1071 2; CWR: RFC 3168 6.1.2.
    flow = FLOWS[name]
    every = [ACK, ACK | PSH, ACK | FIN | PSH | ECE, ACK | CWR, ACK | CWR | PSH | FIN]
    flags = every if flow.protocol == TCP else [0]
    cases = [
        (payload(octets, octets), size, each)
        for each in flags
        for octets, size in ((1, 1), (1448, 1448), (1449, 1448), (5, 1), (20_001, 1447), (64_000, 1448), (3, 9000))
    ]
    where = {"sequence": 0xFFFF_F000, "identification": 0xFFF0}
    records = [cut_record(*flow.super_frame(data, size, flags=each, **where)) for data, size, each in cases]
    answers = ask(program, records)
    for data, size, each in cases:
        assert answers.frames() == flow.segments(data, size, flags=each, **where)
    answers.end()


def test_the_longest_there_is(program: Path) -> None:
    flow = Flow(options=b"")
    data = payload(65_535 - 54)
    for size in (1460, 8, 1, 65_535):
        answers = ask(program, [cut_record(*flow.super_frame(data, size))])
        assert answers.frames() == flow.segments(data, size)


def test_a_checksum_is_finished(program: Path) -> None:
    """Also one that comes to 0, which UDP writes as ffff (RFC 768)."""
    flows = (Flow(), Flow(protocol=UDP), Flow(version=6), Flow(version=6, protocol=UDP))
    bodies = [payload(octets) for octets in (0, 1, 2, 100, 1401)]
    cases = [(flow, data) for flow in flows for data in bodies]
    udp = Flow(protocol=UDP)
    bare = udp.frame(bytes(2))
    lacking = int.from_bytes(bare[udp.transport + 6 : udp.transport + 8], "big")
    cases.append((udp, lacking.to_bytes(2, "big")))
    assert udp.frame(cases[-1][1])[udp.transport + 6 : udp.transport + 8] == b"\xff\xff"
    records = []
    for flow, data in cases:
        offset = 16 if flow.protocol == TCP else 6
        header = VnetHeader(NEEDS_CSUM, csum_start=flow.transport, csum_offset=offset)
        records.append(cut_record(header, flow.frame(data, partial=True)))
    answers = ask(program, records)
    for flow, data in cases:
        assert answers.frames() == [flow.frame(data)]


def test_without_a_header_that_asks_for_anything_a_frame_stays(program: Path) -> None:
    octets = Flow().frame(b"data", partial=True)
    assert ask(program, [cut_record(VnetHeader(), octets)]).frames() == [octets]


def bad_super_frames() -> dict[str, tuple[VnetHeader, bytes]]:
    """Each wrong in one way."""
    flow, data = Flow(), payload(4000)
    header, good = flow.super_frame(data, 1448)
    six = Flow(version=6)
    header_6, good_6 = six.super_frame(data, 1448)
    udp = Flow(protocol=UDP)
    header_udp, good_udp = udp.super_frame(data, 1448)
    at, ip = flow.transport, flow.network

    def but(**changes: int) -> tuple[VnetHeader, bytes]:
        return dataclasses.replace(header, **changes), good

    def patched(offset: int, octets: bytes, frame: bytes = good, of: VnetHeader = header) -> tuple[VnetHeader, bytes]:
        return of, frame[:offset] + octets + frame[offset + len(octets) :]

    found = {
        "no size": but(gso_size=0),
        "no checksum to finish": but(flags=0),
        "another protocol's kind": but(gso_type=5),
        "IPv6 that is none": but(gso_type=4),
        "UDP fragmentation, which is no more": but(gso_type=GSO_UFO),
        "an unknown kind": but(gso_type=9),
        "a checksum that begins elsewhere": but(csum_start=at + 2),
        "a checksum that begins beyond the end": but(csum_start=60_000),
        "a checksum in another place": but(csum_offset=6),
        "headers beyond the end": but(hdr_len=len(good) + 1),
        "an EtherType without IP": patched(12, b"\x08\x06"),
        "another version of IP": patched(ip, b"\x65"),
        "an IP header too short to be one": patched(ip, b"\x44"),
        "an IP header of another length": patched(ip, b"\x46"),
        "an IP length beyond the end": patched(ip + 2, (len(good) - ip + 1).to_bytes(2, "big")),
        "an IP length before the end": patched(ip + 2, (len(good) - ip - 1).to_bytes(2, "big")),
        "an IP length of 0": patched(ip + 2, b"\0\0"),
        "a fragment": patched(ip + 6, b"\x20\x00"),
        "a later fragment": patched(ip + 6, b"\x00\x01"),
        "another protocol": patched(ip + 9, b"\x11"),
        "a TCP header too short to be one": patched(at + 12, b"\x40"),
        "a TCP header beyond the end": (header, flow.super_frame(b"", 1)[1][:-1]),
        "no payload": (header, flow.super_frame(b"", 1)[1]),
        "SYN": patched(at + 13, bytes([ACK | SYN])),
        "RST": patched(at + 13, bytes([ACK | RST])),
        "an IPv6 length beyond the end": patched(six.network + 4, b"\xff\xff", good_6, header_6),
        "an IPv6 fragment": patched(six.network + 6, bytes([44]), good_6, header_6),
        "extension headers beyond the end": patched(six.network + 6, b"\0", good_6[:56], header_6),
        "a UDP length that IP contradicts": patched(udp.transport + 4, b"\x01\x00", good_udp, header_udp),
        "nothing": (header, b""),
    }
    for octets in (1, 12, 13, 14, 15, 33, 34, 53, 54):
        found[f"{octets} octets"] = header, good[:octets]
        found[f"{octets} octets of IPv6"] = header_6, good_6[:octets]
    return found


def test_what_does_not_add_up_is_refused(program: Path) -> None:
    bad = bad_super_frames()
    answers = ask(program, [cut_record(*each) for each in bad.values()])
    cut = [name for name in bad if answers.frames()]
    assert not cut


def test_a_checksum_beyond_the_frame_is_refused(program: Path) -> None:
    octets = Flow().frame(b"data", partial=True)
    places = (
        (len(octets), 0),
        (len(octets) - 1, 0),
        (34, len(octets)),
        (34, 65_535),
        (65_535, 65_535),
        (0, 20),
        (11, 0),
    )
    records = [cut_record(VnetHeader(NEEDS_CSUM, csum_start=a, csum_offset=b), octets) for a, b in places]
    answers = ask(program, records)
    assert [answers.frames() for _ in places] == [[] for _ in places]


def test_octets_changed_at_random_do_no_harm(program: Path) -> None:
    """The sanitizers watch; and whatever is cut has the length that it says it has."""
    rng = random.Random(20_240)
    records = []
    for _ in range(3000):
        flow = rng.choice(list(FLOWS.values()))
        header, octets = flow.super_frame(payload(rng.randrange(1, 3000)), rng.randrange(1, 2000))
        changed = bytearray(octets)
        for _ in range(rng.randrange(4)):
            changed[rng.randrange(min(len(changed), 100))] = rng.randrange(256)
        if rng.random() < 0.3:
            changed = changed[: rng.randrange(len(changed))]
        if rng.random() < 0.3:
            name = rng.choice([field.name for field in dataclasses.fields(VnetHeader)])
            most = 256 if name in {"flags", "gso_type"} else 65_536
            header = dataclasses.replace(header, **{name: rng.randrange(most)})
        records.append(cut_record(header, bytes(changed)))
    answers = ask(program, records)
    frames = [answers.frames() for _ in records]
    answers.end()
    assert 300 < sum(len(each) > 1 for each in frames) < 2700


PLANTED = {
    "FIN on every frame": ("~(TCP_FIN | TCP_PSH)", "~TCP_PSH"),
    "CWR on every frame": ("if (cut->done > 0)\n        tcp", "if (cut->done > 1u << 30)\n        tcp"),
    "one identification for all": (" + cut->done / cut->size));", "));"),
    "the length stays in the sum": ("+ (0xffff ^ (cut->len - cut->inet.transport)) + transport_len", "+ 0"),
    "a length is believed": ("return load_be16(udp + UDP_LEN) == cut->len - cut->inet.transport;", "return 1;"),
    "a checksum anywhere": ("place + 2 > len)", "place > len)"),
}


def every_check(program: Path) -> None:
    for name in FLOWS:
        test_cut_as_the_model_builds_them(program, name)
    test_what_does_not_add_up_is_refused(program)
    test_a_checksum_beyond_the_frame_is_refused(program)


@pytest.mark.slow
@pytest.mark.parametrize("fault", PLANTED)
def test_canary(tmp_path: Path, fault: str) -> None:
    broken = build(tmp_path, plant(tmp_path, "port/segment.c", *PLANTED[fault]))
    with pytest.raises(AssertionError):
        every_check(broken)


@pytest.mark.slow
def test_canary_a_header_is_read_beyond_the_end(tmp_path: Path) -> None:
    fault = ("if (len - found->network < IPV4_HEADER || ip[0] >> 4 != 4)", "if (ip[0] >> 4 != 4)")
    broken = build(tmp_path, plant(tmp_path, "port/inet.c", *fault))
    with pytest.raises(AssertionError, match="AddressSanitizer"):
        test_what_does_not_add_up_is_refused(broken)
