"""Why this exists: `make demo` and `make test` do their own set-up, and nothing of it twice.

Brings `.venv` and the compiled core up to date: the environment if it is missing, broken or was made for another
folder or Python; the packages that pyproject.toml names, if the list changed; the extension, if anything that goes
into it changed. What was done is remembered as a hash of contents, not as a time, so that a fresh checkout, a copy
or a clock that jumps fools nobody. One lock keeps parallel runs of make from building at once.

Standard library only, since it runs before anything is installed. `tools/preflight.sh` has checked Python and gcc.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "pysec-setup.json"
LOGS = ROOT / "build" / "log"
MODULE = ROOT / "pysec" / "_native.abi3.so"
# What makes one environment differ from another: where it lies, and which Python it belongs to.
IDENTITY = f"{VENV}|{sys.base_prefix}|{sys.implementation.cache_tag}|{sysconfig.get_platform()}"


class SetupFailed(Exception):
    """One line for the person at the keyboard, and the log that holds the rest."""

    def __init__(self, line: str, log: Path) -> None:
        super().__init__(line)
        self.log = log


def say(line: str) -> None:
    """Report a step that takes long enough to wonder about."""
    print(f"pysec: {line}", flush=True)


def digest(*parts: str | bytes) -> str:
    """One hash over all parts, each with its length, so that they cannot run into each other."""
    h = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        h.update(f"{len(raw)}:".encode() + raw)
    return h.hexdigest()


def requirements(level: str) -> list[str]:
    """What pyproject.toml asks for: to build and run, and with level `dev` to test as well."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    if level == "dev":
        wanted += project["project"]["optional-dependencies"]["dev"]
    return sorted(set(wanted))


def core_inputs() -> str:
    """The hash of everything that decides what the compiled module is."""
    files = [ROOT / name for name in ("build.py", "setup.py", "pyproject.toml")]
    files += sorted(p for p in (ROOT / "csrc").rglob("*") if p.suffix in (".c", ".h"))
    flags = [os.environ.get(name, "") for name in ("CC", "CFLAGS", "PYSEC_CFLAGS", "PYSEC_LDFLAGS", "PYSEC_MACHINE")]
    parts: list[str | bytes] = [IDENTITY, *flags]
    for path in files:
        parts += [path.relative_to(ROOT).as_posix(), path.read_bytes()]
    return digest(*parts)


def run(log: Path, *command: str) -> bool:
    """Run a command with its output in a log; whether it succeeded."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        return subprocess.run(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, check=False).returncode == 0


def load_stamp() -> dict[str, str]:
    """What earlier runs have done; nothing, if that cannot be read."""
    try:
        stamp = json.loads(STAMP.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(k): str(v) for k, v in stamp.items()} if isinstance(stamp, dict) else {}


def save_stamp(stamp: dict[str, str]) -> None:
    """Remember it, so that a kill in the middle leaves the old file or the new one."""
    fresh = STAMP.with_suffix(".new")
    fresh.write_text(json.dumps(stamp, indent=1) + "\n", "utf-8")
    fresh.replace(STAMP)


def made_here() -> bool:
    """Whether an environment without a stamp was made, by hand, in this very place by this very Python."""
    try:
        config = (VENV / "pyvenv.cfg").read_text("utf-8").splitlines()
    except OSError:
        return False
    where = any(line.startswith("command =") and line.endswith(f" {VENV}") for line in config)
    probe = "import pip, sys; print(sys.base_prefix, sys.implementation.cache_tag)"
    found = subprocess.run([VENV / "bin" / "python", "-c", probe], capture_output=True, text=True, check=False)
    return where and found.stdout.strip() == f"{sys.base_prefix} {sys.implementation.cache_tag}"


def ensure_venv() -> dict[str, str]:
    """An environment that belongs to this folder and this Python; returns its stamp."""
    stamp = load_stamp()
    python = VENV / "bin" / "python"
    if os.access(python, os.X_OK) and (stamp.get("venv") == IDENTITY or (not stamp and made_here())):
        return {**stamp, "venv": IDENTITY}
    say("making .venv" if not VENV.exists() else "making .venv anew: it belongs to another folder or Python")
    shutil.rmtree(VENV, ignore_errors=True)
    log = LOGS / "venv.log"
    if not run(log, sys.executable, "-m", "venv", str(VENV)):
        raise SetupFailed("cannot make .venv", log)
    stamp = {"venv": IDENTITY}
    save_stamp(stamp)
    return stamp


def ensure_packages(stamp: dict[str, str], level: str) -> None:
    """The packages that pyproject.toml names."""
    wanted = requirements(level)
    want = digest(*wanted)
    if stamp.get(level) == want or (level == "run" and stamp.get("dev") == digest(*requirements("dev"))):
        return
    say(f"installing {len(wanted)} packages and what they need (pip)")
    log = LOGS / "pip.log"
    if not run(log, str(VENV / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", *wanted):
        raise SetupFailed("pip could not install what pyproject.toml names; is there a network or an index?", log)
    stamp[level] = want
    save_stamp(stamp)


def ensure_core(stamp: dict[str, str]) -> None:
    """The compiled module beside its Python files, and the `pysec` command."""
    want = core_inputs()
    command = VENV / "bin" / "pysec"
    if stamp.get("core") == want and MODULE.exists() and command.exists():
        return
    say("compiling the C core")
    log = LOGS / "build.log"
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
    if not run(log, *pip, "-v", "--no-deps", "--no-build-isolation", "-e", str(ROOT)):
        raise SetupFailed("the C core did not compile", log)
    if not MODULE.exists():
        raise SetupFailed(f"the build left no {MODULE.name}", log)
    stamp["core"] = want
    save_stamp(stamp)


def tail(log: Path, lines: int = 12) -> list[str]:
    """The lines of a log that say most: errors if it names any, else its end."""
    try:
        text = log.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    cut_off = [line for line in text if "connection broken" in line][:1]
    named = cut_off + [line for line in text if "error:" in line.lower()]
    return named[:lines] or text[-lines:]


def main(argv: list[str]) -> int:
    """`setup.py run` for what running needs, `setup.py dev` for what testing needs."""
    level = argv[1] if len(argv) > 1 else "run"
    LOGS.mkdir(parents=True, exist_ok=True)
    with (ROOT / "build" / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            stamp = ensure_venv()
            ensure_packages(stamp, level)
            ensure_core(stamp)
        except SetupFailed as failed:
            for line in tail(failed.log):
                print("    " + line, file=sys.stderr)
            where = failed.log.relative_to(ROOT)
            print(f"pysec: {failed} (log: {where})", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
