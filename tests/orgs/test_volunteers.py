"""The record of a volunteer: from the ledger of one organization, nothing twice, nothing that was withdrawn."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from dispatch.volunteers import Volunteered
from orgs.ledger import Entry, volunteer_filter
from orgs.store import LEDGER
from orgs.volunteers import sums_of, volunteer_record
from storage.client import Database
from tests.dispatch.test_store import _stages
from tests.orgs.parties import NOON
from tests.orgs.test_ledger import PARAMS, Cases, entry, helped, ledger_of

TWO = (Volunteered("V-1", 2.0), Volunteered("V-2", 0.5))


def test_record_when_made_then_of_the_period_and_stars_of_all_time() -> None:
    found = [
        entry(1, volunteers=(Volunteered("V-1", 98.5),), at=NOON - timedelta(days=400)),
        entry(2, volunteers=TWO, kind="VOL", category="0701"),
        entry(3, volunteers=(Volunteered("V-2", 9.0),)),
        entry(4, volunteers=TWO, outcome="released"),
        entry(5, volunteers=TWO, withdrawn_at=NOON),
    ]
    record = volunteer_record("O1", "V-1", found, NOON - timedelta(days=1), PARAMS, lambda at: at.date())
    assert (record.tasks, record.hours, record.total_hours, record.stars) == (1, 2.0, 100.5, 1)
    assert [(one.day, one.kind, one.category, one.hours) for one in record.services] == [(NOON.date(), "VOL", "0701", 2.0)]
    assert [(one.number, one.tasks, one.hours) for one in sums_of(found)] == [("V-1", 2, 100.5), ("V-2", 2, 9.5)]


@given(st.lists(st.dictionaries(st.sampled_from(["V-1", "V-2", "V-3"]), st.integers(1, 800), max_size=3), max_size=8))
def test_sums_when_added_up_then_each_is_what_their_record_says(tasks: list[dict[str, int]]) -> None:
    found: list[Entry] = [
        entry(n, volunteers=tuple(Volunteered(number, hours / 100) for number, hours in rows.items()))
        for n, rows in enumerate(tasks)
    ]
    sums = sums_of(found)
    assert {one.number for one in sums} == {number for rows in tasks for number in rows}
    for one in sums:
        record = volunteer_record("O1", one.number, found, NOON - timedelta(days=1), PARAMS, lambda at: at.date())
        assert (record.tasks, record.hours, record.total_hours) == (one.tasks, one.hours, one.hours)


async def test_ledger_when_volunteers_were_named_then_kept_once_and_found_by_number_along_an_index(database: Database) -> None:
    cases = Cases(helped(volunteers=TWO), helped("c2"))
    ledger = await ledger_of(database, cases)
    assert await ledger.gather() == 2
    ledger.touch("c1")
    assert await ledger.gather() == 0, "read again it is the same"
    after = NOON + timedelta(days=1)
    (found,) = await ledger.entries_of_volunteer("O1", "V-2", after)
    assert found.volunteers == TWO
    assert await ledger.entries_of_volunteer("O1", "V-9", after) == []
    assert await ledger.entries_of_volunteer("O2", "V-1", after) == [], "the same number of others is somebody else"
    plan = await database.explain(LEDGER, volunteer_filter("O1", "V-1", after), [("at", 1)])
    stages = _stages(plan["queryPlanner"]["winningPlan"])
    assert "IXSCAN" in stages and not {"SORT", "COLLSCAN"} & set(stages), stages
    assert plan["executionStats"]["totalKeysExamined"] <= 1
