"""Who reports the SAK in use is one of its members, also if the key server's list did not say so (802.1X-2020 9.10)."""

from __future__ import annotations

import pytest

from pysec.mka.config import KayConfig
from pysec.mka.events import SakMembers, SakReady
from pysec.secret import Secret
from pysec.types import An, CipherSuite, ConfidentialityOffset, Ki, Kn
from pysec.wire.mkpdu import DistributedSak, KiPn, SakUse
from tests.unit.mka.lan import Lan, Puppet, cak

SUITES = (CipherSuite.GCM_AES_128, CipherSuite.GCM_AES_XPN_128)


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("is_received", [True, False])
def test_a_member_that_the_key_server_did_not_list(suite: CipherSuite, is_received: bool) -> None:
    lan = Lan()
    a = lan.station(5, config=KayConfig(cipher_suites=(suite,)))
    server, third = Puppet(lan, 1, is_key_server=True, key_server_priority=1), Puppet(lan, 2)
    for puppet in (server, third):
        puppet.greet(a)
    sak = DistributedSak(An(0), ConfidentialityOffset.ZERO, Kn(1), suite, cak().wrap(Secret(bytes(16))))
    server.send(a, live=server.lists(a, ssci=2 if suite.is_xpn else None), distributed_sak=sak)
    (ready,) = a.said(SakReady)
    assert third.sci not in dict(ready.members)
    use = SakUse(latest=KiPn(Ki.of(server.mi, 1), 1), latest_rx=is_received)
    for _ in range(2):
        third.send(a, live=third.lists(a), sak_use=use)
    said = a.said(SakMembers)
    if suite.is_xpn or not is_received:
        assert said == []
    else:
        assert [dict(event.members).keys() >= {third.sci, server.sci} for event in said] == [True]
