"""What is still to be done about a case that has ended: a check that was drawn, a bad rating that is to be put right.

It is derived at each write, so that a small index of these cases alone lists them by when they are due.
"""

from __future__ import annotations

from typing import Any

__all__ = ["KEPT_FROM", "TODOS", "todo_of"]

TODOS = ("spot_check", "rectification")
KEPT_FROM = frozenset({"citizen", "link", "group_leader", "org_coordinator"})  # it is done among officials
Case = dict[str, Any]


def todo_of(case: Case) -> Case | None:
    """Return the kinds of what is to be done and when the first of it is due; None when there is nothing.

    >>> check = {"drawn_at": 1, "due_at": 2, "result": None}
    >>> todo_of({"spot_check": check}), todo_of({"spot_check": check | {"result": "pass"}})
    ({'kinds': ['spot_check'], 'at': 2}, None)
    """
    due = {}
    check, record = case.get("spot_check"), case.get("rectification")
    if check is not None and check["result"] is None:
        due["spot_check"] = check.get("due_at", check["drawn_at"])
    if record is not None and record["closed_at"] is None:
        due["rectification"] = record["contact_due_at"] if record["state"] == "open" else record["due_at"]
    return {"kinds": list(due), "at": min(due.values())} if due else None
