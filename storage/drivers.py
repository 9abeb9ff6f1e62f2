"""The two drivers and everything in which they differ. Nothing outside this module asks which driver is in use.

motor is the default; PyMongo's own asynchronous client is the second and is tested alike (`HEYUN_DRIVER=pymongo`).
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

import pymongo
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.uri_parser import parse_uri

from storage.errors import Invalid

__all__ = ["DRIVERS", "close", "cursor_of", "follow", "make_client", "options_for", "session_of", "with_transaction"]

DRIVERS = ("motor", "pymongo")
T = TypeVar("T")
Changes = list[dict[str, Any]]
Deliver = Callable[[Changes, Any], None]

# An acknowledged write is on the journals of a majority; a connection string cannot weaken that.
_ALWAYS: dict[str, Any] = {
    "appname": "heyun", "w": "majority", "journal": True, "readConcernLevel": "majority", "retryWrites": True, "retryReads": True,
    "tz_aware": True, "uuidRepresentation": "standard",
}  # fmt: skip
_UNLESS_GIVEN: dict[str, Any] = {
    "minPoolSize": 2, "serverSelectionTimeoutMS": 5_000, "connectTimeoutMS": 5_000, "socketTimeoutMS": 120_000,
}  # fmt: skip


def options_for(uri: str, max_pool: int) -> dict[str, Any]:
    """Return the client options for a connection string. Raises `Invalid` when the string is not one."""
    try:
        given = {name.lower() for name in parse_uri(uri, warn=False)["options"]}
    except (pymongo.errors.PyMongoError, ValueError) as error:
        raise Invalid(f"not a MongoDB connection string: {error}", code="bad_mongodb_uri") from None
    softer = {name: value for name, value in (_UNLESS_GIVEN | {"maxPoolSize": max_pool}).items() if name.lower() not in given}
    return _ALWAYS | softer


def make_client(uri: str, driver: str, options: dict[str, Any]) -> Any:
    """Return an unconnected client of the driver, bound to the running loop. Raises `Invalid` for an unknown driver."""
    if driver == "motor":
        from motor.motor_asyncio import AsyncIOMotorClient

        return AsyncIOMotorClient(uri, io_loop=asyncio.get_running_loop(), **options)
    if driver == "pymongo":
        return pymongo.AsyncMongoClient(uri, **options)
    raise Invalid(f"driver {driver!r}: one of {', '.join(DRIVERS)}", code="bad_driver")


async def close(client: Any) -> None:
    """Close the client and its connections (motor's own `close` would block the loop while it says good-bye to the server)."""
    if isinstance(client, pymongo.AsyncMongoClient):
        await client.close()
    else:
        await asyncio.to_thread(client.delegate.close)


async def cursor_of(opened: Any) -> Any:
    """Return the cursor that `aggregate()` or `watch()` opened (motor gives it at once, PyMongo as an awaitable)."""
    return await opened if inspect.iscoroutine(opened) else opened


@asynccontextmanager
async def session_of(client: Any, **options: Any) -> AsyncIterator[Any]:
    """Open a session (motor gives an awaitable, PyMongo the session itself)."""
    started = client.start_session(**options)
    async with await started if inspect.iscoroutine(started) or isinstance(started, asyncio.Future) else started as session:
        yield session


async def with_transaction(client: Any, callback: Callable[[Any], Awaitable[T]]) -> T:
    """Run the callback in a transaction; it runs again when the server asks for it."""
    async with session_of(client) as session:
        return cast(T, await session.with_transaction(callback))


# Most changes that are handed over before the loop may do something else.
_STEP = 100


async def follow(
    database: Any,
    pipeline: Sequence[Mapping[str, Any]],
    options: Mapping[str, Any],
    deliver: Deliver,
    stopped: asyncio.Event,
) -> None:
    """Open a change stream on the database and call `deliver(changes, resume_token)` on the loop, until `stopped` is set or the
    stream ends or fails. The changes may be none: then only the token has moved.

    Not ended by cancelling: PyMongo takes a cancelled read for a broken connection and reads on.
    """
    if not isinstance(database, AsyncDatabase):
        await _Pump(database.delegate, pipeline, options, deliver, stopped).follow()
        return
    async with await database.watch(pipeline, **options) as stream:
        count = 0
        while stream.alive and not stopped.is_set():
            change = await stream.try_next()
            if change is None:
                deliver([], stream.resume_token)
                continue
            deliver([change], change["_id"])
            count += 1
            if count % _STEP == 0:
                await asyncio.sleep(0)


class _Pump:
    """Reads motor's stream in one thread of its own: motor itself would change threads twice for every single change."""

    def __init__(
        self,
        database: Any,
        pipeline: Sequence[Mapping[str, Any]],
        options: Mapping[str, Any],
        deliver: Deliver,
        stopped: asyncio.Event,
    ) -> None:
        self._database = database
        self._pipeline = pipeline
        self._options = options
        self._deliver = deliver
        self._stopped = stopped
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._arrived: deque[tuple[dict[str, Any] | None, Any]] = deque()
        self._is_scheduled = False

    async def follow(self) -> None:
        threading.Thread(target=self._read, name="heyun-feed", daemon=True).start()
        await self._ended

    def _read(self) -> None:
        error: Exception | None = None
        try:
            self._read_stream()
        except Exception as raised:
            error = raised
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end, error)

    def _read_stream(self) -> None:
        token = None
        with self._database.watch(self._pipeline, **self._options) as stream:
            while stream.alive and not self._stopped.is_set():
                change = stream.try_next()
                before, token = token, stream.resume_token if change is None else change["_id"]  # the property makes a deep copy
                if change is None and token == before:
                    continue
                self._arrived.append((change, token))
                if not self._is_scheduled:
                    self._is_scheduled = True
                    self._loop.call_soon_threadsafe(self._hand_over)

    def _hand_over(self) -> None:
        self._is_scheduled = False
        arrived = [self._arrived.popleft() for _ in range(min(len(self._arrived), _STEP))]
        if arrived and not self._stopped.is_set():
            self._deliver([change for change, _ in arrived if change is not None], arrived[-1][1])
        if self._arrived and not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._hand_over)

    def _end(self, error: Exception | None) -> None:
        while self._arrived and not self._stopped.is_set():
            self._hand_over()
        if self._ended.done():
            return
        if error is not None:
            self._ended.set_exception(error)
        else:
            self._ended.set_result(None)
