"""Why this exists: the interesting frames are those that somebody bends: replayed, reordered, cut, padded, sealed
with the wrong key, tagged with a lie. `World` makes them by the hundred, the same ones for the same seed.

A World holds the oracle and the C core, set up alike, some peers that send, and a random number generator that
hypothesis seeds. `moods` says what kinds of frames may occur, so that a failing run can be shrunk to the kinds that
matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pysec

from .parts import Config, ModelError, Outcome
from .secy import SecY
from .subject import NativeSecY, kind_of
from .wire import DESTINATION, Peer, new_sak

MAX_FRAME = 9216
LLDP = bytes.fromhex("0180c200000e")
MOODS = (
    "again", "old", "gap", "jump", "bit", "tci", "sl", "cut", "pad", "key", "form", "clear", "odd-ec", "an", "pn-zero",
    "untagged", "noise", "vlan", "sl-lie", "all-ones", "long", "stranger",
)  # fmt: skip
WINDOWS = (0, 0, 0, 1, 2, 3, 5, 31, 64, 100, 1000, 65536, 2**30 - 1, 2**30, 2**32 - 1)
JUMPS = (2**30 - 1, 2**30, 2**31 - 1, 2**31, 2**31 + 1, 2**32 - 1, 2**32)


def first_pns(suite: str) -> tuple[int, ...]:
    """Where packet numbers may begin: low, around the sign bit, before a wrap, before the end."""
    low = (1, 2, 5, 2**31 - 3, 2**31, 2**32 - 300, 2**32 - 4)
    return low if "XPN" not in suite else (*low, 2**32, 7 * 2**32 - 2, 2**63 - 1, 2**64 - 300, 2**64 - 4)


@dataclass
class Stream:
    """One SA of a peer: where its packet numbers stand, and what it sent."""

    peer: Peer
    next_pn: int
    sent: list[bytes] = field(default_factory=list)


class World:
    """The oracle and the core, side by side."""

    arena: pysec.FrameArena | None = None  # shared: it is large

    @classmethod
    def shared_arena(cls) -> pysec.FrameArena:
        """The one arena of all worlds."""
        if World.arena is None:
            World.arena = pysec.FrameArena(slots=256, slot_octets=MAX_FRAME + 96)
        return World.arena

    @classmethod
    def empty(cls, suite: str, config: Config) -> World:
        """Two SecYs without a key, for tests that do everything themselves."""
        return cls(0, suite, (), config=config)

    def __init__(self, seed: int, suite: str, moods: Iterable[str], *, config: Config | None = None) -> None:
        self.rng = Random(seed)
        self.suite = suite
        self.space = 2**64 if "XPN" in suite else 2**32
        self.moods = sorted(moods)
        self.keys = 0
        self.streams: list[Stream] = []
        self.own_kis: list[bytes] = []
        self.used_nonces: set[tuple[int, int]] = set()
        self.refuse_duplicates = self.rng.random() < 0.3  # for good: what is known of PNs begins with the option
        self.sci = 0x0200_0000_00B1_0001 if config else 0x0200_0000_00B1_0000 | self.rng.choice((1, 1, 1, 0, 7))
        bare, config = config is not None, config or self.random_config()
        self.oracle = SecY(self.sci, suite, config)
        usable = [info.name for info in pysec.gcm_implementations() if not info.why_not]
        self.core = NativeSecY(self.sci, suite, config, arena=World.shared_arena(), gcm=self.rng.choice(usable))
        if bare:
            return
        for i in range(self.rng.choice((0, 1, 1, 1, 2, 3, 5))):
            port = self.rng.choice((1, 1, 1, 0, 9))
            self.both("create_receive_sc", sci := 0x0200_0000_00A0_0000 + (i << 16) | port)
            for an in self.rng.sample(range(4), self.rng.choice((1, 1, 2, 4))):
                self.add_stream(sci, an, ssci=i + 2)
        for an in self.rng.sample(range(4), self.rng.choice((0, 1, 1, 1, 2))):
            self.add_transmit_sa(an)

    # ---- Set-up, on both sides alike -----------------------------------------------------------------------------

    def both(self, name: str, *args: Any, **kwargs: Any) -> bool:
        """Do the same on both sides; they must both do it or both refuse it for the same kind of reason."""
        refusals = []
        for side in (self.oracle, self.core):
            try:
                getattr(side, name)(*args, **kwargs)
                refusals.append("")
            except ModelError as error:
                refusals.append(str(error))
        expected = kind_of(refusals[0]) if refusals[0] else ""
        assert refusals[1] == expected, (
            f"{name}{args}{kwargs}: the oracle says {refusals[0]!r}, the core {refusals[1]!r}"
        )
        return not expected

    def fresh_key(self) -> tuple[bytes, Any]:
        """A SAK that was never used, installed."""
        offset = 0 if "XPN" in self.suite else self.rng.choice((0, 0, 30, 50))
        sak = new_sak(self.suite, self.keys, offset)
        self.keys += 1
        self.both("install_sak", sak.ki, sak.key, sak.salt, sak.offset)
        return sak.ki, sak

    def add_stream(self, sci: int, an: int, ssci: int) -> None:
        """A receive SA, and its sender."""
        ki, sak = self.fresh_key()
        first = self.rng.choice(first_pns(self.suite))
        self.both("create_receive_sa", sci, an, ki, first, ssci)
        if self.rng.random() < 0.9:
            self.both("enable_receive", sci, ki)
        self.streams.append(Stream(Peer(sci, self.suite, sak, an, ssci), first))

    def add_transmit_sa(self, an: int) -> None:
        """A transmit SA with a SAK of its own, mostly the encoding one from then on."""
        ki, _ = self.fresh_key()
        first = self.rng.choice(first_pns(self.suite))
        ceiling = min(first + self.rng.randrange(1, 200), self.space) if self.rng.random() < 0.2 else 0
        made = self.both(
            "create_transmit_sa", an, ki, first, ssci=1, confidentiality=self.rng.random() < 0.7, pn_ceiling=ceiling
        )
        if made:
            self.own_kis.append(ki)
            if self.rng.random() < 0.9:
                self.both("enable_transmit", ki)

    def random_config(self) -> Config:
        """Controls, some of them unusual."""
        rng, port = self.rng, self.sci & 0xFFFF
        window = rng.choice(WINDOWS[:12] if self.refuse_duplicates else WINDOWS)
        replay_protect = self.refuse_duplicates or rng.random() < 0.75
        return Config(
            validate_frames=rng.choices(("strict", "check", "disabled", "null"), (50, 30, 15, 5))[0],
            protect_frames=rng.random() < 0.9,
            replay_protect=replay_protect,
            replay_window=window,
            refuse_duplicates=self.refuse_duplicates,
            always_include_sci=rng.random() < 0.3,
            use_es=port < 2 and rng.random() < 0.4 and port == 1,
            use_scb=port == 0 and rng.random() < 0.6,
            vlan_tags_in_clear=rng.choice((0, 0, 0, 1, 2)),
            common_port_mtu=rng.choice((None, None, None, 60, 100, 1500)),
            controlled_port_enabled=rng.random() < 0.95,
            bypass_ethertypes=rng.choice(((0x888E,), (), (0x888E, 0x88F7))),
            bypass_addresses=rng.choice(((), (), (LLDP,))),
        )

    def change_something(self) -> None:
        """One step of management, on both sides."""
        rng = self.rng
        choice = rng.randrange(10)
        if choice == 0:
            config = self.random_config()
            self.both("reconfigure", **{name: getattr(config, name) for name in config.__dataclass_fields__})
        elif choice == 1:
            self.both("reconfigure", replay_window=rng.choice(WINDOWS))
        elif choice in (2, 3, 4, 5) and self.streams:
            self.change_stream(rng.choice(self.streams), choice)
        elif choice == 6 and self.own_kis:
            self.both("enable_transmit", rng.choice(self.own_kis), rng.random() < 0.8)
        elif choice == 7 and self.own_kis:
            ki = rng.choice(self.own_kis)
            sa = next((sa for sa in self.oracle.transmit_sas.values() if sa.sak.ki == ki), None)
            near = sa.next_pn if sa else 1
            self.both("set_pn_ceiling", ki, min(self.space, max(1, near + rng.randrange(-3, 100))))
        elif choice == 8:
            self.add_transmit_sa(rng.randrange(4))
        elif choice == 9 and self.own_kis and rng.random() < 0.5:
            self.both("retire", rng.choice(self.own_kis))

    def change_stream(self, stream: Stream, choice: int) -> None:
        """Something happens to a receive SA."""
        peer, rng = stream.peer, self.rng
        if choice == 2:
            self.both("enable_receive", peer.sci, peer.sak.ki, rng.random() < 0.7)
        elif choice == 3:
            pn = min(self.space - 1, max(1, stream.next_pn + rng.randrange(-5, 5)))
            self.both("update_lowest_pn", peer.sci, peer.sak.ki, pn)
        elif choice == 4 and peer.sci in self.oracle.receive_scs:
            self.add_stream(peer.sci, rng.randrange(4), peer.ssci)
        elif choice == 5 and rng.random() < 0.4:
            if rng.random() < 0.5:
                self.both("retire", peer.sak.ki)
            else:
                self.both("delete_receive_sc", peer.sci)
                self.both("create_receive_sc", peer.sci)

    # ---- Frames ------------------------------------------------------------------------------------------------------

    def data(self) -> bytes:
        """User Data of some length, mostly a short one."""
        rng = self.rng
        top = rng.choices((64, 200, 1600, MAX_FRAME - 12), (60, 30, 9, 1 if "long" in self.moods else 0))[0]
        return b"\x08\x00" + rng.randbytes(rng.randrange(2, top + 1) - 2) if rng.random() < 0.97 else rng.randbytes(1)

    def choose_pn(self, stream: Stream, mood: str) -> int:
        """The PN that the sender gives its next frame."""
        rng, last = self.rng, self.space - 1
        pn = stream.next_pn
        if mood == "gap":
            pn += rng.randrange(1, rng.choice((3, 50, 100_000)))
        elif mood == "jump":
            pn += rng.choice(JUMPS)
        elif mood == "old":
            pn -= rng.randrange(1, rng.choice((4, 70, 2000)))
        pn = min(max(pn, 1), last)
        if mood == "jump" and rng.random() < 0.7:
            return pn  # and the sender forgets it
        stream.next_pn = max(stream.next_pn, min(pn + 1, last))
        return pn

    def frame(self) -> tuple[bytes, bytes]:
        """A frame from the wire, and the text that its ICV hides (b"" if none does)."""
        rng = self.rng
        mood = rng.choice((*self.moods, "next", "next", "next")) if rng.random() < 0.6 else "next"
        if mood == "noise" or not self.streams:
            return self.noise(), b""
        if mood == "untagged":
            return self.plain(), b""
        stream = rng.choice(self.streams)
        peer = stream.peer
        if mood == "again" and stream.sent:
            return rng.choice(stream.sent[-300:]), b""

        data = self.data()
        options: dict[str, Any] = {"e": rng.random() < 0.7, "form": self.honest_form(peer)}
        pn = self.choose_pn(stream, mood)
        sender = peer
        if mood == "form":
            options["form"] = rng.choice(("sci", "es", "scb", "es+scb", "none"))
        elif mood == "clear":
            options["e"] = False
        elif mood == "odd-ec":
            options |= {"e": (e := rng.random() < 0.5), "c": not e}
        elif mood == "an":
            options["an"] = rng.randrange(4)
        elif mood == "pn-zero":
            options["pn_field"] = 0
        elif mood == "all-ones":
            options |= {"form": "sci", "tagged_sci": 2**64 - 1 - rng.randrange(2)}
        elif mood == "sl-lie":
            options["sl"] = rng.choice((len(data) & 63, rng.randrange(64), rng.randrange(256)))
        elif mood == "stranger":
            options |= rng.choice(({"source": rng.randbytes(6)}, {"tagged_sci": peer.sci + 1, "form": "sci"}))
        elif mood == "key":
            sak = new_sak(self.suite, 1000 + rng.randrange(3), peer.sak.offset)
            sender = Peer(peer.sci, self.suite, sak, peer.an, peer.ssci)
        if rng.random() < 0.1:
            options["destination"] = LLDP
        tags = (
            rng.choice((0, 1, 2, 3)) if mood == "vlan" else min(rng.randrange(3), self.oracle.config.vlan_tags_in_clear)
        )
        options["vlan"] = b"".join(rng.choice((b"\x81\x00", b"\x88\xa8")) + rng.randbytes(2) for _ in range(tags))
        frame = sender.frame(pn, data, **options)
        stream.sent.append(frame)
        return self.bend(frame, mood), data[peer.sak.offset :] if options["e"] else b""

    def honest_form(self, peer: Peer) -> str:
        """A way to name the SCI that does name it."""
        port = peer.sci & 0xFFFF
        forms = ["sci", "sci"] + ["es"] * (port == 1) + ["scb", "es+scb"] * (port == 0)
        return self.rng.choice(forms + ["none"] * (len(self.oracle.receive_scs) == 1))

    def bend(self, frame: bytes, mood: str) -> bytes:
        """What happens to a frame on the way."""
        rng = self.rng
        octets = bytearray(frame)
        if mood == "bit":
            octets[rng.randrange(min(len(octets), rng.choice((40, 10_000))))] ^= 1 << rng.randrange(8)
        elif mood == "tci":
            octets[14] = rng.randrange(256)
        elif mood == "sl":
            octets[15] = rng.randrange(256)
        elif mood == "cut":
            octets = octets[: rng.choice((rng.randrange(len(octets) + 1), len(octets) - 1, 12 + 17, 12 + 16, 14, 13))]
        elif mood == "pad":
            octets += bytes(rng.randrange(1, 60))
        return bytes(octets[:MAX_FRAME])

    def noise(self) -> bytes:
        """Octets, perhaps with a MACsec EtherType among them."""
        rng = self.rng
        octets = rng.randbytes(rng.choice((rng.randrange(14), rng.randrange(14, 40), rng.randrange(14, 300))))
        if rng.random() < 0.7 and len(octets) >= 14:
            octets = octets[:12] + b"\x88\xe5" + octets[14:]
            if rng.random() < 0.5 and len(octets) >= 16:
                octets = octets[:14] + bytes([rng.choice((0x2C, 0x4C, 0x0C, 0x20, 0x40, 0)), 0]) + octets[16:]
        return octets

    def plain(self) -> bytes:
        """A frame without a SecTAG: also what is to be protected."""
        rng = self.rng
        own = self.sci.to_bytes(8, "big")[:6]
        source = own if rng.random() < 0.7 else rng.randbytes(6)
        destination = rng.choice((DESTINATION, DESTINATION, LLDP, bytes.fromhex("0180c2000003")))
        tags = rng.choice((0, 0, 0, 1, 2, 3))
        vlan = b"".join(rng.choice((b"\x81\x00", b"\x88\xa8")) + rng.randbytes(2) for _ in range(tags))
        ethertype = rng.choice(
            (b"\x08\x00", b"\x08\x00", b"\x88\x8e", b"\x88\xf7", b"\x88\xe5", b"\x81\x00", b"\x00\x2e")
        )
        frame = destination + source + vlan + ethertype + self.data()[2:]
        if rng.random() < 0.05:
            frame = frame[: rng.randrange(20)]
        return frame[:MAX_FRAME]

    # ---- Bursts ------------------------------------------------------------------------------------------------------

    def validate(self, number: int) -> list[Outcome]:
        """A burst from the wire."""
        made = [self.frame() for _ in range(number)]
        got = self.validate_these([frame for frame, _ in made])
        for i, ((_, text), outcome) in enumerate(zip(made, got, strict=True)):
            if outcome.frame is None and len(text) >= 32:
                row = self.core.arena.frames[i]
                slot = self.core.arena.memory[int(row["slot"]) : int(row["slot"]) + int(row["slot_len"])].tobytes()
                for at in (0, len(text) // 2, len(text) - 16):
                    assert text[at : at + 16] not in slot, f"frame {i}: refused plain text is still in the arena"
        return got

    def protect(self, number: int) -> list[Outcome]:
        """A burst to the wire."""
        return self.protect_these([self.plain() for _ in range(number)])

    def validate_these(self, frames: list[bytes]) -> list[Outcome]:
        """These frames from the wire."""
        return self.compare(frames, self.oracle.validate, self.core.validate_burst)

    def protect_these(self, frames: list[bytes]) -> list[Outcome]:
        """These frames to the wire. No SAK may use a packet number twice, whatever the oracle thinks of it."""
        got = self.compare(frames, self.oracle.protect, self.core.protect_burst)
        for outcome in got:
            if outcome.pn:
                key = self.oracle.transmit_sas[outcome.an].sak.key
                nonce = (int.from_bytes(key, "big"), outcome.pn)
                assert nonce not in self.used_nonces, "a packet number was used twice with a SAK"
                self.used_nonces.add(nonce)
        return got

    def compare(
        self,
        frames: list[bytes],
        one: Callable[[bytes], Outcome],
        burst: Callable[[list[bytes]], list[Outcome]],
    ) -> list[Outcome]:
        """The same frames, one by one and at once; then everything else that can be seen from outside."""
        expected = [one(frame) for frame in frames]
        got = burst(frames)
        for i, (want, have) in enumerate(zip(expected, got, strict=True)):
            assert have == want, self.difference(i, frames, want, have)
        self.compare_state()
        return got

    @staticmethod
    def difference(index: int, frames: list[bytes], want: Outcome, have: Outcome) -> str:
        """What to print when the two sides disagree: the frame, and the fields that differ."""
        fields = [
            f"{name}: oracle {w!r}, core {h!r}" for name, w, h in zip(want._fields, want, have, strict=True) if w != h
        ]
        head = frames[index][:64].hex() + ("..." if len(frames[index]) > 64 else "")
        return f"frame {index} of {len(frames)}, {len(frames[index])} octets {head}: " + "; ".join(fields)

    def compare_state(self) -> None:
        """Counters, packet numbers, status (802.1AE-2018 10.7)."""
        oracle, core = self.oracle, self.core
        self.same("packets", oracle.packets, core.packets)
        self.same("reasons", oracle.reasons, core.reasons)
        self.same("octets", oracle.octets, core.octets)
        for sci in (oracle.sci, *oracle.receive_scs):
            self.same(f"packets of SC {sci:016x}", oracle.sc_packets(sci), core.sc_packets(sci))
        self.same("state of SAs", oracle.sa_states(), core.sa_states())
        self.same("including SCI", {"": int(oracle.including_sci)}, {"": int(core.including_sci)})

    @staticmethod
    def same(what: str, want: Mapping[Any, Any], have: Mapping[Any, Any]) -> None:
        """Two tables must agree; a row that is not there counts as zero."""
        rows = [f"{key}: oracle {want.get(key)}, core {have.get(key)}" for key in {**want, **have}
                if (want.get(key) or 0) != (have.get(key) or 0)]  # fmt: skip
        assert not rows, f"{what}: " + "; ".join(rows)
