"""`pysec up` on two real interfaces: secured, traffic through the TAPs, and nothing left behind however it ends."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import time
from pathlib import Path

import pytest

from pysec import keyfile
from pysec.cli.main import main
from pysec.lab.netns import NetNs
from pysec.runtime import single
from pysec.runtime.interface import Interface, LinkWatch, opened
from pysec.runtime.trace import read_trace, replay
from tests.unit.runtime.ups import MACS, PATIENCE_S, Up, link_delete, link_down


def udp(place: NetNs, address: str) -> socket.socket:
    place.rtnl.add_ipv4("sec-cable", address, 24)
    with place.inside():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((address, 5000))
    return sock


def carry(count: int, sender: socket.socket, receiver: socket.socket) -> None:
    """So many datagrams arrive, each before the next is sent."""
    for number in range(count):
        sender.sendto(b"%d" % number, receiver.getsockname())
        assert select.select([receiver], [], [], PATIENCE_S)[0]
        assert receiver.recv(100) == b"%d" % number


@pytest.mark.root
@pytest.mark.slow
def test_two_ends_secure_a_cable_and_leave_nothing(key: Path, places: tuple[NetNs, NetNs], tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    first = Up(places[0], key, "--priority", "1", "--suite", "GCM-AES-XPN-256", "--trace", str(trace), "--json")
    second = Up(places[1], key, "--suite", "GCM-AES-XPN-256")
    try:
        first.wait_for('"secured"')
        second.wait_for("SECURED with GCM-AES-XPN-256")
        assert places[0].rtnl.facts("sec-cable").index
        with udp(places[0], "10.99.0.1") as a, udp(places[1], "10.99.0.2") as b:
            carry(50, a, b)
        link_down(places[1])
        at = first.wait_for('"disabled"')
        places[1].rtnl.set_up("cable")
        first.wait_for('"secured"', at)
        code, errors = first.end(signal.SIGINT)
        assert (code, errors) == (0, "")
        said = json.loads(first.lines[-1])
        assert said["ok"] is True
        assert said["checks"][0]["detail"] == "ended by SIGINT"
        second.wait_for("CLOSED: no live peer")
        code, errors = second.end(signal.SIGTERM)
        assert (code, errors) == (0, "")
    finally:
        first.kill()
        second.kill()
    for place in places:
        with place.inside(), opened("sec-cable") as tap:
            assert not tap.exists
    written = read_trace(trace)
    caks = {(cak := keyfile.read_cak(key)).ckn: cak}
    assert replay(written, written.make_kay(), caks).differences == []


@pytest.mark.root
@pytest.mark.slow
def test_how_long_frames_stay_is_told_at_the_end(key: Path, places: tuple[NetNs, NetNs]) -> None:
    """Also of a SecY that was there before another suite was agreed, and of an interface that is gone by then."""
    first = Up(places[0], key, "--residence", "1", "--json")
    second = Up(places[1], key, "--residence", "1", "--suite", "GCM-AES-256", "--priority", "1")
    try:
        first.wait_for('"secured"')
        second.wait_for("SECURED")
        with udp(places[0], "10.99.0.1") as a, udp(places[1], "10.99.0.2") as b:
            carry(20, a, b)
        assert first.end(signal.SIGINT) == (0, "")
        link_delete(places[1])
        second.wait_for("has gone")
        assert second.end(signal.SIGINT) == (0, "")
    finally:
        first.kill()
        second.kill()
    told = json.loads(first.lines[-1])["status"]["residence"]
    assert told["transmit"]["count"] >= 20
    assert 0 < told["transmit"]["p50_ns"] <= told["transmit"]["max_ns"]
    assert told["allowed_ns"] == 1525  # a veth says that it does 10 Gbit/s
    assert any("receive: p50" in line and "bursts" in line for line in second.lines), second.lines


@pytest.mark.root
@pytest.mark.slow
def test_a_suite_that_only_one_end_prefers_and_an_end_that_is_killed(key: Path, places: tuple[NetNs, NetNs]) -> None:
    """The first SecY was made for another suite: it is made anew, and the port around it. Then kill -9, and again."""
    first = Up(places[0], key, "--priority", "1", "--verbose")
    second = Up(places[1], key, "--suite", "GCM-AES-128", "--rekey-period", "2")
    again: Up | None = None
    try:
        for up in (first, second):
            up.wait_for("SECURED with GCM-AES-128")
        with udp(places[0], "10.99.0.1") as a, udp(places[1], "10.99.0.2") as b:
            carry(20, b, a)
        second.process.send_signal(signal.SIGKILL)
        second.process.wait(PATIENCE_S)
        with places[1].inside(), opened("sec-cable") as tap:
            assert not tap.exists
        again = Up(places[1], key, "--suite", "GCM-AES-256", "--policy", "should-secure")
        again.wait_for("SECURED with GCM-AES-256")
        first.wait_for("SECURED with GCM-AES-256")
        assert first.end(signal.SIGTERM) == (0, "")
        again.wait_for("OPEN IN THE CLEAR: no live peer")
        assert again.end(signal.SIGINT) == (0, "")
    finally:
        for up in (first, second, again):
            if up is not None:
                up.kill()


@pytest.mark.root
@pytest.mark.slow
def test_a_tap_that_is_there_already_is_not_touched(
    key: Path, places: tuple[NetNs, NetNs], capsys: pytest.CaptureFixture[str]
) -> None:
    with places[0].inside():
        assert main(["up", "cable", "--key", str(key), "--foreground", "--controlled", "cable"]) == 2
        assert "exists already" in capsys.readouterr().err
        assert main(["up", "nowhere", "--key", str(key), "--foreground"]) == 2
        assert "there is none of this name" in capsys.readouterr().err
        assert main(["up", "lo", "--key", str(key), "--foreground"]) == 2
        assert "no Ethernet" in capsys.readouterr().err


@pytest.mark.root
def test_an_interface_says_what_it_is_and_when_it_changes(places: tuple[NetNs, NetNs]) -> None:
    first, second = places
    with first.inside():
        watch, cable = LinkWatch(), Interface("cable")
    try:
        assert cable.mac == MACS[0]
        assert cable.mtu == 1532
        assert cable.mbit_s == 10_000
        assert cable.is_up
        first.rtnl.wait_ready("cable")
        assert cable.has_carrier
        watch.drain()
        assert not watch.drain()
        link_down(second)
        assert select.select([watch], [], [], PATIENCE_S)[0]
        assert watch.drain()
        end = time.monotonic() + PATIENCE_S
        while cable.has_carrier and time.monotonic() < end:
            time.sleep(0.01)
        assert not cable.has_carrier
        first.rtnl.add_ipv4("cable", "10.98.0.1", 24)
        assert "10.98.0.1" in cable.addresses()
        cable.mac, cable.mtu = MACS[1], 1400
        assert (cable.mac, cable.mtu) == (MACS[1], 1400)
    finally:
        watch.close()
        cable.close()


@pytest.mark.root
def test_a_carrier_is_seen_at_once_however_often_it_comes_and_goes(places: tuple[NetNs, NetNs]) -> None:
    """The system puts off a second change within a second; a port that waited for it would be that late."""
    first, second = places
    with first.inside(), opened("cable") as near, second.inside(), opened("cable") as far:
        seen = []
        for _ in range(4):
            link_down(second)
            seen.append((near.has_carrier, far.has_carrier))
            second.rtnl.set_up("cable")
            seen.append((near.has_carrier, far.has_carrier))
    assert seen == [(False, False), (True, True)] * 4


def test_what_is_missing_here_is_one_line_and_77(
    key: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pysec.cli import up

    monkeypatch.setattr(up, "why_unavailable", lambda: "CAP_NET_RAW and CAP_NET_ADMIN are needed: run it as root")
    assert main(["up", "eth9", "--key", str(key), "--foreground"]) == 77
    assert capsys.readouterr().err == "pysec up: CAP_NET_RAW and CAP_NET_ADMIN are needed: run it as root\n"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--foreground", "--try", "60"], "in the foreground Ctrl-C undoes it"),
        (["--try", "1"], "must be 2 to 3600 seconds"),
        (["--foreground", "--suite", "ROT13"], "must be one of"),
        (["--foreground", "--priority", "256"], "must be 0 to 255"),
        (["--foreground", "--replay-window", "-1"], "must be 0 to"),
        (["--foreground", "--rekey-period", "0"], "must be 1 or more"),
        (["--foreground", "--residence", "-1"], "must be 0 (none) to"),
        (["--foreground", "--bypass", "arp"], "must be one of cfm, lacp, lldp"),
    ],
)
def test_bad_input_is_one_line_and_2(
    key: Path, options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["up", "eth9", "--key", str(key), *options]) == 2
    errors = capsys.readouterr().err
    assert words in errors
    assert errors.count("\n") == 1


def test_a_key_file_that_others_can_read_is_refused(key: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key.chmod(0o644)
    assert main(["up", "eth9", "--key", str(key), "--foreground"]) == 2
    assert "chmod 600" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("there", "usable", "capabilities", "words"),
    [
        (False, False, {12, 13}, "there is no /dev/net/tun, which the controlled port needs: modprobe tun"),
        (True, False, {12, 13}, "no access to /dev/net/tun, which the controlled port needs"),
        (True, True, {12}, "CAP_NET_RAW is missing: run it as root"),
        (True, True, {13}, "CAP_NET_ADMIN is missing: run it as root"),
        (True, True, set(), "CAP_NET_RAW and CAP_NET_ADMIN are missing: run it as root"),
    ],
)
def test_without_privilege_it_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, there: bool, usable: bool, capabilities: set[int], words: str
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: there if mode == os.F_OK else usable)
    monkeypatch.setattr(single, "has_capability", lambda number: number in capabilities)
    assert single.why_unavailable() == words


def test_without_packet_sockets_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> socket.socket:
        raise OSError(97, "Address family not supported by protocol")

    monkeypatch.setattr(os, "access", lambda path, mode: True)
    monkeypatch.setattr(single, "has_capability", lambda number: True)
    monkeypatch.setattr(socket, "socket", refuse)
    assert "CONFIG_PACKET" in str(single.why_unavailable())
