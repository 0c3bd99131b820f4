"""Key files from anywhere: arbitrary octets, arbitrary JSON, and good key files with damage, end in a KeyFile or in one
FormatError, and no digit of a key is in what it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pysec.errors import FormatError
from pysec.tools.fields import Fields
from pysec.tools.pcap.keys import KeyFile, load_keys, read_keys
from pysec.tools.pcap.receive import Receivers
from pysec.tools.pcap.transmit import Transmitters
from tests.unit.tools import captures as c

MARK = "c0ffee" * 5 + "c0"  # 16 octets that no message may show

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(1 << 70), 1 << 70), st.floats(), st.text(max_size=20), st.just(MARK)
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
)
TOP = ("format", "cipher_suite", "sas", "saks", "scis", "first_pn", "sci_mode", "encrypt", "replay_window",
       "validate_frames", "vlan_tags_in_clear", "confidentiality_offset", "comment")  # fmt: skip
INNER = ("sci", "an", "key", "key_id", "ssci", "salt", "first_pn", "ki", "sak", "cipher_suite", "first_frame",
         "mka_confidentiality_offset_code")  # fmt: skip


def static(suite: str, form: str) -> dict[str, Any]:
    xpn = {"ssci": 1, "salt": "00" * 12} if "xpn" in suite.lower() else {}
    key = MARK * (2 if "256" in suite else 1)
    return {
        "format": form,
        "cipher_suite": suite,
        "sas": [{"sci": "025400000a010001", "an": 0, "key": key, **xpn}],
    }


def agreed() -> dict[str, Any]:
    sak = {"ki": "00" * 15 + "01", "an": 0, "sak": MARK, "cipher_suite": "gcm-aes-128"}
    scis = ["025400000a010001", "025400000b010001"]
    return {"format": "pysec-vectors/macsec_capture/1", "cipher_suite": "gcm-aes-128", "scis": scis, "saks": [sak]}


good = st.one_of(
    st.builds(
        static,
        st.sampled_from(["GCM-AES-128", "gcm-aes-256", "GCM-AES-XPN-128", "gcm-aes-xpn-256"]),
        st.sampled_from(["pysec-keys/1", "pysec-vectors/macsec_capture/1"]),
    ),
    st.builds(agreed),
    st.builds(c.keys),
)


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """A key file with some fields put to anything, taken away or made up."""
    found: dict[str, Any] = json.loads(json.dumps(draw(good)))
    for _ in range(draw(st.integers(0, 3))):
        inner = found.get("sas") or found.get("saks")
        entry, names = found, TOP
        if draw(st.booleans()) and isinstance(inner, list) and inner and isinstance(inner[0], dict):
            entry, names = draw(st.sampled_from(inner)), INNER
            if not isinstance(entry, dict):
                continue
        name = draw(st.one_of(st.sampled_from(names), st.text(max_size=10)))
        if draw(st.integers(0, 3)):
            entry[name] = draw(values)
        else:
            entry.pop(name, None)
    return found


def used(read: Callable[[], KeyFile]) -> None:
    """Read, and make SecYs of what was read: what the reader takes, a SecY must take too."""
    try:
        keys = read()
    except FormatError as error:
        message = str(error)
        assert "c0ffee" not in message
        assert "\n" not in message
        return
    Receivers(keys)
    if len({sci.mac for sci in keys.scis}) == len(keys.scis):
        Transmitters(keys)
    assert "c0ffee" not in repr(keys)


@given(damaged())
@settings(max_examples=200)
def test_damaged_key_files(found: dict[str, Any]) -> None:
    used(lambda: read_keys(Fields("keys", found)))


@given(values)
@settings(max_examples=100)
def test_any_json(found: object) -> None:
    used(lambda: read_keys(Fields("keys", found)))


files = st.one_of(
    st.binary(max_size=200),
    good.map(lambda found: json.dumps(found).encode()),
    damaged().map(lambda found: str(found).encode("utf-8", "surrogatepass")),
)


@given(files, st.integers(0, 400))
@settings(max_examples=150)
def test_any_octets(tmp_path_factory: pytest.TempPathFactory, octets: bytes, cut: int) -> None:
    path: Path = tmp_path_factory.mktemp("keys") / "keys.json"
    path.write_bytes(octets[:cut])
    used(lambda: load_keys(path))
