"""Figures of a model, and the least probability that may go without a person."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dispatch.learning.measuring
import dispatch.learning.questions
from dispatch.learning.measuring import LEAST, NEVER, Judged, measure, threshold_for

CASES = st.lists(
    st.builds(Judged, st.floats(0, 1), st.sampled_from([0, 0, 0, 0, 0, 0, 0, 0, 1, None]), st.booleans()), max_size=200
)


@given(CASES)
def test_threshold_when_chosen_then_what_is_above_was_right_enough(judged: list[Judged]) -> None:
    threshold = threshold_for(judged)
    above = [one for one in judged if one.p >= threshold]
    if threshold == NEVER:
        assert above == []
    else:
        assert len(above) >= LEAST
        assert sum(one.place == 0 for one in above) / len(above) >= 0.95


@given(CASES)
def test_figures_when_measured_then_shares_and_in_order(judged: list[Judged]) -> None:
    figures = measure(judged)
    assert 0 <= figures.top1 <= figures.top3 <= 1
    assert 0 <= figures.calibration_error <= 1
    assert 0 <= figures.auto_coverage <= 1


def test_threshold_when_few_cases_then_never() -> None:
    assert threshold_for([Judged(1.0, 0)] * (LEAST - 1)) == NEVER


def test_threshold_when_all_right_then_found_with_a_margin() -> None:
    assert threshold_for([Judged(0.9, 0)] * 29) == NEVER
    assert threshold_for([Judged(0.9, 0)] * 100) == 0.9
    assert threshold_for([Judged(0.9, 0)] * 95 + [Judged(0.9, 1)] * 5) == NEVER, "95 of 100 by chance is not 95 %"


@pytest.mark.parametrize(
    ("right", "number", "enough"), [(97, 100, False), (98, 100, True), (2090, 2200, False), (2097, 2200, True)],
)  # fmt: skip
def test_threshold_when_few_cases_then_asks_more_of_them_than_of_many(right: int, number: int, enough: bool) -> None:
    judged = [Judged(0.9, 0)] * right + [Judged(0.9, None)] * (number - right)
    assert threshold_for(judged) == (0.9 if enough else NEVER)


@given(st.integers(1, 3000), st.integers(0, 150))
def test_threshold_when_found_then_likely_right_and_almost_surely_not_far_below(number: int, wrong: int) -> None:
    judged = [Judged(0.9, 0)] * number + [Judged(0.9, None)] * wrong
    share = number / (number + wrong)
    if threshold_for(judged) != NEVER:
        error = (share * (1 - share) / (number + wrong)) ** 0.5
        assert share - 0.5 * error >= 0.95 - 1e-3 and share - 1.28 * error >= 0.945 - 1e-3


def test_doctests_when_run_then_hold() -> None:
    assert doctest.testmod(dispatch.learning.questions).failed == 0
    assert doctest.testmod(dispatch.learning.measuring).failed == 0
