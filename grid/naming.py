"""What of the field work names an area: patrol plans, community groups, places that are to be visited."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from grid.borders import Mention, Mentions
from grid.group_store import GROUPS
from grid.patrol_store import PLANS
from grid.visit_store import PLACES
from storage.client import Database

__all__ = ["NamedByFieldWork"]

MOST_NAMED = 50  # of one kind, the first; all are counted
_TABLES: Mapping[str, tuple[str, str]] = {  # kind: collection, the field that names grids
    "patrol_plan": (PLANS, "areas"),
    "group": (GROUPS, "area"),
    "visit_place": (PLACES, "area"),
}


class NamedByFieldWork:
    """Knows them by the grids that they are for; a change of a wider area concerns those of its grids. A place is shown by its id
    alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, codes: Collection[str]) -> list[Mentions]:
        """Return the kinds that name any of the areas."""
        found = []
        for what, (collection, field) in _TABLES.items():
            named = {"codes": {"$in": sorted(codes)}}
            if count := await self._database.count(collection, named):
                shown = {field: 1, "name": 1}
                documents = await self._database.find(collection, named, projection=shown, sort=[("_id", 1)], limit=MOST_NAMED)
                items = [Mention(one["_id"], one.get("name", ""), _first(one[field])) for one in documents]
                found.append(Mentions(what, count, items))
        return found


def _first(areas: str | list[str]) -> str:
    return areas if isinstance(areas, str) else areas[0]
