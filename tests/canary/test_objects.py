"""An object is compiled once, whoever asks; and anew as soon as anything that it is made from is another."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest

from tests.canary import objects

TREE = {
    "a.c": '#include "one.h"\nint a(void) { return ONE; }\n',
    "one.h": '#include "two.h"\n',
    "two.h": "#define ONE 1\n",
}


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    objects.compiler()
    monkeypatch.setenv("PYSEC_OBJECTS", str(tmp_path / "objects"))
    (tmp_path / "csrc").mkdir()
    for name, text in TREE.items():
        (tmp_path / "csrc" / name).write_text(text, "utf-8")
    return tmp_path / "csrc"


def made(tree: Path, *flags: str) -> str:
    (name,) = objects.compile_all(tree, [tree / "a.c"], list(flags), "gcc")
    return name


def test_the_second_time_nothing_is_compiled(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = made(tree)
    inode = os.stat(name).st_ino
    monkeypatch.setattr(objects, "run", lambda *args: pytest.fail("it was compiled again"))
    copy = tree.rename(tree.with_name("copy"))
    assert made(copy) == name
    assert os.stat(name).st_ino == inode
    assert not [path for path in Path(name).parent.iterdir() if path.suffix not in {".o", ".lock"}]


@pytest.mark.parametrize("file", TREE)
def test_another_text_is_another_object(tree: Path, file: str) -> None:
    before = made(tree)
    (tree / file).write_text(TREE[file] + "\n", "utf-8")
    assert made(tree) != before


def test_other_flags_or_another_compiler_are_another_object(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {made(tree), made(tree, "-O1"), made(tree, "-O1", "-DX")}
    monkeypatch.setattr(objects, "version", lambda path: "another")
    names.add(made(tree))
    assert len(names) == 4


def test_what_does_not_compile_leaves_nothing_behind(tree: Path) -> None:
    (tree / "a.c").write_text("no C\n", "utf-8")
    with pytest.raises(AssertionError, match="error"):
        made(tree)
    assert [path for path in objects.folder().iterdir() if path.suffix != ".lock"] == []


def count(tree: Path, log: Path) -> None:
    compiled = objects.run

    def counted(command: list[str], cwd: Path) -> None:
        with log.open("a") as out:
            out.write("x")
        compiled(command, cwd)

    objects.run = counted
    made(tree)


def test_of_many_processes_at_once_one_compiles(tree: Path, tmp_path: Path) -> None:
    workers = [multiprocessing.get_context("fork").Process(target=count, args=(tree, tmp_path / "log")) for _ in "1234"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert (tmp_path / "log").read_text() == "x"


def test_what_is_old_or_too_much_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000_000_000.0
    ages = {"new": 60.0, "day": 86400.0, "week": 7 * 86400.0, "old": objects.KEPT_S + 60.0}
    for name, age in ages.items():
        (tmp_path / f"{name}.o").write_bytes(bytes(1000))
        os.utime(tmp_path / f"{name}.o", (now - age, now - age))
    (tmp_path / "ab.lock").touch()
    objects.tidy(tmp_path, now)
    assert {path.name for path in tmp_path.iterdir()} == {"new.o", "day.o", "week.o", "ab.lock"}
    monkeypatch.setattr(objects, "MOST_OCTETS", 2000)
    objects.tidy(tmp_path, now)
    assert {path.name for path in tmp_path.iterdir()} == {"new.o", "day.o", "ab.lock"}
    monkeypatch.setattr(objects, "MOST_OCTETS", 0)
    objects.tidy(tmp_path, now)
    assert {path.name for path in tmp_path.iterdir()} == {"new.o", "ab.lock"}
