"""Who reported hears that it was accepted, given to a unit, taken up and brought to a result, once each, in their own words."""

from __future__ import annotations

from typing import Any

from dispatch.relay import NOTICES
from dispatch.service import CaseService
from storage.client import Database
from tests.dispatch.town import CLERK, DISPATCHER, OPERATOR, WALKER, Clock, Player, event, new_key, open_service, ticket, whole

RESULT = {
    "result": "resolved", "handling": "已安排人员到现场清理完毕，恢复原状，复核无遗留。", "photos": [],
    "public_reply": "您反映的问题已经处理完毕，感谢您的监督和支持。",
}  # fmt: skip


async def heard(database: Database, service: CaseService, case: str) -> list[tuple[str, list[str]]]:
    await service.relay.tend()
    found: list[dict[str, Any]] = await database.find(NOTICES, {"case": case}, sort=[("at", 1), ("_id", 1)])
    return [(one["kind"], one["keys"]) for one in found if one["kind"].startswith("heard_")]


async def test_grid_worker_hears_of_what_comes_after_the_report_and_not_of_what_the_answer_said(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    case = (await service.report(actor=WALKER, present=whole, report=event(category="0203"), key=new_key())).case
    assert case.state == "dispatched" and await heard(database, service, case.id) == []
    player = Player(service, case.id)
    for action in ("sign_in", "contact", "contact"):
        clock.forward(minutes=5)
        await player.do(CLERK, action)
    own = ["p:" + WALKER.id]
    assert await heard(database, service, case.id) == [("heard_contacted", own)]
    clock.forward(minutes=5)
    await player.do(CLERK, "submit_result", **RESULT)
    assert await heard(database, service, case.id) == [("heard_contacted", own), ("heard_result", own)]
    kinds = [notice.kind for notice in await service.relay.inbox(WALKER)]
    assert kinds.count("heard_result") == 1 and "submit_result" not in kinds


async def test_caller_hears_of_filing_and_dispatch_as_one_and_the_desk_is_not_told_for_them(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    case = (await service.report(actor=OPERATOR, present=whole, report=ticket(file=False), key=new_key())).case
    assert case.state == "reported"
    clock.forward(minutes=5)
    filed = await Player(service, case.id).do(OPERATOR, "file")
    assert filed.state == "dispatched"  # one unit was clear: filed and dispatched in one write
    assert await heard(database, service, case.id) == [("heard_dispatched", ["c:" + case.id])]


async def test_caller_hears_of_a_filing_that_waits_for_the_dispatcher_and_then_of_the_dispatch(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    unclear = ticket(category="0501", file=False)
    case = (await service.report(actor=OPERATOR, present=whole, report=unclear, key=new_key())).case
    player, own = Player(service, case.id), ["c:" + case.id]
    clock.forward(minutes=5)
    assert (await player.do(OPERATOR, "file")).state == "filed"
    assert await heard(database, service, case.id) == [("heard_filed", own)]
    clock.forward(minutes=5)
    await player.do(DISPATCHER, "dispatch")
    assert await heard(database, service, case.id) == [("heard_filed", own), ("heard_dispatched", own)]
