"""Files of boundaries put in force over HTTP and by the verb: one change; refused with every finding in words, nothing left."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import pytest_asyncio
import shapely
from click.testing import CliRunner, Result

from bench.boundary_files import geopackage, shapefile_parts, zipped
from grid.change_store import BROUGHT, CHANGES
from grid.files.limits import MAX_UPLOAD
from grid.kept_inspections import INSPECTIONS
from grid.store import AREAS, HISTORY, VOID
from tests.grid.factories import collection
from tests.service import Answer, Running, open_service
from tests.small_city import INSIDE
from web.cli.territory import territory

COMMUNITY = "520102001001"
WEST, SOUTH, WIDE, HIGH = 106.60, 26.60, 0.01, 0.04
POINT = f"/api/v1/locate?lon={INSIDE[0]}&lat={INSIDE[1]}&crs=WGS-84"
PATIENCE_SECONDS = 60
Feature = tuple[Any, dict[str, Any]]


@pytest_asyncio.fixture(loop_scope="session")
async def alone(mongodb_uri: str, tmp_path: Path) -> AsyncIterator[Running]:
    """A service with a territory of its own, which the test may change."""
    async with open_service(mongodb_uri, tmp_path) as running:
        yield running


def strips(*edges: float, first: int = 1) -> list[Feature]:
    """Grids side by side in the first community, from edge to edge in widths of a grid."""
    return [
        (
            shapely.box(WEST + west * WIDE, SOUTH, WEST + east * WIDE, SOUTH + HIGH),
            {"编码": f"{COMMUNITY}{number:03}", "名称": f"南明区{number}号网格"},
        )
        for number, (west, east) in enumerate(pairwise(edges), start=first)
    ]


async def take(
    service: Running, data: bytes, *, user: str = "sys_admin", key: str | None = "k", language: str = "en", **query: Any
) -> Answer:
    asked = urlencode({"crs": "CGCS2000", "version": 1, "reason": "2027年网格调整"} | query)
    headers = {"Accept-Language": language}
    return await service.call("POST", f"/api/v1/territory:import?{asked}", user=user, raw=data, key=key, headers=headers)


async def whole(service: Running) -> dict[str, list[Any]]:
    """Everything that a file may touch."""
    names = (AREAS, HISTORY, VOID, CHANGES, BROUGHT, INSPECTIONS)
    return {name: await service.services.database.find(name, {}, sort=[("_id", 1)]) for name in names}


async def until_version(service: Running, version: str) -> dict[str, Any]:
    """Ask until the process answers from this version; returns the place."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (place := (await service.get(POINT, "dispatcher")).json)["version"] != version:
        assert time.monotonic() < deadline, f"version {version} did not come"
        await asyncio.sleep(0.02)
    found: dict[str, Any] = place
    return found


async def test_import_when_a_file_was_inspected_then_one_change_that_reports_are_placed_by_and_that_is_reversed(
    alone: Running,
) -> None:
    data = zipped({"网格": shapefile_parts(strips(0, 1.5, 2, 4))})
    seen = await alone.call("POST", "/api/v1/territory:inspect?crs=CGCS2000", user="sys_admin", raw=data)
    assert (seen.json["possible"], seen.json["version"]) == (True, 1)
    assert seen.json["effect"] == {"new": 0, "changed": 3, "same": 0, "left_out": 1}
    answer = await take(alone, data, complete="true", version=seen.json["version"])
    assert answer.status == 201, answer.body
    change = answer.json
    assert (change["kind"], change["state"], change["version"], change["by"]) == ("import", "in_force", 2, "sys_admin")
    assert (change["reason"], change["counts"]) == ("2027年网格调整", {"touched": 4, "gone": 1})
    assert change["gone"] == [{"code": f"{COMMUNITY}004", "heirs": [f"{COMMUNITY}003"]}]
    await until_version(alone, "2")
    case = await alone.report()
    assert case["area_path"][-1]["code"] == f"{COMMUNITY}001"
    again = await take(alone, data, complete="true", version=1)
    assert (again.status, again.json) == (200, change)
    listed = (await alone.get(f"/api/v1/territory/changes?area={COMMUNITY}004", "sys_admin")).json["items"]
    assert listed == [change]
    reverse = {"order": {"kind": "reverse", "change": change["id"]}, "dry_run": False, "version": 2, "reason": "有误"}
    back = await alone.post("/api/v1/territory/changes", reverse, "sys_admin")
    assert (back.status, back.json["change"]["counts"]) == (201, {"touched": 4, "gone": 0})
    versions = (await alone.get(f"/api/v1/areas/{COMMUNITY}001/versions", "dispatcher")).json["items"]
    assert [one["reason"] for one in versions] == ["", "reverse", "import"]
    assert versions[0]["area_m2"] == versions[2]["area_m2"] != versions[1]["area_m2"]


async def test_import_when_other_formats_then_taken_and_grids_that_the_file_lacks_stay(alone: Running) -> None:
    made = await take(alone, geopackage({"wg": strips(0, 1.5, 2)}, system=4490))
    assert (made.status, made.json["touched"]) == (201, [f"{COMMUNITY}001", f"{COMMUNITY}002"])
    packed = gzip.compress(collection(*strips(0, 1.7, 2)).encode())
    made = await take(alone, packed, version=2, key="k2", crs="WGS-84")
    assert (made.status, made.json["version"], made.json["gone"]) == (201, 3, [])
    assert await alone.services.database.count(AREAS, {"parent": COMMUNITY}) == 4


async def test_import_when_grids_overlap_then_refused_with_every_finding_in_words_and_nothing_is_left(alone: Running) -> None:
    before = await whole(alone)
    data = collection(*strips(0, 1), *strips(0.99, 2, first=2), *strips(1.98, 3, 4, first=3)).encode()
    english = await take(alone, data)
    assert (english.status, english.code, english.json["counts"]) == (422, "boundaries_refused", {"overlap": 2})
    assert [(one["field"], one["code"], one["row"]) for one in english.json["errors"]] == [
        ("geometry", "boundary_overlap", 2), ("geometry", "boundary_overlap", 3)
    ]  # fmt: skip
    assert english.json["errors"][0]["message"].startswith(f"Overlaps {COMMUNITY}001 by")
    (first, _) = english.json["findings"]
    assert (first["area"], first["other"]) == (f"{COMMUNITY}002", f"{COMMUNITY}001")
    assert first["figures"]["area_m2"] == pytest.approx(44_000, rel=0.02) and WEST < first["lon"] < WEST + 2 * WIDE
    chinese = await take(alone, data, language="zh-CN")
    assert chinese.json["errors"][0]["message"].startswith(f"与 {COMMUNITY}001 重叠")
    assert await whole(alone) == before


async def test_import_when_it_is_stale_or_asks_amiss_then_said_by_name_and_nothing_is_left(alone: Running) -> None:
    before, data = await whole(alone), collection(*strips(0, 1.5, 2)).encode()
    for wrong, field in (
        ({"reason": ""}, "reason"), ({"reason": "x"}, "reason"), ({"version": "one"}, "version"), ({"crs": "Xian80"}, "crs"),
        ({"effective_at": "2027-01-01T00:00:00"}, "effective_at"), ({"complete": "perhaps"}, "complete"),
        ({"keeps_others": "true"}, "keeps_others"), ({"effective_at": "2020-01-01T00:00:00Z"}, "effective_at"),
        ({"field_map": "code:BM"}, "field_map"),
    ):  # fmt: skip
        refused = await take(alone, data, **wrong)
        assert (refused.status, refused.json["errors"][0]["field"]) == (422, field), refused.body
    stale = await take(alone, data, version=7)
    assert (stale.status, stale.code, stale.json["version"]) == (412, "stale_territory", 1)
    keyless = await take(alone, data, key=None)
    assert (keyless.status, keyless.code) == (400, "idempotency_key_required")
    large = await take(alone, bytes(MAX_UPLOAD + 1))
    assert (large.status, large.code) == (413, "too_large")
    assert (await take(alone, data, user="dispatcher")).status == 403
    same = await take(alone, collection(*strips(0, 1, 2, 3, 4)).encode(), complete="true")
    assert (same.status, [(one["field"], one["code"]) for one in same.json["errors"]]) == (422, [("file", "same")])
    assert (await take(alone, b"hello")).code == "boundary_file"
    assert await whole(alone) == before


async def test_import_when_planned_then_listed_and_withdrawn_as_one(alone: Running) -> None:
    at = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    change = (await take(alone, collection(*strips(0, 1.5, 2)).encode(), effective_at=at)).json
    assert (change["state"], change["counts"]) == ("planned", {"touched": 2, "gone": 0})
    rename = {"kind": "rename", "code": f"{COMMUNITY}002", "name": "别的"}
    body = {"order": rename, "dry_run": False, "version": 1, "reason": "改名"}
    waits = await alone.post("/api/v1/territory/changes", body, "sys_admin")
    assert (waits.status, waits.code, waits.json["change"]) == (409, "change_planned", change["id"])
    other = await take(alone, collection(*strips(0, 1.2, 2)).encode(), effective_at=at)
    assert (other.status, other.code) == (422, "idempotency_mismatch")
    taken = await alone.post(f"/api/v1/territory/changes/{change['id']}:withdraw", {"reason": "另议"}, "sys_admin")
    assert (taken.status, taken.json["state"]) == (200, "withdrawn")
    assert (await alone.post("/api/v1/territory/changes", body, "sys_admin")).status == 201


async def run(service: Running, *arguments: str) -> Result:
    """Run the verb beside the service, as an administrator would: it has an event loop of its own."""
    settings = service.services.settings
    environment = {
        "HEYUN_MONGODB_URI": settings.mongodb_uri, "HEYUN_DATABASE": settings.database, "HEYUN_DATA": str(settings.data),
        "COLUMNS": "300",
    }  # fmt: skip
    return await asyncio.to_thread(CliRunner().invoke, territory, ["import", *arguments], env=environment)


async def test_verb_when_a_file_is_good_then_in_force_and_when_it_is_wrong_then_status_one(
    alone: Running, tmp_path: Path
) -> None:
    bad, good = tmp_path / "bad.geojson", tmp_path / "good.geojson"
    bad.write_text(collection(*strips(0, 1), *strips(0.99, 2, first=2)))
    good.write_text(collection(*strips(0, 1.5, 2)))
    options = ("--crs", "WGS-84", "--version", "1", "--reason", "调整", "--language", "en")
    refused = await run(alone, str(bad), *options)
    assert (refused.exit_code, f"2 {COMMUNITY}002: Overlaps {COMMUNITY}001 by" in refused.output) == (1, True), refused.output
    assert await alone.services.database.count(CHANGES, {}) == 0
    planned = await run(alone, str(good), *options, "--at", f"{datetime.now(UTC) + timedelta(days=9):%Y-%m-%dT%H:%M}")
    assert (planned.exit_code, "planned: 2 areas, 0 void" in planned.output) == (0, True), planned.output
    (change,) = (await alone.get("/api/v1/territory/changes", "sys_admin")).json["items"]
    assert (change["by"], change["reason"]) == ("console", "调整")
    at = datetime.fromisoformat(change["effective_at"])
    assert timedelta(days=8, hours=15) < at - datetime.now(UTC) < timedelta(days=8, hours=16, minutes=1)  # in the city's time
    assert change["touched"] == [f"{COMMUNITY}001", f"{COMMUNITY}002"]
