"""What the rules of the territory (domain §5.1, §5.2) say of the areas of a city pack, in the words of its report.

The rules are those that also judge files brought later (`grid.inspection`), but for the numbering: a pack may number as it likes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from dispatch.model import LEVELS
from dispatch.packs import PackReport
from grid.boundaries import Boundary, Finding
from grid.family_checks import family_findings, members_of
from grid.nesting import GAP_SQUARE_METRES, OUTSIDE_METRES, OVERLAP_SQUARE_METRES
from grid.tree_checks import city_findings, parent_findings

__all__ = ["check_areas"]


def check_areas(areas: Sequence[Boundary], shapes: NDArray[Any], file: str, report: PackReport) -> None:
    """Put everything that breaks a rule into `report`. `shapes` are valid polygons in WGS-84, or None, one for each area."""
    before = report.total_errors
    levels = {area.code: area.level for area in areas}
    numbers = {area.code: area.number for area in areas}
    for finding in _tree(areas, levels):
        _say(finding, levels, file, report)
    missing = sum(shape is None for shape in shapes)
    if missing:
        report.warn(file, None, "geometry", f"{missing} areas have none: a point is never found in them", code="no_geometry")
    if report.total_errors > before or missing == len(areas):
        return
    members = members_of(areas, shapes)
    told_gaps: set[str] = set()
    for finding in family_findings(members, {member.code: member.shape for member in members}, numbers):
        if finding.code != "gap" or finding.area not in told_gaps:  # one line for a parent, whatever its gaps
            _say(finding, levels, file, report)
        told_gaps |= {finding.area} if finding.code == "gap" else set()


def _tree(areas: Sequence[Boundary], levels: Mapping[str, str]) -> Iterator[Finding]:
    yield from city_findings(areas, sum(area.level == "city" for area in areas))
    yield from parent_findings(areas, levels)


def _say(finding: Finding, levels: Mapping[str, str], file: str, report: PackReport) -> None:
    words, code = _WORDS[finding.code](finding, levels), _CODES.get(finding.code, finding.code)
    tell = report.error if finding.severity == "error" else report.warn
    tell(file, finding.feature, finding.field, words, code=code)


_CODES = {"unknown_parent": "unknown_area", "wrong_parent": "not_allowed"}  # as a pack's report has always called them


def _wrong_parent(finding: Finding, levels: Mapping[str, str]) -> str:
    wider = ", ".join(LEVELS[: LEVELS.index(levels[finding.area])]) or "none"
    return f"`{finding.other}` is a {finding.reason}; allowed: {wider}"


_WORDS: Mapping[str, Callable[[Finding, Mapping[str, str]], str]] = {
    "city": lambda of, _: f"{of.figures['cities']:.0f} areas are a city; allowed: exactly 1",
    "unknown_parent": lambda of, _: f"no area has the code `{of.other}`",
    "wrong_parent": _wrong_parent,
    "overlap": lambda of, _: f"overlaps `{of.other}` by {of.figures['area_m2']:.1f} m²; allowed: {OVERLAP_SQUARE_METRES:.0f} m²",
    "outside_parent": lambda of, _: (
        f"reaches {of.figures['distance_m']:.0f} m ({of.figures['area_m2']:.0f} m²) beyond its parent `{of.other}`; "
        f"allowed: {OUTSIDE_METRES:.0f} m"
    ),
    "gap": lambda of, _: (
        f"the areas in `{of.area}` leave {of.figures['total_m2']:.1f} m² of it free; allowed: {GAP_SQUARE_METRES:.0f} m²"
    ),
}
