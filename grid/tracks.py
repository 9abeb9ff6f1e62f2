"""What a track says about a patrol: how long, how far, how much of it inside the grid (domain.md §5.5). Pure.

A track is kept only while somebody is on patrol, and only for the time that the city sets; what is measured here stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import msgspec

from grid.nearness import apart

__all__ = ["GAP", "Fix", "Measured", "measure"]

GAP = timedelta(minutes=5)  # longer without a position, and the time between is not shown by the track
LEAST_STEP_M = 10.0  # a device that lies still seems to move by less


class Fix(msgspec.Struct, frozen=True, kw_only=True):
    """A position of a device at an instant (WGS-84), how sure it is, and whether it lies in the grid of the patrol."""

    at: datetime
    lon: float
    lat: float
    accuracy_m: float | None = None
    inside: bool = True


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A patrol as its track shows it: minutes from start to end, those that the track covers, number of positions, the share of
    them inside (None without any), whether that is enough, and the way walked."""

    minutes: int
    tracked_minutes: int
    fixes: int
    inside_share: float | None
    valid: bool
    distance_m: int


def measure(fixes: Sequence[Fix], started: datetime, ended: datetime, *, valid_share: float) -> Measured:
    """Measure the positions from start to end (both included; others are not looked at), in any order.

    >>> from datetime import UTC
    >>> begin = datetime(2026, 11, 22, 1, tzinfo=UTC)
    >>> walk = [Fix(at=begin + timedelta(minutes=n), lon=106.6 + n / 1000, lat=26.6, inside=n < 4) for n in range(5)]
    >>> found = measure(walk, begin, begin + timedelta(minutes=10), valid_share=0.8)
    >>> found.minutes, found.tracked_minutes, found.inside_share, found.valid, found.distance_m
    (10, 4, 0.8, True, 398)
    """
    walked = sorted((fix for fix in fixes if started <= fix.at <= ended), key=lambda fix: fix.at)
    steps = (later.at - earlier.at for earlier, later in pairwise(walked))
    tracked = sum((step for step in steps if step <= GAP), timedelta())
    share = round(sum(fix.inside for fix in walked) / len(walked), 3) if walked else None
    return Measured(
        minutes=(ended - started) // timedelta(minutes=1),
        tracked_minutes=tracked // timedelta(minutes=1),
        fixes=len(walked),
        inside_share=share,
        valid=share is not None and share >= valid_share,
        distance_m=round(_way(walked)),
    )


def _way(walked: Sequence[Fix]) -> float:
    """From place to place; what may be the device's own uncertainty is no step."""
    total, anchor = 0.0, walked[0] if walked else None
    for fix in walked[1:]:
        assert anchor is not None  # noqa: S101  # there is a first one
        step = apart(anchor.lon, anchor.lat, fix.lon, fix.lat)
        if step > max(LEAST_STEP_M, fix.accuracy_m or 0.0):
            total += step
            anchor = fix
    return total
