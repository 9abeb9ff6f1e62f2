"""Visits over HTTP: the list is sealed, what is due comes from grade and last visit, nothing stays of what is taken off."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from dispatch.city import params_of
from grid.visit_store import INDEXES, PLACE_CHANGES, PLACES, VISITS
from grid.visits import GRADES, VisitPlace, cadence, due_of, ordered
from tests.service import Running, open_service
from tests.small_city import INSIDE

GRID, NEXT = "520102001001001", "520102001001002"
HEADER = "id,area_code,grade,address,lon,lat,crs,note,worker"
PARAMS = params_of({}).visits


class Hands:
    """A clock that the tests move: noon of a day in the city."""

    now = datetime(2026, 11, 1, 4, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def on(self, day: date) -> None:
        self.now = datetime(day.year, day.month, day.day, 4, tzinfo=UTC)


CLOCK = Hands()
LISTED = date(2026, 11, 1)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """A service that runs by `CLOCK`."""
    folder = tmp_path_factory.mktemp("visits")
    async with open_service(mongodb_uri, folder, driver=os.environ.get("HEYUN_DRIVER", "motor"), clock=CLOCK) as running:
        yield running


async def put(town: Running, id: str, user: str = "lead_a", **changes: Any) -> Any:
    CLOCK.on(changes.pop("listed", LISTED))
    body = {
        "area_code": GRID, "grade": "red", "address": "中山路7号2单元301", "lon": INSIDE[0], "lat": INSIDE[1], "crs": "WGS-84",
        "note": "独居,腿脚不便",
    }  # fmt: skip
    return await town.call("PUT", f"/api/v1/visit-places/{id}", user=user, body=body | changes)


async def visit(town: Running, id: str, user: str = "worker_a", *, key: str | None = None, **made: Any) -> Any:
    return await town.post(f"/api/v1/visit-places/{id}/visits", {"outcome": "seen"} | made, user, key=key)


async def due(town: Running, user: str = "worker_a", query: str = "") -> dict[str, int]:
    """Return the days by which each due visit is late."""
    answer = await town.get(f"/api/v1/visits/due?limit=200{query}", user)
    assert answer.status == 200, answer.body
    return {one["id"]: one["days_over"] for one in answer.json["items"]}


async def test_place_when_put_then_sealed_and_written_down_without_what_is_personal(town: Running) -> None:
    first = await put(town, "S-1", rev=0)
    assert first.status == 200 and first.json["due_on"] == "2026-11-08" and first.json["address"] == "中山路7号2单元301"
    assert (await put(town, "S-1", rev=0)).json == first.json
    assert (await put(town, "S-1", grade="green")).json["rev"] == 2
    assert (await put(town, "S-1", grade="plain", rev=1)).code == "stale_rev"
    stored = str(await town.services.database.find(PLACES, {"_id": "S-1"}))
    changes = await town.services.database.find(PLACE_CHANGES, {"of": "S-1"})
    for word in ("中山路", "独居", "106.6"):
        assert word not in stored and word not in str(changes)
    assert sorted(one["after"]["grade"] for one in changes) == ["green", "red"]


async def test_place_when_of_other_grids_then_nobody_else_sees_it(town: Running) -> None:
    await put(town, "S-2")
    assert (await put(town, "S-2", "lead_b")).status == 403
    assert (await put(town, "S-2", "worker_a")).status == 403
    assert (await visit(town, "S-2", "worker_c")).status == 404
    assert (await town.get("/api/v1/visit-places/S-2/visits", "worker_b")).status == 404
    assert "S-2" not in await due(town, "worker_c") and "S-2" not in await due(town, "lead_b")
    for user in ("operator", "supervisor", "sys_admin", "circle_a", "dispatcher"):
        assert (await town.get("/api/v1/visit-places", user)).status == 403, user
    listed = (await town.get("/api/v1/visit-places?limit=500", "worker_a")).json["items"]
    assert "S-2" in [one["id"] for one in listed]


async def test_place_when_wrong_then_every_field_is_named(town: Running) -> None:
    wrong = await put(town, "S-3", area_code="520102", worker="circle_a", crs="")
    assert [error["field"] for error in wrong.json["errors"]] == ["area_code", "worker", "crs"]
    assert [error["field"] for error in (await put(town, "S-3", lon=100.0)).json["errors"]] == ["lon"]
    assert [error["field"] for error in (await put(town, "S-3", crs="UTM")).json["errors"]] == ["crs"]
    assert (await put(town, "S-3", grade="black")).json["errors"][0]["field"] == "grade"
    assert await town.services.database.count(PLACES, {"_id": "S-3"}) == 0


async def test_due_when_the_grade_asks_for_it_then_latest_first_and_a_visit_begins_anew(town: Running) -> None:
    for grade in GRADES:
        assert (await put(town, f"D-{grade}", area_code=NEXT, grade=grade)).status == 200
    CLOCK.on(LISTED + timedelta(days=3))
    assert await due(town, "worker_c") == {}
    CLOCK.on(LISTED + timedelta(days=4))
    assert await due(town, "worker_c") == {"D-red": -3}
    CLOCK.on(LISTED + timedelta(days=20))
    assert list((await due(town, "worker_c")).items()) == [("D-red", 13), ("D-yellow", 6)]
    assert (await visit(town, "D-red", "worker_c", outcome="absent")).status == 201
    assert (await due(town, "worker_c"))["D-red"] == 13, "nobody was there: it is still due"
    assert (await visit(town, "D-red", "worker_c")).status == 201
    assert await due(town, "worker_c") == {"D-yellow": 6}
    CLOCK.on(LISTED + timedelta(days=30))
    assert list(await due(town, "worker_c")) == ["D-yellow", "D-red"]
    assert list(await due(town, "worker_c", "&overdue=true")) == ["D-yellow", "D-red"]
    counts = {
        one["grade"]: (one["places"], one["overdue"])
        for one in (await town.get("/api/v1/visits/counts", "worker_c")).json["items"]
    }
    assert counts == {"red": (1, 1), "yellow": (1, 1), "green": (1, 0), "plain": (1, 0)}
    CLOCK.on(LISTED + timedelta(days=366))
    assert len(await due(town, "worker_c", "&overdue=true")) == 4
    for grade in GRADES:
        await town.call("DELETE", f"/api/v1/visit-places/D-{grade}", user="lead_a")


async def test_due_when_it_is_left_to_one_worker_then_others_are_not_shown_it_but_the_lead_is(town: Running) -> None:
    await put(town, "W-1", worker="worker_a")
    await put(town, "W-2", worker="grid_worker")
    CLOCK.on(LISTED + timedelta(days=9))
    own, lead = await due(town), await due(town, "lead_a")
    assert "W-1" in own and "W-2" not in own and {"W-1", "W-2"} <= lead.keys()


async def test_visit_when_sent_again_under_its_key_then_one_visit(town: Running) -> None:
    await put(town, "V-1")
    CLOCK.on(LISTED + timedelta(days=5))
    here = {"lon": INSIDE[0] + 0.001, "lat": INSIDE[1], "crs": "WGS-84"}
    first = await visit(town, "V-1", key="v-1", note="一切都好", location=here)
    assert first.status == 201 and first.json["distance_m"] == 100 and first.json["note"] == "一切都好"
    CLOCK.on(LISTED + timedelta(days=6))
    again = await visit(town, "V-1", key="v-1", note="一切都好", location=here)
    assert again.status == 200 and again.json == first.json
    place = (await put(town, "V-1", listed=LISTED + timedelta(days=6))).json
    assert place["due_on"] == "2026-11-13", "counted from the day on which it was made"
    assert (await visit(town, "V-1", key="v-1", note="搬走了")).code == "idempotency_mismatch"
    bare = await town.call("POST", "/api/v1/visit-places/V-1/visits", user="worker_a", body={"outcome": "seen"})
    assert bare.code == "idempotency_key_required"
    stored = await town.services.database.find(VISITS, {"place": "V-1"})
    assert len(stored) == 1 and "一切" not in str(stored)


async def test_visit_when_it_comes_late_then_counted_from_its_own_day_and_never_back(town: Running) -> None:
    await put(town, "V-2")
    CLOCK.on(LISTED + timedelta(days=8))
    assert (await visit(town, "V-2")).status == 201
    late = await visit(town, "V-2", at="2026-11-05T02:00:00Z")
    assert late.status == 201
    items = {one["id"]: one for one in (await town.get("/api/v1/visit-places?limit=500", "worker_a")).json["items"]}
    assert items["V-2"]["due_on"] == "2026-11-16" and items["V-2"]["visited_at"].startswith("2026-11-09")
    history = (await town.get("/api/v1/visit-places/V-2/visits", "lead_a")).json["items"]
    assert [one["at"][:10] for one in history] == ["2026-11-09", "2026-11-05"]
    for at in ("2026-11-10T05:00:00Z", "2026-09-01T00:00:00Z"):
        assert (await visit(town, "V-2", at=at)).json["errors"][0]["field"] == "at"


async def test_visit_when_a_case_was_raised_from_it_then_kept_if_one_may_see_it(town: Running) -> None:
    await put(town, "V-3")
    case = await town.report("worker_a")
    assert (await visit(town, "V-3", case=case["id"])).json["case"] == case["id"]
    other = await town.report("worker_b", location={"lon": 106.665, "lat": 26.62, "crs": "WGS-84"})
    assert (await visit(town, "V-3", case=other["id"])).json["errors"][0]["field"] == "case"


async def test_place_when_taken_off_then_its_visits_are_erased(town: Running) -> None:
    await put(town, "V-4")
    await visit(town, "V-4", note="一切都好")
    assert (await town.call("DELETE", "/api/v1/visit-places/V-4", user="lead_b")).status == 403
    for _ in range(2):
        assert (await town.call("DELETE", "/api/v1/visit-places/V-4", user="lead_a")).status == 204
    assert await town.services.database.count(VISITS, {"place": "V-4"}) == 0
    kept = await town.services.database.find(PLACE_CHANGES, {"of": "V-4"})
    assert len(kept) == 2 and all("sealed" not in str(one) for one in kept)


async def test_visits_when_many_are_put_down_while_the_place_is_changed_then_nothing_is_lost(town: Running) -> None:
    await put(town, "V-5")
    CLOCK.on(LISTED + timedelta(days=4))
    body = {"area_code": GRID, "grade": "yellow", "address": "中山路8号"}
    answers = await asyncio.gather(
        *(visit(town, "V-5", key=f"many-{number}") for number in range(4)),
        town.call("PUT", "/api/v1/visit-places/V-5", user="lead_a", body=body),
    )
    assert [answer.status for answer in answers] == [201, 201, 201, 201, 200]
    items = {one["id"]: one for one in (await town.get("/api/v1/visit-places?limit=500", "worker_a")).json["items"]}
    assert items["V-5"]["due_on"] == "2026-11-19" and items["V-5"]["address"] == "中山路8号"


async def test_table_when_imported_then_looked_at_first_and_wrong_rows_are_named(town: Running) -> None:
    CLOCK.on(LISTED)
    table = f"{HEADER}\nT-1,{GRID},red,中山路1号,{INSIDE[0]},{INSIDE[1]},WGS-84,,\nT-2,{GRID},plain,中山路2号,,,,,worker_a\n"
    looked = await town.post("/api/v1/visit-places:import", {"csv": table}, "lead_a")
    assert looked.json == {"new": 2, "changed": 0, "same": 0, "dry_run": True}
    assert await town.services.database.count(PLACES, {"_id": "T-1"}) == 0
    done = await town.post("/api/v1/visit-places:import", {"csv": table, "dry_run": False}, "lead_a")
    again = await town.post("/api/v1/visit-places:import", {"csv": table, "dry_run": False}, "lead_a")
    assert (done.json["new"], again.json["same"]) == (2, 2)
    bad = f"{HEADER}\nB-1,{GRID},black,中山路1号,,,,,\nB-2,1,red,中山路1号,,,,,\nB-3,520103001001003,red,云岩路1号,,,,,\n"
    answer = await town.post("/api/v1/visit-places:import", {"csv": bad, "dry_run": False}, "lead_a")
    assert {(error["row"], error["field"]) for error in answer.json["errors"]} == {
        (2, "grade"),
        (3, "area_code"),
        (4, "area_code"),
    }
    assert await town.services.database.count(PLACES, {"_id": {"$in": ["B-1", "B-2", "B-3"]}}) == 0


PLACE = st.builds(
    VisitPlace,
    id=st.text("abc", min_size=1, max_size=4),
    rev=st.just(1),
    area=st.just(GRID),
    grade=st.sampled_from(GRADES),
    since=st.dates(date(2026, 1, 1), date(2026, 12, 1)),
)


@given(st.lists(PLACE, max_size=8, unique_by=lambda place: place.id), st.dates(date(2026, 6, 1), date(2026, 12, 31)))
def test_ordered_for_any_places_then_latest_first_and_late_from_the_day_after(places: list[VisitPlace], today: date) -> None:
    found = ordered(due_of(place, PARAMS, today) for place in places)
    assert [one.days_over for one in found] == sorted((one.days_over for one in found), reverse=True)
    for one in found:
        assert one.due_on - one.place.since == cadence(one.place.grade, PARAMS)
        assert (one.days_over > 0) is (today > one.due_on)


QUERIES = (
    (PLACES, {"codes": {"$in": ["a", "b"]}, "_id": {"$gt": ""}}, [("_id", 1)]),
    (PLACES, {"codes": {"$in": ["a", "b"]}, "grade": "red", "since": {"$lte": "2026-11-01"}}, [("since", 1)]),
    (PLACES, {"codes": {"$in": ["a"]}, "grade": "red", "since": {"$lte": "2"}, "worker": {"$in": ["", "w"]}}, [("since", 1)]),
    (VISITS, {"place": "p"}, [("at", -1)]),
)


@pytest.mark.parametrize(("collection", "filter", "sort"), QUERIES)
async def test_queries_when_explained_walk_an_index_and_never_sort(
    town: Running, collection: str, filter: dict[str, Any], sort: list[tuple[str, int]]
) -> None:
    plan = str((await town.services.database.explain(collection, filter, sort, 51))["queryPlanner"]["winningPlan"])
    assert "IXSCAN" in plan and "COLLSCAN" not in plan and "'SORT'" not in plan
    assert collection in INDEXES


async def test_place_when_asked_for_alone_then_to_who_works_there_also_before_it_is_due(town: Running) -> None:
    put_down = (await put(town, "alone")).json
    assert (await town.get("/api/v1/visit-places/alone", "worker_a")).json == put_down
    assert "alone" not in await due(town)
    assert (await town.get("/api/v1/visit-places/alone", "worker_b")).status == 404
    assert (await town.get("/api/v1/visit-places/nowhere", "worker_a")).status == 404
    assert (await town.get("/api/v1/visit-places/alone", "operator")).status == 403
