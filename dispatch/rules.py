"""The rules of one city in one value: its territory, parties, catalogue, calendar and limits, as they are now.

Snapshots are swapped whole by replacing attributes; whoever decides reads them once. No I/O.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

import msgspec

from dispatch.calendar import WorkCalendar
from dispatch.clocks import (
    LightRules,
    Limit,
    LimitChoice,
    LimitTable,
    Thresholds,
    capped_by_law,
    choose_limit,
    due_at,
    limit_for,
    thresholds,
)
from dispatch.draws import NO_SAMPLING, Sampling
from dispatch.joint import NO_TEMPLATES, JointTemplates
from dispatch.learning.ordering import Learned
from dispatch.limits import DEFAULT_BOUNDS, Bounds
from dispatch.model import AreaRef, Campaign, Category, Place, Point
from dispatch.ports import Directory, Locator

__all__ = ["Categories", "Clock", "Rules", "TextSignals", "is_safe", "place_of", "placed"]

Clock = dict[str, Any]

RETURN_WITHIN = Limit(1, "wd")  # domain.md T18
LEAST_REWORK = Limit(4, "wh")  # domain.md T38
REDO_LIMIT = Limit(5, "wd")  # domain.md T40


_EARLY, _LATE = timedelta(milliseconds=1), timedelta(milliseconds=999)


class _Marks(NamedTuple):
    """What clocks begun within one second share: the due time of one begun 1 ms into it, whether the due time moves with the
    start, the thresholds."""

    due: datetime
    moves: bool
    lights: Thresholds


class Categories(Protocol):
    """The catalogue as the core asks it."""

    def get(self, code: str) -> Category | None:
        """Return the category with this code, or None."""

    def all(self) -> tuple[Category, ...]:
        """Return the categories in use, by code."""


class Proposal(Protocol):
    """One proposed category with its score and the words that speak for it."""

    code: str
    score: float
    words: tuple[str, ...]


class TextSignals(Protocol):
    """What a text gives away."""

    def propose_category(self, text: str) -> Sequence[Any]:
        """Return proposals, best first."""

    def emergency_words(self, text: str) -> tuple[str, ...]:
        """Return the words of danger that the text holds."""


@dataclass(slots=True)
class Rules:
    """Everything that a decision about a case asks besides the case itself."""

    locator: Locator
    directory: Directory
    catalogue: Categories
    calendar: WorkCalendar
    limits: LimitTable
    signals: TextSignals
    lights: LightRules
    bounds: Bounds = DEFAULT_BOUNDS
    confident: float = 0.35
    sampling: Sampling = NO_SAMPLING
    draw_secret: bytes = b""
    joint_templates: JointTemplates = NO_TEMPLATES
    learned: Learned | None = None
    case_prefix: str = "GY"
    timezone: str = "Asia/Shanghai"
    _instant: tuple[datetime | None, datetime] = (None, datetime.min)  # clocks of one write begin together
    _second: tuple[datetime | None, WorkCalendar | None] = (None, None)
    _known: dict[tuple[Limit, str | None], _Marks] = field(default_factory=dict)
    _choices: dict[tuple[str | None, str, str, bool], tuple[Category | None, LimitTable, LimitChoice]] = field(
        default_factory=dict
    )

    def category_of(self, case: dict[str, Any]) -> Category | None:
        """Return the category of a case as the catalogue has it now."""
        found = case["category"]
        return None if found is None else self.catalogue.get(found["code"])

    def needs_check(self, case: dict[str, Any]) -> bool:
        """Tell whether the category asks for a check on site before closure (flag K or a kind of check)."""
        category = self.category_of(case)
        return category is not None and ("K" in category.flags or category.check not in ("none", ""))

    def on_duty(self, role: str, case: dict[str, Any], now: datetime) -> tuple[str, ...]:
        """Return who is on duty with a role where the case lies."""
        return self.directory.on_duty(role, place_of(case), now)

    def walkers(self, case: dict[str, Any], now: datetime) -> tuple[str, ...]:
        """Return who can be sent where the case lies, nearest first: the grid workers on duty, for those away who stands in;
        while there is nobody, the leads of the grids."""
        place = place_of(case)
        found = self.directory.on_duty("grid_worker", place, now, behind=False)
        return found or self.directory.on_duty("grid_lead", place, now, behind=False)

    def node_limit(self, case: dict[str, Any], node: str) -> Limit | None:
        """Return the limit of a step of this case, None where none runs."""
        live = case["live"]
        return limit_for(self.category_of(case), live["urgency"], case["appeal_type"], node, table=self.limits)

    def case_limit(self, case: dict[str, Any]) -> Limit:
        """Return the limit of the case clock where nobody sets another."""
        return self.limit_choice(case).limit

    def limit_choice(self, case: dict[str, Any]) -> LimitChoice:
        """Return the limit of the case clock where nobody sets another, and what decided it."""
        special = case.get("special_group") is not None
        category, urgency = self.category_of(case), case["live"]["urgency"]
        zone = self.campaign_of(case)
        if zone is None:
            choice = self._ordinary_choice(category, urgency, case["appeal_type"], special)
        else:
            choice = choose_limit(
                category, urgency, case["appeal_type"], table=self.limits, special_group=special, campaign=Limit.parse(zone.limit)
            )
            if choice.source == "campaign":
                choice = LimitChoice(choice.limit, choice.source, zone.name)
        if urgency == "emergency" and is_safe(case) and (repair := self.node_limit(case, "repair")) is not None:
            choice = LimitChoice(repair, "repair")
        if category is None or not category.law_limit:
            return choice
        return capped_by_law(choice, Limit.parse(category.law_limit), _began(case), self.calendar)

    def _ordinary_choice(self, category: Category | None, urgency: str, appeal_type: str, special: bool) -> LimitChoice:
        """The choice outside all campaigns: few are there, each asked for by many reports."""
        key = (category.code if category is not None else None, urgency, appeal_type, special)
        known = self._choices.get(key)
        if known is None or known[0] is not category or known[1] is not self.limits:
            choice = choose_limit(category, urgency, appeal_type, table=self.limits, special_group=special)
            known = self._choices[key] = category, self.limits, choice
        return known[2]

    def campaign_of(self, case: dict[str, Any]) -> Campaign | None:
        """Return the campaign in whose zone a case was reported in its time, of several the one with the shortest limit."""
        lon, lat = case["place"]["lon"], case["place"]["lat"]
        around = self.locator.campaigns_at(lon, lat) if lon is not None else ()
        if not around:
            return None
        day, category = self.calendar.local_date(case["live"]["reported_at"]), case["live"]["category"]
        found = [campaign for campaign in around if campaign.holds(category, day)]
        return min(found, key=lambda campaign: Limit.parse(campaign.limit).nominal_minutes, default=None)

    def law_limit(self, case: dict[str, Any]) -> Limit | None:
        """Return what the law allows for a case at most; None for the many of which it says nothing."""
        category = self.category_of(case)
        return Limit.parse(category.law_limit) if category is not None and category.law_limit else None

    def unit_hours(self, code: str | None) -> str | None:
        """Return the working hours of a unit where it has its own, None where it keeps the city's."""
        own = self.directory.unit_hours(code) if code else ""
        return own if own and own != self.calendar.hours else None

    def clock(self, kind: str, limit: Limit, start: datetime, *, hours: str | None = None) -> Clock:
        """Return a running clock with the instants at which its light changes."""
        due, lights = self._marks(limit, start, hours)
        clock = _clock(kind, limit, start, due, lights)
        if hours is not None:
            clock["hours"] = hours
        return clock

    def case_clock(self, choice: LimitChoice, start: datetime) -> Clock:
        """Return the citizen's clock, running by the city's hours; it keeps what decided its limit (`source`)."""
        clock = self.clock("case", choice.limit, start)
        clock["source"] = choice.source
        if choice.zone:
            clock["zone"] = choice.zone
        return clock

    def _marks(self, limit: Limit, start: datetime, hours: str | None) -> tuple[datetime, Thresholds]:
        """The due time, and the thresholds of lights to the whole second of the start: the same for all cases of that second,
        so counted once.

        Periods begin and end at whole seconds: inside a second (its very beginning apart) the due time either moves with the
        start or stands still.
        """
        if start is not self._instant[0]:
            self._instant = start, start.replace(microsecond=0)
        second = self._instant[1]
        if start == second:
            due = due_at(start, limit, self.calendar, hours)
            return due, thresholds(start, due, limit, self.calendar, hours, rules=self.lights)
        if second != self._second[0] or self.calendar is not self._second[1]:
            self._second = (second, self.calendar)
            self._known.clear()
        found = self._known.get((limit, hours))
        if found is None:
            found = self._known[limit, hours] = self._marks_within(second, limit, hours)
        return found.due + (start - second - _EARLY) if found.moves else found.due, found.lights

    def _marks_within(self, second: datetime, limit: Limit, hours: str | None) -> _Marks:
        early, late = (due_at(second + part, limit, self.calendar, hours) for part in (_EARLY, _LATE))
        lights = thresholds(second, early, limit, self.calendar, hours, rules=self.lights)
        return _Marks(early, late - early == _LATE - _EARLY, lights)

    def duty_clock(self, kind: str, limit: Limit, now: datetime) -> Clock:
        """Return a clock for somebody who must go there: it begins at the next working instant and runs in working time only."""
        start = self.calendar.next_working(now)
        due = due_at(start, limit, self.calendar)
        if not limit.is_working:
            due = self.calendar.add_worked(start, due - start)
        clock = _clock(kind, limit, start, due, thresholds(start, due, limit, self.calendar, rules=self.lights))
        return clock if limit.is_working else clock | {"on_duty": True}

    def return_until(self, case: dict[str, Any], dispatched_at: datetime) -> datetime:
        """Return until when the lead unit may ask to give the case back."""
        limit = self.node_limit(case, "return_window") or RETURN_WITHIN
        return due_at(dispatched_at, limit, self.calendar)

    def counted_since(self, start: datetime, now: datetime) -> timedelta:
        """Return the working time between two instants."""
        return self.calendar.worked_between(start, now)


def _clock(kind: str, limit: Limit, start: datetime, due: datetime, lights: Thresholds) -> Clock:
    return {
        "kind": kind,
        "limit": str(limit),
        "started_at": start,
        "due_at": due,
        "done_at": None,
        "light": "green",
        "yellow_at": min(lights.yellow_at, due),
        "deep_red_at": lights.deep_red_at,
    }


def _began(case: dict[str, Any]) -> datetime:
    """Since when the time of the case counts: its newest case clock, the report before there is one."""
    starts: list[datetime] = [clock["started_at"] for clock in case["clocks"] if clock["kind"] == "case"]
    return starts[-1] if starts else case["live"]["reported_at"]


def is_safe(case: dict[str, Any]) -> bool:
    """Tell whether the danger on the scene has been removed (`dispatch.scene`)."""
    return bool(case.get("scene")) and case["scene"]["safe_at"] is not None


def place_of(case: dict[str, Any]) -> Place:
    """Rebuild the value that the ports take from a stored place."""
    place = case["place"]
    lon, lat = place["lon"], place["lat"]
    return Place(
        point=None if lon is None else Point(lon, lat),
        accuracy_m=place["accuracy_m"],
        address=place["address"],
        area_path=tuple(AreaRef(item["code"], item["name"], item["level"]) for item in place["path"]),
        special=AreaRef(**place["special"]) if place.get("special") else None,
        management=AreaRef(**place["management"]) if place.get("management") else None,
        boundary_doubt=place["boundary_doubt"],
        doubt=tuple(place["doubt"]),
        asset=place.get("asset"),
        asset_owner=place.get("asset_owner"),
        version=place["version"],
    )


def placed(case: dict[str, Any], locator: Locator) -> Place:
    """Rebuild the place of a case for a match: with the components and linear objects that are near it now (部件先属主)."""
    place = place_of(case)
    if place.point is None or not (near := locator.assets_near(place.point.lon, place.point.lat)):
        return place
    return msgspec.structs.replace(place, assets=near)
