"""Another's reader sees in our MKPDUs what we put there: scapy, which shares no code with us.

802.1X-2020 11.11.3. scapy is asked only for what it reads right: no CAK, no unknown sets, SAKs of 128 bits, an ICV that
an indicator announces; of a list of peers it takes the second one for the first one's payload, so lists have one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pysec.types import An, CipherSuite, Ckn, ConfidentialityOffset, Kn
from pysec.wire import mkpdu
from pysec.wire.mkpdu import DistributedSak, KiPn, MkPdu, PeerEntry, PeerList, SakUse
from tests.property.mkpdus import ans, basics, in_use, mis, u32
from tests.unit.wire.test_mkpdu import BASIC, KI, B, C

eap = pytest.importorskip("scapy.layers.eap", exc_type=ImportError)

ICV = bytes(range(16))
entries = st.lists(st.builds(PeerEntry, mis, u32), max_size=1).map(tuple)
saks = st.builds(
    DistributedSak,
    ans,
    st.sampled_from(ConfidentialityOffset),
    u32.map(Kn),
    st.just(CipherSuite.GCM_AES_128),
    st.binary(min_size=24, max_size=24),
)
values = st.builds(
    MkPdu,
    version=st.integers(1, 3),
    basic=basics.filter(lambda basic: len(basic.ckn.octets) % 4 == 0),
    live=st.none() | st.builds(PeerList, entries),
    potential=st.none() | st.builds(PeerList, entries),
    sak_use=st.none() | in_use,
    distributed_sak=st.none() | saks,
    icv_indicator=st.just(True),
)


SAMPLE = MkPdu(
    version=3,
    basic=replace(BASIC, ckn=Ckn(b"four")),
    live=PeerList((PeerEntry(B, 1),)),
    potential=PeerList((PeerEntry(C, 2),)),
    sak_use=SakUse(latest_an=An(1), latest_tx=True, latest=KiPn(KI, 5)),
    distributed_sak=DistributedSak(An(1), ConfidentialityOffset.ZERO, Kn(7), CipherSuite.GCM_AES_128, bytes(24)),
    icv_indicator=True,
)


def agrees(read: Any, pdu: MkPdu) -> bool:
    """Whether scapy's fields are our values."""
    theirs, ours = read.basic_param_set, pdu.basic
    same = [
        theirs.mka_version_id == pdu.version,
        theirs.key_server_priority == ours.key_server_priority,
        theirs.key_server == ours.is_key_server,
        theirs.macsec_desired == ours.macsec_desired,
        theirs.macsec_capability == ours.macsec_capability,
        theirs.SCI.system_identifier == str(ours.sci.mac),
        theirs.SCI.port_identifier == ours.sci.port,
        theirs.actor_member_id == ours.mi.octets,
        theirs.actor_message_number == ours.mn,
        theirs.cak_name == ours.ckn.octets,
    ]
    found = {type(one).__name__: one for one in read.parameter_sets}
    for name, peers in (("MKALivePeerListParamSet", pdu.live), ("MKAPotentialPeerListParamSet", pdu.potential)):
        same.append((name in found) == (peers is not None))
        if peers is not None and name in found:
            listed = [peer.member_id + peer.message_number for peer in found[name].member_id_message_num]
            same.append(listed == [peer.mi.octets + peer.mn.to_bytes(4, "big") for peer in peers.peers])
    same.append(("MKASAKUseParamSet" in found) == (pdu.sak_use is not None))
    if pdu.sak_use is not None and "MKASAKUseParamSet" in found:
        same.append(uses(found["MKASAKUseParamSet"], pdu.sak_use))
    same.append(("MKADistributedSAKParamSet" in found) == (pdu.distributed_sak is not None))
    if (sak := pdu.distributed_sak) and sak.kn and "MKADistributedSAKParamSet" in found:
        one = found["MKADistributedSAKParamSet"]
        same.append((one.distributed_an, one.confidentiality_offset) == (sak.an.value, sak.confidentiality_offset))
        same.append((one.key_number, one.sak_aes_key_wrap) == (sak.kn.octets, sak.wrapped))
    same.append(found["MKAICVSet"].icv == ICV)
    return all(same)


def uses(one: Any, use: SakUse) -> bool:
    """The SAK use set."""
    same = [
        (one.latest_key_an, one.old_key_an) == (use.latest_an.value, use.old_an.value),
        (one.latest_key_tx, one.latest_key_rx) == (use.latest_tx, use.latest_rx),
        (one.old_key_tx, one.old_key_rx) == (use.old_tx, use.old_rx),
        (one.plain_tx, one.plain_rx, one.delay_protect) == (use.plain_tx, use.plain_rx, use.delay_protect),
    ]
    for which, key in (("latest", use.latest), ("old", use.old)):
        ki = getattr(one, f"{which}_key_key_server_member_id") + getattr(one, f"{which}_key_key_number")
        pn = int.from_bytes(getattr(one, f"{which}_key_lowest_acceptable_pn"), "big")
        same.append((ki, pn) == ((key.ki.octets, key.lowest_pn) if key else (bytes(16), 1)))
    return all(same)


@given(values, st.booleans())
@settings(max_examples=settings.default.max_examples // 2, suppress_health_check=[HealthCheck.too_slow])
def test_scapy_reads_what_we_write(pdu: MkPdu, rising: bool) -> None:
    assert agrees(eap.MKAPDU(mkpdu.encode(pdu, ICV, rising=rising)), pdu)


@given(values)
@settings(max_examples=settings.default.max_examples // 5, suppress_health_check=[HealthCheck.too_slow])
def test_we_read_what_scapy_writes(pdu: MkPdu) -> None:
    """Its sets are made anew from its fields, not copied."""
    read = eap.MKAPDU(mkpdu.encode(pdu, ICV))
    read.basic_param_set.raw_packet_cache = None
    for one in read.parameter_sets:
        one.raw_packet_cache = None
    read.raw_packet_cache = None
    assert mkpdu.decode(bytes(read)) == pdu


def test_canary_scapy_sees_a_difference() -> None:
    """What is compared is really compared: each change of a value is seen."""
    read = eap.MKAPDU(mkpdu.encode(SAMPLE, ICV))
    assert agrees(read, SAMPLE)
    use, sak = SAMPLE.sak_use, SAMPLE.distributed_sak
    assert use is not None
    assert sak is not None
    for other in (
        replace(SAMPLE, version=1),
        replace(SAMPLE, basic=replace(SAMPLE.basic, mn=8)),
        replace(SAMPLE, basic=replace(SAMPLE.basic, macsec_desired=False)),
        replace(SAMPLE, live=SAMPLE.potential),
        replace(SAMPLE, potential=None),
        replace(SAMPLE, sak_use=replace(use, delay_protect=not use.delay_protect)),
        replace(SAMPLE, sak_use=replace(use, latest=None)),
        replace(SAMPLE, distributed_sak=replace(sak, kn=Kn(77))),
        replace(SAMPLE, distributed_sak=None),
    ):
        assert not agrees(read, other)
