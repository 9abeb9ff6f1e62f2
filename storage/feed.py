"""The change feed: what any process has written to the watched collections, in one order that all processes share.

One change stream per process, with the wanted fields picked on the server. A change is known after its write is safe on a
majority. The id of a change is the cluster's time and an ordinal, so ids of two processes are the same and are ordered. What
this process inserted itself need not be brought back whole: a document that carries the `origin` which `announce` gave it
comes as its key alone and is taken from memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from bson import Timestamp
from pymongo.errors import OperationFailure, PyMongoError

from storage.client import Database, Document
from storage.errors import StorageUnavailable

__all__ = ["GAP", "Change", "Feed"]

log = logging.getLogger(__name__)

GAP = "gap"  # the operation of a change that stands for unknown ones
_WRITES = ("insert", "update", "replace", "delete")
_ENDS = ("drop", "rename", "dropDatabase", "invalidate")
_HISTORY_LOST = frozenset({136, 280, 286})  # CappedPositionLost, ChangeStreamFatalError, ChangeStreamHistoryLost
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_CLOCK_TRIES = 100
_ORIGIN = "origin"
_MOST_ANNOUNCED = 10_000  # that have not come back: those that were never inserted are forgotten by and by

_SET_FIELDS = {"$objectToArray": {"$ifNull": ["$updateDescription.updatedFields", {}]}}
_NAMES_SET = {"$map": {"input": _SET_FIELDS, "in": "$$this.k"}}
_NAMES_REMOVED = {"$ifNull": ["$updateDescription.removedFields", []]}
_NAMES_CUT = {"$ifNull": ["$updateDescription.truncatedArrays.field", []]}

Position = tuple[int, int, int]


class Change(msgspec.Struct, frozen=True):
    """One write: `operation` is insert, update, replace, delete or gap; `key` the document's id; `document` the watched fields as
    they are after it (None after a delete and where none are watched). After a gap subscribers read again what they need."""

    position: Position
    collection: str
    operation: str
    key: str
    document: Document | None

    @property
    def id(self) -> str:
        """The id of the change, the same in all processes; made when somebody asks."""
        return _text(self.position)


Callback = Callable[[Change], None]


class Feed:
    """Follows the collections of `watch` (collection → fields to bring, None: only the key). An update that touches none of the
    fields to bring is not told. A ring of the last `ring` changes answers those who were away for a moment. Callbacks run on
    the loop and must be quick."""

    def __init__(self, database: Database, watch: Mapping[str, Sequence[str] | None], *, ring: int = 10_000) -> None:
        self._database = database
        self._fields = {collection: tuple(fields) if fields is not None else None for collection, fields in watch.items()}
        self._subscribers: dict[str, tuple[Callback, ...]] = dict.fromkeys(watch, ())
        self._ring: deque[Change] = deque(maxlen=ring)
        self._floor: Position = (0, 0, 0)  # nothing at or before it is missing from the ring's start on
        self._last: Position = (0, 0, 0)
        self._token: Any = None
        self._self = secrets.token_hex(4)
        self._announced: dict[str, Document] = {}
        self._count = 0
        self._task: asyncio.Task[None] | None = None
        self._stopped = asyncio.Event()

    @property
    def last_id(self) -> str:
        """The id of the last change seen (or of the moment of the start)."""
        return _text(self._last)

    async def start(self) -> None:
        """Begin; every change that is written after this returns is delivered. Raises `StorageUnavailable`."""
        await self._begin_now()
        self._stopped.clear()
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """End; nothing is delivered afterwards."""
        if self._task is None:
            return
        self._stopped.set()
        await self._task
        self._task = None

    def announce(self, document: Document) -> str:
        """Say that a document with these watched fields is about to be inserted; returns what must stand in its `origin`."""
        self._count += 1
        origin = f"{self._self}{self._count}"
        self._announced[origin] = document
        if len(self._announced) > _MOST_ANNOUNCED:
            del self._announced[next(iter(self._announced))]
        return origin

    def subscribe(self, collection: str, callback: Callback) -> Callable[[], None]:
        """Call `callback(change)` for each change of the collection from now on; returns what ends it. A collection that is not
        watched is a `KeyError`. A callback that raises is logged and stops nobody else."""
        self._subscribers[collection] = (*self._subscribers[collection], callback)

        def unsubscribe() -> None:
            self._subscribers[collection] = tuple(other for other in self._subscribers[collection] if other is not callback)

        return unsubscribe

    def since(self, event_id: str) -> list[Change] | None:
        """Return the changes after this id, oldest first; None when the ring does not reach back to it (the asker then reads
        everything anew) or when it is no id."""
        position = _position(event_id)
        if position is None or position < self._floor:
            return None
        later: list[Change] = []
        for change in reversed(self._ring):
            if change.position <= position:
                break
            later.append(change)
        later.reverse()
        return later

    async def _begin_now(self) -> None:
        """Let the stream begin at the database's present; the ring knows nothing older."""
        now = await self._present()
        self._ring.clear()
        self._floor = self._last = (now.time, now.inc, 0)
        self._token = None

    async def _present(self) -> Timestamp:
        """Return the database's time. A server with access control tells none for a moment after its start."""
        for _ in range(_CLOCK_TRIES):
            answer = await self._database.command("ping")
            if "operationTime" in answer:
                now: Timestamp = answer["operationTime"]
                return now
            await asyncio.sleep(_FIRST_PAUSE)
        raise StorageUnavailable("the database does not tell its time yet")

    async def _run(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stopped.is_set():
            before = self._token
            try:
                await self._database.follow(self._stage(), self._pipeline(), self._deliver, self._stopped)
                if not self._stopped.is_set():
                    log.warning("the change stream of %s has ended", self._database.name)
                    await self._gap()
            except PyMongoError as error:
                log.warning("the change stream is interrupted: %s", error.__class__.__name__)
                if _is_lost(error):
                    await self._gap()
            except Exception:
                log.exception("the change feed failed and begins anew")
                await self._gap()
            pause = _FIRST_PAUSE if self._token != before else min(pause * 2, _LONGEST_PAUSE)
            await self._pause(pause)

    async def _gap(self) -> None:
        """Begin anew and tell every subscriber that changes may be missing."""
        while not self._stopped.is_set():
            try:
                await self._begin_now()
                break
            except StorageUnavailable as error:
                log.warning("the change feed cannot begin anew: %s", error)
                await self._pause(_LONGEST_PAUSE)
        for collection in self._subscribers:
            self._publish(Change(self._last, collection, GAP, "", None))

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), seconds)

    def _pipeline(self) -> list[Document]:
        project: Document = {"operationType": 1, "clusterTime": 1, "ns.coll": 1, "documentKey._id": 1}
        names = sorted({field for fields in self._fields.values() for field in fields or ()})
        if names:
            begins = {"$substrBytes": [f"$fullDocument.{_ORIGIN}", 0, len(self._self)]}
            is_own = {"$and": [{"$eq": ["$operationType", "insert"]}, {"$eq": [begins, self._self]}]}
            brought = {name: f"$fullDocument.{name}" for name in names}
            project["fullDocument"] = {"$cond": [is_own, {_ORIGIN: f"$fullDocument.{_ORIGIN}"}, brought]}
        match = {"ns.coll": {"$in": list(self._fields)}, "operationType": {"$in": [*_WRITES, *_ENDS]}}
        known: Document = {"$or": [match, {"operationType": "dropDatabase"}]}
        if unseen := self._unseen():
            known["$expr"] = {"$not": {"$and": [{"$eq": ["$operationType", "update"]}, {"$or": unseen}]}}
        return [{"$match": known}, {"$project": project}]

    def _unseen(self) -> list[Document]:
        """Updates that touch no field that is brought: the server drops them before it looks the document up."""
        names = {"$concatArrays": [_NAMES_SET, _NAMES_REMOVED, _NAMES_CUT]}
        touched = {"$map": {"input": names, "in": {"$first": {"$split": ["$$this", "."]}}}}
        found: list[Document] = []
        for collection, fields in self._fields.items():
            if fields:
                wanted = sorted({field.partition(".")[0] for field in fields})
                none = {"$eq": [{"$size": {"$setIntersection": [touched, wanted]}}, 0]}
                found.append({"$and": [{"$eq": ["$ns.coll", collection]}, none]})
        return found

    def _stage(self) -> Document:
        stage: Document = {"fullDocument": "updateLookup"} if any(self._fields.values()) else {}
        if self._token is not None:
            return stage | {"resumeAfter": self._token}
        return stage | {"startAtOperationTime": Timestamp(self._last[0], self._last[1] + 1)}

    def _deliver(self, documents: Sequence[Document], token: Any) -> None:
        for document in documents:
            change = self._change(document)
            if change is not None:
                self._remember(change)
                self._publish(change)
        self._token = token

    def _change(self, document: Document) -> Change | None:
        time: Timestamp = document["clusterTime"]
        last = self._last
        ordinal = last[2] + 1 if last[0] == time.time and last[1] == time.inc else 1
        self._last = (time.time, time.inc, ordinal)
        collection, operation = document.get("ns", {}).get("coll"), document["operationType"]
        if collection is None or operation == "invalidate":
            return None  # the stream ends now and the gap follows
        if operation in _ENDS:
            return Change(self._last, collection, GAP, "", None)
        key = document["documentKey"]["_id"]
        brought = (document.get("fullDocument") or None) if self._fields[collection] is not None else None
        if brought is not None and _ORIGIN in brought:
            brought = self._announced.pop(brought[_ORIGIN], None)
            if brought is None:  # far too much was announced meanwhile
                return Change(self._last, collection, GAP, "", None)
        return Change(self._last, collection, operation, key if isinstance(key, str) else str(key), brought)

    def _remember(self, change: Change) -> None:
        if len(self._ring) == self._ring.maxlen:
            self._floor = self._ring[0].position
        self._ring.append(change)

    def _publish(self, change: Change) -> None:
        for callback in self._subscribers[change.collection]:
            try:
                callback(change)
            except Exception:
                log.exception("a subscriber of %s failed at change %s", change.collection, change.id)


def _is_lost(error: PyMongoError) -> bool:
    """Tell whether the place where we were cannot be found again."""
    if error.has_error_label("NonResumableChangeStreamError"):
        return True
    return isinstance(error, OperationFailure) and error.code in _HISTORY_LOST


def _text(position: Position) -> str:
    return f"{position[0]}.{position[1]}.{position[2]}"


def _position(event_id: str) -> Position | None:
    parts = event_id.split(".")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 20 for part in parts):
        return None
    return int(parts[0]), int(parts[1]), int(parts[2])
