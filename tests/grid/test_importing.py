"""What the import of a territory accepts, and what it says about the rest."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
import shapely

from dispatch.packs import PackReport, str_error
from grid.coordinates import from_wgs84
from grid.importing import TerritoryPack, read
from tests.grid.factories import collection, small_city, square, write_pack

WHOLE = shapely.box(106.0, 26.0, 106.02, 26.01)
METRE = 1 / 100_120  # of longitude at 26°


def city_and(*grids: tuple[Any, dict[str, Any]]) -> str:
    """A city with one community and the given grids in it."""
    return collection(
        (WHOLE, {"code": "1", "name": "市", "level": "city"}),
        (WHOLE, {"code": "11", "name": "社区", "level": "community", "parent": "1"}),
        *((shape, {"name": "格", "level": "grid", "parent": "11", "kind": "duty"} | properties) for shape, properties in grids),
    )


def read_text(folder: Path, text: str, name: str = "areas.geojson") -> tuple[TerritoryPack, PackReport]:
    report = PackReport()
    (folder / name).write_text(text, encoding="utf-8")
    return read(folder, report), report


def errors(report: PackReport) -> list[str]:
    return [str_error(error) for error in report.errors]


def test_read_when_city_nests_then_all_areas_and_no_complaint(tmp_path: Path) -> None:
    write_pack(tmp_path, small_city())
    report = PackReport()
    pack = read(tmp_path, report)
    assert (report.errors, report.warnings) == ([], [])
    assert len(pack.areas) == len(small_city().areas)
    assert pack.codes == {area.code for area in small_city().areas}
    shapes = {area.code: area.geometry for area in small_city().areas}
    assert all(shapely.equals_exact(shapely.from_wkb(area.wkb), shapes[area.code], 1e-12) for area in pack.areas)
    assert all(shapely.contains_xy(shapes[area.code], *area.label) for area in pack.areas)


def test_read_when_packed_and_in_another_crs_then_wgs84(tmp_path: Path) -> None:
    shifted = shapely.transform(WHOLE, lambda at: [from_wgs84(x, y, "GCJ-02") for x, y in at.tolist()])
    text = collection((shifted, {"code": "1", "name": "市", "level": "city", "crs": "GCJ-02"}))
    (tmp_path / "areas.geojson.gz").write_bytes(gzip.compress(text.encode()))
    report = PackReport()
    pack = read(tmp_path, report)
    assert report.ok
    assert shapely.hausdorff_distance(shapely.from_wkb(pack.areas[0].wkb), WHOLE) < 1e-6


@pytest.mark.parametrize(
    ("shape", "properties", "complaint"),
    [
        (square(106.0, 26.0), {"code": "g x"}, "row 3, column code: Expected `str` matching regex"),
        (square(106.0, 26.0), {"code": 7}, "row 3, column code: Expected `str`, got `int`"),
        (square(106.0, 26.0), {}, "row 3, column code: Object missing required field"),
        (square(106.0, 26.0), {"code": "11"}, "row 3, column code: `11` stands in feature 2 already"),
        (square(106.0, 26.0), {"code": "g", "level": "block"}, "row 3, column level: is `block`; allowed: city, district"),
        (square(106.0, 26.0), {"code": "g", "kind": "own"}, "row 3, column kind: is `own`; allowed: unit, duty"),
        (square(106.0, 26.0), {"code": "g", "crs": "EPSG:3857"}, "row 3, column crs: is `EPSG:3857`; allowed: WGS-84"),
        (square(106.0, 26.0), {"code": "g", "parent": "12"}, "row 3, column parent: no area has the code `12`"),
        (square(106.0, 26.0), {"code": "g", "parent": None}, "row 3, column parent: no area has the code ``"),
        (square(106.0, 26.0), {"code": "g", "level": "district"}, "row 3, column parent: `11` is a community; allowed: city"),
        (square(106.0, 26.0), {"code": "g", "level": "city", "parent": None}, "row 3, column level: 2 areas are a city"),
        (
            shapely.Point(106.0, 26.0),
            {"code": "g"},
            "row 3, column geometry: is a Point; allowed: a valid Polygon or MultiPolygon",
        ),
        (shapely.Polygon(), {"code": "g"}, "row 3, column geometry: is empty"),
        (square(560_000.0, 2_900_000.0), {"code": "g"}, "row 3, column geometry: leaves the range of longitude and latitude"),
        (
            shapely.Polygon([(106.0, 26.0), (106.01, 26.01), (106.01, 26.0), (106.0, 26.01)]),
            {"code": "g"},
            "row 3, column geometry: is not valid (Self-intersection",
        ),
        (
            shapely.box(106.0, 26.0, 106.02 + 5 * METRE, 26.01),
            {"code": "g"},
            "row 3, column geometry: reaches 5 m (3323 m²) beyond its parent `11`; allowed: 2 m",
        ),
    ],
)
def test_read_when_an_area_is_wrong_then_says_feature_property_and_what_is_allowed(
    tmp_path: Path, shape: Any, properties: dict[str, Any], complaint: str
) -> None:
    _, report = read_text(tmp_path, city_and((shape, properties)))
    assert any(line.startswith(f"areas.geojson, {complaint}") for line in errors(report)), errors(report)


def test_read_when_grid_reaches_one_metre_beyond_then_accepted(tmp_path: Path) -> None:
    _, report = read_text(tmp_path, city_and((shapely.box(106.0, 26.0, 106.02 + METRE, 26.01), {"code": "g"})))
    assert errors(report) == []


def test_read_when_siblings_overlap_then_error_with_square_metres(tmp_path: Path) -> None:
    one, other = shapely.box(106.0, 26.0, 106.01, 26.01), shapely.box(106.01 - METRE, 26.0, 106.02, 26.01)
    _, report = read_text(tmp_path, city_and((one, {"code": "g1"}), (other, {"code": "g2"})))
    assert len(report.errors) == 1
    assert errors(report)[0].startswith("areas.geojson, row 4, column geometry: overlaps `g1` by 110")
    assert report.errors[0].code == "overlap"


def test_read_when_siblings_touch_through_a_t_junction_then_accepted(tmp_path: Path) -> None:
    whole = shapely.box(106.0, 26.0, 106.01, 26.01)
    parts = [shapely.box(106.01, 26.0, 106.02, 26.003), shapely.box(106.01, 26.003, 106.02, 26.01)]
    _, report = read_text(tmp_path, city_and((whole, {"code": "a"}), (parts[0], {"code": "b"}), (parts[1], {"code": "c"})))
    assert (report.errors, report.warnings) == ([], [])


def test_read_when_a_gap_stays_then_warning_at_the_parent(tmp_path: Path) -> None:
    _, report = read_text(tmp_path, city_and((shapely.box(106.0, 26.0, 106.01, 26.01), {"code": "g"})))
    assert report.ok
    assert [(warning.row, warning.code) for warning in report.warnings] == [(2, "gap")]


def test_read_when_special_grid_lies_over_others_then_accepted(tmp_path: Path) -> None:
    pack, report = read_text(
        tmp_path, city_and((WHOLE, {"code": "g"}), (square(106.005, 26.002, 0.003), {"code": "s", "kind": "special"}))
    )
    assert (report.errors, report.warnings) == ([], [])
    assert pack.zone_codes == {"s"}


def test_read_when_areas_have_no_geometry_then_one_warning(tmp_path: Path) -> None:
    pack, report = read_text(tmp_path, city_and((None, {"code": "g1"}), (None, {"code": "g2"})))
    assert report.ok
    assert [warning.code for warning in report.warnings] == ["no_geometry"]
    assert [area.wkb == b"" for area in pack.areas] == [False, False, True, True]


@pytest.mark.parametrize(
    "text", ["", "{", '{"type":"Feature"}', '{"type":"FeatureCollection"}', "[]", '{"type":"FeatureCollection","features":[1]}']
)
def test_read_when_not_a_feature_collection_then_one_error(tmp_path: Path, text: str) -> None:
    _, report = read_text(tmp_path, text)
    assert errors(report)[0].startswith("areas.geojson: is not a GeoJSON FeatureCollection")


def test_read_when_gzip_is_cut_short_then_error(tmp_path: Path) -> None:
    (tmp_path / "areas.geojson.gz").write_bytes(gzip.compress(city_and().encode())[:40])
    report = PackReport()
    read(tmp_path, report)
    assert report.errors[0].code == "malformed"


def test_read_when_areas_are_missing_then_error(tmp_path: Path) -> None:
    report = PackReport()
    read(tmp_path, report)
    assert errors(report)[0] == "areas.geojson: the file is missing; a pack must have it"


def test_read_when_zones_and_assets_then_typed(tmp_path: Path) -> None:
    write_pack(tmp_path, small_city())
    (tmp_path / "zones.geojson").write_text(collection((square(106.6, 26.6), {"code": "Z", "name": "市场", "kind": "special"})))
    line = shapely.LineString([(106.6, 26.6), (106.7, 26.7)])
    (tmp_path / "assets.geojson").write_text(
        collection(
            (line, {"code": "R", "category": "0901", "owner": "river", "buffer_m": 80}),
            (shapely.Point(106.6, 26.6), {"code": "P", "category": "0201", "owner": "water"}),
        )
    )
    report = PackReport()
    pack = read(tmp_path, report)
    assert report.ok
    assert [(zone.code, zone.kind) for zone in pack.zones] == [("Z", "special")]
    assert [(asset.code, asset.buffer_m) for asset in pack.assets] == [("R", 80.0), ("P", 30.0)]


@pytest.mark.parametrize(
    ("file", "properties", "complaint"),
    [
        (
            "zones.geojson",
            {"code": "Z", "name": "z", "kind": "park"},
            "row 1, column kind: is `park`; allowed: special, campaign",
        ),
        ("assets.geojson", {"code": "A", "category": "0201"}, "row 1, column owner: Object missing required field"),
        (
            "assets.geojson",
            {"code": "A", "category": "1", "owner": "o", "buffer_m": -1},
            "row 1, column buffer_m: Expected `float` > 0",
        ),
    ],
)
def test_read_when_zone_or_asset_is_wrong_then_says_where(
    tmp_path: Path, file: str, properties: dict[str, Any], complaint: str
) -> None:
    write_pack(tmp_path, small_city())
    (tmp_path / file).write_text(collection((square(106.6, 26.6), properties)))
    report = PackReport()
    read(tmp_path, report)
    assert errors(report)[0].startswith(f"{file}, {complaint}")


def test_read_when_gazetteer_then_wgs84_entries_and_row_errors(tmp_path: Path) -> None:
    write_pack(tmp_path, small_city())
    (tmp_path / "gazetteer.csv").write_text(
        "name,aliases,kind,lon,lat,crs,area_code\n"
        "喷水池,大十字;中心,road,106.6335684,26.6433304,GCJ-02,\n"
        "某村,,village,,,,520001\n"
        "甲,,,106.6,,WGS-84,\n"
        "乙,,,106.6,26.6,,\n"
        "丙,,,,,,\n"
        "丁,,,,,,999\n",
        encoding="utf-8",
    )
    report = PackReport()
    pack = read(tmp_path, report)
    assert [(entry.name, entry.lon, entry.lat, entry.area_code) for entry in pack.gazetteer] == [
        ("喷水池", 106.63, 26.647, None),
        ("某村", None, None, "520001"),
    ]
    assert pack.gazetteer[0].aliases == ("大十字", "中心")
    assert [(error.row, error.field) for error in report.errors] == [(4, "lat"), (5, "crs"), (6, "area_code"), (7, "area_code")]
