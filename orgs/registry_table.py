"""Taking over a table of organizations into the registry: a dry run first, errors by row, then only what differs is written.

Organizations that the table does not name stay. What was sealed or named in the service and has no column in the row stays too.
The same table again changes nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from dispatch.actors import Actor
from dispatch.packs import PackReport
from orgs.importing import ToWgs84, read_organizations
from orgs.organizations import Organization
from orgs.registering import difference
from orgs.registry import CONTACT, NAME, Secret, sealed_parts
from orgs.store import AREAS, ORGANIZATION_CHANGES, ORGANIZATIONS, document_of, mark_changed, value_of
from storage.client import Database
from storage.errors import Conflict, FieldError, Invalid
from storage.fields import FieldCipher

__all__ = ["MOST_ROWS", "ChangedMeanwhile", "RegistryTable", "TableOutcome"]

MOST_ROWS = 10_000
KEPT = ("load", "rev", "wkb", "disabled_at")  # no columns of the table


class ChangedMeanwhile(Conflict):
    """Somebody changed entries while a table was taken over; the same table again brings the rest. Raised by `take_over`."""

    code = "changed_meanwhile"


class TableOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a table changes: codes that are new, codes that change and in which fields, how many stay as they are."""

    created: list[str]
    changed: dict[str, list[str]]
    unchanged: int
    applied: bool


class _Row(msgspec.Struct, frozen=True):
    """One entry that is to be written, and as it is now."""

    before: Organization | None
    after: Organization
    fields: dict[str, dict[str, Any]]


class RegistryTable:
    """The registry as a table. Who may take one over is for the caller to say."""

    def __init__(self, database: Database, cipher: FieldCipher, to_wgs84: ToWgs84) -> None:
        self._database = database
        self._cipher = cipher
        self._to_wgs84 = to_wgs84

    async def take_over(self, *, actor: Actor, text: str, apply: bool, now: datetime) -> TableOutcome:
        """Say what the table would change and, with `apply`, change it. Raises `Invalid` with every row that is wrong."""
        found, sealed = await self._read(text)
        codes = [org.code for org in found]
        present = {one["_id"]: one for one in await self._database.find(ORGANIZATIONS, {"_id": {"$in": codes}})}
        rows = [_row(present.get(org.code), org, self._is_other(present.get(org.code), sealed.get(org.code))) for org in found]
        wanted = [row for row in rows if row.fields]
        if apply and wanted:
            await self._write(actor, wanted, sealed, now)
        return TableOutcome(
            created=[row.after.code for row in wanted if row.before is None],
            changed={row.after.code: sorted(row.fields) for row in wanted if row.before is not None},
            unchanged=len(rows) - len(wanted),
            applied=apply,
        )

    def _is_other(self, document: Mapping[str, Any] | None, secret: Secret | None) -> bool:
        """Tell whether what is sealed differs: two numbers may look the same when they are masked."""
        if document is None or secret is None:
            return False
        names = {one["id"]: one.get(NAME) for one in document.get("qualified", ())}
        parts = [(document.get(CONTACT), "contact", secret.contact)]
        parts += [(names.get(id), f"person:{id}", name) for id, name in secret.names.items()]
        return any(
            known is not None and self._cipher.open(known, document_id=document["_id"], field=field) != text
            for known, field, text in parts
        )

    async def _read(self, text: str) -> tuple[tuple[Organization, ...], dict[str, Secret]]:
        areas = {one["_id"] async for one in self._database.iterate(AREAS, {}, projection={"_id": 1})}
        report = PackReport()
        found, sealed = read_organizations(text, report, areas=areas, to_wgs84=self._to_wgs84)
        if report.ok and not 0 < len(found) <= MOST_ROWS:
            raise Invalid(errors=[FieldError(field="csv", code="length", message=f"1 to {MOST_ROWS} rows")])
        report.raise_if_errors()
        return found, sealed

    async def _write(self, actor: Actor, rows: list[_Row], sealed: Mapping[str, Secret], now: datetime) -> None:
        """What is written down first tells of a change that may fail for an entry that somebody changed meanwhile; the caller
        hears of it, and the same table again makes it true."""
        await self._database.insert_many(ORGANIZATION_CHANGES, [_record(actor, row, now) for row in rows])
        documents = [(row, document_of(row.after.code, row.after)) for row in rows]
        for row, document in documents:
            secret = sealed.get(row.after.code)
            document.update(sealed_parts(self._cipher, row.after, secret) if secret or row.before is None else {})
        new = [document for row, document in documents if row.before is None]
        taken = await self._database.insert_many(ORGANIZATIONS, new)
        updates = [(_seen(row.before), {"$set": _set(row, document)}) for row, document in documents if row.before is not None]
        matched = await self._database.bulk_update(ORGANIZATIONS, updates)
        await mark_changed(self._database, now)
        if taken or matched < len(updates):
            raise ChangedMeanwhile(missed=len(taken) + len(updates) - matched)


def _row(document: Mapping[str, Any] | None, after: Organization, is_other: bool) -> _Row:
    before = None if document is None else value_of(document, Organization)
    if before is not None:
        kept = {name: getattr(before, name) for name in KEPT}
        if not after.qualified:
            kept["qualified"] = before.qualified
        after = msgspec.structs.replace(after, **kept)
    fields = difference(before, after)
    if is_other:  # what is shown of them is the same
        fields = {"contact": _unseen(after.contact), "qualified": _unseen(None)} | fields
    return _Row(before, msgspec.structs.replace(after, rev=(before.rev if before else 0) + 1), fields)


def _unseen(shown: str | None) -> dict[str, Any]:
    return {"before": shown, "after": shown}


def _seen(before: Organization) -> dict[str, Any]:
    """The entry as long as nobody has changed it; one of an earlier version of the program has no `rev`."""
    return {"_id": before.code, "rev": before.rev or {"$in": [0, None]}}


def _set(row: _Row, document: Mapping[str, Any]) -> dict[str, Any]:
    """Only what differs, so that sealed names of people whom the table does not name stay."""
    names = {*row.fields, "rev", *(("contact_sealed",) if "contact_sealed" in document else ())}
    return {name: document[name] for name in names}


def _record(actor: Actor, row: _Row, now: datetime) -> dict[str, Any]:
    what = "created" if row.before is None else "edited"
    return {
        "_id": secrets.token_hex(12), "at": now, "by": actor.id, "role": actor.role, "organization": row.after.code,
        "what": what, "reason": "table", "fields": row.fields,
    }  # fmt: skip
