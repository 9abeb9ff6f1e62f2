"""The Guiyang demo pack: right numbers, a valid coverage on every level, an owner for everything, the same bytes each time."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import math
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import shapely
from rich.console import Console
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

import dispatch.importing
import dispatch.joint_importing
import grid.importing
import grid.territory
import orgs.directory
import orgs.importing
from cities.guiyang.build import build
from dispatch.model import AreaRef, Place
from dispatch.pack_taking import TableOutcome
from dispatch.packs import PackReport, str_error
from grid.group_service import read_groups
from orgs.people import PERSON_ROLES
from storage.client import Database
from storage.fields import FieldCipher, Keyring
from web.cli.city import import_folder

REGISTERS = (
    "areas", "units", "rules", "rule_versions", "organizations", "offers", "people", "rosters", "groups", "gazetteer", "calendar",
    "unit_changes", "organization_changes", "roster_changes", "group_changes", "gazetteer_changes",
)  # fmt: skip
SQUARE_METRES = 111_320**2 * math.cos(math.radians(26.7))  # one square degree at Guiyang
CHILDREN = {"city": "district", "district": "township", "township": "community", "community": "grid"}
KINDS = {"V", "K", "H", "S"}


def table(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def areas(guiyang: Path) -> list[dict[str, Any]]:
    with gzip.open(guiyang / "areas.geojson.gz") as file:
        return json.load(file)["features"]


@pytest.fixture(scope="module")
def polygons(areas: list[dict[str, Any]]) -> dict[str, BaseGeometry]:
    return {feature["properties"]["code"]: shape(feature["geometry"]) for feature in areas}


def by_level(areas: list[dict[str, Any]], level: str) -> list[dict[str, Any]]:
    return [feature["properties"] for feature in areas if feature["properties"]["level"] == level]


def digest(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_counts_when_built_then_those_of_the_city(guiyang: Path, areas: list[dict[str, Any]]) -> None:
    levels = Counter(feature["properties"]["level"] for feature in areas)
    assert levels == {"city": 1, "district": 10, "township": 146, "community": 1_629, "grid": 15_000}
    assert len(table(guiyang, "units.csv")) == 510
    assert len(table(guiyang, "organizations.csv")) == 2_859
    assert len(table(guiyang, "categories.csv")) == 123
    assert len({row["major"] for row in table(guiyang, "categories.csv")}) == 18


def test_codes_when_built_then_six_nine_twelve_fifteen_digits_inside_each_other(areas: list[dict[str, Any]]) -> None:
    digits = {"city": 6, "district": 6, "township": 9, "community": 12, "grid": 15}
    codes = [feature["properties"]["code"] for feature in areas]
    assert len(set(codes)) == len(codes)
    for feature in areas:
        area = feature["properties"]
        assert len(area["code"]) == digits[area["level"]] and area["code"].isdigit()
        if area["level"] in ("township", "community", "grid"):
            assert area["code"].startswith(area["parent"])
        assert area["synthetic"] is (area["level"] not in ("city", "district"))


@pytest.mark.parametrize("level", ["district", "township", "community", "grid"])
def test_coverage_when_read_back_then_no_overlap_and_no_gap(
    level: str, areas: list[dict[str, Any]], polygons: dict[str, BaseGeometry]
) -> None:
    shapes = [polygons[area["code"]] for area in by_level(areas, level)]
    assert all(polygon.is_valid and polygon.area > 0 for polygon in shapes)
    assert shapely.coverage_is_valid(shapes)
    whole = shapely.coverage_union_all(shapes)
    gaps = abs(whole.area - polygons["520100"].area) + abs(sum(polygon.area for polygon in shapes) - whole.area)
    assert gaps * SQUARE_METRES < 1.0
    assert not shapely.get_num_interior_rings(whole)


def test_children_when_read_back_then_make_up_their_parent(
    areas: list[dict[str, Any]], polygons: dict[str, BaseGeometry]
) -> None:
    families: dict[str, list[BaseGeometry]] = {}
    for feature in areas:
        families.setdefault(feature["properties"]["parent"] or "", []).append(polygons[feature["properties"]["code"]])
    del families[""]
    assert len(families) == 1 + 10 + 146 + 1_629
    for parent, children in families.items():
        difference = shapely.symmetric_difference(shapely.coverage_union_all(children), polygons[parent])
        assert difference.area * SQUARE_METRES < 1.0, parent


def test_coordinates_when_written_then_six_decimals(areas: list[dict[str, Any]]) -> None:
    for feature in areas[::500]:
        points = shapely.get_coordinates(shape(feature["geometry"]))
        assert (points == points.round(6)).all()


@pytest.mark.slow
def test_build_when_repeated_then_the_same_bytes(guiyang: Path, tmp_path: Path) -> None:
    steps: list[tuple[int, int, str]] = []
    build(tmp_path, progress=lambda done, total, step: steps.append((done, total, step)))
    assert digest(tmp_path) == digest(guiyang)
    assert [done for done, _, _ in steps] == list(range(steps[0][1]))


def test_names_when_built_then_real_ones_on_three_levels(guiyang: Path, areas: list[dict[str, Any]]) -> None:
    names = {area["code"]: area["name"] for area in by_level(areas, "township") + by_level(areas, "community")}
    assert names["520103019"] == "大营路街道"
    assert names["520102016001"] == "纪念塔社区"
    assert {area["name"] for area in by_level(areas, "district")} >= {"云岩区", "观山湖区", "清镇市"}


def test_units_when_built_then_one_root_and_every_parent_known(guiyang: Path) -> None:
    units = table(guiyang, "units.csv")
    codes = {unit["code"] for unit in units}
    assert [unit["code"] for unit in units if not unit["parent"]] == ["520100-govt"]
    assert all(unit["parent"] in codes for unit in units if unit["parent"])
    assert Counter(unit["level"] for unit in units) == {"city": 64, "district": 300, "township": 146}
    assert len({unit["name"] for unit in units}) == 510


def test_rules_when_built_then_every_category_has_one_in_every_district(guiyang: Path) -> None:
    rules = table(guiyang, "rules.csv")
    units = {unit["code"] for unit in table(guiyang, "units.csv")}
    covered = {(rule["category"], rule["area_code"]) for rule in rules}
    districts = {code for code in (unit["area_codes"] for unit in table(guiyang, "units.csv")) if len(code) == 6}
    for category in table(guiyang, "categories.csv"):
        assert all((category["code"], district) in covered for district in districts), category["code"]
    for rule in rules:
        named = [rule["lead"], *filter(None, rule["assists"].split(";"))]
        assert all(unit in units or unit == "town@township" for unit in named), rule
        assert rule["basis"].startswith("〔示例〕")
    assert any(rule["id"] == "R-0201-520103" and rule["lead"] == "520103-water" for rule in rules)
    assert any(rule["zone"] for rule in rules) and any(rule["hours"] for rule in rules)


def test_people_when_built_then_every_role_and_every_unit_has_somebody(guiyang: Path) -> None:
    people = table(guiyang, "people.csv")
    usernames = {person["username"] for person in people}
    assert len(usernames) == len(people)
    roles = set(PERSON_ROLES)
    assert roles <= usernames and {person["role"] for person in people} == roles
    units = {unit["code"] for unit in table(guiyang, "units.csv")}
    for role in ("unit_clerk", "unit_leader"):
        assert {person["unit"] for person in people if person["role"] == role} == units
    watched = {code for person in people if person["role"] == "grid_worker" for code in person["area_codes"].split(";")}
    assert {place["community_code"] for place in table(Path(__file__).parents[2] / "cities/guiyang", "names.csv")} <= watched


def test_organizations_when_built_then_every_kind_in_every_district(guiyang: Path) -> None:
    found = {(kind, row["area_codes"][:6]) for row in table(guiyang, "organizations.csv") for kind in row["kinds"].split(";")}
    kinds = {kind for row in table(guiyang, "categories.csv") for kind in filter(None, row["org_kinds"].split(";"))}
    districts = {district for _, district in found}
    assert len(districts) == 10
    assert {(kind, district) for kind in kinds for district in districts} <= found


def test_categories_when_read_then_flags_agree_with_their_columns(guiyang: Path) -> None:
    for row in table(guiyang, "categories.csv"):
        flags = set(filter(None, row["flags"].split(";")))
        assert flags <= KINDS
        assert (row["self_handle"] == "true") == ("H" in flags)
        assert (row["check"] == "site") == ("K" in flags)
        assert row["name"] and row["name_en"]
    cover = next(row for row in table(guiyang, "categories.csv") if row["code"] == "0201")
    assert (cover["limit"], cover["safe_limit"], cover["urgency"]) == ("36h", "2h", "emergency")


def test_keywords_when_read_then_four_or_more_words_for_each_category(guiyang: Path) -> None:
    words = Counter(row["category"] for row in table(guiyang, "keywords.csv"))
    assert set(words) == {row["code"] for row in table(guiyang, "categories.csv")}
    assert min(words.values()) >= 4


def test_calendar_when_read_then_holidays_and_makeup_days_of_2026(guiyang: Path) -> None:
    kinds = Counter(row["kind"] for row in table(guiyang, "calendar.csv"))
    assert kinds == {"holiday": 33, "workday": 6}


@pytest.fixture(scope="module")
def read(guiyang: Path) -> tuple[dispatch.importing.CorePack, grid.importing.TerritoryPack, orgs.importing.Parsed]:
    report = PackReport()
    core = dispatch.importing.read(guiyang, report, now=datetime(2026, 6, 1, tzinfo=UTC))
    territory = grid.importing.read(guiyang, report)
    zones, codes = territory.zone_codes, core.category_codes
    parties = orgs.importing.read(
        guiyang,
        report,
        areas=territory.codes | territory.management.keys(),
        categories=codes,
        zones=zones,
        managing=territory.management,
    )
    assert [str_error(error) for error in (*report.errors, *report.warnings)] == []
    return core, territory, parties


def test_match_when_anywhere_and_anything_then_one_clear_owner(read: tuple[Any, Any, Any]) -> None:
    core, territory, parties = read
    locator = grid.territory.build(territory.areas, territory.zones, territory.assets, territory.gazetteer)
    parents = {area.code: area.parent for area in territory.areas if area.parent}
    directory = orgs.directory.build(
        units=parties.units, rules=parties.rules, organizations=parties.organizations, categories=core.categories, parents=parents
    )
    at = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
    example = directory.match(locator.locate(106.6301, 26.6473, "WGS-84"), "0201", at)
    assert (example.decided, example.lead.name) == ("auto", "观山湖区水务管理局")
    inside = directory.match(locator.locate(106.7135, 26.595, "WGS-84"), "0201", at)
    assert (inside.decided, inside.lead.name, inside.candidates[0].rule) == ("auto", "云岩区水务管理局", "R-0201-520103")
    for area in [area for area in territory.areas if area.level == "grid"][::311]:
        place = locator.locate(*area.label, "WGS-84")
        for category in core.categories:
            match = directory.match(place, category.code, at)
            assert match.lead is not None and {"tie", "low_score", "no_owner"}.isdisjoint(match.doubt), (area.code, category.code)


def test_joint_templates_when_read_then_every_step_has_a_unit_of_its_own_in_every_township(
    guiyang: Path, read: tuple[Any, Any, Any]
) -> None:
    core, territory, parties = read
    report = PackReport()
    templates = dispatch.joint_importing.read(guiyang, report, categories=core.category_codes, units=parties.unit_names)
    assert report.ok and templates is not None
    assert sorted(template.name for template in templates) == ["独居老人跌倒", "群租房整治", "高空坠物"]
    assert all(3 <= len(template.steps) <= 4 for template in templates)
    assert sum(any(step.number > 1 for step in template.steps) for template in templates) == 1
    directory = orgs.directory.build(units=parties.units)
    areas = {area.code: AreaRef(area.code, area.name, area.level) for area in territory.areas}
    parents = {area.code: area.parent for area in territory.areas}
    for code in (code for code, area in areas.items() if area.level == "township"):
        place = Place(area_path=tuple(areas[one] for one in (parents[parents[code]], parents[code], code)))
        for template in templates:
            units = [directory.unit_named(step.unit, place) for step in template.steps]
            assert None not in units and len({unit.code for unit in units if unit}) == len(units), (code, template.code)


HOURS = [datetime(2026, 11, 21, hour, 30, tzinfo=UTC) for hour in range(24)]


def test_duty_when_asked_at_any_hour_is_somebody_in_every_district_and_the_city(read: tuple[Any, Any, Any]) -> None:
    """Every address of the ladder of alarms reaches a person, by day and by night (domain.md §2.8)."""
    _, territory, parties = read
    directory = orgs.directory.build(units=parties.units, people=parties.people, duties=parties.duties)
    role = {person.username: person.role for person in parties.people}
    for district in [area.code for area in territory.areas if area.level == "district"]:
        for hour in HOURS:
            on_duty = directory.watch((district,), hour)
            assert "dispatcher" in {role[name] for name in on_duty} and len(on_duty) <= 2, (district, hour)
            assert all(name.startswith(("dd.", "ds.")) and district in name for name in on_duty)
    for hour in HOURS:
        on_duty = directory.watch(("520100", ""), hour)
        assert {role[name] for name in on_duty} == {"dispatcher", "supervisor"} and len(on_duty) < 20, hour
    unled = {unit.code for unit in parties.units} - {person.unit for person in parties.people if person.role == "unit_leader"}
    unmanned = {unit.code for unit in parties.units} - {person.unit for person in parties.people if person.role == "unit_clerk"}
    assert not unled and not unmanned


def test_groups_when_read_then_some_hundred_each_with_a_leader_in_a_grid(guiyang: Path, read: tuple[Any, Any, Any]) -> None:
    report = PackReport()
    leaders = {person.username for person in read[2].people if person.role == "group_leader"}
    groups = read_groups(guiyang, report, areas=read[1].areas, leaders=leaders)
    assert report.ok and 200 <= len(groups) <= 900 and all(group.leaders for group in groups)
    assert all(group.codes[0] == "520100" and group.codes[-1] == group.area for group in groups)
    assert any("group_leader" in group.leaders for group in groups), "the named account has some to look after"


def test_roster_when_read_then_nobody_stands_in_for_themselves(read: tuple[Any, Any, Any]) -> None:
    people = {person.username: person for person in read[2].people}
    for duty in read[2].duties:
        assert duty.substitute in people and duty.substitute != duty.username, duty
        assert people[duty.substitute].role == people[duty.username].role


def test_gazetteer_when_addresses_are_typed_then_found_where_the_pack_says(read: tuple[Any, Any, Any]) -> None:
    _, territory, _ = read
    locator = grid.territory.build(territory.areas, gazetteer=territory.gazetteer)
    names = {area.code: area.name for area in territory.areas}
    entries = [entry for entry in territory.gazetteer if entry.kind in ("door", "building", "landmark")]
    assert len(entries) > 5_000 and all(entry.synthetic for entry in territory.gazetteer)
    for entry in entries[::97]:
        hit = locator.search_names(f"{names[entry.area_code[:6]]}{entry.name}旁", 3)[0]
        assert (hit.name, hit.kind) == (entry.name, entry.kind) and hit.confidence > 0.4, (entry.name, hit)
        assert hit.area_path[-1].level == "grid"
    between = next(entry for entry in entries if entry.name.endswith("路2号")).name.removesuffix("2号")
    guessed = locator.search_names(f"{between}8号")[0]
    assert guessed.name == f"{between}8号" and guessed.doubt == ("number_between:2-14",)


@pytest.mark.slow
async def test_city_when_imported_again_then_no_document_of_any_register_changes(guiyang: Path, database: Database) -> None:
    cipher, console = FieldCipher(Keyring.generate()), Console(file=io.StringIO())
    _, first = await import_folder(database, guiyang, console, cipher=cipher)
    before = {name: await database.find(name, {}, sort=[("_id", 1)]) for name in REGISTERS}
    _, again = await import_folder(database, guiyang, console, cipher=cipher)
    for name in REGISTERS:
        assert await database.find(name, {}, sort=[("_id", 1)]) == before[name], name
    assert first.keys() == again.keys() >= {"units.csv", "rules.csv", "organizations.csv", "offers.csv", "roster.csv"}
    for name, outcome in again.items():
        assert outcome == TableOutcome(same=first[name].new), name
        assert outcome.same > 0, name
