"""Random walks of organizations and units over the needs of a case: whatever is tried, places, keys and chain agree."""

from __future__ import annotations

import contextlib
import random
from datetime import timedelta
from typing import Any

import pytest

from dispatch.chain import verify
from dispatch.errors import NotAllowed
from dispatch.wanted import need_state, taken, wanted_of
from storage.client import Database
from storage.errors import Forbidden, Invalid, NotFound
from tests.dispatch.test_needs import Needing, needing
from tests.dispatch.test_teamwork import WATER, coordinator
from tests.dispatch.town import DISPATCHER, Clock

ORGANIZATIONS = [coordinator(f"many{number}") for number in range(6)]
STEPS = 60
REFUSED = (NotAllowed, Forbidden, Invalid, NotFound)


async def _on_task(team: Needing, dice: random.Random) -> None:
    who = dice.choice([*ORGANIZATIONS, WATER, DISPATCHER])
    tasks = [task for task in (await team.stored())["tasks"] if task["kind"] == "org"]
    if tasks:
        action = dice.choice(("claim", "decline", "release", "serve", "task_submit", "task_confirm", "task_return"))
        fields = {
            "release": {"reason": "人手不够"}, "serve": {"people": "志愿者"}, "task_return": {"reason": "请补充"},
            "task_submit": {"note": "已经办完了", "hours": 1},
        }.get(action, {})  # fmt: skip
        if action == "serve":
            fields["at"] = team.clock.now.isoformat()
        await team.try_task(who, dice.choice(tasks)["id"], action, **fields)


async def _on_need(team: Needing, dice: random.Random) -> None:
    need = f"n{dice.randint(1, 3)}"
    match dice.choice(("open", "claim", "claim", "claim", "change", "close", "invite")):
        case "open":
            invited = [f"many{number}" for number in dice.sample(range(6), dice.randint(0, 2))]
            until = (team.clock.now + timedelta(hours=dice.choice((6, 48, 240)))).isoformat()
            more = {"organizations": invited} if invited else {}
            await team.opened(places=dice.randint(1, 3), open_until=until, **more)
        case "claim":
            await team.claim(dice.choice(ORGANIZATIONS), need)
        case "change":
            await team.need("change_need", need=need, places=dice.randint(1, 4))
        case "close":
            if dice.random() < 0.3:
                await team.need("close_need", need=need, reason="不再需要")
        case "invite":
            await team.try_case(WATER, "invite", organizations=[f"many{dice.randrange(6)}"], need=need)


async def _check(team: Needing) -> None:
    case: dict[str, Any] = await team.stored()
    assert verify(case["timeline"], team.id) == []
    for need in case.get("needs", ()):
        having = taken(case, need)
        codes = [task["organization"]["code"] for task in having]
        assert len(having) <= need["places"] and len(set(codes)) == len(codes), (need, codes)
        assert need["state"] == need_state(need, [task["state"] for task in having])
        timers = [timer for timer in case["timers"] if timer["name"] == f"need:{need['id']}"]
        assert need["state"] != "open" or [timer["at"] for timer in timers] == [need["open_until"]]
    if "needs" in case:
        assert case.get("wanted") == wanted_of(case)
    assert set(case["live"]["orgs"]) == {one["code"] for one in case["organizations"] if "o:" + one["code"] in case["keys"]}


@pytest.mark.parametrize("seed", range(6))
async def test_walk_over_needs_when_random_never_gives_a_place_twice(database: Database, seed: int) -> None:
    dice, clock = random.Random(seed), Clock()
    team = await needing(database, clock)
    team.clock = clock
    await team.opened(open_until=(clock.now + timedelta(days=5)).isoformat())
    for _ in range(STEPS):
        clock.forward(minutes=dice.choice((1, 10, 60, 600)))
        await team.service.sweep()
        with contextlib.suppress(*REFUSED):
            await dice.choice((_on_task, _on_need, _on_need))(team, dice)
        await _check(team)
    assert {"open_need", "claim_need"} <= {entry["action"] for entry in (await team.stored())["timeline"]}
