"""Patrols over HTTP: planned by leads, walked without signal; tracks seen by the worker and the lead alone."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image

from dispatch.service import utc_now
from grid.naming import NamedByFieldWork
from grid.patrol_store import INDEXES, PATROLS, PLAN_CHANGES, PLANS, TRACK_VIEWS, TRACKS
from tests.service import Running, open_service
from tests.small_city import INSIDE, OTHER_DISTRICT

GRID = "520102001001001"
GATE = {"id": "gate", "name": "北门", "lon": INSIDE[0], "lat": INSIDE[1], "crs": "WGS-84", "key": True}
POND = {"id": "pond", "name": "水塘", "lon": INSIDE[0] + 0.002, "lat": INSIDE[1], "crs": "WGS-84", "photo": True}


class Hands:
    """A clock that the tests move."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 1, tzinfo=UTC)  # Monday 09:00 in the city

    def __call__(self) -> datetime:
        return self.now

    def at(self, hour: int, minute: int = 0, *, day: int = 23) -> str:
        """Move to a local time of November 2026 and return it as it is sent."""
        self.now = datetime(2026, 11, day, tzinfo=UTC) + timedelta(hours=hour - 8, minutes=minute)
        return self.now.isoformat()


CLOCK = Hands()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """A service that runs by `CLOCK`."""
    folder = tmp_path_factory.mktemp("patrols")
    async with open_service(mongodb_uri, folder, driver=os.environ.get("HEYUN_DRIVER", "motor"), clock=CLOCK) as running:
        yield running


def here(lon: float = INSIDE[0], lat: float = INSIDE[1], **more: Any) -> dict[str, Any]:
    return {"location": {"lon": lon, "lat": lat, "crs": "WGS-84", "accuracy_m": 5}, **more}


async def jpeg(town: Running, user: str) -> str:
    """Send a picture and return its id."""
    raw = io.BytesIO()
    Image.new("RGB", (40, 30), (len(user), 80, 120)).save(raw, "JPEG")
    sha256 = hashlib.sha256(raw.getvalue()).hexdigest()
    sent = await town.call(
        "PUT", f"/api/v1/media/{sha256}", user=user, raw=raw.getvalue(), headers={"Content-Type": "image/jpeg"}
    )
    return str(sent.json["id"])


async def planned(town: Running, day: int = 23, user: str = "lead_a", **changes: Any) -> dict[str, Any]:
    CLOCK.at(8, day=day)
    body = {
        "name": "早巡", "worker": "worker_a", "areas": [GRID], "day": f"2026-11-{day:02}", "begins": "09:00", "ends": "11:00",
        "points": [GATE, POND],
    }  # fmt: skip
    answer = await town.post("/api/v1/patrols", body | changes, user)
    assert answer.status == 201, answer.body
    found: dict[str, Any] = answer.json
    return found


async def begun(town: Running, day: int = 23, **changes: Any) -> str:
    patrol = await planned(town, day, **changes)
    CLOCK.at(9, day=day)
    answer = await town.post(f"/api/v1/patrols/{patrol['id']}:start", here(), "worker_a")
    assert answer.status == 200 and answer.json["state"] == "walking", answer.body
    return str(patrol["id"])


def fixes(day: int, minutes: range, lon: float = INSIDE[0]) -> dict[str, Any]:
    """A position each minute after nine, going east by some ten metres."""
    start = datetime(2026, 11, day, 1, tzinfo=UTC)
    points = [
        {"at": (start + timedelta(minutes=n)).isoformat(), "lon": lon + n * 0.0002, "lat": INSIDE[1], "accuracy_m": 5}
        for n in minutes
    ]
    return {"crs": "WGS-84", "points": points}


async def test_patrol_when_walked_then_minutes_track_coverage_and_distance(town: Running) -> None:
    id = await begun(town)
    CLOCK.at(9, 21)
    sent = await town.post(f"/api/v1/patrols/{id}/points", fixes(23, range(0, 21)), "worker_a")
    assert sent.json == {"stored": 21, "known": 0, "refused": []}
    seen = await town.post(f"/api/v1/patrols/{id}/visits", here(point="gate"), "worker_a")
    assert seen.status == 200 and seen.json["visits"][0]["distance_m"] == 0
    CLOCK.at(9, 40)
    done = (await town.post(f"/api/v1/patrols/{id}:end", {}, "worker_a")).json
    assert (done["state"], done["coverage"], done["ended_by"]) == ("ended", 0.5, "worker_a")
    assert done["track"] == {
        "minutes": 40, "tracked_minutes": 20, "fixes": 21, "inside_share": 1.0, "valid": True, "distance_m": 398,
    }  # fmt: skip
    again = await town.post(f"/api/v1/patrols/{id}:end", {"at": CLOCK.at(10)}, "worker_a")
    assert again.json == done, "ended once"


async def test_patrol_when_still_walked_then_its_worker_is_told_what_the_track_shows_so_far(town: Running) -> None:
    id = await begun(town, 28)
    CLOCK.at(9, 20, day=28)
    await town.post(f"/api/v1/patrols/{id}/points", fixes(28, range(0, 11)), "worker_a")
    mine = (await town.get(f"/api/v1/patrols/{id}", "worker_a")).json
    assert mine["state"] == "walking"
    assert (mine["track"]["minutes"], mine["track"]["tracked_minutes"], mine["track"]["fixes"]) == (20, 10, 11)
    assert (await town.get(f"/api/v1/patrols/{id}", "lead_a")).json["track"] is None, "a lead sees it at the end"


async def test_start_when_outside_the_grid_then_refused_with_the_distance_and_the_accuracy_counts(town: Running) -> None:
    patrol = await planned(town, 24)
    path = f"/api/v1/patrols/{patrol['id']}:start"
    CLOCK.at(9, day=24)
    refused = await town.post(path, here(106.6115), "worker_a")
    assert (refused.status, refused.code) == (422, "outside_grid")
    assert refused.json["distance_m"] == 144 and refused.json["allowed_m"] == 50
    doubtful = here(106.6115)
    doubtful["location"]["accuracy_m"] = 5000
    assert (await town.post(path, doubtful, "worker_a")).status == 200, "at most 100 m are believed, and they suffice here"
    other = await planned(town, 24, name="晚巡")
    doubtful["location"]["lon"] = 106.6130
    CLOCK.at(9, day=24)
    assert (await town.post(f"/api/v1/patrols/{other['id']}:start", doubtful, "worker_a")).code == "outside_grid"
    near = here(106.61045)
    begun = await town.post(f"/api/v1/patrols/{other['id']}:start", near, "worker_a")
    assert begun.status == 200 and (await town.post(f"/api/v1/patrols/{other['id']}:start", near, "worker_a")).json == begun.json


@pytest.mark.parametrize(("hour", "minute", "allowed"), [(8, 29, False), (8, 30, True), (11, 0, True), (11, 1, False)])
async def test_start_when_not_its_time_then_refused(town: Running, hour: int, minute: int, allowed: bool) -> None:
    patrol = await planned(town, 25)
    CLOCK.at(hour, minute, day=25)
    answer = await town.post(f"/api/v1/patrols/{patrol['id']}:start", here(), "worker_a")
    assert (answer.status, answer.code) == ((200, None) if allowed else (409, "outside_time"))


async def test_points_when_late_twice_and_out_of_order_then_each_is_stored_once(town: Running) -> None:
    id = await begun(town, 26)
    CLOCK.at(10, day=26)
    done = (await town.post(f"/api/v1/patrols/{id}:end", {"at": CLOCK.at(9, 30, day=26)}, "worker_a")).json
    assert done["track"]["fixes"] == 0 and done["track"]["inside_share"] is None and not done["track"]["valid"]
    CLOCK.at(20, day=27)
    later, earlier = fixes(26, range(10, 25)), fixes(26, range(0, 15))
    first = (await town.post(f"/api/v1/patrols/{id}/points", later, "worker_a")).json
    second = (await town.post(f"/api/v1/patrols/{id}/points", earlier, "worker_a")).json
    assert (first["stored"], second["stored"], second["known"]) == (15, 10, 5)
    assert (await town.get(f"/api/v1/patrols/{id}", "worker_a")).json["track"]["fixes"] == 25
    CLOCK.at(10, day=29)
    refused = await town.post(f"/api/v1/patrols/{id}/points", earlier, "worker_a")
    assert (refused.status, refused.code) == (409, "outside_time"), "48 hours after the end it is over"


async def test_points_when_batches_come_at_once_then_the_whole_track_is_measured(town: Running) -> None:
    id = await begun(town, 26)
    await town.post(f"/api/v1/patrols/{id}:end", {"at": CLOCK.at(10, day=26)}, "worker_a")
    batches = [fixes(26, range(n, n + 20)) for n in range(0, 40, 10)]
    answers = await asyncio.gather(*(town.post(f"/api/v1/patrols/{id}/points", one, "worker_a") for one in batches))
    assert sum(one.json["stored"] for one in answers) == 50
    assert (await town.get(f"/api/v1/patrols/{id}", "worker_a")).json["track"]["fixes"] == 50


async def test_points_when_not_taken_on_patrol_then_refused_and_stored_nowhere(town: Running) -> None:
    patrol = await planned(town, 24, name="午巡")
    path = f"/api/v1/patrols/{patrol['id']}/points"
    assert (await town.post(path, fixes(24, range(3)), "worker_a")).code == "patrol_state"
    CLOCK.at(9, 5, day=24)
    await town.post(f"/api/v1/patrols/{patrol['id']}:start", here(), "worker_a")
    CLOCK.at(9, 10, day=24)
    sent = await town.post(path, fixes(24, range(3, 15)), "worker_a")
    assert sent.json == {"stored": 8, "known": 0, "refused": [0, 1, 10, 11]}, "before the start, and in the future"
    await town.post(f"/api/v1/patrols/{patrol['id']}:end", {"at": CLOCK.at(9, 11, day=24)}, "worker_a")
    CLOCK.at(9, 30, day=24)
    late = await town.post(path, fixes(24, range(10, 20)), "worker_a")
    assert late.json == {"stored": 0, "known": 2, "refused": [2, 3, 4, 5, 6, 7, 8, 9]}
    stored = await town.services.database.find(TRACKS, {"patrol": patrol["id"]}, sort=[("at", 1)])
    assert [one["at"].minute for one in stored] == [5, 6, 7, 8, 9, 10, 11], "what lay behind the end is erased"
    assert all(b"106.6" not in bytes(one["where"]["c"]) and "lon" not in one for one in stored), "coordinates are sealed"


async def test_points_when_wrong_then_the_field_is_named(town: Running) -> None:
    id = await begun(town, 26)
    wrong = fixes(26, range(2))
    wrong["points"][1]["lon"] = 181
    answer = await town.post(f"/api/v1/patrols/{id}/points", wrong, "worker_a")
    assert answer.status == 422 and answer.json["errors"][0]["field"] == "points[1].lon"
    assert (await town.post(f"/api/v1/patrols/{id}/points", fixes(26, range(2)) | {"crs": "?"}, "worker_a")).code == "unknown_crs"


async def test_visit_when_far_or_without_the_photo_then_refused_and_once_it_stays(town: Running) -> None:
    id = await begun(town, 27)
    path = f"/api/v1/patrols/{id}/visits"
    far = await town.post(path, here(point="pond"), "worker_a")
    assert far.code == "too_far", far.json
    assert (far.status, far.code, far.json["distance_m"]) == (422, "too_far", 199)
    assert far.json["allowed_m"] == 50
    bare = await town.post(path, here(POND["lon"], point="pond"), "worker_a")
    assert [error["field"] for error in bare.json["errors"]] == ["photos"]
    assert (await town.post(path, here(point="roof"), "worker_a")).json["errors"][0]["field"] == "point"
    photo = await jpeg(town, "worker_a")
    seen = await town.post(path, here(POND["lon"], point="pond", photos=[photo]), "worker_a")
    assert seen.status == 200 and seen.json["visits"][0]["photos"] == [photo]
    CLOCK.at(9, 20, day=27)
    assert (await town.post(path, here(POND["lon"], point="pond", photos=[photo]), "worker_a")).json == seen.json
    assert (await town.get(f"/api/v1/media/{photo}", "lead_a")).status == 200, "who sees the patrol sees its photos"
    assert (await town.get(f"/api/v1/media/{photo}", "worker_c")).status == 404


async def test_track_when_the_lead_looks_then_written_down_and_nobody_else_sees_it(town: Running) -> None:
    id = await begun(town, 28)
    CLOCK.at(9, 10, day=28)
    await town.post(f"/api/v1/patrols/{id}/points", fixes(28, range(3)), "worker_a")
    path, views = f"/api/v1/patrols/{id}/points", {"patrol": id}
    own = await town.get(path, "worker_a")
    assert [round(one["lon"], 4) for one in own.json["items"]] == [106.605, 106.6052, 106.6054]
    assert await town.services.database.count(TRACK_VIEWS, views) == 0
    assert (await town.get(path, "lead_a")).json == own.json
    noted = await town.services.database.find(TRACK_VIEWS, views)
    assert [(one["by"], one["worker"]) for one in noted] == [("lead_a", "worker_a")]
    for user, status in (("lead_b", 404), ("worker_c", 404), ("supervisor", 403), ("sys_admin", 403), ("operator", 403)):
        assert (await town.get(path, user)).status == status, user
    assert (await town.get(f"/api/v1/patrols/{id}", "supervisor")).status == 200, "oversight sees what came of it"
    assert (await town.get(f"/api/v1/patrols/{id}", "lead_b")).status == 404
    assert await town.services.database.count(TRACK_VIEWS, views) == 1


async def test_patrol_when_of_other_grids_or_people_then_refused(town: Running) -> None:
    CLOCK.at(8)
    body = {"worker": "worker_a", "areas": [GRID], "day": "2026-11-23", "begins": "09:00", "ends": "11:00"}
    assert (await town.post("/api/v1/patrols", body, "lead_b")).status in (403, 422)
    assert (await town.post("/api/v1/patrols", body | {"areas": ["520103001001003"]}, "lead_a")).status == 403
    stranger = await town.post("/api/v1/patrols", body | {"worker": "worker_b"}, "lead_a")
    assert [error["field"] for error in stranger.json["errors"]] == ["worker"]
    assert (await town.post("/api/v1/patrols", body | {"worker": "worker_c"}, "worker_a")).status == 422
    assert (await town.post("/api/v1/patrols", body | {"worker": ""}, "worker_a")).status == 201, "one's own"
    wrong = await town.post(
        "/api/v1/patrols",
        body | {"areas": ["520102", GRID], "points": [GATE, GATE]},
        "lead_a",
    )
    assert {error["field"] for error in wrong.json["errors"]} == {"areas[0]", "points[1].id"}
    away = await town.post("/api/v1/patrols", body | {"points": [GATE | {"lon": OTHER_DISTRICT[0]}]}, "lead_a")
    assert [error["field"] for error in away.json["errors"]] == ["points[0]"]
    assert (await town.post("/api/v1/patrols", body | {"day": "2026-11-20"}, "lead_a")).json["errors"][0]["field"] == "day"
    assert (await town.post("/api/v1/patrols", body | {"begins": "9am"}, "lead_a")).json["errors"][0]["field"] == "begins"


async def test_patrol_when_put_down_again_under_its_key_then_one_patrol(town: Running) -> None:
    CLOCK.at(8)
    body = {"worker": "worker_a", "areas": [GRID], "day": "2026-11-23", "begins": "14:00", "ends": "15:00"}
    first = await town.post("/api/v1/patrols", body, "lead_a", key="p-1")
    again = await town.post("/api/v1/patrols", body, "lead_a", key="p-1")
    assert (first.status, again.status) == (201, 200) and first.json == again.json
    assert (await town.post("/api/v1/patrols", body | {"ends": "16:00"}, "lead_a", key="p-1")).code == "idempotency_mismatch"
    assert (await town.call("POST", "/api/v1/patrols", user="lead_a", body=body)).code == "idempotency_key_required"
    gone = await town.post(f"/api/v1/patrols/{first.json['id']}:cancel", {}, "lead_a")
    assert gone.json["state"] == "cancelled"
    assert (await town.post(f"/api/v1/patrols/{first.json['id']}:cancel", {}, "lead_a")).json == gone.json
    CLOCK.at(14)
    assert (await town.post(f"/api/v1/patrols/{first.json['id']}:start", here(), "worker_a")).code == "patrol_state"


async def test_plan_when_its_day_comes_then_one_patrol_for_who_is_there(town: Running) -> None:
    CLOCK.at(3, day=16)
    plan = {"name": "周巡", "areas": [GRID], "begins": "09:00", "ends": "10:00", "weekdays": [1, 3], "points": [GATE]}
    put = await town.call("PUT", "/api/v1/patrol-plans/week", user="lead_a", body=plan | {"worker": "worker_a"})
    assert put.status == 200 and put.json["rev"] == 1
    today = await town.services.database.find(PATROLS, {"plan": "week"})
    assert [(one["day"], one["worker"]) for one in today] == [("2026-11-16", "worker_a")], "today's at once"
    row = {"username": "worker_a", "kind": "leave", "first_day": "2026-11-18", "last_day": "2026-11-18", "substitute": "worker_c"}
    await town.call("PUT", "/api/v1/rosters/ill", user="lead_a", body=row)
    await town.services.parties.reload()
    for day in (17, 18, 18, 19):
        CLOCK.at(1, day=day)
        await asyncio.gather(*(town.services.field.patrols.make_day() for _ in range(3)))
    made = await town.services.database.find(PATROLS, {"plan": "week"}, sort=[("day", 1)])
    assert [(one["day"], one["worker"]) for one in made] == [("2026-11-16", "worker_a"), ("2026-11-18", "worker_c")]
    moved = await town.call("PUT", "/api/v1/patrol-plans/week", user="lead_a", body=plan | {"weekdays": [], "rev": 1})
    assert moved.json["rev"] == 2
    of_today = await town.get("/api/v1/patrols?day=2026-11-19", "lead_a")
    assert [one["worker"] for one in of_today.json["items"]] == ["worker_a"], "nobody is named: who is on duty there goes"
    assert (await town.call("DELETE", "/api/v1/patrol-plans/week", user="lead_b")).status == 403
    assert (await town.call("DELETE", "/api/v1/patrol-plans/week", user="lead_a")).status == 204
    assert (await town.get("/api/v1/patrols?day=2026-11-19", "lead_a")).json["items"] == []
    assert await town.services.database.count(PLAN_CHANGES, {"of": "week"}) == 3
    assert (await town.get("/api/v1/patrol-plans", "worker_a")).status == 403
    await town.call("DELETE", "/api/v1/rosters/ill", user="lead_a")
    await town.services.parties.reload()


async def test_plan_when_its_grid_is_gone_then_the_others_are_made_all_the_same(town: Running) -> None:
    CLOCK.at(3, day=13)
    plan = {"areas": [GRID], "begins": "09:00", "ends": "10:00", "first_day": "2026-11-14", "last_day": "2026-11-14"}
    for id in ("void-1", "void-2"):
        assert (await town.call("PUT", f"/api/v1/patrol-plans/{id}", user="lead_a", body=plan)).status == 200
    await town.services.database.update_one(PLANS, {"_id": "void-1"}, {"$set": {"areas": ["999"]}})
    CLOCK.at(1, day=14)
    assert await town.services.field.patrols.make_day() == 1
    assert [one["plan"] for one in await town.services.database.find(PATROLS, {"day": "2026-11-14"})] == ["void-2"]
    named = await NamedByFieldWork(town.services.database)(["520102001001"])
    assert [(one.what, one.items[0].id, one.items[0].area) for one in named if one.what == "patrol_plan"] == [
        ("patrol_plan", "void-1", "999")
    ]
    for id in ("void-1", "void-2"):
        await town.call("DELETE", f"/api/v1/patrol-plans/{id}", user="lead_a")


async def test_patrol_when_its_time_is_over_then_missed_or_ended_where_it_was_heard_of_last(town: Running) -> None:
    missed = await planned(town, 21)
    forgotten = await begun(town, 21)
    CLOCK.at(9, 30, day=21)
    await town.post(f"/api/v1/patrols/{forgotten}/points", fixes(21, range(0, 11)), "worker_a")
    CLOCK.at(11, 59, day=21)
    await town.services.field.on_patrol.settle(CLOCK.now)
    assert (await town.get(f"/api/v1/patrols/{forgotten}", "worker_a")).json["state"] == "walking"
    CLOCK.at(12, 1, day=21)
    await town.services.field.on_patrol.settle(CLOCK.now)
    ended = (await town.get(f"/api/v1/patrols/{forgotten}", "worker_a")).json
    assert (ended["state"], ended["ended_by"], ended["track"]["minutes"]) == ("ended", "system", 10)
    assert (await town.get(f"/api/v1/patrols/{missed['id']}", "worker_a")).json["state"] == "missed"
    more = await town.post(f"/api/v1/patrols/{forgotten}/points", fixes(21, range(11, 31)), "worker_a")
    assert more.json["stored"] == 20, "the phone was without signal"
    assert (await town.get(f"/api/v1/patrols/{forgotten}", "worker_a")).json["track"]["minutes"] == 30
    own = await town.post(f"/api/v1/patrols/{forgotten}:end", {"at": "2026-11-21T01:40:00Z"}, "worker_a")
    assert (own.json["ended_by"], own.json["track"]["minutes"]) == ("worker_a", 40)


async def test_patrol_when_the_whole_shift_was_without_signal_then_it_counts_all_the_same(town: Running) -> None:
    patrol = await planned(town, 22)
    CLOCK.at(13, day=22)
    await town.services.field.on_patrol.settle(CLOCK.now)
    path = f"/api/v1/patrols/{patrol['id']}"
    assert (await town.get(path, "worker_a")).json["state"] == "missed"
    started = await town.post(f"{path}:start", here(at="2026-11-22T01:00:00Z"), "worker_a")
    assert started.json["started_at"] == "2026-11-22T01:00:00.000Z"
    await town.services.field.on_patrol.settle(CLOCK.now)
    assert (await town.post(f"{path}/points", fixes(22, range(0, 60)), "worker_a")).json["stored"] == 60
    seen = await town.post(f"{path}/visits", here(point="gate", at="2026-11-22T01:05:00Z"), "worker_a")
    assert seen.json["coverage"] == 0.5
    done = (await town.post(f"{path}:end", {"at": "2026-11-22T03:00:00Z"}, "worker_a")).json
    assert (done["state"], done["ended_by"], done["track"]["minutes"], done["track"]["fixes"]) == ("ended", "worker_a", 120, 60)


async def test_tracks_when_kept_long_enough_then_erased_and_what_they_showed_stays(town: Running) -> None:
    CLOCK.at(8, day=1)
    id = await begun(town, 10)
    await town.post(f"/api/v1/patrols/{id}/points", fixes(10, range(0, 2)), "worker_a")
    await town.post(f"/api/v1/patrols/{id}:end", {"at": CLOCK.at(9, 30, day=10)}, "worker_a")
    kept = (await town.get(f"/api/v1/patrols/{id}", "worker_a")).json["track"]
    CLOCK.now = datetime(2026, 11, 10, 1, tzinfo=UTC) + timedelta(days=89)
    await town.services.field.patrols.erase()
    assert await town.services.database.count(TRACKS, {"patrol": id}) == 2
    CLOCK.now += timedelta(days=2)
    await town.services.field.patrols.erase()
    assert await town.services.database.count(TRACKS, {"patrol": id}) == 0
    assert (await town.get(f"/api/v1/patrols/{id}", "worker_a")).json["track"] == kept


async def test_tally_when_asked_then_each_worker_against_the_norm_and_only_where_one_leads(town: Running) -> None:
    id = await begun(town, 9)
    await town.post(f"/api/v1/patrols/{id}/visits", here(point="gate"), "worker_a")
    await town.post(f"/api/v1/patrols/{id}:end", {"at": CLOCK.at(10, 30, day=9)}, "worker_a")
    CLOCK.at(8, day=16)
    path = "/api/v1/patrols/tally?from=2026-11-09&to=2026-11-09"
    found = (await town.get(path, "lead_a")).json["items"]
    assert [(one["worker"], one["minutes"], one["coverage"]) for one in found] == [("worker_a", 90, 0.5)]
    assert found[0]["short_days"] == ["2026-11-09"] and found[0]["key_short"] == [["北门", "2026-11-09"]]
    assert (await town.get(path, "worker_a")).json["items"] == found
    assert (await town.get(path, "supervisor")).json["items"] == found
    assert (await town.get(path, "lead_b")).json["items"] == []
    assert (await town.get("/api/v1/patrols/tally?from=2026-01-01&to=2026-11-09", "lead_a")).json["errors"][0]["field"] == "to"


async def test_list_when_paged_then_every_patrol_once(town: Running) -> None:
    made = {(await planned(town, 30, name=f"巡{number}"))["id"] for number in range(5)}
    found: list[str] = []
    cursor = ""
    while True:
        page = (await town.get(f"/api/v1/patrols?day=2026-11-30&limit=2{cursor}", "lead_a")).json
        found += [one["id"] for one in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert sorted(found) == sorted(made)
    assert (await town.get("/api/v1/patrols?day=2026-11-30", "worker_c")).json["items"] == []


QUERIES = (
    (PATROLS, {"worker": "w", "day": "2026-11-23", "_id": {"$gt": ""}}, [("_id", 1)]),
    (PATROLS, {"codes": "c", "day": "2026-11-23", "_id": {"$gt": ""}}, [("_id", 1)]),
    (PATROLS, {"codes": {"$in": ["c", "d"]}, "day": "2026-11-23", "_id": {"$gt": ""}}, [("_id", 1)]),
    (PATROLS, {"worker": "w", "day": {"$gte": "2026-11-23", "$lte": "2026-11-30"}}, [("day", 1), ("_id", 1)]),
    (PATROLS, {"codes": {"$in": ["c", "d"]}, "day": {"$gte": "1", "$lte": "2"}}, [("day", 1), ("_id", 1)]),
    (PATROLS, {"state": "walking", "closes_at": {"$lt": utc_now()}}, [("closes_at", 1)]),
    (PLANS, {"codes": {"$in": ["c", "d"]}, "_id": {"$gt": ""}}, [("_id", 1)]),
    (TRACKS, {"patrol": "p"}, [("at", 1)]),
)


@pytest.mark.parametrize(("collection", "filter", "sort"), QUERIES)
async def test_queries_when_explained_walk_an_index_and_never_sort(
    town: Running, collection: str, filter: dict[str, Any], sort: list[tuple[str, int]]
) -> None:
    plan = str((await town.services.database.explain(collection, filter, sort, 51))["queryPlanner"]["winningPlan"])
    assert "IXSCAN" in plan and "COLLSCAN" not in plan and "'SORT'" not in plan
    assert collection in INDEXES
