"""Reports that are begun and not sent yet (domain.md T01): each its maker's alone, on every device of theirs, for thirty days.

Nothing in a draft is required. What somebody told on the telephone may stand in it, so it is sealed as a whole; it has no number,
no clock and no place on the board before it is sent (T02), when it becomes a case like any other.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal

import msgspec

from dispatch.actors import Actor
from dispatch.clocks import due_at
from dispatch.intake import Cipher
from dispatch.rules import Rules
from dispatch.states import find
from storage.client import Database
from storage.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from storage.indexes import Index

__all__ = ["DRAFTS", "INDEXES", "MOST", "Draft", "Drafts", "Kind"]

DRAFTS = "drafts"
INDEXES = {
    DRAFTS: [
        Index([("owner", 1), ("saved_at", -1)], serves="the drafts of a person, newest first"),
        Index([("expires_at", 1)], expire_after_seconds=0, serves="their removal"),
    ]
}
MOST = 50  # of a person
LARGEST = 64 * 1024  # bytes of JSON
Kind = Literal["event", "ticket"]


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A draft as its maker sees it: for which door it is, what stands in it, when it was saved and until when it is kept.

    `begun` tells one draft from a later one of the same name."""

    id: str
    kind: Kind
    content: dict[str, Any]
    saved_at: datetime
    expires_at: datetime
    begun: str


class Drafts:
    """The drafts of all, each under the name that its maker gave it."""

    def __init__(self, database: Database, cipher: Cipher, rules: Callable[[], Rules], clock: Callable[[], datetime]) -> None:
        self._database = database
        self._cipher = cipher
        self._rules = rules
        self._clock = clock

    async def save(self, actor: Actor, name: str, kind: Kind, content: dict[str, Any]) -> tuple[Draft, bool]:
        """Keep a draft, in place of what stood under this name; returns it and whether the name is new.

        Raises `Forbidden` for a role that reports nothing, `Invalid` for more than 64 KiB, `Conflict` when the maker has 50.
        """
        if find("case", "", actor.role, "save_draft") is None:
            raise Forbidden("this role reports nothing")
        text = msgspec.json.encode(content)
        if len(text) > LARGEST:
            raise Invalid(errors=[FieldError(field="content", code="too_long", message="at most 64 KiB")])
        identity, now = _identity(actor, name), self._clock()
        there = await self._database.find_one(DRAFTS, {"_id": identity}, projection={"begun": 1})
        is_new = there is None
        if is_new and await self._database.count(DRAFTS, {"owner": _owner(actor)}, limit=MOST) >= MOST:
            raise Conflict(f"at most {MOST} drafts", code="too_many_drafts")
        document = {
            "_id": identity, "owner": _owner(actor), "name": name, "kind": kind,
            "saved_at": now, "expires_at": self._until(now),
            "begun": there["begun"] if there else secrets.token_hex(6),
            "sealed": self._cipher.seal(text.decode(), document_id=identity, field="draft"),
        }  # fmt: skip
        await self._database.replace_one(DRAFTS, {"_id": identity}, document, upsert=True)
        return self._draft(document), is_new

    async def of(self, actor: Actor) -> list[Draft]:
        """Return all drafts of a person, newest first."""
        found = await self._database.find(DRAFTS, self._kept(actor), sort=[("saved_at", -1)], limit=MOST)
        return [self._draft(document) for document in found]

    async def get(self, actor: Actor, name: str) -> Draft:
        """Return a draft of one's own. Raises `NotFound`."""
        document = await self._database.find_one(DRAFTS, self._kept(actor) | {"_id": _identity(actor, name)})
        if document is None:
            raise NotFound("draft")
        return self._draft(document)

    async def drop(self, actor: Actor, name: str) -> None:
        """Forget a draft; one that is not there is forgotten already."""
        await self._database.delete_one(DRAFTS, {"_id": _identity(actor, name)})

    def key_of(self, actor: Actor, draft: Draft) -> str:
        """Return the idempotency key under which a draft is sent: one however often it is sent, another when it is begun anew."""
        return f"draft:{_identity(actor, draft.id)}:{draft.begun}"

    async def begin_anew(self, actor: Actor, draft: Draft) -> Draft:
        """Take a draft for another one than that which was sent under its key; whoever asks at the same time gets the same."""
        begun = blake2b(draft.begun.encode(), digest_size=6).hexdigest()
        sent = {"_id": _identity(actor, draft.id), "begun": draft.begun}
        await self._database.update_one(DRAFTS, sent, {"$set": {"begun": begun}})
        return msgspec.structs.replace(draft, begun=begun)

    def _kept(self, actor: Actor) -> dict[str, Any]:
        """The server removes what has run out only once a minute."""
        return {"owner": _owner(actor), "expires_at": {"$gt": self._clock()}}

    def _until(self, now: datetime) -> datetime:
        rules = self._rules()
        limit = rules.limits.node("draft")
        assert limit is not None  # noqa: S101  # the table of limits always has one
        return due_at(now, limit, rules.calendar)

    def _draft(self, document: dict[str, Any]) -> Draft:
        text = self._cipher.open(document["sealed"], document_id=document["_id"], field="draft")
        return Draft(
            id=document["name"], kind=document["kind"], content=msgspec.json.decode(text), saved_at=document["saved_at"],
            expires_at=document["expires_at"], begun=document["begun"],
        )  # fmt: skip


def _owner(actor: Actor) -> str:
    return f"{actor.source}\0{actor.id}"


def _identity(actor: Actor, name: str) -> str:
    return blake2b("\0".join((_owner(actor), name)).encode(), digest_size=16, person=b"heyun-draft").hexdigest()
