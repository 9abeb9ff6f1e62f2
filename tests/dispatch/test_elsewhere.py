"""What others take over: transferred with a receipt that is waited for, taken back, called in while the units act."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch.errors import NotAllowed
from storage.client import Database
from storage.errors import Forbidden, Invalid
from tests.dispatch.test_verification import NOISE, actions, notices, offered, open_town, reported
from tests.dispatch.town import CITIZEN, CLERK, DISPATCHER, OPERATOR, WALKER, Clock, event, open_service, ticket

HANDED = {"agency": "power", "way": "one_key", "summary": "变压器停运，一片停电"}


async def test_transfer_when_made_waits_for_the_receipt_and_the_answer(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player, case = await reported(service, CITIZEN, event(channel="app", category="0202"))
    gone = await player.do(OPERATOR, "transfer_external", **HANDED)
    assert (gone.state, gone.outcome, gone.transfer["agency"]) == ("transferred", "transferred", "power")
    assert [(one.kind, one.limit) for one in gone.clocks if one.done_at is None] == [("receipt", "24h")]
    assert "p:citizen" in (await notices(service, database, "transfer_external"))[0]["keys"]
    assert service.board.get(case.id) is None
    clock.forward(hours=25)
    await service.sweep()
    late = await service.get(actor=OPERATOR, case_id=case.id)
    hear = {"operator:*", "u:agency:power", "supervisor:*"}
    assert late.light == "red" and hear <= set((await notices(service, database, "light"))[-1]["keys"])
    assert "u:agency:power" in (await notices(service, database, "transfer_external"))[0]["keys"]
    fields = next(action for action in late.actions if action["name"] == "record_receipt")["fields"]
    assert {field["name"]: field["required"] for field in fields} == {"receipt": True, "feedback": True}
    told = await player.do(OPERATOR, "record_receipt", receipt="95598-001", feedback="抢修队已出发")
    assert (told.state, told.transfer["receipt"], [one for one in told.clocks if one.done_at is None]) == (
        "transferred", "95598-001", [],
    )  # fmt: skip
    assert "p:citizen" in (await notices(service, database, "record_receipt"))[0]["keys"]
    again = await player.do(OPERATOR, "record_receipt", feedback="已恢复供电")
    assert (again.transfer["receipt"], again.transfer["feedback"]) == ("95598-001", "已恢复供电")
    assert [one for one in await actions(service, case.id) if one != "light"] == [
        "submit", "transfer_external", "record_receipt", "record_receipt",
    ]  # fmt: skip


async def test_transfer_when_not_theirs_comes_back_to_the_desk(database: Database) -> None:
    service = await open_service(database)
    player, case = await reported(service, OPERATOR, ticket(file=False))
    await player.do(OPERATOR, "transfer_external", **HANDED)
    back = await player.do(OPERATOR, "transfer_back", reason="不是供电设施")
    assert (back.state, back.outcome, back.closed_at) == ("reported", None, None)
    assert [one.kind for one in back.clocks if one.done_at is None] == ["intake"] and back.transfer["back_at"] is not None
    assert service.board.get(case.id) is not None
    assert "operator:*" in (await notices(service, database, "transfer_back"))[0]["keys"]
    assert (await player.do(OPERATOR, "file")).state == "dispatched"


async def test_transfer_when_somebody_is_on_the_way_or_it_is_filed_ends_their_work(database: Database) -> None:
    service = await open_town(database)
    player, case = await reported(service, OPERATOR, NOISE)
    assert (await player.do(OPERATOR, "transfer_external", **HANDED)).state == "transferred"
    assert "p:walker" in (await notices(service, database, "transfer_external"))[0]["keys"]
    player, case = await reported(service, WALKER, event(category="0501"))
    assert case.state == "filed" and (await player.do(DISPATCHER, "transfer_external", **HANDED)).state == "transferred"
    _, given = await reported(service)
    _, given = await reported(service, WALKER, event())
    with pytest.raises(NotAllowed):
        await service.act(actor=OPERATOR, case_id=given.id, action="transfer_external", rev=given.rev, fields={}, key=None)
    with pytest.raises(Forbidden):
        await service.act(actor=WALKER, case_id=case.id, action="transfer_back", rev=None, fields={}, key=None)


async def test_transfer_when_to_another_place_names_it(database: Database) -> None:
    service = await open_service(database)
    player, _ = await reported(service, OPERATOR, ticket(file=False))
    elsewhere: dict[str, Any] = HANDED | {"agency": "other_place", "way": "written"}
    with pytest.raises(Invalid) as wrong:
        await player.do(OPERATOR, "transfer_external", **elsewhere)
    assert [(error.field, error.code) for error in wrong.value.errors] == [("to", "required")]
    gone = await player.do(OPERATOR, "transfer_external", **elsewhere, to="邻市12345")
    assert gone.transfer["to"] == "邻市12345" and gone.transfer["way"] == "written"


async def test_agency_when_the_category_names_one_is_proposed(database: Database) -> None:
    service = await open_town(database)
    _, case = await reported(service, OPERATOR, ticket(category="0404", file=False))
    seen = await service.get(actor=OPERATOR, case_id=case.id)
    fields = next(action for action in seen.actions if action["name"] == "transfer_external")["fields"]
    assert next(field for field in fields if field["name"] == "agency")["value"] == "119"


async def test_danger_when_another_agency_is_called_in_stays_with_the_units(database: Database) -> None:
    service = await open_service(database)
    player, case = await reported(service, WALKER, event(description="井盖处有燃气味", photos=()))
    assert case.state == "dispatched"
    await player.do(CLERK, "sign_in")
    for agency in ("119", "gas"):
        called = await player.do(OPERATOR, "hand_over", agency=agency, way="three_way")
    assert (called.state, [one["agency"] for one in called.hand_overs]) == ("handling", ["119", "gas"])
    assert "u:water1" in (await notices(service, database, "hand_over"))[0]["keys"]
    assert (await actions(service, case.id))[-3:] == ["sign_in", "hand_over", "hand_over"]
    _, calm = await reported(service, WALKER, event())
    assert "hand_over" not in await offered(service, OPERATOR, calm.id)
