"""The desk: the operator's ticket, the clerk's inbox, the dispatcher's live board; each does its job on the real service."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import City, ticket

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def in_language(page: Any, check: Callable[[Any], None]) -> None:
    """Check the page as it is, then in the other language, and come back."""
    check(page)
    for _ in range(2):
        other = "en" if page.get_attribute("html", "lang") == "zh-CN" else "zh-CN"
        page.click(".locale")
        page.wait_for_selector(f"html[lang={other}]")
        check(page)


def test_ticket_is_filed_with_the_keyboard_and_shows_the_unit_with_its_reason(
    city: City, open_page: Callable[..., Any], check_access: Callable[[Any], None]
) -> None:
    page = open_page("operator", language="zh-CN")
    page.wait_for_selector("input[name=phone]:focus")
    page.keyboard.type("13812345678")
    page.fill("textarea[name=text]", "门口的下水道又堵了，污水冒出来流到人行道上")
    page.wait_for_selector(".cat.on")
    page.keyboard.press("F4")
    page.keyboard.type("黔灵东路街道")
    page.wait_for_selector(".place .sg li")
    check_access(page)
    page.keyboard.press("Enter")
    page.wait_for_timeout(900)  # the map goes there
    box = page.locator(".place-map .ol").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_selector(".units .match.lead")
    unit = page.text_content(".units .m-n")
    assert "规则" in page.text_content(".units .m-b")
    in_language(page, check_access)
    assert page.input_value("textarea[name=text]").startswith("门口的下水道")  # switching the language keeps the form
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".filed")
    check_access(page)
    number = page.text_content(".filed h1").split()[-1]
    filed = city.newest("operator", number)
    assert filed["category"]["code"] == "0206"
    assert filed["lead"]["name"] == unit
    assert filed["caller"]["phone"] == "138****5678"


def test_caller_is_known_as_soon_as_the_number_is_whole(
    city: City, open_page: Callable[..., Any], check_access: Callable[[Any], None]
) -> None:
    caller = {"name": "王桂芳", "phone": "13650001234", "anonymous": False, "confidential": False}
    case = city.call("POST", "/tickets", "operator", {**ticket(), "caller": caller})
    page = open_page("operator", language="zh-CN")
    page.wait_for_selector("input[name=phone]:focus")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "callers" in request.url else None)
    page.keyboard.type("1365000123")
    page.wait_for_timeout(400)
    assert asked == []
    page.keyboard.type("4")  # no key more
    page.wait_for_selector("text=这个号码还有 1 件没办完")
    assert page.text_content(".old").count(case["lead"]["name"]) == 1
    assert all("1365000" not in url for url in asked)
    in_language(page, check_access)
    page.click(".old >> text=同一件，记为催办")
    page.fill(".old input", "还没有人来清")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=催办：办好了")
    assert "urge" in [entry["action"] for entry in city.call("GET", f"/cases/{case['id']}/timeline", "dispatcher")["items"]]
    page.fill("input[name=phone]", "13650009999")
    page.wait_for_selector("text=这个号码是第一次来。")
    page.fill("input[name=phone]", "136 5000 1234")
    page.click(".old a")
    page.wait_for_selector(".dr h1")
    assert case["id"] in page.url


def test_area_without_a_pin_shows_the_unit_with_its_reason(city: City, open_page: Callable[..., Any]) -> None:
    page = open_page("operator", language="zh-CN")
    page.fill("input[name=phone]", "13650005678")
    page.fill("textarea[name=text]", "门口的下水道又堵了，污水冒出来流到人行道上")
    page.wait_for_selector(".cat.on")
    page.keyboard.press("F4")
    page.keyboard.type("黔灵东路街道")
    page.wait_for_selector(".place .sg li")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=按黔灵东路街道匹配。")
    unit = page.text_content(".units .m-n")
    assert "规则" in page.text_content(".units .m-b")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".filed")
    filed = city.newest("operator", page.text_content(".filed h1").split()[-1])
    assert filed["match"]["candidates"][0]["unit"]["name"] == unit
    assert filed["location"]["lon"] is None


def test_ticket_draft_survives_a_reload_and_gaps_are_named(open_page: Callable[..., Any]) -> None:
    page = open_page("operator")
    page.fill("textarea[name=text]", "路灯不亮，晚上看不见")
    page.wait_for_selector("text=草稿已存")
    page.reload()
    page.wait_for_selector("textarea[name=text]")
    assert page.input_value("textarea[name=text]") == "路灯不亮，晚上看不见"
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("text=请填电话，或选匿名。")
    assert page.evaluate("document.activeElement.name") == "phone"


def test_ticket_put_aside_is_taken_up_again_after_another_one(city: City, open_page: Callable[..., Any]) -> None:
    page = open_page("operator")
    page.fill("input[name=phone]", "13900001111")
    page.fill("textarea[name=text]", "说到一半电话断了，楼道灯不亮")
    page.click("text=先放一边")
    page.wait_for_selector("text=放在一边的 1 件")
    assert page.input_value("textarea[name=text]") == "" and page.input_value("input[name=phone]") == ""
    page.reload()
    page.wait_for_selector("text=放在一边的 1 件")
    page.fill("textarea[name=text]", "另一位来电人，先记一句")
    page.click(".aside .take")
    page.wait_for_selector(".aside:has-text('另一位来电人')")
    assert page.locator(".aside").count() == 1  # the one that is being written stands beside the list, not in it
    assert page.input_value("textarea[name=text]") == "说到一半电话断了，楼道灯不亮"
    assert page.input_value("input[name=phone]") == "13900001111"
    page.click(".aside:has-text('另一位来电人') .btn")
    page.wait_for_selector(".aside", state="detached")
    page.fill("input[placeholder*='路名']", "云岩区")
    page.keyboard.press("Escape")
    with (
        page.expect_response(lambda answer: answer.url.endswith("/tickets")) as sent,
        page.expect_response(lambda answer: answer.request.method == "DELETE") as forgotten,
    ):
        page.click("text=先登记，不立案")
    assert (sent.value.status, forgotten.value.status) == (201, 204)
    assert city.call("GET", "/drafts", "operator")["items"] == []


def test_duplicates_nearby_are_shown_before_filing(city: City, open_page: Callable[..., Any], photo: Path) -> None:
    city.report(photo)
    page = open_page("operator")
    page.wait_for_selector("textarea[name=text]")
    draft = {
        "text": "路边垃圾成堆，没有人清",
        "category": "0101",
        "place": {"lon": 106.7, "lat": 26.6},
        "key": "browser-duplicates",
    }
    page.evaluate("draft => sessionStorage.setItem('heyun-ticket', JSON.stringify(draft))", draft)
    page.reload()
    page.wait_for_selector(".rt .dup")
    page.keyboard.press("F2")
    assert page.evaluate("document.activeElement.classList.contains('rt')")


def test_clerk_signs_contacts_and_submits_with_proof(
    city: City, open_page: Callable[..., Any], photo: Path, check_access: Callable[[Any], None]
) -> None:
    case = city.call("POST", "/tickets", "operator", ticket())
    page = open_page("unit_clerk")
    page.wait_for_selector(".it")
    page.goto(f"{city.url}/desk#/inbox/{case['id']}?tab=dispatched")
    page.wait_for_selector(".cs h1")
    in_language(page, check_access)
    page.keyboard.press("q")  # 签收
    page.wait_for_selector("text=先联系诉求人，再提交办结。")
    page.keyboard.press("c")
    page.wait_for_selector(".action-form")
    check_access(page)
    page.click(".action-form >> text=电话")
    page.click(".action-form >> text=接通了")
    page.click(".action-form button.pri")
    page.wait_for_selector(".submit")
    page.click(".cs .act .pri")  # leads to the first gap, sends nothing
    page.wait_for_selector(".submit .msg.bad")
    in_language(page, check_access)
    page.set_input_files(".submit input.pick", str(photo))
    page.fill("[data-field=handling] textarea", "已派环卫工人两名到场清运，路面冲洗干净，通行恢复正常。")
    page.click("text=常用语")
    page.click(".submit >> text=已解决")
    page.wait_for_selector("text=都齐了，可以提交")
    page.click(".cs .act .pri")
    page.wait_for_selector(".cs .head >> text=待审核")
    after = city.case(case["id"])
    assert after["state"] == "handled"
    assert after["result"]["kind"] == "resolved"


def test_clerk_returns_and_dispatcher_decides(
    city: City, open_page: Callable[..., Any], photo: Path, check_access: Callable[[Any], None]
) -> None:
    case = city.report(photo)
    clerk = open_page("unit_clerk")
    clerk.wait_for_selector(".inbox")
    clerk.goto(f"{city.url}/desk#/inbox/{case['id']}?tab=dispatched")
    clerk.wait_for_selector(".cs .act >> text=退单")
    clerk.keyboard.press("r")
    clerk.click(".action-form >> text=不是本单位职责")
    clerk.fill("[data-field=basis] input, [data-field=basis] textarea", "《市容管理办法》第九条，由属地街道负责")
    clerk.click(".action-form button.pri")
    clerk.wait_for_selector("text=退单等待决定")
    board = open_page("dispatcher")
    board.wait_for_selector(".q .tabs button:has-text('申请') .cnt:not(:text-is('0'))")
    board.click(".q .tabs >> text=申请")
    board.click(f"a[href^='#/board/{case['id']}']")
    board.click(".dr .act >> text=决定退单")
    board.wait_for_selector(".action-form")
    check_access(board)
    board.click("[data-field=approve] >> text=是")
    board.fill("[data-field=opinion] textarea", "同意，重新派遣")
    board.click(".action-form button.pri")
    board.wait_for_selector(".dr .head >> text=待派遣")
    assert city.case(case["id"])["state"] == "filed"


def test_supervisor_decides_the_second_extension_on_the_board(
    city: City, open_page: Callable[..., Any], check_access: Callable[[Any], None]
) -> None:
    case = city.call("POST", "/tickets", "operator", ticket())
    case = city.act(case, "sign_in", "unit_clerk")
    asked = {"reason": "要等配件到货", "limit": "2wh", "measures": "先围挡警示，配件到货后当天修复", "told": True}
    case = city.decide(city.act(case, "request_extension", "unit_clerk", **asked), "extension", "dispatcher", approve=True)
    city.act(case, "request_extension", "unit_clerk", **asked)
    page = open_page("supervisor", language="zh-CN")
    page.wait_for_selector(".q .tabs button:has-text('申请') .cnt:not(:text-is('0'))")
    page.click(".q .tabs >> text=申请")
    page.click(f"a[href^='#/board/{case['id']}']:has-text('申请延期')")
    page.wait_for_selector(".dr .req >> text=延长 2 工作时")
    in_language(page, check_access)
    page.click(".dr .act >> text=审批延期")
    page.click("[data-field=approve] >> text=是")
    page.fill("[data-field=opinion] textarea", "同意，请按时修复")
    check_access(page)
    page.click(".action-form button.pri")
    page.wait_for_selector(".dr .decided >> text=同意了")
    assert [one["state"] for one in city.case(case["id"])["requests"]] == ["approved", "approved"]


def test_clerk_signs_for_a_joint_part_and_finds_seldom_actions_in_the_menu(
    city: City, open_page: Callable[..., Any], check_access: Callable[[Any], None]
) -> None:
    case = city.act(city.call("POST", "/tickets", "operator", ticket()), "sign_in", "unit_clerk")
    case = city.case(case["id"])
    fields = next(one for one in case["actions"] if one["name"] == "add_unit")["fields"]
    other = next(one for one in fields if one["name"] == "unit")["options"][0]
    city.act(case, "add_unit", "dispatcher", unit=other, kind="joint", note="请一并疏通支管")
    page = open_page("unit_clerk", language="zh-CN")
    page.wait_for_selector(".inbox")
    page.goto(f"{city.url}/desk#/inbox/{case['id']}?tab=handling")
    page.wait_for_selector(".w1 .task >> text=请一并疏通支管")
    assert page.text_content(".w1 .task .b") == "会办"
    in_language(page, check_access)
    page.click(".w1 .task >> text=签收任务")
    page.wait_for_selector(".w1 .task >> text=办理中")
    page.focus(".more > button")
    page.keyboard.press("ArrowDown")
    page.wait_for_selector(".more [role=menuitem]:focus")
    check_access(page)
    page.keyboard.press("End")
    page.wait_for_selector(".more li:last-child [role=menuitem]:focus")
    page.keyboard.press("Escape")
    page.wait_for_selector(".more > button:focus")
    assert next(one for one in city.case(case["id"])["tasks"] if one["kind"] == "joint")["state"] == "signed"


def test_board_shows_new_cases_live_and_dispatches_with_one_key(
    city: City, open_page: Callable[..., Any], photo: Path, check_access: Callable[[Any], None]
) -> None:
    page = open_page("dispatcher")
    page.wait_for_selector(".board .tabs")
    page.wait_for_selector("text=实时")
    case = city.report(photo, category="0902", description="邻里因楼上漏水起争执，双方情绪激动")
    row = f"a[href^='#/board/{case['id']}']"
    if case["state"] != "filed":
        page.click(".q .tabs >> text=全部")
    page.wait_for_selector(row)  # by the stream, nothing was reloaded
    page.click(row)
    page.wait_for_selector(".dr h1")
    page.wait_for_selector(".dr .tl li")
    in_language(page, check_access)
    assert page.locator(".board-map canvas").count() >= 1
    if case["state"] == "filed":
        page.keyboard.press("d")
        page.wait_for_selector(".dr .head >> text=待签收")
        assert city.case(case["id"])["state"] == "dispatched"


def test_board_offers_only_what_the_api_allows(city: City, open_page: Callable[..., Any], photo: Path) -> None:
    case = city.report(photo, location={"lon": 106.72, "lat": 26.6, "crs": "WGS-84"})
    page = open_page("dispatcher")
    page.wait_for_selector(".board .tabs")
    page.goto(f"{city.url}/desk#/board/{case['id']}")
    page.wait_for_selector(".dr .act")
    if page.locator(".dr .more > button").count():
        page.click(".dr .more > button")
    shown = page.locator(".dr .act button.btn:not(.sq), .dr .more li button").all_text_contents()
    allowed = [one["name"] for one in city.case(case["id"])["actions"] if one["name"] != "reveal"]
    assert len(shown) == len(allowed)


def test_change_by_somebody_else_comes_by_itself_and_keeps_what_was_typed(
    city: City, open_page: Callable[..., Any], photo: Path
) -> None:
    case = city.report(photo, location={"lon": 106.7, "lat": 26.605, "crs": "WGS-84"})
    page = open_page("dispatcher")
    page.wait_for_selector(".board .tabs")
    page.goto(f"{city.url}/desk#/board/{case['id']}")
    page.wait_for_selector(".dr .tl li")
    page.keyboard.press("m")
    page.fill("[data-field=reason] textarea", "同一处的第二次上报")
    city.act(case, "urge", "dispatcher", note="请尽快")
    page.wait_for_selector(".dr .tl >> text=催办")
    assert page.input_value("[data-field=reason] textarea") == "同一处的第二次上报"


def test_stale_action_is_refused_in_words_and_goes_through_the_second_time(
    city: City, open_page: Callable[..., Any], photo: Path
) -> None:
    case = city.report(photo)
    page = open_page("dispatcher")
    page.wait_for_selector(".board .tabs")
    old = city.case(case["id"])
    refused: list[int] = []
    page.on("response", lambda answer: refused.append(answer.status) if answer.status == 412 else None)
    page.route(
        f"**/api/v1/cases/{case['id']}", lambda route: route.continue_() if refused else route.fulfill(json=old)
    )  # a page that has missed what happened meanwhile
    city.act(old, "reclassify", "dispatcher", category="0104", reason="垃圾箱满了")
    page.goto(f"{city.url}/desk#/board/{case['id']}")
    page.wait_for_selector(".dr .tl li")
    page.click(".dr .more > button")
    page.click(".dr .act >> text=作废")
    page.click("[data-field=reason] >> text=测试")
    page.click(".action-form button.pri")
    page.wait_for_selector(".action-form >> text=有人刚改过这件")
    page.wait_for_selector(".dr h1 >> text=垃圾箱满溢")
    page.click(".action-form button.pri")
    page.wait_for_selector(".dr .head >> text=已作废")
    assert refused == [412]


def test_emergency_stands_above_everything(
    city: City, open_page: Callable[..., Any], photo: Path, check_access: Callable[[Any], None]
) -> None:
    page = open_page("dispatcher")
    page.wait_for_selector(".board .tabs")
    page.wait_for_selector("text=实时")
    city.report(photo, urgency="emergency", category="0201", description="路面塌陷，有人掉进去了")
    page.wait_for_selector(".alarm")
    check_access(page)
    page.keyboard.press("e")
    page.wait_for_selector(".dr .b.em")


def test_two_tabs_share_one_stream(city: City, open_page: Callable[..., Any], photo: Path) -> None:
    first = open_page("dispatcher")
    first.wait_for_selector("text=实时")
    asked: list[str] = []
    second = first.context.new_page()
    second.on("request", lambda request: asked.append(request.url))
    second.goto(city.url + "/desk")
    second.wait_for_selector("text=实时")
    assert not [url for url in asked if "/stream" in url]
    first.close()
    second.wait_for_timeout(500)
    case = city.report(photo, location={"lon": 106.69, "lat": 26.6, "crs": "WGS-84"})
    second.click(".q .tabs >> text=全部")
    second.wait_for_selector(f"a[href^='#/board/{case['id']}']")
    assert [url for url in asked if "/stream" in url]
