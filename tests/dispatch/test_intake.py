"""From a report to a case: who files, what is proposed, what is encrypted, what comes twice."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest

from dispatch.actors import SYSTEM
from dispatch.errors import IdempotencyKeyRequired, IdempotencyMismatch, OutOfArea, UnknownArea
from dispatch.numbers import CaseNumbers
from dispatch.reports import Caller, Location
from dispatch.store import CASES
from storage.client import Database
from storage.errors import Forbidden, Invalid
from tests.dispatch.town import HERE, OPERATOR, START, WALKER, actor, event, new_key, open_service, ticket, whole


async def test_report_when_key_is_repeated_is_one_case_as_it_is_now(database: Database) -> None:
    service = await open_service(database)
    first = await service.report(actor=WALKER, present=whole, report=event(), key="k")
    await service.act(actor=OPERATOR, case_id=first.case.id, action="supplement", rev=None, fields={"text": "补充说明"}, key="s")
    again = await service.report(actor=WALKER, present=whole, report=event(), key="k")
    assert (first.created, again.created, again.case.id, again.case.rev) == (True, False, first.case.id, 2)
    with pytest.raises(IdempotencyMismatch):
        await service.report(actor=WALKER, present=whole, report=event(description="别的事情发生了"), key="k")
    other = await service.report(actor=actor("grid_worker", "another"), present=whole, report=event(), key="k")
    assert other.case.id != first.case.id


async def test_report_when_sent_many_times_at_once_is_one_case(database: Database) -> None:
    service = await open_service(database)
    answers = await asyncio.gather(*(service.report(actor=WALKER, present=whole, report=event(), key="same") for _ in range(30)))
    assert sum(answer.created for answer in answers) == 1 and len({answer.case.id for answer in answers}) == 1
    assert await database.count(CASES, {}) == 1


async def test_report_when_program_names_its_event_needs_no_key(database: Database) -> None:
    service = await open_service(database)
    program = actor("partner", "city311", session=None)
    made = [
        await service.report(actor=program, present=whole, report=event(source_id="A-1", channel="partner")) for _ in range(2)
    ]
    assert [filed.created for filed in made] == [True, False]
    with pytest.raises(IdempotencyKeyRequired):
        await service.report(actor=WALKER, present=whole, report=event(source_id="A-1"))


STANDS: tuple[tuple[Any, Any, str], ...] = (
    (WALKER, event(), "dispatched"),
    (WALKER, event(photos=()), "reported"),  # the category is checked on site: it must be seen before, too
    (WALKER, event(category=None), "reported"),  # proposed from the text: a person confirms it
    (WALKER, event(location=None, area_code="521"), "reported"),
    (WALKER, event(category="0501"), "filed"),  # no clear winner
    (OPERATOR, ticket(), "dispatched"),
    (OPERATOR, ticket(file=False), "reported"),
    (OPERATOR, ticket(location=None, area_code="521"), "filed"),  # matched by area, dispatched by a person
    (OPERATOR, ticket(location=None, address="甲区大道1号"), "filed"),
    (OPERATOR, ticket(location=None, address="不知道在哪"), "reported"),
    (OPERATOR, ticket(category=None), "reported"),
    (OPERATOR, ticket(category=None, description="门口井盖不见了"), "dispatched"),
    (WALKER, event(photos=(), description="路口有燃气味很浓"), "dispatched"),
    (OPERATOR, ticket(category="0501", description="楼上有人要坠楼", file=False), "dispatched"),
)


async def test_report_when_taken_in_stands_where_the_design_says(database: Database) -> None:
    service = await open_service(database)
    for who, report, state in STANDS:
        case = (await service.report(actor=who, present=whole, report=report, key=new_key())).case
        assert case.state == state, report
        assert (case.lead is not None) == (state == "dispatched")
        assert case.due_at is not None and case.clocks[0].kind in {"intake", "dispatch", "sign_in", "case"}


async def test_report_when_in_danger_is_emergency_at_both_doors(database: Database) -> None:
    service = await open_service(database)
    for who, report in ((WALKER, event(description="井盖处有燃气味")), (OPERATOR, ticket(description="家里有燃气味"))):
        case = (await service.report(actor=who, present=whole, report=report, key=new_key())).case
        assert (case.urgency, case.emergency_words) == ("emergency", ["燃气味"])
        assert {clock.kind: clock.limit for clock in case.clocks} == {
            "sign_in": "15m", "case": "2h", "arrive": "30m", "first_report": "1h", "safe": "2h",
        }  # fmt: skip
    unclear = (
        await service.report(actor=OPERATOR, present=whole, report=ticket(category=None, description="闻到燃气味"), key=new_key())
    ).case
    stored = await database.find_one(CASES, {"_id": unclear.id})
    assert stored is not None and unclear.state == "reported" and unclear.clocks[0].limit == "5m"
    assert [(notice["kind"], notice["keys"][0]) for notice in stored["outbox"]] == [("submit", "operator:*")]


async def test_report_when_text_holds_personal_data_stores_it_masked_and_sealed(database: Database) -> None:
    service = await open_service(database, indexed=True)
    report = ticket(description="路灯不亮，请联系13912345678", caller=Caller(name="李雷雷", phone="13912345678"))
    case = (await service.report(actor=OPERATOR, present=whole, report=report, key=new_key())).case
    stored = await database.find_one(CASES, {"_id": case.id})
    assert stored is not None
    plain = json.dumps(msgspec.to_builtins(stored, builtin_types=()), default=str, ensure_ascii=False)
    assert "13912345678" not in plain and "李雷雷" not in plain and "139****5678" in case.description
    assert service._cipher.open(stored["original"], document_id=case.id, field="description") == report.description
    assert [item.id for item in await service.of_caller(actor=OPERATOR, phone="13912345678")] == [case.id]


async def test_report_when_one_is_open_nearby_shows_it(database: Database) -> None:
    service = await open_service(database)
    first = (await service.report(actor=WALKER, present=whole, report=event(), key=new_key())).case
    second = (await service.report(actor=WALKER, present=whole, report=event(), key=new_key())).case
    assert first.duplicates == [] and [item["case_no"] for item in second.duplicates] == [first.case_no]


WRONG: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({"description": "  短 "}, "description", "length"),
    ({"description": "长" * 2001}, "description", "length"),
    ({"location": None}, "location", "required"),
    ({"urgency": "soon"}, "urgency", "choice"),
    ({"channel": "x"}, "channel", "choice"),
    ({"category": "9999"}, "category", "unknown_category"),
    ({"area_code": "522"}, "area_code", "contradiction"),
    ({"photos": tuple(str(n) for n in range(10))}, "photos", "length"),
    ({"occurred_at": START.replace(year=2030)}, "occurred_at", "range"),
)


async def test_report_when_wrong_names_the_field_and_leaves_nothing(database: Database) -> None:
    service = await open_service(database)
    for values, field, code in WRONG:
        with pytest.raises(Invalid) as wrong:
            await service.report(actor=WALKER, present=whole, report=event(**values), key=new_key())
        assert [(error.field, error.code) for error in wrong.value.errors] == [(field, code)]
    assert await database.count(CASES, {}) == 0


async def test_report_when_out_of_area_or_not_allowed_is_refused(database: Database) -> None:
    service = await open_service(database)
    with pytest.raises(OutOfArea):
        await service.report(
            actor=WALKER, present=whole, report=event(location=Location(lon=0, lat=0, crs="WGS-84")), key=new_key()
        )
    with pytest.raises(UnknownArea):
        await service.report(actor=WALKER, present=whole, report=event(location=None, area_code="99"), key=new_key())
    for who in (actor("assessor"), SYSTEM):
        with pytest.raises(Forbidden):
            await service.report(actor=who, present=whole, report=event(location=HERE), key=new_key())


async def test_numbers_when_taken_by_two_processes_never_repeat(database: Database) -> None:
    one, other = CaseNumbers(database, "XC", "Asia/Shanghai"), CaseNumbers(database, "XC", "Asia/Shanghai")
    taken = await asyncio.gather(*(numbers.take(START) for numbers in (one, other) for _ in range(700)))
    assert len(set(taken)) == 1400 and all(number.startswith("XC20261123-") for number in taken)
    assert (await one.take(START.replace(hour=17))).startswith("XC20261124-000")


async def test_numbers_when_no_case_got_one_it_is_the_next_of_its_day(database: Database) -> None:
    numbers = CaseNumbers(database, "XC", "Asia/Shanghai")
    first = await numbers.take(START)
    numbers.give_back(first)
    assert await numbers.take(START) == first != await numbers.take(START)
    numbers.give_back(first)
    assert await numbers.take(START.replace(hour=17)) == "XC20261124-000001"
