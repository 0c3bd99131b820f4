"""Addresses and routes move to the controlled port, as they are, and back; also after a crash."""

from __future__ import annotations

import signal
import socket
import struct
from ipaddress import ip_interface
from pathlib import Path

import pytest

from pysec.cli.main import main
from pysec.errors import FormatError, KeyStoreError
from pysec.lab.netns import NLM_F_ACK, NetNs
from pysec.runtime import folder, tap
from pysec.runtime.addresses import RTM_NEWADDR, RTM_NEWROUTE, Memo, Moved, found_on, made_of, put_on, take_off
from pysec.runtime.interface import opened
from pysec.runtime.netlink import NLM_F_CREATE, attribute
from tests.unit.runtime.ups import Up

RTA_METRICS, RTA_PRIORITY, RTA_PREFSRC = 8, 6, 7


@pytest.fixture(autouse=True)
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    where = tmp_path / "run"
    monkeypatch.setenv("PYSEC_RUN_DIR", str(where))
    return where


def furnish(place: NetNs, name: str = "cable") -> None:
    """Addresses of both families, one of them with a label and a lifetime, and routes with metrics."""
    index = place.rtnl.facts(name).index
    place.rtnl.add_ipv4(name, "10.99.0.1", 24)
    local = attribute(2, socket.inet_aton("10.99.0.9")) + attribute(1, socket.inet_aton("10.99.0.9"))
    body = struct.pack("=BBBBi", socket.AF_INET, 24, 0, 0, index) + local + attribute(3, b"cable:two\0")
    body += attribute(6, struct.pack("=4I", 1000, 2000, 0, 0))
    place.rtnl.request("address", RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE, body)
    octets = socket.inet_pton(socket.AF_INET6, "fd00:99::1")
    body = struct.pack("=BBBBi", socket.AF_INET6, 64, 0, 0, index) + attribute(2, octets) + attribute(1, octets)
    place.rtnl.request("address", RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE, body)
    route = struct.pack("=8BI", socket.AF_INET, 0, 0, 0, 254, 4, 0, 1, 0)
    route += attribute(4, struct.pack("=i", index)) + attribute(5, socket.inet_aton("10.99.0.254"))
    route += attribute(RTA_PRIORITY, struct.pack("=I", 77)) + attribute(RTA_PREFSRC, socket.inet_aton("10.99.0.9"))
    route += attribute(RTA_METRICS, attribute(2, struct.pack("=I", 1400)))
    place.rtnl.request("route", RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE, route)


FURNISHED = ["10.99.0.1/24", "10.99.0.9/24", "fd00:99::1/64", "route to default via 10.99.0.254"]


def has(place: NetNs, name: str) -> list[str]:
    with place.inside(), opened(name) as interface:
        return sorted(found_on(interface.index).in_words()) if interface.exists else []


@pytest.mark.root
@pytest.mark.slow
def test_what_an_interface_has_moves_to_another_and_back_unchanged(ipv6_places: tuple[NetNs, NetNs]) -> None:
    place, other = ipv6_places
    place.rtnl.add_veth("other", "other", other)
    place.rtnl.set_up("other")
    other.rtnl.set_up("other")
    furnish(place)
    said: list[str] = []
    with place.inside(), opened("cable") as cable, opened("other") as second:
        before = found_on(cable.index)
        assert before.in_words() == FURNISHED
        for _ in range(3):
            take_off(before, cable.index)
            assert not found_on(cable.index)
            assert put_on(before, second.index, "other", said.append) == FURNISHED
            assert found_on(second.index).in_words() == FURNISHED
            take_off(before, second.index)
            assert put_on(before, cable.index, "cable", said.append) == FURNISHED
        after = found_on(cable.index)
    assert said == []
    # To the octet, but for what the system notes by itself (lifetimes go on, addresses become ready).
    assert after.routes == before.routes
    assert [b"cable:two" in body for body in after.addresses] == [False, True, False]


@pytest.mark.root
@pytest.mark.slow
def test_up_moves_them_and_puts_them_back_also_after_a_kill(
    key: Path, ipv6_places: tuple[NetNs, NetNs], run_dir: Path
) -> None:
    place = ipv6_places[0]
    furnish(place)
    up = Up(place, key, "--address", "move")
    try:
        up.wait_for("sec-cable has")
        assert has(place, "sec-cable") == sorted(FURNISHED)
        assert has(place, "cable") == []
        up.kill()
        assert has(place, "sec-cable") == []
        assert (run_dir / "moved-cable.json").stat().st_mode & 0o022 == 0
        up = Up(place, key, "--address", "move")  # it finds the memo
        up.wait_for("sec-cable has")
        assert has(place, "sec-cable") == sorted(FURNISHED)
        assert up.end(signal.SIGTERM) == (0, "")
        assert has(place, "cable") == sorted(FURNISHED)
        assert not (run_dir / "moved-cable.json").exists()
    finally:
        up.kill()


@pytest.mark.root
@pytest.mark.slow
def test_down_puts_back_what_a_killed_one_had_moved(
    key: Path, ipv6_places: tuple[NetNs, NetNs], capsys: pytest.CaptureFixture[str]
) -> None:
    place = ipv6_places[0]
    furnish(place)
    up = Up(place, key, "--address", "move")
    up.wait_for("sec-cable has")
    up.kill()
    with place.inside():
        assert main(["down", "cable"]) == 0
        assert "cable has 10.99.0.1/24, 10.99.0.9/24, fd00:99::1/64, route to default via" in capsys.readouterr().out
        assert main(["down", "cable"]) == 0
        assert "nothing of pysec is left here" in capsys.readouterr().out
    assert has(place, "cable") == sorted(FURNISHED)


@pytest.mark.root
@pytest.mark.slow
def test_up_gives_the_addresses_that_it_is_told(key: Path, places: tuple[NetNs, NetNs]) -> None:
    furnish_ipv4 = "10.99.0.1"
    places[0].rtnl.add_ipv4("cable", furnish_ipv4, 24)
    up = Up(places[0], key, "--address", "10.98.0.1/30", "--address", "10.97.0.1/24")
    try:
        up.wait_for("sec-cable has 10.98.0.1/30, 10.97.0.1/24: given to it")
        assert has(places[0], "sec-cable") == ["10.97.0.1/24", "10.98.0.1/30"]
        assert has(places[0], "cable") == ["10.99.0.1/24"]
        assert up.end(signal.SIGTERM) == (0, "")
    finally:
        up.kill()
    assert has(places[0], "cable") == ["10.99.0.1/24"]


# ---- without root


def test_a_memo_is_read_as_it_was_written(tmp_path: Path) -> None:
    memo = Memo(tmp_path / "moved.json")
    assert not memo.read()
    moved = made_of([ip_interface("10.0.0.1/24"), ip_interface("fd00::1/64")])
    assert moved.in_words() == ["10.0.0.1/24", "fd00::1/64"]
    memo.write(moved)
    assert memo.read() == moved
    memo.remove()
    assert not memo.read()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "3", '{"format": "pysec-moved/2"}', '{"format": "pysec-moved/1", "addresses": ["zz"]}',
     '{"format": "pysec-moved/1", "addresses": ["00"], "routes": []}', "[" * 500],
)  # fmt: skip
def test_a_memo_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "moved.json").write_text(text)
    with pytest.raises(FormatError, match=r"moved\.json"):
        Memo(tmp_path / "moved.json").read()


def test_nothing_moved_says_nothing() -> None:
    assert not Moved()
    assert Moved.from_dict(Moved().as_dict(), "here") == Moved()


def test_names_of_controlled_ports_stay_apart() -> None:
    assert tap.name_for("eth1") == "sec-eth1"
    assert tap.name_for("enp0s31f6ab") == "sec-enp0s31f6ab"
    names = {tap.name_for(f"enx00112233445{which}") for which in "0123456789abcdef"}
    assert len(names) == 16
    assert all(len(name) == 15 and name.startswith("sec-enx001-") for name in names)
    assert len(tap.name_for("日本日本日").encode()) <= 15  # not cut through a character


def test_the_run_folder_is_nobody_elses(tmp_path: Path, run_dir: Path) -> None:
    assert folder.run_folder() == run_dir
    assert folder.made(run_dir) == run_dir
    run_dir.chmod(0o777)
    with pytest.raises(KeyStoreError, match="others can write there"):
        folder.made(run_dir)
    run_dir.rmdir()
    run_dir.symlink_to(tmp_path)
    with pytest.raises(KeyStoreError, match="is no folder"):
        folder.made(run_dir)
