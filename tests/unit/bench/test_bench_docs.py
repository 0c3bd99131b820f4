"""Figures in documents are those of the results files: bench docs finds the one that is not, and repairs it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from bench import chart, docs, rows
from bench.__main__ import main
from bench.docs_tables import TABLES
from bench.gcm_rows import GcmRow, Group, Load
from bench.harness import ROOT
from pysec.errors import FormatError
from pysec.types import CipherSuite

SUITE = CipherSuite.GCM_AES_128
CARD = {
    "cpu": "a core",
    "cpu_id": "a/1",
    "cpus": 2,
    "pinned_to": [1],
    "kernel": "Linux 6",
    "compiler": "cc",
    "cflags": "",
}
CARD |= {"date": "2026-01-01T00:00:00Z", "commit": "0123456789abcdef", "dirty": False, "missing": {"openssl": "none"}}
DOCUMENT = """# Figures

<!-- bench: gcm from=rows.jsonl suite=GCM-AES-128 op=seal -->
<!-- bench end -->

Between.

<!-- bench: card from=rows.jsonl -->
<!-- bench end -->
"""


def results(path: Path, ours: float) -> None:
    """Two payloads, two providers."""
    found = []
    for provider, cycles in (("pysec:vaes512", ours), ("ipsec-mb", 80.0)):
        for octets in (48, 1500):
            extra = {"limit_cycles": 10, "limit_by": "aes"} | ({"ipsec_mb_ratio": 4.0} if provider[0] == "p" else {})
            group = Group(SUITE, Load(octets), 32)
            found.append(GcmRow(provider, "seal", SUITE, group, None, [cycles], [1.0], extra))
    rows.write(str(path), CARD, found)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    results(tmp_path / "rows.jsonl", 20)
    (tmp_path / "page.md").write_text(DOCUMENT)
    return tmp_path


def run(root: Path, what: str) -> int:
    import argparse

    return docs.run(argparse.Namespace(check=what == "check", write=what == "write", document=["page.md"]), root)


def test_the_documents_here_say_what_the_results_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["docs", "--check"]) == 0
    assert capsys.readouterr().out.endswith(" tables, 0 differ\n")


def test_the_page_on_performance_shows_both_keys_and_directions_and_the_picture() -> None:
    page = (ROOT / "docs" / "PERFORMANCE.md").read_text("utf-8")
    queries = [match["query"] for match in docs.MARKER.finditer(page)]
    for suite in ("GCM-AES-128", "GCM-AES-256"):
        for op in ("seal", "open"):
            assert any(query.startswith("gcm ") and f"suite={suite} op={op}" in query for query in queries)
    assert {query.split()[0] for query in queries} == set(TABLES) - {"secy"}
    assert ".svg)" in page


def test_write_puts_the_tables_there_and_check_is_content(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(root, "check") == 1
    assert run(root, "write") == 0
    page = (root / "page.md").read_text()
    assert "| 48 | 20.0 (vaes512) | **80.0** | - | - | 10.0 | 4.00 | 4 |\n" in page
    assert "commit 0123456789ab." in page
    assert "openssl is missing: none" in page
    assert page.count("Between.") == page.count("# Figures") == 1
    assert run(root, "check") == 0
    assert run(root, "write") == 0
    assert (root / "page.md").read_text() == page
    capsys.readouterr()


def test_canary_a_table_that_drifted(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(root, "write")
    good = (root / "page.md").read_text()
    (root / "page.md").write_text(good.replace("20.0 (vaes512)", "19.0 (vaes512)", 1))
    capsys.readouterr()
    assert run(root, "check") == 1
    assert "page.md:3: the table gcm is not what rows.jsonl says\n2 tables, 1 differ" in capsys.readouterr().out
    assert run(root, "write") == 0
    assert (root / "page.md").read_text() == good


def test_canary_results_that_moved_on(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(root, "write")
    results(root / "rows.jsonl", 18)
    capsys.readouterr()
    assert run(root, "check") == 1
    said = capsys.readouterr().out
    assert "the table gcm is not" in said
    assert "rows.svg: the picture is not" in said
    assert "the table card" not in said


def test_canary_a_picture_that_drifted(root: Path) -> None:
    run(root, "write")
    picture = root / "rows.svg"
    assert picture.read_text("utf-8") == chart.draw(*rows.read(str(root / "rows.jsonl")))
    picture.write_text(picture.read_text("utf-8").replace("<circle", "<ellipse", 1))
    assert run(root, "check") == 1
    picture.unlink()
    assert run(root, "check") == 1
    assert run(root, "write") == 0
    assert run(root, "check") == 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("bench: gcm ", "bench: no-such ", "page.md:3: there is no table"),
        (" from=rows.jsonl", "", "page.md:3: there is no table"),
        (" op=seal", "", "page.md:3: no such table can be made"),
        ("op=seal", "op=knit", "no row fits"),
        ("op=seal", "op=seal colour=red", "page.md:3: no such table can be made"),
        ("<!-- bench end -->\n\nBetween.", "Between.", "page.md:6: this marker stands inside of another"),
        (
            "<!-- bench end -->\n\nBetween.\n\n<!-- bench: card from=rows.jsonl -->\n<!-- bench end -->",
            "",
            "no `<!-- be",
        ),
    ],
)
def test_a_marker_that_makes_no_sense(root: Path, old: str, new: str, said: str) -> None:
    text = (root / "page.md").read_text()
    assert old in text
    (root / "page.md").write_text(text.replace(old, new, 1))
    with pytest.raises(FormatError, match=said):
        run(root, "write")
    assert (root / "page.md").read_text() == text.replace(old, new, 1)


def test_results_that_are_not_there_or_are_none(root: Path) -> None:
    card, *found = (root / "rows.jsonl").read_text().splitlines()
    (root / "rows.jsonl").write_text("\n".join(found) + "\n")
    with pytest.raises(FormatError, match="the first line is not a machine card"):
        run(root, "check")
    assert json.loads(card)["card"]["cpu"] == "a core"
    (root / "rows.jsonl").unlink()
    with pytest.raises(FileNotFoundError):
        run(root, "check")


def test_the_table_of_the_readme_is_made_from_its_results_file(tmp_path: Path) -> None:
    """As it stands in the repository, with one figure of the results changed."""
    source = "bench/results/secy-zen3-25-1.jsonl"
    (tmp_path / "bench/results").mkdir(parents=True)
    shutil.copy(ROOT / source, tmp_path / source)
    shutil.copy(ROOT / "README.md", tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text("utf-8")
    only = [match[0] for match in docs.MARKER.finditer(text) if match["query"].startswith("secy ")]
    (tmp_path / "page.md").write_text("\n".join(only) + "\n")
    assert run(tmp_path, "check") == 0
    changed = re.sub(r'("ns_per_frame": \{"median": )', r"\g<1>9", (tmp_path / source).read_text())
    (tmp_path / source).write_text(changed)
    assert run(tmp_path, "check") == 1
