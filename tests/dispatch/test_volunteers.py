"""The hours of single volunteers, as an organization gives them with its result."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.helped import Helped
from dispatch.volunteers import MOST_HOURS, Volunteered, normal_volunteer, read_volunteers
from storage.client import Database
from storage.errors import Invalid
from tests.dispatch.test_teamwork import ONE, WATER, Team
from tests.dispatch.town import OPERATOR, START, Clock, new_key, open_service, ticket, whole

NUMBERS = st.from_regex(r"[A-Z][0-9A-Z-]{0,20}[0-9A-Z]", fullmatch=True)
HOURS = st.floats(0.01, MOST_HOURS)


@given(st.dictionaries(NUMBERS, HOURS, max_size=20))
def test_rows_when_right_then_kept_in_their_order_with_hours_to_a_hundredth(rows: dict[str, float]) -> None:
    sent = [{"number": f" {number.lower()}", "hours": hours} for number, hours in rows.items()]
    found, errors = read_volunteers(sent, 20)
    assert errors == [] and [one["number"] for one in found] == list(rows)
    assert all(abs(one["hours"] - hours) <= 0.005001 for one, hours in zip(found, rows.values(), strict=True))
    assert read_volunteers(found, 20) == (found, []), "read again it is the same"


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=12), st.lists, max_leaves=5))
def test_rows_when_anything_else_is_sent_then_said_and_nothing_raised(sent: Any) -> None:
    rows, errors = read_volunteers(sent, 3)
    assert bool(errors) != (isinstance(sent, list) and sent == []) and rows == []


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("13812341234", "personal_data"), ("+86 138 1234 1234", "number"), ("8613812341234", "personal_data"),
        ("52010319900307123x", "personal_data"), ("张三丰", "number"), ("", "number"), ("V", "number"), ("-V1", "number"),
        ("V" * 33, "number"), (7, "number"), (None, "number"),
    ],
)  # fmt: skip
def test_number_when_it_tells_who_somebody_is_or_is_none_then_refused_with_its_row(number: Any, code: str) -> None:
    rows, errors = read_volunteers([{"number": "V-1", "hours": 1}, {"number": number, "hours": 1}], 10)
    assert rows == [] and [(one.row, one.field, one.code) for one in errors] == [(2, "volunteers.number", code)]


@pytest.mark.parametrize("hours", [0, -1, 1000.1, float("nan"), float("inf"), True, "2", None])
def test_hours_when_out_of_bounds_then_refused_with_their_row(hours: Any) -> None:
    assert [(one.row, one.code) for one in read_volunteers([{"number": "V-1", "hours": hours}], 10)[1]] == [(1, "range")]


@pytest.mark.parametrize(
    ("sent", "wrong"),
    [
        ([{"number": "v-1", "hours": 1}, {"number": "V-1", "hours": 2}], [(2, "volunteers.number", "twice")]),
        ([{"number": "V-1", "hours": 1, "name": "张三丰"}, "V-2"], [(1, "volunteers", "type"), (2, "volunteers", "type")]),
        ({"number": "V-1"}, [(None, "volunteers", "type")]),
        ([{"number": f"V-{n}", "hours": 1} for n in range(4)], [(None, "volunteers", "length")]),
    ],
)
def test_rows_when_of_another_shape_or_twice_then_each_is_named(sent: Any, wrong: list[Any]) -> None:
    assert [(one.row, one.field, one.code) for one in read_volunteers(sent, 3)[1]] == wrong


async def serving(database: Database, clock: Clock) -> Team:
    """Return a player of a case on which vol1 is at work (t2)."""
    service = await open_service(database, clock, indexed=True)
    report = ticket(category="0201")
    team = Team(service, (await service.report(actor=OPERATOR, present=whole, report=report, key=new_key())).id)
    await team.do(WATER, "sign_in")
    await team.do(WATER, "invite", organizations=["vol1"])
    await team.task(ONE, "t2", "claim")
    await team.task(ONE, "t2", "serve", people="志愿者两名")
    return team


async def test_result_when_given_with_volunteers_then_they_are_counted_and_read_back(database: Database) -> None:
    clock = Clock()
    team = await serving(database, clock)
    volunteers = [{"number": "v-0001", "hours": 2}, {"number": "V-0002", "hours": 1.5}]
    case = await team.task(ONE, "t2", "task_submit", note="陪同就医完成", hours=3.5, volunteers=volunteers)
    assert case.tasks[-1]["result"]["count"] == 2, "how many came, where nobody says otherwise"
    await team.task(WATER, "t2", "task_confirm")
    (done,) = await Helped(database).between(START, clock.now + timedelta(seconds=1))
    assert done.volunteers == (Volunteered("V-0001", 2.0), Volunteered("V-0002", 1.5)) and done.people == 2
    entry = next(one for one in (await team.stored())["timeline"] if one["action"] == "task_submit")
    assert entry["data"]["volunteers"] == 2, "the timeline names nobody"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"hours": 3, "volunteers": [{"number": "V-1", "hours": 2}, {"number": "V-2", "hours": 1.5}]}, "over_hours"),
        ({"hours": 9, "count": 1, "volunteers": [{"number": "V-1", "hours": 2}, {"number": "V-2", "hours": 1}]}, "over_count"),
        ({"hours": 9, "volunteers": [{"number": "13812341234", "hours": 2}]}, "personal_data"),
    ],
)
async def test_result_when_its_volunteers_do_not_agree_with_it_then_refused_and_nothing_is_left(
    database: Database, fields: dict[str, Any], code: str
) -> None:
    team = await serving(database, Clock())
    before = await team.stored()
    with pytest.raises(Invalid) as refused:
        await team.task(ONE, "t2", "task_submit", note="陪同就医完成", **fields)
    assert [error.code for error in refused.value.errors] == [code]
    assert await team.stored() == before


def test_number_when_typed_in_any_way_then_one_and_the_same() -> None:
    assert {normal_volunteer(typed) for typed in ("v-12", "Ｖ－12", " V-1 2 ")} == {"V-12"}
