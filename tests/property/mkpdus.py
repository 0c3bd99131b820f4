"""Why this exists: MKPDUs of every kind for hypothesis, and octets that nearly are some.

`mkpdus` draws values; `bodies` takes what devices sent, or what we make of a value, and damages it: octets changed,
cut, put in, sets copied and moved, lengths that lie.
"""

from __future__ import annotations

from hypothesis import strategies as st

from pysec.errors import UsageError
from pysec.types import An, CipherSuite, Ckn, ConfidentialityOffset, Ki, Kn, MacsecCapability, Mi, Sci
from pysec.wire import eapol, mkpdu
from pysec.wire.mkpdu import (
    AGILITY,
    Announcement,
    BasicSet,
    DistributedCak,
    DistributedSak,
    KiPn,
    MkPdu,
    PeerEntry,
    PeerList,
    SakUse,
    SuiteOffer,
    Tlv,
    UnknownSet,
    Xpn,
)
from tests.unit.wire.mkpdus import SENT

u8, u32 = st.integers(0, 255), st.integers(0, 0xFFFFFFFF)
ans = st.builds(An, st.integers(0, 3))
mis = st.binary(min_size=12, max_size=12).map(Mi)
kis = st.binary(min_size=16, max_size=16).filter(any).map(Ki)
ckns = st.binary(min_size=1, max_size=32).map(Ckn)
suites = st.one_of(
    st.sampled_from(CipherSuite), st.binary(min_size=8, max_size=8).filter(lambda o: not CipherSuite.of_identifier(o))
)
basics = st.builds(
    BasicSet,
    key_server_priority=u8,
    is_key_server=st.booleans(),
    macsec_desired=st.booleans(),
    macsec_capability=st.sampled_from(MacsecCapability),
    sci=st.integers(0, (1 << 64) - 2).map(Sci),
    mi=mis,
    mn=u32,
    agility=st.just(AGILITY),
    ckn=ckns,
)
entries = st.lists(st.builds(PeerEntry, mis, u32), max_size=6).map(tuple)
keys = st.none() | st.builds(KiPn, kis, u32)
in_use = st.builds(
    SakUse,
    latest_an=ans,
    latest_tx=st.booleans(),
    latest_rx=st.booleans(),
    old_an=ans,
    old_tx=st.booleans(),
    old_rx=st.booleans(),
    plain_tx=st.booleans(),
    plain_rx=st.booleans(),
    delay_protect=st.booleans(),
    latest=keys,
    old=keys,
)
empty_use = st.builds(SakUse, latest_an=ans, plain_tx=st.booleans(), plain_rx=st.booleans(), empty=st.just(True))


@st.composite
def distributed_saks(draw: st.DrawFn) -> DistributedSak:
    """A SAK of one of our suites or of another, or none."""
    an, offset = draw(ans), draw(st.sampled_from(ConfidentialityOffset))
    if draw(st.booleans()):
        return DistributedSak(an, offset, None, None, b"")
    suite = draw(suites)
    length = suite.sak_octets + 8 if isinstance(suite, CipherSuite) else draw(st.sampled_from((24, 32, 40, 48)))
    return DistributedSak(an, offset, draw(u32.map(Kn)), suite, draw(st.binary(min_size=length, max_size=length)))


tlvs = st.one_of(
    st.builds(Tlv, st.integers(0, 127).filter(lambda kind: kind != 112), st.binary(max_size=20)),
    st.lists(st.builds(SuiteOffer, suites, st.integers(0, 3)), max_size=4).map(
        lambda offers: Announcement.of_suites(tuple(offers)).tlvs[0]
    ),
)
unknown_sets = st.lists(
    st.builds(UnknownSet, st.integers(9, 254), u8, st.integers(0, 15), st.binary(max_size=30)),
    max_size=3,
    unique_by=lambda found: found.type,
).map(lambda found: tuple(sorted(found, key=lambda raw: raw.type)))


@st.composite
def mkpdus(draw: st.DrawFn) -> MkPdu:
    """Any MKPDU that can be sent, with a CAK of 16 octets."""
    version = draw(st.integers(1, 5))
    ssci = st.none() | st.integers(1, 255) if version >= 3 else st.none()
    return MkPdu(
        version=version,
        basic=draw(basics),
        live=draw(st.none() | st.builds(PeerList, entries, ssci)),
        potential=draw(st.none() | st.builds(PeerList, entries)),
        sak_use=draw(st.none() | in_use | empty_use),
        distributed_sak=draw(st.none() | distributed_saks()),
        distributed_cak=draw(st.none() | st.builds(DistributedCak, st.binary(min_size=24, max_size=24), ckns)),
        kmd=draw(st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)),
        announcement=draw(st.none() | st.lists(tlvs, max_size=4).map(lambda found: Announcement(tuple(found)))),
        xpn=draw(st.none() | st.builds(Xpn, u8, u32, u32)),
        icv_indicator=draw(st.booleans()),
        unknown=draw(unknown_sets),
    )


def _sound(draw: st.DrawFn) -> bytes:
    if draw(st.booleans()):
        return eapol.parse(draw(st.sampled_from(SENT)).frame).body
    try:
        return mkpdu.encode(draw(mkpdus()), draw(st.binary(min_size=16, max_size=16)), rising=draw(st.booleans()))
    except UsageError:  # does not fit a frame
        return eapol.parse(SENT[0].frame).body


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """An EAPOL-MKA body with some damage."""
    body = bytearray(_sound(draw))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(body) - 1)))
        choice = draw(st.integers(0, 5))
        if choice == 0 and body:
            body[at] ^= 1 << draw(st.integers(0, 7))
        elif choice == 1:
            body[at : at + 4] = draw(st.binary(min_size=4, max_size=4))
        elif choice == 2:
            del body[at : at + 4 * draw(st.integers(1, 10))]
        elif choice == 3:
            body[at:at] = draw(st.binary(max_size=44))
        elif choice == 4:  # a set, or what looks like one, somewhere else or twice
            start = at // 4 * 4
            piece = bytes(body[start : start + draw(st.integers(4, 48))])
            place = draw(st.integers(0, len(body) // 4)) * 4
            body[place:place] = piece
        elif len(body) > 40:  # a length that lies
            place = draw(st.integers(9, len(body) // 4 - 1)) * 4
            body[place : place + 4] = bytes((draw(st.sampled_from((1, 2, 3, 4, 5, 6, 7, 8, 77, 255))), 0)) + draw(
                st.integers(0, 4095)
            ).to_bytes(2, "big")
    return bytes(body)
