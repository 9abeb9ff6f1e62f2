"""Special grids, components with owners, roads and rivers of the demo city: all invented, all inside the city."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import msgspec
import shapely
from shapely.geometry import LineString, Point, Polygon
from shapely.geometry.base import BaseGeometry

from cities.guiyang.randomness import generator
from cities.guiyang.territory import CITY, DISTRICTS, URBAN, Area

__all__ = [
    "Asset",
    "Ground",
    "Zone",
    "build_assets",
    "build_roads",
    "build_zones",
    "walk",
]

METRE = 1 / 111_320  # degrees of latitude
ZONE_NAMES = {
    "market": "{town}农贸市场", "campus": "{town}实验学校", "hospital": "{town}人民医院", "park": "{town}城市公园",
    "tower": "{town}商务楼宇", "industry": "{town}产业园",
}  # fmt: skip
# kind of component → category, name, owner's code suffixes ({d}: the district's own unit), metres of its reach
COMPONENTS: dict[str, tuple[str, str, tuple[str, ...], int]] = {
    "manhole": (
        "0201", "检查井盖", ("{d}-water", "{c}-water-drain", "{c}-tele-1", "{c}-tele-2", "{c}-util-power", "{c}-util-gas"), 30,
    ),
    "lamp": ("0202", "路灯", ("{c}-house-lamp",), 30),
    "cabinet": ("0207", "通信箱体", ("{c}-tele-1", "{c}-tele-3", "{c}-tele-cable"), 30),
    "transformer": ("0204", "变压器", ("{c}-util-power",), 30),
    "regulator": ("0205", "燃气调压箱", ("{c}-util-gas",), 30),
    "hydrant": ("0603", "消火栓", ("{d}-fire",), 30),
    "bin": ("0104", "分类垃圾箱", ("{d}-sanit",), 30),
}  # fmt: skip
ROAD_FIRST = ("云", "筑", "林", "清", "翠", "锦", "兴", "和", "文", "金", "青", "栖", "枫", "泉", "松", "虹")
ROAD_SECOND = ("泰", "园", "景", "岭", "溪", "城", "源", "华", "明", "苑", "山", "霞")
EXAMPLE = (106.6301, 26.6473)  # the point of the worked example in the API's description


# What the invented campaigns set: a shorter limit for some categories, over the winter and over a year.
ICE: dict[str, object] = {"limit": "2h", "categories": ["1505"], "valid_from": "2026-11-01", "valid_to": "2027-03-31"}
CIVIC: dict[str, object] = {
    "limit": "2wh", "categories": ["0101", "0103", "0104"], "valid_from": "2026-09-01", "valid_to": "2027-08-31",
}  # fmt: skip


# Management areas: code, name, English name, the district whose units manage it, and the ellipse that is its invented outline
# (lon, lat, half-axes in degrees). Each cuts across districts, as the real development zones do.
MANAGED: tuple[tuple[str, str, str, str, tuple[float, float, float, float]], ...] = (
    ("GY-JK", "贵阳经济技术开发区（示例）", "Guiyang Economic and Technological Development Zone (sample)", "520111",
     (106.705, 26.510, 0.045, 0.035)),
    ("GY-GX", "贵阳高新技术产业开发区（示例）", "Guiyang High-tech Zone (sample)", "520113", (106.630, 26.655, 0.035, 0.028)),
    ("GY-ZB", "贵阳综合保税区（示例）", "Guiyang Comprehensive Bonded Zone (sample)", "520112", (106.715, 26.660, 0.022, 0.016)),
    ("GY-GA", "贵安新区（示例）", "Gui'an New Area (sample)", "520181", (106.500, 26.440, 0.080, 0.060)),
)  # fmt: skip


class Zone(msgspec.Struct, frozen=True):
    """A special grid (run by its owner), a campaign zone with what it sets, or a management area with who manages it (`campaign`:
    further properties of zones.geojson)."""

    code: str
    name: str
    kind: str
    theme: str
    district: str
    geometry: BaseGeometry
    campaign: dict[str, object] = {}


class Asset(msgspec.Struct, frozen=True):
    """A component or line with its owner."""

    code: str
    name: str
    category: str
    owner: str
    buffer_m: int
    geometry: BaseGeometry


class Ground:
    """The grids by the areas that hold them: where things can be put."""

    def __init__(self, areas: Sequence[Area]) -> None:
        self.areas = {area.code: area for area in areas}
        self._grids: dict[str, list[Area]] = {}
        for area in areas:
            if area.level == "grid":
                for length in (6, 9, 12):
                    self._grids.setdefault(area.code[:length], []).append(area)

    def grid_in(self, code: str, chance: random.Random) -> Area:
        """Return a grid inside the area."""
        return chance.choice(self._grids[code])

    def point_in(self, code: str, chance: random.Random) -> tuple[float, float]:
        """Return a point (lon, lat, six decimals) inside a grid of the area."""
        polygon = self.grid_in(code, chance).geometry
        west, south, east, north = polygon.bounds
        for _ in range(200):
            lon, lat = round(chance.uniform(west, east), 6), round(chance.uniform(south, north), 6)
            if shapely.contains_xy(polygon, lon, lat):
                return lon, lat
        point = polygon.representative_point()
        return round(point.x, 6), round(point.y, 6)


def build_zones(ground: Ground, towns: Sequence[Area], seed: int) -> list[Zone]:
    """Return two dozen special grids (Yunyan has most) and two campaign zones."""
    found: list[Zone] = []
    chance = generator(seed, "zones")
    for district in DISTRICTS:
        themes = list(ZONE_NAMES) if district == "520103" else chance.sample(list(ZONE_NAMES), k=2)
        streets = [town for town in towns if town.parent == district and town.kind != "乡"]
        for theme, town in zip(themes, chance.sample(streets, k=len(themes)), strict=True):
            found.append(_zone(ground, town, theme, len(found) + 1, chance))
    highland = shapely.union_all(
        [ground.areas[code].geometry.centroid.buffer(0.08, quad_segs=4) for code in ("520121", "520122")]
    )
    found.append(Zone("Z-ICE-2026", "2026年冬季凝冻防范专区", "campaign", "ice", "", highland, ICE))
    centre = Point(106.713, 26.583).buffer(0.02, quad_segs=6)
    found += _managed(ground)
    found.append(Zone("Z-CIVIC-2026", "2026年文明创建专区", "campaign", "civic", "", centre, CIVIC))
    return found


def _managed(ground: Ground) -> list[Zone]:
    """The management areas, as far as they lie in the city."""
    city = ground.areas[CITY].geometry
    found = []
    for code, name, name_en, district, (lon, lat, wide, high) in MANAGED:
        outline = shapely.transform(
            Point(0, 0).buffer(1.0, quad_segs=8),
            lambda at, lon=lon, lat=lat, wide=wide, high=high: at * [wide, high] + [lon, lat],
        )
        shape = shapely.set_precision(shapely.intersection(outline, city), 1e-6)
        found.append(Zone(code, name, "management", "", district, shape, {"owner": f"{district}-govt", "name_en": name_en}))
    return found


def _zone(ground: Ground, town: Area, theme: str, number: int, chance: random.Random) -> Zone:
    grid = ground.grid_in(town.code, chance)
    centre = grid.geometry.representative_point()
    square = _block(centre.x, centre.y, chance.uniform(60, 140), chance.uniform(50, 110), chance.uniform(0, math.pi / 2))
    shape = shapely.intersection(square, ground.areas[grid.parent].geometry.buffer(-30 * METRE))
    if shape.is_empty:
        shape = square
    name = ZONE_NAMES[theme].format(town=town.name.removesuffix("街道").removesuffix("镇"))
    return Zone(f"{grid.parent}{900 + number}", name, "special", theme, town.parent, shape)


def _block(lon: float, lat: float, half_width: float, half_height: float, angle: float) -> Polygon:
    corners = []
    for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        east = x * half_width * math.cos(angle) - y * half_height * math.sin(angle)
        north = x * half_width * math.sin(angle) + y * half_height * math.cos(angle)
        corners.append((lon + east * METRE / math.cos(math.radians(lat)), lat + north * METRE))
    return Polygon(corners)


def build_roads(ground: Ground, towns: Sequence[Area], seed: int) -> list[tuple[str, str, LineString]]:
    """Return (name, township code, line) of invented streets, at least one in every 街道."""
    names = [first + second for first in ROAD_FIRST for second in ROAD_SECOND]
    generator(seed, "road-names").shuffle(names)
    found = []
    for town in towns:
        if town.kind != "街道":
            continue
        chance = generator(seed, f"road:{town.code}")
        line = walk(town.geometry, ground.point_in(town.code, chance), chance)
        found.append((names.pop() + chance.choice(("路", "街", "大道")), town.code, line))
    return found


def walk(inside: BaseGeometry, start: tuple[float, float], chance: random.Random) -> LineString:
    """Walk in steps of 60 m with a slowly turning heading, never out of `inside`."""
    heading = chance.uniform(0, 2 * math.pi)
    points = [start]
    for _ in range(60):
        heading += chance.uniform(-0.25, 0.25)
        lon, lat = points[-1]
        step = (lon + 60 * METRE * math.cos(heading) / math.cos(math.radians(lat)), lat + 60 * METRE * math.sin(heading))
        if not shapely.contains_xy(inside, *step):
            heading += math.pi / 2
            continue
        points.append((round(step[0], 6), round(step[1], 6)))
    return LineString(points if len(points) > 1 else [start, (start[0] + METRE, start[1])])


def build_assets(ground: Ground, roads: Sequence[tuple[str, str, LineString]], seed: int) -> list[Asset]:
    """Return components along the streets of the urban districts, a river and two highways."""
    example = "520115"
    found = [Asset("C-manhole-0000", "检查井盖", "0201", f"{example}-water", 30, Point(EXAMPLE[0] + 3e-5, EXAMPLE[1] + 2e-5))]
    for name, town, line in roads:
        if town[:6] in URBAN:
            found += _components(name, town, line, len(found), seed)
    return [*found, *_lines(ground, seed)]


def _components(road: str, town: str, line: LineString, count: int, seed: int) -> list[Asset]:
    chance = generator(seed, f"components:{town}")
    found = []
    for number in range(6):
        kind = chance.choices(list(COMPONENTS), weights=(8, 6, 2, 1, 1, 2, 2))[0]
        category, name, owners, reach = COMPONENTS[kind]
        point = line.interpolate(chance.random(), normalized=True)
        owner = chance.choice(owners).format(d=town[:6], c=CITY)
        place = Point(round(point.x, 6), round(point.y, 6))
        found.append(Asset(f"C-{kind}-{count + number:04d}", f"{road}{name}", category, owner, reach, place))
    return found


def _lines(ground: Ground, seed: int) -> list[Asset]:
    """Linear objects have managers of their own: a river, two highways (sample lines, not the real courses)."""
    found = []
    rows = (
        ("river-1", "城区河道(示例线)", "520102", 25, (("0109", "water-river"), ("0504", "water-river"))),
        ("river-2", "城北河道(示例线)", "520103", 25, (("0109", "water-river"), ("0504", "water-river"))),
        ("highway-1", "国道示例线一", "520121", 20, (("0305", "trans-highway"), ("1505", "trans-highway"))),
        ("highway-2", "国道示例线二", "520123", 20, (("0305", "trans-highway"), ("1505", "trans-highway"))),
    )
    for key, name, district, reach, duties in rows:
        chance = generator(seed, key)
        line = walk(ground.areas[district].geometry, ground.point_in(district, chance), chance)
        found += [Asset(f"L-{key}-{code}", name, code, f"{CITY}-{owner}", reach, line) for code, owner in duties]
    return found
