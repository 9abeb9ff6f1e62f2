"""Numbered changes of stored data: each runs once, in order, by one process, and is recorded in `migrations`.

A migration must be repeatable: one that was broken off runs again from the start.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import msgspec

from storage.client import Database
from storage.errors import Conflict, Invalid, StorageUnavailable
from storage.lease import Lease

__all__ = ["MIGRATIONS", "Applied", "DatabaseTooNew", "Migration", "pending", "run"]

log = logging.getLogger(__name__)

MIGRATIONS = "migrations"
_LEASE_SECONDS = 15.0


class DatabaseTooNew(Conflict):
    """The database was changed by a newer version of the program; raised at start."""

    code = "database_too_new"


class Migration(msgspec.Struct, frozen=True):
    """One change: `apply(database, dry_run)` changes the data and returns how many documents; a dry run only counts them."""

    number: int
    name: str
    apply: Callable[[Database, bool], Awaitable[int]]


class Applied(msgspec.Struct, frozen=True):
    """What a migration did, or in a dry run would do."""

    number: int
    name: str
    changed: int
    at: datetime | None


async def pending(database: Database, migrations: Sequence[Migration]) -> list[Migration]:
    """Return the migrations that this database still needs, in order. Raises `DatabaseTooNew` when it has one that is unknown
    here, `Invalid` when two have one number."""
    known = {migration.number: migration for migration in migrations}
    if len(known) != len(migrations):
        raise Invalid("two migrations have the same number", code="migration_twice")
    done = {found["_id"]: found["name"] for found in await database.find(MIGRATIONS, {})}
    unknown = sorted(set(done) - set(known))
    if unknown:
        raise DatabaseTooNew(f"the database has migration {unknown[-1]} ({done[unknown[-1]]}); start the newer version of Heyun")
    return [known[number] for number in sorted(set(known) - set(done))]


async def run(database: Database, migrations: Sequence[Migration], *, dry_run: bool = False) -> list[Applied]:
    """Run what is pending, in order, and return what each did; with `dry_run` nothing is written. Waits while another process
    runs them; raises as `pending` does and what a migration raises."""
    if dry_run:
        waiting = await pending(database, migrations)
        return [Applied(item.number, item.name, await item.apply(database, True), None) for item in waiting]
    if not await pending(database, migrations):
        return []
    async with _alone(database):
        return [await _apply(database, migration) for migration in await pending(database, migrations)]


async def _apply(database: Database, migration: Migration) -> Applied:
    log.info("migration %d %s begins", migration.number, migration.name)
    changed = await migration.apply(database, False)
    at = await database.server_time()
    await database.insert_one(MIGRATIONS, {"_id": migration.number, "name": migration.name, "changed": changed, "at": at})
    log.info("migration %d %s changed %d documents", migration.number, migration.name, changed)
    return Applied(migration.number, migration.name, changed, at)


@asynccontextmanager
async def _alone(database: Database) -> AsyncIterator[None]:
    """Hold the lease of the migrations, waiting for it, and keep holding it."""
    lease = Lease(database, "migrations", secrets.token_hex(8), ttl_seconds=_LEASE_SECONDS)
    while True:
        if await lease.acquire():
            break
        await asyncio.sleep(0.25)
    keeper = asyncio.create_task(_keep(lease))
    try:
        yield
    finally:
        keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeper
        await lease.release()


async def _keep(lease: Lease) -> None:
    while True:
        await asyncio.sleep(_LEASE_SECONDS / 3)
        try:
            await lease.acquire()
        except StorageUnavailable:
            log.warning("the lease of the migrations could not be renewed; trying again")
