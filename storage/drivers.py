"""The two drivers and everything in which they differ. Nothing outside this module asks which driver is in use.

motor is the default; PyMongo's own asynchronous client is the second and is tested alike (`HEYUN_DRIVER=pymongo`). The change
feed, the groups of writes and reads and inserts of many run on the second in either case (`straight_client`).
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

import pymongo
from bson import Int64
from pymongo.uri_parser import parse_uri

from storage.errors import Invalid

__all__ = [
    "DRIVERS", "close", "cursor_of", "follow", "make_client", "options_for", "session_of", "straight_client", "with_transaction",
]  # fmt: skip

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


def straight_client(client: Any, uri: str, options: dict[str, Any]) -> Any:
    """Return the client for what runs without pause: the change feed, groups of writes and reads, inserts of many.

    It is PyMongo's own in either case. motor hands each operation to a thread, and threads that take turns with a busy loop
    cost the intake of reports a fifth of its throughput (docs/adr/0004).
    """
    return client if isinstance(client, pymongo.AsyncMongoClient) else make_client(uri, "pymongo", options)


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


_BATCH = 500  # most changes of one answer
_AWAIT_MS = 250  # so long the server waits for a change before it answers that there is none
_STEP = 100  # most changes that are handed over before the loop may do something else
_BUSY, _PACE_SECONDS = 8, 0.025  # after so many at once more are on their way: asked for a little later they come together


async def follow(
    database: Any, stage: Mapping[str, Any], pipeline: Sequence[Mapping[str, Any]], deliver: Deliver, stopped: asyncio.Event
) -> None:
    """Open a change stream on a database of the straight client (`stage`: the options of `$changeStream`) and call
    `deliver(changes, resume_token)` until `stopped` is set or the stream ends or fails. The changes may be none: then only the
    token has moved.

    Changes are taken by whole answers of the server: the drivers' own streams cost several times as much for each change. A
    stream that breaks is not resumed here. Not ended by cancelling: PyMongo takes a cancelled read for a broken connection and
    reads on.
    """
    opening = {"aggregate": 1, "pipeline": [{"$changeStream": stage}, *pipeline], "cursor": {"batchSize": _BATCH}}
    codec = database.codec_options
    async with database.client.start_session() as session:
        cursor = (await database.command(opening, codec_options=codec, session=session))["cursor"]
        while True:
            batch = _changes_of(cursor)
            for start in range(0, max(len(batch), 1), _STEP):
                part = batch[start : start + _STEP]
                deliver(part, part[-1]["_id"] if len(part) == _STEP else cursor["postBatchResumeToken"])
                await asyncio.sleep(0)
            if stopped.is_set() or not cursor["id"]:
                break
            if len(batch) >= _BUSY:
                await asyncio.sleep(_PACE_SECONDS)
            cursor = (await database.command(_more(cursor), codec_options=codec, session=session))["cursor"]
        if cursor["id"]:
            await database.command(_ending(cursor), session=session)


def _changes_of(cursor: Mapping[str, Any]) -> Changes:
    changes: Changes = cursor["firstBatch"] if "firstBatch" in cursor else cursor["nextBatch"]
    return changes


def _more(cursor: Mapping[str, Any]) -> dict[str, Any]:
    """Return the command for the next answer. The id is the server's own 64-bit one."""
    return {"getMore": Int64(cursor["id"]), "collection": "$cmd.aggregate", "batchSize": _BATCH, "maxTimeMS": _AWAIT_MS}


def _ending(cursor: Mapping[str, Any]) -> dict[str, Any]:
    return {"killCursors": "$cmd.aggregate", "cursors": [Int64(cursor["id"])]}
