"""A case as a story: who does what, when, over real HTTP, told afterwards line by line.

The service runs by a clock that the story moves. Whoever is asked to do something must be offered it; what is required and not
given is filled in by the robot that knows only the API. Times are written as the city's clocks show them: `2026-11-23 10:00`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from dispatch.store import CASES
from tests.scenarios.robot import Robot
from tests.service import Running

__all__ = ["MONDAY", "Story", "StoryClock", "caller"]

ZONE = ZoneInfo("Asia/Shanghai")
MONDAY = datetime(2026, 11, 23, 10, 0, tzinfo=ZONE).astimezone(UTC)  # a working day
MOST_SWEEPS = 500  # between two scenes of a story

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

    @staticmethod
    def moment(local: str) -> datetime:
        """Return the instant at which the city's clocks show this."""
        return datetime.fromisoformat(local).replace(tzinfo=ZONE).astimezone(UTC)

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

    async def later(self, **amount: float) -> None:
        """Let time pass and everything that falls due happen, each thing at its instant."""
        await self._pass(self.clock.now + timedelta(**amount))

    async def until(self, local: str) -> None:
        """Let time pass until a moment that lies ahead."""
        moment = self.moment(local)
        assert moment > self.clock.now, f"{local} has passed"
        await self._pass(moment)

    async def _pass(self, end: datetime) -> None:
        for _ in range(MOST_SWEEPS):
            due = await self._next_due()
            if due is None or due > end:
                self.clock.now = end
                return
            self.clock.now = max(due, self.clock.now)
            await self.service.services.cases.sweep()
        raise AssertionError("something falls due again and again")

    async def _next_due(self) -> datetime | None:
        found = await self.service.services.database.find_one(CASES, {"_id": self.case["id"]})
        return None if found is None else found.get("next_light_at")

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
        answer = await self.service.post(f"{self.path}/actions/{action}", await self._revised(fields), who)
        assert answer.status == status, (who, action, answer.status, answer.body)
        return dict(answer.json)

    async def refused_task(self, who: str, kind: str, action: str, status: int, **fields: Any) -> Case:
        """Try an action on the newest task of a kind that must be refused with this status; returns the problem."""
        task = next(one for one in reversed(self.case["tasks"]) if one["kind"] == kind)
        answer = await self.service.post(f"{self.path}/tasks/{task['id']}/actions/{action}", await self._revised(fields), who)
        assert answer.status == status, (who, action, answer.status, answer.body)
        return dict(answer.json)

    async def refused_request(self, who: str, status: int, **fields: Any) -> Case:
        """Try to decide the newest request, which must be refused with this status; returns the problem."""
        path = f"{self.path}/requests/{self.case['requests'][-1]['id']}/actions/decide"
        answer = await self.service.post(path, await self._revised(fields), who)
        assert answer.status == status, (who, answer.status, answer.body)
        return dict(answer.json)

    async def _revised(self, fields: Case) -> Case:
        return {"rev": (await self.seen_by("supervisor"))["rev"]} | fields

    async def is_hidden_from(self, who: str) -> bool:
        """Tell whether somebody cannot find the case at all."""
        return (await self.service.get(self.path, who)).status == 404

    async def light(self) -> str:
        """Return the light that the case shows now."""
        return str((await self.seen_by("supervisor"))["light"])

    async def due(self) -> str | None:
        """Return until when the case is due, as the city's clocks show it."""
        found = (await self.seen_by("supervisor"))["due_at"]
        return None if found is None else _local(found)

    async def clocks(self) -> dict[str, str]:
        """Return until when each thing is due that runs now."""
        clocks = (await self.seen_by("supervisor"))["clocks"]
        return {clock["kind"]: _local(clock["due_at"]) for clock in clocks if clock["done_at"] is None}

    async def tasks(self) -> list[str]:
        """Return the tasks, a line for each: `kind unit-or-organization state`."""
        tasks = (await self.seen_by("supervisor"))["tasks"]
        return [f"{one['kind']} {(one['unit'] or one['organization'])['code']} {one['state']}" for one in tasks]

    async def heard(self, who: str) -> list[str]:
        """Return the kinds of notices about the case in somebody's inbox, first one first."""
        await self.service.services.cases.relay.sweep()
        answer = await self.service.get("/api/v1/notices?limit=200", who)
        assert answer.status == 200, answer.body
        return [one["kind"] for one in reversed(answer.json["items"]) if one["case"] == self.case["id"]]

    async def told(self) -> list[str]:
        """Return the timeline, a line for each entry: `11-23 10:00 action role state`, lights with what turned which colour.

        What happens again within the same minute is one line with how often: `… x3`.
        """
        answer = await self.service.get(f"{self.path}/timeline", "supervisor")
        assert answer.status == 200, answer.body
        lines = [(line, len(list(same))) for line, same in groupby(_line(entry) for entry in answer.json["items"])]
        return [line if times == 1 else f"{line} x{times}" for line, times in lines]

    async def tells(self, timeline: list[str]) -> None:
        """The story was this one, line by line."""
        told = await self.told()
        assert told == timeline, "\n" + "\n".join(f'"{line}",' for line in told)

    async def entry(self, action: str) -> Case:
        """Return the newest entry of an action in the timeline."""
        answer = await self.service.get(f"{self.path}/timeline", "supervisor")
        return next(dict(one) for one in reversed(answer.json["items"]) if one["action"] == action)


def caller(name: str, phone: str) -> Case:
    """Return who calls, as a ticket names them."""
    return {"name": name, "phone": phone, "anonymous": False, "confidential": False}


def _local(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone(ZONE).strftime("%Y-%m-%d %H:%M")


def _line(entry: Case) -> str:
    at = _local(entry["at"])[5:]
    if entry["action"] == "light":
        return f"{at} light {entry['data']['clock']} {entry['data']['light']}"
    return f"{at} {entry['action']} {entry['actor']['role']} {entry['to']}"
