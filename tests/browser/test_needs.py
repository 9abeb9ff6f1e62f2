"""The list of needs: an organization finds what it could help with, claims it, and goes on in its inbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import City, ticket
from tests.browser.test_admin import NO_SCROLL
from tests.browser.test_desk import in_language
from tests.browser.test_scene import picture

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WANTED: dict[str, Any] = {
    "kind": "VOL",
    "help": "companionship",
    "what": "两位独居老人，每周三上门看看",
    "places": 2,
    "amount": "每次两小时",
}


OF_ONE = WANTED | {"what": "请一家志愿服务队上门陪伴", "places": 1}  # claimed it is in nobody's list any more


def opened(city: City, wanted: dict[str, Any] = WANTED) -> Any:
    """Return a case whose unit asks volunteers for help."""
    case = city.call("POST", "/tickets", "operator", ticket(category="1801", description="两位独居老人想请人常来看看"))
    if case["state"] == "filed":
        action = next(one for one in city.case(case["id"])["actions"] if one["name"] == "dispatch")
        unit = next(field for field in action["fields"] if field["name"] == "unit")["value"]
        case = city.act(case, "dispatch", "dispatcher", unit=unit)
    return city.act(case, "open_need", "dispatcher", **wanted)


def who_fits(city: City, case: str) -> Any:
    """Return an organization that could claim the need of this case."""
    for one in city.call("GET", "/organizations?kind=VOL&limit=200", "org_coordinator")["items"]:
        found = city.call("GET", f"/needs?organization={one['code']}", "org_coordinator")["items"]
        if any(need["id"].startswith(case) for need in found):
            return one
    raise AssertionError("no organization fits")


def test_coordinator_claims_a_need_and_goes_on_in_the_inbox(
    city: City, open_page: Callable[..., Any], check_access: Callable[[Any], None]
) -> None:
    case = opened(city)
    organization = who_fits(city, case["id"])
    page = open_page("org_coordinator", "/desk#/needs", language="zh-CN")
    page.fill(".needs input[role=combobox]", organization["name"])
    page.click(f".needs [role=option]:has-text('{organization['code']}')")
    card = f".need:has-text('{WANTED['what']}')"
    page.wait_for_selector(card)
    in_language(page, check_access)
    picture(page, "desk-needs")
    page.set_viewport_size({"width": 412, "height": 915})
    assert page.evaluate(NO_SCROLL)
    check_access(page)
    picture(page, "phone-needs")
    assert "李四" not in page.inner_text(card) and case["case_no"] not in page.inner_text(card)
    page.click(f"{card} .pri")
    page.wait_for_selector(f"{card} >> text=已认领")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.click(f"{card} a")
    page.wait_for_selector(f".cs >> text={case['case_no']}")
    claimed = [task for task in city.case(case["id"])["tasks"] if task["state"] == "claimed"]
    assert [task["organization"]["code"] for task in claimed] == [organization["code"]]


def test_coordinator_hands_in_the_hours_of_each_volunteer_and_is_told_which_row_is_wrong(
    city: City, open_page: Callable[..., Any], check_access: Callable[[Any], None]
) -> None:
    case = opened(city, OF_ONE)
    organization = {"organization": who_fits(city, case["id"])["code"]}
    case = city.call("POST", f"/needs/{case['id']}.n1/claim", "org_coordinator", organization)
    task = next(task["id"] for task in case["tasks"] if task["state"] == "claimed")
    serve = {"people": "两名志愿者", "at": case["reported_at"]}
    city.call("POST", f"/cases/{case['id']}/tasks/{task}/actions/serve", "org_coordinator", serve)
    page = open_page("org_coordinator", f"/desk#/inbox/{case['id']}?tab=handling", language="zh-CN")
    page.click(".task >> text=提交任务结果")
    page.fill(".action-form [data-field=note] textarea, .action-form [data-field=note] input", "上门陪伴两位老人并打扫")
    page.fill(".action-form [data-field=hours] input", "4")
    box = ".action-form [data-field=volunteers] textarea"
    page.fill(box, "v-0012 2.5\n13812341234 1.5")
    check_access(page)
    page.click(".action-form button.pri")
    page.wait_for_selector(".action-form [data-field=volunteers] >> text=第 2 行：")
    check_access(page)
    page.fill(box, "v-0012 2.5\nv-0013 1.5")
    page.click(".action-form button.pri")
    page.wait_for_selector(".action-form", state="detached")
    result = next(one for one in city.case(case["id"])["tasks"] if one["id"] == task)["result"]
    assert (
        result["volunteers"] == [{"number": "V-0012", "hours": 2.5}, {"number": "V-0013", "hours": 1.5}] and result["count"] == 2
    )
