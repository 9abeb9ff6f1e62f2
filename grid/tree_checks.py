"""Whether areas make one tree: levels, parents, codes (domain §5.1, §5.2). Used for city packs and for files brought later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from dispatch.model import LEVELS
from grid.areas import is_below_grid
from grid.boundaries import Boundary, Finding
from grid.numbering import flaw

__all__ = ["city_findings", "code_findings", "parent_findings", "repeated"]


def parent_findings(boundaries: Sequence[Boundary], level_of: Mapping[str, str]) -> Iterator[Finding]:
    """Yield a finding for each area whose parent is missing or not of a wider level. `level_of` knows all codes there will be.

    A city has no parent. An area whose level is not known is passed over: something else has been said about it.
    """
    for one in boundaries:
        if one.level not in LEVELS or (one.level == "city" and one.parent is None):
            continue
        above = level_of.get(one.parent or "")
        if above is None:
            yield _about(one, "unknown_parent", other=one.parent or "")
        elif one.level == above == "grid" and is_below_grid(one.code, one.kind, one.parent or ""):
            continue
        elif above not in LEVELS or LEVELS.index(above) >= LEVELS.index(one.level):
            yield _about(one, "wrong_parent", other=one.parent or "", reason=above)


def city_findings(boundaries: Iterable[Boundary], cities: int) -> Iterator[Finding]:
    """Yield a finding when there will not be exactly one city: at the last that is brought, or at none."""
    if cities != 1:
        last = max((one for one in boundaries if one.level == "city"), key=lambda one: one.number, default=None)
        number, code = (last.number, last.code) if last else (None, "")
        figures = {"cities": float(cities)}
        yield Finding(code="city", severity="error", feature=number, area=code, field="level", figures=figures)


def code_findings(boundaries: Iterable[Boundary], void: Iterable[str] = (), *, is_national: bool = True) -> Iterator[Finding]:
    """Yield a finding for each code that is void and not to be used again, or is against the national numbering if that holds."""
    gone = frozenset(void)
    for one in boundaries:
        if one.code in gone:
            yield _about(one, "wrong_code", field="code", reason="void")
        elif is_national and one.code and one.level in LEVELS and (reason := flaw(one.code, one.level, one.parent)):
            yield _about(one, "wrong_code", field="code", reason=reason)


def repeated(boundaries: Iterable[Boundary]) -> Iterator[Finding]:
    """Yield a finding for each code that stands in an earlier feature already."""
    first: dict[str, int] = {}
    for one in boundaries:
        if one.code and (earlier := first.setdefault(one.code, one.number)) != one.number:
            yield _about(one, "duplicate", field="code", reason="code", other=one.code, figures={"feature": float(earlier)})


def _about(
    one: Boundary, code: str, *, other: str = "", field: str = "parent", reason: str = "", figures: dict[str, float] | None = None
) -> Finding:
    return Finding(
        code=code, severity="error", feature=one.number, area=one.code, other=other, field=field, reason=reason,
        figures=figures or {},
    )  # fmt: skip
