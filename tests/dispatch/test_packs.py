"""Tables of a city pack: good rows arrive typed, wrong cells are named by file, row and column."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest

from dispatch.packs import PackInvalid, PackReport, read_toml, rows, str_error


class Item(msgspec.Struct):
    code: str
    level: Literal["city", "district"]
    lon: float | None = None
    day: date | None = None
    ok: bool = False
    capacity: Annotated[int, msgspec.Meta(ge=0)] = 0
    areas: tuple[str, ...] = ()
    flags: frozenset[str] = frozenset()


class Options(msgspec.Struct, forbid_unknown_fields=True):
    code: str
    radius_m: int = 100


def problems(folder: Path, text: str, **options: object) -> list[str]:
    (folder / "items.csv").write_text(text, encoding="utf-8")
    report = PackReport()
    rows(folder, "items.csv", Item, report, **options)  # type: ignore[arg-type]
    return [str_error(error) for error in report.errors]


def test_rows_when_good_then_typed_with_spreadsheet_numbers(tmp_path: Path) -> None:
    text = "\ufeffcode,level,lon,day,ok,capacity,areas,flags\n1,city,106.7,2026-01-01,true,3,a; b；c,V;K\n\n 2 ,district,,,,,,\n"
    (tmp_path / "items.csv").write_text(text, encoding="utf-8")
    report = PackReport()
    first, second = rows(tmp_path, "items.csv", Item, report)
    assert report.ok and report.counts == {"items.csv": 2}
    assert (first.number, second.number) == (2, 4)
    assert first.value == Item("1", "city", 106.7, date(2026, 1, 1), True, 3, ("a", "b", "c"), frozenset("VK"))
    assert second.value == Item("2", "district")


def test_rows_when_cells_are_wrong_then_each_is_named_with_what_is_allowed(tmp_path: Path) -> None:
    assert problems(tmp_path, "code,level,lon,day,ok,capacity\n1,town,x,2026-13-01,maybe,-3\n,city,,,,\n1,city,,,,,9\n") == [
        "items.csv, row 2, column level: is `town`; allowed: one of city, district",
        "items.csv, row 2, column lon: is `x`; allowed: a number or empty",
        "items.csv, row 2, column day: is `2026-13-01`; allowed: a date like 2026-11-21 or empty",
        "items.csv, row 2, column ok: is `maybe`; allowed: true or false",
        "items.csv, row 2, column capacity: is `-3`; allowed: a whole number ≥ 0",
        "items.csv, row 3, column code: is empty; allowed: text",
        "items.csv, row 4: has 7 cells, the header has 6; put text that holds commas in double quotes",
    ]


@pytest.mark.parametrize("number", ["nan", "inf", "-Infinity"])
def test_rows_when_number_is_not_finite_then_error(tmp_path: Path, number: str) -> None:
    assert problems(tmp_path, f"code,level,lon\n1,city,{number}\n")


def test_rows_when_header_is_wrong_then_columns_are_named(tmp_path: Path) -> None:
    said = problems(tmp_path, "code,levl,code\n1,city,1\n")
    assert [line.partition(":")[0] for line in said] == [
        "items.csv, row 1, column code", "items.csv, row 1, column levl", "items.csv, row 1, column level",
    ]  # fmt: skip


def test_rows_when_key_repeats_then_both_rows_are_named(tmp_path: Path) -> None:
    said = problems(tmp_path, "code,level\n1,city\n1,district\n", unique=("code",))
    assert said == ["items.csv, row 3, column code: `1` stands already in row 2; it must be unique"]


def test_rows_when_file_is_missing_then_error_only_if_required(tmp_path: Path) -> None:
    report = PackReport()
    assert rows(tmp_path, "items.csv", Item, report) == [] and report.ok
    rows(tmp_path, "items.csv", Item, report, required=True)
    with pytest.raises(PackInvalid, match="missing") as caught:
        report.raise_if_errors()
    assert caught.value.errors[0].file == "items.csv"


def test_rows_when_not_utf8_or_not_csv_then_said(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_bytes("编号".encode("gbk"))
    report = PackReport()
    rows(tmp_path, "items.csv", Item, report)
    assert report.errors[0].code == "encoding"
    assert "is not CSV" in problems(tmp_path, 'code,level\n"1,city\n')[0]


def test_rows_when_thousands_are_wrong_then_report_stays_bounded(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("code,level\n" + "1,x\n" * 3000)
    report = PackReport()
    rows(tmp_path, "items.csv", Item, report)
    assert report.total_errors == 3000 and len(report.errors) == 1000


def test_read_toml_when_key_is_wrong_then_key_is_named(tmp_path: Path) -> None:
    report = PackReport()
    (tmp_path / "options.toml").write_text('code = "GY"\nradius_m = 50\n')
    assert read_toml(tmp_path, "options.toml", Options, report) == Options("GY", 50)
    (tmp_path / "options.toml").write_text('code = "GY"\nradius_m = "wide"\n')
    assert read_toml(tmp_path, "options.toml", Options, report) is None
    (tmp_path / "options.toml").write_text("code = \n")
    read_toml(tmp_path, "options.toml", Options, report)
    assert [(error.field, error.code) for error in report.errors] == [("radius_m", "invalid"), ("", "malformed")]
