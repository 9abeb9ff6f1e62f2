"""The place names of the demo city: streets with their courses, house numbers along them, estates, schools, markets, offices.

All are invented and marked so (`synthetic`); names follow the usual form. The same seed gives the same names at the same places.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import cos, hypot, radians

import msgspec
from shapely.geometry import LineString, Point

from cities.guiyang.features import METRE, Ground, Zone, walk
from cities.guiyang.randomness import generator
from cities.guiyang.territory import Area

__all__ = ["COLUMNS", "Entry", "build_gazetteer"]

COLUMNS = ("name", "aliases", "kind", "lon", "lat", "crs", "area_code", "line", "synthetic")
MORE_ROADS, ESTATES, BUILDINGS = 2, 3, 5  # in each 街道; buildings of each estate
DOOR_STEP = 3  # points of a street (60 m apart, four numbers each) between those whose numbers are known
FIRST = ("金", "翠", "龙", "凤", "锦", "云", "观", "清", "碧", "枫", "桂", "兰", "福", "祥", "瑞", "景")
SECOND = ("阳", "泉", "福", "岭", "溪", "苑", "华", "庭", "湖", "山", "城", "源", "和", "园")
ROAD_ENDS = ("北路", "南路", "东路", "西路", "巷")
ESTATE_ENDS = ("小区", "花园", "家园", "苑", "新村", "公寓")
LANDMARKS = ("小学", "农贸市场", "社区卫生服务中心", "文化广场")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A place name with its position, a street with its course."""

    name: str
    kind: str
    lon: float
    lat: float
    area_code: str
    aliases: tuple[str, ...] = ()
    line: tuple[tuple[float, float], ...] = ()

    def row(self) -> tuple[object, ...]:
        """Return the cells in the order of `COLUMNS`."""
        line = ";".join(f"{lon} {lat}" for lon, lat in self.line)
        return (self.name, ";".join(self.aliases), self.kind, self.lon, self.lat, "WGS-84", self.area_code, line, "true")


def build_gazetteer(
    ground: Ground, roads: Sequence[tuple[str, str, LineString]], zones: Sequence[Zone], towns: Sequence[Area], seed: int
) -> list[Entry]:
    """Return the place names; `roads` are those that components stand along, each 街道 gets some more."""
    found: list[Entry] = []
    for name, town, line in (*roads, *_more_roads(ground, towns, {name for name, _, _ in roads}, seed)):
        found += _street(name, ground.areas[town], line)
    for town in towns:
        if town.kind == "街道":
            found += _estates(ground, town, seed)
        found += _landmarks(ground, town, seed)
    found += [
        _place(zone.name, "landmark", zone.geometry.representative_point(), zone.code[:12])
        for zone in zones
        if zone.kind == "special"
    ]
    return found


def _more_roads(ground: Ground, towns: Sequence[Area], taken: set[str], seed: int) -> Iterator[tuple[str, str, LineString]]:
    names = [name for first in FIRST for second in SECOND for end in ROAD_ENDS if (name := first + second + end) not in taken]
    generator(seed, "more-road-names").shuffle(names)
    for town in towns:
        if town.kind == "街道":
            chance = generator(seed, f"more-roads:{town.code}")
            for _ in range(MORE_ROADS):
                yield names.pop(), town.code, walk(town.geometry, ground.point_in(town.code, chance), chance)


def _street(name: str, town: Area, line: LineString) -> Iterator[Entry]:
    """The street and some of its house numbers: odd ones on one side, even ones on the other, the smallest at the beginning."""
    course = tuple((round(lon, 6), round(lat, 6)) for lon, lat in line.coords[:: max(1, len(line.coords) // 20)])
    middle = line.interpolate(0.5, normalized=True)
    yield _place(name, "road", middle, town.code, aliases=(f"{town.name}{name}",), line=course if len(course) > 1 else ())
    points = list(line.coords)
    for step, ((lon, lat), (east, north)) in enumerate(pairwise(points)):
        across, along = (east - lon) * cos(radians(lat)), north - lat
        length = hypot(across, along)
        if step % DOOR_STEP or length == 0:
            continue
        for side, number in ((1, 4 * step + 1), (-1, 4 * step + 2)):
            point = Point(lon - side * 9 * METRE * along / length / cos(radians(lat)), lat + side * 9 * METRE * across / length)
            yield _place(f"{name}{number}号", "door", point, town.code)


def _estates(ground: Ground, town: Area, seed: int) -> Iterator[Entry]:
    chance = generator(seed, f"estates:{town.code}")
    for name in _names(chance, ESTATE_ENDS, ESTATES):
        lon, lat = ground.point_in(town.code, chance)
        yield _place(name, "estate", Point(lon, lat), town.code, aliases=(f"{_short(town)}{name}",))
        for number in range(1, BUILDINGS + 1):
            beside = Point(lon + chance.uniform(-60, 60) * METRE, lat + chance.uniform(-60, 60) * METRE)
            yield _place(f"{name}{number}栋", "building", beside, town.code)


def _landmarks(ground: Ground, town: Area, seed: int) -> Iterator[Entry]:
    office = f"{town.name}办事处" if town.kind == "街道" else f"{town.name}政府"
    aliases = (f"{town.name}政务服务中心",)
    yield _place(office, "landmark", town.geometry.representative_point(), town.code, aliases=aliases)
    chance = generator(seed, f"landmarks:{town.code}")
    for what in LANDMARKS:
        yield _place(f"{_short(town)}{what}", "landmark", Point(ground.point_in(town.code, chance)), town.code)


def _names(chance: random.Random, ends: tuple[str, ...], count: int) -> list[str]:
    """So many different names; another 街道 may have the same one, as in a real city."""
    return [chance.choice(FIRST) + second + chance.choice(ends) for second in chance.sample(SECOND, k=count)]


def _short(town: Area) -> str:
    return town.name.removesuffix("街道").removesuffix("镇")


def _place(
    name: str, kind: str, point: Point, area: str, *, aliases: tuple[str, ...] = (), line: tuple[tuple[float, float], ...] = ()
) -> Entry:
    return Entry(name=name, kind=kind, lon=round(point.x, 6), lat=round(point.y, 6), area_code=area, aliases=aliases, line=line)
