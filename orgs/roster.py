"""Duty rosters: who with a role is on duty for a place at a time, nearest area first. Pure.

A row says: this person, in these areas, on these weekdays and hours, between these days (both counted); the substitute stands
behind. Somebody of the role without any row is on duty always in the areas of their own. A row of the kind `leave` says the
opposite: the person is away then, and the substitute alone answers in their place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from orgs.hours import Hours, is_open, parse
from orgs.people import Person

__all__ = ["Duty", "Post", "Roster", "RowKind", "Standing"]

EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)
WATCHING = ("dispatcher", "supervisor")  # who is called when danger is not answered (domain.md §2.8)
WEEK = 7
RowKind = Literal["duty", "leave"]


class Duty(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `roster.csv`: weekdays 1 (Monday) to 7, hours as `22:00-06:00`; empty means always. Local time of the city."""

    username: str
    area_codes: tuple[str, ...] = ()
    weekdays: tuple[int, ...] = ()
    hours: str = ""
    first_day: date | None = None
    last_day: date | None = None
    substitute: str = ""
    kind: RowKind = "duty"

    def holds(self, local: datetime) -> bool:
        """Tell whether the row is on at a local time. After midnight a night duty still belongs to the day that it began."""
        spans: Hours = parse(self.hours)
        minute = local.hour * 60 + local.minute
        if not is_open(spans, minute):
            return False
        began_yesterday = any(start > end and minute < end for start, end in spans)
        day = local.date() - timedelta(days=began_yesterday)
        if (self.first_day and day < self.first_day) or (self.last_day and day > self.last_day):
            return False
        return day.isoweekday() in (self.weekdays or EVERY_DAY)

    def turns(self, local: datetime) -> Iterator[datetime]:
        """Give the local times after this one at which the row may begin or end to hold: those of the next week, and of the
        week from its first day and behind its last one."""
        minutes = {0, *(minute for span in parse(self.hours) for minute in span)}
        begins = {local.date(), *(day for day in (self.first_day, self.last_day) if day and day >= local.date())}
        for first in begins:
            for day in range(WEEK + 2):
                midnight = datetime.combine(first + timedelta(days=day), time(), local.tzinfo)
                yield from (turn for minute in minutes if (turn := midnight + timedelta(minutes=minute)) > local)


class Post(msgspec.Struct, frozen=True):
    """Somebody on duty: for which of the areas asked for, in whose stead (empty: their own duty), and whether they only stand
    behind another who is there."""

    username: str
    area: str
    instead_of: str = ""
    behind: bool = False


class Standing(msgspec.Struct, frozen=True):
    """How somebody stands at an instant: where they are on duty (or only behind another), and who stands in for them."""

    posts: tuple[Post, ...]
    replaced_by: tuple[str, ...]


class Roster:
    """People and duties by role and area; immutable once built."""

    def __init__(self, people: Iterable[Person], duties: Iterable[Duty], timezone: ZoneInfo) -> None:
        self._zone = timezone
        self._known = {person.username: person for person in people}
        self._by_area: dict[tuple[str, str], list[tuple[str, Duty | None]]] = {}
        self._leaves: dict[str, list[Duty]] = {}
        self._backed: dict[str, list[tuple[Duty, tuple[str, ...]]]] = {}  # by substitute: the rows that name them, the areas
        areas: dict[str, tuple[str, ...]] = {}  # where each person of the rows works
        rows = [(person, duty) for duty in duties if (person := self._known.get(duty.username)) is not None]
        for person, duty in rows:
            if duty.kind == "duty":
                own = duty.area_codes or person.area_codes
                self._add(person.role, own or ("",), duty.username, duty)
                areas[duty.username] = tuple(dict.fromkeys((*areas.get(duty.username, ()), *own)))
        for person in self._known.values():
            if person.username not in areas:
                self._add(person.role, person.area_codes or ("",), person.username, None)
        for person, duty in rows:
            if duty.kind == "leave":
                self._leaves.setdefault(duty.username, []).append(duty)
                self._back(person, duty, areas.get(duty.username) or person.area_codes)
            else:
                self._back(person, duty, duty.area_codes or person.area_codes)
        self._own = areas

    def on_duty(self, role: str, codes: Sequence[str], at: datetime, *, behind: bool = True) -> tuple[str, ...]:
        """Return the usernames on duty for a place with these area codes (widest first), nearest area first, each once.

        People without any area serve everywhere and come last. Of somebody who is away only the substitute is there. `behind`
        False leaves out who only stands behind somebody who is there.
        """
        return tuple(post.username for post in self.posts(role, codes, at) if behind or not post.behind)

    def posts(self, role: str, codes: Sequence[str], at: datetime) -> tuple[Post, ...]:
        """Return who `on_duty` names, each with how they come to be there."""
        local = at.astimezone(self._zone)
        found: dict[str, Post] = {}
        for code in (*reversed(codes), ""):
            for username, duty in self._by_area.get((role, code), ()):
                if duty is None or duty.holds(local):
                    for post in self._standing(username, duty, code, local):
                        found.setdefault(post.username, post)
        return tuple(found.values())

    def next_change(self, role: str, codes: Sequence[str], at: datetime) -> datetime | None:
        """Return the first instant after `at` at which others are on duty, or None where the rows foresee no change."""
        local = at.astimezone(self._zone)
        now = self.posts(role, codes, at)
        turns = sorted({turn for row in self._rows_about(role, codes) for turn in row.turns(local)})
        return next((turn for turn in turns if self.posts(role, codes, turn) != now), None)

    def standing(self, username: str, at: datetime) -> Standing:
        """Return how somebody stands at an instant, in the areas of their own and those of whom they may stand in for. Somebody
        unknown stands nowhere."""
        person = self._known.get(username)
        local = at.astimezone(self._zone)
        found: dict[Post, None] = {}
        for code in self._reach(username, local):
            for name, duty in self._by_area.get((person.role, code), ()) if person else ():
                if duty is None or duty.holds(local):
                    found |= dict.fromkeys(self._standing(name, duty, code, local))
        mine = tuple(post for post in found if post.username == username)
        return Standing(mine, tuple(dict.fromkeys(post.username for post in found if post.instead_of == username)))

    def next_standing(self, username: str, at: datetime) -> datetime | None:
        """Return the first instant after `at` at which somebody stands otherwise, or None where the rows foresee no change."""
        person = self._known.get(username)
        local = at.astimezone(self._zone)
        now = self.standing(username, at)
        rows = [row for code in self._reach(username, local) for row in self._rows_about(person.role if person else "", (code,))]
        rows += [row for row, _ in self._backed.get(username, ())]
        turns = sorted({turn for row in rows for turn in row.turns(local)})
        return next((turn for turn in turns if self.standing(username, turn) != now), None)

    def acting_for(self, username: str, at: datetime) -> str | None:
        """Return who does somebody's work at an instant: themselves, while they are away who stands in; None when nobody does."""
        return self._acting(username, at.astimezone(self._zone)) or None

    def lent_areas(self, username: str, at: datetime) -> tuple[str, ...]:
        """Return the areas in which somebody stands in, at an instant, for colleagues of their own role who are away."""
        if username not in self._backed:
            return ()
        return tuple(self._lent(username, at.astimezone(self._zone), {username}))

    def watch(self, codes: Sequence[str], at: datetime) -> tuple[str, ...]:
        """Return who watches over exactly these areas at this instant: the dispatchers and supervisors on duty there; while
        nobody is, those who stand in for them; where nobody does, all supervisors of the areas. People without any area have the
        code `""`.
        """
        local = at.astimezone(self._zone)
        rows = [post for role in WATCHING for code in codes for post in self._by_area.get((role, code), ())]
        on_duty = [acting for name, duty in rows if duty is None or duty.holds(local) if (acting := self._acting(name, local))]
        standing_in = [duty.substitute for _, duty in rows if duty is not None and duty.substitute]
        supervisors = [username for code in codes for username, _ in self._by_area.get(("supervisor", code), ())]
        return tuple(dict.fromkeys(on_duty or standing_in or supervisors))

    def _reach(self, username: str, local: datetime) -> tuple[str, ...]:
        """The areas where somebody may be on duty: their own, those lent to them, those of rows that name them."""
        person = self._known.get(username)
        own = self._own.get(username) or (person.area_codes if person else ()) or ("",)
        named = (code for _, codes in self._backed.get(username, ()) for code in codes or ("",))
        return tuple(dict.fromkeys((*own, *named, *self._lent(username, local, {username}))))

    def _standing(self, username: str, duty: Duty | None, code: str, local: datetime) -> Iterator[Post]:
        """Whoever holds the duty and who stands behind them; while they are away who stands in for them."""
        behind = self._acting(duty.substitute, local) if duty is not None and duty.substitute else ""
        acting = self._acting(username, local) if self._leaves else username
        if acting == username:
            yield Post(username, code)
            if behind:
                yield Post(behind, code, behind=True)
        elif acting or behind:
            yield Post(acting or behind, code, instead_of=username)

    def _acting(self, username: str, local: datetime) -> str:
        """Follow leaves to whoever is there; empty where they lead to nobody, or in a circle."""
        seen: set[str] = set()
        while username and username not in seen:
            leave = next((row for row in self._leaves.get(username, ()) if row.holds(local)), None)
            if leave is None:
                return username
            seen.add(username)
            username = leave.substitute
        return ""

    def _lent(self, username: str, local: datetime, seen: set[str]) -> dict[str, None]:
        """Who stands in for somebody stands in for all whom that one would stand in for."""
        found: dict[str, None] = {}
        for row, codes in self._backed.get(username, ()):
            if row.username not in seen and row.holds(local) and self._is_lent(row, local):
                seen.add(row.username)
                found |= dict.fromkeys(codes)
                if row.kind == "leave":
                    found |= self._lent(row.username, local, seen)
        return found

    def _is_lent(self, row: Duty, local: datetime) -> bool:
        """Who only stands behind a duty takes over when its holder is away and has named nobody else."""
        return row.kind == "leave" or not self._acting(row.username, local)

    def _rows_about(self, role: str, codes: Sequence[str]) -> Iterator[Duty]:
        """All rows on which it depends who is on duty there."""
        reached: set[str] = set()
        for code in (*codes, ""):
            for username, duty in self._by_area.get((role, code), ()):
                reached.add(username)
                if duty is not None:
                    reached.add(duty.substitute)
                    yield duty
        waiting = list(reached)
        while waiting:
            for leave in self._leaves.get(waiting.pop(), ()):
                yield leave
                if leave.substitute not in reached:
                    reached.add(leave.substitute)
                    waiting.append(leave.substitute)

    def _back(self, person: Person, duty: Duty, areas: tuple[str, ...]) -> None:
        substitute = self._known.get(duty.substitute)
        if substitute is not None and substitute.role == person.role:
            self._backed.setdefault(duty.substitute, []).append((duty, areas))

    def _add(self, role: str, areas: Sequence[str], username: str, duty: Duty | None) -> None:
        for area in areas:
            self._by_area.setdefault((role, area), []).append((username, duty))
