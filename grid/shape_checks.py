"""Whether each shape of a file can be a boundary at all: there, a polygon, valid, where the territory may be (domain §5.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from grid.boundaries import Boundary, Finding
from grid.layers import Box
from grid.metric import square_metres

__all__ = ["CHINA", "WORLD", "judge_shapes", "same_shapes"]

CHINA: Box = (72.004, 0.8293, 137.8347, 55.8271)  # the box of the published formula of GCJ-02
WORLD: Box = (-180.0, -90.0, 180.0, 90.0)
_POLYGONS = ("Polygon", "MultiPolygon")
_NUMBER = r"(-?[\d.]+(?:e[-+]?\d+)?)"
_PLACE = re.compile(rf"\[{_NUMBER} {_NUMBER}\]")


def judge_shapes(boundaries: Sequence[Boundary], box: Box) -> tuple[NDArray[Any], list[Finding]]:
    """Return the shapes that the further rules can work with (mended where that is possible, else None) and what was found."""
    shapes = shapely.from_wkb(np.array([one.wkb or None for one in boundaries], dtype=object), on_invalid="ignore")
    usable = np.full(len(boundaries), None, dtype=object)
    found: list[Finding] = []
    for position, one in enumerate(boundaries):
        usable[position], findings = _judge(one, shapes[position], box)
        found += findings
    return usable, found


def same_shapes(boundaries: Sequence[Boundary], shapes: NDArray[Any]) -> Iterator[Finding]:
    """Yield a finding for each shape that an earlier feature of the same level has, too, wherever its ring begins."""
    first: dict[tuple[str, bytes], int] = {}
    normal = shapely.to_wkb(shapely.normalize(shapes))
    for position, one in enumerate(boundaries):
        if normal[position] is None:
            continue
        earlier = first.setdefault((one.level, normal[position]), position)
        if earlier != position and boundaries[earlier].code != one.code:
            figures = {"feature": float(boundaries[earlier].number)}
            other, at = boundaries[earlier].code, _inside(shapes[position])
            yield _about(one, "duplicate", other=other, reason="geometry", figures=figures, at=at)


def _judge(one: Boundary, shape: Any, box: Box) -> tuple[Any, list[Finding]]:
    """Return the shape to go on with, or None, and what is wrong with it."""
    if (wrong := _kind_of(one, shape)) is not None:
        return None, [wrong]
    misplaced = _place_of(one, shape, box)
    found = [misplaced] if misplaced else []
    if not shape.is_valid:
        shape, invalid = _mend(one, shape)
        found.append(invalid)
    return (None if misplaced else shape), found


def _kind_of(one: Boundary, shape: Any) -> Finding | None:
    if one.unread:
        return _about(one, "invalid", reason=one.unread, figures={"mends": 0.0})
    if shape is None or shape.is_empty:
        return _about(one, "empty")
    if shape.geom_type not in _POLYGONS:
        return _about(one, "invalid", reason=f"is a {shape.geom_type}", figures={"mends": 0.0})
    return None


def _place_of(one: Boundary, shape: Any, box: Box) -> Finding | None:
    west, south, east, north = shape.bounds
    if _holds(box, west, south, east, north):
        return None
    swapped = _holds(box, south, west, north, east)  # latitude first is the usual mistake
    at = (round(west, 7), round(south, 7)) if isfinite(west) and isfinite(south) else None
    return _about(one, "outside_box", reason="swapped" if swapped else "", at=at)


def _holds(box: Box, west: float, south: float, east: float, north: float) -> bool:
    return box[0] <= west <= east <= box[2] and box[1] <= south <= north <= box[3]


def _mend(one: Boundary, shape: Any) -> tuple[Any, Finding]:
    """Return what `make_valid` makes of the shape, and the finding: whether it mends it, and how large it is then."""
    reason = str(shapely.is_valid_reason(shape))
    mended = _polygons_of(shapely.make_valid(shape, method="structure", keep_collapsed=False))
    figures = {"mends": 0.0 if mended is None else 1.0}
    if mended is not None:
        figures["area_m2"] = round(float(square_metres(mended)), 2)
    place = _PLACE.search(reason)
    at = (round(float(place[1]), 7), round(float(place[2]), 7)) if place else None
    return mended, _about(one, "invalid", reason=reason.partition("[")[0], figures=figures, at=at)


def _polygons_of(shape: Any) -> Any:
    parts = [part for part in shapely.get_parts(shape).tolist() if part.geom_type == "Polygon" and part.area > 0]
    return None if not parts else parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def _inside(shape: Any) -> tuple[float, float]:
    point = shapely.point_on_surface(shape)
    return round(point.x, 7), round(point.y, 7)


def _about(
    one: Boundary, code: str, *, other: str = "", reason: str = "", figures: dict[str, float] | None = None,
    at: tuple[float, float] | None = None,
) -> Finding:  # fmt: skip
    return Finding(
        code=code, severity="error", feature=one.number, area=one.code, other=other, field="geometry", reason=reason,
        figures=figures or {}, at=at,
    )  # fmt: skip
