"""When a delivery is tried again: soon at first, then ever later, and at last not at all. Pure and without chance."""

from __future__ import annotations

from datetime import timedelta

__all__ = ["MOST_ATTEMPTS", "PAUSES", "next_pause"]

PAUSES = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=8))
MOST_ATTEMPTS = len(PAUSES) + 1


def next_pause(attempts: int, asked: float = 0.0) -> timedelta | None:
    """Return how long to wait after so many failed attempts, None when it is given up. `asked` are the seconds that the
    other side wants us to wait; more than the longest pause is never granted.

    >>> [str(next_pause(attempts)) for attempts in range(1, 7)]
    ['0:01:00', '0:05:00', '0:30:00', '2:00:00', '8:00:00', 'None']
    >>> str(next_pause(1, asked=90)), str(next_pause(1, asked=10))
    ('0:01:30', '0:01:00')
    """
    if attempts >= MOST_ATTEMPTS:
        return None
    return max(PAUSES[max(attempts, 1) - 1], min(timedelta(seconds=asked), PAUSES[-1]))
