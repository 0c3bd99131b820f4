"""The bug zoo as switches: ports that are wrong in one rule, to be let loose among the histories of the simulator.

The KaYs are those of `tests/unit/mka/zoo.py`; here are those whose fault lies around the KaY, and some more of
others' bugs. `port_with` gives what `run_seed` takes; the engine itself is not touched.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from pysec.cp import Connect
from pysec.lab.sim.member import MakePort
from pysec.mka import events as mka
from pysec.mka.kay import Kay
from pysec.mka.keyserver import KeyServer
from pysec.mka.participant import Participant
from pysec.pae import PortAccessEntity
from pysec.sa.plan import Desired
from pysec.wire.mkpdu import Peek
from tests.unit.mka.zoo import ZOO, RemembersItsMi

# An honest key server never gives a KI to another SAK, and no other is simulated: this rule is behind that one.
NOT_FOR_HONEST_STATIONS = {"ki-with-another-sak"}


class ReusesKeyNumbers(KeyServer):
    """Each SAK has the first Key Number."""

    def next_kn(self, now: float) -> int:
        return 1


class ForgetsWhichKisWereUsed(Participant):
    """And is not stopped by its own memory either."""

    key_server_type = ReusesKeyNumbers

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.known_saks.admit = lambda *args: False  # type: ignore[method-assign]  # the planted fault


class ReusingKay(Kay):
    """A KaY with such a participant."""

    participant_type = ForgetsWhichKisWereUsed


class TakesAnyIcv(Kay):
    """The ICV is not verified."""

    def is_authentic(self, participant: Participant, found: Peek, header: bytes) -> bool:
        return True


class OpensBeforeSecured(PortAccessEntity):
    """Once open, the port stays so, whatever key agreement says (CVE-2018-15372 in kind)."""

    def _set_connect(self, now: float) -> None:
        super()._set_connect(now)
        if self.installer.installed is not None and self.installer.installed.sas:
            self.cp.set_connect(Connect.SECURE)


class SendsBeforeAllReceive(PortAccessEntity):
    """The key server does not wait until its peers receive."""

    def _act_on(self, event: mka.Event, now: float) -> None:
        super()._act_on(event, now)
        if isinstance(event, mka.SakReady):
            self.cp.set_all_receiving(event.ki)


class RetiresAtOnce(PortAccessEntity):
    """The old SAK ends as soon as the new one is sent with."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cp._config = replace(self.cp._config, retire_delay_s=0.0)


class NeverRetires(PortAccessEntity):
    """Keys that are not wanted any more stay in the data plane, until there is no room."""

    def _desired(self) -> Desired:
        desired = super()._desired()
        before = getattr(self, "_kept", ())
        wanted = {key.material.ki for key in desired.keys} | {key.material.an for key in desired.keys}
        kept = [
            replace(key, transmit=False)
            for key in before
            if key.material.ki not in wanted and key.material.an not in wanted and len(key.material.sak)
        ]
        self._kept = (*kept, *desired.keys)
        self._saks.keep_only = lambda *args: None  # type: ignore[method-assign]  # the planted fault
        return replace(desired, keys=self._kept)


PORTS: dict[str, MakePort] = {
    **{
        name: partial(PortAccessEntity, make_kay=kay)
        for name, kay in ZOO.items()
        if name not in NOT_FOR_HONEST_STATIONS
    },
    "kn-reused": partial(PortAccessEntity, make_kay=ReusingKay),
    "icv-not-verified": partial(PortAccessEntity, make_kay=TakesAnyIcv),
    "opens-before-secured": OpensBeforeSecured,
    "sends-before-all-receive": SendsBeforeAllReceive,
    "retires-at-once": RetiresAtOnce,
    "never-retires": NeverRetires,
}


def port_with(bug: str) -> MakePort:
    """What makes ports with a bug; ports as they are for an empty name."""
    RemembersItsMi.mis.clear()  # a run begins with nothing remembered
    return PORTS[bug] if bug else PortAccessEntity
