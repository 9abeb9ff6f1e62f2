"""Drafts over HTTP: whose they are, what may stand in them, sending one, how long they are kept."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from hotline.drafts import DRAFTS, MOST, Drafts
from storage.errors import NotFound
from tests.service import Running, event

LIST = "/api/v1/drafts"
PHONE = "13812345678"


async def put(service: Running, name: str, content: dict[str, Any], *, user: str = "worker_a", **more: Any) -> Any:
    return await service.call("PUT", f"{LIST}/{name}", user=user, body={"content": content, **more})


async def test_draft_when_saved_needs_nothing_and_is_seen_by_its_maker_alone(service: Running) -> None:
    first = await put(service, "d-1", {})
    again = await put(service, "d-1", {"description": "井盖", "category": None})
    assert (first.status, again.status) == (201, 200)
    mine = (await service.get(LIST, "worker_a")).json["items"]
    assert [one["content"] for one in mine if one["id"] == "d-1"] == [{"description": "井盖", "category": None}]
    assert (await service.get(f"{LIST}/d-1", "worker_a")).json["kind"] == "event"
    assert (await service.get(f"{LIST}/d-1", "worker_b")).status == 404
    assert "d-1" not in [one["id"] for one in (await service.get(LIST, "worker_b")).json["items"]]
    assert (await service.get(LIST, "clerk_a")).status == 403


async def test_draft_when_forgotten_is_gone_and_forgetting_it_again_is_no_error(service: Running) -> None:
    await put(service, "d-2", {"description": "路灯不亮"})
    statuses = [(await service.call("DELETE", f"{LIST}/d-2", user="worker_a")).status for _ in range(2)]
    assert statuses == [204, 204] and (await service.get(f"{LIST}/d-2", "worker_a")).status == 404


@pytest.mark.parametrize(
    ("name", "body", "field"),
    [
        ("d-3", {"content": {"descripton": "x"}}, "content.descripton"),
        ("d-3", {"content": {"caller": {"name": "李"}}}, "content.caller"),
        ("d-3", {"content": {"location": {"$where": 1}}}, "location.$where"),
        ("d-3", {"content": {"description": "长" * 30_000}}, "content"),
        ("d-3", {"content": {}, "kind": "letter"}, "kind"),
        ("d-3", {}, "content"),
        ("d%203", {"content": {}}, "id"),
    ],
)
async def test_draft_when_it_cannot_be_kept_is_refused_with_the_field(
    service: Running, name: str, body: dict[str, Any], field: str
) -> None:
    answer = await service.call("PUT", f"{LIST}/{name}", user="worker_a", body=body)
    assert (answer.status, [error["field"] for error in answer.json["errors"]]) == (422, [field])
    assert (await service.get(f"{LIST}/d-3", "worker_a")).status == 404


async def test_draft_when_sent_becomes_one_case_however_often_it_is_sent(service: Running) -> None:
    await put(service, "d-4", event(description="小区门口井盖翘起,草稿之后发出"))
    answers = await asyncio.gather(*(service.post(f"{LIST}/d-4:send", None, "worker_a") for _ in range(3)))
    made = {answer.json["id"] for answer in answers if answer.status in (200, 201)}
    assert len(made) == 1 and sorted(answer.status for answer in answers)[0] in (200, 201)
    assert {answer.status for answer in answers} <= {200, 201, 404}
    assert (await service.get(f"{LIST}/d-4", "worker_a")).status == 404
    await put(service, "d-4", event(description="同一个名字的另一份草稿"))
    other = await service.post(f"{LIST}/d-4:send", None, "worker_a")
    assert other.status == 201 and other.json["id"] not in made


async def test_draft_when_it_was_sent_not_forgotten_and_written_over_is_another_case(service: Running) -> None:
    """As after a kill between the two: what is saved then is as new as it would be had the first been forgotten."""
    database, content = service.services.database, event(description="井盖翘起,发出之后服务中断")
    await put(service, "d-8", content)
    left = (await database.find(DRAFTS, {"name": "d-8"}))[0]
    first = await service.post(f"{LIST}/d-8:send", None, "worker_a")
    await database.insert_one(DRAFTS, left)
    assert (await service.post(f"{LIST}/d-8:send", None, "worker_a")).json["id"] == first.json["id"]
    await database.insert_one(DRAFTS, left)
    await put(service, "d-8", {**content, "description": "改写之后的另一件事,路灯不亮"})
    answers = await asyncio.gather(*(service.post(f"{LIST}/d-8:send", None, "worker_a") for _ in range(3)))
    made = {answer.json["id"] for answer in answers if answer.status in (200, 201)}
    assert len(made) == 1 and made != {first.json["id"]} and {answer.status for answer in answers} <= {200, 201, 404}


async def test_draft_when_it_is_not_whole_stays_a_draft(service: Running) -> None:
    await put(service, "d-5", {"description": "短"})
    answer = await service.post(f"{LIST}/d-5:send", None, "worker_a")
    assert (answer.status, {error["field"] for error in answer.json["errors"]}) == (422, {"description", "location"})
    assert (await service.get(f"{LIST}/d-5", "worker_a")).status == 200


async def test_draft_of_a_ticket_when_saved_is_sealed_and_sent_at_the_desk_alone(service: Running) -> None:
    content = event(appeal_type="help", caller={"name": "王女士", "phone": PHONE}, description="楼上漏水,来电人很着急")
    assert (await put(service, "d-6", content, kind="ticket")).status == 403
    assert (await put(service, "d-6", content, user="operator", kind="ticket")).status == 201
    stored = [str(one) for one in await service.services.database.find(DRAFTS, {"name": "d-6"})]
    assert stored and not any(PHONE in one or "王女士" in one or "漏水" in one for one in stored)
    sent = await service.post(f"{LIST}/d-6:send", None, "operator")
    assert (sent.status, sent.json["channel"], sent.json["reporter"]["kind"]) == (201, "phone", "citizen")


async def test_drafts_when_they_are_many_are_refused_and_those_there_can_still_be_saved(service: Running) -> None:
    held = len((await service.get(LIST, "grid_worker")).json["items"])
    for number in range(MOST - held):
        assert (await put(service, f"m-{number}", {}, user="grid_worker")).status == 201
    refused = await put(service, "m-more", {}, user="grid_worker")
    assert (refused.status, refused.code) == (409, "too_many_drafts")
    assert (await put(service, "m-0", {"title": "改过"}, user="grid_worker")).status == 200


async def test_draft_when_thirty_days_are_over_is_gone(service: Running) -> None:
    services = service.services
    await put(service, "d-7", {"description": "会过期"})
    worker = await services.accounts.actor_of_token(service.tokens["worker_a"])
    assert worker is not None
    now = (await services.drafts.get(worker, "d-7")).saved_at
    rules, cipher = services.core.rules, services.cases._cipher
    for days, there in ((29, True), (31, False)):
        later = Drafts(services.database, cipher, lambda: rules, lambda days=days: now + timedelta(days=days))  # type: ignore[misc]
        assert ("d-7" in [draft.id for draft in await later.of(worker)]) is there
    with pytest.raises(NotFound):
        await later.get(worker, "d-7")
