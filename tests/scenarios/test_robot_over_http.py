"""A program that knows only the API carries every kind of event and ticket from report to closure or answer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenarios.robot import SENTENCES, Robot
from tests.service import Running
from tests.small_city import INSIDE, OTHER_DISTRICT

CALLER = {"name": "王小明", "phone": "13812341234", "anonymous": False, "confidential": False}


def _at(point: tuple[float, float]) -> dict[str, Any]:
    return {"location": {"lon": point[0], "lat": point[1], "crs": "WGS-84", "accuracy_m": 8}}


HERE, THERE = _at(INSIDE), _at(OTHER_DISTRICT)
EVENTS = {
    "clear": HERE | {"category": "0201"},
    "no owner's rule": THERE | {"category": "0901"},
    "urgent": HERE | {"category": "0201", "urgency": "emergency"},
    "danger": HERE | {"category": "0101", "description": "路面塌陷，一个大坑，行人绕行"},
    "danger without category": HERE | {"category": None, "description": "楼道里燃气味很重"},
    "checked on site": HERE | {"category": "0102"},
    "sensitive": HERE | {"category": "0901"},
    "sensitive and checked": HERE | {"category": "0902"},
    "proposed": HERE | {"category": None, "description": "人行道上的井盖不见了"},
    "nothing to propose": HERE | {"category": None, "description": "这里有一件事情请来看看"},
    "area only": {"category": "0101", "area_code": "520102001001"},
    "city only": {"category": "0101", "area_code": "520100"},
    "area and checked": {"category": "0102", "area_code": "520103001001"},
    "address": {"category": "0101", "address": "南明区一社区3栋"},
}
APPEALS = ("consult", "help", "complaint", "report", "suggestion", "praise", "none")
CALLERS: dict[str, Any] = {
    "named": CALLER,
    "anonymous": {"anonymous": True},
    "confidential": CALLER | {"confidential": True},
    "none": None,
}


def event(**changes: Any) -> dict[str, Any]:
    return {"description": "夜市散场后塑料袋堆在路边，行人绕行"} | changes


@pytest.mark.parametrize("kind", EVENTS)
async def test_event_of_any_kind_when_carried_by_a_robot_is_closed(service: Running, kind: str) -> None:
    robot = Robot(service)
    case = await robot.carry(await robot.report("events", "grid_worker", event(**EVENTS[kind])))
    assert case["state"] == "closed" and case["outcome"] == "resolved"


@pytest.mark.parametrize("appeal", APPEALS)
@pytest.mark.parametrize("caller", CALLERS)
async def test_ticket_of_any_appeal_when_carried_by_a_robot_ends(service: Running, appeal: str, caller: str) -> None:
    robot = Robot(service)
    body = event(**HERE, category="0102", appeal_type=appeal, channel="phone", caller=CALLERS[caller], file=appeal != "consult")
    case = await robot.carry(await robot.report("tickets", "operator", body))
    assert case["state"] == ("answered" if appeal == "consult" else "closed"), robot.taken


@pytest.mark.parametrize("category", ["0101", "0102", "0201", "0501", "0901", "0902", None])
@pytest.mark.parametrize("place", ["point", "area"])
async def test_ticket_of_any_category_when_not_filed_by_itself_is_closed(
    service: Running, category: str | None, place: str
) -> None:
    robot = Robot(service)
    where = HERE if place == "point" else {"area_code": "520102001001"}
    body = event(**where, category=category, appeal_type="help", channel="phone", caller=CALLER, file=False)
    assert (await robot.carry(await robot.report("tickets", "operator", body)))["state"] == "closed"


@pytest.mark.parametrize("text", SENTENCES)
async def test_harmless_texts_when_filled_in_are_never_taken_for_personal_data(service: Running, text: str) -> None:
    robot = Robot(service, text)
    body = event(**HERE, category="0102", appeal_type="complaint", channel="phone", caller=CALLER, file=True)
    await robot.carry(await robot.report("tickets", "operator", body))
    assert "sign_off" in robot.taken
    body = event(**HERE, category="0501", appeal_type="consult", channel="phone", caller=CALLER)
    await robot.carry(await robot.report("tickets", "operator", body))
    assert robot.taken == ["direct_answer"]


@pytest.mark.slow
async def test_every_offered_action_when_filled_by_type_is_accepted(service: Running) -> None:
    """Not only those that lead on: each is tried on a case of its own, in each state that a case passes through."""
    for body in (event(**HERE, category="0201"), event(**HERE, category="0102")):
        robot = Robot(service)
        tried: set[tuple[str, str, str]] = set()
        while await _try_one(robot, body, tried):
            pass
        assert {action for _, _, action in tried} >= {"progress", "urge", "supplement", "reclassify", "send_back", "cancel"}


async def _try_one(robot: Robot, body: dict[str, Any], tried: set[tuple[str, str, str]]) -> bool:
    """Carry a new case until somebody is offered something untried; take it. False when there is nothing left."""
    case = await robot.report("events", "grid_worker", body)
    robot.taken = []
    for _ in range(12):
        for role in robot.roles:
            seen = await robot.service.get(f"/api/v1/cases/{case['id']}", role)
            for action in seen.json.get("actions", ()):
                mark = (seen.json["state"], role, action["name"])
                if action["name"] != "merge" and mark not in tried and robot.can_fill(action):
                    tried.add(mark)
                    await robot.take(role, seen.json, action)
                    return True
        case = seen.json
        if case["state"] == "closed":
            return False
        await robot.step(case["id"])
    return False


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_every_category_of_the_demo_city_when_carried_by_a_robot_ends(guiyang_service: Running) -> None:
    running = guiyang_service
    majors = (await running.get("/api/v1/categories", "operator")).json["items"]
    codes = [one["code"] for one in majors] if "code" in majors[0] else []
    assert len(codes) >= 120
    inside = {"location": {"lon": 106.6301, "lat": 26.6473, "crs": "WGS-84", "accuracy_m": 8}}
    stuck: dict[str, str] = {}
    for number, code in enumerate(codes):
        robot = Robot(running)
        try:
            await robot.carry(await robot.report("events", "grid_worker", event(**inside, category=code)))
            appeal = ("help", "complaint", "report", "none")[number % 4]
            where = inside if number % 3 else {"area_code": "520103"}
            body = event(**where, category=code, appeal_type=appeal, channel="phone", caller=CALLER, file=number % 2 == 0)
            await robot.carry(await robot.report("tickets", "operator", body))
        except AssertionError as error:
            stuck[code] = str(error)[:600]
    assert not stuck, stuck
