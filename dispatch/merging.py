"""Merging one case into another and taking it out again: what changes several documents, so what runs in a transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from dispatch import engine
from dispatch.actors import SYSTEM, Actor
from dispatch.chapters.joining import AGAIN, same_matter
from dispatch.engine import Decision
from dispatch.errors import NotAllowed
from dispatch.joined import followers_of
from dispatch.keys import sees
from dispatch.outcomes import archive_later
from dispatch.rules import Rules
from dispatch.situation import Case
from dispatch.step import Step
from dispatch.store import CASES, CaseStore, unchanged
from dispatch.transition import FINAL, JOINED_ENDED
from storage.errors import FieldError, HeyunError, Invalid

__all__ = [
    "end_of_chain", "is_joining", "look_around", "merge", "speak", "unmerge", "wait_for_main", "write_two",
]  # fmt: skip

AFTER_MAIN = timedelta(hours=1)  # a joined case goes to the archive after its main one
STILL_THE_SAME = timedelta(days=7)  # domain.md §2.7: so long after a closure a report may be joined to it

_HEARD = {  # what the main case does by what a joined one does
    "visit_answer": "hear_answer", "proxy_visit_answer": "hear_answer", "rate": "hear_rating", "proxy_rate": "hear_rating",
    "appeal_refusal": "hear_appeal", "appeal_result": "hear_appeal",
}  # fmt: skip
Pair = tuple[Case, Decision]


class _Lost(HeyunError):
    """One of the cases has changed meanwhile; ends the transaction, never leaves this module."""


async def end_of_chain(store: CaseStore, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields of a merge with the main case that the one named was itself merged into, if it was."""
    named = fields.get("main")
    found = await store.find(named) if isinstance(named, str) else None
    main = None if found is None else found.get("main")
    return fields if main is None else {**fields, "main": main["_id"]}


async def write_two(
    store: CaseStore, decision: Decision, case: Case, actor: Actor, now: datetime, rules: Rules
) -> list[Decision] | None:
    """Write an action that changes another case too, all or nothing, and return what was written; None for every other action.
    Raises what `merge` and `unmerge` raise."""
    action = decision.entries[0]["action"]
    if action == "merge":
        return await merge(store, decision, case, actor, now, rules)
    if action == "unmerge":
        return await unmerge(store, decision, case, now, rules)
    if action in _HEARD and case["live"]["state"] == "merged":
        return await speak(store, decision, case, now, rules)
    return None


async def look_around(store: CaseStore, case: Case, now: datetime) -> None:
    """Read what a timer of the case that has run out asks of other cases: the main one, the same matter reported before."""
    if case["live"]["state"] == "merged":
        await store.with_main(case)
    elif any(timer["name"] == AGAIN and timer["at"] <= now for timer in case.get("timers") or ()):
        case["same"] = same_matter(case, await store.find_several([one["id"] for one in case["duplicates"]]))


def is_joining(case: Case, decision: Decision) -> bool:
    """Tell whether the decision joins the case to another."""
    return bool(case["live"]["state"] != "merged" == decision.case["live"]["state"])


def wait_for_main(case: Case, now: datetime, rules: Rules) -> Decision | None:
    """Return what puts off the archiving of a case that was joined until its main one is archived; None when nothing does.

    It stands in no timeline: nothing has happened. The system looks again when the main case should have been archived, or
    after the usual rest where that is not in sight.
    """
    main = case.get("main")
    if main is None or main["live"]["state"] in FINAL:
        return None
    step = Step(case, SYSTEM, now, rules, None, "")
    rests = next((timer["at"] for timer in main.get("timers") or () if timer["name"] == "archive"), None)
    if rests is None:
        archive_later(step)
    else:
        step.set_timer("archive", max(rests, now) + AFTER_MAIN, "archive")
    step.settle()
    return Decision(step.case, engine.update_of(step), [], [])


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
    if "confirmed" not in decision.entries[0].get("data", ()):
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
    mains = await store.find_mains(case)
    if mains and mains[-1]["live"]["state"] == "archived":
        live = case["live"]
        raise NotAllowed("main_archived", allowed=[], reason="main_archived", state=live["state"], rev=live["rev"])
    released = {"released": case["_id"], "cases": [one["case"] for one in followers_of(case)]}
    pairs = [(main, engine.system_step(main, now, rules, "let_go", released)) for main in mains]
    return await _write(store, [(case, decision), *pairs])


async def speak(store: CaseStore, decision: Decision, case: Case, now: datetime, rules: Rules) -> list[Decision]:
    """Write what a joined reporter has said and that the main case has heard it, both or neither; return what was written,
    nothing when one changed meanwhile."""
    said, main = decision.entries[0], case["main"]
    heard = engine.system_step(main, now, rules, _HEARD[said["action"]], {**_told(said), "case": case["_id"]})
    decision.case["main"] = heard.case
    return await _write(store, [(case, decision), (main, heard)])


def _told(said: Mapping[str, Any]) -> dict[str, Any]:
    """What the main case hears of an entry: the codes, and of its words why somebody appeals, which is decided there."""
    reason = said.get("texts", {}).get("reason")
    return {**said.get("data", {}), **({"reason": reason["value"]} if reason else {})}


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
