"""A made-up city of any size: districts, townships, communities and grids that nest exactly, for measurements and tests.

Grids are Voronoi cells with crooked borders (12–24 vertices), small in the centre and large outside, so that their areas
differ a thousandfold. The same seed gives the same city.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["MadeArea", "MadeCity", "make_city"]

_CENTRE = (106.63, 26.65)


class MadeArea(NamedTuple):
    """One area as an `areas.geojson` feature has it, with its shapely geometry."""

    code: str
    name: str
    level: str
    parent: str | None
    geometry: Any


class MadeCity(NamedTuple):
    """All areas, widest level first; `grids` are the polygons of the last level in the order of their codes."""

    areas: list[MadeArea]
    grids: NDArray[Any]


def make_city(
    *, districts: int = 2, townships: int = 3, communities: int = 3, grids: int = 8, width_km: float = 90.0, seed: int = 1
) -> MadeCity:
    """Return a city with the given number of children below each node; `width_km` is its extent."""
    rng = np.random.default_rng(seed)
    wanted = districts * townships * communities * grids
    cells, sites = _cells(rng, int(wanted * 1.02) + 40, width_km)
    nearest = np.argsort(np.hypot(*(sites - _CENTRE).T), kind="stable")[:wanted]
    cells, sites = cells[nearest], sites[nearest]
    groups = [np.arange(wanted)]
    for count in (districts, townships, communities):
        groups = [part for group in groups for part in _divide(sites, group, count)]
    return _name(cells, groups, (districts, townships, communities))


def _cells(rng: np.random.Generator, count: int, width_km: float) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Crooked Voronoi cells around sites that crowd in the centre, and the sites."""
    inner = rng.uniform(0, 1, count) < 0.6
    spread = np.where(inner, np.minimum(np.abs(rng.normal(0, 0.12, count)), 1.0), np.sqrt(rng.uniform(0, 1, count)))
    radius = (width_km / 200.0) * np.where(inner, np.sqrt(spread * 0.3), spread)
    angle = rng.uniform(0, 2 * np.pi, count)
    sites = np.column_stack([_CENTRE[0] + radius * np.cos(angle), _CENTRE[1] + radius * np.sin(angle)])
    hull = shapely.Point(_CENTRE).buffer(width_km / 200.0)
    raw = np.array(shapely.voronoi_polygons(shapely.multipoints(sites), extend_to=hull, ordered=True).geoms)
    whole = shapely.covered_by(raw, hull)
    raw, sites = raw[whole], sites[whole]
    crooked = np.array([_crook(cell) for cell in raw])
    return (crooked if shapely.is_valid(crooked).all() else raw), sites


def _crook(cell: Any) -> Any:
    """Put two points off each straight edge; both neighbours of the edge get the same points."""
    points: list[tuple[float, float]] = []
    ring = shapely.get_coordinates(cell).tolist()
    for a, b in pairwise(ring):
        points.append((a[0], a[1]))
        low, high = (a, b) if a < b else (b, a)
        bend = [_bend(low, high, share, sign) for share, sign in ((0.35, 0.06), (0.7, -0.05))]
        points.extend(bend if a < b else bend[::-1])
    return shapely.Polygon(points)


def _bend(low: list[float], high: list[float], share: float, off: float) -> tuple[float, float]:
    dx, dy = high[0] - low[0], high[1] - low[1]
    return low[0] + share * dx - off * dy, low[1] + share * dy + off * dx


def _divide(sites: NDArray[np.float64], group: NDArray[np.int64], count: int) -> list[NDArray[np.int64]]:
    """Cut a group into `count` compact parts of equal number, by turns along the longer side."""
    if count == 1:
        return [group]
    spread = np.ptp(sites[group], axis=0)
    order = group[np.argsort(sites[group, int(spread[1] > spread[0])], kind="stable")]
    first = count // 2
    cut = len(order) * first // count
    return _divide(sites, order[:cut], first) + _divide(sites, order[cut:], count - first)


def _name(cells: NDArray[Any], communities: list[NDArray[np.int64]], counts: tuple[int, int, int]) -> MadeCity:
    """Give codes and names from the smallest up and join the polygons of each level."""
    districts, townships, per_township = counts
    levels: list[list[MadeArea]] = [[], [], [], [], []]
    number = 0
    for d in range(1, districts + 1):
        for t in range(1, townships + 1):
            for c in range(1, per_township + 1):
                community = f"52{d:04d}{t:03d}{c:03d}"
                for g, cell in enumerate(sorted(communities[number].tolist()), start=1):
                    levels[4].append(MadeArea(f"{community}{g:03d}", f"第{g}网格", "grid", community, cells[cell]))
                number += 1
                _join(levels, 3, community, f"第{d}{t}{c}社区", community[:9])
            _join(levels, 2, f"52{d:04d}{t:03d}", f"第{d}{t}街道", f"52{d:04d}")
        _join(levels, 1, f"52{d:04d}", f"第{d}区", "520000")
    _join(levels, 0, "520000", "示例市", None)
    return MadeCity([area for level in levels for area in level], np.array([area.geometry for area in levels[4]]))


def _join(levels: list[list[MadeArea]], level: int, code: str, name: str, parent: str | None) -> None:
    names = ("city", "district", "township", "community")
    parts = [area.geometry for area in levels[level + 1] if area.parent == code]
    levels[level].append(MadeArea(code, name, names[level], parent, shapely.coverage_union_all(np.array(parts))))
