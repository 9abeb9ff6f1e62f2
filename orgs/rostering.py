"""Duty rosters as data that people keep: read, changed row by row, imported as a table (domain.md §2.2, §5.5).

Grid leads keep the rows of the grid workers of their own areas, system administrators all. Every change is written down with who
made it (`roster_changes`), and announced: all processes answer by it from then on. An import of the whole city keeps what was
made and changed here (ADR 21).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date, datetime
from hashlib import blake2b
from typing import Any

import msgspec

from dispatch.actors import Actor
from dispatch.packs import Imported, PackReport, Row, rows_of
from dispatch.ports import Locator
from orgs import hours
from orgs.people import Person
from orgs.roster import Duty
from orgs.store import ROSTER_CHANGES, ROSTERS, document_of, mark_changed, value_of
from orgs.tables import DutyRow, Wrong
from storage.client import Database
from storage.errors import FieldError, Forbidden, Invalid
from storage.registers import Act, Register

__all__ = ["ADDED", "MOST_ROWS", "Kept", "Rosters", "wrong_in"]

ADDED = "A-"  # how the ids begin that an import gives
MOST_ROWS = 5000
TABLE = "roster.csv"
KEPT_BY_LEADS = frozenset({"grid_worker", "grid_lead", "group_leader"})  # roles whose rows a grid lead keeps


def wrong_in(duty: Duty, people: Collection[str], areas: Callable[[str], bool]) -> Iterator[Wrong]:
    """Give everything that is wrong with a row by itself; people and areas must exist, the days be in order.

    >>> [wrong.column for wrong in wrong_in(Duty(username="li", hours="9-17"), {"wang"}, bool)]
    ['username', 'hours']
    """
    if duty.username not in people:
        yield Wrong("username", duty.username, "a user name of people.csv", "unknown_code")
    for code in duty.area_codes:
        if not areas(code):
            yield Wrong("area_codes", code, "the code of an area", "unknown_code")
    try:
        hours.parse(duty.hours)
    except ValueError as error:
        yield Wrong("hours", duty.hours, str(error).partition("allowed: ")[2] or str(error), "not_allowed")
    if duty.first_day and duty.last_day and duty.last_day < duty.first_day:
        yield Wrong("last_day", str(duty.last_day), f"a day not before {duty.first_day}", "days")
    if duty.substitute and duty.substitute not in people:
        yield Wrong("substitute", duty.substitute, "a user name of people.csv", "unknown_code")
    if duty.substitute == duty.username:
        yield Wrong("substitute", duty.substitute, "somebody else", "not_allowed")


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the roster by its id, with its present `rev`."""

    id: str
    rev: int
    duty: Duty


class Rosters:
    """The rosters in the database. `people` gives who there is now, `locator` knows the tree of areas."""

    def __init__(self, database: Database, people: Callable[[], Mapping[str, Person]], locator: Locator) -> None:
        self._database = database
        self._register = Register(database, ROSTERS, ROSTER_CHANGES)
        self._people = people
        self._locator = locator

    async def rows(
        self,
        actor: Actor,
        *,
        username: str | None = None,
        area: str | None = None,
        on: date | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> list[Kept]:
        """Return rows by id, those of a person, of an area (named in the row itself), or that are not over on a day."""
        wanted: dict[str, Any] = {"_id": {"$gt": after or ""}}
        wanted |= {name: value for name, value in (("username", username), ("area_codes", area)) if value}
        if on is not None:
            wanted["$or"] = [{"last_day": None}, {"last_day": {"$gte": on.isoformat()}}]
        if actor.role == "grid_lead":
            wanted["username"] = {"$in": [one for one in self._own_people(actor) if username in (None, one)]}
        found = await self._database.find(ROSTERS, wanted, sort=[("_id", 1)], limit=limit)
        return [_kept(document) for document in found]

    async def put(self, actor: Actor, id: str, duty: Duty, now: datetime, *, rev: int | None = None) -> Kept:
        """Make a row hold exactly this. Raises `Invalid`, `Forbidden` for people or areas of others, `StaleRev`."""
        errors = [FieldError(wrong.column, wrong.code, wrong.allowed) for wrong in self._wrong(duty)]
        if errors:
            raise Invalid("the row cannot be accepted", errors=errors)
        self._check_own(actor, duty)
        if (before := await self._register.get(id)) is not None:
            self._check_own(actor, value_of(before, Duty))
        document = await self._register.put(id, _content(duty), _act(actor, now), rev=rev)
        await mark_changed(self._database, now)
        return _kept(document)

    async def remove(self, actor: Actor, id: str, now: datetime, *, rev: int | None = None) -> None:
        """Take a row out; one that is not there is out already. Raises `Forbidden`, `StaleRev`."""
        if (before := await self._register.get(id)) is None:
            return
        self._check_own(actor, value_of(before, Duty))
        await self._register.remove(id, _act(actor, now), rev=rev)
        await mark_changed(self._database, now)

    async def take_over(self, actor: Actor, text: str, now: datetime, *, dry_run: bool) -> Imported:
        """Add the rows of a table (columns of `roster.csv`, `id` may be left out); with `dry_run` only say what would be done.

        All rows or none: raises `PackInvalid` with every row that is wrong.
        """
        found = self._read(actor, text)
        present = {one["_id"]: one for one in await self._database.find(ROSTERS, {"_id": {"$in": sorted(found)}})}
        same = {id for id, duty in found.items() if id in present and value_of(present[id], Duty) == duty}
        if not dry_run:
            for id in sorted(found.keys() - same):
                await self._register.put(id, _content(found[id]), _act(actor, now))
            await mark_changed(self._database, now)
        changed = len(present.keys() - same)
        return Imported(new=len(found) - len(present), changed=changed, same=len(same))

    def _read(self, actor: Actor, text: str) -> dict[str, Duty]:
        """A row without id gets one from what it says, so that the same table twice is the same rows."""
        report = PackReport()
        found: dict[str, Duty] = {}
        for number, row in rows_of(text, TABLE, RosterRow, report, most=MOST_ROWS):
            fields = msgspec.structs.asdict(row)
            id, duty = fields.pop("id"), Duty(**fields)
            self._report(actor, Row(number, duty), report)
            id = id or ADDED + _digest(duty)
            if id in found and found[id] != duty:
                report.error(TABLE, number, "id", f"`{id}` stands in another row of this table", code="twice")
            found[id] = duty
        report.raise_if_errors()
        return found

    def _report(self, actor: Actor, row: Row[Duty], report: PackReport) -> None:
        wrong = list(self._wrong(row.value))
        for one in wrong:
            report.wrong(TABLE, row.number, *one)
        if not wrong and not self._is_own(actor, row.value):
            report.error(TABLE, row.number, "username", "a person and areas that you lead", code="not_yours")

    def _wrong(self, duty: Duty) -> Iterator[Wrong]:
        return wrong_in(duty, self._people(), lambda code: self._locator.area(code) is not None)

    def _check_own(self, actor: Actor, duty: Duty) -> None:
        if not self._is_own(actor, duty):
            raise Forbidden("the roster of other areas")

    def _is_own(self, actor: Actor, duty: Duty) -> bool:
        """A grid lead keeps the rows of who works in the areas led, for these alone; the substitute may come from anywhere."""
        if actor.role != "grid_lead":
            return True
        person = self._people().get(duty.username)
        if person is None or person.role not in KEPT_BY_LEADS:
            return False
        codes = (*duty.area_codes, *person.area_codes)
        return bool(codes) and all(self._leads(actor, code) for code in codes)

    def _own_people(self, actor: Actor) -> list[str]:
        people = self._people().values()
        found = (person for person in people if person.role in KEPT_BY_LEADS)
        return [person.username for person in found if any(self._leads(actor, code) for code in person.area_codes)]

    def _leads(self, actor: Actor, code: str) -> bool:
        return any(self._locator.is_within(code, led) for led in actor.scope.areas)


class RosterRow(DutyRow, frozen=True, kw_only=True):
    """A row of a table that is imported while the service runs: a row of `roster.csv`, with an id where it is to replace one."""

    id: str = ""


def _act(actor: Actor, now: datetime) -> Act:
    return Act(by=actor.id, role=actor.role, at=now)


def _content(duty: Duty) -> dict[str, Any]:
    content = document_of("", duty)
    del content["_id"]
    return content


def _kept(document: dict[str, Any]) -> Kept:
    return Kept(id=document["_id"], rev=document.get("rev", 1), duty=value_of(document, Duty))


def _digest(duty: Duty) -> str:
    return blake2b(msgspec.json.encode(duty), digest_size=8).hexdigest()
