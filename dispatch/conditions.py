"""What the fields of an action depend on: when one is required, which options and which value it proposes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dispatch.situation import Situation, lead_of, undone_parts

__all__ = ["CONDITIONS", "SOURCES", "Condition", "Source"]

Condition = Callable[[Situation], bool]
Source = Callable[[Situation], dict[str, Any]]


def _no_category(at: Situation) -> bool:
    return at.case["category"] is None


def _needs_photo(at: Situation) -> bool:
    return at.rules.needs_check(at.case)


def _assists_open(at: Situation) -> bool:
    return bool(undone_parts(at.case))


def _has_point(at: Situation) -> bool:
    return at.case["place"]["lon"] is not None


CONDITIONS: dict[str, Condition] = {
    "no_category": _no_category,
    "needs_photo": _needs_photo,
    "assists_open": _assists_open,
    "has_point": _has_point,
}


def _candidates(at: Situation) -> dict[str, Any]:
    gone = {task["unit"]["code"] for task in at.case["tasks"] if task["state"] == "returned"}
    units = [item["unit"] for item in at.case["match"]["candidates"]]
    units.sort(key=lambda unit: unit["code"] in gone)
    return _coded(units)


def _other_units(at: Situation) -> dict[str, Any]:
    own = lead_of(at.case)
    return _coded([item["unit"] for item in at.case["match"]["candidates"] if item["unit"]["code"] != own])


def _coded(items: list[dict[str, Any]]) -> dict[str, Any]:
    codes = [item["code"] for item in items]
    found: dict[str, Any] = {"options": codes, "labels": {item["code"]: item["name"] for item in items}}
    if codes:
        found["value"] = codes[0]
    return found


def _proposals(at: Situation) -> dict[str, Any]:
    codes = [str(item["code"]) for item in at.case.get("proposals", ())]
    own = at.case["category"]
    codes = codes if own is None else [own["code"], *(code for code in codes if code != own["code"])]
    if not codes:  # nothing to propose: the person chooses from all
        return {"options": [category.code for category in at.rules.catalogue.all()]}
    return {"options": codes, "value": codes[0]}


def _duplicates(at: Situation) -> dict[str, Any]:
    found = at.case.get("duplicates", ())
    return {"options": [item["id"] for item in found], "labels": {item["id"]: item["case_no"] for item in found}}


def _place(at: Situation) -> dict[str, Any]:
    place = at.case["place"]
    if place["lon"] is None:
        return {}
    return {"value": {"lon": place["lon"], "lat": place["lat"], "crs": "WGS-84"}}


def _now(at: Situation) -> dict[str, Any]:
    return {"value": at.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")}


SOURCES: dict[str, Source] = {
    "candidates": _candidates,
    "other_units": _other_units,
    "proposals": _proposals,
    "duplicates": _duplicates,
    "place": _place,
    "now": _now,
}
