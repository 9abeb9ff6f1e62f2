"""A change of borders that waits for its moment, while the process that would put it in force is killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.client import Database
from tests.faults.plant import NoAnswer, Plant, new_key, plant
from tests.faults.test_schedulers import holder
from tests.small_city import GRID_WIDTH, INSIDE, WEST

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(300)]

GRID = "520102001001001"
MIDDLE = WEST + GRID_WIDTH / 2 + 0.001
WAITS_SECONDS, GRACE_SECONDS = 35, 3.0
ENOUGH = 40  # answers: that all of them come from one of two processes has a chance of 1 in 5·10^11


async def version(sound: Plant) -> str | None:
    """The version that whichever process answers from; None when it was just killed."""
    with contextlib.suppress(NoAnswer):
        place = await sound.ask("dispatcher", "GET", f"/locate?lon={INSIDE[0]}&lat={INSIDE[1]}&crs=WGS-84")
        if place.status == 200:
            return str(place.body["version"])
    return None


async def answers(sound: Plant, until: datetime) -> list[tuple[datetime, datetime, str]]:
    """What was answered until a moment: when it was asked, when it was answered, by which version."""
    found = []
    while (asked := datetime.now(UTC)) < until:
        if (answered := await version(sound)) is not None:
            found.append((asked, datetime.now(UTC), answered))
        await asyncio.sleep(0.05)
    return found


async def test_change_when_the_holder_is_killed_before_its_moment_then_both_processes_switch_at_it(tmp_path: Path) -> None:
    async with plant(tmp_path, processes=2) as sound:
        at = datetime.now(UTC) + timedelta(seconds=WAITS_SECONDS)
        line = {"type": "LineString", "coordinates": [[MIDDLE, 26], [MIDDLE, 27]]}
        order = {"kind": "split", "code": GRID, "crs": "WGS-84", "line": line}
        body = {"order": order, "dry_run": False, "version": 1, "reason": "网格太大", "effective_at": at.isoformat()}
        made = await sound.ask_until_answered("sys_admin", "POST", "/territory/changes", body, key=new_key())
        assert (made.status, made.body["change"]["state"]) == (201, "planned"), made.body
        database: Database = await sound.database()
        try:
            os.kill(await holder(database), signal.SIGKILL)
            await asyncio.sleep(1)
            sound.revive()
            heard = await answers(sound, at + timedelta(seconds=GRACE_SECONDS))
            assert {one for asked, _, one in heard if asked < at} == {"1"}, "nobody switches early"
            late = [await version(sound) for _ in range(ENOUGH)]
            assert set(late) == {"2"}, (late, sound.log()[-2000:])
            (change,) = await database.find("territory_changes", {})
            assert change["state"] == "in_force" and change["applied_at"] < at
            assert await database.count("area_history", {}) == 1
            grids = {found["_id"] async for found in database.iterate("areas", {"parent": GRID[:12]})}
            assert grids == {f"{GRID[:12]}{number:03}" for number in range(2, 7)}
        finally:
            await database.close()
