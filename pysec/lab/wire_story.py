"""Why this exists: the chapters of `pysec lab wire`, each told and checked as it happens.

What a chapter claims is measured at the hosts, on the cable, or in the counters of the SecYs.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pysec.dataplane import Counters, Verdict
from pysec.errors import DriverError, FormatError
from pysec.lab import WIRE_RATE, WIRE_SECONDS
from pysec.lab.accounts import Accounts
from pysec.lab.hosts import Host, Lan, settled
from pysec.lab.packets import ETHERTYPE_IPV4, ICMP_ECHO_REQUEST, ProtectedFrame, read_echo
from pysec.lab.report import Story
from pysec.lab.traffic import Pace, SenderPlant, start_receiver, start_sender
from pysec.lab.wiretap import WireLog, WirePlant
from pysec.secret import Secret
from pysec.types import An, Ki

PINGS: Final = 3
TEXT: Final = b"pysec lab wire: can you read me on the cable? This is ping %d."
PROMISED_RATE: Final = 10_000
MESSAGE_OCTETS: Final = 200
ROLL_WAIT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class WireOptions:
    """seconds: how long the numbered traffic lasts. rate: frames in each. memory: no namespaces, even as root."""

    seconds: float = WIRE_SECONDS
    rate: int = WIRE_RATE
    memory: bool = False


@dataclass(frozen=True, slots=True)
class Plant:
    """Faults for the canaries; none of them can be asked for from the command line.

    wire: what the cable does (memory only). sender: what the sender of numbers does. in_clear: A encrypts nothing.
    untampered: the frame said to be tampered with is not. accept_replay: B's replay window takes any old frame.
    keep_old_key: the old keys are not retired.
    """

    wire: WirePlant | None = None
    sender: SenderPlant | None = None
    in_clear: bool = False
    untampered: bool = False
    accept_replay: bool = False
    keep_old_key: bool = False


@dataclass(frozen=True, slots=True)
class _Key:
    ki: Ki
    sak: Secret

    @classmethod
    def fresh(cls) -> _Key:
        return cls(Ki(secrets.token_bytes(16)), Secret(secrets.token_bytes(16)))


class WireStory:
    """The story itself, chapter by chapter."""

    def __init__(self, lan: Lan, story: Story, options: WireOptions, plant: Plant, stack: contextlib.ExitStack) -> None:
        self._lan = lan
        self._story = story
        self._options = options
        self._plant = plant
        self._stack = stack
        self._a, self._b = lan.a, lan.b
        self._keys = {"A": _Key.fresh(), "B": _Key.fresh()}
        self._ping: bytes | None = None  # the frame on the cable that was a ping
        self._logs: list[WireLog] = []
        self.traffic: dict[str, float] = {}

    def tell(self) -> None:
        """All of it."""
        for sender, receiver in ((self._a, self._b), (self._b, self._a)):
            receiver.secy.create_receive_sc(sender.sci)
            self._ready_to_receive(receiver, sender, 0)
            self._transmit(sender, 0)
        if self._plant.accept_replay:
            self._b.secy.reconfigure(replay_protect=False)
        self._first_pings()
        self._look_at_the_cable()
        if self._ping is not None:
            self._attack(self._ping)
        self._change_keys_under_traffic()
        self._last_pings()
        settled(self._everything)
        self._logs.append(self._lan.wire.log)
        Accounts(self._lan, self._logs, self.traffic).tell(self._story)

    # ---- keys

    def _ready_to_receive(self, receiver: Host, sender: Host, an: int) -> None:
        key = self._keys[sender.name]
        receiver.secy.install_sak(key.ki, key.sak)
        receiver.secy.create_receive_sa(sender.sci, an, key.ki)
        receiver.secy.enable_receive(sender.sci, key.ki)

    def _transmit(self, sender: Host, an: int) -> None:
        key = self._keys[sender.name]
        sender.secy.install_sak(key.ki, key.sak)
        in_clear = self._plant.in_clear and sender is self._a
        sender.secy.create_transmit_sa(an, key.ki, confidentiality=not in_clear)
        sender.secy.enable_transmit(key.ki)

    def _roll(self, sender: Host, receiver: Host, wake: Callable[[], object]) -> bool:
        """A new key for one direction, AN 0 to AN 1; False if no frame under it arrived.

        The order is what keeps every frame: the receiver has the new key before the sender uses it, and the old one
        until a frame under the new one has come, since frames do not overtake each other on this cable.
        """
        old, self._keys[sender.name] = self._keys[sender.name], _Key.fresh()
        new = self._keys[sender.name]
        self._ready_to_receive(receiver, sender, 1)
        self._transmit(sender, 1)
        wake()
        end = time.monotonic() + ROLL_WAIT_S
        while not (arrived := any(sa.ki == new.ki and sa.next_pn > 1 for sa in receiver.secy.sas())):
            if time.monotonic() > end:
                break
            time.sleep(0.005)
        if not self._plant.keep_old_key:
            sender.secy.retire(old.ki)
            receiver.secy.retire(old.ki)
        old.sak.erase()
        return arrived

    # ---- chapters

    def _first_pings(self) -> None:
        self._story.heading("1  Ping")
        self._lan.wire.log.keep = 64
        times = [self._lan.ping(self._a, number, TEXT % number) for number in range(1, PINGS + 1)]
        self._tell_pings("ping", "A pings B through the protected link", times)
        settled(self._everything)
        self._lan.wire.log.keep = 0

    def _last_pings(self) -> None:
        self._story.heading("5  Ping again, under the new keys")
        there = [self._lan.ping(self._a, number, TEXT % number) for number in (11, 12)]
        back = [self._lan.ping(self._b, number, TEXT % number) for number in (13, 14)]
        self._tell_pings("ping-after", "A pings B, and B pings A", [*there, *back])

    def _tell_pings(self, identifier: str, what: str, times: list[float | None]) -> None:
        answered = [t for t in times if t is not None]
        detail = f"{what}: {len(answered)} of {len(times)} answered"
        if answered:
            detail += f", the fastest after {min(answered) * 1000:.2f} ms"
        self._story.check(identifier, len(answered) == len(times), detail + ".")

    def _look_at_the_cable(self) -> None:
        story, log, key = self._story, self._lan.wire.log, self._keys["A"].sak
        story.heading("2  What the cable carries")
        frames = [frame for frame in log.kept if frame[6:12] == self._a.mac.octets]
        found = [(frame, opened) for frame in frames if (opened := _opened(frame, key, self._a)) is not None]
        pings = [(frame, opened) for frame, opened in found if _is_ping(opened)]
        if pings:
            self._ping = pings[-1][0]
        shown = self._ping or (frames[-1] if frames else None)
        if shown is not None and log.unprotected == 0:
            story.say("A listener on the cable sees a ping of A as these octets:")
            story.rows(ProtectedFrame.read(shown).in_words())
        readable = [frame for frame in log.kept if TEXT[:16] in frame or TEXT[16:32] in frame]
        story.check(
            "wire-unreadable",
            bool(frames) and not readable and log.unprotected == 0,
            f"Of {len(log.kept)} frames on the cable {log.unprotected} went without protection, and "
            f"{len(readable)} show the text of a ping.",
        )
        seen = {bytes(echo.text) for _, opened in pings if (echo := read_echo(opened[14:])) is not None}
        wanted = {TEXT % number for number in range(1, PINGS + 1)}
        detail = f"With the key of this direction, {len(seen & wanted)} of {PINGS} pings open, by another library"
        if pings:
            echo = read_echo(pings[-1][1][14:])
            detail += f"; the last says: {echo.text.decode() if echo else ''!r}"
        story.check("wire-opens-with-key", seen == wanted, detail)

    def _attack(self, ping: bytes) -> None:
        story = self._story
        story.heading("3  Forged frames on the cable")
        fresh = self._lan.wire.log.flow(self._a.mac, 0).last_pn + 1
        tampered = bytearray(ping)
        tampered[16:20] = fresh.to_bytes(4, "big")
        tampered[40] ^= 0x01
        frame = bytes(ping if self._plant.untampered else tampered)
        story.say(
            "The ping above is put on the cable once more, with one bit of its data turned over and a new packet "
            "number, so that it does not look old:"
        )
        self._inject("tampered-refused", frame, Verdict.IN_NOT_VALID)
        story.say("The ping above is put on the cable once more, just as it was:")
        self._inject("replay-refused", ping, Verdict.IN_LATE)

    def _inject(self, identifier: str, frame: bytes, want: Verdict) -> None:
        a, b = self._a, self._b
        settled(self._everything)
        out_before, in_before = a.secy.counters(), b.secy.counters()
        host_before = self._lan.counts(b).received
        self._lan.wire.inject(frame)
        end = time.monotonic() + ROLL_WAIT_S
        while b.secy.counters().total_in == in_before.total_in and time.monotonic() < end:
            time.sleep(0.005)
        settled(self._everything)
        in_after = b.secy.counters()
        moved = _moved(in_before, in_after)
        delivered = self._lan.counts(b).received - host_before
        # A's kernel may have something to say of its own just now (ARP): what A sent, B may accept.
        genuine = a.secy.counters().packets(Verdict.OUT_ENCRYPTED) - out_before.packets(Verdict.OUT_ENCRYPTED)
        unwanted = {verdict: n for verdict, n in moved.items() if verdict not in (want, Verdict.IN_OK)}
        ok = moved.get(want) == 1 and not unwanted and moved.get(Verdict.IN_OK, 0) == genuine == delivered
        was = ", ".join(f"{v.yang} from {in_before.packets(v)} to {in_after.packets(v)}" for v in moved if v != want)
        detail = (
            f"B refuses it as {want.yang}: {want.text}. That counter went from {in_before.packets(want)} to "
            f"{in_after.packets(want)}, no other refusal was counted, and host B got nothing of it."
            if ok
            else f"B should have counted one {want.yang}, and host B got nothing; {want.yang} went from "
            f"{in_before.packets(want)} to {in_after.packets(want)}, {was or 'nothing else moved'}; "
            f"host B got {delivered} frames, of which {genuine} were A's."
        )
        self._story.check(identifier, ok, detail)

    def _change_keys_under_traffic(self) -> None:
        story, options = self._story, self._options
        story.heading("4  New keys while frames flow")
        story.say(
            f"A sends numbered frames for {options.seconds:g} s. Meanwhile each direction gets a new key and goes from "
            "association number (AN) 0 to 1; then the old key is retired."
        )
        settled(self._everything)
        self._logs.append(self._lan.wire.log)
        log = self._lan.wire.log = WireLog()
        out, into, prefix = self._lan.traffic_ends()
        receiver = start_receiver(into, prefix)
        self._stack.callback(receiver.close)
        sender = start_sender(out, Pace(options.rate, options.seconds, MESSAGE_OCTETS, prefix), self._plant.sender)
        self._stack.callback(sender.close)
        self._lan.arm()
        sender.tell()
        time.sleep(options.seconds * 0.4)
        arrived = self._roll(self._a, self._b, lambda: None)
        arrived &= self._roll(self._b, self._a, lambda: self._lan.nudge(self._b))
        sent = sender.result()
        receiver.tell()
        seen = receiver.result()
        if not sent or not seen:
            raise DriverError("the numbered traffic ended before it was told to")
        settled(self._everything)
        self._tell_rollover(log, arrived)
        # The last number under the old key; a frame of A's own business, if there was one, makes it one less.
        self._tell_traffic(sent, seen, log.flow(self._a.mac, 0).frames - 1)

    def _tell_rollover(self, log: WireLog, arrived: bool) -> None:
        a, b = self._a, self._b
        old, new = log.flow(a.mac, 0), log.flow(a.mac, 1)
        ans = [host.secy.status().encoding_an for host in (a, b)]
        left = sum(sa.an == An(0) for host in (a, b) for sa in host.secy.sas())
        ok = arrived and ans == [An(1), An(1)] and left == 0 and log.turns.get(a.mac.octets, 0) == 1
        ok = ok and old.frames > 0 and new.frames > 0 and new.first_pn == 1 and not old.not_rising + new.not_rising
        turns = log.turns.get(a.mac.octets, 0)
        self._story.check(
            "rollover",
            ok,
            f"On the cable: {old.frames} frames of A with AN 0, the last with packet number {old.last_pn}, then "
            f"{new.frames} with AN 1, the first with packet number {new.first_pn}. The AN changed {turns} time(s), and "
            f"{old.not_rising + new.not_rising} packet numbers did not rise. A and B now send with AN {ans[0]} and "
            f"{ans[1]}, and {left} old keys are left.",
        )

    def _tell_traffic(self, sent: dict[str, float], seen: dict[str, float], change: int) -> None:
        rate = sent["sent"] / sent["seconds"]
        self.traffic = {
            "sent": sent["sent"],
            "received": seen["messages"],
            "lost": sent["sent"] - seen["distinct"],
            "duplicated": seen["duplicated"],
            "reordered": seen["reordered"],
            "longest_gap_ms": seen["longest_gap_ms"],
            "gap_after_number": seen["last_before_gap"],
            "key_change_after_number": change,
            "sender_pause_ms": sent["longest_pause_ms"],
            "rate_per_s": round(rate),
        }
        words = ", ".join(f"{self.traffic[name]} {name}" for name in ("sent", "received", "lost"))
        words += f", {self.traffic['duplicated']} twice, {self.traffic['reordered']} out of order"
        ok = not any(self.traffic[name] for name in ("lost", "duplicated", "reordered")) and not seen["foreign"]
        self._story.check(
            "traffic-whole",
            ok and sent["sent"] > 0,
            f"As the receiver saw it: {words}. The longest time without a frame was {seen['longest_gap_ms']:.1f} ms, "
            f"after number {seen['last_before_gap']} (the key changed after about {change}); the sender itself paused "
            f"for up to {sent['longest_pause_ms']:.1f} ms.",
        )
        self._story.check(
            "traffic-rate",
            rate >= PROMISED_RATE,
            f"That was at {rate:.0f} frames a second; at least {PROMISED_RATE} are promised.",
        )

    def _everything(self) -> object:
        """What must stand still before it is read."""
        lan = self._lan
        flows = sum(flow.frames for flow in list(lan.wire.log.flows.values()))
        return [(host.secy.counters(), lan.counts(host)) for host in (self._a, self._b)], flows


def _opened(frame: bytes, key: Secret, sender: Host) -> bytes | None:
    try:
        return ProtectedFrame.read(frame).open(key, sender.sci)
    except FormatError:
        return None


def _is_ping(opened: bytes) -> bool:
    echo = read_echo(opened[14:]) if int.from_bytes(opened[12:14], "big") == ETHERTYPE_IPV4 else None
    return echo is not None and echo.kind == ICMP_ECHO_REQUEST


def _moved(before: Counters, after: Counters) -> dict[Verdict, int]:
    pairs = {v: after.packets(v) - before.packets(v) for v in Verdict if v.name.startswith("IN_")}
    return {verdict: n for verdict, n in pairs.items() if n}
