"""Which organizations serve a point, best five first, in microseconds: prepared cells that hold only who can still win there.

Organizations lie in layers: one for each (kind, way of coverage), where the coverage is the circle round the organization, its
polygon, or one of its areas. A large layer is cut into cells (a quadtree), each cell when the first question falls into it. In a
cell each organization's score has an upper and a lower bound; who cannot come near the fifth best lower bound is left out, and
the cell keeps the best score that was left out (its `ceiling`). An answer whose last score reaches the ceilings is proven to be
that of a full scan; otherwise (organizations full) the layers are scanned in full. So the answer is always exact. At an hour when
some of a layer are closed, its parts are asked instead: layers of those with the same opening hours.

Fixed scores are upper bounds: what a question finds less (`debt_of`: busy, asked of late, no offer that fits) is only taken off.
Who was found is therefore judged best bound first, until the best that were judged beat all bounds that are left.

What a question reads lies together: the numbers of a cell are one array, not hundreds of objects all over the memory, where
each would have to be fetched for itself.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from heapq import heappop, heappush, nsmallest
from math import asin, inf, sqrt
from typing import TypeAlias

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray

from dispatch.model import Helper, Point
from orgs.hours import ALWAYS, Hours, is_open
from orgs.organizations import (
    EARTH_RADIUS_M,
    HALF_DISTANCE_M,
    WEIGHTS,
    Offering,
    Organization,
    Party,
    Present,
    debt_of,
    helper_of,
    party_of,
    position_fit,
    present_of,
    unit_vector,
)

__all__ = ["LIMIT", "Question", "ServiceIndex"]

LIMIT = 5  # the cells are made for this many; more are found by a full scan
CELL_ENTRIES = 24  # more make the build quicker and a question slower
NEAREST_ENTRIES = 16
MAX_DEPTH = 10
MOST_PARTS = 6  # opening hours with a part of their own
MOST_CHOSEN = 8_192  # lists of layers to ask, about 0.5 KB each; then all are forgotten
SLACK = 0.01  # who is behind by less may still win when those before have become busy; a full scan finds the rest
MARGIN_DEGREES = 0.2
UNPLACED_M = 20_000.0  # an organization without a point ranks as one this far away
EVERYWHERE = 5.0  # no squared chord on the unit sphere is longer than 4
TWO_RADII = 2 * EARTH_RADIUS_M

CIRCLE, POLYGON, AREA = "", "#", "area"  # ways of coverage; the first two are keys of layers, an area's key is its code

WIDTH = 6  # numbers of an entry: x, y, z, reach (squared chord), worth, position of the organization in the order of codes
IN_POLYGON = 0.5  # added to the position where only the polygon says whether the point is covered
Entries: TypeAlias = "array[float]"  # one entry after the other
Found = tuple[float, float, float, float]  # minus score, position of the organization, metres, fit: sorts best first
Judged = tuple[float, int, float, float, Present]  # the same by what the organization is worth now
Numbered = tuple[int, Party]  # with its position in the order of codes
Floats = NDArray[np.float64]
Box = tuple[float, float, float, float]  # west, south, east, north


class Question(msgspec.Struct, frozen=True, gc=False):
    """When is asked, and what is known at this moment: the minute of the local day, the day, the 小类 for which an approval must
    hold (None: not sensitive), how many cases each organization is busy with, how often each was asked of late."""

    minute: int = 12 * 60
    day: date = date.min
    approved_for: str | None = None
    loads: Mapping[str, int] = {}
    asked: Mapping[str, int] = {}


NOON = Question()
NOTHING: Mapping[str, int] = {}


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

    def __init__(self, parties: Sequence[Numbered], *, cover: str, plain: bool = False, whole: bool = True) -> None:
        """`plain` ranks by distance alone; `whole` says that this is not a part of another layer."""
        placed = [(number, party) for number, party in parties if party.placed and (party.reach >= 0 or cover != CIRCLE)]
        self.all: Entries = array("d", [value for number, party in placed for value in _entry(number, party, cover, plain)])
        self.unplaced = tuple((party.worth, float(number)) for number, party in parties if not party.placed and cover == AREA)
        self._sure = cover != POLYGON
        self._parts = self._by_hours(parties, cover) if whole and not plain else ()
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
            self._columns = _columns_of(self.all, self._sure)
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

    def _by_hours(self, parties: Sequence[Numbered], cover: str) -> Sequence[tuple[Hours, Layer]]:
        """One part for each of the commonest opening hours; the others together, of whom any may be open."""
        counted = Counter(party.hours for _, party in parties)
        if len(counted) < 2:
            return [(hours, self) for hours in counted]
        common = {hours for hours, _ in counted.most_common(MOST_PARTS)}
        groups: dict[Hours | None, list[Numbered]] = {}
        for number, party in parties:
            groups.setdefault(party.hours if party.hours in common else None, []).append((number, party))
        return [(hours or ALWAYS, Layer(members, cover=cover, whole=False)) for hours, members in groups.items()]

    def _cut(self, cell: Uncut) -> Leaf | Inner:
        assert self._columns is not None  # noqa: S101  # made before the first cell
        who, ceiling = _who_can_win(cell.box, cell.who, cell.ceiling, self._columns)
        if len(who) <= self._most or cell.depth == MAX_DEPTH:
            return Leaf(self._columns.entries(who), ceiling)
        west, south, east, north = cell.box
        lon, lat = (west + east) / 2, (south + north) / 2
        quarters = ((west, south, lon, lat), (lon, south, east, lat), (west, lat, lon, north), (lon, lat, east, north))
        return Inner(lon, lat, [Uncut(quarter, who, ceiling, cell.depth + 1) for quarter in quarters])


def _entry(number: int, party: Party, cover: str, plain: bool) -> tuple[float, ...]:
    reach = {CIRCLE: party.reach, POLYGON: party.round}.get(cover, EVERYWHERE)
    worth = 0.0 if plain else party.worth
    return party.x, party.y, party.z, reach, worth, number + (IN_POLYGON if cover == POLYGON else 0.0)


class ServiceIndex:
    """All organizations that may help, prepared for ranking by kind, distance, capacity, past help, offers and turn. Immutable
    once built."""

    def __init__(
        self,
        organizations: Iterable[Organization],
        offers: Mapping[str, Sequence[Offering]] | None = None,
        *,
        loads: Mapping[str, int] = NOTHING,
        asked: Mapping[str, int] = NOTHING,
    ) -> None:
        """`offers` are the published ones, by organization; `loads` and `asked` as in a `Question`, as they are now: what rises
        later counts at once, what falls when the index is built anew."""
        known = offers or {}
        self.parties = {
            org.code: party_of(
                org, known.get(org.code, ()), load=max(org.load, loads.get(org.code, 0)), asked=asked.get(org.code, 0)
            )
            for org in organizations
            if org.may_help
        }
        self._ordered = [self.parties[code] for code in sorted(self.parties)]
        everybody = list(enumerate(self._ordered))
        self._kinds = _layers(everybody)
        self._approved = _layers([(number, party) for number, party in everybody if party.organization.approved])
        self._nearest = Layer(everybody, cover=CIRCLE, plain=True)
        self._areas = frozenset(area for _, party in everybody for area in party.areas)
        hours = [party.hours for _, party in everybody] + [one.opening for _, party in everybody for one in party.offers]
        self._edges = sorted({minute for spans in hours for span in spans for minute in span})
        self._offering: dict[tuple[date, int, tuple[str, ...]], Mapping[int, Present]] = {}
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
        self, point: Point | None, areas: Sequence[str], kinds: Sequence[str], question: Question = NOON, *, limit: int = LIMIT
    ) -> tuple[Helper, ...]:
        """Return the organizations of one of `kinds` (best kind first) that serve the point or one of the areas, best first."""
        layers = self._layers_for(areas, kinds, question.minute, question.approved_for is not None)
        asking = _Asking(point, areas, kinds, question, self._offers_at(question, kinds))
        best, parties = self._best(layers, asking, limit), self._ordered
        return tuple([helper_of(parties[position], fit, metres, -score, now) for score, position, metres, fit, now in best])

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
            found = self._chosen[key] = _choose(
                self._approved if approved else self._kinds, (CIRCLE, POLYGON, *areas), kinds, minute
            )
        return found

    def _offers_at(self, question: Question, kinds: Sequence[str]) -> Mapping[int, Present]:
        """Return who has an offer that fits at this time, as far as the place does not matter: found once for a while."""
        key = question.day, bisect_right(self._edges, question.minute), tuple(kinds)
        found = self._offering.get(key)
        if found is None:
            if len(self._offering) >= MOST_CHOSEN // 16:
                self._offering.clear()
            found = self._offering[key] = {
                position: offering
                for position, party in enumerate(self._ordered)
                if party.offers and (offering := _offering_of(party, kinds, question.day, question.minute, None, ())) is not None
            }
        return found

    def _best(self, layers: Sequence[tuple[Layer, float]], asking: _Asking, limit: int) -> list[Judged]:
        point = asking.point
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
        best = self._take(found, asking, limit)
        if ceiling > -inf and (limit > LIMIT or len(best) < limit or -best[-1][0] < ceiling):
            found = []
            for layer, fit in layers:
                if vector is not None:
                    _scan(found, layer.all, vector, fit)
                _add_unplaced(found, layer, fit, placed=True)
            best = self._take(found, asking, limit)
        return best

    def _take(self, found: list[Found], asking: _Asking, limit: int) -> list[Judged]:
        """Return the best `limit` of `found` that may be asked, each organization once, by what they are worth now."""
        found.sort()
        judged: list[Judged] = []
        best: list[Judged] = []
        seen: set[int] = set()
        ordered, offering, minute, simple = self._ordered, asking.offering, asking.minute, not asking.strict
        asked, loads = asking.asked, asking.loads
        for entry in found:
            while judged and judged[0] < entry:  # nobody who is left can be better
                best.append(heappop(judged))
                if len(best) == limit:
                    return best
            bound, number, metres, fit = entry
            position = int(number)
            if position in seen:
                continue
            party = ordered[position]
            if party.easy and simple and position == number and party.code not in asked and party.code not in loads:
                seen.add(position)  # nothing more is known of it than when it was prepared
                if not party.hours or is_open(party.hours, minute):
                    now = offering.get(position, party.idle) if party.offers else party.idle
                    less = WEIGHTS["offer"] if party.offers and now is party.idle else 0.0
                    heappush(judged, (bound + less, position, metres, fit, now))
            elif (settled := asking.judge(party, entry, offering.get(position, party.idle), seen)) is not None:
                heappush(judged, settled)
        return best + nsmallest(limit - len(best), judged)


class _Asking:
    """One question with its place: judges who was found by what is known at this moment."""

    __slots__ = ("_kinds", "_question", "areas", "asked", "loads", "minute", "offering", "point", "strict")

    def __init__(
        self,
        point: Point | None,
        areas: Sequence[str],
        kinds: Sequence[str],
        question: Question,
        offering: Mapping[int, Present],
    ) -> None:
        """`offering` is who has an offer that fits wherever the place."""
        self.point, self.areas, self.offering = point, areas, offering
        self.loads, self.asked, self.minute = question.loads, question.asked, question.minute
        self.strict = question.approved_for is not None
        self._kinds, self._question = kinds, question

    def judge(self, party: Party, entry: Found, now: Present, seen: set[int]) -> Judged | None:
        """Return the entry with its true score, or None when the organization may not be asked now or does not cover the
        point. Whoever is covered is put down as seen. `now` is the organization with its offer as it was prepared."""
        bound, number, metres, fit = entry
        position = int(number)
        if number != position and not self._is_inside(party):
            return None
        seen.add(position)
        if party.hours and not is_open(party.hours, self.minute):
            return None
        code, idle = party.code, party.idle
        if party.local:
            now = self._local(party)
        asked, load = self.asked.get(code, 0), self.loads.get(code, 0)
        if party.plain and not self.strict and asked <= idle.asked and load <= idle.load:
            return (bound + WEIGHTS["offer"] if party.offers and now is idle else bound), position, metres, fit, now
        if max(load, party.organization.load) >= party.organization.capacity or not self._is_admitted(party):
            return None
        now = present_of(party.organization, max(load, idle.load), max(asked, idle.asked), now.offer)
        return bound + debt_of(party, now), position, metres, fit, now

    def _local(self, party: Party) -> Present:
        """The organization with the first of its offers that fits at this place."""
        found = _offering_of(party, self._kinds, self._question.day, self.minute, self.point, self.areas)
        return party.idle if found is None else found

    def _is_inside(self, party: Party) -> bool:
        return self.point is not None and bool(shapely.contains_xy(party.polygon, self.point.lon, self.point.lat))

    def _is_admitted(self, party: Party) -> bool:
        if not party.dated and not self.strict:
            return True
        day, category = self._question.day, self._question.approved_for
        organization = party.organization
        return organization.is_valid_on(day) and (category is None or organization.is_approved_on(day, category))


def _offering_of(
    party: Party, kinds: Sequence[str], day: date, minute: int, point: Point | None, areas: Sequence[str]
) -> Present | None:
    """The organization as it was prepared, with the first of its offers that fits."""
    for offer, offering in zip(party.offers, party.offering, strict=True):
        if offer.fits(kinds, day, minute, point, areas):
            return offering
    return None


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
    """Return the layers by kind and area, those of the circles and of the polygons under keys of their own."""
    groups: dict[str, dict[str, list[Numbered]]] = {}
    for number, party in parties:
        for kind in party.organization.kinds:
            of_kind = groups.setdefault(kind, {})
            if party.reach >= 0:
                of_kind.setdefault(CIRCLE, []).append((number, party))
            if party.polygon is not None:
                of_kind.setdefault(POLYGON, []).append((number, party))
            for area in party.areas:
                of_kind.setdefault(area, []).append((number, party))
    return {
        kind: {area: Layer(members, cover=area if area in (CIRCLE, POLYGON) else AREA) for area, members in of_kind.items()}
        for kind, of_kind in groups.items()
    }


class _Columns(msgspec.Struct, frozen=True):
    """The entries of a layer as a table and its columns, for the bounds of whole cells at once."""

    table: Floats
    x: Floats
    y: Floats
    z: Floats
    reach_m: Floats
    sure_m: Floats
    worth: Floats

    def entries(self, who: NDArray[np.intp]) -> Entries:
        """Return the entries at these positions."""
        return array("d", self.table[who].tobytes())


def _columns_of(entries: Entries, sure: bool) -> _Columns:
    table = np.frombuffer(entries, dtype=np.float64).reshape(-1, WIDTH)
    reach = np.sqrt(np.clip(table[:, 3], 0.0, 4.0)) / 2
    x, y, z, worth = (table[:, column].copy() for column in (0, 1, 2, 4))
    reach_m = TWO_RADII * np.arcsin(reach)
    return _Columns(table, x, y, z, reach_m, reach_m if sure else np.full_like(reach_m, -1.0), worth)


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
    sure = (weight / (HALF_DISTANCE_M + farthest) + worth)[farthest <= columns.sure_m[who]]
    touching = nearest <= reach
    floor = float(np.partition(sure, len(sure) - LIMIT)[len(sure) - LIMIT]) if len(sure) >= LIMIT else -inf
    wins = touching & (upper >= floor - SLACK)
    lost = upper[touching & ~wins]
    return who[wins], max(ceiling, float(lost.max())) if len(lost) else ceiling
