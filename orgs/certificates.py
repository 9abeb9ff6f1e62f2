"""Certificates of what an organization, or a volunteer of it, has done in a period, with a code by which anybody can check them.

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
from orgs.ledger import Entry, Ledger
from orgs.store import CERTIFICATES, value_of
from orgs.volunteers import hours_of
from storage.client import Database
from storage.errors import HeyunError, NotFound

__all__ = ["Certificate", "CertificateUnknown", "Certificates", "Checked", "Earned", "NothingConfirmed"]

CODE_BYTES = 10


class CertificateUnknown(NotFound):
    """No certificate has this code; raised by `Certificates.check`."""

    code = "certificate_unknown"


class NothingConfirmed(HeyunError):
    """The organization has no confirmed help in the period, so there is nothing to certify. Raised by `Certificates.issue`."""

    status = 409
    code = "nothing_confirmed"


class Earned(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be certified of an organization, or of the one `volunteer` of it whose number this is; no points are earned by
    single volunteers."""

    organization: str
    volunteer: str = ""
    tasks: int
    hours: float
    points: int = 0
    stars: int


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """What a certificate says. The period is half-open; `first_day` and `last_day` are its days, both counted.
    `volunteer` is the number of whom it is of, empty where it is of the organization, and `name` that of the organization."""

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
    volunteer: str = ""


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
    volunteer: str = ""


class Certificates:
    """Issues and checks certificates. Who may ask for one is for the caller to say."""

    def __init__(self, database: Database, ledger: Ledger, secret: bytes, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._ledger = ledger
        self._secret = secret
        self._clock = clock

    async def issue(
        self, *, actor: Actor, name: str, earned: Earned, days: tuple[date, date], period: tuple[datetime, datetime], city: str
    ) -> Certificate:
        """Return the certificate of what was earned; the same of the same period is the same certificate. Raises
        `NothingConfirmed`."""
        if not earned.tasks:
            raise NothingConfirmed
        code = self._code(city, earned, days)
        made = Certificate(
            code=code, number=f"{city}-{days[0]:%Y%m%d}-{days[1]:%m%d}-{earned.organization}-{code[:4]}", name=name,
            organization=earned.organization, volunteer=earned.volunteer, first_day=days[0], last_day=days[1],
            since=period[0], until=period[1], tasks=earned.tasks, hours=earned.hours, points=earned.points,
            stars=earned.stars, issued_at=self._clock(), issued_by=actor.id,
        )  # fmt: skip
        document = msgspec.to_builtins(made, builtin_types=(datetime,))
        document["_id"] = document.pop("code")
        await self._database.insert_one(CERTIFICATES, document)  # the one that is there already stays
        return await self._find(code)

    async def check(self, code: str) -> Checked:
        """Return what the certificate with this code says, and whether the ledger still says so. Raises `CertificateUnknown`."""
        found = await self._find(code.replace("-", "").upper())
        entries = await self._ledger.entries(found.since, found.until, found.organization)
        hours = [hours for entry in entries if (hours := _certified(entry, found.volunteer)) is not None]
        now = len(hours), round(sum(hours), 2)
        names = [name for name in Checked.__struct_fields__ if name != "holds"]
        return Checked(holds=now >= (found.tasks, found.hours), **{name: getattr(found, name) for name in names})

    async def _find(self, code: str) -> Certificate:
        found = await self._database.find_one(CERTIFICATES, {"_id": code})
        if found is None:
            raise CertificateUnknown
        return value_of(found | {"code": found["_id"]}, Certificate)

    def _code(self, city: str, earned: Earned, days: tuple[date, date]) -> str:
        said = f"{city}\0{earned.organization}\0{days[0]}\0{days[1]}\0{earned.tasks}\0{earned.hours}\0{earned.points}"
        if earned.volunteer:
            said += f"\0{earned.volunteer}\0{earned.stars}"
        digest = hmac.digest(self._secret, said.encode(), "sha256")[:CODE_BYTES]
        return base64.b32encode(digest).decode()


def _certified(entry: Entry, volunteer: str) -> float | None:
    """The hours of an entry that count for a certificate, None where it does not."""
    if volunteer:
        return hours_of(entry, volunteer) or None
    return entry.hours if entry.outcome == "confirmed" else None
