"""The salt of a SAK (802.1AE-2018 10.7.28) and the SSCIs of those who use it (802.1AE-2018 10.7.13, 7.1.2).

All figures were worked out from the rule, apart from the code under test.
"""

from __future__ import annotations

import pytest

from pysec.errors import UsageError
from pysec.mka.xpn import assign_sscis, sscis_by_position, xpn_salt
from pysec.types import Mi, Sci, Ssci


@pytest.mark.parametrize(
    ("mi", "kn", "salt"),
    [
        ("000000000000000000000000", 0x11223344, "334411220000000000000000"),
        ("ffffffff0000000000000000", 0x00000001, "fffeffff0000000000000000"),
        ("ffffffff1111111122222222", 0x00010000, "fffffffe1111111122222222"),
        ("c91d1948d974d82bcf0d538d", 1, "c91c1948d974d82bcf0d538d"),
        ("1d6c48a48b1b15f353e0f32b", 3735928559, "a38396098b1b15f353e0f32b"),
    ],
)
def test_salt(mi: str, kn: int, salt: str) -> None:
    """802.1AE-2018 10.7.28."""
    assert xpn_salt(bytes.fromhex(mi), kn).hex() == salt


@pytest.mark.parametrize(("mi", "kn"), [(bytes(11), 1), (bytes(13), 1), (bytes(12), -1), (bytes(12), 1 << 32)])
def test_salt_refuses_what_is_no_key_identifier(mi: bytes, kn: int) -> None:
    with pytest.raises(UsageError):
        xpn_salt(mi, kn)


def test_the_greatest_sci_has_ssci_1() -> None:
    """802.1AE-2018 10.7.13 and 802.1AE-2018 7.1.2."""
    small, middle, great = (Sci(n) for n in (0x525400000A010001, 0x525400000A010002, 0xD25400000A010001))
    assert assign_sscis([middle, great, small]) == {great: Ssci(1), middle: Ssci(2), small: Ssci(3)}
    assert assign_sscis([]) == {}


def test_an_sci_given_twice_is_refused() -> None:
    with pytest.raises(UsageError):
        assign_sscis([Sci(1), Sci(2), Sci(1)])


A, B, C, D = (Mi(bytes([n]) * 12) for n in range(4))


@pytest.mark.parametrize(("own", "members"), [(1, [D, A, B, C]), (2, [A, D, B, C]), (4, [A, B, C, D])])
def test_sscis_by_place(own: int, members: list[Mi]) -> None:
    """802.1X-2020 11.11.3: the key server's own number is left out of its peers'."""
    assert sscis_by_position(D, [A, B, C], own) == {mi: Ssci(n) for n, mi in enumerate(members, 1)}


@pytest.mark.parametrize("count", range(1, 13))
def test_place_and_sci_say_the_same(count: int) -> None:
    """Whichever of the members is key server, whoever knows all SCIs numbers them as its list does."""
    scis = {Mi(bytes([n]) * 12): Sci(7919 * n % 101) for n in range(count)}
    by_sci = assign_sscis(scis.values())
    ordered = sorted(scis, key=lambda mi: by_sci[scis[mi]])
    for server in ordered:
        peers = [mi for mi in ordered if mi != server]
        by_place = sscis_by_position(server, peers, by_sci[scis[server]].value)
        assert by_place == {mi: by_sci[sci] for mi, sci in scis.items()}


@pytest.mark.parametrize(("peers", "own"), [([A, A], 1), ([D], 1), ([A], 0), ([A], 3), ([], 2)])
def test_places_that_cannot_be(peers: list[Mi], own: int) -> None:
    with pytest.raises(UsageError, match="SSCI"):
        sscis_by_position(D, peers, own)
