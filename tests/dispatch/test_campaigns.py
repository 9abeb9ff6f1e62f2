"""Campaign zones: a limit of their own for some categories, in their place and time; never longer where there is danger."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import pytest

from dispatch.city import params_of
from dispatch.clocks import Limit, choose_limit, due_at
from dispatch.model import Campaign, Category
from dispatch.service import CaseService
from storage.client import Database
from tests.dispatch.town import (
    CATEGORIES,
    CLERK,
    DISPATCHER,
    HERE,
    OPERATOR,
    START,
    SUPERVISOR,
    WALKER,
    Clock,
    Player,
    TownLocator,
    clerk_of,
    event,
    new_key,
    open_service,
    rules,
    whole,
)

CITY = rules()
CLEAN = Campaign(
    code="Z-1", name="文明创建专区", limit="2wd", categories=frozenset({"0201", "0501"}), valid_from=date(2026, 11, 1),
    valid_to=date(2026, 11, 30),
)  # fmt: skip
OUTSIDE = {"lon": 106.615, "lat": 26.62, "crs": "WGS-84", "accuracy_m": 8}
INSIDE = {"lon": 106.605, "lat": 26.62, "crs": "WGS-84", "accuracy_m": 8}


@dataclass
class CampaignTown(TownLocator):
    """A town whose westernmost grid has campaigns."""

    campaigns: tuple[Campaign, ...] = (CLEAN,)
    asked: list[float] = field(default_factory=list)

    def campaigns_at(self, lon: float, lat: float) -> tuple[Campaign, ...]:
        self.asked.append(lon)
        return self.campaigns if lon < 106.61 else ()


async def opened(database: Database, clock: Clock | None = None, *more: Campaign) -> CaseService:
    service = await open_service(database, clock)
    service.rules.locator = CampaignTown((CLEAN, *more))
    return service


async def reported(service: CaseService, **values: Any) -> Player:
    filed = await service.report(actor=WALKER, report=event(**values), present=whole, key=new_key())
    return Player(service, filed.id)


async def said(service: CaseService, player: Player) -> tuple[str, str, str]:
    found = await service.due(actor=CLERK, case_id=player.id)
    return found.limit, found.source, found.zone


async def test_report_when_in_a_valid_campaign_then_its_limit_with_the_name_of_the_zone(database: Database) -> None:
    service = await opened(database)
    player = await reported(service)
    assert await said(service, player) == ("2wd", "campaign", "文明创建专区")
    stored = await service.store.find(player.id)
    assert stored is not None and stored["live"]["due_at"] == due_at(START, Limit.parse("2wd"), CITY.calendar)


@pytest.mark.parametrize("category", ["0202", "0203"])
async def test_report_when_of_another_category_then_its_own_limit(database: Database, category: str) -> None:
    service = await opened(database)
    _, source, zone = await said(service, await reported(service, category=category))
    assert (source, zone) == ("category", "")


@pytest.mark.parametrize(
    ("now", "source"),
    [
        (datetime(2026, 10, 31, 15, 59, tzinfo=UTC), "category"),
        (datetime(2026, 10, 31, 16, 0, tzinfo=UTC), "campaign"),
        (datetime(2026, 11, 30, 15, 59, tzinfo=UTC), "campaign"),
        (datetime(2026, 11, 30, 16, 0, tzinfo=UTC), "category"),
    ],
)
async def test_report_when_at_the_edges_of_its_time_then_by_the_local_day(database: Database, now: datetime, source: str) -> None:
    clock = Clock()
    clock.now = now
    service = await opened(database, clock)
    assert (await said(service, await reported(service)))[1] == source


async def test_report_when_in_two_campaigns_then_the_shorter_one(database: Database) -> None:
    storm = Campaign(code="Z-2", name="暴雨防范", limit="6h", valid_from=CLEAN.valid_from, valid_to=CLEAN.valid_to)
    service = await opened(database, None, storm)
    assert await said(service, await reported(service)) == ("6h", "campaign", "暴雨防范")


async def test_report_when_for_a_special_group_then_half_of_the_campaigns(database: Database) -> None:
    service = await opened(database)
    assert await said(service, await reported(service, special_group="elder")) == ("1wd", "special_group", "")


async def test_report_when_danger_to_life_then_the_campaign_makes_nothing_longer(database: Database) -> None:
    service = await opened(database)
    limit, source, _ = await said(service, await reported(service, description="井盖缺失，闻到燃气味"))
    assert (limit, source) == ("2h", "urgency")


async def test_reclassify_when_into_a_category_of_the_campaign_then_its_limit(database: Database) -> None:
    service = await opened(database)
    player = await reported(service, category="0202")
    await player.do(SUPERVISOR, "reclassify", category="0501")
    assert await said(service, player) == ("2wd", "campaign", "文明创建专区")
    await player.do(SUPERVISOR, "reclassify", category="0202")
    assert await said(service, player) == ("2wd", "category", "")


async def test_correct_location_when_into_the_zone_and_out_of_it_then_the_limit_follows(database: Database) -> None:
    clock = Clock()
    service = await opened(database, clock)
    player = await reported(service, location=type(HERE)(**OUTSIDE))
    assert await said(service, player) == ("5wd", "category", "")
    clock.forward(hours=1)
    await player.do(OPERATOR, "correct_location", location=INSIDE)
    assert await said(service, player) == ("2wd", "campaign", "文明创建专区")
    stored = await service.store.find(player.id)
    assert stored is not None
    assert stored["live"]["due_at"] == stored["tasks"][0]["due_at"] == due_at(START, Limit.parse("2wd"), CITY.calendar)
    await player.do(OPERATOR, "correct_location", location=OUTSIDE)
    assert await said(service, player) == ("5wd", "category", "")


async def test_correct_location_when_late_then_only_the_supervisor_makes_it_longer(database: Database) -> None:
    clock = Clock()
    service = await opened(database, clock)
    player = await reported(service)
    await player.do(clerk_of("water1"), "sign_in")
    clock.forward(days=2, hours=5)
    await service.sweep()
    await player.do(OPERATOR, "correct_location", location=OUTSIDE)
    assert (await said(service, player))[0] == "2wd"
    await player.do(SUPERVISOR, "reclassify", category="0201")
    assert (await said(service, player))[0] == "5wd"


async def test_correct_location_when_a_limit_was_set_by_hand_then_it_stays(database: Database) -> None:
    service = await opened(database)
    player = await reported(service, location=type(HERE)(**OUTSIDE))
    await player.do(DISPATCHER, "set_limit", limit="4wd")
    await player.do(OPERATOR, "correct_location", location=INSIDE)
    assert (await said(service, player))[1] == "override"


@pytest.mark.parametrize(
    ("urgency", "limit", "source"),
    [
        ("normal", "3wd", "campaign"),
        ("complex", "3wd", "campaign"),
        ("urgent", "24h", "urgency"),
        ("emergency", "2h", "category"),
    ],
)
def test_choose_limit_when_in_a_campaign_then_danger_is_still_faster(urgency: str, limit: str, source: str) -> None:
    category = Category(code="0405", name="存量违建", limit="15wd", safe_limit="2h")
    found = choose_limit(category, urgency, "none", table=params_of({}).limits, campaign=Limit.parse("3wd"))
    assert (str(found.limit), found.source) == (limit, source)


async def test_locator_when_a_case_is_reported_then_asked_once_and_not_for_one_without_a_point(database: Database) -> None:
    service = await opened(database)
    await reported(service)
    asked = service.rules.locator.asked  # type: ignore[attr-defined]
    assert len(asked) == 1
    await reported(service, location=None, area_code="5211")
    assert len(asked) == 1 and CATEGORIES.get("0201") is not None
