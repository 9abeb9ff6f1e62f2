"""What comes in at any door: the one shape that `grid`, `hotline` and the program doors hand to `dispatch.intake`."""

from __future__ import annotations

from datetime import datetime

import msgspec

__all__ = ["Caller", "Consent", "Location", "NewReport"]


class Location(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A position as sent: degrees in the named coordinate system (one of `model.CRS_NAMES`), accuracy in metres."""

    lon: float
    lat: float
    crs: str
    accuracy_m: float | None = None


class Caller(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The person who called. Name and phone are encrypted before anything is stored; `confidential` hides them from units.
    `no_messages`: they want to be called, not written to.
    """

    name: str | None = None
    phone: str | None = None
    anonymous: bool = False
    confidential: bool = False
    no_messages: bool = False


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """A resident agreed that a grid worker acts for them: how (one of `fields.CONSENTS`), who heard it or what was signed."""

    kind: str
    note: str | None = None
    photo: str | None = None


class NewReport(msgspec.Struct, frozen=True, kw_only=True):
    """One event or ticket before it is a case.

    One of `location`, `address`, `area_code` is needed. `file` asks that the case be filed (and dispatched when the match
    is clear) in the intake write; a grid worker's complete report is filed without asking. `source_id` is the id under
    which the sending system knows the event; it takes the place of an idempotency key. `special_group` (one of
    `fields.SPECIAL_GROUPS`) says whom it concerns: their case has half the limit. `consent` is there when a grid worker reports
    for the resident who is the `caller`.
    """

    description: str
    category: str | None = None
    urgency: str | None = None
    location: Location | None = None
    address: str | None = None
    area_code: str | None = None
    photos: tuple[str, ...] = ()
    occurred_at: datetime | None = None
    source_id: str | None = None
    appeal_type: str = "none"
    channel: str = "grid"
    caller: Caller | None = None
    file: bool = False
    title: str | None = None
    special_group: str | None = None
    consent: Consent | None = None
