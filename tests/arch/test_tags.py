"""Every clause that the code claims to obey has a test that names it."""

from __future__ import annotations

from pathlib import Path

from tests.arch import picture
from tests.arch.test_layers import plant


def test_every_clause_tag_has_a_test(repo_root: Path) -> None:
    missing = picture.clause_tags(repo_root)
    assert not missing, "clauses without a test that bears their tag:\n" + "\n".join(missing)


def test_canary_a_tag_without_a_test(tmp_path: Path) -> None:
    plant(tmp_path, "csrc/macsec/secy.c", "/* 802.1AE-2018 10.6.2 and SP 800-38D\n * 8.2.1; RFC 5116 3.2 */\n")
    plant(tmp_path, "tests/unit/test_secy.py", '"""802.1AE-2018 10.6 and RFC 5116 3.2."""\n')
    plant(tmp_path, "tests/unit/notes.py", '"""802.1AE-2018 10.6.2: not a test."""\n')
    plant(tmp_path, "tests/arch/test_tags.py", '"""802.1AE-2018 10.6.2: an example, not a test of it."""\n')
    found = [line.partition(": ")[0] for line in picture.clause_tags(tmp_path)]
    assert found == ["802.1AE-2018 10.6.2", "SP 800-38D 8.2.1"]
