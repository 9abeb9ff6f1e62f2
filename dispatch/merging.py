"""Merging one case into another: the only action that changes two documents, so the only one in a transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dispatch import engine
from dispatch.actors import Actor
from dispatch.engine import Decision
from dispatch.keys import sees
from dispatch.rules import Rules
from dispatch.situation import Case
from dispatch.store import CASES, CaseStore, unchanged
from storage.errors import FieldError, HeyunError, Invalid

__all__ = ["merge"]


class _Lost(HeyunError):
    """One of the two cases has changed meanwhile; ends the transaction, never leaves this module."""


async def merge(store: CaseStore, decision: Decision, case: Case, actor: Actor, now: datetime, rules: Rules) -> list[Decision]:
    """Write both cases or neither and return what was written, nothing when one of them changed meanwhile. Raises `Invalid`
    for a main case that cannot be."""
    main = await _main(store, decision.case["merged_into"], case, actor)
    taken = engine.system_step(main, now, rules, "absorb", _handed_over(case))
    pairs = ((case, decision), (main, taken))

    async def both(session: Any) -> None:
        for before, after in pairs:
            guard = {"_id": before["_id"], **unchanged(before)}
            if not await store.database.update_one(CASES, guard, after.update, session=session):
                raise _Lost

    try:
        await store.database.run_transaction(both)
    except _Lost:
        return []
    return [decision, taken]


async def _main(store: CaseStore, identity: str, case: Case, actor: Actor) -> Case:
    main = await store.find(identity)
    if main is None or not sees(actor.scope, main["live"]):
        raise Invalid(errors=[FieldError(field="main", code="unknown_case", message="an open case that you may see")])
    if identity == case["_id"]:
        raise Invalid(errors=[FieldError(field="main", code="itself", message="another case")])
    if not main["live"]["open"]:
        raise Invalid(errors=[FieldError(field="main", code="not_open", message="a case that is not closed or merged itself")])
    return main


def _handed_over(case: Case) -> dict[str, Any]:
    live = case["live"]
    follower = {"case": case["_id"], "case_no": case["case_no"], "reporter": live["reporter"], "kind": case["reporter"]["kind"]}
    return {
        "followers": [follower, *(case.get("followers") or ())],
        "urgency": live["urgency"],
        "sensitive": live["sensitive"],
        "merged": case["_id"],
    }
