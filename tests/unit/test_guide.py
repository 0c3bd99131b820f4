"""The first page of the guide is run as it stands (`make guide`); here: the runner sees it if it is wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

import pytest

from pysec.cli.main import COMMANDS, parser
from pysec.mgmt import linkfile
from pysec.mgmt.settings import gather
from tools import guide


class Fake:
    """A host that prints what it is told to."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.ran = folder, list[str]()
        folder.mkdir()

    def run(self, script: str) -> tuple[int, str]:
        self.ran.append(script)
        return (1 if "fail" in script else 0), f"it says: {script.strip()} at 12:00\n"


def run(page: str, folder: Path) -> str | None:
    hosts = {name: Fake(folder / name) for name in "ab"}
    (folder / "a" / "key").write_text("k")
    return guide.run(page, cast(dict[str, guide.Host], hosts))


def block(kind: str, text: str) -> str:
    return f"words\n\n```{kind}\n{text}\n```\n"


def test_blocks_run_in_their_order_and_promises_are_kept(tmp_path: Path) -> None:
    page = (
        block("sh a", "one")
        + block("text", "it says: one at ...")
        + block("sh copy", "scp key b:")
        + block("sh b", "2")
    )
    assert run(page, tmp_path) is None
    assert (tmp_path / "b" / "key").read_text() == "k"


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (block("sh a", "fail"), "on a, exit status 1: fail"),
        (block("sh a", "one") + block("text", "it says: two"), "the page promises 'it says: two'"),
        (block("sh a", "one") + block("sh b", "two") + block("text", "it says: one"), "the page promises"),
        (block("python", "x"), "whose is it?"),
        ("nothing at all", "no block to run"),
    ],
)
def test_canary_a_page_that_is_wrong(tmp_path: Path, page: str, words: str) -> None:
    assert words in str(run(page, tmp_path))


def test_the_page_has_blocks_on_both_and_proves_what_it_claims(repo_root: Path) -> None:
    found = list(guide.blocks((repo_root / "docs/guide/first-link.md").read_text("utf-8")))
    scripts = "".join(text for language, _, text in found if language == "sh")
    for words in ("genkey", "pysec up", "pysec show eth1 --verify", "pysec down", "doctor"):
        assert words in scripts
    assert {place for language, place, _ in found if language == "sh"} == {"a", "b", "copy"}


def test_the_file_that_the_page_shows_is_one(repo_root: Path, tmp_path: Path) -> None:
    page = (repo_root / "docs/guide/first-link.md").read_text("utf-8")
    lines = re.findall(r"^    (\S+ = .*)$", page, re.M)
    path = tmp_path / "eth1.toml"
    path.write_text("\n".join(lines))
    assert gather(linkfile.read(path))["interface"].value == "eth1"


def test_the_unit_starts_a_command_that_there_is(repo_root: Path) -> None:
    unit = (repo_root / "contrib/pysec.service").read_text("utf-8")
    (words,) = re.findall(r"^ExecStart=/usr/local/bin/pysec (.*)$", unit, re.M)
    args = parser().parse_args(words.split())
    assert args.paths == [Path("/etc/pysec/links")]
    assert "AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW" in unit


def test_every_command_stands_in_the_readme(repo_root: Path) -> None:
    readme = (repo_root / "README.md").read_text("utf-8")
    missing = [name for name in COMMANDS if not re.search(rf"\b{name}\b", readme)]
    assert missing == ["completion"]
