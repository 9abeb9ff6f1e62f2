"""Organizations that can help: the prepared cells give what a full scan by haversine gives."""

from __future__ import annotations

import random
import statistics
import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.model import Point
from orgs.hours import is_open, parse
from orgs.organizations import KIND_WORDS, Organization, distance_m, kind_fit, party_of, score_of
from orgs.serving import ServiceIndex
from tests.orgs.parties import GRID, NIGHT, NOON, area_only, directory, place

KINDS = tuple(KIND_WORDS)
AREAS = ("520100", "520103", "520103001")


def organizations(count: int, seed: int) -> list[Organization]:
    """Organizations in a dense middle and a wide countryside, some without a point, full, closed or abnormal."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        dense = chance.random() < 0.7
        lon = chance.gauss(106.7, 0.05) if dense else chance.uniform(106.1, 107.2)
        lat = chance.gauss(26.6, 0.05) if dense else chance.uniform(26.2, 27.2)
        placed = chance.random() < 0.95
        found.append(
            Organization(
                code=f"O{number:05d}",
                name=f"示例组织{number}",
                kinds=tuple(chance.sample(KINDS, chance.choice((1, 1, 2)))),
                standing=chance.choice(("normal",) * 9 + ("abnormal",)),
                area_codes=chance.choice(((), (), ("520103",), ("520103001",), ("520100",), ("520102", "520103"))),
                lon=lon if placed else None,
                lat=lat if placed else None,
                radius_m=chance.choice((0, 1000, 3000, 8000, 30_000)),
                capacity=chance.choice((0, 1, 3, 8)),
                load=chance.choice((0, 0, 1)),
                confirmed=chance.randrange(30),
                hours=chance.choice(
                    ("", "", "09:00-17:00", "22:00-06:00", f"{chance.randrange(10):02d}:00-17:{number % 10:02d}")
                ),
                approved=chance.random() < 0.3,
            )
        )
    return found


def brute_force(
    known: list[Organization], lon: float, lat: float, areas: tuple[str, ...], kinds: tuple[str, ...], minute: int, approved: bool
) -> list[str]:
    """The best five by looking at everybody."""
    ranked = []
    for org in known:
        fit = kind_fit(org.kinds, kinds)
        good = org.standing == "normal" and org.load < org.capacity and (org.approved or not approved)
        if not fit or not good or not is_open(parse(org.hours), minute):
            continue
        by_area = bool(set(org.area_codes) & set(areas))
        metres = distance_m(lon, lat, org.lon, org.lat) if org.lon is not None and org.lat is not None else None
        if by_area or (metres is not None and 0 < org.radius_m >= metres):
            ranked.append((-score_of(fit, 20_000.0 if metres is None else metres, party_of(org).worth), org.code))
    return [code for _, code in sorted(ranked)[:5]]


KNOWN = organizations(1_200, 7)
INDEX = ServiceIndex(KNOWN)


@settings(max_examples=150, deadline=None)
@given(
    st.floats(106.0, 107.3),
    st.floats(26.1, 27.3),
    st.sampled_from(((), AREAS[:1], AREAS)),
    st.lists(st.sampled_from(KINDS), min_size=1, max_size=4, unique=True),
    st.one_of(st.sampled_from((30, 359, 360, 539, 540, 1019, 1020, 1319, 1320)), st.integers(0, 1439)),
    st.booleans(),
)
def test_rank_for_any_point_then_the_best_five_are_those_of_a_full_scan(
    lon: float, lat: float, areas: tuple[str, ...], kinds: list[str], minute: int, approved: bool
) -> None:
    found = INDEX.rank(Point(lon, lat), areas, kinds, minute=minute, approved_only=approved)
    assert [helper.code for helper in found] == brute_force(KNOWN, lon, lat, areas, tuple(kinds), minute, approved)


@settings(max_examples=150, deadline=None)
@given(st.floats(106.4, 107.0), st.floats(26.3, 26.9), st.integers(1, 8))
def test_nearest_for_any_point_then_it_is_what_haversine_over_everybody_gives(lon: float, lat: float, limit: int) -> None:
    ranked = sorted(
        (distance_m(lon, lat, org.lon, org.lat), org.code)
        for org in KNOWN
        if org.may_help
        and org.lon is not None
        and org.lat is not None
        and 0 < org.radius_m >= distance_m(lon, lat, org.lon, org.lat)
    )
    found = INDEX.nearest(lon, lat, limit=limit)
    assert [code for code, _ in found] == [code for _, code in ranked[:limit]]
    assert [metres for _, metres in found] == pytest.approx([metres for metres, _ in ranked[:limit]], abs=1e-3)


def test_rank_when_more_was_asked_than_is_remembered_then_the_answers_stay_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orgs.serving.MOST_CHOSEN", 3)
    index, point = ServiceIndex(KNOWN), Point(106.7, 26.6)
    questions = [(AREAS[:size], kind, minute) for minute in (539, 540, 1320) for kind in KINDS for size in range(4)]
    for areas, kind, minute in questions * 2:
        found = index.rank(point, areas, (kind,), minute=minute)
        assert [helper.code for helper in found] == brute_force(KNOWN, point.lon, point.lat, areas, (kind,), minute, False)
    assert len(index._chosen) <= 3


def test_rank_when_a_helper_has_become_full_then_the_next_best_takes_its_place() -> None:
    first = INDEX.rank(Point(106.7, 26.6), AREAS, ("VOL", "ENV"))
    loads = {helper.code: 99 for helper in first}
    second = INDEX.rank(Point(106.7, 26.6), AREAS, ("VOL", "ENV"), loads=loads)
    everybody = INDEX.rank(Point(106.7, 26.6), AREAS, ("VOL", "ENV"), limit=10)
    assert [helper.code for helper in everybody] == [helper.code for helper in (*first, *second)]


def test_helper_when_shown_then_distance_parts_and_reason_come_from_data() -> None:
    org = Organization(
        code="O1", name="示例志愿队", kinds=("VOL",), lon=106.71, lat=26.6, radius_m=5000, capacity=5, load=2, confirmed=10
    )
    (helper,) = ServiceIndex([org]).rank(Point(106.7, 26.6), (), ("ENV", "VOL"))
    assert helper.distance_m == 994 and helper.parts == {"kind": 0.9, "distance": 0.668, "capacity": 0.6, "past": 0.5}
    assert helper.reason == "志愿服务队 · 994 米 · 可承接 3 件"
    assert helper.score == pytest.approx(0.35 * 0.9 + 0.35 * 2000 / 2994.5 + 0.15 * 0.6 + 0.15 * 0.5, abs=1e-4)


def test_organizations_when_the_category_is_sensitive_then_only_approved_ones_are_shown() -> None:
    plain = Organization(code="O1", name="甲", kinds=("VOL",), area_codes=("520103",))
    approved = msgspec.structs.replace(plain, code="O2", approved=True)
    snapshot = directory(organizations=(plain, approved))
    assert [snapshot.is_approved(code) for code in ("O2", plain.code, "nobody")] == [True, False, False]
    assert [helper.code for helper in snapshot.organizations(place(GRID), "0701", NOON)] == ["O2"]
    assert len(snapshot.organizations(place(GRID), "0101", NOON)) == 2


def test_organizations_when_only_the_area_is_known_then_those_of_the_area_are_shown_without_distance() -> None:
    by_area = Organization(code="O1", name="甲", kinds=("ENV",), area_codes=("520103",), lon=106.7, lat=26.6)
    by_circle = Organization(code="O2", name="乙", kinds=("VOL",), lon=106.7, lat=26.6, radius_m=9000)
    (helper,) = directory(organizations=(by_area, by_circle)).organizations(area_only("520103001"), "0101", NOON)
    assert (helper.code, helper.distance_m, helper.reason) == ("O1", None, "环保公益 · 服务范围内 · 可承接 1 件")


def test_organizations_when_closed_at_that_hour_then_they_are_not_shown() -> None:
    snapshot = directory(
        organizations=[Organization(code="O1", name="甲", kinds=("VOL",), area_codes=("520103",), hours="09:00-17:00")]
    )
    assert snapshot.organizations(place(GRID), "0101", NOON) and not snapshot.organizations(place(GRID), "0101", NIGHT)


def test_organization_when_abnormal_then_it_is_not_known() -> None:
    orgs = [Organization(code="O1", name="甲", area_codes=("520103",)), Organization(code="O2", name="乙", standing="abnormal")]
    snapshot = directory(organizations=orgs)
    found = snapshot.organization("O1")
    assert found is not None and found.name == "甲" and snapshot.organization("O2") is None
    assert [org.code for org in snapshot.search_organizations("甲")] == ["O1"]


@pytest.mark.slow
def test_nearest_when_the_city_is_full_size_then_it_takes_microseconds() -> None:
    index = ServiceIndex(organizations(2_859, 3))
    chance = random.Random(1)
    points = [(chance.gauss(106.7, 0.05), chance.gauss(26.6, 0.05)) for _ in range(2_000)]
    for lon, lat in points:  # cells are cut when asked first
        index.nearest(lon, lat)
    taken = []
    for lon, lat in points:
        start = time.thread_time()
        index.nearest(lon, lat)
        taken.append(time.thread_time() - start)
    assert statistics.median(taken) < 25e-6
