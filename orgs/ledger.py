"""The ledger of what organizations earn: one entry for each task that they took and that has ended, found again under its task.

An entry is written over whenever its case is read again: a rating that comes later is added, a confirmation that was withdrawn
takes its entry out of all sums (`withdrawn_at`), one that comes back puts it in again. So reading a case once or ten times is the
same. Only tasks that were claimed are entered; who declines leaves no trace.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from dispatch.helped import Helped, HelpTask
from dispatch.points import PointParams, honour_of, points_of
from dispatch.volunteers import Volunteered
from orgs.organizations import Organization
from orgs.store import LEDGER, value_of
from storage.client import Database

__all__ = [
    "Entry", "Evaluation", "Ledger", "Record", "evaluation_of", "load_figures", "record_of", "volunteer_filter",
    "with_figures",
]  # fmt: skip

log = logging.getLogger(__name__)

LOOK_BACK = timedelta(days=60)  # so long after a confirmation a rating may come that this process did not see
MOST_TOUCHED = 10_000
MOST_THANKS = 20


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A task that an organization took and that has ended: `outcome` is confirmed or released. `hours` of all together,
    `volunteers` those of each whose number was given."""

    id: str
    organization: str
    case: str
    case_no: str
    task: str
    kind: str = ""
    category: str | None = None
    outcome: str
    hours: float = 0.0
    people: int = 0
    volunteers: tuple[Volunteered, ...] = ()
    points: int = 0
    unit_rating: int | None = None
    resident_rating: int | None = None
    thanks: str | None = None
    on_time: bool | None = None
    at: datetime
    withdrawn_at: datetime | None = None


class Mean(msgspec.Struct, frozen=True):
    """A mean rating and of how many."""

    mean: float | None
    count: int


class Quarter(msgspec.Struct, frozen=True):
    """The sums of a quarter, named like 2026Q4."""

    quarter: str
    tasks: int
    hours: float
    points: int


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What an organization earned in a period. The unit's and the resident's opinion are two figures, never mixed. `stars` are by
    hours."""

    organization: str
    tasks: int
    hours: float
    people: int
    points: int
    stars: int
    by_unit: Mean
    by_resident: Mean
    quarters: list[Quarter]
    thanks: list[str]


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """An organization's figures of a period, for the registry's keeper: of `claims` that have ended so many were confirmed, so
    many given up; `on_time` of those that had a time. What was declined is not counted."""

    organization: str
    claims: int
    confirmed: int
    released: int
    hours: float
    on_time: int
    timed: int
    by_unit: Mean
    by_resident: Mean


class Ledger:
    """The ledger in the database. `touch` says which cases have changed, `gather` reads them."""

    def __init__(
        self, database: Database, read: Helped, params: Callable[[], PointParams], clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._read = read
        self._params = params
        self._clock = clock
        self._touched: dict[str, None] = {}
        self._all = True  # what happened before this process began

    def touch(self, case: str) -> None:
        """Say that a case with organizations has changed."""
        if len(self._touched) < MOST_TOUCHED:
            self._touched[case] = None
        else:
            self._all = True

    async def gather(self) -> int:
        """Enter what has come about since the last time; returns how many entries are new or other than before. A case that
        cannot be read now is read the next time."""
        now = self._clock()
        changed = 0
        if self._all:
            recent = await self._read.between(now - LOOK_BACK, now + timedelta(days=1))
            for done in recent:
                self.touch(done.case)
            self._all = False
        while self._touched:
            batch = list(self._touched)[:200]
            changed += await self._enter(batch, now)
            for case in batch:
                del self._touched[case]
        return changed

    async def entries(self, since: datetime, until: datetime, organization: str | None = None) -> list[Entry]:
        """Return what counts of a period (half-open), of one organization or of all, in the order of time."""
        wanted: dict[str, Any] = {"at": {"$gte": since, "$lt": until}, "withdrawn_at": None}
        if organization is not None:
            wanted["organization"] = organization
        found = await self._database.find(LEDGER, wanted, sort=[("at", 1)])
        return [value_of(one | {"id": one["_id"]}, Entry) for one in found]

    async def entries_of_volunteer(self, organization: str, number: str, until: datetime) -> list[Entry]:
        """Return what counts of one volunteer of an organization before an instant, in the order of time."""
        wanted = volunteer_filter(organization, number, until)
        found = await self._database.find(LEDGER, wanted, sort=[("at", 1)])
        return [value_of(one | {"id": one["_id"]}, Entry) for one in found]

    async def _enter(self, cases: Sequence[str], now: datetime) -> int:
        tasks: list[HelpTask] = await self._read.tasks_of(cases)
        wanted = {entry.id: entry for task in tasks if (entry := self._entry(task)) is not None}
        known = {one["_id"]: one for one in await self._database.find(LEDGER, {"case": {"$in": list(cases)}})}
        new = [_document(entry) for entry in wanted.values() if known.get(entry.id) != _document(entry)]
        gone = [id for id, one in known.items() if id not in wanted and one["withdrawn_at"] is None]
        await self._database.bulk_replace(LEDGER, new)
        for id in gone:
            await self._database.update_one(LEDGER, {"_id": id, "withdrawn_at": None}, {"$set": {"withdrawn_at": now}})
        return len(new) + len(gone)

    def _entry(self, task: HelpTask) -> Entry | None:
        common: dict[str, Any] = {
            "id": f"{task.case}:{task.task}", "organization": task.organization, "case": task.case, "case_no": task.case_no,
            "task": task.task,
        }  # fmt: skip
        done = task.done
        if done is None:
            return Entry(outcome="released", at=task.at, **common) if task.released else None
        ratings = [rating for rating in (done.unit_rating, done.resident_rating) if rating is not None]
        return Entry(
            outcome="confirmed", kind=done.kind, category=done.category, hours=done.hours, people=done.people,
            volunteers=done.volunteers,
            points=points_of(done.hours, ratings, self._params()), unit_rating=done.unit_rating,
            resident_rating=done.resident_rating, thanks=done.thanks, on_time=task.on_time, at=done.confirmed_at, **common,
        )  # fmt: skip


def volunteer_filter(organization: str, number: str, until: datetime) -> dict[str, Any]:
    """Return the filter of the entries in which one volunteer of an organization served."""
    return {"organization": organization, "volunteers.number": number, "at": {"$lt": until}, "withdrawn_at": None}


def _document(entry: Entry) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(entry, builtin_types=(datetime,))
    document["_id"] = document.pop("id")
    volunteers = document.pop("volunteers")
    return document | {"volunteers": list(volunteers)} if volunteers else document


def record_of(organization: str, entries: Iterable[Entry], params: PointParams, quarter: Callable[[datetime], str]) -> Record:
    """Return what entries add up to; `quarter` names the quarter of an instant in the city's zone."""
    found = [entry for entry in entries if entry.outcome == "confirmed"]
    hours = sum(entry.hours for entry in found)
    quarters: dict[str, list[Entry]] = {}
    for entry in found:
        quarters.setdefault(quarter(entry.at), []).append(entry)
    return Record(
        organization=organization,
        tasks=len(found),
        hours=round(hours, 2),
        people=sum(entry.people for entry in found),
        points=sum(entry.points for entry in found),
        stars=honour_of(hours, params),
        by_unit=_mean([entry.unit_rating for entry in found]),
        by_resident=_mean([entry.resident_rating for entry in found]),
        quarters=[
            Quarter(name, len(part), round(sum(one.hours for one in part), 2), sum(one.points for one in part))
            for name, part in sorted(quarters.items())
        ],
        thanks=[entry.thanks for entry in reversed(found) if entry.thanks][:MOST_THANKS],
    )


def evaluation_of(entries: Iterable[Entry]) -> list[Evaluation]:
    """Return the figures of each organization in the order of codes."""
    parts: dict[str, list[Entry]] = {}
    for entry in entries:
        parts.setdefault(entry.organization, []).append(entry)
    return [_evaluation(organization, part) for organization, part in sorted(parts.items())]


def _evaluation(organization: str, part: Sequence[Entry]) -> Evaluation:
    confirmed = [entry for entry in part if entry.outcome == "confirmed"]
    timed = [entry.on_time for entry in confirmed if entry.on_time is not None]
    return Evaluation(
        organization=organization,
        claims=len(part),
        confirmed=len(confirmed),
        released=len(part) - len(confirmed),
        hours=round(sum(entry.hours for entry in confirmed), 2),
        on_time=sum(timed),
        timed=len(timed),
        by_unit=_mean([entry.unit_rating for entry in confirmed]),
        by_resident=_mean([entry.resident_rating for entry in confirmed]),
    )


def _mean(ratings: Sequence[int | None]) -> Mean:
    given = [rating for rating in ratings if rating is not None]
    return Mean(round(sum(given) / len(given), 2) if given else None, len(given))


def with_figures(organizations: Iterable[Organization], figures: Mapping[str, Mapping[str, Any]]) -> list[Organization]:
    """Return the organizations with what the ledger knows of them, on top of what their table brought."""
    return [_with(one, figures[one.code]) if one.code in figures else one for one in organizations]


def _with(organization: Organization, found: Mapping[str, Any]) -> Organization:
    brought = organization.confirmed
    return msgspec.structs.replace(
        organization, confirmed=brought + found["confirmed"], claimed=max(organization.claimed, brought) + found["claimed"],
        ratings=organization.ratings + found["ratings"], rating_sum=organization.rating_sum + found["rating_sum"],
    )  # fmt: skip


async def load_figures(database: Database) -> Mapping[str, Mapping[str, Any]]:
    """Return what the ranking asks of each organization: confirmed and claimed tasks, residents' ratings and their sum."""
    rated = {"$cond": [{"$gt": ["$resident_rating", None]}, 1, 0]}
    group = {
        "_id": "$organization", "claimed": {"$sum": 1}, "ratings": {"$sum": rated},
        "confirmed": {"$sum": {"$cond": [{"$eq": ["$outcome", "confirmed"]}, 1, 0]}},
        "rating_sum": {"$sum": {"$ifNull": ["$resident_rating", 0]}},
    }  # fmt: skip
    found = await database.aggregate(LEDGER, [{"$match": {"withdrawn_at": None}}, {"$group": group}])
    return {one.pop("_id"): one for one in found}
