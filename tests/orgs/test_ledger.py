"""The ledger: once for each task however often it is read, later ratings added, what is withdrawn taken out; sums and figures."""

from __future__ import annotations

import doctest
import importlib
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.city import params_of
from dispatch.helped import HelpDone, HelpTask
from dispatch.points import PointParams, honour_of, points_of
from orgs.certificate_pdf import pdf_of
from orgs.certificates import Certificate
from orgs.ledger import Entry, Ledger, evaluation_of, load_figures, record_of, with_figures
from orgs.organizations import Organization
from orgs.store import INDEXES, LEDGER
from storage.client import Database
from storage.indexes import ensure
from tests.orgs.parties import NOON

PARAMS = PointParams(per_task=5, per_hour=10, most_hours=80, per_star=5, star_hours=(100, 300))


def helped(
    case: str = "c1", task: str = "t2", *, released: bool = False, on_time: bool | None = None, **fields: object
) -> HelpTask:
    """A task of O1 that has ended."""
    values = {
        "organization": "O1", "case": case, "case_no": "XG-1", "task": task, "category": "0701", "kind": "VOL", "hours": 2.0,
        "people": 3, "unit_rating": None, "resident_rating": None, "thanks": None, "confirmed_at": NOON,
    } | fields  # fmt: skip
    done = None if released else HelpDone(**values)  # type: ignore[arg-type]
    return HelpTask(
        organization="O1", case=case, case_no="XG-1", task=task, done=done, released=released, on_time=on_time, at=NOON
    )


class Cases:
    """The cases as they are at the moment: what `dispatch.helped.Helped` would read."""

    def __init__(self, *tasks: HelpTask) -> None:
        self.tasks = list(tasks)

    async def between(self, since: object, until: object) -> list[HelpDone]:
        return [task.done for task in self.tasks if task.done is not None]

    async def tasks_of(self, cases: list[str]) -> list[HelpTask]:
        return [task for task in self.tasks if task.case in cases]


async def ledger_of(database: Database, cases: Cases) -> Ledger:
    """A ledger over these cases."""
    await ensure(database, {LEDGER: INDEXES[LEDGER]})
    return Ledger(database, cases, lambda: PARAMS, lambda: NOON)  # type: ignore[arg-type]


async def entries(ledger: Ledger) -> list[Entry]:
    """What counts."""
    return await ledger.entries(NOON - timedelta(days=1), NOON + timedelta(days=1))


async def test_ledger_when_a_case_is_read_again_then_one_entry_and_nothing_is_new(database: Database) -> None:
    cases = Cases(helped(), helped("c2"))
    ledger = await ledger_of(database, cases)
    assert await ledger.gather() == 2 and await ledger.gather() == 0
    for _ in range(3):
        ledger.touch("c1")
    assert await ledger.gather() == 0
    other = await ledger_of(database, cases)  # another process after this one was killed
    assert await other.gather() == 0
    assert [(entry.id, entry.points) for entry in await entries(ledger)] == [("c1:t2", 25), ("c2:t2", 25)]


async def test_ledger_when_a_rating_comes_later_then_added_and_the_points_with_it(database: Database) -> None:
    cases = Cases(helped())
    ledger = await ledger_of(database, cases)
    await ledger.gather()
    cases.tasks = [helped(unit_rating=4, resident_rating=5, thanks="谢谢张**")]
    ledger.touch("c1")
    assert await ledger.gather() == 1
    (entry,) = await entries(ledger)
    assert (entry.points, entry.unit_rating, entry.resident_rating, entry.thanks) == (32, 4, 5, "谢谢张**")


async def test_ledger_when_a_confirmation_is_withdrawn_then_out_of_the_sums_until_it_comes_back(database: Database) -> None:
    cases = Cases(helped())
    ledger = await ledger_of(database, cases)
    await ledger.gather()
    cases.tasks = []
    ledger.touch("c1")
    assert await ledger.gather() == 1 and await entries(ledger) == []
    ledger.touch("c1")
    assert await ledger.gather() == 0, "withdrawn once"
    assert await load_figures(database) == {}
    cases.tasks = [helped()]
    ledger.touch("c1")
    assert await ledger.gather() == 1 and len(await entries(ledger)) == 1


async def test_figures_when_confirmed_and_given_up_then_on_top_of_what_the_table_brought(database: Database) -> None:
    tasks = [helped(resident_rating=5), helped("c2", resident_rating=3), helped("c3"), helped("c4", "t3", released=True)]
    ledger = await ledger_of(database, Cases(*tasks))
    ledger.touch("c4")
    assert await ledger.gather() == 4
    (organization, other) = with_figures(
        [Organization(code="O1", name="甲", confirmed=10), Organization(code="O2", name="乙", confirmed=1)],
        await load_figures(database),
    )
    assert (organization.confirmed, organization.claimed, organization.ratings, organization.rating_sum) == (13, 14, 2, 8)
    assert (other.confirmed, other.claimed) == (1, 0)


def entry(number: int, **fields: object) -> Entry:
    """A confirmed entry."""
    values = {
        "id": f"c{number}:t2", "organization": "O1", "case": f"c{number}", "case_no": "XG-1", "task": "t2",
        "outcome": "confirmed", "hours": 2.0, "people": 1, "points": 25, "at": NOON,
    } | fields  # fmt: skip
    return Entry(**values)  # type: ignore[arg-type]


def test_record_when_added_up_then_both_opinions_stay_apart() -> None:
    found = [
        entry(1, unit_rating=4, resident_rating=2, thanks="早"), entry(2, unit_rating=5, thanks="晚", hours=99.0),
        entry(3, outcome="released", hours=0.0, points=0), entry(4, at=NOON - timedelta(days=80)),
    ]  # fmt: skip
    record = record_of("O1", found, PARAMS, lambda at: f"{at.year}Q{(at.month + 2) // 3}")
    assert (record.tasks, record.hours, record.points, record.stars, record.thanks) == (3, 103.0, 75, 1, ["晚", "早"])
    assert (record.by_unit.mean, record.by_unit.count) == (4.5, 2)
    assert (record.by_resident.mean, record.by_resident.count) == (2.0, 1)
    assert [(part.quarter, part.tasks) for part in record.quarters] == [("2026Q3", 1), ("2026Q4", 2)]


def test_evaluation_when_made_then_claims_confirmed_given_up_and_on_time_by_organization() -> None:
    found = [entry(1, on_time=True), entry(2, on_time=False), entry(3), entry(4, outcome="released"), entry(5, organization="O0")]
    first, second = evaluation_of(found)
    assert first.organization == "O0" and (second.claims, second.confirmed, second.released) == (4, 3, 1)
    assert (second.on_time, second.timed, second.hours, second.by_unit.mean) == (1, 2, 6.0, None)


@given(st.floats(0, 2000), st.lists(st.integers(1, 5), max_size=2), st.floats(0, 100))
def test_points_when_more_is_done_then_never_less(hours: float, ratings: list[int], more: float) -> None:
    assert 0 <= points_of(hours, ratings, PARAMS) <= points_of(hours + more, ratings, PARAMS) <= 5 + 800 + 10
    assert honour_of(hours, PARAMS) <= honour_of(hours + more, PARAMS) <= 2


def test_points_when_the_city_sets_nothing_then_the_documented_numbers_hold() -> None:
    params = params_of({}).points
    assert points_of(2, (4,), params) == 5 + 20 + 5 and honour_of(650, params) == 3
    assert params_of({"points": {"per_hour": 1}}).points.per_hour == 1


@pytest.mark.parametrize("name", ["dispatch.points", "web.api.awards"])
def test_doctests_hold(name: str) -> None:
    outcome = doctest.testmod(importlib.import_module(name))
    assert outcome.attempted and not outcome.failed


def test_certificate_when_drawn_then_one_page_the_same_bytes_and_a_long_name_fits() -> None:
    made = Certificate(
        code="ABCDEFGHIJKLMNOP", number="XG-1", organization="O1", name="很长的组织名称" * 12, first_day=date(2026, 1, 1),
        last_day=date(2026, 12, 31), since=NOON, until=NOON, tasks=3, hours=103.5, points=75, stars=1, issued_at=NOON,
        issued_by="sys_admin",
    )  # fmt: skip
    drawn = {"city": "小贵阳", "zone": ZoneInfo("Asia/Shanghai"), "address": "https://example.org/x"}
    pdf = pdf_of(made, **drawn, fonts=())  # type: ignore[arg-type]
    assert pdf.startswith(b"%PDF-") and pdf.count(b"/Type /Page\n") == 1 and b"STSong-Light" in pdf
    assert pdf == pdf_of(made, **drawn, fonts=())  # type: ignore[arg-type]
