"""Make a city pack of 坪山区 (Shenzhen), 2018: `python -m cities.pingshan.convert DATA_FOLDER TARGET`.

Six streets with polygons (GCJ-02, as their source has them), 24 communities known by code and name only, 156 units that really
handled the recorded events, 334 kinds of event. The rules are learned from the rows: who handled this kind here most often, for
the district, for a street, for a community. No licence is stated for the data: the pack is made on the machine that has them and
is not shipped.

`DATA_FOLDER` holds `pingshan_events`, `shenzhen_streets` and `admin_names`.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec
import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from cities.accounts import PEOPLE_COLUMNS, named_people
from cities.data import read_features, read_rows
from cities.learning import Learned, learn
from cities.writing import feature, write_csv, write_geojson

__all__ = ["CITY", "EVENTS", "category_key", "convert"]

CITY = "440310"
CITY_NAME = "坪山区"
ROOT, DESK = "PS-ROOT", "PS-DESK"
EVENTS = "pingshan_events/pingshan_events_2018.csv.gz"
STREETS = "shenzhen_streets/shenzhen_streets.geojson.gz"
NAMES = "admin_names/shenzhen_pingshan_streets_communities.csv"
CATEGORY_COLUMNS = ("code", "name", "name_en", "major", "urgency", "limit", "lead_types", "level", "check", "external_code")
UNIT_COLUMNS = ("code", "name", "type", "level", "parent", "area_codes")
RULE_COLUMNS = ("id", "category", "area_code", "lead", "basis")
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

TOML = """# 坪山区, from records of 2018: a pack to replay recorded events with.
code = "440310"
name = "坪山区"
name_en = "Pingshan"
timezone = "Asia/Shanghai"
case_prefix = "PS"
working_hours = "09:00-12:00,14:00-18:00"
languages = ["zh-CN", "en"]
base_map = "none"
demo = true
"""
PARAMS = """# The texts of the recorded events are names of categories: no word of them is a call for help.
emergency_words = []
"""


class Area(msgspec.Struct, frozen=True):
    """A street or a community."""

    code: str
    name: str
    parent: str


def category_key(row: Mapping[str, str]) -> str:
    """Return the recorded ids of an event's kind: type/main/sub, e.g. `5/1159/1161`; the `external_code` of its category."""
    return f"{row['EVENT_TYPE_ID']}/{row['MAIN_TYPE_ID']}/{row['SUB_TYPE_ID']}"


def convert(data: Path, target: Path, *, progress: Callable[[int, int, str], None] | None = None) -> dict[str, int]:
    """Write the pack into `target` and return how many rows each file has. Raises `FileNotFoundError` for a missing source."""
    tell = progress or _silent
    target.mkdir(parents=True, exist_ok=True)
    tell(0, 3, "events")
    events = list(read_rows(data / EVENTS))
    tell(1, 3, "areas")
    streets, communities = _places(data)
    counts = {"areas.geojson": _write_areas(data, target, streets, communities)}
    tell(2, 3, "rules")
    counts |= _write_parties(target, events, streets, communities)
    (target / "city.toml").write_text(TOML, encoding="utf-8")
    (target / "params.toml").write_text(PARAMS, encoding="utf-8")
    return counts


def _silent(_done: int, _total: int, _step: str) -> None:
    return


def _places(data: Path) -> tuple[dict[str, Area], dict[str, Area]]:
    """Return the streets and the communities by the names that the events carry."""
    streets: dict[str, Area] = {}
    communities: dict[str, Area] = {}
    for row in read_rows(data / NAMES):
        if not row["street_name"].endswith("街道"):
            continue  # the bonded zone has no events of its own
        streets.setdefault(row["street_name"], Area(row["street_code"], row["street_name"], CITY))
        name = row["community_name"].removesuffix("居委会")
        communities[name] = Area(row["community_code"], name, row["street_code"])
    return streets, communities


def _write_areas(data: Path, target: Path, streets: Mapping[str, Area], communities: Mapping[str, Area]) -> int:
    outlines = {
        item["properties"]["name"]: shape(item["geometry"])
        for item in read_features(data / STREETS)
        if item["properties"]["district"] == CITY_NAME
    }
    whole = shapely.union_all(list(outlines.values()))
    rows = [_area(CITY, CITY_NAME, "city", None, whole)]
    rows += [_area(street.code, street.name, "township", CITY, outlines[street.name]) for street in streets.values()]
    rows += [_area(item.code, item.name, "community", item.parent, None) for item in communities.values()]
    write_geojson(target / "areas.geojson", rows)
    return len(rows)


def _area(code: str, name: str, level: str, parent: str | None, geometry: BaseGeometry | None) -> dict[str, object]:
    properties = {"code": code, "name": name, "level": level, "kind": "", "parent": parent, "crs": "GCJ-02"}
    return feature(geometry, properties, decimals=8)


def _write_parties(
    target: Path, events: list[dict[str, str]], streets: Mapping[str, Area], communities: Mapping[str, Area]
) -> dict[str, int]:
    code_of = _category_codes(events)
    unit_of = _unit_codes(events)
    observations: Counter[tuple[str, tuple[str, ...], str]] = Counter()
    for row in events:
        path = (CITY, *(places[name].code for places, name in _where(row, streets, communities)))
        observations[code_of[category_key(row)], path, unit_of[row["DISPOSE_UNIT_NAME"]]] += 1
    named = {code_of[category_key(row)]: row for row in events}
    rules = learn(observations)
    people = [person.row() for person in named_people(CITY, root=ROOT, desk=DESK)]
    return {
        "categories.csv": write_csv(target / "categories.csv", CATEGORY_COLUMNS, _category_rows(named)),
        "units.csv": write_csv(target / "units.csv", UNIT_COLUMNS, _unit_rows(unit_of)),
        "rules.csv": write_csv(target / "rules.csv", RULE_COLUMNS, map(_rule_row, rules)),
        "people.csv": write_csv(target / "people.csv", PEOPLE_COLUMNS, people),
    }


def _where(
    row: Mapping[str, str], streets: Mapping[str, Area], communities: Mapping[str, Area]
) -> list[tuple[Mapping[str, Area], str]]:
    """The places of the row that are known, the wider first. A community decides its street; `-` stands for missing."""
    community = communities.get(row["COMMUNITY_NAME"])
    if community is not None:
        street = next(name for name, area in streets.items() if area.code == community.parent)
        return [(streets, street), (communities, community.name)]
    return [(streets, row["STREET_NAME"])] if row["STREET_NAME"] in streets else []


def _category_codes(events: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return codes of four characters by recorded ids: the rank of the event type in two digits, the rank inside it in two.

    >>> row = {"EVENT_TYPE_ID": "5", "MAIN_TYPE_ID": "1159", "SUB_TYPE_ID": "1161"}
    >>> _category_codes([row])
    {'5/1159/1161': '0101'}
    """
    groups: defaultdict[int, set[tuple[int, int]]] = defaultdict(set)
    for row in events:
        groups[int(row["EVENT_TYPE_ID"])].add((int(row["MAIN_TYPE_ID"]), int(row["SUB_TYPE_ID"])))
    codes = {}
    for rank, group in enumerate(sorted(groups), start=1):
        for number, (main, sub) in enumerate(sorted(groups[group]), start=1):
            codes[f"{group}/{main}/{sub}"] = f"{rank:02d}{DIGITS[number // 36]}{DIGITS[number % 36]}"
    return codes


def _unit_codes(events: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return a code for each recorded name: its id, and a letter where several names share one."""
    names: defaultdict[str, set[str]] = defaultdict(set)
    for row in events:
        names[row["DISPOSE_UNIT_ID"]].add(row["DISPOSE_UNIT_NAME"])
    codes: dict[str, str] = {}
    for unit_id in sorted(names, key=lambda text: (len(text), text)):
        for number, name in enumerate(sorted(names[unit_id])):
            codes.setdefault(name, f"PS-{unit_id}{chr(ord('a') + number) if number else ''}")
    return codes


def _category_rows(named: Mapping[str, Mapping[str, str]]) -> Iterable[tuple[object, ...]]:
    for code, row in sorted(named.items()):
        name = f"{row['MAIN_TYPE_NAME']}/{row['SUB_TYPE_NAME']}"
        major = f"{code[:2]} {row['EVENT_TYPE_NAME']}"
        yield code, name, "", major, "normal", "10wd", "", "", "none", category_key(row)


def _unit_rows(unit_of: Mapping[str, str]) -> Iterable[tuple[object, ...]]:
    yield ROOT, "坪山区人民政府", "government", "city", "", CITY
    yield DESK, "坪山区智慧管理指挥中心", "command", "city", ROOT, CITY
    for name, code in unit_of.items():
        yield code, name, "handler", "city", ROOT, CITY


def _rule_row(rule: Learned) -> tuple[object, ...]:
    basis = f"由记录学得:{rule.seen} 件中 {rule.agreed} 件由其办理"
    return f"R-{rule.category}-{rule.area}", rule.category, rule.area, rule.unit, basis


if __name__ == "__main__":
    for file, number in convert(Path(sys.argv[1]), Path(sys.argv[2])).items():
        sys.stdout.write(f"{file} {number}\n")
