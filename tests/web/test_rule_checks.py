"""Trying changes of rules out over HTTP: counted over all cases, listed as far as the asker may see, nothing changed by it."""

from __future__ import annotations

from typing import Any

from dispatch.past import count_cases, recent
from dispatch.service import utc_now
from dispatch.store import CASES
from orgs.rehearsal import CHECKS
from orgs.store import RULE_VERSIONS, RULES
from tests.service import Running

GRID = "520103001001001"
AT = {"lon": 106.645, "lat": 26.62, "crs": "WGS-84", "accuracy_m": 5}
TO_URBAN = {"op": "add", "rule": {"category": "0201", "area_code": GRID, "lead": "520103-urban", "basis": "试行"}}


async def version_of(service: Running) -> int:
    version: int = (await service.get("/api/v1/rules/versions?limit=1", "dispatcher")).json["items"][0]["version"]
    return version


async def check(service: Running, *changes: Any, user: str = "dispatcher", **fields: Any) -> Any:
    body = {"version": await version_of(service), "changes": changes, "cases": 5000} | fields
    return await service.post("/api/v1/rules:check", body, user)


async def closed_case(service: Running) -> dict[str, Any]:
    """Return a case that the water bureau of the other district has handled."""
    case = await service.report(location=AT)
    assert case["lead"]["code"] == "520103-water", case["match"]
    path = f"/api/v1/cases/{case['id']}/actions"
    signed = await service.post(f"{path}/sign_in", {"rev": case["rev"]}, "clerk_b")
    result = {
        "rev": signed.json["rev"], "result": "resolved", "handling": "已更换井盖并恢复路面,现场已清理干净,行人可正常通行。",
        "public_reply": "您反映的井盖缺失问题已处理完毕,新井盖已装好,感谢您的反映。", "waive_reason": "协办单位无需到场",
    }  # fmt: skip
    done = await service.post(f"{path}/submit_result", result, "clerk_b")
    closed = await service.post(f"{path}/close", {"rev": done.json["rev"]}, "dispatcher")
    assert closed.status == 200, closed.body
    found: dict[str, Any] = closed.json
    return found


async def items_of(service: Running, found: Any, user: str = "dispatcher") -> dict[str, dict[str, Any]]:
    items, cursor = {}, "0"
    while cursor is not None:
        page = (await service.get(f"/api/v1/rules/checks/{found['id']}?limit=3&cursor={cursor}", user)).json
        items.update((one["case"]["id"], one) for one in page["items"])
        cursor = page["next"]
    return items


async def test_check_when_made_tells_what_would_change_and_changes_nothing(service: Running) -> None:
    closed, open_one = await closed_case(service), await service.report(location=AT)
    elsewhere = await service.report()
    database = service.services.database
    before = (await database.count(RULES, {}), await database.count(RULE_VERSIONS, {}))
    answer = await check(service, TO_URBAN)
    assert answer.status == 200, answer.body
    found = answer.json
    items = await items_of(service, found)
    assert items[closed["id"]]["verdict"] == "worse" and items[open_one["id"]]["verdict"] == "open"
    assert elsewhere["id"] not in items and items[closed["id"]]["handled_by"] == "520103-water"
    assert items[open_one["id"]]["after"]["unit"]["code"] == "520103-urban"
    counts = found["counts"]
    assert counts["changed"] == len(items) and counts["worse"] >= 1 and counts["better"] == 0
    assert counts["agree_before"] == counts["agree_after"] + counts["worse"]
    assert {(move["before"]["code"], move["after"]["code"]) for move in found["moves"]} == {("520103-water", "520103-urban")}
    assert (await database.count(RULES, {}), await database.count(RULE_VERSIONS, {})) == before
    case = await service.get(f"/api/v1/cases/{open_one['id']}", "dispatcher")
    assert case.json["lead"]["code"] == "520103-water", "nobody's case moves"


async def test_check_when_the_asker_sees_no_cases_then_only_counts_are_told(service: Running) -> None:
    await service.report(location=AT)
    found = (await check(service, TO_URBAN, user="sys_admin")).json
    assert found["counts"]["changed"] >= 1 and found["items"] == [] == list(await items_of(service, found, "sys_admin"))


async def test_check_when_the_set_is_wrong_or_old_is_refused_and_nothing_is_kept(service: Running) -> None:
    database = service.services.database
    kept = await database.count(CHECKS, {})
    version = await version_of(service)
    assert (await check(service, TO_URBAN, version=version + 1)).code == "stale_rulebook"
    wrong = await check(service, {"op": "change", "id": "R-none", "rule": {"lead": "nobody"}})
    assert wrong.json["errors"][0]["field"] == "changes[0].id"
    assert (await check(service, TO_URBAN, cases=5001)).status == 422 == (await check(service, TO_URBAN, cases=0)).status
    assert (await check(service, TO_URBAN, user="supervisor")).status == 403
    assert (await service.get("/api/v1/rules/checks/none", "dispatcher")).status == 404
    assert await database.count(CHECKS, {}) == kept


async def test_past_when_read_is_the_newest_first_and_counted_by_category_and_area(service: Running) -> None:
    newest = [(await service.report(location=AT))["id"] for _ in range(3)]
    services = service.services
    pages = [page async for page in recent(services.database, services.territory, 2)]
    assert [case.id for page in pages for case in page] == newest[:0:-1]
    whole = [case.id async for page in recent(services.database, services.territory, 5_000) for case in page]
    assert len(whole) == len(set(whole)) == min(5_000, await services.database.count(CASES, {}))
    counted = await count_cases(services.database, utc_now().replace(hour=0), ["520102", "520103"])
    here = await services.database.count(CASES, {"live.category": "0201", "live.areas": "520103"})
    assert 0 < counted["0201", "520103"] <= here


async def test_check_when_the_set_makes_a_tie_says_so(service: Running) -> None:
    rival = {"category": "0201", "area_code": "520103", "lead": "520103-urban", "priority": 10, "valid_to": "2999-12-31"}
    found = (await check(service, {"op": "add", "rule": rival}, {"op": "end", "id": "R-0701-A"})).json
    assert found["wrong"] == [], "the newer one wins"
    twins = [{"op": "add", "rule": rival | {"area_code": GRID, "lead": lead}} for lead in ("520103-urban", "520103-water")]
    found = (await check(service, *twins)).json
    assert [one["kind"] for one in found["wrong"]] == ["contradictory", "contradictory"] and found["mended"] == []


async def test_findings_when_asked_are_counted_and_listed_for_those_who_keep_rules(service: Running) -> None:
    found = await service.get("/api/v1/rules/findings?limit=1", "sys_admin")
    assert found.status == 200 and set(found.json["counts"]) == {"contradictory", "dangling", "shadowed", "expired"}
    assert found.json["version"] == await version_of(service)
    assert (await service.get("/api/v1/rules/findings", "supervisor")).status == 403
    assert (await service.get("/api/v1/rules/findings?kind=ugly", "dispatcher")).status == 422


async def test_coverage_when_asked_is_sent_and_as_a_table_without_formulas(service: Running) -> None:
    found = (await service.get("/api/v1/rules/coverage?days=366", "dispatcher")).json
    cells = {(one["area"], one["category"]): one for one in found["items"]}
    assert cells["520102", "0201"]["answer"] == "one" and cells["520102", "0201"]["rule"] == "R-0201-A"
    assert cells["520103", "0301"]["answer"] == "none" and sum(found["cells"].values()) == len(cells)
    below = (await service.get("/api/v1/rules/coverage?parent=520102&major=02&answer=one", "dispatcher")).json
    assert {one["area"] for one in below["items"]} == {"520102001"} and all(one["category"][:2] == "02" for one in below["items"])
    table = await service.get("/api/v1/rules/coverage?format=csv&answer=one", "dispatcher")
    assert table.headers["Content-Type"] == "text/csv; charset=UTF-8" and table.body.startswith(b"\xef\xbb\xbfarea,area_name")
    assert len(table.body.decode().splitlines()) == 1 + found["cells"]["one"]
    assert (await service.get("/api/v1/rules/coverage?parent=999", "dispatcher")).json["errors"][0]["field"] == "parent"
    assert (await service.get("/api/v1/rules/coverage", "clerk_a")).status == 403
