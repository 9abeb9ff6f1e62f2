"""The resident for whom a grid worker reports: who they are, how they are reached, and that they agreed."""

from __future__ import annotations

from typing import Annotated

import msgspec

from dispatch.reports import Caller, Consent, NewReport
from hotline.callers import caller_errors, normalised
from storage.errors import FieldError, Invalid

__all__ = ["Resident", "for_resident"]


class Resident(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose matter it is. `phone` may be a relative's; `consent` is `oral` with a `note` of who heard it, or `written` with a
    `photo` (media id) of what was signed."""

    name: Annotated[str, msgspec.Meta(max_length=100)]
    phone: Annotated[str, msgspec.Meta(max_length=40)]
    consent: Annotated[str, msgspec.Meta(max_length=20)]
    note: Annotated[str, msgspec.Meta(max_length=500)] | None = None
    photo: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    appeal_type: Annotated[str, msgspec.Meta(max_length=64)] = "help"


def for_resident(report: NewReport, resident: Resident) -> NewReport:
    """Return the report as the resident's own: they are its caller. Raises `Invalid` with all that is wrong with their data."""
    caller = Caller(name=resident.name, phone=resident.phone)
    errors = [_named(error) for error in caller_errors(caller)]
    if not resident.name.strip():
        errors.append(FieldError(field="on_behalf.name", code="required", message="the resident's name"))
    if errors:
        raise Invalid("the report cannot be accepted", errors=errors)
    consent = Consent(kind=resident.consent, note=resident.note, photo=resident.photo)
    return msgspec.structs.replace(report, caller=normalised(caller), consent=consent, appeal_type=resident.appeal_type)


def _named(error: FieldError) -> FieldError:
    return FieldError(field=error.field.replace("caller.", "on_behalf."), code=error.code, message=error.message)
