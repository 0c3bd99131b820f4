"""The key log has the form of Wireshark's table, mode 0600, and is refused where others could read it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pysec.errors import KeyStoreError
from pysec.runtime.keylog import KeyLog
from tests.unit.sa.test_plan import material


def test_a_line_for_each_sak_in_a_file_of_mode_0600(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    for name in "ab":
        with KeyLog(path) as log:
            log.write(material(name, 2))
    assert path.stat().st_mode & 0o777 == 0o600
    lines = path.read_text("ascii").splitlines()
    form = re.compile(r'[0-9a-f]{32},"GCM-AES-128 KI [0-9a-f]{24}/\d+ AN 2"')
    assert len(lines) == 2
    assert all(form.fullmatch(line) for line in lines)
    assert [bytes.fromhex(line.split(",")[0]) for line in lines] == [b"a" * 16, b"b" * 16]


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("")
    path.chmod(0o644)
    with pytest.raises(KeyStoreError):
        KeyLog(path)
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(OSError, match="symbolic links"):
        KeyLog(link)
    with pytest.raises((KeyStoreError, OSError)):
        KeyLog(Path("/dev/null"))
