"""Offers over HTTP: made and kept by the own coordinator, found by index, used for needs without races, given back."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import pytest

from orgs.offering import OfferClosed, OfferQuery, listing
from orgs.store import OFFERS, ORGANIZATION_CHANGES
from tests.service import Answer, Running
from tests.web.test_needs import case_with_need

OFFERED = {"organization": "ORG-1", "kind": "VOL", "what": "周末清洁行动", "weekdays": [6, 7], "amount": 3, "publish": True}


async def made(service: Running, user: str = "team_a", **fields: Any) -> dict[str, Any]:
    """A new offer of ORG-1."""
    answer = await service.post("/api/v1/offers", OFFERED | fields, user)
    assert answer.status == 201, answer.body
    found: dict[str, Any] = answer.json
    return found


async def moved(service: Running, offer: dict[str, Any], action: str, user: str = "team_a") -> Answer:
    """Publish, pause or end."""
    return await service.post(f"/api/v1/offers/{offer['id']}:{action}", {"rev": offer["rev"]}, user)


async def listed(service: Running, query: str, user: str = "clerk_a") -> list[str]:
    """The ids of a list."""
    answer = await service.get(f"/api/v1/offers?limit=200&{query}", user)
    assert answer.status == 200, answer.body
    return [item["id"] for item in answer.json["items"]]


async def test_offer_when_made_then_published_paused_and_ended_by_the_own_coordinator_alone(service: Running) -> None:
    offer = await made(service, publish=False)
    assert (offer["state"], offer["left"], offer["rev"]) == ("draft", 3, 1)
    assert (await service.get(f"/api/v1/offers/{offer['id']}", "clerk_a")).status == 404, "a draft is nobody else's"
    assert (await service.post("/api/v1/offers", OFFERED | {"organization": "ORG-2"}, "team_a")).status == 403
    assert (await service.post("/api/v1/offers", OFFERED, "dispatcher")).status == 403
    published = await moved(service, offer, "publish")
    assert published.json["state"] == "published" and offer["id"] in await listed(service, "kind=VOL")
    assert (await moved(service, offer, "pause")).status == 412, "not as it was seen"
    paused = await moved(service, published.json, "pause")
    assert paused.json["state"] == "paused" and offer["id"] not in await listed(service, "kind=VOL")
    assert offer["id"] in await listed(service, "organization=ORG-1&state=paused", "team_a")
    assert (await service.get("/api/v1/offers?state=paused", "clerk_a")).status == 422
    ended = await moved(service, paused.json, "end")
    again = await moved(service, ended.json, "publish")
    assert (ended.json["state"], again.status, again.code, again.json["state"]) == ("ended", 409, "offer_closed", "ended")
    changes = await service.services.database.find(ORGANIZATION_CHANGES, {"reason": offer["id"]}, sort=[("at", 1)])
    assert [(one["what"], one["by"]) for one in changes] == [
        ("offer_created", "team_a"), ("offer_published", "team_a"), ("offer_paused", "team_a"), ("offer_ended", "team_a"),
    ]  # fmt: skip


async def test_offer_when_fields_are_wrong_then_each_is_named_and_nothing_is_left(service: Running) -> None:
    body = OFFERED | {
        "kind": "LAW", "what": "请打13800138000", "area_codes": ["999"], "hours": "9-5", "radius_m": 500,
        "first_day": "2026-02-01", "last_day": "2026-01-01",
    }  # fmt: skip
    before = await service.services.database.count(OFFERS, {})
    answer = await service.post("/api/v1/offers", body, "team_a")
    assert answer.status == 422 and {error["field"] for error in answer.json["errors"]} == {
        "kind", "what", "area_codes", "hours", "lon", "last_day",
    }  # fmt: skip
    assert await service.services.database.count(OFFERS, {}) == before


async def test_offers_when_listed_then_by_area_and_day_page_by_page(service: Running) -> None:
    near = await made(service, area_codes=["520102001001"], first_day="2026-11-01", last_day="2026-11-30")
    own = await made(service)  # wherever the organization serves: 520102
    far = await made(service, area_codes=["520103"])
    found = await listed(service, "area=520102001001&day=2026-11-21")
    assert {near["id"], own["id"]} <= set(found) and far["id"] not in found
    assert near["id"] not in await listed(service, "area=520102&day=2026-11-21"), "it is for a part of the district alone"
    assert own["id"] not in await listed(service, "day=2026-11-23"), "a Monday"
    assert near["id"] not in await listed(service, "day=2026-12-05")
    assert (await service.get("/api/v1/offers?area=nowhere", "clerk_a")).status == 422
    first = (await service.get("/api/v1/offers?kind=VOL&limit=2", "clerk_a")).json
    second = (await service.get(f"/api/v1/offers?kind=VOL&limit=2&cursor={first['next']}", "clerk_a")).json
    assert len(first["items"]) == 2 and first["items"][-1]["id"] < second["items"][0]["id"]


@pytest.mark.parametrize(
    "query",
    [
        OfferQuery(kind="VOL"),
        OfferQuery(kind="VOL", areas=("520100", "520102"), day=date(2026, 11, 21)),
        OfferQuery(areas=("520102",)),
        OfferQuery(organization="ORG-1", state="draft"),
    ],
)
async def test_offers_when_listed_then_an_index_gives_the_order(service: Running, query: OfferQuery) -> None:
    filter, hint = listing(query)
    plan = str(await service.services.database.explain(OFFERS, filter, [("_id", 1)], 10, hint=hint))
    assert "IXSCAN" in plan and "COLLSCAN" not in plan and "'SORT'" not in plan


async def test_offer_when_many_want_the_last_of_it_then_exactly_its_amount_is_reserved(service: Running) -> None:
    offers, offer = service.services.offers, await made(service, amount=7)

    async def reserve(number: int) -> bool:
        try:
            await offers.reserve(id=offer["id"], key=f"case{number}:n1", amount=1)
        except OfferClosed:
            return False
        return True

    won = await asyncio.gather(*(reserve(number) for number in range(40)))
    after = await offers.get(offer["id"])
    assert (sum(won), after.state, after.still_left) == (7, "used_up", 0)
    winner = won.index(True)
    assert await reserve(winner) and (await offers.get(offer["id"])).still_left == 0, "once more is not twice"
    assert await asyncio.gather(*(offers.give_back("ORG-1", f"case{winner}:") for _ in range(4))) and True
    back = await offers.get(offer["id"])
    assert (back.state, back.still_left, len(back.held)) == ("published", 1, 6)
    less = await service.call("PUT", f"/api/v1/offers/{offer['id']}", user="team_a", body={"rev": offer["rev"], "amount": 5})
    assert less.status == 422 and less.json["errors"][0]["code"] == "below_claimed"
    more = await service.call("PUT", f"/api/v1/offers/{offer['id']}", user="team_a", body={"rev": offer["rev"], "amount": 9})
    assert (more.json["left"], more.json["amount"]) == (3, 9)


async def test_offer_when_used_for_a_need_then_reserved_and_given_back_on_release(service: Running) -> None:
    offer = await made(service, amount=1, what="入户陪伴")
    case = await case_with_need(service, kind="VOL")
    need = f"{case['id']}.n1"
    url = f"/api/v1/offers/{offer['id']}:claim"
    assert (await service.post(url, {"need": need}, "elder_1")).status == 404, "another's offer"
    claimed = await service.post(url, {"need": need}, "team_a")
    assert claimed.status == 200, claimed.body
    assert (await service.get(f"/api/v1/offers/{offer['id']}", "clerk_a")).json["state"] == "used_up"
    task = next(task for task in claimed.json["tasks"] if task["state"] == "claimed")
    released = await service.post(
        f"/api/v1/cases/{case['id']}/tasks/{task['id']}/actions/release", {"reason": "人手不足"}, "team_a"
    )
    assert released.status == 200, released.body
    async with asyncio.timeout(10):
        while (await service.services.offers.get(offer["id"])).state != "published":
            await service.services.tending.give_back(case["id"], "ORG-1")
    missing = await service.post(url, {"need": f"{case['id']}.n9"}, "team_a")
    assert missing.status in (404, 409)
    back = (await service.get(f"/api/v1/offers/{offer['id']}", "clerk_a")).json
    assert (back["state"], back["left"]) == ("published", 1), "a claim that failed leaves nothing reserved"
