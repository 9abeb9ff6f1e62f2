"""Campaign zones of a pack: read, refused with feature and property, found by a point, kept through the database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import shapely

from dispatch.packs import PackReport, str_error
from grid.areas import Zone
from grid.campaigns import CampaignIndex
from grid.importing import read
from grid.store import load_parts, save_rest
from storage.client import Database
from tests.grid.factories import collection, small_city, square, write_pack

GOOD: dict[str, Any] = {
    "code": "Z", "name": "创建专区", "kind": "campaign", "limit": "2wh", "categories": ["0101"], "valid_from": "2026-11-01",
    "valid_to": "2026-12-31",
}  # fmt: skip


def zone(code: str = "Z", **values: Any) -> Zone:
    shape = shapely.to_wkb(shapely.box(106.60, 26.60, 106.61, 26.61))
    parts = {"name": "创建专区", "kind": "campaign", "limit": "2wh", "valid_from": "2026-11-01", "valid_to": "2026-12-31"}
    return Zone(code=code, wkb=shape, **(parts | values))


def read_zone(folder: Path, **changes: Any) -> tuple[list[Zone], list[str]]:
    write_pack(folder, small_city())
    (folder / "zones.geojson").write_text(collection((square(106.6, 26.6), GOOD | changes)))
    report = PackReport()
    pack = read(folder, report, categories={"0101", "0201"})
    return pack.zones, [str_error(error) for error in report.errors]


def test_read_when_right_then_typed(tmp_path: Path) -> None:
    (found,), errors = read_zone(tmp_path)
    assert not errors
    assert (found.limit, found.categories, found.valid_from, found.valid_to) == ("2wh", ("0101",), "2026-11-01", "2026-12-31")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"limit": "two"}, "column limit: `two`; allowed: a number and a unit"),
        ({"limit": ""}, "column limit: is empty; categories stand with a limit"),
        ({"kind": "special"}, "column limit: is for zones of the kind campaign"),
        ({"valid_from": ""}, "column valid_from: is ``; a zone with a limit needs a date like 2026-11-21"),
        ({"valid_to": "soon"}, "column valid_to: is `soon`; a zone with a limit needs a date like 2026-11-21"),
        ({"valid_to": "2026-10-01"}, "column valid_to: is before valid_from, 2026-11-01"),
        ({"categories": ["0101", "9999"]}, "column categories: `9999`; allowed: codes of categories.csv"),
        ({"categories": "0101"}, "column categories: Expected `array | null`, got `str`"),
    ],
)
def test_read_when_wrong_then_names_feature_and_property(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    _, errors = read_zone(tmp_path, **changes)
    assert errors and errors[0].startswith(f"zones.geojson, row 1, {said}")


def test_index_when_asked_then_those_that_hold_the_point_with_a_limit() -> None:
    index = CampaignIndex([zone("B"), zone("A", categories=("0101",)), zone("C", limit=""), zone("D", kind="special")])
    assert [found.code for found in index.at(106.605, 26.605)] == ["A", "B"]
    assert [found.code for found in index.at(106.61, 26.61)] == ["A", "B"], "the border is inside"
    assert index.at(106.6101, 26.605) == () and index.at(107.0, 27.0) == ()
    assert CampaignIndex([]).at(106.605, 26.605) == ()


async def test_store_when_saved_then_read_as_they_were(database: Database) -> None:
    await save_rest(database, [zone(categories=("0101",))], [])
    assert list((await load_parts(database)).zones) == [zone(categories=("0101",))]
