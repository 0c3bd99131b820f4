"""A SAK that was retired is nowhere in the memory of the process, and neither is the plaintext of a refused frame.

Canaries: the same search finds the SAK while it is installed, and finds what a core leaves that does not wipe.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.canary.objects import REPO
from tests.canary.plant import CSRC, compile_program, plant
from tests.unit.gcm.programs import implementations

PROGRAM = REPO / "tests" / "c" / "secy_wipe.c"
FOLDERS = ("base", "gcm", "macsec", "api")


def found(program: Path, mode: str, impl: str) -> int:
    # Without what a sanitizer preloads: its shadow memory would be searched as well, for ever.
    env = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    command = [str(program), mode, impl]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=env)
    if done.returncode == 77:
        pytest.skip(f"{impl} cannot be used on this machine")
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_program(CSRC, PROGRAM, tmp_path_factory.mktemp("wipe") / "wipe", folders=FOLDERS)


@pytest.mark.parametrize("impl", implementations())
@pytest.mark.parametrize("mode", ["retired", "freed", "refused"])
def test_nothing_is_left(program: Path, mode: str, impl: str) -> None:
    assert found(program, mode, impl) == 0


def test_canary_an_installed_key_is_found(program: Path) -> None:
    assert found(program, "installed", "aesni") > 0


# A core that does not clear what it refuses fails its known answers already; here these are told to look away.
LOOK_AWAY = ("gcm/gcm.c", "    if (status->num_failed > 0)\n", "    if (0)\n")
KEEP_KEY = ("gcm/gcm.c", "    wipe(key->state, key->state_len);\n", "")
KEEP_DATA = ("gcm/kernel.inc.h", "            wipe(msgs[i].data, msgs[i].data_len);\n", "            ;\n")
KEEP_FRAME = ("macsec/validate.c", "        wipe(burst->arena + work->data, work->data_len);\n", "        ;\n")


def alone_in_aesni(tmp_path: Path) -> None:
    """Keep a fault of kernel.inc.h from the other implementations, which nobody asks and which take long to compile."""
    gcm = tmp_path / "csrc" / "gcm"
    (gcm / "kernel.inc.h").rename(gcm / "planted.inc.h")
    shutil.copy(CSRC / "gcm" / "kernel.inc.h", gcm)
    plant(tmp_path, "gcm/x86_aesni.c", '#include "kernel.inc.h"', '#include "planted.inc.h"')


@pytest.mark.parametrize(
    ("mode", "faults"),
    [("retired", [KEEP_KEY]), ("freed", [KEEP_KEY]), ("refused", [LOOK_AWAY, KEEP_DATA, KEEP_FRAME])],
)
def test_canary_a_core_that_does_not_wipe(tmp_path: Path, mode: str, faults: list[tuple[str, str, str]]) -> None:
    for fault in faults:
        csrc = plant(tmp_path, *fault)
    if KEEP_DATA in faults:
        alone_in_aesni(tmp_path)
    assert found(compile_program(csrc, PROGRAM, tmp_path / "wipe", folders=FOLDERS), mode, "aesni") > 0
