"""Indexes as values: each says which query it serves; `ensure` makes the database have exactly these and nothing stale."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from pymongo import IndexModel

from storage.client import Database, Document
from storage.errors import Invalid

__all__ = ["Index", "ensure"]

log = logging.getLogger(__name__)


class Index(msgspec.Struct, frozen=True):
    """One index: `keys` as (field, 1 | -1 | "2dsphere" | "text" | "hashed"), `serves` names the query that walks it.

    `partial` is a filter: only documents that fit are indexed. `expire_after_seconds` removes documents that long after the
    time in the (only) key.
    """

    keys: Sequence[tuple[str, int | str]]
    unique: bool = False
    sparse: bool = False
    partial: Mapping[str, Any] | None = None
    expire_after_seconds: int | None = None
    serves: str = ""

    @property
    def name(self) -> str:
        """The name by which the database knows it: fields and directions, as the server itself would name it."""
        return "_".join(f"{field}_{direction}" for field, direction in self.keys)

    def options(self) -> dict[str, Any]:
        """Return the options that differ from the server's defaults, under the server's names."""
        options: dict[str, Any] = {}
        if self.unique:
            options["unique"] = True
        if self.sparse:
            options["sparse"] = True
        if self.partial is not None:
            options["partialFilterExpression"] = dict(self.partial)
        if self.expire_after_seconds is not None:
            options["expireAfterSeconds"] = self.expire_after_seconds
        return options


_COMPARED = ("unique", "sparse", "partialFilterExpression", "expireAfterSeconds")


async def ensure(database: Database, wanted: Mapping[str, Iterable[Index]]) -> None:
    """Create what is missing and replace what has other options; collections are created too, so that transactions and
    change streams find them. Indexes that nobody asks for are left alone. Idempotent; several processes may call it at once."""
    for collection, indexes in wanted.items():
        await _ensure_collection(database, collection, _by_name(collection, indexes))


def _by_name(collection: str, indexes: Iterable[Index]) -> dict[str, Index]:
    named: dict[str, Index] = {}
    for index in indexes:
        if index.name in named:
            raise Invalid(f"{collection}: index {index.name} is declared twice", code="index_twice")
        named[index.name] = index
    return named


async def _ensure_collection(database: Database, collection: str, wanted: Mapping[str, Index]) -> None:
    if collection not in await database.list_collections():
        await database.create_collection(collection)
    present = {found["name"]: found for found in await database.list_indexes(collection)}
    for name, index in wanted.items():
        if name in present and _options_of(present[name]) != index.options():
            log.warning("index %s.%s has other options and is made anew", collection, name)
            await database.drop_index(collection, name)
    if wanted:
        await database.create_indexes(
            collection, [IndexModel(list(index.keys), name=name, **index.options()) for name, index in wanted.items()]
        )


def _options_of(found: Document) -> dict[str, Any]:
    return {name: found[name] for name in _COMPARED if found.get(name) is not None and found[name] is not False}
