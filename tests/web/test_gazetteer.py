"""Addresses asked for over HTTP, and the gazetteer kept: put, listed, taken out, imported, in force without a restart."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any
from urllib.parse import quote

import pytest

from dispatch.outside.settings import GeocoderSettings, OutsideSettings
from grid.address_search import AddressSearch
from grid.entries import CHANGES
from grid.geocoders import OutsidePlace
from tests.outside.servers import always, http_server
from tests.service import Answer, Running
from tests.small_city import EAST, INSIDE, NEXT_GRID, NORTH, OTHER_DISTRICT
from web.geocoding import open_geocoders

LON, LAT = INSIDE
HEADER = "id,name,aliases,kind,lon,lat,crs,area_code,line,synthetic"


async def put(service: Running, id: str, user: str = "sys_admin", **entry: Any) -> Answer:
    return await service.call("PUT", f"/api/v1/gazetteer/{id}", user=user, body=entry)


async def asked(service: Running, address: str) -> list[dict[str, Any]]:
    answer = await service.get(f"/api/v1/address?q={quote(address)}", "operator")
    assert answer.status == 200, answer.body
    found: list[dict[str, Any]] = answer.json["items"]
    return found


async def found(service: Running, address: str, name: str) -> dict[str, Any]:
    """Wait until the address is answered by this name: the change reaches the names by the feed."""
    async with asyncio.timeout(30):
        while True:
            hits = await asked(service, address)
            if hits and hits[0]["name"] == name:
                return hits[0]
            await asyncio.gather(*service.services.territory._tasks)
            await asyncio.sleep(0)


async def test_address_when_road_and_door_are_put_then_found_with_confidence_and_parts(service: Running) -> None:
    line = [f"{LON - 0.003} {LAT}", f"{LON} {LAT}", f"{LON + 0.003} {LAT}"]
    road = await put(service, "jynl", name="金阳南路", kind="road", crs="WGS-84", line=line)
    assert road.status == 200 and (road.json["lon"], road.json["rev"], road.json["origin"]) == (LON, 1, "office")
    door = await put(service, "jynl-8", name="金阳南路8号", kind="door", lon=LON, lat=LAT, crs="WGS-84")
    assert door.status == 200
    hit = await found(service, "南明区金阳南路八号旁", "金阳南路8号")
    assert (hit["lon"], hit["lat"], hit["kind"], hit["source"]) == (LON, LAT, "door", "gazetteer")
    assert hit["confidence"] > 0.9 and 0 < hit["radius_m"] < 300 and hit["doubt"] == []
    assert [(part["kind"], part["text"], part["how"]) for part in hit["parts"]] == [
        ("district", "南明区", "exact"), ("road", "金阳南路", "exact"), ("number", "8号", ""), ("relation", "旁", ""),
    ]  # fmt: skip
    assert hit["area_path"][-1]["code"] == "520102001001001"
    elsewhere = next(one for one in await asked(service, "云岩区金阳南路8号") if one["name"] == "金阳南路8号")
    assert elsewhere["doubt"] == ["not_in:520103"] and elsewhere["confidence"] < 0.3
    typed = [one["name"] for one in await asked(service, "jynl")]
    assert typed == ["金阳南路"]


async def test_ticket_when_only_an_address_then_placed_with_doubt(service: Running) -> None:
    await put(service, "lm-1", name="听涛阁", kind="landmark", lon=NEXT_GRID[0], lat=NEXT_GRID[1], crs="WGS-84")
    await found(service, "听涛阁", "听涛阁")
    place = service.services.territory.locate_address("南明区听涛阁对面")
    assert place is not None and place.area_path[-1].code == "520102001001002"
    assert place.boundary_doubt and place.doubt[-1] == "address_only:听涛阁"


async def test_entries_when_put_listed_and_removed_then_written_down(service: Running) -> None:
    for number in range(3):
        answer = await put(service, f"list-{number}", name=f"列表地标{number}", kind="landmark", area_code="520102")
        assert answer.status == 200
    first = (await service.get(f"/api/v1/gazetteer?q={quote('列表')}&limit=2", "sys_admin")).json
    assert [one["id"] for one in first["items"]] == ["list-0", "list-1"]
    rest = (await service.get(f"/api/v1/gazetteer?q={quote('列表')}&limit=2&cursor={quote(first['next'])}", "sys_admin")).json
    assert ([one["id"] for one in rest["items"]], rest["next"]) == (["list-2"], None)
    stale = await put(service, "list-0", name="列表地标0", area_code="520103", rev=7)
    assert (stale.status, stale.code) == (412, "stale_rev")
    for _ in range(2):
        assert (await service.call("DELETE", "/api/v1/gazetteer/list-0?rev=1", user="sys_admin")).status == 204
    assert (await service.get("/api/v1/gazetteer/list-0", "sys_admin")).status == 404
    changes = await service.services.database.find(CHANGES, {"of": "list-0"}, sort=[("at", 1)])
    assert [(one["role"], (one["after"] or {}).get("removed", False)) for one in changes] == [
        ("sys_admin", False),
        ("sys_admin", True),
    ]


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ({"name": "甲地"}, "area_code"),
        ({"name": "甲地", "area_code": "999"}, "area_code"),
        ({"name": "甲地", "lon": LON, "lat": LAT}, "crs"),
        ({"name": "甲地", "lon": LON, "crs": "WGS-84"}, "lat"),
        ({"name": "甲地", "lon": 1e9, "lat": LAT, "crs": "WGS-84"}, "lon"),
        ({"name": "", "area_code": "520102"}, "name"),
        ({"name": "甲路", "crs": "WGS-84", "line": ["x y", "1 2"]}, "line"),
        ({"name": "甲地", "area_code": "520102", "colour": "red"}, "colour"),
    ],
)
async def test_put_when_wrong_then_422_names_the_field(service: Running, entry: dict[str, Any], field: str) -> None:
    answer = await put(service, "wrong-1", **entry)
    assert answer.status == 422, answer.body
    assert [error["field"] for error in answer.json["errors"]] == [field]
    assert (await service.get("/api/v1/gazetteer/wrong-1", "sys_admin")).status == 404


async def test_entries_when_not_an_administrator_then_403(service: Running) -> None:
    assert (await put(service, "mine", user="operator", name="甲地", area_code="520102")).status == 403
    assert (await service.get("/api/v1/gazetteer", "dispatcher")).status == 403
    assert (await service.get("/api/v1/gazetteer")).status == 401
    assert (await put(service, "no%20id", name="甲地", area_code="520102")).status == 422
    assert (await service.get("/api/v1/gazetteer?cursor=x", "sys_admin")).status == 422


async def test_import_when_looked_at_then_taken_over(service: Running) -> None:
    rows = [HEADER, f",导入小区,导入苑,estate,{OTHER_DISTRICT[0]},{OTHER_DISTRICT[1]},WGS-84,,,true", ",坏行,,,,,,999,,"]
    seen = await service.post("/api/v1/gazetteer:import", {"csv": "\n".join(rows)}, "sys_admin")
    assert seen.status == 200 and (seen.json["new"], seen.json["dry_run"]) == (1, True)
    assert [(error["row"], error["field"], error["code"]) for error in seen.json["errors"]] == [(3, "area_code", "unknown_area")]
    refused = await service.post("/api/v1/gazetteer:import", {"csv": "\n".join(rows), "dry_run": False}, "sys_admin")
    assert refused.status == 422 and refused.json["errors"][0]["row"] == 3
    good = {"csv": "\n".join(rows[:2]), "dry_run": False}
    taken = [(await service.post("/api/v1/gazetteer:import", good, "sys_admin")).json for _ in range(2)]
    assert [(one["new"], one["same"]) for one in taken] == [(1, 0), (0, 1)]
    hit = await found(service, "云岩区导入苑", "导入小区")
    assert EAST > hit["lon"] and NORTH > hit["lat"] and hit["kind"] == "estate"


@pytest.mark.parametrize(
    "text", ["，，", "%$", "𠮷" * 50, "号" * 200, "8号8号8号", "\u202e路", "a" * 200, "路路路路路路", "(((("]
)
async def test_address_when_strange_then_answered(service: Running, text: str) -> None:
    answer = await service.get(f"/api/v1/address?q={quote(text)}", "operator")
    assert answer.status == 200 and isinstance(answer.json["items"], list)


async def test_address_when_asked_outside_then_marked_with_its_source_and_kept_nowhere(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = (await service.get(f"/api/v1/address?q={quote('天涯阁')}&outside=1", "operator")).json
    assert silent["items"] == [] and silent["outside"] == [{"source": "outside", "reason": "not_configured"}]
    location = {"lon": str(LON), "lat": str(LAT), "level": "门址", "keyWord": "天涯阁"}
    async with http_server(always(200, {"status": "0", "location": location})) as site:
        settings = OutsideSettings(
            private_networks=("127.0.0.0/8",), geocoders=(GeocoderSettings(name="tianditu", key="k", api=site.url),)
        )
        async with contextlib.AsyncExitStack() as closing:
            searching = AddressSearch(lambda: service.services.territory.snapshot, open_geocoders(settings, closing))
            monkeypatch.setattr(service.services, "addresses", searching)
            assert (await service.get(f"/api/v1/address?q={quote('天涯阁')}", "operator")).json["items"] == []
            assert site.asked == [], "nothing leaves the house unless it is wished"
            found = (await service.get(f"/api/v1/address?q={quote('天涯阁')}&outside=1", "operator")).json
    (hit,) = found["items"]
    assert (hit["source"], hit["lon"], hit["lat"], hit["doubt"], found["outside"]) == ("tianditu", LON, LAT, ["unproven"], [])
    assert hit["area_path"][-1]["code"] == "520102001001001" and hit["confidence"] < 0.9
    assert service.services.territory.locate_address("天涯阁") is None


def test_outside_hit_when_outside_the_territory_then_hardly_it(service: Running) -> None:
    place = OutsidePlace(source="amap", name="甲", kind="door", lon=116.4, lat=39.9, confidence=0.8, radius_m=100.0)
    hit = service.services.territory.snapshot.outside_hit(place)
    assert hit.area_path == () and hit.doubt == ("unproven", "outside") and hit.confidence < 0.3
