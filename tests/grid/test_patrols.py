"""What tracks and patrols come to: shares, coverage, minutes, norms; denominators of nothing are nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from dispatch.city import params_of
from grid.nearness import apart, metres_outside
from grid.patrols import CheckPoint, Patrol, PatrolPlan, Visited, coverage_of, patrol_id, shift_of, tally, track_ends
from grid.tracks import Fix, measure

ZONE = ZoneInfo("Asia/Shanghai")
PARAMS = params_of({}).patrols
START = datetime(2026, 11, 16, 1, tzinfo=UTC)  # Monday 09:00 in the city
MONDAY = date(2026, 11, 16)
GATE, POND = (
    CheckPoint(id="gate", name="北门", lon=106.6, lat=26.6, key=True),
    CheckPoint(id="pond", name="水塘", lon=106.6, lat=26.6, photo=True),
)


def patrol(day: date = MONDAY, minutes: int | None = 120, *seen: str, **fields: object) -> Patrol:
    """A patrol of two hours of a day, walked for some minutes (None: missed), with the check points seen."""
    begins, ends = shift_of("09:00", "11:00", day, ZONE)
    walked = {} if minutes is None else {"started_at": begins, "ended_at": begins + timedelta(minutes=minutes)}
    state = "missed" if minutes is None else "ended"
    visits = tuple(Visited(point=point, at=begins) for point in seen)
    values = {"points": (GATE, POND), "visits": visits, "state": state, **walked, **fields}
    return Patrol(
        id=f"{day}", name="巡查", worker="wang", areas=("g",), codes=("c", "g"), day=day, begins_at=begins, ends_at=ends,
        closes_at=ends + timedelta(hours=1), **values,  # type: ignore[arg-type]
    )  # fmt: skip


FIXES = st.lists(
    st.builds(
        Fix,
        at=st.integers(-100, 9000).map(lambda seconds: START + timedelta(seconds=seconds)),
        lon=st.floats(106.60, 106.61),
        lat=st.floats(26.60, 26.61),
        accuracy_m=st.none() | st.floats(0, 200),
        inside=st.booleans(),
    ),
    max_size=40,
    unique_by=lambda fix: fix.at,
)


@given(FIXES, st.randoms(use_true_random=False))
def test_measure_for_any_track_then_order_and_what_lies_outside_the_time_do_not_matter(fixes: list[Fix], random: object) -> None:
    end = START + timedelta(hours=2)
    found = measure(fixes, START, end, valid_share=0.8)
    shuffled = list(fixes)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    within = [fix for fix in shuffled if START <= fix.at <= end]
    assert found == measure(within, START, end, valid_share=0.8)
    assert found.fixes == len(within) and 0 <= found.tracked_minutes <= found.minutes == 120
    assert (found.inside_share is None) is (not within)
    assert found.valid is (found.inside_share is not None and found.inside_share >= 0.8)


def test_measure_when_the_device_lies_still_then_it_has_gone_nowhere() -> None:
    noise = [Fix(at=START + timedelta(minutes=n), lon=106.6 + (n % 2) * 0.00008, lat=26.6, accuracy_m=15) for n in range(60)]
    assert measure(noise, START, START + timedelta(hours=1), valid_share=0.8).distance_m == 0


def test_measure_when_the_device_was_silent_then_the_silence_is_not_tracked() -> None:
    times = [0, 1, 2, 30, 31]
    fixes = [Fix(at=START + timedelta(minutes=n), lon=106.6, lat=26.6) for n in times]
    found = measure(fixes, START, START + timedelta(minutes=40), valid_share=0.8)
    assert (found.minutes, found.tracked_minutes) == (40, 3)


@pytest.mark.parametrize(("inside", "valid"), [(8, True), (7, False)])
def test_measure_when_eight_in_ten_lie_inside_then_valid(inside: int, valid: bool) -> None:
    fixes = [Fix(at=START + timedelta(minutes=n), lon=106.6, lat=26.6, inside=n < inside) for n in range(10)]
    assert measure(fixes, START, START + timedelta(hours=1), valid_share=0.8).valid is valid


@given(st.floats(-0.02, 0.02), st.floats(-0.02, 0.02))
def test_metres_outside_of_a_square_then_as_far_as_its_nearest_point(east: float, north: float) -> None:
    square = shapely.box(106.60, 26.60, 106.61, 26.61)
    lon, lat = 106.605 + east, 26.605 + north
    nearest = min(max(lon, 106.60), 106.61), min(max(lat, 26.60), 26.61)
    metres = float(metres_outside([square], [lon], [lat])[0])
    assert metres == pytest.approx(apart(lon, lat, *nearest), rel=0.002, abs=0.01)


def test_metres_outside_when_there_is_no_area_then_infinitely_far() -> None:
    assert np.isinf(metres_outside([], [106.6], [26.6])).all()


def test_plan_when_asked_for_days_then_weekdays_between_its_days() -> None:
    plan = PatrolPlan(
        name="夜巡", areas=("g",), begins="22:00", ends="02:00", weekdays=(1, 3), first_day=MONDAY, last_day=date(2026, 11, 25)
    )
    days = [MONDAY + timedelta(days=n) for n in range(-7, 21)]
    assert [day.day for day in days if plan.is_on(day)] == [16, 18, 23, 25]
    assert patrol_id("p", MONDAY) == patrol_id("p", MONDAY) != patrol_id("p", date(2026, 11, 17))


def test_coverage_when_nothing_was_planned_then_none() -> None:
    assert coverage_of(patrol(MONDAY, 120, "gate")) == 0.5
    assert coverage_of(patrol(MONDAY, 120, points=())) is None


def test_tally_when_days_are_short_and_key_places_unseen_then_named() -> None:
    week = [patrol(MONDAY, 120, "gate", "pond"), patrol(date(2026, 11, 17), 119, "pond"), patrol(date(2026, 11, 18), None)]
    found = tally("wang", [*week, patrol(date(2026, 11, 19), None, state="cancelled")], PARAMS, date(2026, 11, 23))
    assert (found.patrols, found.missed, found.minutes, found.planned_points, found.visited_points) == (3, 1, 239, 6, 3)
    assert found.coverage == 0.5
    assert found.short_days == (date(2026, 11, 17), date(2026, 11, 18))
    assert found.key_short == (("北门", MONDAY),)
    before = tally("wang", week, PARAMS, date(2026, 11, 18))
    assert before.short_days == (date(2026, 11, 17),) and before.key_short == (), "a week that is not over is not short"


def test_tally_when_two_patrols_were_walked_at_once_then_their_time_counts_once() -> None:
    found = tally("wang", [patrol(), patrol(MONDAY, 60)], PARAMS, date(2026, 11, 17))
    assert found.minutes == 120 and found.short_days == ()


def test_track_ends_when_the_system_ended_it_then_what_comes_late_is_still_taken() -> None:
    now = START + timedelta(hours=9)
    own = patrol(MONDAY, 60, ended_by="wang")
    assert track_ends(own, now) == own.ended_at
    ended = patrol(MONDAY, 60, ended_by="system")
    assert track_ends(ended, now) == ended.closes_at
