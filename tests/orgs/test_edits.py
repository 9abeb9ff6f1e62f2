"""What a set of changes does to the rules: in place at once, by a successor later, and what is refused, by change and column."""

from __future__ import annotations

from math import inf
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgs.edits import AddRule, Change, ChangeRule, Edit, EndRule, RuleFields, RulePatch, Timing, difference, named, plan
from orgs.rule_editor import terms_of
from orgs.rule_times import begins, ends, written_begin, written_end
from orgs.rules import Rule
from storage.errors import Invalid
from tests.orgs.parties import GRID, NOON, directory, rule

ZONE = ZoneInfo("Asia/Shanghai")
NOW = NOON.timestamp()
LATER = NOW + 86_400
TERMS = terms_of(directory(), frozenset({"Z1"}))
OLD = rule("520103", "0101", "520103-sanit", since=0.0)
UNBEGUN = rule("520103", "0101", "520103-urban", number=1, since=LATER + 5)
EXPIRED = rule("520103", "0101", "520103-urban", number=2, until=NOW - 1)
BOOK = {one.id: one for one in (OLD, UNBEGUN, EXPIRED)}


def planned(*changes: Change, at: float = NOW) -> list[Edit]:
    return plan(changes, BOOK, TERMS, Timing(at, NOW, ZONE, 7))


def refused(*changes: Change, at: float = NOW) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as caught:
        planned(*changes, at=at)
    return [(error.field, error.code) for error in caught.value.errors]


def patch(**fields: object) -> RulePatch:
    return msgspec.convert(fields, RulePatch)


def fields(**changed: object) -> RuleFields:
    return msgspec.convert({"category": "0101", "lead": "520103-urban"} | changed, RuleFields)


def test_change_when_it_takes_effect_at_once_is_made_in_place() -> None:
    (edit,) = planned(ChangeRule(OLD.id, patch(lead="520103-urban", basis="三定方案")))
    assert edit.before == OLD
    assert edit.after == msgspec.structs.replace(OLD, lead="520103-urban", basis="三定方案"), "what is left out stays"


def test_change_when_it_takes_effect_later_then_the_old_holds_until_then_and_another_follows() -> None:
    ended, following = planned(ChangeRule(OLD.id, patch(lead="520103-urban")), at=LATER)
    assert ended.after is not None and (ended.after.lead, ended.after.until) == ("520103-sanit", LATER)
    assert following.before is None and following.after is not None
    assert (following.id, following.after.lead, following.after.since, following.after.until) == (
        f"{OLD.id}~7", "520103-urban", LATER, inf,
    )  # fmt: skip
    again = plan(
        [ChangeRule(following.id, patch(priority=3))], {following.id: following.after}, TERMS, Timing(LATER + 9, NOW, ZONE, 9)
    )
    assert [edit.id for edit in again] == [f"{OLD.id}~7", f"{OLD.id}~9"], "one root, however often it is changed"


def test_change_when_the_rule_has_not_begun_is_made_in_place_also_later() -> None:
    (edit,) = planned(ChangeRule(UNBEGUN.id, patch(priority=2)), at=LATER)
    assert edit.after is not None and (edit.after.priority, edit.after.since) == (2, UNBEGUN.since)


def test_end_when_the_rule_has_begun_then_it_holds_until_then_else_it_is_taken_out() -> None:
    ended, removed = planned(EndRule(OLD.id), EndRule(UNBEGUN.id), at=LATER)
    assert ended.after == msgspec.structs.replace(OLD, until=LATER) and removed.after is None


def test_add_when_it_has_no_id_gets_one_by_version_and_place() -> None:
    change = AddRule(fields(area_code=GRID, hours="24x7", valid_to="2026-12-31", priority=4))
    (edit,) = planned(change)
    assert named([change], 7) == {edit.id} == {"E-7-1"} and edit.after is not None
    assert (edit.after.area, edit.after.hours, edit.after.since, edit.after.until) == (
        GRID, "", NOW, ends("2026-12-31", ZONE),
    )  # fmt: skip
    assert edit.after.origin == "editor"


def test_add_when_its_first_day_is_today_begins_now() -> None:
    (edit,) = planned(AddRule(fields(valid_from="2026-11-21")))
    assert edit.after is not None and edit.after.since == NOW


def test_set_when_many_changes_are_wrong_then_each_is_named() -> None:
    errors = refused(
        AddRule(fields(category="4242", area_code="999", zone="Z9", lead="nobody", hours="25:00-26:00", assists=("x@y",))),
        ChangeRule("R-none", patch(priority=1)),
        EndRule(EXPIRED.id),
        EndRule(OLD.id),
        ChangeRule(OLD.id, patch(priority=1)),
        AddRule(fields(id=OLD.id)),
        AddRule(fields(valid_from="2026-11-20")),
        AddRule(fields(valid_from="tomorrow-ish")),
        AddRule(fields(valid_to="2026-11-20")),
        AddRule(fields(valid_from="2026-12-02", valid_to="2026-12-01")),
    )
    assert errors == [
        ("changes[0].category", "unknown_category"), ("changes[0].area_code", "unknown_code"),
        ("changes[0].zone", "unknown_code"), ("changes[0].lead", "unknown_unit"), ("changes[0].assists", "unknown_post"),
        ("changes[0].hours", "not_allowed"), ("changes[1].id", "unknown_rule"), ("changes[2].id", "ended"),
        ("changes[4].id", "twice"), ("changes[5].id", "repeated"), ("changes[6].valid_from", "past"),
        ("changes[7].valid_from", "moment"), ("changes[8].valid_to", "days"), ("changes[9].valid_to", "days"),
    ]  # fmt: skip


def test_set_when_nothing_would_change_is_refused() -> None:
    assert refused(ChangeRule(OLD.id, patch(lead=OLD.lead))) == [("changes", "no_change")]


def test_rule_when_its_unit_is_gone_can_still_be_ended() -> None:
    orphan = rule("520103", "0101", "gone", number=9)
    (edit,) = plan([EndRule(orphan.id)], {orphan.id: orphan}, TERMS, Timing(NOW, NOW, ZONE, 7))
    assert edit.after is not None and edit.after.until == NOW


BOOKS = st.dictionaries(
    st.sampled_from("abcdef"), st.builds(Rule, id=st.just("x"), category=st.just("*"), lead=st.sampled_from("AB")), max_size=6
)


@given(BOOKS, BOOKS)
def test_difference_when_made_turns_one_book_into_the_other_and_back(present: dict[str, Rule], wanted: dict[str, Rule]) -> None:
    made, back = dict(present), dict(wanted)
    for edit in difference(present, wanted):
        assert edit.before != edit.after and made.get(edit.id) == edit.before
        for book, value in ((made, edit.after), (back, edit.before)):
            book.pop(edit.id, None)
            if value is not None:
                book[edit.id] = value
    assert (made, back) == (wanted, present)


@given(st.integers(0, 4_000_000_000_000).map(lambda milliseconds: milliseconds / 1000))
def test_times_when_written_are_read_as_they_were(seconds: float) -> None:
    assert begins(written_begin(seconds, ZONE), ZONE) == pytest.approx(seconds, abs=1e-3)
    assert ends(written_end(seconds, ZONE), ZONE) == pytest.approx(seconds, abs=1e-3)
