"""The stored form of a match: equal candidates have equal forms, whether their form is known or made anew; a stored place,
matched again, has the owners of what is near it."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from dispatch.model import Candidate, Match, UnitRef
from dispatch.placing import KEPT_CANDIDATES, match_document, place_document
from dispatch.rules import place_of, placed
from tests.dispatch.town import PUMP, TownLocator

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
CANDIDATES = st.builds(
    Candidate,
    unit=st.sampled_from((UnitRef("U1", "甲"), UnitRef("U2", "乙"))),
    score=st.sampled_from((1.0, 0.859)),
    parts=st.sampled_from(({"area": 0.86}, {})),
    rule=st.sampled_from(("R-1", "default")),
    reason=st.text(max_size=5),
)


@given(st.lists(CANDIDATES, max_size=7))
def test_match_document_when_candidates_come_again_then_their_form_is_what_they_are(candidates: list[Candidate]) -> None:
    match = Match(candidates=tuple(candidates))
    expected = [msgspec.to_builtins(candidate) for candidate in candidates[:KEPT_CANDIDATES]]
    for _ in range(2):
        assert match_document(match, NOW)["candidates"] == expected


def test_place_when_matched_again_has_the_components_that_are_near_it() -> None:
    town = TownLocator()
    for lon, lat in (PUMP, (106.625, 26.62)):
        case = {"place": place_document(town.locate(lon, lat, "WGS-84"))}
        assert place_of(case).assets == ()
        again = placed(case, town)
        assert [asset.owner for asset in again.assets] == (["water1"] if (lon, lat) == PUMP else [])
        assert again == msgspec.structs.replace(place_of(case), assets=again.assets), "all else is as it was stored"
    nowhere = {"place": place_document(town.locate_area("521"))}
    assert placed(nowhere, town) == place_of(nowhere)
