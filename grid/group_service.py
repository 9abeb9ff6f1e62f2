"""The register of community groups: kept by who leads the grids, read by who looks after the groups.

Every change is written down (`group_changes`). A table of groups (`groups.csv`) is checked as a whole before anything is written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec

from dispatch.actors import Actor
from dispatch.pack_taking import Taking
from dispatch.packs import Imported, PackReport, Row, rows, rows_of
from dispatch.ports import Directory, Locator
from grid.areas import Area
from grid.group_store import (
    GROUP_CHANGES,
    GROUPS,
    INDEXES,
    PACK_TABLE,
    GroupStore,
    group_content,
    group_document,
    group_of,
)
from grid.groups import Group, GroupKind, errors_in, tends
from storage.client import Database
from storage.errors import FieldError, Forbidden, Invalid, NotFound
from storage.indexes import ensure
from storage.registers import Act, Register

__all__ = ["GroupRow", "Groups", "KeptGroup", "read_groups", "write_groups"]

TABLE = "groups.csv"
MOST_ROWS = 20_000
LEADERS = frozenset({"group_leader"})


class GroupRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `groups.csv`."""

    code: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    kind: GroupKind
    area_code: str
    leaders: tuple[str, ...] = ()
    size: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0

    def group(self, codes: Sequence[str] = ()) -> Group:
        """Return the group; `codes` are its grid and all areas above it."""
        return Group(
            code=self.code, name=self.name, kind=self.kind, area=self.area_code, codes=tuple(codes), leaders=self.leaders,
            size=self.size,
        )  # fmt: skip


class KeptGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A group with its present `rev`."""

    rev: int
    group: Group


def read_groups(folder: Path, report: PackReport, *, areas: Sequence[Area], leaders: Collection[str]) -> list[Group]:
    """Return the groups of a city pack; what is wrong goes into `report`. `areas` are those of the pack, `leaders` the user names
    of its group leaders."""
    found = rows(folder, TABLE, GroupRow, report, unique=("code",))
    levels = {area.code: area.level for area in areas} if found else {}
    for number, row in found:
        _report(report, number, errors_in(row.group(), levels, leaders))
    parents = {area.code: area.parent or "" for area in areas} if found else {}
    return [row.group(_path(row.area_code, parents)) for _, row in found]


async def write_groups(database: Database, groups: Sequence[Group], taking: Taking) -> None:
    """Take the groups of a city pack over; what people have made and changed stays (ADR 21)."""
    if not taking.dry_run:
        await ensure(database, INDEXES)
    await taking.rows(PACK_TABLE, map(group_document, groups))


class Groups:
    """The groups in the database."""

    def __init__(self, database: Database, store: GroupStore, locator: Locator, directory: Directory, root: str) -> None:
        """`root` is the code of the whole city."""
        self._register = Register(database, GROUPS, GROUP_CHANGES)
        self._store = store
        self._locator = locator
        self._directory = directory
        self._root = root

    async def of(self, actor: Actor, *, area: str | None, after: str = "", limit: int = 100) -> list[KeptGroup]:
        """Return the groups that the actor looks after (a system administrator: all), by code; those of one area when asked."""
        found = await self._store.groups(self.reach(actor) | ({"area": area} if area else {}), after=after, limit=limit)
        return [_kept(document) for document in found]

    def reach(self, actor: Actor) -> dict[str, object]:
        """Return what finds the groups of an actor."""
        if actor.role == "group_leader":
            return {"leaders": actor.id}
        return {"codes": self._root} if actor.role == "sys_admin" else {"codes": {"$in": sorted(actor.scope.areas)}}

    async def tended(self, actor: Actor, code: str) -> Group:
        """Return a group that the actor looks after. Raises `NotFound`."""
        group = await self._store.group(code)
        if group is None or not tends(actor, group):
            raise NotFound("group")
        return group

    async def put(self, actor: Actor, group: Group, now: datetime, *, rev: int | None = None) -> KeptGroup:
        """Make a group hold exactly this. Raises `Invalid`, `Forbidden` for the grids of others, `StaleRev`."""
        if errors := list(self._errors(group)):
            raise Invalid("the group cannot be accepted", errors=errors)
        group = self._placed(group)
        self._check_led(actor, group)
        if (before := await self._store.group(group.code)) is not None:
            self._check_led(actor, before)
        return _kept(await self._register.put(group.code, group_content(group), _act(actor, now), rev=rev))

    async def remove(self, actor: Actor, code: str, now: datetime) -> None:
        """Take a group out; its posts stay with the cases made of them. Raises `Forbidden`."""
        if (before := await self._store.group(code)) is not None:
            self._check_led(actor, before)
            await self._register.remove(code, _act(actor, now))

    async def take_over(self, actor: Actor, text: str, now: datetime, *, dry_run: bool) -> Imported:
        """Add the groups of a table (columns of `groups.csv`); with `dry_run` only say what would be done.

        All rows or none: raises `PackInvalid` with every row that is wrong.
        """
        report = PackReport()
        found = [
            self._checked(actor, row, report) for row in rows_of(text, TABLE, GroupRow, report, unique=("code",), most=MOST_ROWS)
        ]
        report.raise_if_errors()
        documents = await self._store.groups({"codes": self._root})
        present = {document["_id"]: group_of(document) for document in documents}
        changed = [group for group in found if present.get(group.code) != group]
        if not dry_run:
            for group in changed:
                await self._register.put(group.code, group_content(group), _act(actor, now))
        new = sum(group.code not in present for group in changed)
        return Imported(new=new, changed=len(changed) - new, same=len(found) - len(changed))

    def _checked(self, actor: Actor, row: Row[GroupRow], report: PackReport) -> Group:
        errors = list(self._errors(row.value.group()))
        _report(report, row.number, errors)
        group = self._placed(row.value.group())
        if not errors and not self._is_led(actor, group):
            report.error(TABLE, row.number, "area_code", "a grid that you lead", code="not_yours")
        return group

    def _errors(self, group: Group) -> Iterator[FieldError]:
        ref = self._locator.area(group.area)
        people = (self._directory.colleague(name) for name in group.leaders)
        leaders = {person.username for person in people if person is not None and person.role in LEADERS}
        return errors_in(group, {group.area: ref.level} if ref else {}, leaders)

    def _placed(self, group: Group) -> Group:
        if self._locator.area(group.area) is None:
            return group
        return msgspec.structs.replace(group, codes=self._locator.locate_area(group.area).area_codes)

    def _check_led(self, actor: Actor, group: Group) -> None:
        if not self._is_led(actor, group):
            raise Forbidden("the groups of other grids")

    def _is_led(self, actor: Actor, group: Group) -> bool:
        return actor.role == "sys_admin" or not actor.scope.areas.isdisjoint(group.codes)


def _report(report: PackReport, number: int, errors: Iterator[FieldError] | Sequence[FieldError]) -> None:
    for error in errors:
        column = "area_code" if error.field == "area" else error.field
        report.error(TABLE, number, column, f"allowed: {error.message}", code=error.code)


def _path(code: str, parents: Mapping[str, str]) -> list[str]:
    found: list[str] = []
    while code and code not in found:
        found.append(code)
        code = parents.get(code) or ""
    return found[::-1]


def _act(actor: Actor, now: datetime) -> Act:
    return Act(by=actor.id, role=actor.role, at=now)


def _kept(document: dict[str, object]) -> KeptGroup:
    rev = document.get("rev", 1)
    return KeptGroup(rev=rev if isinstance(rev, int) else 1, group=group_of(document))
