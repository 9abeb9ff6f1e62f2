"""Blobs: photos and files, kept in the database in chunks so that one backup holds all and every process can read them.

A blob is there when its description is there; the chunks are written before it. What a broken upload leaves is removed by
`remove_orphans`.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from storage.client import Database, Document
from storage.errors import StorageFailure
from storage.indexes import Index

__all__ = ["Blob", "BlobInfo", "Blobs"]

CHUNK_BYTES = 1024 * 1024


class BlobInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a blob without its bytes: `size` in bytes, `digest` SHA-256 in hex."""

    id: str
    size: int
    content_type: str
    digest: str
    created_at: datetime
    metadata: dict[str, Any] = {}


class Blob(msgspec.Struct, frozen=True, kw_only=True):
    """A blob with its bytes."""

    info: BlobInfo
    data: bytes


class Blobs:
    """The blobs of one kind, in the collections `<prefix>_files` and `<prefix>_chunks`."""

    def __init__(self, database: Database, *, prefix: str = "media") -> None:
        self._database = database
        self._files = f"{prefix}_files"
        self._chunks = f"{prefix}_chunks"

    @property
    def indexes(self) -> dict[str, list[Index]]:
        """The indexes that the queries below walk, for `storage.indexes.ensure`."""
        by_upload = Index([("upload", 1), ("n", 1)], unique=True, serves="the chunks of a blob in their order")
        by_age = Index([("created_at", 1)], serves="chunks that a broken upload left")
        to_chunks = Index([("upload", 1)], serves="whether chunks belong to a blob")
        return {self._files: [to_chunks], self._chunks: [by_upload, by_age]}

    async def put(self, id: str, data: bytes, *, content_type: str, metadata: Mapping[str, Any] | None = None) -> bool:
        """Store; False when a blob with this id was there (it stays as it is)."""
        upload, now = secrets.token_hex(12), await self._database.server_time()
        chunks = [
            {"_id": f"{upload}:{n}", "upload": upload, "n": n, "data": data[start : start + CHUNK_BYTES], "created_at": now}
            for n, start in enumerate(range(0, len(data), CHUNK_BYTES))
        ]
        for chunk in chunks:
            await self._database.insert_one(self._chunks, chunk)
        info = {"size": len(data), "content_type": content_type, "digest": hashlib.sha256(data).hexdigest(), "created_at": now}
        is_new = await self._database.insert_one(
            self._files, {"_id": id, "upload": upload, "chunks": len(chunks), **info, "metadata": dict(metadata or {})}
        )
        if not is_new:
            await self._database.delete_many(self._chunks, {"upload": upload})
        return is_new

    async def find(self, id: str) -> BlobInfo | None:
        """Return what is known of the blob without its bytes, or None."""
        found = await self._database.find_one(self._files, {"_id": id})
        return _info(found) if found else None

    async def get(self, id: str) -> Blob | None:
        """Return the blob with its bytes, or None. Raises `StorageFailure` when the bytes are not those that were stored."""
        found = await self._database.find_one(self._files, {"_id": id})
        if found is None:
            return None
        chunks = await self._database.find(self._chunks, {"upload": found["upload"]}, sort=[("upload", 1), ("n", 1)])
        data = b"".join(chunk["data"] for chunk in chunks)
        if hashlib.sha256(data).hexdigest() != found["digest"]:
            if await self._database.find_one(self._files, {"_id": id, "upload": found["upload"]}) is None:
                return None  # deleted while it was read
            raise StorageFailure(f"the bytes of {id} are not those that were stored", id=id)
        return Blob(info=_info(found), data=data)

    async def delete(self, id: str) -> bool:
        """Remove the blob; False when there was none."""
        found = await self._database.find_one(self._files, {"_id": id}, projection={"upload": 1})
        if found is None:
            return False
        is_ours = await self._database.delete_one(self._files, {"_id": id, "upload": found["upload"]})
        await self._database.delete_many(self._chunks, {"upload": found["upload"]})
        return bool(is_ours)

    async def remove_orphans(self, *, older_than: timedelta = timedelta(days=1)) -> int:
        """Remove chunks of uploads that were broken off; return how many uploads those were."""
        before = await self._database.server_time() - older_than
        pipeline: list[Document] = [
            {"$match": {"created_at": {"$lt": before}}},
            {"$group": {"_id": "$upload"}},
            {"$lookup": {"from": self._files, "localField": "_id", "foreignField": "upload", "as": "file"}},
            {"$match": {"file": {"$size": 0}}},
        ]
        orphans = [found["_id"] for found in await self._database.aggregate(self._chunks, pipeline)]
        if orphans:
            await self._database.delete_many(self._chunks, {"upload": {"$in": orphans}})
        return len(orphans)


def _info(found: Document) -> BlobInfo:
    return BlobInfo(
        id=found["_id"],
        size=found["size"],
        content_type=found["content_type"],
        digest=found["digest"],
        created_at=found["created_at"],
        metadata=found["metadata"],
    )
