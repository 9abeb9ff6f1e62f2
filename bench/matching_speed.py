"""A large city: 200,000 grids, 510 units, 2,859 organizations, 100,000 rules, in a service as it runs.

How long it takes to load the territory and to swap in a changed one, how long the event loop stands still meanwhile, a whole
match, a million points located; and how a race of two hundred organizations for one need ends (`bench.claims`).

    python -m bench.matching_speed [--json]
"""

from __future__ import annotations

import asyncio
import csv
import json as json_module
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from rich.table import Table

from bench import claims
from bench.installation import console
from bench.memory import rss_mb
from bench.questions import match_figures
from cities.guiyang.build import build as build_pack
from grid import store
from storage.client import Database
from storage.embedded import start
from storage.fields import FieldCipher, Keyring
from web import server
from web.app import keep_what_is_loaded
from web.cli.city import connected, import_folder
from web.services import Services, build
from web.settings import Settings, load

__all__ = ["main"]

GRIDS, RULES, POINTS = 200_000, 100_000, 1_000_000
SWAPS, ROUNDS = 3, 3
TICK_SECONDS = 0.001
GOALS = {"load_s": "≤ 10", "swap_s": "≤ 10", "longest_pause_ms": "≤ 150", "match_p95_ms": "≤ 1", "locate_million_s": "≤ 5"}

Figures = dict[str, float]


def main(json: bool = False) -> Figures:
    """Measure, print a table to standard error (and with `json` one line of JSON to standard output), return the figures."""
    figures: Figures = {}
    with tempfile.TemporaryDirectory(prefix="heyun-bench-") as name:
        folder = Path(name)
        with console.status(f"a city of {GRIDS:,} grids: drawing"):
            build_pack(folder / "pack", grids=GRIDS)
            _add_rules(folder / "pack")
        with start(folder, cache_gb=1.0) as embedded:
            settings = Settings(mongodb_uri=embedded.uri, data=folder, database="heyun", driver=load().driver)

            async def measure() -> None:
                figures.update(await _measure(settings, folder / "pack"))

            server.run(measure)
    figures |= claims.main()
    console.print(_table(figures))
    if json:
        sys.stdout.write(json_module.dumps(figures) + "\n")
    return figures


def _add_rules(pack: Path) -> None:
    """Repeat the rules of the pack for random areas until there are 100,000."""
    rng = np.random.default_rng(3)
    with (pack / "rules.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with (pack / "people.csv").open(encoding="utf-8", newline="") as file:
        worked = sorted({code for row in csv.DictReader(file) for code in row["area_codes"].split(";") if len(code) > 9})
    plain, wanted = [row for row in rows if not row["zone"]], RULES - len(rows)
    chosen, places = rng.integers(0, len(plain), wanted).tolist(), rng.integers(0, len(worked), wanted).tolist()
    with (pack / "rules.csv").open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        for number, (one, place) in enumerate(zip(chosen, places, strict=True)):
            writer.writerow({**plain[one], "id": f"BENCH-{number}", "area_code": worked[place]})


async def _measure(settings: Settings, pack: Path) -> Figures:
    async with connected(settings) as database:
        await import_folder(database, pack, console, cipher=FieldCipher(Keyring.load_or_create(settings.keys)))
    begin = time.perf_counter()
    services = await build(settings)
    figures = {"start_s": time.perf_counter() - begin}
    try:
        keep_what_is_loaded()
        figures |= await _load_and_swap(services)
        figures |= match_figures(services.territory, services.parties, [one.code for one in services.core.catalogue.all()])
        figures |= {"locate_million_s": _locate_million(services), "rss_mb": rss_mb("self")}
    finally:
        await services.close()
    return {name: round(value, 4) for name, value in figures.items()}


async def _load_and_swap(services: Services) -> Figures:
    """Change one grid and wait until the changed territory answers, and until the directory has followed; several times."""
    swaps: list[float] = []
    followed: list[float] = []
    renewed = asyncio.Event()
    services.parties.on_renewed(renewed.set)
    async with _pauses() as pauses:
        for number in range(SWAPS):
            renewed.clear()
            begin = time.perf_counter()
            wanted = await _rename_a_grid(services.database, number)
            while services.territory.version != wanted:  # noqa: ASYNC110  # nothing tells of the moment that is timed here
                await asyncio.sleep(0.005)
            swaps.append(time.perf_counter() - begin)
            await renewed.wait()
            followed.append(time.perf_counter() - begin)
    return {
        "swap_s": statistics.median(swaps),
        "swap_and_directory_s": statistics.median(followed),
        "longest_pause_ms": max(pauses) * 1000,
        "p999_pause_ms": sorted(pauses)[int(0.999 * len(pauses))] * 1000,
    }


async def _rename_a_grid(database: Database, number: int) -> str:
    grid = await database.find_one(store.AREAS, {"level": "grid"})
    assert grid is not None
    await database.update_one(store.AREAS, {"_id": grid["_id"]}, {"$set": {"name": f"{grid['name']} {number}"}})
    return str(await store.mark_changed(database, datetime.now(UTC)))


@asynccontextmanager
async def _pauses() -> AsyncIterator[list[float]]:
    """Collect by how many seconds a task that sleeps a millisecond at a time wakes up late."""
    late: list[float] = []

    async def watch() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(TICK_SECONDS)
            late.append(time.perf_counter() - before - TICK_SECONDS)

    task = asyncio.get_running_loop().create_task(watch())
    try:
        yield late
    finally:
        task.cancel()


def _locate_million(services: Services) -> float:
    """Median seconds to find the grids of a million points spread over the whole city's frame, in GCJ-02."""
    west, south, east, north = services.territory.bounds()
    rng, taken = np.random.default_rng(7), []
    for _ in range(ROUNDS):
        lons, lats = rng.uniform(west, east, POINTS), rng.uniform(south, north, POINTS)
        begin = time.perf_counter()
        services.territory.find_grids(lons, lats, "GCJ-02")
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


def _table(figures: Figures) -> Table:
    table = Table(title=f"matching-speed: {GRIDS:,} grids, {RULES:,} rules")
    for column in ("figure", "value", "goal"):
        table.add_column(column, justify="left" if column == "figure" else "right")
    for name, value in figures.items():
        table.add_row(name, f"{value:,}", GOALS.get(name, ""))
    return table


if __name__ == "__main__":
    main(json="--json" in sys.argv[1:])
