"""Files of boundaries over HTTP and by the verb: findings in words, pages, refusals that name the place; nothing is changed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import shapely
from click.testing import CliRunner, Result

from bench.boundary_files import geopackage, shapefile_parts, zipped
from grid.boundaries import Finding
from grid.files.limits import MAX_UPLOAD
from grid.inspection import CODES
from tests.grid.factories import collection
from tests.service import Answer, Running
from web.cli.territory import territory
from web.findings import finding_words
from web.problems import LANGUAGES

COMMUNITY = "520102001001"
WEST, SOUTH, WIDE, HIGH = 106.60, 26.60, 0.01, 0.04


def grids(*shifts: float) -> list[tuple[Any, dict[str, Any]]]:
    """The four grids of the first community; each begins so many degrees west of where it should."""
    return [
        (
            shapely.box(WEST + number * WIDE - shift, SOUTH, WEST + (number + 1) * WIDE, SOUTH + HIGH),
            {"编码": f"{COMMUNITY}{number + 1:03}", "名称": f"南明区{number + 1}号网格"},
        )
        for number, shift in enumerate(shifts or (0, 0, 0, 0))
    ]


async def inspect(service: Running, data: bytes, *, user: str = "sys_admin", language: str = "en", **query: Any) -> Answer:
    path = f"/api/v1/territory:inspect?{urlencode({'crs': 'WGS-84'} | query)}"
    return await service.call("POST", path, user=user, raw=data, headers={"Accept-Language": language})


async def test_inspect_when_the_file_is_what_is_there_then_possible_and_nothing_changes(service: Running) -> None:
    before = await service.get("/api/v1/city", "sys_admin")
    for data in (zipped({"网格": shapefile_parts(grids())}), geopackage({"网格": grids()}), collection(*grids()).encode()):
        answer = await inspect(service, data)
        assert answer.status == 200
        assert (answer.json["possible"], answer.json["findings"], answer.json["counts"]) == (True, [], {})
        assert answer.json["effect"] == {"new": 0, "changed": 0, "same": 4, "left_out": 0}
        assert answer.json["levels"] == {"grid": 4}
    assert (await service.get("/api/v1/city", "sys_admin")).json == before.json


@pytest.mark.parametrize(("language", "words"), [("en", "Overlaps 520102001001001 by"), ("zh-CN", "与 520102001001001 重叠")])
async def test_inspect_when_grids_overlap_then_said_with_figure_and_place_in_the_askers_language(
    service: Running, language: str, words: str
) -> None:
    answer = await inspect(service, collection(*grids(0, 0.0001, 0, 0)).encode(), language=language)
    (one,) = answer.json["findings"]
    assert not answer.json["possible"]
    assert (one["code"], one["feature"], one["other"]) == ("overlap", 2, f"{COMMUNITY}001")
    assert one["message"].startswith(words)
    assert one["figures"]["area_m2"] == pytest.approx(44_000, rel=0.02)
    assert WEST < one["lon"] < WEST + WIDE + 1e-9
    assert SOUTH < one["lat"] < SOUTH + HIGH


async def test_inspect_when_more_findings_than_a_page_then_the_cursor_goes_on_to_the_end(service: Running) -> None:
    data = collection(*((None, properties) for _, properties in grids())).encode()
    first = await inspect(service, data, limit=3)
    assert [one["feature"] for one in first.json["findings"]] == [1, 2, 3] and first.json["next"] == 3
    path = f"/api/v1/territory/inspections/{first.json['id']}"
    second = await service.get(f"{path}?limit=3&cursor=3", "sys_admin", headers={"Accept-Language": "zh-CN"})
    assert [one["feature"] for one in second.json["findings"]] == [4] and second.json["next"] is None
    assert second.json["findings"][0]["message"] == "没有图形"
    assert {**second.json, "findings": [], "next": None} == {**first.json, "findings": [], "next": None}
    assert first.json["counts"] == {"empty": 4} and first.json["version"] >= 1
    from_third = await inspect(service, data, limit=3, cursor=2)
    assert [one["feature"] for one in from_third.json["findings"]] == [3, 4]
    assert (await service.get(f"{path}?cursor=-1", "sys_admin")).json["errors"][0]["field"] == "cursor"
    assert (await service.get(path, "dispatcher")).status == 403
    assert (await service.get("/api/v1/territory/inspections/unknown", "sys_admin")).status == 404


async def test_inspect_when_properties_have_other_names_then_by_field_map(service: Running) -> None:
    renamed = [(shape, {"BM": one["编码"], "MC": one["名称"]}) for shape, one in grids()]
    data = collection(*renamed).encode()
    refused = await inspect(service, data)
    assert (refused.status, refused.code) == (422, "boundary_fields")
    assert "BM, MC" in refused.json["detail"]
    assert (await inspect(service, data, field_map="code:BM,name:MC")).json["possible"]
    wrong = await inspect(service, data, field_map="codes:BM")
    assert (wrong.status, wrong.json["errors"][0]["field"]) == (422, "field_map")


async def test_inspect_when_several_layers_then_says_which_in_the_problem(service: Running) -> None:
    data = zipped({"街道": shapefile_parts(grids()), "网格": shapefile_parts(grids())})
    refused = await inspect(service, data, language="zh-CN")
    assert (refused.status, refused.code) == (422, "boundary_layer")
    assert "网格, 街道" in refused.json["detail"]
    assert (await inspect(service, data, layer="网格")).json["layer"] == "网格"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"crs": "EPSG:4326"}, "crs"),
        ({"level": "block"}, "level"),
        ({"limit": 0}, "limit"),
        ({"cursor": -1}, "cursor"),
        ({"cr": 1}, "cr"),
    ],
)
async def test_inspect_when_the_question_is_wrong_then_422_with_its_name(
    service: Running, query: dict[str, Any], field: str
) -> None:
    answer = await inspect(service, b"{}", **query)
    assert (answer.status, answer.json["errors"][0]["field"]) == (422, field)


async def test_inspect_when_no_system_is_named_then_422(service: Running) -> None:
    answer = await service.call("POST", "/api/v1/territory:inspect", user="sys_admin", raw=b"{}")
    assert (answer.status, answer.json["errors"][0]["field"]) == (422, "crs")


async def test_inspect_when_it_is_no_file_of_boundaries_then_422_in_words(service: Running) -> None:
    for data in (b"", b"hello", b"PK\x03\x04" + bytes(30)):
        answer = await inspect(service, data)
        assert answer.status == 422
        assert answer.json["errors"][0]["message"]


async def test_inspect_when_too_large_then_413(service: Running) -> None:
    answer = await inspect(service, bytes(MAX_UPLOAD + 1))
    assert (answer.status, answer.code, answer.json["limit"]) == (413, "too_large", MAX_UPLOAD)


@pytest.mark.parametrize("user", ["dispatcher", "grid_worker", "operator"])
async def test_inspect_when_another_role_then_403(service: Running, user: str) -> None:
    assert (await inspect(service, b"{}", user=user)).status == 403


async def run(service: Running, *arguments: str) -> Result:
    """Run the verb beside the service, as an administrator would: it has an event loop of its own."""
    settings = service.services.settings
    environment = {
        "HEYUN_MONGODB_URI": settings.mongodb_uri, "HEYUN_DATABASE": settings.database, "HEYUN_DATA": str(settings.data),
    }  # fmt: skip
    return await asyncio.to_thread(CliRunner().invoke, territory, arguments, env=environment)


async def test_verb_when_a_file_is_wrong_then_status_one_and_all_of_it_as_json(service: Running, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.zip", tmp_path / "bad.geojson"
    good.write_bytes(zipped({"网格": shapefile_parts(grids())}))
    bad.write_text(collection(*grids(0, 0.0001, 0, 0)))
    fine = await run(service, "inspect", str(good), "--crs", "CGCS2000")
    assert (fine.exit_code, "4 grid; 0 new, 0 changed, 4 same" in fine.output) == (0, True), fine.output
    wrong = await run(service, "inspect", str(bad), "--crs", "WGS-84", "--json", "--language", "en")
    assert wrong.exit_code == 1
    assert json.loads(wrong.output.splitlines()[-1])["counts"] == {"overlap": 1}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", CODES)
def test_words_when_any_code_then_a_sentence_without_holes(language: str, code: str) -> None:
    reasons = {"duplicate": "code", "wrong_code": "digits", "suspect_crs": "CGCS2000", "wrong_property": "choice"}
    figures = dict.fromkeys(("area_m2", "total_m2", "distance_m", "feature", "cities", "areas", "WGS-84", "GCJ-02"), 1234.5)
    finding = Finding(
        code=code,
        severity="error",
        area="5201",
        other="GCJ-02",
        field="kind",
        reason=reasons.get(code, "reason"),
        figures=figures,
    )
    words = finding_words(finding, language)
    assert words
    assert not {"{", "}"} & set(words)
    assert language == "zh-CN" or not any("\u4e00" <= char <= "\u9fff" for char in words)


async def test_inspect_when_properties_are_wrong_then_said_in_chinese_without_a_word_of_english(service: Running) -> None:
    bow = shapely.Polygon([(WEST, SOUTH), (WEST + WIDE, SOUTH + HIGH), (WEST + WIDE, SOUTH), (WEST, SOUTH + HIGH)])
    properties = {"code": f"{COMMUNITY}001", "name": "", "类型": "什么网格", "启用日期": "明年"}
    answer = await inspect(service, collection((bow, properties)).encode(), language="zh-CN", keeps_others="true")
    said = {one["field"]: one["message"] for one in answer.json["findings"] if one["severity"] == "error"}
    assert said["geometry"].startswith("图形无效（自相交），可自动修复")
    assert said["kind"] == "属性 kind 的值“什么网格”不可用；可用：unit, duty, manage, eval, special, extension"
    assert said["name"] == "缺少属性 name"
    assert said["valid_from"] == "属性 valid_from 的值“明年”不是日期；应如 2026-11-21"
