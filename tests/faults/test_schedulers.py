"""Several processes, each with its clockwork: what is for all is done once, and goes on soon when its process is killed."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from dispatch.chain import verify
from dispatch.jobs import LEASE
from storage.client import Database
from storage.lease import LEASES
from tests.faults.plant import Plant, new_key, plant
from tests.outside.servers import Asked, Site, http_server
from tests.small_city import INSIDE

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(420)]

MOVES_WITHIN_SECONDS = 15.0
CASES = 20
SOON = '[limits.nodes]\nsign_in = { default = "1m", urgent = "1m" }\n'  # yellow after 45 s, red after a minute
KILLS = 3
BURST = 30


def channels_of(site: Site) -> str:
    return (
        'base_url = "https://heyun.city.test"\nprivate_networks = ["127.0.0.0/8"]\n'
        f'[[webhooks]]\nname = "upstream"\nurl = "{site.url}/"\nsecret = "sixteen letters!"\nkeys = ["*"]\n'
    )


async def report(sound: Plant, draw: random.Random) -> str:
    lon, lat = INSIDE
    body = {
        "description": f"井盖破损{draw.randrange(10**6)}", "category": "0201",
        "location": {"lon": lon + draw.uniform(-4e-3, 4e-3), "lat": lat + draw.uniform(-9e-3, 9e-3), "crs": "WGS-84"},
    }  # fmt: skip
    answer = await sound.ask_until_answered("grid_worker", "POST", "/events", body, key=new_key())
    assert answer.status == 201 and answer.body["state"] == "dispatched", answer.body
    return str(answer.body["id"])


async def holder(database: Database) -> int:
    """Return the number of the process that does the work for all."""
    for _ in range(200):
        found = await database.find_one(LEASES, {"_id": LEASE})
        if found is not None:
            return int(str(found["holder"]).rpartition(":")[2])
        await asyncio.sleep(0.1)
    raise AssertionError("nobody took the lease")


async def until_moved(database: Database, from_pid: int) -> float:
    """Return after how many seconds another process has the lease."""
    began = time.monotonic()
    while await holder(database) == from_pid:
        assert time.monotonic() - began < 3 * MOVES_WITHIN_SECONDS, "the work stays with a process that is dead"
        await asyncio.sleep(0.05)
    return time.monotonic() - began


async def kill_holder(sound: Plant, database: Database) -> tuple[int, float]:
    """Kill -9 whoever has the lease; returns its place and after how many seconds the work has moved."""
    pid = await holder(database)
    place = next(place for place, service in enumerate(sound.services) if service.pid == pid)
    await sound.end_service(place)
    return place, await until_moved(database, pid)


async def test_lights_when_the_holder_is_killed_go_on_by_the_other_process_once_each(tmp_path: Path) -> None:
    async def taken(asked: Asked) -> web.Response:
        return web.Response(status=204)

    async with http_server(taken) as site, plant(tmp_path, processes=2, params=SOON, channels=channels_of(site)) as sound:
        database = await sound.database()
        draw, began = random.Random(1), time.monotonic()
        cases = [await report(sound, draw) for _ in range(CASES)]
        assert time.monotonic() - began < 40, "so slow a machine that the first light comes before the kill"
        place, moved = await kill_holder(sound, database)
        assert moved < MOVES_WITHIN_SECONDS
        sound.start_service(place)
        await _until_red(database)
        back, moved_back = await kill_holder(sound, database)  # and to the one that was begun anew
        assert moved_back < MOVES_WITHIN_SECONDS
        sound.start_service(back)
        await _until_told(database, site)
        stored = await database.find("cases", {"_id": {"$in": cases}})
        notices = await database.find("notices", {})
        await database.close()
    assert len(stored) == CASES
    for case in stored:
        lights = [
            entry["data"]["light"]
            for entry in case["timeline"]
            if entry["action"] == "light" and entry["data"]["clock"] == "sign_in"
        ]
        assert lights[:2] == ["yellow", "red"] and len(lights) == len(set(lights))
        assert not verify(case["timeline"], case["_id"])
    assert len({notice["_id"] for notice in notices}) == len(notices)
    posted = Counter(event_of(asked) for asked in site.asked)
    assert posted.keys() == {notice["_id"] for notice in notices}
    again = [event for event, count in posted.items() if count > 1]
    print(f"the work moved in {moved:.1f} and {moved_back:.1f} s; {len(posted)} events sent, {len(again)} twice")  # noqa: T201


async def _until_red(database: Database) -> None:
    """The first minute is over and the sweep, whoever does it, has been there."""
    wanted = {"timeline": {"$elemMatch": {"action": "light", "data.clock": "sign_in", "data.light": "red"}}}
    for _ in range(600):
        if await database.count("cases", wanted) == CASES:
            return
        await asyncio.sleep(0.2)
    raise AssertionError(f"{await database.count('cases', wanted)} of {CASES} cases turned red")


def event_of(asked: Asked) -> str:
    event: dict[str, Any] = json.loads(asked.body)
    return str(event["event"] if "event" in event else event["id"])


async def _until_told(database: Database, site: Site) -> None:
    """Every notice of every outbox is in the inboxes and has been posted."""
    missing: set[str] = set()
    for _ in range(600):
        cases = await database.find("cases", {}, projection={"outbox.id": 1})
        missing = {item["id"] for case in cases for item in case["outbox"]} - {event_of(asked) for asked in site.asked}
        if not missing:
            return
        await asyncio.sleep(0.2)
    raise AssertionError(f"{len(missing)} notices were never sent")


async def test_deliveries_when_processes_are_killed_while_sending_all_arrive_under_one_id(tmp_path: Path) -> None:
    async def slow(asked: Asked) -> web.Response:
        await asyncio.sleep(0.15)
        return web.Response(status=204)

    async with http_server(slow) as site, plant(tmp_path, processes=2, channels=channels_of(site)) as sound:
        database, draw = await sound.database(), random.Random(2)
        under_way = []
        for _ in range(KILLS):
            await asyncio.gather(*(report(sound, draw) for _ in range(BURST)))
            before = len(site.asked)
            while len(site.asked) < before + 3:  # noqa: ASYNC110  sending has begun, nobody announces it
                await asyncio.sleep(0.02)
            place, moved = await kill_holder(sound, database)
            assert moved < MOVES_WITHIN_SECONDS
            under_way.append(await database.count("deliveries", {"state": "waiting"}))
            sound.start_service(place)
        await _until_told(database, site)
        for _ in range(300):
            if not await database.count("deliveries", {"state": {"$ne": "sent"}}):
                break
            await asyncio.sleep(0.2)
        deliveries = await database.find("deliveries", {})
        await database.close()
    assert any(under_way), "no kill met a delivery that was still to be sent"
    assert {one["state"] for one in deliveries} == {"sent"}
    ids = {asked.headers["X-Heyun-Delivery"] for asked in site.asked}
    assert ids == {one["_id"] for one in deliveries} and len(deliveries) == KILLS * BURST
    events = {asked.headers["X-Heyun-Delivery"]: event_of(asked) for asked in site.asked}
    assert len(set(events.values())) == len(deliveries), "one event, one id"
    print(f"{len(deliveries)} deliveries, {len(site.asked) - len(ids)} sent twice; waiting at the kills {under_way}")  # noqa: T201
