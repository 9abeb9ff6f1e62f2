"""Seen before it is filed: what the flag V asks for, who is sent, what the verdict opens."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from dispatch.categories import Catalogue
from dispatch.chain import verify
from dispatch.errors import NotAllowed
from dispatch.model import Category
from dispatch.service import CaseService
from storage.client import Database
from storage.errors import Forbidden, Invalid
from tests.dispatch.town import (
    CATEGORIES,
    CITIZEN,
    OPERATOR,
    WALKER,
    Clock,
    Player,
    actor,
    event,
    new_key,
    open_service,
    ticket,
    whole,
)  # fmt: skip

SEEN_FIRST = (
    Category(code="0401", name="夜间施工扰民", urgency="normal", limit="1wd", flags=frozenset("V")),
    Category(code="0402", name="线索待查", urgency="normal", limit="1wd", flags=frozenset("VS")),
    Category(
        code="0403", name="可自行处理", urgency="normal", limit="1wd", flags=frozenset("KH"), check="site", self_handle=True
    ),
    Category(code="0404", name="消防隐患", urgency="priority", limit="2wd", transfer_to="119"),
)
NOISE = ticket(category="0401", description="工地半夜还在施工很吵")
FAR = {"lon": 106.62, "lat": 26.62, "crs": "WGS-84"}


async def open_town(database: Database, clock: Clock | None = None) -> CaseService:
    """Return the service of the town, with categories that must be seen before they are filed."""
    service = await open_service(database, clock)
    service.rules.catalogue = Catalogue((*CATEGORIES.all(), *SEEN_FIRST))
    return service


async def reported(service: CaseService, who: Any = OPERATOR, report: Any = NOISE) -> tuple[Player, Any]:
    filed = await service.report(actor=who, present=whole, report=report, key=new_key())
    return Player(service, filed.id), filed.case


async def actions(service: CaseService, case_id: str) -> list[str]:
    stored = await service.store.find_whole(case_id)
    assert stored is not None and verify(stored["timeline"], case_id) == []
    return [entry["action"] for entry in stored["timeline"]]


async def offered(service: CaseService, who: Any, case_id: str) -> set[str]:
    return {action["name"] for action in (await service.get(actor=who, case_id=case_id)).actions}


async def notices(service: CaseService, database: Database, kind: str) -> list[dict[str, Any]]:
    await service.relay.sweep()
    return await database.find("notices", {"kind": kind}, sort=[("at", 1)])


async def test_ticket_when_category_is_seen_first_goes_to_the_grid_worker_and_is_filed_after(database: Database) -> None:
    service = await open_town(database)
    player, case = await reported(service)
    assert (case.state, case.verification["worker"], case.clocks[-1].kind) == ("verifying", "walker", "verify")
    (told,) = await notices(service, database, "send_verify")
    assert told["keys"] == ["p:walker"]
    back = await player.do(WALKER, "verify", verdict="confirmed", note="确在施工")
    assert (back.state, back.verification["verdict"], back.verification["by"]) == ("reported", "confirmed", WALKER.id)
    assert [clock.kind for clock in back.clocks if clock.done_at is None] == ["intake"]
    (told,) = await notices(service, database, "verify")
    assert "operator:*" in told["keys"]
    assert "send_verify" not in await offered(service, OPERATOR, case.id)
    assert (await player.do(OPERATOR, "file")).state == "dispatched"
    assert await actions(service, case.id) == ["submit", "send_verify", "verify", "file", "auto_dispatch"]


async def test_file_when_not_seen_yet_is_refused_and_operator_sends_somebody(database: Database) -> None:
    service = await open_town(database)
    player, case = await reported(service, CITIZEN, event(category="0401", channel="app", file=False))
    assert case.state == "reported" and not {"file"} & await offered(service, OPERATOR, case.id)
    with pytest.raises(NotAllowed) as refused:
        await service.act(actor=OPERATOR, case_id=case.id, action="file", rev=case.rev, fields={}, key=None)
    assert refused.value.data["reason"] == "verified" and "send_verify" in refused.value.data["allowed"]
    with pytest.raises(Invalid) as wrong:
        await player.do(OPERATOR, "send_verify", worker="somebody else")
    assert [error.code for error in wrong.value.errors] == ["not_on_duty"]
    assert (await player.do(OPERATOR, "send_verify", worker="walker")).state == "verifying"


@pytest.mark.parametrize("verdict", ["untrue", "not_found"])
async def test_verdict_when_not_confirmed_leaves_cancelling_or_another_look(database: Database, verdict: str) -> None:
    service = await open_town(database)
    player, case = await reported(service)
    await player.do(WALKER, "verify", verdict=verdict)
    assert {"cancel", "send_verify", "refuse"} <= await offered(service, OPERATOR, case.id) - {"file"}
    assert "file" not in await offered(service, OPERATOR, case.id)
    cancelled = await player.do(OPERATOR, "cancel", reason="untrue")
    assert (cancelled.state, cancelled.outcome, cancelled.verification["verdict"]) == ("cancelled", "not_found", verdict)


async def test_filing_when_the_category_is_given_with_it_asks_the_same(database: Database) -> None:
    service = await open_town(database)
    player, _ = await reported(service, OPERATOR, ticket(category=None, file=False))
    with pytest.raises(Invalid) as wrong:
        await player.do(OPERATOR, "file", category="0401")
    assert [(error.field, error.code) for error in wrong.value.errors] == [("category", "verify_first")]
    await player.do(OPERATOR, "send_verify")
    await player.do(WALKER, "verify")
    assert (await player.do(OPERATOR, "file", category="0401")).state == "dispatched"


async def test_report_when_somebody_has_seen_it_needs_no_verification(database: Database) -> None:
    service = await open_town(database)
    device = actor("device", "sensor", kind="device", session=None)
    for who, report in ((WALKER, event(category="0401")), (OPERATOR, ticket(category="0401", description="楼上有人要坠楼"))):
        assert (await reported(service, who, report))[1].state == "dispatched"
    _, alarm = await reported(service, device, event(category="0401", channel="device"))
    assert {"file", "send_verify"} <= await offered(service, OPERATOR, alarm.id)
    _, heard = await reported(service, OPERATOR, event(category="0401", channel="media", file=True))
    assert heard.state == "verifying"


async def test_verification_when_it_turns_dangerous_is_not_waited_for(database: Database) -> None:
    service = await open_town(database)
    player, case = await reported(service)
    assert "file" not in await offered(service, OPERATOR, case.id)
    await player.do(OPERATOR, "reclassify", category="0401", urgency="emergency")
    filed = await player.do(OPERATOR, "file")
    assert filed.state == "dispatched" and "verify" not in [clock.kind for clock in filed.clocks if clock.done_at is None]
    assert "p:walker" in (await notices(service, database, "file"))[0]["keys"]


async def test_verify_when_far_away_or_ones_own_report_is_not_taken(database: Database) -> None:
    service = await open_town(database)
    player, _ = await reported(service)
    with pytest.raises(Invalid) as wrong:
        await player.do(WALKER, "verify", position=FAR)
    assert [error.field for error in wrong.value.errors] == ["reason"]
    assert (await player.do(WALKER, "verify", position=FAR, reason="道路封闭")).state == "reported"
    own = actor("grid_worker", "walker")
    other, heard = await reported(service, own, NOISE)
    assert heard.state == "verifying" and heard.verification["worker"] is None
    with pytest.raises(Forbidden):
        await service.act(actor=own, case_id=heard.id, action="verify", rev=heard.rev, fields={}, key=None)
    assert (await other.do(WALKER, "verify")).state == "reported"


async def test_verification_when_sent_after_work_is_due_in_duty_time(database: Database) -> None:
    clock = Clock()
    clock.now = datetime(2026, 11, 27, 8, 50, tzinfo=UTC)  # Friday 16:50 in Guiyang
    service = await open_town(database, clock)
    _, case = await reported(service)
    assert case.clocks[-1].due_at == "2026-11-30T01:20:00.000Z"  # Monday 09:20
    clock.now = datetime(2026, 11, 28, 8, 0, tzinfo=UTC)
    await service.sweep()
    assert (await service.get(actor=OPERATOR, case_id=case.id)).light == "green" and "light" not in await actions(
        service, case.id
    )
    clock.now = datetime(2026, 11, 30, 1, 21, tzinfo=UTC)
    await service.sweep()
    assert {"p:walker", "supervisor:*"} <= set((await notices(service, database, "light"))[-1]["keys"])


async def test_place_when_nobody_can_go_there_is_found_by_the_operator_first(database: Database) -> None:
    service = await open_town(database)
    vague = ticket(category="0401", location=None, area_code="521")
    assert (await reported(service, OPERATOR, vague))[1].state == "verifying"  # somebody has duty for the whole district
    service.rules.directory.on_duty = lambda role, place, at, **_: ()  # type: ignore[method-assign]
    player, case = await reported(service, OPERATOR, vague)
    assert case.state == "reported" and not {"file", "send_verify"} & await offered(service, OPERATOR, case.id)
    await player.do(OPERATOR, "correct_location", location={"lon": 106.605, "lat": 26.62, "crs": "WGS-84"})
    assert (await player.do(OPERATOR, "send_verify")).state == "verifying"
    assert "grid_worker:5211" in (await notices(service, database, "send_verify"))[-1]["keys"]


async def test_sensitive_case_when_verified_is_seen_by_the_grid_workers_so_long(database: Database) -> None:
    service = await open_town(database)
    player, case = await reported(service, OPERATOR, ticket(category="0402"))
    assert case.sensitive and (await service.get(actor=WALKER, case_id=case.id)).state == "verifying"
    listed = await service.store.find(case.id)
    assert listed is not None and "a:5211" in listed["keys"] and "a:*" not in listed["keys"]
    with pytest.raises(LookupError):
        await player.do(WALKER, "verify")
        await service.get(actor=WALKER, case_id=case.id)
