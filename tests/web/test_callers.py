"""The person on the line: what they told us before, for operators alone, and no number in any address."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.service import Running, event
from tests.small_city import OTHER_DISTRICT

PATH = "/api/v1/callers:cases"


async def _ticket(service: Running, phone: str) -> str:
    lon, lat = OTHER_DISTRICT
    caller = {"name": "赵明", "phone": phone, "anonymous": False, "confidential": False}
    place = {"lon": lon, "lat": lat, "crs": "WGS-84"}
    body = event(appeal_type="help", channel="phone", caller=caller, file=True, location=place)
    answer = await service.post("/api/v1/tickets", body, "operator")
    assert answer.status == 201, answer.body
    return str(answer.json["id"])


async def test_caller_when_known_then_their_cases_newest_first_with_the_number_masked(service: Running) -> None:
    mine = [await _ticket(service, "13655501234") for _ in range(3)]
    await _ticket(service, "13655509999")
    answer = await service.post(PATH, {"phone": "+86 136-5550-1234"}, "operator")
    items = answer.json["items"]
    assert answer.status == 200 and sorted(one["id"] for one in items) == sorted(mine)
    assert all(late["reported_at"] >= early["reported_at"] for late, early in pairwise(items))
    assert items[0]["light"] and items[0]["title"] and items[0]["state"] and items[0]["due_at"]
    assert "13655501234" not in answer.body.decode() and "赵明" not in answer.body.decode()
    assert len((await service.post(PATH, {"phone": "13655501234", "limit": 2}, "operator")).json["items"]) == 2
    assert (await service.post(PATH, {"phone": "13655500000"}, "operator")).json == {"items": [], "next": None}


@pytest.mark.parametrize("phone", ["", "call me", "12", "1" * 16, "13655501234; drop"])
async def test_caller_when_it_is_no_number_then_422_that_does_not_repeat_it(service: Running, phone: str) -> None:
    answer = await service.post(PATH, {"phone": phone}, "operator")
    assert (answer.status, answer.code) == (422, "invalid") and answer.json["errors"][0]["field"] == "phone"
    assert answer.json["errors"][0]["message"] and "drop" not in answer.body.decode()


@pytest.mark.parametrize("body", [{}, {"phone": 5}, {"phone": "1" * 41}, {"phone": "136", "limit": 51}, {"phone": "136", "x": 1}])
async def test_caller_when_the_body_is_wrong_then_422(service: Running, body: dict[str, object]) -> None:
    assert (await service.post(PATH, body, "operator")).status == 422


@pytest.mark.parametrize("user", ["dispatcher", "clerk_a", "grid_worker", "leader"])
async def test_caller_when_the_asker_is_no_operator_then_403(service: Running, user: str) -> None:
    assert (await service.post(PATH, {"phone": "13655501234"}, user)).status == 403
