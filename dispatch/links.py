"""Signed links: by one the reporter of a case answers, rates or appeals without an account (domain.md §2.10, T06, T39, T44, T46).

links = Links(cases, database, secret, clock)
given = await links.give(case, "visit")        # the same link however often it is asked for
await links.visit(given.token, {"contacted": True, "solved": True, "satisfaction": "satisfied"})

The token is an HMAC over case, purpose, round and a random serial: it can be made again by who has the key, and is stored
nowhere; the database holds its SHA-256 hash. One link is good for one answer in one round of the case (`chapters.voice`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

import msgspec

from dispatch import engine
from dispatch.actors import Actor, Scope
from dispatch.chapters.voice import round_of, speaks_until
from dispatch.errors import IdempotencyMismatch, LinkUnknown, LinkUsed, NotAllowed
from dispatch.fields import LINK_PURPOSES
from dispatch.plain import PublicCase, PublicHelper, plain_case
from dispatch.service import CaseService, action_key
from dispatch.situation import Case, Situation
from dispatch.views import moment
from storage.client import Database
from storage.errors import Forbidden, NotFound, StaleRev, StorageUnavailable
from storage.indexes import Index

__all__ = ["INDEXES", "LINKS", "PAGE", "GivenLink", "Links", "token_hash"]

LINKS = "links"
INDEXES = {
    LINKS: [
        Index([("hash", 1)], unique=True, serves="what a token is for"),
        Index([("expires_at", 1)], expire_after_seconds=86_400, serves="their removal"),
    ]
}
PAGE = "/public/cases/"  # the address in front of the token
ATTEMPTS = 5
_SAYS = {"visit": ("visit",), "rate": ("rate", "appeal"), "appeal": ("appeal",)}  # what may be said by a link, its purpose first
_ROWS = {"visit": ("visit_answer",), "rate": ("rate",), "appeal": ("appeal_result", "appeal_refusal")}  # whose fields are filled
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")  # 256 bits in base64url


class GivenLink(msgspec.Struct, frozen=True):
    """A link to be handed to the reporter; the token is in nothing else."""

    token: str
    expires_at: datetime

    @property
    def path(self) -> str:
        """The path of the link, to stand behind the address of the installation."""
        return PAGE + self.token


class _Held(msgspec.Struct, frozen=True):
    """A link that is good, with its case as it is now and the entry that was made by it."""

    link: dict[str, Any]
    at: Situation
    done: dict[str, Any] | None

    @property
    def offered(self) -> dict[str, dict[str, Any]]:
        """What the table offers to it now, by name."""
        return {action["name"]: action for action in engine.offer(self.at)}

    def fields_of(self, saying: str) -> list[dict[str, Any]] | None:
        """The fields of what may be said by it; None when it may not be said now."""
        offered = self.offered
        return next((offered[row]["fields"] for row in _ROWS[saying] if row in offered), None)


class Links:
    """Gives links and takes what is said by them. `secret` comes from the key file and is always the same."""

    def __init__(self, cases: CaseService, database: Database, secret: bytes, clock: Callable[[], datetime]) -> None:
        self._cases = cases
        self._database = database
        self._secret = secret
        self._clock = clock

    # -- out

    async def give(self, case: Case, purpose: str) -> GivenLink | None:
        """Return the link for a purpose of `LINK_PURPOSES`, always the same in one round; None when the reporter is not asked
        now."""
        at = Situation(case, _speaker(case, ""), self._clock(), self._cases.rules)
        until = speaks_until(at, purpose)
        if until is None:
            return None
        identity = f"{case['_id']}:{purpose}:{round_of(at, purpose)}"
        found = await self._database.find_one(LINKS, {"_id": identity})
        if found is None:
            made = self._new(identity, case["_id"], purpose, until, at)
            found = made if await self._database.insert_one(LINKS, made) else None
        found = found or await self._database.find_one(LINKS, {"_id": identity})
        if found is None:
            raise StorageUnavailable("the link that another process made cannot be read now")
        return GivenLink(self._token(identity, found["serial"]), found["expires_at"])

    def _new(self, identity: str, case: str, purpose: str, until: datetime, at: Situation) -> dict[str, Any]:
        serial = secrets.token_hex(16)
        return {
            "_id": identity, "case": case, "purpose": purpose, "round": round_of(at, purpose), "serial": serial,
            "hash": token_hash(self._token(identity, serial)), "issued_at": at.now, "expires_at": until,
        }  # fmt: skip

    def _token(self, identity: str, serial: str) -> str:
        signed = hmac.digest(self._secret, f"{identity}:{serial}".encode(), "sha256")
        return base64.urlsafe_b64encode(signed).rstrip(b"=").decode()

    async def read_out(self, *, actor: Actor, case_id: str, purpose: str, key: str | None = None) -> GivenLink:
        """Return the link for somebody who hands it on, once in a round (and again under the same key); it is put into the
        timeline that they had it. Raises what actions raise."""
        await self._cases.note(actor=actor, case_id=case_id, action="issue_link", fields={"purpose": purpose}, key=key)
        case = await self._cases.store.find(case_id)
        given = None if case is None else await self.give(case, purpose)
        if given is None:
            raise NotAllowed("the case has moved on", allowed=[], reason="state")
        return given

    async def path_for(self, case_id: str, person: str) -> str | None:
        """Return the path that a message to this person about the case leads to: that of the link when it was they who reported
        it by an account of their own and are asked something now, else None."""
        case = await self._cases.store.find(case_id)
        if case is None or case["reporter"]["role"] != "citizen" or case["live"]["reporter"] != person:
            return None
        state = (case.get("main") or case)["live"]["state"]
        given = await self.give(case, "visit" if state == "visiting" else "rate")
        return None if given is None else given.path

    async def of_now(self, case: Case) -> GivenLink | None:
        """Return the link for what the reporter is asked now, else for what they may say besides; None when that is nothing."""
        for purpose in LINK_PURPOSES:
            given = await self.give(case, purpose)
            if given is not None:
                return given
        return None

    # -- in

    async def show(self, token: str) -> PublicCase:
        """Return what the link shows. Raises `LinkUnknown`."""
        return await self._shown(await self._hold(token))

    async def visit(self, token: str, answer: Mapping[str, Any]) -> PublicCase:
        """Take the reporter's answer after handling. What is solved closes the case where a call is not wanted besides, and the
        link to rate it comes with what is shown; anything else is put down for the operators. Raises `LinkUnknown`, `LinkUsed`,
        `Invalid`."""
        return await self._shown(await self._say(token, "visit", answer))

    async def rate(self, token: str, grades: Mapping[str, Any]) -> PublicCase:
        """Take the reporter's rating. Raises `LinkUnknown`, `LinkUsed`, `Invalid`."""
        return await self._shown(await self._say(token, "rate", grades))

    async def appeal(self, token: str, reason: Mapping[str, Any]) -> PublicCase:
        """Take the reporter's appeal against how the case ended. Raises `LinkUnknown`, `LinkUsed`, `Invalid`."""
        return await self._shown(await self._say(token, "appeal", reason))

    async def thank(self, token: str, task_id: str, said: Mapping[str, Any]) -> PublicCase:
        """Take what the reporter thinks of an organization's help; where it waits to be confirmed, it is by that. Raises
        `LinkUnknown`, `LinkUsed`, `Invalid`."""
        for _ in range(ATTEMPTS):
            held = await self._hold(token)
            case, key = held.at.case, f"thanks:{task_id}"
            with suppress(StaleRev), _by_link():
                await self._cases.act_on_task(
                    actor=held.at.actor, case_id=case["_id"], task_id=task_id, action=await self._thanks(held.at, task_id, key),
                    rev=case["live"]["rev"], fields=said, key=key,
                )  # fmt: skip
                return await self._shown(await self._hold(token))
        raise StorageUnavailable("too many people act on this case at once; try again")

    async def _thanks(self, at: Situation, task_id: str, key: str) -> str:
        """What thanks come to; a replay comes to what it came to before."""
        entry_key = action_key(at.case["_id"], at.actor, key)
        _, done = await self._cases.store.find_with_entry(at.case["_id"], entry_key or "")
        if done is not None:
            return str(done["action"])
        waits = any(task["id"] == task_id and task["state"] == "submitted" for task in at.case["tasks"])
        return "task_confirm" if waits else "rate_help"

    async def _shown(self, held: _Held) -> PublicCase:
        """By whose answer the case was closed may rate it at once."""
        shown = _public(held)
        if held.done is not None and held.link["purpose"] == "visit":
            following = await self.give(held.at.case, "rate")
            shown.token = None if following is None else following.token
        return shown

    async def _say(self, token: str, saying: str, fields: Mapping[str, Any]) -> _Held:
        for _ in range(ATTEMPTS):
            held = await self._hold(token, saying)
            case, action = held.at.case, _action(held, saying, fields)
            with suppress(StaleRev), _by_link():
                await self._cases.act(
                    actor=held.at.actor, case_id=case["_id"], action=action, rev=case["live"]["rev"], fields=fields, key=saying
                )
                return await self._hold(token, saying)
        raise StorageUnavailable("too many people act on this case at once; try again")

    async def _hold(self, token: str, saying: str | None = None) -> _Held:
        """Return what the token is good for now: an answer of this round, or what was answered in it."""
        link = await self._database.find_one(LINKS, {"hash": token_hash(token)}) if _TOKEN.fullmatch(token) else None
        now = self._clock()
        if link is None or link["expires_at"] <= now or saying not in (None, *_SAYS[link["purpose"]]):
            raise LinkUnknown
        case, done = await self._read(link)
        held = _Held(link, Situation(case, _speaker(case, link["hash"]), now, self._cases.rules), done)
        is_over = round_of(held.at, link["purpose"]) != link["round"]
        if is_over or (done is None and held.fields_of(link["purpose"]) is None):
            raise LinkUnknown
        return held

    async def _read(self, link: dict[str, Any]) -> tuple[Case, dict[str, Any] | None]:
        key = action_key(link["case"], _named(link["hash"]), link["purpose"])
        assert key is not None  # noqa: S101  # a purpose is never empty
        case, done = await self._cases.store.find_with_entry(link["case"], key)
        if case is None:
            raise LinkUnknown
        return case, done


def token_hash(token: str) -> str:
    """Return what the database knows of a token: its SHA-256 in hex."""
    return hashlib.sha256(token.encode()).hexdigest()


@contextmanager
def _by_link() -> Iterator[None]:
    """Tell whoever has a link no more than that it is used, or not good (any more)."""
    try:
        yield
    except IdempotencyMismatch:
        raise LinkUsed from None
    except (NotAllowed, Forbidden, NotFound):  # the case has moved on since it was read
        raise LinkUnknown from None


def _named(hash: str) -> Actor:
    return Actor(id=f"link:{hash[:16]}", kind="link", role="link", source="link")


def _speaker(case: Case, hash: str) -> Actor:
    """Whoever has the link: the reporter of exactly this case."""
    return msgspec.structs.replace(_named(hash), scope=Scope(reporter=case["live"]["reporter"]), case=case["_id"])


def _action(held: _Held, saying: str, fields: Mapping[str, Any]) -> str:
    """What the answer comes to. A replay comes to what it came to before, so that it is recognized."""
    if held.done is not None and saying == held.link["purpose"]:
        return str(held.done["action"])
    if saying == "appeal":
        ended = held.at.case.get("main") or held.at.case
        return "appeal_refusal" if ended["live"]["state"] == "refused" else "appeal_result"
    is_settled = bool(fields.get("contacted") and fields.get("solved"))
    return "visit_ok" if saying == "visit" and is_settled and "visit_ok" in held.offered else _ROWS[saying][0]


def _public(held: _Held) -> PublicCase:
    shown, purpose = plain_case(held.at.case), held.link["purpose"]
    shown.purpose, shown.expires_at = purpose, moment(held.link["expires_at"])
    shown.answered_at = None if held.done is None else moment(held.done["at"])
    said = [purpose] if held.done is not None else []
    open_now = ((saying, held.fields_of(saying)) for saying in _SAYS[purpose] if saying not in said)
    shown.actions = [{"name": saying, "fields": fields} for saying, fields in open_now if fields is not None]
    shown.helpers = [helper for task in held.at.case["tasks"] if (helper := _thankable(held.at, task)) is not None]
    return shown


def _thankable(at: Situation, task: dict[str, Any]) -> PublicHelper | None:
    """An organization that may be thanked now, by the fields of that."""
    if task["kind"] != "org":
        return None
    offered = engine.offer(Situation(at.case, at.actor, at.now, at.rules, task), "task")
    fields = next((action["fields"] for action in offered if action["name"] in ("task_confirm", "rate_help")), None)
    return None if fields is None else PublicHelper(task["id"], task["organization"]["name"], fields)
