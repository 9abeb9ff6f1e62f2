"""What a decision about a case looks at: the case, who asks, the time and the rules of the city. No I/O.

The case is the stored document (see `dispatch.store` for its shape); only `dispatch` reads it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from dispatch.actors import Actor
from dispatch.rules import Rules

__all__ = [
    "FOR_CALLERS", "GONE", "NOT_THERE", "PARTS", "UNDONE", "Case", "Situation", "holds_lead", "in_area", "is_citizen_case",
    "lead_of", "may_be_texted", "must_contact", "open_supervisions", "sensitive_category", "spot_check_awaited",
    "task_units", "undone_parts",
]  # fmt: skip

Case = dict[str, Any]

PARTS = ("assist", "joint", "sub", "whistle")  # kinds of tasks of units beside the lead's
FOR_CALLERS = frozenset({"operator", "partner"})  # who reports what others have told them
GONE = frozenset({"returned", "waived", "withdrawn"})  # states of a task whose unit takes no part any more
NOT_THERE = GONE | {"waiting"}  # nor one whose turn has not come
UNDONE = frozenset({"waiting", "pending", "signed"})  # states of a part that nobody has handed in


class Situation(msgspec.Struct, frozen=True, gc=False):
    """One question to the table: may `actor` do something to `case` (or to `item`, a request or task of it) at `now`?"""

    case: Case
    actor: Actor
    now: datetime
    rules: Rules
    item: dict[str, Any] | None = None

    @property
    def state(self) -> str:
        """The state of the case."""
        return str(self.case["live"]["state"])

    @property
    def facts(self) -> dict[str, Any]:
        """What has happened so far, as guards need it (never the whole timeline)."""
        facts: dict[str, Any] = self.case["facts"]
        return facts


def lead_of(case: Case) -> str | None:
    """The code of the unit that answers for the case now, or None."""
    return case["lead"]["code"] if case.get("lead") else None


def sensitive_category(case: Case) -> str | None:
    """The 小类 for which an organization must be approved to hear of the case: empty while it has none, None when the case is not
    sensitive."""
    if not case["live"]["sensitive"]:
        return None
    return case["category"]["code"] if case["category"] else ""


def undone_parts(case: Case) -> list[dict[str, Any]]:
    """Tasks of units beside the lead's, given or waiting, that have not been handed in, waived or withdrawn."""
    return [task for task in case["tasks"] if task["kind"] in PARTS and task["state"] in UNDONE]


def open_supervisions(case: Case) -> list[dict[str, Any]]:
    """Supervisions that no supervisor has lifted."""
    return [item for item in case.get("supervisions") or () if item["lifted_at"] is None]


def spot_check_awaited(case: Case) -> bool:
    """Tell whether a check was drawn whose result is not there."""
    check = case.get("spot_check")
    return check is not None and check["result"] is None


def task_units(case: Case) -> frozenset[str]:
    """Units that take part now: the lead and all who have a part."""
    return frozenset(task["unit"]["code"] for task in case["tasks"] if task["unit"] and task["state"] not in NOT_THERE)


def holds_lead(case: Case, actor: Actor) -> bool:
    """Tell whether the actor may act for the lead unit."""
    return lead_of(case) in actor.units


def in_area(case: Case, actor: Actor) -> bool:
    """Tell whether the case lies where the actor works (the whole city, or one of their areas); not placed yet counts."""
    codes = case["live"]["areas"]
    return actor.scope.city or not codes or not (actor.areas.isdisjoint(codes) and actor.scope.areas.isdisjoint(codes))


def must_contact(case: Case) -> bool:
    """Tell whether the unit has to speak with who reported: a citizen who can be called and is not hidden from it."""
    caller = case.get("caller")
    is_hidden = case["appeal_type"] == "report" or (caller is not None and caller["confidential"])
    is_citizen = case["reporter"]["kind"] == "citizen"  # who joined later reported to the desk, which speaks with them
    return is_citizen and not case["reporter"].get("anonymous") and not is_hidden


def may_be_texted(case: Case) -> bool:
    """Tell whether a message may go to the telephone of whoever called: they left its number, and asked neither for confidence
    nor to be left alone. Who reported by an account of their own is reached there."""
    caller = case.get("caller")
    if caller is None or caller["phone"] is None or case["reporter"]["role"] not in FOR_CALLERS:
        return False
    return not (caller["confidential"] or caller.get("no_messages") or case["appeal_type"] == "report")


def is_citizen_case(case: Case) -> bool:
    """Tell whether a citizen reported it, or a case that was joined to it: then somebody is asked before it is closed."""
    joined = case.get("followers") or ()
    return case["reporter"]["kind"] == "citizen" or any(follower["kind"] == "citizen" for follower in joined)
