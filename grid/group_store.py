"""Where community groups, their posts and what they are told lie in the database, and documents to values and back.

What a member wrote is stored masked; the original is sealed beside it, for the case that may be made of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from dispatch.intake import Cipher
from dispatch.pack_taking import PackTable, columns_of, register_entry
from grid.groups import Announcement, Choice, Group, Post
from storage.client import Database, Document
from storage.indexes import Index
from storage.registers import CHANGES_OF

__all__ = [
    "ANNOUNCEMENTS", "GROUPS", "GROUP_CHANGES", "INDEXES", "PACK_TABLE", "POSTS", "GroupStore", "group_content", "group_document",
    "group_of",
]  # fmt: skip

GROUPS, GROUP_CHANGES, POSTS, ANNOUNCEMENTS = "groups", "group_changes", "group_posts", "group_announcements"

INDEXES: Mapping[str, Sequence[Index]] = {
    GROUPS: (
        Index((("leaders", 1), ("_id", 1)), serves="GET /groups of a leader"),
        Index((("codes", 1), ("_id", 1)), serves="GET /groups of an area"),
    ),
    GROUP_CHANGES: (CHANGES_OF,),
    POSTS: (
        Index((("group", 1), ("at", -1), ("_id", -1)), serves="GET /groups/{id}/posts, newest first"),
        Index((("group", 1), ("decided_at", -1), ("_id", -1)), serves="what became of posts, in GET /groups/{id}/notices"),
        Index((("codes", 1), ("state", 1), ("at", 1)), serves="GET /posts of an area that wait for somebody"),
        Index((("group", 1), ("state", 1), ("at", 1)), serves="GET /posts of a leader's groups that wait for somebody"),
    ),
    ANNOUNCEMENTS: (Index((("group", 1), ("at", -1), ("_id", -1)), serves="GET /groups/{id}/notices, newest first"),),
}
_TIMES = (datetime,)
T = TypeVar("T", Post, Announcement)


class GroupStore:
    """Reads and writes groups, posts and announcements."""

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher

    async def group(self, code: str) -> Group | None:
        """Return a group, or None."""
        document = await self._database.find_one(GROUPS, {"_id": code})
        return None if document is None else group_of(document)

    async def groups(self, filter: Mapping[str, Any], *, after: str = "", limit: int = 0) -> Sequence[dict[str, Any]]:
        """Return the documents of groups by code."""
        return await self._database.find(GROUPS, {**filter, "_id": {"$gt": after}}, sort=[("_id", 1)], limit=limit)

    # -- posts

    async def add_post(self, post: Post, codes: Sequence[str], author: str, text: str, request: str) -> bool:
        """Store a post with the sealed original; False when it is there. `request` tells what it was made from."""
        original = msgspec.json.encode([author, text]).decode()
        sealed = self._cipher.seal(original, document_id=post.id, field="original")
        return await self._database.insert_one(
            POSTS, {**_document(post), "codes": list(codes), "original": sealed, "request": request}
        )

    async def post(self, id: str) -> Post | None:
        """Return a post, or None."""
        document = await self._database.find_one(POSTS, {"_id": id})
        return None if document is None else _value(document, Post)

    async def request_of(self, id: str) -> str | None:
        """Return what a post was made from."""
        document = await self._database.find_one(POSTS, {"_id": id}, projection={"request": 1})
        return None if document is None else str(document["request"])

    async def original_of(self, id: str) -> str:
        """Return the text of a post as it was written."""
        document = await self._database.find_one(POSTS, {"_id": id}, projection={"original": 1})
        assert document is not None  # noqa: S101  # posts are never removed
        return str(msgspec.json.decode(self._cipher.open(document["original"], document_id=id, field="original"))[1])

    async def posts(self, group: str, *, before: tuple[datetime, str] | None, limit: int) -> Sequence[Post]:
        """Return the posts of a group, newest first."""
        wanted = {"group": group, **_before(before)}
        found = await self._database.find(POSTS, wanted, sort=[("at", -1), ("_id", -1)], limit=limit)
        return [_value(document, Post) for document in found]

    async def decided(self, group: str, *, before: datetime | None, limit: int) -> Sequence[Post]:
        """Return the posts of a group of which something was made, the last decided first."""
        wanted = {"group": group, "decided_at": {"$ne": None} if before is None else {"$ne": None, "$lt": before}}
        found = await self._database.find(POSTS, wanted, sort=[("decided_at", -1), ("_id", -1)], limit=limit)
        return [_value(document, Post) for document in found]

    async def waiting(self, filter: Mapping[str, Any], limit: int) -> Sequence[Post]:
        """Return posts that wait for somebody, oldest first."""
        wanted = {**filter, "state": "open"}
        found = await self._database.find(POSTS, wanted, sort=[("at", 1)], limit=limit)
        return [_value(document, Post) for document in found]

    async def claim(self, id: str, choice: Choice, by: str, at: datetime) -> bool:
        """Take an open post, so that it is made a case of by this choice and no other; False when it is not open."""
        fields = {"state": "taken", "choice": _stored(choice), "decided_by": by, "decided_at": at}
        return bool(await self._database.update_one(POSTS, {"_id": id, "state": "open"}, {"$set": fields}))

    async def release(self, id: str, choice: Choice) -> None:
        """Open a post again of which nothing could be made by this choice."""
        fields = {"state": "open", "choice": None, "decided_by": "", "decided_at": None}
        await self._database.update_one(POSTS, {"_id": id, "state": "taken", "choice": _stored(choice)}, {"$set": fields})

    async def settle(self, id: str, state: str, fields: Mapping[str, Any]) -> Post | None:
        """Set what became of a post that is in a state; None when it is in another."""
        document = await self._database.find_one_and_update(POSTS, {"_id": id, "state": state}, {"$set": dict(fields)})
        return None if document is None else _value(document, Post)

    # -- announcements

    async def announce(self, announcement: Announcement) -> bool:
        """Store what a group is told; False when it is there."""
        return await self._database.insert_one(ANNOUNCEMENTS, _document(announcement))

    async def announcement(self, id: str) -> Announcement | None:
        """Return what a group was told, or None."""
        document = await self._database.find_one(ANNOUNCEMENTS, {"_id": id})
        return None if document is None else _value(document, Announcement)

    async def announcements(self, group: str, *, before: datetime | None, limit: int) -> Sequence[Announcement]:
        """Return what a group was told, newest first."""
        wanted = {"group": group} if before is None else {"group": group, "at": {"$lt": before}}
        found = await self._database.find(ANNOUNCEMENTS, wanted, sort=[("at", -1), ("_id", -1)], limit=limit)
        return [_value(document, Announcement) for document in found]

    async def mark_read(self, group: str, id: str, reader: str) -> bool:
        """Remember that somebody has read what a group was told; False when there is no such thing."""
        update = {"$addToSet": {"read_by": reader}}
        return bool(await self._database.update_one(ANNOUNCEMENTS, {"_id": id, "group": group}, update))


def group_content(group: Group) -> dict[str, Any]:
    """Return the fields of a group's document."""
    fields = _stored(group)
    del fields["code"]
    return fields


def group_of(document: Mapping[str, Any]) -> Group:
    """Return the group that a document holds."""
    return msgspec.convert({**document, "code": document["_id"]}, Group)


def group_document(group: Group) -> Document:
    """Return the document of a group that a pack brings."""
    return {"_id": group.code, **group_content(group)}


def _codes_beside(before: Document, new: Document, taken: Collection[str]) -> Document:
    return {"codes": new["codes"]} if "area" in taken else {}


PACK_TABLE = PackTable(
    name="groups.csv", collection=GROUPS, row_of=columns_of(Group, "code", "codes"), changes=GROUP_CHANGES,
    record=register_entry, beside=_codes_beside,
)  # fmt: skip


def _before(last: tuple[datetime, str] | None) -> dict[str, Any]:
    if last is None:
        return {}
    at, id = last
    return {"at": {"$lte": at}, "$or": [{"at": {"$lt": at}}, {"_id": {"$lt": id}}]}


def _stored(value: msgspec.Struct) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(value, builtin_types=_TIMES)
    return found


def _document(value: Post | Announcement) -> dict[str, Any]:
    fields = _stored(value)
    return {"_id": fields.pop("id"), **fields}


def _value(document: Mapping[str, Any], kind: type[T]) -> T:
    return msgspec.convert({**document, "id": document["_id"]}, kind, builtin_types=_TIMES)
