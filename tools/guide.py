"""Why this exists: the first page that a user reads is run as it stands, or it will be wrong one day.

`python tools/guide.py docs/guide/first-link.md` makes two hosts out of network namespaces, `a` and `b`, with a cable
between them, `eth1` at both ends, and runs the fenced blocks of the page in their order:

    ```sh a      on a, as a shell script that must succeed; so for b
    ```sh copy   `scp FILE b:` on a: the file is copied, for the two hosts have no SSH
    ```text      each line has to be in what the block before has printed; `...` stands for anything

Exit status: 0 the page is right, 1 it is not, 77 it cannot be run here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pysec.lab.netns import NetNs, why_unavailable
from pysec.runtime.interface import opened

FENCE = re.compile(r"^```(\w+)?[ ]?(\w+)?\n(.*?)^```$", re.M | re.S)
PATIENCE_S = 120


def blocks(page: str) -> Iterator[tuple[str, str, str]]:
    """Language, place and text of each fenced block."""
    yield from FENCE.findall(page)


class Host:
    """One of the two."""

    def __init__(self, name: str, folder: Path, place: NetNs) -> None:
        self.name, self.folder, self.place = name, folder / name, place
        self.folder.mkdir()
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self._environment = os.environ | {"PATH": path, "PYSEC_RUN_DIR": str(folder / f"{name}.run")}

    def run(self, script: str) -> tuple[int, str]:
        """Run a script; its status, and all it printed."""
        with self.place.inside():
            done = subprocess.run(
                ["/bin/sh", "-e", "-c", script], cwd=self.folder, env=self._environment, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE_S, check=False,
            )  # fmt: skip
        return done.returncode, done.stdout

    def end(self) -> None:
        """Nothing is left running, however far the page came."""
        self.run("pysec down eth1 || true")


def run(page: str, hosts: dict[str, Host]) -> str | None:
    """Run the blocks; None, or the first thing that is not as the page says."""
    printed, count = "", 0
    for language, place, text in blocks(page):
        if language == "text":
            for line in text.splitlines():
                wanted = ".*".join(re.escape(piece) for piece in line.strip().split("..."))
                if not re.search(wanted, printed):
                    return f"the page promises {line.strip()!r}; what came is:\n{printed}"
        elif language == "sh" and place == "copy":
            for name in re.findall(r"^scp (\S+) b:$", text, re.M):
                shutil.copy(hosts["a"].folder / name, hosts["b"].folder / name)
        elif language == "sh" and place in hosts:
            code, printed = hosts[place].run(text)
            count += 1
            print(f"{place}# {text.rstrip()}\n{printed}", flush=True)
            if code != 0:
                return f"on {place}, exit status {code}: {text.rstrip()}"
        else:
            return f"a block of kind {language!r} {place!r}: whose is it?"
    return None if count else "the page has no block to run"


def main(path: str) -> int:
    """Run a page."""
    why = why_unavailable() or ("no ping (iputils-ping)" if shutil.which("ping") is None else None)
    if why is not None:
        print(f"pysec: skipped: {why}")
        return 77
    page = Path(path).read_text("utf-8")
    with tempfile.TemporaryDirectory() as scratch, NetNs() as first, NetNs() as second:
        first.rtnl.add_veth("eth1", "eth1", second)
        for place in (first, second):
            place.rtnl.set_up("eth1")
            with place.inside(), opened("lo") as loop:
                loop.set_up()
        hosts = {name: Host(name, Path(scratch), place) for name, place in (("a", first), ("b", second))}
        try:
            wrong = run(page, hosts)
        finally:
            for host in hosts.values():
                host.end()
    if wrong is not None:
        print(f"guide: {wrong}", file=sys.stderr)
        return 1
    print(f"guide: {path}: every block ran as it stands")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
