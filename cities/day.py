"""Plays a day of a city through the HTTP API, each step as the person whose job it is, and counts what came of it.

Nothing here knows the service's inside: it signs in with tokens, reports, reads a case's `actions` and does the next one.
Times are those of the requests; the day's cases come one after another as fast as the service takes them.
"""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw
from tornado.httpclient import AsyncHTTPClient, HTTPRequest

__all__ = ["Client", "Day", "Refused", "Result", "play"]

Case = dict[str, Any]
Progress = Callable[[str], None]

SHARE = {"return": 0.06, "send_back": 0.04, "check_fail": 0.06, "redo": 0.04, "progress": 0.4, "invite": 0.5, "help_tonight": 0.7}
MOST_STEPS = 40  # a case that needs more is stuck
PART_WORK: dict[str, Case] = {"task_sign": {}, "task_submit": {"note": "本单位的部分已经办完，现场情况已报主办单位"}}
HELP: tuple[tuple[str, str, Case], ...] = (
    ("org_coordinator", "claim", {}),
    ("org_coordinator", "serve", {"people": "志愿者两人"}),
    ("org_coordinator", "task_submit", {"note": "志愿者到场协助，已与主办单位交接", "hours": 2}),
    ("unit_clerk", "task_confirm", {"rating": 5, "text": "感谢支持"}),
)
FAMILY_NAMES = "王李张刘陈杨赵黄周吴徐孙罗龙"


class Refused(Exception):
    """The service answered with a problem document; `code` and `status` are its own."""

    def __init__(self, step: str, status: int, problem: Case) -> None:
        super().__init__(f"{step}: {status} {problem.get('code')}: {problem.get('detail')} {problem.get('errors', '')}")
        self.status, self.code = status, str(problem.get("code"))


class Client:
    """One person or program at the API, by bearer token; keeps how long each kind of step took."""

    def __init__(self, url: str, token: str, took: dict[str, list[float]]) -> None:
        self.url, self.token, self.took = url, token, took
        self.http = AsyncHTTPClient(force_instance=False, max_clients=64)

    async def case(self, method: str, path: str, body: Any = None, *, step: str, key: str | None = None) -> Case:
        """Send one request whose answer is a case."""
        found: Case = await self.ask(method, path, body, step=step, key=key)
        return found

    async def ask(self, method: str, path: str, body: Any = None, *, step: str | None = None, key: str | None = None) -> Any:
        """Send one request and return the decoded answer; raises `Refused` for a problem document."""
        headers = {"Authorization": f"Bearer {self.token}", "Accept-Language": "zh-CN"}
        if key:
            headers["Idempotency-Key"] = key
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body)
        if data is not None and not isinstance(body, bytes):
            headers["Content-Type"] = "application/json"
        started = time.perf_counter()
        request = HTTPRequest(f"{self.url}/api/v1{path}", method=method, headers=headers, body=data, request_timeout=60)
        answer = await self.http.fetch(request, raise_error=False)
        if step:
            self.took[step].append(1000 * (time.perf_counter() - started))
        content = json.loads(answer.body) if answer.body else {}
        if answer.code >= 400:
            raise Refused(step or f"{method} {path}", answer.code, content)
        return content


@dataclass
class Result:
    """What a day came to."""

    taken_in: int = 0
    auto_dispatched: int = 0
    returned: int = 0
    closed: int = 0
    on_time: int = 0
    answered: int = 0
    open: int = 0
    seconds: float = 0.0
    refused: Counter[str] = field(default_factory=Counter)
    steps: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))


class Day:
    """The people of the day and what each does when it is their turn."""

    def __init__(self, url: str, tokens: dict[str, str], *, seed: int, leave_every: int = 0) -> None:
        """`leave_every` n: each n-th case is left where the evening finds it."""
        self.leave_every = leave_every
        self.result = Result()
        self.people = {role: Client(url, token, self.result.steps) for role, token in tokens.items()}
        self.draw = random.Random(seed)
        self.tag = f"day-{seed}-{int(time.time())}"
        self.points: list[tuple[float, float]] = []

    def key(self, *parts: object) -> str:
        """Return the idempotency key of one step."""
        return "-".join([self.tag, *(str(part) for part in parts)])

    async def find_points(self, count: int) -> None:
        """Draw places of the city: positions in its box that the service knows a grid for."""
        west, south, east, north = (await self.people["dispatcher"].ask("GET", "/city"))["bbox"]
        for _ in range(count * 50):
            if len(self.points) >= count:
                return
            lon, lat = round(self.draw.uniform(west, east), 6), round(self.draw.uniform(south, north), 6)
            try:
                await self.people["dispatcher"].ask("GET", f"/locate?lon={lon}&lat={lat}&crs=WGS-84")
            except Refused as refused:
                if refused.code != "out_of_area":
                    raise
                continue
            self.points.append((lon, lat))

    async def take_in(self, number: int, row: dict[str, str]) -> Case:
        """Report the event or write the ticket, with a photo where a grid worker would take one."""
        lon, lat = self.draw.choice(self.points)
        body: Case = {
            "description": row["text"], "category": row["category"],
            "location": {"lon": lon, "lat": lat, "crs": "WGS-84", "accuracy_m": self.draw.randrange(4, 15)},
            "occurred_at": _stamp(datetime.now(UTC) - timedelta(minutes=self.draw.randrange(2, 30))),
        }  # fmt: skip
        if row["door"] == "event":
            worker = self.people["grid_worker"]
            body["photos"] = [await self.photo(worker, f"before {number}")]
            return await worker.case("POST", "/events", body, step="report event", key=self.key(number))
        name, phone = self.draw.choice(FAMILY_NAMES) + "女士", f"139{self.draw.randrange(10**8):08d}"
        body |= {
            "appeal_type": row["appeal_type"], "channel": "phone", "file": row["appeal_type"] != "consult",
            "caller": {"name": name, "phone": phone, "anonymous": False, "confidential": row["appeal_type"] == "report"},
        }  # fmt: skip
        return await self.people["operator"].case("POST", "/tickets", body, step="write ticket", key=self.key(number))

    async def photo(self, person: Client, title: str) -> str:
        """Upload a picture of its own and return its media id."""
        data = picture(title, self.draw.randrange(2**24))
        answer = await person.ask("PUT", f"/media/{hashlib.sha256(data).hexdigest()}", data, step="upload photo")
        return str(answer["id"])

    async def carry(self, number: int, row: dict[str, str]) -> None:
        """Take one matter in and carry it to its end."""
        case = await self.take_in(number, row)
        self.result.taken_in += 1
        self.result.auto_dispatched += case["state"] == "dispatched"
        returned = False
        steps = self.draw.randrange(0, 6) if self.leave_every and number % self.leave_every == 0 else MOST_STEPS
        for step in range(steps):
            if case["state"] in {"closed", "answered", "refused", "merged", "cancelled"}:
                break
            if case["state"] == "handling" and any("step" in task for task in case["tasks"]):
                case = await self.do_parts(case)
            elif case["state"] == "handling" and not any(task["kind"] == "org" for task in case["tasks"]):
                case = await self.ask_for_help(case, is_left=steps < MOST_STEPS)
            role, action, fields = await self.next_step(case, returned=returned)
            returned = returned or action == "request_return"
            case = await self.act(role, case, action, fields, step)
            if action == "request_return":
                case = await self.decide_return(case, number)
        await self.finish(case, number)

    async def act(self, role: str, case: Case, action: str, fields: Case, step: object) -> Case:
        """Do one action as one role on the case as it is now."""
        key = self.key(case["id"], step, action)
        body = {"rev": case["rev"], **fields}
        return await self.people[role].case("POST", f"/cases/{case['id']}/actions/{action}", body, step=action, key=key)

    async def decide_return(self, case: Case, number: int) -> Case:
        """Let the dispatcher decide the pending return; two of three are granted."""
        self.result.returned += 1
        request = next(one for one in case["requests"] if one["state"] == "pending")
        fields = {"rev": case["rev"], "approve": number % 3 != 0, "opinion": "按权责清单核定"}
        path = f"/cases/{case['id']}/requests/{request['id']}/actions/decide"
        return await self.people["dispatcher"].case(
            "POST", path, fields, step="decide return", key=self.key(case["id"], "decide")
        )

    async def do_parts(self, case: Case) -> Case:
        """Let the units of a 一件事 sign for their parts and hand them in, each in its turn; returns the case afterwards."""
        clerk, path = self.people["unit_clerk"], f"/cases/{case['id']}"
        for _ in range(MOST_STEPS):
            case = await clerk.ask("GET", path, step="open case")
            offered = [(task["id"], one["name"]) for task in case["tasks"] if "step" in task for one in task["actions"]]
            found = next(((task, action) for task, action in offered if action in PART_WORK), None)
            if found is None:
                break
            task, action = found
            key = self.key(case["id"], task, action, case["rev"])
            await clerk.ask("POST", f"{path}/tasks/{task}/actions/{action}", PART_WORK[action], step=action, key=key)
        return case

    async def ask_for_help(self, case: Case, *, is_left: bool) -> Case:
        """Let the clerk invite the organization that fits best, where one does, and that one help; on a case that is left the
        evening finds some of them invited or at work. Returns the case afterwards."""
        if not case["organizations"] or self.draw.random() >= SHARE["invite"]:
            return case
        offered = await self.seen_by("unit_clerk", case)
        if not (found := _options(offered, "invite", "organizations")):
            return case
        case = await self.act("unit_clerk", case, "invite", {"organizations": found[:1], "note": "请协助上门"}, "help")
        task = next(one["id"] for one in case["tasks"] if one["kind"] == "org")
        for role, action, fields in HELP:
            if is_left and self.draw.random() >= SHARE["help_tonight"]:
                break
            path, key = f"/cases/{case['id']}/tasks/{task}/actions/{action}", self.key(case["id"], task, action)
            body = {"rev": case["rev"], **fields} | ({"at": _stamp(datetime.now(UTC))} if action == "serve" else {})
            case = await self.people[role].case("POST", path, body, step=f"help: {action}", key=key)
        return await self.people["unit_clerk"].case("GET", f"/cases/{case['id']}", step="open case")

    async def next_step(self, case: Case, *, returned: bool) -> tuple[str, str, Case]:
        """Return who does what next with the case, and with which fields."""
        found: tuple[str, str, Case] = await getattr(self, f"when_{case['state']}")(case, returned)
        return found

    async def seen_by(self, role: str, case: Case) -> dict[str, Case]:
        """Return the actions that the role is offered on the case now, by name."""
        seen = await self.people[role].ask("GET", f"/cases/{case['id']}", step="open case")
        return {action["name"]: action for action in seen["actions"]}

    async def when_reported(self, case: Case, _returned: bool) -> tuple[str, str, Case]:
        offered = await self.seen_by("operator", case)
        if "direct_answer" in offered:
            return "operator", "direct_answer", {"answer": "请带身份证到社区服务大厅综合窗口办理，当场可取。", "told": True}
        return "operator", "file" if "file" in offered else "send_verify", {}

    async def when_verifying(self, case: Case, _returned: bool) -> tuple[str, str, Case]:
        worker = self.people["grid_worker"]
        here = {name: case["location"][name] for name in ("lon", "lat")} | {"crs": "WGS-84", "accuracy_m": 6}
        photos = [await self.photo(worker, f"verify {case['id']}")]
        return "grid_worker", "verify", {"verdict": "confirmed", "photos": photos, "position": here}

    async def when_filed(self, case: Case, _returned: bool) -> tuple[str, str, Case]:
        offered = await self.seen_by("dispatcher", case)
        if "dispatch_joint" in offered:
            template = next(one for one in offered["dispatch_joint"]["fields"] if one["name"] == "template")
            return "dispatcher", "dispatch_joint", {"template": template["value"], "opinion": "请各单位分工办理"}
        unit = _options(offered, "dispatch", "unit")[0]
        return "dispatcher", "dispatch", {"unit": unit, "opinion": "请依职责办理"}

    async def when_dispatched(self, case: Case, returned: bool) -> tuple[str, str, Case]:
        if not returned and self.draw.random() < SHARE["return"]:
            offered = await self.seen_by("unit_clerk", case)
            if units := _options(offered, "request_return", "unit"):
                return "unit_clerk", "request_return", {"reason": "not_duty", "basis": "不在本单位权责清单内", "unit": units[0]}
        return "unit_clerk", "sign_in", {}

    async def when_handling(self, case: Case, _returned: bool) -> tuple[str, str, Case]:
        if "sign_off" in await self.seen_by("unit_leader", case):
            return "unit_leader", "sign_off", {"note": "同意"}
        offered = await self.seen_by("unit_clerk", case)
        if "submit_result" not in offered:
            now = _stamp(datetime.now(UTC) - timedelta(seconds=5))
            return "unit_clerk", "contact", {"at": now, "way": "phone", "result": "reached", "note": "已说明处理安排"}
        if self.draw.random() < SHARE["progress"]:
            return "unit_clerk", "progress", {"note": "人员已到场，正在处理", "public": True}
        fields = {
            "result": "resolved",
            "handling": "接单后安排人员到现场处理，已清理完毕并恢复原状，现场复核无遗留问题。",
            "public_reply": "您反映的问题已经安排人员到现场处理完毕，感谢您的监督。",
            "photos": [await self.photo(self.people["unit_clerk"], f"after {case['id']}")],
        }
        needed = {one["name"] for one in offered["submit_result"]["fields"] if one["required"]}
        if "waive_reason" in needed:
            fields["waive_reason"] = "主办单位已一并处理"
        if "safe_at" in needed:
            fields["safe_at"] = _stamp(datetime.now(UTC) - timedelta(seconds=5))
        return "unit_clerk", "submit_result", fields

    async def when_handled(self, case: Case, _returned: bool) -> tuple[str, str, Case]:
        offered = await self.seen_by("dispatcher", case)
        if self.draw.random() < SHARE["send_back"]:
            return "dispatcher", "send_back", {"defect": "off_point", "note": "请补充说明处理结果"}
        return "dispatcher", next(name for name in ("send_check", "to_visit", "close") if name in offered), {}

    async def when_checking(self, case: Case, _returned: bool) -> tuple[str, str, Case]:
        worker = self.people["grid_worker"]
        here = {name: case["location"][name] for name in ("lon", "lat")} | {"crs": "WGS-84", "accuracy_m": 6}
        fields: Case = {"photos": [await self.photo(worker, f"check {case['id']} {case['rev']}")], "position": here}
        if self.draw.random() < SHARE["check_fail"]:
            return "grid_worker", "check_fail", fields | {"defect": "partly_done", "note": "还有一处没有清完"}
        return "grid_worker", "check_pass", fields

    async def when_visiting(self, case: Case, _returned: bool) -> tuple[str, str, Case]:
        if self.draw.random() < SHARE["redo"]:
            return "operator", "visit_redo", {"reason": "not_solved", "note": "诉求人反映问题又出现"}
        satisfaction = self.draw.choice(("very_satisfied", "satisfied", "satisfied", "basically_satisfied"))
        return "operator", "visit_ok", {"contacted": True, "solved": True, "satisfaction": satisfaction}

    async def finish(self, case: Case, number: int) -> None:
        """Count how the case ended, and let the citizen rate what was closed."""
        if case["state"] == "answered":
            self.result.answered += 1
        elif case["state"] == "closed":
            self.result.closed += 1
            self.result.on_time += case["due_at"] is None or case["closed_at"] <= case["due_at"]
        else:
            self.result.open += 1
        offered = await self.seen_by("operator", case)
        if "rate" in offered:
            grades = {name: self.draw.choice((3, 4, 5, 5)) for name in ("efficiency", "quality", "attitude")}
            await self.act("operator", case, "rate", grades, number)


def picture(title: str, colour: int) -> bytes:
    """Return a small JPEG of its own: a drawn street scene."""
    image = Image.new("RGB", (640, 480), (200, 205, 200))
    canvas = ImageDraw.Draw(image)
    canvas.rectangle((0, 300, 640, 480), fill=(150, 148, 140))
    shade = ((colour >> 16) & 255, (colour >> 8) & 255, colour & 255)
    canvas.polygon([(220, 400), (300, 300 - colour % 40), (420, 330), (460, 410)], fill=shade)
    canvas.text((12, 12), title, fill=(40, 40, 40))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()


def _options(offered: dict[str, Case], action: str, name: str) -> list[str]:
    """Return the codes that a field of an action may have, the best first; nothing where the action is not offered."""
    fields = offered[action]["fields"] if action in offered else []
    options: list[Any] = next((one["options"] for one in fields if one["name"] == name), [])
    return [option["code"] if isinstance(option, dict) else option for option in options]


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def play(
    url: str, tokens: dict[str, str], *, cases: int, seed: int, progress: Progress, at_once: int = 6, leave_every: int = 0
) -> Result:
    """Play `cases` matters of the day, `at_once` at a time; every refusal that stops a case is counted by its code."""
    day = Day(url, tokens, seed=seed, leave_every=leave_every)
    await day.find_points(max(20, cases // 4))
    with (Path(__file__).parent / "guiyang" / "day.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    waiting = asyncio.Semaphore(at_once)
    started = time.perf_counter()

    async def one(number: int) -> None:
        async with waiting:
            try:
                await day.carry(number, day.draw.choice(rows))
            except Refused as refused:
                day.result.refused[str(refused)] += 1
                day.result.open += 1
            progress(f"{day.result.taken_in} in · {day.result.closed} closed")

    await asyncio.gather(*(one(number) for number in range(cases)))
    day.result.seconds = time.perf_counter() - started
    return day.result
