"""Merging one case into another and taking it out again: what changes several documents, so what runs in a transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from dispatch import engine
from dispatch.actors import Actor
from dispatch.chapters.joining import followers_of
from dispatch.engine import Decision
from dispatch.errors import NotAllowed
from dispatch.keys import sees
from dispatch.rules import Rules
from dispatch.situation import Case
from dispatch.store import CASES, CaseStore, unchanged
from dispatch.transition import JOINED_ENDED
from storage.errors import FieldError, HeyunError, Invalid

__all__ = ["end_of_chain", "merge", "unmerge"]

STILL_THE_SAME = timedelta(days=7)  # domain.md §2.7: so long after a closure a report may be joined to it
LONGEST_CHAIN = 50  # a chain has one or two links; this only ends a walk over documents that somebody has spoiled

Pair = tuple[Case, Decision]


class _Lost(HeyunError):
    """One of the cases has changed meanwhile; ends the transaction, never leaves this module."""


async def end_of_chain(store: CaseStore, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields of a merge with the main case that the one named was itself merged into, if it was."""
    main = fields.get("main")
    for _ in range(LONGEST_CHAIN):
        found = await store.find(main) if isinstance(main, str) else None
        if found is None or found["live"]["state"] != "merged":
            break
        main = found["merged_into"]
    return fields if main == fields.get("main") else {**fields, "main": main}


async def merge(store: CaseStore, decision: Decision, case: Case, actor: Actor, now: datetime, rules: Rules) -> list[Decision]:
    """Write both cases or neither and return what was written, nothing when one of them changed meanwhile. Raises `Invalid`
    for a main case that cannot be, and for one that has ended unless the actor confirmed it."""
    main = await _main(store, decision, case, actor, now)
    return await _write(store, [(case, decision), (main, engine.system_step(main, now, rules, "absorb", _handed_over(case)))])


async def _main(store: CaseStore, decision: Decision, case: Case, actor: Actor, now: datetime) -> Case:
    identity = decision.case["merged_into"]
    main = await store.find(identity)
    if main is None or not sees(actor.scope, main["live"]):
        raise _unfit("unknown_case", "an open case that you may see")
    if identity == case["_id"]:
        raise _unfit("itself", "another case")
    if main["live"]["open"]:
        return main
    if main["live"]["state"] not in JOINED_ENDED or now > main["closed_at"] + STILL_THE_SAME:
        raise _unfit("not_open", "a case that is open, or was closed or answered within seven days")
    if "confirmed" not in decision.entries[0]["data"]:
        raise _unfit("ended", "that case has ended: send `confirm` to join this one to it all the same")
    return main


def _unfit(code: str, message: str) -> Invalid:
    return Invalid(errors=[FieldError(field="main", code=code, message=message)])


def _handed_over(case: Case) -> dict[str, Any]:
    live = case["live"]
    return {
        "followers": followers_of(case),
        "urgency": live["urgency"],
        "sensitive": live["sensitive"],
        "merged": case["_id"],
    }


async def unmerge(store: CaseStore, decision: Decision, case: Case, now: datetime, rules: Rules) -> list[Decision]:
    """Write the case that is taken out and every case that had taken over its reporters, or none of them; return what was
    written, nothing when one changed meanwhile. Raises `NotAllowed` when the main case is archived."""
    mains = await _mains(store, case)
    if mains and mains[-1]["live"]["state"] == "archived":
        live = case["live"]
        raise NotAllowed("main_archived", allowed=[], reason="main_archived", state=live["state"], rev=live["rev"])
    released = {"released": case["_id"], "cases": [one["case"] for one in followers_of(case)]}
    pairs = [(main, engine.system_step(main, now, rules, "let_go", released)) for main in mains]
    return await _write(store, [(case, decision), *pairs])


async def _mains(store: CaseStore, case: Case) -> list[Case]:
    """The case's main one, that one's, and so on to the end of the chain."""
    found: list[Case] = []
    following = case["merged_into"]
    while following is not None and len(found) < LONGEST_CHAIN:
        main = await store.find(following)
        if main is None:
            break
        found.append(main)
        following = main["merged_into"] if main["live"]["state"] == "merged" else None
    return found


async def _write(store: CaseStore, pairs: Sequence[Pair]) -> list[Decision]:
    async def all_of_them(session: Any) -> None:
        for before, after in pairs:
            guard = {"_id": before["_id"], **unchanged(before)}
            if not await store.database.update_one(CASES, guard, after.update, session=session):
                raise _Lost

    try:
        await store.database.run_transaction(all_of_them)
    except _Lost:
        return []
    return [after for _, after in pairs]
