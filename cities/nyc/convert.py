"""Make a city pack of New York City: `python -m cities.nyc.convert DATA_FOLDER TARGET`.

Community districts are the grids (code BoroCD), boroughs their parents, agencies the units, complaint types the categories. The
rules are learned from recorded requests: who handled this type here most often. Where the rows of one descriptor of a type go to
another agency than the type's other rows (`Elevator` to DOB, but elevator maintenance to HPD), that descriptor is a category of
its own. `external_code` is the complaint type as recorded, with ` | descriptor` where one is singled out.

`DATA_FOLDER` holds `nyc311/*.csv.gz` and `nyc_polygons/community_districts.geojson.gz`, or is the small sample in this package.
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

__all__ = ["BOROUGHS", "CITY", "Seen", "convert", "splits_of", "tally", "type_key"]

CITY = "NYC"
BOROUGHS = {"1": "Manhattan", "2": "Bronx", "3": "Brooklyn", "4": "Queens", "5": "Staten Island"}
ROOT, DESK = "CITY", "311"
SAMPLE_FILES = ("nyc311_sample.csv", "nyc311_agencies.csv")
ROW_FILES = ("nyc311_2026_apr_jun.csv.gz", "nyc311_full_columns.csv.gz", "nyc311_elevator_2024.csv.gz")
MIN_SPLIT = 3  # so many rows of a descriptor must go elsewhere before it is a category of its own
MIN_BOROUGH = 5  # so many rows of a type a borough needs before it has a rule of its own
DECIMALS = 8  # the outlines come with a corner a metre: fewer would fold some of them
AREAS_NOTE = "NYC Department of City Planning"

_BY_NAME = {name.upper(): code for code, name in BOROUGHS.items()}

TOML = """# New York City, from public city data: a pack to replay recorded requests with.
code = "NYC"
name = "New York City"
name_en = "New York City"
timezone = "America/New_York"
case_prefix = "NYC"
working_hours = "09:00-17:00"
languages = ["en", "zh-CN"]
base_map = "none"
demo = true
"""
PARAMS = """# The texts of the recorded requests are names of complaint types: no word of them is a call for help.
emergency_words = []
"""


class Seen(msgspec.Struct, frozen=True):
    """What tells requests apart here: the complaint type and descriptor as recorded, the agency, the borough's code."""

    complaint_type: str
    descriptor: str
    agency: str
    borough: str


class Category(msgspec.Struct, frozen=True):
    """A complaint type, or one descriptor of it; `agency` handles it most often."""

    code: str
    name: str
    external_code: str
    agency: str


def type_key(complaint_type: str, descriptor: str = "") -> str:
    """Return what recorded requests of one category share: spelling in capitals or not differs between years.

    >>> type_key("ELEVATOR"), type_key("Elevator", "Maintenance")
    ('elevator', 'elevator | maintenance')
    """
    parts = [" ".join(part.split()).casefold() for part in (complaint_type, descriptor)]
    return " | ".join(part for part in parts if part)


def convert(data: Path, target: Path, *, progress: Callable[[int, int, str], None] | None = None) -> dict[str, int]:
    """Write the pack into `target` and return how many rows each file has. Raises `FileNotFoundError` naming what is missing."""
    steps = ("requests", "areas", "rules")
    tell = progress or _silent
    target.mkdir(parents=True, exist_ok=True)
    tell(0, len(steps), steps[0])
    seen, names = tally(data)
    tell(1, len(steps), steps[1])
    counts = {"areas.geojson.gz": _write_areas(data, target)}
    tell(2, len(steps), steps[2])
    categories, splits = _categories(seen)
    counts |= _write_parties(target, seen, names, categories, splits)
    (target / "city.toml").write_text(TOML, encoding="utf-8")
    (target / "params.toml").write_text(PARAMS, encoding="utf-8")
    return counts


def tally(data: Path) -> tuple[Counter[Seen], dict[str, str]]:
    """Return how often what was seen, and the names of the agencies by their short names."""
    seen: Counter[Seen] = Counter()
    names: dict[str, str] = {}
    for path in _row_files(data):
        for row in read_rows(path):
            borough = _BY_NAME.get(row["borough"].upper(), row["borough"] if row["borough"] in BOROUGHS else "")
            seen[Seen(row["complaint_type"], row["descriptor"], row["agency"], borough)] += int(row.get("rows") or 1)
            if row.get("agency_name"):
                names[row["agency"]] = row["agency_name"]
    return seen, names


def _silent(_done: int, _total: int, _step: str) -> None:
    return


def _row_files(data: Path) -> list[Path]:
    if (data / SAMPLE_FILES[1]).is_file():
        return [data / SAMPLE_FILES[1]]
    found = [path for name in ROW_FILES if (path := data / "nyc311" / name).is_file()]
    if not found:
        raise FileNotFoundError(f"{data} holds neither nyc311/{ROW_FILES[0]} nor {SAMPLE_FILES[1]}")
    return found


def _write_areas(data: Path, target: Path) -> int:
    inner = data / "nyc_polygons" / "community_districts.geojson.gz"
    path = inner if inner.is_file() else data / "community_districts.geojson.gz"
    grids = {str(item["properties"]["BoroCD"]): _rounded(shape(item["geometry"])) for item in read_features(path)}
    boroughs = {
        code: shapely.coverage_union_all([polygon for grid, polygon in grids.items() if grid[0] == code]) for code in BOROUGHS
    }
    rows = [_area(CITY, "New York City", "city", None, shapely.coverage_union_all(list(boroughs.values())))]
    rows += [_area(code, name, "district", CITY, boroughs[code]) for code, name in BOROUGHS.items()]
    rows += [_area(code, _grid_name(code), "grid", code[0], polygon) for code, polygon in sorted(grids.items())]
    write_geojson(target / "areas.geojson.gz", rows)
    return len(rows)


def _rounded(geometry: BaseGeometry) -> BaseGeometry:
    return shapely.transform(geometry, lambda points: points.round(DECIMALS))


def _area(code: str, name: str, level: str, parent: str | None, geometry: BaseGeometry) -> dict[str, object]:
    kind = "manage" if level == "grid" else ""
    properties = {"code": code, "name": name, "name_en": name, "level": level, "kind": kind, "parent": parent}
    return feature(geometry, properties | {"crs": "WGS-84", "source": AREAS_NOTE}, decimals=DECIMALS)


def _grid_name(code: str) -> str:
    """Boards have numbers up to 18; what is above is a park or an airport.

    >>> _grid_name("311"), _grid_name("164")
    ('Brooklyn CB 11', 'Manhattan 64 (park or airport)')
    """
    borough, number = BOROUGHS[code[0]], int(code[1:])
    return f"{borough} CB {number}" if number <= 18 else f"{borough} {number} (park or airport)"


def _categories(seen: Mapping[Seen, int]) -> tuple[list[Category], frozenset[str]]:
    """Return the categories and the keys of the descriptors that are categories of their own."""
    splits = splits_of(seen)
    agencies: defaultdict[str, Counter[str]] = defaultdict(Counter)
    spellings: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for item, number in seen.items():
        key = _key(item, splits)
        agencies[key][item.agency] += number
        full = f"{item.complaint_type} | {item.descriptor}" if " | " in key else item.complaint_type
        spellings[key][full] += number
    major = {agency: f"{rank:02d}" for rank, agency in enumerate(sorted({_first(tally) for tally in agencies.values()}), start=1)}
    found, used = [], Counter[str]()
    for key in sorted(agencies):
        agency = _first(agencies[key])
        used[agency] += 1
        name = min(spellings[key], key=lambda text: (text.islower() or text.isupper(), -spellings[key][text], text))
        found.append(Category(f"{major[agency]}{used[agency]:02d}", name, key, agency))
    return found, splits


def splits_of(seen: Mapping[Seen, int]) -> frozenset[str]:
    """Return the keys of the descriptors whose requests go to another agency than most of their complaint type."""
    by_type: defaultdict[str, Counter[str]] = defaultdict(Counter)
    by_descriptor: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for item, number in seen.items():
        by_type[type_key(item.complaint_type)][item.agency] += number
        by_descriptor[type_key(item.complaint_type), item.descriptor][item.agency] += number
    return frozenset(
        type_key(key, descriptor)
        for (key, descriptor), tally in by_descriptor.items()
        if descriptor and tally.total() >= MIN_SPLIT and _first(tally) != _first(by_type[key])
    )


def _key(item: Seen, splits: frozenset[str]) -> str:
    full = type_key(item.complaint_type, item.descriptor)
    return full if full in splits else type_key(item.complaint_type)


def _first(tally: Counter[str]) -> str:
    return min(tally, key=lambda name: (-tally[name], name))


def _write_parties(
    target: Path, seen: Mapping[Seen, int], names: Mapping[str, str], categories: list[Category], splits: frozenset[str]
) -> dict[str, int]:
    code_of = {category.external_code: category.code for category in categories}
    observations: Counter[tuple[str, tuple[str, ...], str]] = Counter()
    for item, number in seen.items():
        path = (CITY, item.borough) if item.borough else (CITY,)
        observations[code_of[_key(item, splits)], path, item.agency] += number
    rules = learn(observations, least=MIN_BOROUGH)
    agencies = sorted({item.agency for item in seen})
    people = [person.row() for person in named_people(CITY, root=ROOT, desk=DESK, english=True)]
    return {
        "categories.csv": write_csv(target / "categories.csv", CATEGORY_COLUMNS, _category_rows(categories)),
        "units.csv": write_csv(target / "units.csv", UNIT_COLUMNS, _unit_rows(agencies, names)),
        "rules.csv": write_csv(target / "rules.csv", RULE_COLUMNS, map(_rule_row, rules)),
        "people.csv": write_csv(target / "people.csv", PEOPLE_COLUMNS, people),
    }


CATEGORY_COLUMNS = (
    "code", "name", "name_en", "major", "urgency", "limit", "lead_types", "level", "check", "external_code",
)  # fmt: skip
UNIT_COLUMNS = ("code", "name", "short_name", "type", "level", "parent", "area_codes", "hours")
RULE_COLUMNS = ("id", "category", "area_code", "lead", "basis")


def _category_rows(categories: Iterable[Category]) -> Iterable[tuple[object, ...]]:
    for item in categories:
        major = f"{item.code[:2]} {item.agency}"
        yield item.code, item.name, item.name, major, "normal", "5wd", item.agency.lower(), "c", "none", item.external_code


def _unit_rows(agencies: Iterable[str], names: Mapping[str, str]) -> Iterable[tuple[object, ...]]:
    yield ROOT, "City of New York", "City", "government", "city", "", CITY, "24x7"
    yield DESK, "311 Customer Service Center", "311", "command", "city", ROOT, CITY, "24x7"
    for agency in agencies:
        yield agency, names.get(agency, agency), agency, agency.lower(), "city", ROOT, CITY, ""


def _rule_row(rule: Learned) -> tuple[object, ...]:
    basis = f"learned from records: {rule.agreed} of {rule.seen} requests went to {rule.unit}"
    return f"R-{rule.category}-{rule.area}", rule.category, rule.area, rule.unit, basis


if __name__ == "__main__":
    for file, number in convert(Path(sys.argv[1]), Path(sys.argv[2])).items():
        sys.stdout.write(f"{file} {number}\n")
