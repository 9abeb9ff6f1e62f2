"""The registry of organizations as it is kept while the service runs: edited, put on the abnormal list, people named for S.

Every change is one transaction: what it was before and is now (`organization_changes`: who, when, why), the entry itself if it is
still the one that was looked at (`rev`), and the announcement by which all processes build their directory anew. Nothing of a
person stands in the clear: contacts of persons and names are sealed, the record of changes holds what is shown of them.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

import msgspec

from dispatch.actors import Actor
from dispatch.masking import mask_name
from orgs.organizations import Organization, Qualified
from orgs.registering import OWN_FIELDS, difference, errors_of, is_personal, shown_contact
from orgs.store import AREAS, ORGANIZATION_CHANGES, ORGANIZATIONS, document_of, mark_changed, value_of
from storage.client import Database
from storage.errors import Conflict, FieldError, Forbidden, Invalid, NotFound, StaleRev
from storage.fields import FieldCipher

__all__ = ["CONTACT", "NAME", "ChangeView", "OrganizationTaken", "Registry", "RevealedOrganization", "Secret", "sealed_parts"]

CONTACT, NAME = "contact_sealed", "sealed"
MOST_SHOWN = 200


class OrganizationTaken(Conflict):
    """An organization with this code exists; raised by `Registry.create`."""

    code = "organization_taken"


class ChangeView(msgspec.Struct, frozen=True, kw_only=True):
    """One act on an entry: `what` is created, edited, standing, qualified, disqualified or revealed; `fields` what changed."""

    at: datetime
    by: str
    role: str
    what: str
    reason: str = ""
    fields: dict[str, dict[str, Any]] = {}


class RevealedOrganization(msgspec.Struct, frozen=True):
    """What lies sealed: the contact, and the names of the people for sensitive matters by their ids."""

    contact: str
    people: dict[str, str]


class Secret(msgspec.Struct, frozen=True):
    """What of a table's row must be sealed: the contact as it was written, the names of people by their ids."""

    contact: str
    names: dict[str, str] = {}


Change = Callable[[Organization], tuple[Organization, dict[str, Any]]]  # the entry as it will be, and sealed parts to be set


class Registry:
    """The organizations in the database. Who may do what is said by the handlers' permissions; whose entry it is, here."""

    def __init__(self, database: Database, cipher: FieldCipher, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._cipher = cipher
        self._clock = clock

    async def get(self, code: str) -> Organization:
        """Return an organization, of whatever standing. Raises `NotFound`."""
        return value_of(await self._document(code), Organization)

    async def history(self, code: str) -> list[ChangeView]:
        """Return what was done with the entry, newest first."""
        found = await self._database.find(
            ORGANIZATION_CHANGES, {"organization": code}, sort=[("at", -1), ("_id", -1)], limit=MOST_SHOWN
        )
        return [value_of(one, ChangeView) for one in found]

    async def create(self, *, actor: Actor, organization: Organization, key: str | None = None) -> Organization:
        """Add an organization. Raises `Invalid` with all that is wrong, `OrganizationTaken`."""
        shown, sealed = self._with_contact(organization, organization.contact)
        await self._check(shown)
        change = self._record(actor, shown.code, "created", difference(None, shown), "", key)
        if await self._is_done(change):
            return await self.get(shown.code)

        async def write(session: Any) -> None:
            if await self._database.find_one(ORGANIZATIONS, {"_id": shown.code}, projection={"_id": 1}, session=session):
                raise OrganizationTaken(f"the code {shown.code} is taken")
            await self._database.insert_one(ORGANIZATIONS, document_of(shown.code, shown) | sealed, session=session)
            await self._announce(change, session)

        await self._database.run_transaction(write)
        return shown

    async def edit(
        self, *, actor: Actor, code: str, rev: int, changes: Mapping[str, Any], key: str | None = None
    ) -> Organization:
        """Change some fields of an entry that was seen at `rev`.

        Raises `Forbidden` for fields that the actor may not change (a coordinator: hours, capacity, contact of the own one),
        `StaleRev`, `Invalid`, `NotFound`.
        """
        _may_edit(actor, code, changes)

        def change(before: Organization) -> tuple[Organization, dict[str, Any]]:
            after = msgspec.structs.replace(before, **changes)
            return self._with_contact(after, changes["contact"]) if "contact" in changes else (after, {})

        return await self._change(actor, code, rev, "edited", "", change, key)

    async def set_standing(
        self, *, actor: Actor, code: str, rev: int, standing: str, listed: str, reason: str, since: date, until: date | None,
        key: str | None = None,
    ) -> Organization:  # fmt: skip
        """Put an organization on or off the abnormal list, or revoke it, from now on; `since` and `until` are what the list
        says. Raises `StaleRev`, `Invalid`, `NotFound`."""
        if (standing == "abnormal") != bool(listed):
            message = "the list (operation or activity) for abnormal, none otherwise"
            raise Invalid(errors=[FieldError(field="list", code="contradiction", message=message)])
        if until is not None and until < since:
            raise Invalid(errors=[FieldError(field="until", code="days", message=f"a day not before {since}")])
        fields = {
            "standing": standing, "standing_list": listed, "standing_reason": reason, "standing_since": since,
            "standing_until": until,
        }  # fmt: skip

        def change(before: Organization) -> tuple[Organization, dict[str, Any]]:
            return msgspec.structs.replace(before, **fields), {}

        return await self._change(actor, code, rev, "standing", reason, change, key)

    async def qualify(
        self, *, actor: Actor, code: str, rev: int, name: str, trained_until: date, secrecy_on: date, key: str | None = None
    ) -> Organization:
        """Name a person for sensitive matters. Raises `StaleRev`, `Invalid`, `NotFound`."""
        if trained_until < secrecy_on:
            raise Invalid(errors=[FieldError(field="trained_until", code="days", message=f"a day not before {secrecy_on}")])
        id = secrets.token_hex(6)
        person = Qualified(id=id, shown=mask_name(name), trained_until=trained_until, secrecy_on=secrecy_on)

        def change(before: Organization) -> tuple[Organization, dict[str, Any]]:
            return msgspec.structs.replace(before, qualified=(*before.qualified, person)), {id: self._seal_name(code, id, name)}

        return await self._change(actor, code, rev, "qualified", "", change, key)

    async def disqualify(
        self, *, actor: Actor, code: str, rev: int, person: str, reason: str, key: str | None = None
    ) -> Organization:
        """Take a person off, name and all. Raises `StaleRev`, `NotFound` (also for a person who is not there)."""

        def change(before: Organization) -> tuple[Organization, dict[str, Any]]:
            left = tuple(one for one in before.qualified if one.id != person)
            if len(left) == len(before.qualified):
                raise NotFound
            return msgspec.structs.replace(before, qualified=left), {}

        return await self._change(actor, code, rev, "disqualified", reason, change, key)

    async def reveal(self, *, actor: Actor, code: str, reason: str) -> RevealedOrganization:
        """Return contact and names in the clear; who looked and why is written down first. Raises `NotFound`."""
        document = await self._document(code)
        await self._database.insert_one(ORGANIZATION_CHANGES, self._record(actor, code, "revealed", {}, reason, None))
        sealed = document.get(CONTACT)
        contact = self._cipher.open(sealed, document_id=code, field="contact") if sealed else document["contact"]
        people = {
            one["id"]: self._cipher.open(one[NAME], document_id=code, field=f"person:{one['id']}")
            for one in document.get("qualified", ())
            if NAME in one
        }
        return RevealedOrganization(contact, people)

    async def _change(
        self, actor: Actor, code: str, rev: int, what: str, reason: str, change: Change, key: str | None
    ) -> Organization:
        record = self._record(actor, code, what, {}, reason, key)
        if await self._is_done(record):
            return await self.get(code)

        async def write(session: Any) -> Organization:
            document = await self._document(code, session=session)
            before = value_of(document, Organization)
            if before.rev != rev:
                raise StaleRev(rev=before.rev, state=before.standing)
            after, sealed = change(before)
            after = msgspec.structs.replace(after, rev=rev + 1)
            await self._check(after)
            record["fields"] = difference(before, after)
            await self._database.replace_one(ORGANIZATIONS, {"_id": code}, _merged(document, after, sealed), session=session)
            await self._announce(record, session)
            return after

        return await self._database.run_transaction(write)

    async def _announce(self, record: dict[str, Any], session: Any) -> None:
        await self._database.insert_one(ORGANIZATION_CHANGES, record, session=session)
        await mark_changed(self._database, self._clock(), session)

    async def _document(self, code: str, *, session: Any = None) -> dict[str, Any]:
        found = await self._database.find_one(ORGANIZATIONS, {"_id": code}, session=session)
        if found is None:
            raise NotFound(f"no organization {code}")
        return found

    async def _check(self, organization: Organization) -> None:
        errors = errors_of(organization)
        wanted = list(organization.area_codes)
        known = {one["_id"] for one in await self._database.find(AREAS, {"_id": {"$in": wanted}}, projection={"_id": 1})}
        errors += [FieldError(field="area_codes", code="unknown_area", message=code) for code in wanted if code not in known]
        if errors:
            raise Invalid(errors=errors)

    def _with_contact(self, organization: Organization, contact: str) -> tuple[Organization, dict[str, Any]]:
        shown = msgspec.structs.replace(organization, contact=shown_contact(contact))
        return shown, {CONTACT: seal_contact(self._cipher, organization.code, contact)}

    def _seal_name(self, code: str, id: str, name: str) -> dict[str, Any]:
        return self._cipher.seal(name, document_id=code, field=f"person:{id}")

    def _record(self, actor: Actor, code: str, what: str, fields: dict[str, Any], reason: str, key: str | None) -> dict[str, Any]:
        """The `_id` of an act with an Idempotency-Key follows from it, so that the act is done once."""
        id = secrets.token_hex(12)
        if key is not None:
            id = hashlib.blake2b(f"{actor.id}\0{code}\0{key}".encode(), digest_size=12).hexdigest()
        return {
            "_id": id, "at": self._clock(), "by": actor.id, "role": actor.role, "organization": code, "what": what,
            "reason": reason, "fields": fields,
        }  # fmt: skip

    async def _is_done(self, record: Mapping[str, Any]) -> bool:
        return await self._database.find_one(ORGANIZATION_CHANGES, {"_id": record["_id"]}, projection={"_id": 1}) is not None


def _may_edit(actor: Actor, code: str, changes: Mapping[str, Any]) -> None:
    if actor.role != "org_coordinator":
        return
    others = sorted(set(changes) - OWN_FIELDS)
    if not actor.serves(code) or others:
        fields = [FieldError(field=name, code="keeper_only", message="the registry's keeper changes it") for name in others]
        raise Forbidden(errors=fields)


def seal_contact(cipher: FieldCipher, code: str, contact: str) -> dict[str, Any] | None:
    """Return the sealed contact of a person; None for one that an office may show."""
    return cipher.seal(contact, document_id=code, field="contact") if is_personal(contact) else None


def sealed_parts(cipher: FieldCipher, organization: Organization, secret: Secret | None) -> dict[str, Any]:
    """Return what is stored of a table's entry in place of its own fields: the sealed contact, people with sealed names."""
    if secret is None:
        return {CONTACT: None}
    code, people = organization.code, []
    for person in organization.qualified:
        sealed = cipher.seal(secret.names[person.id], document_id=code, field=f"person:{person.id}")
        people.append(msgspec.to_builtins(person) | {NAME: sealed})
    return {CONTACT: seal_contact(cipher, code, secret.contact), "qualified": people}


def _merged(document: Mapping[str, Any], after: Organization, sealed: Mapping[str, Any]) -> dict[str, Any]:
    """The new document: sealed names stay with their people, the sealed contact stays unless there is another."""
    names = {one["id"]: one[NAME] for one in document.get("qualified", ()) if NAME in one} | dict(sealed)
    made = document_of(after.code, after)
    for person in made["qualified"]:
        if person["id"] in names:
            person[NAME] = names[person["id"]]
    made[CONTACT] = sealed[CONTACT] if CONTACT in sealed else document.get(CONTACT)
    return made
