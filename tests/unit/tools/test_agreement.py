"""What a listener with the CAK makes of MKPDUs: SAs for those whose SCIs it has seen, SSCIs by either rule, and nothing
of what it cannot believe.

802.1AE-2018 10.7.13 has the SSCIs, 802.1X-2020 11.11.3 the place of the key server in its list.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from pysec.mka.keys import Cak
from pysec.secret import Secret
from pysec.tools import agreement as module
from pysec.tools.agreement import Agreement
from pysec.tools.conformance.product import receive
from pysec.types import Ckn, Mi, Sci, Ssci
from pysec.wire import eapol
from tests.data.mkpdu_parts import Ca, Member, distributed, peers
from tests.data.vector_parts import SC, C, E, Sender, octets
from tests.property.mkpdus import bodies

CA = Ca(octets("agreement", 16), b"name")
XPN = "GCM-AES-XPN-128"


def agreement(*cas: Ca) -> Agreement:
    return Agreement(Cak.from_octets(Secret(ca.cak), Ckn(ca.ckn)) for ca in (cas or (CA,)))


def member(name: str, last: int, version: int = 1) -> Member:
    return Member(CA, bytes.fromhex("0254000000") + bytes([last]) + b"\0\1", octets(name, 12), version=version)


def opens(heard: Agreement, who: Member, sak: bytes, ssci: int, server: Member, *, pn: int = 1) -> str:
    """The verdict on a frame of this member."""
    salt = bytes([server.mi[0], server.mi[1] ^ 1]) + server.mi[2:]
    sender = Sender("s", XPN, sci=who.sci, key=sak, salt=salt, ssci=ssci.to_bytes(4, "big"))
    frame = sender.protect(sender.plain(90), pn, SC | E | C)
    secy = heard.secy_for(frame)
    return "no SecY" if secy is None else receive(secy, frame).verdict.yang


def test_sscis_by_sci_wait_for_all_scis() -> None:
    """A list of version 1 tells MIs, and the SSCIs need SCIs: until the last has been seen nobody's frames open."""
    server, second, third = member("a", 5), member("b", 9), member("c", 7)
    sak, heard = octets("sak", 16), agreement()
    live = peers(1, [(second.mi, 1), (third.mi, 1)])
    assert opens(heard, server, sak, 3, server) == "no SecY"
    assert heard.hear(server.sends([distributed(CA, XPN, sak, an=0, code=1, kn=1), live])[0]).fresh is not None
    assert opens(heard, server, sak, 3, server) == "in-pkts-no-sa-error"
    heard.hear(second.sends()[0])
    assert opens(heard, server, sak, 3, server) == "in-pkts-no-sa-error"
    heard.hear(third.sends()[0])
    for who, ssci in ((server, 3), (second, 1), (third, 2)):
        assert opens(heard, who, sak, ssci, server) == "in-pkts-ok"
    assert opens(heard, third, sak, 1, server, pn=2) == "in-pkts-not-valid"


def test_sscis_by_place_wait_for_nobody() -> None:
    """A list of version 3 is in the order of SSCIs: one SCI more is one sender more."""
    server, second, third = (member(name, last, 3) for name, last in (("a", 5), ("b", 9), ("c", 7)))
    sak, heard = octets("sak", 16), agreement()
    live = peers(1, [(second.mi, 1), (third.mi, 1)], 3)
    heard.hear(server.sends([distributed(CA, XPN, sak, an=0, code=1, kn=1), live])[0])
    assert opens(heard, server, sak, 3, server) == "in-pkts-ok"
    heard.hear(third.sends()[0])
    assert opens(heard, third, sak, 2, server) == "in-pkts-ok"


def test_who_is_not_in_the_list_has_no_ssci() -> None:
    server, late = member("a", 5, 3), member("late", 1, 3)
    sak, heard = octets("sak", 16), agreement()
    heard.hear(server.sends([distributed(CA, XPN, sak, an=0, code=1, kn=1), peers(1, [], 1)])[0])
    heard.hear(late.sends()[0])
    assert opens(heard, server, sak, 1, server) == "in-pkts-ok"
    assert heard.installed(Sci.parse(late.sci), 0) is None


def test_what_is_installed() -> None:
    server = member("a", 5, 3)
    heard = agreement()
    heard.hear(server.sends([distributed(CA, XPN, octets("sak", 16), an=2, code=1, kn=1), peers(1, [], 1)])[0])
    found = heard.installed(Sci.parse(server.sci), 2)
    assert found is not None
    suite, sa = found
    assert (str(suite), sa.an, sa.ssci, sa.ki.mi) == (XPN, 2, Ssci(1), Mi(server.mi))
    assert heard.installed(Sci.parse(server.sci), 1) is None


def test_a_place_that_cannot_be_is_said() -> None:
    server = member("a", 5, 3)
    heard = agreement()
    sent = server.sends([distributed(CA, XPN, octets("sak", 16), an=0, code=1, kn=1), peers(1, [], 7)])[0]
    assert "not one of 1 to 1" in (heard.hear(sent).why_not or "")
    assert heard.saks == {}
    good = server.sends([distributed(CA, XPN, octets("sak", 16), an=1, code=1, kn=2), peers(1, [], 1)])[0]
    assert heard.hear(good).why_not is None


def test_what_cannot_be_believed_changes_nothing() -> None:
    server = member("a", 5)
    heard = agreement()
    sent = server.sends([distributed(CA, XPN, octets("sak", 16), an=0, code=1, kn=1)], key=octets("forger", 16))[0]
    assert "does not verify" in (heard.hear(sent).why_not or "")
    stranger = Member(Ca(octets("other", 16), b"other"), server.sci, octets("x", 12))
    assert heard.hear(stranger.sends()[0]).is_unknown_ckn
    assert (heard.saks, heard.scis, heard.secys) == ({}, {}, [])


def test_members_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has the CAK can invent members; the tool's memory has an end."""
    monkeypatch.setattr(module, "MAX_MEMBERS", 3)
    heard = agreement()
    said = [heard.hear(member(f"m{n}", n).sends()[0]).why_not for n in range(5)]
    assert said == [None] * 3 + ["more than 3 members: this one is left out"] * 2
    assert len(heard.scis) == 3


EAR = agreement()


@given(bodies())
@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
def test_any_frame_is_heard(body: bytes) -> None:
    """802.1X-2020 11.11.2: with a good ICV around it or a bad one, an MKPDU ends in a line."""
    if not 16 <= len(body) <= eapol.MAX_BODY_OCTETS:
        return
    name_at = 32
    if len(body) > name_at + 20:  # give it our CA's name, so that the ICV can be good
        body = body[:2] + bytes([body[2] & 0xF0, 28 + len(CA.ckn)]) + body[4:name_at] + CA.ckn + body[name_at + 4 :]
    head = eapol.header(len(body), EAR_SOURCE)
    covered = head + body[:-16]
    for icv in (GOOD.icv(covered), body[-16:]):
        heard = EAR.hear(covered + icv)
        assert (heard.verified is None) or heard.peek is not None


GOOD = Cak.from_octets(Secret(CA.cak), Ckn(CA.ckn))
EAR_SOURCE = eapol.PAE_GROUP_ADDRESS
