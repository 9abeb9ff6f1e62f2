"""Showing that an address is one's own: a code of six digits goes there, and must be typed before anything else does.

A code is good for ten minutes, five tries and this one address; only its keyed hash is stored. How often codes are sent is
limited in the database, for all processes alike, so that nobody has a stranger's phone ring.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from storage.client import Database
from storage.errors import Conflict, FieldError, Invalid, TooMany
from storage.fields import FieldCipher
from storage.indexes import Index

__all__ = ["CODES", "INDEXES", "PER_HOUR", "TRIES", "CodeGone", "Confirmations", "Issued"]

CODES = "channel_codes"
INDEXES = {CODES: [Index([("last_at", 1)], expire_after_seconds=7200, serves="forgetting who has asked for no code for hours")]}
LASTS = timedelta(minutes=10)
TRIES = 5
PER_HOUR = 5
PAUSE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)


class CodeGone(Conflict):
    """There is no code to be typed any more: never sent, used, run out, or tried too often. Raised by `Confirmations.redeem`."""

    code = "code_gone"


class Issued(msgspec.Struct, frozen=True):
    """A fresh code, for the message alone, and until when it can be typed."""

    code: str
    expires_at: datetime


class Confirmations:
    """The collection `channel_codes`: one document for each person and channel."""

    def __init__(self, database: Database, cipher: FieldCipher, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._cipher = cipher
        self._clock = clock

    async def issue(self, username: str, channel: str, address: str) -> Issued:
        """Return a code for this address; any earlier one is void. Raises `TooMany` with `retry_after` (whole seconds)."""
        now, code = self._clock(), f"{secrets.randbelow(10**6):06d}"
        issued = Issued(code, now + LASTS)
        mark = secrets.token_hex(8)
        fresh = {"hash": self._hash(username, channel, address, code), "tries": TRIES, "expires_at": issued.expires_at}
        recent = {"$filter": {"input": {"$ifNull": ["$sent", []]}, "cond": {"$gt": ["$$this.at", now - _HOUR]}}}
        is_free = {
            "$and": [
                {"$lt": [{"$size": "$sent"}, PER_HOUR]},
                {"$lte": [{"$ifNull": [{"$max": "$sent.at"}, now - PAUSE]}, now - PAUSE]},
            ]
        }
        more = {"$concatArrays": ["$sent", [{"id": mark, "at": now}]]}
        steps: list[dict[str, Any]] = [
            {"$set": {"sent": recent, "last_at": now}},
            {"$set": {"is_free": is_free}},
            {"$set": {name: {"$cond": ["$is_free", value, f"${name}"]} for name, value in {**fresh, "sent": more}.items()}},
            {"$unset": ["is_free"]},
        ]
        found = await self._database.find_one_and_update(CODES, {"_id": f"{username}:{channel}"}, steps, upsert=True)
        sent = found["sent"] if found else []
        if not any(one["id"] == mark for one in sent):
            free_at = sent[0]["at"] + _HOUR if len(sent) >= PER_HOUR else sent[-1]["at"] + PAUSE
            raise TooMany("too many codes", retry_after=int((free_at - now).total_seconds()) + 1)
        return issued

    async def redeem(self, username: str, channel: str, address: str, code: str) -> None:
        """Use up the code. Raises `Invalid` for a wrong one, `CodeGone` when there is none to be typed any more."""
        good = {"_id": f"{username}:{channel}", "tries": {"$gt": 0}, "expires_at": {"$gt": self._clock()}}
        found = await self._database.find_one_and_update(CODES, good, {"$inc": {"tries": -1}})
        if found is None:
            raise CodeGone
        if not hmac.compare_digest(found["hash"], self._hash(username, channel, address, code)):
            raise Invalid(errors=[FieldError(field="code", code="wrong_code", message=f"{found['tries']} tries left")])
        used = {"_id": found["_id"], "hash": found["hash"]}
        if not await self._database.update_one(CODES, used, {"$unset": {"hash": 1, "tries": 1, "expires_at": 1}}):
            raise CodeGone

    def _hash(self, username: str, channel: str, address: str, code: str) -> str:
        return self._cipher.blind_index("\0".join(("channel-code", username, channel, address, code)))
