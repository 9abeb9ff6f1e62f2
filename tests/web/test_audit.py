"""`./heyun audit`: a changed entry or draw is found and named, what is whole is not complained of."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch.draws import Sampling, draw_of, is_drawn
from tests.service import Running
from web.cli.audit import draw_all, verify_all


async def _broken(service: Running, case_no: str) -> list[str]:
    _, _, broken = await verify_all(service.services.database)
    return [line for line in broken if line.startswith(case_no)]


async def test_verify_when_nothing_was_touched_then_no_problem(service: Running) -> None:
    case = await service.report()
    assert await _broken(service, case["case_no"]) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"$set": {"timeline.0.at": None}}, "changed"),
        ({"$set": {"timeline.1.actor.id": "somebody_else"}}, "changed"),
        ({"$pop": {"timeline": 1}}, "truncated"),
        ({"$pop": {"timeline": -1}}, "broken"),
    ],
)
async def test_verify_when_the_timeline_was_changed_behind_our_back_then_named(
    service: Running, change: dict[str, object], problem: str
) -> None:
    case = await service.report()
    await service.services.database.update_one("cases", {"_id": case["id"]}, change)
    found = await _broken(service, case["case_no"])
    await service.services.database.delete_many("cases", {"_id": case["id"]})
    assert any(f" {problem}: " in line for line in found), found


async def test_draws_when_done_again_then_forged_and_left_out_ones_are_named(service: Running) -> None:
    secret, rates = b"of this installation", Sampling(closed=0.5)
    database, ids = service.services.database, [f"{number:032x}" for number in range(40)]
    cases = [_closed(one, secret) for one in ids]
    await database.bulk_replace("cases", cases)
    assert [line for line in (await draw_all(database, secret, rates))[2] if line.startswith("DRAW-")] == []
    drawn = next(case for case in cases if "draw" in case["facts"])
    spared = next(case for case in cases if "draw" in case["facts"] and case is not drawn)
    await database.update_one("cases", {"_id": drawn["_id"]}, {"$set": {"facts.draw.draw": "0" * 16}})
    await database.update_one("cases", {"_id": spared["_id"]}, {"$unset": {"facts.draw": ""}})
    wrong = [line for line in (await draw_all(database, secret, rates))[2] if line.startswith("DRAW-")]
    await database.delete_many("cases", {"_id": {"$in": ids}})
    assert sorted(line.split(":")[0] for line in wrong) == sorted([drawn["case_no"], spared["case_no"]])


def _closed(identity: str, secret: bytes) -> dict[str, Any]:
    """Return as much of a closed case as its draw needs; half of them are drawn."""
    draw = draw_of(secret, {"_id": identity})
    facts = {"draw": {"draw": draw, "rate": 0.5}} if is_drawn(draw, 0.5) else {}
    live = {"state": "closed", "sensitive": False, "areas": ["52"], "category": "0201"}
    return {"_id": identity, "case_no": f"DRAW-{identity[-4:]}", "live": live, "facts": facts, "outcome": "resolved"}
