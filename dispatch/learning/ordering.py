"""What a model may do to a match: order what the rules leave open, add whom past handling shows, and say why. Pure.

Rules that give one clear winner are never overruled: a tie, a rule for any category, a low score or no owner leave a choice. Of
a tie only the equals are ordered. The case may then go without a person when the unit is as likely as the version asks and
nothing else is doubtful. In danger the callers do not ask: the first candidate is then sent at once, which is for rules to say.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

from dispatch.learning.model import Answer, Model
from dispatch.learning.questions import LINEAR, SEPARATOR, Question, grams
from dispatch.masking import mask_text
from dispatch.model import AreaRef, Candidate, Category, LearnedPart, Match, Place, UnitRef

__all__ = ["CHOICE", "Learned", "Units", "question_about"]

CHOICE = frozenset({"tie", "any_category", "low_score", "no_owner"})
MOST = 5  # candidates of a match
LEAST_ADDED = 0.05  # how likely a unit must be to be added to those of the rules
_STEP = 0.001  # between the scores of what was equal
_WORDS = {
    "category": "小类", "major": "大类", "group": "门类", "appeal": "诉求类型", "channel": "渠道", "district": "区县",
    "township": "街道乡镇", "community": "社区村",
}  # fmt: skip


class Units(Protocol):
    """What the directory knows of units."""

    def unit_named(self, name: str, place: Place) -> UnitRef | None:
        """Return the unit that a code names at a place (of one that is gone its successor), None where it does not work there."""


class Learned(msgspec.Struct, frozen=True):
    """A model that is switched on: the name of its version and the least probability that goes without a person."""

    version: str
    model: Model
    threshold: float

    def ordered(self, match: Match, question: Question, place: Place, units: Units) -> Match:
        """Return the match with its open choice ordered; the very same match where the rules leave none."""
        open_ = CHOICE.intersection(match.doubt)
        if not open_:
            return match
        answer = self.model.answer(question)
        candidates = _of_equals(match.candidates, answer) if open_ == {"tie"} else self._of_all(match, answer, place, units)
        if not candidates:
            return match
        first = candidates[0]
        p = round(first.parts["learned"], 4)
        doubt = tuple(one for one in match.doubt if one not in CHOICE) if p >= self.threshold else match.doubt
        return msgspec.structs.replace(
            match,
            decided="manual" if doubt else "auto",
            doubt=doubt,
            candidates=candidates,
            assists=tuple(unit for unit in match.assists if unit.code != first.unit.code),
            learned=LearnedPart(self.version, p, tuple((one.unit.code, one.score) for one in match.candidates), match.doubt),
        )

    def _of_all(self, match: Match, answer: Answer, place: Place, units: Units) -> tuple[Candidate, ...]:
        """Those of the rules and those whom past handling shows, by how likely they are; the rules' first one always stays."""
        p_of = {one.unit.code: answer.p(one.unit.code) for one in match.candidates}
        known = list(match.candidates)
        for guess in answer.best(MOST):
            unit = units.unit_named(guess.unit, place) if guess.p >= LEAST_ADDED else None
            if unit is None:
                continue
            if unit.code not in p_of:
                known.append(self._added(unit))
                p_of[unit.code] = answer.p(unit.code)
            if unit.code != guess.unit:  # what was learned of a unit that is gone is its successor's
                p_of[unit.code] += guess.p
        kept = sorted(known, key=lambda one: -p_of[one.unit.code])[:MOST]
        if match.candidates and match.candidates[0] not in kept:
            kept[-1] = match.candidates[0]
        shares = [p_of[one.unit.code] for one in kept]
        return tuple(
            _told(one, p, round(p, 4), answer, is_first=not rank) for rank, (one, p) in enumerate(zip(kept, shares, strict=True))
        )

    def _added(self, unit: UnitRef) -> Candidate:
        return Candidate(unit=unit, score=0.0, parts={}, rule=f"learned:{self.version}", basis="历史办理")


def _of_equals(given: tuple[Candidate, ...], answer: Answer) -> tuple[Candidate, ...]:
    """The first ones, of equal score, by how likely they are; those behind them as they were, below."""
    equal = [(answer.p(one.unit.code), one) for one in given if one.score == given[0].score]
    equal.sort(key=lambda one: -one[0])
    found = [_told(one, p, round(one.score - _STEP * rank, 4), answer, is_first=not rank) for rank, (p, one) in enumerate(equal)]
    for one in given[len(equal) :]:
        score = min(one.score, round(found[-1].score - _STEP, 4))
        found.append(one if one.score == score else msgspec.structs.replace(one, score=score))
    return tuple(found)


def _told(one: Candidate, p: float, score: float, answer: Answer, *, is_first: bool) -> Candidate:
    """The candidate with its part of the model and, in words, what speaks for it; of the first its strongest features too."""
    total, own = answer.seen(one.unit.code)
    said = [one.reason] if one.reason else []
    said.append(f"历史办理可能性 {p:.0%}")
    if total:
        said.append(f"本地同类 {total} 件中 {own} 件由其办理")
    if is_first and (features := _in_words(answer, one.unit.code)):
        said.append("依据 " + "、".join(features))
    return msgspec.structs.replace(one, score=score, parts={**one.parts, "learned": round(p, 4)}, reason=" · ".join(said))


def question_about(
    category: Category | None, area_path: Iterable[AreaRef], *, appeal: str = "", channel: str = "", text: str = ""
) -> Question:
    """Return what a case asks the model; of the text only its masked form is looked at."""
    areas = {area.level: area.code for area in area_path}
    return Question(
        category=category.code if category else "",
        major=category.major if category else "",
        appeal=appeal,
        channel=channel,
        district=areas.get("district", ""),
        township=areas.get("township", ""),
        community=areas.get("community", ""),
        words=grams(mask_text(text)) if text else (),
    )


def _in_words(answer: Answer, unit: str) -> list[str]:
    found = []
    for evidence in answer.explain(unit):
        kind, _, value = evidence.feature.partition(SEPARATOR)
        found.append(f"文字“{value}”" if kind == "w" else "×".join(_WORDS[fact] for fact in LINEAR[int(kind)]))
    return found
