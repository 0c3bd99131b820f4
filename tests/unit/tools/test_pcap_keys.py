"""Key files: both formats, what each field does (802.1AE-2018 10.5.3 for the SCI modes), and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from pysec.errors import FormatError
from pysec.tools.fields import Fields
from pysec.tools.pcap.keys import KeyFile, SciMode, load_keys, read_keys
from pysec.types import CipherSuite, Sci, Ssci, ValidateFrames
from tests.unit.tools import captures as c

LEFT = Sci.parse("02:54:00:00:0a:01/1")
XPN = {"cipher_suite": "GCM-AES-XPN-128"}
SALT = "00" * 12
MI = "c91d1948d974d82bcf0d538d"


def read(values: dict[str, object]) -> KeyFile:
    return read_keys(Fields("keys", values))


def own(*sas: dict[str, object], **more: object) -> dict[str, object]:
    return {"format": "pysec-keys/1", "cipher_suite": "GCM-AES-128", "sas": list(sas), **more}


def sa(**more: object) -> dict[str, object]:
    return {"sci": str(LEFT), "an": 0, "key": c.KEY, **more}


def test_the_least_that_a_key_file_says() -> None:
    keys = read(own(sa()))
    assert keys.cipher_suite is CipherSuite.GCM_AES_128
    assert (keys.sci_mode, keys.encrypt, keys.replay_window) == (SciMode.SCI, True, 0)
    assert (keys.validate_frames, keys.vlan_tags_in_clear) == (ValidateFrames.STRICT, 0)
    (found,) = keys.sas
    assert (found.sci, found.an, found.first_pn, found.ssci, found.salt) == (LEFT, 0, 1, None, None)
    assert c.KEY not in repr(keys) + repr(found)


def test_everything_that_a_key_file_may_say(tmp_path: Path) -> None:
    more: dict[str, object] = {"comment": "a link", "confidentiality_offset": 30, "replay_window": 64}
    more |= {"validate_frames": "Check", "vlan_tags_in_clear": 2, "encrypt": False, "sci_mode": "es", "first_pn": 9}
    entries = (sa(key_id="01" * 16, comment="left", first_pn=7), sa(an=1, key=c.OTHER_KEY))
    keys = load_keys(c.write_json(tmp_path / "keys.json", own(*entries, **more)))
    assert [(s.first_pn, s.confidentiality_offset) for s in keys.sas] == [(7, 30), (9, 30)]
    assert keys.sas[0].ki.octets == bytes([1]) * 16
    receive, send = keys.receive_config(), keys.transmit_config()
    assert (receive.replay_window, receive.validate_frames) == (64, ValidateFrames.CHECK)
    assert receive.vlan_tags_in_clear == send.vlan_tags_in_clear == 2
    assert (send.use_es, send.always_include_sci, send.use_scb) == (True, False, False)
    assert keys.encrypt is False


@pytest.mark.parametrize("mode", list(SciMode))
def test_sci_modes(mode: SciMode) -> None:
    config = read(own(sa(), sci_mode=mode.value)).transmit_config()
    assert config.always_include_sci == (mode is SciMode.SCI)
    assert config.use_es == (mode is SciMode.ES)
    assert config.use_scb == (mode is SciMode.SCB)


def test_entries_that_share_a_sak_share_its_key_identifier() -> None:
    keys = read(own(sa(), sa(sci="02:54:00:00:0b:01/1"), sa(an=1, key=c.OTHER_KEY)))
    first, second, third = (s.ki for s in keys.sas)
    assert first == second != third


def test_xpn_takes_ssci_and_salt() -> None:
    keys = read(own(sa(ssci=2, salt=SALT), **XPN))
    assert (keys.sas[0].ssci, keys.sas[0].salt) == (Ssci(2), bytes(12))


def test_first_pn_of_a_real_capture_is_that_of_an_0() -> None:
    values = own(sa(), sa(an=1, key=c.OTHER_KEY), first_pn=77)
    values["format"] = "pysec-vectors/macsec_capture/1"
    assert [s.first_pn for s in read(values).sas] == [77, 1]
    assert [s.first_pn for s in read(values | {"format": "pysec-keys/1"}).sas] == [77, 77]


def agreed(**more: object) -> dict[str, object]:
    scis = ["525400000a010001", "525400000b010001"]
    sak = {"ki": MI + "00000001", "an": 0, "sak": c.KEY, "cipher_suite": "gcm-aes-xpn-128", "first_frame": 4}
    values: dict[str, object] = {"format": "pysec-vectors/macsec_capture/1", "cipher_suite": "gcm-aes-xpn-128"}
    return values | {"scis": scis, "saks": [sak]} | more


def test_saks_of_mka_give_an_sa_for_each_sci() -> None:
    keys = read(agreed())
    assert [(s.sci.octets.hex(), s.ssci) for s in keys.sas] == [
        ("525400000a010001", Ssci(2)),
        ("525400000b010001", Ssci(1)),
    ]
    assert {s.salt for s in keys.sas} == {bytes.fromhex("c91c1948d974d82bcf0d538d")}
    assert {s.first_frame for s in keys.sas} == {4}
    assert keys.encrypt


def test_too_many_scis_and_saks_are_refused_before_one_sa_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def made(**_: object) -> None:
        pytest.fail("an SA was made")

    monkeypatch.setattr("pysec.tools.pcap.keys.KeyedSa", made)
    saks = agreed()["saks"]
    assert isinstance(saks, list)
    for scis, count in ((4097, 1), (4096, 17), (2, 32_769)):
        with pytest.raises(FormatError, match="more than"):
            read(agreed(scis=[f"{i:016x}" for i in range(1, scis + 1)], saks=saks * count))


def test_mka_without_confidentiality_sends_without() -> None:
    values = agreed(cipher_suite="gcm-aes-128")
    values["saks"][0] |= {"cipher_suite": "gcm-aes-128", "mka_confidentiality_offset_code": 0}
    assert not read(values).encrypt
    values["saks"][0] |= {"mka_confidentiality_offset_code": 3}
    assert read(values).sas[0].confidentiality_offset == 50


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, "format"),
        ({"format": "pysec-vectors/xpn_recovery/1"}, "holds no keys"),
        (own(), "sas"),
        (own(sa(), replay_windw=1), "replay_windw: no such field"),
        (own(sa(keyid="00")), "keyid: no such field"),
        (own(sa(), cipher_suite="AES"), "must be one of GCM-AES-128"),
        (own(sa(key=c.KEY * 2)), "32 octets, must be 16"),
        (own(sa(key=c.KEY[:-1] + "g")), "hex"),
        (own(sa(), cipher_suite="GCM-AES-256"), "16 octets, must be 32"),
        (own(sa(an=4)), "an: must be"),
        (own(sa(sci="ff" * 8)), "must be an SCI"),
        (own(sa(ssci=1)), "has none"),
        (own(sa(salt=SALT)), "has none"),
        (own(sa(), **XPN), "ssci: "),
        (own(sa(ssci=1), **XPN), "salt: missing"),
        (own(sa(ssci=1, salt=SALT), confidentiality_offset=30, **XPN), "confidentiality_offset"),
        (own(sa(), confidentiality_offset=31), "confidentiality_offset"),
        (own(sa(), sci_mode="both"), "sci_mode"),
        (own(sa(), validate_frames="loose"), "validate_frames"),
        (own(sa(), replay_window=1 << 32), "replay_window"),
        (own(sa(), first_pn=0), "first_pn"),
        (own(sa(), first_pn=1 << 32), "first_pn"),
        (own(sa(), sa(key=c.OTHER_KEY)), "given twice"),
        (own(sa(key_id="00" * 16), sa(an=1, key_id="01" * 16)), "a key has one key_id"),
        (own(sa(key_id="00" * 16), sa(an=1, key=c.OTHER_KEY, key_id="00" * 16)), "names one key"),
        (own(sa(ssci=1, salt=SALT), sa(sci="02:54:00:00:0b:01/1", ssci=1, salt=SALT), **XPN), "has this SSCI"),
        (own(*(sa(sci=f"{i:016x}") for i in range(1, 4098))), "more than 4096"),
        (agreed(scis=["525400000a010001"] * 2), "scis"),
        (agreed(scis=["5254"]), "scis"),
        (agreed(cipher_suite="gcm-aes-128"), "is not the file's"),
        (agreed(scis=[f"{i:016x}" for i in range(1, 4098)]), "more than 4096 SCIs"),
        (agreed(scis=[f"{i:016x}" for i in range(1, 4097)], saks=[{}] * 17), "more than 65536 SAs"),
        (agreed(scis=[f"{i:016x}" for i in range(1, 4097)], saks=[{}] * 16), "saks[0]: cipher_suite: missing"),
    ],
)
def test_what_is_refused(values: dict[str, object], says: str) -> None:
    with pytest.raises(FormatError) as caught:
        read(values)
    message = str(caught.value)
    assert message.startswith("keys: ")
    assert says in message
    assert c.KEY not in message
    assert "\n" not in message


def test_one_ssci_for_two_scis_is_refused_since_they_would_share_nonces() -> None:
    """802.1AE-2018 10.7.13: an SSCI is unique among the SCIs that use a SAK. With another SAK it may come again."""
    other = sa(sci="02:54:00:00:0b:01/1", ssci=1, salt=SALT, key=c.OTHER_KEY)
    assert len(read(own(sa(ssci=1, salt=SALT), other, **XPN)).sas) == 2
