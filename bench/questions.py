"""Questions as the platform is asked them: varied points, categories and times, no two alike; and how long a match takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from dispatch.ports import Directory
from grid.coordinates import from_wgs84
from grid.service import Territory
from grid.territory import TerritorySnapshot

__all__ = ["Points", "as_gcj02", "match_figures", "varied"]

MATCHES, ROUNDS = 20_000, 5

Points = NDArray[np.float64]


def varied(grids: NDArray[Any], rng: np.random.Generator, count: int) -> Points:
    """Return points in grids taken at random (so small ones count as much as large ones), about 100 m around their middle."""
    middles = shapely.get_coordinates(shapely.point_on_surface(grids[rng.integers(0, len(grids), count)]))
    near = middles + rng.normal(0, 0.0004, middles.shape)
    inside = shapely.STRtree(grids).query(shapely.points(near), predicate="intersects")[0]
    kept = np.zeros(count, dtype=bool)
    kept[inside] = True
    return np.asarray(np.where(kept[:, None], near, middles))


def as_gcj02(points: Sequence[Sequence[float]]) -> list[Sequence[float]]:
    """Return WGS-84 points as a phone of the country gives them."""
    return [from_wgs84(lon, lat, "GCJ-02") for lon, lat in points]


def match_figures(territory: Territory | TerritorySnapshot, directory: Directory, categories: Sequence[str]) -> dict[str, float]:
    """Time the whole answer of `GET /match`: locate, responsible units with reasons, organizations; every call another question.

    Returns `match_p95_ms` (median of the rounds), `match_p50_ms` and `match_owned_share`, the share that has a lead.
    """
    rng = np.random.default_rng(5)
    grids = np.array([area.geometry for area in territory.features("grid")], dtype=object)
    points = as_gcj02(varied(grids, rng, MATCHES).tolist())
    chosen = [categories[number] for number in rng.integers(0, len(categories), MATCHES).tolist()]
    noon = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
    times = [noon + timedelta(minutes=minutes) for minutes in rng.integers(0, 1440, MATCHES).tolist()]
    clock, taken, owned = time.perf_counter_ns, [], 0
    for (lon, lat), category, at in zip(points, chosen, times, strict=True):
        begin = clock()
        match = directory.match(territory.locate(lon, lat, "GCJ-02"), category, at)
        taken.append(clock() - begin)
        owned += match.lead is not None
    rounds = [sorted(taken[number * MATCHES // ROUNDS : (number + 1) * MATCHES // ROUNDS]) for number in range(ROUNDS)]
    return {
        "match_p95_ms": round(statistics.median(one[int(0.95 * len(one))] for one in rounds) / 1e6, 4),
        "match_p50_ms": round(statistics.median(taken) / 1e6, 4),
        "match_owned_share": round(owned / MATCHES, 4),
    }
