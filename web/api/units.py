"""Government units: found by any of their names, looked at with what they are responsible for, kept by the administrators."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec

from dispatch.actors import permission
from dispatch.service import utc_now
from orgs.directory import DirectorySnapshot
from orgs.rule_times import moment_at
from orgs.tables import UnitRow
from orgs.unit_duties import on_duty_of, responsibility
from orgs.unit_register import KeptUnit, UnitChange
from orgs.units import Unit
from web.base import ApiHandler, field_error, operation
from web.bodies import Body
from web.shapes import Items, Ref
from web.tables import TableAnswer, TableBody, table_answer

__all__ = ["UnitDissolve", "UnitHandler", "UnitHistory", "UnitImport", "Units"]

Word = Annotated[str, msgspec.Meta(max_length=100)]
Code = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[^\s;$]*$")]
Codes = Annotated[tuple[Code, ...], msgspec.Meta(max_length=500)]
Rev = Annotated[int, msgspec.Meta(ge=0)]
SHOWN = 200  # rules of a unit that are named one by one


class UnitsQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Units whose name or alias holds `q`; `area` keeps those that work there. `name` is one name as a record has it: who that
    is, all where it may be several."""

    q: Word | None = None
    name: Word | None = None
    area: Word | None = None
    level: Word | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 50


class UnitBody(Body, frozen=True, kw_only=True):
    """A unit by the columns of `units.csv`, and which of its revisions was seen (`rev`, 0 for a new unit)."""

    rev: Rev
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
    type: Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[^\s;$@]+$")]
    level: Literal["city", "district", "township", "community"]
    area_codes: Codes
    short_name: Word = ""
    aliases: Annotated[tuple[Word, ...], msgspec.Meta(max_length=50)] = ()
    parent: Code = ""
    hours: Annotated[str, msgspec.Meta(max_length=200)] = ""
    duty_phone: Annotated[str, msgspec.Meta(max_length=60)] = ""
    valid_from: date | None = None
    valid_to: date | None = None
    successor: Code = ""


class DissolveBody(Body, frozen=True, kw_only=True):
    """The last day of a unit (counted), who takes over what was its own, and which of its revisions was seen."""

    rev: Rev
    last_day: date
    successor: Code = ""


class UnitItem(msgspec.Struct, kw_only=True):
    """A unit that must act."""

    code: str
    name: str
    short_name: str
    type: str
    level: str
    parent: str
    area_codes: tuple[str, ...]
    hours: str


class OnDuty(msgspec.Struct):
    """Somebody of a unit who is on duty now."""

    username: str
    name: str
    role: str


class DutyContact(msgspec.Struct):
    """By what number a unit is reached, and who of its people is on duty."""

    phone: str
    on_duty: list[OnDuty]


class Responsible(msgspec.Struct):
    """What a unit is responsible for by the rules that hold now: how many it leads and assists by, the first of them, and the
    categories and areas of those by which it leads."""

    leads: int
    assists: int
    rules: list[str]
    categories: list[str]
    areas: list[str]


class UnitAnswer(msgspec.Struct, kw_only=True):
    """A unit as it is kept. It is there from `valid_from` until just before `valid_to` (null: no bound). `acting` is who answers
    for what is its own now (null: nobody), `predecessors` are those in whose stead it answers; `duty` is for those who work with
    units."""

    code: str
    name: str
    short_name: str
    aliases: tuple[str, ...]
    type: str
    level: str
    parent: str
    above: list[Ref]
    below: list[Ref]
    area_codes: tuple[str, ...]
    hours: str
    valid_from: datetime | None
    valid_to: datetime | None
    successor: str
    acting: Ref | None
    predecessors: list[str]
    origin: str
    rev: int
    duty: DutyContact | None
    responsible: Responsible


class UnitState(msgspec.Struct, kw_only=True):
    """A unit at one time, by the columns of `units.csv`."""

    name: str
    short_name: str
    aliases: tuple[str, ...]
    type: str
    level: str
    parent: str
    area_codes: tuple[str, ...]
    hours: str
    duty_phone: str
    valid_from: datetime | None
    valid_to: datetime | None
    successor: str


class UnitChangeItem(msgspec.Struct, kw_only=True):
    """What became of a unit: before and after (null: not there)."""

    at: datetime
    by: str
    role: str
    before: UnitState | None
    after: UnitState | None


class Units(ApiHandler):
    """GET /api/v1/units."""

    @operation("Units by name or area", permission="directory.read", query=UnitsQuery, result=Items[UnitItem])
    async def get(self, query: UnitsQuery) -> None:
        """Send the units at work."""
        snapshot = self.services.parties.snapshot
        found: Iterable[Unit]
        if query.name is not None:
            found = [one for one in snapshot.find_units(query.name) if query.area is None or query.area in one.area_codes]
        else:
            found = snapshot.search_units(query.q or "", area=query.area, limit=query.limit)
        shown = [one for one in found if query.level in (None, one.level)][: query.limit]
        self.answer(Items([_item(unit) for unit in shown]))


class _UnitHandler(ApiHandler):
    """What all doors to one unit have in common."""

    async def answer_unit(self, kept: KeptUnit) -> None:
        """Send a unit with what it is responsible for."""
        snapshot, now = self.services.parties.snapshot, utc_now()
        found = await asyncio.to_thread(responsibility, snapshot, kept.unit, now)
        rules = [rule.id for rule in (*found.leads, *found.assists)][:SHOWN]
        duties = Responsible(len(found.leads), len(found.assists), rules, found.categories, found.areas)
        has_duty = self.actor.role in permission("units.duty")
        duty = _duty(snapshot, kept.unit, now) if has_duty else None
        self.answer(_answer(snapshot, kept, duties, duty))


class UnitHandler(_UnitHandler):
    """GET, PUT /api/v1/units/{code}."""

    @operation("A unit and what it is responsible for", permission="directory.read", result=UnitAnswer)
    async def get(self, code: str) -> None:
        """Send the unit, gone or not."""
        await self.answer_unit(await self.services.units.get(code))

    @operation("Found or change a unit", permission="units.edit", body=UnitBody, result=UnitAnswer)
    async def put(self, body: UnitBody, code: str) -> None:
        """Make the unit hold exactly this."""
        fields = msgspec.structs.asdict(body)
        rev = fields.pop("rev")
        try:
            row = msgspec.convert({"code": code, **fields}, UnitRow)
        except msgspec.ValidationError:
            raise field_error("code", "not_allowed") from None
        await self.answer_unit(await self.services.units.put(self.actor, row, utc_now(), rev=rev))


class UnitDissolve(_UnitHandler):
    """POST /api/v1/units/{code}:dissolve."""

    @operation("Dissolve a unit", permission="units.edit", body=DissolveBody, result=UnitAnswer)
    async def post(self, body: DissolveBody, code: str) -> None:
        """End the unit behind its last day; sent again it has ended."""
        kept = await self.services.units.dissolve(
            self.actor, code, last_day=body.last_day, successor=body.successor, now=utc_now(), rev=body.rev
        )
        await self.answer_unit(kept)


class UnitHistory(ApiHandler):
    """GET /api/v1/units/{code}/history."""

    @operation("What became of a unit", permission="units.edit", result=Items[UnitChangeItem])
    async def get(self, code: str) -> None:
        """Send the changes that were made here, oldest first."""
        await self.services.units.get(code)
        self.answer(Items([_change(one) for one in await self.services.units.history(code)]))


class UnitImport(ApiHandler):
    """POST /api/v1/units:import."""

    @operation(
        "Add or change units by a table (columns of units.csv)", permission="units.edit", body=TableBody, result=TableAnswer
    )
    async def post(self, body: TableBody) -> None:
        """Take all rows (columns of `units.csv`) over, or none; by default only say what would be done."""
        done = await self.services.units.take_over(self.actor, body.csv, utc_now(), dry_run=body.dry_run)
        self.answer(table_answer(done, body))


def _item(unit: Unit) -> UnitItem:
    return UnitItem(**{name: getattr(unit, name) for name in UnitItem.__struct_fields__})


def _answer(snapshot: DirectorySnapshot, kept: KeptUnit, duties: Responsible, duty: DutyContact | None) -> UnitAnswer:
    unit, tree = kept.unit, snapshot.units
    acting = tree.standing(unit.code)
    return UnitAnswer(
        code=unit.code, above=_above(snapshot, unit), below=[Ref(one.code, one.name) for one in tree.children(unit.code)],
        acting=Ref(acting.code, acting.name) if acting else None,
        predecessors=sorted(tree.standing_for(unit.code) - {unit.code}), origin=unit.origin, rev=kept.rev, duty=duty,
        responsible=duties, **{name: value for name, value in _state_fields(unit).items() if name != "duty_phone"},
    )  # fmt: skip


def _above(snapshot: DirectorySnapshot, unit: Unit) -> list[Ref]:
    """The units above, nearest first."""
    found: list[Ref] = []
    known = snapshot.units.by_code.get(unit.parent)
    while known is not None and all(known.code != one.code for one in found):
        found.append(Ref(known.code, known.name))
        known = snapshot.units.by_code.get(known.parent)
    return found


def _duty(snapshot: DirectorySnapshot, unit: Unit, now: datetime) -> DutyContact:
    people = [OnDuty(one.username, one.name, one.role) for one in on_duty_of(snapshot, unit, now)]
    return DutyContact(unit.duty_phone, people)


def _state_fields(unit: Unit) -> dict[str, Any]:
    names = [name for name in UnitState.__struct_fields__ if name not in ("valid_from", "valid_to")]
    times = {"valid_from": moment_at(unit.since), "valid_to": moment_at(unit.until)}
    return {name: getattr(unit, name) for name in names} | times


def _state(unit: Unit | None) -> UnitState | None:
    return None if unit is None else msgspec.convert(_state_fields(unit), UnitState)


def _change(one: UnitChange) -> UnitChangeItem:
    return UnitChangeItem(at=one.at, by=one.by, role=one.role, before=_state(one.before), after=_state(one.after))
