"""Extensions, suspensions, returns that lead to coordination, appeals: asked, decided, run out; and what they do to the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch import shifting
from dispatch.actors import Scope
from dispatch.chain import verify
from dispatch.clocks import Limit, LimitChoice, remaining
from dispatch.clockwork import changes_until
from dispatch.errors import NotAllowed
from dispatch.store import CASES
from storage.client import Database
from storage.errors import Forbidden, Invalid
from tests.dispatch.town import (
    CITIZEN,
    CLERK,
    DISPATCHER,
    LEADER,
    OPERATOR,
    START,
    SUPERVISOR,
    WALKER,
    Clock,
    Player,
    actor,
    clerk_of,
    event,
    new_key,
    open_service,
    rules,
    ticket,
    whole,
)  # fmt: skip

WATER, WATER_LEADER = clerk_of("water1"), clerk_of("water1", "unit_leader")
CITY = rules()
FIVE_DAYS = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)  # when five working days from START end


class Town:
    """A service whose clock the test moves, and one case in it that water1 handles."""

    def __init__(self, service: Any, clock: Clock, player: Player) -> None:
        self.service, self.clock, self.player = service, clock, player

    async def until(self, instant: datetime) -> None:
        """Let time pass; what is due by then is done."""
        self.clock.now = instant
        await self.service.sweep()

    async def case(self) -> Any:
        return await self.service.get(actor=SUPERVISOR, case_id=self.player.id)

    async def stored(self) -> dict[str, Any]:
        found = await self.service.store.find_whole(self.player.id)
        assert found is not None and verify(found["timeline"], found["_id"]) == []
        return found

    async def actions(self) -> list[str]:
        return [entry["action"] for entry in (await self.stored())["timeline"] if entry["action"] != "light"]

    async def told(self, kind: str) -> list[str]:
        """The addresses of the newest notice of a kind."""
        found = await self.service.store.database.find_one(CASES, {"_id": self.player.id})
        keys: list[str] = [notice for notice in found["outbox"] if notice["kind"] == kind][-1]["keys"]
        return keys

    async def offered(self, who: Any) -> set[str]:
        case = await self.service.get(actor=who, case_id=self.player.id)
        return {action["name"] for action in case.actions}

    async def on_request(self, who: Any) -> set[str]:
        case = await self.service.get(actor=who, case_id=self.player.id)
        return {action["name"] for action in case.requests[-1]["actions"]}

    async def refused(self, who: Any, action: str) -> str:
        """Why an action is refused now."""
        case = await self.service.get(actor=who, case_id=self.player.id)
        with pytest.raises((NotAllowed, Forbidden)) as refusal:
            await self.service.act(actor=who, case_id=case.id, action=action, rev=case.rev, fields={}, key=None)
        return str(refusal.value.data["reason"])


async def open_town(database: Database, who: Any = WALKER, report: Any = None, *, signed: bool = True) -> Town:
    clock = Clock()
    service = await open_service(database, clock)
    filed = await service.report(actor=who, present=whole, report=report or event(), key=new_key())
    player = Player(service, filed.case.id)
    if signed:
        await player.do(CLERK, "sign_in")
    return Town(service, clock, player)


def case_clock(case: Any) -> Any:
    return next(clock for clock in reversed(case.clocks) if clock.kind == "case")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


# -- extensions


async def test_extension_when_granted_counts_from_the_old_due_time(database: Database) -> None:
    town = await open_town(database)
    assert at((await town.case()).due_at) == FIVE_DAYS
    asked = await town.player.do(WATER, "request_extension", limit="2wd")
    assert asked.state == "handling" and asked.requests[-1]["deciders"] == ["dispatcher"]
    assert {clock.kind for clock in asked.clocks if clock.done_at is None} >= {"case", "decide_extension"}
    assert at(asked.due_at) == FIVE_DAYS, "the clock stays while it is pending"
    granted = await town.player.decide(DISPATCHER)
    assert granted.requests[-1]["state"] == "approved"
    assert at(granted.due_at) == datetime(2026, 12, 2, 9, 0, tzinfo=UTC)
    assert not [clock for clock in granted.clocks if clock.kind == "decide_extension" and clock.done_at is None]
    entry = (await town.stored())["timeline"][-1]
    assert entry["data"]["kind"] == "extension" and entry["data"]["limit"] == "2wd" and not entry["public"]


async def test_extension_when_the_time_to_decide_runs_out_then_the_light_is_for_the_decider(database: Database) -> None:
    town = await open_town(database)
    await town.player.do(WATER, "request_extension", limit="2wd")
    await town.until(datetime(2026, 11, 23, 6, 0, tzinfo=UTC))
    told = await town.told("light")
    assert "dispatcher:*" in told and "u:water1" not in told


async def test_extension_when_second_is_decided_by_the_supervisor_and_there_is_no_third(database: Database) -> None:
    town = await open_town(database)
    await town.player.do(WATER, "request_extension", limit="2wd")
    await town.player.decide(DISPATCHER)
    await town.player.do(WATER, "request_extension", limit="5wd")
    assert "decide" not in await town.on_request(DISPATCHER)
    granted = await town.player.decide(SUPERVISOR)
    assert at(granted.due_at) == datetime(2026, 12, 9, 9, 0, tzinfo=UTC)
    assert await town.refused(WATER, "request_extension") == "extension_left"


@pytest.mark.parametrize(("first", "second", "fits"), [("10wd", "1wd", False), ("4wd", "6wd", True), ("70wh", "1wd", False)])
async def test_extension_when_too_long_is_refused(database: Database, first: str, second: str, fits: bool) -> None:
    """Each at most the original limit, together at most 10 wd; sizes on paper: 7 wh and 24 h are a day."""
    town = await open_town(database, OPERATOR, ticket(category="0501"), signed=False)
    await town.player.do(DISPATCHER, "dispatch")
    await town.player.do(CLERK, "sign_in")
    with pytest.raises(Invalid) as wrong:
        await town.player.do(CLERK, "request_extension", limit="11wd", told=True)
    assert [(error.field, error.code) for error in wrong.value.errors] == [("limit", "too_long")]
    await town.player.do(CLERK, "request_extension", limit=first, told=True)
    await town.player.decide(actor("dispatcher", "other"))
    if fits:
        await town.player.do(CLERK, "request_extension", limit=second, told=True)
    else:
        with pytest.raises(Invalid):
            await town.player.do(CLERK, "request_extension", limit=second, told=True)


async def test_extension_when_the_citizen_was_not_told_is_refused(database: Database) -> None:
    town = await open_town(database, OPERATOR, ticket())
    with pytest.raises(Invalid) as wrong:
        await town.player.do(CLERK, "request_extension", limit="4wh", told=False)
    assert [error.field for error in wrong.value.errors] == ["told"]


async def test_extension_when_less_than_a_day_is_left_is_too_late(database: Database) -> None:
    town = await open_town(database)
    await town.until(datetime(2026, 11, 27, 9, 0, tzinfo=UTC))
    assert "request_extension" in await town.offered(WATER)
    await town.until(datetime(2026, 11, 27, 9, 1, tzinfo=UTC))
    assert await town.refused(WATER, "request_extension") == "extension_in_time"


async def test_extension_when_the_limit_is_short_needs_a_fifth_left(database: Database) -> None:
    """24 h from 10:00: until 4.8 h before."""
    town = await open_town(database, WALKER, event(category="0203"))
    await town.until(START + timedelta(hours=19, minutes=11))
    assert "request_extension" in await town.offered(WATER)
    await town.until(START + timedelta(hours=19, minutes=13))
    assert await town.refused(WATER, "request_extension") == "extension_in_time"


async def test_extension_when_emergency_or_pending_or_of_another_unit_is_refused(database: Database) -> None:
    town = await open_town(database)
    await town.player.do(WATER, "request_extension", limit="1wd")
    assert await town.refused(WATER, "request_extension") == "no_pending_extension"
    assert "decide" not in await town.on_request(WATER)
    danger = await open_town(database, WALKER, event(description="有燃气味，井盖处很浓"))
    assert await danger.refused(CLERK, "request_extension") == "not_emergency"
    with pytest.raises(Forbidden):
        case = await danger.case()
        await danger.service.act(actor=clerk_of("town1"), case_id=case.id, action="request_extension", rev=case.rev, fields={})


async def test_extension_when_undecided_is_raised_and_ends_at_the_due_time(database: Database) -> None:
    town = await open_town(database)
    await town.until(datetime(2026, 11, 27, 2, 0, tzinfo=UTC))
    await town.player.do(WATER, "request_extension", limit="2wd")
    await town.until(datetime(2026, 11, 27, 8, 0, tzinfo=UTC))
    case = await town.case()
    assert case.requests[-1]["deciders"] == ["dispatcher", "supervisor"] and "decide" in await town.on_request(SUPERVISOR)
    assert "supervisor:*" in await town.told("escalate")
    await town.until(FIVE_DAYS)
    case = await town.case()
    assert case.requests[-1]["state"] == "expired" and at(case.due_at) == FIVE_DAYS
    assert [action for action in await town.actions() if action in ("escalate", "expire")] == ["escalate", "expire"]


# -- suspension


async def suspended(database: Database, days: float = 30) -> Town:
    town = await open_town(database)
    town.clock.forward(days=1)
    planned = (town.clock.now + timedelta(days=days)).isoformat()
    await town.player.do(WATER, "request_suspension", planned_at=planned)
    await town.player.decide(WATER_LEADER, "sign_request")
    await town.player.decide(SUPERVISOR)
    return town


async def test_suspension_when_asked_is_signed_approved_and_ends_with_the_time_that_was_left(database: Database) -> None:
    town = await suspended(database)
    case = await town.case()
    own = case_clock(case)
    assert case.state == "suspended" and own.paused_at is not None and own.left_seconds == 34 * 3600
    assert {clock.kind for clock in case.clocks if clock.done_at is None} == {"suspended_progress"}
    town.clock.now = datetime(2026, 12, 7, 2, 0, tzinfo=UTC)
    resumed = await town.player.do(WATER, "resume")
    assert resumed.state == "handling" and case_clock(resumed).paused_at is None
    assert at(resumed.due_at) == datetime(2026, 12, 11, 9, 0, tzinfo=UTC), "four days and an afternoon, as before"
    assert resumed.light == "green" and not (await town.stored())["timers"]
    assert (await town.actions())[-4:] == ["request_suspension", "sign_request", "decide", "resume"]
    await town.player.do(CLERK, "submit_result")


async def test_suspension_when_not_signed_is_not_decided(database: Database) -> None:
    town = await open_town(database)
    await town.player.do(WATER, "request_suspension")
    assert "decide" not in await town.on_request(SUPERVISOR)
    assert "sign_request" not in await town.on_request(WATER)
    assert await town.on_request(WATER_LEADER) == {"sign_request", "withdraw_request"}
    await town.player.decide(WATER_LEADER, "sign_request")
    assert "decide" in await town.on_request(SUPERVISOR) and "sign_request" not in await town.on_request(WATER_LEADER)


async def test_suspension_when_the_leader_asks_is_signed(database: Database) -> None:
    town = await open_town(database)
    asked = await town.player.do(WATER_LEADER, "request_suspension")
    assert asked.requests[-1]["signed_by"] == WATER_LEADER.id
    rejected = await town.player.decide(SUPERVISOR, approve=False)
    assert (rejected.state, rejected.requests[-1]["state"]) == ("handling", "rejected")
    assert case_clock(rejected).done_at is None


async def test_suspension_when_pending_or_emergency_is_refused(database: Database) -> None:
    town = await open_town(database)
    await town.player.do(WATER, "request_suspension")
    assert await town.refused(WATER_LEADER, "request_suspension") == "no_pending_suspension"
    assert await town.refused(CLERK, "resume") == "state"
    danger = await open_town(database, WALKER, event(description="有燃气味，井盖处很浓"))
    assert await danger.refused(LEADER, "request_suspension") == "not_emergency"


async def test_suspension_when_approved_takes_other_requests_with_it_and_puts_off_parts(database: Database) -> None:
    town = await open_town(database, WALKER, event(category="0203"))  # urban1 assists with pipes
    part = next(task for task in (await town.case()).tasks if task["kind"] == "assist")
    await town.player.do(WATER, "request_extension", limit="4wh")
    await town.player.do(WATER_LEADER, "request_suspension")
    held = await town.player.decide(SUPERVISOR)
    assert [request["state"] for request in held.requests] == ["expired", "approved"]
    town.clock.forward(days=2)
    resumed = await town.player.do(SUPERVISOR, "resume")
    after = next(task for task in resumed.tasks if task["kind"] == "assist")
    assert at(after["due_at"]) - at(part["due_at"]) == timedelta(days=2), "24 h are counted day and night"


@pytest.mark.parametrize("days", [-1, 181])
async def test_suspension_when_planned_out_of_bounds_is_refused(database: Database, days: int) -> None:
    town = await open_town(database)
    with pytest.raises(Invalid) as wrong:
        await town.player.do(WATER, "request_suspension", planned_at=(START + timedelta(days=days)).isoformat())
    assert [error.field for error in wrong.value.errors] == ["planned_at"]


async def test_suspension_when_it_lasts_shows_no_light_of_the_case_and_ends_at_the_planned_date(database: Database) -> None:
    town = await suspended(database, days=20)
    await town.until(START + timedelta(days=20))
    stored = await town.stored()
    lit = [entry["data"]["clock"] for entry in stored["timeline"] if entry["action"] == "light"]
    assert "case" not in lit and stored["live"]["state"] == "suspended" and stored["live"]["light"] == "green"
    await town.until(START + timedelta(days=22))
    assert (await town.case()).state == "handling"
    assert (await town.stored())["timeline"][-1]["actor"]["role"] == "system"


async def test_suspension_when_progress_is_reported_runs_another_month(database: Database) -> None:
    town = await suspended(database, days=90)
    await town.until(START + timedelta(days=20))
    case = await town.player.do(WATER, "progress")
    running = [clock for clock in case.clocks if clock.kind == "suspended_progress" and clock.done_at is None]
    assert len(running) == 1 and at(running[0].due_at) == START + timedelta(days=50)
    await town.until(START + timedelta(days=51))
    assert (await town.case()).light == "red"


async def test_resume_when_of_another_unit_is_forbidden_and_open_to_the_supervisor(database: Database) -> None:
    town = await suspended(database)
    assert {"resume", "progress"} <= await town.offered(WATER) and "resume" in await town.offered(SUPERVISOR)
    assert "submit_result" not in await town.offered(WATER)
    other = actor("unit_clerk", "other", unit="urban1", units=frozenset({"urban1"}))
    assert await town.refused(other, "resume") == "lead_or_supervisor"


# -- requests of every kind


async def test_request_when_undecided_for_twice_its_time_runs_out(database: Database) -> None:
    town = await open_town(database, signed=False)
    await town.player.do(WATER, "request_return")
    await town.until(START + timedelta(hours=3))
    assert (await town.case()).requests[-1]["deciders"] == ["dispatcher", "supervisor"]
    await town.until(START + timedelta(hours=7))
    case = await town.case()
    assert case.requests[-1]["state"] == "expired" and not [c for c in case.clocks if c.kind == "decide_return" and not c.done_at]
    assert "decide" not in await town.on_request(DISPATCHER)


async def test_request_when_withdrawn_by_who_asked_may_be_asked_again(database: Database) -> None:
    town = await open_town(database)
    await town.player.do(WATER, "request_extension", limit="1wd")
    assert "withdraw_request" not in await town.on_request(OPERATOR)
    withdrawn = await town.player.decide(WATER, "withdraw_request")
    assert withdrawn.requests[-1]["state"] == "withdrawn" and not (await town.stored())["timers"]
    assert "request_extension" in await town.offered(WATER)


async def test_request_when_the_case_moves_on_without_it_is_expired(database: Database) -> None:
    town = await open_town(database)
    await town.player.do(WATER, "request_extension", limit="1wd")
    handled = await town.player.do(WATER, "submit_result")
    assert handled.requests[-1]["state"] == "expired" and not (await town.stored())["timers"]
    assert not [clock for clock in handled.clocks if clock.kind == "decide_extension" and clock.done_at is None]


async def test_request_when_the_case_ends_is_expired(database: Database) -> None:
    town = await open_town(database, signed=False)
    await town.player.do(WATER, "request_return")
    ended = await town.player.do(DISPATCHER, "cancel")
    assert (ended.state, ended.requests[-1]["state"]) == ("cancelled", "expired")


# -- returns and coordination


async def test_return_when_decided_is_counted_and_teaches_the_rules(database: Database) -> None:
    town = await open_town(database, signed=False)
    await town.player.do(WATER, "request_return", reason="not_duty", basis="排水管网归城管局管护")
    back = await town.player.decide(DISPATCHER, dispatch_wrong=True)
    request = back.requests[-1]
    assert request["counts_as"] == "misdispatched"
    assert request["rule_proposal"] == {
        "category": "0201", "area": "5211", "from_unit": "water1", "to_unit": "urban1", "basis": "排水管网归城管局管护",
        "accepted_by": None,
    }  # fmt: skip
    refusing = await open_town(database, signed=False)
    await refusing.player.do(WATER, "request_return")
    assert (await refusing.player.decide(DISPATCHER, approve=False)).requests[-1]["counts_as"] == "shirked"


async def test_field_when_only_for_returns_is_not_asked_of_an_extension(database: Database) -> None:
    town = await open_town(database)
    await town.player.do(WATER, "request_extension", limit="1wd")
    case = await town.service.get(actor=DISPATCHER, case_id=town.player.id)
    fields = [field["name"] for action in case.requests[-1]["actions"] for field in action["fields"]]
    assert fields == ["approve", "opinion"]
    with pytest.raises(Invalid):
        await town.player.decide(DISPATCHER, dispatch_wrong=True)


async def test_return_when_second_is_approved_goes_to_coordination_and_is_settled_for_good(database: Database) -> None:
    town = await open_town(database, signed=False)
    await town.player.do(WATER, "request_return")
    town.clock.forward(hours=1)
    await town.player.decide(DISPATCHER)
    await town.player.do(DISPATCHER, "dispatch", unit="urban1")
    await town.player.do(clerk_of("urban1"), "request_return", unit="town1")
    town.clock.forward(hours=1)
    stuck = await town.player.decide(DISPATCHER)
    assert (stuck.state, stuck.lead) == ("coordinating", None)
    assert {clock.kind for clock in stuck.clocks if clock.done_at is None} == {"decide_coordination"}
    assert case_clock(stuck).paused_at is not None and at(stuck.due_at) == datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
    assert await town.offered(DISPATCHER) & {"decide_coordination", "dispatch"} == set()
    left = case_clock(stuck).left_seconds
    town.clock.now = datetime(2026, 11, 26, 1, 0, tzinfo=UTC)
    settled = await town.player.do(SUPERVISOR, "decide_coordination", unit="water1")
    assert (settled.state, settled.lead["code"]) == ("dispatched", "water1")
    limit = Limit.parse(case_clock(settled).limit)
    assert remaining(town.clock.now, at(settled.due_at), limit, CITY.calendar).total_seconds() == left
    assert await town.refused(WATER, "request_return") == "may_still_return"
    assert await town.actions() == [
        "submit", "file", "auto_dispatch", "request_return", "decide", "dispatch", "request_return", "decide", "coordinate",
        "decide_coordination",
    ]  # fmt: skip
    assert (await town.stored())["timeline"][-2]["actor"]["role"] == "system"


async def test_coordination_when_raised_by_hand_keeps_the_unit_until_settled_under_a_new_limit(database: Database) -> None:
    town = await open_town(database)
    raised = await town.player.do(DISPATCHER, "coordinate", trigger="dispute")
    assert raised.state == "coordinating" and raised.lead["code"] == "water1"
    assert (await town.service.get(actor=WATER, case_id=town.player.id)).state == "coordinating"
    town.clock.forward(days=1)
    settled = await town.player.do(SUPERVISOR, "decide_coordination", unit="urban1", limit="3wd", assists=["water1"])
    assert settled.lead["code"] == "urban1" and [unit["code"] for unit in settled.assists] == ["water1"]
    assert at(settled.due_at) == datetime(2026, 11, 27, 9, 0, tzinfo=UTC) and case_clock(settled).limit == "3wd"
    assert [task["state"] for task in settled.tasks] == ["withdrawn", "pending", "pending"]
    assert [clock.paused_at for clock in settled.clocks if clock.kind == "case"] == [None, None]


async def test_coordination_when_never_dispatched_starts_the_clock(database: Database) -> None:
    town = await open_town(database, OPERATOR, ticket(category="0501"), signed=False)
    raised = await town.player.do(SUPERVISOR, "coordinate", trigger="no_owner")
    assert raised.state == "coordinating"
    settled = await town.player.do(SUPERVISOR, "decide_coordination")
    assert settled.state == "dispatched" and case_clock(settled).limit == "10wd"


async def test_coordination_when_outside_ones_area_is_forbidden(database: Database) -> None:
    town = await open_town(database)
    seeing = Scope(city=False, areas=frozenset({"522"}), units=frozenset({"water1"}))
    elsewhere = actor("supervisor", "elsewhere", areas=frozenset({"522"}), scope=seeing)
    assert await town.refused(elsewhere, "coordinate") == "in_area"
    await town.player.do(SUPERVISOR, "coordinate", trigger="dispute")
    assert await town.refused(elsewhere, "decide_coordination") == "in_area"
    assert await town.refused(WATER, "submit_result") == "state"


async def test_redo_when_the_third_goes_to_coordination(database: Database) -> None:
    town = await open_town(database, OPERATOR, ticket())
    await town.player.do(CLERK, "contact")
    for _ in range(3):
        assert (await town.case()).state == "handling"
        await town.player.do(LEADER, "submit_result")
        await town.player.do(DISPATCHER, "to_visit")
        await town.player.do(OPERATOR, "visit_redo", reason="not_solved")
    assert (await town.case()).state == "coordinating" and (await town.actions())[-2:] == ["visit_redo", "coordinate"]
    await town.player.do(SUPERVISOR, "decide_coordination")
    await town.player.do(CLERK, "sign_in")
    await town.player.do(LEADER, "submit_result")
    await town.player.do(DISPATCHER, "to_visit")
    assert (await town.player.do(OPERATOR, "visit_redo", reason="not_solved")).state == "handling", "counted anew"


# -- appeals


async def refused_case(database: Database) -> Town:
    town = await open_town(database, CITIZEN, event(file=False, channel="app"), signed=False)
    await town.player.do(OPERATOR, "refuse")
    return town


async def test_appeal_when_granted_takes_the_case_in_again(database: Database) -> None:
    town = await refused_case(database)
    asked = await town.player.do(CITIZEN, "appeal_refusal", reason="井盖就在本市道路上，请受理")
    assert asked.state == "refused" and asked.requests[-1]["kind"] == "appeal" and asked.requests[-1]["by"] is None
    assert await town.on_request(DISPATCHER) == set()
    taken = await town.player.decide(SUPERVISOR)
    assert (taken.state, taken.outcome, taken.closed_at, taken.refusal) == ("reported", None, None, None)
    assert [clock.kind for clock in taken.clocks if clock.done_at is None] == ["intake"] and taken.requests[-1]["refusal"]
    assert (await town.player.do(OPERATOR, "file", category="0201")).state in ("filed", "dispatched")


async def test_appeal_when_rejected_is_answered_in_public_and_not_asked_twice(database: Database) -> None:
    town = await refused_case(database)
    await town.player.do(CITIZEN, "appeal_refusal")
    stays = await town.player.decide(SUPERVISOR, approve=False, opinion="该事项已由法院审理")
    assert stays.state == "refused"
    seen = await town.service.timeline(actor=CITIZEN, case_id=town.player.id)
    assert seen[-1].texts["opinion"] == "该事项已由法院审理"
    assert await town.refused(CITIZEN, "appeal_refusal") == "not_appealed"


async def test_appeal_when_late_or_of_somebody_else_is_refused(database: Database) -> None:
    town = await refused_case(database)
    somebody = actor("citizen", "somebody", scope=CITIZEN.scope)
    assert await town.refused(somebody, "appeal_refusal") == "speaks_for_reporter"
    await town.until(datetime(2026, 11, 30, 9, 1, tzinfo=UTC))
    assert await town.refused(CITIZEN, "appeal_refusal") == "appeal_open"


async def test_appeal_when_undecided_is_told_to_the_leaders_and_stays(database: Database) -> None:
    town = await refused_case(database)
    await town.player.do(CITIZEN, "appeal_refusal")
    await town.until(START + timedelta(days=3))
    case = await town.case()
    assert case.requests[-1]["state"] == "pending" and "decide" in await town.on_request(SUPERVISOR)
    assert "leader:*" in await town.told("escalate")
    assert await town.on_request(CITIZEN) == {"withdraw_request"}


async def closed_case(database: Database) -> Town:
    town = await open_town(database, OPERATOR, ticket())
    await town.player.do(CLERK, "contact")
    await town.player.do(CLERK, "submit_result")
    await town.player.do(DISPATCHER, "to_visit")
    await town.player.do(OPERATOR, "visit_ok")
    return town


async def test_appeal_when_a_closed_case_is_granted_reopens_it_once(database: Database) -> None:
    town = await closed_case(database)
    await town.player.do(OPERATOR, "appeal_result", reason="路灯当晚又不亮了")
    reopened = await town.player.decide(SUPERVISOR, opinion="确实没有修好")
    assert reopened.state == "dispatched" and reopened.requests[-1]["state"] == "approved"
    assert (await town.actions())[-3:] == ["appeal_result", "decide", "reopen"]


async def test_appeal_when_a_closed_case_is_older_than_fifteen_days_is_refused(database: Database) -> None:
    town = await closed_case(database)
    await town.until(START + timedelta(days=15) - timedelta(minutes=1))
    assert "appeal_result" in await town.offered(OPERATOR)
    await town.player.do(OPERATOR, "appeal_result")
    await town.until(START + timedelta(days=16))
    assert (await town.case()).state == "closed", "not archived while it is pending"
    await town.player.decide(SUPERVISOR, approve=False)
    assert await town.refused(OPERATOR, "appeal_result") == "not_appealed"
    await town.until(START + timedelta(days=32))
    assert (await town.case()).state == "archived"
    late = await closed_case(database)
    late.clock.now += timedelta(days=15, minutes=1)
    assert await late.refused(OPERATOR, "appeal_result") == "appeal_open"


# -- the clock, whatever happens to it

CELLS = st.sampled_from(["30m", "2h", "24h", "4wh", "20wh", "1wd", "2wd", "5wd", "10wd", "15d"])
SHORT = st.sampled_from(["1h", "4wh", "1wd", "3wd", "2d"])
MINUTES = st.integers(min_value=0, max_value=40 * 24 * 60)
STEPS = st.lists(st.tuples(st.sampled_from(["pause", "extend"]), MINUTES, MINUTES, SHORT), min_size=1, max_size=5)


@given(cell=CELLS, begun=MINUTES, steps=STEPS)
def test_clock_when_paused_and_extended_is_never_due_earlier_and_loses_no_time(cell: str, begun: int, steps: list[Any]) -> None:
    limit, now = Limit.parse(cell), START + timedelta(minutes=begun)
    clock = CITY.clock("case", limit, now)
    for kind, before, during, extension in steps:
        now += timedelta(minutes=before)
        due, left = clock["due_at"], remaining(now, clock["due_at"], limit, CITY.calendar)
        if kind == "pause":
            shifting.pause(clock, now, CITY)
            assert changes_until([clock], now + timedelta(days=400)) == [], "no light runs"
            now += timedelta(minutes=during)
            assert shifting.go_on(clock, now, CITY) >= timedelta(0)
        else:
            shifting.extend(clock, Limit.parse(extension), now, CITY)
            assert clock["due_at"] > due
        assert clock["due_at"] >= due and remaining(now, clock["due_at"], limit, CITY.calendar) >= left
        assert clock["yellow_at"] <= clock["due_at"] <= clock["deep_red_at"] and clock["done_at"] is None
        assert clock.get("paused_seconds", 0) >= 0 and not shifting.is_paused(clock)


@given(cell=CELLS, begun=MINUTES, after=MINUTES)
def test_clock_when_paused_and_gone_on_at_once_has_at_least_what_was_left(cell: str, begun: int, after: int) -> None:
    limit, start = Limit.parse(cell), START + timedelta(minutes=begun)
    clock, now = CITY.clock("case", limit, start), start + timedelta(minutes=after)
    left = remaining(now, clock["due_at"], limit, CITY.calendar)
    shifting.pause(clock, now, CITY)
    shifting.go_on(clock, now, CITY)
    assert remaining(now, clock["due_at"], limit, CITY.calendar) >= max(left, timedelta(0)) and clock["paused_seconds"] == 0


@given(cell=CELLS, begun=MINUTES, after=MINUTES, during=MINUTES)
def test_clock_when_recounted_under_its_own_limit_keeps_its_pause(cell: str, begun: int, after: int, during: int) -> None:
    """Where the floor of a resumed clock (1 wd, 4 wh) did not give more than was left."""
    limit, start = Limit.parse(cell), START + timedelta(minutes=begun)
    clock, now = CITY.clock("case", limit, start), start + timedelta(minutes=after)
    first_due = clock["due_at"]
    shifting.pause(clock, now, CITY)
    shifting.go_on(clock, now + timedelta(minutes=during), CITY)
    due = clock["due_at"]
    shifting.recount(clock, LimitChoice(limit, "category"), now, CITY)
    assert first_due <= clock["due_at"] <= due or now > first_due
