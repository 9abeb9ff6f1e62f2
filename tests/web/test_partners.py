"""Partner agencies by their own credential: what was given to them and nothing else (domain.md T07, T08)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from orgs.accounts import Accounts
from orgs.people import Person
from storage.errors import Invalid
from tests.service import Running, event

PARTNERS = {"power": "power", "police": "110", "platform": ""}
HANDED = {"agency": "power", "way": "one_key", "summary": "变压器停运，一片停电"}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def partners(service: Running) -> AsyncIterator[Running]:
    """The service with a program for two agencies, and a platform that answers for none."""
    accounts = Accounts(service.services.database)
    for username, agency in PARTNERS.items():
        person = Person(username=username, name=username, role="partner", source=f"test-{username}", agency=agency)
        await accounts.create_account(username, None, person=person)
        service.tokens[username] = await accounts.issue_token(username, "test")
    accounts.close()
    yield service


async def handed_over(service: Running, **changes: Any) -> str:
    """Report, transfer to the power company, and return the path of the case."""
    body = event(category="0501", appeal_type="help", channel="phone", file=False, **changes)
    body["caller"] = {"name": "张三丰", "phone": "13812341234", "anonymous": False, "confidential": False}
    answer = await service.post("/api/v1/tickets", body, "operator")
    assert answer.status == 201, answer.body
    path = f"/api/v1/cases/{answer.json['id']}"
    given = await service.post(f"{path}/actions/transfer_external", HANDED | {"rev": answer.json["rev"]}, "operator")
    assert given.status == 200, given.body
    return path


async def test_partner_when_given_a_case_sees_it_and_nobody_elses(partners: Running) -> None:
    path, other = await handed_over(partners), await partners.report()
    seen = await partners.get(path, "power")
    assert (seen.status, seen.json["state"]) == (200, "transferred")
    assert sorted(action["name"] for action in seen.json["actions"]) == ["record_receipt", "transfer_back"]
    assert seen.json["caller"] is None and seen.json["supervisions"] == [] == seen.json["requests"]
    assert "13812341234" not in seen.body.decode() and "张三丰" not in seen.body.decode()
    timeline = await partners.get(f"{path}/timeline", "power")
    assert [entry["action"] for entry in timeline.json["items"]] == ["submit", "transfer_external"]
    for user in ("police", "platform"):
        for reach in ("", "/timeline", "/due"):
            assert (await partners.get(path + reach, user)).status == 404, (user, reach)
        assert (await partners.post(f"{path}/actions/record_receipt", {"receipt": "1", "feedback": "已派人"}, user)).status == 404
    assert (await partners.get(f"/api/v1/cases/{other['id']}", "power")).status == 404
    listed = await partners.get("/api/v1/cases?limit=200", "power")
    assert path.rpartition("/")[2] in [item["id"] for item in listed.json["items"]]
    assert {item["state"] for item in listed.json["items"]} == {"transferred"}
    assert (await partners.get("/api/v1/cases?limit=200", "police")).json["items"] == []


async def test_partner_when_it_answers_stops_the_clock_and_the_desk_hears(partners: Running) -> None:
    path = await handed_over(partners)
    assert "transfer_external" in [item["kind"] for item in await inbox(partners, "power", path)]
    wrong = await partners.post(f"{path}/actions/record_receipt", {"feedback": "已派人"}, "power")
    assert (wrong.status, wrong.json["errors"][0]["field"]) == (422, "receipt")
    given = {"receipt": "95598-0001", "feedback": "抢修队已出发"}
    done = await partners.post(f"{path}/actions/record_receipt", given, "power", key="power-1")
    assert done.status == 200 and [clock for clock in done.json["clocks"] if clock["done_at"] is None] == []
    assert (done.json["transfer"]["receipt"], done.json["transfer"]["feedback"]) == ("95598-0001", "抢修队已出发")
    again = await partners.post(f"{path}/actions/record_receipt", given, "power", key="power-1")
    assert again.status == 200 and again.json["rev"] == done.json["rev"], "the same key does it once"
    assert "record_receipt" in [item["kind"] for item in await inbox(partners, "operator", path)]
    entry = (await partners.get(f"{path}/timeline", "supervisor")).json["items"][-1]
    assert (entry["actor"]["id"], entry["actor"]["role"], entry["data"]) == ("power", "partner", {"agency": "power"})


async def test_partner_when_it_is_not_theirs_gives_it_back_and_sees_it_no_more(partners: Running) -> None:
    path = await handed_over(partners)
    rev = (await partners.get(path, "power")).json["rev"]
    stale = await partners.post(f"{path}/actions/transfer_back", {"rev": rev - 1, "reason": "不是供电设施"}, "power")
    assert stale.status == 412
    back = await partners.post(f"{path}/actions/transfer_back", {"rev": rev, "reason": "不是供电设施"}, "power")
    assert (back.status, back.json["state"]) == (200, "reported")
    assert (await partners.get(path, "power")).status == 404
    assert "transfer_back" in [item["kind"] for item in await inbox(partners, "operator", path)]
    seen = await partners.get(path, "operator")
    assert seen.json["transfer"]["back_at"] and seen.json["clocks"][-1]["kind"] == "intake"


async def test_partner_when_it_reported_a_case_may_follow_it_but_not_answer_for_others(partners: Running) -> None:
    reported = await partners.report("platform", category="0501")
    path = f"/api/v1/cases/{reported['id']}"
    assert (await partners.get(path, "platform")).status == 200
    given = await partners.post(f"{path}/actions/transfer_external", HANDED | {"rev": reported["rev"]}, "operator")
    if given.status == 409:  # the match was clear: it is with a unit already
        return
    answer = await partners.post(f"{path}/actions/record_receipt", {"receipt": "1", "feedback": "已派人"}, "platform")
    assert answer.status == 403


async def inbox(service: Running, user: str, path: str) -> list[dict[str, Any]]:
    """Return what somebody has been told about a case."""
    await service.services.cases.relay.sweep()
    answer = await service.get("/api/v1/notices?limit=200", user)
    assert answer.status == 200, answer.body
    return [item for item in answer.json["items"] if item["case"] == path.rpartition("/")[2]]


@pytest.mark.parametrize("agency", ["other_place", "999"])
async def test_partner_when_its_agency_is_none_gets_no_account(service: Running, agency: str) -> None:
    accounts = Accounts(service.services.database)
    with pytest.raises(Invalid):
        await accounts.create_account(f"p{agency}", person=Person(username="p", role="partner", source="p", agency=agency))
    accounts.close()
