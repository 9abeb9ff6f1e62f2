"""The database as the other packages see it: about twenty operations over plain dicts, with times as aware UTC datetimes.

Every write is acknowledged by a majority and journaled; every read is a majority read. Errors of the driver never leave this
package: what cannot be reached or did not answer is `StorageUnavailable`, a value that must be unique is `DuplicateValue`.
Filters and updates are made by our own code; nothing that a user sent is ever used as a key of one.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, ParamSpec, TypeVar, cast

from pymongo import DeleteMany, ReplaceOne, ReturnDocument, UpdateOne
from pymongo.errors import (
    BulkWriteError,
    CollectionInvalid,
    ConnectionFailure,
    DuplicateKeyError,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
)

from storage import drivers
from storage.errors import DuplicateValue, StandaloneError, StorageFailure, StorageUnavailable

__all__ = ["PASSING", "Database", "Document", "Filter", "Sort", "Update", "is_duplicate_id", "translate"]

Document = dict[str, Any]
Filter = Mapping[str, Any]
Update = Mapping[str, Any] | Sequence[Mapping[str, Any]]
Sort = Sequence[tuple[str, int]]
T = TypeVar("T")
P = ParamSpec("P")

# Refusals of a server that is starting, stepping down, shutting down or too busy: the same write may work a moment later.
# HostUnreachable 6, HostNotFound 7, ExceededTimeLimit 24 and 262, MaxTimeMSExpired 50, WriteConcernTimeout 64, NetworkTimeout 89,
# ShutdownInProgress 91, WriteConflict 112, PrimarySteppedDown 189, KeyNotFound 211 (just after a crash), SocketException 9001,
# NotWritablePrimary 10058 and 10107, Interrupted… 11600 and 11602, NotPrimary… 13388, 13435 and 13436.
PASSING = frozenset({6, 7, 24, 50, 64, 89, 91, 112, 189, 211, 262, 9001, 10058, 10107, 11600, 11602, 13388, 13435, 13436})
_DUPLICATE = 11000
_NAMESPACE_EXISTS = 48
_AUTHENTICATION = (13, 18)


def is_duplicate_id(error: Mapping[str, Any]) -> bool:
    """Tell whether a write error of the server says that the `_id` exists already (and not another unique value)."""
    if error.get("code") != _DUPLICATE:
        return False
    pattern = error.get("keyPattern")
    return list(pattern) == ["_id"] if pattern else "index: _id_ " in str(error.get("errmsg", ""))


def translate(error: PyMongoError) -> Exception:
    """Return our own error for one of the driver. Texts never hold the connection string."""
    if isinstance(error, DuplicateKeyError):
        details = error.details or {}
        return DuplicateValue(f"not unique: {', '.join(details.get('keyPattern', {}))}", keys=list(details.get("keyPattern", {})))
    if isinstance(error, (ConnectionFailure, ExecutionTimeout)):
        return StorageUnavailable(f"the database did not answer: {error.__class__.__name__}")
    if isinstance(error, OperationFailure) and (
        error.code in PASSING or error.timeout or error.has_error_label("RetryableWriteError")
    ):
        return StorageUnavailable(f"the database did not confirm: code {error.code}")
    if isinstance(error, OperationFailure) and error.code in _AUTHENTICATION:
        return StorageFailure("the database refuses this user; check name, password and authSource of the connection string")
    return StorageFailure(f"{error.__class__.__name__}: {error}")


def _ours(method: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Turn errors of the driver into ours, except inside a transaction, where the driver must see its own to run it again."""

    @functools.wraps(method)
    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await method(*args, **kwargs)
        except PyMongoError as error:
            if kwargs.get("session") is not None:
                raise
            raise translate(error) from error

    return call


class Database:
    """One database of a replica set or a sharded cluster, through either driver. Make one with `connect`."""

    def __init__(self, client: Any, straight: Any, name: str, driver: str, uri: str = "") -> None:
        self.name = name
        self.uri = uri  # may hold a password: for another process of ours that connects itself, never for a log
        self.driver = driver
        self._client = client
        self._database = client[name]
        self._straight = straight
        self._collections: dict[str, Any] = {}  # the straight client's; making one takes as long as a small question

    @classmethod
    async def connect(cls, uri: str, name: str, *, driver: str = "motor", max_pool: int = 8) -> Database:
        """Connect and check the server. Raises `StandaloneError` for a server without a replica set, `StorageUnavailable`
        when none answers within 5 s (or the `serverSelectionTimeoutMS` of the URI), `StorageFailure` when it refuses the user."""
        options = drivers.options_for(uri, max_pool)
        client = drivers.make_client(uri, driver, options)
        database = cls(client, drivers.straight_client(client, uri, options), name, driver, uri)
        try:
            await database._check()
        except BaseException:
            await database.close()
            raise
        return database

    async def _check(self) -> None:
        try:
            hello = await self._client.admin.command("hello")
            if "setName" not in hello and hello.get("msg") != "isdbgrid":
                raise StandaloneError(
                    "this MongoDB server is not a replica set; start it with --replSet rs0 and run rs.initiate() once"
                    " (one member is enough)"
                )
            await self._database.command("ping")
        except ConnectionFailure as error:
            hosts = ", ".join(f"{host}:{port}" for host, port in sorted(self._client.topology_description.server_descriptions()))
            raise StorageUnavailable(
                f"no MongoDB server that takes writes answers at {hosts}; is it running and is its replica set initiated?"
            ) from error
        except PyMongoError as error:
            raise translate(error) from error

    async def close(self) -> None:
        """Close all connections."""
        await drivers.close(self._client)
        if self._straight is not self._client:
            await drivers.close(self._straight)

    async def follow(
        self, stage: Mapping[str, Any], pipeline: Sequence[Mapping[str, Any]], deliver: drivers.Deliver, stopped: asyncio.Event
    ) -> None:
        """Follow the changes of the database (see `storage.feed`, which is the only user); errors are the driver's own."""
        await drivers.follow(self._straight[self.name], stage, pipeline, deliver, stopped)

    def collection(self, name: str) -> Any:
        """Return the straight client's own collection, for the modules of this package only."""
        found = self._collections.get(name)
        if found is None:
            found = self._collections[name] = self._straight[self.name][name]
        return found

    @_ours
    async def find_one(
        self, collection: str, filter: Filter, *, projection: Any = None, sort: Sort | None = None, session: Any = None
    ) -> Document | None:
        """Return the first document that fits, or None."""
        target = self.collection(collection) if session is None else self._database[collection]
        found = await target.find_one(filter, projection, sort=sort, session=session)
        return cast("Document | None", found)

    @_ours
    async def find(
        self,
        collection: str,
        filter: Filter,
        *,
        projection: Any = None,
        sort: Sort | None = None,
        limit: int = 0,
        hint: Sort | None = None,
        session: Any = None,
    ) -> list[Document]:
        """Return all documents that fit, at most `limit` (0: no limit). `hint` names the index to walk by its keys."""
        cursor = self._database[collection].find(filter, projection, sort=sort, limit=limit, hint=hint, session=session)
        return cast("list[Document]", await cursor.to_list(None))

    async def iterate(
        self, collection: str, filter: Filter, *, projection: Any = None, sort: Sort | None = None, batch_size: int = 1000
    ) -> AsyncIterator[Document]:
        """Give the documents that fit one after the other, for more than fit into memory."""
        cursor = self._database[collection].find(filter, projection, sort=sort, batch_size=batch_size)
        try:
            async for document in cursor:
                yield document
        except PyMongoError as error:
            raise translate(error) from error
        finally:
            await cursor.close()

    @_ours
    async def insert_one(self, collection: str, document: Document, *, session: Any = None) -> bool:
        """Insert; False when the `_id` exists already. Inside a transaction that is `DuplicateValue`, because it ends there."""
        try:
            await self._database[collection].insert_one(document, session=session)
        except DuplicateKeyError as error:
            if session is None and is_duplicate_id(error.details or {}):
                return False
            raise translate(error) from error
        return True

    @_ours
    async def insert_many(self, collection: str, documents: Sequence[Document], *, session: Any = None) -> set[int]:
        """Insert in no order and return the positions whose `_id` existed already. Everything else that fails is raised."""
        if not documents:
            return set()
        target = self.collection(collection) if session is None else self._database[collection]
        try:
            await target.insert_many(documents, ordered=False, session=session)
        except BulkWriteError as error:
            return self._known_ids(error, session)
        return set()

    @staticmethod
    def _known_ids(error: BulkWriteError, session: Any) -> set[int]:
        details = error.details or {}
        failed = details.get("writeErrors", [])
        other = next((item for item in failed if session is not None or not is_duplicate_id(item)), None)
        if other is not None and other.get("code") == _DUPLICATE:
            keys = list(other.get("keyPattern", {}))
            raise DuplicateValue(f"not unique: {', '.join(keys)}", keys=keys) from error
        if other is not None or details.get("writeConcernErrors"):
            raise error
        return {item["index"] for item in failed}

    @_ours
    async def update_one(
        self, collection: str, filter: Filter, update: Update, *, upsert: bool = False, session: Any = None
    ) -> int:
        """Update the first document that fits; return how many fitted (an upserted one counts as 1)."""
        target = self._database[collection]
        result = await _upserting(upsert, lambda: target.update_one(filter, update, upsert=upsert, session=session))
        return int(result.matched_count) or int(result.upserted_id is not None)

    @_ours
    async def update_many(self, collection: str, filter: Filter, update: Update, *, session: Any = None) -> int:
        """Update all documents that fit; return how many fitted."""
        return int((await self._database[collection].update_many(filter, update, session=session)).matched_count)

    @_ours
    async def find_one_and_update(
        self,
        collection: str,
        filter: Filter,
        update: Update,
        *,
        upsert: bool = False,
        projection: Any = None,
        sort: Sort | None = None,
        session: Any = None,
    ) -> Document | None:
        """Update the first document that fits and return it as it is afterwards; None when none fitted."""
        target = self._database[collection]
        found = await _upserting(
            upsert,
            lambda: target.find_one_and_update(
                filter,
                update,
                projection=projection,
                sort=sort,
                upsert=upsert,
                return_document=ReturnDocument.AFTER,
                session=session,
            ),
        )
        return cast("Document | None", found)

    @_ours
    async def replace_one(
        self, collection: str, filter: Filter, document: Document, *, upsert: bool = False, session: Any = None
    ) -> int:
        """Replace the first document that fits; return how many fitted (an upserted one counts as 1)."""
        target = self._database[collection]
        result = await _upserting(upsert, lambda: target.replace_one(filter, document, upsert=upsert, session=session))
        return int(result.matched_count) or int(result.upserted_id is not None)

    @_ours
    async def delete_one(self, collection: str, filter: Filter, *, session: Any = None) -> int:
        """Delete the first document that fits; return how many were deleted."""
        return int((await self._database[collection].delete_one(filter, session=session)).deleted_count)

    @_ours
    async def delete_many(self, collection: str, filter: Filter, *, session: Any = None) -> int:
        """Delete all documents that fit; return how many."""
        return int((await self._database[collection].delete_many(filter, session=session)).deleted_count)

    @_ours
    async def bulk_update(self, collection: str, pairs: Sequence[tuple[Filter, Update]]) -> int:
        """Run many single updates in no order; return how many matched in total (never which: see `storage.writer`)."""
        if not pairs:
            return 0
        requests = [UpdateOne(filter, update) for filter, update in pairs]
        return int((await self._database[collection].bulk_write(requests, ordered=False)).matched_count)

    @_ours
    async def bulk_replace(self, collection: str, documents: Sequence[Document], *, only: bool = False) -> None:
        """Put the documents in place by `_id`, whether there or not; with `only`, remove every other one first."""
        target = self._database[collection]
        requests: list[Any] = [ReplaceOne({"_id": document["_id"]}, document, upsert=True) for document in documents]
        if only:
            requests.insert(0, DeleteMany({"_id": {"$nin": [document["_id"] for document in documents]}}))
        for start in range(0, len(requests), 5_000):
            await target.bulk_write(requests[start : start + 5_000], ordered=start == 0 and only)

    @_ours
    async def count(self, collection: str, filter: Filter, *, limit: int = 0) -> int:
        """Count the documents that fit, at most to `limit` (0: all)."""
        options = {"limit": limit} if limit else {}
        return int(await self._database[collection].count_documents(filter, **options))

    @_ours
    async def aggregate(
        self, collection: str, pipeline: Sequence[Mapping[str, Any]], *, session: Any = None, **options: Any
    ) -> list[Document]:
        """Run a pipeline and return its documents."""
        cursor = await drivers.cursor_of(self._database[collection].aggregate(pipeline, session=session, **options))
        return cast("list[Document]", await cursor.to_list(None))

    @_ours
    async def run_transaction(self, callback: Callable[[Any], Awaitable[T]]) -> T:
        """Run `callback(session)` in one transaction and return its result. It may run several times: nothing but the
        database may change in it, and each operation in it must be given the session."""
        return await drivers.with_transaction(self._client, callback)

    async def server_time(self) -> datetime:
        """Return the database's own clock (aware UTC)."""
        return cast(datetime, (await self.command("hello"))["localTime"])

    @_ours
    async def command(self, command: str | Mapping[str, Any], value: Any = 1, **arguments: Any) -> Document:
        """Run a command of the server on this database."""
        options = self._database.codec_options  # without them times would come back naive
        return cast(Document, await self._database.command(command, value, codec_options=options, **arguments))

    @_ours
    async def list_collections(self) -> list[str]:
        """Return the names of the collections that exist."""
        return sorted(await self._database.list_collection_names())

    @_ours
    async def create_collection(self, collection: str) -> None:
        """Create an empty collection; nothing happens when it exists."""
        try:
            await self._database.create_collection(collection)
        except CollectionInvalid:
            return
        except OperationFailure as error:
            if error.code != _NAMESPACE_EXISTS:
                raise

    @_ours
    async def list_indexes(self, collection: str) -> list[Document]:
        """Return the indexes of a collection as the server describes them."""
        cursor = await drivers.cursor_of(self._database[collection].list_indexes())
        return cast("list[Document]", await cursor.to_list(None))

    @_ours
    async def create_indexes(self, collection: str, models: Sequence[Any]) -> None:
        """Create indexes that do not exist yet (see `storage.indexes`)."""
        await self._database[collection].create_indexes(models)

    @_ours
    async def drop_index(self, collection: str, name: str) -> None:
        """Remove an index by its name."""
        await self._database[collection].drop_index(name)

    @_ours
    async def drop_collection(self, collection: str) -> None:
        """Remove the collection with all its documents and indexes."""
        await self._database.drop_collection(collection)

    @_ours
    async def drop_database(self) -> None:
        """Remove the database with everything in it."""
        await self._client.drop_database(self.name)

    async def explain(
        self, collection: str, filter: Filter, sort: Sort | None = None, limit: int = 0, *, hint: Sort | None = None
    ) -> Document:
        """Return the server's winning plan for a query, so that tests can prove that it walks an index."""
        find: Document = {"find": collection, "filter": dict(filter)}
        if sort:
            find["sort"] = dict(sort)
        if limit:
            find["limit"] = limit
        if hint:
            find["hint"] = dict(hint)
        return await self.command({"explain": find, "verbosity": "executionStats"})


async def _upserting(upsert: bool, write: Callable[[], Awaitable[Any]]) -> Any:
    """Run a write; when two upserts of one key met, the second run finds the document."""
    try:
        return await write()
    except DuplicateKeyError:
        if not upsert:
            raise
        return await write()
