"""The parties of a city pack: what is right is written and served, what is wrong is named by file, row and column."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path

import pytest

from dispatch.packs import PackReport
from orgs import importing, store
from orgs.accounts import Accounts
from orgs.demo import DEMO_ROLES, create_demo_accounts
from orgs.roster import Duty
from orgs.rules import Rule
from orgs.service import Parties
from storage.client import Database
from storage.feed import Feed
from storage.indexes import ensure
from tests.orgs.parties import CATEGORIES, NOON, PARENTS, place

AREAS = {*PARENTS, "520100"}
PACK = {
    "units.csv": "code,name,type,level,parent,area_codes,hours\nC,市政府,government,city,,520100,24x7\n"
    "D1,南明区政府,government,district,C,520102,\nD3,云岩区政府,government,district,C,520103,\n"
    "D3-sanit,云岩环卫,sanit,district,D3,520103,09:00-17:00\n",
    "rules.csv": "id,category,area_code,zone,hours,lead,assists,priority,basis,valid_from,valid_to\n"
    "R1,0101,520103,,,sanit@district,C;D3,1,依据,2026-01-01,2026-12-31\nR2,02,,,22:00-06:00,C,,,,,\n",
    "organizations.csv": "code,name,kinds,standing,area_codes,lon,lat,crs,radius_m,capacity,hours,contact\n"
    "O1,甲,VOL;ENV,normal,520103,106.7,26.6,WGS-84,3000,4,,0851\nO2,乙,VOL,revoked,520103,,,,,,,\n",
    "offers.csv": "organization,kind,what,from,to,amount\nO1,VOL,清洁行动,2026-01-01,2026-12-31,3\n",
    "people.csv": "username,name,role,unit,area_codes,organization,subtree\nli,李,unit_clerk,C,,,true\n"
    "gw,王,grid_worker,,520103001,,\noc,赵,org_coordinator,,,*,\npartner,平台,partner,,,,\n",
    "roster.csv": "username,area_codes,weekdays,hours,first_day,last_day,substitute\n"
    "gw,520103001,1;2;3;4;5;6;7,08:00-20:00,2026-01-01,,li\n",
}


def folder(tmp_path: Path, **changed: str) -> Path:
    """A pack with some files changed; the keys are names without `.csv`."""
    for name, text in PACK.items():
        (tmp_path / name).write_text(changed.get(name.removesuffix(".csv"), text), encoding="utf-8")
    return tmp_path


def read(path: Path, report: PackReport) -> importing.Parsed:
    """Read with what the small city knows."""
    codes = [category.code for category in CATEGORIES]
    return importing.read(path, report, areas=AREAS, categories=codes, zones=("Z1",))


async def written(database: Database, path: Path) -> importing.Parsed:
    """Read and write a pack that must be right."""
    report = PackReport()
    parsed = read(path, report)
    report.raise_if_errors()
    await importing.write(database, parsed, NOON)
    return parsed


async def load(database: Database) -> Parties:
    """The parties of the database, with the tests' categories."""
    return await Parties.load(database, categories=lambda: CATEGORIES)


async def test_write_when_the_pack_is_right_then_it_comes_back_as_it_was_read(database: Database, tmp_path: Path) -> None:
    parsed = await written(database, folder(tmp_path))
    assert tuple(await store.read_all(database, store.RULES, Rule)) == parsed.rules
    first, second = parsed.rules
    # 2026-01-01 and, the last day being counted, 2027-01-01: both 00:00 in Shanghai
    assert (first.since, first.until, first.assists) == (1_767_196_800.0, 1_798_732_800.0, ("C", "D3"))
    assert (second.category, second.area, second.hours) == ("02", "", "22:00-06:00")
    assert [person.source for person in parsed.people] == ["", "", "", "partner"]


async def test_parties_when_loaded_then_they_answer_the_whole_port(database: Database, tmp_path: Path) -> None:
    await written(database, folder(tmp_path))
    parties = await load(database)
    match = parties.match(place(), "0101", NOON)
    assert (match.decided, match.version, parties.version) == ("auto", "1", "1")
    assert match.lead is not None and match.lead.code == "D3-sanit" and [unit.code for unit in match.assists] == ["C", "D3"]
    assert (
        [helper.code for helper in match.organizations]
        == ["O1"]
        == [helper.code for helper in parties.organizations(place(), "0101", NOON)]
    )
    assert parties.unit_hours("D3-sanit") == "09:00-17:00" and parties.is_in_tree("D3-sanit", "C")
    assert parties.unit_covers("D3", place()) and parties.unit("nobody") is None and parties.organization("O2") is None
    assert parties.on_duty("grid_worker", place(), NOON) == ("gw", "li")
    assert [unit.code for unit in parties.search_units("环卫")] == ["D3-sanit"]
    parties.use_workload({"O1": 4}, {})
    assert parties.match(place(), "0101", NOON).organizations == ()


async def test_parties_when_another_process_imports_then_the_snapshot_is_swapped(database: Database, tmp_path: Path) -> None:
    await ensure(database, {"versions": ()})
    await written(database, folder(tmp_path))
    parties = await load(database)
    renewed = asyncio.Event()
    parties.on_renewed(renewed.set)
    feed = Feed(database, {"versions": None})
    parties.follow(feed)
    await feed.start()
    try:
        await written(database, folder(tmp_path, rules=PACK["rules.csv"].replace("sanit@district", "D1")))
        while parties.version != "2":  # the feed may bring the first import's change too
            await asyncio.wait_for(renewed.wait(), 10)
            renewed.clear()
    finally:
        await feed.stop()
    match = parties.match(place(), "0101", NOON)
    assert match.version == "2" and match.lead is not None and match.lead.code == "D1"


async def test_parties_when_only_the_territory_changes_then_what_is_known_stays(database: Database, tmp_path: Path) -> None:
    await written(database, folder(tmp_path))
    parties = await load(database)
    before = parties.snapshot
    await database.insert_one("areas", {"_id": "520109001001", "parent": "520109"})
    async with parties.renewed(NOON) as swap:
        assert parties.snapshot is before
        swap()
    assert parties.snapshot is not before and parties.version == before.version
    assert parties.snapshot.parents["520109001001"] == "520109" and "520109001001" not in before.parents
    assert parties.snapshot.services is before.services and list(parties.snapshot.rules) == list(before.rules)
    assert parties.match(place(), "0101", NOON) == before.match(place(), "0101", NOON)


async def test_parties_when_the_database_is_empty_then_nothing_has_an_owner(database: Database) -> None:
    parties = await load(database)
    assert parties.match(place(), "0101", NOON).doubt == ("no_owner",) and parties.version == ""


@pytest.mark.parametrize(
    ("file", "old", "new", "where"),
    [
        ("units", "D1,南明区政府,government,district,C", "D1,南明区政府,government,district,X", (3, "parent", "unknown_unit")),
        ("units", "C,市政府,government,city,,", "C,市政府,government,city,D3,", (2, "parent", "cycle")),
        ("units", ",520102,", ",999999,", (3, "area_codes", "unknown_code")),
        ("units", "D1,南明", "C,南明", (3, "code", "repeated")),
        ("units", "district,D3", "quarter,D3", (5, "level", "not_allowed")),
        ("units", "09:00-17:00", "9 to 5", (5, "hours", "not_allowed")),
        ("rules", "R1,0101,520103", "R1,0101,999999", (2, "area_code", "unknown_code")),
        ("rules", "R1,0101,", "R1,4242,", (2, "category", "unknown_category")),
        ("rules", "R1,0101,520103,,", "R1,0101,520103,Z9,", (2, "zone", "unknown_code")),
        ("rules", "sanit@district", "police@district", (2, "lead", "unknown_post")),
        ("rules", "sanit@district", "X9", (2, "lead", "unknown_unit")),
        ("rules", "C;D3", "C;X9", (2, "assists", "unknown_unit")),
        ("rules", "2026-12-31", "2025-12-31", (2, "valid_to", "days")),
        ("rules", "2026-12-31", "31.12.2026", (2, "valid_to", "not_allowed")),
        ("rules", "R2,02", "R1,02", (3, "id", "repeated")),
        ("organizations", "WGS-84", "GPS", (2, "crs", "not_allowed")),
        ("organizations", "106.7,26.6,WGS-84", "106.7,,WGS-84", (2, "crs", "required")),
        ("organizations", "revoked,520103", "revoked,", (3, "area_codes", "no_service")),
        ("organizations", "106.7,", "nan,", (2, "lon", "not_allowed")),
        ("offers", "O1,", "O9,", (2, "organization", "unknown_code")),
        ("people", "unit_clerk,C", "unit_clerk,X9", (2, "unit", "unknown_code")),
        ("people", "unit_clerk,C", "mayor,C", (2, "role", "not_allowed")),
        ("people", "unit_clerk,C", "system,C", (2, "role", "not_allowed")),
        ("roster", "gw,520103001,", "nobody,520103001,", (2, "username", "unknown_code")),
        ("roster", "1;2;3;4;5;6;7", "8", (2, "weekdays", "not_allowed")),
    ],
)
def test_read_when_a_cell_is_wrong_then_file_row_and_column_are_named(
    tmp_path: Path, file: str, old: str, new: str, where: tuple[int, str, str]
) -> None:
    name = f"{file}.csv"
    assert old in PACK[name]
    report = PackReport()
    read(folder(tmp_path, **{file: PACK[name].replace(old, new, 1)}), report)
    assert (name, *where) in [(error.file, error.row, error.field, error.code) for error in report.errors]


async def test_demo_accounts_when_made_then_each_role_signs_in_and_the_file_is_private(
    database: Database, tmp_path: Path
) -> None:
    await written(database, folder(tmp_path))
    path = tmp_path / "data" / "demo-accounts.json"
    held = await create_demo_accounts(database, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and json.loads(path.read_text()) == held
    assert set(held) == set(DEMO_ROLES) and len({entry["password"] for entry in held.values()}) == len(held)
    accounts = Accounts(database)
    assert await accounts.has_demo_accounts()
    session, _ = await accounts.sign_in("dispatcher", held["dispatcher"]["password"], "127.0.0.1")
    assert (await accounts.actor_of_session(session.token)).scope.city
    partner = await accounts.actor_of_token(held["partner"]["token"])
    assert (partner.kind, partner.source) == ("partner", "partner")
    again = await create_demo_accounts(database, path)
    assert again == held
    accounts.close()


async def test_demo_accounts_when_the_file_is_lost_then_passwords_are_new_and_the_old_ones_dead(
    database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "demo-accounts.json"
    roles = ("operator", "device")
    first = await create_demo_accounts(database, path, roles=roles)
    path.unlink()
    second = await create_demo_accounts(database, path, roles=roles)
    accounts = Accounts(database)
    assert all(first[role]["password"] != second[role]["password"] for role in roles)
    assert (await accounts.actor_of_token(second["operator"]["token"])).role == "operator"
    accounts.close()


def test_people_when_a_partner_answers_for_an_agency_then_only_for_one_that_there_is(tmp_path: Path) -> None:
    columns = "username,name,role,unit,area_codes,organization,subtree,agency\n"
    head = columns + "gw,王,grid_worker,,520103001,,,{}\nli,李,unit_clerk,C,,,,\n"
    good, bad = PackReport(), PackReport()
    parsed = read(folder(tmp_path, people=head.format("") + "p110,公安,partner,,,,,110\n"), good)
    assert good.errors == [] and [person.agency for person in parsed.people] == ["", "", "110"]
    read(folder(tmp_path, people=head.format("110") + "p9,外地,partner,,,,,other_place\n"), bad)
    assert [error.code for error in bad.errors] == ["unknown_agency"] * 2


async def test_rosters_and_rules_when_people_made_them_outlast_an_import(database: Database, tmp_path: Path) -> None:
    parsed = await written(database, folder(tmp_path))
    for id, name in (("leave-1", parsed.people[0].username), ("leave-2", "gone")):
        row = store.document_of(id, Duty(username=name, kind="leave"))
        await database.insert_one(store.ROSTERS, row | {"rev": 1})
    learned = [Rule(id=f"L-{name}", category="*", lead=lead) for name, lead in (("1", parsed.units[0].code), ("2", "gone"))]
    await database.insert_many(store.RULES, [store.document_of(rule.id, rule) for rule in learned])
    before = {name: await database.find(name, {}, sort=[("_id", 1)]) for name in (store.ROSTERS, store.RULES)}
    await importing.write(database, parsed, NOON)
    assert {name: await database.find(name, {}, sort=[("_id", 1)]) for name in before} == before
