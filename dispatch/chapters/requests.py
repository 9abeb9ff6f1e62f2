"""What all requests have in common (who decides, until when, what ends them), and extensions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from dispatch.agreements import Check
from dispatch.asking import ask, await_decision, drop_requests, pending, request_now, settle
from dispatch.chapters.appeals import APPEALS, appeal_decided
from dispatch.chapters.returns import return_decided
from dispatch.chapters.suspension import suspension_decided
from dispatch.clocks import Limit
from dispatch.conditions import Condition, Source
from dispatch.effects import Chooser, Effect
from dispatch.guards import Guard
from dispatch.outcomes import archive_later
from dispatch.shifting import case_clock, extend, extension_until
from dispatch.situation import Case, Situation, lead_of, must_contact
from dispatch.step import Step
from dispatch.timed import expiry
from storage.errors import FieldError

__all__ = ["CHECKS", "CHOOSERS", "CONDITIONS", "EFFECTS", "FORBIDDING", "GUARDS", "SOURCES"]

Request = dict[str, Any]


def _is_decider(at: Situation) -> bool:
    """Requests from before deciders were kept were returns."""
    return at.item is not None and at.actor.role in at.item.get("deciders", ("dispatcher",))


def _decidable(at: Situation) -> bool:
    """The case must still be where the request can change it, and what needs a signature must have it."""
    item = at.item
    return item is not None and at.state in KINDS[item["kind"]].states and item.get("signed_by", "") is not None


def _asked_by_actor(at: Situation) -> bool:
    """A unit's request belongs to the unit; an appeal to the reporter and to who put it down for them."""
    if at.item is None:
        return False
    if at.item["unit"] is not None:
        return at.item["unit"] in at.actor.units
    return at.actor.role == "operator" or bool(at.case["live"]["reporter"] == at.actor.id)


def _no_pending_extension(at: Situation) -> bool:
    return pending(at.case, "extension") is None


def _granted(case: Case) -> list[Limit]:
    asked = (item for item in case["requests"] if item["kind"] == "extension" and item["state"] == "approved")
    return [Limit.parse(item["limit"]) for item in asked]


def _extension_left(at: Situation) -> bool:
    return len(_granted(at.case)) < at.rules.bounds.extension_times


def _extension_in_time(at: Situation) -> bool:
    clock = case_clock(at.case["clocks"])
    return clock is not None and at.now <= extension_until(clock, at.rules)


def _extension_fits(at: Situation, values: dict[str, Any]) -> FieldError | None:
    """Sizes are compared on paper (7 wh, 24 h and 1 wd are one day each), so that holidays change nothing in what is allowed."""
    asked: Limit = values["limit"]
    clock = case_clock(at.case["clocks"])
    original = Limit.parse(clock["limit"]) if clock else asked
    if asked.nominal_minutes > original.nominal_minutes:
        return FieldError(field="limit", code="too_long", message=f"at most the original limit, {original}")
    total = Limit.parse(at.rules.bounds.extension_total)
    if sum(limit.nominal_minutes for limit in (*_granted(at.case), asked)) > total.nominal_minutes:
        return FieldError(field="limit", code="too_long", message=f"all extensions together at most {total}")
    return None


def _usual_extension(at: Situation) -> dict[str, Any]:
    """As long once more, as far as all extensions together and the law may go."""
    clock = case_clock(at.case["clocks"])
    if clock is None:
        return {}
    original, total = Limit.parse(clock["limit"]), Limit.parse(at.rules.bounds.extension_total)
    granted = sum(limit.nominal_minutes for limit in _granted(at.case))
    left, law = total.nominal_minutes - granted, at.rules.law_limit(at.case)
    if law is not None:
        left = min(left, law.nominal_minutes - original.nominal_minutes - granted)
    if original.nominal_minutes <= left:
        return {"value": str(original)}
    days = left // Limit(1, "wd").nominal_minutes
    return {"value": str(Limit(days, "wd"))} if days > 0 else {}


def _citizen_told_of_delay(at: Situation, values: dict[str, Any]) -> FieldError | None:
    if values.get("told") or not must_contact(at.case):
        return None
    return FieldError(field="told", code="must_be_true", message="tell the citizen first")


def _citizen_to_tell(at: Situation) -> bool:
    return must_contact(at.case)


def _request_extension(step: Step) -> None:
    fields, granted = step.fields, _granted(step.case)
    clock = case_clock(step.case["clocks"])
    assert clock is not None  # noqa: S101  # a guard has looked at it
    request = ask(
        step, "extension", decider="supervisor" if granted else "dispatcher", unit=lead_of(step.case), reason=fields["reason"],
        limit=str(fields["limit"]), measures=fields["measures"], told=fields.get("told"),
    )  # fmt: skip
    await_decision(step, request, expires_at=clock["due_at"])
    step.data["limit"] = request["limit"]


def _extension_decided(step: Step, request: Request, approved: bool) -> None:
    clock = case_clock(step.clocks)
    if approved and clock is not None:
        extend(clock, Limit.parse(request["limit"]), step.now, step.rules)
        step.data.update(limit=request["limit"], due_at=clock["due_at"])


class Kind(msgspec.Struct, frozen=True):
    """One kind of request: the states of the case in which it can be decided, what the decision brings, whether it runs out
    when nobody decides even after it was escalated."""

    states: frozenset[str]
    decided: Callable[[Step, Request, bool], None]
    runs_out: bool = True


KINDS: dict[str, Kind] = {
    "return": Kind(frozenset({"dispatched", "handling"}), return_decided),
    "extension": Kind(frozenset({"handling"}), _extension_decided, runs_out=False),  # ends with the due time, see its asking
    "suspension": Kind(frozenset({"handling"}), suspension_decided),
    "appeal": Kind(frozenset(APPEALS), appeal_decided, runs_out=False),  # a citizen is owed an answer
}


def _decide(step: Step) -> None:
    request, approved = request_now(step), step.fields["approve"]
    settle(step, request, "approved" if approved else "rejected")
    request["opinion"], request["decided_by"] = step.fields["opinion"], step.actor.id
    step.public = False
    step.data.update(request=request["id"], kind=request["kind"], approved=approved)
    KINDS[request["kind"]].decided(step, request, approved)


def _withdraw_request(step: Step) -> None:
    request = request_now(step)
    settle(step, request, "withdrawn")
    if not step.case["live"]["open"]:
        archive_later(step)
    step.data.update(request=request["id"], kind=request["kind"])


_ABOVE = {"dispatcher": "supervisor", "supervisor": "leader"}


def _escalate(step: Step) -> None:
    """Not decided in time: one level up is told and may decide too (a leader is told only). Then it has as long once more."""
    request = request_now(step)
    request["deciders"] = [*request["deciders"], _ABOVE[request["deciders"][-1]]]
    limit = step.rules.node_limit(step.case, f"decide_{request['kind']}")
    if limit is not None and KINDS[request["kind"]].runs_out:
        request["within"], request["escalated_at"] = str(limit), step.now
        expires_at = expiry(request, step.rules.calendar)
        step.set_timer(f"expire:{request['id']}", expires_at, "expire", subject="request", item=request["id"])
    step.data.update(request=request["id"], kind=request["kind"])


def _expire(step: Step) -> None:
    request = request_now(step)
    settle(step, request, "expired")
    step.data.update(request=request["id"], kind=request["kind"])


GUARDS: dict[str, Guard] = {
    "is_decider": _is_decider,
    "decidable": _decidable,
    "asked_by_actor": _asked_by_actor,
    "no_pending_extension": _no_pending_extension,
    "extension_left": _extension_left,
    "extension_in_time": _extension_in_time,
}
FORBIDDING: frozenset[str] = frozenset({"is_decider", "asked_by_actor"})
CHECKS: dict[str, Check] = {"extension_fits": _extension_fits, "citizen_told_of_delay": _citizen_told_of_delay}
CONDITIONS: dict[str, Condition] = {"citizen_to_tell": _citizen_to_tell}
SOURCES: dict[str, Source] = {"usual_extension": _usual_extension}
CHOOSERS: dict[str, Chooser] = {}
EFFECTS: dict[str, Effect] = {
    "drop_requests": drop_requests,
    "request_extension": _request_extension,
    "decide": _decide,
    "withdraw_request": _withdraw_request,
    "escalate": _escalate,
    "expire": _expire,
}
