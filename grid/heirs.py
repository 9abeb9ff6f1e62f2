"""Who comes after an area that is void: those that take in its ground. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np
import shapely

from grid.metric import square_metres

__all__ = ["HEIR_SHARE", "Layered", "Layers", "Takers"]

HEIR_SHARE = 0.05  # of a former area's ground: who takes in less of it is a neighbour, not an heir


class Takers:
    """Shapes by code (WGS-84 degrees) that may take in the ground of others.

    >>> takers = Takers({"west": shapely.box(0, 0, 1, 1), "east": shapely.box(1, 0, 9, 1)})
    >>> takers.of(shapely.box(0.5, 0, 3, 1)), takers.of(shapely.box(0, 5, 1, 6)), takers.of(None)
    (('east', 'west'), (), ())
    """

    def __init__(self, drawn: Mapping[str, Any]) -> None:
        """Sort the shapes so that those near a ground are found at once."""
        self._codes = list(drawn)
        self._shapes = np.array([*drawn.values(), None], dtype=object)[:-1]
        self._tree = shapely.STRtree(self._shapes)
        self._same = {shapely.to_wkb(shape): code for code, shape in drawn.items()}

    def of(self, ground: Any) -> tuple[str, ...]:
        """Return the codes of those that have at least 5 % of the ground, who has most of it first; None has no ground."""
        if ground is None:
            return ()
        if (same := self._same.get(shapely.to_wkb(ground))) is not None:
            return (same,)  # it has all of it: mostly a grid under another code
        near = sorted(self._tree.query(ground, predicate="intersects").tolist())
        shared = square_metres(shapely.intersection(self._shapes[near], ground))
        shares = dict(zip(near, (shared / float(square_metres(ground))).tolist(), strict=True))
        heirs = sorted((place for place, share in shares.items() if share >= HEIR_SHARE), key=lambda place: -shares[place])
        return tuple(self._codes[place] for place in heirs)


class Layered(Protocol):
    """An area, or one that a file brings."""

    @property
    def code(self) -> str: ...

    @property
    def level(self) -> str: ...

    @property
    def layer(self) -> str: ...


class Layers:
    """The takers of each level and kind apart: a void grid's ground goes to grids of its kind, not to the community around."""

    def __init__(self, drawn: Iterable[tuple[Layered, Any]]) -> None:
        """Sort pairs of an area and its shape."""
        layers: defaultdict[tuple[str, str], dict[str, Any]] = defaultdict(dict)
        for area, shape in drawn:
            layers[area.level, area.layer][area.code] = shape
        self._takers = {layer: Takers(shapes) for layer, shapes in layers.items()}

    def of(self, area: Layered, ground: Any) -> tuple[str, ...]:
        """Return who takes in an area's ground (`Takers.of`)."""
        takers = self._takers.get((area.level, area.layer))
        return takers.of(ground) if takers is not None else ()
