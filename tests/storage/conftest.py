"""Fixtures of the storage tests.

driver    the driver under test: motor and, outside the fast tier, pymongo; HEYUN_DRIVER names only one
collect   makes a queue that a feed's subscriber fills, and waits for what comes
proxy     a TCP proxy before the database that can lose answers and cut connections
proxied   a `Database` that reaches the database of `database` only through `proxy`
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest
from fault_proxy import FaultProxy
from pymongo.uri_parser import parse_uri

from storage.client import Database
from storage.feed import Change


class Collected:
    """The changes that came, in order."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Change] = asyncio.Queue()

    def __call__(self, change: Change) -> None:
        self._queue.put_nowait(change)

    async def take(self, count: int) -> list[Change]:
        async with asyncio.timeout(20):
            return [await self._queue.get() for _ in range(count)]

    @property
    def is_empty(self) -> bool:
        return self._queue.empty()


_CHOSEN = os.environ.get("HEYUN_DRIVER")
_DRIVERS = [_CHOSEN] if _CHOSEN else ["motor", pytest.param("pymongo", marks=pytest.mark.slow)]


@pytest.fixture(params=_DRIVERS)
def driver(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def collect() -> type[Collected]:
    return Collected


@pytest.fixture
async def proxy(mongodb_uri: str) -> AsyncIterator[FaultProxy]:
    host, port = parse_uri(mongodb_uri)["nodelist"][0]
    opened = FaultProxy(host, port)
    await opened.start()
    yield opened
    await opened.stop()


@pytest.fixture
async def proxied(mongodb_uri: str, proxy: FaultProxy, database: Database, driver: str) -> AsyncIterator[Database]:
    parsed = parse_uri(mongodb_uri)
    user = f"{quote(parsed['username'])}:{quote(parsed['password'])}@" if parsed["username"] else ""
    uri = f"mongodb://{user}127.0.0.1:{proxy.port}/?directConnection=true&serverSelectionTimeoutMS=400&authSource=admin"
    opened = await Database.connect(uri, database.name, driver=driver)
    yield opened
    proxy.heal()
    await opened.close()
