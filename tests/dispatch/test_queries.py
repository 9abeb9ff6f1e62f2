"""Ticket number and query code: what they show, to whom they are read out, and that nothing is learnt by trying."""

from __future__ import annotations

import re
import secrets
from typing import Any

import pytest

from dispatch.errors import QueryUnknown
from dispatch.plain import STEPS
from dispatch.queries import LETTERS, Queries
from dispatch.reports import Caller
from dispatch.states import TABLE
from storage.client import Database
from storage.errors import Forbidden
from tests.dispatch.test_joined_voices import LAMP, MINE, call, matter, worked
from tests.dispatch.test_links import BAD, GOOD, GRADED, SECRET, Town, open_town
from tests.dispatch.test_oversight import reported
from tests.dispatch.town import CITIZEN, CLERK, DISPATCHER, OPERATOR, SUPERVISOR, WALKER, Player, actor, event, new_key, ticket

HIDDEN = Caller(name="李四光", phone="13900139123", confidential=True)


@pytest.fixture
async def town(database: Database) -> Town:
    return await open_town(database)


def opened(town: Town, secret: bytes = SECRET) -> Queries:
    return Queries(town.service, town.links, secret)


async def asked(town: Town, player: Player) -> Any:
    """Ask with the number and code of a case."""
    queries = opened(town)
    told = await queries.read_out(actor=OPERATOR, case_id=player.id)
    return await queries.find(told.case_no, told.code)


def test_codes_when_made_are_short_plain_and_always_the_same(town: Town) -> None:
    queries, other = opened(town), opened(town, secrets.token_bytes(32))
    codes = [queries.code_of(f"case{number}") for number in range(500)]
    assert all(re.fullmatch(f"[{LETTERS}]{{4}}-[{LETTERS}]{{4}}", code) for code in codes) and len(set(codes)) == 500
    assert queries.code_of("case1") == codes[1] != other.code_of("case1")
    assert not set("0O1IL") & set(LETTERS)


async def test_query_when_right_tells_what_happened_and_what_may_be_said_now(town: Town) -> None:
    player = await reported(town.service, OPERATOR, ticket())
    shown = await asked(town, player)
    assert shown.state == "dispatched" and shown.token is None and shown.actions == [] and shown.public_reply is None
    assert [step.action for step in shown.steps][:2] == ["submit", "file"]
    await player.do(CLERK, "sign_in")
    await player.do(CLERK, "contact")
    await player.do(CLERK, "submit_result")
    assert (await asked(town, player)).public_reply is None  # not reviewed yet
    await player.do(DISPATCHER, "to_visit")
    shown = await asked(town, player)
    assert shown.public_reply and shown.purpose == "visit" and [one["name"] for one in shown.actions] == ["visit"]
    assert shown.token == (await town.given(player)).token
    await town.links.visit(shown.token, BAD)
    answered = await asked(town, player)
    assert answered.answered_at is not None and answered.token is None and answered.state == "visiting"
    assert answered.steps[-1].action == "visit_answer"


async def test_query_when_closed_rates_then_appeals(town: Town) -> None:
    player = await town.visiting()
    await player.do(OPERATOR, "visit_ok", **GOOD)
    shown = await asked(town, player)
    assert shown.purpose == "rate" and [one["name"] for one in shown.actions] == ["rate", "appeal"]
    await town.links.rate(shown.token, GRADED)
    after = await asked(town, player)
    assert after.purpose == "appeal" and after.token != shown.token
    town.clock.forward(days=15)
    assert (await asked(town, player)).token is None


async def test_query_of_a_case_that_was_joined_asks_its_own_caller_too(town: Town) -> None:
    player, (joined, _, _) = await matter(town.service, (OPERATOR, call(1)), (CITIZEN, MINE), (WALKER, LAMP))
    await worked(player)
    await player.do(DISPATCHER, "to_visit")
    told = await opened(town).read_out(actor=OPERATOR, case_id=joined.id)
    shown = await opened(town).find(told.case_no, told.code)
    assert (shown.case_no, shown.state, shown.purpose) == (joined.case_no, "visiting", "visit") and shown.public_reply
    assert (await town.links.visit(shown.token, GOOD)).answered_at is not None


async def test_query_when_typed_in_another_way_is_the_same(town: Town) -> None:
    player = await reported(town.service, OPERATOR, ticket())
    told = await opened(town).read_out(actor=OPERATOR, case_id=player.id)
    first = await opened(town).find(told.case_no, told.code)
    for number, code in (
        (told.case_no.lower(), told.code.lower().replace("-", "")),
        (f" {told.case_no.replace('-', '－')} ", told.code.replace("-", " ")),
    ):
        assert await opened(town).find(number, code) == first


async def test_query_of_a_hidden_or_unnamed_reporter_shows_nothing_of_them(town: Town) -> None:
    for caller in (HIDDEN, Caller(anonymous=True)):
        player = await reported(
            town.service, OPERATOR, ticket(caller=caller, description="我叫李四光，举报路灯不亮", appeal_type="report")
        )
        shown = str(await asked(town, player))
        assert not re.search("李|139|路灯|operator|unit_clerk|甲区", shown), shown


async def test_query_when_anything_is_wrong_has_one_answer(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    queries = opened(town)
    player, other = [await reported(town.service, OPERATOR, ticket()) for _ in range(2)]
    grid = await reported(town.service, WALKER, event(category="0202"))
    told = await queries.read_out(actor=OPERATOR, case_id=player.id)
    numbers = {one.id: (await town.service.get(actor=SUPERVISOR, case_id=one.id)).case_no for one in (other, grid)}
    reads = []
    real = Database.find_one

    async def counted(self: Database, collection: str, *args: Any, **options: Any) -> Any:
        reads.append(collection)
        return await real(self, collection, *args, **options)

    monkeypatch.setattr(Database, "find_one", counted)
    for number, code in (
        (told.case_no, "AAAA-AAAA"), (told.case_no, ""), (numbers[other.id], told.code), ("XC20261123-999999", told.code),
        (numbers[grid.id], queries.code_of(grid.id)), ("$ne", told.code), ("", ""), (told.case_no, told.code[:-1]),
    ):  # fmt: skip
        reads.clear()
        with pytest.raises(QueryUnknown):
            await queries.find(number, code)
        assert reads == ["cases"]


async def test_code_when_read_out_is_put_down_and_never_stored(town: Town) -> None:
    player = await reported(town.service, OPERATOR, ticket())
    queries, key = opened(town), new_key()
    told = await queries.read_out(actor=OPERATOR, case_id=player.id, key=key)
    assert await queries.read_out(actor=OPERATOR, case_id=player.id, key=key) == told
    whole = await town.service.store.find_whole(player.id)
    assert whole is not None and [entry["action"] for entry in whole["timeline"]].count("issue_code") == 1
    assert told.code not in str(whole) and told.code.replace("-", "") not in str(whole)
    assert "issue_code" not in [step.action for step in (await queries.find(told.case_no, told.code)).steps]


async def test_code_when_they_dispatched_worked_on_it_or_it_is_no_citizens_is_not_read_out(town: Town) -> None:
    player = await reported(town.service, OPERATOR, ticket(category="0501"))
    await player.do(actor("dispatcher", "two_posts"), "dispatch")
    await player.do(CLERK, "sign_in")
    for who, reason in (
        (actor("operator", "two_posts"), "did_not_dispatch"),
        (actor("operator", CLERK.id), "not_of_lead"),
        (SUPERVISOR, None),
        (DISPATCHER, None),
    ):
        with pytest.raises(Forbidden) as error:
            await opened(town).read_out(actor=who, case_id=player.id)
        assert error.value.data.get("reason") == reason
    grid = await reported(town.service, WALKER, event(category="0202"))
    with pytest.raises(Exception, match="reporter_is_citizen"):
        await opened(town).read_out(actor=OPERATOR, case_id=grid.id)


def test_steps_when_told_are_public_rows_of_the_table() -> None:
    public = {row.action for row in TABLE if row.public}
    assert public >= STEPS
