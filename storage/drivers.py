"""The two drivers and everything in which they differ. Nothing outside this module asks which driver is in use.

motor is the default; PyMongo's own asynchronous client is the second and is tested alike (`HEYUN_DRIVER=pymongo`).
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

import pymongo
from pymongo.uri_parser import parse_uri

from storage.errors import Invalid

__all__ = ["DRIVERS", "close", "cursor_of", "make_client", "options_for", "session_of", "with_transaction"]

DRIVERS = ("motor", "pymongo")
T = TypeVar("T")

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


async def _settled(value: Any) -> Any:
    """Return the result of what one driver gives at once and the other as an awaitable."""
    return await value if inspect.isawaitable(value) else value


async def close(client: Any) -> None:
    """Close the client and its connections."""
    await _settled(client.close())


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
