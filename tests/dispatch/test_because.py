"""Why each unit and organization is on a case: the whole result of matching with its reasons."""

from __future__ import annotations

from storage.client import Database
from tests.dispatch.test_needs import needing
from tests.dispatch.test_teamwork import TWO, in_hand, reported
from tests.dispatch.town import CLERK, DISPATCHER, OPERATOR, TEMPLATES, Player, new_key, open_service, ticket, whole


async def test_lead_when_matched_has_the_rule_and_basis_of_its_candidate_and_who_assists_the_same(database: Database) -> None:
    team = await reported(database, category="0203")
    case = await team.service.get(actor=DISPATCHER, case_id=team.id)
    assert case.lead_because == {
        "unit": {"code": "water1", "name": "甲区水务局"}, "score": 0.95, "parts": {"area": 0.5, "category": 0.95 - 0.5},
        "rule": "R-0203", "basis": "权责清单", "reason": "",
    }  # fmt: skip
    assert case.assists == [
        {
            "code": "urban1", "name": "甲区城管局", "task_state": "pending", "kind": "assist", "reason": "按主办单位的规则协办",
            "rule": "R-0203", "basis": "权责清单",
        }
    ]  # fmt: skip
    assert [(one["code"], one["distance_m"], one["task_state"]) for one in case.organizations] == [("vol1", 120, None)]


async def test_lead_when_a_person_named_another_says_so(database: Database) -> None:
    service = await open_service(database)
    filed = await service.report(actor=OPERATOR, present=whole, report=ticket(category="0501"), key=new_key())
    assert filed.case.lead_because is None, "nobody leads yet"
    sent = {"unit": "town1", "assists": ["water1"]}
    case = await service.act(
        actor=DISPATCHER, case_id=filed.id, action="dispatch", rev=filed.case.rev, fields=sent, key=new_key()
    )
    assert case.lead_because is not None
    assert (case.lead_because["unit"]["code"], case.lead_because["reason"], case.lead_because["rule"]) == (
        "town1", "派遣时指定", None,
    )  # fmt: skip
    assert [(one["code"], one["reason"]) for one in case.assists] == [("water1", "派遣时指定")]


async def test_assist_when_added_later_or_called_by_danger_says_so(database: Database) -> None:
    team = await in_hand(database)
    added = await team.do(DISPATCHER, "add_unit", unit="urban1", kind="assist")
    assert [one["reason"] for one in added.assists] == ["办理中加派"]
    danger = await reported(database, description="井盖旁有燃气味")
    case = await danger.service.get(actor=CLERK, case_id=danger.id)
    assert [(one["code"], one["reason"]) for one in case.assists] == [("town1", "特急，属地单位一并到场")]


async def test_part_of_a_template_names_its_step(database: Database) -> None:
    service = await open_service(database)
    service.rules.joint_templates = TEMPLATES
    filed = await service.report(actor=OPERATOR, present=whole, report=ticket(category="0501"), key=new_key())
    player = Player(service, filed.id)
    case = await player.do(DISPATCHER, "dispatch_joint", template="T1")
    assert {one["reason"] for one in case.assists} == {"一件事第 1 步"}


async def test_organization_when_it_came_by_itself_or_was_invited_says_so(database: Database) -> None:
    team = await needing(database)
    await team.opened(places=2)
    await team.claim(TWO)
    seen = await team.service.get(actor=DISPATCHER, case_id=team.id)
    assert [(one["code"], one["reason"], one["distance_m"]) for one in seen.organizations] == [
        ("vol1", "", 120), ("vol2", "认领需求", 120),
    ]  # fmt: skip
