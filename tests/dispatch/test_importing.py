"""The core's files of a city pack: read with row errors, written, loaded again as snapshots."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from dispatch.categories import Catalogue
from dispatch.city import City, load
from dispatch.importing import CorePack, read, write
from dispatch.packs import PackReport, str_error
from dispatch.snapshots import load_calendar, load_catalogue, load_signals, load_version
from storage.client import Database

NOW = datetime(2026, 11, 21, tzinfo=UTC)
FILES = {
    "city.toml": 'code = "520100"\nname = "贵阳市"\ncase_prefix = "GY"\nworking_hours = "09:00-12:00,13:00-17:00"\ndemo = true\n',
    "params.toml": '[duplicates]\nradius_by_category = { "0201" = 25 }\n[limits.nodes]\nreview = { default = "2wh" }\n',
    "categories.csv": "code,name,major,urgency,limit,safe_limit,lead_types,flags\n"
    "0101,暴露垃圾,01 市容环境,priority,4wh,,sanit,V;K;H\n0201,井盖缺失/破损,02 公用设施,emergency,36h,2h,owner;water,K\n",
    "keywords.csv": "category,word,weight\n0101,垃圾,2\n0201,井盖,3\n",
    "calendar.csv": "date,kind,name,source\n2026-10-01,holiday,国庆节,国务院办公厅\n2027-01-01,holiday,元旦,国务院办公厅\n",
}


def pack(folder: Path, **changed: str | None) -> Path:
    for name, text in {**FILES, **{key.replace("_", ".", 1): value for key, value in changed.items()}}.items():
        if text is None:
            (folder / name).unlink(missing_ok=True)
        else:
            (folder / name).write_text(text, encoding="utf-8")
    return folder


def problems(folder: Path) -> list[str]:
    report = PackReport()
    read(folder, report, now=NOW)
    return [str_error(error) for error in report.errors]


def good(folder: Path) -> CorePack:
    report = PackReport()
    found = read(pack(folder), report, now=NOW)
    report.raise_if_errors()
    assert report.warnings == []
    return found


def test_read_when_good_then_typed(tmp_path: Path) -> None:
    found = good(tmp_path)
    garbage, cover = found.categories or ()
    assert (garbage.major, garbage.major_name, garbage.self_handle, garbage.check) == ("01", "市容环境", True, "site")
    assert (cover.limit, cover.safe_limit, cover.lead_types, cover.self_handle) == ("36h", "2h", ("owner", "water"), False)
    assert found.category_codes == {"0101", "0201"}
    assert found.city is not None and found.city.params.duplicates.radius_by_category["0201"] == 25


def test_read_when_files_are_wrong_then_each_place_is_named(tmp_path: Path) -> None:
    pack(
        tmp_path,
        city_toml='code = "1"\nname = "x"\nworking_hours = "9-17"\n',
        categories_csv="code,name,urgency,limit,flags\n0101,垃圾,fast,4x,V;Q\n",
        keywords_csv="category,word,weight\n0999,垃圾,-1\n0998,井盖,1\n",
        calendar_csv="date,kind\n2026-02-30,off\n",
    )
    assert [line.partition(": ")[0] for line in problems(tmp_path)] == [
        "city.toml, working_hours",
        "categories.csv, row 2, column urgency", "categories.csv, row 2, column limit", "categories.csv, row 2, column flags",
        "keywords.csv, row 2, column weight", "keywords.csv, row 3, column category",
        "calendar.csv, row 2, column date", "calendar.csv, row 2, column kind",
    ]  # fmt: skip


def test_read_when_params_are_wrong_then_key_is_named(tmp_path: Path) -> None:
    for text, key in (
        ("[duplicates]\nradius_m = 0\n", "duplicates.radius_m"), ("[duplicate]\n", "(top)"),
        ('[limits.nodes]\nreview = { default = "2x" }\n', "limits.nodes"), ("emergency_words = [1]\n", "emergency_words"),
    ):  # fmt: skip
        said = problems(pack(tmp_path, params_toml=text))
        assert len(said) == 1 and said[0].startswith(f"params.toml, {key}"), said


def test_read_when_time_zone_is_unknown_then_said(tmp_path: Path) -> None:
    said = problems(pack(tmp_path, city_toml='code = "1"\nname = "x"\ntimezone = "Asia/Nowhere"\n'))
    assert said == ["city.toml, timezone: `Asia/Nowhere`; allowed: a name of the IANA list like Asia/Shanghai"]


def test_read_when_next_years_list_is_missing_then_warning(tmp_path: Path) -> None:
    report = PackReport()
    read(pack(tmp_path, calendar_csv="date,kind\n2026-10-01,holiday\n"), report, now=NOW)
    assert report.ok and [warning.file for warning in report.warnings] == ["calendar.csv"]


def test_read_when_pack_is_nearly_empty_then_only_categories_are_missed(tmp_path: Path) -> None:
    assert problems(tmp_path) == ["categories.csv: the file is missing; a pack must have it"]


async def test_write_when_loaded_again_then_same(tmp_path: Path, database: Database) -> None:
    found = good(tmp_path)
    await write(database, found)
    city = await load(database)
    assert city == found.city
    assert isinstance(city, City) and city.params.limits.node("review") is not None
    catalogue = await load_catalogue(database)
    assert isinstance(catalogue, Catalogue) and list(catalogue.all()) == found.categories
    assert [major.name for major in catalogue.majors] == ["市容环境", "公用设施"] and len(catalogue) == 2
    signals = await load_signals(database, city.params)
    assert signals.propose_category("井盖丢了")[0].code == "0201" and signals.emergency_words("路面塌陷") == ("塌陷",)
    calendar = await load_calendar(database, city)
    assert calendar.kind(date(2026, 10, 1)) == "holiday" and calendar.day(date(2026, 10, 1)).name == "国庆节"


async def test_write_when_repeated_then_versions_move_and_gone_things_go(tmp_path: Path, database: Database) -> None:
    await write(database, good(tmp_path))
    before = await load_version(database, "catalogue")
    pack(
        tmp_path,
        categories_csv="code,name\n0101,暴露垃圾\n",
        keywords_csv="category,word\n0101,垃圾\n",
        calendar_csv="date,kind\n2026-10-02,holiday\n",
    )
    report = PackReport()
    await write(database, read(tmp_path, report, now=NOW))
    assert report.ok and await load_version(database, "catalogue") != before
    catalogue = await load_catalogue(database)
    gone = catalogue.get("0201")
    assert gone is not None and gone.disabled_at is not None and [one.code for one in catalogue.all()] == ["0101"]
    assert catalogue.codes == {"0101"} and catalogue.majors_by_category["0201"] == "02"
    assert await database.count("keywords", {}) == 1
    assert sorted(one["_id"] for one in await database.find("calendar", {})) == ["2026-10-02", "2027-01-01"]


async def test_write_when_a_file_is_not_in_the_pack_then_what_is_there_stays(tmp_path: Path, database: Database) -> None:
    await write(database, good(tmp_path))
    pack(tmp_path, keywords_csv=None, calendar_csv=None, city_toml=None)
    await write(database, read(tmp_path, PackReport(), now=NOW))
    assert await database.count("keywords", {}) == 2 and await database.count("calendar", {}) == 2 and await load(database)


async def test_load_when_nothing_was_imported_then_none(database: Database) -> None:
    assert await load(database) is None and await load_version(database, "catalogue") == ""
    assert len(await load_catalogue(database)) == 0
