"""Boundaries: how long files of 15,000 grids take to be read and judged, and for how long an event loop is held up by it.

python -m bench.boundaries
"""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from typing import Any

import shapely
from rich.console import Console
from rich.table import Table

from bench.boundary_files import geopackage, shapefile_parts, zipped
from bench.made_city import MadeCity, make_city
from grid.areas import Area
from grid.boundaries import Boundary
from grid.files.reading import ReadOptions
from grid.inspection import inspect
from grid.inspection_process import Inspected, inspect_apart

__all__ = ["geojson", "main", "tick"]

CITY = {"districts": 10, "townships": 10, "communities": 10, "grids": 15}
TICK_SECONDS = 0.005
Figures = dict[str, float]


def main(**_: object) -> Figures:
    """Measure, print a table to standard error, return the figures: seconds, and the loop's longest pause in milliseconds."""
    console = Console(stderr=True, highlight=False)
    with console.status("cities: drawing"):
        city = make_city(**CITY)
        present = [
            Area(code=one.code, name=one.name, level=one.level, parent=one.parent, wkb=shapely.to_wkb(one.geometry))
            for one in city.areas
        ]
        files = _files(city)
    figures = _in_this_process(present)
    for form, data in files.items():
        console.log(f"{form}: {len(data) / 1e6:.1f} MB")
        seconds, pause, seen = asyncio.run(_apart(data, present))
        if seen.levels != {"grid": len(city.grids)} or seen.inspection.findings:
            raise AssertionError(f"{form}: {seen.levels} read, {seen.inspection.counts} found")
        figures |= {f"{form}_s": round(seconds, 2), f"{form}_pause_ms": round(1000 * pause, 1)}
    console.print(_table(figures, len(city.grids)))
    return figures


def _files(city: MadeCity) -> dict[str, bytes]:
    features = [
        (one.geometry, {"code": one.code, "name": one.name, "parent": one.parent}) for one in city.areas if one.level == "grid"
    ]
    return {
        "geojson": gzip.compress(geojson(features), 1),
        "shapefile": zipped({"grids": shapefile_parts(features)}),
        "geopackage": geopackage({"grids": features}),
    }


def geojson(features: list[Any]) -> bytes:
    """Return a file of pairs of shape and properties."""
    texts = [
        f'{{"type":"Feature","properties":{json.dumps(properties)},"geometry":{shapely.to_geojson(shape)}}}'
        for shape, properties in features
    ]
    return f'{{"type":"FeatureCollection","features":[{",".join(texts)}]}}'.encode()


def _in_this_process(present: list[Area]) -> Figures:
    boundaries = [
        Boundary(number=number, code=one.code, name=one.name, level=one.level, kind="duty", parent=one.parent, wkb=one.wkb)
        for number, one in enumerate(present, start=1)
        if one.level == "grid"
    ]  # fmt: skip
    begin = time.perf_counter()
    inspect(boundaries, present)
    return {"judged_alone_s": round(time.perf_counter() - begin, 2)}


async def _apart(data: bytes, present: list[Area]) -> tuple[float, float, Inspected]:
    """Seconds, the longest time for which the loop did not come round meanwhile, and the answer."""
    pauses: list[float] = []
    ticking = asyncio.create_task(tick(pauses))
    begin = time.perf_counter()
    seen = await inspect_apart(data, ReadOptions(crs="WGS-84"), present)
    seconds = time.perf_counter() - begin
    await asyncio.sleep(0)
    ticking.cancel()
    return seconds, max(pauses), seen


async def tick(pauses: list[float]) -> None:
    """Note by how much each round of the event loop comes late, in seconds, until cancelled."""
    while True:
        begin = time.perf_counter()
        await asyncio.sleep(TICK_SECONDS)
        pauses.append(time.perf_counter() - begin - TICK_SECONDS)


def _table(figures: Figures, grids: int) -> Table:
    table = Table(
        title=f"boundaries, {grids:,} grids", caption="reading and judging together; the loop's longest pause meanwhile"
    )
    for column in ("figure", "value"):
        table.add_column(column, justify="left" if column == "figure" else "right")
    for name, value in figures.items():
        table.add_row(name, f"{value:,}")
    return table


if __name__ == "__main__":
    main()
