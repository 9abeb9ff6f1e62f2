"""Registers that people keep: documents with a `rev`, every change written down beside them in the same transaction.

    rosters = Register(database, "rosters", "roster_changes")
    await rosters.put("r-1", {"username": "wang"}, Act(by="zhao", role="grid_lead", at=now))

The entry of a change (`changes`) holds who made it, in which role, when, and the document before and after it (None: not there).
A change that changes nothing is not written down, so that a retry does no harm. What else has to happen with a change or not at
all, a version that readers wait for, is its `stamp`.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from storage.client import Database, Document
from storage.errors import DuplicateValue, StaleRev, StorageUnavailable
from storage.indexes import Index

__all__ = ["CHANGES_OF", "Act", "Register", "Stamp", "entry_of"]

CHANGES_OF = Index((("of", 1), ("at", 1)), serves="what became of an entry of a register")
ATTEMPTS = 5
T = TypeVar("T")
Stamp = Callable[[datetime, Any], Awaitable[Mapping[str, Any]]]


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """Who changes a register, in which role, when."""

    by: str
    role: str
    at: datetime


class Register:
    """One collection that people keep. Who may change what in it is for the caller to say."""

    def __init__(
        self,
        database: Database,
        collection: str,
        changes: str,
        *,
        keeps: Sequence[str] = (),
        hides: Sequence[str] = (),
        stamp: Stamp | None = None,
    ) -> None:
        """`keeps` are fields that are not changed here: an entry that is put anew keeps them as they are. `hides` are fields that
        are not written down with changes, so that what is personal is gone when the entry is. `stamp(at, session)` is awaited in
        the transaction of each change; what it returns is written down with it."""
        self._database = database
        self._collection = collection
        self._changes = changes
        self._keeps = tuple(keeps)
        self._hides = frozenset(hides)
        self._stamp = stamp

    async def get(self, id: str) -> Document | None:
        """Return an entry, or None."""
        return await self._database.find_one(self._collection, {"_id": id})

    async def put(self, id: str, content: Mapping[str, Any], act: Act, *, rev: int | None = None) -> Document:
        """Make the entry hold exactly this and return it with its `rev`; one that does already is left as it is.

        Raises `StaleRev` when `rev` is given and the entry has another one (0: it is not there).
        """

        async def write(session: Any) -> Document:
            before = await self._database.find_one(self._collection, {"_id": id}, session=session)
            present = before.get("rev", 1) if before else 0
            kept = {name: before[name] for name in self._keeps if before is not None and name in before}
            after = {**_stored(content), **kept, "_id": id, "rev": present + 1}
            if before is not None and {**before, "rev": 0} == {**after, "rev": 0}:
                return before
            _check_rev(rev, present)
            if before is None:
                await self._database.insert_one(self._collection, after, session=session)
            else:
                await self._database.replace_one(self._collection, {"_id": id}, after, session=session)
            await self._write_down(id, before, after, act, session)
            return after

        return await self._transact(write)

    async def remove(self, id: str, act: Act, *, rev: int | None = None) -> Document | None:
        """Take an entry out and return what it was; None when it was not there. Raises `StaleRev` like `put`."""

        async def write(session: Any) -> Document | None:
            before = await self._database.find_one(self._collection, {"_id": id}, session=session)
            if before is not None:
                _check_rev(rev, before.get("rev", 1))
                await self._database.delete_one(self._collection, {"_id": id}, session=session)
                await self._write_down(id, before, None, act, session)
            return before

        return await self._transact(write)

    async def _write_down(self, id: str, before: Document | None, after: Document | None, act: Act, session: Any) -> None:
        stamped = {} if self._stamp is None else await self._stamp(act.at, session)
        told = entry_of(id, self._told(before), self._told(after), act)
        change = {"_id": secrets.token_hex(12), **told, **stamped}
        await self._database.insert_one(self._changes, change, session=session)

    def _told(self, document: Document | None) -> Document | None:
        return None if document is None else {name: document[name] for name in document if name not in self._hides}

    async def _transact(self, write: Callable[[Any], Awaitable[T]]) -> T:
        """Two who make the same entry at once: the second finds it when it tries again."""
        for _ in range(ATTEMPTS):
            try:
                return await self._database.run_transaction(write)
            except DuplicateValue:
                continue
        raise StorageUnavailable("too many people change this entry at once; try again")


def entry_of(id: str, before: Document | None, after: Document | None, act: Act) -> Document:
    """Return what is written down of a change (None: not there), without an `_id`."""
    return {"of": id, **msgspec.structs.asdict(act), "before": before, "after": after}


def _check_rev(seen: int | None, present: int) -> None:
    if seen is not None and seen != present:
        raise StaleRev("the entry has changed since", rev=present)


def _stored(value: Any) -> Any:
    """As the database gives it back: it knows lists only."""
    if isinstance(value, Mapping):
        return {key: _stored(inner) for key, inner in value.items()}
    return [_stored(inner) for inner in value] if isinstance(value, (list, tuple)) else value
