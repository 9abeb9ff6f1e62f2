"""Bad ratings: contact, result, a supervisor's word, and one more rating; what comes late is told."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch.store import CASES
from storage.client import Database
from storage.errors import Forbidden
from tests.dispatch.test_endings import closed
from tests.dispatch.test_oversight import offered, reported, stored
from tests.dispatch.town import CLERK, LEADER, OPERATOR, SUPERVISOR, Clock, Player, clerk_of, open_service, ticket

BAD = {"efficiency": 4, "quality": 2, "attitude": 5}


async def rated_badly(service: Any) -> Player:
    """Return a closed case whose caller is not content."""
    player = await closed(service)
    await player.do(OPERATOR, "rate", **BAD)
    return player


@pytest.mark.parametrize(("worst", "opens"), [(3, False), (2, True), (1, True)])
async def test_rating_when_any_aspect_is_bad_opens_a_rectification(database: Database, worst: int, opens: bool) -> None:
    service = await open_service(database)
    player = await closed(service)
    rated = await player.do(OPERATOR, "rate", quality=worst)
    assert (rated.rectification is not None) == opens
    if opens:
        assert (rated.rectification["state"], rated.rectification["unit"]) == ("open", "water1")
        assert rated.rectification["contact_due_at"] == "2026-11-24T09:00:00.000Z"
        assert rated.rectification["due_at"] == "2026-11-30T09:00:00.000Z"


async def test_rectification_when_done_asks_for_one_more_rating(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player = await rated_badly(service)
    assert "rectify_submit" not in await offered(player, CLERK) and "rate" not in await offered(player, OPERATOR)
    await player.do(CLERK, "rectify_contact")
    submitted = await player.do(LEADER, "rectify_submit", result="mistaken")
    assert (submitted.rectification["state"], submitted.rectification["result"]) == ("submitted", "mistaken")
    assert "rate" not in await offered(player, OPERATOR)
    settled = await player.do(SUPERVISOR, "rectify_close")
    assert settled.rectification["state"] == "closed" and settled.state == "closed"
    document = await database.find_one(CASES, {"_id": player.id})
    assert document is not None
    assert "p:operator" in document["outbox"][-1]["keys"], "who reported is asked again"
    clock.forward(days=14)
    again = await player.do(OPERATOR, "rate", **BAD)
    assert (again.rating["again"], again.rectification["state"]) == (True, "closed"), "there is no second rectification"
    assert "rate" not in await offered(player, OPERATOR)
    assert [entry["action"] for entry in (await stored(player))["timeline"][-5:]] == [
        "rate", "rectify_contact", "rectify_submit", "rectify_close", "rate",
    ]  # fmt: skip


async def test_rectification_when_nobody_answers_goes_on_after_three_calls(database: Database) -> None:
    service = await open_service(database)
    player = await rated_badly(service)
    for number in range(3):
        assert "rectify_submit" not in await offered(player, CLERK), number
        await player.do(CLERK, "rectify_contact", result="unreachable")
    assert "rectify_submit" in await offered(player, CLERK)


async def test_rectification_when_it_does_not_convince_goes_back_to_the_unit(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player = await rated_badly(service)
    await player.do(CLERK, "rectify_contact")
    clock.forward(days=7)
    await player.do(CLERK, "rectify_submit")
    back = await player.do(SUPERVISOR, "rectify_close", approve=False)
    assert (back.rectification["state"], back.rectification["result"]) == ("contacted", None)
    assert back.rectification["due_at"] == "2026-12-01T09:00:00.000Z", "a day more at least"
    await player.do(CLERK, "rectify_submit")
    assert (await player.do(SUPERVISOR, "rectify_close")).rectification["state"] == "closed"


async def test_rectification_when_late_is_told_for_each_step_once(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player = await rated_badly(service)
    clock.forward(days=1, hours=8)
    await service.sweep()
    await player.do(CLERK, "rectify_contact")
    clock.forward(days=8)
    await service.sweep()
    await service.sweep()
    late = [entry["data"]["missing"] for entry in (await stored(player))["timeline"] if entry["action"] == "rectify_late"]
    assert late == ["contact", "result"]
    document = await database.find_one(CASES, {"_id": player.id})
    assert document is not None
    assert {"u:water1", "head:water1", "supervisor:*"} <= set(document["outbox"][-1]["keys"])


async def test_archive_when_a_rectification_is_open_waits_for_its_end(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player = await rated_badly(service)
    clock.forward(days=20)
    await service.sweep()
    assert (await service.get(actor=OPERATOR, case_id=player.id)).state == "closed"
    for who, action in ((CLERK, "rectify_contact"), (CLERK, "rectify_submit"), (SUPERVISOR, "rectify_close")):
        await player.do(who, action)
    clock.forward(days=14)
    await service.sweep()
    assert (await service.get(actor=OPERATOR, case_id=player.id)).state == "closed"
    clock.forward(days=1)
    await service.sweep()
    assert (await service.get(actor=OPERATOR, case_id=player.id)).state == "archived"


async def test_rectification_when_the_desk_had_answered_is_the_desks(database: Database) -> None:
    service = await open_service(database)
    player = await reported(service, OPERATOR, ticket(appeal_type="consult", file=False))
    await player.do(OPERATOR, "direct_answer")
    await player.do(OPERATOR, "rate", **BAD)
    document = await database.find_one(CASES, {"_id": player.id})
    assert document is not None and {"operator:*", "supervisor:*"} <= set(document["outbox"][-1]["keys"])
    assert (await player.do(OPERATOR, "rectify_contact")).rectification["state"] == "contacted"
    with pytest.raises(Forbidden):
        await service.act(actor=CLERK, case_id=player.id, action="rectify_submit", rev=4, fields={}, key=None)


async def test_rectification_when_another_unit_or_the_desk_tries_is_refused(database: Database) -> None:
    service = await open_service(database)
    player = await rated_badly(service)
    wide = clerk_of("urban1")
    stranger = type(wide)(id="x", role="unit_clerk", unit="urban1", units=frozenset({"urban1"}), scope=OPERATOR.scope)
    for who in (stranger, OPERATOR):
        with pytest.raises(Forbidden):
            await service.act(actor=who, case_id=player.id, action="rectify_contact", rev=None, fields={}, key=None)
