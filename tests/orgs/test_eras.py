"""Units that come and go: who answers at which moment, who takes over, and that memory never tells another time's answer."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.model import AssetRef
from orgs.directory import DirectorySnapshot
from orgs.people import Person, actor_of
from orgs.service import Parties
from orgs.store import INDEXES, UNITS, document_of
from orgs.units import Unit, UnitTree
from storage.client import Database
from storage.indexes import ensure
from tests.orgs.parties import CATEGORIES, GRID, NOON, directory, place, rule, units

NOW = NOON.timestamp()
DAY = timedelta(days=1)
TOMORROW = (NOON + DAY).timestamp()
RULE = rule("520103", "0101", "520103-sanit")


def changed(**units_fields: dict[str, Any]) -> list[Unit]:
    """The small city's units with some fields changed; the keys are codes with `_` for `-`."""
    fields = {code.replace("_", "-").lstrip("u"): values for code, values in units_fields.items()}
    return [msgspec.structs.replace(unit, **fields.get(unit.code, {})) for unit in units()]


def lead(snapshot: DirectorySnapshot, day: int, **where: Any) -> str:
    match = snapshot.match(place(**where), "0101", NOON + day * DAY)
    assert match.lead is not None
    return match.lead.code


def test_match_when_a_unit_ends_with_a_successor_then_the_successor_answers_from_that_moment() -> None:
    gone = changed(u520103_sanit={"until": TOMORROW, "successor": "520103-urban"})
    snapshot = directory(RULE, units=gone, now=NOW)
    assert [lead(snapshot, day) for day in (0, 1, 2, 0)] == ["520103-sanit", "520103-urban", "520103-urban", "520103-sanit"]
    last = NOON + DAY - timedelta(milliseconds=1)
    found = snapshot.match(place(), "0101", last).candidates[0]
    assert (found.unit.code, found.rule) == ("520103-sanit", RULE.id)
    after = snapshot.match(place(), "0101", NOON + DAY).candidates[0]
    assert (after.unit.code, after.rule) == ("520103-urban", RULE.id), "by the same rule"


def test_match_when_a_unit_ends_without_a_successor_then_the_next_in_rank_answers() -> None:
    snapshot = directory(RULE, units=changed(u520103_sanit={"until": TOMORROW}), now=NOW)
    assert lead(snapshot, 0) == "520103-sanit" and lead(snapshot, 1) == "T520103001"
    assert lead(directory(RULE, units=changed(u520103_sanit={"since": TOMORROW}), now=NOW), 0) == "T520103001", "not founded yet"


def test_owner_when_it_is_gone_then_its_successor_owns_what_it_had() -> None:
    gone = changed(uC_util={"until": NOW, "successor": "C-urban"})
    asset = AssetRef("W1", "0101", "C-util", 3)
    assert lead(directory(units=gone, now=NOW), 0, assets=(asset,)) == "C-urban"


def test_successors_when_several_follow_or_turn_in_a_circle() -> None:
    chain = changed(
        u520103_sanit={"until": NOW, "successor": "520103-urban"}, u520103_urban={"until": NOW, "successor": "520103-police"}
    )
    tree = UnitTree(chain, NOW)
    standing = tree.standing("520103-sanit")
    assert standing is not None and standing.code == "520103-police"
    assert tree.standing_for("520103-police") == {"520103-police", "520103-urban", "520103-sanit"}
    circle = changed(
        u520103_sanit={"until": NOW, "successor": "520103-urban"}, u520103_urban={"until": NOW, "successor": "520103-sanit"}
    )
    assert UnitTree(circle, NOW).standing("520103-sanit") is None


def test_tree_when_a_unit_is_gone_then_nothing_new_is_given_to_it_and_its_people_and_heirs_keep_its_cases() -> None:
    tree = UnitTree(changed(u520103_sanit={"until": NOW, "successor": "520103-urban"}), NOW)
    assert tree.ref("520103-sanit") is None and tree.at_post("sanit", "district", ("520100", "520103")) == ()
    assert "520103-sanit" in tree.by_code and "520103-sanit" in tree.subtree("D520103")
    assert "520103-sanit" not in tree.nameable and "520103-urban" in tree.nameable
    heir, own = (Person(username="x", role="unit_clerk", unit=code) for code in ("520103-urban", "520103-sanit"))
    actors = [actor_of(one, tree.subtree, whole=len(tree), own=tree.standing_for) for one in (heir, own)]
    assert [sorted(one.units) for one in actors] == [["520103-sanit", "520103-urban"], ["520103-sanit"]]


def test_units_when_no_time_is_named_are_all_there() -> None:
    assert lead(directory(RULE, units=changed(u520103_sanit={"until": NOW})), 0) == "520103-sanit"


MOMENTS = [float("-inf"), *((NOON + day * DAY).timestamp() for day in range(4)), float("inf")]
CITIES = st.tuples(
    *(
        st.tuples(st.integers(0, 4), st.integers(1, 5), st.sampled_from(("", "520103-urban", "520103-sanit", "D520103")))
        for _ in range(3)
    )
)


@settings(deadline=None)
@given(CITIES, st.integers(0, 4), st.lists(st.integers(-1, 5), min_size=1, max_size=8))
def test_match_when_asked_at_many_times_is_what_the_units_of_each_time_say(
    spans: tuple[tuple[int, int, str], ...], built: int, days: list[int]
) -> None:
    """The oracle: a city that has only the units which are there, and rules that name the successors themselves."""
    codes = ("520103-sanit", "520103-urban", "520103-police")
    given_units = {unit.code: unit for unit in units()}
    for code, (first, last, heir) in zip(codes, spans, strict=True):
        given_units[code] = msgspec.structs.replace(
            given_units[code], since=MOMENTS[first], until=max(MOMENTS[last], MOMENTS[first]), successor=heir
        )
    snapshot = directory(RULE, units=given_units.values(), now=(NOON + built * DAY).timestamp())
    for day in days:
        at = (NOON + day * DAY).timestamp()
        present = [msgspec.structs.replace(unit, successor="") for unit in given_units.values() if unit.since <= at < unit.until]
        there, code, seen = {unit.code for unit in present}, "520103-sanit", set[str]()
        while code in given_units and code not in there and given_units[code].until <= at and code not in seen:
            seen.add(code)
            code = given_units[code].successor
        expected = directory(msgspec.structs.replace(RULE, lead=code or "nobody"), units=present)
        want = expected.match(place(GRID), "0101", NOON + day * DAY)
        got = snapshot.match(place(GRID), "0101", NOON + day * DAY)
        assert [one.unit for one in got.candidates] == [one.unit for one in want.candidates]


async def test_parties_when_the_moment_comes_answer_by_the_units_of_then(database: Database) -> None:
    await ensure(database, INDEXES)
    ends = datetime.now(UTC) + timedelta(milliseconds=300)
    gone = changed(u520103_sanit={"until": ends.timestamp(), "successor": "520103-urban"})
    await database.insert_many(UNITS, [document_of(unit.code, unit) for unit in gone])
    parties = await Parties.load(database, categories=lambda: CATEGORIES)
    assert parties.unit("520103-sanit") is not None
    renewed = asyncio.Event()
    parties.on_renewed(renewed.set)
    await asyncio.wait_for(renewed.wait(), 10)
    assert parties.unit("520103-sanit") is None and parties.units.standing_for("520103-urban") == {"520103-urban", "520103-sanit"}
    await parties.close()


@pytest.mark.parametrize("day", [-1, 0, 1])
def test_snapshot_when_built_at_a_time_knows_when_it_must_be_built_again(day: int) -> None:
    gone = changed(u520103_sanit={"until": TOMORROW}, u520103_urban={"since": NOW})
    snapshot = directory(RULE, units=gone, now=NOW + day * 86_400)
    assert snapshot.eras.next_edge() == {-1: NOW, 0: TOMORROW, 1: None}[day]
    assert (snapshot.unit("520103-sanit") is None) is (day == 1) and (snapshot.unit("520103-urban") is None) is (day == -1)
