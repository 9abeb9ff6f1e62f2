"""The rulebook as a whole: how far it reaches, hour by hour and against plain matches; what a set of changes makes wrong."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from dispatch.model import AreaRef
from dispatch.store import INDEXES
from orgs.directory import DirectorySnapshot
from orgs.edits import Edit
from orgs.rule_audit import Coverage, RuleAudit, findings_of_set
from storage.client import Database
from storage.errors import Invalid
from storage.indexes import ensure
from tests.orgs.parties import CATEGORIES, CITY, NOON, PARENTS, directory, place, rule

AREAS = PARENTS | {CITY: ""}


class Tree:
    """The areas of the small city."""

    def path(self, code: str) -> tuple[AreaRef, ...]:
        return place(code).area_path if code in AREAS else ()

    def children(self, code: str) -> tuple[AreaRef, ...]:
        return tuple(place(child).area_path[-1] for child, above in sorted(AREAS.items()) if above == code)


class Now:
    """The directory that a test has made."""

    def __init__(self, snapshot: DirectorySnapshot) -> None:
        self.snapshot = snapshot


async def covered(database: Database, *rules: Any, **asked: Any) -> Coverage:
    await ensure(database, INDEXES)
    snapshot = directory(*rules, parents=AREAS)
    audit = RuleAudit(database, Now(snapshot), Tree(), frozenset, lambda: NOON)
    return await audit.coverage(**{"parent": CITY, "days": 30} | asked)


async def test_coverage_when_asked_tells_nothing_anything_one_and_many(database: Database) -> None:
    rules = (
        rule("520103", "0101", "520103-sanit"),
        rule("520102", "0101", "520102-sanit"), rule("520102", "0101", "520102-urban", number=1),
        rule("520103", "*", "520103-urban"), rule("520103001", "0105", "T520103001"),
    )  # fmt: skip
    found = await covered(database, *rules)
    answers = {(one.area, one.category): one.answer for one in found.items}
    assert answers["520103", "0101"] == "one" and answers["520102", "0101"] == "many"
    assert answers["520103", "0105"] == "any" and answers["520102", "0105"] == "none"
    assert ("520103", "9901") not in answers, "a category that is not in use needs no rule"
    assert {(one.area, one.category) for one in found.items if one.finer} == {("520103", "0105")}
    assert sum(found.cells.values()) == len(found.items) == 2 * (len(CATEGORIES) - 1)
    below = await covered(database, *rules, parent="520103", answers=("one",))
    assert {(one.area, one.category) for one in below.items} == {
        ("520103001", "0101"), ("520103001", "0105"), ("520103002", "0101"),
    }  # fmt: skip
    with pytest.raises(Invalid):
        await covered(database, parent="520103001001001")


async def test_coverage_when_a_rule_holds_by_day_only_then_the_night_counts(database: Database) -> None:
    day = rule("520103", "0101", "520103-sanit", hours="08:00-18:00")
    (cell,) = [one for one in (await covered(database, day)).items if (one.area, one.category) == ("520103", "0101")]
    assert (cell.answer, cell.rule, cell.unit) == ("none", "default", "520103-sanit")
    night = rule("520103", "0101", "520103-police", number=1, hours="18:00-08:00")
    (cell,) = [one for one in (await covered(database, day, night)).items if (one.area, one.category) == ("520103", "0101")]
    assert cell.answer == "one"


async def test_coverage_when_compared_with_matches_is_what_they_say(database: Database) -> None:
    rules = (rule("520103", "01", "520103-sanit"), rule("520102", "0201", "C-util"), rule("", "0701", "police@district"))
    found, snapshot = await covered(database, *rules), directory(*rules, parents=AREAS)
    for cell in found.items:
        best = snapshot.match(place(cell.area), cell.category, NOON).candidates[0]
        assert (cell.unit, cell.rule) == (best.unit.code, best.rule)
        assert (cell.answer == "one") is best.rule.startswith("R-")


async def test_coverage_when_cases_were_reported_is_weighted_by_them(database: Database) -> None:
    def case(number: int, category: str | None, area: str, days: int) -> dict[str, Any]:
        live = {"category": category, "areas": [CITY, area], "reported_at": NOON - timedelta(days=days), "open": number % 2 == 0}
        return {"_id": str(number), "keys": ["a:*", f"a:{CITY}", f"a:{area}"], "live": live}

    recent = [
        case(0, "0101", "520103", 1),
        case(1, "0101", "520103", 29),
        case(2, "0105", "520102", 3),
        case(5, None, "520102", 3),
    ]
    await ensure(database, INDEXES)
    await database.insert_many("cases", [*recent, case(3, "0101", "520103", 31), case(4, "0101", "elsewhere", 1)])
    found = await covered(database, rule("520103", "0101", "520103-sanit"))
    assert {(one.area, one.category): one.cases for one in found.items if one.cases} == {
        ("520103", "0101"): 2, ("520102", "0105"): 1,
    }  # fmt: skip
    assert found.cases == {"none": 1, "many": 0, "any": 0, "one": 2}
    assert [(one.answer, one.cases) for one in found.items][:1] == [("none", 1)], "what hurts most comes first"


def test_findings_of_a_set_when_made_are_what_it_makes_wrong_and_puts_right() -> None:
    present, rival = rule("520103", "0101", "520103-sanit"), rule("520103", "0101", "520103-urban", number=1)
    elsewhere = rule("520102", "0105", "gone")
    snapshot = directory(present, elsewhere, parents=AREAS)
    wrong, mended = findings_of_set(
        snapshot, [Edit(rival.id, None, rival)], [present, elsewhere, rival], frozenset(), NOON.timestamp()
    )
    assert [(one.kind, one.rule) for one in wrong] == [("contradictory", present.id), ("contradictory", rival.id)] and not mended
    tied = directory(present, rival, elsewhere, parents=AREAS)
    wrong, mended = findings_of_set(tied, [Edit(rival.id, rival, None)], [present, elsewhere], frozenset(), NOON.timestamp())
    assert not wrong and [one.kind for one in mended] == ["contradictory", "contradictory"]
