"""Why this exists: on a perfect LAN "hitless" is a promise, and it must hold whatever the stations do to each other.

All have come to one SAK and rest. Then, one after another: all roll their keys at once, packet numbers run out, members
come, leave, restart, die in the middle of a rekey, an attacker replays and forges. The *core* are those who neither
left nor came: between any two of them not a frame may be lost. After each, all come to one SAK within a bound.

Where the standard closes the port itself nothing is promised: when the suite changes, and when a station that has no SA
becomes key server (changedConnect, 802.1X-2020 12.4). So who comes or restarts here ranks behind the key server. And
nothing is promised over a LAN on which there and back takes longer than the SAK Retire Time: who learns last that the
key server has changed over sends with the old SAK until then, and that must still be received.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pysec.cp.machine import SAK_RETIRE_TIME_S
from pysec.lab.sim import faults
from pysec.lab.sim.referee import Violation
from pysec.lab.sim.scenario import Station

if TYPE_CHECKING:
    from pysec.lab.sim.member import Member
    from pysec.lab.sim.world import World

WITHIN_S: Final = 15.0
# A station that comes back takes the place of the one that it was, at once, not when that has been forgotten.
REBOOT_WITHIN_S: Final = 3.0
# What is agreed in so many messages one after another takes as many delays more.
_MESSAGES: Final = 12
# Frames that were delayed before the healing have arrived by then.
STRAGGLERS_S: Final = 3.0
_BEHIND: Final = 200

Deed = Callable[["World"], bool]


def run(world: World) -> None:
    """The calm act. Violation if a frame was lost, or the members do not come to one SAK."""
    if 2 * world.lan.quality.delay_s >= SAK_RETIRE_TIME_S:
        return
    world.timeline.run_until(world.timeline.now + STRAGGLERS_S)
    world.until_rest(20.0)
    while world.referee.why_apart(world.present()):  # somebody was cut off in the chaos, and is missed only now
        world.until_one_sak(WITHIN_S + _MESSAGES * world.lan.quality.delay_s, "on a perfect LAN, before the calm")
        world.timeline.run_until(world.timeline.now + STRAGGLERS_S)
        world.until_rest(20.0)
    for what in world.scenario.calm:
        if not world.scenario.is_uniform and what not in _ALSO_MIXED:
            continue
        world.referee.core = {member.name for member in world.present()}
        deed = _DEEDS[what]
        if not deed(world):
            continue
        world.counts["calm deeds"] += 1
        within = REBOOT_WITHIN_S if what == "reboot" else WITHIN_S
        within += _MESSAGES * world.lan.quality.delay_s
        took = world.until_one_sak(within, f"on a perfect LAN, after: {what}")
        world.took_s[what] = max(took, world.took_s.get(what, 0.0))
        world.note("LAN", f"one SAK again after {took:.1f} s")
        world.until_rest(12.0)


def _kis(world: World) -> set[object]:
    return {member.is_sending_with for member in world.present()}


def _rolls(world: World, before: set[object], what: str, within_s: float) -> bool:
    """Something has been done that asks for another SAK than those before: it must come."""
    within_s += _MESSAGES * world.lan.quality.delay_s
    end = world.timeline.now + within_s
    while _kis(world) & before:
        if world.timeline.now > end:
            raise Violation("disturbed", f"{what}: no new SAK within {within_s:g} s")
        world.timeline.run_until(world.timeline.now + 0.1)
    return True


def _others(world: World) -> list[Member]:
    """Members that are not key server and do not rank before it."""
    server = world.key_server()
    if server is None:
        return []

    def rank(member: Member) -> tuple[int, int]:
        return member.station.config.kay.key_server_priority, member.sci.value

    return [member for member in world.present() if member is not server and rank(member) > rank(server)]


# ---- what may be done


def all_ask(world: World) -> bool:
    """Both ends roll at once."""
    before = _kis(world)
    faults.inject(world, "all ask for a SAK")
    return _rolls(world, before, "all ask for a SAK", 10)


def server_asks(world: World) -> bool:
    """The key server rolls."""
    server = world.key_server()
    if server is None:
        return False
    before = _kis(world)
    world.fault("key server asks for a SAK", server.name)
    world.do(server, lambda pae, now: pae.request_sak("a test", now))
    return _rolls(world, before, "the key server asks", 10)


def numbers_run_out(world: World) -> bool:
    """A member comes to its threshold, and goes on sending meanwhile."""
    member = world.rng.choice(world.present())
    before = _kis(world)
    is_done = faults.burn_of(world, member, 0.76, "packet numbers run out")
    return is_done and _rolls(world, before, "packet numbers run out", 15)


def _joins_behind(world: World) -> bool:
    station = world.next_station()
    if station is None:
        return False
    kay = replace(station.config.kay, key_server_priority=_BEHIND)
    member = world.join(Station(station.sci, replace(station.config, kay=kay)))
    assert member is not None
    world.fault("join", member.name)
    return True


def joins(world: World) -> bool:
    """A station comes that ranks behind all others."""
    return _joins_behind(world)


def two_join(world: World) -> bool:
    """Two come, the second within the guard of the SAK that the first has brought about (802.1X-2020 9.8)."""
    if not _joins_behind(world):
        return False
    world.timeline.run_until(world.timeline.now + world.rng.uniform(0.1, 5))
    _joins_behind(world)
    return True


def leaves(world: World) -> bool:
    """A member that is not key server is switched off."""
    others = _others(world)
    if not others or len(world.present()) < 3:
        return False
    member = world.rng.choice(others)
    world.fault("leave", member.name)
    world.stop(member, "switched off for good", switch_off=True, for_good=True)
    world.timeline.run_until(world.timeline.now + 14)
    return True


def server_leaves(world: World) -> bool:
    """The key server is switched off: one of the others, which has SAs with all, becomes it."""
    server = world.key_server()
    if server is None or len(world.present()) < 3 or not faults.willing_but(world, server):
        return False
    world.fault("key server leaves", server.name)
    world.stop(server, "switched off for good", switch_off=True, for_good=True)
    world.timeline.run_until(world.timeline.now + 20)
    return True


def reboots(world: World) -> bool:
    """A member that ranks behind the key server restarts and has forgotten everything."""
    others = _others(world)
    if not others:
        return False
    member = world.rng.choice(others)
    seconds = world.rng.choice((0.05, 1.0, 4.0))
    faults.switch_off_and_on(world, member, seconds, "reboot")
    world.timeline.run_until(world.timeline.now + seconds + 0.05)
    return True


def killed_in_a_rekey(world: World) -> bool:
    """Its process dies between two calls of its data plane, and finds that again half done."""
    others = _others(world)
    if not others:
        return False
    member = world.rng.choice(others)
    member.driver.trouble.kill_in = world.rng.randrange(10)
    world.referee.core.discard(member.name)
    world.fault("kill in a rekey", member.name, f"at the {member.driver.trouble.kill_in + 1}. call from now")
    faults.ask_all(world, "a test kills in the middle")
    world.timeline.run_until(world.timeline.now + 10)
    member.driver.trouble.kill_in = None
    return True


def _attacked(world: World, what: str) -> bool:
    """What an attacker sends must not bring about anything."""
    before = _kis(world)
    mis = [p.member.mi for member in world.present() if (p := member.participant) is not None]
    faults.inject(world, what)
    world.timeline.run_until(world.timeline.now + 8)
    now = [p.member.mi for member in world.present() if (p := member.participant) is not None]
    if mis != now:
        raise Violation("disturbed", f"{what}: a member has taken another MI")
    if before != _kis(world) and not world.scenario.rekeys_by_itself:
        raise Violation("disturbed", f"{what}: there is another SAK")
    return True


_ALSO_MIXED: Final = (
    "all ask for a SAK",
    "key server asks for a SAK",
    "packet numbers run out",
    "old MKPDUs replayed",
    "own MKPDUs come back",
    "MKPDUs forged",
)
_DEEDS: Final[dict[str, Deed]] = {
    "all ask for a SAK": all_ask,
    "key server asks for a SAK": server_asks,
    "packet numbers run out": numbers_run_out,
    "join": joins,
    "two join within 6 s": two_join,
    "leave": leaves,
    "key server leaves": server_leaves,
    "reboot": reboots,
    "kill in a rekey": killed_in_a_rekey,
    "old MKPDUs replayed": lambda world: _attacked(world, "old MKPDUs replayed"),
    "own MKPDUs come back": lambda world: _attacked(world, "own MKPDUs come back"),
    "MKPDUs forged": lambda world: _attacked(world, "MKPDUs forged"),
}
