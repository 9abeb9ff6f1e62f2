"""Pictures: sent by the hash of their bytes, read by their uploader and then by whoever may see the case."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

from storage.errors import NotFound
from web.base import ApiHandler, field_error, operation
from web.media import MEDIA_LIMIT

__all__ = ["MediaHandler"]

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


class MediaId(msgspec.Struct):
    """The id to put into `photos`."""

    id: str


class MediaQuery(msgspec.Struct, kw_only=True, frozen=True):
    """`size=thumb` for the small one."""

    size: Annotated[str, msgspec.Meta(pattern="^(full|thumb)$")] = "full"


class MediaHandler(ApiHandler):
    """/api/v1/media/{id}."""

    body_limit = MEDIA_LIMIT

    @operation("Send a picture (JPEG, PNG, WebP, at most 10 MB) by the SHA-256 of its bytes", permission="media.upload",
               result=MediaId, status=201)  # fmt: skip
    async def put(self, sha256: str) -> None:
        """Take a picture; sent again it is not stored twice."""
        if not _SHA256.match(sha256):
            raise field_error("sha256", "hex")
        media_id, is_new = await self.services.pictures.store(self.actor, sha256, self.request.body)
        self.set_header("Location", f"/api/v1/media/{media_id}")
        self.answer(MediaId(media_id), status=201 if is_new else 200)

    @operation(
        "A picture, for its uploader and for those who may see its case", permission="self", query=MediaQuery, media="image/jpeg"
    )
    async def get(self, query: MediaQuery, media_id: str) -> None:
        """Send the picture; 404 for those who may not see it."""
        blob = await self.services.pictures.read(self.actor, media_id, thumb=query.size == "thumb")
        if blob is None:
            raise NotFound
        self.set_header("Content-Type", blob.info.content_type)
        self.set_header("Cache-Control", "private, max-age=86400, immutable")
        self.set_header("Content-Disposition", "inline")
        self.finish(blob.data)
