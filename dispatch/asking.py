"""Requests of a case: asked, decided by somebody else, withdrawn or run out. What each kind asks for is in the chapters."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dispatch.clocks import due_at
from dispatch.situation import Case
from dispatch.step import Step

__all__ = ["ask", "await_decision", "drop_requests", "pending", "remember_handler", "request_now", "settle"]

Request = dict[str, Any]


def pending(case: Case, kind: str) -> Request | None:
    """Return the request of a kind that waits for its decision, or None: there is never more than one."""
    return next((item for item in case["requests"] if item["kind"] == kind and item["state"] == "pending"), None)


def request_now(step: Step) -> Request:
    """Return the request that the step is about, to be changed."""
    assert step.item is not None  # noqa: S101  # rows of requests always come with one
    wanted = step.item["id"]
    return next(item for item in step.edit("requests") if item["id"] == wanted)


def ask(step: Step, kind: str, *, decider: str, unit: str | None, **parts: Any) -> Request:
    """Put a pending request down. `unit` asks for itself; without one it is the reporter who asks."""
    requests = step.edit("requests")
    request: Request = {
        "id": f"q{len(requests) + 1}",
        "kind": kind,
        "state": "pending",
        "unit": unit,
        "by": None if unit is None else step.actor.id,  # who a hidden reporter is stands nowhere in a request
        "at": step.now,
        "deciders": [decider],
        **parts,
        "decided_at": None,
        "opinion": None,
    }
    requests.append(request)
    if unit is not None:
        remember_handler(step)
    step.data.update(request=request["id"], kind=kind)
    return request


def remember_handler(step: Step) -> None:
    """Who acts for the unit may not judge the case later."""
    handlers = step.facts["handlers"]
    if step.actor.id not in handlers:
        handlers.append(step.actor.id)


def await_decision(step: Step, request: Request, *, node: str | None = None, expires_at: datetime | None = None) -> None:
    """Start the time in which the request is to be decided; it runs out at `expires_at`, where that is known already."""
    node = node or f"decide_{request['kind']}"
    limit = step.rules.node_limit(step.case, node)
    if limit is not None:
        request["within"], request["due_at"] = str(limit), due_at(step.now, limit, step.rules.calendar)
        step.set_timer(f"escalate:{request['id']}", request["due_at"], "escalate", subject="request", item=request["id"])
        if step.case["live"]["open"]:  # an ended case shows no light any more
            step.start_clock(node)
    if expires_at is not None:
        step.set_timer(f"expire:{request['id']}", expires_at, "expire", subject="request", item=request["id"])


def settle(step: Step, request: Request, state: str) -> None:
    """A request has come to its end, one way or another."""
    request["state"], request["decided_at"] = state, step.now
    step.stop_clocks(f"decide_{request['kind']}")
    step.stop_timer(f"escalate:{request['id']}")
    step.stop_timer(f"expire:{request['id']}")


def drop_requests(step: Step) -> None:
    """What is still pending has nothing left to be decided: the case has moved on without it."""
    if any(request["state"] == "pending" for request in step.case["requests"]):
        for request in step.edit("requests"):
            if request["state"] == "pending":
                settle(step, request, "expired")
