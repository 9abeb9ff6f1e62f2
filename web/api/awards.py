"""What organizations earn: their record, the figures for the registry's keeper, certificates and how anybody checks one."""

from __future__ import annotations

import asyncio
import re
import time
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from orgs.certificate_font import FILES
from orgs.certificate_pdf import pdf_of
from orgs.certificates import CertificateUnknown, Checked, Earned
from orgs.ledger import Evaluation, Record, evaluation_of, record_of
from storage.errors import NotFound
from web.base import ApiHandler, field_error, operation
from web.shapes import Items

__all__ = ["CertificateCheck", "CertificatePdf", "Evaluations", "LedgerHandler", "OrganizationRecord", "PeriodQuery", "days_of"]

PERIOD = re.compile(r"(?P<year>20\d\d)(?:Q(?P<quarter>[1-4])|-(?P<month>0[1-9]|1[0-2]))?")
LONGEST = timedelta(days=370)


class PeriodQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, rename={"first": "from", "last": "to"}):
    """From a day to a day, both counted, at most a year; without them the present year."""

    first: date | None = None
    last: date | None = None


def days_of(period: str) -> tuple[date, date]:
    """Return first and last day of a year, a quarter or a month. Raises `NotFound` for another text.

    >>> [str(day) for day in days_of("2026Q4")], [str(day) for day in days_of("2026-02")]
    (['2026-10-01', '2026-12-31'], ['2026-02-01', '2026-02-28'])
    """
    found = PERIOD.fullmatch(period)
    if found is None:
        raise NotFound
    year, first, months = int(found["year"]), 1, 12
    if found["quarter"]:
        first, months = 3 * int(found["quarter"]) - 2, 3
    elif found["month"]:
        first, months = int(found["month"]), 1
    after = first + months
    end = date(year + (after > 12), after - 12 if after > 12 else after, 1)
    return date(year, first, 1), end - timedelta(days=1)


class LedgerHandler(ApiHandler):
    """What all doors to the ledger have in common."""

    @property
    def zone(self) -> ZoneInfo:
        """The city's zone."""
        return ZoneInfo(self.services.city.timezone)

    def days(self, query: PeriodQuery) -> tuple[date, date]:
        """Return the days that are asked for. Raises `Invalid`."""
        today = self.services.clock().astimezone(self.zone).date()
        first, last = query.first or date(today.year, 1, 1), query.last or date((query.first or today).year, 12, 31)
        if last < first:
            raise field_error("to", "days")
        if last - first > LONGEST:
            raise field_error("to", "range")
        return first, last

    def period(self, days: tuple[date, date]) -> tuple[datetime, datetime]:
        """Return the instants between which these days lie, half-open."""
        first, after = days[0], days[1] + timedelta(days=1)
        return datetime.combine(first, clock_time(), self.zone), datetime.combine(after, clock_time(), self.zone)

    async def name_of(self, code: str) -> str:
        """Return the name of an organization whose ledger may be asked for. Raises `NotFound` for another's."""
        if self.actor.role == "org_coordinator" and not self.actor.serves(code):
            raise NotFound
        return (await self.services.registry.get(code)).name

    async def send_certificate(self, name: str, earned: Earned, days: tuple[date, date]) -> None:
        """Issue the certificate and send it as a PDF; the same figures are the same certificate."""
        services, city = self.services, self.services.city
        certificate = await services.certificates.issue(
            actor=self.actor, name=name, earned=earned, days=days, period=self.period(days), city=city.case_prefix
        )
        base = services.outside.base_url or f"{self.request.protocol}://{self.request.host}"
        address = f"{base}/api/v1/public/certificates/{certificate.code}"
        named = services.settings.certificate_font
        fonts = FILES if named is None else (named, *FILES)
        pdf = await asyncio.to_thread(
            pdf_of, certificate, city=city.name, zone=self.zone, address=address, fonts=fonts
        )  # fmt: skip
        self.set_header("Content-Type", "application/pdf")
        self.set_header("Content-Disposition", f'attachment; filename="{certificate.code}.pdf"')
        self.finish(pdf)

    async def record(self, code: str, days: tuple[date, date]) -> Record:
        """Return what an organization has earned. Raises `NotFound` for another's."""
        await self.name_of(code)
        entries = await self.services.ledger.entries(*self.period(days), code)
        return record_of(code, entries, self.services.city.params.points, self._quarter)

    def _quarter(self, at: datetime) -> str:
        local = at.astimezone(self.zone)
        return f"{local.year}Q{(local.month + 2) // 3}"


class OrganizationRecord(LedgerHandler):
    """GET /api/v1/organizations/{code}/record."""

    @operation("What an organization has earned", permission="organizations.read", query=PeriodQuery, result=Record)
    async def get(self, query: PeriodQuery, code: str) -> None:
        """Send hours, points, both evaluations and thanks."""
        self.answer(await self.record(code, self.days(query)))


class Evaluations(LedgerHandler):
    """GET /api/v1/organizations:evaluation."""

    @operation("Figures of all organizations for their keeper", permission="organizations.evaluate", query=PeriodQuery,
               result=Items[Evaluation])  # fmt: skip
    async def get(self, query: PeriodQuery) -> None:
        """Send them by code; what was declined is not counted."""
        entries = await self.services.ledger.entries(*self.period(self.days(query)))
        self.answer(Items(evaluation_of(entries)))


class CertificatePdf(LedgerHandler):
    """GET /api/v1/organizations/{code}/certificates/{period}.pdf."""

    @operation("A certificate of a year (2026), a quarter (2026Q4) or a month (2026-11)", permission="organizations.read",
               media="application/pdf")  # fmt: skip
    async def get(self, code: str, period: str) -> None:
        """Issue it and send the PDF; the same figures are the same certificate."""
        days = days_of(period)
        name, record = await self.name_of(code), await self.record(code, days)
        earned = Earned(
            organization=code, tasks=record.tasks, hours=record.hours, points=record.points, stars=record.stars
        )  # fmt: skip
        await self.send_certificate(name, earned, days)


class CertificateCheck(ApiHandler):
    """GET /api/v1/public/certificates/{code}."""

    def prepare(self) -> None:
        """Besides what is refused everywhere, refuse whoever has tried too much."""
        super().prepare()
        self.services.guesses.check(self.request.remote_ip or "", time.monotonic())

    def problem(self, error: Any) -> None:
        """Send an error; count one that may be a guess."""
        if isinstance(error, CertificateUnknown):
            self.services.guesses.add(self.request.remote_ip or "", time.monotonic())
        super().problem(error)

    @operation("Check a certificate by its code", permission=None, result=Checked)
    async def get(self, code: str) -> None:
        """Send what it says and whether that still holds."""
        self.answer(await self.services.certificates.check(code))
