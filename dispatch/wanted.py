"""Needs (需) as values: what a case asks of social organizations, when a place in it is taken, and who may find it. Pure.

A need is a part of its case (`needs`), with `id`, `kind` of organization, kind of `help`, `what`, `amount`, `places`, from when
to when (`starts_at`, `ends_at`), `place` (None: that of the case), until when it may be claimed (`open_until`) and from when on
by everybody (`open_from`), `visibility` (open, invited) and `state`. Tasks of organizations name the need that they are for.

`wanted` is derived for the index by which organizations find open needs: keys `KIND@AREA` (`s:KIND@AREA` of a sensitive case,
`o:CODE` of who is invited) and the earliest end. It shows nothing of the case: that is what `keys` are for (`dispatch.keys`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from dispatch.model import Place
from dispatch.rules import place_of

__all__ = [
    "ANYWHERE", "AT_WORK", "BUSY", "HELP", "KINDS", "NEVER_ASKED", "TAKEN", "VISIBILITIES", "Need", "for_all", "is_invited",
    "need_state", "place_of_need", "places_left", "shown_need", "taken", "wanted_keys", "wanted_of",
]  # fmt: skip

Case = dict[str, Any]
Need = dict[str, Any]

# Kinds of organizations (domain.md §4.1).
KINDS = (
    "VOL", "SWK", "PSY", "LAW", "MED", "ELD", "DIS", "YTH", "HLT", "PRP", "ENT", "RSC", "ENV", "CHR", "SKL", "IND", "ANI", "DRG",
    "VET", "CUL",
)  # fmt: skip
# What organizations may do (domain.md §4.2)…
HELP = (
    "companionship", "counselling", "mediation", "legal_advice", "cleaning", "transport", "goods", "search", "teaching",
    "health_talk", "repair",
)  # fmt: skip
# …and words of what they are never asked for: to enforce, to inspect, to collect identity data, to decide.
NEVER_ASKED = (
    "执法", "处罚", "罚款", "查封", "扣押", "没收", "强制拆除", "强拆", "责令", "取缔", "监督检查", "安全检查", "卫生检查",
    "消防检查", "稽查", "收集身份证", "采集身份", "登记身份证", "身份信息采集", "核验身份", "核查身份", "裁定", "认定责任",
    "责任认定", "作出决定", "出具结论",
)  # fmt: skip
VISIBILITIES = ("open", "invited")
TAKEN = frozenset({"claimed", "serving", "submitted", "confirmed"})  # states of a task of an organization that has the place
AT_WORK = frozenset({"claimed", "serving", "submitted"})  # states in which it is at work on it
BUSY = ("claimed", "serving")  # states that take of its capacity
ANYWHERE = "*"
_SHOWN = (
    "id", "kind", "help", "what", "amount", "places", "starts_at", "ends_at", "open_until", "open_from", "visibility", "state",
    "at",
)  # fmt: skip


def taken(case: Case, need: Need) -> list[dict[str, Any]]:
    """Return the tasks that have a place in a need."""
    return [task for task in case["tasks"] if task.get("need") == need["id"] and task["state"] in TAKEN]


def places_left(case: Case, need: Need) -> int:
    """Return how many places nobody has."""
    return max(0, int(need["places"]) - len(taken(case, need)))


def is_invited(case: Case, need: Need, organization: str) -> bool:
    """Tell whether an organization was invited to the need and has not answered."""
    return any(
        task.get("need") == need["id"] and task["state"] == "invited" and task["organization"]["code"] == organization
        for task in case["tasks"]
    )


def need_state(need: Need, states: Sequence[str]) -> str:
    """Return the state of a need from those of the tasks that have a place in it.

    Closed stays closed. When its time to be claimed is over (`over`), what came is all that comes: it is filled by those, or has
    expired where there is nobody. Done is a need all of whose places were confirmed.

    >>> need = {"places": 2, "over": False, "closed_at": None}
    >>> need_state(need, []), need_state(need, ["claimed", "serving"]), need_state(need, ["confirmed"] * 2)
    ('open', 'filled', 'done')
    >>> need_state(need | {"over": True}, []), need_state(need | {"over": True}, ["confirmed"])
    ('expired', 'done')
    """
    is_done = bool(states) and all(state == "confirmed" for state in states)
    is_full = len(states) >= need["places"]
    if is_done and (is_full or need["over"] or need["closed_at"] is not None):
        return "done"
    if need["closed_at"] is not None:
        return "closed"
    if is_full or (need["over"] and states):
        return "filled"
    return "expired" if need["over"] else "open"


def for_all(need: Need, now: datetime) -> bool:
    """Tell whether anybody may claim it, not only who was invited: those come first for a while."""
    return bool(need["visibility"] == "open" and need["open_from"] <= now)


def shown_need(case: Case, need: Need) -> dict[str, Any]:
    """Return what is shown of a need with its case: never who opened it, nor what is kept for the step that follows."""
    place = need["place"]
    there = None if place is None else {name: place[name] for name in ("lon", "lat", "address")}
    return {**{name: need[name] for name in _SHOWN}, "taken": len(taken(case, need)), "location": there}


def place_of_need(case: Case, need: Need) -> Place:
    """Return where the help is wanted."""
    return place_of(case if need["place"] is None else {"place": need["place"]})


def wanted_of(case: Case) -> dict[str, Any] | None:
    """Return by which keys organizations find the open needs of a case, and when the first of them ends; None without any."""
    needs = [need for need in case["needs"] if need["state"] == "open"]
    if not needs:
        return None
    keys = [key for need in needs for key in (*_open_keys(case, need), *_invited_keys(case, need))]
    return {"keys": list(dict.fromkeys(keys)), "until": min(need["open_until"] for need in needs)} if keys else None


def _open_keys(case: Case, need: Need) -> Iterable[str]:
    if need["visibility"] != "open":
        return ()
    path = (need["place"] or case["place"])["path"]
    return wanted_keys([need["kind"]], [area["code"] for area in path] + [ANYWHERE], sensitive=case["live"]["sensitive"])


def _invited_keys(case: Case, need: Need) -> list[str]:
    invited: Iterable[Mapping[str, Any]] = (task for task in case["tasks"] if task.get("need") == need["id"])
    return ["o:" + task["organization"]["code"] for task in invited if task["state"] == "invited"]


def wanted_keys(kinds: Iterable[str], areas: Sequence[str], *, sensitive: bool) -> list[str]:
    """Return the keys of what is wanted of these kinds in these areas (`ANYWHERE`: in the whole city).

    >>> wanted_keys(["VOL"], ["52", ANYWHERE], sensitive=False), wanted_keys(["ELD"], ["52"], sensitive=True)
    (['VOL@52', 'VOL@*'], ['s:ELD@52'])
    """
    mark = "s:" if sensitive else ""
    return [f"{mark}{kind}@{area}" for kind in kinds for area in areas]
