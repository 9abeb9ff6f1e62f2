"""Whatever happens to a case, it is due when the calendar says; and when the calendar changes, one recount makes it so again."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from dispatch import engine
from dispatch.calendar import CalendarDay, WorkCalendar
from dispatch.recounting import moved_dues
from dispatch.timed import timed_dues
from dispatch.todo import todo_of
from tests.dispatch.test_life import Life

LIVES, STEPS = 12, 60


class LifeByTheCalendar(Life):
    """A life in which the calendar changes, and every change is applied."""

    @rule(days=st.integers(-5, 20), kind=st.sampled_from(["holiday", "workday"]))
    def change_the_calendar(self, days: int, kind: str) -> None:
        listed = CalendarDay(self.now.date() + timedelta(days=days), kind)  # type: ignore[arg-type]
        self.rules.calendar = WorkCalendar([listed])
        self._recount()

    @invariant()
    def is_due_as_the_calendar_says(self) -> None:
        if self.case:
            assert moved_dues(self.case, self.rules) == [], " ".join(self._told())

    @invariant()
    def is_told_then(self) -> None:
        """A timer that is set runs out when its record says, and the list of what waits says the same."""
        set_at = {timer["name"]: timer["at"] for timer in self.case.get("timers") or ()}
        for due in timed_dues(self.case, self.rules.calendar) if self.case else ():
            assert set_at.get(due.timer, due.due_at) == due.due_at, " ".join(self._told())
        assert self.case.get("todo") == (todo_of(self.case) if self.case else None)

    def _recount(self) -> None:
        if moved_dues(self.case, self.rules):
            super()._apply(engine.system_step(self.case, self.now, self.rules, "recompute", {"run": "r"}))

    def _apply(self, decision: engine.Decision) -> None:
        """What ends keeps its due time whatever the calendar says: opened again, it is counted anew."""
        was_open = self.case["live"]["open"]
        super()._apply(decision)
        if self.case["live"]["open"] and not was_open:
            self._recount()


class TestLifeByTheCalendar(LifeByTheCalendar.TestCase):  # type: ignore[name-defined, misc]
    """Played a few times over."""

    settings = settings(max_examples=LIVES, stateful_step_count=STEPS, deadline=None, suppress_health_check=list(HealthCheck))
