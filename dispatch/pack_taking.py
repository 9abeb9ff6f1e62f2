"""Taking the tables of a city pack over into registers that people write as well (ADR 21).

What the pack said of each row is put down (`pack_rows`), so that the next import can tell what people have changed since. A row
is only written as it was read; when somebody is faster, the table is compared again. What a row was before is in the register's
history. An import that was cut off is done again: rows that it has written already are as the pack has them.
"""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal

import msgspec

from dispatch.pack_merging import WHOLE, End, Merged, Row, merge, take_out, unknown
from storage.client import Database, Document
from storage.errors import Conflict
from storage.indexes import Index
from storage.registers import Act, entry_of

__all__ = ["INDEXES", "PACK_ROWS", "Note", "PackChanged", "PackTable", "Plan", "Rows", "TableOutcome", "Taking", "columns_of",
           "register_entry"]  # fmt: skip

PACK_ROWS = "pack_rows"
INDEXES: Mapping[str, Sequence[Index]] = {PACK_ROWS: ()}  # the parts of a table are found by the beginning of their `_id`
PART = 20_000  # rows in one document of `pack_rows`
BATCH = 1_000
ATTEMPTS = 5
MOST_NOTES = 1_000  # kept in full; what comes after is only counted
IMPORTER = "system"

Record = Callable[[Document, Document | None, Act], Document]  # the history's entry: the row before, after (None: taken out)
Rows = dict[str, bytes]  # by key, each encoded: half a million take little room, and are compared at once
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, Any]).decode


class PackChanged(Conflict):
    """People changed a table again and again while a pack was taken over; the same pack again brings the rest. Raised by
    `Taking.rows`."""

    code = "changed_meanwhile"


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A field of a row that stays as people have it: the pack says otherwise since the last import (`conflict`), or did so
    already (`kept`). `field` is `*` for a row that people removed, or changed and the pack no longer has."""

    row: str
    field: str
    decision: Literal["kept", "conflict"]
    here: Any
    pack: Any


class TableOutcome(msgspec.Struct, kw_only=True):
    """What a pack changes in a table, in rows. A row with something kept or in conflict counts there as well as where the rest of
    it belongs."""

    new: int = 0
    changed: int = 0
    ended: int = 0
    same: int = 0
    kept: int = 0
    conflicts: int = 0
    notes: list[Note] = []


@dataclass(frozen=True, slots=True)
class PackTable:
    """A table of a pack and where it lies: `row_of` gives of a stored document what the table says of it (None: people removed
    it). `is_touched` tells what people have written from what a pack brought, in a database from before `pack_rows`. `guards` are
    the fields by which a document is known to be as it was read; `beside` gives fields that follow from those that are taken.
    `owned` is a table that people do not write: the pack always wins."""

    name: str
    collection: str
    row_of: Callable[[Document], Row | None]
    end: End = take_out
    is_touched: Callable[[Document], bool] = lambda document: "rev" in document
    label: Callable[[str, Row], str] = lambda key, row: key
    changes: str = ""
    record: Record | None = None
    beside: Callable[[Document, Document, Collection[str]], Document] = lambda before, new, taken: {}
    guards: tuple[str, ...] = ("rev",)
    scope: Mapping[str, Any] = field(default_factory=dict)
    counts_rev: bool = True
    owned: bool = False


def columns_of(kind: type[msgspec.Struct], *without: str) -> Callable[[Document], Row]:
    """Return what reads the fields of a struct from its document, but those named; what a document of before does not have has
    its default."""
    fields = [one for one in msgspec.structs.fields(kind) if one.encode_name not in without]
    defaults = {one.encode_name: _default(one) for one in fields}

    def row_of(document: Document) -> Row:
        return {name: document.get(name, default) for name, default in defaults.items()}

    return row_of


def _default(one: msgspec.structs.FieldInfo) -> Any:
    return None if one.default is msgspec.NODEFAULT else one.default


def register_entry(before: Document, after: Document | None, act: Act) -> Document:
    """Return what the history of a `Register` says of a row."""
    return entry_of(before["_id"], before, after, act)


class Edit(msgspec.Struct, frozen=True):
    """One document that is to be written: before and after (None: not there), and which fields are set."""

    key: str
    before: Document | None
    after: Document | None
    fields: Document = {}


class Plan:
    """A table compared row by row: what is to be written, what is put down of the pack, what is told."""

    def __init__(self, table: PackTable, last: Rows | None, new: Mapping[str, Document], *, take_pack: bool) -> None:
        """`last` is None for a table that was never taken over, or before such rows were put down."""
        self.table = table
        self.edits: list[Edit] = []
        self.word: Rows = {}
        self.outcome = TableOutcome()
        self._last = last
        self._new = new
        self._take_pack = take_pack
        self._waiting = dict.fromkeys(new)

    def see(self, key: str, document: Document) -> None:
        """Compare a document that is there."""
        self._waiting.pop(key, None)
        new, here = self._new.get(key), self.table.row_of(document)
        row = None if new is None else self.table.row_of(new)
        if here is not None and row is not None:
            cells = _encode(row)
            if _encode(here) == cells:
                self.word[key] = cells
                self.outcome.same += 1
                return
        last = self._last_of(key, document, here, row)
        if row is not None or last is not None:
            self._decide(key, document, last, _canonical(here), _canonical(row))

    def end(self) -> None:
        """Compare what is not there: it is new, or people have taken it out."""
        last = self._last or {}
        for key in self._waiting:
            document = self._new[key]
            row = self.table.row_of(document)
            if key in last:
                self._decide(key, None, _decode(last[key]), None, _canonical(row))
            else:  # as `merge` would say; the first import of a city is nothing else
                self.word[key] = _encode(row)
                self.edits.append(Edit(key, None, document))
                self.outcome.new += 1

    def _last_of(self, key: str, document: Document, here: Row | None, row: Row | None) -> Row | None:
        if self.table.owned:
            return _canonical(here)
        if self._last is not None:
            cells = self._last.get(key)
            return None if cells is None else _decode(cells)
        if here is None:  # people removed it
            return row
        if not self.table.is_touched(document):
            return _canonical(here)
        return None if row is None else unknown(row)

    def _decide(self, key: str, document: Document | None, last: Row | None, here: Row | None, row: Row | None) -> None:
        merged = merge(last, here, row, end=self.table.end, take_pack=self._take_pack)
        if merged.last is not None:
            self.word[key] = _encode(merged.last)
        if merged.taken:
            self._edit(key, document, here, merged)
        self._count(merged, here, row)
        for name, decision in (*((name, "kept") for name in merged.kept), *((name, "conflict") for name in merged.conflicts)):
            self._note(key, name, decision, here, row)

    def _edit(self, key: str, document: Document | None, here: Row | None, merged: Merged) -> None:
        new = self._new.get(key)
        if document is None:
            self.edits.append(Edit(key, None, new))
        elif merged.after is None:
            self.edits.append(Edit(key, document, None))
        else:
            taken = [name for name in merged.after if here is None or merged.after[name] != here[name]]
            source = merged.after if new is None else new
            fields = {name: source[name] for name in taken if name in source}
            fields |= {} if new is None else self.table.beside(document, new, taken)
            if self.table.counts_rev:
                fields["rev"] = (document.get("rev", 1) or 0) + 1
            self.edits.append(Edit(key, document, document | fields, fields))

    def _count(self, merged: Merged, here: Row | None, row: Row | None) -> None:
        outcome = self.outcome
        if merged.taken and row is None:
            outcome.ended += 1
        elif merged.taken and here is None:
            outcome.new += 1
        elif merged.taken:
            outcome.changed += 1
        outcome.kept += bool(merged.kept)
        outcome.conflicts += bool(merged.conflicts)

    def _note(self, key: str, name: str, decision: Any, here: Row | None, row: Row | None) -> None:
        if len(self.outcome.notes) < MOST_NOTES:
            label = self.table.label(key, here or row or {})
            cells = [None if of is None else of if name == WHOLE else of[name] for of in (here, row)]
            self.outcome.notes.append(Note(row=label, field=name, decision=decision, here=cells[0], pack=cells[1]))


class Taking:
    """One import of a pack: with `dry_run` it only tells; `take_pack` names the tables (or `all`) in which the pack wins."""

    def __init__(
        self, database: Database, at: datetime, *, dry_run: bool = False, take_pack: Collection[str] = frozenset()
    ) -> None:
        self.at = at
        self.dry_run = dry_run
        self.outcomes: dict[str, TableOutcome] = {}
        self._database = database
        self._take_pack = frozenset(take_pack)
        self._mark = secrets.token_hex(8)

    @property
    def act(self) -> Act:
        """Who writes, as the histories say it."""
        return Act(by=IMPORTER, role=IMPORTER, at=self.at)

    def takes(self, name: str) -> bool:
        """Tell whether the pack wins in a table."""
        return not self._take_pack.isdisjoint(("all", name.partition(".")[0]))

    def plan(self, table: PackTable, last: Rows | None, new: Mapping[str, Document]) -> Plan:
        """Begin to compare a table."""
        return Plan(table, last, new, take_pack=self.takes(table.name))

    async def rows(self, table: PackTable, documents: Iterable[Document]) -> TableOutcome:
        """Take a table over. Raises `PackChanged`."""
        new = {document["_id"]: document for document in documents}
        last = None if table.owned else await self.last(table.name)
        for _ in range(ATTEMPTS):
            plan = self.plan(table, last, new)
            async for document in self._database.iterate(table.collection, table.scope, sort=[("_id", 1)], batch_size=BATCH):
                plan.see(document["_id"], document)
            plan.end()
            if self.dry_run or not await self._write(table, plan.edits):
                break
        else:
            raise PackChanged(f"{table.name} was changed by people meanwhile; import the pack again")
        await self.put_down(table.name, plan.outcome, None if table.owned else plan.word)
        return plan.outcome

    async def put_down(self, table: str, outcome: TableOutcome, word: Rows | None) -> None:
        """Tell what the pack did, and remember what it said (None: nothing is asked of it later)."""
        told = self.outcomes.setdefault(table.partition("/")[0], TableOutcome())
        for name in ("new", "changed", "ended", "same", "kept", "conflicts"):
            setattr(told, name, getattr(told, name) + getattr(outcome, name))
        told.notes = [*told.notes, *outcome.notes]
        if word is not None and not self.dry_run:
            await self._remember(table, word)

    async def last(self, name: str) -> Rows | None:
        """Return what the last pack said in a table; None when that was never put down."""
        found = await self._database.find(PACK_ROWS, _parts(name))
        if not found:
            return None
        return {key: cells for part in found for key, cells in _decode(zlib.decompress(part["rows"])).items()}

    async def known(self, table: PackTable, is_own: Callable[[Document], bool]) -> dict[str, Row]:
        """Return the rows of the last pack by key; of a database from before, those present that `is_own` says a pack brought."""
        last = await self.last(table.name)
        if last is not None:
            return {key: _decode(cells) for key, cells in last.items()}
        found = await self._database.find(table.collection, dict(table.scope))
        rows = {one["_id"]: _canonical(table.row_of(one)) for one in found if is_own(one)}
        return {key: row for key, row in rows.items() if row is not None}

    async def _write(self, table: PackTable, edits: Sequence[Edit]) -> int:
        """Write what is still as it was read; returns how many were not. The history comes first: a process that dies leaves an
        entry too many, never one too few."""
        await self._write_down(table, edits)
        new = [edit.after for edit in edits if edit.before is None and edit.after is not None]
        missed = len(await self._database.insert_many(table.collection, new))
        changed = [
            ({"_id": edit.key, **_guards(table, edit)}, {"$set": edit.fields}) for edit in edits if edit.before and edit.after
        ]
        for start in range(0, len(changed), BATCH):
            part = changed[start : start + BATCH]
            missed += len(part) - await self._database.bulk_update(table.collection, part)
        for edit in edits:
            if edit.after is None:
                missed += 1 - await self._database.delete_one(table.collection, {"_id": edit.key, **_guards(table, edit)})
        return missed

    async def _write_down(self, table: PackTable, edits: Sequence[Edit]) -> None:
        if table.record is None:
            return
        entries = [
            {**table.record(edit.before, edit.after, self.act), "_id": self._entry_id(table, edit.key)}
            for edit in edits
            if edit.before is not None
        ]
        await self._database.insert_many(table.changes, entries)

    def _entry_id(self, table: PackTable, key: str) -> str:
        """Derived, so that a table that is compared again writes the same."""
        return blake2b(f"{table.name}\0{key}\0{self._mark}".encode(), digest_size=12).hexdigest()

    async def _remember(self, name: str, word: Rows) -> None:
        keys = sorted(word)
        parts = [
            {"_id": f"{name}:{number:04d}", "at": self.at, "rows": _packed(word, keys[start : start + PART])}
            for number, start in enumerate(range(0, max(len(keys), 1), PART))
        ]

        async def write(session: Any) -> None:
            await self._database.delete_many(PACK_ROWS, _parts(name), session=session)
            await self._database.insert_many(PACK_ROWS, parts, session=session)

        await self._database.run_transaction(write)


def _packed(word: Rows, keys: Sequence[str]) -> bytes:
    return zlib.compress(_encode({key: word[key] for key in keys}), level=1)


def _parts(name: str) -> dict[str, Any]:
    return {"_id": {"$gte": f"{name}:", "$lt": f"{name};"}}


def _guards(table: PackTable, edit: Edit) -> dict[str, Any]:
    """What a document holds that is still as it was read."""
    before = edit.before or {}
    return {name: before.get(name) for name in table.guards}


def _canonical(row: Row | None) -> Row | None:
    """As it is put down: lists, plain numbers and texts."""
    return None if row is None else _decode(_encode(row))
