"""`pysec up`, show, rekey, down with a service between: what a user types, on two hosts with a cable."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import resource
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pexpect
import pytest

from pysec import keyfile
from pysec.lab.netns import NLM_F_ACK, _ifinfo
from pysec.runtime.addresses import found_on
from pysec.runtime.interface import opened
from pysec.runtime.netlink import attribute, text
from tests.unit.mgmt.hosts import Host
from tests.unit.runtime.ups import Ear, link_delete

pytestmark = [pytest.mark.root, pytest.mark.slow]
Hosts = tuple[Host, Host]


def up(hosts: Hosts, key: Path, *options: str) -> None:
    """Both ends up, and secured."""
    hosts[1].pysec("up", "cable", "--key", str(key), "--wait", "0", *options)
    hosts[0].must("up", "cable", "--key", str(key), "--wait", "30", *options)
    hosts[1].wait_for(lambda report: report["secured"])


def addresses(host: Host, name: str) -> list[str]:
    with host.place.inside(), opened(name) as interface:
        return found_on(interface.index).in_words() if interface.exists else []


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


def test_a_trial_undoes_itself_unless_it_is_confirmed(hosts: Hosts, key: Path) -> None:
    first = hosts[0]
    code, out, _ = first.pysec("up", "cable", "--key", str(key), "--try", "2", "--wait", "0")
    assert code == 1
    assert "undone in 2 s unless somebody says: pysec confirm cable" in out
    assert "ON TRIAL" in first.pysec("show")[1]
    end = time.monotonic() + 20
    while first.has_interface("sec-cable"):
        assert time.monotonic() < end
        time.sleep(0.1)
    first.pysec("up", "cable", "--key", str(key), "--try", "2", "--wait", "0")
    assert "it stays" in first.must("confirm", "cable")
    assert first.pysec("confirm", "cable")[0] == 2
    time.sleep(2.5)
    assert first.has_interface("sec-cable")
    # A change on trial goes back to what was before.
    first.pysec("up", "cable", "--key", str(key), "--priority", "3", "--try", "2", "--wait", "0")
    with first.place.inside():
        assert first.client.link("GET", "cable", "/settings")["priority"] == 3
        while first.client.link("GET", "cable")["trial-left-s"] is not None:
            time.sleep(0.2)
        assert "priority" not in first.client.link("GET", "cable", "/settings")


def test_a_killed_service_leaves_the_link_closed_and_brings_it_back_with_a_fresh_key(hosts: Hosts, key: Path) -> None:
    first, second = hosts
    up(hosts, key)
    before = first.report()
    pid = first.service_pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + 10
    while first.has_interface("sec-cable"):
        assert time.monotonic() < end
        time.sleep(0.05)
    assert first.pysec("show")[0] == 77
    first.service()
    after = first.wait_for(lambda report: report["secured"])
    assert after["ki"] not in (None, before["ki"])
    # Ended on request it leaves the interface closed, and what was up comes back.
    first.services[-1].send_signal(signal.SIGTERM)
    assert first.services[-1].wait(30) == 0
    assert not first.has_interface("sec-cable")
    out = first.must("down", "cable")
    assert "the guard is gone" in out
    first.service()
    with first.place.inside():
        assert first.client.ask("GET", "/v1/links") == {"links": []}
    second.must("down", "cable")


def test_a_service_killed_during_a_trial_undoes_it(hosts: Hosts, key: Path) -> None:
    first = hosts[0]
    first.place.rtnl.add_ipv4("cable", "10.99.0.1", 24)
    first.pysec("up", "cable", "--key", str(key), "--try", "600", "--wait", "0")
    pid = first.service_pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.2)
    assert addresses(first, "cable") == []
    first.service()
    assert addresses(first, "cable") == ["10.99.0.1/24"]
    with first.place.inside():
        assert first.client.ask("GET", "/v1/links") == {"links": []}
    assert "nothing of pysec is left here" in first.must("down", "cable")


def test_reload_touches_only_what_changed(hosts: Hosts, key: Path, tmp_path: Path) -> None:
    first, second = hosts
    first.place.rtnl.add_veth("wire", "wire", second.place)
    for host in hosts:
        host.place.rtnl.set_up("wire")
    folder = tmp_path / "links"
    folder.mkdir()
    head = f'format = "pysec-link/1"\nkey = "{key}"\n'
    (folder / "a.toml").write_text(head + 'interface = "cable"\n')
    (folder / "b.toml").write_text(head + 'interface = "wire"\n')
    first.service(str(folder))
    for name in ("cable", "wire"):
        second.pysec("up", name, "--key", str(key), "--wait", "0")
    before = first.wait_for(lambda report: report["secured"])
    first.wait_for(lambda report: report["secured"], "wire")
    (folder / "b.toml").write_text(head + 'interface = "wire"\npriority = 3\n')
    with first.place.inside():
        done = first.client.ask("POST", "/v1/reload")["done"]
    assert done == {"cable": "unchanged", "wire": "changed"}
    after = first.report()
    assert (after["ki"], after["up-since"]) == (before["ki"], before["up-since"])
    first.wait_for(lambda report: report["secured"], "wire")
    (folder / "b.toml").unlink()
    (folder / "c.toml").write_text("colour = 3")
    code, _, errors = first.pysec("service", str(folder), "--socket", str(first.run / "other.sock"))
    assert code == 2
    assert "c.toml" in errors
    with first.place.inside(), pytest.raises(Exception, match=r"c\.toml"):
        first.client.ask("POST", "/v1/reload")
    assert first.report("wire")["secured"]
    (folder / "c.toml").unlink()
    first.services[-1].send_signal(signal.SIGHUP)
    end = time.monotonic() + 10
    while first.has_interface("sec-wire"):
        assert time.monotonic() < end
        time.sleep(0.05)
    assert first.report()["ki"] == before["ki"]


def test_a_link_that_fails_is_closed_and_comes_back(hosts: Hosts, key: Path) -> None:
    first, _ = hosts
    up(hosts, key)
    link_delete(first.place, "sec-cable")
    report = first.wait_for(lambda report: report["restarts"] == 1 and report["secured"])
    assert report["state"] == "secured"
    with first.place.inside():
        names = [event["name"] for event in first.client.link("GET", "cable", "/events")["events"]]
    assert "failed" in names
    assert "restarted" in names


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


def cycles(host: Host, key: Path, count: int) -> None:
    """Up and down so many times, and nothing is left of any."""
    process = host.service()
    folder = Path(f"/proc/{process.pid}/fd")

    def belongings() -> tuple[int, int]:
        pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
        return len(list(folder.iterdir())), pages * os.sysconf("SC_PAGESIZE")

    document = {"key": str(key)}
    middle = (0, 0)
    with host.place.inside():
        for number in range(count):
            host.client.link("PUT", "cable", "", document)
            host.client.link("DELETE", "cable")
            if number == count // 2:
                middle = belongings()
        time.sleep(0.2)
        end = belongings()
    assert end[0] <= middle[0]
    assert end[1] <= middle[1] + (8 << 20)
    assert not host.has_interface("sec-cable")


def test_ups_and_downs_leave_nothing(hosts: Hosts, key: Path) -> None:
    cycles(hosts[0], key, 20)


@pytest.mark.soak
def test_a_thousand_ups_and_downs_leave_nothing(hosts: Hosts, key: Path) -> None:
    cycles(hosts[0], key, 1000)


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


def test_an_interface_that_moves_to_another_namespace_is_waited_for(hosts: Hosts, key: Path) -> None:
    first, second = hosts
    up(hosts, key)
    index = first.place.rtnl.facts("cable").index
    away = _ifinfo(index) + attribute(28, struct.pack("=i", second.place.fd)) + text(3, "moved")
    first.place.rtnl.request("move", 16, NLM_F_ACK, away)
    assert "is not there: waiting for it" in first.wait_for(lambda report: report["state"] == "gone")["why"]
    assert first.pysec("show", "--verify")[0] == 1
    back = _ifinfo(second.place.rtnl.facts("moved").index)
    back += attribute(28, struct.pack("=i", first.place.fd)) + text(3, "cable")
    second.place.rtnl.request("move", 16, NLM_F_ACK, back)
    first.place.rtnl.set_up("cable")
    first.wait_for(lambda report: report["secured"])


def test_a_full_disk_costs_what_would_be_remembered_and_not_the_link(hosts: Hosts, key: Path) -> None:
    first = hosts[0]
    first.place.rtnl.add_ipv4("cable", "10.99.0.1", 24)
    first.service()
    with first.place.inside():
        resource_limit = (0, resource.RLIM_INFINITY)
        resource.prlimit(first.services[-1].pid, resource.RLIMIT_FSIZE, resource_limit)
        first.client.link("PUT", "cable", "", {"key": str(key)})
        said = [each["reason"] for each in first.client.link("GET", "cable", "/events")["events"]]
        assert addresses(first, "sec-cable") == ["10.99.0.1/24"]
        assert any("a crash would lose what cable had" in each for each in said), said
        resource.prlimit(
            first.services[-1].pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        )
        first.client.link("DELETE", "cable")
    assert addresses(first, "cable") == ["10.99.0.1/24"]


def test_a_service_leaves_no_core_dump(hosts: Hosts) -> None:
    process = hosts[0].service()
    assert resource.prlimit(process.pid, resource.RLIMIT_CORE) == (0, 0)
    # What cannot be dumped belongs to root whoever runs it, and no debugger of the same user may look into it.
    code = "from pysec.runtime.privacy import keep_memory_private as k; import ctypes; k(); "
    code += "print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "0\n"
