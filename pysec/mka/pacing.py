"""Why this exists: an answer must not wait for the next hello, and nobody may make us send as often as he likes.

`TokenBucket` bounds how often; `HelloTimer` says when the next MKPDU is due: at once after a change, soon and then
less often after the start, every Hello Time after that. A hurried MKPDU may be delayed by the bound, never dropped.
"""

from __future__ import annotations

from pysec.mka.config import KayConfig


class TokenBucket:
    """Lets `burst` pass at once, and one more for each `interval_s`."""

    def __init__(self, burst: int, interval_s: float) -> None:
        self._burst, self._interval_s = burst, interval_s
        self._level = float(burst)
        self._at: float | None = None

    def _fill(self, now: float) -> None:
        if self._at is not None:
            self._level = min(self._burst, self._level + (now - self._at) / self._interval_s)
        self._at = now

    def take(self, now: float) -> bool:
        """Whether one may pass now; if so it has."""
        self._fill(now)
        if self._level < 1 - 1e-9:  # a sum of small intervals falls short of 1 by rounding
            return False
        self._level = max(0.0, self._level - 1)
        return True

    def ready_at(self, now: float) -> float:
        """When the next one may pass."""
        self._fill(now)
        return now + max(0.0, 1 - self._level) * self._interval_s


class HelloTimer:
    """When a participant's next MKPDU is due (802.1X-2020 9.4; the ramp and the bound are the project's)."""

    def __init__(self, config: KayConfig, now: float) -> None:
        self._config = config
        self._bucket = TokenBucket(config.hurry_burst, config.hurry_interval_s)
        self._ramp: list[float] = []
        self._silent_until = now
        self.next_at = now
        self.start(now)

    def start(self, now: float) -> None:
        """Send now, and soon again several times: the link has just come up, and the peer's may be a little later."""
        self._ramp = list(reversed(self._config.ramp_up_s))
        self.next_at = max(min(self.next_at, now), self._silent_until)

    def fall_silent(self, until: float) -> None:
        """Send nothing before that time, whatever changes; then begin as at first."""
        self._silent_until = until
        self.next_at = until
        self.start(until)

    def hurry(self, now: float) -> None:
        """Something has changed that the peers should know at once."""
        if self.next_at <= now:
            return
        when = now if self._bucket.take(now) else self._bucket.ready_at(now)
        self.next_at = max(min(self.next_at, when), self._silent_until)

    def is_due(self, now: float) -> bool:
        """Whether to send."""
        return self.next_at <= now

    def sent(self, now: float, hello_time_s: float) -> None:
        """An MKPDU was sent; the next is due after the next interval of the ramp, or after a Hello Time."""
        interval = min(self._ramp.pop(), hello_time_s) if self._ramp else hello_time_s
        self.next_at = now + interval
