"""The 12345 door: what a ticket must have beyond an event, before it goes to the core's intake (domain.md T02)."""

from __future__ import annotations

import msgspec

from dispatch.reports import Caller, NewReport
from hotline.callers import caller_errors, normalised
from storage.errors import FieldError, Invalid

__all__ = ["APPEALS", "CHANNELS", "to_report"]

APPEALS = ("consult", "help", "complaint", "report", "suggestion", "praise", "none")
CHANNELS = ("phone", "app", "web", "wechat", "sms", "mail", "media", "visit", "partner", "upstream", "open311")


def to_report(
    report: NewReport, *, appeal_type: str = "none", channel: str = "phone", caller: Caller | None = None, file: bool = False
) -> NewReport:
    """Return the report of a ticket: `report` holds what it has in common with an event.

    No caller at all means that nobody can be called back, as for an anonymous one. Raises `Invalid` with all errors.
    """
    errors = list(caller_errors(caller)) if caller is not None else []
    if appeal_type not in APPEALS:
        errors.append(FieldError(field="appeal_type", code="choice", message=f"one of {', '.join(APPEALS)}"))
    if channel not in CHANNELS:
        errors.append(FieldError(field="channel", code="choice", message=f"one of {', '.join(CHANNELS)}"))
    if errors:
        raise Invalid("the ticket cannot be accepted", errors=errors)
    known = normalised(caller) if caller is not None else None
    return msgspec.structs.replace(report, appeal_type=appeal_type, channel=channel, caller=known, file=file)
