"""What belongs to a person or to the administration: how I am reached, what could not be sent, the working calendar."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import City, Letters
from tests.browser.test_desk import in_language

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NO_SCROLL = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


def mine(city: City, user: str) -> Any:
    return city.call("GET", "/me/channels", user)


def test_address_is_confirmed_by_a_code_before_notices_go_there(
    city: City, letters: tuple[Letters, int], open_page: Callable[..., Any], check_access: Callable[[Any], None]
) -> None:
    box, address = letters[0], "unit.leader@unit.gov.cn"
    page = open_page("unit_leader", language="zh-CN")
    page.click(".person > button")
    page.click("text=我的通知")
    page.wait_for_selector(".channels form")
    page.fill("input[name=email]", "nobody@")
    page.keyboard.press("Enter")
    page.wait_for_function("!document.querySelector('input[name=email]').validity.valid")
    page.fill("input[name=email]", address)
    page.keyboard.press("Enter")
    page.wait_for_selector(".way .code input")
    assert mine(city, "unit_leader")["email"] == {"address": address, "kinds": ["*"], "confirmed": False}
    code = box.code_to(address)
    page.fill(".way .code input", f"{(int(code) + 1) % 10**6:06d}")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=剩余次数")
    in_language(page, check_access)
    page.fill(".way .code input", code)
    page.keyboard.press("Enter")
    page.wait_for_selector(".way .st.confirmed")
    page.click("text=时限、催办、督办")
    page.click("text=要我办的")
    page.uncheck("input[aria-label='有人催办：电子邮箱']")
    page.wait_for_selector("text=已保存")
    chosen = mine(city, "unit_leader")["email"]
    assert chosen["confirmed"] and "urge" not in chosen["kinds"] and "dispatch" in chosen["kinds"]
    assert page.evaluate("document.querySelectorAll('.group input:indeterminate').length") == 1
    in_language(page, check_access)
    page.set_viewport_size({"width": 1280, "height": 800})
    assert page.evaluate(NO_SCROLL)
    page.click("button[aria-label='看样例：派遣了，等签收']")
    page.wait_for_selector("dialog[open] section:nth-of-type(2)")
    assert "Dispatched, please sign for it" in page.text_content("dialog[open]")
    in_dialog(page, check_access)
    page.keyboard.press("Escape")
    page.click(".way >> text=停用")
    page.wait_for_selector(".way .st.none")
    assert mine(city, "unit_leader")["email"] is None


def in_dialog(page: Any, check: Callable[[Any], None]) -> None:
    """Check the open dialog, and that it fits the window."""
    check(page)
    assert page.evaluate("document.querySelector('dialog[open]').getBoundingClientRect().right <= innerWidth")


def test_phone_keeps_the_choice_in_reach_of_the_thumb(
    city: City, letters: tuple[Letters, int], open_page: Callable[..., Any], check_access: Callable[[Any], None]
) -> None:
    address = "walker@unit.gov.cn"
    page = open_page("grid_worker", "/field", phone=True, language="zh-CN", viewport={"width": 390, "height": 844})
    page.tap(".nav a >> nth=-1")
    page.tap("a.go")
    page.fill("input[name=email]", address)
    page.tap("text=发验证码")
    page.wait_for_selector(".way .code input")
    page.fill(".way .code input", letters[0].code_to(address))
    page.tap(".way .code button")
    page.wait_for_selector(".way .st.confirmed")
    page.tap(".group button >> nth=0")
    check_access(page)
    assert page.evaluate(NO_SCROLL)
    page.uncheck("text=下班时间不打扰")
    page.wait_for_selector("text=已保存")
    assert mine(city, "grid_worker")["quiet_hours"] is False
    city.call("PUT", "/me/channels", "grid_worker", {})


def test_what_could_not_be_sent_is_sent_again(
    city: City, letters: tuple[Letters, int], open_page: Callable[..., Any], photo: Path, check_access: Callable[[Any], None]
) -> None:
    box, address = letters[0], "clerk@unit.gov.cn"
    city.call("PUT", "/me/channels", "unit_clerk", {"quiet_hours": False, "email": {"address": address}})
    city.call("POST", "/me/channels/email:code", "unit_clerk")
    city.call("POST", "/me/channels/email:confirm", "unit_clerk", {"code": box.code_to(address)})
    box.refused.add(address)
    case = city.report(photo)
    page = open_page("sys_admin", "/desk#/deliveries", language="zh-CN")
    row = f"tr:has-text('{case['case_no']}')"
    for _ in range(40):
        page.wait_for_selector("h1")
        if page.locator(row).count():
            break
        page.wait_for_timeout(1000)
        page.reload()
    assert "邮件服务器不收（550）" in page.text_content(row)
    assert address not in page.content()
    page.set_viewport_size({"width": 1280, "height": 800})
    assert page.evaluate(NO_SCROLL)
    in_language(page, check_access)
    box.refused.clear()
    page.click(f"{row} button")
    page.wait_for_selector("text=排上了，马上再发")
    for _ in range(30):
        if any(case["case_no"] in str(mail["Subject"]) for mail in box.mails):
            break
        page.wait_for_timeout(500)
    assert any(case["case_no"] in str(mail["Subject"]) for mail in box.mails)
    page.click("text=已发")
    page.wait_for_selector(row)
    city.call("PUT", "/me/channels", "unit_clerk", {})


def test_calendar_shows_the_year_and_takes_a_day_and_a_list(
    city: City, open_page: Callable[..., Any], check_access: Callable[[Any], None]
) -> None:
    page = open_page("sys_admin", "/desk#/calendar/2031", language="zh-CN")
    page.wait_for_selector(".month:nth-of-type(12)")
    assert page.locator(".day").count() == 365
    page.click(".day[data-date='2031-05-01']")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(".day.on[data-date='2031-05-02']")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.click(".edit >> text=节假日")
    page.fill(".edit input[name=name]", "劳动节")
    page.keyboard.press("Enter")
    page.wait_for_selector(".listed >> text=劳动节")
    days = city.call("GET", "/calendar?year=2031", "sys_admin")["days"]
    assert days == [{"date": "2031-05-02", "kind": "holiday", "name": "劳动节", "source": ""}]
    in_language(page, check_access)
    page.set_viewport_size({"width": 1280, "height": 800})
    assert page.evaluate(NO_SCROLL)
    page.click("text=导入放假安排")
    page.fill("dialog textarea", "date,kind,name\n2031-10-01,holiday,国庆节\n2031-10-11,workdays,调休")
    page.click("dialog[open] .pri")
    page.wait_for_selector("dialog >> text=第 3 行")
    in_dialog(page, check_access)
    page.fill("dialog textarea", "date,kind,name\n2031-10-01,holiday,国庆节\n2031-10-11,workday,调休")
    page.click("dialog[open] .pri")
    page.wait_for_selector(".day.makeup[data-date='2031-10-11']")
    assert len(city.call("GET", "/calendar?year=2031", "sys_admin")["days"]) == 2


def test_calendar_takes_a_day_off_the_list_and_puts_it_back(
    city: City, open_page: Callable[..., Any], check_access: Callable[[Any], None]
) -> None:
    listed = {"kind": "holiday", "name": "劳动节", "source": "通知"}
    city.call("PUT", "/calendar/2030-05-01", "sys_admin", listed)
    page = open_page("sys_admin", "/desk#/calendar/2030", language="zh-CN")
    page.click(".listed >> text=05-01")
    in_language(page, check_access)
    page.click(".edit >> text=从列表中去掉")
    page.wait_for_selector(".toast >> text=按星期几算")
    assert city.call("GET", "/calendar?year=2030", "sys_admin")["days"] == []
    assert page.locator(".edit .quiet").count() == 0 and page.input_value(".edit input[name=name]") == ""
    assert page.evaluate("document.activeElement.dataset.date") == "2030-05-01"
    check_access(page)
    page.click(".toast-act")
    page.wait_for_selector(".listed >> text=劳动节")
    assert city.call("GET", "/calendar?year=2030", "sys_admin")["days"] == [{"date": "2030-05-01", **listed}]
    assert page.input_value(".edit input[name=name]") == "劳动节"
