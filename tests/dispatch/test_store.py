"""Lists: what each role sees, by which index, page after page; nothing that a sharded cluster could not do."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from dispatch import relay, store
from dispatch.actors import Actor, Scope
from dispatch.keys import sees
from dispatch.store import CASES, CaseQuery, list_filter, visible_to
from storage.client import Database
from storage.errors import Invalid
from tests.dispatch.town import (
    CLERK,
    DISPATCHER,
    OPERATOR,
    WALKER,
    Clock,
    Location,
    actor,
    clerk_of,
    event,
    new_key,
    open_service,
    ticket,
    whole,
)  # fmt: skip

MANY = actor(
    "unit_leader", "many", unit="u0", units=frozenset({"water1", "urban2"}),
    scope=Scope(units=frozenset({f"u{n}" for n in range(200)} | {"water1", "urban2"}), reporter="many"),
)  # fmt: skip
COORDINATOR = actor("org_coordinator")
DISTRICT = actor("dispatcher", "district", areas=frozenset({"521"}), scope=Scope(areas=frozenset({"521"})))
READERS = (OPERATOR, DISTRICT, WALKER, CLERK, clerk_of("water1"), MANY, COORDINATOR, actor("citizen"))
FILTERS: tuple[dict[str, Any], ...] = (
    {}, {"state": "dispatched"}, {"state": "dispatched,closed"}, {"light": "red,yellow"}, {"area": "521"}, {"area": "52"},
    {"unit": "water1"}, {"category": "0201"}, {"urgency": "normal"}, {"channel": "phone"}, {"mine": True}, {"q": "井盖"},
    {"q": "XC2026"}, {"q": "XC20261123-00"}, {"area": "521", "unit": "water1", "state": "handling"}, {"open": True},
    {"request": "extension,appeal"}, {"request": "return", "open": True}, {"state": "transferred", "light": "green,red"},
    {"todo": "spot_check"}, {"todo": "spot_check,rectification", "area": "521"},
)  # fmt: skip


async def _filled(database: Database) -> Any:
    clock = Clock()
    service = await open_service(database, clock, indexed=True)
    for number in range(60):
        at = Location(lon=106.605 + number % 8 * 0.01, lat=26.62, crs="WGS-84")
        report = ticket(location=at) if number % 3 == 0 else event(location=at, category=("0201", "0901")[number % 5 == 0])
        await service.report(actor=OPERATOR if number % 3 == 0 else WALKER, present=whole, report=report, key=new_key())
        clock.forward(seconds=1)
    return service


def _stages(plan: Any) -> list[str]:
    if isinstance(plan, list):
        return [stage for part in plan for stage in _stages(part)]
    if not isinstance(plan, dict):
        return []
    own = [plan["stage"]] if "stage" in plan else []
    return own + [stage for part in plan.values() for stage in _stages(part)]


async def test_lists_when_explained_walk_an_index_and_never_sort(database: Database) -> None:
    await _filled(database)
    for reader, filters, sort in itertools.product(READERS, FILTERS, ("due_at", "reported_at")):
        listing = list_filter(CaseQuery(sort=sort, **filters), reader, root="52")
        found = await database.explain(CASES, listing.filter, listing.sort, 51, hint=listing.index)
        stages = set(_stages(found["queryPlanner"]["winningPlan"]))
        assert not stages & {"COLLSCAN", "SORT"}, (reader.id, filters, sort, stages)


async def test_lists_when_filtered_show_what_the_rule_in_memory_allows(database: Database) -> None:
    service = await _filled(database)
    everything = await database.find(CASES, {})
    for reader in READERS:
        expected = {case["_id"] for case in everything if sees(reader.scope, case["live"])}
        page = await service.list(actor=reader, query=CaseQuery(limit=200))
        assert {case.id for case in page.items} == expected, reader.id
        assert {case["_id"] for case in await database.find(CASES, visible_to(reader.scope))} == expected


async def test_lists_when_paged_give_every_case_once_in_order(database: Database) -> None:
    service = await _filled(database)
    for sort in ("due_at", "reported_at"):
        cursor, seen = None, []
        while True:
            page = await service.list(actor=DISPATCHER, query=CaseQuery(sort=sort, limit=7, cursor=cursor))
            seen += page.items
            cursor = page.next
            if cursor is None:
                break
        assert len({case.id for case in seen}) == len(seen) == 60
        values = [getattr(case, sort) for case in seen]
        assert values == sorted(values, reverse=sort == "reported_at")


async def test_search_when_text_is_a_pattern_finds_only_the_letters(database: Database) -> None:
    service = await _filled(database)
    assert (await service.list(actor=OPERATOR, query=CaseQuery(q=".*"))).items == []
    assert (await service.list(actor=OPERATOR, query=CaseQuery(q="$where"))).items == []
    found = await service.list(actor=OPERATOR, query=CaseQuery(q="井盖 新添"))
    assert found.items and all("井盖" in case.description for case in found.items)
    one = found.items[0]
    assert [case.id for case in (await service.list(actor=OPERATOR, query=CaseQuery(q=one.case_no.lower()))).items] == [one.id]


async def test_list_of_requests_when_several_kinds_are_asked_for_holds_what_is_pending_of_each(database: Database) -> None:
    service = await open_service(database, Clock(), indexed=True)
    asked = {kind: await _asked(service, kind, state) for kind, state in ASKED}
    for kinds in ("return", "return,extension", "suspension,appeal"):
        found = (await service.list(actor=DISPATCHER, query=CaseQuery(request=kinds))).items
        assert {case.id for case in found} == {asked[kind] for kind in kinds.split(",") if (kind, "pending") in ASKED}
    assert (await service.list(actor=clerk_of("elsewhere"), query=CaseQuery(request="return"))).items == []  # of another unit


ASKED = (("return", "pending"), ("extension", "pending"), ("suspension", "approved"))


async def _asked(service: Any, kind: str, state: str) -> str:
    """Report a case on which there is one request; return the id of the case."""
    made = await service.report(actor=WALKER, present=whole, report=event(), key=new_key())
    request = {"id": "q1", "kind": kind, "state": state, "unit": "urban1", "by": "clerk", "deciders": []}
    change = {"$set": {"requests": [request]}}
    await service.store.database.update_one(CASES, {"_id": made.case.id}, change)
    return str(made.case.id)


@pytest.mark.parametrize(
    "query", [{"sort": "x"}, {"state": "x"}, {"light": "blue"}, {"cursor": "x"}, {"cursor": "eHg"}, {"todo": "x"}]
)
def test_query_when_wrong_is_refused(query: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        list_filter(CaseQuery(**query), OPERATOR)


async def test_sensitive_case_when_listed_is_seen_by_its_units_and_cleared_people_only(database: Database) -> None:
    service = await open_service(database, indexed=True)
    filed = await service.report(actor=WALKER, present=whole, report=event(category="0901"), key=new_key())
    plain = Actor(id="p", role="dispatcher", scope=Scope(city=True))
    assert (await service.list(actor=plain, query=CaseQuery())).items == []
    assert [case.id for case in (await service.list(actor=clerk_of("urban1"), query=CaseQuery())).items] == [filed.case.id]
    assert [case.id for case in (await service.list(actor=WALKER, query=CaseQuery(mine=True))).items] == [filed.case.id]


def test_unique_indexes_when_declared_are_none_but_the_id() -> None:
    declared = [index for group in (store.INDEXES, relay.INDEXES) for indexes in group.values() for index in indexes]
    assert declared and not any(index.unique for index in declared)
    of_cases = store.INDEXES[CASES]
    of_every_case = [index for index in of_cases if not (index.partial or index.sparse)]  # each costs every report a write
    assert len(of_every_case) <= 3 and len(of_cases) <= 14 and all(index.serves for index in declared)


def test_single_case_writes_when_read_in_the_source_name_the_id() -> None:
    """Sharded by the hashed `_id`, a write of one document must name it."""
    pattern = re.compile(r"(?:update_one|find_one_and_update|replace_one|delete_one)\(")
    writers = [path for path in Path(store.__file__).parent.glob("*.py") if pattern.search(path.read_text())]
    assert {path.name for path in writers} >= {"store.py", "merging.py", "numbers.py", "relay.py"}
    for path in writers:
        text = path.read_text()
        for call in pattern.finditer(text):
            assert '"_id"' in text[max(0, call.start() - 600) : call.end() + 200], (path.name, text[call.start() :][:80])
