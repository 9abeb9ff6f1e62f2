"""Reads by id in groups: dozens of requests that each read one document are one question to the database (`storage.lanes`).

To the driver a question costs several times what the document costs; everything that was asked for before a group is taken is
read after it, so that nobody gets a document older than his question.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pymongo
from pymongo.errors import PyMongoError

from storage.client import Database, Document, translate
from storage.errors import StorageFailure
from storage.lanes import ATTEMPT_SECONDS, Lanes, Waiter

__all__ = ["GroupReader"]


class GroupReader(Lanes):
    """Reads documents without the `hidden` fields. Of the array `elements`, hidden too, a caller may ask for the one element
    whose `mark` has a value; a value stands in one document only."""

    def __init__(
        self,
        database: Database,
        collection: str,
        *,
        hidden: tuple[str, ...] = (),
        elements: str,
        mark: str,
        max_group: int = 128,
        lanes: int = 2,
    ) -> None:
        super().__init__(database, collection, max_group, lanes, ATTEMPT_SECONDS)
        self._hidden = dict.fromkeys((*hidden, elements), 0)
        self._elements = elements
        self._mark = mark

    def read(self, document_id: str, marked: str | None = None) -> asyncio.Future[Document | None]:
        """Give the document, None when there is none with this id; it is the caller's own to change.

        Its array is there, with one element, when an element with the mark `marked` is. When awaited raises
        `StorageUnavailable` when the database does not answer, `StorageFailure` for what it cannot be asked.
        """
        waiter = self._waiter(document_id, marked, None)
        self._waiting.append(waiter)
        self._wake()
        return waiter.future

    def _take(self) -> list[Waiter]:
        """A document stands once in a group, so that each caller gets one of his own with the element that he asked for."""
        share = self._share(len(self._waiting))
        group: dict[str, Waiter] = {}
        rest: list[Waiter] = []
        for waiter in self._waiting:
            if waiter.key in group or len(group) >= share:
                rest.append(waiter)
            else:
                group[waiter.key] = waiter
        self._waiting = rest
        return list(group.values())

    async def _serve(self, group: list[Waiter]) -> None:
        """Read the group; where it cannot be asked as a whole, one by one, so that one bad question fails alone."""
        try:
            with pymongo.timeout(ATTEMPT_SECONDS):
                found = await self._find(group)
        except PyMongoError as error:
            for waiter in group:
                waiter.fail(translate(error))
        except Exception as error:  # what the driver says to one bad question is of many types
            if len(group) == 1:
                group[0].fail(StorageFailure(str(error)))
                return
            for waiter in group:
                await self._serve([waiter])
        else:
            for waiter in group:
                waiter.answer(found.get(waiter.key))

    async def _find(self, group: list[Waiter]) -> dict[str, Document]:
        keys = [waiter.key for waiter in group]
        marks = [waiter.entry for waiter in group if waiter.entry is not None]
        wanted: dict[str, Any] = {self._elements: {"$elemMatch": {self._mark: {"$in": marks}}}} if marks else {}
        cursor = self._collection.find({"_id": {"$in": keys} if len(keys) > 1 else keys[0]}, self._hidden | wanted)
        return {document["_id"]: document for document in await cursor.to_list(None)}
