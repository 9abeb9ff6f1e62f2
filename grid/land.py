"""The part of the territory that an order is about, as values: areas with their shapes, and every code that was ever used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from itertools import islice
from typing import Any, NamedTuple

import shapely

from grid.areas import Area
from storage.errors import Conflict, FieldError, Invalid

__all__ = ["Land", "SequenceFull", "next_codes"]

_LAST = {"grid": 999, "community": 999, "township": 599, "micro": 99}


class SequenceFull(Conflict):
    """All numbers below this area have been given, and none is given twice (domain §5.1); raised by `grid.land`."""

    code = "sequence_full"


class Past(NamedTuple):
    """What a change has done: the areas `before` it as far as it touched them, the codes that it `brought`, and all that it left
    with the version that they then had (`after`)."""

    before: tuple[Area, ...]
    brought: frozenset[str]
    after: Mapping[str, int]


class Land:
    """Areas by code with their parents, children and shapes. Immutable; shapes are made when they are asked for."""

    def __init__(self, areas: Iterable[Area], used: Iterable[str] = (), version: int = 0, past: Past | None = None) -> None:
        """`areas` hold with each area its parent, its siblings and what lies below it; `used` are codes that are or were valid,
        or that a planned change will use, as far as they can matter; `version` is the territory's, `past` the
        change that is to be reversed."""
        self.areas: Mapping[str, Area] = {area.code: area for area in areas}
        self.used = frozenset(used) | self.areas.keys()
        self.version = version
        self.past = past
        self._shapes: dict[str, Any] = {}
        self._below: dict[str, list[Area]] = {}
        for area in self.areas.values():
            if area.parent is not None:
                self._below.setdefault(area.parent, []).append(area)

    def shape(self, code: str) -> Any:
        """Return the shape of an area (WGS-84 degrees), None where it has none."""
        if code not in self._shapes:
            wkb = self.areas[code].wkb
            self._shapes[code] = shapely.from_wkb(wkb) if wkb else None
        return self._shapes[code]

    def below(self, code: str) -> list[Area]:
        """Return the areas directly below."""
        return self._below.get(code, [])


def next_codes(land: Land, parent: str, level: str, count: int, given: Set[str] = frozenset()) -> list[str]:
    """Return so many codes for new areas of `level` below `parent`: its code and the lowest numbers that were never given.

    What the same order has `given` is not given twice. A grid below a grid is a micro-grid (`micro`: `-` and two digits). Raises
    `SequenceFull`, and `Invalid` for a level that has no sequence: a district's number comes from the state.

    >>> next_codes(Land([], used=["520102001001001", "520102001001003"]), "520102001001", "grid", 2)
    ['520102001001002', '520102001001004']
    """
    above = land.areas.get(parent)
    if level not in _LAST:
        raise Invalid(errors=[FieldError(field="order.code", code="required", message=f"a {level} has no sequence of its own")])
    kind = "micro" if above is not None and above.level == "grid" else level
    made = (f"{parent}-{number:02}" if kind == "micro" else f"{parent}{number:03}" for number in range(1, _LAST[kind] + 1))
    free = list(islice((code for code in made if code not in land.used and code not in given), count))
    if len(free) < count:
        raise SequenceFull(parent=parent, free=len(free), needed=count)
    return free
