"""Who is asked to do something finds it in their own list: an organization, the lead, a unit's leader, a supervisor."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.browser.conftest import City, ticket
from tests.browser.test_admin import NO_SCROLL
from tests.browser.test_desk import in_language

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def own_photo(tmp_path: Path) -> Path:
    """Make a picture that no other report has: the same one from the same reporter is taken for the same matter."""
    path = tmp_path / "own.png"
    Image.new("RGB", (800, 600), tuple(secrets.token_bytes(3))).save(path)
    return path


def fits(page: Any) -> None:
    """Nothing scrolls sideways on the narrowest desk."""
    page.set_viewport_size({"width": 1280, "height": 800})
    assert page.evaluate(NO_SCROLL)
    page.set_viewport_size({"width": 1440, "height": 900})


def open_case(open_page: Callable[..., Any], city: City, user: str, case: Any, tab: str) -> Any:
    page = open_page(user, language="zh-CN")
    page.wait_for_selector(".inbox .sum")
    page.goto(f"{city.url}/desk#/inbox/{case['id']}?tab={tab}")
    page.wait_for_selector(".cs h1")
    return page


def test_organization_claims_serves_and_reports_and_the_lead_confirms(
    city: City, open_page: Callable[..., Any], own_photo: Path, check_access: Callable[[Any], None]
) -> None:
    case = city.case(city.report(own_photo, location={"lon": 106.7, "lat": 26.612, "crs": "WGS-84"})["id"])
    fields = next(action for action in case["actions"] if action["name"] == "invite")["fields"]
    helper = next(field for field in fields if field["name"] == "organizations")["options"][0]
    city.act(case, "invite", "dispatcher", organizations=[helper], note="请派志愿者一起清理并劝导商户")
    city.act(city.case(case["id"], "unit_clerk"), "sign_in", "unit_clerk")
    page = open_case(open_page, city, "org_coordinator", case, "invited")
    page.wait_for_selector(".w1 .task >> text=请派志愿者一起清理并劝导商户")
    in_language(page, check_access)
    fits(page)
    page.click(".w1 .task .pri:has-text('认领')")
    page.wait_for_selector(".it.on >> text=已认领")  # the list went on with it
    assert page.text_content(".w1 .task button:nth-child(1)") == "前往服务"  # never the way out
    page.click(".w1 .task .pri")
    page.fill("[data-field=people] input", "志愿者小陈、小吴")
    check_access(page)
    page.click(".action-form button.pri")
    page.click(".w1 .task .pri:has-text('提交任务结果')")
    page.fill("[data-field=note] textarea", "清运两车，劝导商户四家，留下联系卡")
    page.fill("[data-field=hours] input", "3")
    page.set_input_files(".action-form input.pick", str(own_photo))
    page.wait_for_selector(".action-form .shot img")
    check_access(page)
    page.click(".action-form button.pri")
    page.wait_for_selector(".it.on >> text=已交")
    lead = open_case(open_page, city, "unit_clerk", case, "handling")
    lead.wait_for_selector(".task >> text=服务 3 小时")
    lead.wait_for_selector(".task .im")
    in_language(lead, check_access)
    lead.click(".task >> text=确认服务")
    lead.fill("[data-field=rating] input", "5")
    lead.fill("[data-field=text] input, [data-field=text] textarea", "感谢志愿服务队")
    check_access(lead)
    lead.click(".action-form button.pri")
    lead.wait_for_selector(".task >> text=已确认")
    task = city.case(case["id"])["tasks"][-1]
    assert (task["state"], task["result"]["hours"], task["confirmation"]["rating"]) == ("confirmed", 3, 5)


def test_leader_signs_off_and_supervisor_reads_the_answer_to_a_letter(
    city: City, open_page: Callable[..., Any], check_access: Callable[[Any], None]
) -> None:
    place = {"lon": 106.7, "lat": 26.613, "crs": "WGS-84", "accuracy_m": 5}
    case = city.call("POST", "/tickets", "operator", ticket(appeal_type="complaint", location=place))
    case = city.act(city.case(case["id"], "unit_clerk"), "sign_in", "unit_clerk")
    city.act(case, "contact", "unit_clerk", at=case["clocks"][-1]["started_at"], way="phone", result="reached")
    city.act(city.case(case["id"], "supervisor"), "supervise", "supervisor", level="letter", reason="诉求人反映多日无人处理")
    page = open_case(open_page, city, "unit_leader", case, "handling")
    page.click(".cs .act .pri:has-text('会签同意')")
    page.fill("[data-field=note] textarea, [data-field=note] input", "同意，按期办结")
    check_access(page)
    page.click(".action-form button.pri")
    page.wait_for_selector(".tl >> text=会签")
    in_language(page, check_access)
    fits(page)
    page.click(".cs .act >> text=答复督办")
    page.fill(".action-form textarea", "已安排今天下午疏通主管和支管，傍晚前由经办人回访诉求人并补报结果")
    page.click(".action-form button.pri")
    page.wait_for_selector(".cs .act:not(:has-text('答复督办'))")
    board = open_page("supervisor", language="zh-CN")
    board.wait_for_selector(".q .tabs")
    board.goto(f"{city.url}/desk#/board/{case['id']}")
    board.wait_for_selector(".dr .tl >> text=已安排今天下午疏通")
    in_language(board, check_access)
    fits(board)
    assert city.case(case["id"])["supervisions"][0]["answered_at"] is not None
