"""Notices: who is told what. They are born in the write of the case (its outbox) and addressed by keys.

`p:ID` a person, `u:CODE` the people of a unit (`u:*` whoever stands for all units), `ROLE:CODE` a role in an area
(`ROLE:*` in the whole city).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dispatch.actors import Actor
from dispatch.situation import lead_of

__all__ = ["actor_addresses", "compose"]

Case = dict[str, Any]


def _reporter(case: Case, item: dict[str, Any] | None) -> list[str]:
    followers = [item["reporter"] for item in case.get("followers") or ()]
    return ["p:" + reporter for reporter in dict.fromkeys([case["live"]["reporter"], *followers]) if reporter]


def _unit(code: str | None) -> list[str]:
    return ["u:" + code, "u:*"] if code else []


def _lead(case: Case, item: dict[str, Any] | None) -> list[str]:
    return _unit(lead_of(case))


def _assists(case: Case, item: dict[str, Any] | None) -> list[str]:
    if item is not None:
        return _unit(item["unit"]["code"])
    codes = [task["unit"]["code"] for task in case["tasks"] if task["kind"] == "assist" and task["state"] == "pending"]
    return ["u:" + code for code in codes] + (["u:*"] if codes else [])


def _asking_unit(case: Case, item: dict[str, Any] | None) -> list[str]:
    return _unit(item["unit"]) if item else []


def _role(role: str) -> Callable[[Case, dict[str, Any] | None], list[str]]:
    def addresses(case: Case, item: dict[str, Any] | None) -> list[str]:
        return [f"{role}:*", *(f"{role}:{code}" for code in case["live"]["areas"])]

    return addresses


def _after_check(case: Case, item: dict[str, Any] | None) -> list[str]:
    if case["live"]["state"] == "closed":
        return _reporter(case, item)
    return ADDRESSEES["operators"](case, item)


_HOLDERS = {
    "reported": "operators",
    "filed": "dispatchers",
    "handled": "dispatchers",
    "checking": "checkers",
    "visiting": "operators",
}


def _holder(case: Case, item: dict[str, Any] | None) -> list[str]:
    """Whoever has to act next."""
    return ADDRESSEES[_HOLDERS.get(case["live"]["state"], "lead")](case, item)


def _third_urge(case: Case, item: dict[str, Any] | None) -> list[str]:
    """The third reminder of one case also goes to the unit's leader (domain.md T48)."""
    lead = lead_of(case)
    return [f"leader:{lead}", "leader:*"] if lead and case["facts"]["urges"] >= 3 else []


ADDRESSEES: dict[str, Callable[[Case, dict[str, Any] | None], list[str]]] = {
    "reporter": _reporter,
    "lead": _lead,
    "assists": _assists,
    "asking_unit": _asking_unit,
    "dispatchers": _role("dispatcher"),
    "operators": _role("operator"),
    "checkers": _role("grid_worker"),
    "after_check": _after_check,
    "third_urge": _third_urge,
    "holder": _holder,
    "supervisors": _role("supervisor"),
}


def _also(action: str, entry: Case, case: Case, called: Sequence[str]) -> tuple[str, ...]:
    """Danger to life is told to the dispatchers and to whoever is called, or where nobody is on duty to the grid workers of
    the place (domain.md §2.8); what is sensitive is told to no grid worker."""
    if action == "light":
        return ("supervisors",) if entry["data"]["light"] in ("red", "deep_red") else ()
    if case["live"]["urgency"] != "emergency":
        return ()
    if action == "submit":
        return ("operators",)
    if action in ("dispatch", "auto_dispatch"):
        return ("dispatchers",) if called or case["live"]["sensitive"] else ("dispatchers", "checkers")
    return ()


def compose(names: tuple[str, ...], action: str, entry: dict[str, Any], case: Case, item: dict[str, Any] | None) -> Case | None:
    """Return the notice of a timeline entry for all who are named, or None when there is nobody to tell.

    One notice holds all addresses: a person who stands for several of them is told once. Its id is the entry's.
    """
    called = entry["data"].get("called", ()) if "data" in entry else ()
    wanted = names + _also(action, entry, case, called)
    if not wanted and not called:
        return None
    found = [key for name in wanted for key in ADDRESSEES[name](case, item)]
    found += ["p:" + person for person in called]
    if not found:
        return None
    keys = list(dict.fromkeys(found))
    return {"id": "n" + entry["id"], "kind": action, "keys": keys, "at": entry["at"], "by": entry["actor"]["id"]}


def actor_addresses(actor: Actor) -> list[str]:
    """Return the addresses at which an actor is reached."""
    keys = ["p:" + actor.id]
    if actor.units:
        whole = actor.scope.city and len(actor.units) > 1
        keys += ["u:*"] if whole else ["u:" + code for code in sorted(actor.units)]
        if actor.role == "unit_leader":
            keys += ["leader:*"] if whole else ["leader:" + code for code in sorted(actor.units)]
    areas = ["*"] if actor.scope.city else sorted(actor.areas | actor.scope.areas)
    keys += [f"{actor.role}:{code}" for code in areas]
    return keys
