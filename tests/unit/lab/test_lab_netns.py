"""Namespaces without names: they are there while they are held, and gone afterwards."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pysec import DriverError, MacAddress
from pysec.lab import netns
from pysec.lab.netns import NetNs

HERE = Path("/proc/thread-self/ns/net")


def test_without_root_there_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert netns.why_unavailable() == "not root"


def test_without_tap_there_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert netns.why_unavailable() == "no /dev/net/tun"


@pytest.mark.root
def test_here_it_is_worth_trying() -> None:
    assert netns.why_unavailable() is None


@pytest.mark.root
def test_inside_and_out_again() -> None:
    home = HERE.readlink()
    with NetNs() as namespace:
        assert HERE.readlink() == home
        with namespace.inside():
            assert HERE.readlink() == Path(f"net:[{namespace.inode}]") != home
        assert HERE.readlink() == home
        with pytest.raises(ZeroDivisionError), namespace.inside():
            raise ZeroDivisionError
        assert HERE.readlink() == home


def held(inode: int) -> list[str]:
    """Who of all processes holds a namespace, by living in it or by a descriptor."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        for link in [process / "ns/net", *process.glob("fd/*")]:
            try:
                if os.readlink(link) == f"net:[{inode}]":
                    found.append(str(link))
            except OSError:
                continue
    return found


@pytest.mark.root
def test_closed_it_is_held_by_nobody() -> None:
    namespace = NetNs()
    inode = namespace.inode
    assert held(inode)
    namespace.close()
    namespace.close()
    assert held(inode) == []


@pytest.mark.root
def test_a_cable_joins_two_namespaces() -> None:
    with NetNs() as one, NetNs() as other:
        one.rtnl.add_veth("cable", "elbac", other)
        one.rtnl.set_up("cable", mac=MacAddress.parse("02:00:00:00:00:01"), mtu=1532)
        assert not one.rtnl.facts("cable").ready
        other.rtnl.set_up("elbac")
        one.rtnl.wait_ready("cable")
        other.rtnl.wait_ready("elbac")
        one.rtnl.add_ipv4("cable", "10.9.8.7", 24)
        with one.inside():
            assert Path("/sys/class/net").is_dir()
            assert "cable" in Path("/proc/thread-self/net/dev").read_text()
            assert "0008090A" in Path("/proc/thread-self/net/route").read_text()
        assert "cable" not in Path("/proc/thread-self/net/dev").read_text()


@pytest.mark.root
def test_what_the_kernel_refuses_is_told() -> None:
    with NetNs() as one, NetNs() as other:
        with pytest.raises(DriverError, match="interface none: No such device"):
            one.rtnl.facts("none")
        one.rtnl.add_veth("cable", "cable", other)
        with pytest.raises(DriverError, match="veth cable: File exists"):
            one.rtnl.add_veth("cable", "cable2", other)
        with pytest.raises(DriverError, match="not up"):
            one.rtnl.wait_ready("cable", at_most_s=0)
        with pytest.raises(DriverError, match=r"MTU|Invalid argument|Numerical"):
            one.rtnl.set_up("cable", mtu=1)
