"""The reporter's own word after the end: rating, appeal, and what a citizen with an account may say (T06, T39, T44, T46)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dispatch.errors import LinkUnknown, LinkUsed, NotAllowed
from storage.client import Database
from storage.errors import Forbidden, NotFound
from tests.dispatch.test_links import BAD, GOOD, GRADED, Town, open_town
from tests.dispatch.test_oversight import reported
from tests.dispatch.town import CITIZEN, CLERK, OPERATOR, SUPERVISOR, actor, ticket

WHY = {"reason": "第二天灯又不亮了，请再来看看"}


@pytest.fixture
async def town(database: Database) -> Town:
    return await open_town(database)


async def test_link_when_it_closed_the_case_leads_on_to_the_rating(town: Town) -> None:
    player = await town.visiting()
    done = await town.links.visit((await town.given(player)).token, GOOD)
    assert done.token == (await town.given(player, "rate")).token
    assert (await town.links.rate(done.token, GRADED)).token is None
    unsettled = await town.visiting()
    assert (await town.links.visit((await town.given(unsettled)).token, BAD)).token is None


async def test_rating_link_when_not_content_appeals_once_and_goes_on_rating(town: Town) -> None:
    player = await town.visiting()
    await player.do(OPERATOR, "visit_ok", **GOOD)
    token = (await town.given(player, "rate")).token
    assert [one["name"] for one in (await town.links.show(token)).actions] == ["rate", "appeal"]
    done = await town.links.appeal(token, WHY)
    assert done.appeal == "pending" and [one["name"] for one in done.actions] == ["rate"]
    assert await town.links.appeal(token, WHY) == done
    with pytest.raises(LinkUsed):
        await town.links.appeal(token, {"reason": "路面还是塌的，请再看一次"})
    assert (await town.links.rate(token, GRADED)).answered_at is not None
    case = await town.service.get(actor=SUPERVISOR, case_id=player.id)
    assert [(one["kind"], one["by"], one["state"]) for one in case.requests] == [("appeal", None, "pending")]
    (keys,) = await town.told(player, "appeal_result")
    assert "supervisor:*" in keys


@pytest.mark.parametrize("approve", [True, False])
async def test_appeal_by_link_when_decided_is_heard_of(town: Town, approve: bool) -> None:
    player = await town.visiting()
    await player.do(OPERATOR, "visit_ok", **GOOD)
    token = (await town.given(player, "rate")).token
    await town.links.appeal(token, WHY)
    await player.decide(SUPERVISOR, approve=approve, opinion="已核实情况，予以处理")
    if approve:
        with pytest.raises(LinkUnknown):
            await town.links.show(token)
    else:
        shown = await town.links.show(token)
        assert shown.appeal == "rejected" and [one["name"] for one in shown.actions] == ["rate"]


async def test_appeal_by_link_when_the_window_is_over_is_unknown(town: Town) -> None:
    player = await town.visiting()
    await player.do(OPERATOR, "visit_ok", **GOOD)
    await player.do(OPERATOR, "rate", **GRADED)
    given = await town.given(player, "appeal")
    assert given.expires_at == town.clock.now + timedelta(days=15)
    town.clock.now = given.expires_at
    with pytest.raises(LinkUnknown):
        await town.links.appeal(given.token, WHY)


async def test_appeal_against_a_refusal_by_link_tells_why_and_who_else_can_help(town: Town) -> None:
    player = await reported(town.service, OPERATOR, ticket(file=False))
    await player.do(
        OPERATOR, "refuse", reason="litigation", next_door="请到区法院立案庭", reply="该事项已进入诉讼程序，不予受理。"
    )
    case = await town.service.store.find(player.id)
    assert case is not None and await town.links.give(case, "rate") is None
    given = await town.given(player, "appeal")
    shown = await town.links.show(given.token)
    assert shown.refusal is not None and shown.refusal["reason"] == "litigation" and "立案庭" in shown.refusal["next_door"]
    done = await town.links.appeal(given.token, WHY)
    assert done.appeal == "pending" and done.answered_at is not None and done.actions == []
    assert await town.links.of_now(case) == given


async def test_citizen_when_signed_in_answers_rates_and_appeals_for_their_own_case_alone(town: Town) -> None:
    player = await town.visiting(CITIZEN, channel="app", caller=None, file=False)
    stranger = actor("citizen", "stranger")
    for action, fields in (("visit_answer", GOOD), ("visit_ok", GOOD)):
        with pytest.raises(NotFound):
            await town.service.act(actor=stranger, case_id=player.id, action=action, rev=None, fields=fields)
    await player.do(CITIZEN, "visit_ok", **GOOD)
    await player.do(CITIZEN, "rate", **GRADED)
    case = await player.do(CITIZEN, "appeal_result", **WHY)
    assert case.state == "closed" and case.rating["efficiency"] == 5 and case.requests[0]["kind"] == "appeal"
    whole = await town.service.store.find_whole(player.id)
    assert whole is not None and [entry["actor"]["role"] for entry in whole["timeline"][-3:]] == ["citizen"] * 3


async def test_citizen_when_a_call_is_wanted_besides_answers_and_closes_nothing(town: Town) -> None:
    player = await town.visiting(CITIZEN, channel="app", caller=None, file=False, appeal_type="complaint")
    offered = [one["name"] for one in (await town.service.get(actor=CITIZEN, case_id=player.id)).actions]
    assert "visit_ok" not in offered
    case = await player.do(CITIZEN, "visit_answer", **BAD)
    assert case.state == "visiting" and case.visit_answer["solved"] is False
    with pytest.raises(NotAllowed) as error:
        await town.service.act(actor=CITIZEN, case_id=player.id, action="visit_answer", rev=None, fields=GOOD)
    assert error.value.data["reason"] == "not_answered"


async def test_citizen_when_they_work_for_the_unit_judge_nothing(town: Town) -> None:
    """Whoever signed for the case reported it too, by another account of the same name."""
    own = actor("citizen", CLERK.id)
    player = await town.visiting(own, channel="app", caller=None, file=False)
    for action in ("visit_ok", "visit_answer"):
        with pytest.raises(Forbidden) as error:
            rev = (await town.service.get(actor=own, case_id=player.id)).rev
            await town.service.act(actor=own, case_id=player.id, action=action, rev=rev, fields=GOOD)
        assert error.value.data["reason"] == "not_of_lead"
