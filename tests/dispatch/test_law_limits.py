"""Limits fixed by law: a cap on what a case is given, by whomever and by whatever; refused with what the law says."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dispatch.categories import Catalogue
from dispatch.clocks import Limit, due_at
from dispatch.importing import CategoryRow
from dispatch.model import Category
from dispatch.packs import PackReport, rows
from dispatch.service import CaseService
from storage.client import Database
from storage.errors import Invalid
from tests.dispatch.town import (
    CATEGORIES,
    DISPATCHER,
    LEADER,
    OPERATOR,
    SUPERVISOR,
    Clock,
    Player,
    clerk_of,
    new_key,
    open_service,
    rules,
    ticket,
    whole,
)

CITY = rules()
REPORTED = Category(code="0503", name="举报违法排污", urgency="normal", limit="5wd", law_limit="7wd")
NATURAL = Category(code="0504", name="举报价格违法", urgency="normal", limit="10wd", law_limit="12d")
URBAN = clerk_of("urban1")


async def opened(database: Database, clock: Clock | None = None) -> CaseService:
    service = await open_service(database, clock)
    service.rules.catalogue = Catalogue((*CATEGORIES.all(), REPORTED, NATURAL))
    return service


async def reported(service: CaseService, category: str = "0503") -> Player:
    filed = await service.report(actor=OPERATOR, report=ticket(category=category), present=whole, key=new_key())
    return Player(service, filed.id)


async def refused(doing: object) -> list[tuple[str, str, str]]:
    with pytest.raises(Invalid) as caught:
        await doing  # type: ignore[misc]
    return [(error.field, error.code, error.message) for error in caught.value.errors]


async def test_dispatch_when_the_law_is_shorter_on_the_calendar_then_it_is_the_limit(database: Database) -> None:
    """Ten working days are fourteen on the calendar: longer than twelve natural ones."""
    service = await opened(database)
    player = await reported(service, "0504")
    said = await service.due(actor=SUPERVISOR, case_id=player.id)
    assert (said.limit, said.source) == ("12d", "law")


async def test_dispatch_when_the_law_is_longer_then_it_changes_nothing(database: Database) -> None:
    service = await opened(database)
    player = await reported(service)
    said = await service.due(actor=SUPERVISOR, case_id=player.id)
    assert (said.limit, said.source) == ("5wd", "category")


async def test_set_limit_when_beyond_the_law_then_refused_to_the_supervisor_too(database: Database) -> None:
    service = await opened(database)
    player = await reported(service)
    found = await refused(player.do(SUPERVISOR, "set_limit", limit="8wd"))
    assert found == [("limit", "beyond_law", "the law allows 7wd at most")]
    case = await player.do(SUPERVISOR, "set_limit", limit="7wd")
    assert next(clock for clock in case.clocks if clock.kind == "case").limit == "7wd"


async def test_dispatch_when_a_limit_beyond_the_law_is_named_then_refused(database: Database) -> None:
    service = await opened(database)
    filed = await service.report(actor=OPERATOR, report=ticket(category="0501"), present=whole, key=new_key())
    player = Player(service, filed.id)  # not clear: waits for a dispatcher
    await player.do(SUPERVISOR, "reclassify", category="0503")
    codes = {code for _, code, _ in await refused(player.do(DISPATCHER, "dispatch", unit="urban1", limit="9wd"))}
    assert "beyond_law" in codes


@pytest.mark.parametrize(("asked", "granted"), [("2wd", True), ("3wd", False)])
async def test_extension_when_beyond_the_law_then_refused(database: Database, asked: str, granted: bool) -> None:
    service = await opened(database)
    player = await reported(service)
    await player.do(URBAN, "sign_in")
    asking = player.do(URBAN, "request_extension", limit=asked, told=True)
    if not granted:
        assert await refused(asking) == [("limit", "beyond_law", "the law allows 7wd at most")]
        return
    await asking
    await player.decide(DISPATCHER)
    said = await service.due(actor=SUPERVISOR, case_id=player.id)
    assert said.due == due_at(said.start, Limit.parse("7wd"), CITY.calendar)


async def test_extension_when_proposed_then_within_the_law(database: Database) -> None:
    service = await opened(database)
    player = await reported(service)
    await player.do(URBAN, "sign_in")
    case = await service.get(actor=URBAN, case_id=player.id)
    asked = next(one for one in case.actions if one["name"] == "request_extension")
    assert next(field for field in asked["fields"] if field["name"] == "limit")["value"] == "2wd"


async def test_extension_when_the_case_has_become_one_with_a_law_then_not_granted_beyond(database: Database) -> None:
    service = await opened(database)
    player = await reported(service, "0501")
    await player.do(DISPATCHER, "dispatch", unit="urban1")
    await player.do(URBAN, "sign_in")
    await player.do(URBAN, "request_extension", limit="5wd", told=True)
    await player.do(SUPERVISOR, "reclassify", category="0503")
    assert await refused(player.decide(DISPATCHER)) == [("approve", "beyond_law", "the law allows 7wd at most")]
    assert (await player.decide(DISPATCHER, approve=False)).requests[-1]["state"] == "rejected"


async def test_return_when_it_would_move_the_due_time_past_the_law_then_capped_and_explained(database: Database) -> None:
    clock = Clock()
    service = await opened(database, clock)
    player = await reported(service)
    await player.do(SUPERVISOR, "set_limit", limit="7wd")
    await player.do(URBAN, "sign_in")
    clock.forward(hours=2)
    await player.do(URBAN, "request_return", reason="not_duty", unit="water1")
    await player.decide(DISPATCHER)
    await player.do(DISPATCHER, "dispatch", unit="water1")
    said = await service.due(actor=SUPERVISOR, case_id=player.id)
    assert said.due == due_at(said.start, Limit.parse("7wd"), CITY.calendar) == said.spans[-1].end


async def test_suspension_when_it_stood_still_then_the_law_stood_still_too(database: Database) -> None:
    clock = Clock()
    service = await opened(database, clock)
    player = await reported(service)
    await player.do(URBAN, "sign_in")
    await player.do(LEADER, "request_suspension", planned_at="2026-12-04T01:00:00Z", told=True)
    await player.decide(SUPERVISOR)
    clock.now = datetime(2026, 12, 1, 2, 0, tzinfo=UTC)
    await player.do(URBAN, "resume")
    await player.do(URBAN, "request_extension", limit="1wd", told=True)
    case = await player.decide(DISPATCHER)
    assert case.requests[-1]["state"] == "approved"


@pytest.mark.parametrize(("cell", "is_fine"), [("15wd", True), ("", True), ("two weeks", False)])
def test_column_when_read_then_a_limit_or_named(tmp_path: Path, cell: str, is_fine: bool) -> None:
    (tmp_path / "categories.csv").write_text(f"code,name,law_limit\n0503,举报,{cell}\n", encoding="utf-8")
    report = PackReport()
    found = rows(tmp_path, "categories.csv", CategoryRow, report)
    assert [(error.row, error.field) for error in report.errors] == ([] if is_fine else [(2, "law_limit")])
    assert not is_fine or (found[0].value.law_limit or "") == cell
