"""Where the territory lies in the database: collections, indexes, documents to values and back.

An area's document is its present form; when an import or a change of borders (`grid.change_store`) changes or drops it, the old
form goes to `area_history` with the time until which it was valid, so that a case can always be read with the borders it was
matched by. `void_areas` holds the codes that a change has made void, with the areas that came after them; they are never used
again. Readers wait for the document `territory` of `versions`, which every import changes last, and every change of borders
together with the areas; `switch_at` is the moment at which the processes put it into use (none: at once).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, TypeVar

import msgspec

from grid.areas import AREA_LEVELS, Area, Asset, Zone
from grid.making import Parts
from storage.client import Database
from storage.errors import Conflict
from storage.indexes import Index

__all__ = [
    "AREAS", "ASSETS", "GAZETTEER", "HISTORY", "INDEXES", "NAMES", "TERRITORY", "VERSIONS", "VOID", "ZONES", "CodeVoid",
    "area_document", "area_of", "check_void", "digest_of", "load_digests", "load_ground", "load_named_areas",
    "load_names_version", "load_parts", "load_version", "mark_changed", "next_names_version", "save_areas", "save_rest",
]  # fmt: skip

AREAS, HISTORY, ZONES, ASSETS, GAZETTEER = "areas", "area_history", "zones", "assets", "gazetteer"
VOID = "void_areas"
VERSIONS, TERRITORY, NAMES = "versions", "territory", "gazetteer"
_BATCH = 500

INDEXES: Mapping[str, Sequence[Index]] = {
    AREAS: (
        Index((("level", 1), ("_id", 1)), serves="GET /areas by level"),
        Index((("parent", 1), ("_id", 1)), serves="the family of an area whose border changes"),
    ),
    HISTORY: (
        Index((("code", 1), ("valid_to", -1)), serves="the former forms of an area, latest first"),
        Index((("change", 1), ("code", 1)), sparse=True, serves="what a change has ended, to reverse it"),
    ),
    VOID: (),
    ZONES: (),
    ASSETS: (),
}

T = TypeVar("T", bound=msgspec.Struct)


class CodeVoid(Conflict):
    """Codes of a pack are void by a change of borders; a code is never used again. `data["codes"]` are the first of them.

    Raised by `save_areas`.
    """

    code = "code_void"


async def load_version(database: Database) -> int:
    """Return the number of the territory's version; 0 when none was ever imported."""
    document = await database.find_one(VERSIONS, {"_id": TERRITORY})
    return int(document["version"]) if document else 0


async def load_names_version(database: Database) -> int:
    """Return how many corrections by hand the gazetteer has had."""
    document = await database.find_one(VERSIONS, {"_id": NAMES})
    return int(document["version"]) if document else 0


async def next_names_version(database: Database, at: datetime, session: Any) -> int:
    """Count a correction by hand, in its transaction: who has read up to a number has missed none before it. Every process then
    reads what was corrected, and nothing else."""
    update = {"$inc": {"version": 1}, "$set": {"changed_at": at}}
    document = await database.find_one_and_update(VERSIONS, {"_id": NAMES}, update, upsert=True, session=session)
    return int(document["version"]) if document else 0


async def mark_changed(database: Database, at: datetime) -> int:
    """Say that the territory has changed: every process then builds its snapshot anew. Returns the new version."""
    update = {"$inc": {"version": 1}, "$set": {"changed_at": at}, "$unset": {"switch_at": ""}}
    document = await database.find_one_and_update(VERSIONS, {"_id": TERRITORY}, update, upsert=True)
    return int(document["version"]) if document else 0


async def load_parts(database: Database) -> Parts:
    """Return everything that a snapshot is made of but the entries of the gazetteer (`grid.entries`). Reads in batches, so that
    an event loop goes on meanwhile, and again when a change came into force between two of them."""
    while True:
        state = await database.find_one(VERSIONS, {"_id": TERRITORY}) or {"version": 0}
        parts = Parts(
            areas=await _load(database, AREAS, Area, _area_fields),
            zones=await _load(database, ZONES, Zone, _coded),
            assets=await _load(database, ASSETS, Asset, _coded),
            version=str(state["version"]),
            switch_at=state.get("switch_at"),
            heirs={void["_id"]: void["heirs"] async for void in database.iterate(VOID, {}, projection={"heirs": 1})},
        )
        if await load_version(database) == state["version"]:
            return parts


async def load_ground(database: Database) -> tuple[int, list[Area], list[str]]:
    """Return the version of the territory, all its areas by code, and the void codes. Reads again when a change came into force
    between two batches."""
    while True:
        version = await load_version(database)
        areas = await _load(database, AREAS, Area, _area_fields)
        void = sorted([found["_id"] async for found in database.iterate(VOID, {}, projection={"_id": 1})])
        if await load_version(database) == version:
            return version, areas, void


async def load_named_areas(database: Database) -> list[Area]:
    """Return the areas whose names an address may hold, without their polygons."""
    found = await database.find(AREAS, {"level": {"$in": list(AREA_LEVELS)}}, projection={"name": 1, "level": 1})
    return [Area(code=one["_id"], name=one["name"], level=one["level"]) for one in found]


async def load_digests(database: Database) -> dict[str, str | None]:
    """Return what the areas that hold now were digested to, by code."""
    found = database.iterate(AREAS, {}, projection={"digest": 1}, batch_size=5_000)
    return {document["_id"]: document.get("digest") async for document in found}


async def save_areas(
    database: Database, areas: Sequence[Area], at: datetime, version: int, digests: Mapping[str, str] | None = None
) -> dict[str, int]:
    """Make `areas` hold exactly these; what changes or goes is kept in `area_history`. Returns counts. `digests` are
    those of the areas, where they are known.

    An area that is as it was keeps the version and the time that brought it. Raises `CodeVoid`, and then nothing is written.
    """
    await check_void(database, areas)
    present = await load_digests(database)
    digests = digests or {area.code: digest_of(area) for area in areas}
    documents = [area_document(area, at, version, digests[area.code]) for area in areas]
    changed = [document for document in documents if present.get(document["_id"]) != document["digest"]]
    replaced = [document["_id"] for document in changed if document["_id"] in present]
    gone = sorted(present.keys() - {area.code for area in areas})
    await _keep_history(database, replaced, at, "changed")
    await _keep_history(database, gone, at, "removed")
    await database.bulk_replace(AREAS, changed)
    for start in range(0, len(gone), 5_000):
        await database.delete_many(AREAS, {"_id": {"$in": gone[start : start + 5_000]}})
    return {"new": len(changed) - len(replaced), "changed": len(replaced), "removed": len(gone)}


async def save_rest(database: Database, zones: Iterable[Zone], assets: Iterable[Asset]) -> None:
    """Make the collections of zones and assets hold exactly these."""
    await database.bulk_replace(ZONES, [_coded_document(zone) for zone in zones], only=True)
    await database.bulk_replace(ASSETS, [_coded_document(asset) for asset in assets], only=True)


async def _keep_history(database: Database, codes: Sequence[str], at: datetime, reason: str) -> None:
    for start in range(0, len(codes), _BATCH):
        olds = await database.find(AREAS, {"_id": {"$in": list(codes[start : start + _BATCH])}})
        kept = [
            {**old, "_id": f"{old['_id']}@{old['version']}", "code": old["_id"], "valid_to": at, "reason": reason} for old in olds
        ]
        await database.bulk_replace(HISTORY, kept)


async def _load(
    database: Database, collection: str, kind: type[T], fields: Callable[[dict[str, Any]], dict[str, Any]]
) -> list[T]:
    documents = database.iterate(collection, {}, sort=[("_id", 1)], batch_size=_BATCH)
    return [msgspec.convert(fields(document), kind, builtin_types=(datetime, bytes)) async for document in documents]


def _coded(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "code": document["_id"]}


def _area_fields(document: dict[str, Any]) -> dict[str, Any]:
    label = document.get("label")
    return {**_coded(document), "label": tuple(label) if label else None}


def _coded_document(value: Zone | Asset) -> dict[str, Any]:
    fields = msgspec.structs.asdict(value)
    return {"_id": fields.pop("code"), **fields}


async def check_void(database: Database, areas: Sequence[Area]) -> None:
    """Raise `CodeVoid` when one of these codes was made void by a change of borders."""
    codes = {area.code for area in areas}
    found = sorted([document["_id"] async for document in database.iterate(VOID, {}) if document["_id"] in codes])
    if found:
        raise CodeVoid(f"void by a change of borders: {', '.join(found[:10])}", codes=found[:10])


def area_of(document: dict[str, Any]) -> Area:
    """Return the area that a document of `areas` (or, with its `code` as `_id`, one of `area_history`) holds."""
    return msgspec.convert(_area_fields(document), Area, builtin_types=(datetime, bytes))


def area_document(area: Area, at: datetime, version: int, digest: str = "") -> dict[str, Any]:
    """Return the document of an area that holds from `at`, brought by a version of the territory."""
    fields = msgspec.structs.asdict(area)
    label = list(area.label) if area.label else None
    return {
        "_id": fields.pop("code"), **fields, "label": label, "digest": digest or digest_of(area), "version": version,
        "valid_from": at,
    }  # fmt: skip


def digest_of(area: Area) -> str:
    """Return what two areas share that are described and lie alike."""
    described = (area.name, area.level, area.parent, area.kind, area.name_en, area.synthetic)
    return blake2b(repr(described).encode() + area.wkb, digest_size=12).hexdigest()
