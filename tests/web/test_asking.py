"""Asking: places, matches, the directory, tiles, the service's own description."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime
from typing import Any

import mapbox_vector_tile
import pytest

from dispatch import joint_importing
from dispatch.joint import JointTemplate
from orgs import store
from tests.service import Running
from tests.small_city import INSIDE, NEXT_GRID, OUTSIDE

LON, LAT = INSIDE
EXTRA = JointTemplate(code="EXTRA", name="临时", categories=("0999",), steps=())


async def test_locate_when_inside_then_path_and_doubt(service: Running) -> None:
    answer = (await service.get(f"/api/v1/locate?lon={LON}&lat={LAT}&crs=WGS-84", "dispatcher")).json
    assert [area["level"] for area in answer["area_path"]] == ["city", "district", "township", "community", "grid"]
    assert answer["boundary_doubt"] is False and answer["version"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (f"lon={OUTSIDE[0]}&lat={OUTSIDE[1]}&crs=WGS-84", "out_of_area"),
        (f"lon={LON}&lat={LAT}&crs=mars", "unknown_crs"),
        (f"lon={LON}&lat={LAT}", "invalid"),
        (f"lon=x&lat={LAT}&crs=WGS-84", "invalid"),
        (f"lon=nan&lat={LAT}&crs=WGS-84", "invalid"),
        (f"lon=200&lat={LAT}&crs=WGS-84", "invalid"),
    ],
)
async def test_locate_when_asked_wrongly_then_422(service: Running, query: str, code: str) -> None:
    answer = await service.get(f"/api/v1/locate?{query}", "dispatcher")
    assert (answer.status, answer.code) == (422, code), answer.body


async def test_locate_batch_when_many_points_then_each_its_grid_or_none(service: Running) -> None:
    body = {"crs": "WGS-84", "points": [[LON, LAT], [OUTSIDE[0], OUTSIDE[1]], [NEXT_GRID[0], NEXT_GRID[1]]]}
    answer = await service.post("/api/v1/locate:batch", body, "dispatcher")
    single = (await service.get(f"/api/v1/locate?lon={LON}&lat={LAT}&crs=WGS-84", "dispatcher")).json
    here, nowhere, there = answer.json["grids"]
    assert (here, nowhere) == (single["area_path"][-1]["code"], None) and there not in (None, here)
    assert answer.json["version"] == single["version"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"crs": "mars", "points": [[LON, LAT]]}, "crs"),
        ({"crs": "WGS-84", "points": [[LON, LAT], [LON, 91]]}, "points[1][1]"),
        ({"crs": "WGS-84", "points": [[LON, LAT]] * 10_001}, "points"),
    ],
)
async def test_locate_batch_when_wrong_then_422(service: Running, body: dict[str, Any], field: str) -> None:
    answer = await service.post("/api/v1/locate:batch", body, "dispatcher")
    assert answer.status == 422 and field in str(answer.json), answer.body


async def test_match_when_asked_then_ranked_with_rule_basis_parts_and_helpers(service: Running) -> None:
    answer = (await service.get(f"/api/v1/match?lon={LON}&lat={LAT}&crs=WGS-84&category=0201", "dispatcher")).json
    best = answer["candidates"][0]
    assert best["unit"]["code"] == "520102-water" and best["rule"] == "R-0201-A" and best["basis"] and best["parts"]
    assert answer["decided"] == "auto" and answer["organizations"][0]["code"] == "ORG-1"
    wrong = await service.get(f"/api/v1/match?lon={LON}&lat={LAT}&crs=WGS-84&category=9999", "dispatcher")
    assert wrong.status == 422 and wrong.json["errors"][0]["field"] == "category"


async def test_match_when_area_alone_then_ranked_without_a_point(service: Running) -> None:
    answer = (await service.get("/api/v1/match?area_code=520102001001001&category=0201", "operator")).json
    assert answer["candidates"][0]["unit"]["code"] == "520102-water" and answer["candidates"][0]["reason"]
    assert answer["place"]["lon"] is None and answer["place"]["area_path"][-1]["code"] == "520102001001001"


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("area_code=999999", "unknown_area", None),
        (f"area_code=520102&lon={LON}&lat={LAT}&crs=WGS-84", "invalid", "area_code"),
        (f"lon={LON}&lat={LAT}", "invalid", "crs"),
        (f"lat={LAT}&crs=WGS-84", "invalid", "lon"),
        ("", "invalid", "lon"),
    ],
)
async def test_match_when_place_is_not_clear_then_422(service: Running, query: str, code: str, field: str | None) -> None:
    answer = await service.get(f"/api/v1/match?{query}&category=0201", "operator")
    assert (answer.status, answer.code) == (422, code), answer.body
    assert field is None or answer.json["errors"][0]["field"] == field


async def test_directory_when_asked_then_areas_units_organizations_rules_categories(service: Running) -> None:
    roots = (await service.get("/api/v1/areas", "operator")).json["items"]
    children = (await service.get("/api/v1/areas?parent=520100", "operator")).json["items"]
    assert roots[0]["code"] == "520100" and {one["code"] for one in children} == {"520102", "520103"}
    path = (await service.get("/api/v1/areas/520102001", "operator")).json["items"]
    assert [one["code"] for one in path] == ["520100", "520102", "520102001"]
    units = (await service.get("/api/v1/units?q=%E6%B0%B4%E5%8A%A1", "operator")).json["items"]
    assert {one["code"] for one in units} == {"520102-water", "520103-water"}
    organizations = (await service.get("/api/v1/organizations?q=ORG", "operator")).json["items"]
    assert len(organizations) == 2 and "contact" not in organizations[0]
    rules = (await service.get("/api/v1/rules?category=0201", "operator")).json["items"]
    assert [rule["id"] for rule in rules if rule["id"].startswith("R-")] == ["R-0201-A", "R-0201-B"]  # without learned ones
    categories = (await service.get("/api/v1/categories", "operator")).json["items"]
    assert {one["code"] for one in categories} >= {"0201", "0901"}
    assert (await service.get("/api/v1/areas/nothing", "operator")).status == 404


async def test_city_when_asked_then_frame_and_centre(service: Running) -> None:
    city = (await service.get("/api/v1/city")).json
    assert city["name"] == "小贵阳" and city["bbox"] == [106.6, 26.6, 106.68, 26.64] and city["languages"] == ["zh-CN", "en"]


async def test_address_when_named_then_places(service: Running) -> None:
    items = (await service.get("/api/v1/address?q=%E4%BA%91%E5%B2%A9%E5%8C%BA", "operator")).json["items"]
    assert items and items[0]["area_path"]


async def test_signals_when_text_tells_then_category_and_danger(service: Running) -> None:
    answer = (await service.post("/api/v1/signals", {"text": "井盖没了,有人受伤昏迷"}, "operator")).json
    assert answer["categories"][0]["code"] == "0201" and answer["emergency"]


async def test_duplicates_when_open_case_is_near_then_listed(service: Running) -> None:
    lon, lat = NEXT_GRID[0] + 0.000137, NEXT_GRID[1]  # nothing else is so near: only the five nearest are listed
    case = await service.report(location={"lon": lon, "lat": lat, "crs": "WGS-84"})
    items = (await service.get(f"/api/v1/duplicates?lon={lon}&lat={lat}&crs=WGS-84&category=0201", "operator")).json["items"]
    assert case["id"] in [one["id"] for one in items]


async def test_notices_when_told_then_listed_and_marked_as_read(service: Running) -> None:
    case = await service.report()
    await service.services.cases.relay.sweep()
    items = (await service.get("/api/v1/notices?limit=200", "clerk_a")).json["items"]
    notice = next(one for one in items if one["case"] == case["id"])
    assert notice["read"] is False
    assert (await service.post(f"/api/v1/notices/{notice['id']}/read", {}, "clerk_a")).status == 204
    items = (await service.get("/api/v1/notices?limit=200", "clerk_a")).json["items"]
    assert next(one for one in items if one["id"] == notice["id"])["read"] is True
    assert (await service.post(f"/api/v1/notices/{notice['id']}/read", {}, "clerk_b")).status == 404


async def test_tile_when_asked_then_gzipped_with_etag_and_304(service: Running) -> None:
    z = 13
    x = int((LON + 180) / 360 * (1 << z))
    y = int((1 - math.asinh(math.tan(math.radians(LAT))) / math.pi) / 2 * (1 << z))
    answer = await service.get(f"/api/v1/tiles/{z}/{x}/{y}.mvt", "worker_a")
    layers = mapbox_vector_tile.decode(answer.body)
    assert answer.status == 200 and {"district", "township", "community", "grid"} <= set(layers)
    same = await service.get(f"/api/v1/tiles/{z}/{x}/{y}.mvt", "worker_a", headers={"If-None-Match": answer.headers["Etag"]})
    assert same.status == 304 and not same.body
    assert (await service.get(f"/api/v1/tiles/{z}/{x}/{y}.mvt")).status == 401
    for wrong in ("30/1/1", "3/9/1", "a/1/1"):
        assert (await service.get(f"/api/v1/tiles/{wrong}.mvt", "worker_a")).status == 404


async def test_territory_when_imported_again_then_every_snapshot_is_swapped(service: Running) -> None:
    services = service.services
    swapped = asyncio.Event()
    services.parties.on_renewed(swapped.set)
    await services.database.update_one("rules", {"_id": "R-05"}, {"$set": {"basis": "改过的依据"}})
    await store.mark_changed(services.database, datetime.now(UTC))
    await asyncio.wait_for(swapped.wait(), 10)
    rule = (await service.get("/api/v1/rules?category=0501", "operator")).json["items"][0]
    assert rule["basis"] == "改过的依据"


async def test_openapi_when_asked_then_31_with_every_address_and_resolved_refs(service: Running) -> None:
    api = (await service.get("/api/v1/openapi.json")).json
    assert (
        api["openapi"] == "3.1.0" and "/api/v1/events" in api["paths"] and "/api/v1/cases/{id}/actions/{action}" in api["paths"]
    )
    body = api["paths"]["/api/v1/events"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    shape = api["components"]["schemas"][body["$ref"].rpartition("/")[2]]
    assert "description" in shape["required"] and "$where" not in shape["properties"]
    names = set(api["components"]["schemas"])
    assert _refs(api) <= names
    ids = [one["operationId"] for verbs in api["paths"].values() for one in verbs.values()]
    assert len(ids) == len(set(ids))


def _refs(value: object) -> set[str]:
    if isinstance(value, dict):
        own = {str(value["$ref"]).rpartition("/")[2]} if "$ref" in value else set()
        return own.union(*(_refs(inner) for inner in value.values()))
    return set().union(*(_refs(inner) for inner in value)) if isinstance(value, list) else set()


async def test_docs_when_asked_then_a_page_without_scripts(service: Running) -> None:
    answer = await service.get("/api/docs", headers={"Accept-Language": "en"})
    assert answer.status == 200 and b"<script" not in answer.body and b"/api/v1/events" in answer.body
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"] and "http" not in answer.body.decode().replace(
        "http-", ""
    )


async def test_health_when_asked_without_sign_in_then_ok(service: Running) -> None:
    answer = await service.get("/api/v1/health")
    assert answer.status == 200 and answer.json["status"] == "ok" and answer.json["city"] == "520100"


@pytest.mark.parametrize(("method", "path", "status", "code"), [
    ("GET", "/api/v1/nothing", 404, "unknown_address"), ("GET", "/nothing", 404, "unknown_address"),
    ("DELETE", "/api/v1/events", 405, "method_not_allowed"), ("PATCH", "/api/v1/cases", 405, "method_not_allowed"),
    ("GET", "/api/v1/cases/a%00b", 404, "not_found"), ("GET", "/api/v1/cases/%ff", 400, "malformed"),
])  # fmt: skip
async def test_address_when_strange_then_problem_document(
    service: Running, method: str, path: str, status: int, code: str
) -> None:
    answer = await service.call(method, path, user="dispatcher")
    assert (answer.status, answer.code) == (status, code), answer.body
    assert "Traceback" not in answer.body.decode() and answer.headers["Content-Type"].startswith("application/problem+json")
    if status == 405:
        assert answer.headers["Allow"]


async def test_joint_templates_when_asked_then_with_their_steps(service: Running) -> None:
    (template,) = (await service.get("/api/v1/joint-templates?category=0601", "dispatcher")).json["items"]
    assert (template["code"], template["name_en"], template["categories"]) == ("FALL", "Falling objects", ["0601"])
    assert [(one["step"], one["kind"], one["unit"], one["limit"]) for one in template["steps"]] == [
        (1, "lead", "urban@district", ""), (1, "joint", "town@township", "4wh"), (1, "assist", "water@district", ""),
        (2, "joint", "520102-road", "1wd"),
    ]  # fmt: skip
    assert (await service.get("/api/v1/joint-templates?category=0101", "operator")).json["items"] == []
    assert (await service.get("/api/v1/joint-templates")).status == 401


async def test_joint_templates_when_imported_again_then_seen_without_a_restart(service: Running) -> None:
    before = service.services.core.joint_templates
    await joint_importing.write(service.services.database, [*before.all(), EXTRA])
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(10):
        while len(found) != 2:
            found = (await service.get("/api/v1/joint-templates", "dispatcher")).json["items"]
    assert [one["code"] for one in found] == ["EXTRA", "FALL"]
    await joint_importing.write(service.services.database, list(before.all()))
