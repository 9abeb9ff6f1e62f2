"""Learning from examples: what is there is found, what is not is not, and nothing of what is tested enters what answers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from bench import matching
from cities.pingshan.convert import EVENTS
from dispatch.learning.measuring import measure
from dispatch.learning.model import FLOOR, Model
from dispatch.learning.questions import SEPARATOR, Question, names_of
from dispatch.learning.weights import pack, unpack
from storage.errors import HeyunError
from web.training.fitting import EVEN, STRENGTH, Example, _features, _matrix, _weights, fit, judge

KINDS = {"0101": "water", "0102": "roads", "0103": "roads", "0201": "green"}
STREETS = ("t1", "t2", "t3")


def examples(number: int, *, seed: int, noise: float = 0.1) -> list[Example]:
    """Cases of a small city: each street has an office of each kind, now and then another one had to come."""
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(number):
        category, street = str(draw.choice(sorted(KINDS))), str(draw.choice(STREETS))
        role = KINDS[category] if draw.random() > noise else str(draw.choice(["water", "roads", "green"]))
        question = Question(category=category, major=category[:2], township=street, appeal="complaint", words=("积水",))
        found.append(Example(question=question, unit=f"{street}-{role}", role=role))
    return found


def shuffled(given: list[Example], seed: int) -> list[Example]:
    """The same questions with the units of others."""
    order = np.random.default_rng(seed).permutation(len(given))
    return [
        Example(question=one.question, unit=given[at].unit, role=given[at].role) for one, at in zip(given, order, strict=True)
    ]


def test_model_when_a_rule_is_there_then_found_and_calibrated() -> None:
    fitted = fit(examples(400, seed=1))
    figures = measure(judge(fitted, examples(400, seed=2)))
    assert figures.top1 > 0.88, "one in ten is another office, a third of those by chance the right one"
    assert figures.calibration_error < 0.06


def test_model_when_a_kind_was_never_seen_in_a_street_then_the_other_streets_teach_it() -> None:
    learned = [
        one for one in examples(400, seed=1, noise=0.0) if (one.question.category, one.question.township) != ("0101", "t3")
    ]
    learned.append(Example(question=Question(category="0301", township="t3"), unit="t3-water", role="water"))
    model = Model(fit(learned).weights)
    assert model.answer(Question(category="0101", major="01", township="t3", appeal="complaint")).best()[0].unit == "t3-water"


def test_model_when_labels_are_shuffled_then_no_better_than_chance() -> None:
    found = []
    for seed in range(5):  # there are twelve different questions only: one shuffle alone may be lucky
        fitted = fit(shuffled(examples(400, seed=1, noise=0.0), seed=seed))
        found.append(measure(judge(fitted, examples(300, seed=2, noise=0.0))))
    assert np.mean([figures.top1 for figures in found]) < 0.25, "the likeliest of nine units has one case in six"
    assert not any(figures.auto_coverage for figures in found), "nothing goes without a person on chance"


def test_answers_when_the_tested_rows_had_other_units_then_the_same() -> None:
    fitted, asked = fit(examples(200, seed=1)), examples(100, seed=2)
    said = [[(one.p, one.alone) for one in judge(fitted, cases)] for cases in (asked, shuffled(asked, seed=5))]
    assert said[0] == said[1]


def test_fit_when_done_twice_then_the_same_bytes() -> None:
    assert pack(fit(examples(100, seed=1)).weights) == pack(fit(examples(100, seed=1)).weights)


def test_fit_when_nothing_is_there_then_says_so() -> None:
    with pytest.raises(ValueError, match="nothing to learn"):
        fit([])


@pytest.mark.parametrize("units", [1, 2])
def test_fit_when_few_units_then_probabilities_all_the_same(units: int) -> None:
    learned = [
        Example(question=Question(category=f"0{number % units}"), unit=f"u{number % units}", role="r") for number in range(20)
    ]
    model = Model(fit(learned).weights)
    for unit in range(units):
        assert model.answer(Question(category=f"0{unit}")).best()[0].unit == f"u{unit}"
    assert model.probabilities(Question()).sum() == pytest.approx(1.0)


def test_linear_part_when_asked_then_what_scikit_learn_says() -> None:
    learned, asked = examples(200, seed=1), examples(50, seed=2)
    units = sorted({one.unit for one in learned})
    model = Model(_weights(learned, units, EVEN))
    features = _features(learned)
    fitted = LogisticRegression(C=STRENGTH, max_iter=80, tol=1e-3)
    fitted.fit(_matrix([one.question for one in learned], features), [one.unit for one in learned])
    said = fitted.predict_proba(_matrix([one.question for one in asked], features))
    ours = np.stack([model.probabilities(one.question) for one in asked])
    assert np.abs(said - ours).max() < 0.02, "the same up to where each stopped"
    assert (said.argmax(axis=1) == ours.argmax(axis=1)).all()


def test_fact_when_a_pair_says_the_same_then_the_fact_weighs_more() -> None:
    learned = [
        Example(question=Question(category=f"0{at % 3}", township=f"t{at % 3}"), unit=f"u{at % 3}", role="r") for at in range(60)
    ]
    evidence = Model(_weights(learned, ["u0", "u1", "u2"], EVEN)).explain(learned[0].question, "u0")
    (single, pair), weights = evidence[0::2], [one.weight for one in evidence]
    assert len(names_of(learned[0].question)) == len(evidence) == 3
    assert single.feature.count(SEPARATOR) == 1 and pair.feature.count(SEPARATOR) == 2
    assert weights[0] == pytest.approx(4 * weights[2], rel=0.05), "the pair counts half, and pays for its weight as much"


def test_part_when_it_never_saw_a_unit_then_does_not_rule_it_out() -> None:
    model = Model(fit(examples(300, seed=1, noise=0.0)).weights)
    parts = model.parts(Question(category="0101", major="01", township="t1", appeal="complaint"))
    assert parts.min() == pytest.approx(np.log(FLOOR)), "some unit of another street"
    assert (parts >= np.log(FLOOR) - 1e-9).all()


def test_weights_when_packed_and_read_then_the_same_answers() -> None:
    weights = fit(examples(100, seed=1)).weights
    again = Model(unpack(pack(weights)))
    for one in examples(20, seed=2):
        assert (again.probabilities(one.question) == Model(weights).probabilities(one.question)).all()


def test_weights_when_of_another_form_then_refused() -> None:
    weights = msgspec.structs.replace(fit(examples(20, seed=1)).weights, form=99)
    with pytest.raises(ValueError, match="form 99"):
        unpack(pack(weights))


def test_reason_when_asked_then_what_speaks_for_the_unit_and_how_often_it_was_so() -> None:
    model = Model(fit(examples(400, seed=1, noise=0.0)).weights)
    question = Question(category="0101", major="01", township="t1", appeal="complaint")
    answer = model.answer(question)
    best = answer.best()[0].unit
    evidence = answer.explain(best)
    assert "0101" in evidence[0].feature
    assert evidence[0].weight >= evidence[-1].weight > 0
    total, own = answer.seen(best)
    assert 0 < own <= total
    assert answer.explain("nobody") == () and answer.p("nobody") == 0.0


def test_returned_unit_when_learned_then_less_likely() -> None:
    cases = examples(300, seed=1)
    returned = [
        msgspec.structs.replace(one, returned=("t1-green",)) if one.question.category == "0102" else one
        for one in cases
        if one.question.township == "t1"
    ]
    kept = [msgspec.structs.replace(one, returned=()) for one in returned]
    question = Question(category="0102", major="01", township="t1", appeal="complaint")
    place = 2  # the part by places
    column = sorted({one.unit for one in kept}).index("t1-green")
    units = sorted({one.unit for one in kept})
    taught, untaught = (Model(_weights(cases, units, EVEN)) for cases in (returned, kept))
    assert taught.parts(question)[place][column] < untaught.parts(question)[place][column]


def test_service_when_loaded_then_scikit_learn_is_not() -> None:
    asked = "import sys, web.app, dispatch.learning.model; print(sorted({'sklearn', 'scipy', 'web.training'} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.shared_data
@pytest.mark.slow
def test_pingshan_when_learned_by_time_then_the_goals_are_kept() -> None:
    if not (matching.DATA / EVENTS).is_file():
        pytest.skip("the recorded events are missing")
    rows = matching.examples_of(matching.DATA / EVENTS)
    first = round(0.7 * len(rows))
    figures = msgspec.to_builtins(measure(judge(fit(rows[:first]), rows[first:])))
    assert figures["top1"] >= 0.66
    assert figures["top3"] >= 0.82
    assert figures["auto_precision"] >= 0.95
    assert figures["auto_coverage"] >= 0.33


def test_bench_when_columns_are_unknown_then_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    with pytest.raises(HeyunError, match="x, y"):
        matching.read(tmp_path / "a.csv")
