"""Key files: what is read, what is refused and in which words, and that a key does not end up where it should not."""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pysec import keyfile
from pysec.cli import main as cli
from pysec.errors import FormatError, KeyStoreError, PysecError, UsageError
from pysec.mka.keys import Cak
from pysec.secret import Secret
from pysec.types import Ckn

CAK = "135bd758b0ee5c11c55ff6ab19fdb199"
GOOD = f"# a comment\n\nformat = pysec-cak/1\nckn=96437A93cc\n  cak =  {CAK}  \n# the end"


def put(folder: Path, text: str | bytes, mode: int = 0o600) -> Path:
    path = folder / "key"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)
    return path


def same(found: Cak, cak: str, ckn: str) -> bool:
    want = Cak.from_octets(Secret.from_hex(cak), Ckn.parse(ckn))
    return found.ckn == want.ckn and found.icv(b"frame") == want.icv(b"frame")


@pytest.mark.parametrize("text", [GOOD, GOOD.replace("\n", "\r\n"), GOOD + "\n"])
def test_a_key_file(tmp_path: Path, text: str) -> None:
    assert same(keyfile.read_cak(put(tmp_path, text)), CAK, "96437a93cc")


BAD = {
    "empty": ("", "no line `format = ...`"),
    "no-ckn": ("format=pysec-cak/1\ncak=" + CAK, "no line `ckn = ...`"),
    "no-cak": ("format=pysec-cak/1\nckn=01", "no line `cak = ...`"),
    "version": (GOOD.replace("/1", "/2"), "format: must be pysec-cak/1"),
    "name": (GOOD + "\npriority = 1", "line 7: must be `name = value`"),
    "no-equals": (GOOD + f"\n{CAK}", "line 7: must be `name = value`"),
    "twice": (GOOD + f"\ncak = {CAK}", "line 7: cak comes twice"),
    "odd": (GOOD.replace(CAK, CAK[1:]), "cak: must be an even number of hex digits"),
    "digits": (GOOD.replace(CAK, "x" + CAK[1:]), "cak: must be an even number of hex digits"),
    "spaces": (GOOD.replace(CAK, CAK[:8] + " " + CAK[8:]), "cak: must be an even number of hex digits"),
    "short": (GOOD.replace(CAK, CAK[2:]), "cak: 15 octets, must be 16 or 32"),
    "none": (GOOD.replace(CAK, ""), "cak: 0 octets, must be 16 or 32"),
    "ckn-none": (GOOD.replace("96437A93cc", ""), "ckn: 0 octets, must be 1 to 32"),
    "ckn-long": (GOOD.replace("96437A93cc", "00" * 33), "ckn: 33 octets, must be 1 to 32"),
    "long": (GOOD + "\n#" + "x" * 4096, "more than 4096 octets"),
    "binary": (bytes(range(256)), "line 1: must be `name = value`"),
}


@pytest.mark.parametrize("why", BAD)
def test_what_a_key_file_must_say(tmp_path: Path, why: str) -> None:
    """One line that names the place, and no digit of the key."""
    text, words = BAD[why]
    path = put(tmp_path, text)
    with pytest.raises(FormatError) as caught:
        keyfile.read_cak(path)
    said = str(caught.value)
    assert words in said
    assert said.startswith(str(path))
    assert CAK[4:12] not in said
    assert "\n" not in said


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610, 0o644, 0o777])
def test_others_must_not_get_at_it(tmp_path: Path, mode: int) -> None:
    path = put(tmp_path, GOOD, mode)
    with pytest.raises(KeyStoreError, match=f"mode {mode:04o} lets others"):
        keyfile.read_cak(path)
    assert keyfile.read_cak(path, allow_exposed=True).ckn == Ckn.parse("96437a93cc")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give a file away")
def test_nor_own_it(tmp_path: Path) -> None:
    path = put(tmp_path, GOOD)
    os.chown(path, 12345, 12345)
    with pytest.raises(KeyStoreError, match="another user"):
        keyfile.read_cak(path)


def test_what_is_neither_file_nor_pipe(tmp_path: Path) -> None:
    for path in (tmp_path, Path("/dev/null")):
        with pytest.raises(KeyStoreError, match="neither a file nor a pipe"):
            keyfile.read_cak(path)
    with pytest.raises(FileNotFoundError):
        keyfile.read_cak(tmp_path / "missing")


def test_a_link_and_a_pipe(tmp_path: Path) -> None:
    """A vault mounts links; a shell hands over pipes."""
    (tmp_path / "link").symlink_to(put(tmp_path, GOOD))
    assert keyfile.read_cak(tmp_path / "link").ckn == Ckn.parse("96437a93cc")
    reading, writing = os.pipe()
    try:
        os.write(writing, GOOD.encode())
        os.close(writing)
        assert keyfile.read_cak(f"/dev/fd/{reading}").ckn == Ckn.parse("96437a93cc")
    finally:
        os.close(reading)


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO(GOOD.encode())

    monkeypatch.setattr(sys, "stdin", Stdin)
    assert same(keyfile.read_cak("-"), CAK, "96437a93cc")


def test_what_was_read_is_wiped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wiped = []
    monkeypatch.setattr(keyfile, "wipe", lambda text: wiped.append((len(text), text)))
    keyfile.read_cak(put(tmp_path, GOOD))
    with pytest.raises(FormatError):
        keyfile.read_cak(put(tmp_path, GOOD + "\nx"))
    assert [length for length, _ in wiped] == [len(GOOD), len(GOOD) + 2]
    monkeypatch.undo()
    text = bytearray(b"octets")
    keyfile.wipe(text)
    assert text == bytes(6)


# ---- genkey ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [128, 256])
def test_genkey(tmp_path: Path, bits: int, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new"
    old_mask = os.umask(0)
    try:
        assert cli.main(["genkey", str(path), "--bits", str(bits), "--json"]) == 0
    finally:
        os.umask(old_mask)
    said = json.loads(capsys.readouterr().out)
    found = keyfile.read_cak(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (found.octets * 8, len(found.ckn.octets)) == (bits, 32)
    assert said == {"ok": True, "file": str(path), "bits": bits, "ckn": str(found.ckn)}
    assert list(tmp_path.iterdir()) == [path]


def test_genkey_never_makes_the_same_key_twice(tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert cli.main(["genkey", str(tmp_path / name), "--ckn", "01ff"]) == 0
    first, second = (keyfile.read_cak(tmp_path / name) for name in ("a", "b"))
    assert first.ckn == second.ckn == Ckn(b"\x01\xff")
    assert first.icv(b"frame") != second.icv(b"frame")


def test_genkey_overwrites_only_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = put(tmp_path, GOOD)
    assert cli.main(["genkey", str(path)]) == 2
    assert "--force overwrites" in capsys.readouterr().err
    assert path.read_text("utf-8") == GOOD
    assert list(tmp_path.iterdir()) == [path]
    path.chmod(0o644)
    assert cli.main(["genkey", str(path), "--force"]) == 0
    assert not same(keyfile.read_cak(path), CAK, "96437a93cc")


@pytest.mark.parametrize("ckn", ["", "0", "xy", "00" * 33])
def test_genkey_refuses_a_bad_name(tmp_path: Path, ckn: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["genkey", str(tmp_path / "new"), "--ckn", ckn]) == 2
    assert capsys.readouterr().err.startswith("pysec: CKN: ")
    assert list(tmp_path.iterdir()) == []


def genkey_to(out: int | io.IOBase) -> str:
    """Run `pysec genkey -` with this standard output; what it says on stderr."""
    command = [sys.executable, "-m", "pysec.cli.main", "genkey", "-"]
    done = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, text=True, check=False)
    return f"{done.returncode} {done.stderr}"


def test_genkey_on_stdout_makes_the_file_private(tmp_path: Path) -> None:
    path = put(tmp_path, "", 0o644)
    with path.open("wb") as out:
        said = genkey_to(out)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert said == f"0 -: a CAK of 128 bits, CKN {keyfile.read_cak(path).ckn}\n"


def test_genkey_does_not_show_a_key_on_a_terminal() -> None:
    ours, theirs = os.openpty()
    try:
        assert genkey_to(theirs) == "2 pysec: a key does not go to a terminal: name a file, or redirect the output\n"
    finally:
        os.close(ours)
        os.close(theirs)


def test_lengths_that_no_cak_has() -> None:
    with pytest.raises(UsageError, match="192"):
        keyfile.generate(192)


def test_every_reading_of_rubbish_ends_in_an_error_of_ours(tmp_path: Path) -> None:
    said = []
    for place in range(len(GOOD)):
        try:
            keyfile.read_cak(put(tmp_path, GOOD[:place] + "\0" + GOOD[place + 1 :]))
        except PysecError as error:
            said.append(str(error))
    assert len(said) > 40
    assert not any(CAK[4:12] in line for line in said)
