"""From examples to a model: the linear part by scikit-learn, the tables by counting, their mixture on what they did not see.

Everything is fitted on the examples handed in, the mixture and the threshold on inner folds of them: each fold is answered by
parts that were made from the others. Whoever measures keeps the measured cases out of `examples`.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from dispatch.learning.measuring import Judged, threshold_for
from dispatch.learning.model import Model, counts_of
from dispatch.learning.questions import LINEAR, PLACES, ROLES, SEPARATOR, WITHIN, Question, keys_of, names_of
from dispatch.learning.weights import Counts, Weights

__all__ = ["Example", "Fitted", "fit", "judge"]

FOLDS = 5
STRENGTH = 1.0  # inverse of the penalty on the weights of single facts
HELD_BACK = 0.5  # what a pair of facts or of characters counts: to weigh as much it pays four times the penalty (ADR 18)
STEPS = 80
LEAST_WORD = 3  # cases that must hold a pair of characters
MOST_WORDS = 4_000
RETURNED = 0.5  # what a decided return takes away from a unit's count of a case it did not keep
ABSENT = -30.0  # the leaning to a unit that none of the examples names
EVEN = (1.0, 0.0, 0.0)

Progress = Callable[[int, int], None]
Floats = NDArray[np.float64]
Tally = dict[str, dict[int, float]]

_SINGLE = frozenset(str(number) for number, facts in enumerate(LINEAR) if len(facts) == 1)


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A case with its end: the unit whose handling was accepted, and the units that gave it back by a decided return."""

    question: Question
    unit: str
    role: str
    returned: tuple[str, ...] = ()


class Fitted(msgspec.Struct, frozen=True):
    """The weights and the least probability that may go without a person."""

    weights: Weights
    threshold: float


def fit(examples: Sequence[Example], *, progress: Progress | None = None, seed: int = 0) -> Fitted:
    """Learn from the examples. Raises `ValueError` when there are none. The same examples give the same weights."""
    if not examples:
        raise ValueError("there is nothing to learn from")
    tell = progress or _silent
    units = sorted({one.unit for one in examples})
    folds = np.random.default_rng(seed).permutation(len(examples)) % FOLDS
    parts, answers = [], []
    for fold in range(FOLDS if len(examples) >= 2 * FOLDS else 0):
        tell(fold, FOLDS + 1)
        chosen = [one for one, at in zip(examples, folds, strict=True) if at == fold]
        model = Model(_weights([one for one, at in zip(examples, folds, strict=True) if at != fold], units, EVEN))
        parts.append(_parts(model, chosen))
        answers += [units.index(one.unit) for one in chosen]
    mix = _mixture(np.concatenate(parts), np.array(answers)) if parts else EVEN
    threshold = threshold_for(_judged(np.concatenate(parts), answers, mix)) if parts else threshold_for([])
    tell(FOLDS, FOLDS + 1)
    return Fitted(_weights(examples, units, mix), threshold)


def judge(fitted: Fitted, examples: Iterable[Example]) -> list[Judged]:
    """Return how what was learned does on examples that it was not learned from."""
    model = Model(fitted.weights)
    best_of = cache(lambda question: model.answer(question).best())
    found = []
    for one in examples:
        best = best_of(one.question)
        place = next((at for at, guess in enumerate(best) if guess.unit == one.unit), None)
        found.append(Judged(best[0].p, place, best[0].p >= fitted.threshold))
    return found


def _parts(model: Model, examples: Iterable[Example]) -> Floats:
    """What the model says of each; the same question is asked once."""
    parts_of = cache(lambda question: model.parts(question).astype(np.float32))
    return np.stack([parts_of(one.question) for one in examples])


def _silent(_done: int, _total: int) -> None:
    return


def _weights(examples: Sequence[Example], units: Sequence[str], mix: tuple[float, float, float]) -> Weights:
    number = {unit: at for at, unit in enumerate(units)}
    role_of = {one.unit: one.role for one in examples}
    roles = tuple(role_of.get(unit, unit) for unit in units)
    names = {role: at for at, role in enumerate(sorted(set(roles)))}
    features = _features(examples)
    return Weights(
        units=tuple(units),
        roles=roles,
        features=features,
        linear=_linear(examples, features, number).tobytes(),
        by_role=_tally(examples, ROLES, lambda one: names[role_of[one.unit]]),
        within_role=_tally(examples, WITHIN, lambda one: number[one.unit]),
        by_place=_places(examples, number),
        mix=mix,
    )


def _features(examples: Iterable[Example]) -> tuple[str, ...]:
    seen = Counter(name for one in examples for name in names_of(one.question))
    words = [(name, times) for name, times in seen.items() if name[0] == "w" and times >= LEAST_WORD]
    words.sort(key=lambda item: (-item[1], item[0]))
    kept = {name for name, _ in words[:MOST_WORDS]}
    return tuple(sorted(name for name in seen if name[0] != "w" or name in kept))


def _linear(examples: Sequence[Example], features: Sequence[str], number: dict[str, int]) -> NDArray[np.float32]:
    """One row of weights a feature, the first row the leaning; units that no example names stay far below the others."""
    rows = np.zeros((len(features) + 1, len(number)), np.float32)
    cases = Counter((one.question, number[one.unit]) for one in examples)
    questions, answers = [question for question, _ in cases], np.array([answer for _, answer in cases])
    rows[0] = ABSENT
    if len(set(answers)) == 1:
        rows[0, answers[0]] = 0.0
        return rows
    fitted = LogisticRegression(C=STRENGTH, max_iter=STEPS, tol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # stopped early on purpose: more steps changed no figure
        fitted.fit(_matrix(questions, features), answers, np.array(list(cases.values()), float))
    slopes, leaning = fitted.coef_, fitted.intercept_
    if len(fitted.classes_) == 2:  # scikit-learn gives the second one's alone
        slopes, leaning = np.stack((-slopes[0] / 2, slopes[0] / 2)), np.array((-leaning[0] / 2, leaning[0] / 2))
    rows[0, fitted.classes_] = leaning
    rows[1:, fitted.classes_] = (slopes * _scales(features)).T
    return rows


def _scales(features: Sequence[str]) -> Floats:
    """What each feature counts while its weight is sought: one for a single fact, less for what is narrower."""
    return np.array([1.0 if name.partition(SEPARATOR)[0] in _SINGLE else HELD_BACK for name in features])


def _matrix(questions: Sequence[Question], features: Sequence[str]) -> csr_matrix:
    column = {name: at for at, name in enumerate(features)}
    found = [[column[name] for name in names_of(question) if name in column] for question in questions]
    starts = np.concatenate(([0], np.cumsum([len(row) for row in found])))
    flat = [at for row in found for at in row]
    return csr_matrix((_scales(features)[flat], flat, starts), shape=(len(questions), len(features)))


def _tally(examples: Iterable[Example], chain: tuple[tuple[str, ...], ...], item: Callable[[Example], int]) -> Counts:
    seen: Tally = {}
    for one in examples:
        for key in keys_of(one.question, chain):
            row = seen.setdefault(key, {})
            row[item(one)] = row.get(item(one), 0.0) + 1.0
    return counts_of(seen)


def _places(examples: Sequence[Example], number: dict[str, int]) -> Counts:
    """Who handled what where; a unit that gave a case of the kind back counts for less there, never for less than nothing."""
    seen: Tally = {}
    for one in examples:
        for key in keys_of(one.question, PLACES):
            row = seen.setdefault(key, {})
            row[number[one.unit]] = row.get(number[one.unit], 0.0) + 1.0
    for one in examples:
        for key in keys_of(one.question, PLACES):
            for unit in one.returned:
                at = number.get(unit)
                if at in seen[key]:
                    seen[key][at] = max(0.0, seen[key][at] - RETURNED)
    return counts_of(seen)


def _mixture(parts: Floats, answers: NDArray[np.intp]) -> tuple[float, float, float]:
    """The weights under which the right units are likeliest (least negative log-likelihood, a slight pull to nothing)."""
    at = np.arange(len(answers))

    def loss(mix: Floats) -> tuple[float, Floats]:
        shares, logs = _shares(parts, mix)
        gradient = np.einsum("nk,npk->p", shares, parts) / len(at) - parts[at, :, answers].mean(axis=0)
        return float(-logs[at, answers].mean() + 1e-3 * mix @ mix), gradient + 2e-3 * mix

    found = minimize(loss, np.full(3, 1 / 3), jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * 3).x
    return float(found[0]), float(found[1]), float(found[2])


def _shares(parts: Floats, mix: Floats) -> tuple[Floats, Floats]:
    mixed = np.einsum("p,npk->nk", mix, parts)
    mixed -= mixed.max(axis=1, keepdims=True)
    logs = mixed - np.log(np.exp(mixed).sum(axis=1, keepdims=True))
    return np.exp(logs), logs


def _judged(parts: Floats, answers: Sequence[int], mix: tuple[float, float, float]) -> list[Judged]:
    shares, _ = _shares(parts, np.array(mix))
    return [Judged(float(row.max()), 0 if row.argmax() == answer else None) for row, answer in zip(shares, answers, strict=True)]
