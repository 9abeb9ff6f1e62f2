"""The use case: an administrator puts a file of boundaries in force, wholly and as one change of the territory."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import datetime

import msgspec

from dispatch.actors import Actor
from grid.borders import Asked, Borders, Change
from grid.files.reading import ReadOptions
from grid.inspecting import Inspector, Judged
from grid.inspection import Inspection
from grid.land import Land
from grid.planning import Plan
from storage.errors import FieldError, Invalid

__all__ = ["BoundariesRefused", "FileImports"]


class BoundariesRefused(Invalid):
    """What was found speaks against taking the file, and nothing of it was taken; raised by `FileImports.take`."""

    code = "boundaries_refused"

    def __init__(self, inspection: Inspection) -> None:
        super().__init__(counts=inspection.counts)
        self.inspection = inspection


class FileImports:
    """Takes files. One that was judged good in a dry run is judged again: what counts is the territory at this moment."""

    def __init__(self, inspector: Inspector, borders: Borders) -> None:
        self._inspector = inspector
        self._borders = borders

    async def take(
        self, *, actor: Actor, data: bytes, options: ReadOptions, complete: bool, version: int, effective_at: datetime | None,
        reason: str, key: str,
    ) -> tuple[Change, bool]:  # fmt: skip
        """Make one change of all that the file brings, for now (None) or later, and tell whether it is new: the same key again
        changes nothing. Areas that the file lacks stay; with `complete` they are void (see `grid.taking`).

        Raises `BoundariesRefused`, what `Inspector.judge` and `Borders.carry_out` raise, and `Invalid` when nothing would change.
        """

        async def planned() -> tuple[Plan, Land]:
            judged = await self._inspector.judge(
                actor=actor, data=data, options=options, keeps_others=not complete, plans=True
            )  # fmt: skip
            if judged.seen.inspection.errors:
                raise BoundariesRefused(judged.seen.inspection)
            plan, land = await asyncio.to_thread(_unpacked, judged)
            if not plan.touched:
                words = "something else than what is there"
                raise Invalid(errors=[FieldError(field="file", code="same", message=words)])
            return plan, land

        digest = await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
        what = [digest, msgspec.to_builtins(options), complete]
        asked = Asked(
            actor=actor, kind="import", what=what, version=version, effective_at=effective_at, reason=reason, key=key
        )  # fmt: skip
        return await self._borders.carry_out(asked, planned)


def _unpacked(judged: Judged) -> tuple[Plan, Land]:
    """Return the plan and the land that it is made on: long for a city of 15,000 grids, so never on the loop."""
    return judged.seen.plan, Land(judged.present, version=judged.version)
