"""The gazetteer on recorded addresses: what its confidence is worth must not sink unnoticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.calibrating import answered, fit, held_out
from bench.recorded_addresses import beijing, expected_error, figures, outcomes, shenzhen
from grid.calibration import CURVES


@pytest.mark.shared_data
@pytest.mark.slow
def test_beijing_when_roads_are_known_then_the_sure_answers_are_near(shared_data: Path) -> None:
    cases = {case.name: figures(outcomes(case)) for case in beijing()}
    assert cases["beijing_areas"]["right_street"] >= 0.88 and cases["beijing_areas"]["with_point"] == 0
    for name in ("beijing_roads", "beijing_half"):
        found = cases[name]
        assert found["within_300_m"] >= 0.75 and found["right_street"] >= 0.93, name
        assert found["sure"] >= 100 and found["sure_within_300_m"] >= 0.9, name
        assert found["inside_radius"] >= 0.85, name
    assert cases["beijing_typos"]["within_300_m"] >= 0.65 and cases["beijing_typos"]["right_street"] >= 0.88


@pytest.mark.shared_data
@pytest.mark.slow
def test_confidence_when_the_street_is_held_out_then_worth_what_it_says(shared_data: Path) -> None:
    cases = [*beijing(), *shenzhen()]
    assert fit(answered(cases)) == CURVES, "the committed curves are those fitted to all (python -m bench.calibrating)"
    streets = held_out(cases)[0]
    fitted, unbent = ([one for one in some if one.metres is not None] for some in (streets.fitted, streets.unbent))
    assert expected_error(fitted) <= 0.05 < 0.1 <= expected_error(unbent)
    assert sum(one.is_right for one in fitted) >= sum(one.is_right for one in unbent)


@pytest.mark.shared_data
@pytest.mark.slow
def test_shenzhen_when_no_road_is_known_then_the_district_and_hardly_a_point(shared_data: Path) -> None:
    for case in shenzhen():
        found = figures(outcomes(case))
        assert found["right_district"] >= 0.93 and found["sure"] <= 5, case.name
