"""compare matches rows by what they measure and calls a difference only what is beyond the noise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import rows
from bench.__main__ import main
from bench.compare import judge
from bench.gcm_rows import GcmRow
from bench.rows import Row, spread
from pysec.types import CipherSuite


def row(samples: list[float], provider: str = "pysec-c", burst: int = 32, impl: str = "aesni") -> Row:
    return Row("secy", provider, "protect", samples, "GCM-AES-128", 64, burst, 1, impl)


def write(path: Path, *found: Row, cpu: str = "a") -> str:
    rows.write(str(path), {"cpu": cpu}, found)
    return str(path)


def test_spread_is_median_and_quartiles() -> None:
    assert spread([5.0, 1.0, 2.0, 4.0, 3.0]) == {"median": 3.0, "min": 1.0, "p25": 2.0, "p75": 4.0, "n": 5}
    assert spread([7.0]) == {"median": 7.0, "min": 7.0, "p25": 7.0, "p75": 7.0, "n": 1}


def test_a_row_has_rates_and_cycles() -> None:
    found = row([40.0, 50.0, 60.0])
    found.ghz = [2.0, 2.0, 2.0]
    as_dict = found.as_dict()
    assert as_dict["ns_per_frame"]["median"] == 50
    assert as_dict["ns_per_call"]["median"] == 1600
    assert as_dict["gbit_s"] == 10.24
    assert as_dict["mpps"] == 20
    assert as_dict["cycles_per_octet"] == 50 * 2 / 64
    assert "samples" not in as_dict


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ([100, 101, 102, 103], [80, 81, 82, 83], "faster"),
        ([80, 81, 82, 83], [100, 101, 102, 103], "slower"),
        ([100, 101, 102, 103], [101, 102, 103, 104], "~"),
        ([50, 100, 150, 200], [40, 80, 140, 160], "~"),
    ],
)
def test_judge(old: list[float], new: list[float], word: str) -> None:
    ratio, low, high, said = judge(row(old).as_dict(), row(new).as_dict())
    assert said == word
    assert low <= ratio <= high


def test_compare_prints_ratio_and_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = write(tmp_path / "old", row([100.0] * 5), row([10.0] * 5, burst=1), row([9.0], provider="gone"))
    changed = row([50.0] * 5, impl="vaes512")
    new = write(tmp_path / "new", changed, row([10.0] * 5, burst=1), row([9.0], burst=256), cpu="b")
    assert main(["compare", old, new]) == 0
    out = capsys.readouterr().out
    assert "note: cpu differs: a then, b now" in out
    line = next(line for line in out.splitlines() if "aesni -> vaes512" in line)
    assert line.split()[-3:] == ["0.500", "0.500..0.500", "faster"]
    assert f"1 faster, 0 slower, 1 within the noise; only in {old}: 1, only in {new}: 1" in out
    assert main(["compare", "--changed", old, new]) == 0
    assert sum(line.startswith("pysec-c") for line in capsys.readouterr().out.splitlines()) == 1


def test_a_clock_that_changed_is_not_a_change_in_cycles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Half the clock, twice the nanoseconds; rows without cycles are left out."""
    for name, ns, ghz in (("old", 10.0, 3.0), ("new", 20.0, 1.5)):
        gcm = GcmRow("pysec:aesni", "seal", CipherSuite.GCM_AES_128, None, None, [ns] * 3, [ghz] * 3)
        rows.write(str(tmp_path / name), {"cpu": "a"}, [gcm, row([ns] * 3)])
    files = [str(tmp_path / "old"), str(tmp_path / "new")]
    assert main(["compare", *files]) == 0
    assert "0 faster, 2 slower, 0 within" in capsys.readouterr().out
    assert main(["compare", "--cycles", *files]) == 0
    out = capsys.readouterr().out
    assert "old cycles" in out
    assert "0 faster, 0 slower, 1 within" in out


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json\n",
        "[]\n",
        '{"card": 1}\n',
        '{"card": {}}\n{"bench": "secy"}\n',
        '{"card": {}}\n[]\n',
        '{"card": {}}\n'
        + json.dumps({"bench": "a", "provider": "b", "op": "c", "ns_per_frame": {"median": "x"}})
        + "\n",
        '{"card": {}}\n' + json.dumps({"bench": "a", "provider": 7, "op": "c", "ns_per_frame": spread([1.0])}) + "\n",
    ],
)
def test_bad_files_are_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    bad, good = tmp_path / "bad", write(tmp_path / "good", row([1.0]))
    bad.write_text(text)
    for pair in ([str(bad), good], [good, str(bad)]):
        assert main(["compare", *pair]) == 2
        error = capsys.readouterr().err
        assert error.startswith("bench: ")
        assert error.count("\n") == 1


def test_a_file_that_is_not_text_is_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad").write_bytes(b"\xff\xfe\x00")
    assert main(["compare", str(tmp_path / "bad"), str(tmp_path / "bad")]) == 2
    assert "Traceback" not in capsys.readouterr().err
