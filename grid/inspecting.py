"""The use case: an administrator lets a file of boundaries be judged before anything is taken from it."""

from __future__ import annotations

import asyncio

from dispatch.actors import Actor, permission
from grid import store
from grid.files.limits import MAX_UPLOAD
from grid.files.reading import ReadOptions
from grid.inspection_process import Inspected, inspect_apart
from storage.client import Database
from storage.errors import Forbidden, TooLarge, TooMany

__all__ = ["Inspector"]

_MOST_WAITING = 3
_RETRY_SECONDS = 30


class Inspector:
    """Judges files against the territory as it is in the database, one at a time: each may take a gigabyte for a while."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def inspect(self, *, actor: Actor, data: bytes, options: ReadOptions, keeps_others: bool = False) -> Inspected:
        """Return what the file holds and everything that is wrong with it; nothing is changed.

        Raises `BadBoundaryFile`, `Forbidden`, `TooLarge`, and `TooMany` when others wait already.
        """
        if not actor.may(permission("territory.edit")):
            raise Forbidden(permission="territory.edit")
        if len(data) > MAX_UPLOAD:
            raise TooLarge(limit=MAX_UPLOAD)
        if self._waiting >= _MOST_WAITING:
            raise TooMany(retry_after=_RETRY_SECONDS)
        self._waiting += 1
        try:
            async with self._turn:
                present = await store.load_areas(self._database)
                void = await store.load_void_codes(self._database)
                return await inspect_apart(data, options, present, void=sorted(void), keeps_others=keeps_others)
        finally:
            self._waiting -= 1
