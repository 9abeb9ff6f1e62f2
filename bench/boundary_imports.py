"""Files of boundaries put in force: how long a city of 15,000 grids takes as one change, and for how long a loop is held up.

python -m bench.boundary_imports

Two changes on a mongod of its own: every grid redrawn under its code, then every grid replaced under another code; the second is
reversed at last. Each grid has about 50 vertices. What is timed is the whole call: reading, judging, recording, putting in force.
"""

from __future__ import annotations

import asyncio
import gzip
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path

import bson
import shapely
from rich.console import Console
from rich.table import Table

from bench.boundaries import geojson, tick
from bench.made_city import MadeArea, make_city
from dispatch.actors import Actor
from dispatch.service import utc_now
from grid import store
from grid.areas import Area
from grid.borders import Borders, Change
from grid.change_store import CHANGES, INDEXES
from grid.file_imports import FileImports
from grid.files.reading import ReadOptions
from grid.importing import TerritoryPack, write
from grid.inspecting import Inspector
from grid.orders import Reverse
from storage.client import Database
from storage.embedded import start
from storage.indexes import ensure

__all__ = ["main"]

CITY = {"districts": 10, "townships": 10, "communities": 10, "grids": 15}
SEGMENT = 0.0006  # degrees, about 60 m: the longest edge
OFFICE = Actor(id="bench", role="sys_admin")
Figures = dict[str, float]


def main(**_: object) -> Figures:
    """Measure, print a table to standard error, return the figures: seconds, the loop's longest pause in ms, megabytes."""
    console = Console(stderr=True, highlight=False)
    with console.status("cities: drawing"):
        areas = [one._replace(geometry=shapely.segmentize(one.geometry, SEGMENT)) for one in make_city(**CITY).areas]
        grids = [one for one in areas if one.level == "grid"]
    vertices = sum(int(shapely.get_num_coordinates(one.geometry)) for one in grids)
    console.log(f"{len(grids):,} grids, {vertices / len(grids):.0f} vertices each")
    with tempfile.TemporaryDirectory() as folder:
        embedded = start(Path(folder))
        try:
            figures = asyncio.run(_measured(embedded.uri, areas, grids))
        finally:
            embedded.stop()
    table = Table("figure", "value", title=f"boundary files of {len(grids):,} grids as one change")
    for name, value in figures.items():
        table.add_row(name, f"{value:,}")
    console.print(table)
    return figures


async def _measured(uri: str, areas: list[MadeArea], grids: list[MadeArea]) -> Figures:
    database = await Database.connect(uri, "heyun")
    try:
        await ensure(database, {**store.INDEXES, **INDEXES})
        await write(database, TerritoryPack(areas=[_area(one) for one in areas]))
        borders = Borders(database, [], utc_now)
        imports = FileImports(Inspector(database, utc_now), borders)
        figures: Figures = {}
        for version, (name, data) in enumerate(_files(grids).items(), start=1):
            took, change = await _timed(_take(imports, data, version))
            figures |= {f"{name}_{what}": value for what, value in took.items()}
            figures[f"{name}_areas"] = change.counts.touched
            document = await database.find_one(CHANGES, {"_id": change.id})
            figures[f"{name}_document_mb"] = round(len(bson.encode(document or {})) / 1e6, 2)
        took, _ = await _timed(_reverse(borders, change, version + 1))
        return figures | {f"reversed_{what}": value for what, value in took.items()}
    finally:
        await database.close()


def _area(one: MadeArea) -> Area:
    kind = "duty" if one.level == "grid" else ""
    return Area(
        code=one.code, name=one.name, level=one.level, parent=one.parent, kind=kind, wkb=shapely.to_wkb(one.geometry)
    )  # fmt: skip


def _files(grids: list[MadeArea]) -> dict[str, bytes]:
    renamed = [(one.geometry, {"code": one.code, "name": f"新{one.name}", "parent": one.parent}) for one in grids]
    recoded = [
        (one.geometry, {"code": f"{one.parent}{int(one.code[-3:]) + 500}", "name": one.name, "parent": one.parent})
        for one in grids
    ]
    return {name: gzip.compress(geojson(features), 1) for name, features in (("changed", renamed), ("replaced", recoded))}


async def _take(imports: FileImports, data: bytes, version: int) -> Change:
    change, _ = await imports.take(
        actor=OFFICE, data=data, options=ReadOptions(crs="WGS-84"), complete=True, version=version, effective_at=None,
        reason="测量", key=f"file {version}",
    )  # fmt: skip
    return _held(change)


async def _reverse(borders: Borders, change: Change, version: int) -> Change:
    back, _ = await borders.make(
        actor=OFFICE, order=Reverse(change=change.id), version=version, effective_at=None, reason="测量", key="reverse"
    )  # fmt: skip
    return _held(back)


def _held(change: Change) -> Change:
    if change.state != "in_force":
        raise AssertionError(f"{change.kind} is {change.state}")
    return change


async def _timed(work: Awaitable[Change]) -> tuple[Figures, Change]:
    pauses: list[float] = []
    ticking = asyncio.create_task(tick(pauses))
    begin = time.perf_counter()
    change = await work
    seconds = time.perf_counter() - begin
    await asyncio.sleep(0)
    ticking.cancel()
    return {"s": round(seconds, 2), "pause_ms": round(1000 * max(pauses), 1)}, change


if __name__ == "__main__":
    main()
