"""The closed cases of a city as examples: what each asked, who handled it in the end, and what the rules had said. Read only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from dispatch.actors import SYSTEM
from dispatch.learning.measuring import Judged
from dispatch.learning.ordering import question_about
from dispatch.model import Candidate, Category, Match, UnitRef
from dispatch.past import handled_by
from dispatch.rules import place_of
from dispatch.snapshots import load_catalogue
from dispatch.store import CASES, CaseQuery, cursor_of, list_filter
from orgs import store
from orgs.units import Unit
from storage.client import Database
from web.training.fitting import Example

__all__ = ["MOST", "Sample", "by_rules", "read"]

MOST = 30_000  # the newest closed cases: older ones speak of another city, and learning takes its time and memory
PAGE = 200
_ORDER = "live.reported_at"
_PARTS = {
    "case_no": 1, "live": 1, "place": 1, "category": 1, "appeal_type": 1, "channel": 1, "description": 1, "lead": 1, "outcome": 1,
    "match": 1, "requests": 1, "facts": 1,
}  # fmt: skip


class Sample(msgspec.Struct, frozen=True):
    """A closed case: when it was reported, the example that it is, and the match as the rules alone made it."""

    at: datetime
    example: Example
    match: Match


async def read(database: Database) -> list[Sample]:
    """Return the closed cases whose handling was accepted, in order of time. Sensitive ones are left out: their words would stand
    in the weights. So is what a grid worker settled alone, which went to nobody."""
    categories = {category.code: category for category in (await load_catalogue(database)).all()}
    roles = {unit.code: f"{unit.type}@{unit.level}" for unit in await store.read_all(database, store.UNITS, Unit)}
    found = [sample async for case in _closed(database) if (sample := _sample(case, categories, roles)) is not None]
    found.sort(key=lambda sample: sample.at)
    return found


def by_rules(sample: Sample) -> Judged:
    """Return how the rules alone did on a case."""
    codes = [one.unit.code for one in sample.match.candidates]
    place = codes.index(sample.example.unit) if sample.example.unit in codes else None
    said = sample.match.candidates[0].score if sample.match.candidates else 0.0
    return Judged(said, place, alone=not sample.match.doubt)


async def _closed(database: Database) -> AsyncIterator[dict[str, Any]]:
    cursor, left = None, MOST
    while left > 0:
        listing = list_filter(CaseQuery(sort="reported_at", open=False, limit=PAGE, cursor=cursor), SYSTEM)
        found = await database.find(
            CASES, listing.filter, projection=_PARTS, sort=listing.sort, limit=listing.limit, hint=listing.index
        )
        for case in found:
            yield case
        left -= len(found)
        if len(found) < listing.limit:
            return
        cursor = cursor_of(found[-1], _ORDER)


def _sample(case: dict[str, Any], categories: Mapping[str, Category], roles: Mapping[str, str]) -> Sample | None:
    unit = handled_by(case)
    if unit is None or case["live"]["sensitive"] or case["facts"].get("self_handled"):
        return None
    category = categories.get(case["category"]["code"]) if case["category"] else None
    question = question_about(
        category, place_of(case).area_path, appeal=case["appeal_type"], channel=case["channel"], text=case["description"]
    )
    example = Example(question=question, unit=unit, role=roles.get(unit, unit), returned=tuple(_returned(case["requests"], unit)))
    return Sample(case["live"]["reported_at"], example, _match(case["match"]))


def _returned(requests: Iterable[Mapping[str, Any]], unit: str) -> Iterable[str]:
    """The units that gave the case back with the approval of whoever decides."""
    given = (one["unit"] for one in requests if one["kind"] == "return" and one["state"] == "approved")
    return dict.fromkeys(code for code in given if code and code != unit)


def _match(kept: Mapping[str, Any]) -> Match:
    """The match as the rules alone made it, whether or not a model has ordered it since."""
    learned = kept.get("learned")
    pairs = learned["by_rules"] if learned else [(one["unit"]["code"], one["score"]) for one in kept["candidates"]]
    names = {one["unit"]["code"]: one["unit"]["name"] for one in kept["candidates"]}
    return Match(
        doubt=tuple(learned["doubt"] if learned else kept["doubt"]),
        candidates=tuple(Candidate(unit=UnitRef(code, names.get(code, code)), score=score) for code, score in pairs),
    )
