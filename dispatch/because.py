"""Why each unit is on a case: the lead by its candidate, who assists by the rule, the template, the danger or the person. Pure.

With the reason and distance that each organization has (`organizations`) this is the whole result of matching, as it stands now:
what a person decided otherwise says so.
"""

from __future__ import annotations

from typing import Any

from dispatch.situation import Case

__all__ = ["assisting_units", "lead_because"]

_NAMED: dict[str, Any] = {"score": None, "parts": {}, "rule": None, "basis": None, "reason": "派遣时指定"}
_ASSISTING = ("assist", "joint")


def lead_because(case: Case) -> dict[str, Any] | None:
    """Return the candidate by which the lead was found (score with its parts, rule, basis, reason), or that a person named it;
    None as long as no unit leads."""
    lead = case["lead"]
    if lead is None:
        return None
    code = lead["code"]
    for candidate in case["match"]["candidates"]:
        if candidate["unit"]["code"] == code:
            found: dict[str, Any] = candidate
            return found
    return {"unit": lead, **_NAMED}


def assisting_units(case: Case) -> list[dict[str, Any]]:
    """Return the units that assist or have a part of their own, each with how far it is and why it is there."""
    tasks = [task for task in case["tasks"] if task["kind"] in _ASSISTING]
    return [{**task["unit"], "task_state": task["state"], "kind": task["kind"], **_because(case, task)} for task in tasks]


def _because(case: Case, task: dict[str, Any]) -> dict[str, Any]:
    if "step" in task:
        return {"reason": f"一件事第 {task['step']} 步", "rule": None, "basis": None}
    if "by" in task:
        return {"reason": "办理中加派", "rule": None, "basis": None}
    lead = lead_because(case)
    if lead is not None and any(unit["code"] == task["unit"]["code"] for unit in case["match"]["assists"]):
        return {"reason": "按主办单位的规则协办", "rule": lead["rule"], "basis": lead["basis"]}
    if case["live"]["urgency"] == "emergency":
        return {"reason": "特急，属地单位一并到场", "rule": None, "basis": None}
    return {"reason": "派遣时指定", "rule": None, "basis": None}
