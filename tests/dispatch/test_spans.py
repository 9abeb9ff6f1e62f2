"""How a stored clock explains its due time: after a pause, an extension, a return, by a unit's own hours; to exact vectors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dispatch import shifting
from dispatch.clocks import Limit, LimitChoice
from dispatch.spans import Arithmetic, explain
from tests.dispatch.town import START, rules

CITY = rules()
Steps = list[tuple[str, int, int, str]]


def local(text: str) -> datetime:
    """A time in Guiyang, day and minute of November and December 2026."""
    return datetime.fromisoformat(f"2026-{text}+08:00").astimezone(UTC)


def told(said: Arithmetic) -> list[tuple[str, str, int | float, str]]:
    """Spans as (end in Guiyang, reason, days or hours, added)."""
    shown = []
    for span in said.spans:
        end = (span.end + timedelta(hours=8)).strftime("%m-%d %H:%M")
        shown.append((end, span.reason, span.days or span.seconds / 3600, span.added))
    return shown


def clock_of(cell: str, start: str = "11-23 10:00", **more: Any) -> dict[str, Any]:
    return CITY.clock("case", Limit.parse(cell), local(start), **more)


def test_explain_when_paused_in_working_days_then_both_parts_and_the_pause() -> None:
    clock = clock_of("3wd")
    shifting.pause(clock, local("11-24 10:00"), CITY)
    shifting.go_on(clock, local("11-26 09:00"), CITY)
    said = explain(clock, CITY.calendar)
    assert told(said) == [
        ("11-24 00:00", "start_day", 0, ""), ("11-24 09:00", "off_hours", 0, ""), ("11-24 10:00", "work", 1, ""),
        ("11-26 09:00", "paused", 0, ""), ("11-26 12:00", "work", 3, ""), ("11-26 13:00", "off_hours", 0, ""),
        ("11-26 17:00", "work", 4, ""), ("11-27 09:00", "off_hours", 0, ""), ("11-27 12:00", "work", 3, ""),
        ("11-27 13:00", "off_hours", 0, ""), ("11-27 17:00", "work", 4, ""), ("11-28 00:00", "off_hours", 0, ""),
        ("11-30 00:00", "weekend", 0, ""), ("11-30 09:00", "off_hours", 0, ""), ("11-30 12:00", "work", 3, ""),
        ("11-30 13:00", "off_hours", 0, ""), ("11-30 16:00", "work", 3, ""),
    ]  # fmt: skip
    assert sum(span.seconds for span in said.spans) == 21 * 3600, "what three days have"


def test_explain_when_paused_in_natural_time_then_the_rest_is_natural() -> None:
    clock = clock_of("24h")
    shifting.pause(clock, local("11-23 16:00"), CITY)
    shifting.go_on(clock, local("11-25 08:00"), CITY)
    assert told(explain(clock, CITY.calendar)) == [
        ("11-23 16:00", "natural", 6, ""), ("11-25 08:00", "paused", 0, ""), ("11-26 02:00", "natural", 18, ""),
    ]  # fmt: skip


def test_explain_when_paused_now_then_ends_at_the_pause_with_what_is_left() -> None:
    clock = clock_of("24h")
    shifting.pause(clock, local("11-23 16:00"), CITY)
    said = explain(clock, CITY.calendar)
    assert told(said) == [("11-23 16:00", "natural", 6, "")]
    assert said.paused_at == local("11-23 16:00") and said.left_seconds == 18 * 3600


def test_explain_when_late_before_the_pause_then_says_so() -> None:
    clock = clock_of("2h")
    shifting.pause(clock, local("11-23 13:00"), CITY)
    shifting.go_on(clock, local("11-23 15:00"), CITY)
    assert told(explain(clock, CITY.calendar)) == [
        ("11-23 12:00", "natural", 2, ""), ("11-23 13:00", "late", 0, ""), ("11-23 15:00", "paused", 0, ""),
        ("11-23 19:00", "natural", 4, ""),
    ]  # fmt: skip


def test_explain_when_extended_then_the_extension_is_named() -> None:
    clock = clock_of("2wd", "11-23 10:00")
    shifting.extend(clock, Limit.parse("1wd"), local("11-24 09:00"), CITY)
    shifting.extend(clock, Limit.parse("3h"), local("11-24 10:00"), CITY)
    said = explain(clock, CITY.calendar)
    assert told(said) == [
        ("11-24 00:00", "start_day", 0, ""), ("11-25 17:00", "workday", 2, ""), ("11-26 00:00", "start_day", 0, "1wd"),
        ("11-26 17:00", "workday", 1, "1wd"), ("11-26 20:00", "natural", 3, "3h"),
    ]  # fmt: skip
    assert said.extensions == ("1wd", "3h") and said.due == clock["due_at"]


def test_explain_when_moved_by_a_return_then_the_time_lost_is_named() -> None:
    clock = clock_of("1wd")
    shifting.note_move(clock, "return", local("11-24 10:00"), local("11-25 11:00"))
    shifting.move_to(clock, local("11-25 11:00"), local("11-24 10:00"), CITY)
    assert told(explain(clock, CITY.calendar))[-2:] == [
        ("11-25 09:00", "off_hours", 0, "returned"), ("11-25 11:00", "work", 2, "returned"),
    ]  # fmt: skip


def test_explain_when_the_unit_works_round_the_clock_then_counts_by_its_hours() -> None:
    clock = clock_of("4wh", "11-28 23:00", hours="24x7")  # a Saturday
    shifting.pause(clock, local("11-29 01:00"), CITY)
    shifting.go_on(clock, local("11-29 02:00"), CITY)
    said = explain(clock, CITY.calendar)
    assert said.hours == "24x7" and told(said) == [
        ("11-29 01:00", "work", 2, ""), ("11-29 02:00", "paused", 0, ""), ("11-29 06:00", "work", 4, ""),
    ]  # fmt: skip


def test_explain_when_on_duty_then_natural_limit_is_counted_in_working_time() -> None:
    said = explain(CITY.duty_clock("verify", Limit.parse("2h"), local("11-23 11:00")), CITY.calendar)
    assert told(said) == [("11-23 12:00", "work", 1, ""), ("11-23 13:00", "off_hours", 0, ""), ("11-23 14:00", "work", 1, "")]


def test_explain_when_recounted_then_counts_from_the_start_with_what_moved_it() -> None:
    clock = clock_of("5wd")
    shifting.pause(clock, local("11-23 11:00"), CITY)
    shifting.go_on(clock, local("11-23 14:00"), CITY)
    shifting.extend(clock, Limit.parse("1wd"), local("11-24 09:00"), CITY)
    shifting.recount(clock, LimitChoice(Limit.parse("4wh"), "special_group"), local("11-24 10:00"), CITY)
    said = explain(clock, CITY.calendar)
    assert (said.limit, said.source, said.due) == ("4wh", "special_group", local("11-24 17:00"))
    assert told(said) == [
        ("11-23 11:00", "work", 1, ""), ("11-23 14:00", "paused", 0, ""), ("11-23 17:00", "work", 3, ""),
        ("11-24 00:00", "start_day", 0, "1wd"), ("11-24 17:00", "workday", 1, "1wd"),
    ]  # fmt: skip


CELLS = st.sampled_from(["30m", "24h", "4wh", "20wh", "1wd", "5wd", "15d"])
MINUTES = st.integers(min_value=0, max_value=20 * 24 * 60)
HOURS = st.sampled_from([None, "24x7", "08:00-20:00"])
STEPS = st.lists(
    st.tuples(st.sampled_from(["pause", "extend", "recount"]), MINUTES, MINUTES, st.sampled_from(["1h", "4wh", "1wd", "3wd"])),
    max_size=5,
)


@given(cell=CELLS, begun=MINUTES, steps=STEPS, hours=HOURS)
def test_explain_when_moved_in_any_way_then_spans_touch_from_start_to_due(
    cell: str, begun: int, steps: Steps, hours: Any
) -> None:
    now = START + timedelta(minutes=begun)
    clock = CITY.clock("case", Limit.parse(cell), now, hours=hours)
    for kind, before, during, limit in steps:
        now += timedelta(minutes=before)
        if kind == "pause":
            shifting.pause(clock, now, CITY)
            now += timedelta(minutes=during)
            shifting.go_on(clock, now, CITY)
        elif kind == "extend":
            shifting.extend(clock, Limit.parse(limit), now, CITY)
        else:
            shifting.recount(clock, LimitChoice(Limit.parse(limit), "override"), now, CITY)
    said = explain(clock, CITY.calendar)
    assert said.spans[0].start == clock["started_at"] and said.spans[-1].end == clock["due_at"]
    assert all(earlier.end == following.start and earlier.start < earlier.end for earlier, following in pairwise(said.spans))
    paused = sum((span.end - span.start for span in said.spans if span.reason == "paused"), timedelta(0))
    assert paused <= sum((m["until"] - m["at"] for m in clock.get("moves", ()) if m["kind"] == "pause"), timedelta(0))
