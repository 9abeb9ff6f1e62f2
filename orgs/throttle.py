"""A soft limit on failed attempts by address, in memory. An office shares one address, so the limit is high."""

from __future__ import annotations

from collections import OrderedDict, deque

from storage.errors import TooMany

__all__ = ["Throttle"]


class Throttle:
    """At most `limit` failures in any `window_seconds` of one key; the oldest keys are forgotten beyond `max_keys`."""

    def __init__(self, *, limit: int = 60, window_seconds: float = 600.0, max_keys: int = 10_000) -> None:
        self._limit = limit
        self._window = window_seconds
        self._max_keys = max_keys
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, key: str, now: float) -> None:
        """Raise `TooMany` with `retry_after` (whole seconds) while the key has used up its failures."""
        times = self._recent(key, now)
        if times is not None and len(times) >= self._limit:
            raise TooMany("too many failed attempts", retry_after=max(1, int(times[0] + self._window - now) + 1))

    def add(self, key: str, now: float) -> None:
        """Count one failure."""
        self._failures.setdefault(key, deque(maxlen=self._limit)).append(now)
        self._failures.move_to_end(key)
        while len(self._failures) > self._max_keys:
            self._failures.popitem(last=False)

    def _recent(self, key: str, now: float) -> deque[float] | None:
        times = self._failures.get(key)
        while times and times[0] <= now - self._window:
            times.popleft()
        if times is not None and not times:
            del self._failures[key]
            return None
        return times
