"""Which organizations serve a point, best five first, in microseconds: prepared cells that hold only who can still win there.

Organizations lie in layers: one for each (kind, way of coverage), where the coverage is the circle round the organization or
one of its areas. A large layer is cut into cells (a quadtree), each cell when the first question falls into it. In a cell each
organization's score has an upper and a lower bound; who cannot reach the fifth best lower bound is left out, and the cell
keeps the best score that was left out (its `ceiling`). An answer whose last score reaches the ceilings is proven to be that of
a full scan; otherwise (organizations full) the layers are scanned in full. So the answer is always exact. At an hour when some
of a layer are closed, its parts are asked instead: layers of those with the same opening hours.

What a question reads lies together: the numbers of a cell are one array, not hundreds of objects all over the memory, where
each would have to be fetched for itself.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import asin, inf, sqrt
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from dispatch.model import Helper, Point
from orgs.hours import ALWAYS, Hours, is_open
from orgs.organizations import (
    EARTH_RADIUS_M,
    HALF_DISTANCE_M,
    WEIGHTS,
    Organization,
    Party,
    helper_of,
    party_of,
    position_fit,
    unit_vector,
)

__all__ = ["LIMIT", "ServiceIndex"]

LIMIT = 5  # the cells are made for this many; more are found by a full scan
CELL_ENTRIES = 24  # more make the build quicker and a question slower
NEAREST_ENTRIES = 16
MAX_DEPTH = 10
MOST_PARTS = 6  # opening hours with a part of their own
MOST_CHOSEN = 8_192  # lists of layers to ask, about 0.5 KB each; then all are forgotten
MARGIN_DEGREES = 0.2
UNPLACED_M = 20_000.0  # an organization without a point ranks as one this far away
EVERYWHERE = 5.0  # no squared chord on the unit sphere is longer than 4
TWO_RADII = 2 * EARTH_RADIUS_M
WHOLE_DAY = 12 * 60

WIDTH = 6  # numbers of an entry: x, y, z, reach (squared chord), worth, position of the organization in the order of codes
Entries: TypeAlias = "array[float]"  # one entry after the other
Found = tuple[float, float, float, float]  # minus score, position of the organization, metres, fit: sorts best first
Numbered = tuple[int, Party]  # with its position in the order of codes
Floats = NDArray[np.float64]
Box = tuple[float, float, float, float]  # west, south, east, north


class Leaf(msgspec.Struct, frozen=True, gc=False):
    """Who can be among the best five in a cell, and the best score that somebody left out could have there."""

    entries: Entries
    ceiling: float


class Uncut(msgspec.Struct, frozen=True):
    """A cell that nobody has asked yet: its box, who can win in the cell around it, the ceiling there, how deep it lies."""

    box: Box
    who: NDArray[np.intp]
    ceiling: float
    depth: int


class Inner(msgspec.Struct, frozen=True, gc=False):
    """A cell that is cut in four at (lon, lat): south-west, south-east, north-west, north-east."""

    lon: float
    lat: float
    cells: list[Leaf | Inner | Uncut]


class Layer:
    """Organizations of one kind and one way of coverage: they differ only in place, worth and hours."""

    def __init__(self, parties: Sequence[Numbered], *, by_circle: bool, plain: bool = False, whole: bool = True) -> None:
        """`plain` ranks by distance alone; `whole` says that this is not a part of another layer."""
        placed = [(number, party) for number, party in parties if party.placed and (party.reach >= 0 or not by_circle)]
        self.all: Entries = array("d", [value for number, party in placed for value in _entry(number, party, by_circle, plain)])
        self.unplaced = tuple((party.worth, float(number)) for number, party in parties if not party.placed and not by_circle)
        self._parts = self._by_hours(parties, by_circle) if whole and not plain else ()
        self._most = NEAREST_ENTRIES if plain else CELL_ENTRIES
        self._box = _box_of(placed) if len(placed) > self._most else None
        self._columns: _Columns | None = None
        self._root: Leaf | Inner = Leaf(self.all, -inf)

    def cell(self, point: Point) -> Leaf:
        """Return the cell that holds the point; outside all cells everybody."""
        if self._box is None:
            return self._root  # type: ignore[return-value]
        west, south, east, north = self._box
        lon, lat = point.lon, point.lat
        if not (west <= lon <= east and south <= lat <= north):
            return Leaf(self.all, -inf)
        if self._columns is None:
            self._columns = _columns_of(self.all)
            self._root = self._cut(Uncut(self._box, np.arange(len(self.all) // WIDTH), -inf, 0))
        node = self._root
        while type(node) is Inner:
            position = (lon >= node.lon) + 2 * (lat >= node.lat)
            below = node.cells[position]
            if type(below) is Uncut:
                below = node.cells[position] = self._cut(below)
            node = below  # type: ignore[assignment]
        return node  # type: ignore[return-value]

    def open_at(self, minute: int) -> Sequence[Layer]:
        """Return what to ask at this minute of the day: this layer, or the parts that may be open when others are closed."""
        layers = [part for hours, part in self._parts if is_open(hours, minute)]
        return [self] if len(layers) == len(self._parts) else layers

    def _by_hours(self, parties: Sequence[Numbered], by_circle: bool) -> Sequence[tuple[Hours, Layer]]:
        """One part for each of the commonest opening hours; the others together, of whom any may be open."""
        counted = Counter(party.hours for _, party in parties)
        if len(counted) < 2:
            return [(hours, self) for hours in counted]
        common = {hours for hours, _ in counted.most_common(MOST_PARTS)}
        groups: dict[Hours | None, list[Numbered]] = {}
        for number, party in parties:
            groups.setdefault(party.hours if party.hours in common else None, []).append((number, party))
        return [(hours or ALWAYS, Layer(members, by_circle=by_circle, whole=False)) for hours, members in groups.items()]

    def _cut(self, cell: Uncut) -> Leaf | Inner:
        assert self._columns is not None  # noqa: S101  # made before the first cell
        who, ceiling = _who_can_win(cell.box, cell.who, cell.ceiling, self._columns)
        if len(who) <= self._most or cell.depth == MAX_DEPTH:
            return Leaf(self._columns.entries(who), ceiling)
        west, south, east, north = cell.box
        lon, lat = (west + east) / 2, (south + north) / 2
        quarters = ((west, south, lon, lat), (lon, south, east, lat), (west, lat, lon, north), (lon, lat, east, north))
        return Inner(lon, lat, [Uncut(quarter, who, ceiling, cell.depth + 1) for quarter in quarters])


def _entry(number: int, party: Party, by_circle: bool, plain: bool) -> tuple[float, ...]:
    reach, worth = party.reach if by_circle else EVERYWHERE, 0.0 if plain else party.worth
    return party.x, party.y, party.z, reach, worth, float(number)


class ServiceIndex:
    """All organizations that may help, prepared for ranking by kind, distance, capacity and past help. Immutable once built."""

    def __init__(self, organizations: Iterable[Organization]) -> None:
        self.parties = {org.code: party_of(org) for org in organizations if org.may_help}
        self._ordered = [self.parties[code] for code in sorted(self.parties)]
        everybody = list(enumerate(self._ordered))
        self._kinds = _layers(everybody)
        self._approved = _layers([(number, party) for number, party in everybody if party.organization.approved])
        self._nearest = Layer(everybody, by_circle=True, plain=True)
        self._areas = frozenset(area for _, party in everybody for area in party.areas)
        self._edges = sorted({minute for _, party in everybody for span in party.hours for minute in span})
        self._chosen: dict[tuple[object, ...], Sequence[tuple[Layer, float]]] = {}

    def nearest(self, lon: float, lat: float, *, limit: int = LIMIT) -> list[tuple[str, float]]:
        """Return (code, metres) of the organizations whose circle holds the point, nearest first, whatever their kind."""
        point = Point(lon, lat)
        found: list[Found] = []
        leaf = self._nearest.cell(point)
        _scan(found, leaf.entries, unit_vector(lon, lat), 0.0)
        found.sort()
        proven = leaf.ceiling == -inf or (limit <= LIMIT and len(found) >= limit and -found[limit - 1][0] >= leaf.ceiling)
        if not proven:
            found.clear()
            _scan(found, self._nearest.all, unit_vector(lon, lat), 0.0)
            found.sort()
        return [(self._ordered[int(number)].organization.code, metres) for _, number, metres, _ in found[:limit]]

    def rank(
        self,
        point: Point | None,
        areas: Sequence[str],
        kinds: Sequence[str],
        *,
        minute: int = WHOLE_DAY,
        approved_only: bool = False,
        loads: Mapping[str, int] | None = None,
        limit: int = LIMIT,
    ) -> tuple[Helper, ...]:
        """Return the organizations of one of `kinds` (best kind first) that serve the point or one of the areas, best first.

        `minute` is the local minute of the day, `loads` how many cases an organization is busy with now where that is known.
        """
        layers = self._layers_for(areas, kinds, minute, approved_only)
        best = self._best(layers, point, minute, loads or {}, limit)
        parties = self._ordered
        return tuple([helper_of(parties[int(number)], fit, metres, -score) for score, number, metres, fit in best])

    def _layers_for(
        self, areas: Sequence[str], kinds: Sequence[str], minute: int, approved: bool
    ) -> Sequence[tuple[Layer, float]]:
        """Return the layers to ask, each with the fit of its kind: known for all places whose areas have the same layers."""
        with_layers = self._areas
        key = approved, bisect_right(self._edges, minute), tuple(kinds), *[area for area in areas if area in with_layers]
        found = self._chosen.get(key)
        if found is None:
            if len(self._chosen) >= MOST_CHOSEN:
                self._chosen.clear()
            found = self._chosen[key] = _choose(self._approved if approved else self._kinds, ("", *areas), kinds, minute)
        return found

    def _best(
        self, layers: Sequence[tuple[Layer, float]], point: Point | None, minute: int, loads: Mapping[str, int], limit: int
    ) -> list[Found]:
        vector = unit_vector(point.lon, point.lat) if point else None
        found: list[Found] = []
        ceiling = -inf
        for layer, fit in layers:
            base = WEIGHTS["kind"] * fit
            if point is not None and vector is not None:
                leaf = layer.cell(point)
                if leaf.ceiling + base > ceiling:
                    ceiling = leaf.ceiling + base
                _scan(found, leaf.entries, vector, fit)
            if layer.unplaced or point is None:
                _add_unplaced(found, layer, fit, placed=point is not None)
        best = self._take(found, minute, loads, limit)
        if ceiling > -inf and (limit > LIMIT or len(best) < limit or -best[-1][0] < ceiling):
            found = []
            for layer, fit in layers:
                if vector is not None:
                    _scan(found, layer.all, vector, fit)
                _add_unplaced(found, layer, fit, placed=True)
            best = self._take(found, minute, loads, limit)
        return best

    def _take(self, found: list[Found], minute: int, loads: Mapping[str, int], limit: int) -> list[Found]:
        """Return the best `limit` of `found` that are open and have capacity left, each organization once."""
        found.sort()
        best: list[Found] = []
        seen: set[float] = set()
        for entry in found:
            number = entry[1]
            if number in seen:
                continue
            seen.add(number)
            party = self._ordered[int(number)]
            organization = party.organization
            free = loads.get(organization.code, organization.load) < organization.capacity
            if free and (not party.hours or is_open(party.hours, minute)):
                best.append(entry)
                if len(best) == limit:
                    break
        return best


def _choose(
    table: Mapping[str, Mapping[str, Layer]], areas: Sequence[str], kinds: Sequence[str], minute: int
) -> list[tuple[Layer, float]]:
    found: list[tuple[Layer, float]] = []
    for position, kind in enumerate(kinds):
        of_kind = table.get(kind, {})
        for area in areas:
            if area in of_kind:
                found.extend([(layer, position_fit(position)) for layer in of_kind[area].open_at(minute)])
    return found


def _scan(found: list[Found], entries: Entries, vector: tuple[float, float, float], fit: float) -> None:
    """Add who covers the point. The square of the chord orders as haversine does and costs three multiplications."""
    px, py, pz = vector
    base, weight = (WEIGHTS["kind"] * fit, WEIGHTS["distance"] * HALF_DISTANCE_M)
    numbers = iter(entries)
    for x, y, z, reach, worth, number in zip(numbers, numbers, numbers, numbers, numbers, numbers, strict=True):
        x -= px
        y -= py
        z -= pz
        chord = x * x + y * y + z * z
        if chord <= reach:
            metres = TWO_RADII * asin(sqrt(chord) / 2)
            found.append((-(base + weight / (HALF_DISTANCE_M + metres) + worth), number, metres, fit))


def _add_unplaced(found: list[Found], layer: Layer, fit: float, *, placed: bool) -> None:
    """Add who has no point; without a point of the case everybody who covers the area counts so."""
    base = WEIGHTS["kind"] * fit + WEIGHTS["distance"] * HALF_DISTANCE_M / (HALF_DISTANCE_M + UNPLACED_M)
    found.extend((-(base + worth), number, inf, fit) for worth, number in layer.unplaced)
    if not placed:
        table = zip(layer.all[3::WIDTH], layer.all[4::WIDTH], layer.all[5::WIDTH], strict=True)
        found.extend((-(base + worth), number, inf, fit) for reach, worth, number in table if reach == EVERYWHERE)


def _layers(parties: Sequence[Numbered]) -> dict[str, dict[str, Layer]]:
    """Return the layers by kind and area; the area "" is the layer of the circles."""
    groups: dict[str, dict[str, list[Numbered]]] = {}
    for number, party in parties:
        for kind in party.organization.kinds:
            of_kind = groups.setdefault(kind, {})
            if party.reach >= 0:
                of_kind.setdefault("", []).append((number, party))
            for area in party.areas:
                of_kind.setdefault(area, []).append((number, party))
    return {
        kind: {area: Layer(members, by_circle=area == "") for area, members in of_kind.items()}
        for kind, of_kind in groups.items()
    }


class _Columns(msgspec.Struct, frozen=True):
    """The entries of a layer as a table and its columns, for the bounds of whole cells at once."""

    table: Floats
    x: Floats
    y: Floats
    z: Floats
    reach_m: Floats
    worth: Floats

    def entries(self, who: NDArray[np.intp]) -> Entries:
        """Return the entries at these positions."""
        return array("d", self.table[who].tobytes())


def _columns_of(entries: Entries) -> _Columns:
    table = np.frombuffer(entries, dtype=np.float64).reshape(-1, WIDTH)
    reach = np.sqrt(np.clip(table[:, 3], 0.0, 4.0)) / 2
    x, y, z, worth = (table[:, column].copy() for column in (0, 1, 2, 4))
    return _Columns(table, x, y, z, TWO_RADII * np.arcsin(reach), worth)


def _box_of(parties: Sequence[Numbered]) -> Box:
    lons = [party.organization.lon or 0.0 for _, party in parties]
    lats = [party.organization.lat or 0.0 for _, party in parties]
    return min(lons) - MARGIN_DEGREES, min(lats) - MARGIN_DEGREES, max(lons) + MARGIN_DEGREES, max(lats) + MARGIN_DEGREES


def _who_can_win(box: Box, who: NDArray[np.intp], ceiling: float, columns: _Columns) -> tuple[NDArray[np.intp], float]:
    """Return who can be among the best five somewhere in the box, and the best score that anybody left out could have."""
    west, south, east, north = box
    lon, lat = (west + east) / 2, (south + north) / 2
    x, y, z = unit_vector(lon, lat)
    corners = (unit_vector(*corner) for corner in ((west, south), (east, south), (west, north), (east, north)))
    half = 1.001 * max(TWO_RADII * asin(sqrt((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2) / 2) for a, b, c in corners) + 0.01
    chord = (columns.x[who] - x) ** 2 + (columns.y[who] - y) ** 2 + (columns.z[who] - z) ** 2
    metres = TWO_RADII * np.arcsin(np.minimum(1.0, np.sqrt(chord) / 2))
    nearest, farthest = np.maximum(0.0, metres - half), metres + half
    weight = WEIGHTS["distance"] * HALF_DISTANCE_M
    reach, worth = columns.reach_m[who], columns.worth[who]
    upper = weight / (HALF_DISTANCE_M + nearest) + worth
    sure = (weight / (HALF_DISTANCE_M + farthest) + worth)[farthest <= reach]
    touching = nearest <= reach
    floor = float(np.partition(sure, len(sure) - LIMIT)[len(sure) - LIMIT]) if len(sure) >= LIMIT else -inf
    wins = touching & (upper >= floor)
    lost = upper[touching & ~wins]
    return who[wins], max(ceiling, float(lost.max())) if len(lost) else ceiling
