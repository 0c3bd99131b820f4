"""Reading JSON strictly: what is wrong is named by file, place and field, and never quoted."""

from __future__ import annotations

from pathlib import Path

import pytest

from pysec.errors import FormatError
from pysec.secret import Secret
from pysec.tools.fields import Fields, load_json, printable
from pysec.types import Sci, Ssci

DIGITS = "deadbeef" * 4


def fields(**values: object) -> Fields:
    return Fields("file", values)


def test_what_is_right_is_read() -> None:
    f = fields(t="x", i=7, b=True, n=0, o="0aFF", s="525400000a010001", k=DIGITS, l=[{"id": "one"}, {}], none=None)
    assert f.text("t") == "x"
    assert (f.integer("i", 0, 7), f.flag("b"), f.flag("n"), f.octets("o")) == (7, True, False, b"\x0a\xff")
    assert f.octets("o", 1, 2) == b"\x0a\xff"
    assert f.secret("k", 16) == Secret(bytes.fromhex(DIGITS))
    assert f.sci("s") == Sci.parse("52:54:00:00:0a:01/1")
    assert [entry.where for entry in f.objects("l")] == ["file: l[0] (one)", "file: l[1]"]
    assert (f.text("no", "d"), f.integer("no", 1, 2, default=9), f.flag("no", default=True)) == ("d", 9, True)
    assert "none" not in f
    assert not f.lists_any("none")
    assert f.lists_any("l")


def test_an_ssci_is_a_number_or_eight_digits() -> None:
    assert fields(a=2).ssci("a") == fields(a="00000002").ssci("a") == Ssci(2)


def test_maps_and_lists() -> None:
    f = fields(n={"a": 1}, t={"0": ["x"]}, l=["a"])
    assert f.numbers_by_text("n") == {"a": 1}
    assert f.texts_by_text("t") == {"0": ["x"]}
    assert f.texts("l") == ["a"]


@pytest.mark.parametrize(
    ("values", "read"),
    [
        ({}, lambda f: f.text("x")),
        ({"x": None}, lambda f: f.text("x")),
        ({"x": 1}, lambda f: f.text("x")),
        ({"x": DIGITS}, lambda f: f.integer("x", 0, 9)),
        ({"x": 10}, lambda f: f.integer("x", 0, 9)),
        ({"x": True}, lambda f: f.integer("x", 0, 9)),
        ({"x": 1.0}, lambda f: f.integer("x", 0, 9)),
        ({"x": 2}, lambda f: f.flag("x")),
        ({"x": "true"}, lambda f: f.flag("x")),
        ({"x": DIGITS + "0"}, lambda f: f.octets("x")),
        ({"x": DIGITS + "zz"}, lambda f: f.octets("x")),
        ({"x": DIGITS}, lambda f: f.secret("x", 32)),
        ({"x": "ff" * 8}, lambda f: f.sci("x")),
        ({"x": DIGITS}, lambda f: f.sci("x")),
        ({"x": 1 << 32}, lambda f: f.ssci("x")),
        ({"x": "0001"}, lambda f: f.ssci("x")),
        ({"x": []}, lambda f: f.objects("x")),
        ({"x": [DIGITS]}, lambda f: f.objects("x")),
        ({"x": {"a": DIGITS}}, lambda f: f.numbers_by_text("x")),
        ({"x": {"a": True}}, lambda f: f.numbers_by_text("x")),
        ({"x": {"a": DIGITS}}, lambda f: f.texts_by_text("x")),
        ({"x": [1]}, lambda f: f.texts("x")),
        ({"x": DIGITS}, lambda f: f.only(["y"])),
    ],
)
def test_what_is_wrong_is_named_and_not_quoted(values: dict[str, object], read: object) -> None:
    with pytest.raises(FormatError) as caught:
        read(Fields("file", values))
    message = str(caught.value)
    assert message.startswith("file: x")
    assert "deadbeef" not in message


@pytest.mark.parametrize("values", [[], "text", 1, None])
def test_only_objects_have_fields(values: object) -> None:
    with pytest.raises(FormatError, match="not a JSON object"):
        Fields("file", values)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"[1,]",
        b'{"key": "' + DIGITS.encode() + b"}",
        b"[" * 100_000,
        b"9" * 10_000,
        b'{"a": 1, "a": 2}',
        b'[{"b": {"a": 1, "a": 1}}]',
    ],
)
def test_what_is_no_json_is_refused_in_one_line(tmp_path: Path, octets: bytes) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(octets)
    with pytest.raises(FormatError) as caught:
        load_json(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert "deadbeef" not in message


def test_a_file_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pysec.tools.fields.JSON_LIMIT", 8)
    path = tmp_path / "x.json"
    path.write_bytes(b"[1, 2, 3]")
    with pytest.raises(FormatError, match="too long"):
        load_json(path)


def test_the_limit_is_16_mib_and_no_octet_less(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b"[1]" + b" " * (16 * 1024 * 1024 - 3))
    assert load_json(path) == [1]
    with path.open("ab") as file:
        file.write(b" ")
    with pytest.raises(FormatError, match="more than 16777216 octets"):
        load_json(path)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("plain", "plain"), ("a\nb\x1b[31m", "a\\nb\\x1b[31m"), ("\ud800\xe9", "\\ud800\\xe9"), ("x" * 9, "xx...")],
)
def test_text_of_a_file_is_made_fit_for_a_terminal(text: str, shown: str) -> None:
    assert printable(text, 5 if set(text) == {"x"} else 120) == shown
