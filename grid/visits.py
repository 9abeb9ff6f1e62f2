"""Visits (走访): places that grid workers look in on, how often by grade, what is due (domain.md §5.5). Pure.

This is no register of inhabitants: a place is an address in a grid with a grade, nobody's name. Address, position and note are
sealed; grade and the day of the last visit are what the list of due visits is made from.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Literal

import msgspec

from dispatch.city import VisitParams

__all__ = ["COUNTS", "GRADES", "Due", "Grade", "Outcome", "Private", "VisitMade", "VisitPlace", "cadence", "due_of", "ordered"]

Grade = Literal["red", "yellow", "green", "plain"]
GRADES: tuple[Grade, ...] = ("red", "yellow", "green", "plain")
Outcome = Literal["seen", "absent", "refused", "moved"]
COUNTS: frozenset[str] = frozenset({"seen"})  # somebody was spoken with; after all else the visit is still due


class Private(msgspec.Struct, frozen=True, kw_only=True):
    """What is sealed of a place: where it is (WGS-84) and what there is to know."""

    address: str
    lon: float | None = None
    lat: float | None = None
    note: str = ""


class VisitPlace(msgspec.Struct, frozen=True, kw_only=True):
    """A place that is to be visited: its grid, its grade, who goes there (empty: whoever works there).

    `since` is the day from which the next visit is counted: of the last one that counted, else of the listing.
    """

    id: str
    rev: int
    area: str
    grade: Grade
    since: date
    worker: str = ""
    visited_at: datetime | None = None


class VisitMade(msgspec.Struct, frozen=True, kw_only=True):
    """A visit: who went when, what came of it, how far from the place the device was, the case that was raised from it."""

    id: str
    place: str
    by: str
    at: datetime
    outcome: Outcome
    distance_m: int | None = None
    note: str = ""
    case: str = ""


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A visit that is due: on which day, and by how many days it is late (negative: so many are left)."""

    place: VisitPlace
    due_on: date
    days_over: int


def cadence(grade: Grade, params: VisitParams) -> timedelta:
    """Return how long after a visit the next one is due.

    >>> from dispatch.city import params_of
    >>> [cadence(grade, params_of({}).visits).days for grade in GRADES]
    [7, 14, 91, 365]
    """
    days = {"red": params.red_days, "yellow": params.yellow_days, "green": params.green_days, "plain": params.plain_days}
    return timedelta(days=days[grade])


def due_of(place: VisitPlace, params: VisitParams, today: date) -> Due:
    """Return when the next visit of a place is due; on the day itself it is not late yet."""
    due_on = place.since + cadence(place.grade, params)
    return Due(place=place, due_on=due_on, days_over=(today - due_on).days)


def ordered(found: Iterable[Due]) -> list[Due]:
    """Return due visits, the latest first, of equally late ones the graver grade."""
    return sorted(found, key=lambda due: (-due.days_over, GRADES.index(due.place.grade), due.place.id))
