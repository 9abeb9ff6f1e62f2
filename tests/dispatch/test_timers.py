"""Timers of a case: the system acts when they run out, once, in the order of their instants, whatever was missed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from dispatch import engine
from dispatch.actors import SYSTEM
from dispatch.step import Step
from storage.client import Database
from tests.dispatch.town import CLERK, START, WALKER, Player, event, new_key, open_service, rules, whole


def with_timers(case: dict[str, Any], *timers: tuple[str, int, str]) -> dict[str, Any]:
    """Return the case with timers (name, minutes from the start, action) as a step sets them."""
    step = Step(case, SYSTEM, START, rules(), None, "")
    for name, minutes, action in timers:
        step.set_timer(name, START + timedelta(minutes=minutes), action)
    step.settle()
    return step.case


@pytest.fixture
async def filed(database) -> dict[str, Any]:
    """A case that waits for a dispatcher."""
    service = await open_service(database)
    filed = await service.report(actor=WALKER, present=whole, report=event(category="0501"), key=new_key())
    case = await service.store.find(filed.id)
    assert case is not None and case["live"]["state"] == "filed"
    return case


async def test_timer_when_set_is_looked_at_in_time(filed: dict[str, Any]) -> None:
    assert with_timers(filed, ("soon", 1, "auto_dispatch"))["next_light_at"] == START + timedelta(minutes=1)


async def test_timer_when_set_anew_or_taken_back_is_there_once_or_not_at_all(filed: dict[str, Any]) -> None:
    step = Step(with_timers(filed, ("a", 1, "light"), ("b", 2, "light")), SYSTEM, START, rules(), None, "")
    step.set_timer("a", START + timedelta(minutes=9), "light")
    step.stop_timer("b")
    step.stop_timer("none of that name")
    assert [(timer["name"], timer["at"]) for timer in step.case["timers"]] == [("a", START + timedelta(minutes=9))]


async def test_catch_up_when_late_acts_in_order_between_the_lights(database: Database) -> None:
    """The review clock (4 wh) turns yellow after three hours; the timer runs out ten minutes later and ends it."""
    service = await open_service(database)
    filed = await service.report(actor=WALKER, present=whole, report=event(), key=new_key())
    player = Player(service, filed.id)
    for action in ("sign_in", "submit_result"):
        await player.do(CLERK, action)
    handled = await service.store.find(filed.id)
    assert handled is not None
    case = with_timers(handled, ("check", 250, "send_check"))
    decision = engine.catch_up(case, START + timedelta(days=1), rules())
    found = [(entry["action"], entry.get("data", {}).get("light"), entry["to"]) for entry in decision.entries]
    assert found[:2] == [("light", "yellow", "handled"), ("send_check", None, "checking")]
    assert decision.case["live"]["rev"] == case["live"]["rev"] + 1 and decision.case["timers"] == []


async def test_catch_up_when_the_case_has_moved_on_forgets_the_timer(filed: dict[str, Any]) -> None:
    case = with_timers(filed, ("gone", 1, "no such action"))
    decision = engine.catch_up(case, START + timedelta(minutes=2), rules())
    assert decision.case["timers"] == [] and decision.entries == [] and decision.case["live"]["rev"] == case["live"]["rev"]
