"""Where dry runs lie for a week, so that all that was found can be read page by page without sending the file again.

The findings are packed one by one: a page is read without unpacking the others.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

import msgspec

from grid.boundaries import Finding
from grid.inspection_process import Inspected
from storage.client import Database
from storage.errors import NotFound
from storage.indexes import Index

__all__ = ["INDEXES", "INSPECTIONS", "KEPT", "InspectionPage", "find", "keep"]

INSPECTIONS = "territory_inspections"
INDEXES: Mapping[str, Sequence[Index]] = {
    INSPECTIONS: (Index((("expires_at", 1),), expire_after_seconds=0, serves="removal of old inspections"),),
}
KEPT = timedelta(days=7)
_MOST_BYTES = 12 * 1024 * 1024  # of findings; a document of the database holds 16 MB
_PACKER = msgspec.msgpack.Encoder()


class InspectionPage(msgspec.Struct, frozen=True, kw_only=True):
    """A dry run as it is kept: against which `version` of the territory, when, until when, with one page of its findings
    in `seen`; `next` is where the following page starts, None on the last."""

    id: str
    version: int
    at: datetime
    expires_at: datetime
    seen: Inspected
    next: int | None


async def keep(
    database: Database, seen: Inspected, *, version: int, by: str, at: datetime, start: int, limit: int
) -> InspectionPage:  # fmt: skip
    """Keep a dry run of somebody for a week and return the page that starts at the `start`-th finding."""
    inspection = seen.inspection
    findings = _fitting([_PACKER.encode(finding) for finding in inspection.findings])
    bare = msgspec.structs.replace(seen, inspection=msgspec.structs.replace(inspection, findings=[]), taken=b"")
    document = {
        "_id": secrets.token_hex(12), "by": by, "at": at, "expires_at": at + KEPT, "version": version,
        "seen": _PACKER.encode(bare), "findings": _PACKER.encode([msgspec.Raw(finding) for finding in findings]),
    }  # fmt: skip
    await database.insert_one(INSPECTIONS, document)
    return _page(document, start, limit)


async def find(database: Database, id: str, *, start: int, limit: int) -> InspectionPage:
    """Return the page of a dry run that starts at the `start`-th finding. Raises `NotFound`, also when its week is over."""
    document = await database.find_one(INSPECTIONS, {"_id": id})
    if document is None:
        raise NotFound
    return _page(document, start, limit)


def _fitting(packed: list[bytes]) -> list[bytes]:
    """As many as a document holds, which is all of them unless a file has codes and names of absurd length."""
    return [one for one, total in zip(packed, accumulate(map(len, packed)), strict=True) if total <= _MOST_BYTES]


def _page(document: Mapping[str, Any], start: int, limit: int) -> InspectionPage:
    packed = msgspec.msgpack.decode(document["findings"], type=list[msgspec.Raw])
    findings = [msgspec.msgpack.decode(one, type=Finding) for one in packed[start : start + limit]]
    seen = msgspec.msgpack.decode(document["seen"], type=Inspected)
    return InspectionPage(
        id=document["_id"], version=document["version"], at=document["at"], expires_at=document["expires_at"],
        seen=msgspec.structs.replace(seen, inspection=msgspec.structs.replace(seen.inspection, findings=findings)),
        next=start + limit if start + limit < len(packed) else None,
    )  # fmt: skip
