"""Certificates of what an organization has done in a period: a number, and a code by which anybody can check one.

The code is an HMAC (80 bits) over what the certificate says, by a key that lies outside the database: it cannot be made up, and
the same certificate asked for twice is one. What was withdrawn later is said by the check (`holds`).
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from datetime import date, datetime

import msgspec

from dispatch.actors import Actor
from orgs.ledger import Ledger, Record
from orgs.store import CERTIFICATES, value_of
from storage.client import Database
from storage.errors import HeyunError, NotFound

__all__ = ["Certificate", "CertificateUnknown", "Certificates", "Checked", "NothingConfirmed"]

CODE_BYTES = 10


class CertificateUnknown(NotFound):
    """No certificate has this code; raised by `Certificates.check`."""

    code = "certificate_unknown"


class NothingConfirmed(HeyunError):
    """The organization has no confirmed help in the period, so there is nothing to certify. Raised by `Certificates.issue`."""

    status = 409
    code = "nothing_confirmed"


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """What a certificate says. The period is half-open; `first_day` and `last_day` are its days, both counted."""

    code: str
    number: str
    organization: str
    name: str
    first_day: date
    last_day: date
    since: datetime
    until: datetime
    tasks: int
    hours: float
    points: int
    stars: int
    issued_at: datetime
    issued_by: str


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What everybody may know of a certificate; `holds` is false when the ledger says other than the certificate by now."""

    number: str
    name: str
    first_day: date
    last_day: date
    tasks: int
    hours: float
    points: int
    stars: int
    issued_at: datetime
    holds: bool


class Certificates:
    """Issues and checks certificates. Who may ask for one is for the caller to say."""

    def __init__(self, database: Database, ledger: Ledger, secret: bytes, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._ledger = ledger
        self._secret = secret
        self._clock = clock

    async def issue(
        self, *, actor: Actor, name: str, record: Record, days: tuple[date, date], period: tuple[datetime, datetime], city: str
    ) -> Certificate:
        """Return the certificate of a record; the same record of the same period is the same certificate. Raises
        `NothingConfirmed`."""
        if not record.tasks:
            raise NothingConfirmed
        code = self._code(city, record, days)
        made = Certificate(
            code=code, number=f"{city}-{days[0]:%Y%m%d}-{days[1]:%m%d}-{record.organization}-{code[:4]}", name=name,
            organization=record.organization, first_day=days[0], last_day=days[1], since=period[0], until=period[1],
            tasks=record.tasks, hours=record.hours, points=record.points, stars=record.stars, issued_at=self._clock(),
            issued_by=actor.id,
        )  # fmt: skip
        document = msgspec.to_builtins(made, builtin_types=(datetime,))
        document["_id"] = document.pop("code")
        await self._database.insert_one(CERTIFICATES, document)  # the one that is there already stays
        return await self._find(code)

    async def check(self, code: str) -> Checked:
        """Return what the certificate with this code says, and whether the ledger still says so. Raises `CertificateUnknown`."""
        found = await self._find(code.replace("-", "").upper())
        entries = await self._ledger.entries(found.since, found.until, found.organization)
        confirmed = [entry for entry in entries if entry.outcome == "confirmed"]
        now = len(confirmed), round(sum(entry.hours for entry in confirmed), 2)
        names = [name for name in Checked.__struct_fields__ if name != "holds"]
        return Checked(holds=now >= (found.tasks, found.hours), **{name: getattr(found, name) for name in names})

    async def _find(self, code: str) -> Certificate:
        found = await self._database.find_one(CERTIFICATES, {"_id": code})
        if found is None:
            raise CertificateUnknown
        return value_of(found | {"code": found["_id"]}, Certificate)

    def _code(self, city: str, record: Record, days: tuple[date, date]) -> str:
        said = f"{city}\0{record.organization}\0{days[0]}\0{days[1]}\0{record.tasks}\0{record.hours}\0{record.points}"
        digest = hmac.digest(self._secret, said.encode(), "sha256")[:CODE_BYTES]
        return base64.b32encode(digest).decode()
