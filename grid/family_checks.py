"""The rule of nesting (`grid.nesting`) for every parent of a territory, as findings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from grid.boundaries import Boundary, Finding, Severity
from grid.nesting import Flaw, flaws_of

__all__ = ["Member", "family_findings", "members_of"]

_LAYERS = ("unit", "manage", "eval", "extension")  # kinds of grid that lie over the duty grids, each a layer of its own


class Member(NamedTuple):
    """An area with its shape (WGS-84 degrees). `number` is None for one that is there already and not in the file."""

    code: str
    level: str
    kind: str
    parent: str | None
    number: int | None
    shape: Any


def members_of(boundaries: Sequence[Boundary], shapes: NDArray[Any]) -> list[Member]:
    """Return the boundaries that have a shape as members of their families; of a code that stands twice only the first."""
    first: dict[str, Member] = {}
    for one, shape in zip(boundaries, shapes.tolist(), strict=True):
        if shape is not None and one.code:
            first.setdefault(one.code, Member(one.code, one.level, one.kind, one.parent, one.number, shape))
    return list(first.values())


def family_findings(members: Sequence[Member], outlines: Mapping[str, Any], numbers: Mapping[str, int]) -> Iterator[Finding]:
    """Yield what is wrong among the children of each parent. `outlines` by code of the parent; `numbers` of those in the file.

    Special grids may lie anywhere. What the wide levels do wrong against their parents is a warning, because real outlines of
    districts are often drawn more coarsely than what lies in them; grids and their communities must be exact.
    """
    families: defaultdict[tuple[str, str], list[Member]] = defaultdict(list)
    for member in members:
        if member.parent is not None and not (member.level == "grid" and member.kind == "special"):
            families[member.parent, _layer(member)].append(member)
    for (parent, layer), children in families.items():
        shapes = np.empty(len(children), dtype=object)
        shapes[:] = [child.shape for child in children]
        for flaw in flaws_of(outlines.get(parent), shapes, seek_gaps=not layer):
            if (finding := _finding(flaw, parent, children, numbers)) is not None:
                yield finding


def _layer(member: Member) -> str:
    return member.kind if member.level == "grid" and member.kind in _LAYERS else ""


def _finding(flaw: Flaw, parent: str, children: Sequence[Member], numbers: Mapping[str, int]) -> Finding | None:
    if flaw.code == "gap":
        return _about(flaw, "warning", numbers.get(parent), parent, "")
    child, other = children[flaw.child], None if flaw.other < 0 else children[flaw.other]
    if child.number is None and other is not None and other.number is not None:
        child, other = other, child  # of the two, the one of the file is at fault
    if child.number is None and numbers.get(parent) is None:
        return None  # was so before, and the file changes nothing of it
    severity: Severity = "error" if child.level == "grid" or flaw.code == "overlap" else "warning"
    return _about(flaw, severity, child.number, child.code, parent if other is None else other.code)


def _about(flaw: Flaw, severity: Severity, feature: int | None, area: str, other: str) -> Finding:
    return Finding(
        code=flaw.code, severity=severity, feature=feature, area=area, other=other, field="geometry", figures=flaw.figures,
        at=flaw.at,
    )  # fmt: skip
