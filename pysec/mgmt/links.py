"""Why this exists: one process runs many links, changes one without touching the others, and takes back what was tried.

`Links` is what the API speaks to. A link is known by its interface. What is to be there stands in the state file before
a link is touched, so that a service that was killed brings back what was up, and undoes what was on trial.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pysec.errors import FormatError, PysecError, UsageError
from pysec.mgmt import settings, state
from pysec.mgmt.errors import NoSuchLink, Unavailable
from pysec.mgmt.managed import ManagedLink
from pysec.mgmt.settings import Link
from pysec.pae import PortEvent, Source
from pysec.runtime.opening import open_again
from pysec.runtime.single import why_unavailable

SAMPLE_S = 1.0
SERVICE = "service"
"""The name under which the service itself is told of, where it is no link."""


class _Trial:
    """A link that goes, or goes back to what it was, unless somebody confirms it."""

    def __init__(self, handle: asyncio.TimerHandle, before: Link | None) -> None:
        self.handle, self.before = handle, before


class Links:
    """The links of a service, in the asyncio loop that makes it."""

    def __init__(self, folder: Path, tell: Callable[[str, PortEvent], None]) -> None:
        """folder: where the state is kept; it is there, and nobody else can write to it."""
        self._folder, self._tell = folder, tell
        self.by_name: dict[str, ManagedLink] = {}
        self._trials: dict[str, _Trial] = {}
        self._loop = asyncio.get_running_loop()
        self._sampler: asyncio.TimerHandle | None = None

    # ---- as a whole

    def start(self, wanted: Mapping[str, Link]) -> None:
        """Bring up what is wanted, and what was up when the service ended last. What cannot be read of that is told
        and set aside: it is no reason to leave the others down."""
        was = self._recalled()
        links = self._parsed(was.links) | dict(wanted)
        undone = {name: before for name, before in was.trials.items() if name not in wanted}
        for name in undone:
            self._say(name, "undone", "it was on trial when the service ended, and nobody had confirmed it")
            links.pop(name, None)
        links |= self._parsed({name: before for name, before in undone.items() if before is not None})
        for name in set(undone) - set(links):
            with contextlib.suppress(PysecError):
                open_again(name, functools.partial(self._say, name))
        for name, link in links.items():
            self.by_name[name] = ManagedLink(link, self._tell)
            self.by_name[name].start_patiently()
        self._save()
        self._sample()

    def _recalled(self) -> state.State:
        try:
            return state.read(self._folder)
        except (FormatError, OSError) as error:
            self._say(SERVICE, "warning", f"{error}; kept as {state.set_aside(self._folder)}")
            return state.State()

    def _parsed(self, documents: Mapping[str, Any]) -> dict[str, Link]:
        found = {}
        for name, document in documents.items():
            try:
                found[name] = settings.parse(document, f"{state.NAME}: {name}")
            except UsageError as error:
                self._say(name, "warning", f"{error}; it is not brought up")
        return found

    def close(self) -> None:
        """End all, and leave the interfaces closed to the host: the next service takes them over, and `pysec down`
        opens them."""
        if self._sampler is not None:
            self._sampler.cancel()
        for trial in self._trials.values():
            trial.handle.cancel()
        for link in list(self.by_name.values()):
            with contextlib.suppress(PysecError):
                link.stop(leave_closed=True)
        self.by_name.clear()

    def _sample(self) -> None:
        for link in self.by_name.values():
            link.sample()
        self._sampler = self._loop.call_later(SAMPLE_S, self._sample)

    def _save(self) -> None:
        documents = {name: settings.document(link.link) for name, link in self.by_name.items()}
        trials: dict[str, Any] = {
            name: None if trial.before is None else settings.document(trial.before)
            for name, trial in self._trials.items()
        }
        try:
            state.write(self._folder, state.State(documents, trials))
        except OSError as error:
            # MKA needs no state: the link stays, and only a restart would not know of it.
            for name in documents:
                self._say(name, "warning", f"what is up cannot be noted ({error.strerror}): a restart will not know it")

    def _say(self, name: str, event: str, reason: str) -> None:
        self._tell(name, PortEvent(self._loop.time(), Source.PORT, event, reason))

    # ---- each

    def get(self, name: str) -> ManagedLink:
        """A link (NoSuchLink)."""
        if name not in self.by_name:
            raise NoSuchLink(f"{name}: there is no such link; there are: {', '.join(sorted(self.by_name)) or 'none'}")
        return self.by_name[name]

    def up(self, link: Link, try_s: float | None = None) -> str:
        """Bring a link up, or change it; "up", "changed" or "unchanged". One that has failed is tried again now.

        try_s: after so many seconds it is as it was before, unless it is confirmed. UsageError, Unavailable,
        DriverError, KeyStoreError, FormatError, OSError: it could not be brought up; one that was there before is
        there again."""
        if (why := why_unavailable()) is not None:
            raise Unavailable(why)
        new = ManagedLink(link, self._tell)
        old = self.by_name.get(new.name)
        is_same = old is not None and settings.document(old.link) == settings.document(link)
        if is_same and old is not None and old.port is not None:
            if try_s is None and new.name in self._trials:
                self.confirm(new.name)  # whoever asks for it again, and not on trial, wants it
            return "unchanged"
        before = None if old is None else old.link
        trial = self._trials.pop(new.name, None)
        if trial is not None:  # what was tried before this has not been confirmed either
            trial.handle.cancel()
            before = trial.before
        if old is not None:
            old.stop(leave_closed=True)  # the new one takes the guard over: nothing passes in clear meanwhile
        try:
            new.start()
            self.by_name[new.name] = new
            if try_s is not None:
                handle = self._loop.call_later(try_s, self.undo, new.name)
                self._trials[new.name] = _Trial(handle, before)
            self._save()
        except BaseException:
            new.stop()
            if self.by_name.get(new.name) is new:
                del self.by_name[new.name]
            if (trial := self._trials.pop(new.name, None)) is not None:
                trial.handle.cancel()
            if old is not None:
                old.start_patiently()
                self.by_name[old.name] = old
            raise
        return "up" if old is None else "changed"

    def down(self, name: str) -> None:
        """End a link: the interface is the host's own again, as it was (NoSuchLink, OSError)."""
        link = self.get(name)
        if (trial := self._trials.pop(name, None)) is not None:
            trial.handle.cancel()
        del self.by_name[name]
        try:
            link.stop()
            if link.failure:  # after a failure the guard has stayed
                open_again(name, functools.partial(self._say, name))
        finally:
            self._save()

    def trial_left_s(self, name: str) -> float | None:
        """How long until a link is undone; None if it is not on trial."""
        trial = self._trials.get(name)
        return None if trial is None else max(0.0, trial.handle.when() - self._loop.time())

    def confirm(self, name: str) -> None:
        """What was tried stays (NoSuchLink; UsageError if it is not on trial)."""
        self.get(name)
        trial = self._trials.pop(name, None)
        if trial is None:
            raise UsageError(f"{name}: is not on trial, there is nothing to confirm")
        trial.handle.cancel()
        self._save()
        self._say(name, "confirmed", "it stays")

    def undo(self, name: str) -> None:
        """As it was before the trial."""
        trial = self._trials.pop(name)
        self._say(name, "undone", "nobody has confirmed it in time")
        if trial.before is None:
            self.down(name)
            return
        self.by_name[name].stop(leave_closed=True)
        self.by_name[name] = ManagedLink(trial.before, self._tell)
        self.by_name[name].start_patiently()
        self._save()

    def rekey(self, name: str) -> None:
        """Ask for a new SAK (NoSuchLink; UsageError if the link is not up)."""
        port = self.get(name).port
        if port is None or not port.is_attached:
            raise UsageError(f"{name}: is not up, so that there is no SAK to replace")
        port.pae.request_sak("an operator asks for one", port.runner.now)
        port.runner.pump()

    def reload(self, wanted: Mapping[str, Link], of_files: set[str]) -> dict[str, str]:
        """Bring the links to what the files say; what became of each. of_files: the links that came from files
        before, and go if no file has them any more. What did not change is not touched."""
        done = {}
        for name in sorted(of_files - set(wanted)):
            if name in self.by_name:
                self.down(name)
                done[name] = "down"
        for name, link in wanted.items():
            try:
                done[name] = self.up(link)
            except (PysecError, OSError) as error:
                done[name] = f"failed: {error}"
                if name not in self.by_name:
                    self.by_name[name] = ManagedLink(link, self._tell)
                    self.by_name[name].start_patiently()
                    self._save()
        return done


def events_of(link: ManagedLink) -> list[dict[str, Any]]:
    """The last events of a link, the oldest first."""
    return [
        {"time": round(at, 6), "source": event.source.value, "name": event.name, "reason": event.reason}
        for at, event in link.events
    ]
