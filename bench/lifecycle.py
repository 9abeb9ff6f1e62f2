"""The lifecycle: actions against intake, the sweep of what falls due against how much is open, and the count of a due time.

Intake and actions run against one service in turn, several rounds; a third of the actions decide (sign-in, with the rev that was
seen), the others add (progress). The sweep is that of a service in this process, over cases of which 10,000 have just become due.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import time
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any

from pymongo import MongoClient
from rich.table import Table

from bench.installation import DATABASE, Installation, console, free_port, installation, send
from bench.load import Job, Outcome
from bench.many import add_cases, take_in_some
from dispatch import city as cities
from dispatch import snapshots
from dispatch.calendar import WorkCalendar
from dispatch.clocks import Limit, due_at, thresholds
from grid.service import Territory
from orgs.service import Parties
from storage.client import Database
from storage.fields import FieldCipher, Keyring
from web.core import Core

__all__ = ["main"]

ROUNDS = 3
SECONDS = 4.0
CONNECTIONS = 64
DUE = 10_000
OPEN = {"10k": 10_000, "100k": 100_000, "1m": 1_000_000}
COUNTS = 20_000


def main(most_open: int = OPEN["1m"]) -> dict[str, float]:
    """Measure, print and return `actions_share_of_intake`, `sweep_ms_…` (milliseconds for 10,000 cases) and `due_us`."""
    with installation() as place:
        rounds = [_round(place, number) for number in range(ROUNDS)]
        figures = {"actions_share_of_intake": round(statistics.median(acts / takes for takes, acts in rounds), 3)}
        place.forget(DATABASE, ("cases", "notices", "tellings"))
        figures |= _sweeps(place, most_open)
    figures["due_us"] = _due_us()
    table = Table("figure", "value", title=f"lifecycle, {ROUNDS} rounds: intake and actions a second {rounds}")
    for name, value in figures.items():
        table.add_row(name, str(value))
    console.print(table)
    return figures


def _round(place: Installation, number: int) -> tuple[float, float]:
    """Return reports and actions a second."""
    place.forget(DATABASE, ("cases", "notices", "tellings"))
    port = free_port()
    with place.process(["web.server"], port=port):
        taken = _send(
            place, port, "grid_worker", number, points=place.points(4000, seed=number), categories=place.plain_categories()
        )
        acted = _send(place, port, "unit_clerk", number, given=_actions(place))
    bad = {status: count for status, count in acted.statuses.items() if status != "200"}
    if bad:
        raise RuntimeError(f"actions were refused: {bad}; {acted.sample[:300]}")
    return taken.per_second, acted.per_second


def _send(place: Installation, port: int, role: str, number: int, **what: Any) -> Outcome:
    token = place.tokens[role]
    return send(
        Job(
            host="127.0.0.1", port=port, path="/api/v1/events", token=token, connections=CONNECTIONS, seconds=SECONDS,
            seed=number + 1, **what,
        )
    )  # fmt: skip


def _actions(place: Installation) -> list[tuple[str, str, str]]:
    """Return three actions for each dispatched case, so laid out that one connection gets the three of a case in order."""
    with MongoClient[dict[str, Any]](place.uri) as client:
        found = [case["_id"] for case in client[DATABASE].cases.find({"live.state": "dispatched"}, {"_id": 1})]
    steps = (("sign_in", {"rev": 1}), ("progress", {"note": "已到现场查看"}), ("progress", {"note": "正在处理，已联系施工队"}))
    given: list[tuple[str, str, str]] = []
    for start in range(0, len(found) - CONNECTIONS, CONNECTIONS):
        for number, (action, body) in enumerate(steps):
            for case in found[start : start + CONNECTIONS]:
                given.append((f"/api/v1/cases/{case}/actions/{action}", f"{case}-{number}", json.dumps(body, ensure_ascii=False)))
    return given


def _sweeps(place: Installation, most_open: int) -> dict[str, float]:
    take_in_some(place)
    found: dict[str, float] = {}
    there = 0
    for name, size in OPEN.items():
        if size > most_open:
            break
        with console.status(f"{size:,} open cases"):
            add_cases(place, size - there, due=DUE, seed=size // 1000)
            there = size
            found[f"sweep_ms_{name}"] = asyncio.run(_sweep_ms(place))
    return found


async def _sweep_ms(place: Installation) -> float:
    """Return the milliseconds of one sweep by a service in this process; it must change exactly what was made due."""
    database = await Database.connect(place.uri, DATABASE)
    try:
        cases = (await _core(database)).cases
        started = time.perf_counter()
        changed = await cases.sweep()
        taken = 1000 * (time.perf_counter() - started)
        await cases.close()
    finally:
        await database.close()
    if changed != DUE:
        raise RuntimeError(f"the sweep changed {changed} cases, {DUE} were due")
    return round(taken, 1)


async def _core(database: Database) -> Core:
    """Return the core as a service has it, which follows nothing and holds no open case in memory."""
    city = await cities.load(database)
    assert city is not None  # the installation has loaded it
    catalogue = await snapshots.load_catalogue(database)
    territory = await Territory.load(database)
    parties = await Parties.load(database, categories=catalogue.all, timezone=city.timezone)
    return await Core.load(database, territory, parties, catalogue, city, FieldCipher(Keyring.generate()))


def _due_us() -> float:
    """Return the mean microseconds to count one due time and its lights, over any time of 2026 and limits of every unit."""
    draw, calendar = random.Random(7), WorkCalendar()
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    starts = [begin + timedelta(seconds=draw.randrange(365 * 86_400)) for _ in range(COUNTS)]
    limits = [Limit.parse(cell) for cell in ("30m", "2h", "24h", "2wh", "4wh", "1wd", "5wd", "10wd", "15wd")]
    pairs = list(zip(starts, cycle(limits)))
    started = time.perf_counter()
    for start, limit in pairs:
        thresholds(start, due_at(start, limit, calendar), limit, calendar)
    return round(1e6 * (time.perf_counter() - started) / COUNTS, 2)


if __name__ == "__main__":
    print(json.dumps(main()))
