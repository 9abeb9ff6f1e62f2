"""Where the places that are to be visited and the visits lie in the database. What is personal is sealed to its document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from dispatch.intake import Cipher
from grid.visits import Private, VisitMade, VisitPlace
from storage.client import Database
from storage.indexes import Index
from storage.registers import CHANGES_OF

__all__ = ["INDEXES", "KEPT", "PLACES", "PLACE_CHANGES", "SEALED", "VISITS", "VisitStore", "place_of"]

PLACES, PLACE_CHANGES, VISITS = "visit_places", "visit_place_changes", "visits"
KEPT = ("since", "visited_at")  # changed by visits, not by who keeps the list
SEALED = "sealed"

INDEXES: Mapping[str, Sequence[Index]] = {
    PLACES: (
        Index((("codes", 1), ("_id", 1)), serves="GET /visit-places of an area"),
        Index((("codes", 1), ("grade", 1), ("since", 1)), serves="visits that are due in an area, by grade, and their count"),
    ),
    PLACE_CHANGES: (CHANGES_OF,),
    VISITS: (Index((("place", 1), ("at", -1)), serves="the visits of a place, newest first; their removal with it"),),
}


class VisitStore:
    """Reads and writes places and visits."""

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher

    def content(self, id: str, place: Mapping[str, Any], private: Private) -> dict[str, Any]:
        """Return the fields of a place's document, what is personal sealed."""
        sealed = self._cipher.seal(msgspec.json.encode(private).decode(), document_id=id, field=SEALED)
        return {**place, SEALED: sealed}

    async def find(self, id: str) -> dict[str, Any] | None:
        """Return the document of a place, or None."""
        return await self._database.find_one(PLACES, {"_id": id})

    def opened(self, document: Mapping[str, Any]) -> Private:
        """Return what is personal of a place."""
        text = self._cipher.open(document[SEALED], document_id=document["_id"], field=SEALED)
        return msgspec.json.decode(text, type=Private)

    async def places(self, codes: Sequence[str], *, after: str, limit: int) -> Sequence[dict[str, Any]]:
        """Return the places of areas by id."""
        wanted = {"codes": {"$in": list(codes)}, "_id": {"$gt": after}}
        return await self._database.find(PLACES, wanted, sort=[("_id", 1)], limit=limit)

    async def due(
        self, codes: Sequence[str], grade: str, until: date, workers: Sequence[str] | None, limit: int
    ) -> Sequence[dict[str, Any]]:
        """Return places of a grade whose counting began by a day, the longest ago first; those that are left to some workers."""
        wanted = _due(codes, grade, until) | ({} if workers is None else {"worker": {"$in": list(workers)}})
        return await self._database.find(PLACES, wanted, sort=[("since", 1)], limit=limit)

    async def count(self, codes: Sequence[str], grade: str, until: date | None = None) -> int:
        """Count the places of a grade in areas; those whose counting began by a day, when it is given."""
        return await self._database.count(PLACES, _due(codes, grade, until))

    async def add_visit(self, made: VisitMade) -> bool:
        """Put a visit down; False when it was there."""
        fields: dict[str, Any] = msgspec.to_builtins(made, builtin_types=(datetime,))
        id = fields.pop("id")
        fields["note"] = self._cipher.seal(made.note, document_id=id, field="note") if made.note else None
        return await self._database.insert_one(VISITS, {"_id": id, **fields})

    async def count_from(self, place: str, day: date, at: datetime) -> None:
        """Count the next visit of a place from this day, unless it is counted from a later one."""
        wanted = {"_id": place, "since": {"$lte": day.isoformat()}}
        update = {"$set": {"since": day.isoformat()}, "$max": {"visited_at": at}}
        await self._database.update_one(PLACES, wanted, update)

    async def visit(self, id: str) -> VisitMade | None:
        """Return a visit, or None."""
        document = await self._database.find_one(VISITS, {"_id": id})
        return None if document is None else self._made(document)

    async def visits(self, place: str, limit: int) -> Sequence[VisitMade]:
        """Return the visits of a place, newest first."""
        found = await self._database.find(VISITS, {"place": place}, sort=[("at", -1)], limit=limit)
        return [self._made(document) for document in found]

    async def drop_visits(self, place: str) -> None:
        """Erase the visits of a place that is on the list no more."""
        await self._database.delete_many(VISITS, {"place": place})

    def _made(self, document: Mapping[str, Any]) -> VisitMade:
        note = document["note"]
        opened = self._cipher.open(note, document_id=document["_id"], field="note") if note else ""
        return msgspec.convert({**document, "id": document["_id"], "note": opened}, VisitMade, builtin_types=(datetime,))


def place_of(document: Mapping[str, Any]) -> VisitPlace:
    """Return the place that a document holds, without what is personal."""
    return msgspec.convert({"rev": 1, **document, "id": document["_id"]}, VisitPlace, builtin_types=(datetime,))


def _due(codes: Sequence[str], grade: str, until: date | None) -> dict[str, Any]:
    wanted: dict[str, Any] = {"codes": {"$in": list(codes)}, "grade": grade}
    return wanted if until is None else wanted | {"since": {"$lte": until.isoformat()}}
