"""The one rule by which packs and people write the same rows: its cases, and what holds whatever the three states are."""

from __future__ import annotations

import doctest
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch import pack_merging, pack_taking
from dispatch.pack_merging import WHOLE, Merged, Row, keys_of, merge
from web.cli import outcomes

ROWS = st.fixed_dictionaries({"name": st.integers(0, 2), "phone": st.integers(0, 2)})
MAYBE = st.none() | ROWS
KEPT, CONFLICT, TAKEN = {"kept": (WHOLE,)}, {"conflicts": (WHOLE,)}, {"taken": (WHOLE,)}
A, B, C = {"x": 1}, {"x": 2}, {"x": 3}


@pytest.mark.parametrize("module", [pack_merging, pack_taking, outcomes])
def test_doctests_when_run_then_hold(module: Any) -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("last", "present", "new", "after", "remembered", "told"),
    [
        (None, None, A, A, A, TAKEN),  # new
        (A, A, B, B, B, {"taken": ("x",)}),
        (A, B, A, B, A, {"kept": ("x",)}),
        (A, B, C, B, A, {"conflicts": ("x",)}),
        (A, B, B, B, B, {}),  # both came to say the same
        (A, None, A, None, A, KEPT),  # removed by people
        (A, None, B, None, A, CONFLICT),
        (A, A, None, None, None, TAKEN),  # the pack no longer has it
        (A, B, None, B, A, CONFLICT),
        (None, A, None, A, None, {}),  # made by people
        (None, A, B, A, {"x": pack_merging.UNKNOWN}, {"conflicts": ("x",)}),
        (A, None, None, None, None, {}),
    ],
)
def test_merge_when_three_states_then(
    last: Row | None, present: Row | None, new: Row | None, after: Row | None, remembered: Row | None, told: dict[str, Any]
) -> None:
    assert merge(last, present, new) == Merged(after=after, last=remembered, **told)


@given(MAYBE, MAYBE, MAYBE)
def test_merge_when_done_again_with_the_same_pack_then_nothing_more_changes(
    last: Row | None, present: Row | None, new: Row | None
) -> None:
    once = merge(last, present, new)
    again = merge(once.last, once.after, new)
    assert (again.after, again.taken, again.conflicts) == (once.after, (), once.conflicts)


@given(MAYBE, MAYBE, MAYBE)
def test_merge_when_only_one_side_has_changed_then_its_word_holds(last: Row | None, present: Row | None, new: Row | None) -> None:
    if last is not None:
        assert merge(last, last, new).after == new
        assert merge(last, present, last).after == present


@given(MAYBE, MAYBE, MAYBE)
def test_merge_when_told_to_take_the_pack_then_nothing_is_left_in_conflict(
    last: Row | None, present: Row | None, new: Row | None
) -> None:
    ours, packs = merge(last, present, new), merge(last, present, new, take_pack=True)
    assert packs.conflicts == () and packs.kept == ours.kept
    if not ours.conflicts:
        assert packs == ours
    elif new is not None and packs.after is not None:
        names = new if WHOLE in ours.conflicts else ours.conflicts
        assert all(packs.after[name] == new[name] for name in names)


def test_merge_when_a_row_ends_then_it_stays_ended_and_comes_back_with_the_pack() -> None:
    def end(row: Row) -> Row:
        return {**row, "until": 5}

    begun = {"x": 1, "until": 9}
    ended = merge(begun, begun, None, end=end)
    assert ended.after == ended.last == {"x": 1, "until": 5}
    again = merge(ended.last, ended.after, None, end=end)
    assert (again.after, again.last, again.taken) == (ended.after, ended.last, ())
    assert merge(again.last, again.after, begun, end=end).after == begun


def test_merge_when_the_table_has_a_new_column_then_the_pack_fills_it() -> None:
    assert merge({"x": 1}, {"x": 1, "y": ""}, {"x": 1, "y": "new"}).taken == ("y",)


@given(st.lists(ROWS, max_size=6), st.randoms(use_true_random=False))
def test_keys_of_when_rows_stand_elsewhere_then_each_has_the_key_it_had(rows: list[Row], random: Any) -> None:
    def identity(row: Row) -> str:
        return str(row["name"])

    keys = keys_of(rows, {}, identity)
    assert len(set(keys)) == len(rows)
    known = dict(zip(keys, rows, strict=True))
    shuffled = random.sample(rows, len(rows))
    assert dict(zip(keys_of(shuffled, known, identity), shuffled, strict=True)) == known
    assert set(keys_of([*shuffled, {"name": 0, "phone": 9}], known, identity)) > known.keys()
