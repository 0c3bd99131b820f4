"""Why this exists: a peer that nobody here wrote needs a machine of its own. A `Guest` is one: a Debian in QEMU.

It boots once and is then told what to do, so a test costs seconds and not a boot. The host lends it a folder (9p), by
which commands go in and their output comes out. QEMU dies with this process, however that ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pysec.types import MacAddress

REPO = Path(__file__).resolve().parents[2]
LAB = REPO / "tests" / "interop" / "lab"
BOOT_S = 180.0
COMMAND_S = 60.0
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class GuestFailed(Exception):
    """The guest did not boot, did not answer, or a command in it failed; with what it printed."""


@dataclass(frozen=True, slots=True)
class Image:
    """A guest that has been built: its kernel, its initramfs, and what is in it."""

    cache: Path

    @property
    def versions(self) -> str:
        """Kernel and packages, one a line."""
        return (self.cache / "versions.txt").read_text("utf-8")

    def has(self, program: str) -> bool:
        """Whether a program that is compiled from source is in the image."""
        return program in self.versions


def find_image() -> Image | str:
    """The image, or the reason why there is none."""
    done = subprocess.run(
        ["bash", LAB / "build.sh", "--check"], capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode:
        return (done.stdout.strip() or done.stderr.strip()).removeprefix("pysec: skipped: interop ")
    return Image((REPO / os.environ.get("PYSEC_LAB_CACHE", "build/interop")).resolve())


def die_with_parent() -> None:
    """For a child between fork and exec: it is killed when this process ends, even if that is killed."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def has_kvm() -> bool:
    """Whether a guest runs on the CPU itself. /dev/kvm without vmx or svm only emulates, and badly."""
    flags = Path("/proc/cpuinfo").read_text("utf-8")
    return os.access("/dev/kvm", os.W_OK) and any(f" {flag} " in flags for flag in ("vmx", "svm"))


class Guest:
    """A running guest whose eth0 is a TAP interface of ours."""

    def __init__(self, image: Image, folder: Path, tap: int, mac: MacAddress) -> None:
        """Boot it. folder: an empty one, for what goes between us. tap: the descriptor of eth0's other end.

        Call it in the namespace of the TAP interface. GuestFailed if it does not come up.
        """
        self.folder = folder
        self.mac = mac
        self._commands = 0
        (folder / "ctl").mkdir(parents=True)
        shutil.copy(LAB / "lib.sh", folder)
        off = ",".join(f"{way}{what}=off" for way in ("guest_", "host_") for what in ("tso4", "tso6", "ecn", "ufo"))
        accelerator = ["kvm", "-cpu", "host"] if has_kvm() else ["tcg", "-cpu", "max"]
        with (folder / "qemu.log").open("wb") as log:
            self._qemu = subprocess.Popen(
                [
                    "qemu-system-x86_64",
                    *("-accel", *accelerator, "-machine", "q35,usb=off", "-m", "256"),
                    *("-nodefaults", "-display", "none", "-no-reboot", "-serial", f"file:{folder / 'console.log'}"),
                    *("-kernel", image.cache / "kernel.img", "-initrd", image.cache / "initrd.cpio"),
                    *("-append", "console=ttyS0 quiet panic=-1 random.trust_cpu=on mitigations=off tsc=reliable"),
                    *("-netdev", f"tap,id=lan,fd={tap},vhost=off"),
                    "-device",
                    f"virtio-net-pci,netdev=lan,mac={mac},romfile=,csum=off,gso=off,guest_csum=off,{off}",
                    *("-virtfs", f"local,path={folder},mount_tag=out,security_model=none,id=out"),
                    *("-device", "virtio-rng-pci"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(tap,),
                preexec_fn=die_with_parent,  # noqa: PLW1509 - only a system call
            )
        try:
            self._wait_for(folder / "ready", BOOT_S, "the guest did not come up")
        except BaseException:
            self.close()
            raise

    def _wait_for(self, path: Path, seconds: float, complaint: str) -> None:
        end = time.monotonic() + seconds
        while not path.exists():
            if self._qemu.poll() is not None:
                raise GuestFailed(f"{complaint}: QEMU ended: {(self.folder / 'qemu.log').read_text()[-500:]}")
            if time.monotonic() > end:
                raise GuestFailed(f"{complaint} within {seconds:g} s")
            time.sleep(0.02)

    def run(self, command: str, *, seconds: float = COMMAND_S) -> str:
        """Run a shell command in the guest, with lab/lib.sh; what it printed (GuestFailed)."""
        status, output = self.attempt(command, seconds=seconds)
        if status:
            raise GuestFailed(f"status {status} from: {command.strip()[:200]}\n{output}")
        return output

    def attempt(self, command: str, *, seconds: float = COMMAND_S) -> tuple[int, str]:
        """The same, with its exit status (GuestFailed only if no answer comes)."""
        self._commands += 1
        name = self.folder / "ctl" / f"{self._commands:04}"
        fresh = name.with_suffix(".new")
        fresh.write_text(f". /out/lib.sh\n{command}\n", "utf-8")
        fresh.rename(name.with_suffix(".cmd"))
        self._wait_for(name.with_suffix(".rc"), seconds, f"no answer to: {command.strip()[:200]}")
        return int(name.with_suffix(".rc").read_text()), name.with_suffix(".out").read_text("utf-8", "replace")

    def json(self, command: str) -> Any:
        """The same for a command that prints JSON."""
        return json.loads(self.run(command))

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """It does nothing meanwhile: neither says nor hears anything, and its clock stands still."""
        self._qemu.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._qemu.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """Have it switched off; what does not go by itself is ended."""
        if self._qemu.poll() is None:
            self._qemu.send_signal(signal.SIGCONT)
            (self.folder / "stop").touch()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._qemu.wait(0.5)
            self._qemu.kill()
        self._qemu.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
