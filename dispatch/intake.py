"""From a report to a case in one document: validated, placed, classified, matched, and where it is clear filed and dispatched.

Pure besides what its caller hands in: the rules of the city, the cases known to be near, the cipher. The document that comes
out is inserted as it is: timeline and notices are inside (design.md §2, §4 "Who files").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Protocol

import msgspec

from dispatch import engine
from dispatch.actors import Actor
from dispatch.chain import genesis
from dispatch.chapters.joining import AGAIN
from dispatch.chapters.verification import can_be_visited, must_be_verified
from dispatch.checks import ID_LENGTH
from dispatch.errors import IdempotencyKeyRequired
from dispatch.fields import CONSENTS, ORDINARY_URGENCIES, SPECIAL_GROUPS
from dispatch.learning.ordering import question_about
from dispatch.masking import mask_name, mask_phone, mask_text
from dispatch.model import APPEAL_TYPES, Category, Match, Place
from dispatch.placing import category_document, helpers_document, line_of, match_document, place_document
from dispatch.reports import Caller, Consent, NewReport
from dispatch.rules import Rules
from dispatch.situation import Case
from dispatch.states import TABLE_VERSION, find
from dispatch.step import Step
from storage.errors import FieldError, Forbidden, Invalid
from storage.shared import Shared

__all__ = ["CITIZEN_CHANNELS", "Cipher", "Sensed", "build_case", "case_id", "check_report", "report_digest", "sense"]

CHANNELS = (
    "grid", "phone", "app", "web", "wechat", "sms", "mail", "media", "group", "device", "partner", "upstream", "visit", "open311",
)  # fmt: skip
CITIZEN_CHANNELS = frozenset({"phone", "app", "web", "wechat", "sms", "mail", "group", "visit", "open311"})
EARLIEST = timedelta(days=30)
SKEW = timedelta(minutes=10)
LEAST_NOTE = 2
JOIN_AFTER = timedelta(minutes=1)
_CHOICES = (
    ("urgency", ORDINARY_URGENCIES), ("appeal_type", APPEAL_TYPES), ("channel", CHANNELS), ("special_group", SPECIAL_GROUPS),
)  # fmt: skip
_FILERS = frozenset({"grid_worker", "grid_lead"})
_ENCODER = msgspec.json.Encoder()


class Cipher(Protocol):
    """Seals personal fields; `storage.fields.FieldCipher`."""

    def seal(self, text: str, *, document_id: str, field: str) -> dict[str, Any]:
        """Return the sealed form of a text."""

    def open(self, sealed: dict[str, Any], *, document_id: str, field: str) -> str:
        """Return the text again."""

    def blind_index(self, text: str) -> str:
        """Return the index value by which equal texts are found."""


def case_id(actor: Actor, key: str | None, source_id: str | None) -> str:
    """Return the id that this report always gets: from the sender and what the sender calls it (design.md §2).

    A program may name its event by `source_id`, which is one for all credentials of its system; a person's session needs a
    key. Raises `IdempotencyKeyRequired`.
    """
    if source_id and actor.session is None:
        system = actor.source if actor.kind != "person" and actor.source else f"{actor.source}\0{actor.id}"
        name = ("source", system, source_id)
    elif key:
        name = ("key", f"{actor.source}\0{actor.id}", key)
    else:
        raise IdempotencyKeyRequired
    return blake2b("\0".join(name).encode(), digest_size=16).hexdigest()


def report_digest(report: NewReport) -> str:
    """Return what tells two bodies under one key apart."""
    return blake2b(_ENCODER.encode(report), digest_size=12).hexdigest()


def check_report(report: NewReport, now: datetime) -> None:
    """Raise `Invalid` with everything that is wrong with a report by itself."""
    errors = _report_errors(report, now)
    if errors:
        raise Invalid("the report cannot be accepted", errors=errors)


def _report_errors(report: NewReport, now: datetime) -> Sequence[FieldError]:
    found: list[FieldError] = []
    length = len(report.description.strip())
    if not 5 <= length <= 2000:
        found.append(FieldError(field="description", code="length", message="5 to 2,000 characters"))
    if report.location is None and not report.address and not report.area_code:
        found.append(FieldError(field="location", code="required", message="one of location, address, area_code"))
    for name, allowed in _CHOICES:
        if (value := getattr(report, name)) is not None and value not in allowed:
            found.append(FieldError(field=name, code="choice", message=f"one of {', '.join(allowed)}"))
    if len(report.photos) > 9 or not all(0 < len(photo) <= ID_LENGTH for photo in report.photos):
        found.append(FieldError(field="photos", code="length", message="at most 9 media ids"))
    if report.occurred_at is not None and not now - EARLIEST <= report.occurred_at <= now + SKEW:
        found.append(FieldError(field="occurred_at", code="range", message="within the last 30 days"))
    if report.consent is not None:
        found += _consent_errors(report.consent)
    return found


def _consent_errors(consent: Consent) -> Sequence[FieldError]:
    """What was agreed in words needs a note, what was signed a picture of it."""
    if consent.kind not in CONSENTS:
        return [FieldError(field="on_behalf.consent", code="choice", message=f"one of {', '.join(CONSENTS)}")]
    if consent.kind == "oral" and len((consent.note or "").strip()) < LEAST_NOTE:
        return [FieldError(field="on_behalf.note", code="required", message="when and how they agreed, who heard it")]
    if consent.kind == "written" and not consent.photo:
        return [FieldError(field="on_behalf.photo", code="required", message="a photo of what was signed")]
    return []


@dataclass(slots=True)
class Sensed:
    """What intake found out about a report before it decides."""

    place: Place
    category: Category | None
    proposals: list[dict[str, Any]]
    words: tuple[str, ...]
    match: Match
    urgency: str


def sense(report: NewReport, rules: Rules, now: datetime) -> Sensed:
    """Place, classify and match a report. Raises `Invalid` for an unknown category and what a `Locator` raises."""
    place = _place(report, rules)
    words = rules.signals.emergency_words(report.description)
    proposals: list[dict[str, Any]] = []
    if report.category is not None:
        category = rules.catalogue.get(report.category)
        if category is None or category.disabled_at is not None:
            raise Invalid(errors=[FieldError(field="category", code="unknown_category", message="a category in use")])
    else:
        proposals = [
            {"code": item.code, "score": item.score, "words": list(item.words)}
            for item in rules.signals.propose_category(report.description)[:3]
        ]
        category = rules.catalogue.get(proposals[0]["code"]) if proposals and proposals[0]["score"] >= rules.confident else None
    match = rules.directory.match(place, category.code if category else None, now)
    urgency = "emergency" if words else report.urgency or (category.urgency if category else "normal")
    if rules.learned is not None and match.doubt and urgency != "emergency":
        question = question_about(
            category, place.area_path, appeal=report.appeal_type, channel=report.channel, text=report.description
        )
        match = rules.learned.ordered(match, question, place, rules.directory)
    return Sensed(place, category, proposals, words, match, urgency)


def _place(report: NewReport, rules: Rules) -> Place:
    at = report.location
    if at is not None:
        place = rules.locator.locate(at.lon, at.lat, at.crs, accuracy_m=at.accuracy_m, address=report.address)
        if report.area_code and report.area_code not in place.area_codes and not place.boundary_doubt:
            message = f"the point lies in {place.area_codes[-1]}, not in this area"
            raise Invalid(errors=[FieldError(field="area_code", code="contradiction", message=message)])
        return place
    if report.area_code:
        return rules.locator.locate_area(report.area_code, address=report.address)
    found = rules.locator.locate_address(report.address or "")
    return found or Place(address=report.address, source="address", doubt=("address_only",), version=rules.locator.version)


def build_case(
    report: NewReport,
    sensed: Sensed,
    *,
    identity: str,
    case_no: str,
    digest: str,
    actor: Actor,
    now: datetime,
    rules: Rules,
    cipher: Cipher,
    duplicates: Sequence[dict[str, Any]],
    again: bool = False,
) -> Case:
    """Return the whole document of a new case, its first actions taken. `again`: it may only repeat one of the duplicates, which
    is looked up when it has been written."""
    case = _document(report, sensed, identity, case_no, digest, actor, now, cipher, duplicates)
    step = Step(case, actor, now, rules, None, digest, fresh=True)
    submit = find("case", "", actor.role, "submit")
    if submit is None:
        raise Forbidden("this role reports nothing")
    if report.consent is not None and actor.role not in _FILERS:
        raise Forbidden("only grid workers report for residents")
    if _files_itself(report, sensed, actor, rules):
        step.queue.extend(_towards_filing(case, sensed.category, rules, now))
    if again:
        step.set_timer(AGAIN, now + JOIN_AFTER, "join_same")
    engine.apply(step, submit, {})
    case["timeline"] = step.entries
    case["outbox"] = step.notices
    if step.notices:
        case["told_at"] = now
    return case


def _files_itself(report: NewReport, sensed: Sensed, actor: Actor, rules: Rules) -> bool:
    """Who files (design.md §4): the operator by saying so, a grid worker by a complete report, danger always."""
    if sensed.category is None or not sensed.place.area_path:
        return False
    if sensed.urgency == "emergency" or report.file:
        return True
    if actor.role not in _FILERS or report.category is None or sensed.place.point is None:
        return False
    asks_photo = "K" in sensed.category.flags or sensed.category.check not in ("none", "")
    return sensed.place.area("grid") is not None and (bool(report.photos) or not asks_photo)


def _towards_filing(case: Case, category: Category | None, rules: Rules, now: datetime) -> list[tuple[str, dict[str, Any]]]:
    """What must be seen first is sent to be looked at; where nobody can go it waits for an operator who finds the place."""
    if not must_be_verified(case, category):
        return [("file", {})]
    return [("send_verify", {})] if can_be_visited(case, rules, now) else []


def _document(
    report: NewReport, sensed: Sensed, identity: str, case_no: str, digest: str, actor: Actor, now: datetime,
    cipher: Cipher, duplicates: Sequence[dict[str, Any]],
) -> Case:  # fmt: skip
    """One literal, so that the shape of the document is seen at a glance (docs/reference/case.md)."""
    description = report.description.strip()
    masked = mask_text(description)
    category, place = sensed.category, place_document(sensed.place)
    title = (report.title or masked)[:30]
    case: Case = {
        "_id": identity,
        "case_no": case_no,
        "table": TABLE_VERSION,
        "request": digest,
        "live": _live(report, sensed, actor, now),
        "keys": [],
        "category": category_document(category) if category else None,
        "proposals": sensed.proposals,
        "appeal_type": report.appeal_type,
        "channel": report.channel,
        "title": title,
        "description": masked,
        "words": list(sensed.words),
        "place": place,
        "reporter": _reporter(_reporter_kind(report, actor), actor.role, actor.source, _is_anonymous(report, actor)),
        "photos": list(report.photos),
        "occurred_at": report.occurred_at,
        "match": match_document(sensed.match, now),
        "organizations": helpers_document(sensed.match),
        "duplicates": list(duplicates),
        "lead": None,
        "tasks": [],
        "requests": [],
        "clocks": [],
        "facts": _no_facts(),
        "outcome": None,
        "closed_at": None,
        "head": {"seq": 0, "hash": genesis(identity)},
    }  # fmt: skip
    case["live"]["line"] = line_of(case)
    if masked != description:
        case["original"] = cipher.seal(description, document_id=identity, field="description")
    if report.special_group is not None:
        case["special_group"] = {"group": report.special_group, "by": actor.id, "at": now}
    if report.caller is not None:
        case["caller"] = _sealed_caller(report.caller, identity, cipher)
    if report.consent is not None:
        given = report.consent
        note = mask_text(given.note.strip()) if given.note else None
        case["on_behalf"] = {"consent": given.kind, "note": note, "photo": given.photo, "by": actor.id, "at": now}
    return case


def _live(report: NewReport, sensed: Sensed, actor: Actor, now: datetime) -> dict[str, Any]:
    category, point = sensed.category, sensed.place.point
    return {
        "rev": 1, "state": "", "open": True, "light": "green", "urgency": sensed.urgency,
        "category": category.code if category else None, "areas": list(sensed.place.area_codes), "units": [], "orgs": [],
        "reporter": actor.id, "sensitive": _is_sensitive(report, category),
        "lon": point.lon if point else None, "lat": point.lat if point else None,
        "line": "", "reported_at": now, "due_at": None,
    }  # fmt: skip


def _no_facts() -> dict[str, Any]:
    return {
        "dispatchers": [], "handlers": [], "dispatched_at": None, "lost_seconds": 0, "tries": 0, "reached": False,
        "signed_off": None, "rework": 0, "redo": 0, "urges": 0, "citizen_urged_at": None,
    }  # fmt: skip


def _is_sensitive(report: NewReport, category: Category | None) -> bool:
    confidential = report.caller is not None and report.caller.confidential
    return report.appeal_type == "report" or confidential or (category is not None and category.sensitive)


def _is_anonymous(report: NewReport, actor: Actor) -> bool:
    """Nobody can be called back: an anonymous caller, or a citizen's matter without caller and account."""
    if report.caller is not None:
        return report.caller.anonymous or not report.caller.phone
    return report.channel in CITIZEN_CHANNELS and actor.role != "citizen"


@lru_cache(maxsize=1024)
def _reporter(kind: str, role: str, source: str, anonymous: bool) -> Shared:
    return Shared({"kind": kind, "role": role, "source": source, "anonymous": anonymous})


def _reporter_kind(report: NewReport, actor: Actor) -> str:
    if report.caller is not None or actor.role == "citizen" or report.channel in CITIZEN_CHANNELS:
        return "citizen"
    return {"device": "device", "partner": "partner", "operator": "desk"}.get(actor.role, "grid")


def _sealed_caller(caller: Caller, identity: str, cipher: Cipher) -> dict[str, Any]:
    """Name and phone are sealed before they go anywhere; what is stored in the clear is the masked form."""
    sealed: dict[str, Any] = {"anonymous": caller.anonymous, "confidential": caller.confidential, "name": None, "phone": None}
    if caller.name:
        sealed["name"] = cipher.seal(caller.name, document_id=identity, field="caller.name")
        sealed["name_masked"] = mask_name(caller.name)
    if caller.phone:
        sealed["phone"] = cipher.seal(caller.phone, document_id=identity, field="caller.phone")
        sealed["phone_masked"] = mask_phone(caller.phone)
        sealed["phone_index"] = cipher.blind_index(caller.phone)
    if caller.no_messages:
        sealed["no_messages"] = True
    return sealed
