"""The use case: an administrator lets a file of boundaries be judged before anything is taken from it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from dispatch.actors import Actor, permission
from grid import kept_inspections, store
from grid.areas import Area
from grid.files.limits import MAX_UPLOAD
from grid.files.reading import ReadOptions
from grid.inspection_process import Inspected, inspect_apart
from grid.kept_inspections import InspectionPage
from storage.client import Database
from storage.errors import Forbidden, TooLarge, TooMany

__all__ = ["Inspector", "Judged"]

_MOST_WAITING = 3
_RETRY_SECONDS = 30
PAGE = 100  # findings


class Judged(NamedTuple):
    """What was read and found, against which version of the territory, and the areas that it had."""

    seen: Inspected
    version: int
    present: list[Area]


class Inspector:
    """Judges files against the territory as it is in the database, one at a time: each may take a gigabyte for a while."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def inspect(
        self, *, actor: Actor, data: bytes, options: ReadOptions, keeps_others: bool = False, start: int = 0, limit: int = PAGE
    ) -> InspectionPage:
        """Return what the file holds and a page of everything that is wrong with it. The territory is not changed; what was found
        is kept for a week.

        Raises `BadBoundaryFile`, `Forbidden`, `TooLarge`, and `TooMany` when others wait already.
        """
        judged = await self.judge(actor=actor, data=data, options=options, keeps_others=keeps_others)
        return await kept_inspections.keep(
            self._database, judged.seen, version=judged.version, by=actor.id, at=self._clock(), start=start, limit=limit
        )  # fmt: skip

    async def find(self, *, actor: Actor, id: str, start: int, limit: int) -> InspectionPage:
        """Return another page of what was found. Raises `Forbidden`, `NotFound`."""
        _allow(actor)
        return await kept_inspections.find(self._database, id, start=start, limit=limit)

    async def judge(
        self, *, actor: Actor, data: bytes, options: ReadOptions, keeps_others: bool, plans: bool = False
    ) -> Judged:  # fmt: skip
        """Return what is found, with `plans` also what taking the file would do; nothing is kept. Raises as `inspect` does."""
        _allow(actor)
        if len(data) > MAX_UPLOAD:
            raise TooLarge(limit=MAX_UPLOAD)
        if self._waiting >= _MOST_WAITING:
            raise TooMany(retry_after=_RETRY_SECONDS)
        self._waiting += 1
        try:
            async with self._turn:
                version, present, void = await store.load_ground(self._database)
                seen = await inspect_apart(data, options, present, void=void, keeps_others=keeps_others, plans=plans)
                return Judged(seen, version, present)
        finally:
            self._waiting -= 1


def _allow(actor: Actor) -> None:
    if not actor.may(permission("territory.edit")):
        raise Forbidden(permission="territory.edit")
