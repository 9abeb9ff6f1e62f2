"""Help of organizations that was confirmed: what came of each task of theirs, for whoever counts hours, thanks and figures.

done = await Helped(database).between(since, until, organization="ORG-1")

One task is one `HelpDone`, found again under (case, task) however often it is asked for. What the lead unit and what the resident
think of it are two figures; either may come later than the confirmation, so that an answer of yesterday may lack a rating that
is there today.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from dispatch.situation import Case
from dispatch.store import CASES
from dispatch.volunteers import Volunteered
from storage.client import Database

__all__ = ["HelpDone", "HelpTask", "Helped", "help_done"]

INDEX = [("tasks.confirmation.at", 1), ("tasks.organization.code", 1)]
_PARTS = {"case_no": 1, "category.code": 1, "tasks": 1, "needs.id": 1, "needs.kind": 1, "needs.ends_at": 1}


class HelpDone(msgspec.Struct, frozen=True, kw_only=True):
    """What an organization did on one case, confirmed by its lead unit, by the resident, or by the end of the case.

    `kind` is the kind of organization that was asked for (empty where it was invited without a need), `hours` of all who came
    together, `people` how many these were, `volunteers` the hours of each whose number was given. Ratings go from 1 to 5, None
    where none was given. `thanks` are the words of the resident, masked.
    """

    organization: str
    case: str
    case_no: str
    task: str
    category: str | None
    kind: str
    hours: float
    people: int
    volunteers: tuple[Volunteered, ...] = ()
    unit_rating: int | None
    resident_rating: int | None
    thanks: str | None
    confirmed_at: datetime


class HelpTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task that an organization had taken and that has ended: confirmed (`done`) or given up (`released`), when; whether it was
    handed in by the end of its need (None: there was no such time)."""

    organization: str
    case: str
    case_no: str
    task: str
    done: HelpDone | None
    released: bool
    on_time: bool | None
    at: datetime


class Helped:
    """Reads what was confirmed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def between(self, since: datetime, until: datetime, *, organization: str | None = None) -> list[HelpDone]:
        """Return what was confirmed from `since` on and before `until`, of one organization or of all, first confirmed first."""
        wanted: dict[str, Any] = {"confirmation.at": {"$gte": since, "$lt": until}}
        if organization is not None:
            wanted["organization.code"] = organization
        filter = {"tasks": {"$elemMatch": wanted}, "tasks.confirmation.at": {"$type": "date"}}
        cases = await self._database.find(CASES, filter, projection=_PARTS, hint=INDEX)
        found = [done for case in cases for done in help_done(case)]
        found = [done for done in found if since <= done.confirmed_at < until and organization in (None, done.organization)]
        return sorted(found, key=lambda done: (done.confirmed_at, done.case, done.task))

    async def tasks_of(self, cases: Sequence[str]) -> list[HelpTask]:
        """Return the tasks of these cases that organizations had taken and that have ended."""
        found = await self._database.find(CASES, {"_id": {"$in": list(cases)}}, projection=_PARTS)
        return [task for case in found for task in _tasks(case)]


def _tasks(case: Case) -> Iterator[HelpTask]:
    ends = {need["id"]: need.get("ends_at") for need in case.get("needs") or ()}
    done = {one.task: one for one in help_done(case)}
    for task in case["tasks"]:
        one, end, handed_in = done.get(task["id"]), ends.get(task.get("need")), (task.get("result") or {}).get("at")
        if one is None and not (task["kind"] == "org" and task["state"] == "released"):
            continue
        yield HelpTask(
            organization=task["organization"]["code"], case=case["_id"], case_no=case["case_no"], task=task["id"], done=one,
            released=one is None, on_time=None if end is None or handed_in is None else handed_in <= end,
            at=one.confirmed_at if one is not None else task["dispatched_at"],
        )  # fmt: skip


def help_done(case: Case) -> Iterator[HelpDone]:
    """Give the confirmed help of one case, task by task."""
    kinds = {need["id"]: need["kind"] for need in case.get("needs") or ()}
    for task in case["tasks"]:
        if task["kind"] == "org" and task["state"] == "confirmed" and "confirmation" in task:
            yield _done(case, task, kinds.get(task.get("need"), ""))


def _done(case: Case, task: dict[str, Any], kind: str) -> HelpDone:
    result, resident = task.get("result") or {}, _opinion(task, "resident")
    return HelpDone(
        organization=task["organization"]["code"],
        case=case["_id"],
        case_no=case["case_no"],
        task=task["id"],
        category=case["category"]["code"] if case["category"] else None,
        kind=kind,
        hours=float(result.get("hours", 0)),
        people=int(result.get("count", 1)),
        volunteers=tuple(Volunteered(row["number"], row["hours"]) for row in result.get("volunteers", ())),
        unit_rating=_opinion(task, "unit").get("rating"),
        resident_rating=resident.get("rating"),
        thanks=resident.get("thanks"),
        confirmed_at=task["confirmation"]["at"],
    )


def _opinion(task: dict[str, Any], side: str) -> dict[str, Any]:
    """What one side thinks. Tasks from before opinions were kept apart have that of who confirmed alone."""
    opinions = task.get("opinions")
    if opinions is not None:
        return opinions.get(side) or {}
    confirmation: dict[str, Any] = task["confirmation"]
    said_by = "resident" if confirmation["role"] == "citizen" else "unit"
    return confirmation if said_by == side else {}
