"""What a text may mean, for somebody who looks for a place: answers of the gazetteer with the areas around them, then what the
text may be the beginning of."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from dispatch.model import LEVELS, AreaRef
from grid.areas import NameHit, Part
from grid.gazetteer import Gazetteer, Where
from grid.gazetteer_corrected import NameIndex
from grid.geocoders import OutsidePlace
from grid.hierarchy import AreaTree
from grid.layers import Layer
from grid.names import AreaNames
from grid.weighing import Candidate

__all__ = ["NameSearch"]


class NameSearch:
    """Searches the names of one territory. Immutable."""

    def __init__(self, index: NameIndex, areas: AreaNames, tree: AreaTree, layers: Mapping[str, Layer], where: Where) -> None:
        """`where` returns the code of the narrowest area that holds a WGS-84 point, or None."""
        self.gazetteer = Gazetteer(index, tree, where)
        self._areas = areas
        self._tree = tree
        self._layers = layers
        self._where = where

    def with_names(self, index: NameIndex) -> NameSearch:
        """Return the same over other names in the gazetteer."""
        return NameSearch(index, self._areas, self._tree, self._layers, self._where)

    def search(self, text: str, limit: int) -> list[NameHit]:
        """Return places that the text may mean: what it names as an address, best first, then areas and entries whose name holds
        it or is spelled so (their confidence is 0: nothing is said of how likely they are)."""
        answer = self.gazetteer.ask(text, limit)
        hits = [self._answer(one, answer.parts) for one in answer.candidates]
        typed = (self.area(code) for code in self._areas.holding(text, limit))
        entries = (self._entry(entry) for entry in self.gazetteer.typed(text, limit))
        known = {_identity(hit) for hit in hits}
        for hit in (*typed, *entries):
            if (identity := _identity(hit)) not in known:
                known.add(identity)
                hits.append(hit)
        return hits[:limit]

    def area(self, code: str) -> NameHit:
        """Return the area as a place that is meant."""
        path = self._tree.path(code)
        layer = self._layers[path[-1].level]
        return NameHit(path[-1].name, path, look=layer.label(code), kind=path[-1].level, radius_m=layer.radius(code))

    def outside(self, place: OutsidePlace) -> NameHit:
        """Return what an outside service says as a place that may be meant; one outside the territory is hardly it."""
        path = self._path(place.lon, place.lat, None)
        confidence, doubt = (place.confidence, ()) if path else (0.3 * place.confidence, ("outside",))
        return NameHit(
            place.name, path, place.lon, place.lat, kind=place.kind, confidence=round(confidence, 3), radius_m=place.radius_m,
            doubt=("unproven", *doubt), source=place.source,
        )  # fmt: skip

    def _answer(self, found: Candidate, parts: tuple[Part, ...]) -> NameHit:
        if found.lon is None or found.lat is None:
            plain = self.area(found.area) if found.area else NameHit(found.name, ())
        else:
            lon, lat = round(found.lon, 7), round(found.lat, 7)
            plain = NameHit(found.name, self._path(lon, lat, found.area), lon, lat)
        return msgspec.structs.replace(
            plain, name=found.name, kind=found.kind, confidence=round(found.confidence, 3), parts=parts, doubt=found.doubt,
            radius_m=plain.radius_m if found.radius_m is None else float(round(found.radius_m)),
        )  # fmt: skip

    def _entry(self, entry: int) -> NameHit:
        index = self.gazetteer.index
        code, kind, (lon, lat) = index.area(entry), index.kind(entry), index.point(entry) or (None, None)
        if kind in LEVELS and code is not None:
            return self.area(code)
        if lon is None or lat is None:
            return NameHit(index.name(entry), self._tree.path(code) if code else (), kind=kind)
        return NameHit(index.name(entry), self._path(lon, lat, code), lon, lat, kind=kind)

    def _path(self, lon: float, lat: float, code: str | None) -> tuple[AreaRef, ...]:
        at = self._where(lon, lat) or code
        return self._tree.path(at) if at else ()


def _identity(hit: NameHit) -> tuple[str, float | None, tuple[AreaRef, ...]]:
    return hit.name, hit.lon, hit.area_path[-1:]
