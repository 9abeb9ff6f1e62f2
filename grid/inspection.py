"""Judging boundaries before they are taken: what would be wrong if these features were in force (domain §5.1, §5.2).

`inspect` compares the features of a file with the territory that is there and says everything that is wrong or doubtful; nothing
is changed by it. The codes of its findings, in `CODES`, are stable:

| code | means |
| --- | --- |
| `suspect_crs` | the file fits what is there better when it is read in another coordinate system |
| `wrong_property` | a property is missing or has a value that is not allowed |
| `wrong_code` | the code is against the national numbering, or is void |
| `duplicate` | the code, or the very same shape, stands in the file twice |
| `city` | there would be two cities |
| `unknown_parent`, `wrong_parent` | nobody has the parent's code; the parent is of the same or a narrower level |
| `empty`, `invalid`, `outside_box` | no shape; not a valid polygon; not where the territory can be |
| `outside_parent`, `overlap`, `gap` | `grid.nesting` |
| `left_out` | an area that is there is not in the file and would go |
| `stranded` | areas lie below one that would go, and the file has none of their level and kind |
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray

from dispatch.model import LEVELS
from grid.areas import GRID_KINDS, Area
from grid.boundaries import Boundary, Finding, wrong_property
from grid.crs_suspicion import suspicion
from grid.family_checks import Member, family_findings, members_of
from grid.shape_checks import judge_shapes, same_shapes
from grid.taking import Effect, Taking
from grid.tree_checks import city_findings, code_findings, parent_findings, repeated

__all__ = ["CODES", "MOST_FINDINGS", "Effect", "Inspection", "inspect", "judged"]

CODES = (
    "suspect_crs", "wrong_property", "wrong_code", "duplicate", "city", "unknown_parent", "wrong_parent", "empty", "invalid",
    "outside_box", "outside_parent", "overlap", "gap", "left_out", "stranded",
)  # fmt: skip

MOST_FINDINGS = 20_000  # nobody reads more, and a file may be wrong in a million ways
MOST_NAME = 120  # characters, as in a city pack
_CODE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,39}\Z")


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """The findings, errors first and then in the order of the file, and what taking the file would do.

    At most `MOST_FINDINGS` are kept; `counts` (by code), `errors` (they keep the file from being taken) and `warnings` count all.
    """

    findings: list[Finding]
    counts: dict[str, int]
    errors: int
    warnings: int
    effect: Effect = Effect()

    @classmethod
    def of(cls, findings: Iterable[Finding], effect: Effect) -> Inspection:
        """Return the inspection with these findings in their order."""
        ordered = sorted(findings, key=_by_order)
        errors = sum(finding.severity == "error" for finding in ordered)
        return cls(
            findings=ordered[:MOST_FINDINGS], counts=dict(Counter(finding.code for finding in ordered)), errors=errors,
            warnings=len(ordered) - errors, effect=effect,
        )  # fmt: skip


def inspect(
    boundaries: Sequence[Boundary],
    present: Iterable[Area] = (),
    *,
    keeps_others: bool = False,
    void: Collection[str] = (),
    crs: str = "WGS-84",
    already: Iterable[Finding] = (),
) -> Inspection:
    """Return what is wrong or doubtful if the boundaries took their places in the present territory.

    They take the place of all areas of their level and kind below their parents (see `grid.taking`); with `keeps_others` only of
    those with the same code. `void` codes must not be used again. `crs` is the system that the file was said to be in: whether
    another one fits better is asked of the present shapes. What was found `already`, when the file was read, stands among the
    findings.

    >>> whole = shapely.to_wkb(shapely.box(106.0, 26.0, 106.02, 26.01))
    >>> there = [Area(code="520102001001", name="社区", level="community", parent="520102001", wkb=whole)]
    >>> half = shapely.to_wkb(shapely.box(106.0, 26.0, 106.01, 26.01))
    >>> one = Boundary(number=1, code="520102001001001", name="格", level="grid", parent="520102001001", wkb=half)
    >>> [(finding.code, finding.figures["area_m2"]) for finding in inspect([one], there).findings]
    [('gap', 1109137.87)]
    """
    return judged(Taking(boundaries, present, keeps_others=keeps_others), void=void, crs=crs, already=already)


def judged(
    taking: Taking, *, void: Collection[str] = (), crs: str = "WGS-84", already: Iterable[Finding] = ()
) -> Inspection:  # fmt: skip
    """Return what `inspect` does, of boundaries that are beside the present territory already."""
    boundaries = taking.boundaries
    shapes, found = judge_shapes(boundaries, taking.box)
    found += already
    found += _property_findings(boundaries)
    found += code_findings(boundaries, void, is_national=taking.is_national)
    found += repeated(boundaries)
    found += same_shapes(boundaries, shapes)
    found += city_findings(boundaries, max(taking.cities, 1))
    found += parent_findings(boundaries, taking.levels)
    found += _nesting(boundaries, shapes, taking)
    found += suspicion(boundaries, shapes, taking.by_code, crs)
    found += taking.findings()
    return Inspection.of(found, taking.effect())


def _property_findings(boundaries: Iterable[Boundary]) -> Iterator[Finding]:
    for one in boundaries:
        if one.level not in LEVELS:
            yield _wrong(one, "level", "choice" if one.level else "missing")
        if one.level == "grid" and one.kind not in ("", *GRID_KINDS):
            yield _wrong(one, "kind", "choice")
        if not _CODE.match(one.code):
            yield _wrong(one, "code", "pattern" if one.code else "missing")
        if not 1 <= len(one.name) <= MOST_NAME:
            yield _wrong(one, "name", "length" if one.name else "missing")
        if one.valid_from and one.valid_to and one.valid_to <= one.valid_from:
            yield wrong_property(one.number, one.code, "valid_to", "order", one.valid_to.date().isoformat())


def _wrong(one: Boundary, field: str, reason: str) -> Finding:
    return wrong_property(one.number, one.code, field, reason, str(getattr(one, field)))


def _nesting(boundaries: Sequence[Boundary], shapes: NDArray[Any], taking: Taking) -> Iterator[Finding]:
    """Judge the families that the file touches: those below the parents that it names, and those of areas that it brings anew."""
    members = members_of(boundaries, shapes)
    touched = {member.parent for member in members} | {member.code for member in members}
    near = [area for area in taking.remaining if area.parent in touched or area.code in touched]
    others = _shapes(near)
    outlines: dict[str, Any] = {member.code: member.shape for member in members}
    outlines |= {code: shape for code, shape in others.items() if code in touched}
    members += [
        Member(area.code, area.level, area.kind, area.parent, None, others[area.code])
        for area in near
        if area.parent in touched and area.code in others
    ]
    return family_findings(members, outlines, {one.code: one.number for one in boundaries})


def _shapes(areas: Sequence[Area]) -> Mapping[str, Any]:
    """The shapes of those that have one, by code."""
    drawn = [area for area in areas if area.wkb]
    shapes = shapely.from_wkb(np.array([area.wkb for area in drawn], dtype=object))
    return dict(zip([area.code for area in drawn], shapes, strict=True))


class _Order(NamedTuple):
    """What findings are listed by."""

    is_warning: bool
    rank: int
    feature: int
    code: str
    area: str
    other: str


def _by_order(finding: Finding) -> tuple[object, ...]:
    """Return the key by which findings are listed."""
    is_first = finding.code != "suspect_crs"  # what may be wrong with all features is said before anything else
    return _Order(
        finding.severity == "warning" and is_first, int(is_first), finding.feature or 0, finding.code, finding.area, finding.other
    )
