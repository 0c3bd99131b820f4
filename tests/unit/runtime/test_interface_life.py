"""The interface under a port: it goes and comes back, is renamed, changes its MTU; the controlled port follows."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pysec.errors import DriverError
from pysec.lab.netns import NetNs, _ifinfo
from pysec.runtime.interface import opened
from pysec.runtime.netlink import text
from pysec.runtime.trace import read_trace
from tests.unit.runtime.ups import MACS, PATIENCE_S, Up, link_delete, link_down, nft

pytestmark = [pytest.mark.root, pytest.mark.slow]

Places = tuple[NetNs, NetNs]


def eventually(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_an_interface_that_goes_away_is_waited_for(places: Places, key: Path) -> None:
    """The TAP stays, with what the host has given to it; the new interface is guarded before the port opens."""
    first, second = places
    ups = [Up(place, key) for place in places]
    try:
        for up in ups:
            up.wait_for("SECURED")
        first.rtnl.add_ipv4("sec-cable", "10.99.0.1", 24)
        link_delete(first)
        for up in ups:
            up.wait_for("interface cable has gone: waiting for it, sec-cable stays")
        with first.inside(), opened("sec-cable") as tap:
            assert tap.exists
            assert not tap.has_carrier
        first.rtnl.add_veth("cable", "cable", second)
        for place in places:
            place.rtnl.set_up("cable", mtu=1400)
        for up in ups:
            at = up.wait_for("interface cable is there again")
            up.wait_for("SECURED", at)
        with first.inside(), opened("sec-cable") as tap, opened("cable") as cable:
            assert tap.has_carrier
            assert tap.mac == cable.mac
            assert tap.mtu == 1368
            assert "10.99.0.1" in tap.addresses()
        assert nft(first, "list", "ruleset").count("policy drop") == 2
        for up in ups:
            assert up.end(signal.SIGTERM) == (0, "")
    finally:
        for up in ups:
            up.kill()
    for place in places:
        assert nft(place, "list", "ruleset") == ""


def test_an_interface_that_gets_another_name_stays_closed(places: Places, key: Path) -> None:
    """A hook goes by the name: without more, the host would have the cable under the new one."""
    first = places[0]
    ups = [Up(place, key) for place in places]
    try:
        for up in ups:
            up.wait_for("SECURED")
        rename(first, "cable", "other")
        ups[0].wait_for("cable is called other now: the host's own stack is kept off it")
        ups[0].wait_for("interface cable has gone: waiting for it")
        assert nft(first, "list", "ruleset").count('device "other"') == 2
        at = len(ups[0].lines)
        rename(first, "other", "cable")
        ups[0].wait_for("SECURED", at)
        assert nft(first, "list", "ruleset").count('device "cable"') == 2
        for up in ups:
            assert up.end(signal.SIGTERM) == (0, "")
    finally:
        for up in ups:
            up.kill()
    assert nft(first, "list", "ruleset") == ""


def rename(place: NetNs, name: str, to: str) -> None:
    body = _ifinfo(place.rtnl.facts(name).index) + text(3, to)
    try:
        place.rtnl.request("rename", 16, 4, body)
    except DriverError:
        pytest.skip("this kernel renames no interface that is on")


def test_carrier_mtu_and_promiscuity_follow(places: Places, key: Path) -> None:
    first, second = places
    ups = [Up(first, key, "--implicit-sci"), Up(second, key, "--implicit-sci")]
    try:
        ups[0].wait_for("CLOSED")
        with first.inside(), opened("sec-cable") as tap, opened("cable") as cable:
            for up in ups:
                up.wait_for("SECURED")
            assert tap.has_carrier
            assert tap.mac == cable.mac
            assert tap.mtu == 1532 - 24
            cable.mtu = 1500
            ups[0].wait_for("sec-cable 1476, as cable has 1500")
            assert tap.mtu == 1476
            assert cable.promiscuity == 0
            first.rtnl.request("promiscuous", 16, 4, _promiscuous(first, True))
            assert eventually(lambda: cable.promiscuity == 1)
            first.rtnl.request("promiscuous", 16, 4, _promiscuous(first, False))
            assert eventually(lambda: cable.promiscuity == 0)
            link_down(first)
            ups[0].wait_for("CLOSED: the common port is down")
            assert eventually(lambda: not tap.has_carrier)
            at = len(ups[0].lines)
            first.rtnl.set_up("cable")
            ups[0].wait_for("SECURED", at)
            assert eventually(lambda: tap.has_carrier)  # the other end may begin anew, and close it once more
        for up in ups:
            assert up.end(signal.SIGTERM) == (0, "")
    finally:
        for up in ups:
            up.kill()


def _promiscuous(place: NetNs, on: bool) -> bytes:
    return _ifinfo(place.rtnl.facts("sec-cable").index, 0x100 if on else 0, 0x100)


def test_a_port_whose_interface_has_gone_ends_well(places: Places, key: Path) -> None:
    trace = key.with_name("trace.jsonl")
    up = Up(places[0], key, "--json", "--trace", str(trace))
    try:
        up.wait_for('"enabled"')
        link_delete(places[0])
        up.wait_for('"gone"')
        places[0].rtnl.add_veth("cable", "cable", places[1])
        up.wait_for('"back"')
        link_delete(places[0])
        up.wait_for('"gone"', up.wait_for('"back"'))
        assert up.end(signal.SIGTERM) == (0, "")
    finally:
        up.kill()
    assert json.loads(up.lines[-1])["ok"] is True
    assert nft(places[0], "list", "ruleset") == ""
    assert {read_trace(trace, name).sci.mac for name in ("cable", "cable#2")} > {MACS[0]}


GOES_AT = """
from pysec.runtime import single
from pysec.lab.netns import Rtnl, _ifinfo
begin, step = single.SinglePort._begin_anew, single.{step}
gone = []
def goes(*args, **named):
    if beginning and not gone:
        gone.append(True)
        rtnl = Rtnl()
        rtnl.request("delete", 17, 4, _ifinfo(rtnl.facts("cable").index))
    return step(*args, **named)
beginning = []
def began(self):
    beginning.append(True)
    begin(self)
single.SinglePort._begin_anew, single.{step} = began, goes
"""


@pytest.mark.parametrize(
    "step",
    ["CommonPort.renew", "open_packet", "SoftwareDriver", "PortAccessEntity.add_cak", "SinglePort._fit_tap"],
)
def test_an_interface_that_goes_while_the_port_begins_anew_is_waited_for(places: Places, key: Path, step: str) -> None:
    """At whatever step: it is told, and the next one is taken."""
    up = Up(places[0], key, plant=GOES_AT.format(step=step))
    try:
        up.wait_for("the common port is up")
        link_delete(places[0])
        at = up.wait_for("has gone: waiting for it")
        places[0].rtnl.add_veth("cable", "cable", places[1])
        at = up.wait_for("has gone: waiting for it", up.wait_for("is there again", at))
        places[0].rtnl.add_veth("cable", "cable", places[1])
        for place in places:
            place.rtnl.set_up("cable", mtu=1400)
        up.wait_for("the common port is up", up.wait_for("is there again", at))
        assert up.end(signal.SIGTERM) == (0, "")
    finally:
        up.kill()
    assert nft(places[0], "list", "ruleset") == ""


GOES_WHILE = """
from pathlib import Path
from pysec.runtime import single
from pysec.lab.netns import Rtnl, _ifinfo
step = single.{step}
gone = []
def goes(self, *args):
    if not gone and Path("{go}").exists():
        gone.append(True)
        rtnl = Rtnl()
        rtnl.request("delete", 17, 4, _ifinfo(rtnl.facts("cable").index))
    return step(self, *args)
single.{step} = goes
"""


@pytest.mark.parametrize("step", ["SinglePort._follow_mtu", "Memberships.everything", "SinglePort._carrier"])
def test_an_interface_that_goes_while_a_change_is_followed_is_waited_for(places: Places, key: Path, step: str) -> None:
    """What made the change may take it away right after: that is no failure of the port."""
    go = key.with_name("go")
    up = Up(places[0], key, plant=GOES_WHILE.format(step=step, go=go))
    try:
        up.wait_for("the common port is up")
        go.touch()
        places[0].rtnl.set_up("cable", mtu=1400)
        at = up.wait_for("has gone: waiting for it")
        places[0].rtnl.add_veth("cable", "cable", places[1])
        for place in places:
            place.rtnl.set_up("cable", mtu=1400)
        up.wait_for("the common port is up", up.wait_for("is there again", at))
        assert up.end(signal.SIGTERM) == (0, "")
    finally:
        up.kill()
    assert nft(places[0], "list", "ruleset") == ""
