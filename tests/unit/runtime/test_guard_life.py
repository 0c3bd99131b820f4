"""The life of a guard: it stands before anything is opened, stays after a crash, is taken over, and leaves no trace."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pysec.cli.main import main
from pysec.errors import UsageError
from pysec.lab.netns import NetNs
from pysec.runtime import guard as guard_module
from pysec.runtime import nftables as nf
from pysec.runtime.bypass import named
from pysec.runtime.guard import Guard, GuardUnavailable
from pysec.runtime.interface import opened
from tests.unit.runtime.ups import PATIENCE_S, Up, link_delete, nft, skip_without_guard

pytestmark = pytest.mark.root

Places = tuple[NetNs, NetNs]


def settings(place: NetNs) -> tuple[int, bool, int, list[str]]:
    with place.inside(), opened("cable") as cable:
        return cable.mtu, cable.offload("gro"), cable.promiscuity, cable.addresses()


@pytest.fixture
def guard(places: Places) -> Iterator[Guard]:
    skip_without_guard()
    with places[0].inside():
        made = Guard("cable", bypass=named(["lldp", "stp"]))
    yield made
    made.close()


# ---- the table


def test_it_is_what_it_says_also_to_others(guard: Guard, places: Places) -> None:
    guard.install("to put back: gro")
    said = nft(places[0], "list", "ruleset")
    assert said.count("policy drop") == 2
    assert 'comment "to put back: gro"' in said
    assert f"meta mark 0x{guard.mark:08x}" in said
    assert [count.name for count in guard.counts() if count.inward] == ["macsec", "eapol", "lldp", "stp", "dropped"]
    assert [count.name for count in guard.counts() if not count.inward] == ["ours", "eapol", "lldp", "stp", "dropped"]
    guard.remove()
    assert nft(places[0], "list", "ruleset") == ""
    guard.remove()


def test_nobody_else_can_change_it_while_it_is_held(guard: Guard, places: Places) -> None:
    guard.install()
    if not guard.is_owned:
        pytest.skip("this kernel knows no tables that belong to a socket and persist (Linux 6.9)")
    nft(places[0], "flush", "ruleset")
    assert guard.is_in_place()
    with places[0].inside():
        other = Guard("cable")
    for act in (other.install, other.remove):
        with pytest.raises(UsageError, match="holds its guard already"):
            act()
    assert guard.is_in_place()
    guard.close()
    assert other.left_behind() == ""
    other.install("again")
    assert other.left_behind() == "again"
    other.remove()
    assert other.left_behind() is None
    other.close()


def test_on_an_older_kernel_it_is_put_back_when_taken_away(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = guard._nf.commit

    def older(steps: list[nf.Message]) -> None:
        if nf.new_table("pysec-cable", "", nf.OWNER | nf.PERSIST) in steps:
            raise nf.NfRefused("table", 95)
        commit(steps)

    monkeypatch.setattr(guard._nf, "commit", older)
    guard.install()
    assert not guard.is_owned
    assert not guard.ensure()
    commit([nf.delete_table("pysec-cable")])
    assert guard.ensure()
    assert guard.is_in_place()
    guard.remove()


def test_rules_that_somebody_thinned_out_are_not_in_place(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = guard._rules()
    monkeypatch.setattr(guard, "_rules", lambda: rules[:-1])
    guard.install()
    monkeypatch.undo()
    assert not guard.is_in_place()
    guard.remove()


@pytest.mark.parametrize(
    ("what", "number", "words"),
    [
        ("transaction", 1, "CAP_NET_ADMIN is missing"),
        ("socket", 93, "CONFIG_NETFILTER_NETLINK"),
        ("transaction", 95, "CONFIG_NF_TABLES ("),
        ("table", 95, "CONFIG_NF_TABLES_NETDEV"),
        ("ingress hook of cable", 95, "CONFIG_NETFILTER_INGRESS"),
        ("egress hook of cable", 95, "CONFIG_NETFILTER_EGRESS, Linux 5.16"),
        ("rule eapol", 2, "payload, meta and counter"),
    ],
)
def test_what_is_missing_is_named(
    guard: Guard, monkeypatch: pytest.MonkeyPatch, what: str, number: int, words: str
) -> None:
    def refuse(steps: list[nf.Message]) -> None:
        raise nf.NfRefused(what, number)

    monkeypatch.setattr(guard._nf, "commit", refuse)
    with pytest.raises(GuardUnavailable) as caught:
        guard.install()
    assert words in str(caught.value)


def test_a_transaction_is_whole_or_not_at_all(guard: Guard) -> None:
    steps = [*guard._steps(None), nf.new_rule("pysec-cable", "nowhere", "x", nf.counter())]
    with pytest.raises(nf.NfRefused, match="rule x"):
        guard._nf.commit(steps)
    assert guard.left_behind() is None


# ---- pysec up


def test_must_secure_does_not_start_without_it(
    places: Places, key: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(self: Guard, memo: str = "") -> None:
        raise GuardUnavailable("no guard for cable: the kernel lacks CONFIG_NF_TABLES")

    monkeypatch.setattr(Guard, "install", refuse)
    with places[0].inside():
        assert main(["up", "cable", "--key", str(key), "--foreground"]) == 77
        said = capsys.readouterr()
        assert said.err == (
            "pysec up: no guard for cable: the kernel lacks CONFIG_NF_TABLES; must-secure needs it, or --no-guard\n"
        )
        with opened("sec-cable") as tap:
            assert not tap.exists


@pytest.mark.slow
def test_a_crash_leaves_the_link_closed_and_the_next_takes_it_over(places: Places, key: Path) -> None:
    first = places[0]
    with first.inside(), opened("cable") as cable:
        cable.set_offload("gro", True)
    before = settings(first)
    assert before[1], "GRO is on at first"
    up = Up(first, key, "--raise-mtu")
    again: Up | None = None
    try:
        up.wait_for("port up:")
        assert "gro of cable switched off" in "".join(up.lines)
        assert settings(first)[:2] == (1564, False)
        up.process.send_signal(signal.SIGKILL)
        up.process.wait(PATIENCE_S)
        with first.inside():
            left = Guard("cable")
        assert left.left_behind() == "to put back: mtu=1564:1532 gro"
        assert left.is_in_place()
        left.close()
        again = Up(first, key, "--raise-mtu", "--json")
        again.wait_for("taken over from a pysec that did not end by itself")
        again.wait_for('"up"')
        assert settings(first)[:2] == (1564, False), "not raised a second time"
        with first.inside(), opened("sec-cable") as tap:
            assert tap.mtu == 1532
        assert again.end(signal.SIGTERM) == (0, "")
        counts = json.loads(again.lines[-1])["status"]["guard"]
        assert {"inward": False, "name": "ours"}.items() <= counts[3].items()
    finally:
        up.kill()
        if again is not None:
            again.kill()
    assert nft(first, "list", "ruleset") == ""
    assert settings(first) == before


@pytest.mark.slow
def test_down_opens_what_a_killed_port_left_closed(
    places: Places, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = places[0]
    before = settings(first)
    up = Up(first, key, "--raise-mtu")
    try:
        up.wait_for("port up:")
        with first.inside():
            assert main(["down", "cable"]) == 2
        assert "holds its guard already" in capsys.readouterr().err
    finally:
        up.kill()
    assert nft(first, "list", "ruleset") != ""
    with first.inside():
        assert main(["down", "cable"]) == 0
        assert "the guard is gone" in capsys.readouterr().out
        assert main(["down", "cable"]) == 0
        assert "nothing of pysec is left" in capsys.readouterr().out
    assert nft(first, "list", "ruleset") == ""
    assert settings(first) == before


@pytest.mark.slow
def test_who_wants_no_guard_has_none_that_was_left(places: Places, key: Path) -> None:
    """It would stop our own frames: they bear another mark, or none."""
    first, second = places
    before = settings(first)
    killed = Up(first, key, "--raise-mtu")
    killed.wait_for("port up:")
    killed.kill()
    ups = [Up(first, key, "--no-guard"), Up(second, key)]
    try:
        ups[0].wait_for("the guard that a pysec had left on cable is gone")
        for up in ups:
            up.wait_for("SECURED")
        assert nft(first, "list", "ruleset") == ""
        for up in ups:
            assert up.end(signal.SIGTERM) == (0, "")
    finally:
        for up in ups:
            up.kill()
    assert settings(first) == before


@pytest.mark.slow
def test_a_port_that_fails_leaves_the_link_closed_and_says_so(places: Places, key: Path) -> None:
    up = Up(places[0], key)
    try:
        up.wait_for("the common port is up")
        link_delete(places[0], "sec-cable")
        assert up.process.wait(PATIENCE_S) == 1
        assert up.process.stderr is not None
        assert "interface sec-cable: has gone" in up.process.stderr.read()
        up.wait_for("cable stays closed to the host's own stack: pysec up takes it over, pysec down opens it")
    finally:
        up.kill()
    assert "policy drop" in nft(places[0], "list", "ruleset")


@pytest.mark.slow
def test_the_second_pysec_on_an_interface_is_refused(
    places: Places, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    up = Up(places[0], key)
    try:
        up.wait_for("port up:")
        with places[0].inside():
            assert main(["up", "cable", "--key", str(key), "--foreground", "--controlled", "other"]) == 2
        assert "a pysec that runs holds its guard already" in capsys.readouterr().err
        assert up.end(signal.SIGTERM) == (0, "")
    finally:
        up.kill()
    assert nft(places[0], "list", "ruleset") == ""


OLDER = """
from pysec.runtime import nftables as nf
commit = nf.NfTables.commit
def older(self, steps):
    for step in steps:
        if step.what == "table" and step.body.endswith((6).to_bytes(4, "big")):
            raise nf.NfRefused("table", 95)
    commit(self, steps)
nf.NfTables.commit = older
"""


@pytest.mark.slow
def test_on_an_older_kernel_the_port_puts_its_guard_back(places: Places, key: Path) -> None:
    up = Up(places[0], key, plant=OLDER)
    try:
        up.wait_for("port up:")
        up.wait_for("the common port is up")
        nft(places[0], "flush", "ruleset")
        up.wait_for("the guard of cable had been taken away, and is back")
        assert nft(places[0], "list", "ruleset").count("policy drop") == 2
        assert up.end(signal.SIGTERM) == (0, "")
    finally:
        up.kill()
    assert nft(places[0], "list", "ruleset") == ""


@pytest.mark.slow
def test_the_guard_stands_before_the_port_opens(places: Places, key: Path) -> None:
    """And canary: the same question finds a guard that comes second."""
    asks = """
from pysec.runtime import single
opening = single.open_packet
def ask(name, octets):
    from pysec.runtime.guard import Guard
    print("guard stands" if Guard(name).left_behind() is not None else "no guard yet", flush=True)
    return opening(name, octets)
single.open_packet = ask
"""
    late = (
        asks
        + """
from pysec.runtime.guard import Guard
attach, install = single.SinglePort._attach, Guard.install
Guard.install = lambda self, memo="": None
def late(self):
    attach(self)
    install(self.common._guard)
single.SinglePort._attach = late
"""
    )
    for plant, words in ((asks, "guard stands"), (late, "no guard yet")):
        up = Up(places[0], key, plant=plant)
        try:
            up.wait_for("port up:")
            assert words + "\n" in up.lines
            assert up.end(signal.SIGTERM) == (0, "")
        finally:
            up.kill()


def test_capabilities_are_read_from_the_system() -> None:
    assert guard_module.has_capability(guard_module.CAP_NET_ADMIN)
    assert not guard_module.has_capability(63)
