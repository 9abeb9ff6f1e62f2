"""Changing the territory: look at what an order would do, make the change for now or later, withdraw it, see what held when.

A change is looked at first: what speaks against it, what would be void and who comes after it, what names the areas concerned. It
is made against the version of the territory that was looked at, with a reason, and is recorded with who made it and when.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import islice
from typing import Any, Literal, Protocol

import msgspec

from dispatch.actors import Actor
from dispatch.errors import IdempotencyMismatch
from grid import change_store
from grid.border_checks import check
from grid.boundaries import Finding
from grid.change_store import CHANGES, LEAD
from grid.land import Land
from grid.orders import Order
from grid.planning import Plan, plan
from grid.store import load_version
from storage.client import Database
from storage.errors import Conflict, FieldError, Invalid, NotFound

__all__ = [
    "Asked", "Borders", "Change", "ChangeInForce", "ChangeRefused", "Counts", "Form", "Gone", "Look", "Mention", "Mentions",
    "Naming", "words_of",
]  # fmt: skip

PAST = timedelta(minutes=1)  # a moment so little ago is now: clocks differ, and people are slow
MOST_AHEAD = timedelta(days=366)
MOST_SHOWN = 2_000  # areas of a look
MOST_LISTED = 500  # codes of a change
_FIRST = {"$slice": MOST_LISTED}
_LISTED = {"now": 0, "claims": 0, "new": 0, "expects": 0, "revived": 0, "touched": _FIRST, "gone": _FIRST}
State = Literal["planned", "in_force", "withdrawn", "failed"]


class ChangeRefused(Invalid):
    """What was found speaks against the change; `errors` name each area and what is wrong. Raised by `Borders.make`."""

    code = "change_refused"


class ChangeInForce(Conflict):
    """The change holds already, or never will: it cannot be withdrawn any more. Raised by `Borders.withdraw`."""

    code = "change_in_force"


class Mention(msgspec.Struct, frozen=True):
    """One thing that names an area: a rule, a duty, a person, a unit, an organization, an open case."""

    id: str
    name: str
    area: str


class Mentions(msgspec.Struct, frozen=True):
    """All things of one kind that name the areas concerned: how many, and the first of them."""

    what: str
    count: int
    items: list[Mention]


class Naming(Protocol):
    """Knows what names an area; wired by `web`."""

    async def __call__(self, codes: Collection[str]) -> Sequence[Mentions]:
        """Return the kinds of things that name any of the areas; those of which there are none may be left out."""


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """An area as it is, was or would be. `geometry` is GeoJSON in WGS-84; `heirs` came after it where it is void."""

    code: str
    name: str
    name_en: str
    level: str
    kind: str
    parent: str | None
    version: int
    valid_from: datetime | None
    valid_to: datetime | None = None
    reason: str = ""
    change: str | None = None
    void: bool = False
    heirs: tuple[str, ...] = ()
    wkb: bytes = b""


class Gone(msgspec.Struct, frozen=True):
    """A code that is void from then on, and the areas that what names it leads to; none: what names it is orphaned."""

    code: str
    heirs: tuple[str, ...]


class Counts(msgspec.Struct, frozen=True):
    """How many areas a change touches, and how many of their codes it makes void."""

    touched: int
    gone: int


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What an order would do to the territory of `version`. Of the areas that would be (`now`) and the void codes (`gone`) the
    first 2,000 are listed; `counts` counts all."""

    version: int
    counts: Counts
    now: list[Form]
    gone: list[Gone]
    findings: list[Finding]
    mentions: list[Mentions]

    @property
    def errors(self) -> list[Finding]:
        """What keeps the change from being made."""
        return [finding for finding in self.findings if finding.severity == "error"]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change as it is recorded. `base` is the version that it was made against, `version` the one that it brought.

    Of `touched` and `gone` the first 500 are listed; `counts` counts all.
    """

    id: str
    kind: str
    state: State
    touched: tuple[str, ...]
    gone: list[Gone]
    reason: str
    base: int
    effective_at: datetime
    made_at: datetime
    by: str
    counts: Counts
    version: int | None = None
    applied_at: datetime | None = None
    withdrawn_at: datetime | None = None
    withdrawn_by: str | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A change that somebody wants made: `what` it is in values that JSON can hold, against which version of the territory, from
    when on (None: now), why, and the key under which it is made only once."""

    actor: Actor
    kind: str
    what: Any
    version: int
    effective_at: datetime | None
    reason: str
    key: str

    @property
    def id(self) -> str:
        """The id of the change: the same for the same key of the same person."""
        return blake2b(f"{self.actor.source}\0{self.actor.id}\0{self.key}".encode(), digest_size=12).hexdigest()

    @property
    def digest(self) -> str:
        """What tells whether the same is asked for again."""
        said = msgspec.json.encode([self.what, self.version, self.effective_at, self.reason])
        return blake2b(said, digest_size=16).hexdigest()


class Borders:
    """Changes of the territory. Who may make them is for the caller to say."""

    def __init__(self, database: Database, naming: Sequence[Naming], clock: Callable[[], datetime]) -> None:
        self._database = database
        self._naming = naming
        self._clock = clock

    async def look(self, order: Order) -> Look:
        """Return what the order would do, what speaks against it and what names the areas concerned; nothing is written.

        Raises `Invalid` for an order that means nothing, `SequenceFull`.
        """
        land = await change_store.load_land(self._database, order)
        made, findings = await asyncio.to_thread(_judged, order, land)
        return await self._look(made, findings, land)

    async def make(
        self, *, actor: Actor, order: Order, version: int, effective_at: datetime | None, reason: str, key: str
    ) -> tuple[Change, bool]:
        """Make the change for now (None) or later, and tell whether it is new: the same key again changes nothing.

        Raises `ChangeRefused`, `StaleTerritory` when the territory is not that of `version`, `ChangePlanned`,
        `IdempotencyMismatch`, and what `look` raises.
        """

        async def planned() -> tuple[Plan, Land]:
            land = await change_store.load_land(self._database, order)
            made, findings = await asyncio.to_thread(_judged, order, land)
            _refuse(findings)
            return made, land

        kind = str(type(order).__struct_config__.tag)
        asked = Asked(actor=actor, kind=kind, what=order, version=version, effective_at=effective_at, reason=reason, key=key)
        return await self.carry_out(asked, planned)

    async def carry_out(self, asked: Asked, planned: Callable[[], Awaitable[tuple[Plan, Land]]]) -> tuple[Change, bool]:
        """Record what `planned` returns as one change, and tell whether it is new; not asked for when the key is known already.

        Raises `StaleTerritory`, `ChangePlanned`, `ChangeLarge`, `IdempotencyMismatch`, and what `planned` raises.
        """
        if (known := await self._find(asked.id)) is not None:
            return _same(known, asked.digest), False
        at = _moment(asked.effective_at, self._clock())
        await self._check_version(asked.version)
        made, land = await planned()
        if land.version != asked.version:
            raise change_store.StaleTerritory(version=land.version)
        now = self._clock()
        at = max(at, _kept(now))  # planning may take some seconds
        change = {
            "_id": asked.id, "kind": asked.kind, "request": asked.digest, "reason": asked.reason, "made_at": now,
            "by": asked.actor.id, "role": asked.actor.role, "effective_at": at,
        }  # fmt: skip
        if not await change_store.insert(self._database, change, made, land):
            return _same(await self._document(asked.id), asked.digest), False
        if at <= now + LEAD:
            await change_store.put_in_force(self._database, asked.id, self._clock())
        return _change(await self._document(asked.id)), True

    async def _check_version(self, version: int) -> None:
        if (present := await load_version(self._database)) != version:
            raise change_store.StaleTerritory(version=present)

    async def withdraw(self, *, actor: Actor, id: str, reason: str) -> Change:
        """Take back a change that does not hold yet; one that is withdrawn already stays so.

        Raises `NotFound`, `ChangeInForce`.
        """
        said = {"state": "withdrawn", "withdrawn_at": self._clock(), "withdrawn_by": actor.id, "withdrawn_because": reason}
        await self._database.update_one(CHANGES, {"_id": id, "state": "planned"}, {"$set": said})
        change = _change(await self._document(id))
        if change.state != "withdrawn":
            raise ChangeInForce(state=change.state)
        return change

    async def changes(
        self, *, state: State | None = None, area: str | None = None, limit: int = 50, before: tuple[datetime, str] | None = None
    ) -> list[Change]:
        """Return changes, the last made first; of a state, of an area, behind the instant and id of the page before."""
        filter: dict[str, Any] = {}
        if before is not None:
            at, id = before
            filter = {"made_at": {"$lte": at}, "$or": [{"made_at": {"$lt": at}}, {"_id": {"$lt": id}}]}
        if area:
            filter |= {"touched": area}
        if state:
            filter |= {"state": state}
        sort = [("made_at", -1), ("_id", -1)]
        found = await self._database.find(CHANGES, filter, projection=_LISTED, sort=sort, limit=limit)
        return [_change(document) for document in found]

    async def put_due_in_force(self) -> int:
        """Let every change hold whose moment is near; returns how many now do. Any number of processes may do this at once."""
        now = self._clock()
        due = {"state": "planned", "effective_at": {"$lte": now + LEAD}}
        found = await self._database.find(CHANGES, due, projection={"_id": 1}, sort=[("effective_at", 1)])
        results = [await change_store.put_in_force(self._database, change["_id"], now) for change in found]
        return sum(result is not None for result in results)

    async def versions(self, code: str) -> list[Form]:
        """Return every form that an area has had, latest first. Raises `NotFound` for a code that never was one."""
        forms = await change_store.load_forms(self._database, code)
        if not forms:
            raise NotFound
        heirs = await self._database.find_one(change_store.VOID, {"_id": code}) or {}
        return [_form(form, tuple(heirs.get("heirs", ()))) for form in forms]

    async def path_at(self, code: str, at: datetime) -> list[Form]:
        """Return the areas from the city down to `code` as they held at an instant. Raises `NotFound` where it did not."""
        path: list[Form] = []
        above: str | None = code
        while above is not None and len(path) < 8:
            form = await change_store.find_form(self._database, above, at)
            if form is None:
                break
            path.insert(0, _form(form))
            above = form["parent"]
        if not path:
            raise NotFound
        return path

    async def _look(self, made: Plan, findings: list[Finding], land: Land) -> Look:
        concerned = [code for code in made.touched if code in land.areas]
        mentions = [mention for naming in self._naming for mention in await naming(concerned)] if concerned else []
        forms = [
            Form(
                code=area.code, name=area.name, name_en=area.name_en, level=area.level, kind=area.kind, parent=area.parent,
                version=land.version + 1, valid_from=None, wkb=area.wkb,
            )
            for area in islice(made.now.values(), MOST_SHOWN)
        ]  # fmt: skip
        gone = [Gone(code, heirs) for code, heirs in islice(made.gone.items(), MOST_SHOWN)]
        counts = Counts(len(made.touched), len(made.gone))
        return Look(version=land.version, counts=counts, now=forms, gone=gone, findings=findings, mentions=mentions)

    async def _find(self, id: str) -> dict[str, Any] | None:
        return await self._database.find_one(CHANGES, {"_id": id}, projection=_LISTED)

    async def _document(self, id: str) -> dict[str, Any]:
        if (found := await self._find(id)) is None:
            raise NotFound
        return found


def _judged(order: Order, land: Land) -> tuple[Plan, list[Finding]]:
    """What the order would do and what speaks against it: up to seconds for a level of many areas, so never on the loop."""
    made = plan(order, land)
    return made, check(made, land)


def _moment(effective_at: datetime | None, now: datetime) -> datetime:
    """A moment just past is now; to the millisecond that the database keeps."""
    at = max(effective_at or now, now) if effective_at is None or effective_at >= now - PAST else effective_at
    if not now <= at <= now + MOST_AHEAD:
        words = f"now or within {MOST_AHEAD.days} days from now"
        raise Invalid(errors=[FieldError(field="effective_at", code="range", message=words)])
    return _kept(at)


def _kept(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _refuse(findings: Sequence[Finding]) -> None:
    errors = [
        FieldError(field=finding.area, code=finding.code, message=words_of(finding))
        for finding in findings
        if finding.severity == "error"
    ]
    if errors:
        raise ChangeRefused(errors=errors)


_WORDS = {
    "not_adjacent": "does not border on the others",
    "parts_differ": "the parts do not add up to the whole: {area_m2} m² differ; allowed: 1 m²",
    "overlap": "overlaps {other} by {area_m2} m²; allowed: 1 m²",
    "outside_parent": "reaches {distance_m} m ({area_m2} m²) beyond {other}; allowed: 2 m",
}


def words_of(finding: Finding) -> str:
    """Return the English words for an error that was found, with its figures."""
    return _WORDS[finding.code].format(other=finding.other, **finding.figures)


def _same(document: dict[str, Any], request: str) -> Change:
    if document["request"] != request:
        raise IdempotencyMismatch
    return _change(document)


def _change(document: dict[str, Any]) -> Change:
    counts = document.get("counts") or {name: len(document[name]) for name in ("touched", "gone")}  # small ones were not counted
    return msgspec.convert({**document, "id": document["_id"], "counts": counts}, Change, builtin_types=(datetime,))


def _form(document: dict[str, Any], heirs: tuple[str, ...] = ()) -> Form:
    is_void = bool(document.get("void")) or document.get("reason") == "removed"
    names = ("name", "name_en", "level", "kind", "parent", "version", "valid_from", "wkb")
    return Form(
        code=document.get("code", document["_id"]), valid_to=document.get("valid_to"), reason=document.get("reason", ""),
        change=document.get("change"), void=is_void, heirs=heirs if is_void else (),
        **{name: document[name] for name in names},
    )  # fmt: skip
