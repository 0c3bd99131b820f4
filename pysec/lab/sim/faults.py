"""Why this exists: each kind of misfortune is one function, counted under the name that the scenario calls it by.

A fault that does not apply (nobody to restart, nobody left to join) passes, and is not counted.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from pysec.mka.config import NEVER_KEY_SERVER
from pysec.types import PN_SPACE

if TYPE_CHECKING:
    from pysec.lab.sim.member import Member
    from pysec.lab.sim.world import World

Fault = Callable[["World", random.Random, str], None]
_CALLS = (
    "create_receive_sc",
    "install_sak",
    "create_receive_sa",
    "enable_receive",
    "create_transmit_sa",
    "enable_transmit",
    "retire",
    "set_controls",
    "read",
)


def inject(world: World, what: str) -> None:
    """Inject a fault by its name."""
    _FAULTS[what](world, world.rng, what)


def _one(world: World, rng: random.Random) -> Member | None:
    running = world.running()
    return rng.choice(running) if running else None


# ---- the LAN


def partition(world: World, rng: random.Random, what: str) -> None:
    """The LAN falls into two."""
    names = [member.name for member in world.members]
    if len(names) < 2:
        return
    rng.shuffle(names)
    at = rng.randint(1, len(names) - 1)
    one, other = names[:at], names[at:]
    seconds = rng.uniform(0.5, 14)
    world.fault(what, "LAN", f"{' '.join(sorted(one))} from {' '.join(sorted(other))}, for {seconds:.1f} s")
    world.lan.cut([pair for a in one for b in other for pair in ((a, b), (b, a))], seconds)


def one_way(world: World, rng: random.Random, what: str) -> None:
    """A member is not heard by another any more, which it still hears."""
    if len(world.members) < 2:
        return
    a, b = rng.sample([member.name for member in world.members], 2)
    seconds = rng.uniform(0.5, 16)
    world.fault(what, "LAN", f"{a} to {b}, for {seconds:.1f} s")
    world.lan.cut([(a, b)], seconds)


def port_down(world: World, rng: random.Random, what: str) -> None:
    """A member's common port goes down, and comes back."""
    if (member := _one(world, rng)) is None:
        return
    seconds, life = rng.choice((0.01, 1.0, 8.0)), member.lives
    world.fault(what, member.name, f"for {seconds} s")
    world.do(member, lambda pae, now: pae.set_port_enabled(False, now))

    def up() -> None:
        if member.lives == life:
            world.do(member, lambda pae, now: pae.set_port_enabled(True, now))

    world.timeline.after(seconds, up)


# ---- processes and machines


def reboot(world: World, rng: random.Random, what: str) -> None:
    """A member is switched off, and on again after a while."""
    if (member := _one(world, rng)) is not None:
        switch_off_and_on(world, member, rng.choice((0.05, 1.0, 7.0)), what)


def switch_off_and_on(world: World, member: Member, seconds: float, what: str) -> None:
    """The same for a certain member."""
    world.fault(what, member.name, f"for {seconds} s")
    world.stop(member, "switched off", switch_off=True)

    def on() -> None:
        if member.pae is None:
            world.start(member)

    world.timeline.after(seconds, on)


def kill_at_call(world: World, rng: random.Random, what: str) -> None:
    """A process dies at one of the next calls of its data plane, whatever that be for."""
    if (member := _one(world, rng)) is not None:
        member.driver.trouble.kill_in = rng.randrange(12)
        world.fault(what, member.name, f"at the {member.driver.trouble.kill_in + 1}. call from now")


def kill_in_a_rekey(world: World, rng: random.Random, what: str) -> None:
    """All ask for a SAK, and a process dies while it installs it."""
    if (member := _one(world, rng)) is None:
        return
    member.driver.trouble.kill_in = rng.randrange(8)
    world.fault(what, member.name, f"at the {member.driver.trouble.kill_in + 1}. call from now")
    ask_all(world, "a test kills in the middle")


def key_server_dies(world: World, rng: random.Random, what: str) -> None:
    """The key server is switched off for good, if two others remain, one of them willing to take its place."""
    server = world.key_server()
    if server is not None and len(world.present()) > 2 and willing_but(world, server):
        world.fault(what, server.name)
        world.stop(server, "switched off for good", switch_off=True, for_good=True)


def willing_but(world: World, member: Member) -> bool:
    """Whether somebody else may be key server."""
    priorities = [other.station.config.kay.key_server_priority for other in world.present() if other is not member]
    return any(priority != NEVER_KEY_SERVER for priority in priorities)


def pause(world: World, rng: random.Random, what: str) -> None:
    """A process stands still; what it is sent waits for it."""
    if (member := _one(world, rng)) is None or member.is_paused:
        return
    seconds, life = rng.uniform(0.5, 15), member.lives
    world.fault(what, member.name, f"for {seconds:.1f} s")
    member.is_paused = True

    def on() -> None:
        if member.lives == life and member.is_paused:
            resume(world, member)

    world.timeline.after(seconds, on)


def resume(world: World, member: Member) -> None:
    """A process goes on."""
    member.is_paused = False
    world.note(member.name, "goes on")
    world.wake(member)


def joins(world: World, rng: random.Random, what: str) -> None:
    """A station comes to the LAN."""
    if (member := world.join()) is not None:
        world.fault(what, member.name)


def two_join(world: World, rng: random.Random, what: str) -> None:
    """Two come within the 6 s in which a key server may not make a second SAK (802.1X-2020 9.8)."""
    joins(world, rng, what)
    world.after_in_chaos(rng.uniform(0.2, 5.5), lambda: joins(world, rng, what))


# ---- clocks


def leap(world: World, rng: random.Random, what: str) -> None:
    """A clock leaps, as after a machine has been suspended."""
    if (member := _one(world, rng)) is not None:
        seconds = rng.choice((0.7, 3.0, 7.0, 1000.0))
        world.fault(what, member.name, f"by {seconds} s")
        member.offset += seconds
        member.clock_was_set = True
        world.wake(member)


def goes_back(world: World, rng: random.Random, what: str) -> None:
    """A clock goes back."""
    if (member := _one(world, rng)) is not None:
        seconds = rng.choice((0.5, 2.0, 5.0))
        world.fault(what, member.name, f"by {seconds} s")
        member.offset -= seconds
        member.clock_was_set = True
        world.wake(member)


# ---- data planes


def refuses(world: World, rng: random.Random, what: str) -> None:
    """The next calls of a data plane are refused."""
    if (member := _one(world, rng)) is not None:
        member.driver.trouble.refuse = rng.choice((1, 2, 5, 20))
        world.fault(what, member.name, f"{member.driver.trouble.refuse} calls")
        if rng.random() < 0.5:
            ask_all(world, "a test of refusals")


def refuses_one(world: World, rng: random.Random, what: str) -> None:
    """A data plane refuses calls of one name."""
    if (member := _one(world, rng)) is None:
        return
    trouble = member.driver.trouble
    trouble.refused_name = rng.choice(_CALLS)
    seconds = rng.uniform(1, 9)
    world.fault(what, member.name, f"{trouble.refused_name}, for {seconds:.1f} s")

    def end() -> None:
        trouble.refused_name = ""

    world.timeline.after(seconds, end)
    ask_all(world, "a test of refusals")


def lies(world: World, rng: random.Random, what: str) -> None:
    """The next calls of a data plane do nothing, and say that they are done."""
    if (member := _one(world, rng)) is not None:
        member.driver.trouble.lie = rng.choice((1, 2, 5))
        world.fault(what, member.name, f"{member.driver.trouble.lie} calls")
        ask_all(world, "a test of lies")


# ---- keys


def ask_all(world: World, reason: str) -> None:
    """Every member asks for a SAK, at one time."""
    for member in world.running():
        world.do(member, lambda pae, now: pae.request_sak(reason, now))


def one_asks(world: World, rng: random.Random, what: str) -> None:
    """A member asks for a SAK."""
    if (member := _one(world, rng)) is not None:
        world.fault(what, member.name)
        world.do(member, lambda pae, now: pae.request_sak("a test", now))


def all_ask(world: World, rng: random.Random, what: str) -> None:
    """All ask for a SAK, at one time."""
    world.fault(what, "LAN")
    ask_all(world, "a test")


def burn(world: World, rng: random.Random, what: str) -> None:
    """A member has sent so much that its packet numbers run out, or have."""
    sending = [member for member in world.running() if member.is_sending_with is not None]
    if sending:
        burn_of(world, rng.choice(sending), rng.choice((0.5, 0.7501, 0.99, 1.0)), what)


def burn_of(world: World, member: Member, share: float, what: str) -> bool:
    """A member's packet numbers are used up to this share; whether they were not before."""
    controls = member.driver.controls
    space = PN_SPACE if not controls.cipher_suite.is_xpn else PN_SPACE**2
    if not member.driver.burn(int((space - 2) * share)):
        return False
    world.fault(what, member.name, f"to {share:.0%}")
    return True


# ---- an attacker, who has recorded what was sent


def replay(world: World, rng: random.Random, what: str) -> None:
    """MKPDUs of the past come again: to everybody, also to those who sent them.

    On a perfect LAN no copy comes before the original: one that outran it would bound the delay of frames that are
    still on their way, and those are refused with reason (802.1X-2020 9.10).
    """
    if not world.recorded:
        return
    number = rng.randint(1, 20)
    world.fault(what, "LAN", f"{number} of them")
    for sent in rng.choices(list(world.recorded), k=number):
        for member in world.members:
            if member.name != sent.sender or rng.random() < 0.5:
                at = world.timeline.now + rng.uniform(0, 3)
                if world.lan.quality.is_perfect:
                    at = max(at, sent.at + world.lan.quality.delay_s)
                world.timeline.at(at, partial(world.deliver, member, sent))


def reflect(world: World, rng: random.Random, what: str) -> None:
    """A switch with a loop gives members their own MKPDUs, for a while."""
    world.fault(what, "LAN")
    for step in range(rng.randint(1, 12)):
        world.timeline.after(step * 0.3, lambda: _reflect_once(world))


def _reflect_once(world: World) -> None:
    newest = {sent.sender: sent for sent in world.recorded}
    for member in world.running():
        if member.name in newest:
            world.deliver(member, newest[member.name])


def forge(world: World, rng: random.Random, what: str) -> None:
    """MKPDUs of the past with other bits come: without the CAK nobody can do better."""
    if not world.recorded:
        return
    number = rng.randint(1, 10)
    world.fault(what, "LAN", f"{number} of them")
    for sent in rng.choices(list(world.recorded), k=number):
        octets = bytearray(sent.frame)
        where = rng.choice((rng.randrange(14, len(octets)), rng.randrange(34, 50), rng.randrange(42, 50)))
        octets[where] = rng.choice((0xFF, octets[where] ^ 1 << rng.randrange(8)))
        if bytes(octets) == sent.frame:
            octets[where] ^= 1
        for member in world.members:
            world.timeline.after(rng.uniform(0, 2), partial(world.forge, member, bytes(octets)))


_FAULTS: dict[str, Fault] = {
    "partition": partition,
    "one-way cut": one_way,
    "reboot": reboot,
    "kill at a driver call": kill_at_call,
    "kill in a rekey": kill_in_a_rekey,
    "key server dies": key_server_dies,
    "pause": pause,
    "port down": port_down,
    "join": joins,
    "two join within 6 s": two_join,
    "clock leaps": leap,
    "clock goes back": goes_back,
    "driver refuses": refuses,
    "driver refuses one call for a while": refuses_one,
    "driver lies": lies,
    "one asks for a SAK": one_asks,
    "all ask for a SAK": all_ask,
    "old MKPDUs replayed": replay,
    "own MKPDUs come back": reflect,
    "MKPDUs forged": forge,
    "packet numbers burnt": burn,
}
