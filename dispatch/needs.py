"""Needs of a case in the middle of a step: opened, claimed, freed again, closed with the case (domain.md §2.4b; ADR 19).

Whatever changes a task of an organization brings the needs into line (`follow_needs`), so that a place that is given up is free
in the same write.
"""

from __future__ import annotations

from typing import Any

from dispatch.situation import Case
from dispatch.step import Step
from dispatch.wanted import Need, need_state, taken

__all__ = ["close_need", "close_needs", "edit_needs", "find_need", "follow_needs", "need_now", "watch_need"]

_OVER = ("done", "closed")
_AT_WORK = ("invited", "claimed", "serving")


def find_need(case: Case, need_id: str | None) -> Need | None:
    """Return the need with this id, or None."""
    return next((need for need in case.get("needs") or () if need["id"] == need_id), None)


def edit_needs(step: Step) -> list[Need]:
    """Return the needs, to be changed."""
    if "needs" not in step.case:
        step.set("needs", [])
    needs: list[Need] = step.edit("needs")
    return needs


def need_now(step: Step) -> Need:
    """Return the need that the step is about, to be changed."""
    assert step.item is not None  # noqa: S101  # rows of needs always come with one
    wanted = step.item["id"]
    return next(need for need in edit_needs(step) if need["id"] == wanted)


def follow_needs(step: Step) -> None:
    """Bring the states of the needs into line with the tasks of organizations."""
    if not step.case.get("needs"):
        return
    for need in edit_needs(step):
        need["over"] = need["over"] or need["open_until"] <= step.now  # no timer acts on what was filled at that instant
        need["state"] = need_state(need, [task["state"] for task in taken(step.case, need)])
        if need["state"] not in ("open", "filled"):
            step.stop_timer(_timer(need))


def watch_need(step: Step, need: Need) -> None:
    """Have the need run out when nobody has come until then."""
    step.set_timer(_timer(need), need["open_until"], "need_expire", subject="need", item=need["id"])


def close_need(step: Step, need: Need) -> None:
    """Nothing more may be claimed; who was still at it hears of it by the entry that names the need."""
    need["closed_at"] = step.now
    need["left"] = [task["organization"]["code"] for task in _of(step.case, need) if task["state"] in _AT_WORK]
    step.stop_timer(_timer(need))


def close_needs(step: Step) -> None:
    """The case has come to its end or goes back: close what is open, in an entry of its own."""
    open_now = [need["id"] for need in step.case.get("needs") or () if need["state"] not in _OVER]
    if not open_now:
        return
    for need in edit_needs(step):
        if need["id"] in open_now:
            close_need(step, need)
    step.then("end_needs", {"needs": open_now})


def _of(case: Case, need: Need) -> list[dict[str, Any]]:
    return [task for task in case["tasks"] if task.get("need") == need["id"]]


def _timer(need: Need) -> str:
    return f"need:{need['id']}"
