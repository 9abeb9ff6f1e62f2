"""What speaks against a change of the territory (domain §5.2). Pure.

Only what the change itself does is found: a gap or an overlap that was there before is no reason to refuse a change beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import shapely

from grid.areas import Area
from grid.boundaries import Finding
from grid.drawing import joined, place_in
from grid.land import Land
from grid.metric import Plane, square_metres
from grid.nesting import GAP_SQUARE_METRES, OUTSIDE_METRES, OVERLAP_SQUARE_METRES
from grid.planning import Plan

__all__ = ["SAME_SQUARE_METRES", "check"]

SAME_SQUARE_METRES = 1.0  # the parts of an area may differ from the whole by so much


def check(plan: Plan, land: Land) -> list[Finding]:
    """Return what is found, errors first."""
    found = [_error("not_adjacent", code) for code in plan.apart]
    if plan.whole:
        found += _same_ground(plan, land)
    for parent in {area.parent for area in plan.now.values()} | {land.areas[code].parent for code in plan.gone}:
        if parent is not None:
            found += _Family(parent, plan, land).findings()
    found += _children(plan, land)
    return sorted(found, key=lambda finding: (finding.severity, finding.code, finding.area))


def _same_ground(plan: Plan, land: Land) -> Iterator[Finding]:
    """The parts must add up to what was there."""
    before = joined([land.shape(code) for code in plan.whole])
    after = joined(list(plan.drawn.values()))
    differs = shapely.symmetric_difference(before, after)
    if (area := float(square_metres(differs))) > SAME_SQUARE_METRES:
        yield _error("parts_differ", plan.whole[0], figures={"area_m2": round(area, 1)}, at=place_in(differs))


class _Family:
    """An area and those directly below it, layer by layer, before and after."""

    def __init__(self, parent: str, plan: Plan, land: Land) -> None:
        self.parent, self.plan, self.land = parent, plan, land
        self.outline = plan.drawn[parent] if parent in plan.drawn else land.shape(parent) if parent in land.areas else None

    def findings(self) -> Iterator[Finding]:
        """Yield what the change does to the family."""
        drawn = {code: shape for code, shape in self.plan.drawn.items() if self.plan.now[code].parent == self.parent}
        before = {area.code: area for area in self.land.below(self.parent)}
        for layer in sorted({self.plan.now[code].layer for code in drawn} | {before[code].layer for code in self._gone(before)}):
            if layer != "special":
                yield from self._layer(layer, drawn, before)

    def _gone(self, before: dict[str, Area]) -> list[str]:
        return [code for code in self.plan.gone if code in before]

    def _layer(self, layer: str, drawn: dict[str, Any], before: dict[str, Area]) -> Iterator[Finding]:
        new = {code: shape for code, shape in drawn.items() if self.plan.now[code].layer == layer}
        of_layer = [area.code for area in before.values() if area.layer == layer and area.wkb]
        old = {code: self.land.shape(code) for code in of_layer}
        still = {code: shape for code, shape in old.items() if code not in self.plan.gone and code not in new}
        if not (new or old):
            return
        touched = joined([shape for code, shape in old.items() if code not in still]) if len(still) < len(old) else None
        yield from self._overlaps(new, still, touched)
        if self.outline is not None:
            yield from self._outside(new)
            if layer in ("duty", "community", "township", "district"):
                yield from self._gap(old, {**still, **new})

    def _overlaps(self, new: dict[str, Any], still: dict[str, Any], touched: Any) -> Iterator[Finding]:
        codes = list(new)
        for number, code in enumerate(codes):
            for other in (*codes[number + 1 :], *still):
                shape = new.get(other, still.get(other))
                if not shapely.intersects(new[code], shape):
                    continue
                shared = shapely.intersection(new[code], shape)
                if other in still and touched is not None:  # what overlapped before may go on doing so
                    shared = shapely.difference(shared, touched)
                if (area := float(square_metres(shared))) > OVERLAP_SQUARE_METRES:
                    yield _error("overlap", code, other, {"area_m2": round(area, 1)}, place_in(shared))

    def _outside(self, new: dict[str, Any]) -> Iterator[Finding]:
        for code, shape in new.items():
            if (finding := _beyond(shape, self.outline, self.plan.now[code], self.parent)) is not None:
                yield finding

    def _gap(self, old: dict[str, Any], after: dict[str, Any]) -> Iterator[Finding]:
        free = shapely.difference(self.outline, joined(list(after.values())))
        opened = shapely.intersection(free, joined(list(old.values()))) if old else shapely.Polygon()
        if (area := float(square_metres(opened))) > GAP_SQUARE_METRES:
            figures = {"area_m2": round(area, 1)}
            yield Finding(code="gap", severity="warning", area=self.parent, figures=figures, at=place_in(opened))


def _children(plan: Plan, land: Land) -> Iterator[Finding]:
    """What lies below an area whose border moves, or below a new parent, must still lie inside it."""
    moved = {code for code in plan.drawn if code in land.areas}
    for area in land.areas.values():
        parent = plan.now[area.code].parent if area.code in plan.now else area.parent
        changed = parent != area.parent or parent in moved
        shape = plan.drawn.get(parent or "") if changed and area.code not in plan.gone and area.code not in plan.drawn else None
        if shape is None or not area.wkb or area.layer == "special":
            continue
        finding = _beyond(land.shape(area.code), shape, area, parent or "")
        if finding is not None:
            yield finding


def _beyond(shape: Any, outline: Any, area: Area, parent: str) -> Finding | None:
    if area.layer == "special" or shapely.covers(outline, shape):
        return None
    plane = Plane.around([shape])
    outside = shapely.difference(plane.flat(shape), shapely.buffer(plane.flat(outline), OUTSIDE_METRES))
    if outside.is_empty:
        return None
    far = max(shapely.distance(shapely.points(shapely.get_coordinates(outside)), plane.flat(outline)))
    figures = {"area_m2": round(float(shapely.area(outside)), 1), "distance_m": round(float(far), 1)}
    at = place_in(shapely.difference(shape, outline))
    if area.level == "grid":
        return _error("outside_parent", area.code, parent, figures, at)
    return Finding(code="outside_parent", severity="warning", area=area.code, other=parent, figures=figures, at=at)


def _error(
    code: str, area: str, other: str = "", figures: dict[str, float] | None = None, at: tuple[float, float] | None = None
) -> Finding:
    return Finding(code=code, severity="error", area=area, other=other, figures=figures or {}, at=at)
