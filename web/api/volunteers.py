"""The volunteers of an organization by its own numbers: what each has done, the record of one, a certificate of it."""

from __future__ import annotations

from datetime import date, datetime

from dispatch.volunteers import normal_volunteer
from orgs.certificates import Earned
from orgs.volunteers import VolunteerRecord, VolunteerSum, sums_of, volunteer_record
from storage.errors import NotFound
from web.api.awards import LedgerHandler, PeriodQuery, days_of
from web.base import operation
from web.shapes import Items

__all__ = ["VolunteerCertificatePdf", "VolunteerRecordOf", "Volunteers"]


class _VolunteerHandler(LedgerHandler):
    async def record_of(self, code: str, number: str, days: tuple[date, date]) -> VolunteerRecord:
        """Return the record of a volunteer. Raises `NotFound` for one who never served, and for another's organization."""
        await self.name_of(code)
        (since, until), number = self.period(days), normal_volunteer(number)
        entries = await self.services.ledger.entries_of_volunteer(code, number, until)
        if not entries:
            raise NotFound("volunteer")
        return volunteer_record(code, number, entries, since, self.services.city.params.points, self._day)

    def _day(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()


class Volunteers(LedgerHandler):
    """GET /api/v1/organizations/{code}/volunteers."""

    @operation("What each volunteer of an organization has done, by its own numbers", permission="organizations.edit",
               query=PeriodQuery, result=Items[VolunteerSum])  # fmt: skip
    async def get(self, query: PeriodQuery, code: str) -> None:
        """Send tasks and hours by number."""
        await self.name_of(code)
        entries = await self.services.ledger.entries(*self.period(self.days(query)), code)
        self.answer(Items(sums_of(entries)))


class VolunteerRecordOf(_VolunteerHandler):
    """GET /api/v1/organizations/{code}/volunteers/{number}/record."""

    @operation("The record of a volunteer", permission="organizations.edit", query=PeriodQuery, result=VolunteerRecord)
    async def get(self, query: PeriodQuery, code: str, number: str) -> None:
        """Send when, for how long and at what they served."""
        self.answer(await self.record_of(code, number, self.days(query)))


class VolunteerCertificatePdf(_VolunteerHandler):
    """GET /api/v1/organizations/{code}/volunteers/{number}/certificates/{period}.pdf."""

    @operation("A certificate for a volunteer, of a year, a quarter or a month", permission="organizations.edit",
               media="application/pdf")  # fmt: skip
    async def get(self, code: str, number: str, period: str) -> None:
        """Issue it and send the PDF; the organization writes the name in."""
        days = days_of(period)
        name, record = await self.name_of(code), await self.record_of(code, number, days)
        earned = Earned(
            organization=code, volunteer=record.number, tasks=record.tasks, hours=record.hours, stars=record.stars
        )  # fmt: skip
        await self.send_certificate(name, earned, days)
