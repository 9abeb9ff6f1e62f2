"""The packs made from recorded data of other cities: what is in them, and that the importers take them as they are."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

import dispatch.importing
import grid.importing
import orgs.importing
from cities.nyc import build as nyc
from cities.nyc.convert import convert, tally
from cities.pingshan import build as pingshan
from dispatch.packs import PackReport, str_error


def problems(folder: Path) -> list[str]:
    report = PackReport()
    core = dispatch.importing.read(folder, report)
    territory = grid.importing.read(folder, report)
    orgs.importing.read(
        folder,
        report,
        areas=territory.codes | territory.management.keys(),
        categories=core.category_codes,
        zones=territory.zone_codes,
    )
    return [str_error(error) for error in report.errors]


def table(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_nyc_when_built_from_the_sample_then_a_whole_pack(tmp_path: Path) -> None:
    counts = nyc.build(tmp_path, data=nyc.SAMPLE)
    assert problems(tmp_path) == []
    assert counts["areas.geojson.gz"] == 1 + 5 + 71
    categories = table(tmp_path, "categories.csv")
    assert (
        len({row["code"] for row in categories}) == len({row["external_code"] for row in categories}) == counts["categories.csv"]
    )
    leads = {row["category"]: row["lead"] for row in table(tmp_path, "rules.csv") if row["area_code"] == "NYC"}
    assert set(leads) == {row["code"] for row in categories}
    codes = {row["external_code"]: row["code"] for row in categories}
    assert (leads[codes["elevator"]], leads[codes["elevator | maintenance"]]) == ("DOB", "HPD")


def test_nyc_when_built_twice_then_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        nyc.build(tmp_path / name, data=nyc.SAMPLE)
    for path in sorted((tmp_path / "one").iterdir()):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_nyc_when_the_folder_holds_nothing_then_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nyc311_agencies"):
        convert(tmp_path, tmp_path / "pack")


@pytest.mark.shared_data
@pytest.mark.slow
def test_nyc_when_built_from_all_records_then_the_sample_knows_the_same_types(shared_data: Path, tmp_path: Path) -> None:
    nyc.build(tmp_path / "all", data=shared_data)
    nyc.build(tmp_path / "sample", data=nyc.SAMPLE)
    assert problems(tmp_path / "all") == []
    keys = [{row["external_code"] for row in table(tmp_path / name, "categories.csv")} for name in ("all", "sample")]
    assert keys[0] == keys[1]
    assert tally(shared_data)[0].total() == tally(nyc.SAMPLE)[0].total() == 89_038


@pytest.mark.shared_data
def test_pingshan_when_built_then_streets_communities_and_handling_units(shared_data: Path, tmp_path: Path) -> None:
    counts = pingshan.build(tmp_path, data=shared_data)
    assert problems(tmp_path) == []
    assert (counts["areas.geojson"], counts["categories.csv"]) == (1 + 6 + 24, 334)
    types = Counter(row["type"] for row in table(tmp_path, "units.csv"))
    assert types["handler"] == 156
