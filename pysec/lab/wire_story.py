"""Why this exists: the chapters of `pysec lab wire`, each told and checked as it happens.

What a chapter claims is measured at the hosts, on the cable, or in the counters of the SecYs.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from dataclasses import dataclass
from typing import Final

from pysec.dataplane import Counters, Verdict
from pysec.errors import DriverError, FormatError
from pysec.lab import WIRE_RATE, WIRE_SECONDS
from pysec.lab.accounts import Accounts
from pysec.lab.agreement import Agreement, Member
from pysec.lab.hosts import Host, Lan, settled
from pysec.lab.packets import ETHERTYPE_IPV4, ICMP_ECHO_REQUEST, ProtectedFrame, read_echo
from pysec.lab.report import Story
from pysec.lab.traffic import Pace, SenderPlant, start_receiver, start_sender
from pysec.lab.wiretap import WireLog, WirePlant
from pysec.mka.kay import KayConfig
from pysec.pae import PaeConfig
from pysec.protocols import Controls
from pysec.secret import Secret
from pysec.types import An, CipherSuite, ConfidentialityOffset, Ki

PINGS: Final = 3
TEXT: Final = b"pysec lab wire: can you read me on the cable? This is ping %d."
PROMISED_RATE: Final = 10_000
MESSAGE_OCTETS: Final = 200
ROLL_WAIT_S: Final = 5.0
SECURE_WAIT_S: Final = 10.0
SUITE: Final = CipherSuite.GCM_AES_128
# The standard's 3 s are for networks in which frames overtake each other; on this cable none does.
RETIRE_S: Final = 0.3
MOST_ROLLS: Final = 3  # as many as there are further ANs


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
    keep_old_key: B's data plane keeps the old keys and says that it has not. wrong_key: B has another CAK.
    late_receiver: B's data plane takes a new key into use only when the old one is gone.
    """

    wire: WirePlant | None = None
    sender: SenderPlant | None = None
    in_clear: bool = False
    untampered: bool = False
    accept_replay: bool = False
    keep_old_key: bool = False
    wrong_key: bool = False
    late_receiver: bool = False


class WireStory:
    """The story itself, chapter by chapter."""

    def __init__(self, lan: Lan, story: Story, options: WireOptions, plant: Plant, stack: contextlib.ExitStack) -> None:
        self._lan = lan
        self._story = story
        self._options = options
        self._plant = plant
        self._stack = stack
        self._a, self._b = lan.a, lan.b
        self._agreement = self._prepare()
        self._ping: bytes | None = None  # the frame on the cable that was a ping
        self._logs: list[WireLog] = []
        self.traffic: dict[str, float] = {}

    def tell(self) -> None:
        """All of it; without keys, only that there are none."""
        if not self._agree():
            return
        self._first_pings()
        self._look_at_the_cable()
        if self._ping is not None:
            self._attack(self._ping)
        self._change_keys_under_traffic()
        self._last_pings()
        self._agreement.pause()
        settled(self._everything)
        self._logs.append(self._lan.wire.log)
        Accounts(self._lan, self._logs, self.traffic).tell(self._story)

    # ---- key agreement

    def _prepare(self) -> Agreement:
        """Both hosts with one pre-shared key, A to be key server; a fault planted in either where it is asked for."""
        plant = self._plant
        offset = ConfidentialityOffset.INTEGRITY_ONLY if plant.in_clear else ConfidentialityOffset.ZERO
        keys = {"A": Secret(secrets.token_bytes(16))}
        keys["B"] = Secret(secrets.token_bytes(16)) if plant.wrong_key else keys["A"]
        members = []
        for priority, host in enumerate((self._a, self._b), 1):
            kay = KayConfig(
                key_server_priority=priority,
                cipher_suites=(SUITE,),
                confidentiality_offset=offset,
                sak_retire_time_s=RETIRE_S,
            )
            controls = Controls(cipher_suite=SUITE, replay_protect=not (plant.accept_replay and host is self._b))
            config = PaeConfig(kay=kay, secured=controls)
            members.append(Member(host.name, host.sci, host.driver, host.link, config, keys[host.name]))
        agreement = Agreement(members)
        self._stack.callback(agreement.close)
        self._plant_in_b()
        return agreement

    def _plant_in_b(self) -> None:
        driver = self._b.driver
        if self._plant.keep_old_key:
            driver.retire = lambda ki: None  # type: ignore[method-assign]  # the planted fault
        if self._plant.late_receiver:
            enable = driver.enable_receive

            def enable_late(ki: Ki) -> None:
                if not any(sa.transmit for sa in driver.secy.sas()):
                    enable(ki)

            driver.enable_receive = enable_late  # type: ignore[method-assign]  # the planted fault

    def _agree(self) -> bool:
        """Chapter one. Whether there is a key."""
        story, agreement = self._story, self._agreement
        story.heading("1  Key agreement (MKA, IEEE 802.1X)")
        hosts = (self._a, self._b)
        before = [host.secy.status().mac_operational for host in hosts]
        began = agreement.start()
        done = agreement.wait(agreement.settled_on_one_key, SECURE_WAIT_S)
        states = {host.name: agreement.status(host.name) for host in hosts}
        if not done:
            why = "; ".join(f"{name} is {state.in_words()}" for name, state in states.items())
            return story.check("mka-secured", False, f"No key after {SECURE_WAIT_S:g} s: {why}.")
        at = [event.at for host in hosts for event in agreement.events(host.name) if event.name == "secured"]
        state, sent = states["A"], sum(self._lan.wire.log.mkpdus.values())
        ok = not any(before) and state.ki == states["B"].ki and state.is_key_server and not states["B"].is_key_server
        story.check(
            "mka-secured",
            ok,
            f"Both have the same pre-shared key and no other. {(max(at) - began) * 1000:.0f} ms after the cable was "
            f"plugged in, and {sent} MKPDUs, both ports are open and secured; before that neither was. A is key "
            f"server, by its priority. {SUITE}, key {state.ki.mka_text if state.ki else '-'}, AN {state.an}.",
        )
        return ok

    def _roll(self) -> bool:
        """The key server asks for a new SAK; whether both use it, and no other, in the end.

        The order that keeps every frame is MKA's: all receive with the new SAK before anybody sends with it, and the
        old one stays for reception until frames on their way have arrived.
        """
        agreement = self._agreement
        old = agreement.status("A").ki
        agreement.request_sak("A", "the story wants another")
        return agreement.wait(lambda: agreement.settled_on_one_key(not_on=old), ROLL_WAIT_S)

    # ---- chapters

    def _first_pings(self) -> None:
        self._story.heading("2  Ping")
        self._lan.wire.log.keep = 64
        times = [self._lan.ping(self._a, number, TEXT % number) for number in range(1, PINGS + 1)]
        self._tell_pings("ping", "A pings B through the protected link", times)
        settled(self._everything)
        self._lan.wire.log.keep = 0

    def _last_pings(self) -> None:
        self._story.heading("6  Ping again, under the new keys")
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
        story, log = self._story, self._lan.wire.log
        key = self._agreement.sak(self._agreement.status("A").ki)
        story.heading("3  What the cable carries")
        frames = [frame for frame in log.kept if frame[6:12] == self._a.mac.octets]
        found = [(frame, opened) for frame in frames if key and (opened := _opened(frame, key, self._a)) is not None]
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
        detail = f"With the key that was agreed, {len(seen & wanted)} of {PINGS} pings open, by another library"
        if pings:
            echo = read_echo(pings[-1][1][14:])
            detail += f"; the last says: {echo.text.decode() if echo else ''!r}"
        story.check("wire-opens-with-key", seen == wanted, detail)

    def _attack(self, ping: bytes) -> None:
        story = self._story
        story.heading("4  Forged frames on the cable")
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
        while not _moved(in_before, b.secy.counters()) and time.monotonic() < end:
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
        story.heading("5  New keys while frames flow")
        story.say(
            f"A sends numbered frames for {options.seconds:g} s. Meanwhile A, as key server, makes new keys, up to "
            f"{MOST_ROLLS} one after the other; with each the association number (AN) goes up, and the old key is "
            "retired."
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
        begin = time.monotonic()
        while not log.flow(self._a.mac, 0).frames and time.monotonic() < begin + ROLL_WAIT_S:
            time.sleep(0.001)
        begin = time.monotonic()
        time.sleep(options.seconds * 0.3)
        rolls, arrived = 0, True
        while arrived and rolls < MOST_ROLLS and (not rolls or time.monotonic() < begin + options.seconds * 0.7):
            arrived = self._roll()
            rolls += 1
        sent = sender.result()
        receiver.tell()
        seen = receiver.result()
        if not sent or not seen:
            raise DriverError("the numbered traffic ended before it was told to")
        settled(self._everything)
        self._tell_rollover(log, arrived, rolls)
        # The last number under the old key; a frame of A's own business, if there was one, makes it one less.
        self._tell_traffic(sent, seen, log.flow(self._a.mac, 0).frames - 1)

    def _tell_rollover(self, log: WireLog, arrived: bool, rolls: int) -> None:
        a, b = self._a, self._b
        flows = [log.flow(a.mac, an) for an in range(rolls + 1)]
        ans = [host.secy.status().encoding_an for host in (a, b)]
        left = len({sa.ki for host in (a, b) for sa in host.secy.sas()}) - 1
        turns, not_rising = log.turns.get(a.mac.octets, 0), sum(flow.not_rising for flow in flows)
        ok = arrived and ans == [An(rolls)] * 2 and left == 0 and turns == rolls and not not_rising
        ok = ok and all(flow.frames > 0 for flow in flows) and all(flow.first_pn == 1 for flow in flows[1:])
        by_an = ", ".join(f"{flow.frames} with AN {an}" for an, flow in enumerate(flows))
        self._story.check(
            "rollover",
            ok,
            f"On the cable, frames of A: {by_an}; the AN changed {turns} time(s) for {rolls} new key(s), each time the "
            f"packet numbers began again at 1, and {not_rising} did not rise. A and B now send with AN {ans[0]} and "
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
    """What has been counted in beside MKPDUs."""
    counted = (v for v in Verdict if v.name.startswith("IN_") and v != Verdict.IN_BYPASS)
    pairs = {v: after.packets(v) - before.packets(v) for v in counted}
    return {verdict: n for verdict, n in pairs.items() if n}
