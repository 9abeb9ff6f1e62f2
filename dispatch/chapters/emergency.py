"""Danger to life that nobody has signed for, and cases that turn out to be one after they were dispatched (domain.md §2.8)."""

from __future__ import annotations

from datetime import timedelta

from dispatch.agreements import Check
from dispatch.conditions import Condition, Source
from dispatch.effects import Chooser, Effect, call_nearest, territory_of
from dispatch.guards import Guard
from dispatch.scene import HURRIED, ON_SITE, follow_scene
from dispatch.situation import task_units
from dispatch.step import Step
from dispatch.tasks import assist_limit, follow_tasks, give_part

__all__ = ["ALARMS", "CHECKS", "CHOOSERS", "CONDITIONS", "EFFECTS", "FORBIDDING", "GUARDS", "SOURCES"]

# Minutes after the dispatch, and who hears of it besides those before (addresses of dispatch.notices).
ALARMS: tuple[tuple[int, str], ...] = ((5, "unit_leader"), (10, "district_duty"), (15, "city_duty"))
WITH_UNIT = ("dispatched", "handling")


# -- nobody signs


def _watch_over(step: Step) -> None:
    """A unit has it now: what is urgent is waited for on the scene, danger is told to more and more people until somebody
    signs."""
    urgency = step.case["live"]["urgency"]
    if urgency not in HURRIED or step.next_state != "dispatched":
        return
    follow_scene(step)
    if urgency == "emergency":
        _set_alarms(step)


def _set_alarms(step: Step) -> None:
    step.facts["alarms"] = 0
    for number, (minutes, _) in enumerate(ALARMS, 1):
        step.set_timer(f"alarm{number}", step.now + timedelta(minutes=minutes), "alarm")


def _alarm(step: Step) -> None:
    facts = step.facts
    minutes, told = ALARMS[facts["alarms"]]
    facts["alarms"] += 1
    step.data.update(minutes=minutes, told=told)
    if told != "unit_leader" and (called := _watching(step, told)):
        step.data["called"] = list(called)


def _watching(step: Step, duty: str) -> tuple[str, ...]:
    """Who watches over the district, or the city, at this instant; a district without anybody leaves it to the city at once."""
    areas = {area["level"]: area["code"] for area in step.case["place"]["path"]}
    directory, city = step.rules.directory, (areas.get("city", ""), "")
    found = directory.watch((areas["district"],), step.now) if duty == "district_duty" and "district" in areas else ()
    return found or directory.watch(city, step.now)


def _call_to_scene(step: Step) -> None:
    """Whoever watches over the district hears when nobody has come to a danger, or nobody says how it stands."""
    late = step.data["light"] in ("red", "deep_red") and step.data["clock"] in ON_SITE
    if late and step.case["live"]["urgency"] == "emergency" and (called := _watching(step, "district_duty")):
        step.data["called"] = list(called)


def _stop_alarms(step: Step) -> None:
    for number in range(1, len(ALARMS) + 1):
        step.stop_timer(f"alarm{number}")


# -- a case turns out to be one


def _watch_danger(step: Step) -> None:
    """Put down whether this step makes an emergency of what a unit already has; `bring_help` acts when the urgency is set."""
    was, becomes = step.case["live"]["urgency"], step.fields.get("urgency")
    if becomes == "emergency" != was and step.case["live"]["state"] in WITH_UNIT:
        step.data["raised"] = True


def _bring_help(step: Step) -> None:
    """Whoever has the territory and the nearest grid worker join as if it had been an emergency when it was dispatched; what is
    none any more alarms nobody. The scene is waited for as the present urgency asks."""
    if step.case["live"]["state"] in WITH_UNIT:
        follow_scene(step)
    if step.case["live"]["urgency"] != "emergency":
        _stop_alarms(step)
    if not step.data.get("raised"):
        return
    here = territory_of(step)
    if here is not None and here["code"] not in task_units(step.case):
        give_part(step, "assist", here, assist_limit(step.rules.case_limit(step.case)))
        follow_tasks(step)
    call_nearest(step)
    if step.case["live"]["state"] == "dispatched":
        step.stop_clocks("sign_in")
        step.start_clock("sign_in")
        _set_alarms(step)


GUARDS: dict[str, Guard] = {}
FORBIDDING: frozenset[str] = frozenset()
CHECKS: dict[str, Check] = {}
CONDITIONS: dict[str, Condition] = {}
SOURCES: dict[str, Source] = {}
CHOOSERS: dict[str, Chooser] = {}
EFFECTS: dict[str, Effect] = {
    "set_alarms": _watch_over,
    "alarm": _alarm,
    "stop_alarms": _stop_alarms,
    "call_to_scene": _call_to_scene,
    "watch_danger": _watch_danger,
    "bring_help": _bring_help,
}
