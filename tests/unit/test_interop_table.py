"""The table that says what becomes of each of hostap's own macsec tests is complete, and the tests it names exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

# hostap, tests/hwsim/test_macsec.py.
OF_HOSTAP = frozenset(
    f"macsec_{name}"
    for name in [
        "psk",
        "psk_mka_life_time",
        "psk_integ_only",
        "psk_port",
        "psk_different_ports",
        "psk_shorter_ckn",
        "psk_shorter_ckn2",
        "psk_ckn_mismatch",
        "psk_cak_mismatch",
        "psk_256",
        "gcm_aes_256",
        "psk_br2",
        "psk_br2_same_prio",
        "psk_br3",
        "psk_br3_same_prio",
        "psk_ns",
        "psk_fail_cp",
        "psk_fail_cp2",
        "hostapd_psk",
        "hostapd_eap",
        "hostapd_eap_psk",
    ]
)
README = "tests/interop/README.md"


def rows(text: str) -> dict[str, list[str]]:
    """For each of hostap's tests, ours as path::name."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) != 2 or not cells[0].startswith("`macsec_"):
            continue
        path, named = "", []
        for where, name in re.findall(r"`([\w/.]*)::(\w+)`", cells[1]):
            path = where or path
            named.append(f"{path if path.startswith('tests/') else f'tests/interop/{path}'}::{name}")
        for theirs in re.findall(r"`(macsec_\w+)`", cells[0]):
            found[theirs] = named
    return found


def complaints(text: str, root: Path) -> list[str]:
    """What is wrong with the table."""
    table = rows(text)
    wrong = [f"{theirs} is missing" for theirs in sorted(OF_HOSTAP - table.keys())]
    wrong += [f"{theirs} is none of theirs" for theirs in sorted(table.keys() - OF_HOSTAP)]
    for theirs, ours in table.items():
        if not ours:
            wrong.append(f"{theirs}: names no test")
        for path, name in (one.split("::") for one in ours):
            file = root / path
            body = ast.parse(file.read_text("utf-8")).body if file.is_file() else []
            if not any(isinstance(node, ast.FunctionDef) and node.name == name for node in body):
                wrong.append(f"{theirs}: there is no {path}::{name}")
    return wrong


def test_every_test_of_hostaps_has_its_equal(repo_root: Path) -> None:
    text = (repo_root / README).read_text("utf-8")
    assert complaints(text, repo_root) == []
    assert len(OF_HOSTAP) == 21


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("| `macsec_psk_256` |", "| `psk_256` |", "macsec_psk_256 is missing"),
        ("| `macsec_psk_256` |", "| `macsec_psk_255` |", "macsec_psk_255 is none of theirs"),
        ("::test_another_cak`", "::test_another_kac`", "there is no tests/interop/test_mka_psk.py::test_another_kac"),
        ("`test_mka_psk.py::test_hostapd`", "later", "macsec_hostapd_psk: names no test"),
    ],
)
def test_the_canary_a_table_that_is_wrong_is_found(repo_root: Path, old: str, new: str, complaint: str) -> None:
    text = (repo_root / README).read_text("utf-8")
    assert old in text
    assert any(complaint in one for one in complaints(text.replace(old, new), repo_root))
