"""Two ports and a lossy link, searched: no way leads to a deadlock or to a key twice; and the search finds what does.

802.1X-2020 9.8, 9.10. `make sim` looks at more states.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from pysec.mka.kay import Kay
from pysec.mka.keyserver import KeyServer
from pysec.mka.participant import Participant
from pysec.pae import PortAccessEntity
from pysec.wire.mkpdu import DistributedSak
from tests.sim.bugs import ReusingKay
from tests.sim.search import begin, search

STATES = 80


class DistributesOnce(KeyServer):
    """A SAK goes out in one MKPDU only."""

    def distributed(self) -> DistributedSak | None:
        given = super().distributed()
        if given is None or given.kn == getattr(self, "_gone_out", None):
            return None
        self._gone_out = given.kn
        return given

    def need(self, choice: Any) -> str:
        reason: str = super().need(choice)
        return "" if "lost" in reason else reason


class OneMkpdu(Participant):
    """And whoever has missed it does not ask by taking another MI."""

    key_server_type = DistributesOnce

    def renew_mi(self, reason: str, now: float) -> None:
        return


class OneMkpduKay(Kay):
    participant_type = OneMkpdu


@pytest.mark.parametrize("ask_again", [False, True])
def test_no_way_leads_astray(ask_again: bool) -> None:
    found = search(begin(ask_again=ask_again), STATES)
    print(found.in_words())
    assert found.problem == ""
    assert found.states == STATES
    assert found.all_faults >= 0
    assert found.secured > 0


def test_a_copy_is_the_same_state_and_goes_its_own_way() -> None:
    state = begin()
    twin = state.fork()
    assert twin.key() == state.key()
    before = state.key()
    for name, _, after in twin.futures():
        assert after.key() != before, name
    assert state.key() == before == twin.key()


@pytest.mark.parametrize(("kay", "problem"), [(OneMkpduKay, "deadlock"), (ReusingKay, "used with another SAK")])
def test_canary_what_is_wrong_is_found(kay: type[Kay], problem: str) -> None:
    found = search(begin(partial(PortAccessEntity, make_kay=kay), ask_again=kay is ReusingKay), STATES)
    print(found.in_words())
    assert problem in found.problem
