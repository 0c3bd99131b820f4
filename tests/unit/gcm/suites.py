"""Why this exists: which bursts every implementation must get right, for SP 800-38D 7.1 and SP 800-38D 7.2.

Each suite is a function that writes cases (cases.py); gcm_cases.c seals, opens and spoils them, wherever it runs. The
lengths are MACsec's first of all: AAD of 20 or 28 octets, with an offset of 30 or 50 behind that, or the whole frame
(integrity only); then whatever an implementation could make a difference of: part blocks, the ends of its lanes and
strides, its groups of messages of one size, the way back from a group to single ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

from tests.unit.gcm.cases import ALL_JOINED, APART, LAYOUTS, TAG_JOINED, Cases, Layout, Place, Spoil

MOST = 9300  # octets of data, and of AAD: a jumbo frame and some
MACSEC_AADS = (20, 28, 50, 58, 70, 78)
KEY_LENS = (16, 32)
# Where an implementation may go another way, and the lengths around it.
EDGES = (16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 4096, 4080, 8192, 9000)
NEAR_EDGES = sorted({n + d for n in EDGES for d in (-17, -16, -15, -1, 0, 1, 15, 16, 17) if n + d >= 0})

Lengths = list[tuple[int, int]]


def parts(lengths: Lengths, size: int) -> Iterator[Lengths]:
    return (lengths[at : at + size] for at in range(0, len(lengths), size))


def data_lengths(cases: Cases) -> None:
    """Every length of data to MOST, with MACsec's AADs: for one key size in order, for the other shuffled."""
    for key_len in KEY_LENS:
        lengths = [(MACSEC_AADS[n % 6] if n % 8 else n % 97, n) for n in range(MOST + 1)]
        if key_len == 32:
            cases.dice.shuffle(lengths)
        cases.key(key_len)
        for part in parts(lengths, 31):
            cases.burst(part)


def aad_lengths(cases: Cases) -> None:
    """Every length of AAD to MOST: integrity only, or with some data behind it."""
    for key_len in KEY_LENS:
        lengths = [(n, 0 if (n + key_len // 16) % 2 else n % 83) for n in range(MOST + 1)]
        if key_len == 16:
            cases.dice.shuffle(lengths)
        cases.key(key_len)
        for part in parts(lengths, 31):
            cases.burst(part)


def _profiles(cases: Cases) -> tuple[Callable[[int], Lengths], ...]:
    """Ways to fill a burst of a size."""
    dice = cases.dice
    choice, randrange = dice.choice, dice.randrange

    def small(num: int) -> Lengths:
        aad = choice(MACSEC_AADS)
        return [(aad, randrange(46, 131)) for _ in range(num)]

    def equal(num: int) -> Lengths:
        return [(choice(MACSEC_AADS), randrange(1, 400))] * num

    def runs(num: int) -> Lengths:
        found: Lengths = []
        while len(found) < num:
            found += [(choice((20, 28)), randrange(46, 131))] * randrange(1, 12)
        return found[:num]

    def imix(num: int) -> Lengths:
        return [(choice((20, 28)), choice((50,) * 7 + (576,) * 4 + (1500,))) for _ in range(num)]

    def big_among_small(num: int) -> Lengths:
        return [(28, choice((48, 48, 64, 1500))) for _ in range(num)]

    def integrity_only(num: int) -> Lengths:
        return [(choice((60, 78, 128, 142, randrange(1600))), 0) for _ in range(num)]

    def anything(num: int) -> Lengths:
        return [(randrange(130), choice((0, randrange(20), randrange(300), randrange(1600)))) for _ in range(num)]

    def edges(num: int) -> Lengths:
        short = [n for n in NEAR_EDGES if n < 600]
        return [(choice((20, 28, choice(short))), choice(short)) for _ in range(num)]

    def jumbo(num: int) -> Lengths:
        return [(choice((20, 28)), choice((choice(NEAR_EDGES), 2049, 4097, 8988, 64))) for _ in range(min(num, 24))]

    def mixed_modes(num: int) -> Lengths:
        return [choice(((20, 46), (28, 114), (58, 70), (78, 200), (142, 0), (1514, 0), (0, 0))) for _ in range(num)]

    return small, equal, runs, imix, big_among_small, integrity_only, anything, edges, jumbo, mixed_modes


def random_bursts(cases: Cases, rounds: int = 6) -> None:
    """Bursts of 1 to 256 of each profile in each layout, some messages spoilt."""
    dice = cases.dice
    profiles = _profiles(cases)
    for turn in range(rounds):
        cases.key(KEY_LENS[turn % 2])
        for layout in LAYOUTS:
            for profile in profiles:
                num = dice.choice((1, 2, 3, dice.randrange(1, 18), dice.randrange(1, 65), dice.randrange(1, 257)))
                lengths = profile(num)
                every = dice.choice((1, 2, 5, 30))
                cases.burst(lengths, layout, [0 if dice.randrange(every) else spoil_any(cases, m) for m in lengths])


def spoil_any(cases: Cases, lengths: tuple[int, int]) -> int:
    """One bit of one of the four inputs, wherever there is one."""
    aad_len, data_len = lengths
    which = cases.dice.choice([Spoil.TAG, Spoil.IV, *[Spoil.AAD] * (aad_len > 0), *[Spoil.DATA] * (data_len > 0)])
    bits = {Spoil.TAG: 128, Spoil.IV: 96, Spoil.AAD: 8 * aad_len, Spoil.DATA: 8 * data_len}[which]
    return which.bit(cases.dice.randrange(bits))


def burst_sizes(cases: Cases) -> None:
    """Every size of a burst from 1 to 256, of one length and of mixed ones; and one of 1000."""
    lens = (48, 114, 60, 46, 242, 16, 130)
    for size in range(1, 257):
        if size % 32 == 1:
            cases.key(KEY_LENS[size // 32 % 2])
        cases.burst([(28 if size % 3 else 20, lens[size % 7])] * size)
        cases.burst(
            [cases.dice.choice(((20, 48), (28, 48), (28, 114), (20, 0), (78, 0), (28, 300))) for _ in range(size)]
        )
    cases.burst([(20, n % 150) for n in range(1000)])


def equal_runs(cases: Cases) -> None:
    """Runs of 1 to 17 messages of one length, for every length of data from 0 to 150, in both kinds of MACsec's AAD;
    between a message that is alone on either side."""
    for data_len in range(151):
        if data_len % 50 == 0:
            cases.key(KEY_LENS[data_len // 50 % 2])
        aad = (20, 28, 58, 78)[data_len % 4]
        burst: Lengths = []
        for num in (1, 2, 3, 4, 5, 8, 9, 17):
            burst += [(aad, data_len)] * num + [(aad, data_len + 16)]
        cases.burst(burst)


def size_classes(cases: Cases) -> None:
    """Every subset of ten classes of size in one burst, each member one to five times, in mixed order."""
    classes = ((20, 7), (28, 48), (20, 64), (28, 114), (20, 128), (28, 242), (28, 498), (78, 60), (142, 0), (28, 1500))
    for subset in range(1, 1 << len(classes)):
        if subset % 128 == 1:
            cases.key(KEY_LENS[subset // 128 % 2])
        members = [c for i, c in enumerate(classes) if subset >> i & 1]
        burst = [m for m in members for _ in range(cases.dice.randrange(1, 6))]
        cases.dice.shuffle(burst)
        cases.burst(burst)


def alignments(cases: Cases) -> None:
    """AAD, data and tag at each of the 64 offsets from a boundary, alone and together, joined and not."""
    lengths = [(a, d) for a in (0, 3, 20, 28, 78) for d in (0, 1, 13, 16, 48, 65, 114, 129, 257, 600)]
    cases.key(16)
    for skew in range(64):
        if skew == 32:
            cases.key(32)
        other = (skew * 37 + 11) % 64
        some = lengths[skew % 2 :: 2]
        cases.burst(some, Layout(Place.MARGINS, ALL_JOINED, (skew, 0, 0)))
        cases.burst(some, Layout(Place.MARGINS, APART, (skew, other, (skew + other) % 64)))
        cases.burst(some, Layout(Place.MARGINS, TAG_JOINED, (other, skew, 0), skew % 7))
        cases.burst([(28, 1000 + skew), (20, 4100), (300 + skew, 0)], Layout(Place.MARGINS, APART, (other, skew, skew)))


def guards(cases: Cases) -> None:
    """Every piece against a page that may not be touched, at its end and at its start: all lengths to 300 of data and
    of AAD alone, in bursts of one, of a few and of many; and those near the edges."""
    for place in (Place.AT_END, Place.AT_START):
        for key_len in KEY_LENS:
            cases.key(key_len)
            for joined in range(4):
                layout = Layout(place, joined)
                lengths: Lengths = [(MACSEC_AADS[(n + joined) % 6], n) for n in range(300)]
                lengths += [(n, (0, 5, 48)[(n + joined) % 3]) for n in range(300)]
                lengths += [(28, n) for n in NEAR_EDGES[joined::4]] + [(n, 0) for n in NEAR_EDGES[joined::4]]
                size = (1, 2, 5, 37)[(joined + key_len // 16) % 4]
                for part in parts(lengths, size):
                    cases.burst(part, layout, [spoil_any(cases, m) for m in part])


def tag_bits(cases: Cases) -> None:
    """Each of the 128 bits of the tag, of messages of several kinds, in bursts and alone."""
    every = [Spoil.TAG.bit(bit) for bit in range(128)]
    for key_len in KEY_LENS:
        cases.key(key_len)
        for message in ((20, 48), (28, 0), (0, 1), (28, 114), (12, 300), (28, 1500), (142, 0), (0, 0)):
            cases.burst([message] * 128, None, every, alike=True)
        for spoil in every:
            cases.burst([(28, 48)], None, [spoil])


def every_octet(cases: Cases) -> None:
    """Each octet of AAD, data and IV of short frames, and each bit of one."""
    for key_len in KEY_LENS:
        cases.key(key_len)
        for aad_len, data_len in ((20, 48), (28, 114), (58, 33), (78, 17), (142, 0), (28, 500)):
            spoils = [Spoil.AAD.bit(8 * i + i % 8) for i in range(aad_len)]
            spoils += [Spoil.DATA.bit(8 * i + i % 8) for i in range(data_len)]
            spoils += [Spoil.IV.bit(bit) for bit in range(96)]
            cases.burst([(aad_len, data_len)] * len(spoils), None, spoils, alike=True)
        spoils = [Spoil.AAD.bit(bit) for bit in range(160)] + [Spoil.DATA.bit(bit) for bit in range(8 * 37)]
        cases.burst([(20, 37)] * len(spoils), None, spoils, alike=True)


def spoilt_neighbours(cases: Cases) -> None:
    """Every subset of nine messages fails, and of seven; then every one of a burst of 64, and all but one."""
    cases.key(16)
    mixed = [(20, 17 * n) for n in range(9)]
    for lengths in (mixed, [(28, 48)] * 9, [(28, 48)] * 7):
        for subset in range(1 << len(lengths)):
            spoilt = [Spoil.TAG.bit(subset % 128) if subset >> i & 1 else 0 for i in range(len(lengths))]
            cases.burst(lengths, None, spoilt)
    cases.key(32)
    for lengths in ([(28, 114)] * 64, [(28, 48 + 97 * (n % 8)) for n in range(64)]):
        for chosen in range(64):
            spoil = Spoil.TAG.bit(2 * chosen)
            cases.burst(lengths, None, [spoil if i == chosen else 0 for i in range(64)])
            cases.burst(lengths, None, [0 if i == chosen else spoil for i in range(64)])


def counters(cases: Cases) -> None:
    """SP 800-38D 6.2: the counter carries into its second octet and its third, wherever a message ends then, and IVs of
    ones are left alone. Data of more than 1 MiB comes once for each key size."""
    for key_len in KEY_LENS:
        cases.key(key_len)
        for blocks in range(246, 264):
            cases.burst([(20, 16 * blocks + d) for d in (-1, 0, 1)] + [(28, 48)] * 3)
        past = 16 * 65546 + 5 + key_len
        cases.burst([(28, 48), (20, past), (28, 114)], Layout(Place.AT_END, ALL_JOINED), [0, Spoil.DATA.bit(9999), 0])
    cases.burst([(16 * 65540 + 3, 0)])


def key_life(cases: Cases) -> None:
    """Many keys, a few messages each: set-up is right for others than the ones above."""
    for turn in range(400):
        cases.key(KEY_LENS[turn % 2])
        cases.burst([(28, 48), (20, 300), (142, 0), (28, 700)][turn % 3 :])


SUITES = (
    data_lengths,
    aad_lengths,
    random_bursts,
    burst_sizes,
    equal_runs,
    size_classes,
    alignments,
    guards,
    tag_bits,
    every_octet,
    spoilt_neighbours,
    counters,
    key_life,
)


def long_random_bursts(cases: Cases) -> None:
    """random_bursts for long."""
    random_bursts(cases, 60)


def pairs(cases: Cases) -> None:
    """Each length near an edge beside each other one, in a burst of four: AAD and data."""
    near = [n for n in NEAR_EDGES if n < 700]
    for turn, other in enumerate(near):
        cases.key(KEY_LENS[turn % 2])
        for one in near:
            cases.burst([(28, one), (28, other), (other, one), (one, 0)])


def shuffled_lengths(cases: Cases) -> None:
    """Every length of data to MOST beside any other, in bursts of any size, for both key sizes, four times."""
    for turn in range(8):
        lengths = [(cases.dice.choice(MACSEC_AADS), n) for n in range(MOST + 1)]
        cases.dice.shuffle(lengths)
        cases.key(KEY_LENS[turn % 2])
        cuts = sorted({0, len(lengths), *(cases.dice.randrange(len(lengths)) for _ in range(300))})
        for start, end in pairwise(cuts):
            cases.burst(lengths[start : min(end, start + 256)])


SOAKS = (long_random_bursts, pairs, shuffled_lengths)


def sample(cases: Cases) -> None:
    """A part of everything, for machines that are a hundred times slower: emulated, or watched."""
    for key_len in KEY_LENS:
        cases.key(key_len)
        for turn, part in enumerate(parts([(20 + 8 * (n % 2), n) for n in range(290)], 23)):
            cases.burst(part, None, [spoil_any(cases, m) if (i + turn) % 5 == 0 else 0 for i, m in enumerate(part)])
        for part in parts([(n, n % 3) for n in range(290)], 17):
            cases.burst(part)
        cases.burst([(28, n) for n in NEAR_EDGES[key_len // 16 :: 5]])
        cases.burst([(n, 0) for n in NEAR_EDGES[key_len // 16 :: 5]])
        for size in (1, 2, 3, 4, 5, 7, 8, 9, 16, 33, 64):
            cases.burst([(28, 48)] * size)
            cases.burst([(28, 114)] * size, None, [Spoil.TAG.bit(i) for i in range(size)])
        cases.burst([(20, 48)] * 128, None, [Spoil.TAG.bit(i) for i in range(128)], alike=True)
    for profile in _profiles(cases):
        for layout in (Layout(Place.AT_END, ALL_JOINED), Layout(Place.PACKED, APART, (1, 2, 3), 5)):
            lengths = profile(12)
            cases.burst(lengths, layout, [spoil_any(cases, m) if i % 4 == 1 else 0 for i, m in enumerate(lengths)])
