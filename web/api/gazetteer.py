"""The gazetteer: entries listed, corrected, taken over as a table by the system administrators."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

from grid.entries import Kept
from grid.entry_rows import EntryRow
from storage.errors import FieldError
from web.base import ApiHandler, field_error, operation
from web.bodies import Body
from web.shapes import Items
from web.tables import TableAnswer, TableBody

__all__ = ["GazetteerEntry", "GazetteerImport", "GazetteerList"]

_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
Words = Annotated[str, msgspec.Meta(max_length=120)]


class EntriesQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Entries whose name begins with `q`, of a kind; `cursor` is the `next` of the page before."""

    q: Words = ""
    kind: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    cursor: Annotated[str, msgspec.Meta(max_length=200)] | None = None


class RevQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The `rev` that was seen; none: whatever it is now."""

    rev: int | None = None


class EntryBody(EntryRow, Body, frozen=True, kw_only=True):
    """An entry as in `gazetteer.csv`; `rev` is that which was seen (0: the entry is new), null overwrites."""

    rev: int | None = None


class EntryItem(msgspec.Struct, kw_only=True):
    """An entry as it is kept, coordinates in WGS-84; `origin` is `pack`, or `office` when it was put here."""

    id: str
    rev: int
    origin: str
    name: str
    aliases: tuple[str, ...]
    kind: str
    lon: float | None
    lat: float | None
    area_code: str | None
    line: tuple[tuple[float, float], ...]
    synthetic: bool


class EntryImportAnswer(TableAnswer, kw_only=True):
    """Besides, what is wrong with a table that was only looked at, row by row."""

    errors: list[FieldError]


def _item(kept: Kept) -> EntryItem:
    return EntryItem(id=kept.id, rev=kept.rev, origin=kept.origin, **msgspec.structs.asdict(kept.entry))


class GazetteerList(ApiHandler):
    """GET /api/v1/gazetteer."""

    @operation("Entries of the gazetteer", permission="territory.edit", query=EntriesQuery, result=Items[EntryItem])
    async def get(self, query: EntriesQuery) -> None:
        """Send one page, by name."""
        id, _, name = (query.cursor or "").partition(" ")
        if query.cursor is not None and not name:
            raise field_error("cursor", "invalid")
        after = (name, id) if name else None
        found = await self.services.entries.rows(q=query.q, kind=query.kind, limit=query.limit, after=after)
        last = found[-1] if len(found) == query.limit else None
        self.answer(Items([_item(kept) for kept in found], f"{last.id} {last.entry.name}" if last else None))


class GazetteerEntry(ApiHandler):
    """GET, PUT, DELETE /api/v1/gazetteer/{id}."""

    @operation("One entry of the gazetteer", permission="territory.edit", result=EntryItem)
    async def get(self, id: str) -> None:
        """Send the entry."""
        self.answer(_item(await self.services.entries.get(id)))

    @operation("Put an entry into the gazetteer", permission="territory.edit", body=EntryBody, result=EntryItem)
    async def put(self, body: EntryBody, id: str) -> None:
        """Make the entry hold exactly this; addresses are found by it within moments, in all processes."""
        if not _ID.fullmatch(id):
            raise field_error("id", "pattern")
        kept = await self.services.entries.put(self.actor, id, body, self.services.clock(), rev=body.rev)
        self.answer(_item(kept))

    @operation("Take an entry out of the gazetteer", permission="territory.edit", query=RevQuery, status=204)
    async def delete(self, query: RevQuery, id: str) -> None:
        """Take it out; one that is not there is out already. A pack does not bring it back."""
        await self.services.entries.remove(self.actor, id, self.services.clock(), rev=query.rev)
        self.set_status(204)


class GazetteerImport(ApiHandler):
    """POST /api/v1/gazetteer:import."""

    @operation(
        "Import entries of the gazetteer (columns of gazetteer.csv; id replaces one)",
        permission="territory.edit",
        body=TableBody,
        result=EntryImportAnswer,
    )
    async def post(self, body: TableBody) -> None:
        """Say what the table (columns of `gazetteer.csv`, and `id` where an entry is to be replaced) would do and what is wrong
        with it, or take it over as a whole."""
        done = await self.services.entries.take_over(self.actor, body.csv, self.services.clock(), dry_run=body.dry_run)
        self.answer(EntryImportAnswer(dry_run=body.dry_run, **msgspec.structs.asdict(done)))
