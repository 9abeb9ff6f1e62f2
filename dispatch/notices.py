"""Notices: who is told what. They are born in the write of the case (its outbox) and addressed by keys.

`p:ID` a person, `u:CODE` the people of a unit (`u:*` whoever stands for all units), `head:CODE` those of them who lead it,
`o:CODE` those of an organization, `ROLE:CODE` a role in an area (`ROLE:*` in the whole city), `c:CASE` whoever called about a
case and has no account: no inbox shows it, only the telephone reaches them.

Those whose cases were joined to the case are told each by their own (`dispatch.joined`): the notice keeps in `joined` that they
are, and becomes theirs when it is put into the inboxes. So does `heard`, for whoever reported the case: what is a task to a unit
is news to them, in other words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dispatch.actors import Actor, agency_unit
from dispatch.appeals import voices_of
from dispatch.joined import HEARD, JOINED, address_of, to_joined, to_reporter
from dispatch.situation import lead_of, may_be_texted, spot_check_awaited

__all__ = ["actor_addresses", "compose"]

Case = dict[str, Any]


def _reporter(case: Case, item: dict[str, Any] | None) -> list[str]:
    """Whoever reported the case, and all whose cases were joined to it."""
    return [*_own_reporter(case, item), *_joined(case, item)]


def _own_reporter(case: Case, item: dict[str, Any] | None) -> list[str]:
    """Whoever reported this very case, not those whose cases were joined to it."""
    return ["p:" + case["live"]["reporter"]]


def _joined(case: Case, item: dict[str, Any] | None) -> list[str]:
    """All whose cases were joined to the case."""
    return [JOINED] if case.get("followers") else []


def _heard(case: Case, item: dict[str, Any] | None) -> list[str]:
    """Whoever reported the case, in words of their own, and all whose cases were joined to it (domain.md §9: the reporter hears
    back, grid workers too)."""
    return [*([HEARD] if address_of(case) else []), *_joined(case, item)]


def _texted(case: Case, item: dict[str, Any] | None) -> list[str]:
    """Whoever called about the case, where a message may go to their telephone."""
    return ["c:" + case["_id"]] if may_be_texted(case) else []


def _asked(case: Case, item: dict[str, Any] | None) -> list[str]:
    """The citizens who are asked how it went: by their account, or by their own case where it was joined."""
    own = _own_reporter(case, item) if case["reporter"]["role"] == "citizen" else _texted(case, item)
    return [*own, *_joined(case, item)]


def _unit(code: str | None) -> list[str]:
    return ["u:" + code, "u:*"] if code else []


def _lead(case: Case, item: dict[str, Any] | None) -> list[str]:
    return _unit(lead_of(case))


def _was_given(task: dict[str, Any]) -> bool:
    """Whose turn never came has not heard of the case."""
    return task["dispatched_at"] is not None


def _party(case: Case, item: dict[str, Any] | None) -> list[str]:
    """The unit or organization of a task."""
    if item is None or not _was_given(item):
        return []
    return _unit(item["unit"]["code"]) if item["unit"] else ["o:" + item["organization"]["code"], "o:*"]


def _given(case: Case, item: dict[str, Any] | None) -> list[str]:
    """Whoever was given a task beside the lead's by the entry just made."""
    new = [task for task in case["tasks"] if task.get("entry") == case["head"]["seq"] and task["kind"] != "lead"]
    new = [task for task in new if _was_given(task)]
    return [key for task in new for key in _party(case, task)]


def _answered_to(case: Case, item: dict[str, Any] | None) -> list[str]:
    """To whom the result of a task is handed in: the lead, who coordinates, who called."""
    others = (item.get("coordinator"), item.get("caller")) if item else ()
    return [key for code in (lead_of(case), *others) for key in _unit(code)]


def _covered(case: Case, item: dict[str, Any] | None) -> list[str]:
    """The units whose tasks were handed in by the result of this one."""
    found = [task for task in case["tasks"] if item and (task.get("result") or {}).get("covered_by") == item["id"]]
    return [key for task in found for key in _unit(task["unit"]["code"])]


def _covering(case: Case, item: dict[str, Any] | None) -> list[str]:
    """The unit whose result covered this task."""
    wanted = ((item or {}).get("result") or {}).get("covered_by")
    return [key for task in case["tasks"] if task["id"] == wanted for key in _party(case, task)]


def _asker(case: Case, item: dict[str, Any] | None) -> list[str]:
    """The unit that asked for something; of an appeal all who made it, each by their own case."""
    if item is None:
        return []
    if item["unit"]:
        return _unit(item["unit"])
    joined = _appealing(case, item)
    own = _own_reporter(case, item) if len(joined) < len(voices_of(case, item)) else []
    return [*own, *([JOINED] if joined else [])]


def _appealing(case: Case, request: dict[str, Any]) -> list[str]:
    """The joined cases by which an appeal was made."""
    return [voice["case"] for voice in voices_of(case, request) if voice["case"] != case["_id"]]


def _deciders(case: Case, item: dict[str, Any] | None) -> list[str]:
    """Who decides the request (the newest, when it has just been asked); after escalation one level up too."""
    request = next(one for one in reversed(case["requests"]) if item is None or one["id"] == item["id"])
    return [key for role in request.get("deciders", ("dispatcher",)) for key in _role(role)(case, item)]


def _signers_or_deciders(case: Case, item: dict[str, Any] | None) -> list[str]:
    """The leaders of the unit, whose signature is asked for; once it is there, who decides."""
    request = case["requests"][-1]
    if request["signed_by"] is not None:
        return _deciders(case, item)
    return [f"head:{request['unit']}", "head:*"]


def _role(role: str) -> Callable[[Case, dict[str, Any] | None], list[str]]:
    def addresses(case: Case, item: dict[str, Any] | None) -> list[str]:
        return [f"{role}:*", *(f"{role}:{code}" for code in case["live"]["areas"])]

    return addresses


def _after_check(case: Case, item: dict[str, Any] | None) -> list[str]:
    """Who visits; when the check has closed the case, the same as after any closure."""
    if case["live"]["state"] == "closed":
        return [*_reporter(case, item), *_lead(case, item)]
    return ADDRESSEES["operators"](case, item)


def _verifier(case: Case, item: dict[str, Any] | None) -> list[str]:
    """Who was sent to look at the place and has not come back yet: a person, or where nobody was on duty all of the place."""
    sent = case.get("verification")
    if sent is None or sent["verdict"] is not None:
        return []
    return ["p:" + sent["worker"]] if sent["worker"] else ADDRESSEES["checkers"](case, item)


def _withdrawn(case: Case, item: dict[str, Any] | None) -> list[str]:
    """The units of tasks that were taken back."""
    tasks = [task for task in case["tasks"] if task["state"] == "withdrawn" and task["unit"] and _was_given(task)]
    return [key for task in tasks for key in _unit(task["unit"]["code"])]


def _dropped(case: Case, item: dict[str, Any] | None) -> list[str]:
    """The organizations that were still at a need that the entry just made has closed."""
    closed = [need for need in case.get("needs") or () if need.get("told") == case["head"]["seq"]]
    codes = dict.fromkeys(code for need in closed for code in need["left"])
    return [*("o:" + code for code in codes), *(["o:*"] if codes else [])]


def _checker(case: Case, item: dict[str, Any] | None) -> list[str]:
    """Who was sent to check before closure, where nobody was on duty all of the place."""
    sent = case.get("site_check")
    return ["p:" + sent["worker"]] if sent and sent["worker"] else ADDRESSEES["checkers"](case, item)


_HOLDERS = {
    "reported": "operators",
    "verifying": "verifier",
    "transferred": "transfer",
    "filed": "dispatchers",
    "handled": "dispatchers",
    "checking": "checker",
    "visiting": "operators",
    "coordinating": "supervisors",
}


def _holder(case: Case, item: dict[str, Any] | None) -> list[str]:
    """Whoever has to act next."""
    return ADDRESSEES[_HOLDERS.get(case["live"]["state"], "lead")](case, item)


def _agency(case: Case, item: dict[str, Any] | None) -> list[str]:
    """Whoever outside has been given the case."""
    return ["u:" + agency_unit(case["transfer"]["agency"])]


def _transfer(case: Case, item: dict[str, Any] | None) -> list[str]:
    """Whose answer is waited for, and who waits."""
    return [*ADDRESSEES["operators"](case, item), *_agency(case, item)]


def _spot_checker(case: Case, item: dict[str, Any] | None) -> list[str]:
    """Whoever was drawn, else the grid workers of the place."""
    checker = case["spot_check"]["checker"]
    return ["p:" + checker] if checker else ADDRESSEES["checkers"](case, item)


def _asked_again(case: Case, item: dict[str, Any] | None) -> list[str]:
    """The reporter, once a bad rating is settled."""
    return _reporter(case, item) if case["rectification"]["closed_at"] is not None else []


def _answerable(case: Case, item: dict[str, Any] | None) -> list[str]:
    """The unit that had the case; where none had it, the desk that answered."""
    return _lead(case, item) or ADDRESSEES["operators"](case, item)


def _waited_for(case: Case, item: dict[str, Any] | None) -> list[str]:
    """Whoever still has something to do about a case that has ended: to go and see, to put a bad rating right, to decide an
    appeal, to answer."""
    found = _transfer(case, item) if case["live"]["state"] == "transferred" else []
    if spot_check_awaited(case):
        found += _spot_checker(case, item)
    record = case.get("rectification")
    if record is not None and record["closed_at"] is None:
        found += _answerable(case, item)
    pending = (request for request in case["requests"] if request["state"] == "pending")
    return [*found, *(key for request in pending for key in _deciders(case, request))]


def _district_duty(case: Case, item: dict[str, Any] | None) -> list[str]:
    """Whoever dispatches and supervises in the district of the case (domain.md §2.8)."""
    codes = [area["code"] for area in case["place"]["path"] if area["level"] == "district"]
    return [f"{role}:{code}" for role in ("dispatcher", "supervisor") for code in codes]


def _city_duty(case: Case, item: dict[str, Any] | None) -> list[str]:
    return ["dispatcher:*", "supervisor:*"]


def _unit_leader(case: Case, item: dict[str, Any] | None) -> list[str]:
    lead = lead_of(case)
    return [f"head:{lead}", "head:*"] if lead else []


def _third_urge(case: Case, item: dict[str, Any] | None) -> list[str]:
    """The third reminder of one case also goes to the unit's leader (domain.md T48)."""
    return _unit_leader(case, item) if case["facts"]["urges"] >= 3 else []


ADDRESSEES: dict[str, Callable[[Case, dict[str, Any] | None], list[str]]] = {
    "reporter": _reporter,
    "own_reporter": _own_reporter,
    "heard": _heard,
    "texted": _texted,
    "asked": _asked,
    "lead": _lead,
    "party": _party,
    "given": _given,
    "answered_to": _answered_to,
    "covered": _covered,
    "covering": _covering,
    "asker": _asker,
    "deciders": _deciders,
    "signers_or_deciders": _signers_or_deciders,
    "dispatchers": _role("dispatcher"),
    "operators": _role("operator"),
    "checkers": _role("grid_worker"),
    "checker": _checker,
    "after_check": _after_check,
    "verifier": _verifier,
    "withdrawn": _withdrawn,
    "dropped": _dropped,
    "third_urge": _third_urge,
    "holder": _holder,
    "supervisors": _role("supervisor"),
    "leaders": _role("leader"),
    "unit_leader": _unit_leader,
    "spot_checker": _spot_checker,
    "asked_again": _asked_again,
    "answerable": _answerable,
    "waited_for": _waited_for,
    "agency": _agency,
    "transfer": _transfer,
    "district_duty": _district_duty,
    "city_duty": _city_duty,
}


# Clocks of what the lead unit has to do besides the case itself.
_UNITS_OWN = frozenset({"sign_in", "contact", "supervise", "arrive", "first_report", "next_report", "safe"})


def _of_light(data: Case) -> tuple[str, ...]:
    """Who hears of a light besides whoever acts next."""
    if data["light"] == "yellow":
        return ()
    return ("supervisors", "unit_leader") if data["clock"] in _UNITS_OWN else ("supervisors",)


def _is_echo(data: Case, case: Case) -> bool:
    """Making safe mostly runs out with the case itself, whose light says it all."""
    same = (one["light"] == data["light"] for one in case["clocks"] if one["kind"] == "case" and one["done_at"] is None)
    return bool(data["clock"] == "safe" and any(same))


def _awaited(clock: str, case: Case) -> Case | None:
    """The request whose time to be decided a clock counts: its light is for those who decide, not for the unit that asked."""
    kind = clock.removeprefix("decide_")
    return next((one for one in case["requests"] if one["kind"] == kind and one["state"] == "pending"), None)


_ALSO: dict[str, Callable[[Case], tuple[str, ...]]] = {  # by what the entry says
    "absorb": lambda data: ("supervisors", "leaders") if data.get("group_attention") else (),
    "contact": lambda data: ("heard",) if data.get("first") else (),
    "hear_answer": lambda data: ("operators",) if data["unsettled"] else (),
    "hear_rating": lambda data: ("answerable", "unit_leader", "supervisors") if data.get("bad") else (),
    "light": _of_light,
    "alarm": lambda data: () if data.get("called") else (data["told"],),  # who is on duty, else everybody there
    "record_receipt": lambda data: ("operators",) if data.get("agency") else (),
    "rate": lambda data: ("answerable", "unit_leader", "supervisors") if data.get("bad") else (),
}


def _also(action: str, entry: Case, case: Case, called: Sequence[str]) -> tuple[str, ...]:
    """Danger to life is told to the dispatchers and to whoever is called, or where nobody is on duty to the grid workers of
    the place (domain.md §2.8); what is sensitive is told to no grid worker."""
    if action in _ALSO:
        return _ALSO[action](entry.get("data", {}))
    if case["live"]["urgency"] != "emergency":
        return ()
    if action == "submit":
        return ("operators",)
    raised = ("given",) if "raised" in entry.get("data", ()) else ()
    if raised or action in ("dispatch", "dispatch_joint", "auto_dispatch"):
        return (*raised, "dispatchers") if called or case["live"]["sensitive"] else (*raised, "dispatchers", "checkers")
    return ()


def compose(names: tuple[str, ...], action: str, entry: dict[str, Any], case: Case, item: dict[str, Any] | None) -> Case | None:
    """Return the notice of a timeline entry for all who are named, or None when there is nobody to tell.

    One notice (for each joined reporter one of their own besides) holds all addresses: a person who stands for several of them is
    told once. Its id is the entry's. A light that brings a step of the ladder tells nobody itself: the step does, in the same
    write.
    """
    if action == "light" and ("step" in entry["data"] or _is_echo(entry["data"], case)):
        return None
    if action == "light" and (request := _awaited(entry["data"]["clock"], case)) is not None:
        names, item = ("deciders",), request
    called = entry["data"].get("called", ()) if "data" in entry else ()
    wanted = names + _also(action, entry, case, called)
    if not wanted and not called:
        return None
    found = [key for name in wanted for key in ADDRESSEES[name](case, item)]
    found += ["p:" + person for person in called]
    if entry["at"] == case["live"]["reported_at"] and HEARD in found:
        found.remove(HEARD)  # who is reporting this moment reads it in the answer
    if not found:
        return None
    keys = dict.fromkeys(found)
    notice = {"id": "n" + entry["id"], "kind": action, "keys": list(keys), "at": entry["at"], "by": entry["actor"]["id"]}
    if HEARD in keys:
        notice["keys"].remove(HEARD)
        notice["heard"] = to_reporter(case, action)
    if JOINED in keys:
        notice["keys"].remove(JOINED)
        meant = _appealing(case, item) if item is not None and "asker" in names else ()
        notice["joined"] = to_joined(action, entry["seq"], meant)
    return notice


def actor_addresses(actor: Actor) -> list[str]:
    """Return the addresses at which an actor is reached."""
    keys = ["p:" + actor.id]
    if actor.units:
        whole = actor.scope.city and len(actor.units) > 1
        keys += ["u:*"] if whole else ["u:" + code for code in sorted(actor.units)]
        if actor.role == "unit_leader":
            keys += ["head:*"] if whole else ["head:" + code for code in sorted(actor.units)]
    if actor.organization:
        keys.append("o:" + actor.organization)
    areas = [*(["*"] if actor.scope.city else []), *sorted(actor.areas | actor.scope.areas)]
    keys += [f"{actor.role}:{code}" for code in areas]
    return keys
