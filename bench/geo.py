"""Geo: point → grid, full locate, organizations near, against MongoDB's own operators; exactness by brute force; the match.

Everything runs in one go and in turn, on varied points, several rounds; a ratio is made inside a round from medians, and the
median of the rounds is quoted. The rival is asked as a textbook service asks it: one query through the driver for one point.

    python -m bench.geo [--json]
"""

from __future__ import annotations

import json as json_module
import os
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray
from pymongo import GEOSPHERE, MongoClient
from rich.console import Console
from rich.table import Table

import dispatch.importing
import grid.importing
import orgs.importing
from bench.made_city import MadeCity, make_city
from bench.questions import Points, as_gcj02, match_figures, varied
from cities.guiyang.build import build as build_pack
from dispatch.packs import PackReport
from grid.areas import Area
from grid.coordinates import to_wgs84
from grid.metric import metres_per_degree
from grid.territory import TerritorySnapshot, build
from orgs.directory import DirectorySnapshot
from orgs.directory import build as build_directory
from orgs.importing import Parsed
from orgs.organizations import Organization
from orgs.rules import Rule
from storage.embedded import start

__all__ = ["RULES", "demo_parties", "main"]

ROUNDS = 5
OURS, RIVALS = 4_000, 400  # points of a round
EXACT = 1_000_000
SAMPLE = 4_000
RULES = 100_000
GOALS = {
    "times_geo_intersects": "≥ 40", "locate_times_geo_intersects": "≥ 20", "times_geo_near": "≥ 80", "disagreements": "0",
    "geodesic_farthest_m": "≤ 2", "match_p95_ms": "≤ 1",
}  # fmt: skip

Figures = dict[str, float]


class Ground(NamedTuple):
    """What is measured: the made city of 20,000 grids, its snapshot, and the collections of the rival."""

    city: MadeCity
    territory: TerritorySnapshot
    database: Any


class Parties(NamedTuple):
    """The demo city with many more rules: its territory, its directory, its categories and its organizations."""

    territory: TerritorySnapshot
    directory: DirectorySnapshot
    categories: list[str]
    organizations: tuple[Organization, ...]


def main(json: bool = False) -> Figures:
    """Measure, print a table to standard error (and with `json` one line of JSON to standard output), return the figures."""
    console = Console(stderr=True, highlight=False)
    with console.status("cities: drawing and building"), _database() as database:
        city = make_city(districts=10, townships=10, communities=10, grids=20)
        ground = Ground(city, _snapshot(city), database)
        parties = demo_parties()
        _load_rival(ground, parties)
        console.log(f"{len(city.grids):,} grids; {parties.directory.version}")
        rounds = []
        for number in range(ROUNDS):
            rounds.append(_round(ground, parties, number))
            console.log(f"round {number + 1} of {ROUNDS}")
        figures = _ratios(rounds)
        console.log(f"exactness on {EXACT:,} points")
        figures |= (
            _exactness(ground) | _geodesic(ground) | match_figures(parties.territory, parties.directory, parties.categories)
        )
    console.print(_table(rounds, figures))
    if json:
        sys.stdout.write(json_module.dumps(figures) + "\n")
    return figures


@contextmanager
def _database() -> Iterator[Any]:
    """An empty database on the test server, or on a private mongod that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="heyun-bench-") as folder:
        configured = os.environ.get("HEYUN_TEST_MONGODB_URI")
        embedded = None if configured else start(Path(folder), cache_gb=1.0)
        client: MongoClient[Any] = MongoClient(configured or (embedded.uri if embedded else ""))
        name = f"heyun_test_{secrets.token_hex(6)}"
        try:
            yield client[name]
        finally:
            client.drop_database(name)
            client.close()
            if embedded:
                embedded.stop()


def _snapshot(city: MadeCity) -> TerritorySnapshot:
    return build(
        [
            Area(code=area.code, name=area.name, level=area.level, parent=area.parent, wkb=shapely.to_wkb(area.geometry))
            for area in city.areas
        ],
        version="made",
    )


def demo_parties() -> Parties:
    """Read the demo pack as an import does, then add rules for random areas until there are 100,000."""
    with tempfile.TemporaryDirectory(prefix="heyun-bench-") as name:
        folder, report = Path(name), PackReport()
        build_pack(folder)
        core = dispatch.importing.read(folder, report)
        ground = grid.importing.read(folder, report)
        codes = {category.code for category in core.categories}
        known = ground.codes | ground.management.keys()
        parsed = orgs.importing.read(folder, report, areas=known, categories=codes, to_wgs84=to_wgs84)
        report.raise_if_errors()
    areas = [area.code for area in ground.areas if area.level in ("township", "community", "grid")]
    rules = _many_rules(parsed, areas)
    parents = {area.code: area.parent or "" for area in ground.areas}
    described = f"{len(parsed.units)} units, {len(parsed.organizations):,} organizations, {len(rules):,} rules"
    directory = build_directory(
        units=parsed.units, rules=rules, organizations=parsed.organizations, people=parsed.people, duties=parsed.duties,
        categories=core.categories, parents=parents, version=described,
    )  # fmt: skip
    territory = build(ground.areas, ground.zones, ground.assets, ground.gazetteer, version="demo")
    return Parties(territory, directory, sorted(codes), parsed.organizations)


def _many_rules(parsed: Parsed, areas: Sequence[str]) -> list[Rule]:
    rng = np.random.default_rng(3)
    rules, plain = list(parsed.rules), [rule for rule in parsed.rules if not rule.zone]
    chosen = rng.integers(0, len(plain), RULES - len(rules)).tolist()
    places = rng.integers(0, len(areas), RULES - len(rules)).tolist()
    for number, (one, place) in enumerate(zip(chosen, places, strict=True)):
        rules.append(msgspec.structs.replace(plain[one], id=f"BENCH-{number}", area=areas[place]))
    return rules


def _load_rival(ground: Ground, parties: Parties) -> None:
    """The grids and organizations as GeoJSON with 2dsphere indexes."""
    grids = (area for area in ground.city.areas if area.level == "grid")
    ground.database.grids.insert_many(
        [{"_id": area.code, "shape": json_module.loads(shapely.to_geojson(area.geometry))} for area in grids]
    )
    ground.database.grids.create_index([("shape", GEOSPHERE)])
    ground.database.organizations.insert_many(
        [
            {"_id": one.code, "point": {"type": "Point", "coordinates": [one.lon, one.lat]}, "radius_m": one.radius_m}
            for one in parties.organizations
            if one.may_help and one.lon is not None and one.radius_m > 0
        ]
    )
    ground.database.organizations.create_index([("point", GEOSPHERE)])


def _round(ground: Ground, parties: Parties, number: int) -> Figures:
    """Median microseconds of each way in this round, taken in turn."""
    rng = np.random.default_rng(100 + number)
    ours = varied(ground.city.grids, rng, OURS).tolist()
    theirs = varied(ground.city.grids, rng, RIVALS).tolist()
    demo = np.array([area.geometry for area in parties.territory.features("grid")], dtype=object)
    here, there = varied(demo, rng, OURS).tolist(), varied(demo, rng, RIVALS).tolist()
    territory, services = ground.territory, parties.directory.services
    widest = max(one.radius_m for one in parties.organizations)
    return {
        "find": _median(territory.find_grid, ours),
        "geo_intersects": _median(lambda lon, lat: _geo_intersects(ground.database, lon, lat), theirs),
        "locate": _median(lambda lon, lat: territory.locate(lon, lat, "WGS-84", accuracy_m=8.0), ours),
        "locate_gcj02": _median(lambda lon, lat: territory.locate(lon, lat, "GCJ-02", accuracy_m=8.0), as_gcj02(ours)),
        "organizations": _median(services.nearest, here),
        "geo_near": _median(lambda lon, lat: _geo_near(ground.database, lon, lat, widest), there),
        "same_five": statistics.fmean(
            {code for code, _ in services.nearest(lon, lat)} == set(_geo_near(ground.database, lon, lat, widest))
            for lon, lat in there[:100]
        ),
    }


def _median(ask: Callable[[float, float], Any], points: Sequence[Sequence[float]]) -> float:
    """Median microseconds of one question."""
    clock, taken = time.perf_counter_ns, []
    for lon, lat in points:
        begin = clock()
        ask(lon, lat)
        taken.append(clock() - begin)
    return statistics.median(taken) / 1000.0


def _geo_intersects(database: Any, lon: float, lat: float) -> Any:
    point = {"type": "Point", "coordinates": [lon, lat]}
    return database.grids.find_one({"shape": {"$geoIntersects": {"$geometry": point}}}, {"_id": 1})


def _geo_near(database: Any, lon: float, lat: float, widest: float) -> list[str]:
    """The five nearest organizations whose circle holds the point; nobody farther than the widest circle is looked at."""
    point = {"type": "Point", "coordinates": [lon, lat]}
    near = {"near": point, "distanceField": "metres", "spherical": True, "key": "point", "maxDistance": widest}
    covering = {"$match": {"$expr": {"$lte": ["$metres", "$radius_m"]}}}
    return [one["_id"] for one in database.organizations.aggregate([{"$geoNear": near}, covering, {"$limit": 5}])]


def _ratios(rounds: Sequence[Figures]) -> Figures:
    def ratio(over: str, under: str) -> float:
        return round(statistics.median(one[over] / one[under] for one in rounds), 1)

    return {
        "times_geo_intersects": ratio("geo_intersects", "find"),
        "locate_times_geo_intersects": ratio("geo_intersects", "locate"),
        "times_geo_near": ratio("geo_near", "organizations"),
        "same_five_as_geo_near": round(statistics.fmean(one["same_five"] for one in rounds), 3),
    }


def _exactness(ground: Ground) -> Figures:
    """Compare with brute force: STRtree over all grids, GEOS's exact `intersects`, smallest code."""
    rng, grids = np.random.default_rng(9), ground.city.grids
    codes = [area.code for area in ground.city.areas if area.level == "grid"]
    tree, disagreements = shapely.STRtree(grids), 0
    for points in np.array_split(_anywhere_and_on_edges(grids, rng, EXACT), 20):
        at, holder = tree.query(shapely.points(points), predicate="intersects")
        smallest = np.full(len(points), len(grids))
        np.minimum.at(smallest, at, holder)
        expected = [codes[number] if number < len(grids) else None for number in smallest.tolist()]
        found = [ground.territory.find_grid(lon, lat) for lon, lat in points.tolist()]
        disagreements += sum(one != other for one, other in zip(found, expected, strict=True))
    return {"disagreements": disagreements, "points": EXACT}


def _anywhere_and_on_edges(grids: NDArray[Any], rng: np.random.Generator, count: int) -> Points:
    """Half anywhere in the box of the city; the others on vertices, on edges, and within metres of edges."""
    west, south, east, north = shapely.total_bounds(grids)
    anywhere = np.column_stack([rng.uniform(west, east, count // 2), rng.uniform(south, north, count // 2)])
    return np.vstack([anywhere, _on_edges(grids, rng, count - count // 2)])


def _on_edges(grids: NDArray[Any], rng: np.random.Generator, count: int) -> Points:
    rings, of = shapely.get_coordinates(grids, return_index=True)
    first = np.flatnonzero(of[:-1] == of[1:])[rng.integers(0, len(rings) - len(grids), count)]
    share = rng.uniform(0, 1, (count, 1)) * (rng.uniform(0, 1, (count, 1)) < 0.8)  # one in five is the vertex itself
    scatter = rng.normal(0, 1e-5, (count, 2)) * (rng.uniform(0, 1, (count, 1)) < 0.5)
    return np.asarray(rings[first] + share * (rings[first + 1] - rings[first]) + scatter)


def _geodesic(ground: Ground) -> Figures:
    """Count where MongoDB, whose edges are geodesics, says another grid than the plane does, and how far from an edge that is."""
    rng, grids = np.random.default_rng(21), ground.city.grids
    points = np.vstack([varied(grids, rng, SAMPLE // 2), _on_edges(grids, rng, SAMPLE // 2)])
    edges = shapely.STRtree(shapely.boundary(grids))
    differences, farthest = 0, 0.0
    for lon, lat in points.tolist():
        there = {"shape": {"$geoIntersects": {"$geometry": {"type": "Point", "coordinates": [lon, lat]}}}}
        theirs = min((one["_id"] for one in ground.database.grids.find(there, {"_id": 1})), default=None)
        if theirs != ground.territory.find_grid(lon, lat):
            differences += 1
            farthest = max(farthest, _metres_to_edge(edges, lon, lat))
    return {"geodesic_sample": SAMPLE, "geodesic_differences": differences, "geodesic_farthest_m": round(farthest, 3)}


def _metres_to_edge(edges: shapely.STRtree, lon: float, lat: float) -> float:
    nearest = edges.geometries[edges.query(shapely.Point(lon, lat).buffer(1e-4))]
    scale = np.array(metres_per_degree(lat))
    flat = shapely.transform(nearest, lambda at: (at - [lon, lat]) * scale)
    return float(np.min(shapely.distance(flat, shapely.Point(0, 0)), initial=np.inf))


def _table(rounds: Sequence[Figures], figures: Figures) -> Table:
    table = Table(title="geo", caption="µs are medians of the rounds")
    for column in ("figure", "value", "goal"):
        table.add_column(column, justify="left" if column == "figure" else "right")
    for name in rounds[0]:
        if name != "same_five":
            table.add_row(f"{name} µs", f"{statistics.median(one[name] for one in rounds):.1f}", "")
    for name, value in figures.items():
        table.add_row(name, f"{value:,}", GOALS.get(name, ""))
    return table


if __name__ == "__main__":
    main(json="--json" in sys.argv[1:])
