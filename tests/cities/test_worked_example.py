"""The worked example of docs/explanation/matching.md is what the demo city answers, and its prose has the numbers of the code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cities.guiyang.worked_example import PAGE, answer, blocks, filled
from dispatch.city import params_of
from orgs.matching import AREA_VALUE, BACKSTOPS, CATEGORY_FIT
from orgs.organizations import HALF_DISTANCE_M, HALF_TURN, WEIGHTS


@pytest.fixture(scope="module")
def found(guiyang: Path) -> dict[str, Any]:
    """What is answered about the example."""
    return answer(guiyang)


def test_page_when_committed_is_what_the_demo_city_answers(found: dict[str, Any]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert filled(page, blocks(found)) == page, "run: python -m cities.guiyang.worked_example"


def test_example_when_answered_then_shows_each_kind_of_party(found: dict[str, Any]) -> None:
    assert found["decided"] == "auto" and not found["doubt"] and found["assists"]
    assert {one["rule"].partition("-")[0].partition(":")[0] for one in found["candidates"]} == {"R", "backstop"}
    assert {one["parts"]["kind"] for one in found["organizations"]} == {1.0, 0.9}


def test_prose_when_it_names_numbers_then_those_of_the_code() -> None:
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    values = ", ".join(f"{value}" for value in (0.98, 0.95, 0.92, 0.89, 0.875, 0.86, 0.82))
    assert sorted(AREA_VALUE, reverse=True) == [float(value) for value in values.split(", ")]
    assert all(f"{value}" in page for value in AREA_VALUE) and all(f"{value}" in page for value, _ in BACKSTOPS.values())
    group, any_ = (round(0.03 * (1 - fit), 4) for fit in (CATEGORY_FIT[1], CATEGORY_FIT[0]))
    assert f"for a whole group loses {group}, one for any category {any_}" in page
    assert f"at least {params_of({}).dispatch.auto_score}" in page
    assert HALF_DISTANCE_M == 2_000 and "one half at 2 km" in page and HALF_TURN == 4 and "one half after four" in page
    assert all(f"* `{name}`: " in page for name in WEIGHTS)


def test_block_when_its_number_cannot_be_derived_then_refused(found: dict[str, Any]) -> None:
    wrong = found | {"organizations": [found["organizations"][0] | {"score": 0.5}]}
    with pytest.raises(ValueError, match=r"0\.5 is not"):
        blocks(wrong)
