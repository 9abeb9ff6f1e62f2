"""Importing `joint_templates.csv`: a row for each step of a template.

What belongs to the template as a whole (`name`, `name_en`, `categories`) stands in its first row; later rows leave it empty or
say the same. A pack without the file leaves the templates that are there as they are.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import groupby
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from dispatch.joint import JointStep, JointTemplate
from dispatch.limits import LimitCell
from dispatch.packs import PackReport, Row, rows
from dispatch.snapshots import JOINT_TEMPLATES, mark_changed
from storage.client import Database

__all__ = ["FILE", "JointStepRow", "read", "write"]

FILE = "joint_templates.csv"


class JointStepRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of joint_templates.csv: one step of the template `code`."""

    code: Annotated[str, msgspec.Meta(pattern=r"^[^\s;$.]{1,64}$", description="a code without spaces, dots, ; and $")]
    name: Annotated[str, msgspec.Meta(max_length=60)] = ""
    name_en: Annotated[str, msgspec.Meta(max_length=120)] = ""
    categories: tuple[str, ...] = ()
    step: Annotated[int, msgspec.Meta(ge=1, le=20, description="a whole number from 1 to 20")]
    unit: str
    kind: Literal["lead", "joint", "assist"]
    limit: LimitCell | None = None
    task: Annotated[str, msgspec.Meta(min_length=2, max_length=200, description="what is to be done, 2 to 200 characters")]


Rows = list[Row[JointStepRow]]


def read(folder: Path, report: PackReport, *, categories: Collection[str], units: Collection[str]) -> list[JointTemplate] | None:
    """Return the templates of the pack, None without the file; what is wrong goes into `report` with file, row and column.

    `categories` are the codes of the catalogue, `units` every name by which a unit may be named: code or `type@level`.
    """
    before = report.total_errors
    found = rows(folder, FILE, JointStepRow, report, unique=("code", "unit"))
    if not (folder / FILE).is_file():
        return None
    is_whole = report.total_errors == before  # what a row that cannot be read would have said is not missed as well
    for number, row in found:
        if row.unit not in units:
            allowed = "the code of a unit, or a type@level that some unit of units.csv has"
            _wrong(report, number, "unit", row.unit, allowed, "unknown_unit")
    by_code = groupby(sorted(found, key=lambda row: row.value.code), key=lambda row: row.value.code)
    templates = [list(own) for _, own in by_code]
    if is_whole:
        for own in templates:
            _check(own, report, categories)
    return [_template(own) for own in templates]


async def write(database: Database, templates: list[JointTemplate]) -> None:
    """Put the templates in place of those that are there; every process then loads them anew."""
    documents = []
    for template in templates:
        document = msgspec.to_builtins(template)
        document["_id"] = document.pop("code")
        documents.append(document)
    await database.bulk_replace(JOINT_TEMPLATES, documents, only=True)
    await mark_changed(database, JOINT_TEMPLATES)


def _check(found: Rows, report: PackReport, categories: Collection[str]) -> None:
    """The rows of one template, in the order of the file, against each other."""
    _check_head(found, report, categories)
    _check_lead(found, report)
    _check_order(found, report)


def _template(found: Rows) -> JointTemplate:
    first = found[0].value
    steps = [JointStep(number=row.step, unit=row.unit, kind=row.kind, limit=row.limit or "", task=row.task) for _, row in found]
    steps.sort(key=lambda step: (step.number, step.kind != "lead"))
    return JointTemplate(code=first.code, name=first.name, name_en=first.name_en, categories=first.categories, steps=tuple(steps))


def _check_head(found: Rows, report: PackReport, categories: Collection[str]) -> None:
    start, first = found[0]
    for column, words in (("name", "text"), ("categories", "codes of categories.csv, written with ;")):
        if not getattr(first, column):
            report.error(FILE, start, column, f"is empty in the first row of `{first.code}`; allowed: {words}", code="required")
    for code in first.categories:
        if code not in categories:
            _wrong(report, start, "categories", code, "codes of categories.csv, written with ;", "unknown_category")
    for number, row in found[1:]:
        for column in ("name", "name_en", "categories"):
            said, meant = getattr(row, column), getattr(first, column)
            if said and said != meant:
                shown = ";".join(said) if isinstance(said, tuple) else said
                _wrong(report, number, column, shown, f"empty, or the same as in row {start}", "contradiction")


def _check_lead(found: Rows, report: PackReport) -> None:
    """One unit answers for the case, from the beginning to the end."""
    leads = [row for row in found if row.value.kind == "lead"]
    if not leads:
        start, first = found[0]
        report.error(FILE, start, "kind", f"no row of `{first.code}` is `lead`; exactly one must be", code="no_lead")
    for number, _ in leads[1:]:
        _wrong(report, number, "kind", "lead", f"joint or assist, for row {leads[0].number} leads already", "second_lead")
    for number, row in leads[:1]:
        if row.step != 1:
            _wrong(report, number, "step", str(row.step), "1 for the lead, which has the case from the beginning", "lead_first")


def _check_order(found: Rows, report: PackReport) -> None:
    """The lead is done last, so nobody waits for it: the parts of the others begin with 1 and leave no number out."""
    parts = [row for row in found if row.value.kind != "lead"]
    if not parts:
        start, first = found[0]
        report.error(FILE, start, "kind", f"`{first.code}` has no row that is `joint` or `assist`", code="no_parts")
    taken = {row.value.step for row in parts}
    for number, row in parts:
        if row.step > 1 and row.step - 1 not in taken:
            allowed = f"1, or one more than another joint or assist of the template has (none has {row.step - 1})"
            _wrong(report, number, "step", str(row.step), allowed, "gap")


def _wrong(report: PackReport, number: int, column: str, cell: str, allowed: str, code: str) -> None:
    report.error(FILE, number, column, f"is `{cell}`; allowed: {allowed}", code=code)
