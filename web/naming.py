"""What names an area, for changes of the territory: the parties' tables and the open cases."""

from __future__ import annotations

from collections.abc import Collection

from dispatch.open_cases import open_cases_in
from grid.borders import Mention, Mentions
from orgs.naming import MOST_NAMED, namers
from storage.client import Database

__all__ = ["NamedByCases", "NamedByParties"]


class NamedByParties:
    """Rules, duties, people, units and organizations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, codes: Collection[str]) -> list[Mentions]:
        """Return the kinds that name any of the areas."""
        found = await namers(self._database, codes)
        return [Mentions(one.what, one.count, [Mention(item.id, item.name, item.area) for item in one.items]) for one in found]


class NamedByCases:
    """Open cases: each keeps the area that it was placed in, whatever becomes of the area."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, codes: Collection[str]) -> list[Mentions]:
        """Return the open cases whose path holds any of the areas, by number alone."""
        count, cases = await open_cases_in(self._database, codes, most=MOST_NAMED)
        items = [Mention(case.id, case.case_no, code) for case in cases for code in case.areas if code in codes]
        return [Mentions("case", count, items)] if count else []
