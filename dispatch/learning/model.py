"""A model at work: how likely each unit is to be the one that handles a case, and why. Pure; about a tenth of a millisecond.

Three parts look at a question: a linear one (weights of features), one by roles (which kind of office does this, then which of
that kind does it here: what one street teaches holds in the others), and one by places (who handles what in this community).
Their logarithms are added with the weights of `mix`, which makes the outcome a probability that means what it says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import msgspec
import numpy as np
from numpy.typing import NDArray

from dispatch.learning.questions import PLACES, ROLES, WITHIN, Question, keys_of, names_of
from dispatch.learning.weights import Counts, Weights

__all__ = ["Answer", "Evidence", "Guess", "Model", "counts_of"]

FLOOR = 1e-4  # no part rules a unit out: what nobody expected happens, and would else make all the others look less certain
WITHIN_SMOOTHING = 1.0
MOST_KNOWN = 2_048  # remembered shares of roles, and of units within their roles: half a kilobyte to four each

Array = NDArray[np.float64]
_Row = tuple[NDArray[np.intp], NDArray[np.float32], float, NDArray[np.float64], float]  # items, counts, total, shares, left
_Rows = Mapping[str, _Row]


class Guess(msgspec.Struct, frozen=True):
    """A unit and how likely it is, 0 to 1."""

    unit: str
    p: float


class Evidence(msgspec.Struct, frozen=True):
    """Why a unit is likely: a feature by its facts and values, and how strongly it speaks for the unit against the others."""

    feature: str
    weight: float


class Answer:
    """How likely each unit is, for one question; and why, for who asks that."""

    def __init__(self, model: Model, question: Question) -> None:
        self._model = model
        self._question = question
        self.shares = model.probabilities(question)

    def p(self, unit: str) -> float:
        """Return how likely a unit is; 0 for one that the model does not know."""
        at = self._model.number_of.get(unit)
        return 0.0 if at is None else float(self.shares[at])

    def best(self, number: int = 5) -> tuple[Guess, ...]:
        """Return the likeliest units, best first; of equal ones the one whose code comes first."""
        order = np.argsort(-self.shares, kind="stable")[:number]
        return tuple(Guess(self._model.units[at], float(self.shares[at])) for at in order)

    def explain(self, unit: str, number: int = 3) -> tuple[Evidence, ...]:
        """Return the features that speak most for a unit: its weight less the mean weight of all units, strongest first."""
        return self._model.explain(self._question, unit, number)

    @cached_property
    def _row(self) -> _Row | None:
        """What was seen under the narrowest key that is known."""
        return self._model.seen(self._question)

    def seen(self, unit: str) -> tuple[int, int]:
        """Return how many cases of the narrowest known kind and place there were, and how many of them the unit handled."""
        at = self._model.number_of.get(unit)
        if self._row is None:
            return 0, 0
        items, counts, total, *_ = self._row
        return round(total), round(float(counts[items == at].sum())) if at is not None else 0


class Model:
    """Answers questions by the weights that it is made of. Never changed afterwards."""

    def __init__(self, weights: Weights) -> None:
        self.units = weights.units
        self.number_of = {unit: number for number, unit in enumerate(weights.units)}
        self._width = len(weights.units)
        self._features = {name: row for row, name in enumerate(weights.features, start=1)}
        self._linear = np.frombuffer(weights.linear, dtype=np.float32).reshape(len(weights.features) + 1, self._width)
        self._means = self._linear.mean(axis=1)
        names = sorted(set(weights.roles))
        self._role_of = np.array([names.index(role) for role in weights.roles], dtype=np.intp)
        self._roles = len(names)
        self._by_role = _rows(weights.by_role, weights.smoothing)
        self._within = _rows(weights.within_role, WITHIN_SMOOTHING)
        self._by_place = _rows(weights.by_place, weights.smoothing)
        self._mix = np.array(weights.mix)
        self._shares: dict[tuple[str, ...], Array] = {}
        self._role_shares: dict[tuple[str, ...], Array] = {}

    def answer(self, question: Question) -> Answer:
        """Return what the model says to a question."""
        return Answer(self, question)

    def probabilities(self, question: Question) -> Array:
        """Return how likely each of `units` is; they add up to 1."""
        mixed = self._mix @ self.parts(question)
        shares: Array = np.exp(mixed - mixed.max())
        shares /= shares.sum()
        return shares

    def parts(self, question: Question) -> Array:
        """Return the logarithm of what each part says: one row a part (linear, role, place), one column a unit."""
        parts = np.empty((3, self._width))
        parts[0] = np.add.reduce(self._linear.take(self._rows_of(question), axis=0), axis=0)
        parts[0] -= parts[0].max()
        parts[0] = np.exp(parts[0])
        parts[0] /= parts[0].sum()
        np.multiply(self._role_share(question)[self._role_of], self._share(question), out=parts[1])
        parts[2] = _back_off(self._by_place, keys_of(question, PLACES), self._width)
        np.maximum(parts, FLOOR, out=parts)
        return np.log(parts, out=parts)

    def explain(self, question: Question, unit: str, number: int = 3) -> tuple[Evidence, ...]:
        """Return the features that speak most for a unit: its weight less the mean weight of all units, strongest first."""
        column = self.number_of.get(unit)
        if column is None:
            return ()
        known = [(name, row) for name in names_of(question) if (row := self._features.get(name)) is not None]
        rows = [row for _, row in known]
        weights = self._mix[0] * (self._linear[rows, column] - self._means[rows])
        strongest = np.argsort(-weights, kind="stable")[:number]
        return tuple(Evidence(known[at][0], float(weights[at])) for at in strongest if weights[at] > 0)

    def seen(self, question: Question) -> _Row | None:
        """Return the row of the narrowest known kind and place."""
        keys = reversed(keys_of(question, PLACES))
        return next((row for key in keys if (row := self._by_place.get(key)) is not None), None)

    def _rows_of(self, question: Question) -> list[int]:
        known = self._features
        return [0, *[row for name in names_of(question) if (row := known.get(name)) is not None]]

    def _role_share(self, question: Question) -> Array:
        """How likely each role is; the same for all cases of a kind and channel."""
        kind = (question.category, question.major, question.group, question.channel)
        known = self._role_shares.get(kind)
        if known is None:
            _make_room(self._role_shares)
            known = self._role_shares[kind] = _back_off(self._by_role, keys_of(question, ROLES), self._roles)
        return known

    def _share(self, question: Question) -> Array:
        """How the cases of each role are shared among its units here; the same for all cases of a place."""
        place = (question.district, question.township, question.community)
        known = self._shares.get(place)
        if known is None:
            _make_room(self._shares)
            known = self._shares[place] = self._shared(keys_of(question, WITHIN))
        return known

    def _shared(self, keys: Iterable[str]) -> Array:
        role = self._role_of
        shares: Array = (1 / np.bincount(role, minlength=self._roles))[role]
        for key in keys:
            row = self._within.get(key)
            if row is not None:
                counts = np.zeros(self._width)
                counts[row[0]] = row[1]
                total = np.bincount(role, counts, minlength=self._roles)[role]
                shares = (counts + WITHIN_SMOOTHING * shares) / (total + WITHIN_SMOOTHING)
        return shares


def _back_off(rows: _Rows, keys: Iterable[str], width: int) -> Array:
    """From an even share to what was seen under ever narrower keys; the wider counts as much as `smoothing` cases."""
    shares: Array = np.full(width, 1 / width)
    for key in keys:
        row = rows.get(key)
        if row is not None:
            shares *= row[4]
            shares[row[0]] += row[3]
    return shares


def _make_room(known: dict[tuple[str, ...], Array]) -> None:
    if len(known) >= MOST_KNOWN:
        known.clear()


def _rows(counts: Counts, smoothing: float) -> _Rows:
    items, numbers = np.frombuffer(counts.items, np.uint16), np.frombuffer(counts.counts, np.float32)
    rows: dict[str, _Row] = {}
    start = 0
    for key, length in zip(counts.keys, counts.lengths, strict=True):
        part = numbers[start : start + length]
        total = float(part.sum())
        shares = part.astype(np.float64) / (total + smoothing)
        rows[key] = items[start : start + length].astype(np.intp), part, total, shares, smoothing / (total + smoothing)
        start += length
    return rows


def counts_of(seen: Mapping[str, Mapping[int, float]]) -> Counts:
    """Return counts by key and item as plain data."""
    keys = tuple(sorted(seen))
    pairs: list[Sequence[tuple[int, float]]] = [sorted(seen[key].items()) for key in keys]
    flat = [pair for row in pairs for pair in row]
    items, counts = np.array([pair[0] for pair in flat], np.uint16), np.array([pair[1] for pair in flat], np.float32)
    return Counts(keys, tuple(len(row) for row in pairs), items.tobytes(), counts.tobytes())
