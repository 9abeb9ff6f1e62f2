"""What the fields of an action must agree on with each other and with the case, once each is of its own type."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from math import cos, hypot, radians
from typing import Any

from dispatch.model import URGENCIES
from dispatch.rules import place_of
from dispatch.situation import Situation, lead_of, sensitive_category
from storage.errors import FieldError

__all__ = ["CHECKS", "CLOCK_SKEW", "ON_THE_SPOT_M", "Check", "metres_between", "whole"]

Values = dict[str, Any]
Found = FieldError | None
Check = Callable[[Situation, Values], Found]

CLOCK_SKEW = timedelta(minutes=5)
DEGREE_M = 111_320.0  # metres of one degree of latitude
ON_THE_SPOT_M = 200.0  # domain.md T37
VISIT_TRIES, VISIT_DAYS = 3, 2  # domain.md T39
_NEEDS_NO_UNIT = frozenset({"duplicate", "info_missing"})  # domain.md §2.6 rule 2


def metres_between(lon: float, lat: float, other_lon: float, other_lat: float) -> float:
    """Return the distance of two near points in metres (flat at their latitude: exact to 0.1 % within 10 km)."""
    return hypot((other_lon - lon) * cos(radians(lat)), other_lat - lat) * DEGREE_M


def whole(field: str) -> Check:
    """Return the check that a number, where it is given, has no fraction."""

    def check(at: Situation, values: Values) -> Found:
        value = values.get(field)
        return None if value is None or value == int(value) else FieldError(field=field, code="whole", message="a whole number")

    return check


def _category_known(at: Situation, values: Values) -> Found:
    """The field reader has looked the code up; what is left is a case whose own category was taken out of use."""
    if "category" in values or at.case["category"] is None or at.rules.category_of(at.case) is not None:
        return None
    return FieldError(field="category", code="required", message="the category of the case is no longer in use")


def _citizen_told(at: Situation, values: Values) -> Found:
    return None if values["told"] else FieldError(field="told", code="must_be_true", message="tell the citizen first")


def _unit_fits(at: Situation, values: Values) -> Found:
    code = values["unit"]["code"]
    candidates = {item["unit"]["code"] for item in at.case["match"]["candidates"]}
    if code in candidates or at.rules.directory.unit_covers(code, place_of(at.case)):
        return None
    return FieldError(field="unit", code="outside_area", message="the unit does not work where the case lies")


def _assists_fit(at: Situation, values: Values) -> Found:
    if any(unit["code"] == values["unit"]["code"] for unit in values.get("assists", ())):
        return FieldError(field="assists", code="is_lead", message="the lead unit cannot assist itself")
    return None


def _organizations_known(at: Situation, values: Values) -> Found:
    """Sensitive cases are for approved organizations only."""
    category = sensitive_category(at.case)
    chosen = () if category is None else values.get("organizations", ())
    if all(at.rules.directory.is_approved(item["code"], category, at.now) for item in chosen):
        return None
    return FieldError(field="organizations", code="sensitive", message="only approved ones for a sensitive case")


def _limit_not_longer(at: Situation, values: Values) -> Found:
    """The dispatcher only shortens (domain.md §3.2)."""
    limit, ordinary = values.get("limit"), at.rules.case_limit(at.case)
    if limit is None or at.actor.role == "supervisor" or limit.nominal_minutes <= ordinary.nominal_minutes:
        return None
    return FieldError(field="limit", code="too_long", message=f"at most {ordinary}; a longer one needs the supervisor")


def _proposed_unit(at: Situation, values: Values) -> Found:
    if values["unit"]["code"] == lead_of(at.case) and values["reason"] not in _NEEDS_NO_UNIT:
        return FieldError(field="unit", code="own_unit", message="name the unit that you believe is right")
    return None


def _in_the_past(at: Situation, values: Values) -> Found:
    if values["at"] > at.now + CLOCK_SKEW:
        return FieldError(field="at", code="in_future", message="when it took place")
    return None


def _unsolved_explained(at: Situation, values: Values) -> Found:
    if values["result"] == "resolved" or values.get("unsolved_reason"):
        return None
    return FieldError(field="unsolved_reason", code="required", message="say why it is not solved")


def _on_the_spot(at: Situation, values: Values) -> Found:
    place, position = at.case["place"], values.get("position")
    if place["lon"] is None or position is None or values.get("reason"):
        return None
    here = at.rules.locator.locate(position["lon"], position["lat"], position["crs"]).point
    if here is not None and metres_between(place["lon"], place["lat"], here.lon, here.lat) <= ON_THE_SPOT_M:
        return None
    return FieldError(field="reason", code="required", message=f"more than {ON_THE_SPOT_M:.0f} m from the case: say why")


def _visit_agrees(at: Situation, values: Values) -> Found:
    if not values["contacted"] or values["satisfaction"] == "unrated":
        return _given_up(at, values)
    if not values["solved"]:
        return FieldError(field="solved", code="redo", message="not solved: send it back with visit_redo")
    return None


def _given_up(at: Situation, values: Values) -> Found:
    """Nobody is closed unrated before enough calls on different days were put down with `visit_try` (domain.md T39)."""
    if values["satisfaction"] != "unrated":
        return FieldError(field="satisfaction", code="unrated", message="not reached: unrated")
    tries = at.facts.get("visit_tries") or ()
    days = {at.rules.calendar.local_date(tried) for tried in tries}
    if len(tries) >= VISIT_TRIES and len(days) >= VISIT_DAYS:
        return None
    wanted = f"unrated after {VISIT_TRIES} calls in vain on {VISIT_DAYS} days"
    return FieldError(field="satisfaction", code="more_tries", message=f"{wanted}; so far {len(tries)} on {len(days)}")


def _no_downgrade(at: Situation, values: Values) -> Found:
    urgency, present = values.get("urgency"), at.case["live"]["urgency"]
    if urgency in (None, present) or at.actor.role == "supervisor" or URGENCIES.index(urgency) >= URGENCIES.index(present):
        return None
    return FieldError(field="urgency", code="supervisor_only", message="only the supervisor lowers the urgency")


def _no_late_lengthening(at: Situation, values: Values) -> Found:
    """After yellow the limit is not made longer without the supervisor (domain.md T50)."""
    if at.actor.role == "supervisor" or at.case["live"]["light"] == "green" or not at.case["live"]["due_at"]:
        return None
    category = at.rules.catalogue.get(values["category"])
    present = at.rules.category_of(at.case)
    if category is None or present is None or _longer(at, category.code):
        return FieldError(field="category", code="supervisor_only", message="after yellow only the supervisor lengthens")
    return None


def _longer(at: Situation, code: str) -> bool:
    changed = {**at.case, "category": {"code": code}}
    return at.rules.case_limit(changed).nominal_minutes > at.rules.case_limit(at.case).nominal_minutes


CHECKS: dict[str, Check] = {
    "category_known": _category_known,
    "citizen_told": _citizen_told,
    "unit_fits": _unit_fits,
    "assists_fit": _assists_fit,
    "organizations_known": _organizations_known,
    "limit_not_longer": _limit_not_longer,
    "proposed_unit": _proposed_unit,
    "in_the_past": _in_the_past,
    "unsolved_explained": _unsolved_explained,
    "on_the_spot": _on_the_spot,
    "visit_agrees": _visit_agrees,
    "no_downgrade": _no_downgrade,
    "no_late_lengthening": _no_late_lengthening,
}
