"""A model at work: how likely each unit is to be the one that handles a case, and why. Pure; about a tenth of a millisecond.

Three parts look at a question: a linear one (weights of features), one by roles (which kind of office does this, then which of
that kind does it here: what one street teaches holds in the others), and one by places (who handles what in this community).
Their logarithms are added with the weights of `mix`, which makes the outcome a probability that means what it says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from dispatch.learning.questions import PLACES, ROLES, WITHIN, Question, keys_of, names_of
from dispatch.learning.weights import Counts, Weights

__all__ = ["Evidence", "Guess", "Model", "counts_of"]

FLOOR = 1e-6
WITHIN_SMOOTHING = 1.0
MOST_PLACES = 4_096  # remembered shares of units within their roles

Array = NDArray[np.float64]
_Rows = Mapping[str, tuple[NDArray[np.uint16], NDArray[np.float32], float]]


class Guess(msgspec.Struct, frozen=True):
    """A unit and how likely it is, 0 to 1."""

    unit: str
    p: float


class Evidence(msgspec.Struct, frozen=True):
    """Why a unit is likely: a feature by its facts and values, and how strongly it speaks for the unit against the others."""

    feature: str
    weight: float


class Model:
    """Answers questions by the weights that it is made of. Never changed afterwards."""

    def __init__(self, weights: Weights) -> None:
        self.units = weights.units
        self.number_of = {unit: number for number, unit in enumerate(weights.units)}
        self._width = len(weights.units)
        self._features = {name: row for row, name in enumerate(weights.features, start=1)}
        self._linear = np.frombuffer(weights.linear, dtype=np.float32).reshape(len(weights.features) + 1, self._width)
        names = sorted(set(weights.roles))
        self._role_of = np.array([names.index(role) for role in weights.roles], dtype=np.intp)
        self._means = self._linear.mean(axis=1)
        self._roles = len(names)
        self._by_role, self._within = _rows(weights.by_role), _rows(weights.within_role)
        self._by_place = _rows(weights.by_place)
        self._smoothing = weights.smoothing
        self._mix = np.array(weights.mix)
        self._shares: dict[tuple[str, ...], Array] = {}

    def probabilities(self, question: Question) -> Array:
        """Return how likely each of `units` is; they add up to 1."""
        mixed = self._mix @ self.parts(question)
        shares: Array = np.exp(mixed - mixed.max())
        shares /= shares.sum()
        return shares

    def best(self, question: Question, number: int = 5) -> tuple[Guess, ...]:
        """Return the likeliest units, best first; of equal ones the one whose code comes first."""
        shares = self.probabilities(question)
        order = np.argsort(-shares, kind="stable")[:number]
        return tuple(Guess(self.units[at], float(shares[at])) for at in order)

    def parts(self, question: Question) -> Array:
        """Return the logarithm of what each part says: one row a part (linear, role, place), one column a unit."""
        linear = self._linear[self._rows_of(question)].sum(axis=0, dtype=np.float64)
        linear -= linear.max()
        linear -= np.log(np.exp(linear).sum())
        role = self._back_off(self._by_role, keys_of(question, ROLES), self._roles)[self._role_of] * self._share(question)
        place = self._back_off(self._by_place, keys_of(question, PLACES), self._width)
        floor = np.log(FLOOR)
        parts: Array = np.stack((linear, np.log(np.maximum(role, FLOOR)), np.log(np.maximum(place, FLOOR))))
        return np.maximum(parts, floor, out=parts)

    def explain(self, question: Question, unit: str, number: int = 3) -> tuple[Evidence, ...]:
        """Return the features that speak most for a unit: its weight less the mean weight of all units, strongest first."""
        column = self.number_of.get(unit)
        if column is None:
            return ()
        found = []
        for name in names_of(question):
            row = self._features.get(name)
            if row is not None:
                found.append(Evidence(name, float(self._mix[0] * (self._linear[row, column] - self._means[row]))))
        found.sort(key=lambda evidence: -evidence.weight)
        return tuple(evidence for evidence in found[:number] if evidence.weight > 0)

    def seen(self, question: Question, unit: str) -> tuple[int, int]:
        """Return how many cases of the narrowest known kind and place there were, and how many of them the unit handled."""
        column = self.number_of.get(unit)
        for key in reversed(tuple(keys_of(question, PLACES))):
            row = self._by_place.get(key)
            if row is not None:
                items, counts, total = row
                return round(total), round(float(counts[items == column].sum())) if column is not None else 0
        return 0, 0

    def _rows_of(self, question: Question) -> list[int]:
        known = self._features
        return [0, *(row for name in names_of(question) if (row := known.get(name)) is not None)]

    def _back_off(self, rows: _Rows, keys: Iterable[str], width: int) -> Array:
        """From an even share to what was seen under ever narrower keys; the wider counts as much as `smoothing` cases."""
        shares, smoothing = np.full(width, 1 / width), self._smoothing
        for key in keys:
            row = rows.get(key)
            if row is not None:
                items, counts, total = row
                shares *= smoothing / (total + smoothing)
                shares[items] += counts / (total + smoothing)
        return shares

    def _share(self, question: Question) -> Array:
        """How the cases of each role are shared among its units here; the same for all cases of a place."""
        place = (question.district, question.township, question.community)
        known = self._shares.get(place)
        if known is None:
            if len(self._shares) >= MOST_PLACES:
                self._shares.clear()
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


def _rows(counts: Counts) -> _Rows:
    items, numbers = np.frombuffer(counts.items, np.uint16), np.frombuffer(counts.counts, np.float32)
    rows: dict[str, tuple[NDArray[np.uint16], NDArray[np.float32], float]] = {}
    start = 0
    for key, length in zip(counts.keys, counts.lengths, strict=True):
        part = numbers[start : start + length]
        rows[key] = items[start : start + length], part, float(part.sum())
        start += length
    return rows


def counts_of(seen: Mapping[str, Mapping[int, float]]) -> Counts:
    """Return counts by key and item as plain data."""
    keys = tuple(sorted(seen))
    pairs: list[Sequence[tuple[int, float]]] = [sorted(seen[key].items()) for key in keys]
    flat = [pair for row in pairs for pair in row]
    items, counts = np.array([pair[0] for pair in flat], np.uint16), np.array([pair[1] for pair in flat], np.float32)
    return Counts(keys, tuple(len(row) for row in pairs), items.tobytes(), counts.tobytes())
