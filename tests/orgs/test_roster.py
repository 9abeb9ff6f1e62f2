"""Leave and substitutes: of somebody who is away only the substitute is there; when others come on duty."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgs.people import Person
from orgs.roster import Duty, Post, Roster, Standing
from orgs.rostering import wrong_in

ZONE = ZoneInfo("Asia/Shanghai")
HERE, THERE = "520103001001001", "520103001001002"
PATH = ("520100", "520103", "520103001", "520103001001", HERE)
PEOPLE = [
    Person(username="wang", role="grid_worker", area_codes=(HERE,)),
    Person(username="li", role="grid_worker", area_codes=(THERE,)),
    Person(username="zhao", role="grid_worker", area_codes=(THERE,)),
    Person(username="chen", role="grid_lead", area_codes=("520103001001",)),
]


def local(day: int, hour: int, minute: int = 0) -> datetime:
    """A time of November 2026 in the city (the 22nd is a Sunday)."""
    return datetime(2026, 11, day, hour, minute, tzinfo=ZONE)


def leave(username: str, first: int, last: int, substitute: str = "", **more: str) -> Duty:
    days = {"first_day": date(2026, 11, first), "last_day": date(2026, 11, last)}
    return Duty(username=username, kind="leave", substitute=substitute, **days, **more)  # type: ignore[arg-type]


def roster(*duties: Duty) -> Roster:
    return Roster(PEOPLE, duties, ZONE)


def test_leave_when_it_holds_then_the_substitute_alone_is_there() -> None:
    found = roster(Duty(username="wang", area_codes=(HERE,)), leave("wang", 23, 24, "li"))
    assert found.on_duty("grid_worker", PATH, local(22, 23, 59)) == ("wang",)
    assert found.posts("grid_worker", PATH, local(23, 0)) == (Post("li", HERE, instead_of="wang"),)
    assert found.on_duty("grid_worker", PATH, local(24, 23, 59)) == ("li",)
    assert found.on_duty("grid_worker", PATH, local(25, 0)) == ("wang",)


def test_leave_when_the_person_has_no_duty_row_then_the_substitute_is_there_all_the_same() -> None:
    found = roster(leave("wang", 23, 23, "li", hours="12:00-18:00"))
    assert found.on_duty("grid_worker", PATH, local(23, 11, 59)) == ("wang",)
    assert found.on_duty("grid_worker", PATH, local(23, 12)) == ("li",)


def test_leave_when_it_names_nobody_then_who_stands_behind_is_there_else_nobody() -> None:
    behind = Duty(username="wang", area_codes=(HERE,), substitute="zhao")
    assert roster(behind, leave("wang", 23, 23)).posts("grid_worker", PATH, local(23, 9)) == (Post("zhao", HERE, "wang"),)
    assert roster(behind).posts("grid_worker", PATH, local(23, 9)) == (Post("wang", HERE), Post("zhao", HERE, behind=True))
    assert roster(leave("wang", 23, 23)).on_duty("grid_worker", PATH, local(23, 9)) == ()


def test_leave_when_the_substitute_is_away_too_then_it_goes_on_to_theirs_but_never_round() -> None:
    chain = roster(leave("wang", 23, 30, "li"), leave("li", 24, 30, "zhao"))
    assert [chain.acting_for("wang", local(day, 9)) for day in (22, 23, 24)] == ["wang", "li", "zhao"]
    circle = roster(leave("wang", 23, 30, "li"), leave("li", 23, 30, "wang"))
    assert circle.acting_for("wang", local(23, 9)) is None and circle.on_duty("grid_worker", PATH, local(23, 9)) == ()


def test_lent_areas_when_somebody_stands_in_then_theirs_for_as_long() -> None:
    found = roster(Duty(username="wang", area_codes=(HERE, THERE)), leave("wang", 23, 24, "li"), leave("li", 24, 24, "zhao"))
    assert found.lent_areas("li", local(22, 9)) == ()
    assert found.lent_areas("li", local(23, 9)) == (HERE, THERE)
    assert found.lent_areas("zhao", local(24, 9)) == (THERE, HERE)
    assert found.lent_areas("chen", local(24, 9)) == ()


def test_lent_areas_when_somebody_only_stands_behind_then_none_until_the_other_is_away() -> None:
    behind = Duty(username="wang", area_codes=(HERE,), substitute="zhao")
    assert roster(behind).lent_areas("zhao", local(23, 9)) == ()
    assert roster(behind, leave("wang", 23, 23)).lent_areas("zhao", local(23, 9)) == (HERE,)
    assert roster(behind, leave("wang", 23, 23, "li")).lent_areas("zhao", local(23, 9)) == ()


def test_lent_areas_when_the_substitute_has_another_role_then_none() -> None:
    assert roster(leave("wang", 23, 24, "chen")).lent_areas("chen", local(23, 9)) == ()


@pytest.mark.parametrize(
    ("duties", "at", "expected"),
    [
        ((), local(22, 9), None),
        ((Duty(username="wang", area_codes=(HERE,), hours="08:00-18:00"),), local(22, 9), local(22, 18)),
        ((Duty(username="wang", area_codes=(HERE,), hours="08:00-18:00", weekdays=(2,)),), local(22, 9), local(24, 8)),
        ((Duty(username="wang", area_codes=(HERE,), hours="22:00-06:00"),), local(22, 23), local(23, 6)),
        ((leave("wang", 28, 29, "li"),), local(22, 9), local(28, 0)),
        ((leave("wang", 22, 29, "li"), leave("li", 25, 26, "zhao")), local(22, 9), local(25, 0)),
    ],
)
def test_next_change_when_rows_foresee_one_then_its_first_instant(
    duties: tuple[Duty, ...], at: datetime, expected: datetime | None
) -> None:
    assert roster(*duties).next_change("grid_worker", PATH, at) == expected


HOURS = st.sampled_from(["", "08:00-18:00", "22:00-06:00", "00:00-12:00,13:30-17:00", "24x7"])
DAYS = st.none() | st.dates(date(2026, 11, 15), date(2026, 12, 5))
ROWS = st.lists(
    st.builds(
        Duty,
        username=st.sampled_from(["wang", "li", "zhao"]),
        area_codes=st.sampled_from([(HERE,), ()]),
        weekdays=st.sets(st.integers(1, 7)).map(lambda found: tuple(sorted(found))),
        hours=HOURS,
        first_day=DAYS,
        last_day=DAYS,
        substitute=st.sampled_from(["", "wang", "li", "zhao"]),
        kind=st.sampled_from(["duty", "leave"]),
    ),
    max_size=5,
)


@given(ROWS, st.integers(0, 10 * 24 * 4))
def test_next_change_for_any_rows_then_nothing_changes_before_it(rows: list[Duty], quarters: int) -> None:
    found, at = roster(*rows), datetime(2026, 11, 18, tzinfo=UTC) + timedelta(minutes=15 * quarters)
    change = found.next_change("grid_worker", PATH, at)
    now = found.posts("grid_worker", PATH, at)
    for step in range(0, 9 * 24 * 2):
        later = at + timedelta(minutes=30 * step)
        if change is None or later < change:
            assert found.posts("grid_worker", PATH, later) == now
    if change is not None:
        assert found.posts("grid_worker", PATH, change) != now


@given(ROWS, st.integers(0, 10 * 24 * 4))
def test_on_duty_for_any_rows_then_nobody_who_is_away_is_there(rows: list[Duty], quarters: int) -> None:
    found, at = roster(*rows), datetime(2026, 11, 18, tzinfo=UTC) + timedelta(minutes=15 * quarters)
    away = {row.username for row in rows if row.kind == "leave" and row.holds(at.astimezone(ZONE))}
    assert away.isdisjoint(found.on_duty("grid_worker", PATH, at))


@pytest.mark.parametrize(
    ("row", "columns"),
    [
        (Duty(username="wang"), []),
        (
            Duty(username="nobody", area_codes=("1",), hours="9-5", substitute="nobody"),
            "username area_codes hours substitute".split(),
        ),
        (Duty(username="wang", first_day=date(2026, 1, 2), last_day=date(2026, 1, 1)), ["last_day"]),
        (Duty(username="wang", substitute="wang"), ["substitute"]),
    ],
)
def test_row_when_it_is_wrong_then_each_column_is_named(row: Duty, columns: list[str]) -> None:
    found = [wrong.column for wrong in wrong_in(row, {"wang", "li"}, lambda code: code == HERE)]
    assert sorted(set(found)) == sorted(columns)


def test_standing_when_on_duty_away_or_standing_in_then_says_where_and_for_whom() -> None:
    found = roster(Duty(username="wang", area_codes=(HERE,), hours="08:00-18:00"), leave("wang", 23, 23, "li"))
    assert found.standing("wang", local(22, 9)) == Standing((Post("wang", HERE),), ())
    assert found.standing("wang", local(22, 7)) == Standing((), ())
    assert found.standing("wang", local(23, 9)) == Standing((), ("li",))
    assert found.standing("li", local(23, 9)) == Standing((Post("li", THERE), Post("li", HERE, instead_of="wang")), ())
    assert found.standing("nobody", local(23, 9)) == Standing((), ())


def test_next_standing_when_the_rows_foresee_a_change_then_its_instant_else_none() -> None:
    found = roster(Duty(username="wang", area_codes=(HERE,), hours="08:00-18:00"), leave("wang", 23, 23, "li"))
    assert found.next_standing("wang", local(22, 7)) == local(22, 8)
    assert found.next_standing("wang", local(22, 9)) == local(22, 18)
    assert found.next_standing("li", local(22, 9)) == local(23, 8), "then li stands in"
    assert found.next_standing("chen", local(22, 9)) is None
    assert found.next_standing("nobody", local(22, 9)) is None


def test_standing_when_leaves_form_a_chain_then_the_last_one_stands_in_for_the_first() -> None:
    found = roster(Duty(username="wang", area_codes=(HERE,)), leave("wang", 23, 23, "li"), leave("li", 23, 23, "zhao"))
    assert Post("zhao", HERE, instead_of="wang") in found.standing("zhao", local(23, 9)).posts
    assert found.standing("wang", local(23, 9)).replaced_by == ("zhao",)
