"""The city that is measured is the demo city as an import reads it: a changed table must not leave the measurements behind."""

from __future__ import annotations

import pytest

from bench.geo import RULES, demo_parties
from dispatch.model import LEVELS

pytestmark = pytest.mark.slow


def test_demo_parties_when_read_then_the_whole_city_with_so_many_rules() -> None:
    parties = demo_parties()
    territory = parties.territory
    assert len(parties.organizations) == 2859 and f"{RULES:,} rules" in parties.directory.version
    assert len(territory.features(LEVELS[-1])) > 10_000
    west, south, east, north = territory.bounds()
    grid = next(one for one in territory.features("grid") if one.code)
    assert west < east and south < north and territory.area(grid.code) is not None
