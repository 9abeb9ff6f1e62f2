"""`./heyun import` beside what people change over HTTP: told row by row, kept, and taken from the pack when asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
from click.testing import CliRunner

from tests.service import Running, open_service
from tests.small_city import write_pack
from web.cli.packs import import_pack

UNIT = "/api/v1/units/520102-water"
DAY = "/api/v1/calendar/2026-10-01"
GROUPS = "code,name,kind,area_code,leaders,size\nG1,一组,building,520102001001001,circle_a,20\n"
CALENDAR = "date,kind,name,source\n2026-10-01,holiday,国庆节,\n2026-10-02,holiday,国庆节,\n"


@pytest_asyncio.fixture(loop_scope="session")
async def city(mongodb_uri: str, tmp_path: Path) -> AsyncIterator[Running]:
    """A service of its own: what is imported here is no other test's."""
    async with open_service(mongodb_uri, tmp_path) as running:
        yield running


def pack(folder: Path, *, phone: str = "", groups: str = GROUPS, calendar: str = CALENDAR) -> Path:
    """The small city with groups and a calendar, and another duty phone of a unit."""
    write_pack(folder)
    (folder / "groups.csv").write_text(groups, encoding="utf-8")
    (folder / "calendar.csv").write_text(calendar, encoding="utf-8")
    lines = (folder / "units.csv").read_text(encoding="utf-8").splitlines()
    units = [f"{line}{phone if line.startswith('520102-water,') else ''}" for line in lines]  # the phone stands last
    (folder / "units.csv").write_text("\n".join((*units, "")), encoding="utf-8")
    return folder


async def run(city: Running, folder: Path, *arguments: str) -> str:
    """Run the verb beside the service and return what it says."""
    settings = city.services.settings
    environment = {
        "HEYUN_MONGODB_URI": settings.mongodb_uri, "HEYUN_DATABASE": settings.database, "HEYUN_DATA": str(settings.data),
        "COLUMNS": "300",
    }  # fmt: skip
    done = await asyncio.to_thread(CliRunner().invoke, import_pack, [str(folder), *arguments], env=environment)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def line_of(output: str, table: str) -> list[str]:
    """What the summary says of a table: new, changed, ended, same, kept, conflicts."""
    (found,) = [line.split()[1:] for line in output.splitlines() if line.split()[:1] == [table]]
    return found


async def unit(city: Running) -> dict[str, Any]:
    found: dict[str, Any] = (await city.services.database.find("units", {"_id": "520102-water"}))[0]
    return found


async def put_unit(city: Running, rev: int, **fields: Any) -> int:
    """Change the unit over HTTP and return its new `rev`."""
    body = {"rev": rev, "name": "南明区水务管理局", "type": "water", "level": "district", "parent": "520102-govt",
            "area_codes": ["520102"], "hours": "24x7"}  # fmt: skip
    answer = await city.call("PUT", UNIT, user="sys_admin", body=body | fields)
    assert answer.status == 200, answer.body
    return int(answer.json["rev"])


async def test_import_when_people_changed_units_groups_and_days_then_kept_told_and_taken_when_asked(
    city: Running, tmp_path: Path
) -> None:
    folder = pack(tmp_path / "again")
    assert line_of(await run(city, folder), "groups.csv") == ["1", "0", "0", "0", "0", "0"]
    assert await put_unit(city, 1, duty_phone="0851-1") == 2
    group = {"name": "改名", "kind": "building", "area": "520102001001001", "leaders": ["circle_a"], "size": 20}
    assert (await city.call("PUT", "/api/v1/groups/G1", user="sys_admin", body=group)).status == 200
    assert (await city.call("DELETE", DAY, user="sys_admin")).status == 200

    said = await run(city, folder)
    assert line_of(said, "units.csv")[-2:] == ["1", "0"] and line_of(said, "groups.csv") == ["0", "0", "0", "0", "1", "0"]
    assert line_of(said, "calendar.csv") == ["0", "0", "0", "1", "1", "0"]
    assert "units.csv, row 520102-water, duty_phone: kept, `0851-1` here, `` in the pack" in said

    pack(folder, phone="0851-2", groups=GROUPS.replace(",20", ",30"), calendar=CALENDAR.replace("-02,holiday", "-02,workday"))
    looked = await run(city, folder, "--dry-run")
    assert "nothing written" in looked and (await unit(city))["duty_phone"] == "0851-1"
    said = await run(city, folder)
    assert "units.csv, row 520102-water, duty_phone: conflict, `0851-1` here, `0851-2` in the pack" in said
    assert "--take-pack units takes the pack's" in said and line_of(said, "groups.csv") == ["0", "1", "0", "0", "1", "0"]
    kept = await unit(city)
    assert (kept["duty_phone"], kept["rev"]) == ("0851-1", 2), "nothing of it was taken, so it is as it was seen"

    assert line_of(await run(city, folder, "--take-pack", "units"), "units.csv")[1] == "1"
    taken = await unit(city)
    assert (taken["duty_phone"], taken["rev"]) == ("0851-2", 3)
    stale = await city.call("PUT", UNIT, user="sys_admin", body={"rev": 2, "name": "水", "type": "water", "level": "district",
                            "area_codes": []})  # fmt: skip
    assert (stale.status, stale.json["rev"]) == (412, 3)
    history = (await city.get(f"{UNIT}/history", "sys_admin")).json["items"]
    assert [(one["by"], one["after"]["duty_phone"]) for one in history] == [("sys_admin", "0851-1"), ("system", "0851-2")]
    days = (await city.get("/api/v1/calendar?year=2026", "sys_admin")).json["days"]
    assert [(day["date"], day["kind"]) for day in days] == [("2026-10-02", "workday")]
    groups = (await city.get("/api/v1/groups", "sys_admin")).json["items"]
    assert [(one["name"], one["size"], one["rev"]) for one in groups] == [("改名", 30, 3)]


async def test_import_when_a_table_is_unknown_then_refused_before_anything_is_read(city: Running, tmp_path: Path) -> None:
    refused = await asyncio.to_thread(CliRunner().invoke, import_pack, [str(tmp_path), "--take-pack", "people"])
    assert refused.exit_code == 2 and "units" in refused.output
