"""Organizations that can help: the prepared cells give what a full scan by haversine gives."""

from __future__ import annotations

import random
import statistics
import time
from datetime import date, timedelta

import msgspec
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.model import Point
from orgs.hours import is_open, parse
from orgs.offers import Offer
from orgs.organizations import (
    KIND_WORDS,
    Organization,
    Qualified,
    debt_of,
    distance_m,
    kind_fit,
    party_of,
    present_of,
    score_of,
)
from orgs.serving import Question, ServiceIndex
from tests.orgs.parties import GRID, NIGHT, NOON, area_only, directory, place

KINDS = tuple(KIND_WORDS)
AREAS = ("520100", "520103", "520103001")
SATURDAY, YESTERDAY = date(2026, 11, 21), date(2026, 11, 20)
TRUSTED = Qualified(id="p1", shown="张**", trained_until=date(2027, 12, 31), secrecy_on=date(2025, 1, 1))
NOON_QUESTION = Question(day=SATURDAY)


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
                qualified=(TRUSTED,),
                valid_to=chance.choice((None,) * 9 + (date(2026, 1, 1),)),
                wkb=square(lon, lat, chance.uniform(0.01, 0.08)) if placed and chance.random() < 0.2 else b"",
            )
        )
    return found


def square(lon: float, lat: float, half: float) -> bytes:
    """A square that holds the point near a corner, so that its bounding circle is far too wide."""
    return bytes(shapely.to_wkb(shapely.box(lon - half / 8, lat - half / 8, lon + 2 * half, lat + 2 * half)))


def offers_of(known: list[Organization], seed: int) -> dict[str, list[Offer]]:
    """One or two offers of every third organization."""
    chance = random.Random(seed)
    return {
        org.code: [
            Offer(
                id=f"{org.code}-{number}", organization=org.code, kind=chance.choice(("", *org.kinds)), what="示例",
                weekdays=chance.choice(((), (6,), (1, 2))), hours=chance.choice(("", "08:00-12:00")),
                area_codes=chance.choice(((), ("520103",))),
            )
            for number in range(chance.choice((1, 2)))
        ]
        for org in known[::3]
    }  # fmt: skip


def brute_force(
    known: list[Organization],
    lon: float,
    lat: float,
    areas: tuple[str, ...],
    kinds: tuple[str, ...],
    question: Question = NOON_QUESTION,
) -> list[str]:
    """The best five by looking at everybody."""
    ranked, minute, day = [], question.minute, question.day
    for org in known:
        fit = kind_fit(org.kinds, kinds)
        load = max(question.loads.get(org.code, 0), org.load)
        good = org.standing == "normal" and load < org.capacity and (org.approved or question.approved_for is None)
        good = good and (org.valid_to is None or org.valid_to >= day)
        if not fit or not good or not is_open(parse(org.hours), minute):
            continue
        by_area = bool(set(org.area_codes) & set(areas))
        metres = distance_m(lon, lat, org.lon, org.lat) if org.lon is not None and org.lat is not None else None
        inside = bool(org.wkb) and bool(shapely.contains_xy(shapely.from_wkb(org.wkb), lon, lat))
        if by_area or inside or (metres is not None and 0 < org.radius_m >= metres):
            party, offers = party_of(org, OFFERS.get(org.code, ())), OFFERS.get(org.code, ())
            fitting = next((one.what for one in offers if one.fits(kinds, day, minute, Point(lon, lat), areas)), "")
            debt = debt_of(party, present_of(org, load, question.asked.get(org.code, 0), fitting))
            ranked.append((-score_of(fit, 20_000.0 if metres is None else metres, party.worth) + debt, org.code))
    return [code for _, code in sorted(ranked)[:5]]


KNOWN = organizations(1_200, 7)
OFFERS = offers_of(KNOWN, 5)
INDEX = ServiceIndex(KNOWN, OFFERS)


@settings(max_examples=150, deadline=None)
@given(
    st.floats(106.0, 107.3),
    st.floats(26.1, 27.3),
    st.sampled_from(((), AREAS[:1], AREAS)),
    st.lists(st.sampled_from(KINDS), min_size=1, max_size=4, unique=True),
    st.one_of(st.sampled_from((30, 359, 360, 539, 540, 1019, 1020, 1319, 1320)), st.integers(0, 1439)),
    st.booleans(),
    st.sampled_from((0.0, 0.1, 0.9)),
    st.integers(0, 99),
)
def test_rank_for_any_point_and_workload_then_the_best_five_are_those_of_a_full_scan(
    lon: float, lat: float, areas: tuple[str, ...], kinds: list[str], minute: int, approved: bool, share: float, seed: int
) -> None:
    chance = random.Random(seed)
    busy = [org.code for org in KNOWN if chance.random() < share]
    question = Question(
        minute,
        date(2026, 11, 21) + timedelta(days=seed % 7),
        "0701" if approved else None,
        {code: chance.randrange(6) for code in busy},
        {code: chance.randrange(1, 12) for code in busy[::2]},
    )
    found = INDEX.rank(Point(lon, lat), areas, kinds, question)
    assert [helper.code for helper in found] == brute_force(KNOWN, lon, lat, areas, tuple(kinds), question)


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
    index, point = ServiceIndex(KNOWN, OFFERS), Point(106.7, 26.6)
    questions = [(AREAS[:size], kind, minute) for minute in (539, 540, 1320) for kind in KINDS for size in range(4)]
    for areas, kind, minute in questions * 2:
        found = index.rank(point, areas, (kind,), Question(minute, SATURDAY))
        assert [helper.code for helper in found] == brute_force(
            KNOWN, point.lon, point.lat, areas, (kind,), Question(minute, SATURDAY)
        )
    assert len(index._chosen) <= 3


def test_rank_when_a_helper_has_become_full_then_the_next_best_takes_its_place() -> None:
    first = INDEX.rank(Point(106.7, 26.6), AREAS, ("VOL", "ENV"))
    loads = {helper.code: 99 for helper in first}
    second = INDEX.rank(Point(106.7, 26.6), AREAS, ("VOL", "ENV"), Question(loads=loads))
    everybody = INDEX.rank(Point(106.7, 26.6), AREAS, ("VOL", "ENV"), limit=10)
    assert [helper.code for helper in everybody] == [helper.code for helper in (*first, *second)]


def test_helper_when_shown_then_distance_parts_and_reason_come_from_data() -> None:
    org = Organization(
        code="O1", name="示例志愿队", kinds=("VOL",), lon=106.71, lat=26.6, radius_m=5000, capacity=5, load=2, confirmed=10
    )
    (helper,) = ServiceIndex([org]).rank(Point(106.7, 26.6), (), ("ENV", "VOL"))
    assert helper.distance_m == 994
    assert helper.parts == {"kind": 0.9, "distance": 0.668, "capacity": 0.6, "past": 0.864, "offer": 0.0, "turn": 1.0}
    assert helper.reason == "志愿服务队 · 994 米 · 可承接 3 件 · 确认 10 次 · 近期受邀 0 次"
    parts = 0.30 * 0.9 + 0.30 * 2000 / 2994.5 + 0.08 * 0.6 + 0.12 * ((13 / 14 + 0.8) / 2) + 0.14
    assert helper.score == pytest.approx(parts, abs=1e-4)


def test_helper_when_asked_of_late_and_with_an_offer_then_both_are_shown_and_counted() -> None:
    org = Organization(code="O1", name="示例志愿队", kinds=("VOL",), lon=106.71, lat=26.6, radius_m=5000, capacity=5)
    offer = Offer(id="1", organization="O1", kind="VOL", what="清洁行动", weekdays=(6,))
    index, asked = ServiceIndex([org], {"O1": [offer]}), {"O1": 4}
    (fitting,) = index.rank(Point(106.7, 26.6), (), ("VOL",), Question(day=SATURDAY, asked=asked))
    (other,) = index.rank(Point(106.7, 26.6), (), ("VOL",), Question(day=SATURDAY + timedelta(days=1), loads={"O1": 3}))
    assert (fitting.parts["offer"], fitting.parts["turn"], other.parts["offer"], other.parts["turn"]) == (1.0, 0.5, 0.0, 1.0)
    assert fitting.reason.endswith("近期受邀 4 次 · 供给：清洁行动") and "可承接 2 件" in other.reason
    assert fitting.score - other.score == pytest.approx(0.06 - 0.14 / 2 + 0.08 * (1 - 0.4), abs=1e-3)


def test_rank_when_only_a_polygon_covers_the_point_then_those_inside_alone_are_found() -> None:
    org = Organization(code="O1", name="甲", kinds=("VOL",), lon=106.70, lat=26.60, wkb=square(106.70, 26.60, 0.02))
    index = ServiceIndex([org])
    assert [found.code for found in index.rank(Point(106.73, 26.63), (), ("VOL",))] == ["O1"]
    assert index.rank(Point(106.67, 26.57), (), ("VOL",)) == (), "as near, but outside"
    assert index.rank(None, (), ("VOL",)) == ()


def test_organizations_when_the_category_is_sensitive_then_only_approved_ones_are_shown() -> None:
    plain = Organization(code="O1", name="甲", kinds=("VOL",), area_codes=("520103",))
    approved = msgspec.structs.replace(plain, code="O2", approved=True, qualified=(TRUSTED,))
    late = msgspec.structs.replace(approved, code="O3", qualified=(msgspec.structs.replace(TRUSTED, trained_until=YESTERDAY),))
    other = msgspec.structs.replace(approved, code="O4", approved_for=("08", "0702"))
    nobody = msgspec.structs.replace(approved, code="O5", qualified=())
    snapshot = directory(organizations=(plain, approved, late, other, nobody))
    asked = {code: snapshot.is_approved(code, "0701", NOON) for code in ("O1", "O2", "O3", "O4", "O5", "unknown")}
    assert [code for code, good in asked.items() if good] == ["O2"]
    assert snapshot.is_approved("O4", "0801", NOON) and snapshot.is_approved("O4", "0702", NOON)
    assert [helper.code for helper in snapshot.organizations(place(GRID), "0701", NOON)] == ["O2"]
    assert len(snapshot.organizations(place(GRID), "0101", NOON)) == 5


def test_organizations_when_only_the_area_is_known_then_those_of_the_area_are_shown_without_distance() -> None:
    by_area = Organization(code="O1", name="甲", kinds=("ENV",), area_codes=("520103",), lon=106.7, lat=26.6)
    by_circle = Organization(code="O2", name="乙", kinds=("VOL",), lon=106.7, lat=26.6, radius_m=9000)
    (helper,) = directory(organizations=(by_area, by_circle)).organizations(area_only("520103001"), "0101", NOON)
    reason = "环保公益 · 服务范围内 · 可承接 1 件 · 新近加入 · 近期受邀 0 次"
    assert (helper.code, helper.distance_m, helper.reason) == ("O1", None, reason)


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
    assert [org.code for org in snapshot.list_organizations(text="甲")[0]] == ["O1"]
    assert [org.code for org in snapshot.list_organizations(standing="abnormal")[0]] == ["O2"]


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
