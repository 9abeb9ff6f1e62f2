"""A case as whoever reported it is shown it without an account: nothing personal, nobody who works on it. Pure.

Words are the page's (`web/ui/src/public`); here stand codes, times, and the texts that were written for the public.
"""

from __future__ import annotations

from typing import Any

import msgspec

from dispatch.appeals import own_appeal
from dispatch.joined import REPLIED
from dispatch.masking import mask_text
from dispatch.situation import Case
from dispatch.views import moment

__all__ = ["STEPS", "PublicCase", "PublicHelper", "PublicStep", "plain_case", "plain_steps"]

# What a reporter wants to know of what happened; each has words on the page. All else goes on inside.
STEPS = frozenset(
    {
        "submit", "send_verify", "verify", "file", "direct_answer", "refuse", "cancel", "merge", "join_same", "unmerge",
        "transfer_external", "transfer_back", "dispatch", "dispatch_joint", "auto_dispatch", "sign_in", "decide_coordination",
        "coordinate", "resume", "contact", "progress", "made_safe", "submit_result", "send_check", "check_pass", "check_fail",
        "visit_answer", "visit_ok", "visit_redo", "proxy_visit_answer", "close", "close_explained", "special_close", "rate",
        "proxy_rate", "rectify_close", "appeal_refusal", "appeal_result", "decide", "reopen", "supplement", "urge",
    }
)  # fmt: skip


class PublicCase(msgspec.Struct, kw_only=True):
    """A case without anything personal.

    `line` is empty for a sensitive case. `answered_at` is when the reporter said what they are asked. `appeal` is the state of
    their appeal against how it ended (pending, approved, rejected), `refusal` why it was not accepted and who can help instead.
    `actions` is what may be said now, each with its fields; its name is the last part of the address to send them to. `token`
    is that of another link than was asked for, where there is one by which more may be said. `purpose` and `expires_at` are
    those of the link, null where none was asked for and nothing may be said. `helpers` are the organizations that helped and may
    be thanked now.
    """

    case_no: str
    line: str
    state: str
    purpose: str | None
    reported_at: str
    closed_at: str | None
    public_reply: str | None
    refusal: dict[str, str] | None
    appeal: str | None
    answered_at: str | None
    expires_at: str | None
    actions: list[dict[str, Any]]
    token: str | None = None
    helpers: list[PublicHelper] = []


class PublicHelper(msgspec.Struct):
    """An organization that helped: by which task it is thanked, its name, and the fields of that."""

    task: str
    name: str
    fields: list[dict[str, Any]]


class PublicStep(msgspec.Struct):
    """Something that happened: what it was, and when."""

    action: str
    at: str


def plain_case(case: Case) -> PublicCase:
    """Return what is shown of a case to whoever may say nothing about it now."""
    told = case.get("main") or case  # one that was joined to another goes on with it
    live = case["live"]
    return PublicCase(
        case_no=case["case_no"],
        line=_line(case),
        state=told["live"]["state"],
        purpose=None,
        reported_at=moment(live["reported_at"]),
        closed_at=None if told["closed_at"] is None else moment(told["closed_at"]),
        public_reply=_reply(told),
        refusal=_refusal(told),
        appeal=_appeal(case),
        answered_at=_answered_at(case),
        expires_at=None,
        actions=[],
    )


def plain_steps(timeline: list[dict[str, Any]]) -> list[PublicStep]:
    """Return what a reporter is told of a timeline, in its order."""
    told = (entry for entry in timeline if entry["public"] and entry["action"] in STEPS)
    return [PublicStep(entry["action"], moment(entry["at"])) for entry in told]


def _line(case: Case) -> str:
    """What and in which area: of a place that is an address only, and of anything sensitive, nothing."""
    if case["live"]["sensitive"]:
        return ""
    what, path = case["category"]["name"] if case["category"] else mask_text(case["title"]), case["place"]["path"]
    return f"{what} · {path[-1]['name']}" if path else what


def _reply(case: Case) -> str | None:
    """What the unit wrote is shown once it was reviewed."""
    reply = (case.get("result") or {}).get("public_reply")
    return None if reply is None or case["live"]["state"] not in REPLIED else mask_text(reply)


def _appeal(case: Case) -> str | None:
    found = own_appeal(case.get("main") or case, case["_id"])
    return None if found is None else str(found["state"])


def _refusal(case: Case) -> dict[str, str] | None:
    found = case.get("refusal")
    if found is None:
        return None
    return {"reason": found["reason"], "reply": mask_text(found["reply"]), "next_door": mask_text(found["next_door"])}


def _answered_at(case: Case) -> str | None:
    state = (case.get("main") or case)["live"]["state"]
    said = case.get("visit_answer") if state == "visiting" else case.get("rating")
    return None if said is None else moment(said["at"])
