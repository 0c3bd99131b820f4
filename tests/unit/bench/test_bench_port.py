"""`python -m bench port` runs, and says so when a link did what it must not. No test asserts a rate."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

import pytest

from bench import port_devices, port_latency, port_links, port_peers, port_tables
from bench.__main__ import main
from bench.port_base import ADDRESSES, MACS
from pysec import SecY
from pysec.errors import DriverError
from pysec.lab.netns import NetNs
from tests.unit.port.joined import eventually

root = pytest.mark.root
needs_iperf3 = pytest.mark.skipif(shutil.which("iperf3") is None, reason="iperf3 is not installed")


@root
@needs_iperf3
@pytest.mark.slow
def test_it_runs_and_its_rows_can_be_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "port.jsonl"
    which = [word for name in ("veth", "forwarder", "pysec:GCM-AES-128", "kernel") for word in ("--provider", name)]
    assert main(["port", "--quick", "--part", "tcp", "--streams", "1", "--json", str(path), *which]) == 0
    card, *rows = map(json.loads, path.read_text("utf-8").splitlines())
    assert [(row["provider"], row["op"], row["workers"]) for row in rows] == [
        ("veth", "tcp-1", 0),
        ("forwarder", "tcp-1", 4),
        ("pysec:GCM-AES-128", "tcp-1", 4),
        ("pysec:GCM-AES-128", "tcp-1-plain-tap", 4),
    ]
    for row in rows:
        assert row["bits_s"]["median"] > 0
        assert row["cpu_s_per_gbit"]["median"] >= row["link_cpu_s_per_gbit"]["median"]
        assert "faults" not in row
    assert card["card"]["missing"] == {"kernel, tcp": port_peers.find("kernel")[1]}
    assert main(["compare", str(path), str(path)]) == 0
    assert "tcp-1-plain-tap" in capsys.readouterr().out


@root
@pytest.mark.slow
def test_frames_through_a_box(tmp_path: Path) -> None:
    path = tmp_path / "port.jsonl"
    names = ("bridge", "bare", "forwarder", "pysec:GCM-AES-XPN-256", "veth")
    which = [word for name in names for word in ("--provider", name)]
    assert main(["port", "--quick", "--part", "frames", "--octets", "64,9000", "--json", str(path), *which]) == 0
    card, *rows = map(json.loads, path.read_text("utf-8").splitlines())
    assert {row["provider"] for row in rows} >= {"bare", "forwarder", "pysec:GCM-AES-XPN-256"}
    for row in rows:
        assert row["frames_s"]["median"] > 0
        assert 0 <= row["lost"]["median"] < 1
        assert "faults" not in row
    assert "veth, frames" in card["card"]["missing"]


@root
@pytest.mark.parametrize("suite", [None, "GCM-AES-128", "GCM-AES-XPN-256", "GCM-AES-128-integrity"], ids=str)
def test_a_link_carries_frames_both_ways(suite: str | None) -> None:
    with port_links.ports(suite) as link:
        for source, sink in ((link.a, link.b), (link.b, link.a)):
            with source.inside():
                sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
                sender.bind(("secure", 0x88B5))
            with sink.inside():
                taker = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
                taker.bind(("secure", 0x88B5))
            with sender, taker:
                taker.settimeout(10)
                sender.send(MACS[0].octets + MACS[1].octets + b"\x88\xb5" + bytes(100))
                assert taker.recv(2000)[14:] == bytes(100)
        assert not link.faults()


@root
def test_canary_a_frame_that_is_refused_is_a_fault() -> None:
    with port_links.ports("GCM-AES-128") as link:
        _send_in_clear(link.a)
        assert eventually(lambda: bool(link.faults()))


def _send_in_clear(place: NetNs) -> None:
    with place.inside(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
        sock.bind(("cable", 0x88B5))
        sock.send(MACS[1].octets + MACS[0].octets + b"\x88\xb5" + bytes(100))


def test_the_forwarder_protects_nothing() -> None:
    a, b = port_links.secys(None)
    frame = MACS[1].octets + MACS[0].octets + b"\x88\xb5" + bytes(100)
    with a, b:
        assert a.protect_frame(frame) == frame
        assert b.validate_frame(frame)[1] == frame
    made: tuple[SecY, SecY] = port_links.secys("GCM-AES-256")
    with made[0], made[1]:
        assert frame[12:] not in made[0].protect_frame(frame)


def test_integrity_alone_shows_what_it_protects() -> None:
    a, b = port_links.secys("GCM-AES-128-integrity")
    frame = MACS[1].octets + MACS[0].octets + b"\x88\xb5" + bytes(range(100))
    with a, b:
        made = a.protect_frame(frame)
        assert frame[12:] in made
        assert b.validate_frame(made)[1] == frame
        assert b.validate_frame(made[:-1] + bytes([made[-1] ^ 1]))[1] is None


@root
@pytest.mark.parametrize("provider", ["wireguard-go", "openvpn"])
def test_a_tunnel_of_others_carries_packets(provider: str) -> None:
    make, why = port_links.find(provider)
    if make is None:
        pytest.skip(f"{provider}: {why}")
    with make() as link:
        with link.b.inside():
            taker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with link.a.inside():
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with taker, sender:
            taker.bind((ADDRESSES[1], 5000))
            taker.settimeout(20)
            sender.sendto(b"by a tunnel", (ADDRESSES[1], 5000))
            assert taker.recv(100) == b"by a tunnel"
    assert all(process.poll() is not None for process in link.processes)


def test_an_unknown_provider_is_refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.port.why_unavailable", lambda: None)
    assert main(["port", "--quick", "--provider", "none-such"]) == 2
    assert "none-such" in capsys.readouterr().err


def spans(median: float) -> dict[str, float]:
    return {"median": median, "min": median, "p25": median / 2, "p75": median * 2}


def test_tables_for_documents() -> None:
    common = {"bench": "port", "cpu_s_per_gbit": spans(0.5), "link_cpu_s_per_gbit": spans(0.25)}
    rows = [
        {**common, "provider": "veth", "op": "tcp-1", "streams": 1, "bits_s": spans(2e9)},
        {**common, "provider": "pysec:GCM-AES-128", "op": "tcp-1-plain-tap", "streams": 1, "bits_s": spans(1e9)},
        {**common, "provider": "veth", "op": "tcp-4", "streams": 4, "bits_s": spans(3e9)},
        {"bench": "port", "provider": "bare", "op": "frames", "frame_octets": 64, "frames_s": spans(2e6)},
        {"bench": "port", "provider": "bare", "op": "frames", "frame_octets": 1500, "frames_s": spans(1e6)},
        {"bench": "port", "provider": "bridge", "op": "frames", "frame_octets": 64, "frames_s": spans(3e6)},
    ]
    assert port_tables.tcp({}, rows).splitlines()[2:] == [
        "| `veth` | 2.00 (1.00-4.00) | 0.25 | 0.50 |",
        "| `pysec:GCM-AES-128`, TAP without super-frames | 1.00 (0.50-2.00) | 0.25 | 0.50 |",
    ]
    assert port_tables.tcp({}, rows, streams="4").splitlines()[2:] == ["| `veth` | 3.00 (1.50-6.00) | 0.25 | 0.50 |"]
    assert port_tables.frames({}, rows).splitlines()[2:] == [
        "| `bare` | 2,000 (1,000-4,000) | 1,000 (500-2,000) |",
        "| `bridge` | 3,000 (1,500-6,000) | - |",
    ]
    with pytest.raises(ValueError, match="no row"):
        port_tables.tcp({}, rows, streams="2")


@root
@pytest.mark.slow
def test_round_trips(tmp_path: Path) -> None:
    path = tmp_path / "port.jsonl"
    which = [word for name in ("veth", "forwarder", "pysec:GCM-AES-128") for word in ("--provider", name)]
    assert main(["port", "--quick", "--part", "latency", "--json", str(path), *which]) == 0
    card, *rows = map(json.loads, path.read_text("utf-8").splitlines())
    ours = ("veth", "forwarder", "pysec:GCM-AES-128")
    wanted = [(name, op) for op in ("ping", "udp-echo") for name in ours]
    assert [(row["provider"], row["op"]) for row in rows if not row["op"].endswith("-spin")] == wanted
    assert [row["op"] for row in rows if row["op"].endswith("-spin")] == ["ping-spin", "udp-echo-spin"]
    for row in rows:
        assert row["round_trips"] > 100
        values = list(row["us"].values())
        assert values == sorted(values)
        assert ("residence" in row) == (row["provider"] != "veth")
        assert "faults" not in row
    held = rows[-1]["residence"]
    assert held["transmit"]["count"] > 100
    for table in (port_tables.latency, port_tables.residence):
        assert "`pysec:GCM-AES-128`" in table(card["card"], rows, kind="udp-echo")


@root
def test_canary_an_answer_that_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port_latency, "PATIENCE_S", 0.2)
    monkeypatch.setattr(port_latency, "_ECHO", 'print("ready", flush=True); import time; time.sleep(60)')
    with pytest.raises(DriverError, match="nothing has come back"):
        port_latency.run(port_links.veth, "udp-echo", 0.1)


def test_an_echo_request_is_one() -> None:
    request = port_latency._echo_request(7)
    assert request[:2] == b"\x08\x00"
    assert port_latency._checksum(request) == 0  # over the whole, with its checksum (RFC 1071)


@root
@pytest.mark.slow
def test_interfaces_of_the_machine_are_lent_and_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port_devices.DEVICES, "names", None)  # what is lent ends with the test
    path = tmp_path / "port.jsonl"
    which = [word for name in ("veth", "pysec:GCM-AES-128") for word in ("--provider", name)]
    with NetNs() as home, home.inside():
        home.rtnl.add_veth("nic0", "nic1", home)
        arguments = ["port", "--quick", "--part", "latency", "--dev", "nic0", "--json", str(path), *which]
        assert main(arguments) == 2
        assert main([*arguments, "--peer-dev", "nic9"]) == 2
        assert main([*arguments, "--peer-dev", "nic1"]) == 0
        names = {name for _, name in socket.if_nameindex()}
        assert {"nic0", "nic1"} <= names
    _, *rows = map(json.loads, path.read_text("utf-8").splitlines())
    assert [row["provider"] for row in rows if not row["op"].endswith("-spin")] == ["veth", "pysec:GCM-AES-128"] * 2
