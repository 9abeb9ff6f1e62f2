"""`./heyun audit verify`: a changed entry is found and named, whole chains are not complained of."""

from __future__ import annotations

import pytest

from tests.service import Running
from web.cli.audit import verify_all


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
