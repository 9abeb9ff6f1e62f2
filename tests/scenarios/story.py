"""A case as a story: who does what, when, over real HTTP, told afterwards line by line.

The service runs by a clock that the story moves. Whoever is asked to do something must be offered it; what is required and not
given is filled in by the robot that knows only the API.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.scenarios.robot import Robot
from tests.service import Running

__all__ = ["MONDAY", "Story", "StoryClock"]

MONDAY = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # 10:00 in Guiyang, a working day

Case = dict[str, Any]


class StoryClock:
    """The time that the service believes."""

    def __init__(self) -> None:
        self.now = MONDAY

    def __call__(self) -> datetime:
        return self.now


class Story:
    """One case from its report on."""

    def __init__(self, service: Running, clock: StoryClock) -> None:
        self.service, self.clock = service, clock
        self.robot = Robot(service)
        self.case: Case = {}
        clock.now = MONDAY

    @property
    def path(self) -> str:
        """Where the case is."""
        return f"/api/v1/cases/{self.case['id']}"

    async def report(self, who: str, body: Case, *, door: str = "events") -> Case:
        """Report and keep the case."""
        answer = await self.service.post(f"/api/v1/{door}", body, who)
        assert answer.status == 201, answer.body
        self.case = answer.json
        return self.case

    async def later(self, **amount: float) -> int:
        """Let time pass and everything that falls due happen; returns how many cases changed by it."""
        self.clock.now += timedelta(**amount)
        return await self.service.services.cases.sweep()

    async def seen_by(self, who: str) -> Case:
        """Return the case as somebody sees it now."""
        answer = await self.service.get(self.path, who)
        assert answer.status == 200, (who, answer.body)
        return dict(answer.json)

    async def does(self, who: str, action: str, **fields: Any) -> Case:
        """Take an action that must be offered."""
        case = await self.seen_by(who)
        return await self._take(who, case, case["actions"], action, f"{self.path}/actions/{action}", fields)

    async def decides(self, who: str, kind: str, action: str = "decide", **fields: Any) -> Case:
        """Take an action on the newest request of a kind."""
        case = await self.seen_by(who)
        request = next(item for item in reversed(case["requests"]) if item["kind"] == kind)
        path = f"{self.path}/requests/{request['id']}/actions/{action}"
        return await self._take(who, case, request["actions"], action, path, fields)

    async def works(self, who: str, kind: str, action: str, **fields: Any) -> Case:
        """Take an action on the newest task of a kind on which it is offered."""
        case = await self.seen_by(who)
        tasks = [item for item in reversed(case["tasks"]) if item["kind"] == kind]
        offered = [item for item in tasks if action in [one["name"] for one in item["actions"]]]
        assert offered, f"{action} is not offered to {who} on a task of kind {kind}: {tasks}"
        path = f"{self.path}/tasks/{offered[0]['id']}/actions/{action}"
        return await self._take(who, case, offered[0]["actions"], action, path, fields)

    async def _take(self, who: str, case: Case, offered: list[Case], action: str, path: str, fields: Case) -> Case:
        found = next((one for one in offered if one["name"] == action), None)
        assert found is not None, f"{action} is not offered to {who} in {case['state']}: {[one['name'] for one in offered]}"
        body = {one["name"]: await self._value(who, case, one) for one in found["fields"] if one["required"]} | fields
        if found["needs_rev"]:
            body["rev"] = case["rev"]
        answer = await self.service.post(path, body, who)
        assert answer.status == 200, f"{who} was offered {action} and refused: {answer.body!r} for {body}"
        self.case = answer.json
        return self.case

    async def _value(self, who: str, case: Case, field: Case) -> Any:
        if field["type"] in ("datetime", "date"):
            return field.get("value") or self.clock.now.isoformat()
        return await self.robot.value(who, case, field)

    async def refused(self, who: str, action: str, status: int, **fields: Any) -> Case:
        """Try an action that must be refused with this status; returns the problem."""
        body = {"rev": self.case["rev"]} | fields
        answer = await self.service.post(f"{self.path}/actions/{action}", body, who)
        assert answer.status == status, (who, action, answer.status, answer.body)
        return dict(answer.json)

    async def told(self) -> list[str]:
        """Return the timeline, a line for each entry: `action role state`, lights with what turned which colour."""
        answer = await self.service.get(f"{self.path}/timeline", "supervisor")
        assert answer.status == 200, answer.body
        return [_line(entry) for entry in answer.json["items"]]


def _line(entry: Case) -> str:
    if entry["action"] == "light":
        return f"light {entry['data']['clock']} {entry['data']['light']}"
    return f"{entry['action']} {entry['actor']['role']} {entry['to']}"
