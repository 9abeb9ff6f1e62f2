"""Moving open cases to a changed calendar over HTTP: said after every change, asked for by administrators, done once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dispatch.recomputing import RUNS
from tests.service import Running

PATH = "/api/v1/calendar:recompute"


async def holiday_before(service: Running, case: dict[str, Any]) -> Any:
    """Make the day on which the case is due a holiday, or a working day where it was one."""
    day = datetime.fromisoformat(case["due_at"]).astimezone(ZoneInfo("Asia/Shanghai")).date()
    return await service.call("PUT", f"/api/v1/calendar/{day}", user="sys_admin", body={"kind": "holiday", "name": "示例"})


async def test_recompute_when_the_calendar_was_changed_then_said_shown_and_done_once(service: Running) -> None:
    case = await service.report(category="0203")
    assert (await service.get("/api/v1/calendar?year=2026", "grid_worker")).json["open_dues"] is None
    answer = await holiday_before(service, case)
    count = answer.json["open_dues"]["count"]
    assert count["state"] == "done" and count["moved"] >= 1
    dry = await service.post(PATH, {"limit": 200}, "sys_admin")
    shown = next(one for one in dry.json["items"] if one["id"] == case["id"])
    assert shown["case_no"] == case["case_no"] and dry.json["run"] is None
    main = next(one for one in shown["dues"] if one["clock"] == "case")
    assert datetime.fromisoformat(main["due_at"]) >= datetime.fromisoformat(main["before"]) + timedelta(days=1)
    assert (await service.get(f"/api/v1/cases/{case['id']}", "dispatcher")).json["due_at"] == case["due_at"], "never silently"

    applied = await service.post(PATH, {"apply": True}, "sys_admin", key="recompute-1")
    assert (applied.json["run"]["state"], applied.json["run"]["failed"]) == ("done", 0) and applied.json["run"]["moved"] >= 1
    now = (await service.get(f"/api/v1/cases/{case['id']}", "dispatcher")).json
    assert datetime.fromisoformat(now["due_at"]) == datetime.fromisoformat(main["due_at"])
    said = (await service.get(f"/api/v1/cases/{case['id']}/due", "dispatcher")).json
    assert datetime.fromisoformat(said["recomputed"]["before"]) == datetime.fromisoformat(main["before"])
    again = await service.post(PATH, {"apply": True}, "sys_admin", key="recompute-1")
    assert again.json["run"] == applied.json["run"]
    dues = (await service.get("/api/v1/calendar?year=2026", "sys_admin")).json["open_dues"]
    assert (dues["count"]["moved"], dues["applied"]) == (0, applied.json["run"])
    run = await service.services.database.find_one(RUNS, {"kind": "apply", "moved": applied.json["run"]["moved"]})
    assert run is not None and (run["by"], run["role"]) == ("sys_admin", "sys_admin"), "who did it is on record"


async def test_recompute_when_not_an_administrator_is_forbidden(service: Running) -> None:
    for user in ("dispatcher", "supervisor", "clerk_a", "grid_worker"):
        assert (await service.post(PATH, {}, user)).status == 403
        assert (await service.post(PATH, {"apply": True}, user)).status == 403


async def test_recompute_when_without_a_key_or_with_a_made_up_cursor_is_refused(service: Running) -> None:
    answer = await service.call("POST", PATH, user="sys_admin", body={"apply": True})
    assert (answer.status, answer.code) == (400, "idempotency_key_required")
    assert (await service.post(PATH, {"cursor": "nonsense"}, "sys_admin")).status == 422
    assert (await service.post(PATH, {"limit": 0}, "sys_admin")).status == 422
