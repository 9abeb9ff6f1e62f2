"""What confirmed help is worth in points, by a formula whose every number is the city's own (`[points]` of params.toml). Pure.

points = per_task + per_hour × min(hours, most_hours) + per_star × (mean of the ratings given − 3), never below nothing. Declining
or giving a place up costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

__all__ = ["PointParams", "honour_of", "points_of"]

Points = Annotated[float, msgspec.Meta(ge=0, le=1000)]
Hours = Annotated[float, msgspec.Meta(gt=0, le=1_000_000)]
USUAL = 3  # the rating that neither adds nor takes


class PointParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The numbers of the formula, and from how many hours on each star is given."""

    per_task: Points
    per_hour: Points
    most_hours: Hours
    per_star: Points
    star_hours: tuple[Hours, ...]


def points_of(hours: float, ratings: Sequence[int], params: PointParams) -> int:
    """Return what one confirmed task is worth; `ratings` are those that were given, from 1 to 5, none or up to two.

    >>> params = PointParams(per_task=5, per_hour=10, most_hours=80, per_star=5, star_hours=(100, 300))
    >>> points_of(2, (), params), points_of(2, (5, 4), params), points_of(0, (1,), params), points_of(500, (), params)
    (25, 32, 0, 805)
    """
    mean = sum(ratings) / len(ratings) - USUAL if ratings else 0.0
    return max(0, int(params.per_task + params.per_hour * min(hours, params.most_hours) + params.per_star * mean))


def honour_of(hours: float, params: PointParams) -> int:
    """Return how many stars so many hours have earned.

    >>> params = PointParams(per_task=5, per_hour=10, most_hours=80, per_star=5, star_hours=(100, 300))
    >>> [honour_of(hours, params) for hours in (99.9, 100, 1000)]
    [0, 1, 2]
    """
    return sum(hours >= wanted for wanted in params.star_hours)
