"""Whatever happens to a case, it is due when the calendar says; and when the calendar changes, one recount makes it so again."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from dispatch import engine
from dispatch.calendar import CalendarDay, WorkCalendar
from dispatch.recounting import moved_dues
from tests.dispatch.test_life import Life

LIVES, STEPS = 12, 60


class LifeByTheCalendar(Life):
    """A life in which the calendar changes, and every change is applied."""

    @rule(day=st.integers(0, 40), kind=st.sampled_from(["holiday", "workday"]))
    def change_the_calendar(self, day: int, kind: str) -> None:
        listed = CalendarDay(date(2026, 11, 23) + timedelta(days=day), kind)  # type: ignore[arg-type]
        self.rules.calendar = WorkCalendar([listed])
        if self.case["live"]["open"] and moved_dues(self.case, self.rules):
            self._apply(engine.system_step(self.case, self.now, self.rules, "recompute", {"run": "r"}))

    @invariant()
    def is_due_as_the_calendar_says(self) -> None:
        if self.case and self.case["live"]["open"]:
            assert moved_dues(self.case, self.rules) == [], " ".join(self._told())


class TestLifeByTheCalendar(LifeByTheCalendar.TestCase):  # type: ignore[name-defined, misc]
    """Played a few times over."""

    settings = settings(max_examples=LIVES, stateful_step_count=STEPS, deadline=None, suppress_health_check=list(HealthCheck))
