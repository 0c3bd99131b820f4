"""What is shown of an MKPDU: all that helps, no wrapped key, and nothing that a terminal would obey."""

from __future__ import annotations

import json
from dataclasses import replace

from pysec.types import An, ConfidentialityOffset, Kn
from pysec.wire import eapol, mkpdu
from pysec.wire.mkpdu import DistributedSak, SakUse
from pysec.wire.mkpdu.show import as_dict, text
from tests.unit.wire.mkpdus import SENT
from tests.unit.wire.test_mkpdu import FULL, bare


def test_a_device_in_words() -> None:
    assert text(mkpdu.decode(eapol.parse(SENT[2].frame).body)) == (
        f"MKA v1 key server 718b8a39866b2f5814c9dcf6 MN 129, SCI cc:4e:24:c4:f7:7f/128, CKN {'11' * 32}, "
        "priority 16, MACsec desired, capability 2, live [bc6a009659777a823a90d9e7:2], "
        "distributes SAK KN 1, AN 0, GCM-AES-128, encrypting, "
        "uses latest 718b8a39866b2f5814c9dcf6/1 AN 0 rx from PN 0"
    )


def test_a_device_as_json() -> None:
    found = as_dict(mkpdu.decode(eapol.parse(SENT[2].frame).body))
    assert json.loads(json.dumps(found)) == {
        "mka_version": 1,
        "basic": {
            "key_server_priority": 16, "is_key_server": True, "macsec_desired": True, "macsec_capability": 2,
            "sci": "cc:4e:24:c4:f7:7f/128", "mi": "718b8a39866b2f5814c9dcf6", "mn": 129, "ckn": "11" * 32,
        },
        "live": [{"mi": "bc6a009659777a823a90d9e7", "mn": 2}],
        "sak_use": {
            "latest_an": 0, "latest_tx": False, "latest_rx": True, "old_an": 0, "old_tx": False, "old_rx": False,
            "plain_tx": False, "plain_rx": False, "delay_protect": False, "empty": False, "old": None,
            "latest": {"ki": "718b8a39866b2f5814c9dcf6/1", "lowest_pn": 0},
        },
        "distributed_sak": {"an": 0, "kn": 1, "cipher_suite": "GCM-AES-128", "confidentiality_offset": 1},
        "icv_indicator": True,
    }  # fmt: skip


def test_everything_shows_but_keys() -> None:
    found, line = as_dict(FULL), text(FULL)
    assert found.keys() == {
        "mka_version", "basic", "live", "key_server_ssci", "potential", "sak_use", "distributed_sak",
        "distributed_cak", "kmd", "announcement", "xpn", "icv_indicator", "unknown",
    }  # fmt: skip
    for shown in (json.dumps(found), line):
        assert bytes(range(8)).hex() not in shown  # of the wrapped SAK
        assert shown.isascii()
    for words in (
        "KMD dom\\xe4n", "key server's SSCI 2", "GCM-AES-XPN-256", "encrypting after 50 octets",
        "announces GCM-AES-256", "distributes a CAK named 67726f7570", "high halves 1 and 2", "suspension for 60 s",
        "unknown set 99 of 3 octets",
    ):  # fmt: skip
        assert words in line


def test_what_a_terminal_would_obey() -> None:
    hostile = replace(FULL, kmd="\x1b[2J\n\u202e")
    assert "KMD \\x1b[2J\\n\\u202e" in text(hostile)
    assert as_dict(hostile)["kmd"] == "\\x1b[2J\\n\\u202e"


def test_no_macsec_and_unknown_suites() -> None:
    assert text(bare(distributed_sak=DistributedSak.plain())).endswith("says not to use MACsec")
    assert as_dict(bare(distributed_sak=DistributedSak.plain()))["distributed_sak"] == {"plain": True}
    odd = DistributedSak(An(0), ConfidentialityOffset.INTEGRITY_ONLY, Kn(1), bytes(range(8)), bytes(24))
    assert text(bare(distributed_sak=odd)).endswith("00-01-02-03-04-05-06-07, integrity only")
    assert text(bare(sak_use=SakUse(empty=True, plain_rx=True, delay_protect=True))).endswith(
        "uses plain rx, delay protection"
    )
    assert text(bare(sak_use=SakUse())).endswith("uses no SAK")
