"""The parties' tables of a city pack as registers that people write as well: what of a document the table says, how a row ends,
and what is written down of a change (ADR 21)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from dispatch.pack_merging import End, Row, keys_of
from dispatch.pack_taking import PackTable, Taking, columns_of, register_entry
from orgs.offers import Offer
from orgs.organizations import Organization
from orgs.people import Person
from orgs.registering import difference
from orgs.registry import CONTACT, NAME
from orgs.roster import Duty
from orgs.rules import Rule
from orgs.store import (
    OFFERS,
    ORGANIZATION_CHANGES,
    ORGANIZATIONS,
    PEOPLE,
    ROSTER_CHANGES,
    ROSTERS,
    RULES,
    UNIT_CHANGES,
    UNITS,
    document_of,
    value_of,
)
from orgs.units import Unit
from storage.client import Document
from storage.fields import FieldCipher
from storage.registers import Act

__all__ = ["PEOPLE_TABLE", "ROSTER_TABLE", "UNIT_COLUMNS", "offer_documents", "offers_table", "organizations_table",
           "roster_documents", "rules_table", "units_table"]  # fmt: skip

NOT_OF_THE_TABLE = ("code", "load", "rev", "wkb", "disabled_at", "claimed", "ratings", "rating_sum")
PUBLISHED = ("published", "used_up")  # a pack's offer is published; whether anything is left is not the pack's to say
_NUMBERED = re.compile(r"\d{6}")  # the ids by row number that earlier versions of the program gave
UNIT_COLUMNS = columns_of(Unit, "code", "disabled_at", "origin")
_OFFER = columns_of(Offer, "id", "lon", "lat", "radius_m", "left", "held", "reach", "rev", "updated_at")
_ORGANIZATION = columns_of(Organization, *NOT_OF_THE_TABLE)


def _ends_at(at: float, *, unborn: bool) -> End:
    """A row with a time of its own ends now; one that has ended stays as it is. `unborn` takes out what has not begun."""

    def end(row: Row) -> Row | None:
        if unborn and row["since"] >= at:
            return None
        return row if row["until"] <= at else {**row, "until": max(at, row["since"])}

    return end


def units_table(at: datetime) -> PackTable:
    """Return `units.csv`: a unit that is left out ends, so that old cases still have its name."""
    return PackTable(
        name="units.csv", collection=UNITS, row_of=UNIT_COLUMNS, end=_ends_at(at.timestamp(), unborn=False),
        changes=UNIT_CHANGES, record=register_entry,
    )  # fmt: skip


def rules_table(at: datetime) -> PackTable:
    """Return `rules.csv`, which is written as a version of the rulebook: a rule that is left out ends."""
    end = _ends_at(at.timestamp(), unborn=True)
    return PackTable(name="rules.csv", collection=RULES, row_of=columns_of(Rule, "id", "origin"), end=end, counts_rev=False)


PEOPLE_TABLE = PackTable(
    name="people.csv", collection=PEOPLE, row_of=columns_of(Person, "username"), owned=True, counts_rev=False,
)  # fmt: skip
ROSTER_TABLE = PackTable(
    name="roster.csv", collection=ROSTERS, row_of=columns_of(Duty), label=lambda key, row: f"{row['username']} ({key})",
    changes=ROSTER_CHANGES, record=register_entry,
)  # fmt: skip


async def roster_documents(taking: Taking, duties: Sequence[Duty]) -> list[Document]:
    """Return the documents of a pack's duties, each under the id of the row that it was at the last import."""
    documents = [document_of("", duty) for duty in duties]
    known = await taking.known(ROSTER_TABLE, lambda one: _NUMBERED.fullmatch(one["_id"]) is not None)
    rows = [ROSTER_TABLE.row_of(one) or {} for one in documents]
    keys = keys_of(rows, known, lambda row: f"{row['username']}\0{row['kind']}")
    return [document | {"_id": key} for document, key in zip(documents, keys, strict=True)]


def organizations_table(at: datetime, zone: ZoneInfo, cipher: FieldCipher | None) -> PackTable:
    """Return `organizations.csv`: what is left out takes part until yesterday. Sealed parts are compared by what equal ones
    share, never by what they say."""
    yesterday = (at.astimezone(zone).date() - timedelta(days=1)).isoformat()

    def end(row: Row) -> Row:
        if row["valid_to"] is not None and row["valid_to"] <= yesterday:
            return row
        first = row["valid_from"]
        return {**row, "valid_to": yesterday, "valid_from": first and min(first, yesterday)}

    return PackTable(
        name="organizations.csv", collection=ORGANIZATIONS, row_of=_sealed_row(cipher), end=end,
        is_touched=lambda one: bool(one.get("rev")), changes=ORGANIZATION_CHANGES, record=_organization_entry,
        beside=_sealed_beside,
    )  # fmt: skip


def _sealed_row(cipher: FieldCipher | None) -> Callable[[Document], Row]:
    def mark(code: str, field: str, sealed: dict[str, Any] | None) -> str:
        if sealed is None or cipher is None:
            return ""
        return cipher.blind_index(cipher.open(sealed, document_id=code, field=field))

    def row_of(document: Document) -> Row:
        code, row = document["_id"], dict(_ORGANIZATION(document))
        if sealed := document.get(CONTACT):
            row["contact"] = {"shown": row["contact"], "mark": mark(code, "contact", sealed)}
        if row["qualified"]:
            row["qualified"] = [
                {name: one[name] for name in ("id", "shown", "trained_until", "secrecy_on")}
                | {"mark": mark(code, f"person:{one['id']}", one.get(NAME))}
                for one in row["qualified"]
            ]
        return row

    return row_of


def _sealed_beside(before: Document, new: Document, taken: Collection[str]) -> Document:
    return {CONTACT: new.get(CONTACT)} if "contact" in taken else {}


def _organization_entry(before: Document, after: Document | None, act: Act) -> Document:
    fields = {} if after is None else difference(value_of(before, Organization), value_of(after, Organization))
    if after is not None and before.get(CONTACT) != after.get(CONTACT):  # what is shown of them may be the same
        fields["contact"] = {"before": before["contact"], "after": after["contact"]}
    return _act(act) | {"organization": before["_id"], "what": "edited", "reason": "pack", "fields": fields}


def offers_table() -> PackTable:
    """Return `offers.csv`: an offer that is left out has ended; what is reserved of it stays reserved."""
    return PackTable(
        name="offers.csv", collection=OFFERS, row_of=_offer_row, end=lambda row: {**row, "state": "ended"},
        is_touched=lambda one: bool(one.get("rev")), label=lambda key, row: f"{row['organization']} {row['what']} ({key})",
        changes=ORGANIZATION_CHANGES, record=_offer_entry, beside=_offer_beside, guards=("rev", "left", "state"),
    )  # fmt: skip


async def offer_documents(taking: Taking, offers: Sequence[Offer]) -> list[Document]:
    """Return the documents of a pack's offers, each under the id of the row that it was at the last import."""
    table = offers_table()

    def is_numbered(one: Document) -> bool:
        return _NUMBERED.fullmatch(one["_id"].removeprefix(f"{one['organization']}-")) is not None

    documents = [document_of("", offer) for offer in offers]
    rows = [table.row_of(one) or {} for one in documents]
    known = await taking.known(table, is_numbered)
    keys = keys_of(rows, known, lambda row: f"{row['organization']}\0{row['kind']}\0{row['what']}")
    return [document | {"_id": key, "id": key} for document, key in zip(documents, keys, strict=True)]


def _offer_row(document: Document) -> Row:
    row = _OFFER(document)
    return {**row, "state": "published"} if row["state"] in PUBLISHED else row


def _offer_beside(before: Document, new: Document, taken: Collection[str]) -> Document:
    """What is reserved stays reserved, of however much there is now."""
    fields: Document = {"reach": new["reach"]} if "area_codes" in taken else {}
    old = value_of(before, Offer)
    left = old.still_left
    if "amount" in taken:
        left = fields["left"] = max(0, new["amount"] - (old.amount - left))
    if "state" in taken or ("amount" in taken and old.state in PUBLISHED):
        fields["state"] = "published" if left else "used_up"
    return fields


def _offer_entry(before: Document, after: Document | None, act: Act) -> Document:
    old, new = value_of(before, Offer), None if after is None else value_of(after, Offer)
    names = [] if new is None else [name for name in Offer.__struct_fields__ if getattr(old, name) != getattr(new, name)]
    told, now = msgspec.to_builtins(old), msgspec.to_builtins(new)
    fields = {name: {"before": told[name], "after": now[name]} for name in names if name != "rev"}
    what = "offer_ended" if new is not None and new.state == "ended" else "offer_edited"
    return _act(act) | {"organization": old.organization, "what": what, "reason": old.id, "fields": fields}


def _act(act: Act) -> Document:
    return {"at": act.at, "by": act.by, "role": act.role}
