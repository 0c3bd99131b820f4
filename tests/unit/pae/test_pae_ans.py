"""A key server that gives an AN away which the old SAK still has ends that SAK, for good (802.1X-2020 9.9, 12.4)."""

from __future__ import annotations

from pysec.mka.events import SakReady
from pysec.secret import Secret
from pysec.types import An, CipherSuite, ConfidentialityOffset, Ki, Mi
from tests.unit.pae.lan import pair


def test_the_old_sak_does_not_come_back_when_the_next_has_another_an() -> None:
    lan, first, second = pair()
    lan.run(8)
    pae, driver = second.pae, second.driver
    old = pae.cp.variables.old
    assert old is not None
    driver.sent(5)
    kis = []
    for number, an in ((1, old.an), (2, old.an.next)):
        ki = Ki.of(Mi(b"another one!"), number)
        kis.append(ki)
        members = ((first.pae.sci, None), (second.pae.sci, None))
        offset, suite = ConfidentialityOffset.ZERO, CipherSuite.GCM_AES_128
        ready = SakReady("a test", ki, An(an.value), Secret(bytes(16)), None, suite, offset, members, False)
        pae.kay.port.emit(ready)
        pae.handle_timer(lan.now)
    while pae.next_event() is not None:
        pass
    assert pae.cp.variables.old is None
    assert pae.installer.settled
    assert driver.receives(first.pae.sci, old.an.next) == kis[1]
    assert {sa.ki for sa in driver.read().sas} == {kis[1]}
