"""A grid worker reports, follows and rates for a resident who agreed: the case is the resident's, the word marked as by proxy."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch.actors import Scope
from dispatch.categories import Catalogue
from dispatch.errors import NotAllowed
from dispatch.links import Links
from dispatch.reports import Caller, Consent
from dispatch.service import CaseService
from dispatch.store import CaseQuery
from storage.client import Database
from storage.errors import Forbidden, Invalid
from tests.dispatch.test_oversight import offered, reported, stored
from tests.dispatch.test_separation import refused
from tests.dispatch.test_verification import SEEN_FIRST
from tests.dispatch.town import (
    CATEGORIES,
    CITIZEN,
    CLERK,
    DISPATCHER,
    OPERATOR,
    SUPERVISOR,
    WALKER,
    Clock,
    Player,
    actor,
    clerk_of,
    event,
    open_service,
    ticket,
)  # fmt: skip

ORAL = Consent(kind="oral", note="今天上午入户，当面同意，电话13912345678")
RESIDENT = Caller(name="王桂英", phone="13812341234")
SAID = {"consent": "oral", "note": "电话里说满意"}


def for_resident(**values: Any) -> Any:
    """Return a grid worker's report of a street lamp for a resident."""
    return event(**{"category": "0202", "appeal_type": "help", "caller": RESIDENT, "consent": ORAL, **values})


async def asked(service: CaseService) -> Player:
    """Return a resident's case that waits for its visit."""
    player = await reported(service, WALKER, for_resident())
    for who, action in ((CLERK, "sign_in"), (CLERK, "contact"), (CLERK, "submit_result"), (DISPATCHER, "to_visit")):
        await player.do(who, action)
    return player


async def ended(service: CaseService) -> Player:
    """Return a resident's case that was closed after its visit."""
    player = await asked(service)
    await player.do(OPERATOR, "visit_ok")
    return player


# -- at intake


async def test_report_when_for_a_resident_is_theirs_and_the_grid_workers_to_follow(database: Database) -> None:
    service = await open_service(database)
    player = await reported(service, WALKER, for_resident())
    case = await stored(player)
    assert (case["live"]["state"], case["live"]["reporter"], case["reporter"]["kind"]) == ("dispatched", WALKER.id, "citizen")
    assert case["timeline"][0]["data"] == {"on_behalf": "oral"}
    text = str(case)
    assert "王桂英" not in text and "13812341234" not in text and "13912345678" not in text
    own = await service.get(actor=WALKER, case_id=player.id)
    assert own.on_behalf is not None and own.on_behalf["note"].startswith("今天上午入户") and own.caller["phone"] == "138****1234"
    assert (await service.get(actor=OPERATOR, case_id=player.id)).on_behalf["by"] == WALKER.id  # type: ignore[index]
    assert (await service.get(actor=clerk_of("water1"), case_id=player.id)).on_behalf == {"consent": "oral"}
    assert "self_handle" not in await offered(player, WALKER), "what a resident asked for is not settled by who reported it"


async def test_resident_when_visited_is_reached_by_link_as_any_citizen(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    player = await asked(service)
    given = await Links(service, database, b"secret", clock).give(await stored(player), "visit")
    assert given is not None
    assert (await stored(player))["timeline"][-1]["action"] == "ask_reporter"  # the grid worker is told that they are asked


@pytest.mark.parametrize(("photos", "state"), [(("a" * 64,), "dispatched"), ((), "verifying")])
async def test_report_when_of_a_category_that_is_verified_first_is_as_good_as_what_was_photographed(
    database: Database, photos: tuple[str, ...], state: str
) -> None:
    service = await open_service(database)
    service.rules.catalogue = Catalogue((*CATEGORIES.all(), *SEEN_FIRST))
    player = await reported(service, WALKER, for_resident(category="0401", photos=photos))
    assert (await stored(player))["live"]["state"] == state


@pytest.mark.parametrize(
    ("consent", "field"),
    [
        (Consent(kind="silent"), "on_behalf.consent"),
        (Consent(kind="oral", note=" "), "on_behalf.note"),
        (Consent(kind="written", note="签了"), "on_behalf.photo"),
    ],
)
async def test_report_when_the_consent_is_not_on_record_is_refused(database: Database, consent: Consent, field: str) -> None:
    service = await open_service(database)
    with pytest.raises(Invalid) as wrong:
        await reported(service, WALKER, for_resident(consent=consent))
    assert [error.field for error in wrong.value.errors] == [field]


@pytest.mark.parametrize("who", [OPERATOR, CITIZEN, actor("device")])
async def test_report_when_by_others_than_grid_workers_is_for_nobody_else(database: Database, who: Any) -> None:
    with pytest.raises(Forbidden):
        await reported(await open_service(database), who, for_resident())


# -- what is said for the resident


async def test_visit_answer_when_by_proxy_is_marked_and_left_to_the_operator(database: Database) -> None:
    player = await asked(await open_service(database))
    case = await player.do(WALKER, "proxy_visit_answer", contacted=True, solved=True, satisfaction="satisfied", **SAID)
    assert case.state == "visiting" and case.visit_answer["proxy"] == "oral"
    entry = (await stored(player))["timeline"][-1]
    assert (entry["action"], entry["data"]["proxy"], entry["actor"]["role"]) == ("proxy_visit_answer", "oral", "grid_worker")
    assert entry["texts"]["note"]["value"] == "电话里说满意"
    assert "proxy_visit_answer" not in await offered(player, WALKER), "once"


async def test_rating_when_by_proxy_is_marked_and_a_bad_one_is_put_right(database: Database) -> None:
    player = await ended(await open_service(database))
    rated = await player.do(WALKER, "proxy_rate", efficiency=1, quality=2, attitude=3, **SAID)
    assert rated.rating["proxy"] == "oral" and rated.rectification["state"] == "open"
    assert (await stored(player))["timeline"][-1]["data"] | {"bad": True, "proxy": "oral"} == {
        "efficiency": 1, "quality": 2, "attitude": 3, "bad": True, "proxy": "oral",
    }  # fmt: skip
    assert "proxy_rate" not in await offered(player, WALKER) and "rate" not in await offered(player, OPERATOR)


async def test_written_consent_when_claimed_shows_what_was_signed(database: Database) -> None:
    player = await ended(await open_service(database))
    with pytest.raises(Invalid) as wrong:
        await player.do(WALKER, "proxy_rate", consent="written")
    assert [error.field for error in wrong.value.errors] == ["photos"]
    shown = await player.do(WALKER, "proxy_rate", consent="written", photos=["c" * 64])
    assert shown.rating["proxy"] == "written"


# -- who may not


async def test_proxy_when_another_or_without_consent_says_nothing(database: Database) -> None:
    service = await open_service(database)
    player = await ended(service)
    assert await refused(player, actor("grid_worker", "another"), "proxy_rate") == "is_proxy"
    plain = await reported(service, WALKER, event(category="0202", caller=RESIDENT))
    for who, action in ((CLERK, "sign_in"), (CLERK, "contact"), (CLERK, "submit_result"), (DISPATCHER, "to_visit")):
        await plain.do(who, action)
    assert await refused(plain, WALKER, "proxy_visit_answer") == "is_proxy"


@pytest.mark.parametrize(("role", "action", "reason"), [("unit_clerk", "sign_in", "not_of_lead"),
                                                        ("unit_clerk", "submit_result", "not_of_lead")])  # fmt: skip
async def test_proxy_when_they_worked_on_it_says_nothing(database: Database, role: str, action: str, reason: str) -> None:
    service = await open_service(database)
    player = await reported(service, WALKER, for_resident())
    both = actor(role, WALKER.id)
    for who, what in ((CLERK, "sign_in"), (CLERK, "contact"), (CLERK, "submit_result"), (DISPATCHER, "to_visit")):
        await player.do(both if what == action else who, what)
    assert await refused(player, WALKER, "proxy_visit_answer") == reason


async def test_proxy_when_they_found_it_done_says_nothing(database: Database) -> None:
    service = await open_service(database)
    player = await reported(service, WALKER, for_resident(category="0201"))
    for who, action in ((CLERK, "sign_in"), (CLERK, "contact"), (CLERK, "submit_result"), (DISPATCHER, "send_check"),
                        (WALKER, "check_pass")):  # fmt: skip
        await player.do(who, action)
    assert await refused(player, WALKER, "proxy_visit_answer") == "did_not_pass"


# -- when the case was joined to another


async def joined(service: CaseService, **values: Any) -> tuple[Player, Player]:
    """Return a case of a caller, with that of a resident that was joined to it."""
    main = await reported(service, OPERATOR, ticket(file=False, **values))
    own = await reported(service, WALKER, for_resident(**values))
    await own.do(DISPATCHER, "merge", main=main.id, reason="同一盏灯")
    await main.do(OPERATOR, "file")
    return main, own


async def visited(service: CaseService, **instead: Any) -> tuple[Player, Player]:
    main, own = await joined(service)
    for who, action in ((CLERK, "sign_in"), (CLERK, "contact"), (CLERK, "submit_result"), (DISPATCHER, "to_visit")):
        await main.do(instead.get(action, who), action)
    return main, own


async def test_proxy_when_the_case_was_joined_answers_and_rates_by_it_marked_on_both(database: Database) -> None:
    service = await open_service(database)
    main, own = await visited(service)
    mine = await own.do(WALKER, "proxy_visit_answer", contacted=True, solved=False, satisfaction="dissatisfied", **SAID)
    assert mine.visit_answer["proxy"] == "oral" and "proxy_visit_answer" not in await offered(own, WALKER)
    asked_with_main = (await service.get(actor=OPERATOR, case_id=main.id)).followers
    assert (asked_with_main[0]["answer"]["proxy"], asked_with_main[0]["answer"]["solved"]) == ("oral", False)
    assert (await stored(main))["timeline"][-1]["data"]["unsettled"] is True
    done = await main.do(OPERATOR, "visit_ok")
    assert done.visit["joined"]["answered"] == 1
    await own.do(WALKER, "proxy_rate", efficiency=1, quality=2, attitude=3, **SAID)
    case = await service.get(actor=SUPERVISOR, case_id=main.id)
    assert case.followers[0]["rating"]["proxy"] == "oral" and case.rectification["case"] == own.id
    assert "电话里说满意" not in str(await stored(main)), "how they agreed stays with their own case"
    assert "proxy_rate" not in await offered(own, WALKER) and "rate" not in await offered(own, OPERATOR), "once, by whomever"


async def test_written_consent_when_joined_shows_what_was_signed(database: Database) -> None:
    _, own = await visited(await open_service(database))
    with pytest.raises(Invalid) as wrong:
        await own.do(WALKER, "proxy_visit_answer", consent="written")
    assert [error.field for error in wrong.value.errors] == ["photos"]


@pytest.mark.parametrize("action", ["sign_in", "submit_result"])
async def test_proxy_when_joined_and_they_worked_on_the_main_case_says_nothing(database: Database, action: str) -> None:
    _, own = await visited(await open_service(database), **{action: actor("unit_clerk", WALKER.id)})
    assert await refused(own, WALKER, "proxy_visit_answer") == "apart_from_main"


async def test_proxy_when_joined_and_they_found_the_main_case_done_says_nothing(database: Database) -> None:
    main, own = await joined(await open_service(database), category="0201")
    for who, action in ((CLERK, "sign_in"), (CLERK, "contact"), (CLERK, "submit_result"), (DISPATCHER, "send_check"),
                        (WALKER, "check_pass")):  # fmt: skip
        await main.do(who, action)
    assert await refused(own, WALKER, "proxy_visit_answer") == "apart_from_main"
    another = actor("grid_worker", "another")
    assert await refused(own, another, "proxy_visit_answer") == "is_proxy"


async def test_proxy_when_the_main_case_is_not_asked_about_says_nothing(database: Database) -> None:
    main, own = await joined(await open_service(database))
    for action in ("proxy_visit_answer", "proxy_rate"):
        assert action not in await offered(own, WALKER)
        with pytest.raises(NotAllowed):
            await own.service.act(actor=WALKER, case_id=own.id, action=action, rev=None, fields={}, key=None)
    await main.do(DISPATCHER, "cancel")
    assert not [action for action in await offered(own, WALKER) if action.startswith("proxy_")]


async def test_list_of_own_reports_when_for_residents_holds_them(database: Database) -> None:
    service = await open_service(database, indexed=True)
    player = await reported(service, actor("grid_worker", "walker9", scope=Scope(reporter="walker9")), for_resident())
    own = await service.list(actor=actor("grid_worker", "walker9"), query=CaseQuery(mine=True))
    assert [case.id for case in own.items] == [player.id]
