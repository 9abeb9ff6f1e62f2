"""Due times that a timer keeps, not a clock: of a bad rating that is put right, of a spot check, of a request that waits. Pure.

Each is counted from what its record holds, an instant and a limit. A record from before these were held keeps what it was given.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from dispatch.calendar import WorkCalendar
from dispatch.clocks import Limit, due_at

__all__ = ["TimedDue", "decision_due", "expiry", "rectification_dues", "spot_check_due", "timed_dues"]

Case = dict[str, Any]
Record = dict[str, Any]

_RECTIFYING = {"rectify_contact": "contact_due_at", "rectify": "due_at"}  # by timer: where its due time stands


class TimedDue(msgspec.Struct, frozen=True, kw_only=True):
    """A due time as it was `given`, and as the calendar has it (`due_at`).

    At that time a `timer` takes its `action`, on the request `item` where there is one; `again`, when it ran out too early. The
    time stands in the `field` of a `part` of the case, that of an expiry in its timer alone (no field).
    """

    kind: str
    given: datetime
    due_at: datetime
    timer: str
    action: str
    part: str
    field: str = "due_at"
    item: str | None = None
    again: bool = False


def rectification_dues(record: Record, calendar: WorkCalendar) -> dict[str, datetime]:
    """Return until when the unit speaks with whoever gave the bad rating (`contact_due_at`), and until when it has put the matter
    right (`due_at`): what went back to it (`back_at`) has the time for speaking once more at least."""
    contact = Limit.parse(record["contact_limit"])
    due = due_at(record["at"], Limit.parse(record["limit"]), calendar)
    if "back_at" in record:
        due = max(due, due_at(record["back_at"], contact, calendar))
    return {"contact_due_at": due_at(record["at"], contact, calendar), "due_at": due}


def spot_check_due(check: Record, calendar: WorkCalendar) -> datetime:
    """Return until when somebody goes there, from when it was given to them."""
    return due_at(check["since"], Limit.parse(check["limit"]), calendar)


def decision_due(request: Record, calendar: WorkCalendar) -> datetime:
    """Return until when a request is decided whose time has begun as it was asked."""
    return due_at(request["at"], Limit.parse(request["within"]), calendar)


def expiry(request: Record, calendar: WorkCalendar) -> datetime:
    """Return when a request runs out that was escalated: it has as long once more."""
    return due_at(request["escalated_at"], Limit.parse(request["within"]), calendar)


def timed_dues(case: Case, calendar: WorkCalendar) -> list[TimedDue]:
    """Return every due time of a case that a timer keeps and that is still waited for."""
    return [*_of_rectification(case, calendar), *_of_spot_check(case, calendar), *_of_requests(case, calendar)]


def _of_rectification(case: Case, calendar: WorkCalendar) -> Iterator[TimedDue]:
    """What was submitted is not waited for, but may come back under its old due time."""
    record = case.get("rectification")
    if record is None or record["closed_at"] is not None or "limit" not in record:
        return
    dues, is_awaited = rectification_dues(record, calendar), record["state"] != "submitted"
    for timer, field in _RECTIFYING.items():
        if timer == "rectify" or record["state"] == "open":
            yield TimedDue(
                kind=timer, given=record[field], due_at=dues[field], timer=timer, action="rectify_late", part="rectification",
                field=field, again=is_awaited,
            )  # fmt: skip


def _of_spot_check(case: Case, calendar: WorkCalendar) -> Iterator[TimedDue]:
    check = case.get("spot_check")
    if check is not None and check["result"] is None and "since" in check:
        yield TimedDue(
            kind="spot_check", given=check["due_at"], due_at=spot_check_due(check, calendar), timer="spot_check_late",
            action="spot_check_late", part="spot_check", again=True,
        )  # fmt: skip


def _of_requests(case: Case, calendar: WorkCalendar) -> Iterator[TimedDue]:
    """While the case is open a clock tells until when one is decided; an extension that nobody decides runs out with the case."""
    timers = {timer["name"]: timer["at"] for timer in case.get("timers") or ()}
    for request in case["requests"]:
        identity, expires = request["id"], f"expire:{request['id']}"
        if request["state"] != "pending" or "within" not in request:
            continue
        if not case["live"]["open"]:
            yield TimedDue(
                kind=f"decide_{request['kind']}", given=request["due_at"], due_at=decision_due(request, calendar),
                timer=f"escalate:{identity}", action="escalate", part="requests", item=identity,
            )  # fmt: skip
        if "escalated_at" in request and expires in timers:
            yield TimedDue(
                kind=f"expire_{request['kind']}", given=timers[expires], due_at=expiry(request, calendar), timer=expires,
                action="expire", part="requests", field="", item=identity,
            )  # fmt: skip
