"""An address searched for: by the own gazetteer, and if somebody wishes by outside services too."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from grid.areas import NameHit
from grid.geocoders import Geocoders, Trouble
from grid.territory import TerritorySnapshot

__all__ = ["AddressSearch", "Searched"]


class Searched(NamedTuple):
    """What was found, own places first; the outside services that gave no answer."""

    hits: list[NameHit]
    troubles: list[Trouble]


class AddressSearch:
    """Searches in the present territory."""

    def __init__(self, territory: Callable[[], TerritorySnapshot], geocoders: Geocoders) -> None:
        self._territory = territory
        self._geocoders = geocoders

    async def search(self, text: str, limit: int, *, outside: bool = False) -> Searched:
        """Return places that the text may mean. With `outside` the text is sent to the services that are configured: their places
        come after ours, marked with their source, and are kept nowhere."""
        hits = self._territory().search_names(text, limit)
        if not outside:
            return Searched(hits, [])
        if not self._geocoders.is_on:
            return Searched(hits, [Trouble("outside", "not_configured")])
        places, troubles = await self._geocoders.ask(text)
        return Searched([*hits, *map(self._territory().outside_hit, places)], troubles)
