"""How well guesses do: the right one first or among three, whether a probability means what it says, what may go alone. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from math import sqrt

import msgspec
import numpy as np

__all__ = ["NEVER", "WANTED", "Figures", "Judged", "Live", "measure", "threshold_for"]

BINS = 10
WANTED = 0.95  # of what goes to a unit without a person
SURE = 1.28  # standard errors: nine chances in ten
MARGINS = ((0.0, 0.5), (0.005, SURE))  # how far below what is wanted, at how many standard errors: see `threshold_for`
NEVER = 1.01  # a threshold that no probability reaches
LEAST_DIFFERENT = 10  # closed cases on which model and rules differ, before the model is judged by them
LEAST = 30  # cases below which no share is trusted


class Judged(msgspec.Struct, frozen=True):
    """One case with a known end: how likely the first guess was said to be, and the place of the right unit (0: first; None:
    not among the guesses); `alone`: it would go without a person."""

    p: float
    place: int | None
    alone: bool = False


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Shares from 0 to 1. `auto_precision` is the share that was right among those that would go without a person (1.0 when none
    would), `auto_coverage` how many of all these are; `calibration_error` the mean gap between said and true, in ten bins."""

    cases: int
    top1: float
    top3: float
    auto_precision: float
    auto_coverage: float
    calibration_error: float

    def is_surely_below(self, wanted: float) -> bool:
        """Tell whether less than `wanted` of what would go without a person is right, more than chance explains (one in ten).

        >>> nine_in_ten = {"top1": 0.7, "top3": 0.9, "auto_precision": 0.94, "calibration_error": 0.0}
        >>> few, many = (Figures(cases=cases, auto_coverage=0.4, **nine_in_ten) for cases in (1_000, 10_000))
        >>> few.is_surely_below(0.95), many.is_surely_below(0.95)
        (False, True)
        """
        number = round(self.cases * self.auto_coverage)
        return number > 0 and 1 - _lower_bound(round((1 - self.auto_precision) * number), number, SURE) < wanted


def measure(judged: Sequence[Judged]) -> Figures:
    """Return the figures of cases.

    >>> measure([Judged(0.9, 0, alone=True), Judged(0.6, 1)])
    Figures(cases=2, top1=0.5, top3=1.0, auto_precision=1.0, auto_coverage=0.5, calibration_error=0.35)
    """
    number = len(judged)
    if not number:
        return Figures(cases=0, top1=0.0, top3=0.0, auto_precision=1.0, auto_coverage=0.0, calibration_error=0.0)
    alone = [one.place == 0 for one in judged if one.alone]
    return Figures(
        cases=number,
        top1=round(sum(one.place == 0 for one in judged) / number, 4),
        top3=round(sum(one.place is not None and one.place < 3 for one in judged) / number, 4),
        auto_precision=round(sum(alone) / len(alone), 4) if alone else 1.0,
        auto_coverage=round(len(alone) / number, 4),
        calibration_error=round(_calibration_error(judged), 4),
    )


def threshold_for(judged: Sequence[Judged], *, wanted: float = WANTED) -> float:
    """Return the least probability from which on the first guess is right in `wanted` of cases, with a margin for chance.

    Both must hold by Wilson's lower bound: seven chances in ten that the share is `wanted`, and nine in ten that it is not more
    than half a point below. Of thousands of cases the first asks more, of hundreds the second. `judged` must be cases that the
    guesses were not learned from. `NEVER` where no probability is that good.
    """
    ordered = sorted(judged, key=lambda one: -one.p)
    right, found = 0, NEVER
    for number, one in enumerate(ordered, start=1):
        right += one.place == 0
        last = number == len(ordered) or ordered[number].p < one.p
        if last and number >= LEAST and _is_enough(right, number, wanted):
            found = one.p
    return found


def _is_enough(right: int, number: int, wanted: float) -> bool:
    return all(_lower_bound(right, number, margin) >= wanted - below for below, margin in MARGINS)


def _lower_bound(right: int, number: int, margin: float) -> float:
    """Wilson's lower bound of a share."""
    share, square = right / number, margin * margin
    middle = share + square / (2 * number)
    width = margin * sqrt(share * (1 - share) / number + square / (4 * number * number))
    return (middle - width) / (1 + square / number)


def _calibration_error(judged: Sequence[Judged]) -> float:
    """Mean gap between the probability said and the share that was right, over ten bins of equal width."""
    said, right = np.array([one.p for one in judged]), np.array([one.place == 0 for one in judged], dtype=float)
    bins = np.minimum((said * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, right - said, minlength=BINS)
    return float(np.abs(gaps).sum() / len(judged))


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """What became of closed cases that a version ordered: how often its first unit handled them, how often the rules' first; and
    how often only one of the two was right."""

    at: datetime
    cases: int
    learned_right: int
    rules_right: int
    only_learned: int
    only_rules: int

    @property
    def is_worse(self) -> bool:
        """Tell whether the rules are better by more than chance: a sign test at two standard errors, from ten differences on.

        >>> now = datetime(2026, 11, 22)
        >>> Live(at=now, cases=40, learned_right=20, rules_right=30, only_learned=1, only_rules=11).is_worse
        True
        >>> Live(at=now, cases=40, learned_right=24, rules_right=26, only_learned=5, only_rules=7).is_worse
        False
        """
        differ = self.only_learned + self.only_rules
        return differ >= LEAST_DIFFERENT and self.only_rules - self.only_learned > 2 * sqrt(differ)
