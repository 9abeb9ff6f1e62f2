"""Guards of the transition table: what must hold of the case and of who asks before an action is even offered.

A guard returns True when the action may go on; its name is the reason when not. Guards of `FORBIDDING` mean that this person may
never do it to this case (403); all others mean that the case does not allow it now (409).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from dispatch.asking import pending
from dispatch.situation import (
    Situation,
    holds_lead,
    in_area,
    is_citizen_case,
    lead_of,
    must_contact,
    open_supervisions,
    task_units,
)
from dispatch.wanted import AT_WORK

__all__ = [
    "FORBIDDING", "GUARDS", "RATED_IN", "Guard", "is_rated", "put_right_at", "rating_until", "sign_off_wanted",
    "speaks_for_reporter",
]  # fmt: skip

Guard = Callable[[Situation], bool]

RATING_WINDOW = timedelta(days=15)  # domain.md T44
RATED_IN = ("closed", "answered")  # the states in which a case is rated
_ANSWERABLE = frozenset({"consult", "praise", "suggestion"})  # domain.md T04
_SIGNED = frozenset({"complaint", "report"})  # domain.md T33


def _is_its_reporter(at: Situation) -> bool:
    """A link speaks for the reporter of one case, as nobody of any area or unit."""
    if at.actor.role == "link":
        return bool(at.actor.case == at.case["_id"])
    return bool(at.case["live"]["reporter"] == at.actor.id)


def _in_area(at: Situation) -> bool:
    """Citizens have no area: what they reported is theirs wherever it lies."""
    if at.actor.role in ("citizen", "link"):
        return _is_its_reporter(at)
    return in_area(at.case, at.actor) or at.actor.role == "system"


def _is_lead(at: Situation) -> bool:
    return holds_lead(at.case, at.actor)


def _takes_part(at: Situation) -> bool:
    if at.actor.role == "org_coordinator":
        return any(at.actor.serves(code) for code in at.case["live"]["orgs"])
    return not at.actor.units.isdisjoint(task_units(at.case))


def _own_or_desk(at: Situation) -> bool:
    return at.actor.role == "operator" or bool(at.case["live"]["reporter"] == at.actor.id)


def speaks_for_reporter(at: Situation) -> bool:
    """Tell whether the actor is who reported, or puts down what they say."""
    if at.actor.role == "operator":  # puts down what the caller says
        return is_citizen_case(at.case)
    return _is_its_reporter(at)


def _did_not_dispatch(at: Situation) -> bool:
    return at.actor.id not in at.facts["dispatchers"]


def _not_of_lead(at: Situation) -> bool:
    lead = lead_of(at.case)
    return at.actor.id not in at.facts["handlers"] and (lead is None or lead != at.actor.unit)


def _not_asking_unit(at: Situation) -> bool:
    """Neither the unit that asked nor the person, whatever post they hold."""
    asking, asker = (None, None) if at.item is None else (at.item["unit"], at.item["by"])
    return asker != at.actor.id and (asking is None or (asking != at.actor.unit and asking not in at.actor.units))


def _lead_or_dispatcher(at: Situation) -> bool:
    return in_area(at.case, at.actor) if at.actor.role == "dispatcher" else holds_lead(at.case, at.actor)


def _may_know_reporter(at: Situation) -> bool:
    """A unit never learns who made a 举报 or asked for confidence (domain.md §7.1), an organization nobody who did not agree
    (§4.2)."""
    if "caller" not in at.case:
        return False
    hidden = at.case["appeal_type"] == "report" or at.case["caller"]["confidential"]
    if at.actor.role == "org_coordinator":
        return not hidden and bool(at.case.get("contact_shared")) and _helps(at)
    return at.actor.role != "unit_clerk" or (not hidden and holds_lead(at.case, at.actor))


def _helps(at: Situation) -> bool:
    """The actor's organization is at work on the case."""
    mine = (task for task in at.case["tasks"] if task["kind"] == "org" and at.actor.serves(task["organization"]["code"]))
    return any(task["state"] in AT_WORK for task in mine)


def _placed(at: Situation) -> bool:
    return bool(at.case["live"]["areas"])


def _answerable(at: Situation) -> bool:
    return at.case["appeal_type"] in _ANSWERABLE


def _not_emergency(at: Situation) -> bool:
    return bool(at.case["live"]["urgency"] != "emergency")


def _no_pending_return(at: Situation) -> bool:
    return pending(at.case, "return") is None


def _first_return(at: Situation) -> bool:
    lead = lead_of(at.case)
    asked = (item for item in at.case["requests"] if item["kind"] == "return" and item["state"] not in ("withdrawn", "expired"))
    return not any(item["unit"] == lead for item in asked)


def _return_in_time(at: Situation) -> bool:
    dispatched = at.facts["dispatched_at"]
    return dispatched is not None and at.now <= at.rules.return_until(at.case, dispatched)


def _contacted(at: Situation) -> bool:
    """Whom the unit may and can reach has been reached, or three tries were made (domain.md T23, T33)."""
    return not must_contact(at.case) or bool(at.facts["reached"]) or at.facts["tries"] >= 3


def sign_off_wanted(at: Situation) -> bool:
    """Complaints, 举报, results after a redo or reopening and what is supervised need the unit leader's signature (domain.md
    T33)."""
    is_second = at.facts["redo"] >= 1 or bool(at.case.get("closures"))
    return at.case["appeal_type"] in _SIGNED or is_second or bool(open_supervisions(at.case))


def _sign_off_needed(at: Situation) -> bool:
    return sign_off_wanted(at)


def _not_signed_off(at: Situation) -> bool:
    return not at.facts["signed_off"]


def _signed_off(at: Situation) -> bool:
    return at.actor.role == "unit_leader" or not sign_off_wanted(at) or bool(at.facts["signed_off"])


def _check_asked(at: Situation) -> bool:
    return at.rules.needs_check(at.case)


def _no_check_asked(at: Situation) -> bool:
    return not at.rules.needs_check(at.case)


def _citizen_reported(at: Situation) -> bool:
    return is_citizen_case(at.case)


def _no_citizen(at: Situation) -> bool:
    return not is_citizen_case(at.case)


def put_right_at(at: Situation) -> datetime | None:
    """Return when a bad rating was settled, so that the reporter is asked once more (domain.md T45); None when none was."""
    found = at.case.get("rectification")
    return found["closed_at"] if found else None


def is_rated(at: Situation) -> bool:
    """Tell whether the reporter has said all that is asked: once, and once more after a bad rating was settled."""
    rating = at.case.get("rating")
    return rating is not None and (put_right_at(at) is None or "again" in rating)


def _not_rated(at: Situation) -> bool:
    return not is_rated(at)


def rating_until(at: Situation) -> datetime | None:
    """Return until when the reporter may rate; None for a case that has not ended."""
    since = put_right_at(at) or at.case["closed_at"]
    return None if since is None else since + RATING_WINDOW


def _rating_open(at: Situation) -> bool:
    until = rating_until(at)
    return until is not None and at.now <= until


def _may_urge_now(at: Situation) -> bool:
    if at.actor.role != "citizen":
        return in_area(at.case, at.actor)
    last = at.facts["citizen_urged_at"]
    own = at.case["live"]["reporter"] == at.actor.id
    return own and (last is None or at.now - last >= timedelta(days=1))


GUARDS: dict[str, Guard] = {
    "in_area": _in_area,
    "is_lead": _is_lead,
    "takes_part": _takes_part,
    "own_or_desk": _own_or_desk,
    "speaks_for_reporter": speaks_for_reporter,
    "did_not_dispatch": _did_not_dispatch,
    "not_of_lead": _not_of_lead,
    "not_asking_unit": _not_asking_unit,
    "lead_or_dispatcher": _lead_or_dispatcher,
    "may_know_reporter": _may_know_reporter,
    "placed": _placed,
    "answerable": _answerable,
    "not_emergency": _not_emergency,
    "no_pending_return": _no_pending_return,
    "first_return": _first_return,
    "return_in_time": _return_in_time,
    "contacted": _contacted,
    "sign_off_needed": _sign_off_needed,
    "not_signed_off": _not_signed_off,
    "signed_off": _signed_off,
    "check_asked": _check_asked,
    "no_check_asked": _no_check_asked,
    "citizen_reported": _citizen_reported,
    "no_citizen": _no_citizen,
    "not_rated": _not_rated,
    "rating_open": _rating_open,
    "may_urge_now": _may_urge_now,
}

FORBIDDING = frozenset(
    {
        "in_area", "is_lead", "takes_part", "own_or_desk", "speaks_for_reporter", "did_not_dispatch",
        "not_of_lead", "not_asking_unit", "lead_or_dispatcher", "may_know_reporter",
    }
)  # fmt: skip
