"""Group commit: what arrives while the last group is in flight is the next group (`storage.lanes`).

Both writers answer each caller exactly. A group that fails as a whole, or whose answer was lost, is settled entry by entry: what
is there by its own id was written, what is not there is written again, until the deadline; then `StorageUnavailable`. Never a
false yes, never a false no.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from typing import Any

import pymongo
from bson import encode
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError, ConnectionFailure, ExecutionTimeout, OperationFailure, PyMongoError

from storage.client import PASSING, Database, Document, Update, is_duplicate_id, translate
from storage.errors import DuplicateValue, Invalid, StorageFailure, StorageUnavailable
from storage.lanes import ATTEMPT_SECONDS, Lanes, Waiter

__all__ = ["GroupInserter", "GroupUpdater"]

log = logging.getLogger(__name__)

DEADLINE_SECONDS = 30.0
_LEAST_SECONDS = 0.5
_LARGEST = 16 * 1024 * 1024
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0


class _Writer(Lanes):
    """What both writers have in common: a group is tried until the fate of each of it is known."""

    async def _attempt(self, group: list[Waiter], again: bool) -> list[Waiter]:
        """Write the group, answer those whose fate is known, return the others. `again`: some may be written already."""
        raise NotImplementedError

    async def _look_up(self, group: list[Waiter]) -> list[Waiter]:
        """Answer those whose write is in the database and return those whose write is not."""
        raise NotImplementedError

    async def _serve(self, group: list[Waiter]) -> None:
        """Write the group and see to it that each waiter gets its answer, an error or, at its deadline, `StorageUnavailable`."""
        unclear = await self._attempt_or_single(group, again=False)
        pause = _FIRST_PAUSE
        while unclear := self._give_up_overdue(unclear):
            try:
                with pymongo.timeout(_patience(unclear)):
                    absent: list[Waiter] | None = await self._look_up(unclear)
            except PyMongoError as error:
                log.warning("%s: %d writes stay unclear: %s", self._name, len(unclear), error.__class__.__name__)
                absent = None
            if absent is not None and not absent:
                return
            if absent is not None:
                unclear = await self._attempt_or_single(absent, again=True)
            if unclear:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    def _give_up_overdue(self, unclear: list[Waiter]) -> list[Waiter]:
        if not unclear:
            return unclear
        now = asyncio.get_running_loop().time()
        for waiter in unclear:
            if waiter.deadline <= now:
                waiter.fail(StorageUnavailable(f"{self._name}: the database did not confirm the write in time"))
        return [waiter for waiter in unclear if not waiter.future.done()]

    async def _attempt_or_single(self, group: list[Waiter], again: bool) -> list[Waiter]:
        """Write the group; if it is refused as a whole, one by one, so that one bad entry fails alone."""
        try:
            with pymongo.timeout(_patience(group)):
                return await self._attempt(group, again)
        except Exception as error:  # what the driver says to one bad entry is of many types
            if _is_unclear(error):
                return group
            if len(group) == 1:
                group[0].fail(translate(error) if isinstance(error, PyMongoError) else StorageFailure(str(error)))
                return []
        unanswered = [waiter for waiter in group if not waiter.future.done()]
        return [left for waiter in unanswered for left in await self._attempt_or_single([waiter], again=True)]


class GroupInserter(_Writer):
    """Inserts documents in groups. `mark` names a top-level field that differs between two writers of one `_id` (such as a
    number or a time of creation); it tells after an outage whose document is there. Without it the whole documents are compared.
    """

    def __init__(
        self,
        database: Database,
        collection: str,
        *,
        mark: str | None = None,
        max_group: int = 256,
        lanes: int = 2,
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> None:
        super().__init__(database, collection, max_group, lanes, deadline_seconds)
        self._mark = mark

    def insert(self, document: Document) -> asyncio.Future[bool]:
        """Insert; gives True when it is on the journal of a majority, False when a document with this `_id` was there.

        The document is encoded at once and need not be kept. When awaited raises `Invalid` for what cannot be stored,
        `DuplicateValue` when another unique value exists already, `StorageUnavailable` when the database does not confirm before
        the deadline (it may or may not be written then).
        """
        waiter = self._waiter(document["_id"], document.get(self._mark) if self._mark else None, None)
        try:
            waiter.content = _encoded(document)
        except Invalid as error:
            waiter.fail(error)
        else:
            self._waiting.append(waiter)
            self._wake()
        return waiter.future

    async def _attempt(self, group: list[Waiter], again: bool) -> list[Waiter]:
        failed: Mapping[int, Mapping[str, Any]] = {}
        unconfirmed = False
        try:
            await self._collection.insert_many([RawBSONDocument(waiter.content) for waiter in group], ordered=False)
        except BulkWriteError as error:
            details = error.details or {}
            failed = {item["index"]: item for item in details.get("writeErrors", ())}
            unconfirmed = bool(details.get("writeConcernErrors"))
        unclear: list[Waiter] = []
        for position, waiter in enumerate(group):
            problem = failed.get(position)
            exists = problem is not None and is_duplicate_id(problem)
            if (again and exists) or (unconfirmed and problem is None):
                unclear.append(waiter)
            elif problem is None or exists:
                waiter.answer(problem is None)
            elif not _answer_refusal(waiter, problem):
                unclear.append(waiter)
        return unclear

    async def _look_up(self, group: list[Waiter]) -> list[Waiter]:
        found = await self._collection.find({"_id": {"$in": [waiter.key for waiter in group]}}).to_list(None)
        stored = {document["_id"]: document for document in found}
        claimed: set[Any] = set()
        absent: list[Waiter] = []
        for waiter in group:
            document = stored.get(waiter.key)
            if document is None:
                absent.append(waiter)
            elif waiter.key not in claimed and self._is_mine(waiter, document):
                claimed.add(waiter.key)
                waiter.answer(True)
            else:
                waiter.answer(False)
        return absent

    def _is_mine(self, waiter: Waiter, stored: Document) -> bool:
        if self._mark is None:
            return bool(encode(stored) == waiter.content)
        return bool(encode({"mark": stored.get(self._mark)}) == encode({"mark": waiter.entry}))


class GroupUpdater(_Writer):
    """Applies guarded updates in groups. Each update must push an entry with an id of its own; that entry is the proof.

    The server tells only how many of a group matched. When fewer matched than were sent, who won is read from the very
    entries. Two actions on one document never share a group; they follow each other in the order in which they came.
    """

    def __init__(
        self,
        database: Database,
        collection: str,
        *,
        max_group: int = 256,
        lanes: int = 2,
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> None:
        super().__init__(database, collection, max_group, lanes, deadline_seconds)
        self._queues: dict[Any, deque[Waiter]] = {}  # by document; a key is here while one of it waits or is in flight
        self._ready: deque[Any] = deque()  # documents of which something waits and nothing is in flight

    async def apply(
        self, document_id: Any, guard: Mapping[str, Any], update: Update, entry_id: str, *, entry_path: str = "timeline.id"
    ) -> bool:
        """Apply `update` to the document if it fits `guard`; True when the entry `entry_id` is in it, False when it is not.

        The update must push an entry whose id at `entry_path` is `entry_id`; an entry that is there already is never pushed
        again (then the answer is True). Raises as `GroupInserter.insert` does.
        """
        filter = {"_id": document_id, **guard}
        proof = {"_id": document_id, entry_path: entry_id}
        filter = (
            {"$and": [filter, {entry_path: {"$ne": entry_id}}]}
            if entry_path in guard
            else filter | {entry_path: {"$ne": entry_id}}
        )
        _check_update(filter, update)
        waiter = self._waiter(document_id, proof, UpdateOne(filter, update))
        queue = self._queues.get(document_id)
        if queue is None:
            self._queues[document_id] = deque((waiter,))
            self._ready.append(document_id)
            self._wake()
        else:
            queue.append(waiter)
        return bool(await waiter.future)

    def _pending(self) -> int:
        return len(self._ready)

    def _take(self) -> list[Waiter]:
        keys = [self._ready.popleft() for _ in range(min(len(self._ready), self._share(len(self._ready))))]
        return [self._queues[key].popleft() for key in keys]

    def _finish(self, group: list[Waiter]) -> None:
        for waiter in group:
            if self._queues[waiter.key]:
                self._ready.append(waiter.key)
            else:
                del self._queues[waiter.key]

    async def _attempt(self, group: list[Waiter], again: bool) -> list[Waiter]:
        refused: set[int] = set()
        unclear: list[Waiter] = []
        try:
            matched = (await self._collection.bulk_write([waiter.content for waiter in group], ordered=False)).matched_count
        except BulkWriteError as error:
            details = error.details or {}
            if details.get("writeConcernErrors"):
                return group
            matched = details.get("nMatched", 0)
            for problem in details.get("writeErrors", ()):
                refused.add(problem["index"])
                if not _answer_refusal(group[problem["index"]], problem):
                    unclear.append(group[problem["index"]])
        rest = [waiter for position, waiter in enumerate(group) if position not in refused] if refused else group
        if matched == len(rest):
            for waiter in rest:
                waiter.answer(True)
        elif rest:
            await self._decide(rest)
        return unclear

    async def _decide(self, group: list[Waiter]) -> None:
        """Answer each by whether its very entry is there: a group that the server has answered leaves nothing open."""
        for waiter in await self._look_up(group):
            waiter.answer(False)

    async def _look_up(self, group: list[Waiter]) -> list[Waiter]:
        proofs = {"$or": [waiter.entry for waiter in group]} if len(group) > 1 else group[0].entry
        found = {document["_id"] for document in await self._collection.find(proofs, {"_id": 1}).to_list(None)}
        for waiter in group:
            if waiter.key in found:
                waiter.answer(True)
        return [waiter for waiter in group if waiter.key not in found]


def _encoded(document: Mapping[str, Any]) -> bytes:
    """Return the document as BSON. Raises `Invalid` for what BSON cannot hold or the server would not take for its size."""
    try:
        content = encode(document)
    except (BSONError, OverflowError, ValueError, TypeError) as error:
        raise Invalid(f"cannot be stored: {error}", code="not_storable") from error
    if len(content) > _LARGEST:
        raise Invalid(f"cannot be stored: {len(content)} bytes, more than 16 MiB", code="not_storable")
    return content


def _patience(group: list[Waiter]) -> float:
    """Return for how many seconds to try before it is asked again who can still wait."""
    left = min(waiter.deadline for waiter in group) - asyncio.get_running_loop().time()
    return min(ATTEMPT_SECONDS, max(left, _LEAST_SECONDS))


def _check_update(filter: Mapping[str, Any], update: Update) -> None:
    """Raise `Invalid` for what the driver would refuse together with the whole group."""
    _encoded({"q": filter, "u": update})
    if not update or (isinstance(update, Mapping) and not all(key.startswith("$") for key in update)):
        raise Invalid("cannot be stored: an update has operators only", code="not_storable")


def _answer_refusal(waiter: Waiter, problem: Mapping[str, Any]) -> bool:
    """Fail the waiter with the server's reason; False when the reason will pass and the write must be tried again."""
    code = problem.get("code")
    if code in PASSING:
        return False
    if code == 11000:
        keys = list(problem.get("keyPattern", {}))
        waiter.fail(DuplicateValue(f"not unique: {', '.join(keys)}", keys=keys))
    else:
        waiter.fail(StorageFailure(f"refused by the database: {code} {problem.get('errmsg', '')}"))
    return True


def _is_unclear(error: Exception) -> bool:
    """Tell whether the write may have happened although the driver raised."""
    if isinstance(error, (ConnectionFailure, ExecutionTimeout)):
        return True
    if not isinstance(error, OperationFailure):
        return False
    return error.timeout or error.code in PASSING or error.has_error_label("RetryableWriteError")
