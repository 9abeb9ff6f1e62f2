"""joint_templates.csv of a city pack: every error with file, row and column; written, loaded again, replaced whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from dispatch.joint import JointStep, JointTemplate
from dispatch.joint_importing import FILE, read, write
from dispatch.packs import PackReport, str_error
from dispatch.snapshots import JOINT_TEMPLATES, load_joint_templates, load_version
from storage.client import Database

HEADER = "code,name,name_en,categories,step,unit,kind,limit,task\n"
GOOD = (
    "FALL,高空坠物,Falling objects,0605;0606,1,house@district,lead,,查明责任并组织修缮\n"
    "FALL,,,,1,town@township,joint,4h,拉警戒线，疏散楼下人员\n"
    "FALL,高空坠物,,0605;0606,2,520100-urban,assist,2wd,拆除违规外挂物\n"
)
CATEGORIES, UNITS = {"0605", "0606"}, {"house@district", "town@township", "520100-urban"}


def checked(folder: Path, text: str | None) -> tuple[list[JointTemplate] | None, list[str]]:
    if text is not None:
        (folder / FILE).write_text(text, encoding="utf-8")
    report = PackReport()
    found = read(folder, report, categories=CATEGORIES, units=UNITS)
    return found, [str_error(error) for error in report.errors]


def good(folder: Path) -> list[JointTemplate]:
    found, problems = checked(folder, HEADER + GOOD)
    assert problems == [] and found is not None
    return found


def test_read_when_good_then_steps_in_order_with_the_lead_first(tmp_path: Path) -> None:
    (template,) = good(tmp_path)
    assert (template.code, template.name, template.name_en, template.categories) == (
        "FALL", "高空坠物", "Falling objects", ("0605", "0606"),
    )  # fmt: skip
    assert template.steps == (
        JointStep(number=1, unit="house@district", kind="lead", task="查明责任并组织修缮"),
        JointStep(number=1, unit="town@township", kind="joint", limit="4h", task="拉警戒线，疏散楼下人员"),
        JointStep(number=2, unit="520100-urban", kind="assist", limit="2wd", task="拆除违规外挂物"),
    )


def test_read_when_rows_are_mixed_up_then_the_same_templates(tmp_path: Path) -> None:
    lines = GOOD.splitlines(keepends=True)
    other = [line.replace("FALL,,", "RENT,群租房,").replace("FALL", "RENT") for line in lines]
    other[1] = "RENT,,,,1,town@township,joint,4h,上门核查\n"
    found, problems = checked(tmp_path, HEADER + lines[0] + other[0] + other[1] + lines[1] + lines[2] + other[2])
    assert problems == [] and found is not None
    assert [(one.code, len(one.steps)) for one in found] == [("FALL", 3), ("RENT", 3)]


def test_read_when_the_file_is_missing_then_nothing_is_said(tmp_path: Path) -> None:
    assert checked(tmp_path, None) == (None, [])


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            ("FALL,高空坠物,,0999,0,fire@district,main,4x,a",),
            [
                "row 2, column step: is `0`; allowed: a whole number from 1 to 20",
                "row 2, column kind: is `main`; allowed: one of assist, joint, lead",
                "row 2, column limit: is `4x`; allowed: ",
                "row 2, column task: is `a`; allowed: what is to be done, 2 to 200 characters",
            ],
        ),
        (
            ("FALL,高空坠物,,0605,1,fire@district,lead,,查明责任", "FALL,,,,1,town@township,joint,,疏散"),
            ["row 2, column unit: is `fire@district`; allowed: the code of a unit, or a type@level that some unit"],
        ),
        (
            ("FALL,,,0999,1,house@district,lead,,查明责任", "FALL,别名,,0605,1,town@township,joint,,疏散"),
            [
                "row 2, column name: is empty in the first row of `FALL`; allowed: text",
                "row 2, column categories: is `0999`; allowed: codes of categories.csv, written with ;",
                "row 3, column name: is `别名`; allowed: empty, or the same as in row 2",
                "row 3, column categories: is `0605`; allowed: empty, or the same as in row 2",
            ],
        ),
        (
            ("FALL,高空坠物,,,1,house@district,joint,,查明责任", "FALL,,,,1,town@township,joint,,疏散"),
            [
                "row 2, column categories: is empty in the first row of `FALL`; allowed: codes of categories.csv",
                "row 2, column kind: no row of `FALL` is `lead`; exactly one must be",
            ],
        ),
        (
            ("FALL,高空坠物,,0605,2,house@district,lead,,查明责任", "FALL,,,,1,town@township,lead,,疏散"),
            [
                "row 3, column kind: is `lead`; allowed: joint or assist, for row 2 leads already",
                "row 2, column step: is `2`; allowed: 1 for the lead, which has the case from the beginning",
                "row 2, column kind: `FALL` has no row that is `joint` or `assist`",
            ],
        ),
        (
            ("FALL,高空坠物,,0605,1,house@district,lead,,查明责任", "FALL,,,,3,town@township,joint,,疏散"),
            ["row 3, column step: is `3`; allowed: 1, or one more than another joint or assist of the template has (none has 2)"],
        ),
        (
            ("FALL,高空坠物,,0605,1,house@district,lead,,查明责任", "FALL,,,,1,house@district,joint,,疏散"),
            ["row 3, column code: `FALL, house@district` stands already in row 2; it must be unique"],
        ),
    ],
)  # fmt: skip
def test_read_when_rows_are_wrong_then_each_place_is_named(tmp_path: Path, lines: tuple[str, ...], said: list[str]) -> None:
    _, problems = checked(tmp_path, HEADER + "\n".join(lines) + "\n")
    assert len(problems) == len(said), problems
    for problem, start in zip(problems, said, strict=True):
        assert problem.startswith(f"{FILE}, {start}"), problem


async def test_write_when_repeated_then_only_the_last_pack_holds(database: Database, tmp_path: Path) -> None:
    (template,) = good(tmp_path)
    await write(database, [template, JointTemplate(code="OLD", name="旧的", categories=("0606",), steps=template.steps)])
    first = await load_version(database, JOINT_TEMPLATES)
    loaded = await load_joint_templates(database)
    assert [one.code for one in loaded.all()] == ["FALL", "OLD"] and loaded.get("FALL") == template
    assert [one.code for one in loaded.fitting("0606")] == ["FALL", "OLD"]
    assert loaded.fitting("0999") == () == loaded.fitting(None)
    await write(database, [template])
    assert (await load_joint_templates(database)).all() == (template,)
    assert await load_version(database, JOINT_TEMPLATES) != first
