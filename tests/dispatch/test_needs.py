"""What a case asks of organizations: opened, claimed first come first served, freed again, closed, run out."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from dispatch.actors import Actor, Scope
from dispatch.chain import verify
from dispatch.claims import Claims
from dispatch.errors import NotAllowed
from dispatch.needed import INDEX, wanted_filter
from dispatch.relay import NOTICES
from dispatch.store import CASES, CaseQuery
from storage.client import Database
from storage.errors import Forbidden, Invalid, NotFound
from tests.dispatch.test_store import _stages
from tests.dispatch.test_teamwork import FAR, ONE, TWO, URBAN, WATER, Team, coordinator, error_codes
from tests.dispatch.town import (
    CITIZEN,
    DISPATCHER,
    OPERATOR,
    START,
    SUPERVISOR,
    WALKER,
    Clock,
    actor,
    event,
    new_key,
    open_service,
    ticket,
    whole,
)  # fmt: skip

LAW, FAR_AWAY, UNKNOWN = coordinator("law1"), coordinator("far1"), coordinator("nobody")
WANTED = {"kind": "VOL", "help": "companionship", "what": "陪独居老人就医", "places": 2}
SECRET = "张三丰"


class Needing(Team):
    """A player of a case that asks for help."""

    claims: Claims
    clock: Clock

    async def opened(self, who: Actor = WATER, **fields: Any) -> dict[str, Any]:
        """Open a need and return it."""
        case = await self.do(who, "open_need", **(WANTED | fields))
        return case.needs[-1]

    async def found(self, who: Actor, **options: Any) -> list[Any]:
        """Return the needs that an organization could claim."""
        asked = {"organization": None, "limit": 50, "cursor": None} | options
        return (await self.claims.list(actor=who, **asked)).items

    async def claim(self, who: Actor, need: str = "n1", *, key: str | None = None, **fields: Any) -> Any:
        """Claim by the door of those who do not see the case."""
        return await self.claims.claim(actor=who, need=f"{self.id}.{need}", fields=fields, key=key or new_key())

    async def need(self, action: str, who: Actor = WATER, need: str = "n1", **fields: Any) -> Any:
        """Take an action on a need."""
        case = await self.service.store.find(self.id)
        assert case is not None
        return await self.service.act_on_need(
            actor=who, case_id=self.id, need_id=need, action=action, rev=case["live"]["rev"], fields=fields, key=new_key()
        )

    async def state(self, need: str = "n1") -> str:
        """Return the state of a need."""
        return str(next(one["state"] for one in (await self.stored())["needs"] if one["id"] == need))


async def needing(database: Database, clock: Clock | None = None, **values: Any) -> Needing:
    """Return a player of a caller's case that its lead unit has signed for."""
    clock = clock or Clock()
    service = await open_service(database, clock, indexed=True)
    report = ticket(**({"category": "0201"} | values))
    team = Needing(service, (await service.report(actor=OPERATOR, present=whole, report=report, key=new_key())).id)
    team.claims = Claims(service, database, service.rules.directory, clock)
    await team.do(actor("unit_clerk"), "sign_in")
    return team


# -- opening


async def test_need_when_opened_then_its_time_is_that_of_invitations(
    database: Database,
) -> None:
    team = await needing(database)
    offered = {one["name"]: one for one in (await team.service.get(actor=WATER, case_id=team.id)).actions}["open_need"]
    assert next(field for field in offered["fields"] if field["name"] == "places")["value"] == 1
    need = await team.opened(amount="两名", starts_at="2026-11-24T01:00:00Z", ends_at="2026-11-24T04:00:00Z")
    assert {name: need[name] for name in ("id", "kind", "help", "what", "amount", "places", "taken", "state", "visibility")} == {
        "id": "n1", "kind": "VOL", "help": "companionship", "what": "陪独居老人就医", "amount": "两名", "places": 2, "taken": 0,
        "state": "open", "visibility": "open",
    }  # fmt: skip
    assert (need["open_until"], need["starts_at"]) == ("2026-11-24T02:00:00.000Z", "2026-11-24T01:00:00.000Z")
    urgent = await (await needing(database, category="0203")).opened()
    assert urgent["open_until"] == "2026-11-23T04:00:00.000Z", "two hours where it is urgent"


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"help": "enforcement"}, ("help", "choice")),
        ({"what": "协助执法查封店铺"}, ("what", "not_for_organizations")),
        ({"what": "上门登记身份证信息"}, ("what", "not_for_organizations")),
        ({"what": "请联系张老伯13812345678"}, ("what", "personal_data")),
        ({"kind": "GOV"}, ("kind", "choice")),
        ({"places": 1.5}, ("places", "whole")),
        ({"places": 51}, ("places", "range")),
        ({"ends_at": "2026-11-22T01:00:00Z"}, ("ends_at", "order")),
        ({"starts_at": "2026-11-25T02:00:00Z", "ends_at": "2026-11-25T01:00:00Z"}, ("ends_at", "order")),
        ({"open_until": "2027-11-25T02:00:00Z"}, ("open_until", "range")),
        ({"open_until": "2026-11-25T02:00:00Z", "ends_at": "2026-11-24T02:00:00Z"}, ("open_until", "order")),
        ({"location": {"lon": 100.0, "lat": 20.0, "crs": "WGS-84"}}, ("location", "out_of_area")),
    ],
)
async def test_need_when_asked_for_what_may_not_be_then_refused_and_nothing_is_left(
    database: Database, fields: dict[str, Any], wrong: tuple[str, str]
) -> None:
    team = await needing(database)
    before = await team.stored()
    with pytest.raises(Invalid) as refused:
        await team.opened(**fields)
    assert error_codes(refused) == [wrong]
    assert await team.stored() == before


async def test_need_when_others_than_lead_and_desk_open_it_then_refused(database: Database) -> None:
    team = await needing(database)
    for who in (URBAN, OPERATOR, ONE, CITIZEN, WALKER):
        with pytest.raises((Forbidden, NotFound)):
            await team.try_case(who, "open_need", **WANTED)
    for who in (DISPATCHER, SUPERVISOR):
        await team.opened(who)
    assert [need["by"] for need in (await team.stored())["needs"]] == [DISPATCHER.id, SUPERVISOR.id]


# -- what an organization may see


async def test_need_when_open_then_shows_what_is_wanted_and_nothing_of_the_case(database: Database) -> None:
    team = await needing(database, description="张三丰老人在新添大道88号3单元跌倒", special_group="elder")
    await team.opened(location={"lon": 106.60512, "lat": 26.62087, "crs": "WGS-84"})
    (need,) = await team.found(ONE)
    assert need.id == f"{team.id}.n1" and (need.lon, need.lat, need.distance_m) == (106.605, 26.621, 100)
    assert [area["level"] for area in need.area] == ["city", "district"], "down to the community: never the grid"
    assert set(need.__struct_fields__) == {
        "id", "kind", "help", "what", "amount", "places", "left", "starts_at", "ends_at", "open_until", "urgency", "invited",
        "area", "lon", "lat", "distance_m",
    }  # fmt: skip
    case = await team.stored()
    for hidden in (SECRET, "新添大道", case["case_no"], "0201", "13812341234"):
        assert hidden not in str(need)


async def test_need_when_open_then_lists_counts_and_search_show_nothing_of_its_case(database: Database) -> None:
    team = await needing(database)
    await team.opened()
    case = await team.stored()
    assert len(await team.found(ONE)) == 1 and not await team.sees(ONE)
    for query in (
        CaseQuery(),
        CaseQuery(q=case["case_no"]),
        CaseQuery(open=True, sort="reported_at"),
        CaseQuery(category="0201"),
    ):
        assert (await team.service.list(actor=ONE, query=query)).items == []
    assert await team.service.summary(actor=ONE) == {"states": {}, "lights": {}, "requests": {}}
    window = (106.0, 26.0, 107.0, 27.0)
    assert await team.service.map_points(actor=ONE, bbox=window, zoom=17) == {"items": [], "clusters": []}
    with pytest.raises(NotFound):
        await team.service.timeline(actor=ONE, case_id=team.id)
    await team.claim(ONE)
    assert [one.id for one in (await team.service.list(actor=ONE, query=CaseQuery())).items] == [team.id]
    seen = await team.service.get(actor=ONE, case_id=team.id)
    assert seen.caller is None and "13812341234" not in str(seen) and SECRET not in str(seen)


async def test_need_of_a_sensitive_case_is_found_and_claimed_by_approved_organizations_only(database: Database) -> None:
    team = await needing(database, category="0901")
    await team.opened(actor("unit_clerk"))
    assert await team.found(ONE) == [] and len(await team.found(TWO)) == 1
    with pytest.raises(NotFound):
        await team.claim(ONE)
    with pytest.raises(Invalid) as nobody:
        await team.claim(TWO)
    assert error_codes(nobody) == [("people", "required")], "by a named, trained person"
    assert (await team.claim(TWO, people="周敏（保密协议2026-03）")).tasks[-1]["state"] == "claimed"


async def test_needs_when_listed_then_best_first_page_by_page_by_their_index(database: Database) -> None:
    clock = Clock()
    team = await needing(database, clock)
    await team.opened(what="第一件事情", ends_at="2026-11-30T04:00:00Z")
    await team.opened(what="早些结束的事", ends_at="2026-11-25T04:00:00Z")
    other = await needing(database, clock, category="0203")
    await other.opened(what="更紧急的事情")
    expected = ["更紧急的事情", "早些结束的事", "第一件事情"]
    assert [need.what for need in await team.found(ONE)] == expected
    paged, cursor = [], None
    while True:
        page = await team.claims.list(actor=ONE, organization=None, limit=1, cursor=cursor)
        paged += [need.what for need in page.items]
        if (cursor := page.next) is None:
            break
    assert paged == expected
    with pytest.raises(Invalid):
        await team.found(ONE, cursor="not a cursor")
    filter = wanted_filter(["VOL@52", "o:vol1"], clock.now)
    found = await team.service.store.database.explain(CASES, filter, [("wanted.until", 1), ("_id", 1)], 500, hint=INDEX)
    assert not set(_stages(found["queryPlanner"]["winningPlan"])) & {"COLLSCAN", "SORT"}


async def test_needs_when_asked_by_who_stands_for_all_then_for_a_named_organization(database: Database) -> None:
    team, everybody = await needing(database), actor("org_coordinator")
    await team.opened()
    with pytest.raises(Invalid) as unnamed:
        await team.found(everybody)
    assert error_codes(unnamed) == [("organization", "required")]
    assert len(await team.found(everybody, organization="vol1")) == 1 and await team.found(everybody, organization="law1") == []
    with pytest.raises(Invalid) as foreign:
        await team.found(ONE, organization="vol2")
    assert error_codes(foreign) == [("organization", "not_yours")]
    assert (await team.claim(everybody, organization="vol2")).tasks[-1]["organization"]["code"] == "vol2"


# -- claiming


async def test_claim_when_the_organization_does_not_fit_then_it_is_told_why(database: Database) -> None:
    team = await needing(database)
    await team.opened()
    for who, code in ((LAW, "wrong_kind"), (FAR_AWAY, "outside_area"), (UNKNOWN, "not_registered")):
        assert who is UNKNOWN or await team.found(who) == []
        with pytest.raises(Invalid) as wrong:
            await team.claim(who)
        assert error_codes(wrong) == [("organization", code)]
    assert [task["kind"] for task in (await team.stored())["tasks"]] == ["lead"]


async def test_claim_when_the_organization_has_its_hands_full_then_refused_until_it_is_done(database: Database) -> None:
    clock = Clock()
    teams = [await needing(database, clock) for _ in range(3)]
    for team in teams:
        await team.opened()
    for team in teams[:2]:
        await team.claim(ONE)
    page = await teams[2].claims.list(actor=ONE, organization=None, limit=5, cursor=None)
    assert (page.items, page.load, page.capacity) == ([], 2, 2)
    with pytest.raises(Invalid) as full:
        await teams[2].claim(ONE)
    assert error_codes(full) == [("organization", "no_capacity")]
    await teams[0].task(ONE, "t2", "release", reason="人手不够")
    assert (await teams[2].claim(ONE)).tasks[-1]["state"] == "claimed"


async def test_claim_when_sent_again_under_its_key_then_the_same_answer(database: Database) -> None:
    team = await needing(database)
    await team.opened(places=1)
    first = await team.claim(ONE, key="k1")
    again = await team.claim(ONE, key="k1")
    assert first.tasks == again.tasks and [task["state"] for task in again.tasks] == ["signed", "claimed"]
    with pytest.raises(NotAllowed) as late:
        await team.claim(TWO)
    assert late.value.data["reason"] == "need_filled"
    with pytest.raises((NotAllowed, Invalid)):
        await team.claim(ONE)


async def test_claim_when_the_organization_has_a_place_already_then_is_not_offered_and_refused(database: Database) -> None:
    team, everybody = await needing(database), actor("org_coordinator")
    await team.opened(places=3)
    claimed = await team.claim(ONE)
    assert claimed.needs[0]["actions"] == []
    with pytest.raises(NotAllowed) as twice:
        await team.claim(ONE)
    assert twice.value.data["reason"] == "takes_part"
    with pytest.raises(Invalid) as again:
        await team.claim(everybody, organization="vol1")
    assert error_codes(again) == [("organization", "takes_part")]
    assert (await team.claim(everybody, organization="vol2")).needs[0]["taken"] == 2


async def test_claim_when_done_goes_the_ordinary_way_and_the_need_is_done_when_all_are_confirmed(database: Database) -> None:
    team = await needing(database)
    await team.opened(places=2)
    for who, task in ((ONE, "t2"), (TWO, "t3")):
        await team.claim(who)
        await team.task(who, task, "serve", people="志愿者两名")
        await team.task(who, task, "task_submit", note="陪同就医完成", hours=2)
    assert await team.state() == "filled"
    await team.task(WATER, "t2", "task_confirm", rating=5)
    assert await team.state() == "filled"
    await team.task(WATER, "t3", "task_confirm", rating=5)
    assert await team.state() == "done"
    assert (await team.stored())["wanted"] is None


async def test_claim_when_released_then_the_place_is_open_again(database: Database) -> None:
    team = await needing(database)
    await team.opened(places=1)
    await team.claim(ONE)
    assert await team.found(TWO) == [] and await team.state() == "filled"
    await team.task(ONE, "t2", "release", reason="人手不够")
    assert await team.state() == "open" and not await team.sees(ONE)
    assert [need.left for need in await team.found(TWO)] == [1]
    assert (await team.claim(TWO)).tasks[-1]["state"] == "claimed"


@pytest.mark.parametrize("places", [1, 7])
async def test_claim_when_sixty_organizations_race_then_exactly_as_many_as_places_have_it(
    database: Database, places: int
) -> None:
    team = await needing(database)
    await team.opened(places=places)

    async def claim(number: int) -> str:
        try:
            await team.claim(coordinator(f"many{number}"))
        except NotAllowed as error:
            return str(error.data["reason"])
        return "won"

    answers = await asyncio.gather(*(claim(number) for number in range(60)))
    assert sorted(set(answers)) == ["need_filled", "won"] and answers.count("won") == places
    case = await team.stored()
    claimed = [task["organization"]["code"] for task in case["tasks"] if task["state"] == "claimed"]
    assert len(set(claimed)) == len(claimed) == places and case["needs"][0]["state"] == "filled"
    assert verify(case["timeline"], team.id) == []
    await team.service.relay.sweep()
    told = await team.service.store.database.find(NOTICES, {"kind": "claim_need"})
    assert len(told) == places and all({"u:water1", "u:*"} == set(notice["keys"]) for notice in told)


# -- invitations


async def test_need_when_organizations_are_invited_then_they_come_first_for_a_while(database: Database) -> None:
    clock = Clock()
    team = await needing(database, clock)
    await team.opened(places=1, organizations=["vol2"])
    assert await team.told(database, "open_need") == [{"o:vol2", "o:*"}]
    assert await team.found(ONE) == [] and [need.invited for need in await team.found(TWO)] == [True]
    with pytest.raises(NotFound):
        await team.claim(ONE)
    clock.forward(hours=4)
    assert [need.invited for need in await team.found(ONE)] == [False]
    claimed = await team.claim(TWO)
    assert [(task["id"], task["state"]) for task in claimed.tasks] == [("t1", "signed"), ("t2", "claimed")], (
        "the invitation itself"
    )


async def test_need_for_the_invited_alone_is_hidden_from_all_others_for_good(database: Database) -> None:
    clock = Clock()
    team = await needing(database, clock)
    await team.opened(visibility="invited")
    await team.do(WATER, "invite", organizations=["vol2"], need="n1")
    clock.forward(hours=5)
    assert await team.found(ONE) == [] and len(await team.found(TWO)) == 1
    with pytest.raises(NotFound):
        await team.claim(ONE)
    await team.opened(what="另一件公开的事")
    await team.claim(ONE, "n2")
    assert [need["id"] for need in (await team.service.get(actor=ONE, case_id=team.id)).needs] == ["n2"]
    assert (await team.task(TWO, "t2", "claim")).tasks[1]["state"] == "claimed"


async def test_need_when_an_invitation_is_declined_or_runs_out_then_no_penalty_and_the_lead_hears(database: Database) -> None:
    clock = Clock()
    team = await needing(database, clock)
    await team.opened(places=1, organizations=["vol1", "vol2"], open_until="2026-11-30T02:00:00Z")
    await team.task(ONE, "t2", "decline")
    clock.forward(days=1)
    await team.service.sweep()
    assert [task["state"] for task in (await team.stored())["tasks"][1:]] == ["declined", "expired"]
    assert await team.told(database, "task_expire") == [{"u:water1", "u:*"}]
    assert len(await team.found(ONE)) == 1, "who declined may still come by itself"


# -- changing, closing, running out


async def test_need_when_changed_then_never_below_what_is_claimed_and_open_again_with_more(database: Database) -> None:
    team = await needing(database)
    await team.opened(places=2)
    await team.claim(ONE)
    await team.claim(TWO)
    assert await team.state() == "filled"
    with pytest.raises(Invalid) as below:
        await team.need("change_need", places=1)
    assert error_codes(below) == [("places", "below_claimed")]
    with pytest.raises(Invalid) as nothing:
        await team.need("change_need", note="没有变化")
    assert error_codes(nothing) == [("places", "required")]
    assert (await team.need("change_need", places=3)).needs[0]["state"] == "open"
    entry = (await team.stored())["timeline"][-1]
    assert (entry["data"]["places_before"], entry["data"]["places"]) == (2, 3)


async def test_need_when_nobody_comes_then_it_runs_out_and_more_time_opens_it_again(database: Database) -> None:
    clock = Clock()
    team = await needing(database, clock)
    await team.opened()
    clock.now = START + timedelta(hours=24)
    await team.service.sweep()
    assert await team.state() == "expired" and await team.found(ONE) == []
    assert await team.told(database, "need_expire") == [{"u:water1", "u:*"}]
    with pytest.raises(NotAllowed) as over:
        await team.claim(ONE)
    assert over.value.data["reason"] == "need_closed"
    await team.need("change_need", open_until="2026-11-26T02:00:00Z")
    assert len(await team.found(ONE)) == 1
    await team.claim(ONE)
    clock.forward(days=3)
    await team.service.sweep()
    assert await team.state() == "filled", "who came is all that comes"


async def test_need_when_its_time_passes_while_it_is_filled_then_a_place_that_is_given_up_stays_empty(database: Database) -> None:
    clock = Clock()
    team = await needing(database, clock)
    await team.opened(places=2)
    await team.claim(ONE)
    await team.claim(TWO)
    clock.forward(hours=25)
    await team.service.sweep()
    await team.task(ONE, "t2", "release", reason="人手不够")
    assert await team.state() == "filled" and await team.found(ONE) == []
    await team.task(TWO, "t3", "release", reason="人手不够")
    assert await team.state() == "expired"


async def test_need_when_closed_then_invitations_end_claims_go_on_and_all_of_them_hear(database: Database) -> None:
    clock = Clock()
    team = await needing(database, clock)
    await team.opened(places=3, organizations=["vol2"])
    clock.forward(hours=4)
    await team.claim(ONE)
    closed = await team.need("close_need", reason="家属已到")
    assert [task["state"] for task in closed.tasks[1:]] == ["withdrawn", "claimed"] and closed.needs[0]["state"] == "closed"
    assert await team.told(database, "close_need") == [{"o:vol1", "o:vol2", "o:*"}]
    with pytest.raises(NotAllowed) as over:
        await team.claim(coordinator("many1"))
    assert over.value.data["reason"] == "need_closed"
    assert (await team.task(ONE, "t3", "serve", people="志愿者")).tasks[-1]["state"] == "serving"


@pytest.mark.parametrize("way", ["special", "return"])
async def test_needs_when_the_case_ends_or_goes_back_then_close_and_the_organizations_hear(database: Database, way: str) -> None:
    team = await needing(database)
    await team.opened(places=2)
    await team.claim(ONE)
    if way == "special":
        await team.do(SUPERVISOR, "propose_special_close")
        await team.do(actor("supervisor", "second"), "special_close")
    else:
        await team.do(WATER, "request_return", reason="not_duty", unit="urban1")
        await team.decide(DISPATCHER, approve=True)
    case = await team.stored()
    assert case["needs"][0]["state"] == "closed" and case["wanted"] is None and case["tasks"][1]["state"] == "withdrawn"
    assert [entry["action"] for entry in case["timeline"] if entry["action"] == "end_needs"] == ["end_needs"]
    assert await team.told(database, "end_needs") == [{"o:vol1", "o:*"}]
    assert await team.found(TWO) == []


async def test_case_without_needs_when_it_ends_then_has_no_trace_of_them(database: Database) -> None:
    service = await open_service(database)
    team = Team(service, (await service.report(actor=WALKER, present=whole, report=event(category="0202"), key=new_key())).id)
    await team.do(actor("unit_clerk"), "sign_in")
    await team.do(actor("unit_clerk"), "submit_result")
    await team.do(DISPATCHER, "close")
    case = await team.stored()
    assert not {"needs", "wanted"} & case.keys() and "end_needs" not in [entry["action"] for entry in case["timeline"]]


# -- the reporter's number


async def test_contact_when_the_reporter_agrees_then_who_helps_may_look_and_no_longer_when_taken_back(database: Database) -> None:
    team = await needing(database)
    await team.opened()
    await team.claim(ONE)

    async def looks(who: Actor) -> Any:
        return await team.service.reveal(actor=who, case_id=team.id, reason="约定上门时间")

    with pytest.raises(Forbidden):
        await looks(ONE)
    shared = await team.do(OPERATOR, "share_contact", consent="oral")
    assert shared.contact_shared == {"consent": "oral", "at": "2026-11-23T02:00:00.000Z"}
    assert await looks(ONE) == {"name": "张三丰", "phone": "13812341234"}
    with pytest.raises(NotFound):
        await looks(TWO)
    last = (await team.stored())["timeline"][-1]
    assert (last["action"], last["actor"]["organization"]) == ("reveal", "vol1")
    await team.do(OPERATOR, "unshare_contact")
    with pytest.raises(Forbidden):
        await looks(ONE)


async def test_contact_when_only_invited_or_done_then_is_not_shown(database: Database) -> None:
    team = await needing(database)
    await team.opened(organizations=["vol1"])
    await team.do(OPERATOR, "share_contact", consent="oral")
    with pytest.raises(Forbidden):
        await team.service.reveal(actor=ONE, case_id=team.id, reason="还没有认领")
    await team.task(ONE, "t2", "claim")
    await team.task(ONE, "t2", "serve", people="志愿者")
    await team.task(ONE, "t2", "task_submit", note="陪同就医完成", hours=2)
    await team.task(WATER, "t2", "task_confirm")
    with pytest.raises(Forbidden):
        await team.service.reveal(actor=ONE, case_id=team.id, reason="已经办完")


@pytest.mark.parametrize("who", [DISPATCHER, WATER, ONE, WALKER])
async def test_contact_when_others_would_agree_for_the_reporter_then_refused(database: Database, who: Actor) -> None:
    team = await needing(database)
    await team.opened()
    await team.claim(ONE)
    with pytest.raises(Forbidden):
        await team.try_case(who, "share_contact", consent="oral")


async def test_contact_of_a_confidential_caller_is_never_shared(database: Database) -> None:
    team = await needing(database, appeal_type="report")
    with pytest.raises(NotAllowed) as refused:
        await team.try_case(OPERATOR, "share_contact", consent="oral")
    assert refused.value.data["reason"] == "contact_may_be_shared"


async def test_need_at_another_place_is_found_where_it_is(database: Database) -> None:
    team = await needing(database)
    await team.opened(location={"lon": 106.655, "lat": 26.62, "crs": "WGS-84"})
    assert [need.area[-1]["code"] for need in await team.found(FAR_AWAY)] == ["522"]
    assert (await team.claim(FAR_AWAY)).tasks[-1]["state"] == "claimed"
    stored = (await team.stored())["needs"][0]
    assert stored["place"]["lon"] == 106.655 and (await team.stored())["place"]["lon"] != FAR["lon"]


def test_coordinator_when_made_sees_by_organization_alone() -> None:
    assert ONE.scope == Scope(organizations=frozenset({"vol1"}))
