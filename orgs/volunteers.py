"""The record of a volunteer: when they served, for how long, at what; added up from an organization's ledger. Pure.

A volunteer is known by the number that the organization gave them; the same number of another organization is somebody else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime

import msgspec

from dispatch.points import PointParams, honour_of
from dispatch.volunteers import Volunteered
from orgs.ledger import Entry

__all__ = ["VolunteerRecord", "VolunteerService", "VolunteerSum", "hours_of", "sums_of", "volunteer_record"]


class VolunteerService(msgspec.Struct, frozen=True, kw_only=True):
    """One time that a volunteer served: the day on which it was confirmed, the kind of organization that was asked for, the 小类,
    how many hours."""

    day: date
    kind: str
    category: str | None
    hours: float


class VolunteerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a volunteer did in a period, oldest first; `total_hours` of all time up to its end, and the `stars` of that."""

    organization: str
    number: str
    tasks: int
    hours: float
    total_hours: float
    stars: int
    services: list[VolunteerService]


class VolunteerSum(msgspec.Struct, frozen=True):
    """What a volunteer did in a period, added up."""

    number: str
    tasks: int
    hours: float


def hours_of(entry: Entry, number: str) -> float:
    """Return how many hours the volunteer served by this entry; none when they did not, or when it was not confirmed."""
    return next((one.hours for one in _confirmed(entry) if one.number == number), 0.0)


def volunteer_record(
    organization: str,
    number: str,
    entries: Iterable[Entry],
    since: datetime,
    params: PointParams,
    day: Callable[[datetime], date],
) -> VolunteerRecord:
    """Return the record of a volunteer from all their entries up to its end; `day` names the day of an instant in the city's
    zone."""
    found = [(entry, hours) for entry in entries if (hours := hours_of(entry, number))]
    part = [(entry, hours) for entry, hours in found if entry.at >= since]
    total = round(sum(hours for _, hours in found), 2)
    return VolunteerRecord(
        organization=organization, number=number, tasks=len(part), hours=round(sum(hours for _, hours in part), 2),
        total_hours=total, stars=honour_of(total, params),
        services=[
            VolunteerService(day=day(entry.at), kind=entry.kind, category=entry.category, hours=hours) for entry, hours in part
        ],
    )  # fmt: skip


def sums_of(entries: Iterable[Entry]) -> list[VolunteerSum]:
    """Return what each volunteer did by these entries, by number."""
    sums: dict[str, tuple[int, float]] = {}
    for entry in entries:
        for one in _confirmed(entry):
            tasks, hours = sums.get(one.number, (0, 0.0))
            sums[one.number] = tasks + 1, hours + one.hours
    return [VolunteerSum(number, tasks, round(hours, 2)) for number, (tasks, hours) in sorted(sums.items())]


def _confirmed(entry: Entry) -> Iterator[Volunteered]:
    if entry.outcome == "confirmed" and entry.withdrawn_at is None:
        yield from entry.volunteers
