"""Blobs are there whole or not at all."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta

import pytest

from storage.blobs import CHUNK_BYTES, Blobs
from storage.client import Database
from storage.errors import StorageFailure
from storage.indexes import ensure


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, 2 * CHUNK_BYTES + 7])
async def test_put_when_read_back_then_the_same_bytes(database: Database, size: int) -> None:
    blobs, data = Blobs(database), secrets.token_bytes(size)
    await ensure(database, blobs.indexes)
    assert await blobs.put("p1", data, content_type="image/jpeg", metadata={"width": 3})
    found = await blobs.get("p1")
    assert found is not None
    assert found.data == data
    assert (found.info.size, found.info.content_type, found.info.metadata) == (size, "image/jpeg", {"width": 3})
    assert found.info == await blobs.find("p1")
    assert found.info.created_at.utcoffset() == timedelta(0)


async def test_put_when_many_put_one_id_then_one_wins_and_nothing_is_left(database: Database) -> None:
    blobs = Blobs(database)
    contents = [bytes([n]) * 10 for n in range(8)]
    answers = await asyncio.gather(*(blobs.put("p", data, content_type="a/b") for data in contents))
    assert answers.count(True) == 1
    found = await blobs.get("p")
    assert found is not None
    assert found.data == contents[answers.index(True)]
    assert await database.count("media_chunks", {}) == 1


async def test_delete_when_there_then_all_of_it_goes(database: Database) -> None:
    blobs = Blobs(database, prefix="paper")
    await blobs.put("p", b"x", content_type="a/b")
    assert await blobs.delete("p")
    assert not await blobs.delete("p")
    assert await blobs.get("p") is await blobs.find("p") is None
    assert await database.count("paper_chunks", {}) == 0


async def test_remove_orphans_when_an_upload_was_broken_off_then_only_its_chunks_go(database: Database) -> None:
    blobs = Blobs(database)
    await blobs.put("whole", b"x", content_type="a/b")
    now = await database.server_time()
    await database.insert_one("media_chunks", {"_id": "u:0", "upload": "u", "n": 0, "data": b"y", "created_at": now})
    assert await blobs.remove_orphans() == 0
    assert await blobs.remove_orphans(older_than=timedelta(seconds=-5)) == 1
    assert await database.count("media_chunks", {}) == 1
    assert await blobs.get("whole") is not None


async def test_get_when_bytes_were_changed_then_failure(database: Database) -> None:
    blobs = Blobs(database)
    await blobs.put("p", b"x", content_type="a/b")
    await database.update_many("media_chunks", {}, {"$set": {"data": b"y"}})
    with pytest.raises(StorageFailure):
        await blobs.get("p")
