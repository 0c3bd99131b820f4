"""`pysec up`, show, rekey, down with a service between: what a user types, on two hosts with a cable."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from pathlib import Path

import pexpect
import pytest

from pysec import keyfile
from pysec.runtime.interface import opened
from tests.unit.mgmt.hosts import Hosts, addresses, up
from tests.unit.runtime.ups import Ear

pytestmark = [pytest.mark.root, pytest.mark.slow]


def test_one_command_makes_a_link_secure_and_shows_that_it_is(hosts: Hosts, key: Path) -> None:
    first, second = hosts
    first.place.rtnl.add_ipv4("cable", "10.99.0.1", 24)
    code, out, _ = second.pysec("up", "cable", "--key", str(key), "--address", "10.99.0.2/24", "--wait", "0")
    assert code == 1
    assert "CLOSED: no live peer" in out
    out = first.must("up", "cable", "--key", str(key))
    assert "SECURED, encrypted with GCM-AES-XPN-256; use sec-cable" in out
    assert "sec-cable has 10.99.0.1/24: moved from cable" in out
    assert addresses(first, "sec-cable") == ["10.99.0.1/24"]
    assert "is up already, with these settings: SECURED" in first.must("up", "cable", "--key", str(key))

    code, said = first.shown("--verify")
    assert code == 0
    assert said["ok"] is True
    wanted = ["cable/secured", "cable/on-the-wire", "cable/protection", "cable/nothing-in-clear"]
    assert [check["id"] for check in said["checks"]] == wanted
    assert "encrypted: nothing of the probe is readable" in said["checks"][2]["detail"]
    link = said["links"][0]
    assert link["peers"][0]["sci"] == "02:00:00:00:00:0b/1"
    assert link["counters"]["out-pkts-encrypted"] == link["protected"]

    ki = link["ki"]
    second_before = second.report()["ki"]
    assert ki == second_before
    assert "a new SAK is asked for" in first.must("rekey", "cable")
    renewed = first.wait_for(lambda report: report["ki"] not in (None, ki))
    assert renewed["secured"]

    words = first.must("show")
    assert "SAK: KI" in words
    assert "peer: 02:00:00:00:00:0b/1" in words
    first.must("down", "cable")
    assert not first.has_interface("sec-cable")
    assert addresses(first, "cable") == ["10.99.0.1/24"]
    assert second.wait_for(lambda report: not report["secured"])["why"] == "no live peer"
    assert second.pysec("show", "--verify")[0] == 1
    second.must("down", "cable")
    end = time.monotonic() + 10
    while first.service_pid() or second.service_pid():  # nothing is left to do for them
        assert time.monotonic() < end
        time.sleep(0.1)
    assert not (first.run / "links.json").exists()
    assert not (first.run / "control.sock").exists()


@pytest.mark.soak
def test_integrity_only_is_said_to_be_that(hosts: Hosts, key: Path) -> None:
    up(hosts, key, "--offset", "none")
    code, said = hosts[0].shown("--verify")
    assert code == 0
    assert {check["id"]: check["detail"] for check in said["checks"]}["cable/protection"] == (
        "authenticated, not encrypted"
    )
    assert said["links"][0]["protection"] == "authenticated, not encrypted"


@pytest.mark.soak
@pytest.mark.parametrize("options", [["--offset", "30", "--suite", "GCM-AES-256"], ["--vlan-tags-in-clear", "1"]])
def test_it_can_be_shown_with_other_forms_of_frames(hosts: Hosts, key: Path, options: list[str]) -> None:
    up(hosts, key, *options)
    code, said = hosts[0].shown("--verify")
    assert code == 0, said["checks"]


def test_canary_the_hosts_own_frames_leave_in_clear(hosts: Hosts, key: Path) -> None:
    """Without the guard the host speaks past MACsec while the wire is watched."""
    up(hosts, key, "--no-guard", "--address", "keep")
    stop = []

    def speak() -> None:
        ear = Ear(hosts[0].place, 0x88B6)
        while not stop:
            ear.say(bytes.fromhex("ffffffffffff02000000000a88b6") + bytes(46))
            time.sleep(0.05)
        ear.close()

    thread = threading.Thread(target=speak)
    thread.start()
    code, said = hosts[0].shown("--verify")
    stop.append(True)
    thread.join()
    assert code == 1
    failed = [check for check in said["checks"] if not check["ok"]]
    assert [check["id"] for check in failed] == ["cable/nothing-in-clear"]
    assert "EtherTypes 88b6" in failed[0]["detail"]


def test_what_cannot_be_is_refused_and_leaves_what_was(hosts: Hosts, key: Path, tmp_path: Path) -> None:
    first = hosts[0]
    up(hosts, key)
    before = first.report()
    exposed = tmp_path / "exposed.key"
    keyfile.write(exposed, keyfile.generate(128)[1])
    exposed.chmod(0o644)
    code, _, errors = first.pysec("up", "cable", "--key", str(exposed))
    assert code == 2
    assert "chmod 600" in errors
    first.wait_for(lambda report: report["secured"])
    code, _, errors = first.pysec("up", "nothing", "--key", str(key))
    assert (code, errors) == (2, "pysec: interface nothing: there is none of this name\n")
    assert first.report()["up-since"] >= before["up-since"]
    assert first.pysec("down", "nothing")[0] == 0
    assert first.pysec("show", "nothing")[0] == 2
    # Another namespace's service is not spoken to by mistake.
    with hosts[1].place.inside(), pytest.raises(Exception, match="another network namespace"):
        first.client.link("DELETE", "cable")


def secrets_in(places: dict[str, bytes], cak: str) -> set[str]:
    """Where a CAK can be read, as hex digits or as octets."""
    needles = [cak.encode(), bytes.fromhex(cak)]
    return {
        name for name, octets in places.items() if any(each in octets or each in octets.lower() for each in needles)
    }


def test_secrets_are_nowhere(hosts: Hosts, key: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    seen: dict[str, bytes] = {}
    looking = threading.Event()

    def look() -> None:
        """At the command line and the environment of every process, while commands are typed."""
        while not looking.wait(0.02):
            for each in Path("/proc").iterdir():
                for name in ("cmdline", "environ") if each.name.isdecimal() else ():
                    with contextlib.suppress(OSError):
                        seen[f"{each.name}/{name}"] = (each / name).read_bytes()

    looker = threading.Thread(target=look)
    looker.start()
    up(hosts, key, "--trace", str(trace))
    seen["show"] = hosts[0].must("show", "--json", "--events", "--verify").encode()
    seen["doctor"] = hosts[0].must("doctor", "cable", "--json").encode()
    looking.set()
    looker.join()
    cak = next(line.split()[-1] for line in key.read_text().splitlines() if line.startswith("cak"))
    for path in (*hosts[0].run.rglob("*"), trace):
        if path.is_file():
            seen[path.name] = path.read_bytes()
    with hosts[0].place.inside():
        for target in ("/metrics", "/v1/openapi.json", "/v1/links", "/v1/links/cable/settings"):
            seen[target] = json.dumps(hosts[0].client.ask("GET", target)).encode()
    assert {"links.json", "events.log", "trace.jsonl"} < set(seen)
    assert len(seen) > 15
    assert secrets_in(seen, cak) == set()
    # The canary: each place, had it been put there.
    for name in ("links.json", "events.log", "trace.jsonl", "show"):
        assert secrets_in(seen | {name: seen[name] + cak.upper().encode()}, cak) == {name}
        assert secrets_in(seen | {name: seen[name] + bytes.fromhex(cak)}, cak) == {name}


def test_metrics_have_the_standards_names(hosts: Hosts, key: Path) -> None:
    up(hosts, key, "--delay-protect", "--peer", "pump-3=02:00:00:00:00:0b")
    assert hosts[0].report()["peers"][0]["delay-bound-s"] is None  # it has sent nothing yet
    ear = Ear(hosts[1].place, 0x88B6, "sec-cable")
    ear.say(*[b"\xff" * 6 + bytes.fromhex("02000000000b88b6") + bytes(46)] * 10)
    ear.close()
    peer = hosts[0].wait_for(lambda report: report["peers"][0]["delay-bound-s"])["peers"][0]
    assert peer["name"] == "pump-3"
    assert 2.0 <= peer["delay-bound-s"] < 8.0
    assert "no frame is taken that was sent more than" in hosts[0].must("show")
    with hosts[0].place.inside():
        found = hosts[0].client.ask("GET", "/metrics")
    assert 'pysec_secured{interface="cable"} 1.0' in found
    assert 'pysec_in_pkts_ok_total{interface="cable"}' in found
    assert 'pysec_peer_live{interface="cable",sci="02:00:00:00:00:0b/1"} 1.0' in found
    assert 'pysec_peer_delay_bound_s{interface="cable"' in found
    assert 'pysec_peer_lost_total{interface="cable",sci="02:00:00:00:00:0b/1"} 0.0' in found


def test_prometheus_can_ask_by_tcp(hosts: Hosts) -> None:
    host = hosts[0]
    with host.place.inside(), opened("lo") as loop:
        loop.set_up()
    host.service("--metrics", "127.0.0.1:9464")
    with host.place.inside():
        connection = http.client.HTTPConnection("127.0.0.1", 9464, timeout=10)
        connection.request("GET", "/metrics")
        assert b"pysec_secured" in connection.getresponse().read()
        connection.request("GET", "/v1/links")
        assert connection.getresponse().status == 404
        connection.close()
    for words in ("9464", "127.0.0.1:x", "127.0.0.1:70000"):
        assert host.pysec("service", "--socket", str(host.run / "other"), "--metrics", words)[0] == 2


def test_typed_in_a_terminal(hosts: Hosts, key: Path) -> None:
    first, second = hosts
    second.pysec("up", "cable", "--key", str(key), "--wait", "0")
    typed = ("up", "cable", "--key", str(key), "--try", "60")
    with first.terminal(*typed) as terminal:
        terminal.expect("SECURED, encrypted")
        terminal.expect("Type yes within [0-9]+ s to keep it: ")
        terminal.sendline("yes")
        terminal.expect("It stays.")
        terminal.expect(pexpect.EOF)
    assert terminal.exitstatus == 0
    with first.terminal("top", "--interval", "0.2") as terminal:
        terminal.expect("secured")
        terminal.expect("secured")
        terminal.sendintr()
        terminal.expect(pexpect.EOF)
    assert terminal.exitstatus == 0
    first.must("down", "cable")
    with first.terminal(*typed) as terminal:
        terminal.expect("to keep it: ")
        terminal.sendline("no")
        terminal.expect("Undone: that was not yes.")
        terminal.expect(pexpect.EOF)
    assert terminal.exitstatus == 1
    assert not first.has_interface("sec-cable")
    with first.terminal(*typed[:-1], "2") as terminal:
        terminal.expect("Undone.")
        terminal.expect(pexpect.EOF)
    assert not first.has_interface("sec-cable")
