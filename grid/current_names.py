"""The names that count now: the tables as another process has built them, and what was corrected since.

A correction is read by its number, so that none is missed however many come at once, and while tables are built: those of tables
that are built anew begin where their reading began.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from grid import store
from grid.build_process import names_apart
from grid.entries import corrections
from grid.gazetteer_corrected import CorrectedIndex, Corrections, NameIndex
from grid.gazetteer_index import GazetteerIndex
from storage.client import Database

__all__ = ["CurrentNames"]

MOST_BESIDE = 500  # corrections that lie beside the tables before they are built anew


class CurrentNames(NamedTuple):
    """The names, ready to be asked (`known`). `base` holds every correction up to number `built`, `known` up to `version`."""

    base: GazetteerIndex
    built: int
    version: int
    corrections: Corrections
    known: NameIndex

    @classmethod
    async def read(cls, database: Database) -> CurrentNames:
        """Have the tables built of what the database holds, and add what was corrected meanwhile. Raises `BuildFailed`."""
        built = await store.load_names_version(database)
        base = GazetteerIndex(await names_apart(database))
        none = await asyncio.to_thread(Corrections, {}, base.sounds)
        names = cls(base, built, built, none, base)
        return await names.corrected(database) or names

    async def corrected(self, database: Database) -> CurrentNames | None:
        """Return these names with what was corrected since, or None when nothing was."""
        newer = await corrections(database, self.version)
        if not newer:
            return None
        found = await asyncio.to_thread(self.corrections.then, newer, self.built)
        version = max(one.version for one in newer)
        return self._replace(version=version, corrections=found, known=CorrectedIndex(self.base, found))

    def after(self, former: CurrentNames) -> CurrentNames:
        """Return these in place of former ones that may know later corrections; takes a moment only."""
        if former.version <= self.version:
            return self
        known = CorrectedIndex(self.base, former.corrections)
        return self._replace(version=former.version, corrections=former.corrections, known=known)

    @property
    def is_long(self) -> bool:
        """Tell whether so much lies beside the tables that they should be built anew."""
        return len(self.corrections) > MOST_BESIDE
