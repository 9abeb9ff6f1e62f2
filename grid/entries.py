"""The gazetteer as something that is kept: taken over from packs, and corrected entry by entry while the service runs.

What an administrator has put, changed or removed stays so when a pack is imported again (ADR 21; `origin` is then `office`);
every such act is written down in `gazetteer_changes`, in the same transaction with the number of the correction, by which all
processes follow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from dispatch.actors import Actor
from dispatch.pack_taking import PackTable, Taking, columns_of, register_entry
from dispatch.packs import Imported, PackReport, Row, rows_of
from grid.areas import Entry
from grid.entry_rows import EntryRow, entry_id, entry_of, wrong_in
from grid.gazetteer_corrected import Correction
from grid.store import GAZETTEER, next_names_version
from storage.client import Database, Document
from storage.errors import FieldError, Invalid, NotFound
from storage.indexes import Index
from storage.registers import CHANGES_OF, Act, Register

__all__ = ["CHANGES", "INDEXES", "MOST_ROWS", "Entries", "Kept", "Looked", "save_pack"]

CHANGES = "gazetteer_changes"
TABLE = "gazetteer.csv"
MOST_ROWS = 2000
OFFICE = "office"
_LAST = "\uffff"

INDEXES: Mapping[str, Sequence[Index]] = {
    GAZETTEER: (
        Index((("name", 1), ("_id", 1)), serves="GET /gazetteer by the beginning of the name"),
        Index((("kind", 1), ("name", 1), ("_id", 1)), serves="GET /gazetteer by kind"),
    ),
    CHANGES: (CHANGES_OF, Index((("version", 1),), sparse=True, serves="what was corrected since the names were read")),
}


class Kept(msgspec.Struct, frozen=True):
    """An entry as it is kept: `rev` counts its changes, `origin` is `pack` or `office`."""

    id: str
    rev: int
    origin: str
    entry: Entry


class Looked(Imported, frozen=True, kw_only=True):
    """What a table does; and, looked at only, what is wrong with it."""

    errors: list[FieldError] = []


class Entries:
    """The entries in the database. Who may change them is for the caller to say."""

    def __init__(self, database: Database, knows_area: Callable[[str], bool]) -> None:
        self._database = database
        self._knows_area = knows_area
        self._register = Register(database, GAZETTEER, CHANGES, stamp=self._stamp)

    async def rows(self, *, q: str, kind: str | None, limit: int, after: tuple[str, str] | None) -> list[Kept]:
        """Return entries whose name begins with `q`, by name and id; `after` is the last one of the page before."""
        wanted: dict[str, Any] = {"name": {"$gte": q, "$lt": q + _LAST}}
        if kind is not None:
            wanted["kind"] = kind
        if after is not None:
            name, id = after
            wanted["$or"] = [{"name": {"$gt": name}}, {"name": name, "_id": {"$gt": id}}]
        found = await self._database.find(GAZETTEER, wanted, sort=[("name", 1), ("_id", 1)], limit=limit)
        return [_kept(document) for document in found]

    async def get(self, id: str) -> Kept:
        """Return an entry. Raises `NotFound`."""
        document = await self._register.get(id)
        if document is None or document.get("removed"):
            raise NotFound("no entry has this id")
        return _kept(document)

    async def put(self, actor: Actor, id: str, row: EntryRow, now: datetime, *, rev: int | None = None) -> Kept:
        """Make an entry hold exactly this. Raises `Invalid` with every field that is wrong, `StaleRev`."""
        errors = [FieldError(wrong.column, wrong.code, wrong.message) for wrong in wrong_in(row, self._knows_area)]
        if errors:
            raise Invalid("the entry cannot be accepted", errors=errors)
        return _kept(await self._register.put(id, _content(entry_of(row)), _act(actor, now), rev=rev))

    async def remove(self, actor: Actor, id: str, now: datetime, *, rev: int | None = None) -> None:
        """Take an entry out; one that is not there is out already. A pack does not bring it back. Raises `StaleRev`."""
        before = await self._register.get(id)
        if before is not None and not before.get("removed"):
            await self._register.put(id, {"removed": True, "origin": OFFICE}, _act(actor, now), rev=rev)

    async def take_over(self, actor: Actor, text: str, now: datetime, *, dry_run: bool) -> Looked:
        """Add the rows of a table (columns of `gazetteer.csv`, `id` where one is to be replaced); with `dry_run` only say what
        would be done and what is wrong.

        All rows or none: raises `PackInvalid` with every row that is wrong. After an end in the middle the same table again makes
        the rest.
        """
        report = PackReport()
        found = self._read(text, report)
        present = {one["_id"]: one for one in await self._database.find(GAZETTEER, {"_id": {"$in": sorted(found)}})}
        there = {id for id, one in present.items() if not one.get("removed")}
        same = {id for id in there if _kept(present[id]).entry == found[id]}
        if not dry_run:
            report.raise_if_errors()
            for id in sorted(found.keys() - same):
                await self._register.put(id, _content(found[id]), _act(actor, now))
        new, changed = len(found.keys() - there), len(there - same)
        return Looked(new=new, changed=changed, same=len(same), errors=report.errors)

    async def _stamp(self, at: datetime, session: Any) -> dict[str, int]:
        return {"version": await next_names_version(self._database, at, session)}

    def _read(self, text: str, report: PackReport) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        ordinals: Counter[str] = Counter()
        for number, row in rows_of(text, TABLE, _Row, report, most=MOST_ROWS):
            entry = checked(Row(number, row), report, self._knows_area)
            if entry is None:
                continue
            id = row.id or entry_id(entry, _next(ordinals, entry_id(entry)))
            if id in found:
                report.error(TABLE, number, "id", f"`{id}` stands in another row of this table", code="twice")
            found[id] = entry
        return found


class _Row(EntryRow, frozen=True, kw_only=True):
    id: str = ""


def checked(row: Row[Any], report: PackReport, knows_area: Callable[[str], bool]) -> Entry | None:
    """Return the entry of a row, or None when something is wrong with it, which is then in the report."""
    wrong = list(wrong_in(row.value, knows_area))
    for one in wrong:
        report.error(TABLE, row.number, one.column, one.message, code=one.code)
    return None if wrong else entry_of(row.value)


async def save_pack(entries: Iterable[Entry], taking: Taking) -> None:
    """Take the entries of a pack over; what people have put, changed or removed stays (ADR 21)."""
    ordinals: Counter[str] = Counter()
    documents = (
        {"_id": entry_id(entry, _next(ordinals, entry_id(entry))), **msgspec.structs.asdict(entry), "rev": 1} for entry in entries
    )
    await taking.rows(_PACK_TABLE, documents)


def _row_of(document: Document) -> Document | None:
    return None if document.get("removed") else dict(_ENTRY(document))


def _beside(before: Document, new: Document, taken: Collection[str]) -> Document:
    return {"removed": False, "origin": "pack"} if before.get("removed") else {}


_ENTRY = columns_of(Entry)
_PACK_TABLE = PackTable(
    name=TABLE, collection=GAZETTEER, row_of=_row_of, is_touched=lambda one: one.get("origin") == OFFICE,
    label=lambda key, row: f"{row['name']} ({key})", changes=CHANGES, record=register_entry, beside=_beside,
)  # fmt: skip


async def entries(database: Database, batch: int = 5_000) -> AsyncIterator[tuple[str, Entry]]:
    """Give all entries with their ids, in the order of the ids."""
    async for document in database.iterate(GAZETTEER, {"removed": {"$ne": True}}, sort=[("_id", 1)], batch_size=batch):
        yield document["_id"], _entry(document)


async def corrections(database: Database, after: int) -> list[Correction]:
    """Return what was put or removed by hand after the correction of this number, in order; of an entry the last only."""
    changed = await database.find(
        CHANGES, {"version": {"$gt": after}}, projection={"of": 1, "version": 1, "after": 1}, sort=[("version", 1)]
    )
    last = {change["of"]: change for change in changed}
    return [Correction(one["of"], one["version"], _entry_after(one["after"])) for one in last.values()]


def _entry_after(document: Document | None) -> Entry | None:
    return None if document is None or document.get("removed") else _entry(document)


def _next(ordinals: Counter[str], base: str) -> int:
    ordinals[base] += 1
    return ordinals[base] - 1


def _act(actor: Actor, now: datetime) -> Act:
    return Act(by=actor.id, role=actor.role, at=now)


def _content(entry: Entry) -> dict[str, Any]:
    return {**msgspec.structs.asdict(entry), "origin": OFFICE}


def _entry(document: Document) -> Entry:
    return msgspec.convert(document, Entry, builtin_types=(datetime, bytes))


def _kept(document: Document) -> Kept:
    return Kept(document["_id"], document.get("rev", 1), document.get("origin", "pack"), _entry(document))
