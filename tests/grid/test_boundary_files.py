"""What is read of a file of boundaries, whatever tool made it, and what is said of one that is not read."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Transformer

from bench.boundary_files import geopackage, package_geometry, shapefile_parts, zipped
from grid.coordinates import from_wgs84
from grid.files import limits
from grid.files.limits import BadBoundaryFile
from grid.files.reading import BoundaryFile, ReadOptions, read_boundaries
from tests.grid.factories import collection

GRID = "520102001001001"
SQUARE = shapely.box(106.60, 26.60, 106.61, 26.61)
HOLED = SQUARE.difference(shapely.box(106.603, 26.603, 106.605, 26.605))
ISLANDS = shapely.MultiPolygon([HOLED, shapely.box(106.62, 26.60, 106.63, 26.61)])
SHAPES = [SQUARE, HOLED, ISLANDS]
CHINESE = {"编码": GRID, "名称": "筑城广场网格", "级别": "网格", "类型": "单元网格"}


def read(data: bytes, **options: Any) -> BoundaryFile:
    return read_boundaries(data, ReadOptions(**{"crs": "WGS-84"} | options))


def refused(data: bytes, **options: Any) -> BadBoundaryFile:
    with pytest.raises(BadBoundaryFile) as raised:
        read(data, **options)
    assert raised.value.errors[0].message
    return raised.value


def as_geojson(*features: tuple[Any, dict[str, Any]], **more: Any) -> bytes:
    return json.dumps(json.loads(collection(*features)) | more).encode()


def wkt(code: int, form: str = "WKT1_ESRI") -> str:
    return str(CRS.from_epsg(code).to_wkt(form))


def flat(shape: Any, code: int) -> Any:
    """A shape of degrees in a projection of China's register."""
    there = Transformer.from_crs(4490, code, always_xy=True)
    return shapely.transform(shape, lambda at: np.column_stack(there.transform(at[:, 0], at[:, 1])))


FORMS = {
    "geojson": lambda features: as_geojson(*features),
    "gzipped": lambda features: gzip.compress(as_geojson(*features)),
    "shapefile": lambda features: zipped({"网格": shapefile_parts(features)}),
    "shapefile_gbk": lambda features: zipped({"wg": shapefile_parts(features, encoding="gbk", cpg="GBK")}),
    "shapefile_undeclared_gbk": lambda features: zipped({"wg": shapefile_parts(features, encoding="gbk", cpg=None)}),
    "shapefile_undeclared_utf8": lambda features: zipped({"wg": shapefile_parts(features, cpg=None)}),
    "geopackage": lambda features: geopackage({"网格": features}),
}


@pytest.mark.parametrize("form", FORMS)
def test_read_when_any_kind_of_file_then_the_same_boundaries(form: str) -> None:
    file = read(FORMS[form]([(shape, CHINESE) for shape in SHAPES]))
    assert [one.number for one in file.boundaries] == [1, 2, 3]
    assert {(one.code, one.name, one.level, one.kind, one.parent) for one in file.boundaries} == {
        (GRID, "筑城广场网格", "grid", "unit", GRID[:12])
    }
    for one, shape in zip(file.boundaries, SHAPES, strict=True):
        assert shapely.from_wkb(one.wkb).normalize().equals_exact(shape.normalize(), 1e-12)
    assert file.fields == {"code": "编码", "name": "名称", "level": "级别", "kind": "类型"}
    assert file.findings == []


def test_read_when_the_caller_says_which_property_holds_what_then_these() -> None:
    properties = {"BM": 520102001001.0, "MC": "社区甲", "SJ": "520102001", "code": "x", "name": "y"}
    (one,) = read(as_geojson((SQUARE, properties)), field_map={"code": "BM", "name": "MC", "parent": "SJ"}).boundaries
    assert (one.code, one.name, one.parent, one.level) == ("520102001001", "社区甲", "520102001", "community")


def test_read_when_a_feature_says_no_level_then_the_callers_else_that_of_its_code() -> None:
    data = as_geojson((SQUARE, {"code": "520102001", "name": "街道"}), (SQUARE, {"code": "520100", "name": "市"}))
    assert [(one.level, one.parent) for one in read(data).boundaries] == [("township", "520102"), ("city", None)]
    assert [one.level for one in read(data, level="district").boundaries] == ["district", "district"]


def test_read_when_days_then_they_begin_in_the_zone_of_the_city_and_a_wrong_one_is_a_finding() -> None:
    features = [
        (SQUARE, {"code": GRID, "name": "格", "启用日期": day}) for day in ("2026-12-01", "20261201", "2026年12月1日", "soon")
    ]
    file = read(as_geojson(*features))
    assert [one.valid_from for one in file.boundaries] == [datetime(2026, 11, 30, 16, tzinfo=UTC)] * 3 + [None]
    assert [(one.code, one.feature, one.field) for one in file.findings] == [("wrong_property", 4, "valid_from")]


@pytest.mark.parametrize("crs", ["GCJ-02", "BD-09"])
def test_read_when_shifted_coordinates_then_wgs84_to_a_hundredth_of_a_metre(crs: str) -> None:
    moved = shapely.transform(SQUARE, lambda at: np.column_stack(from_wgs84(at[:, 0], at[:, 1], crs)))
    (one,) = read(as_geojson((moved, CHINESE)), crs=crs).boundaries
    assert shapely.from_wkb(one.wkb).equals_exact(SQUARE, 1e-7)


@pytest.mark.parametrize("code", [4513, 4523, 4526, 4534, 4544, 4547, 4554, 4497, 4508, 32648])
def test_read_when_projected_then_degrees_as_proj_has_them(code: int) -> None:
    middle = CRS.from_epsg(code).to_cf()["longitude_of_central_meridian"]
    there = shapely.box(middle + 0.3, 26.6, middle + 0.31, 26.61)
    shape = flat(there, code)
    files = [
        zipped({"wg": shapefile_parts([(shape, CHINESE)], prj=wkt(code))}),
        zipped({"wg": shapefile_parts([(shape, CHINESE)], prj=wkt(code, "WKT1_GDAL"))}),
        geopackage({"wg": [(shape, CHINESE)]}, system=code),
        as_geojson((shape, CHINESE), crs={"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{code}"}}),
    ]
    for data in files:
        (one,) = read(data, crs="CGCS2000").boundaries
        assert shapely.hausdorff_distance(shapely.from_wkb(one.wkb), there) < 1e-9


def test_read_when_a_geopackage_describes_its_system_only_in_words_then_read() -> None:
    data = geopackage({"wg": [(package_geometry(flat(SQUARE, 4544), 99), CHINESE)]}, system=99, definition=wkt(4544, "WKT1_GDAL"))
    (one,) = read(data, crs="CGCS2000").boundaries
    assert shapely.from_wkb(one.wkb).normalize().equals_exact(SQUARE.normalize(), 1e-9)


@pytest.mark.parametrize("prj", [4326, 4490, 4544])
def test_read_when_the_file_says_another_system_than_the_caller_then_refused(prj: int) -> None:
    data = zipped({"wg": shapefile_parts([(SQUARE, CHINESE)], prj=wkt(prj))})
    error = refused(data, crs="GCJ-02")
    assert (error.code, error.errors[0].field, error.data["crs"]) == ("boundary_crs", "crs", "GCJ-02")


def test_read_when_the_files_own_word_does_not_count_then_the_callers_does() -> None:
    moved = shapely.transform(SQUARE, lambda at: np.column_stack(from_wgs84(at[:, 0], at[:, 1], "GCJ-02")))
    data = zipped({"wg": shapefile_parts([(moved, CHINESE)], prj=wkt(4326))})
    (one,) = read(data, crs="GCJ-02", ignore_file_crs=True).boundaries
    assert shapely.from_wkb(one.wkb).normalize().equals_exact(SQUARE.normalize(), 1e-7)
    metres = zipped({"wg": shapefile_parts([(flat(SQUARE, 4544), CHINESE)], prj=wkt(4544))})
    assert refused(metres, crs="GCJ-02", ignore_file_crs=True).code == "boundary_crs"


@pytest.mark.parametrize("code", [4214, 4610, 2343, 3857, 2097])
def test_read_when_a_system_that_is_not_converted_then_refused_with_its_name(code: int) -> None:
    error = refused(zipped({"wg": shapefile_parts([(SQUARE, CHINESE)], prj=wkt(code))}))
    assert (error.code, error.errors[0].file) == ("boundary_crs", "wg.prj")
    assert "allowed: WGS 84, CGCS2000" in error.errors[0].message


@pytest.mark.parametrize(
    "prj", ["", "PROJCS", 'PROJCS["x"', "GEOGCS[" * 500, 'GEOGCS["a"]]', 'GEOGCS["a",1e]', "x" * 30_000, 'A["b"]C["d"]']
)
def test_read_when_the_description_is_no_description_then_refused(prj: str) -> None:
    parts = shapefile_parts([(SQUARE, CHINESE)]) | {".prj": prj.encode()}
    assert refused(zipped({"wg": parts})).code == "boundary_crs"


def test_read_when_metres_without_a_projection_then_refused() -> None:
    assert refused(as_geojson((flat(SQUARE, 4544), CHINESE))).code == "boundary_crs"


def test_read_when_the_caller_names_no_known_system_then_refused() -> None:
    assert refused(as_geojson((SQUARE, CHINESE)), crs="EPSG:4326").errors[0].field == "crs"


@pytest.mark.parametrize("make", [
    lambda layers: zipped({name: shapefile_parts(features) for name, features in layers.items()}),
    geopackage,
])  # fmt: skip
def test_read_when_several_layers_then_says_which_and_reads_the_one_that_is_named(make: Any) -> None:
    data = make({"街道": [(SQUARE, CHINESE)], "网格": [(SQUARE, CHINESE), (HOLED, CHINESE)]})
    error = refused(data)
    assert (error.code, error.errors[0].field, error.data["names"]) == ("boundary_layer", "layer", "网格, 街道")
    assert len(read(data, layer="网格").boundaries) == 2
    assert refused(data, layer="社区").code == "boundary_layer"


def test_read_when_no_property_holds_the_code_then_names_those_there_are() -> None:
    error = refused(as_geojson((SQUARE, {"CounDist": 1})))
    assert (error.code, error.data["names"]) == ("boundary_fields", "CounDist")
    assert refused(as_geojson((SQUARE, CHINESE)), field_map={"code": "BM"}).code == "boundary_fields"


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"hello", b"%PDF-1.7", b'{"type":"Feature"}', b'{"type":"FeatureCollection","features":[]}',
     b"\x1f\x8b\x08nothing",
     b"PK\x03\x04" + bytes(40), b"SQLite format 3\0" + bytes(100), b'{"type":"FeatureCollection","features":[' + b"[" * 90_000,
     b'{"type":"FeatureCollection","features":[{"geometry":' + b"[" * 90_000 + b"]" * 90_000 + b"}]}",
     b'{"type":"FeatureCollection","features":[{"properties":{"code":"\xff"}}]}'],
)  # fmt: skip
def test_read_when_it_is_no_file_of_boundaries_then_refused_in_words(data: bytes) -> None:
    assert refused(data).code in ("boundary_file", "boundary_file_broken")


def test_read_when_a_geojson_ring_is_open_then_the_feature_keeps_the_reason() -> None:
    ring = {"type": "Polygon", "coordinates": [[[106.6, 26.6], [106.7, 26.6], [106.7, 26.7]]]}
    text = {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": CHINESE, "geometry": ring}]}
    (one,) = read(json.dumps(text).encode()).boundaries
    assert one.wkb == b""
    assert "closed" in one.unread.lower()


def test_read_when_geometry_is_null_then_the_feature_has_none() -> None:
    for data in (
        as_geojson((None, CHINESE)),
        zipped({"a": shapefile_parts([(None, CHINESE)])}),
        geopackage({"a": [(None, CHINESE)]}),
    ):
        (one,) = read(data).boundaries
        assert (one.code, one.wkb, one.unread) == (GRID, b"", "")


@pytest.mark.parametrize(
    ("blob", "reason"),
    [
        (b"no", "is not a GeoPackage geometry"),
        (b"GP\0\x01" + struct.pack("<i", 3857) + shapely.to_wkb(SQUARE), "names reference system 3857, its table 4490"),
        (b"GP\0\x21" + struct.pack("<i", 4490), "is of an extended kind"),
        (b"GP\0\x01" + struct.pack("<i", 4490) + b"\x01\x03\0\0\0\xff\xff\xff\xff", "the WKB cannot be read"),
    ],
)
def test_read_when_a_geopackage_shape_is_damaged_then_the_feature_keeps_the_reason(blob: bytes, reason: str) -> None:
    first, second = read(geopackage({"wg": [(blob, CHINESE), (SQUARE, CHINESE)]})).boundaries
    assert (first.wkb, first.unread) == (b"", reason)
    assert second.wkb


@pytest.mark.parametrize("path", ["../wg.shp", "/etc/wg.shp", "a/../../wg.shp", "C:\\wg.shp", "..\\wg.shp"])
def test_read_when_a_path_leaves_the_archive_then_refused(path: str) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo(path), b"x")
    assert refused(out.getvalue()).code == "boundary_file_broken"


def test_read_when_an_archive_unpacks_to_too_much_then_refused_before(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = zipped({"wg": {".shp": bytes(3_000_000), ".dbf": b""}})
    assert len(bomb) < 10_000
    monkeypatch.setattr("grid.files.archives.MAX_UNPACKED", 1_000_000)
    error = refused(bomb)
    assert (error.code, error.data["limit"]) == ("boundary_file_large", 1_000_000)
    assert refused(gzip.compress(bytes(3_000_000))).code == "boundary_file_large"
    declared = bomb.replace(struct.pack("<I", 3_000_000), struct.pack("<I", 10))  # a header that lies about the size
    assert declared != bomb
    assert refused(declared).code in ("boundary_file_large", "boundary_file_broken")


def test_read_when_too_many_files_or_a_password_then_refused() -> None:
    many = zipped({f"a{number}": {".shp": b""} for number in range(limits.MAX_FILES + 1)})
    assert refused(many).code == "boundary_file_large"
    locked = bytearray(zipped({"wg": shapefile_parts([(SQUARE, CHINESE)])}))
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    assert refused(bytes(locked)).code == "boundary_file_broken"


def test_read_when_more_features_or_vertices_than_are_read_then_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    features = [(SQUARE, CHINESE)] * 3
    makers = [FORMS["geojson"], FORMS["shapefile"], FORMS["geopackage"]]
    for module in ("layers", "geojson", "shapefile", "geopackage"):
        monkeypatch.setattr(f"grid.files.{module}.MAX_FEATURES", 2)
    assert [refused(make(features)).code for make in makers] == ["boundary_file_large"] * 3
    for module in ("layers", "shapefile"):
        monkeypatch.setattr(f"grid.files.{module}.MAX_VERTICES", 9)
    assert [refused(make(features[:2])).code for make in makers] == ["boundary_file_large"] * 3


def test_read_when_more_bytes_than_are_taken_then_refused() -> None:
    assert refused(b"{" + bytes(limits.MAX_UPLOAD)).data["limit"] == limits.MAX_UPLOAD


@pytest.mark.parametrize("ending", [".shp", ".dbf"])
def test_read_when_a_part_of_a_shapefile_is_cut_short_then_refused_with_its_name(ending: str) -> None:
    parts = shapefile_parts([(HOLED, CHINESE)] * 4)
    for share in (0.1, 0.5, 0.9):
        cut = parts | {ending: parts[ending][: int(len(parts[ending]) * share)]}
        error = refused(zipped({"wg": cut}))
        assert (error.code, error.errors[0].file in (f"wg{ending}", "wg.dbf")) == ("boundary_file_broken", True)


def test_read_when_the_table_is_missing_or_in_other_characters_then_refused() -> None:
    parts = shapefile_parts([(SQUARE, CHINESE)], encoding="gbk", cpg="UTF-8")
    assert refused(zipped({"wg": parts})).errors[0].file == "wg.dbf"
    assert refused(zipped({"wg": parts | {".cpg": b"KOI8-R"}})).errors[0].file == "wg.cpg"
    del parts[".dbf"]
    assert refused(zipped({"wg": parts})).errors[0].file == "wg.dbf"
    assert refused(zipped({"readme": {".txt": b"hello"}})).code == "boundary_file"


def test_read_when_a_geopackage_holds_views_and_triggers_then_only_tables_are_layers() -> None:
    endless = (
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS fid, x AS geom, x AS code, x AS name FROM n"
    )
    data = geopackage(
        {"wg": [(SQUARE, CHINESE)]},
        extra=[
            f"CREATE VIEW trap AS {endless}",
            "INSERT INTO gpkg_contents VALUES ('trap', 'features', 4490)",
            "INSERT INTO gpkg_geometry_columns VALUES ('trap', 'geom', 'GEOMETRY', 4490, 0, 0)",
        ],
    )
    assert read(data).layers == ("wg",)


def test_read_when_the_list_of_layers_is_itself_a_view_without_end_then_refused() -> None:
    data = geopackage(
        {"wg": [(SQUARE, CHINESE)]},
        extra=[
            "DROP TABLE gpkg_contents",
            "CREATE VIEW gpkg_contents AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) "
            "SELECT 'wg' AS table_name, 'features' AS data_type, 4490 AS srs_id FROM n",
        ],
    )
    assert refused(data).code == "boundary_file_broken"


def test_read_when_a_geopackage_was_written_with_a_log_beside_it_then_read_all_the_same() -> None:
    data = bytearray(geopackage({"wg": [(SQUARE, CHINESE)]}))
    data[18:20] = b"\2\2"  # as QGIS leaves it: write-ahead logging
    assert len(read(bytes(data)).boundaries) == 1


def test_read_when_names_in_a_geopackage_hold_quotes_then_read() -> None:
    (one,) = read(geopackage({"网'格; DROP": [(SQUARE, CHINESE)]})).boundaries
    assert one.code == GRID


@given(st.data())
def test_read_when_bytes_are_damaged_anywhere_then_boundaries_or_a_refusal_and_nothing_else(data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(["geojson", "shapefile", "geopackage"]))
    good = bytearray(_GOOD[form])
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(good)))
    damaged = bytes(good[:cut]) if data.draw(st.booleans()) else bytes(good)
    try:
        file = read(damaged)
    except BadBoundaryFile as error:
        assert error.errors[0].message
    else:
        assert len(file.boundaries) >= 1


@given(st.data())
def test_read_when_parts_of_a_shapefile_are_damaged_then_boundaries_or_a_refusal(data: st.DataObject) -> None:
    parts = dict(_PARTS)
    ending = data.draw(st.sampled_from([".shp", ".dbf"]))
    content = bytearray(parts[ending])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        file = read(zipped({"wg": parts | {ending: bytes(content)}}))
    except BadBoundaryFile as error:
        assert error.errors[0].message
    else:
        assert len(file.boundaries) >= 1


_GOOD = {form: FORMS[form]([(shape, CHINESE) for shape in SHAPES]) for form in ("geojson", "shapefile", "geopackage")}
_PARTS = shapefile_parts([(shape, CHINESE) for shape in SHAPES])
