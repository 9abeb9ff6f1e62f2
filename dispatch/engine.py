"""The engine: what may be done to a case now, and what a permitted action makes of it. Pure; the table is `dispatch.states`.

`offer` lists the actions that would be accepted now from an actor who fills the fields well. `decide` takes one: it returns
the case as it will be and the one update that makes it so, or raises why not.
`internal` rows are not offered: they have a door of their own (reveal).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from dispatch.actors import SYSTEM
from dispatch.checks import applies, is_required, read_fields
from dispatch.clockwork import changes_until
from dispatch.errors import NotAllowed
from dispatch.fields import Field
from dispatch.notices import compose
from dispatch.registry import CHECKS, CHOOSERS, EFFECTS, FORBIDDING, GUARDS, REASONS, SOURCES
from dispatch.rules import Rules
from dispatch.situation import Case, Situation
from dispatch.states import STATES, TABLE, Transition, find, is_for_role, rows_for
from dispatch.step import Step
from storage.errors import Forbidden, Invalid
from storage.shared import Shared

__all__ = ["Decision", "apply", "catch_up", "decide", "offer", "permitted", "system_step", "update_of"]


KEPT_NOTICES = 50  # of a case: far more than are born while a process that died has not been replaced
SUBJECTS = ("case", "request", "task", "need")
_CASE_STATES = frozenset(STATES)
_ACTIONS = {subject: frozenset(row.action for row in TABLE if row.subject == subject) for subject in SUBJECTS}


class Decision(msgspec.Struct, frozen=True):
    """What an accepted action comes to: the case afterwards, the update, the new timeline entries."""

    case: dict[str, Any]
    update: dict[str, Any]
    entries: list[dict[str, Any]]
    notices: list[dict[str, Any]]


def _refusal(row: Transition, at: Situation) -> str | None:
    """The first guard that does not hold."""
    for name in row.guards:
        if not GUARDS[name](at):
            return name
    return None


def permitted(at: Situation, subject: str = "case") -> list[Transition]:
    """Return the rows that the actor may take now."""
    state = at.state if at.item is None else at.item["state"]
    return [row for row in rows_for(subject, state, at.actor.role) if row.offered and _refusal(row, at) is None]


def offer(at: Situation, subject: str = "case") -> list[dict[str, Any]]:
    """Return the actions open to the actor now, each with its fields (api.md "The case": `actions`)."""
    return [_ALWAYS_OFFERED.get(id(row)) or _offered(row, at) for row in permitted(at, subject)]


def _offered(row: Transition, at: Situation) -> dict[str, Any]:
    fields = [
        always if is_fixed else _described(field, always, at)
        for field, always, is_fixed in _DESCRIBED[id(row)]
        if applies(field, at)
    ]
    return {"name": row.action, "needs_rev": row.needs_rev, "fields": fields}


def _described(field: Field, always: dict[str, Any], at: Situation) -> dict[str, Any]:
    found = {**always, "required": is_required(field, at)}
    if field.options_from is not None:
        found.update(SOURCES[field.options_from](at))
    return found


def _always(field: Field) -> Shared:
    """Return what is said of a field whatever the case."""
    found: dict[str, Any] = {"name": field.name, "type": field.type, "required": field.required}
    if field.min is not None:
        found["min"] = field.min
    if field.max is not None:
        found["max"] = field.max
    if field.options:
        found["options"] = list(field.options)
    return Shared(found)


def _is_fixed(field: Field) -> bool:
    return field.required_when is None and field.options_from is None


# By the row of the table: its fields, what is said of each whatever the case, and whether that is all. Made once for all answers.
_DESCRIBED: dict[int, list[tuple[Field, Shared, bool]]] = {
    id(row): [(field, _always(field), _is_fixed(field)) for field in row.fields] for row in TABLE
}
# The rows of which the same is said whatever the case.
_ALWAYS_OFFERED: dict[int, Shared] = {
    id(row): Shared({"name": row.action, "needs_rev": row.needs_rev, "fields": [dict(one) for _, one, _ in _DESCRIBED[id(row)]]})
    for row in TABLE
    if all(_is_fixed(field) and field.only_when is None for field in row.fields)
}


def decide(
    at: Situation,
    action: str,
    sent: Mapping[str, Any],
    *,
    key: str | None,
    digest: str,
    subject: str = "case",
    internal: bool = False,
) -> Decision:
    """Take one action. Raises `Forbidden` (not this person), `NotAllowed` (not now), `Invalid` (with every field error)."""
    row = _row_or_raise(at, action, subject, internal)
    values, errors = read_fields(row.fields, sent, at)
    if not errors:
        errors = [error for name in row.checks if (error := CHECKS[name](at, values)) is not None]
    if errors:
        raise Invalid("some fields cannot be accepted", errors=errors)
    step = Step(at.case, at.actor, at.now, at.rules, key, digest)
    step.item = at.item
    apply(step, row, values)
    return _decision(step)


def _row_or_raise(at: Situation, action: str, subject: str, internal: bool) -> Transition:
    state = at.state if at.item is None else at.item["state"]
    row = find(subject, state, at.actor.role, action)
    if row is None and is_for_role(subject, at.actor.role, action):
        raise _not_allowed(at, subject, "state")
    if row is None or not (row.offered or internal):
        raise _not_allowed(at, subject, "unknown") if not is_known(subject, action) else Forbidden(code="forbidden")
    refusal = _refusal(row, at)
    if refusal in FORBIDDING:
        raise Forbidden(f"guard {refusal}", reason=refusal)
    if refusal is not None:
        raise _not_allowed(at, subject, REASONS.get(refusal, refusal))
    return row


def is_known(subject: str, action: str) -> bool:
    """Tell whether the table has the action at all."""
    return action in _ACTIONS[subject]


def _not_allowed(at: Situation, subject: str, reason: str) -> NotAllowed:
    allowed = [row.action for row in permitted(at, subject)]
    return NotAllowed(f"reason {reason}", allowed=allowed, reason=reason, state=at.state, rev=at.case["live"]["rev"])


def apply(step: Step, row: Transition, values: dict[str, Any]) -> None:
    """Apply a row whose guards and fields were looked at, and what the system does after it in the same write."""
    _apply_row(step, row, values)
    _apply_queue(step)
    step.settle()


def _apply_queue(step: Step) -> None:
    """Take what the effects asked the system to do next."""
    while step.queue:
        action, fields = step.queue.pop(0)
        following = find("case", step.case["live"]["state"], SYSTEM.role, action)
        assert following is not None  # noqa: S101  # effects only name rows of the table
        present, step.actor = step.actor, SYSTEM
        _apply_row(step, following, fields)
        step.actor = present


def _apply_row(step: Step, row: Transition, values: dict[str, Any]) -> None:
    before = step.case["live"]["state"]
    step.fields, step.public = values, True
    chosen = CHOOSERS[row.next[3:]](step) if row.next is not None and row.next.startswith("by:") else row.next
    step.next_state = chosen
    for name in row.effects:
        EFFECTS[name](step)
    after = _state_after(step, row, before)
    step.live["state"] = after
    step.record(row, before, after, step.actor)
    notice = compose(row.notices, row.action, step.entries[-1], step.case, step.item)
    if notice is not None:
        step.notices.append(notice)


def _state_after(step: Step, row: Transition, before: str) -> str:
    """Rows of requests and tasks move the case only where an effect says so."""
    if row.subject == "case":
        return step.next_state or before
    moved = step.next_state if step.next_state in _CASE_STATES else None
    return moved or before


def _decision(step: Step) -> Decision:
    step.live["rev"] += 1
    return Decision(step.case, update_of(step), step.entries, step.notices)


def catch_up(case: Case, now: datetime, rules: Rules) -> Decision:
    """Bring a case up to `now`: the lights that have changed and the timers that have run out, in the order of their instants,
    each with an entry of its own. The rev stays where only lights have changed."""
    step, acted = Step(case, SYSTEM, now, rules, None, ""), False
    while (event := _next_event(step)) is not None:
        if "light" in event:
            row = find("case", step.case["live"]["state"], SYSTEM.role, "light")
            values = {"clock": event["clock"], "light": event["light"], "since": event["at"]}
        else:
            step.stop_timer(event["name"])
            row, values = _timed(step, event), {"since": event["at"]}
            acted = acted or row is not None
        if row is not None:
            step.data = {}
            _apply_row(step, row, values)
            _apply_queue(step)
        elif "light" in event:
            break
        step.item = None
        step.settle()
    step.settle()
    return _decision(step) if acted else Decision(step.case, update_of(step), step.entries, step.notices)


def _next_event(step: Step) -> dict[str, Any] | None:
    """Return the earliest change of a light or timer that is due and has not been brought about."""
    lights = [{"at": at, "clock": clock, "light": light} for at, clock, light in changes_until(step.case["clocks"], step.now)]
    timers = [timer for timer in step.case.get("timers") or () if timer["at"] <= step.now]
    return min([*lights[:1], *timers], key=lambda event: event["at"], default=None)


def _timed(step: Step, timer: dict[str, Any]) -> Transition | None:
    """Return the row of a timer that has run out and put its item into the step; None when the case has moved on."""
    subject, state = timer["subject"], step.case["live"]["state"]
    if subject != "case":
        step.item = next((item for item in step.case[f"{subject}s"] if item["id"] == timer["item"]), None)
        if step.item is None:
            return None
        state = step.item["state"]
    row = find(subject, state, SYSTEM.role, timer["action"])
    return row if row is not None and _refusal(row, step.situation()) is None else None


def update_of(step: Step) -> dict[str, Any]:
    """Return the one update of the database for what the step touched."""
    update: dict[str, Any] = {"$set": {name: step.case[name] for name in step.touched}}
    if step.entries:
        update["$push"] = {"timeline": {"$each": step.entries}}
    if step.notices:
        update["$push"]["outbox"] = {"$each": step.notices, "$slice": -KEPT_NOTICES}
        update["$max"] = {"told_at": step.now}
    return update


def system_step(case: Case, now: datetime, rules: Rules, action: str, fields: dict[str, Any]) -> Decision:
    """Take an action as the system (timers, automatic steps): guards of the row hold, fields come from our own code."""
    row = find("case", case["live"]["state"], SYSTEM.role, action)
    if row is None:
        raise NotAllowed(f"the system cannot {action} in {case['live']['state']}", allowed=[], reason="state")
    step = Step(case, SYSTEM, now, rules, None, "")
    apply(step, row, fields)
    return _decision(step)
