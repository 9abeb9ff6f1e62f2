"""Lists: a page of 50 out of a million cases against a ping, deep pages against the first, and the answer over HTTP.

The store's own queries are timed (filter, index and projection as the service sends them), pages are walked by their cursors.
Every query is explained: none may scan the collection or sort in memory.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

from rich.table import Table
from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from bench.installation import DATABASE, Installation, console, free_port, installation
from bench.many import add_cases, take_in_some
from dispatch.actors import Actor, Scope
from dispatch.store import CASES, CaseQuery, CaseStore, Listing, list_filter
from storage.client import Database

__all__ = ["main"]

OPEN, ENDED = 50_000, 950_000
DEEP = 1_000
TIMES = 60
EVERYBODY = Actor(id="bench", role="dispatcher", scope=Scope(city=True, sensitive=True))
FORBIDDEN = {"COLLSCAN", "SORT"}


def main(ended: int = ENDED, deep: int = DEEP) -> dict[str, float]:
    """Measure, print and return `page_over_ping`, `page1000_over_page1` and `api_p95_ms`."""
    with installation() as place:
        take_in_some(place)
        with console.status(f"{OPEN + ended:,} cases"):
            add_cases(place, OPEN, seed=1)
            add_cases(place, ended, ended=True, seed=2)
        place.settle()
        figures = asyncio.run(_store_figures(place, deep))
        figures["api_p95_ms"] = _api_p95_ms(place)
    table = Table("figure", "value", title=f"lists over {OPEN + ended:,} cases")
    for name, value in figures.items():
        table.add_row(name, str(value))
    console.print(table)
    return figures


async def _store_figures(place: Installation, deep: int) -> dict[str, float]:
    database = await Database.connect(place.uri, DATABASE)
    try:
        store = CaseStore(database)
        by_due = CaseQuery(open=True)
        ended = CaseQuery(open=False)
        await _explained(database, by_due, ended, CaseQuery(state="dispatched"), CaseQuery(light="red", sort="reported_at"))
        ping, page = await _medians(lambda: database.command("ping"), lambda: store.list(list_filter(by_due, EVERYBODY)))
        far = await _walked(store, ended, deep)
        first, last = await _medians(
            lambda: store.list(list_filter(ended, EVERYBODY)), lambda: store.list(list_filter(far, EVERYBODY))
        )
    finally:
        await database.close()
    return {
        "page_over_ping": round(page / ping, 2),
        "page1000_over_page1": round(last / first, 3),
        "ping_ms": round(ping, 3),
        "page_ms": round(page, 3),
    }


async def _medians(*asked: Callable[[], Awaitable[Any]]) -> list[float]:
    """Return the median milliseconds of each, asked in turn."""
    found: list[list[float]] = [[] for _ in asked]
    for _ in range(TIMES):
        for ask, times in zip(asked, found, strict=True):
            started = time.perf_counter()
            await ask()
            times.append(1000 * (time.perf_counter() - started))
    return [statistics.median(times) for times in found]


async def _walked(store: CaseStore, query: CaseQuery, pages: int) -> CaseQuery:
    """Return the query of the page behind so many pages, reached as a reader reaches it."""
    for _ in range(pages - 1):
        _, cursor = await store.list(list_filter(query, EVERYBODY))
        if cursor is None:
            raise RuntimeError("the list has ended before the page that is asked for")
        query = _behind(query, cursor)
    return query


def _behind(query: CaseQuery, cursor: str) -> CaseQuery:
    return CaseQuery(open=query.open, cursor=cursor)


async def _explained(database: Database, *queries: CaseQuery) -> None:
    """Raise unless every query is answered by walking an index in its order."""
    for query in queries:
        listing = list_filter(query, EVERYBODY)
        stages = set(_stages(await _plan(database, listing)))
        if stages & FORBIDDEN:
            raise RuntimeError(f"{query} is answered by {sorted(stages)}")


async def _plan(database: Database, listing: Listing) -> dict[str, Any]:
    find = {
        "find": CASES, "filter": listing.filter, "sort": dict(listing.sort), "hint": dict(listing.index),
        "limit": listing.limit + 1,
    }  # fmt: skip
    found: dict[str, Any] = await database.command({"explain": find, "verbosity": "queryPlanner"})
    plan: dict[str, Any] = found["queryPlanner"]["winningPlan"]
    return plan


def _stages(plan: Any) -> list[str]:
    if isinstance(plan, dict):
        own = [plan["stage"]] if "stage" in plan else []
        return own + [stage for part in plan.values() for stage in _stages(part)]
    if isinstance(plan, list):
        return [stage for part in plan for stage in _stages(part)]
    return []


def _api_p95_ms(place: Installation) -> float:
    """Return the 95th percentile of a first page over HTTP by one reader, the whole case in every row."""
    port = free_port()
    with place.process(["web.server"], port=port):
        times = asyncio.run(_asked(f"http://127.0.0.1:{port}/api/v1/cases?open=true&limit=50", place.tokens["dispatcher"]))
    return round(statistics.quantiles(times, n=20)[-1], 2)


async def _asked(url: str, token: str) -> list[float]:
    http = AsyncHTTPClient()
    times: list[float] = []
    for _ in range(5 * TIMES):
        started = time.perf_counter()
        answer = await http.fetch(HTTPRequest(url, headers={"Authorization": f"Bearer {token}"}))
        times.append(1000 * (time.perf_counter() - started))
        if len(json.loads(answer.body)["items"]) != 50:
            raise RuntimeError("a page does not hold 50 cases")
    return times[TIMES:]


if __name__ == "__main__":
    print(json.dumps(main()))
