"""Versions of the model: kept with how well they do, compared, switched on and off by a person and by nobody else.

A version is written once by the program that learned it. Which one is on stands in one document; each switch is one transaction
with the entry (who, when, why) in the version's own list, and all processes are told. The only switch that no person makes is
off: when on closed cases the model does worse than the rules would have done (`Versions.watch`).
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from dispatch.actors import SYSTEM, Actor
from dispatch.learning.measuring import NEVER, WANTED, Figures, Live
from dispatch.learning.model import Model
from dispatch.learning.ordering import Learned
from dispatch.learning.weights import FORM, unpack
from dispatch.past import handled_by
from dispatch.snapshots import VERSIONS
from dispatch.store import CASES
from storage.client import Database
from storage.errors import Conflict, NotFound
from storage.indexes import Index

__all__ = [
    "INDEXES", "KIND", "MODELS", "OFF", "Comparison", "ModelView", "NewVersion", "NotBetter", "Outdated", "Switch", "Versions",
    "load_active",
]  # fmt: skip

log = logging.getLogger("heyun.learning")

MODELS, WEIGHTS, STATE = "models", "model_weights", "model_state"
OFF = "model_off"  # the kind of the notice that a version went off by itself
KIND = "models"  # of the document in `versions` that tells all processes
CHUNK = 8 << 20  # a document holds 16 MB at most
NOBODY = ""  # no version is on

INDEXES: Mapping[str, Sequence[Index]] = {
    MODELS: (Index((("made_at", -1),), serves="GET /models, newest first"),),
    WEIGHTS: (Index((("version", 1), ("part", 1)), serves="the weights of a version"),),
    STATE: (),
}


class NotBetter(Conflict):
    """The model does worse than the rules alone on the same cases (`data["learned"]`, `data["rules"]`): it is switched on only by
    force and with a reason. Raised by `Versions.activate`."""

    code = "model_not_better"


class Outdated(Conflict):
    """The version was learned by another program, whose weights mean something else here: learn anew. Raised by
    `Versions.activate`."""

    code = "model_outdated"


class Switch(msgspec.Struct, frozen=True, kw_only=True):
    """One act: who switched the version on or off, when, why; `forced` although it does worse than the rules."""

    at: datetime
    by: str
    role: str
    on: bool
    reason: str = ""
    forced: bool = False


class NewVersion(msgspec.Struct, frozen=True, kw_only=True):
    """What the program that learns hands over. `rules`, `model` and `learned` are figures on the same later cases, kept out of
    the learning: of the rules alone, of the model alone, and of both as the service uses them."""

    id: str
    made_at: datetime
    code: str
    form: int = FORM
    cases: int
    held_out: int
    since: datetime
    until: datetime
    threshold: float
    rules: Figures
    model: Figures
    learned: Figures


class ModelView(NewVersion, frozen=True, kw_only=True):
    """A version as it is shown. `live` is what was counted last on cases that it ordered and that have been closed since."""

    active: bool = False
    switches: list[Switch] = []
    live: Live | None = None


class Comparison(msgspec.Struct, frozen=True):
    """A version, and where another one was named, that one and `gains`: the figures of the first (`learned`) less its."""

    model: ModelView
    other: ModelView | None = None
    gains: dict[str, float] | None = None


class Versions:
    """All use cases of versions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, limit: int = 50) -> list[ModelView]:
        """Return the newest versions."""
        active = await self.active()
        found = await self._database.find(MODELS, {}, sort=[("made_at", -1)], limit=limit)
        return [_view(one, active) for one in found]

    async def get(self, id: str) -> ModelView:
        """Return a version. Raises `NotFound`."""
        found = await self._database.find_one(MODELS, {"_id": id})
        if found is None:
            raise NotFound
        return _view(found, await self.active())

    async def compare(self, id: str, other: str | None = None) -> Comparison:
        """Return a version, beside another one where that is named. Raises `NotFound`."""
        model = await self.get(id)
        if other is None:
            return Comparison(model)
        against = await self.get(other)
        ours, theirs = msgspec.structs.asdict(model.learned), msgspec.structs.asdict(against.learned)
        return Comparison(model, against, {name: round(ours[name] - theirs[name], 4) for name in ours if name != "cases"})

    async def active(self) -> str:
        """Return the id of the version that is on, empty when none is."""
        found = await self._database.find_one(STATE, {"_id": "active"})
        return str(found["version"]) if found else NOBODY

    async def add(self, version: NewVersion, weights: bytes) -> None:
        """Keep a new version, switched off. Its weights come first: what is listed can be switched on."""
        parts = [weights[start : start + CHUNK] for start in range(0, len(weights), CHUNK)]
        for number, part in enumerate(parts):
            await self._database.insert_one(
                WEIGHTS, {"_id": f"{version.id}:{number}", "version": version.id, "part": number, "data": part}
            )
        document = msgspec.to_builtins(version, builtin_types=(datetime,))
        await self._database.insert_one(MODELS, {"_id": document.pop("id"), **document, "switches": []})

    async def activate(self, actor: Actor, id: str, *, now: datetime, reason: str = "", force: bool = False) -> ModelView:
        """Switch a version on, and the one before off; once more changes nothing. Raises `NotFound`, `NotBetter`, `Outdated`."""
        version = await self.get(id)
        if version.form != FORM:
            raise Outdated
        worse = is_worse(version)
        if worse and not (force and reason):
            raise NotBetter(rules=_plain(version.rules), learned=_plain(version.learned))
        await self._switch(actor, id, Switch(at=now, by=actor.id, role=actor.role, on=True, reason=reason, forced=worse))
        return await self.get(id)

    async def deactivate(self, actor: Actor, id: str, *, now: datetime, reason: str) -> ModelView:
        """Switch a version off: the rules alone answer. One that is off stays as it is. Raises `NotFound`."""
        await self.get(id)
        await self._switch_off(id, Switch(at=now, by=actor.id, role=actor.role, on=False, reason=reason))
        return await self.get(id)

    async def claim(self, work: str, now: datetime, every: timedelta) -> bool:
        """Tell whether it is time for a piece of work, and that it is ours: of several processes that ask, one is told so."""
        due = {"_id": work, "at": {"$lte": now - every}}
        if await self._database.update_one(STATE, due, {"$set": {"at": now}}):
            return True
        return await self._database.insert_one(STATE, {"_id": work, "at": now})

    async def watch(self, now: datetime) -> str | None:
        """Count how the version that is on does on closed cases, and switch it off where the rules would do better; returns its
        id when it was switched off, else None."""
        id = await self.active()
        if id == NOBODY:
            return None
        live = await self._counted(id, now)
        await self._database.update_one(MODELS, {"_id": id}, {"$set": {"live": _plain(live)}})
        if not live.is_worse:
            return None
        reason = f"live: {live.learned_right} of {live.cases} right, the rules alone {live.rules_right}"
        await self._switch_off(id, Switch(at=now, by=SYSTEM.id, role=SYSTEM.role, on=False, reason=reason))
        return id

    async def _counted(self, id: str, now: datetime) -> Live:
        """Each closed case that the version ordered: who was first by it, who by the rules, who handled it in the end."""
        learned = rules = only_learned = only_rules = cases = 0
        filter = {"match.learned.version": id, "live.open": False}
        parts = {"live": 1, "lead": 1, "outcome": 1, "match": 1}
        async for case in self._database.iterate(CASES, filter, projection=parts):
            unit = handled_by(case)
            if unit is None:
                continue
            by_model = case["match"]["candidates"][0]["unit"]["code"] == unit
            by_rules = [one[0] for one in case["match"]["learned"]["by_rules"][:1]] == [unit]
            cases, learned, rules = cases + 1, learned + by_model, rules + by_rules
            only_learned, only_rules = only_learned + (by_model and not by_rules), only_rules + (by_rules and not by_model)
        return Live(
            at=now, cases=cases, learned_right=learned, rules_right=rules, only_learned=only_learned, only_rules=only_rules
        )

    async def _switch(self, actor: Actor, id: str, switch: Switch) -> None:
        async def change(session: Any) -> None:
            found = await self._database.find_one(STATE, {"_id": "active"}, session=session)
            before = str(found["version"]) if found else NOBODY
            if before == id:
                return
            await self._database.find_one_and_update(
                STATE, {"_id": "active"}, {"$set": {"version": id, "since": switch.at}}, upsert=True, session=session
            )
            await self._entered(id, switch, session)
            if before != NOBODY:
                off = Switch(at=switch.at, by=actor.id, role=actor.role, on=False, reason=f"{id} takes its place")
                await self._entered(before, off, session)
            await self._told(session)

        await self._database.run_transaction(change)

    async def _switch_off(self, id: str, switch: Switch) -> None:
        async def change(session: Any) -> None:
            none = {"$set": {"version": NOBODY, "since": switch.at}}
            if await self._database.find_one_and_update(STATE, {"_id": "active", "version": id}, none, session=session):
                await self._entered(id, switch, session)
                await self._told(session)

        await self._database.run_transaction(change)

    async def _entered(self, id: str, switch: Switch, session: Any) -> None:
        entry = msgspec.to_builtins(switch, builtin_types=(datetime,))
        await self._database.update_one(MODELS, {"_id": id}, {"$push": {"switches": entry}}, session=session)

    async def _told(self, session: Any) -> None:
        update = {"$inc": {"version": 1}}
        await self._database.find_one_and_update(VERSIONS, {"_id": KIND}, update, upsert=True, session=session)


async def load_active(database: Database, known: Learned | None = None) -> Learned | None:
    """Return the model that is on, ready to answer; `known` itself where that is it, None where none is on or its weights cannot
    be read (after another program was installed): then the rules alone answer, and that is said."""
    id = await Versions(database).active()
    if id == NOBODY:
        return None
    if known is not None and known.version == id:
        return known
    found = await database.find_one(MODELS, {"_id": id}, projection={"threshold": 1})
    parts = await database.find(WEIGHTS, {"version": id}, sort=[("part", 1)])
    packed = b"".join(part["data"] for part in parts)
    try:
        model = await asyncio.to_thread(lambda: Model(unpack(packed)))  # some tenths of a second for a large city
    except (ValueError, zlib.error, msgspec.DecodeError) as error:
        log.error("the model %s cannot be read, the rules alone answer: %s", id, error)
        return None
    return Learned(id, model, found["threshold"] if found else NEVER)


def is_worse(version: NewVersion) -> bool:
    """Tell whether the model as the service uses it names the right unit less often than the rules alone, or lets go without a
    person what is right less often than asked for and than with the rules. The latter beyond chance: a threshold lies near it."""
    learned, rules = version.learned, version.rules
    return learned.top1 < rules.top1 or learned.is_surely_below(min(WANTED, rules.auto_precision))


def _plain(value: msgspec.Struct) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(value, builtin_types=(datetime,))
    return found


def _view(found: dict[str, Any], active: str) -> ModelView:
    id = found.pop("_id")
    return msgspec.convert({**found, "id": id, "active": id == active}, ModelView)
