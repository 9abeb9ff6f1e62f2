"""A pack that is imported again: what people have written since stays, what the pack changed comes, and all of it is told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dispatch.actors import Actor
from dispatch.pack_taking import PACK_ROWS, TableOutcome, Taking
from dispatch.packs import PackReport
from orgs import importing, store
from orgs.offering import Offers
from orgs.offers import Offer
from orgs.pack_tables import offers_table, units_table
from orgs.registry import Registry
from storage.client import Database
from storage.fields import FieldCipher, Keyring
from storage.registers import Act, Register
from tests.orgs.parties import CATEGORIES, NOON
from tests.orgs.test_importing import AREAS, PACK, folder

KEEPER = Actor(id="keeper", role="sys_admin")
ACT = Act(by="keeper", role="sys_admin", at=NOON)
LATER = NOON + timedelta(days=1)
CIPHER = FieldCipher(Keyring.generate())
KEPT = (store.UNITS, store.ORGANIZATIONS, store.OFFERS, store.ROSTERS, store.PEOPLE, store.RULES)
OFFER = "O1,VOL,清洁行动,2026-01-01,2026-12-31,3\n"


async def imported(
    database: Database, path: Path, *, dry_run: bool = False, take_pack: tuple[str, ...] = (), **changed: str
) -> dict[str, TableOutcome]:
    """Import the pack with some files changed."""
    report = PackReport()
    codes = [category.code for category in CATEGORIES]
    parsed = importing.read(folder(path, **changed), report, areas=AREAS, categories=codes, zones=("Z1",))
    report.raise_if_errors()
    taking = Taking(database, LATER, dry_run=dry_run, take_pack=take_pack)
    await importing.write(database, parsed, cipher=CIPHER, taking=taking)
    return taking.outcomes


def edited(name: str, old: str, new: str) -> dict[str, str]:
    """One file of the pack with something else in it."""
    assert old in PACK[f"{name}.csv"]
    return {name: PACK[f"{name}.csv"].replace(old, new)}


async def everything(database: Database) -> dict[str, list[dict[str, Any]]]:
    """All that the tables hold."""
    return {name: await database.find(name, {}, sort=[("_id", 1)]) for name in (*KEPT, PACK_ROWS)}


async def one(database: Database, collection: str, id: str | None = None) -> dict[str, Any]:
    """The document with an id, or the only one there is."""
    (found,) = await database.find(collection, {"_id": id} if id else {})
    return found


def told(outcomes: Mapping[str, TableOutcome], name: str) -> tuple[int, int, int, int, int]:
    """What is said of a table: new, changed, ended, kept, conflicts."""
    found = outcomes[f"{name}.csv"]
    return found.new, found.changed, found.ended, found.kept, found.conflicts


async def put_unit(database: Database, code: str, **fields: Any) -> None:
    """Change a unit as its register does."""
    before = await one(database, store.UNITS, code)
    await Register(database, store.UNITS, store.UNIT_CHANGES).put(code, {**before, **fields}, ACT)


async def test_import_when_the_same_pack_comes_again_then_nothing_changes(database: Database, tmp_path: Path) -> None:
    first = await imported(database, tmp_path)
    before = await everything(database)
    again = await imported(database, tmp_path)
    after = await everything(database)
    assert {name: after[name] for name in KEPT} == {name: before[name] for name in KEPT}
    assert {name: outcome.new for name, outcome in first.items()} == {name: outcome.same for name, outcome in again.items()}
    assert all(told(again, name.partition(".")[0]) == (0, 0, 0, 0, 0) for name in again)


async def test_import_when_looked_at_first_then_it_tells_the_same_and_writes_nothing(database: Database, tmp_path: Path) -> None:
    await imported(database, tmp_path)
    await put_unit(database, "D1", name="南明府")
    before, changed = await everything(database), edited("units", "D1,南明区政府", "D1,南明区人民政府")
    version = await store.load_version(database)
    seen = await imported(database, tmp_path, dry_run=True, **changed)
    assert await everything(database) == before and await store.load_version(database) == version
    done = await imported(database, tmp_path, **changed)
    assert seen == done and told(done, "units") == (0, 0, 0, 0, 1)
    (note,) = done["units.csv"].notes
    assert (note.row, note.field, note.decision, note.here, note.pack) == ("D1", "name", "conflict", "南明府", "南明区人民政府")


async def test_units_when_both_write_then_each_has_the_fields_it_changed_and_the_rev_only_grows(
    database: Database, tmp_path: Path
) -> None:
    await imported(database, tmp_path)
    await put_unit(database, "D1", duty_phone="12345")
    await Register(database, store.UNITS, store.UNIT_CHANGES).put("N1", {"code": "N1", "name": "新所"}, ACT)
    done = await imported(database, tmp_path, **edited("units", "D1,南明区政府", "D1,南明区人民政府"))
    unit = await one(database, store.UNITS, "D1")
    assert (unit["name"], unit["duty_phone"], unit["rev"]) == ("南明区人民政府", "12345", 3)
    assert told(done, "units") == (0, 1, 0, 1, 0) and (await one(database, store.UNITS, "N1"))["name"] == "新所"
    history = await database.find(store.UNIT_CHANGES, {"of": "D1"}, sort=[("at", 1)])
    assert [(entry["by"], entry["before"]["name"], entry["after"]["name"]) for entry in history] == [
        ("keeper", "南明区政府", "南明区政府"), ("system", "南明区政府", "南明区人民政府"),
    ]  # fmt: skip


async def test_units_when_the_pack_no_longer_has_them_then_ended_unless_people_changed_them(
    database: Database, tmp_path: Path
) -> None:
    await imported(database, tmp_path, **edited("rules", "sanit@district", "D1"))
    line = "D3-sanit,云岩环卫,sanit,district,D3,520103,09:00-17:00\n"
    without = edited("units", line, "") | edited("rules", "sanit@district", "D1")
    assert told(await imported(database, tmp_path, **without), "units") == (0, 0, 1, 0, 0)
    ended = await one(database, store.UNITS, "D3-sanit")
    assert (ended["until"], ended["name"], ended["rev"]) == (LATER.timestamp(), "云岩环卫", 2)
    assert told(await imported(database, tmp_path, **without), "units") == (0, 0, 0, 0, 0), "it has ended already"
    assert told(await imported(database, tmp_path), "units") == (0, 1, 0, 0, 0), "it is in the pack again"
    await put_unit(database, "D3-sanit", duty_phone="12345")
    assert told(await imported(database, tmp_path, **without), "units") == (0, 0, 0, 0, 1)
    assert (await one(database, store.UNITS, "D3-sanit"))["until"] == float("inf")
    assert told(await imported(database, tmp_path, take_pack=("units",), **without), "units") == (0, 0, 1, 0, 0)


async def test_units_when_people_are_faster_then_the_table_is_compared_again(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await imported(database, tmp_path)
    written = Database.bulk_update

    async def after_somebody(self: Database, collection: str, pairs: Any) -> int:
        monkeypatch.setattr(Database, "bulk_update", written)
        await put_unit(database, "D1", name="南明府", duty_phone="12345")
        return await written(self, collection, pairs)

    monkeypatch.setattr(Database, "bulk_update", after_somebody)
    done = await imported(database, tmp_path, **edited("units", "D1,南明区政府", "D1,南明区人民政府"))
    unit = await one(database, store.UNITS, "D1")
    assert (unit["name"], unit["duty_phone"]) == ("南明府", "12345") and told(done, "units") == (0, 0, 0, 1, 1)


async def test_organizations_when_both_write_then_people_keep_theirs_sealed_parts_and_all(
    database: Database, tmp_path: Path
) -> None:
    named = edited("organizations", ",0851", ",王小明 13800138000")
    await imported(database, tmp_path, **named)
    registry = Registry(database, CIPHER, lambda: NOON)
    await database.insert_one(store.AREAS, {"_id": "520103"})
    await registry.edit(actor=KEEPER, code="O1", rev=0, changes={"capacity": 9})
    other = {"organizations": named["organizations"].replace("13800138000", "13911138000").replace("O1,甲,", "O1,甲社,")}
    assert told(await imported(database, tmp_path, **other), "organizations") == (0, 1, 0, 1, 0)
    found = await registry.get("O1")
    assert (found.name, found.capacity, found.contact, found.rev) == ("甲社", 9, "** 139****8000", 2)
    assert (await registry.reveal(actor=KEEPER, code="O1", reason="核对")).contact == "王小明 13911138000"
    same_mask = {"organizations": other["organizations"].replace("13911138000", "13955558000")}
    done = await imported(database, tmp_path, **same_mask)
    assert told(done, "organizations") == (0, 1, 0, 1, 0), "two numbers that look the same when they are masked"
    assert (await registry.reveal(actor=KEEPER, code="O1", reason="核对")).contact == "王小明 13955558000"
    stored = str(await database.find(PACK_ROWS, {})) + str(await database.find(store.ORGANIZATION_CHANGES, {}))
    assert "13911138000" not in stored and "王小明" not in stored
    assert [entry.by for entry in await registry.history("O1")].count("system") == 2


async def test_organizations_when_the_pack_no_longer_has_them_then_until_yesterday(database: Database, tmp_path: Path) -> None:
    await imported(database, tmp_path)
    line = "O2,乙,VOL,revoked,520103,,,,,,,\n"
    assert told(await imported(database, tmp_path, **edited("organizations", line, "")), "organizations") == (0, 0, 1, 0, 0)
    gone = await Registry(database, CIPHER, lambda: NOON).get("O2")
    assert gone.valid_to is not None and not gone.is_valid_on(LATER.date()) and gone.rev == 1
    assert told(await imported(database, tmp_path), "organizations") == (0, 1, 0, 0, 0)


async def test_offers_when_made_paused_or_reserved_by_people_then_an_import_leaves_it(database: Database, tmp_path: Path) -> None:
    await imported(database, tmp_path)
    await database.insert_one(store.AREAS, {"_id": "520103"})
    offers = Offers(database, lambda: NOON)
    packs = (await one(database, store.OFFERS))["_id"]
    own = await offers.create(actor=KEEPER, offer=Offer(id="", organization="O1", kind="VOL", what="陪伴", amount=2))
    await offers.reserve(id=packs, key="C1.n1", amount=2)
    paused = await offers.move(actor=KEEPER, id=packs, rev=0, action="pause")
    more = edited("offers", OFFER, "O2,,别的,,,1\n" + OFFER.replace(",3\n", ",5\n"))
    assert told(await imported(database, tmp_path, **more), "offers") == (1, 1, 0, 1, 0)
    found = await offers.get(packs)
    assert (found.state, found.amount, found.still_left, found.rev) == ("paused", 5, 3, paused.rev + 1)
    assert found.held[0].key == "C1.n1" and await offers.get(own.id) == own


async def test_offers_when_the_pack_no_longer_has_them_then_ended_and_back_with_the_next(
    database: Database, tmp_path: Path
) -> None:
    await imported(database, tmp_path)
    await Offers(database, lambda: NOON).reserve(id=(await one(database, store.OFFERS))["_id"], key="C1.n1", amount=3)
    assert told(await imported(database, tmp_path, **edited("offers", OFFER, "")), "offers") == (0, 0, 1, 0, 0)
    ended = await one(database, store.OFFERS)
    assert (ended["state"], ended["held"][0]["key"]) == ("ended", "C1.n1")
    assert told(await imported(database, tmp_path), "offers") == (0, 1, 0, 0, 0)
    assert (await one(database, store.OFFERS))["state"] == "used_up", "all of it is still reserved"


async def test_rosters_when_a_row_moves_or_is_changed_then_it_is_the_same_row(database: Database, tmp_path: Path) -> None:
    await imported(database, tmp_path)
    row = (await one(database, store.ROSTERS))["_id"]
    moved = edited("roster", "gw,520103001,", "li,520103,,,,,\ngw,520103001,")
    assert told(await imported(database, tmp_path, **moved), "roster") == (1, 0, 0, 0, 0)
    rosters = Register(database, store.ROSTERS, store.ROSTER_CHANGES)
    present = await one(database, store.ROSTERS, row)
    await rosters.put(row, present | {"hours": "09:00-21:00"}, ACT)
    both = {"roster": moved["roster"].replace("08:00-20:00,2026-01-01", "08:00-20:00,2026-02-01")}
    done = await imported(database, tmp_path, **both)
    changed = await one(database, store.ROSTERS, row)
    assert (changed["hours"], changed["first_day"], changed["rev"]) == ("09:00-21:00", "2026-02-01", 3)
    assert done["roster.csv"].notes[0].field == "hours"
    await rosters.remove(row, ACT)
    assert told(await imported(database, tmp_path, **both), "roster") == (0, 0, 0, 1, 0)
    assert [one["username"] for one in await database.find(store.ROSTERS, {})] == ["li"]
    assert told(await imported(database, tmp_path, **edited("roster", PACK["roster.csv"].partition("\n")[2], "")), "roster") == (
        0, 0, 1, 0, 0,
    )  # fmt: skip
    assert await database.find(store.ROSTERS, {}) == []


async def test_import_when_the_database_is_of_before_then_what_people_touched_is_theirs(
    database: Database, tmp_path: Path
) -> None:
    await imported(database, tmp_path)
    await put_unit(database, "D1", duty_phone="12345")
    old = await one(database, store.OFFERS)
    await database.delete_many(store.OFFERS, {})
    await database.insert_one(store.OFFERS, old | {"_id": "O1-000002", "id": "O1-000002"})
    (duty,) = await database.find(store.ROSTERS, {})
    await database.delete_many(store.ROSTERS, {})
    await database.insert_one(store.ROSTERS, duty | {"_id": "000000"})
    await database.drop_collection(PACK_ROWS)
    changed = edited("units", "D1,南明区政府", "D1,南明区人民政府") | edited("offers", ",3\n", ",4\n")
    done = await imported(database, tmp_path, **changed)
    assert told(done, "units") == (0, 0, 0, 0, 1) and told(done, "offers") == (0, 1, 0, 0, 0)
    assert (await one(database, store.OFFERS))["_id"] == "O1-000002", "numbered by its row, and still the same"
    assert done["roster.csv"].same == 1 and done["rules.csv"].same == 2
    settled = await imported(database, tmp_path, take_pack=("all",), **changed)
    assert told(settled, "units") == (0, 1, 0, 0, 0)
    unit = await one(database, store.UNITS, "D1")
    assert (unit["name"], unit["duty_phone"]) == ("南明区人民政府", "")


def test_tables_when_read_then_every_column_of_the_file_is_compared() -> None:
    assert {"name", "duty_phone", "until", "successor"} <= set(units_table(NOON).row_of({"_id": "D1"}) or ())
    row = offers_table().row_of({"_id": "1", "state": "used_up", "organization": "O1"})
    assert row is not None and row["state"] == "published" and "left" not in row
