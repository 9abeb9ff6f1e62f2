"""Pictures in the database: who sent them, which cases hold them, and who may therefore read them.

Collection `media_pictures`, one document per uploader and content (`_id` is derived from both, so that knowing a picture's
hash gives nobody a right to it); the bytes lie in `storage.blobs` under the same id, the small one under `<id>.thumb`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

from dispatch.actors import Actor
from storage.blobs import Blob, Blobs
from storage.client import Database
from storage.errors import FieldError, Invalid, NotFound
from storage.indexes import Index
from web.media import PictureReader

__all__ = ["MAX_PER_CASE", "Pictures"]

FILES = "media_pictures"
MAX_PER_CASE = 9
MAX_CASES = 20  # one picture is seldom in more than one case


class CaseReader(Protocol):
    """What is asked of the core."""

    async def get(self, *, actor: Actor, case_id: str) -> object:
        """Return a case. Raises `NotFound` for one that the actor may not see."""


def media_id(actor: Actor, sha256: str) -> str:
    """Return the id of a picture of this uploader with this content."""
    return hashlib.blake2b(f"{actor.id}\0{sha256}".encode(), digest_size=16, person=b"heyun.media").hexdigest()


class Pictures:
    """Takes, attaches and gives pictures."""

    INDEXES: ClassVar[Mapping[str, Sequence[Index]]] = {
        FILES: [
            Index([("cases", 1)], serves="pictures of one case"),
            Index([("owner", 1), ("at", -1)], serves="what I have sent"),
        ]
    }

    @staticmethod
    def blob_indexes(database: Database) -> Mapping[str, Sequence[Index]]:
        """Return the indexes of the bytes."""
        return Blobs(database).indexes

    def __init__(self, database: Database, cases: CaseReader) -> None:
        self._database = database
        self._blobs = Blobs(database)
        self._cases = cases
        self._reader = PictureReader()

    async def store(self, actor: Actor, sha256: str, raw: bytes) -> tuple[str, bool]:
        """Store a picture; returns its id and whether it is new. Raises `BadPicture`; then nothing is left behind."""
        key = media_id(actor, sha256)
        if await self._database.find_one(FILES, {"_id": key}, projection={"_id": 1}) is not None:
            return key, False
        picture = await self._reader.read(raw, sha256)
        about = {name: getattr(picture, name) for name in ("width", "height", "taken_at", "lon", "lat")}
        await self._blobs.put(key, picture.data, content_type=picture.content_type, metadata={})
        await self._blobs.put(f"{key}.thumb", picture.thumb, content_type=picture.content_type, metadata={})
        now = await self._database.server_time()
        document = {"_id": key, "owner": actor.id, "sha256": sha256, "at": now, "cases": [], **about}
        return key, await self._database.insert_one(FILES, document)

    async def check(self, actor: Actor, ids: Iterable[str], *, case_id: str | None = None, field: str = "photos") -> None:
        """Make sure that pictures exist and are the actor's own, or of the case already. Raises `Invalid` naming each other."""
        wanted = list(dict.fromkeys(ids))
        if len(wanted) > MAX_PER_CASE:
            raise Invalid(errors=[FieldError(field, "too_many")])
        if not wanted:
            return
        found = await self._database.find(FILES, {"_id": {"$in": wanted}}, projection={"owner": 1, "cases": 1})
        good = {one["_id"] for one in found if one["owner"] == actor.id or (case_id is not None and case_id in one["cases"])}
        errors = [FieldError(f"{field}[{place}]", "unknown_photo") for place, one in enumerate(wanted) if one not in good]
        if errors:
            raise Invalid(errors=errors)

    async def attach(self, ids: Iterable[str], case_id: str) -> None:
        """Make pictures readable by whoever may see the case; doing it again changes nothing."""
        wanted = list(ids)
        if wanted:
            await self._database.update_many(FILES, {"_id": {"$in": wanted}}, {"$addToSet": {"cases": case_id}})

    async def read(self, actor: Actor, key: str, *, thumb: bool) -> Blob | None:
        """Return the bytes, or None when there is no such picture or the actor may not see it."""
        known: dict[str, Any] | None = await self._database.find_one(FILES, {"_id": key}, projection={"owner": 1, "cases": 1})
        if known is None or not await self._may_read(actor, known):
            return None
        return await self._blobs.get(f"{key}.thumb" if thumb else key)

    async def _may_read(self, actor: Actor, known: dict[str, Any]) -> bool:
        if known["owner"] == actor.id:
            return True
        for case_id in known["cases"][:MAX_CASES]:
            try:
                await self._cases.get(actor=actor, case_id=case_id)
            except NotFound:
                continue
            return True
        return False

    def close(self) -> None:
        """Take no more pictures."""
        self._reader.close()
