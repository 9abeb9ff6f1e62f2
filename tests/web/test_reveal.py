"""Looking at callers too often is answered with 429 and the time to wait."""

from __future__ import annotations

from dispatch.reveals import PER_HOUR
from tests.service import Running, event


async def test_reveal_when_asked_too_often_then_429_with_retry_after(service: Running) -> None:
    caller = {"name": "李四光", "phone": "13900139000", "anonymous": False, "confidential": False}
    body = event(appeal_type="help", channel="phone", caller=caller, file=True)
    case = (await service.post("/api/v1/tickets", body, "operator")).json
    path = f"/api/v1/cases/{case['id']}/reveal"
    for _ in range(PER_HOUR):
        assert (await service.post(path, {"reason": "督办核实"}, "supervisor")).status == 200
    refused = await service.post(path, {"reason": "督办核实"}, "supervisor")
    assert (refused.status, refused.code) == (429, "too_many") and 3500 <= int(refused.headers["Retry-After"]) <= 3601
    assert (await service.post(path, {"reason": "派遣核实"}, "dispatcher")).status == 200
