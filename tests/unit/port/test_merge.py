"""Neighbours of one connection become the super-frame that a model builds; everything else stays as it came."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path
from typing import Any

import pytest

from tests.canary.plant import plant
from tests.model.segments import (
    ACK,
    CWR,
    DATA_VALID,
    ECE,
    FIN,
    NEEDS_CSUM,
    PSH,
    SYN,
    UDP,
    URG,
    Answers,
    Flow,
    Message,
    VnetHeader,
    cut_record,
    merge_record,
)
from tests.unit.port.cases import ask, build

FLOWS = {
    "IPv4": Flow(),
    "IPv4 without options": Flow(options=b""),
    "IPv4 in a VLAN": Flow(vlans=bytes.fromhex("81000064"), traffic_class=0x12),
    "IPv6": Flow(version=6),
    "IPv6 in a VLAN of a VLAN": Flow(version=6, vlans=bytes.fromhex("88a8006481000065")),
}
ALONE = VnetHeader()


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("merge"))


def payload(octets: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(octets)


def merged(program: Path, frames: list[bytes]) -> list[Message]:
    return ask(program, [merge_record(frames)]).messages()


@pytest.mark.parametrize("name", FLOWS)
def test_merged_as_the_model_builds_it(program: Path, name: str) -> None:
    flow = FLOWS[name]
    for octets, size, flags in ((2896, 1448, ACK), (20_001, 1448, ACK | PSH), (60_000, 1447, ACK | ECE), (3, 1, ACK)):
        where = {"sequence": 0xFFFF_F000, "flags": flags, "identification": 7}
        frames = flow.segments(payload(octets), size, **where)
        header, octets_ = flow.super_frame(payload(octets), size, **where)
        assert merged(program, frames) == [Message(len(frames), header, octets_)]


def test_no_more_than_ip_can_tell(program: Path) -> None:
    for flow in (Flow(), Flow(version=6)):
        frames = flow.segments(payload(70_000), 1448)
        messages = merged(program, frames)
        assert len(messages) == 2
        first, second = messages
        assert first.taken == 65_535 // 1448 == 45
        header, octets = flow.super_frame(payload(70_000)[: 45 * 1448], 1448)
        assert (first.header, first.octets) == (header, octets)
        rest = flow.super_frame(payload(70_000)[45 * 1448 :], 1448, sequence=45 * 1448, identification=45)
        assert second == Message(len(frames) - 45, *rest)


def pairs() -> dict[str, tuple[bytes, ...]]:
    """Two frames each that must not become one."""
    flow, data = Flow(), payload(100)
    first, second = flow.segments(data + data, 100)

    def following(**changes: Any) -> tuple[bytes, bytes]:
        return first, dataclasses.replace(flow, **changes).frame(data, 100, identification=1)

    def flagged(a: int, b: int) -> tuple[bytes, bytes]:
        return flow.frame(data, 0, a), flow.frame(data, 100, b, 1)

    def spoilt(offset: int, which: int = 1) -> tuple[bytes, bytes]:
        two = [bytearray(first), bytearray(second)]
        two[which][offset] ^= 0x10
        return bytes(two[0]), bytes(two[1])

    udp, fragments, options = Flow(protocol=UDP), Flow(fragment=0), Flow(ip_options=b"\1\1\1\0")
    extension = Flow(version=6, ip_options=bytes([6, 0, 1, 4, 0, 0, 0, 0]), first_extension=60)
    return {
        "another port": following(ports=(5201, 40_001)),
        "another acknowledgement": following(acknowledgement=1),
        "another window": following(window=502),
        "other timestamps": following(options=bytes.fromhex("0101080a0000000100000003")),
        "no options": following(options=b""),
        "another hop limit": following(hop_limit=63),
        "another traffic class": following(traffic_class=1),
        "another VLAN": following(vlans=bytes.fromhex("81000064")),
        "another version": following(version=6),
        "fragments allowed in the second": following(fragment=0),
        "a gap": (first, flow.frame(data, 101, identification=1)),
        "the same again": (first, first),
        "the other order": (second, first),
        "more payload than the first": (first, flow.frame(payload(101), 100, identification=1)),
        "no payload": (first, flow.frame(b"", 100, identification=1)),
        "no payload before": (flow.frame(b"", 0), flow.frame(data, 0)),
        "PSH on the first": flagged(ACK | PSH, ACK),
        "FIN on the second": flagged(ACK, ACK | FIN),
        "FIN on both": flagged(ACK | FIN, ACK | FIN),
        "SYN": flagged(ACK | SYN, ACK | SYN),
        "URG": flagged(ACK | URG, ACK | URG),
        "CWR": flagged(ACK | CWR, ACK | CWR),
        "ECE on the second": flagged(ACK, ACK | ECE),
        "no ACK": flagged(0, 0),
        "a wrong payload first": spoilt(len(first) - 1, 0),
        "a wrong payload second": spoilt(len(first) - 1),
        "a wrong TCP checksum": spoilt(flow.transport + 16),
        "a wrong IP checksum": spoilt(flow.network + 10),
        "a wrong IP checksum first": spoilt(flow.network + 10, 0),
        "a wrong address": spoilt(flow.network + 15),
        "another destination": spoilt(5),
        "padding": (first, second + b"\0"),
        "padding first": (first + b"\0", second),
        "IP options": tuple(options.segments(data + data, 100)),
        "fragments allowed": tuple(fragments.segments(data + data, 100)),
        "an extension header": tuple(extension.segments(data + data, 100)),
        "UDP": tuple(udp.segments(data + data, 100)),
        "no IP": (first[:12] + b"\x88\xb5" + first[14:], second[:12] + b"\x88\xb5" + second[14:]),
        "nothing": (b"", b""),
        "little": (first[:20], second[:20]),
    }


def test_what_must_not_be_merged_stays_as_it_is(program: Path) -> None:
    every = pairs()
    answers = ask(program, [merge_record(two) for two in every.values()])
    for name, two in every.items():
        messages = answers.messages()
        assert [each.octets for each in messages] == list(two), name
        assert {each.header.flags & NEEDS_CSUM for each in messages} == {0}, name
    answers.end()


def test_of_a_checksum_that_was_verified_the_host_hears(program: Path) -> None:
    flow = Flow()
    first, second, third = flow.segments(payload(300), 100)
    wrong = second[:-1] + bytes([second[-1] ^ 1])
    messages = merged(program, [first, wrong, third])
    assert [each.octets for each in messages] == [first, wrong, third]
    assert [each.header for each in messages] == [VnetHeader(DATA_VALID), ALONE, ALONE]


def test_a_shorter_one_and_psh_are_the_last(program: Path) -> None:
    flow, data = Flow(), payload(500)
    short = [flow.frame(data[:200], 0), flow.frame(data[200:300], 200), flow.frame(data[300:400], 300)]
    assert [each.taken for each in merged(program, short)] == [2, 1]
    pushed = [flow.frame(data[:100], 0), flow.frame(data[100:200], 100, ACK | PSH), flow.frame(data[200:300], 200)]
    assert [each.taken for each in merged(program, pushed)] == [2, 1]


def test_two_connections_keep_their_turns(program: Path) -> None:
    one, other = Flow().segments(payload(300), 100), Flow(ports=(1, 2)).segments(payload(300, 2), 100)
    turns = [one[0], other[0], one[1], other[1], one[2], other[2]]
    assert [each.octets for each in merged(program, turns)] == turns
    assert [each.taken for each in merged(program, [*one, *other])] == [3, 3]


def mixed(rng: random.Random) -> list[bytes]:
    """A burst as a wire brings it: runs of several connections, some frames spoilt, lost or cut short."""
    flows = [dataclasses.replace(flow, ports=(i, i)) for i, flow in enumerate(FLOWS.values())]
    frames: list[bytes] = []
    for _ in range(rng.randrange(1, 6)):
        flags = rng.choice([ACK, ACK | PSH, ACK | FIN, ACK | ECE])
        data = payload(rng.randrange(1, 5000), rng.randrange(1000))
        frames += rng.choice(flows).segments(data, rng.randrange(100, 1500), rng.getrandbits(32), flags)
    for _ in range(rng.randrange(3)):
        at = rng.randrange(len(frames))
        spoilt = bytearray(frames[at])
        spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
        frames[at : at + 1] = rng.choice([[bytes(spoilt)], [], [frames[at][: rng.randrange(len(spoilt))]]])
        if not frames:
            break
    return frames


def as_they_came(program: Path, bursts: list[list[bytes]], answers: Answers) -> tuple[list[list[bytes]], int]:
    """What is merged, cut again; identification aside, which merging may lose (RFC 6864 4.1)."""
    found, num_merged = [], 0
    for _ in bursts:
        messages = answers.messages()
        several = [each for each in messages if each.taken > 1]
        cut = ask(program, [cut_record(each.header, each.octets) for each in several])
        found.append([frame for m in messages for frame in (cut.frames() if m.taken > 1 else [m.octets])])
        num_merged += len(several)
    return found, num_merged


def without_identification(frame: bytes) -> bytes:
    at = 14
    while frame[at - 2 : at] in {b"\x81\x00", b"\x88\xa8"}:
        at += 4
    if frame[at - 2 : at] != b"\x08\x00" or len(frame) < at + 12:
        return frame
    return frame[: at + 4] + b"\0\0" + frame[at + 6 : at + 10] + b"\0\0" + frame[at + 12 :]


def test_what_was_merged_can_be_cut_into_what_came(program: Path) -> None:
    rng = random.Random(864)
    bursts = [mixed(rng) for _ in range(60)]
    answers = ask(program, [merge_record(frames) for frames in bursts])
    found, num_merged = as_they_came(program, bursts, answers)
    assert num_merged > 60
    for burst, again in zip(bursts, found, strict=True):
        assert [without_identification(each) for each in again] == [without_identification(each) for each in burst]


PLANTED = {
    "a checksum is not looked at": ("if (!is_verified(&next))", "if (0)"),
    "nor that of the first": ("!first_verified && !is_verified(&first)", "0"),
    "nor that of IP": ("if (one->inet.version == 4 &&\n", "if (one->inet.version == 5 &&\n"),
    "a gap": ("next.sequence != first.sequence + total", "next.sequence < first.sequence"),
    "PSH is lost": ("flags |= next.flags;", ""),
    "options are not looked at": ("same(a, b, tcp + TCP_CHECKSUM + 2, a->header_len)", "1"),
    "too long": ("first.header_len + total + next.size - first.inet.network > MAX_LEN", "0"),
    "a short one amid others": ("if (next.size < first.size)", "if (0)"),
    "the length of one": ("uint32_t len = first->header_len + total;", "uint32_t len = first->header_len;"),
}


def every_check(program: Path) -> None:
    for name in FLOWS:
        test_merged_as_the_model_builds_it(program, name)
    test_no_more_than_ip_can_tell(program)
    test_what_must_not_be_merged_stays_as_it_is(program)
    test_a_shorter_one_and_psh_are_the_last(program)


@pytest.mark.slow
@pytest.mark.parametrize("fault", PLANTED)
def test_canary(tmp_path: Path, fault: str) -> None:
    broken = build(tmp_path, plant(tmp_path, "port/merge.c", *PLANTED[fault]))
    with pytest.raises(AssertionError):
        every_check(broken)
