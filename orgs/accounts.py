"""Accounts: signing in and out, sessions and tokens, and the `Actor` behind each of them.

Sessions and tokens are random 256-bit strings; the database holds only their SHA-256. The actor of a token is kept in memory
for at most ten seconds and dropped at once by `on_change` (from the change feed) or `invalidate`. Every refusal of a sign-in
is the same error after the same work, so that nobody learns which user names exist, are locked, or need a code.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import secrets
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import msgspec

from dispatch.actors import Actor
from orgs.locks import Locks
from orgs.passwords import PasswordPolicy, Passwords, check_password, new_otp_secret, otp_step
from orgs.people import PARTNER_AGENCIES, PERSON_ROLES, PROGRAM_ROLES, Person, actor_of
from orgs.store import ACCOUNTS, PEOPLE, SESSIONS, document_of, value_of
from orgs.throttle import Throttle
from orgs.units import UnitTree
from storage.client import Database
from storage.errors import Conflict, FieldError, Invalid, NotFound, Unauthorized
from storage.feed import GAP, Change

__all__ = ["Accounts", "Limits", "Session", "SignInFailed", "UsernameTaken"]

SEEN_SECONDS = 10.0
TOUCH_EVERY = timedelta(minutes=1)
MAX_SEEN = 50_000
KEPT_PASSWORDS = 5
_SHOWN = {"demo": 1, "disabled_at": 1, "password_at": 1, "person": 1}


class SignInFailed(Unauthorized):
    """User name, password or code are not right, or the account is locked: deliberately not said which. Raised by `sign_in`."""

    code = "sign_in_failed"


class UsernameTaken(Conflict):
    """An account with this user name exists; raised by `create_account`."""

    code = "username_taken"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How long things hold (GB/T 22239 level 3)."""

    idle: timedelta = timedelta(minutes=15)
    absolute: timedelta = timedelta(hours=12)
    failures: int = 5
    lock: timedelta = timedelta(minutes=30)
    password_age: timedelta = timedelta(days=90)


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A session as it is handed out once. `token` goes into the cookie and is stored nowhere."""

    token: str
    username: str
    expires_at: datetime
    password_expired: bool = False


class Sealer(Protocol):
    """What is needed of `storage.fields.FieldCipher`."""

    def seal(self, text: str, *, document_id: str, field: str) -> dict[str, Any]:
        """Encrypt a text."""

    def open(self, sealed: dict[str, Any], *, document_id: str, field: str) -> str:
        """Decrypt it."""


class _Seen(msgspec.Struct):
    """The actor of a token as it was found a moment ago."""

    actor: Actor
    until: float
    kind: str


class Accounts:
    """The accounts of the installation. One per process."""

    def __init__(
        self,
        database: Database,
        *,
        cipher: Sealer | None = None,
        units: Callable[[], UnitTree] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        limits: Limits | None = None,
        throttle: Throttle | None = None,
        lent: Callable[[str], tuple[str, ...]] | None = None,
        follow: Callable[[Iterable[str]], tuple[str, ...]] = tuple,
    ) -> None:
        """`units` gives the present tree of units (for people who act for a subtree); `cipher` keeps one-time-code secrets;
        `lent` says in which areas somebody stands in for others now (`orgs.roster`); `follow` adds to areas those that came after
        them."""
        self._database = database
        self._cipher = cipher
        self._units = units or (lambda: UnitTree(()))
        self._clock = clock
        self._follow = follow
        self._lent = lent or (lambda username: ())
        self._limits = limits = limits or Limits()
        self._locks = Locks(database, failures=limits.failures, lock=limits.lock)
        self._throttle = throttle or Throttle()
        self._passwords = Passwords()
        self._gate = asyncio.Semaphore(2)
        self._seen: dict[str, _Seen] = {}
        self._changes = 0
        self._asking: dict[tuple[str, str], tuple[int, asyncio.Task[Actor]]] = {}

    async def sign_in(self, username: str, password: str, address: str, otp: str | None = None) -> tuple[Session, str]:
        """Open a session; returns it and its CSRF token. Raises `SignInFailed`; `TooMany` for an address that fails too often."""
        now = self._clock()
        self._throttle.check(address, now.timestamp())
        account = await self._verified(username, password, otp)
        if account is None:
            self._throttle.add(address, now.timestamp())
            raise SignInFailed
        token = await self._open("session", username, now, now + self._limits.absolute, label=address)
        session = Session(
            token=token,
            username=username,
            expires_at=now + self._limits.absolute,
            password_expired=now - account["password_at"] > self._limits.password_age,
        )
        return session, self.csrf_of(token)

    async def sign_out(self, token: str) -> None:
        """End the session; its token is worth nothing from now on, in every process within moments."""
        key = _hash(token)
        await self._database.delete_many(SESSIONS, {"_id": key})
        self._changes += 1
        self._seen.pop(key, None)

    async def actor_of_session(self, token: str) -> Actor:
        """Return who holds the session; keeps it alive. Raises `Unauthorized` when it is unknown, ended, or was idle too long."""
        return await self._actor(token, "session")

    async def actor_of_token(self, token: str) -> Actor:
        """Return the person or program that holds the bearer token. Raises `Unauthorized`."""
        return await self._actor(token, "token")

    @staticmethod
    def csrf_of(token: str) -> str:
        """Return the CSRF token that belongs to a session: derived one way, so it tells nothing about the session's token."""
        return hashlib.blake2b(token.encode(), digest_size=24, person=b"heyun-csrf").hexdigest()

    def on_change(self, change: Change) -> None:
        """Take a change of `accounts`, `people` or `sessions` from the feed: what it concerns is forgotten at once."""
        if change.operation == GAP:
            self.invalidate()
        elif change.collection != SESSIONS:
            self.invalidate(change.key)
        elif change.operation == "delete":
            self._changes += 1
            self._seen.pop(change.key, None)

    def invalidate(self, username: str | None = None) -> None:
        """Forget what was kept in memory (of one account, or all): accounts, sessions, people or units have changed."""
        self._changes += 1
        if username is None:
            self._seen.clear()
            return
        for key in [key for key, seen in self._seen.items() if seen.actor.id == username]:
            del self._seen[key]

    async def issue_token(self, username: str, label: str = "", days: int = 90) -> str:
        """Return a new bearer token of an account, shown this once. Raises `NotFound`."""
        if await self._database.find_one(ACCOUNTS, {"_id": username}, projection={"_id": 1}) is None:
            raise NotFound(f"no account {username}")
        now = self._clock()
        return await self._open("token", username, now, now + timedelta(days=days), label=label)

    async def revoke(self, username: str, *, label: str | None = None) -> int:
        """End all sessions and tokens of an account, or its tokens with this label; returns how many."""
        which: dict[str, Any] = {"username": username}
        if label is not None:
            which |= {"kind": "token", "label": label}
        count = await self._database.delete_many(SESSIONS, which)
        self.invalidate(username)
        return count

    async def create_account(
        self, username: str, password: str | None = None, *, person: Person | None = None, demo: bool = False
    ) -> None:
        """Make an account. `person` is for somebody, or a program, who is not in the table of people.

        Without `password` only tokens work. Raises `UsernameTaken`, `PasswordPolicy`, `Invalid` for a role that does not exist.
        """
        if password is not None:
            check_password(password)
        if person is not None:
            _check_person(person)
        document: dict[str, Any] = {
            "_id": username,
            "password": await self._passwords.hash(password) if password is not None else None,
            "kept": [],
            "password_at": self._clock(),
            "disabled_at": None,
            "demo": demo,
            "otp": None,
            "otp_step": 0,
            "person": document_of(username, person) if person is not None else None,
        }
        if not await self._database.insert_one(ACCOUNTS, document):
            raise UsernameTaken(f"the user name {username} is taken")

    async def set_password(self, username: str, password: str) -> None:
        """Set a new password (none of the last five) and end all sessions. Raises `PasswordPolicy`, `NotFound`."""
        check_password(password)
        account = await self._database.find_one(ACCOUNTS, {"_id": username})
        if account is None:
            raise NotFound(f"no account {username}")
        former = [stored for stored in (account["password"], *account["kept"]) if stored]
        if await self._passwords.is_any(former, password):
            message = f"none of the last {KEPT_PASSWORDS} passwords"
            raise PasswordPolicy(message, errors=[FieldError(field="password", code="password_used", message=message)])
        change = {
            "password": await self._passwords.hash(password),
            "kept": former[: KEPT_PASSWORDS - 1],
            "password_at": self._clock(),
        }
        await self._database.update_one(ACCOUNTS, {"_id": username}, {"$set": change})
        await self._database.delete_many(SESSIONS, {"username": username, "kind": "session"})
        await self._locks.clear(username)
        self.invalidate(username)

    async def set_otp(self, username: str) -> str:
        """Turn on one-time codes and return the new secret (base32), shown this once. Raises `NotFound`."""
        if self._cipher is None:
            raise Invalid("one-time codes need the keys of the installation", code="no_keys")
        secret = new_otp_secret()
        sealed = self._cipher.seal(secret, document_id=username, field="otp")
        if not await self._database.update_one(ACCOUNTS, {"_id": username}, {"$set": {"otp": sealed, "otp_step": 0}}):
            raise NotFound(f"no account {username}")
        return secret

    async def disable(self, username: str) -> None:
        """Close an account: nobody can sign in, its sessions and tokens end. Raises `NotFound`."""
        if not await self._database.update_one(ACCOUNTS, {"_id": username}, {"$set": {"disabled_at": self._clock()}}):
            raise NotFound(f"no account {username}")
        await self.revoke(username)

    async def find(self, username: str) -> dict[str, Any] | None:
        """Return what an administrator may see of an account, or None when there is none."""
        return await self._database.find_one(ACCOUNTS, {"_id": username}, projection=_SHOWN)

    async def list_accounts(self) -> list[dict[str, Any]]:
        """Return what an administrator may see of all accounts: never anything secret."""
        return await self._database.find(ACCOUNTS, {}, projection=_SHOWN, sort=[("_id", 1)])

    async def has_demo_accounts(self) -> bool:
        """Tell whether demo accounts exist; while they do the service listens on loopback only."""
        return await self._database.find_one(ACCOUNTS, {"demo": True}, projection={"_id": 1}) is not None

    def close(self) -> None:
        """End the threads that check passwords."""
        self._passwords.close()

    async def _verified(self, username: str, password: str, otp: str | None) -> dict[str, Any] | None:
        """Return the account when everything is right. Always does the work of one verification, and counts a failure."""
        async with self._gate:
            now = self._clock()
            if await self._locks.is_locked(username, now):
                await self._passwords.verify(None, password)
                return None
            account = await self._database.find_one(ACCOUNTS, {"_id": username, "disabled_at": None})
            right = await self._passwords.verify(account["password"] if account else None, password)
            if account is not None and right and await self._otp_is_right(account, otp, now):
                await self._locks.clear(username)
                return account
            await self._locks.add(username, now)
            return None

    async def _otp_is_right(self, account: dict[str, Any], otp: str | None, now: datetime) -> bool:
        """A code may be used once: the step is taken by a conditional write."""
        if account["otp"] is None:
            return True
        if otp is None or self._cipher is None:
            return False
        secret = self._cipher.open(account["otp"], document_id=account["_id"], field="otp")
        step = otp_step(secret, otp.strip(), now.timestamp())
        if step is None:
            return False
        which = {"_id": account["_id"], "otp_step": {"$lt": step}}
        return await self._database.update_one(ACCOUNTS, which, {"$set": {"otp_step": step}}) == 1

    async def _open(self, kind: str, username: str, now: datetime, expires_at: datetime, *, label: str) -> str:
        token = secrets.token_urlsafe(32)
        document = {
            "_id": _hash(token),
            "kind": kind,
            "username": username,
            "label": label,
            "created_at": now,
            "touched_at": now,
            "expires_at": expires_at,
        }
        await self._database.insert_one(SESSIONS, document)
        return token

    async def _actor(self, token: str, kind: str) -> Actor:
        key = _hash(token)
        now = self._clock()
        seen = self._seen.get(key)
        if seen is not None and now.timestamp() < seen.until and seen.kind == kind:
            return seen.actor
        self._seen.pop(key, None)
        return await self._asked_once(key, kind, now)

    async def _asked_once(self, key: str, kind: str, now: datetime) -> Actor:
        """Many requests with one token wait for one answer; not for one that was begun before something was invalidated."""
        begun = self._asking.get((key, kind))
        if begun is None or begun[0] != self._changes:
            begun = self._changes, asyncio.get_running_loop().create_task(self._ask(key, kind, now))
            self._asking[key, kind] = begun
            begun[1].add_done_callback(functools.partial(self._answered, (key, kind)))
        return await asyncio.shield(begun[1])

    def _answered(self, question: tuple[str, str], task: asyncio.Task[Actor]) -> None:
        if self._asking.get(question, (0, None))[1] is task:
            del self._asking[question]
        if not task.cancelled():
            task.exception()  # whoever asked has it, unless they have gone

    async def _ask(self, key: str, kind: str, now: datetime) -> Actor:
        changes = self._changes
        document = await self._live_session(key, kind, now)
        actor = await self._find_actor(document["username"], key[:16] if kind == "session" else None)
        if len(self._seen) >= MAX_SEEN:
            self._seen.clear()
        if changes == self._changes:  # nothing was invalidated while we read
            until = min(now.timestamp() + SEEN_SECONDS, document["expires_at"].timestamp())
            self._seen[key] = _Seen(actor, until, kind)
        return actor

    async def _live_session(self, key: str, kind: str, now: datetime) -> dict[str, Any]:
        document = await self._database.find_one(SESSIONS, {"_id": key, "kind": kind})
        idle = document is not None and kind == "session" and now - document["touched_at"] > self._limits.idle
        if document is None or idle or document["expires_at"] <= now:
            raise Unauthorized("the session or token is not valid")
        if now - document["touched_at"] >= TOUCH_EVERY:
            await self._database.update_one(SESSIONS, {"_id": key}, {"$set": {"touched_at": now}})
        return document

    async def _find_actor(self, username: str, session: str | None) -> Actor:
        account = await self._database.find_one(ACCOUNTS, {"_id": username}, projection={"disabled_at": 1, "person": 1})
        found = await self._database.find_one(PEOPLE, {"_id": username}) or (account or {}).get("person")
        if account is None or account["disabled_at"] is not None or found is None:
            raise Unauthorized("the session or token is not valid")
        tree = self._units()
        person = value_of(found, Person)
        areas = self._follow((*person.area_codes, *self._lent(username)))
        person = msgspec.structs.replace(person, area_codes=areas)
        return actor_of(person, tree.subtree, whole=len(tree), session=session, own=tree.standing_for)


def _check_person(person: Person) -> None:
    allowed = (*PERSON_ROLES, *PROGRAM_ROLES)
    if person.role not in allowed:
        message = f"one of {', '.join(allowed)}"
        raise Invalid(message, errors=[FieldError(field="role", code="not_allowed", message=message)])
    if person.role in PROGRAM_ROLES and not person.source:
        message = "a program needs the name of its system"
        raise Invalid(message, errors=[FieldError(field="source", code="required", message=message)])
    if person.agency and (person.role != "partner" or person.agency not in PARTNER_AGENCIES):
        message = f"for a partner, one of {', '.join(PARTNER_AGENCIES)}"
        raise Invalid(message, errors=[FieldError(field="agency", code="not_allowed", message=message)])


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
