"""Recorded addresses with their points, to ask the gazetteer with: what is indexed, what is asked, and how good the answers are.

The data lie beside the checkout and are not part of the project; without them there are no such figures.
"""

from __future__ import annotations

import csv
import gzip
import json
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import shapely

from grid.areas import Area, Entry
from grid.coordinates import to_wgs84
from grid.doors import metres_between
from grid.gazetteer import Gazetteer
from grid.territory import TerritorySnapshot, build

__all__ = [
    "DATA", "Asked", "Case", "Outcome", "beijing", "calibration", "expected_error", "figures", "outcome", "outcomes", "shenzhen",
]  # fmt: skip

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
NEAR_METRES = 300.0
SURE = 0.8


class Asked(NamedTuple):
    """An address with the point (WGS-84) that was recorded for it, and the street (街道) and district that hold the point."""

    address: str
    lon: float
    lat: float
    street: str | None
    district: str | None


class Case(NamedTuple):
    """A way to ask: a territory with names, and the addresses."""

    name: str
    about: str
    territory: TerritorySnapshot
    asked: list[Asked]

    @property
    def city(self) -> str:
        """Whose addresses they are."""
        return self.name.partition("_")[0]


class Outcome(NamedTuple):
    """One answer: what it is (empty: none), what rivals and contradictions have left of its confidence, how sure it is, how far
    from the recorded point (None: no point), and whether street and district are right."""

    kind: str
    left: float
    confidence: float
    metres: float | None
    radius_m: float | None
    right_street: bool
    right_district: bool

    @property
    def is_right(self) -> bool:
        """What `confidence` is the chance of: within 300 m, without a point in the area."""
        if self.metres is not None:
            return self.metres <= NEAR_METRES
        return self.right_district if self.kind == "district" else self.right_street


def beijing(seed: int = 1) -> list[Case]:
    """Return four cases of 东城区, all asking the same held-out half of the addressed places (each address once).

    Known are the 17 streets; then all named roads (lines) and named facilities (points) as well, but no addressed place; then
    also the other half of the addresses as doors and their names as landmarks. In the last case one character of each
    asked address is replaced by another.
    """
    folder = DATA / "dongcheng_beijing"
    streets = _streets(folder / "street_boundaries.geojson.gz", "110101")
    district = Area(code="110101", name="东城区", level="district", wkb=_union(streets))
    areas = [district, *streets]
    places = _addressed(folder / "addressed_places.csv")
    draw = random.Random(seed)
    draw.shuffle(places)
    known, held = places[: len(places) // 2], places[len(places) // 2 :]
    ground = [*_roads(folder / "roads.geojson.gz"), *_facilities(folder / "facilities.csv")]
    with_half = build(areas, gazetteer=[*ground, *_as_entries(known)])
    asked = _asked(held, with_half)
    return [
        Case("beijing_areas", "known: 17 streets; asked: the half of the addresses that is held out", build(areas), asked),
        Case(
            "beijing_roads", "known: streets, named roads and facilities; asked: the same", build(areas, gazetteer=ground), asked
        ),
        Case("beijing_half", "known: those and the other half of the addresses; asked: the same", with_half, asked),
        Case(
            "beijing_typos",
            "known: as before; asked: the same, one character of each wrong",
            with_half,
            [one._replace(address=_mistyped(one.address, draw)) for one in asked],
        ),
    ]


def shenzhen(seed: int = 1) -> list[Case]:
    """Return two cases of Shenzhen's defibrillators: known are 10 districts and 74 streets, then half of the defibrillators as
    landmarks too. No road of Shenzhen is known, most addresses name no street (街道)."""
    folder = DATA / "shenzhen_streets"
    districts = [
        Area(code=f"d{number:02}", name=name, level="district", wkb=shapely.to_wkb(shape))
        for number, (name, _, shape) in enumerate(_shapes(folder / "shenzhen_districts.geojson.gz"))
    ]
    code_of = {district.name: district.code for district in districts}
    streets = [
        Area(code=f"s{number:03}", name=name, level="township", parent=code_of.get(district), wkb=shapely.to_wkb(shape))
        for number, (name, district, shape) in enumerate(_shapes(folder / "shenzhen_streets.geojson.gz"))
    ]
    areas = [*districts, *streets]
    with (folder / "aed_addresses.csv").open(encoding="utf-8") as file:
        rows = [
            (row["address"], row["title"], *to_wgs84(float(row["lng"]), float(row["lat"]), "GCJ-02"))
            for row in csv.DictReader(file)
        ]
    random.Random(seed).shuffle(rows)
    bare = build(areas)
    known = [
        Entry(name=names[0], aliases=names[1:], lon=lon, lat=lat)
        for address, title, lon, lat in rows[: len(rows) // 2]
        if (names := _names(address, title))
    ]
    everything = [(address, "", lon, lat) for address, _, lon, lat in rows]
    return [
        Case("shenzhen_areas", "known: districts and streets; asked: all addresses", bare, _asked(everything, bare)),
        Case(
            "shenzhen_half",
            "known: those and half of the defibrillators; asked: the other half",
            build(areas, gazetteer=known),
            _asked(everything[len(rows) // 2 :], bare),
        ),
    ]


def _names(address: str, title: str) -> tuple[str, ...]:
    """What an address says after the district, and what stands in the title's brackets."""
    tail = address.partition("区")[2].strip()
    named = title.partition("(")[2].rstrip(")")
    return tuple(name for name in (tail, named) if len(name) > 3)


def outcomes(case: Case) -> list[Outcome]:
    """Ask all addresses of a case."""
    return [outcome(case, case.territory.gazetteer, one) for one in case.asked]


def outcome(case: Case, gazetteer: Gazetteer, one: Asked) -> Outcome:
    """Ask an address of a case."""
    hits = gazetteer.ask(one.address).candidates
    if not hits:
        return Outcome("", 1.0, 0.0, None, None, False, False)
    best = hits[0]
    metres = None if best.lon is None or best.lat is None else metres_between(best.lon, best.lat, one.lon, one.lat)
    codes = [ref.code for ref in case.territory.path(best.area or "")]
    return Outcome(best.kind, best.left, best.confidence, metres, best.radius_m, one.street in codes, one.district in codes)


def figures(found: Sequence[Outcome]) -> dict[str, float]:
    """Return the shares that count: with a point, within 300 m, right district, right street; what confidence was worth."""
    points = [one for one in found if one.metres is not None]
    sure = [one for one in points if one.confidence >= SURE]
    near = [one for one in points if one.metres is not None and one.metres <= NEAR_METRES]
    inside = [one for one in points if one.metres is not None and one.radius_m is not None and one.metres <= one.radius_m]
    return {
        "asked": len(found),
        "with_point": _share(one.metres is not None for one in found),
        "within_300_m": round(len(near) / max(1, len(found)), 3),
        "right_district": _share(one.right_district for one in found),
        "right_street": _share(one.right_street for one in found),
        "sure": len(sure),
        "sure_within_300_m": _share(one.metres is not None and one.metres <= NEAR_METRES for one in sure),
        "inside_radius": round(len(inside) / max(1, len(points)), 3),
    }


def calibration(found: Sequence[Outcome]) -> list[tuple[str, int, float, float]]:
    """Return for bands of confidence of answers with a point: band, how many, mean confidence, share within 300 m."""
    rows = []
    for low in (0.0, 0.2, 0.4, 0.6, 0.8, 0.9):
        high = {0.8: 0.9, 0.9: 1.01}.get(low, low + 0.2)
        band = [one for one in found if one.metres is not None and low <= one.confidence < high]
        if band:
            mean = sum(one.confidence for one in band) / len(band)
            right = _share(one.metres is not None and one.metres <= NEAR_METRES for one in band)
            rows.append((f"{low:.1f}–{min(high, 1.0):.1f}", len(band), round(mean, 3), right))
    return rows


def expected_error(found: Sequence[Outcome]) -> float:
    """Return the expected calibration error: how far confidence and share right lie apart, by tenths of confidence, each of which
    counts by its answers."""
    bands: defaultdict[int, list[Outcome]] = defaultdict(list)
    for one in found:
        bands[min(9, int(10 * one.confidence))].append(one)
    apart = sum(abs(sum(one.confidence for one in band) - sum(one.is_right for one in band)) for band in bands.values())
    return round(apart / max(1, len(found)), 3)


def _share(flags: Iterable[bool]) -> float:
    values = list(flags)
    return round(sum(values) / max(1, len(values)), 3)


def _asked(places: Iterable[tuple[str, str, float, float]], territory: TerritorySnapshot) -> list[Asked]:
    """The places that lie inside the territory, with the areas that hold them."""
    found = []
    for address, _, lon, lat in places:
        levels = {ref.level: ref.code for ref in territory.path(territory.area_at(lon, lat) or "")}
        if levels:
            found.append(Asked(address, lon, lat, levels.get("township"), levels.get("district")))
    return found


def _as_entries(places: Iterable[tuple[str, str, float, float]]) -> Iterator[Entry]:
    for address, name, lon, lat in places:
        tail = address.partition("街道")[2] or address.partition("区")[2]
        if tail.endswith("号"):
            yield Entry(name=tail, kind="door", lon=lon, lat=lat)
        yield Entry(name=name, kind="landmark", lon=lon, lat=lat)


def _mistyped(address: str, draw: random.Random) -> str:
    """Replace one character after the street's name, but no digit and no 号."""
    start = address.find("街道") + 2 if "街道" in address else address.find("区") + 1
    at = draw.choice([place for place in range(start, len(address)) if address[place] not in "0123456789号、，,（）()"] or [0])
    return f"{address[:at]}{draw.choice('春秋江河湖海金木水火土')}{address[at + 1 :]}"


def _addressed(path: Path) -> list[tuple[str, str, float, float]]:
    """Each address of 东城区 once."""
    found: dict[str, tuple[str, str, float, float]] = {}
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if "东城区" in row["address"]:
                lon, lat = to_wgs84(float(row["lng"]), float(row["lat"]), "GCJ-02")
                found.setdefault(row["address"], (row["address"], row["name"], lon, lat))
    return list(found.values())


def _facilities(path: Path) -> Iterator[Entry]:
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["name"]:
                lon, lat = to_wgs84(float(row["lng"]), float(row["lat"]), "GCJ-02")
                yield Entry(name=row["name"], kind="landmark", lon=lon, lat=lat)


def _roads(path: Path) -> Iterator[Entry]:
    for name, _, shape in _shapes(path):
        if name:
            line = tuple(map(tuple, shapely.get_coordinates(shape).tolist()))
            yield Entry(name=name, kind="road", lon=line[0][0], lat=line[0][1], line=line)


def _streets(path: Path, parent: str) -> list[Area]:
    return [
        Area(code=f"{parent}{number + 1:03}", name=name, level="township", parent=parent, wkb=shapely.to_wkb(shape))
        for number, (name, _, shape) in enumerate(_shapes(path))
    ]


def _union(areas: Sequence[Area]) -> bytes:
    return bytes(shapely.to_wkb(shapely.union_all(shapely.from_wkb([area.wkb for area in areas]))))


def _shapes(path: Path) -> Iterator[tuple[str, str, Any]]:
    """Name, district and shape in WGS-84 of each feature."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        features = json.load(file)["features"]
    for feature in features:
        shape = shapely.from_geojson(json.dumps(feature["geometry"]))
        moved = shapely.transform(shape, lambda at: _moved(at))
        yield feature["properties"].get("name") or "", feature["properties"].get("district") or "", moved


def _moved(at: Any) -> Any:
    at[:, 0], at[:, 1] = to_wgs84(at[:, 0], at[:, 1], "GCJ-02")
    return at
