"""What a case asks of social organizations (需), and how they claim it (认领): first come up to so many places (ADR 19).

Organizations may keep company, teach, clean, carry, give, mend…; they never enforce, inspect, collect identity data or decide
(domain.md §4.2). A claim makes an ordinary task of theirs; what follows is in `chapters.partners`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from dispatch.agreements import Check, whole
from dispatch.conditions import Condition, Source
from dispatch.effects import Chooser, Effect
from dispatch.errors import OutOfArea, UnknownCrs
from dispatch.guards import Guard
from dispatch.model import Fit, Place
from dispatch.needs import close_need, edit_needs, follow_needs, need_now, watch_need
from dispatch.placing import place_document
from dispatch.situation import Situation, holds_lead, in_area, sensitive_category
from dispatch.step import Step
from dispatch.tasks import add_claim, ask_organization, follow_tasks, stop_invitation
from dispatch.transition import WALKERS
from dispatch.wanted import NEVER_ASKED, for_all, is_invited, place_of_need, places_left, taken
from storage.errors import FieldError

__all__ = [
    "CHECKS", "CHOOSERS", "CONDITIONS", "EFFECTS", "FORBIDDING", "GUARDS", "REASONS", "SOURCES", "fit_of",
    "invite_to_need", "no_capacity",
]  # fmt: skip

Values = dict[str, Any]
Found = FieldError | None

LONGEST_OPEN = timedelta(days=90)
PRECEDENCE = "need_precedence"  # node of the limits: how long who was invited comes before all others


# -- guards


def _asks_for_help(at: Situation) -> bool:
    """The unit that leads; whoever dispatches or supervises where the case lies; what a community group needs its grid workers
    ask for too."""
    if at.actor.role in WALKERS:
        return at.case["channel"] == "group" and in_area(at.case, at.actor)
    return in_area(at.case, at.actor) if at.actor.role in ("dispatcher", "supervisor") else holds_lead(at.case, at.actor)


def _need_goes_on(at: Situation) -> bool:
    return at.item is not None and at.item["state"] not in ("done", "closed", "expired")


def _need_has_place(at: Situation) -> bool:
    return at.item is not None and at.item["state"] == "open" and places_left(at.case, at.item) > 0


def _claims_once(at: Situation) -> bool:
    """Whoever stands for one organization does not claim what it has already."""
    return at.item is None or not any(at.actor.organization == task["organization"]["code"] for task in taken(at.case, at.item))


GUARDS: dict[str, Guard] = {
    "claims_once": _claims_once,
    "asks_for_help": _asks_for_help,
    "need_goes_on": _need_goes_on,
    "need_has_place": _need_has_place,
}
FORBIDDING: frozenset[str] = frozenset({"asks_for_help"})
REASONS = {"need_goes_on": "need_closed", "need_has_place": "need_filled", "claims_once": "takes_part"}


# -- what the fields must agree on


def _help_may_be_asked(at: Situation, values: Values) -> Found:
    """To enforce, to inspect, to collect identity data, to decide is nobody's but the authorities'."""
    said = f"{values['what']} {values.get('amount') or ''}"
    found = next((word for word in NEVER_ASKED if word in said), None)
    if found is None:
        return None
    return FieldError(field="what", code="not_for_organizations", message=f"not for organizations: {found}")


def _need_times_agree(at: Situation, values: Values) -> Found:
    """What is given, over what the need has; an end and a time to claim lie ahead, the beginning before the end."""
    known = at.item or {}
    ends, until = values.get("ends_at"), values.get("open_until")
    starts, last = values.get("starts_at") or known.get("starts_at"), ends or known.get("ends_at")
    if (ends is not None and ends <= at.now) or (starts is not None and last is not None and last <= starts):
        return FieldError(field="ends_at", code="order", message="later than now and than the beginning")
    if until is not None and not at.now < until <= at.now + LONGEST_OPEN:
        return FieldError(field="open_until", code="range", message=f"within {LONGEST_OPEN.days} days from now")
    if until is not None and last is not None and until > last:
        return FieldError(field="open_until", code="order", message="not later than the end")
    return None


def _place_in_the_city(at: Situation, values: Values) -> Found:
    if "location" not in values:
        return None
    try:
        _located(at, values["location"])
    except (OutOfArea, UnknownCrs) as error:
        return FieldError(field="location", code=error.code, message="a place in the city")
    return None


def _located(at: Situation, sent: dict[str, Any]) -> Place:
    lon, lat, crs, accuracy = sent["lon"], sent["lat"], sent["crs"], sent["accuracy_m"]
    return at.rules.locator.locate(lon, lat, crs, accuracy_m=accuracy, source="manual")


def _something_changes(at: Situation, values: Values) -> Found:
    if values.keys() - {"note"}:
        return None
    return FieldError(field="places", code="required", message="one of places, open_until, ends_at, amount")


def _not_below_claimed(at: Situation, values: Values) -> Found:
    count = len(taken(at.case, at.item)) if at.item else 0
    if values.get("places", count) >= count:
        return None
    return FieldError(field="places", code="below_claimed", message=f"{count} have been claimed")


def _claimant(at: Situation, values: Values) -> str:
    """The organization for which somebody claims: the one that is named, else their own."""
    named = values.get("organization")
    return str(named["code"] if named else at.actor.organization)


def _own_organization(at: Situation, values: Values) -> Found:
    if at.actor.serves(_claimant(at, values)):
        return None
    return FieldError(field="organization", code="not_yours", message="your own organization")


def _may_claim_now(at: Situation, values: Values) -> Found:
    """Who was invited comes first for a while; a need for the invited alone is theirs for good."""
    need = at.item
    if need is None or for_all(need, at.now) or is_invited(at.case, need, _claimant(at, values)):
        return None
    return FieldError(field="organization", code="need_reserved", message="who was invited comes first")


def _not_at_it(at: Situation, values: Values) -> Found:
    code = _claimant(at, values)
    if at.item and any(task["organization"]["code"] == code for task in taken(at.case, at.item)):
        return FieldError(field="organization", code="takes_part", message="has a place in this need already")
    return None


def fit_of(at: Situation, organization: str) -> Fit:
    """Return how an organization fits the need that the situation is about."""
    assert at.item is not None  # noqa: S101  # rows of needs always come with one
    place, sensitive_for = place_of_need(at.case, at.item), sensitive_category(at.case)
    return at.rules.directory.fit(organization, place, at.item["kind"], at.now, sensitive_for=sensitive_for)


_AGAINST = {
    "not_registered": "registered and not on the list of abnormal ones",
    "wrong_kind": "of the kind that is asked for",
    "outside_area": "one that serves the place",
    "not_approved": "approved for sensitive cases",
}


def _claimant_fits(at: Situation, values: Values) -> Found:
    against = fit_of(at, _claimant(at, values)).against
    return FieldError(field="organization", code=against[0], message=_AGAINST[against[0]]) if against else None


def _claimant_has_time(at: Situation, values: Values) -> Found:
    """The service has counted (`load`) what the organization is busy with on all open cases."""
    fit, load = fit_of(at, _claimant(at, values)), at.case.get("load", 0)
    if fit.against or load < fit.capacity:
        return None
    return no_capacity(fit.capacity, load)


def no_capacity(capacity: int, load: int) -> FieldError:
    """Return what stands against a claim of an organization that has its hands full."""
    return FieldError(field="organization", code="no_capacity", message=f"takes {capacity} at once, is busy with {load}")


CHECKS: dict[str, Check] = {
    "help_may_be_asked": _help_may_be_asked,
    "places_whole": whole("places"),
    "need_times_agree": _need_times_agree,
    "place_in_the_city": _place_in_the_city,
    "something_changes": _something_changes,
    "not_below_claimed": _not_below_claimed,
    "own_organization": _own_organization,
    "may_claim_now": _may_claim_now,
    "not_at_it": _not_at_it,
    "claimant_fits": _claimant_fits,
    "claimant_has_time": _claimant_has_time,
}


# -- what fields depend on


def _stands_for_all(at: Situation) -> bool:
    return at.actor.organization == "*"


def _needs_named_person(at: Situation) -> bool:
    """Of a sensitive case somebody named, trained and bound to secrecy takes care (domain.md §4.2)."""
    return bool(at.case["live"]["sensitive"])


def _needs_open(at: Situation) -> bool:
    return any(need["state"] == "open" for need in at.case.get("needs") or ())


CONDITIONS: dict[str, Condition] = {
    "stands_for_all": _stands_for_all,
    "needs_named_person": _needs_named_person,
    "needs_open": _needs_open,
}


def _asked_kind(at: Situation) -> dict[str, Any]:
    """The category says which kind of organization can mostly help."""
    category = at.rules.category_of(at.case)
    return {"value": category.org_kinds[0]} if category is not None and category.org_kinds else {}


def _one(at: Situation) -> dict[str, Any]:
    return {"value": 1}


def _open_needs(at: Situation) -> dict[str, Any]:
    found = {need["id"]: need["what"] for need in at.case.get("needs") or () if need["state"] == "open"}
    return {"options": list(found), "labels": found}


def _fitting_organizations(at: Situation) -> dict[str, Any]:
    """Those that were proposed with the case and may claim; any other is named by its code."""
    fitting = [item for item in at.case["organizations"] if not fit_of(at, item["code"]).against]
    found = {item["code"]: item["name"] for item in fitting}
    offered: dict[str, Any] = {"options": list(found), "labels": found}
    return offered | {"value": next(iter(found))} if found else offered


SOURCES: dict[str, Source] = {
    "asked_kind": _asked_kind,
    "one": _one,
    "open_needs": _open_needs,
    "fitting_organizations": _fitting_organizations,
}


# -- effects


def _open_need(step: Step) -> None:
    fields, needs = step.fields, edit_needs(step)
    limit = step.rules.node_limit(step.case, "invitation")
    until = fields.get("open_until") or (fields.get("ends_at") if limit is None else None)
    if until is None:
        until = step.rules.clock("need", limit, step.now)["due_at"] if limit else step.now + LONGEST_OPEN
    need = {
        "id": f"n{len(needs) + 1}", "kind": fields["kind"], "help": fields["help"], "what": fields["what"],
        "amount": fields.get("amount"), "places": int(fields["places"]), "starts_at": fields.get("starts_at"),
        "ends_at": fields.get("ends_at"), "place": _stored_place(step), "open_until": until, "open_from": step.now,
        "visibility": fields.get("visibility") or "open", "state": "open", "by": step.actor.id, "at": step.now, "over": False,
        "closed_at": None,
    }  # fmt: skip
    needs.append(need)
    step.data |= {name: need[name] for name in ("kind", "help", "places", "visibility")} | {"need": need["id"], "until": until}
    watch_need(step, need)
    _invite_to(step, need, fields.get("organizations") or [], None)


def _stored_place(step: Step) -> dict[str, Any] | None:
    sent = step.fields.get("location")
    return None if sent is None else place_document(_located(step.situation(), sent))


def invite_to_need(step: Step) -> None:
    """Invite organizations to a need of the case; for a while they come before all others."""
    wanted = step.fields["need"]
    need = next(need for need in edit_needs(step) if need["id"] == wanted)
    _invite_to(step, need, step.fields["organizations"], step.fields.get("note"))


def _invite_to(step: Step, need: dict[str, Any], chosen: list[dict[str, Any]], note: str | None) -> None:
    if not chosen:
        return
    tasks = [ask_organization(step, one, need["places"], note, need["id"]) for one in chosen]
    limit = step.rules.node_limit(step.case, PRECEDENCE)
    if limit is not None:
        need["open_from"] = step.rules.clock("need", limit, step.now)["due_at"]
    follow_tasks(step)
    step.data |= {"tasks": [task["id"] for task in tasks], "organizations": [one["code"] for one in chosen], "need": need["id"]}


def _change_need(step: Step) -> None:
    """More time opens again what had run out."""
    need, fields = need_now(step), step.fields
    moved = [name for name in ("places", "open_until", "ends_at") if name in fields]
    step.data |= {"need": need["id"]} | {f"{name}_before": need[name] for name in moved}
    need |= {name: fields[name] for name in ("open_until", "ends_at", "amount") if name in fields}
    if "places" in fields:
        need["places"] = int(fields["places"])
    need["over"] = need["open_until"] <= step.now
    if not need["over"]:
        watch_need(step, need)
    follow_needs(step)
    step.data.update({name: need[name] for name in moved})


def _close_need(step: Step) -> None:
    """Who has claimed goes on; invitations that nobody has answered are taken back."""
    need = need_now(step)
    close_need(step, need)
    for task in step.edit("tasks"):
        if task.get("need") == need["id"] and task["state"] == "invited":
            stop_invitation(step, task)
            task["state"] = "withdrawn"
    need["told"] = step.case["head"]["seq"] + 1
    follow_tasks(step)
    step.data["need"] = need["id"]


def _claim_need(step: Step) -> None:
    need, code = need_now(step), _claimant(step.situation(), step.fields)
    task = next((one for one in step.edit("tasks") if _is_invitation(one, need, code)), None)
    if task is None:
        helper, fit = step.rules.directory.organization(code), fit_of(step.situation(), code)
        assert helper is not None  # noqa: S101  # the check has looked it up
        known = {"code": code, "name": helper.name, "distance_m": fit.distance_m, "reason": "认领需求"}
        task = add_claim(step, known, need)
    else:
        stop_invitation(step, task)
        task["state"] = "claimed"
    if "people" in step.fields:
        task["named"] = step.fields["people"]
    follow_tasks(step)
    step.data |= {"need": need["id"], "task": task["id"], "organization": code}


def _is_invitation(task: dict[str, Any], need: dict[str, Any], organization: str) -> bool:
    mine = task.get("need") == need["id"] and task["state"] == "invited"
    return bool(mine and task["organization"]["code"] == organization)


def _need_expire(step: Step) -> None:
    need = need_now(step)
    need["over"] = True
    follow_needs(step)
    step.data |= {"need": need["id"], "left": places_left(step.case, need)}


def _end_needs(step: Step) -> None:
    for need in edit_needs(step):
        if need["id"] in step.fields["needs"]:
            need["told"] = step.case["head"]["seq"] + 1
    step.data["needs"] = step.fields["needs"]


CHOOSERS: dict[str, Chooser] = {}
EFFECTS: dict[str, Effect] = {
    "open_need": _open_need,
    "change_need": _change_need,
    "close_need": _close_need,
    "claim_need": _claim_need,
    "need_expire": _need_expire,
    "end_needs": _end_needs,
}
