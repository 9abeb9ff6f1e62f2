"""Nobody is asked twice for what is there: every unit of a case has its photos, and who asks again is sent back (0 证明)."""

from __future__ import annotations

from storage.client import Database
from tests.dispatch.town import CLERK, DISPATCHER, WALKER, Player, clerk_of, event, new_key, open_service, whole


async def test_photos_when_reported_are_shown_to_every_unit_on_the_case(database: Database) -> None:
    service = await open_service(database)
    filed = await service.report(actor=WALKER, report=event(), present=whole, key=new_key())
    player = Player(service, filed.id)
    await player.do(clerk_of("water1"), "sign_in")
    await player.do(DISPATCHER, "add_unit", unit="urban1", kind="assist")
    for unit in ("water1", "urban1"):
        assert (await service.get(actor=clerk_of(unit), case_id=filed.id)).photos == ["a" * 64]


async def test_review_when_the_citizen_was_asked_again_then_back_with_that_defect(database: Database) -> None:
    service = await open_service(database)
    filed = await service.report(actor=WALKER, report=event(), present=whole, key=new_key())
    player = Player(service, filed.id)
    for action in ("sign_in", "submit_result"):
        await player.do(CLERK, action)
    assert (await player.do(DISPATCHER, "send_back", defect="asked_again")).state == "handling"
    assert (await service.timeline(actor=DISPATCHER, case_id=filed.id))[-1].data["defect"] == "asked_again"
