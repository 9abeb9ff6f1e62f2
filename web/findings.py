"""What an inspection of boundaries answers, in the words of the catalogues: for the API and for the verb."""

from __future__ import annotations

from datetime import datetime

import msgspec

from dispatch.model import LEVELS
from grid.areas import GRID_KINDS
from grid.boundaries import Finding, Severity
from grid.file_imports import BoundariesRefused
from grid.kept_inspections import InspectionPage
from grid.taking import Effect
from storage.errors import FieldError, Invalid
from web.problems import catalogue

__all__ = ["FoundItem", "InspectionAnswer", "finding_words", "inspection_answer", "refusal"]

MOST_REFUSED = 100  # findings of a refusal; the dry run lists all
_ALLOWED = {"level": ", ".join(LEVELS), "kind": ", ".join(GRID_KINDS)}


class FoundItem(msgspec.Struct, kw_only=True):
    """One thing that is wrong (`error`) or doubtful (`warning`): the feature by its number in the file (from 1; null: what
    is not in it, or all of it), the code of its area, whom it concerns, its property, figures, and where to look (WGS-84).
    """

    code: str
    severity: Severity
    feature: int | None
    area: str
    other: str
    field: str
    message: str
    figures: dict[str, float]
    lon: float | None
    lat: float | None


class InspectionAnswer(msgspec.Struct, kw_only=True):
    """What a file holds and what is wrong with it. `possible`: no finding is an error. It was judged against the territory of
    `version`, and is kept under its `id` until `expires_at`.

    `format` and `layer` are what was read, `layers` what there is to read, `file_crs` what the file says of its coordinates,
    `fields` which property held which part. `levels` counts the features, `effect` what would become of the areas, `counts` the
    findings by code. `next` is the cursor of the following page of findings, null on the last; of more than 20,000 the first are
    listed, all are counted.
    """

    id: str
    version: int
    at: datetime
    expires_at: datetime
    possible: bool
    format: str
    layer: str
    layers: tuple[str, ...]
    file_crs: str
    fields: dict[str, str]
    features: int
    levels: dict[str, int]
    effect: Effect
    errors: int
    warnings: int
    counts: dict[str, int]
    findings: list[FoundItem]
    next: int | None


def inspection_answer(page: InspectionPage, language: str) -> InspectionAnswer:
    """Return the API's shape of a dry run and a page of its findings, its words in a language of the catalogues."""
    file, inspection = page.seen.file, page.seen.inspection
    return InspectionAnswer(
        id=page.id, version=page.version, at=page.at, expires_at=page.expires_at,
        possible=not inspection.errors, format=file.form, layer=file.layer, layers=file.layers, file_crs=file.file_crs,
        fields=file.fields, features=sum(page.seen.levels.values()), levels=page.seen.levels,
        effect=inspection.effect, errors=inspection.errors, warnings=inspection.warnings, counts=inspection.counts,
        findings=[_item(finding, language) for finding in inspection.findings], next=page.next,
    )  # fmt: skip


def refusal(error: BoundariesRefused, language: str) -> Invalid:
    """Return the refusal of a file with the first of the errors that were found, in a language of the catalogues."""
    found = [one for one in error.inspection.findings if one.severity == "error"][:MOST_REFUSED]
    items = [_item(finding, language) for finding in found]
    errors = [
        FieldError(field=one.field or "geometry", code=f"boundary_{one.code}", message=one.message, row=one.feature)
        for one in items
    ]
    return Invalid(code=error.code, errors=errors, counts=error.inspection.counts, findings=items)


def finding_words(finding: Finding, language: str) -> str:
    """Return the sentence of a finding in a language of the catalogues."""
    texts = catalogue(language).findings
    variant = "mends" if finding.figures.get("mends") else finding.reason
    text = texts.get(f"{finding.code}.{variant}") or texts[finding.code]
    figures = {name: f"{value:,.4g}" if value < 1 else f"{value:,.10g}" for name, value in finding.figures.items()}
    figures |= {"best": figures.get(finding.other, ""), "said": _said(finding, figures)}
    words = {"area": finding.area, "other": finding.other, "field": finding.field, "allowed": _ALLOWED.get(finding.field, "")}
    reason = texts.get(f"reason.{finding.reason}", finding.reason)
    return text.format_map(words | {"reason": reason} | figures)


def _said(finding: Finding, figures: dict[str, str]) -> str:
    """The fit of the system that the file was said to be in; CGCS2000 is measured as WGS-84."""
    return figures.get("WGS-84" if finding.reason == "CGCS2000" else finding.reason, "")


def _item(finding: Finding, language: str) -> FoundItem:
    lon, lat = finding.at or (None, None)
    return FoundItem(
        code=finding.code, severity=finding.severity, feature=finding.feature, area=finding.area, other=finding.other,
        field=finding.field, message=finding_words(finding, language), figures=finding.figures, lon=lon, lat=lat,
    )  # fmt: skip
