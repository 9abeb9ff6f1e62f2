"""Duty rosters: who with a role is on duty for a place at a time, nearest area first. Pure.

A row says: this person, in these areas, on these weekdays and hours, between these days (both counted); the substitute stands
behind. Somebody of the role without any row is on duty always in the areas of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from orgs.hours import Hours, is_open, parse
from orgs.people import Person

__all__ = ["Duty", "Roster"]

EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)
WATCHING = ("dispatcher", "supervisor")  # who is called when danger is not answered (domain.md §2.8)


class Duty(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `roster.csv`: weekdays 1 (Monday) to 7, hours as `22:00-06:00`; empty means always. Local time of the city."""

    username: str
    area_codes: tuple[str, ...] = ()
    weekdays: tuple[int, ...] = ()
    hours: str = ""
    first_day: date | None = None
    last_day: date | None = None
    substitute: str = ""

    def holds(self, local: datetime) -> bool:
        """Tell whether the duty is on at a local time. After midnight a night duty still belongs to the day that it began."""
        spans: Hours = parse(self.hours)
        minute = local.hour * 60 + local.minute
        if not is_open(spans, minute):
            return False
        began_yesterday = any(start > end and minute < end for start, end in spans)
        day = local.date() - timedelta(days=began_yesterday)
        if (self.first_day and day < self.first_day) or (self.last_day and day > self.last_day):
            return False
        return day.isoweekday() in (self.weekdays or EVERY_DAY)


class Roster:
    """People and duties by role and area; immutable once built."""

    def __init__(self, people: Iterable[Person], duties: Iterable[Duty], timezone: ZoneInfo) -> None:
        self._zone = timezone
        known = {person.username: person for person in people}
        self._by_area: dict[tuple[str, str], list[tuple[str, Duty | None]]] = {}
        listed: set[str] = set()
        for duty in duties:
            person = known.get(duty.username)
            if person is not None:
                listed.add(person.username)
                self._add(person.role, duty.area_codes or person.area_codes or ("",), duty.username, duty)
        for person in known.values():
            if person.username not in listed:
                self._add(person.role, person.area_codes or ("",), person.username, None)

    def on_duty(self, role: str, codes: Sequence[str], at: datetime) -> tuple[str, ...]:
        """Return the usernames on duty for a place with these area codes (widest first), nearest area first, each once.

        People without any area serve everywhere and come last.
        """
        local = at.astimezone(self._zone)
        found: dict[str, None] = {}
        for code in (*reversed(codes), ""):
            for username, duty in self._by_area.get((role, code), ()):
                if duty is None or duty.holds(local):
                    found.setdefault(username)
                    if duty is not None and duty.substitute:
                        found.setdefault(duty.substitute)
        return tuple(found)

    def watch(self, codes: Sequence[str], at: datetime) -> tuple[str, ...]:
        """Return who watches over exactly these areas at this instant: the dispatchers and supervisors on duty there; while
        nobody is, those who stand in for them; where nobody does, all supervisors of the areas. People without any area have the
        code `""`.
        """
        local = at.astimezone(self._zone)
        posts = [post for role in WATCHING for code in codes for post in self._by_area.get((role, code), ())]
        on_duty = [username for username, duty in posts if duty is None or duty.holds(local)]
        standing_in = [duty.substitute for _, duty in posts if duty is not None and duty.substitute]
        supervisors = [username for code in codes for username, _ in self._by_area.get(("supervisor", code), ())]
        return tuple(dict.fromkeys(on_duty or standing_in or supervisors))

    def _add(self, role: str, areas: Sequence[str], username: str, duty: Duty | None) -> None:
        for area in areas:
            self._by_area.setdefault((role, area), []).append((username, duty))
