"""Half a million made-up names as a city has them, and questions as people ask them; the same on every machine."""

from __future__ import annotations

import random
from collections.abc import Iterator
from math import cos, radians, sin
from typing import NamedTuple

import shapely

from grid.areas import Area, Entry

__all__ = ["MadeNames", "Question", "make_names"]

WEST, SOUTH, SIDE = 106.4, 26.4, 0.5  # degrees
FIRST = "金观云花乌白清修息开南北东西中新长宝龙凤龟鹿水石林青翠碧兰红紫黄玉银铜铁文武和平安康福寿喜乐"
SECOND = "阳山岩溪当泉镇源河江湖海桥门城关坡坪坝湾岭坳井塘田园林华明光辉兴旺盛达丰裕泰祥瑞庆"
ROAD_ENDS = ("路", "街", "大道", "巷", "北路", "南路", "东路", "西路", "中路", "一路", "二路")
ESTATE_ENDS = ("小区", "花园", "家园", "苑", "公寓", "新村", "新城", "华府", "名都")
LANDMARK_ENDS = ("小学", "农贸市场", "医院", "幼儿园", "大厦", "商务中心", "超市", "银行", "公园", "公交站", "派出所", "加油站")
METRE = 1 / 111_000


class Question(NamedTuple):
    """An address as somebody says it, and where the place is that was meant."""

    kind: str
    text: str
    lon: float
    lat: float


class MadeNames(NamedTuple):
    """Areas (districts and townships as squares), entries, and questions about them."""

    areas: list[Area]
    entries: list[Entry]
    questions: list[Question]


class _Road(NamedTuple):
    name: str
    area: Area
    line: tuple[tuple[float, float], ...]


def make_names(count: int, questions: int, seed: int = 1) -> MadeNames:
    """Return `count` entries: one in 40 a road with its course, most doors along them, a fifth estates, shops and offices."""
    draw = random.Random(seed)
    areas = _areas()
    townships = [area for area in areas if area.level == "township"]
    roads = [_road(draw, townships) for _ in range(count // 40)]
    entries = [
        Entry(name=road.name, kind="road", lon=road.line[0][0], lat=road.line[0][1], area_code=road.area.code, line=road.line)
        for road in roads
    ]
    places = [_place(draw, townships) for _ in range(count // 5)]
    doors = list(_doors(draw, roads, count - len(roads) - len(places)))
    asked = [_question(draw, areas, roads, places, doors) for _ in range(questions)]
    return MadeNames(areas, [*entries, *places, *doors], asked)


def _areas() -> list[Area]:
    """Ten districts side by side, each of ten townships."""
    found = [Area(code="5201", name="贵阳市", level="city", wkb=_box(0, 0, 10, 10))]
    for column in range(10):
        code = f"5201{column:02}"
        found.append(
            Area(
                code=code, name=f"{FIRST[column]}{SECOND[column]}区", level="district", parent="5201", wkb=_box(column, 0, 1, 10)
            )
        )
        found += [
            Area(
                code=f"{code}{row:03}",
                name=f"{FIRST[10 + column]}{SECOND[10 + row]}街道",
                level="township",
                parent=code,
                wkb=_box(column, row, 1, 1),
            )
            for row in range(10)
        ]
    return found


def _box(column: int, row: int, width: int, height: int) -> bytes:
    side = SIDE / 10
    west, south = WEST + column * side, SOUTH + row * side
    return bytes(shapely.to_wkb(shapely.box(west, south, west + width * side, south + height * side)))


def _name(draw: random.Random, ends: tuple[str, ...]) -> str:
    stem = draw.choice(FIRST) + draw.choice(SECOND) + (draw.choice(SECOND) if draw.random() < 0.5 else "")
    return stem + draw.choice(ends)


def _point(draw: random.Random, township: Area) -> tuple[float, float]:
    column, row = int(township.code[4:6]), int(township.code[6:])
    side = SIDE / 10
    return WEST + (column + draw.random()) * side, SOUTH + (row + draw.random()) * side


def _road(draw: random.Random, townships: list[Area]) -> _Road:
    township = draw.choice(townships)
    lon, lat = _point(draw, township)
    heading, line = draw.uniform(0, 6.28), [(lon, lat)]
    for _ in range(draw.randint(3, 20)):
        heading += draw.uniform(-0.3, 0.3)
        lon, lat = lon + 80 * METRE * cos(heading) / cos(radians(lat)), lat + 80 * METRE * sin(heading)
        line.append((round(lon, 7), round(lat, 7)))
    return _Road(_name(draw, ROAD_ENDS), township, tuple(line))


def _place(draw: random.Random, townships: list[Area]) -> Entry:
    township = draw.choice(townships)
    lon, lat = _point(draw, township)
    kind, ends = draw.choice((("estate", ESTATE_ENDS), ("landmark", LANDMARK_ENDS)))
    return Entry(name=_name(draw, ends), kind=kind, lon=round(lon, 7), lat=round(lat, 7), area_code=township.code)


def _doors(draw: random.Random, roads: list[_Road], count: int) -> Iterator[Entry]:
    """Numbers along the roads in turn: odd ones on one side, even ones on the other, some left out."""
    for turn in range(count):
        road = roads[turn % len(roads)]
        number = 1 + turn // len(roads) * 3 + draw.randint(0, 2)
        lon, lat = road.line[min(len(road.line) - 1, number // 8)]
        side = 8 * METRE * (1 if number % 2 else -1)
        yield Entry(
            name=f"{road.name}{number}号", kind="door", lon=round(lon, 7), lat=round(lat + side, 7), area_code=road.area.code
        )


def _question(draw: random.Random, areas: list[Area], roads: list[_Road], places: list[Entry], doors: list[Entry]) -> Question:
    names = {area.code: area.name for area in areas}
    entry = draw.choice(doors) if draw.random() < 0.5 else draw.choice(places)
    code = entry.area_code or ""
    lon, lat = entry.lon or 0.0, entry.lat or 0.0
    district, township = names[code[:6]], names[code]
    kind = draw.choice(("whole", "district", "said", "typo", "noise", "bare"))
    text = {
        "whole": f"贵阳市{district}{township}{entry.name}",
        "district": f"{district}{entry.name}",
        "said": f"{district}{entry.name}旁边{draw.choice(roads).name}路口",
        "typo": district + _changed(draw, entry.name),
        "noise": f"我家楼下,就是{district}那边的{entry.name}附近有人",
        "bare": entry.name,
    }[kind]
    return Question(kind, text, lon, lat)


def _changed(draw: random.Random, name: str) -> str:
    at = draw.randrange(2)
    return f"{name[:at]}{draw.choice('春秋江滨雨雪霜')}{name[at + 1 :]}"
