"""What keeps an ended case out of the archive, each thing alone (domain.md T47)."""

from __future__ import annotations

from typing import Any

import pytest

from storage.client import Database
from tests.dispatch.test_elsewhere import HANDED
from tests.dispatch.test_endings import closed
from tests.dispatch.test_verification import reported
from tests.dispatch.town import CITIZEN, CLERK, LEADER, OPERATOR, SUPERVISOR, Clock, Player, event, open_service


async def state(player: Player) -> str:
    await player.service.sweep()
    return str((await player.service.get(actor=OPERATOR, case_id=player.id)).state)


async def test_archive_when_a_bad_rating_is_not_settled_waits_for_it(database: Database) -> None:
    clock = Clock()
    player = await closed(await open_service(database, clock))
    await player.do(OPERATOR, "rate", quality=1)
    clock.forward(days=40)
    assert await state(player) == "closed"
    for who, action in ((CLERK, "rectify_contact"), (LEADER, "rectify_submit"), (SUPERVISOR, "rectify_close")):
        await player.do(who, action, **({"approve": True} if action == "rectify_close" else {}))
    clock.forward(days=15)
    assert await state(player) == "archived"


@pytest.mark.parametrize("approve", [False, True])
async def test_archive_when_an_appeal_is_not_decided_waits_for_it(database: Database, approve: bool) -> None:
    clock = Clock()
    player = await closed(await open_service(database, clock))
    clock.forward(days=14)
    await player.do(OPERATOR, "appeal_result")
    clock.forward(days=30)
    assert await state(player) == "closed"
    await player.decide(SUPERVISOR, approve=approve)
    clock.forward(days=15)
    assert await state(player) == ("dispatched" if approve else "archived")


@pytest.mark.parametrize(("given", "archived"), [({}, False), ({"receipt": "G-1"}, False), ({"feedback": "已处理"}, True)])
async def test_archive_when_transferred_needs_receipt_and_feedback(
    database: Database, given: dict[str, Any], archived: bool
) -> None:
    """What the agency was called with may hold its receipt; its answer comes later."""
    clock = Clock()
    service = await open_service(database, clock)
    player, _ = await reported(service, CITIZEN, event(channel="app", category="0202"))
    await player.do(OPERATOR, "transfer_external", **HANDED, **({} if "feedback" in given else given))
    if "feedback" in given:
        await player.do(OPERATOR, "record_receipt", **given)
    clock.forward(days=16)
    assert await state(player) == ("archived" if archived else "transferred")
