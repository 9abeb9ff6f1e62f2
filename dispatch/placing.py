"""Places and matches as a case keeps them: what was known when, with the version of the snapshot that answered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from dispatch.learning.ordering import question_about
from dispatch.learning.questions import Question
from dispatch.model import AreaRef, Candidate, Category, Match, Place
from dispatch.rules import place_of, placed
from dispatch.step import Step
from storage.shared import Shared

__all__ = ["category_document", "helpers_document", "line_of", "match_document", "place_document", "rematch"]

KEPT_CANDIDATES = 5
MOST_KNOWN = 8_192  # forms of candidates, about half a kilobyte each


def place_document(place: Place) -> dict[str, Any]:
    """Return the stored form of a place; `management` is there only in a management area."""
    document = _plain_place(place)
    if place.management is not None:
        document["management"] = msgspec.structs.asdict(place.management)
    return document


def _plain_place(place: Place) -> dict[str, Any]:
    point, raw, special, node = place.point, place.raw, place.special, _NODES.of
    return {
        "lon": point.lon if point else None,
        "lat": point.lat if point else None,
        "raw": [raw.lon, raw.lat, place.raw_crs] if raw else None,
        "accuracy_m": place.accuracy_m,
        "source": place.source,
        "address": place.address,
        "path": [node(area) for area in place.area_path],
        "special": {"code": special.code, "name": special.name, "level": special.level} if special else None,
        "boundary_doubt": place.boundary_doubt,
        "doubt": list(place.doubt),
        "asset": place.asset,
        "asset_owner": place.asset_owner,
        "version": place.version,
    }


class _Forms:
    """Stored forms of values of which many cases have the very same object: made once, never changed."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self._make = make
        self._known: dict[int, tuple[Any, Any]] = {}  # the value is held, so that its id stays its own

    def of(self, value: Any) -> Any:
        """Return the stored form of a value."""
        found = self._known.get(id(value))
        if found is not None:
            return found[1]
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        made = self._make(value)
        self._known[id(value)] = value, made
        return made


def _made_node(area: AreaRef) -> Shared:
    node = {"code": area.code, "name": area.name, "level": area.level}
    if area.name_en:
        node["name_en"] = area.name_en
    return Shared(node)


def _made_candidate(item: Candidate) -> Shared:
    return Shared(
        {
            "unit": _UNITS.of(item.unit),
            "score": item.score,
            "parts": item.parts,
            "rule": item.rule,
            "basis": item.basis,
            "reason": item.reason,
        }
    )


_NODES = _Forms(_made_node)
_UNITS = _Forms(lambda unit: Shared({"code": unit.code, "name": unit.name}))
_CANDIDATES = _Forms(_made_candidate)
_CATEGORIES = _Forms(lambda category: Shared({"code": category.code, "name": category.name, "name_en": category.name_en}))


def category_document(category: Category) -> dict[str, Any]:
    """Return the stored form of a category: code and names as they are now."""
    found: dict[str, Any] = _CATEGORIES.of(category)
    return found


def match_document(match: Match, at: datetime) -> dict[str, Any]:
    """Return the stored form of a match: the first candidates with rule, basis and parts of the score."""
    form = _CANDIDATES.of if match.learned is None else _made_candidate  # what a model has ordered is of this case alone
    found = {
        "decided": match.decided,
        "doubt": list(match.doubt),
        "candidates": [form(item) for item in match.candidates[:KEPT_CANDIDATES]],
        "assists": [_UNITS.of(unit) for unit in match.assists],
        "version": match.version,
        "at": at,
    }
    if match.learned is not None:
        found["learned"] = msgspec.structs.asdict(match.learned)
    return found


def line_of(case: dict[str, Any]) -> str:
    """Return the short line by which lists and the stream name a case: what and where."""
    category, place = case["category"], case["place"]
    where = place["path"][-1]["name"] if place["path"] else place["address"] or ""
    return f"{category['name'] if category else case['title']} · {where}"[:60]


def helpers_document(match: Match) -> list[dict[str, Any]]:
    """Return the organizations near as the case keeps them; `task_state` None: proposed, not asked yet."""
    return [
        {
            "code": item.code,
            "name": item.name,
            "distance_m": item.distance_m,
            "score": item.score,
            "reason": item.reason,
            "task_state": None,
        }
        for item in match.organizations
    ]


def _question(step: Step) -> Question:
    case = step.case
    category, path = step.rules.category_of(case), place_of(case).area_path
    return question_about(category, path, appeal=case["appeal_type"], channel=case["channel"], text=case["description"])


def rematch(step: Step) -> None:
    """Ask the directory again for the case as it is now. Organizations that were asked already stay."""
    code = step.case["category"]["code"] if step.case["category"] else None
    place, learned = placed(step.case, step.rules.locator), step.rules.learned
    match = step.rules.directory.match(place, code, step.now)
    if learned is not None and match.doubt and step.live["urgency"] != "emergency":
        match = learned.ordered(match, _question(step), place, step.rules.directory)
    step.set("match", match_document(match, step.now))
    asked = [item for item in step.case["organizations"] if item["task_state"] is not None]
    known = {item["code"] for item in asked}
    step.set("organizations", asked + [item for item in helpers_document(match) if item["code"] not in known])
