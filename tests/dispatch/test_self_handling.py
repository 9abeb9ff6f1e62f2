"""A grid worker reports and has dealt with it on the spot: closed the same day, counted apart, some drawn for a check."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch.draws import Sampling
from dispatch.errors import NotAllowed
from dispatch.service import CaseService
from storage.client import Database
from storage.errors import Forbidden
from tests.dispatch.test_verification import actions, notices, offered, open_town, reported
from tests.dispatch.town import CLERK, WALKER, Clock, actor, clerk_of, event

SMALL = event(category="0403")


async def refused_for(service: CaseService, case_id: str, who: Any = WALKER) -> str:
    rev = (await service.get(actor=who, case_id=case_id)).rev
    with pytest.raises(NotAllowed) as refused:
        await service.act(actor=who, case_id=case_id, action="self_handle", rev=rev, fields={}, key=None)
    return str(refused.value.data["reason"])


@pytest.mark.parametrize("drawn", [True, False])
async def test_report_when_dealt_with_at_once_is_closed_and_no_units(database: Database, drawn: bool) -> None:
    service = await open_town(database)
    service.rules.sampling = Sampling(self_handled=float(drawn))
    player, case = await reported(service, WALKER, SMALL)
    assert case.state == "dispatched"
    closed = await player.do(WALKER, "self_handle", note="已清理干净")
    assert (closed.state, closed.outcome, closed.lead, closed.result["handling"]) == ("closed", "resolved", None, "已清理干净")
    assert [task["state"] for task in closed.tasks] == ["withdrawn"] and not [one for one in closed.clocks if not one.done_at]
    stored = await service.store.find_whole(case.id)
    assert stored is not None and stored["facts"]["self_handled"] and stored["facts"]["handlers"] == [WALKER.id]
    (told,) = await notices(service, database, "self_handle")
    assert "u:urban1" in told["keys"]
    drawing = ["draw_spot_check"] if drawn else []
    assert await actions(service, case.id) == ["submit", "file", "auto_dispatch", "self_handle", *drawing]
    assert closed.flags == (["self_handled", "sampled"] if drawn else ["self_handled"])


async def test_self_handling_when_waiting_for_the_desk_or_a_dispatcher_is_open_too(database: Database) -> None:
    service = await open_town(database)
    for report in (event(category="0403", location=None, area_code="521"), SMALL):
        service.rules.directory.match = (  # type: ignore[method-assign]
            lambda place, category, at: type(service.rules.directory)().match(place, "0501", at)
        )
        player, case = await reported(service, WALKER, report)
        assert case.state in ("reported", "filed")
        assert (await player.do(WALKER, "self_handle")).state == "closed"


async def test_self_handling_when_it_is_not_theirs_is_refused(database: Database) -> None:
    clock = Clock()
    service = await open_town(database, clock)
    _, case = await reported(service, WALKER, SMALL)
    other = actor("grid_worker", "another")
    with pytest.raises(Forbidden):
        await service.act(actor=other, case_id=case.id, action="self_handle", rev=1, fields={}, key=None)
    _, plain = await reported(service, WALKER, event())
    assert await refused_for(service, plain.id) == "may_self_handle"
    _, bare = await reported(service, WALKER, event(category="0403", photos=()))
    assert await refused_for(service, bare.id) == "photographed"
    _, danger = await reported(service, WALKER, event(category="0403", urgency="emergency"))
    assert await refused_for(service, danger.id) == "not_emergency"
    _, heard = await reported(service, WALKER, event(category="0403", channel="phone"))
    assert await refused_for(service, heard.id) == "no_citizen"
    clock.forward(hours=14)  # from ten in the morning to midnight in Guiyang
    assert await refused_for(service, case.id) == "same_day"
    assert "self_handle" not in await offered(service, WALKER, case.id)


async def test_self_handling_when_a_unit_has_signed_is_the_units(database: Database) -> None:
    service = await open_town(database)
    player, case = await reported(service, WALKER, SMALL)
    await player.do(CLERK, "sign_in")
    assert await refused_for(service, case.id) == "state"
    assert "self_handle" not in await offered(service, clerk_of("urban1"), case.id)
