"""Each reason for which a link does not come up is found, and named with its mend."""

from __future__ import annotations

import io
import json
import socket
from typing import Any

import pytest
from rich.console import Console

from pysec.cli import completion, show, top
from pysec.cli.main import COMMANDS, main, parser
from pysec.lab.netns import NetNs
from pysec.mgmt import doctor
from pysec.mgmt.doctor import Finding
from tests.unit.runtime.ups import MACS

PEER = {"sci": "02:00:00:00:00:0b/1", "live": False}


def report(**more: Any) -> dict[str, Any]:
    """A link that is not secured."""
    said: dict[str, Any] = {
        "interface": "eth1",
        "controlled": "sec-eth1",
        "policy": "must-secure",
        "secured": False,
        "state": "closed",
        "why": "no live peer",
        "mka": {},
        "last-mkpdu-refusal": "the last one",
        "guard": [{"name": "eapol", "inward": True, "frames": 3}],
        "peers": [],
    }
    return said | more


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"mka": {"bad ICV": 3}}, "wrong CAK: the last one"),
        ({"mka": {"unknown CKN": 3}}, "wrong CKN: the last one"),
        ({"mka": {"malformed": 3}}, "no MKA as it should be"),
        ({"mka": {"protocol error": 3}}, "no MKA as it should be"),
        ({"peers": [PEER | {"live": True}]}, "the peer is live, and no SAK is in use"),
        ({"peers": [PEER]}, "it does not hear us"),
        ({"guard": [{"name": "eapol", "inward": True, "frames": 0}]}, "a bridge on the way stops EAPOL"),
        ({"guard": []}, "no MKPDU that could be used has come"),
    ],
)
def test_a_peer_that_does_not_answer_has_a_reason(more: dict[str, Any], words: str) -> None:
    found = list(doctor.link(report(**more)))
    assert [each.ok for each in found] == [False, False]
    assert words in found[1].detail
    assert found[1].mend


def test_a_link_that_is_well_is_said_to_be() -> None:
    well = report(secured=True, protection="encrypted", **{"cipher-suite": "GCM-AES-128"})
    assert [each.ok for each in doctor.link(well)] == [True]
    failed = {"interface": "eth1", "secured": False, "state": "failed", "why": "no such key file"}
    (found,) = doctor.link(failed)
    assert "no such key file" in found.detail


def test_the_machine_is_looked_at(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    found = {each.id: each for each in doctor.machine()}
    assert set(found) == {"capabilities", "tun", "guard", "aes-gcm", "entropy", "clock", "run-folder"}
    monkeypatch.setattr(doctor, "has_capability", lambda number: False)
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)
    missing = {each.id: each for each in doctor.machine()}
    assert missing["capabilities"].ok is False
    assert missing["capabilities"].detail == "CAP_NET_RAW and CAP_NET_ADMIN missing"
    assert "modprobe tun" in missing["tun"].mend
    assert main(["doctor", "--json", "--socket", "/nonexistent/s"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["ok"] is False
    assert {"id", "ok", "detail", "mend"} == set(said["checks"][0])


@pytest.mark.root
def test_an_interface_is_looked_at(places: tuple[NetNs, NetNs]) -> None:
    first, second = places

    def found(name: str = "cable") -> dict[str, Finding]:
        with first.inside():
            return {each.id: each for each in doctor.interface(name)}

    assert all(each.ok is not False for each in found().values())
    assert "--raise-mtu" not in found()["mtu"].mend  # 1532 octets
    with first.inside():
        other = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x888E))
    with other:
        other.bind(("cable", 0x888E))
        assert found()["supplicant"].ok is False
    assert found()["supplicant"].ok is True
    second.rtnl.set_down("cable")
    assert found()["carrier"].detail == "cable has no carrier"
    first.rtnl.set_down("cable")
    assert found()["carrier"].mend == "ip link set cable up"
    assert found("nothing")["interface"].mend == "there are: cable"
    assert found("lo")["interface"].ok is False
    assert MACS[0].octets


def test_a_shell_completes_what_there_is() -> None:
    words = {name: completion.options_of(each) for name, each in completion.commands_of(parser()).items()}
    assert set(words) == set(COMMANDS)
    assert "--replay-window" in words["up"]
    assert "dissect" in words["pcap"]
    for shell in ("bash", "zsh"):
        assert "complete -F _pysec pysec" in completion.script(words, shell)


FULL = report(
    secured=True,
    state="secured",
    why="",
    protection="encrypted",
    sci="02:00:00:00:00:0a/1",
    ki="00" * 12 + "/1",
    an=0,
    pending="",
    refused=3,
    protected=1000,
    validated=900,
    peers=[
        PEER
        | {"live": True, "key-server": True, "mka-version": 3, "receiving-with": "ab/1"}
        | {"counters": {"in-pkts-ok": 900, "in-pkts-late": 3}, "lost": 7, "reordered": 2, "reordering-depth": 5}
    ],
    **{
        "cipher-suite": "GCM-AES-XPN-256",
        "is-key-server": False,
        "key-server": "02:00:00:00:00:0b/1",
        "sak-age-s": 90061.0,
        "next-rekey-s": 59.0,
        "next-pn": 1001,
        "pn-exhaustion-s": 1e12,
        "refused-by": {"in-pkts-late": 3},
        "last-refusal": {"seconds-ago": 3.0, "counter": "in-pkts-late", "text": "late", "reasons": []},
        "trial-left-s": 12.0,
        "rates": {"out-pkts-s": 12345.0, "in-pkts-s": 1.0, "refused-s": 1.0, "out-bits-s": 1.23e9, "in-bits-s": 0.0},
    },
)


def test_a_link_is_shown_in_words() -> None:
    text = "\n".join(show.lines(FULL))
    assert "SECURED, encrypted with GCM-AES-XPN-256; use sec-eth1; key server 02:00:00:00:00:0b/1" in text
    assert "ON TRIAL: undone in 12 s; pysec confirm eth1 keeps it" in text
    assert "made 1 day 1 hour ago" in text
    assert "next rekey: in 59 seconds; packet numbers: next 1,001, used up in more than 100 years" in text
    assert "1,000 protected, 900 validated, 3 (3 in-pkts-late) refused" in text
    assert "last refused: 3 seconds ago, in-pkts-late: late" in text
    assert "7 lost, 2 out of order by up to 5 frames" in text


def test_all_links_fit_in_a_table() -> None:
    console = Console(width=110, file=io.StringIO(), record=True)
    console.print(top.table([FULL, {"interface": "eth2", "state": "failed", "why": "no key", "peers": []}]))
    text = console.export_text()
    assert "GCM-AES-XPN-256" in text
    assert "12.3k" in text
    assert "1230M" in text
    assert "failed" in text
    assert [top.scaled(x) for x in (0, 9999, 10000, 123456, 1e12)] == ["0", "9999", "10.0k", "123k", "1000G"]
