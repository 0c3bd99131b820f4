"""A link of a service through trials, kills, reloads, failures, full disks, and a thousand ups and downs."""

from __future__ import annotations

import json
import os
import resource
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pysec.lab.netns import NLM_F_ACK, _ifinfo
from pysec.runtime.netlink import attribute, text
from tests.unit.mgmt.hosts import Host, Hosts, addresses, up
from tests.unit.runtime.ups import link_delete

pytestmark = [pytest.mark.root, pytest.mark.slow]


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
    # Asked for again, and not on trial, it stays too.
    first.pysec("up", "cable", "--key", str(key), "--priority", "4", "--try", "2", "--wait", "0")
    first.pysec("up", "cable", "--key", str(key), "--priority", "4", "--wait", "0")
    assert first.report()["trial-left-s"] is None
    first.pysec("up", "cable", "--key", str(key), "--wait", "0")
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


def test_what_cannot_be_recalled_is_set_aside_and_in_nobodys_way(hosts: Hosts, key: Path, tmp_path: Path) -> None:
    first = hosts[0]
    first.run.mkdir()
    links = tmp_path / "links"
    links.mkdir()
    (links / "cable.toml").write_text(f'format = "pysec-link/1"\ninterface = "cable"\nkey = "{key}"\n')
    (first.run / "links.json").write_text('{"format": "pysec-state/9"}')
    service = first.service(str(links))
    assert first.report()["state"] == "closed"
    assert (first.run / "links.unreadable").read_text() == '{"format": "pysec-state/9"}'
    service.send_signal(signal.SIGTERM)
    assert service.wait(30) == 0
    state = {"format": "pysec-state/1", "trials": {}, "links": {"wire": {"colour": 3}, "cable": {"key": str(key)}}}
    (first.run / "links.json").write_text(json.dumps(state))
    first.service(str(links))
    with first.place.inside():
        assert [each["interface"] for each in first.client.ask("GET", "/v1/links")["links"]] == ["cable"]


def test_a_link_that_has_failed_is_tried_again_when_somebody_asks(hosts: Hosts, key: Path) -> None:
    first, aside = hosts[0], key.with_name("aside")
    first.service()
    words = ("up", "cable", "--key", str(key), "--wait", "0")
    assert first.pysec(*words)[0] == 1
    key.rename(aside)
    link_delete(first.place, "sec-cable")
    why = f"{key}: No such file or directory"
    first.wait_for(lambda report: (report["state"], report["why"]) == ("failed", why))
    code, _, errors = first.pysec(*words)
    assert (code, "No such file" in errors) == (2, True)
    assert first.report()["state"] == "failed"
    code, out, _ = first.pysec("show")
    assert code == 1
    assert "FAILED" in out
    aside.rename(key)
    assert first.pysec(*words)[0] == 1
    assert first.report()["state"] == "closed"
