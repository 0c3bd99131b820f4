"""Why this exists: a command and the service behind it tell apart what each other could not do, by the same types."""

from __future__ import annotations

from pysec.errors import PysecError, UsageError


class Unavailable(PysecError):
    """This system or this user cannot do it; the words say what is missing."""


class NoSuchLink(UsageError):
    """There is no link of this name."""


class NoService(PysecError):
    """No service listens there."""
