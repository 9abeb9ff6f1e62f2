"""What a set of changes would have changed: counted case by case, against who handled it; as two directories say."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import inf
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from dispatch.past import PastCase
from orgs.edits import Edit, difference
from orgs.rehearsal import Outcome, Tally, changed_rules, effect_of
from orgs.rules import Rule
from tests.orgs.parties import CITY, GRID, NOON, directory, place, rule

PRESENT = rule("520103", "0101", "520103-sanit", since=0.0)
URBAN = msgspec.structs.replace(PRESENT, lead="520103-urban")


def case(number: int = 0, *, area: str = GRID, handled_by: str | None = None, at: datetime = NOON) -> PastCase:
    return PastCase(id=f"c{number}", place=place(area), category="0101", reported_at=at, handled_by=handled_by)


def tried(before: list[Rule], after: list[Rule], *cases: PastCase) -> Outcome:
    tally = Tally(directory(*before), directory(*after), NOON)
    for one in cases:
        tally.take(one)
    return tally.outcome()


def test_check_when_a_lead_changes_then_cases_move_and_agree_better_or_worse() -> None:
    handlers = ("520103-urban", "520103-sanit", "C-urban", None)
    outcome = tried([PRESENT], [URBAN], *(case(number, handled_by=unit) for number, unit in enumerate(handlers)))
    assert [one.verdict for one in outcome.tried] == ["better", "worse", "same", "open"]
    counts = outcome.counts
    assert (counts.looked_at, counts.changed, counts.handled, counts.agree_before, counts.agree_after) == (4, 4, 3, 1, 1)
    (move,) = outcome.moves
    assert move.before is not None and move.after is not None
    assert (move.before.code, move.after.code, move.cases) == ("520103-sanit", "520103-urban", 4)


def test_check_when_a_tie_comes_or_goes_then_a_clear_winner_is_lost_or_gained() -> None:
    rival = msgspec.structs.replace(URBAN, id="R-rival")
    lost = tried([PRESENT], [PRESENT, rival], case())
    assert (lost.counts.lost, lost.counts.gained, lost.counts.changed) == (1, 0, 1) and not lost.tried[0].after.clear
    gained = tried([PRESENT, rival], [PRESENT], case())
    assert (gained.counts.lost, gained.counts.gained, gained.tried[0].after.clear) == (0, 1, True)
    outside = tried([PRESENT], [PRESENT, rival], case(area="520102001001001"))
    assert (outside.counts.looked_at, outside.counts.changed, outside.tried) == (1, 0, [])


def test_check_when_a_rule_has_hours_then_it_counts_by_the_time_of_day_of_the_report() -> None:
    night = rule("520103", "0101", "520103-police", number=7, hours="22:00-06:00")
    yesterday = [case(hour, at=NOON - timedelta(days=30) + timedelta(hours=hour)) for hour in range(24)]
    outcome = tried([PRESENT], [PRESENT, night], *yesterday)
    hours = {(12 + int(one.id[1:])) % 24 for one in outcome.tried}  # NOON is 12:00 in the city
    assert hours == {22, 23, 0, 1, 2, 3, 4, 5} and outcome.counts.changed == 8


def test_effect_when_rules_begin_and_end_later_is_the_last_of_it() -> None:
    now = NOON.timestamp()
    added = msgspec.structs.replace(URBAN, since=now + 50)
    ended = msgspec.structs.replace(PRESENT, until=now + 90)
    assert effect_of([Edit("a", None, added), Edit("b", PRESENT, ended)], NOON).timestamp() == now + 90
    assert effect_of([Edit("a", PRESENT, None), Edit("b", PRESENT, URBAN)], NOON) == NOON


RULES = st.lists(
    st.builds(
        Rule,
        id=st.sampled_from("abcdef"),
        area=st.sampled_from((CITY, "520102", "520103", "520103001", GRID, "")),
        category=st.sampled_from(("0101", "01", "*")),
        hours=st.sampled_from(("", "22:00-06:00", "08:00-18:00")),
        lead=st.sampled_from(("520103-urban", "sanit@district", "C-util", "T520103001")),
        priority=st.integers(0, 1),
        since=st.sampled_from((0.0, 1e9)),
        until=st.sampled_from((2e9, inf)),
    ),
    max_size=6,
    unique_by=lambda found: found.id,
)
CASES = st.lists(
    st.builds(
        case,
        st.integers(0, 10**6),
        area=st.sampled_from((GRID, "520103001", "520102001001001")),
        handled_by=st.sampled_from(("520103-urban", "520103-sanit", "T520103001", None)),
        at=st.integers(0, 47).map(lambda hours: NOON - timedelta(hours=hours)),
    ),
    max_size=12,
)


@given(RULES, RULES, CASES)
def test_check_when_made_is_what_two_directories_say(before: list[Rule], after: list[Rule], cases: list[PastCase]) -> None:
    edits = difference({one.id: one for one in before}, {one.id: one for one in after})
    changed = changed_rules(before, edits)
    assert {one.id: one for one in changed} == {one.id: one for one in after}
    outcome, zone = tried(before, changed, *cases), ZoneInfo("Asia/Shanghai")
    first, second = directory(*before), directory(*after)
    differing = []
    for one in cases:
        local = one.reported_at.astimezone(zone)
        at = NOON.astimezone(zone).replace(hour=local.hour, minute=local.minute)
        was, will = (found.match(one.place, one.category, at) for found in (first, second))
        if was.lead != will.lead or was.decided != will.decided:
            differing.append(one.id)
    assert [one.id for one in outcome.tried] == differing
    counts = outcome.counts
    assert counts.changed == len(differing) and counts.looked_at == len(cases)
    assert counts.agree_after - counts.agree_before == counts.better - counts.worse
    assert sum(move.cases for move in outcome.moves) <= counts.changed
