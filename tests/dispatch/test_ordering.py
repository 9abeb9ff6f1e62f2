"""What a model may do to a match: order an open choice, add whom past handling shows, never overrule one clear winner."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.learning.model import Model, counts_of
from dispatch.learning.ordering import CHOICE, MOST, Learned, question_about
from dispatch.learning.questions import Question
from dispatch.learning.weights import Weights
from dispatch.model import AreaRef, Candidate, Category, Match, Place, UnitRef

UNITS = ("u0", "u1", "u2", "u3", "u4", "u5", "u6")
ASKED = Question(category="0201", township="t1")
NONE = counts_of({})


class AllUnits:
    """Every unit is there; `away` are those that do not work in the place, `heirs` the successors of those that are gone."""

    def __init__(self, away: tuple[str, ...] = (), heirs: dict[str, str] | None = None) -> None:
        self.away, self.heirs = away, heirs or {}

    def unit_named(self, name: str, place: Place) -> UnitRef | None:
        code = self.heirs.get(name, name)
        return None if code in self.away else UnitRef(code, code.upper())


def learned(*leanings: float, threshold: float = 0.9) -> Learned:
    """A model that leans to each unit by so much, whatever is asked; it has a feature that speaks for the second unit."""
    rows = np.zeros((2, len(UNITS)), np.float32)
    rows[0, : len(leanings)] = leanings
    rows[1, 1] = 1.0
    seen = counts_of({"4\x1fc1": {1: 3.0, 2: 1.0}})
    weights = Weights(
        units=UNITS, roles=UNITS, features=("0\x1f0201",), linear=rows.tobytes(), by_role=NONE, within_role=NONE, by_place=seen,
        mix=(1.0, 0.0, 0.0),
    )  # fmt: skip
    return Learned("M1", Model(weights), threshold)


def match(*given: tuple[str, float], doubt: tuple[str, ...]) -> Match:
    candidates = tuple(Candidate(unit=UnitRef(unit, unit), score=score, reason="规则") for unit, score in given)
    return Match(decided="manual" if doubt else "auto", doubt=doubt, candidates=candidates, assists=(UnitRef("u2", "u2"),))


def codes(found: Match) -> list[str]:
    return [one.unit.code for one in found.candidates]


@pytest.mark.parametrize("doubt", [(), ("boundary",), ("sensitive", "area_only"), ("joint_template",)])
def test_winner_when_clear_then_the_very_same_match(doubt: tuple[str, ...]) -> None:
    given_ = match(("u0", 0.95), ("u1", 0.5), doubt=doubt)
    assert learned(0, 9).ordered(given_, ASKED, Place(), AllUnits()) is given_


def test_tie_when_ordered_then_the_equals_only_and_nobody_is_added() -> None:
    found = learned(0, 1, 3, 4).ordered(match(("u0", 0.9), ("u1", 0.9), ("u2", 0.7), doubt=("tie",)), ASKED, Place(), AllUnits())
    assert codes(found) == ["u1", "u0", "u2"], "u2 is likelier, but its rule is weaker"
    assert [one.score for one in found.candidates] == [0.9, 0.899, 0.7]
    assert found.decided == "manual" and found.doubt == ("tie",), "a likelier unit stands outside the tie"


def test_tie_when_one_is_as_likely_as_the_version_asks_then_without_a_person() -> None:
    found = learned(0, 9).ordered(match(("u0", 0.9), ("u1", 0.9), doubt=("tie",)), ASKED, Place(), AllUnits())
    assert (found.decided, found.doubt, codes(found)[0]) == ("auto", (), "u1")
    assert found.learned is not None and found.learned.version == "M1" and found.learned.p > 0.9
    assert found.learned.by_rules == (("u0", 0.9), ("u1", 0.9)) and found.learned.doubt == ("tie",)


@pytest.mark.parametrize("other", ["boundary", "sensitive", "area_only", "no_category", "category_disabled"])
def test_choice_when_anything_else_is_doubtful_then_a_person_decides(other: str) -> None:
    found = learned(0, 9).ordered(match(("u0", 0.5), doubt=("low_score", other)), ASKED, Place(), AllUnits())
    assert (found.decided, found.doubt) == ("manual", (other,))


def test_low_score_when_past_handling_shows_another_then_added_and_explained() -> None:
    question = Question(category="0201", community="c1")
    found = learned(0, 3).ordered(match(("u0", 0.5), doubt=("low_score",)), question, Place(), AllUnits())
    first = found.candidates[0]
    assert (first.unit, first.rule, first.basis) == (UnitRef("u1", "U1"), "learned:M1", "历史办理")
    assert first.parts == {"learned": first.score} and first.score == pytest.approx(found.learned.p if found.learned else 0)
    assert first.reason.startswith("历史办理可能性 ") and "本地同类 4 件中 3 件由其办理" in first.reason
    assert first.reason.endswith("依据 小类")
    assert found.candidates[-1].unit.code == "u0" and "规则" in found.candidates[-1].reason


def test_low_score_when_the_likely_unit_does_not_work_there_then_not_added() -> None:
    found = learned(0, 9).ordered(match(("u0", 0.5), doubt=("low_score",)), ASKED, Place(), AllUnits(away=("u1",)))
    assert "u1" not in codes(found) and found.doubt == ("low_score",)


def test_low_score_when_the_likely_unit_is_gone_then_its_successor_inherits() -> None:
    gone = AllUnits(heirs={"u1": "new", "u2": "u0"})
    found = learned(0, 9).ordered(match(("u0", 0.5), doubt=("low_score",)), ASKED, Place(), gone)
    assert codes(found) == ["new", "u0"] and found.candidates[0].parts["learned"] > 0.9
    both = learned(0, 0, 1).ordered(match(("u0", 0.5), doubt=("low_score",)), ASKED, Place(), gone)
    alone = learned(0, 0, 1).ordered(match(("u0", 0.5), doubt=("low_score",)), ASKED, Place(), AllUnits(away=("u2",)))
    p = {one.unit.code: one.parts["learned"] for one in both.candidates}["u0"]
    assert p > {one.unit.code: one.parts["learned"] for one in alone.candidates}["u0"] + 0.1, "its own and that of u2"


def test_no_owner_when_ordered_then_somebody_is_proposed() -> None:
    found = learned(0, 9).ordered(match(doubt=("no_owner",)), ASKED, Place(), AllUnits())
    assert codes(found) == ["u1"] and found.decided == "auto"


def test_lead_when_it_was_to_assist_then_it_does_not_assist_itself() -> None:
    found = learned(0, 0, 9).ordered(match(("u0", 0.5), doubt=("low_score",)), ASKED, Place(), AllUnits())
    assert codes(found)[0] == "u2" and found.assists == ()


@given(
    st.lists(st.floats(-9, 9), min_size=7, max_size=7),
    st.lists(st.sampled_from([*UNITS, "unknown"]), min_size=1, max_size=5, unique=True),
    st.sets(st.sampled_from([*sorted(CHOICE), "boundary", "sensitive"]), min_size=1),
)
def test_any_choice_when_ordered_then_scores_fall_and_the_rules_first_stays(
    leanings: list[float], units: list[str], doubt: set[str]
) -> None:
    scores = [0.9, 0.9, 0.8, 0.7, 0.6] if "tie" in doubt else [0.7, 0.6, 0.5, 0.4, 0.2]
    given_ = match(*zip(units, scores, strict=False), doubt=tuple(sorted(doubt)))
    found = learned(*leanings).ordered(given_, ASKED, Place(), AllUnits())
    shown = [one.score for one in found.candidates]
    assert shown == sorted(shown, reverse=True) and len(set(codes(found))) == len(shown) <= MOST
    assert units[0] in codes(found), "what the rules say first is always shown"
    assert (found.decided == "auto") == (not found.doubt)
    assert set(found.doubt) >= doubt - CHOICE, "no doubt of the place or the kind is ever taken away"


def test_question_when_made_then_areas_by_level_and_words_without_what_is_personal() -> None:
    path = (AreaRef("52", "市", "city"), AreaRef("521", "区", "district"), AreaRef("52101", "街", "township"))
    category = Category(code="0201", name="井盖", major="02")
    question = question_about(category, path, appeal="complaint", channel="phone", text="井盖坏了,电话13812345678")
    assert (question.category, question.major, question.district, question.township) == ("0201", "02", "521", "52101")
    assert question.community == "" and "井盖" in question.words
    assert not any(character.isdigit() for word in question.words for character in word)
    assert question_about(None, ()) == Question()
