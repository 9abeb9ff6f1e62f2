"""Places and matches as a case keeps them: what was known when, with the version of the snapshot that answered."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dispatch.model import AreaRef, Candidate, Match, Place
from dispatch.rules import place_of
from dispatch.step import Step

__all__ = ["helpers_document", "line_of", "match_document", "place_document", "rematch"]

KEPT_CANDIDATES = 5
MOST_KNOWN = 8_192  # forms of candidates, about half a kilobyte each


def place_document(place: Place) -> dict[str, Any]:
    """Return the stored form of a place."""
    point, raw, special = place.point, place.raw, place.special
    return {
        "lon": point.lon if point else None,
        "lat": point.lat if point else None,
        "raw": [raw.lon, raw.lat, place.raw_crs] if raw else None,
        "accuracy_m": place.accuracy_m,
        "source": place.source,
        "address": place.address,
        "path": [_node(area) for area in place.area_path],
        "special": {"code": special.code, "name": special.name, "level": special.level} if special else None,
        "boundary_doubt": place.boundary_doubt,
        "doubt": list(place.doubt),
        "asset": place.asset,
        "asset_owner": place.asset_owner,
        "version": place.version,
    }


def _node(area: AreaRef) -> dict[str, Any]:
    node = {"code": area.code, "name": area.name, "level": area.level}
    if area.name_en:
        node["name_en"] = area.name_en
    return node


_known: dict[int, tuple[Candidate, dict[str, Any]]] = {}


def _candidate(item: Candidate) -> dict[str, Any]:
    """Return the stored form of a candidate. Many matches share the very same object: its form is made once, never changed."""
    found = _known.get(id(item))
    if found is not None and found[0] is item:
        return found[1]
    made = {
        "unit": {"code": item.unit.code, "name": item.unit.name},
        "score": item.score,
        "parts": item.parts,
        "rule": item.rule,
        "basis": item.basis,
        "reason": item.reason,
    }
    if len(_known) >= MOST_KNOWN:
        _known.clear()
    _known[id(item)] = item, made
    return made


def match_document(match: Match, at: datetime) -> dict[str, Any]:
    """Return the stored form of a match: the first candidates with rule, basis and parts of the score."""
    return {
        "decided": match.decided,
        "doubt": list(match.doubt),
        "candidates": [_candidate(item) for item in match.candidates[:KEPT_CANDIDATES]],
        "assists": [{"code": unit.code, "name": unit.name} for unit in match.assists],
        "version": match.version,
        "at": at,
    }


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


def rematch(step: Step) -> None:
    """Ask the directory again for the case as it is now. Organizations that were asked already stay."""
    code = step.case["category"]["code"] if step.case["category"] else None
    match = step.rules.directory.match(place_of(step.case), code, step.now)
    step.set("match", match_document(match, step.now))
    asked = [item for item in step.case["organizations"] if item["task_state"] is not None]
    known = {item["code"] for item in asked}
    step.set("organizations", asked + [item for item in helpers_document(match) if item["code"] not in known])
