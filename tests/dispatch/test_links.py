"""Signed links: the reporter's own word without an account (domain.md §2.10, T39, T44)."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta
from typing import Any

import pytest

from dispatch.errors import LinkUnknown, LinkUsed
from dispatch.fields import GRADES, LINK_PURPOSES
from dispatch.links import INDEXES, LINKS, GivenLink, Links, _speaker, token_hash
from dispatch.service import CaseService
from dispatch.store import CASES
from storage.client import Database
from storage.errors import Forbidden, Invalid, NotFound
from storage.indexes import ensure
from tests.dispatch.test_oversight import reported
from tests.dispatch.town import (
    CITIZEN,
    CLERK,
    DISPATCHER,
    LEADER,
    OPERATOR,
    SUPERVISOR,
    WALKER,
    Clock,
    Player,
    actor,
    event,
    new_key,
    open_service,
    ticket,
)  # fmt: skip

SECRET = secrets.token_bytes(32)
GOOD = {"contacted": True, "solved": True, "satisfaction": "satisfied"}
BAD = {"contacted": True, "solved": False, "satisfaction": "dissatisfied", "note": "灯还是不亮，打我电话13912345678"}
GRADED = {"efficiency": 5, "quality": 4, "attitude": 5}
OTHER_DESK = actor("operator", "other_desk")


class Town:
    """A service with its links and its clock."""

    def __init__(self, service: CaseService, links: Links, clock: Clock) -> None:
        self.service, self.links, self.clock = service, links, clock

    async def visiting(self, who: Any = OPERATOR, **values: Any) -> Player:
        """Return a citizen's case whose reporter is asked."""
        player = await reported(self.service, who, ticket(**values))
        if who.role == "citizen":
            await player.do(OPERATOR, "file")
        await player.do(CLERK, "sign_in")
        await self.worked(player)
        return player

    async def worked(self, player: Player) -> None:
        case = await self.service.get(actor=CLERK, case_id=player.id)
        if not case.result:
            await player.do(CLERK, "contact")
        by = LEADER if case.appeal_type == "complaint" or case.visit_answer or case.result else CLERK
        await player.do(by, "submit_result")
        await player.do(DISPATCHER, "to_visit")

    async def given(self, player: Player, purpose: str = "visit") -> GivenLink:
        case = await self.service.store.find(player.id)
        assert case is not None
        given = await self.links.give(case, purpose)
        assert given is not None
        return given

    async def told(self, player: Player, kind: str) -> list[list[str]]:
        """Return the addresses of the notices of a kind that the case brought forth."""
        found = await self.service.store.database.find_one(CASES, {"_id": player.id})
        assert found is not None
        return [notice["keys"] for notice in found["outbox"] if notice["kind"] == kind]

    async def actions(self, player: Player) -> list[str]:
        whole = await self.service.store.find_whole(player.id)
        assert whole is not None
        return [entry["action"] for entry in whole["timeline"]]


async def open_town(database: Database) -> Town:
    """Return the town over an empty database."""
    clock = Clock()
    service = await open_service(database, clock)
    await ensure(database, INDEXES)
    return Town(service, Links(service, database, SECRET, clock), clock)


@pytest.fixture
async def town(database: Database) -> Town:
    return await open_town(database)


async def test_link_when_solved_closes_the_case_and_shows_what_may_be_known(town: Town) -> None:
    player = await town.visiting()
    given = await town.given(player)
    shown = await town.links.show(given.token)
    assert (shown.state, shown.purpose, shown.answered_at) == ("visiting", "visit", None)
    (action,) = shown.actions
    assert action["name"] == "visit" and [field["name"] for field in action["fields"]] == [
        "contacted", "solved", "satisfaction", "note",
    ]  # fmt: skip
    assert action["fields"][2]["options"] == list(GRADES)
    done = await town.links.visit(given.token, GOOD)
    assert done.state == "closed" and done.answered_at is not None and done.actions == []
    case = await town.service.get(actor=OPERATOR, case_id=player.id)
    assert case.visit is not None and case.visit["satisfaction"] == "satisfied"
    whole = await town.service.store.find_whole(player.id)
    assert whole is not None
    assert whole["timeline"][-1]["actor"] == {"id": f"link:{token_hash(given.token)[:16]}", "role": "link"}


async def test_link_when_not_solved_is_put_down_and_the_operators_decide(town: Town) -> None:
    player = await town.visiting()
    given = await town.given(player)
    done = await town.links.visit(given.token, BAD)
    assert done.state == "visiting" and done.answered_at is not None
    case = await town.service.get(actor=OPERATOR, case_id=player.id)
    assert case.visit_answer is not None and case.visit_answer["solved"] is False and case.visit is None
    whole = await town.service.store.find_whole(player.id)
    assert whole is not None
    entry = whole["timeline"][-1]
    assert entry["action"] == "visit_answer" and "13912345678" not in str(entry)
    (keys,) = await town.told(player, "visit_answer")
    assert "operator:*" in keys
    await player.do(OPERATOR, "visit_redo")
    assert (await town.service.get(actor=OPERATOR, case_id=player.id)).visit_answer is None


@pytest.mark.parametrize("answer", [GOOD | {"contacted": False}, BAD])
async def test_link_when_not_settled_never_closes(town: Town, answer: dict[str, Any]) -> None:
    player = await town.visiting()
    assert (await town.links.visit((await town.given(player)).token, answer)).state == "visiting"


async def test_link_of_a_complaint_when_solved_is_put_down_as_it_is_called_besides(town: Town) -> None:
    player = await town.visiting(appeal_type="complaint")
    assert (await town.links.visit((await town.given(player)).token, GOOD)).state == "visiting"
    assert (await town.actions(player))[-1] == "visit_answer"


async def test_link_when_used_again_answers_the_same_and_does_nothing(town: Town) -> None:
    for answer in (GOOD, BAD):
        player = await town.visiting()
        given = await town.given(player)
        first = await town.links.visit(given.token, answer)
        before = await town.actions(player)
        assert await town.links.visit(given.token, answer) == first == await town.links.show(given.token)
        with pytest.raises(LinkUsed):
            await town.links.visit(given.token, GOOD if answer is BAD else BAD)
        assert await town.actions(player) == before


async def test_link_when_two_answers_race_one_counts(town: Town) -> None:
    for second in (GOOD, BAD):
        player = await town.visiting()
        token = (await town.given(player)).token
        found = await asyncio.gather(*(town.links.visit(token, one) for one in (GOOD, second) * 3), return_exceptions=True)
        assert all(not isinstance(one, BaseException) or isinstance(one, LinkUsed) for one in found)
        assert sum(not isinstance(one, LinkUsed) for one in found) == (6 if second is GOOD else 3)
        assert len([one for one in await town.actions(player) if one in ("visit_ok", "visit_answer")]) == 1


async def test_link_when_asked_for_often_is_one(town: Town, database: Database) -> None:
    player = await town.visiting()
    found = await asyncio.gather(*(town.given(player) for _ in range(8)))
    assert len({one.token for one in found}) == 1 and await database.count(LINKS, {}) == 1
    (stored,) = await database.find(LINKS, {})
    assert found[0].token not in str(stored) and stored["hash"] == token_hash(found[0].token)
    other = Links(town.service, database, secrets.token_bytes(32), town.clock)
    case = await town.service.store.find(player.id)
    assert case is not None
    foreign = await other.give(case, "visit")
    assert foreign is not None
    with pytest.raises(LinkUnknown):
        await town.links.show(foreign.token)


async def test_link_when_made_up_or_for_something_else_is_unknown(town: Town) -> None:
    player = await town.visiting()
    token = (await town.given(player)).token
    for made_up in ("", "x", "A" * 43, token[:-1], token + "A", token.swapcase(), "$ne", "…" * 43):
        with pytest.raises(LinkUnknown):
            await town.links.show(made_up)
    with pytest.raises(LinkUnknown):
        await town.links.rate(token, GRADED)
    assert (await town.service.get(actor=OPERATOR, case_id=player.id)).state == "visiting"


async def test_link_when_its_time_is_over_is_unknown(town: Town) -> None:
    player = await town.visiting()
    given = await town.given(player)
    town.clock.now = given.expires_at - timedelta(milliseconds=1)
    assert (await town.links.show(given.token)).actions
    town.clock.now = given.expires_at
    for call in (town.links.show(given.token), town.links.visit(given.token, GOOD)):
        with pytest.raises(LinkUnknown):
            await call
    case = await town.service.store.find(player.id)
    assert case is not None and await town.links.give(case, "visit") is None


async def test_link_when_the_desk_was_faster_is_unknown(town: Town) -> None:
    player = await town.visiting()
    token = (await town.given(player)).token
    await player.do(OPERATOR, "visit_ok", **GOOD)
    with pytest.raises(LinkUnknown):
        await town.links.visit(token, GOOD)


async def test_link_of_an_earlier_round_is_unknown_and_the_next_round_has_its_own(town: Town) -> None:
    player = await town.visiting()
    first = (await town.given(player)).token
    await town.links.visit(first, BAD)
    await player.do(OPERATOR, "visit_redo")
    with pytest.raises(LinkUnknown):
        await town.links.visit(first, BAD)
    await town.worked(player)
    with pytest.raises(LinkUnknown):
        await town.links.show(first)
    second = (await town.given(player)).token
    assert second != first and (await town.links.visit(second, GOOD)).state == "closed"


async def test_link_when_closed_rates_once_within_fifteen_days(town: Town) -> None:
    player = await town.visiting()
    await player.do(OPERATOR, "visit_ok", **GOOD)
    given = await town.given(player, "rate")
    assert given.expires_at == town.clock.now + timedelta(days=15)
    town.clock.forward(days=14)
    done = await town.links.rate(given.token, GRADED)
    assert done.answered_at is not None and await town.links.rate(given.token, GRADED) == done
    with pytest.raises(LinkUsed):
        await town.links.rate(given.token, GRADED | {"quality": 5})
    assert (await town.actions(player)).count("rate") == 1
    case = await town.service.store.find(player.id)
    assert case is not None and await town.links.give(case, "rate") is None


async def test_rating_link_when_rated_by_the_desk_is_unknown(town: Town) -> None:
    player = await town.visiting()
    await player.do(OPERATOR, "visit_ok", **GOOD)
    token = (await town.given(player, "rate")).token
    await player.do(OPERATOR, "rate", **GRADED)
    with pytest.raises(LinkUnknown):
        await town.links.show(token)


async def test_link_when_its_case_is_told_apart_speaks_for_no_other(town: Town) -> None:
    """Both were put down by one operator; the link of one reads and does nothing with the other."""
    one, other = await town.visiting(), await town.visiting()
    case = await town.service.store.find(one.id)
    assert case is not None
    link = _speaker(case, "f" * 64)
    with pytest.raises(NotFound):
        await town.service.get(actor=link, case_id=other.id)
    with pytest.raises(NotFound):
        await town.service.act(actor=link, case_id=other.id, action="visit_answer", rev=None, fields=GOOD)
    plain = actor("link", "someone")
    with pytest.raises(Forbidden):
        await town.service.act(actor=plain, case_id=one.id, action="visit_answer", rev=None, fields=GOOD)


async def test_link_of_what_a_grid_worker_reported_is_never_given(town: Town) -> None:
    player = await reported(town.service, WALKER, event(category="0202"))
    case = await town.service.store.find(player.id)
    assert case is not None
    assert [await town.links.give(case, purpose) for purpose in LINK_PURPOSES] == [None] * 3


async def test_read_out_when_done_is_put_down_once_without_the_token(town: Town) -> None:
    player = await town.visiting()
    key = new_key()
    given = await town.links.read_out(actor=OPERATOR, case_id=player.id, purpose="visit", key=key)
    assert await town.links.read_out(actor=OPERATOR, case_id=player.id, purpose="visit", key=key) == given
    for who in (OPERATOR, OTHER_DESK):
        with pytest.raises(Invalid) as error:
            await town.links.read_out(actor=who, case_id=player.id, purpose="visit")
        assert error.value.errors[0].code == "read_before"
    with pytest.raises(Invalid) as error:
        await town.links.read_out(actor=OPERATOR, case_id=player.id, purpose="rate")
    assert error.value.errors[0].code == "not_now"
    whole = await town.service.store.find_whole(player.id)
    assert whole is not None and whole["timeline"][-1]["action"] == "issue_link" and given.token not in str(whole)
    assert await town.links.visit(given.token, GOOD)


async def test_read_out_when_they_dispatched_or_worked_on_it_is_refused(town: Town) -> None:
    both = "two_posts"
    player = await reported(town.service, OPERATOR, ticket(category="0501"))
    await player.do(actor("dispatcher", both), "dispatch")
    await player.do(CLERK, "sign_in")
    await town.worked(player)
    for who, reason in ((actor("operator", both), "did_not_dispatch"), (actor("operator", CLERK.id), "not_of_lead")):
        with pytest.raises(Forbidden) as error:
            await town.links.read_out(actor=who, case_id=player.id, purpose="visit")
        assert error.value.data["reason"] == reason
    with pytest.raises(Forbidden):
        await town.links.read_out(actor=SUPERVISOR, case_id=player.id, purpose="visit")


async def test_reporter_with_an_account_is_told_and_led_to_the_link(town: Town) -> None:
    player = await town.visiting(CITIZEN, channel="app", caller=None, file=False)
    assert await town.told(player, "ask_reporter") == [["p:citizen"]]
    path = await town.links.path_for(player.id, "citizen")
    assert path == (await town.given(player)).path and await town.links.path_for(player.id, "operator") is None


async def test_operator_who_put_down_a_call_is_never_led_to_its_link(town: Town) -> None:
    player = await town.visiting()
    assert await town.told(player, "ask_reporter") == [["c:" + player.id]]
    assert await town.links.path_for(player.id, OPERATOR.id) is None
