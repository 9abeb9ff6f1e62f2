"""Who is sent to look on the spot: the nearest on duty, for one who is away who stands in, else the lead; then passed on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest

from dispatch.actors import SYSTEM
from dispatch.categories import Catalogue
from dispatch.model import Place
from dispatch.service import CaseService
from storage.client import Database
from storage.errors import Invalid
from tests.dispatch.test_verification import NOISE, SEEN_FIRST
from tests.dispatch.town import (
    CATEGORIES,
    CLERK,
    DISPATCHER,
    OPERATOR,
    WALKER,
    Clock,
    Player,
    TownDirectory,
    event,
    new_key,
    open_service,
    whole,
)  # fmt: skip


class Duties(TownDirectory):
    """A town whose grid workers and leads on duty the test says."""

    def __init__(self) -> None:
        self.there: Mapping[str, tuple[str, ...]] = {"grid_worker": ("walker", "second")}

    def on_duty(self, role: str, place: Place, at: datetime, *, behind: bool = True) -> tuple[str, ...]:
        return self.there.get(role, ())


async def open_town(database: Database, clock: Clock | None = None) -> tuple[CaseService, Duties]:
    service, duties = await open_service(database, clock), Duties()
    service.rules.catalogue = Catalogue((*CATEGORIES.all(), *SEEN_FIRST))
    service.rules.directory = duties
    return service, duties


async def report(service: CaseService, who: Any, body: Any) -> tuple[Player, Any]:
    filed = await service.report(actor=who, present=whole, report=body, key=new_key())
    return Player(service, filed.id), filed.case


async def to_check(service: CaseService) -> Player:
    """A case of a category that is checked on the spot, handed in."""
    player, _ = await report(service, WALKER, event())
    for who, action in ((CLERK, "sign_in"), (CLERK, "submit_result")):
        await player.do(who, action)
    return player


async def told(service: CaseService, database: Database, kind: str) -> list[list[str]]:
    await service.relay.sweep()
    return [one["keys"] for one in await database.find("notices", {"kind": kind}, sort=[("at", 1)])]


async def test_verification_when_no_grid_worker_is_on_duty_then_the_lead_is_sent(database: Database) -> None:
    service, duties = await open_town(database)
    duties.there = {"grid_lead": ("lead",)}
    _, case = await report(service, OPERATOR, NOISE)
    assert (case.state, case.verification["worker"]) == ("verifying", "lead")
    assert await told(service, database, "send_verify") == [["p:lead"]]


async def test_verification_when_nobody_is_on_duty_then_all_of_the_place_are_told(database: Database) -> None:
    service, duties = await open_town(database)
    duties.there = {}
    _, case = await report(service, OPERATOR, NOISE)
    assert case.state == "verifying" and case.verification["worker"] is None


async def test_check_when_sent_then_the_nearest_on_duty_goes_and_is_told(database: Database) -> None:
    service, _ = await open_town(database)
    player = await to_check(service)
    case = await player.do(DISPATCHER, "send_check")
    assert (case.state, case.site_check["worker"]) == ("checking", "walker")
    assert await told(service, database, "send_check") == [["p:walker"]]


async def test_check_when_somebody_is_named_then_they_must_be_on_duty(database: Database) -> None:
    service, _ = await open_town(database)
    player = await to_check(service)
    with pytest.raises(Invalid) as refused:
        await player.do(DISPATCHER, "send_check", checker="stranger")
    assert [(error.field, error.code) for error in refused.value.errors] == [("checker", "not_on_duty")]
    assert (await player.do(DISPATCHER, "send_check", checker="second")).site_check["worker"] == "second"


async def test_check_when_nobody_is_on_duty_then_all_of_the_place_are_told(database: Database) -> None:
    service, duties = await open_town(database)
    player = await to_check(service)
    duties.there = {}
    assert (await player.do(DISPATCHER, "send_check")).site_check["worker"] is None
    ((*keys,),) = await told(service, database, "send_check")
    assert any(key.startswith("grid_worker:") for key in keys)


@pytest.mark.parametrize("there", [{"grid_worker": ("second",)}, {"grid_lead": ("second",)}])
@pytest.mark.parametrize("kind", ["verification", "site_check"])
async def test_light_when_whoever_was_sent_is_gone_then_it_is_passed_on_and_told(
    database: Database, kind: str, there: dict[str, tuple[str, ...]]
) -> None:
    clock = Clock()
    service, duties = await open_town(database, clock)
    if kind == "verification":
        player, case = await report(service, OPERATOR, NOISE)
    else:
        player = await to_check(service)
        case = await player.do(DISPATCHER, "send_check")
    assert getattr(case, kind)["worker"] == "walker"
    duties.there = there
    running = next(one for one in case.clocks if one.kind == {"verification": "verify"}.get(kind, "check"))
    clock.now = datetime.fromisoformat(running.due_at)
    await service.sweep()
    case = await service.get(actor=SYSTEM, case_id=player.id)
    assert getattr(case, kind)["worker"] == "second"
    entry = next(one for one in await service.timeline(actor=SYSTEM, case_id=player.id) if one.data.get("worker") == "second")
    assert entry.data["instead_of"] == "walker"
    assert any("p:second" in keys for keys in await told(service, database, "light"))


async def test_light_when_whoever_was_sent_is_still_there_or_nobody_is_then_it_stays(database: Database) -> None:
    clock = Clock()
    service, duties = await open_town(database, clock)
    player, _ = await report(service, OPERATOR, NOISE)
    for duties.there in ({"grid_worker": ("second", "walker")}, {}):
        clock.forward(days=1)
        await service.sweep()
        assert (await service.get(actor=SYSTEM, case_id=player.id)).verification["worker"] == "walker"
