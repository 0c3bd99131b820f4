"""Vector files from anywhere: a good file with damage ends in a report or in one FormatError or UsageError, never in
anything else, and no digit of a key is in what is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pysec.errors import FormatError, UsageError
from pysec.tools.conformance.formats import FORMATS
from pysec.tools.conformance.run import run

OWN = Path(__file__).resolve().parents[1] / "data" / "vectors"
FILES = {path.name: json.loads(path.read_text()) for path in sorted(OWN.glob("*.json"))}

scalars = st.one_of(st.none(), st.booleans(), st.integers(-(1 << 66), 1 << 66), st.text(max_size=12), st.floats())
digits = st.binary(max_size=120).map(bytes.hex)
values = st.one_of(
    scalars, digits, st.lists(scalars, max_size=3), st.dictionaries(st.text(max_size=5), scalars, max_size=3)
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a document."""
    found: list[tuple[Any, Any]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found.append((value, key))
        found += places(inner)
    return found


def smaller(name: str) -> dict[str, Any]:
    """A vector file with few cases, so that many can be run."""
    values: dict[str, Any] = json.loads(json.dumps(FILES[name]))
    for field in ("vectors", "testGroups"):
        if field in values:
            values[field] = values[field][:2]
    return values


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """A vector file with some values put to anything, flipped or taken away."""
    found = smaller(draw(st.sampled_from(sorted(FILES))))
    for _ in range(draw(st.integers(1, 3))):
        every = places(found)
        if not every:
            break
        container, key = draw(st.sampled_from(every))
        old = container[key]
        choice = draw(st.integers(0, 3))
        if choice == 0 and isinstance(container, dict):
            del container[key]
        elif choice == 1 and isinstance(old, str) and old:
            at = draw(st.integers(0, len(old) - 1))
            container[key] = old[:at] + draw(st.sampled_from("0123456789abcdefx")) + old[at + 1 :]
        else:
            container[key] = draw(values)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("vectors")
    for path in OWN.glob("*.pcap"):
        (made / path.name).write_bytes(path.read_bytes())
    return made


def ends_well(path: Path, secrets: set[str]) -> None:
    try:
        report = run([path])
    except (FormatError, UsageError) as error:
        said = str(error)
        assert "\n" not in said
    else:
        counts = report.counts
        assert counts["cases"] == counts["passed"] + counts["failed"] + counts["skipped"]
        said = json.dumps(report.as_dict()) + "\n".join(report.lines())
    assert not [key for key in secrets if key in said]


SECRETS = {
    str(container[key])
    for name in FILES
    for container, key in places(smaller(name))
    if key in ("key", "sak") and len(str(container[key])) >= 32
}


def test_the_keys_are_known_to_this_test() -> None:
    assert len(SECRETS) > 20
    assert {FILES[name]["format"] for name in FILES} == set(FORMATS) - {"pysec-vectors/macsec_annex_c_frames/1"}


@given(damaged())
@settings(max_examples=200)
def test_damaged_vectors(folder: Path, found: dict[str, Any]) -> None:
    path = folder / "planted.json"
    path.write_text(json.dumps(found))
    ends_well(path, SECRETS)


@given(st.sampled_from(sorted(FILES)), st.integers(0, 1 << 16), st.binary(max_size=20))
@settings(max_examples=60)
def test_damaged_octets(folder: Path, name: str, at: int, octets: bytes) -> None:
    text = json.dumps(smaller(name)).encode()
    at %= len(text)
    path = folder / "planted.json"
    path.write_bytes(text[:at] + octets + text[at + len(octets) :] if octets else text[:at])
    ends_well(path, SECRETS)


@given(st.one_of(scalars, st.lists(scalars), st.dictionaries(st.sampled_from(["vectors", "frames", "sas"]), values)))
@settings(max_examples=60)
def test_any_json_under_any_format(folder: Path, found: Any) -> None:
    path = folder / "planted.json"
    for form in FORMATS:
        path.write_text(json.dumps(found | {"format": form} if isinstance(found, dict) else found))
        ends_well(path, set())
