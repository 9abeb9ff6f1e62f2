"""The grid worker's phone: report with a photo, lose nothing when the network goes, check on the spot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import City, ticket

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_report_with_photo_and_position_in_four_taps_reaches_the_unit(
    city: City, open_page: Callable[..., Any], photo: Path, check_access: Callable[[Any], None]
) -> None:
    page = open_page("grid_worker", "/field", phone=True)
    page.tap("a.cta")  # 1
    page.set_input_files("input.pick", str(photo))  # 2, the camera
    page.wait_for_selector(".shot img")
    page.wait_for_selector("#gap-place b >> text=网格")
    check_access(page)
    page.tap(".cat >> nth=0")  # 3
    page.tap(".foot button.cta")  # 4
    page.wait_for_selector(".sent")
    check_access(page)
    page.tap(".foot a >> nth=0")
    page.wait_for_selector(".tl li")
    check_access(page)
    number = page.text_content("main .num")
    filed = city.newest("grid_worker", number)
    assert len(filed["photos"]) == 1
    assert filed["location"]["accuracy_m"] == 8
    assert filed["lead"] is not None


def test_report_for_a_resident_records_the_consent_and_tells_the_code(
    city: City, open_page: Callable[..., Any], photo: Path, check_access: Callable[[Any], None]
) -> None:
    page = open_page("grid_worker", "/field", phone=True)
    page.tap("a.cta")
    page.set_input_files("input.pick", str(photo))
    page.wait_for_selector("#gap-place b >> text=网格")
    page.tap(".cat >> nth=0")
    page.tap("#gap-resident button")
    page.fill("#gap-resident .inp >> nth=0", "王桂英")
    page.tap(".foot button.cta")
    page.wait_for_selector("#gap-resident .msg.bad")  # nothing was sent: phone and consent are missing
    page.fill("#gap-resident .inp >> nth=1", "13812340876")
    page.fill("#gap-resident textarea", "今天上午入户，当面同意，女儿在场")
    check_access(page)
    page.tap(".foot button.cta")
    page.wait_for_selector(".sent >> text=查询码")
    page.tap(".foot a >> nth=0")
    page.wait_for_selector("main .b >> text=代居民上报")
    filed = city.newest("grid_worker", page.text_content("main .num"))
    assert filed["on_behalf"]["note"].startswith("今天上午入户") and filed["caller"]["phone"] == "138****0876"


def test_report_whose_answer_is_lost_is_kept_and_sent_once(city: City, open_page: Callable[..., Any], photo: Path) -> None:
    page = open_page("grid_worker", "/field", phone=True)
    before = len(city.call("GET", "/cases?mine=true&limit=200", "grid_worker")["items"])
    page.tap("a.cta")
    page.set_input_files("input.pick", str(photo))
    page.fill("textarea", "公交站边垃圾成堆，没有人清")
    page.wait_for_selector("#gap-place b >> text=网格")
    page.tap(".cat >> nth=0")

    def lose_the_answer(route: Any) -> None:
        route.fetch()  # the service has it
        route.abort()  # the phone does not know

    page.route("**/api/v1/events", lose_the_answer)
    page.tap(".foot button.cta")
    page.wait_for_selector(".foot .msg.bad")
    page.unroute("**/api/v1/events")
    page.reload()
    page.goto(city.url + "/field#/home")
    page.wait_for_selector("a.cta")
    page.wait_for_selector(".rows .btn", state="detached")  # nothing is left that waits
    page.wait_for_selector(".rows li a")
    after = city.call("GET", "/cases?mine=true&limit=200", "grid_worker")["items"]
    assert len(after) == before + 1


def test_draft_survives_a_reload_with_its_photo(city: City, open_page: Callable[..., Any], photo: Path) -> None:
    page = open_page("grid_worker", "/field", phone=True)
    page.tap("a.cta")
    page.set_input_files("input.pick", str(photo))
    page.fill("textarea", "写到一半的上报")
    page.wait_for_selector("header .small")
    page.wait_for_timeout(600)
    page.goto(city.url + "/field#/home")
    page.reload()
    page.tap("text=接着写")
    page.wait_for_selector(".shot img")
    assert page.input_value("textarea") == "写到一半的上报"


def test_check_on_the_spot_closes_the_case(
    city: City, open_page: Callable[..., Any], photo: Path, check_access: Callable[[Any], None]
) -> None:
    case = city.report(photo)
    case = city.act(case, "sign_in", "unit_clerk")
    page = open_page("unit_clerk")  # photos go through the browser's own client
    page.wait_for_selector(".inbox")
    page.goto(f"{city.url}/desk#/inbox/{case['id']}?tab=handling")
    page.set_input_files(".submit input.pick", str(photo))
    page.fill("[data-field=handling] textarea", "已派环卫工人两名到场清运，路面冲洗干净，通行恢复正常。")
    page.fill("[data-field=public_reply] textarea", "您反映的垃圾已经清走，路面已经冲洗，感谢您的反映。")
    page.click(".submit >> text=已解决")
    page.wait_for_selector("text=都齐了，可以提交")
    page.click(".cs .act .pri")
    page.wait_for_selector(".cs .head >> text=待审核")
    city.act(city.case(case["id"]), "send_check", "dispatcher")
    phone = open_page("grid_worker", "/field", phone=True, language="en")
    phone.tap(f"a[href='#/case/{case['id']}']")
    phone.wait_for_selector(".verd")
    check_access(phone)
    phone.set_input_files("input.pick", str(photo))
    phone.wait_for_selector(".shot img")
    phone.wait_for_selector(".far b >> text=0 m")
    phone.tap(".verd .pri")
    phone.wait_for_selector("main .b >> text=Closed")
    assert city.case(case["id"])["state"] == "closed"


def test_report_is_verified_on_the_spot_before_it_is_filed(
    city: City, open_page: Callable[..., Any], photo: Path, check_access: Callable[[Any], None]
) -> None:
    case = city.call("POST", "/tickets", "operator", ticket(category="0101"))
    assert case["state"] == "verifying"
    phone = open_page("grid_worker", "/field", phone=True, language="zh-CN")
    phone.tap(f"a[href='#/case/{case['id']}']:has-text('核实')")
    phone.wait_for_selector(".far b >> text=0 米")
    check_access(phone)
    phone.tap(".foot .cta")
    phone.wait_for_selector(".msg.bad")  # nothing was sent: photo and verdict are missing
    phone.set_input_files("input.pick", str(photo))
    phone.wait_for_selector(".shot img")
    phone.tap(".chips >> text=/^属实$/")
    phone.tap(".foot .cta")
    phone.wait_for_selector(".foot .cta", state="detached")
    assert city.case(case["id"])["verification"]["verdict"] == "confirmed"


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_pages_of_the_phone_have_no_violations(
    open_page: Callable[..., Any], check_access: Callable[[Any], None], language: str
) -> None:
    page = open_page("grid_worker", "/field", phone=True, language=language)
    page.wait_for_selector("a.cta")
    for tab in ("home", "mine", "me", "report"):
        page.evaluate(f"location.hash = '#/{tab}'")
        page.wait_for_selector("header h1")
        page.wait_for_timeout(300)
        check_access(page)
