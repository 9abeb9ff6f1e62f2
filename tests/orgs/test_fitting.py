"""What stands against asking an organization for help at a place, and the agreement of that with how organizations are ranked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import shapely
from hypothesis import given
from hypothesis import strategies as st

from dispatch.model import AreaRef, Place, Point
from orgs.directory import build
from orgs.fitting import NOBODY
from orgs.organizations import Organization, Qualified
from orgs.serving import Question

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
PLACE = Place(point=Point(106.605, 26.62), area_path=(AreaRef("52", "城", "city"), AreaRef("521", "甲区", "district")))
ORGS = st.builds(
    Organization, code=st.just("O1"), name=st.just("某组织"), kinds=st.sampled_from([("VOL",), ("ELD", "VOL"), ("LAW",)]),
    standing=st.sampled_from(["normal", "abnormal"]), area_codes=st.sampled_from([(), ("521",), ("522",), ("52",)]),
    lon=st.floats(106.5, 106.7), lat=st.floats(26.5, 26.7), radius_m=st.sampled_from([0.0, 500.0, 5_000.0]),
    capacity=st.integers(1, 5), approved=st.booleans(), approved_for=st.sampled_from([(), ("07",), ("0901",)]),
    qualified=st.sampled_from([(), (Qualified(id="p", trained_until=NOW.date(), secrecy_on=NOW.date()),)]),
    valid_to=st.sampled_from([None, NOW.date() - timedelta(days=1)]),
    wkb=st.sampled_from([b"", bytes(shapely.to_wkb(shapely.box(106.60, 26.61, 106.62, 26.63)))]),
)  # fmt: skip


@given(organization=ORGS, sensitive=st.booleans())
def test_fit_when_nothing_stands_against_it_then_the_ranking_finds_it_too(organization: Organization, sensitive: bool) -> None:
    directory = build(units=(), organizations=[organization])
    category = "0701" if sensitive else None
    fit = directory.fit("O1", PLACE, "VOL", NOW, sensitive_for=category)
    question = Question(day=NOW.date(), approved_for=category)
    ranked = directory.services.rank(PLACE.point, PLACE.area_codes, ("VOL",), question)
    assert bool(ranked) == (not fit.against)
    if ranked:
        assert ranked[0].distance_m == fit.distance_m and fit.capacity == organization.capacity


def test_fit_when_everything_is_wrong_then_all_of_it_is_named() -> None:
    organization = Organization(code="O1", name="某组织", kinds=("LAW",), area_codes=("522",))
    directory = build(units=(), organizations=[organization])
    assert directory.fit("O1", PLACE, "VOL", NOW, sensitive_for="0701").against == ("wrong_kind", "outside_area", "not_approved")
    assert directory.fit("O2", PLACE, "VOL", NOW, sensitive_for=None) == NOBODY and directory.reach("O2", NOW) is None


def test_reach_when_it_has_a_radius_then_anywhere() -> None:
    organization = Organization(code="O1", name="某组织", kinds=("VOL",), lon=106.6, lat=26.6, radius_m=500, area_codes=("521",))
    directory = build(units=(), organizations=[organization])
    reach = directory.reach("O1", NOW)
    assert reach is not None and (reach.kinds, reach.areas, reach.anywhere, reach.approved) == (("VOL",), ("521",), True, False)
