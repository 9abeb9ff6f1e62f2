"""Corrections beside the tables answer as tables that were built with them would."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grid.areas import Entry
from grid.gazetteer import Gazetteer
from grid.gazetteer_building import build_tables, entries_of_areas
from grid.gazetteer_corrected import CorrectedIndex, Correction, Corrections
from grid.gazetteer_index import GazetteerIndex
from grid.hierarchy import AreaTree
from tests.grid.gazetteers import AREAS, index_of

WEST = 106.70


def place(name: str, at: int, kind: str = "landmark", *aliases: str) -> Entry:
    line = ((WEST + 0.01 * at, 26.6), (WEST + 0.01 * at + 0.002, 26.6)) if kind == "road" else ()
    return Entry(name=name, aliases=aliases, kind=kind, lon=WEST + 0.01 * at, lat=26.6, line=line)


NAMES = {
    "road": place("金阳南路", 0, "road"),
    "door-8": place("金阳南路8号", 0, "door"),
    "lone-2": place("友谊巷2号", 1, "door"),
    "pool": place("喷水池", 2, "landmark", "大十字"),
    "estate": place("世纪城龙福苑", 3, "estate", "龙福苑"),
}


def tables(known: dict[str, Entry]) -> GazetteerIndex:
    return GazetteerIndex(build_tables([*entries_of_areas(AREAS), *known.values()], list(known)))


def corrected(known: dict[str, Entry], *changes: tuple[str, Entry | None]) -> CorrectedIndex:
    base = tables(known)
    none = Corrections({}, base.sounds)
    return CorrectedIndex(base, none.then([Correction(id, at, entry) for at, (id, entry) in enumerate(changes, 1)], 0))


def answers(index: CorrectedIndex | GazetteerIndex, text: str) -> set[tuple[object, ...]]:
    """What is answered, by what a person sees of it."""
    names = Gazetteer(index, AreaTree.of(AREAS), lambda lon, lat: "520103001001")
    found = {(one.name, one.kind, round(one.confidence, 9), one.lon, one.lat, one.doubt) for one in names.ask(text).candidates}
    return found | {(index.name(entry), index.kind(entry), index.point(entry)) for entry in names.typed(text, 20)}


QUESTIONS = (
    "云岩区金阳南路8号", "金阳南路12号", "金洋南路", "友谊巷2号", "友谊巷", "喷水池", "大十字旁", "喷水迟", "龙福苑", 
    "世纪诚龙福园", "听涛阁", "亭涛阁", "jynl", "cql", "重庆路20号", "龙", "金阳", "世纪城龙福苑3栋", "psc", "水池",
)  # fmt: skip

CHANGES: dict[str, list[tuple[str, Entry | None]]] = {
    "put": [("new", place("听涛阁", 4)), ("cq", place("重庆路", 5, "road")), ("cq-20", place("重庆路20号", 5, "door"))],
    "a number more": [("door-16", place("金阳南路16号", 1, "door")), ("estate-3", place("世纪城龙福苑3栋", 3, "building"))],
    "removed": [("pool", None), ("lone-2", None), ("never", None)],
    "moved": [("pool", place("喷水池", 6, "landmark", "大十字")), ("door-8", place("金阳南路8号", 2, "door"))],
    "called otherwise": [("estate", place("听涛阁", 3, "estate")), ("road", place("重庆路", 0, "road"))],
    "one after the other": [("pool", None), ("pool", place("喷水池", 7)), ("new", place("听涛阁", 4)), ("new", None)],
}


@pytest.mark.parametrize("case", CHANGES)
def test_corrected_when_asked_then_as_tables_built_with_the_corrections(case: str) -> None:
    after = {id: entry for id, entry in (NAMES | dict(CHANGES[case])).items() if entry is not None}
    whole, beside = tables(after), corrected(NAMES, *CHANGES[case])
    assert len(beside) == len(whole)
    for question in QUESTIONS:
        assert answers(beside, question) == answers(whole, question), question


_PLACES = st.builds(
    place,
    st.sampled_from(["金阳南路", "金阳北路", "喷水池", "听涛阁", "龙福苑", "金阳南路8号", "金阳南路9号", "听涛阁2栋"]),
    st.integers(0, 4),
    st.sampled_from(["", "road", "landmark", "door"]),
)


@settings(max_examples=60, deadline=None)
@given(
    before=st.dictionaries(st.sampled_from("abcdef"), _PLACES, max_size=6),
    changes=st.lists(st.tuples(st.sampled_from("abcdefgh"), st.none() | _PLACES), min_size=1, max_size=8),
)
def test_corrected_when_any_changes_then_names_and_numbers_as_built_whole(
    before: dict[str, Entry], changes: list[tuple[str, Entry | None]]
) -> None:
    after = {id: entry for id, entry in (before | dict(changes)).items() if entry is not None}
    whole, beside = tables(after), corrected(before, *changes)
    for text in ("金阳南路", "喷水池", "听涛阁", "龙福苑", "金阳南路8号"):
        assert called(beside, text) == called(whole, text)
        assert doors(beside, text) == doors(whole, text)


def called(index: CorrectedIndex | GazetteerIndex, text: str) -> list[tuple[object, ...]]:
    found = [one.text for one in index.whole(text) if one.end - one.start == len(text)]
    return sorted((index.name(entry), index.kind(entry), index.point(entry)) for one in found for entry in index.owners(one))


def doors(index: CorrectedIndex | GazetteerIndex, text: str) -> list[tuple[object, ...]]:
    found = [door for one in index.whole(text) for door in index.doors_near(one.text, "door", 8)]
    return sorted((door.number, door.sub, index.name(door.entry), index.point(door.entry)) for door in found)


def test_then_when_tables_hold_them_then_only_the_newer_ones_stay() -> None:
    spoken = index_of([]).sounds
    first = Corrections({}, spoken).then([Correction("a", 3, place("听涛阁", 1)), Correction("b", 5, None)], 0)
    later = first.then([Correction("c", 7, place("喷水池", 2))], 3)
    assert (len(first), sorted(later.ids), len(later.index)) == (2, ["b", "c"], 1)
