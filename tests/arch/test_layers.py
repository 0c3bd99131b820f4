"""The picture of layers holds, in C and in Python; and each check finds the fault that it is there to find."""

from __future__ import annotations

from pathlib import Path

from tests.arch import picture


def plant(root: Path, name: str, text: str = "") -> None:
    """Write a file of a planted tree."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def test_c_layers_hold(repo_root: Path) -> None:
    assert picture.c_layers(repo_root) == []


def test_python_layers_hold(repo_root: Path) -> None:
    assert picture.python_layers(repo_root) == []


def test_no_file_is_too_long(repo_root: Path) -> None:
    assert picture.file_sizes(repo_root) == []


def test_every_exception_from_the_length_is_needed(repo_root: Path) -> None:
    for name in picture.LONG_FILES:
        assert (repo_root / name).read_text("utf-8").count("\n") > picture.MAX_LINES, f"{name} needs no exception"


def test_every_module_says_why_it_exists(repo_root: Path) -> None:
    assert picture.docstrings(repo_root) == []


def test_canary_an_include_that_climbs(tmp_path: Path) -> None:
    plant(tmp_path, "csrc/macsec/secy.h")
    plant(tmp_path, "csrc/gcm/ghash.c", '#include "../macsec/secy.h"\n')
    assert len(picture.c_layers(tmp_path)) == 1


def test_canary_gcm_that_has_heard_of_frames(tmp_path: Path) -> None:
    plant(tmp_path, "csrc/pysec.h")
    plant(tmp_path, "csrc/gcm/ghash.c", '#include "../pysec.h"\n')
    plant(tmp_path, "csrc/macsec/secy.c", '#include "../pysec.h"\n')
    assert [line.split(":")[0] for line in picture.c_layers(tmp_path)] == ["csrc/gcm/ghash.c"]


def test_canary_a_socket_in_macsec(tmp_path: Path) -> None:
    plant(tmp_path, "csrc/macsec/secy.c", "#include <stdint.h>\n#include <sys/socket.h>\n")
    plant(tmp_path, "csrc/port/afp.c", "#include <sys/socket.h>\n")
    assert [line.split(":")[0] for line in picture.c_layers(tmp_path)] == ["csrc/macsec/secy.c"]


def test_canary_a_folder_outside_the_picture(tmp_path: Path) -> None:
    plant(tmp_path, "csrc/util/strings.c")
    plant(tmp_path, "pysec/util/strings.py")
    assert len(picture.c_layers(tmp_path)) == 1
    assert len(picture.python_layers(tmp_path)) == 1


def test_canary_an_import_that_climbs(tmp_path: Path) -> None:
    plant(tmp_path, "pysec/dataplane/secy.py", "from pysec.types import Sci\nfrom ..tools import pcap\n")
    plant(tmp_path, "pysec/tools/pcap.py", "def f():\n    import pysec.cli.main\n")
    plant(tmp_path, "pysec/types.py", "from pysec.dataplane import SecY\n")
    plant(tmp_path, "pysec/cli/main.py", "from pysec.lab import wire\nfrom . import pcap\n")
    found = [line.split(":")[0] for line in picture.python_layers(tmp_path)]
    assert found == ["pysec/dataplane/secy.py", "pysec/tools/pcap.py", "pysec/types.py"]


def test_canary_an_engine_with_a_clock_or_a_data_plane(tmp_path: Path) -> None:
    plant(tmp_path, "pysec/mka/kay.py", "import time\nfrom pysec.wire import mkpdu\n")
    plant(tmp_path, "pysec/cp/machine.py", "from pysec.dataplane import SecY\n")
    plant(tmp_path, "pysec/pae/port.py", "from pysec import SecY\nfrom pysec.mka import kay\n")
    plant(tmp_path, "pysec/sa/ceiling.py", "import threading\nfrom pysec.dataplane.single import Single\n")
    plant(tmp_path, "pysec/wire/eapol.py", "from datetime import datetime\n")
    found = [line.split(":")[0] for line in picture.python_layers(tmp_path)]
    assert found == ["pysec/cp/machine.py", "pysec/mka/kay.py", "pysec/pae/port.py", "pysec/wire/eapol.py"]


def test_canary_a_second_importer_of_the_compiled_module(tmp_path: Path) -> None:
    plant(tmp_path, "pysec/dataplane/gcm.py", "from pysec._native import ffi, lib\n")
    plant(tmp_path, "pysec/tools/pcap.py", "from pysec import _native\n")
    assert [line.split(":")[0] for line in picture.python_layers(tmp_path)] == ["pysec/tools/pcap.py"]


def test_canary_a_file_too_long(tmp_path: Path) -> None:
    plant(tmp_path, "csrc/macsec/all.c", "\n" * (picture.MAX_LINES + 1))
    assert len(picture.file_sizes(tmp_path)) == 1


def test_canary_a_module_without_a_reason(tmp_path: Path) -> None:
    plant(tmp_path, "pysec/tools/pcap.py", '"""Captures."""\n')
    plant(tmp_path, "pysec/tools/__init__.py", "")
    plant(tmp_path, "csrc/gcm/ghash.h", "#pragma once\n")
    assert len(picture.docstrings(tmp_path)) == 2
