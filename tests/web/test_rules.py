"""The rulebook over HTTP: changed in versions by those who keep it, matched by at once, taken back; bad sets leave nothing."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.service import Answer, Running

GRID = "520103001001002"  # of the other district: nobody else's tests look at its rules
HERE = "/api/v1/match?lon=106.655&lat=26.62&crs=WGS-84&category=0401"


async def version_of(service: Running) -> int:
    items = (await service.get("/api/v1/rules/versions?limit=1", "dispatcher")).json["items"]
    version: int = items[0]["version"]
    return version


async def apply(service: Running, *changes: Any, user: str = "dispatcher", key: str | None = None, **fields: Any) -> Answer:
    body = {"version": await version_of(service), "reason": "按三定方案调整", "changes": changes} | fields
    return await service.post("/api/v1/rules:apply", body, user, key=key)


async def undo(service: Running, number: int, user: str = "dispatcher", **fields: Any) -> Answer:
    body = {"version": await version_of(service), "reason": "改错了"} | fields
    return await service.post(f"/api/v1/rules/versions/{number}:undo", body, user)


def add(**fields: Any) -> dict[str, Any]:
    rule = {"category": "0401", "area_code": GRID, "lead": "520103-water", "basis": "噪声条例第九条"}
    return {"op": "add", "rule": rule | fields}


async def lead_here(service: Running, rule: str) -> dict[str, Any]:
    """Return the first candidate once the rule decides (or decides no more, with `!` before it)."""
    for _ in range(200):
        best: dict[str, Any] = (await service.get(HERE, "dispatcher")).json["candidates"][0]
        if (best["rule"] == rule) if rule[0] != "!" else (best["rule"] != rule[1:]):
            return best
        await asyncio.sleep(0.05)
    raise AssertionError(f"{rule}: the snapshot was not swapped")


async def test_rules_when_changed_then_all_match_by_it_and_it_can_be_taken_back(service: Running) -> None:
    before = await version_of(service)
    done = await apply(service, add())
    assert done.status == 200, done.body
    version, (change,) = done.json["version"], done.json["changes"]
    assert (version["version"], version["by"], version["counts"]) == (before + 1, "dispatcher", {"added": 1})
    rule = change["after"]
    assert change["before"] is None and (rule["origin"], rule["valid_to"]) == ("editor", None)
    assert (await lead_here(service, rule["id"]))["basis"] == "噪声条例第九条"
    moved = await apply(service, {"op": "change", "id": rule["id"], "rule": {"lead": "520103-urban"}}, user="sys_admin")
    assert moved.json["changes"][0]["before"]["lead"] == "520103-water"
    shown = (await service.get(f"/api/v1/rules/{rule['id']}", "dispatcher")).json
    assert (shown["rule"]["lead"], shown["version"]) == ("520103-urban", before + 2)
    assert [one["by"] for one in shown["history"]] == ["dispatcher", "sys_admin"]
    refused = await undo(service, before + 1)
    assert (refused.status, refused.code, refused.json["versions"]) == (409, "not_undone", [before + 2])
    assert (await undo(service, before + 2)).status == 200
    gone = await undo(service, before + 1, force=True)
    assert gone.status == 200 and gone.json["version"]["undoes"] == before + 1
    await lead_here(service, f"!{rule['id']}")
    assert (await service.get(f"/api/v1/rules/{rule['id']}", "dispatcher")).json["rule"] is None
    assert (await service.get(f"/api/v1/rules/versions/{before + 1}", "sys_admin")).json["changes"] == done.json["changes"]


async def test_rules_when_sent_again_are_changed_once(service: Running) -> None:
    before = await version_of(service)
    body = {"version": before, "reason": "重复提交", "changes": [add(area_code="520103001001004")]}
    answers = [await service.post("/api/v1/rules:apply", body, "dispatcher", key="again1") for _ in range(2)]
    assert [one.status for one in answers] == [200, 200] and answers[0].json == answers[1].json
    other = await service.post("/api/v1/rules:apply", body | {"reason": "另一个"}, "dispatcher", key="again1")
    assert (other.status, other.code) == (422, "idempotency_mismatch")
    assert await version_of(service) == before + 1
    assert (await undo(service, before + 1)).status == 200


async def test_rules_when_the_book_has_changed_meanwhile_then_nothing_is_done(service: Running) -> None:
    before = await version_of(service)
    stale = await apply(service, add(), version=before - 1)
    assert (stale.status, stale.code, stale.json["version"]) == (412, "stale_rulebook", before)
    no_key = await service.call(
        "POST", "/api/v1/rules:apply", user="dispatcher", body={"version": before, "reason": "没有编号", "changes": [add()]}
    )
    assert (no_key.status, no_key.code) == (400, "idempotency_key_required")
    wrong = await apply(service, add(), add(lead="nobody"), {"op": "end", "id": "R-none"})
    assert [error["field"] for error in wrong.json["errors"]] == ["changes[1].lead", "changes[2].id"]
    assert (await apply(service)).status == 422 == (await apply(service, {"op": "forget", "id": "x"})).status
    assert (await apply(service, add(), valid_from="2020-01-01")).json["errors"][0]["code"] == "past"
    assert (await apply(service, add(), reason="")).json["errors"][0]["field"] == "reason"
    assert await version_of(service) == before


async def test_rules_when_not_for_this_person_are_forbidden(service: Running) -> None:
    before = await version_of(service)
    for user in ("clerk_a", "supervisor", "grid_worker", "operator"):
        assert (await service.get("/api/v1/rules/versions", user)).status == 403
        assert (await apply(service, add(), user=user)).status == 403 == (await undo(service, before, user)).status
        assert (await service.get("/api/v1/rules/R-05", user)).status == 403
    assert (await service.get("/api/v1/rules/R-none", "dispatcher")).status == 404
    assert (await service.get("/api/v1/rules/versions/9999999", "dispatcher")).status == 404
    assert (await service.get("/api/v1/rules/versions/x", "dispatcher")).status == 404
    assert await version_of(service) == before


async def test_rules_when_paged_are_each_listed_once(service: Running) -> None:
    whole = (await service.get("/api/v1/rules?limit=500", "clerk_a")).json["items"]
    cursor, seen = "", list[str]()
    while True:
        page = (await service.get(f"/api/v1/rules?limit=5{cursor}", "clerk_a")).json
        seen += [one["id"] for one in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == [one["id"] for one in whole] and "R-05" in seen
