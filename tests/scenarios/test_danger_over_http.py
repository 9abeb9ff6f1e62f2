"""Danger to life at both doors: one answer, and everybody who has to know knows (domain.md §2.8)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenarios.robot import Robot
from tests.service import Running, event

CALLER = {"name": "王小明", "phone": "13812341234", "anonymous": False, "confidential": False}
DOORS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "event": ("events", "grid_worker", event(category="0101", description="楼道里燃气味很重")),
    "ticket": (
        "tickets",
        "operator",
        event(category="0501", description="有人触电倒地不醒", appeal_type="help", channel="phone", caller=CALLER, file=False),
    ),
}


async def _is_told(service: Running, person: str, case_id: str) -> bool:
    items = (await service.get("/api/v1/notices", person)).json["items"]
    return case_id in [item["case"] for item in items]


@pytest.mark.parametrize("door", DOORS)
async def test_danger_when_reported_is_dispatched_in_the_answer_and_told_to_the_nearest(service: Running, door: str) -> None:
    path, role, body = DOORS[door]
    robot = Robot(service)
    case = await robot.report(path, role, body)
    assert (case["rev"], case["state"], case["urgency"]) == (1, "dispatched", "emergency") and case["emergency_words"]
    assert "520102001-town" in [unit["code"] for unit in case["assists"]]
    assert {clock["kind"]: clock["limit"] for clock in case["clocks"]}["sign_in"] == "15m"
    await service.services.cases.relay.sweep()
    assert await _is_told(service, "worker_a", case["id"]) and await _is_told(service, "dispatcher", case["id"])
    assert not await _is_told(service, "worker_b", case["id"])
    assert (await robot.carry(case))["state"] == "closed"
