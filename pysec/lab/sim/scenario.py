"""Why this exists: a seed must say everything, so that one number on a command line repeats a whole history.

`Scenario.draw` makes out of a seed who takes part with which settings, how bad the LAN is, what is injected when
during the chaos, and what is done in the calm after it. Pure: the same seed and number of members, the same scenario.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Final

from pysec.lab.sim.lan import LinkQuality
from pysec.mka.config import KayConfig
from pysec.pae import PaeConfig
from pysec.types import CipherSuite, MacAddress, Sci

MAX_MEMBERS: Final = 12
# How many take part, with how often. What it costs rises with the square; what goes wrong, goes wrong among three.
_SIZES: Final = ((2, 520), (3, 350), (4, 80), (5, 20), (6, 10), (7, 5), (8, 5), (10, 5), (12, 5))
_SUITES: Final = tuple((suite,) for suite in CipherSuite)
_MIXED: Final = (CipherSuite.GCM_AES_XPN_256, CipherSuite.GCM_AES_128)

# What can be injected during the chaos, with how often it is chosen. `faults` has a function for each.
CHAOS: Final[dict[str, int]] = {
    "partition": 4,
    "one-way cut": 4,
    "reboot": 4,
    "kill at a driver call": 5,
    "kill in a rekey": 4,
    "key server dies": 2,
    "pause": 3,
    "port down": 2,
    "join": 3,
    "two join within 6 s": 2,
    "clock leaps": 3,
    "clock goes back": 1,
    "driver refuses": 4,
    "driver refuses one call for a while": 2,
    "driver lies": 2,
    "one asks for a SAK": 3,
    "all ask for a SAK": 3,
    "old MKPDUs replayed": 5,
    "own MKPDUs come back": 2,
    "MKPDUs forged": 4,
    "packet numbers burnt": 3,
}

# What is done in the calm. `calm` has a function for each; none may cost a frame between those who stay.
CALM: Final[dict[str, int]] = {
    "all ask for a SAK": 4,
    "key server asks for a SAK": 2,
    "packet numbers run out": 3,
    "join": 3,
    "two join within 6 s": 4,
    "leave": 3,
    "key server leaves": 2,
    "reboot": 4,
    "kill in a rekey": 4,
    "old MKPDUs replayed": 4,
    "own MKPDUs come back": 2,
    "MKPDUs forged": 4,
}


@dataclass(frozen=True, slots=True)
class Station:
    """Who takes part, with what settings."""

    sci: Sci
    config: PaeConfig


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault, and the second in which it comes."""

    at: float
    what: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """All that a seed says."""

    seed: int
    cak_octets: int
    stations: tuple[Station, ...]
    """Those after the first `members` join later."""
    members: int
    quality: LinkQuality
    chaos_s: float
    faults: tuple[Planned, ...]
    calm: tuple[str, ...]
    is_uniform: bool
    """Whether all members have the same suites: a change of suite closes the port (802.1X-2020 12.4)."""
    rekeys_by_itself: bool

    @classmethod
    def draw(cls, seed: int, members: int | None = None) -> Scenario:
        """The scenario of a seed. members: how many, instead of what the seed says."""
        rng = random.Random(f"scenario/{seed}")  # noqa: S311 - a run is to be repeated
        count = rng.choices([n for n, _ in _SIZES], [weight for _, weight in _SIZES])[0]
        count = count if members is None else members
        is_uniform = rng.random() < 0.85
        rekeys = rng.random() < 0.1
        stations = _stations(rng, min(count + 4, MAX_MEMBERS + 4), is_uniform, 15.0 if rekeys else None)
        chaos_s = rng.uniform(6, 20)
        chosen = rng.choices(list(CHAOS), list(CHAOS.values()), k=rng.randint(1, 7))
        faults = sorted((Planned(rng.uniform(0, chaos_s), what) for what in chosen), key=lambda planned: planned.at)
        calm = rng.choices(list(CALM), list(CALM.values()), k=2)
        return cls(
            seed,
            rng.choice((16, 32)),
            stations,
            count,
            _quality(rng),
            chaos_s,
            tuple(faults),
            tuple(calm),
            is_uniform,
            rekeys,
        )


def _quality(rng: random.Random) -> LinkQuality:
    if rng.random() < 0.06:  # by satellite: an MN that comes back is several behind
        return LinkQuality(rng.choice((0.6, 1.3, 2.2)))
    quality = LinkQuality(rng.choice((0.0001, 0.001, 0.005, 0.03, 0.2)))
    if rng.random() < 0.5:
        quality.loss = rng.choice((0.02, 0.1, 0.3, 0.5))
    if rng.random() < 0.4:
        quality.duplication = rng.choice((0.05, 0.3))
    if rng.random() < 0.4:
        quality.jitter_s = rng.choice((0.01, 0.3, 2.5))
    return quality


def _scis(rng: random.Random, count: int) -> list[Sci]:
    """SCIs in no order; now and then two differ in the port only."""
    scis: list[Sci] = []
    for number in rng.sample(range(1, 200), count):
        mac = MacAddress(bytes.fromhex("525400000a") + bytes([number]))
        if scis and rng.random() < 0.25:
            scis.append(Sci.of(scis[-1].mac, scis[-1].port + 1))
        else:
            scis.append(Sci.of(mac, rng.choice((1, 1, 2))))
    return scis


def _stations(rng: random.Random, count: int, is_uniform: bool, rekey_s: float | None) -> tuple[Station, ...]:
    suites = rng.choice(_SUITES)
    version = 3 if rng.random() < 0.85 else rng.choice((1, 2))
    base = KayConfig(
        cipher_suites=suites,
        delay_protect=rng.random() < 0.15,
        rekey_on_peer_loss=rng.random() < 0.3,
        rekey_period_s=rekey_s,
    )
    stations = []
    same = rng.random() < 0.4
    for index, sci in enumerate(_scis(rng, count)):
        priority = 16 if same or index == 0 else rng.choice((0, 16, 16, 100, 255))
        kay = replace(base, key_server_priority=priority, mka_version=version if rng.random() < 0.5 else 3)
        if not is_uniform:
            kay = replace(kay, cipher_suites=_MIXED if rng.random() < 0.6 else _MIXED[1:])
        stations.append(Station(sci, PaeConfig(kay=kay)))
    return tuple(stations)
