"""Community groups on the phone: a leader makes a case or a need of a post, answers or declines it, and tells the group."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import City
from tests.browser.test_admin import NO_SCROLL
from tests.browser.test_scene import picture

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SMALL = {"viewport": {"width": 360, "height": 740}}


def group(city: City) -> Any:
    """Return a group of the demo leader."""
    return city.call("GET", "/groups", "group_leader")["items"][0]


def posted(city: City, text: str) -> Any:
    """Return a post of a member, by its leader."""
    said = {"author": "三单元李姐", "text": f"{text} {secrets.token_hex(2)}"}
    return city.call("POST", f"/groups/{group(city)['code']}/posts", "group_leader", said)


def post_now(city: City, id: str) -> Any:
    return city.call("GET", f"/posts/{id}", "group_leader")


def test_post_when_confirmed_as_a_need_in_one_confirmation_then_a_case_of_the_group(
    city: City, open_page: Callable[..., Any], check_access: Callable[[Any], None]
) -> None:
    post = posted(city, "五楼独居的奶奶想有人陪着说说话")
    page = open_page("group_leader", "/field", phone=True, **SMALL)
    page.wait_for_selector(f"a[href='#/post/{post['id']}']")
    assert page.locator(".nav a").all_inner_texts()[-2:] == ["我报的", "我"]
    check_access(page)
    assert page.evaluate(NO_SCROLL)
    picture(page, "phone-groups")
    page.tap(f"a[href='#/post/{post['id']}']")
    page.wait_for_selector(".said >> text=五楼独居")
    check_access(page)
    picture(page, "phone-post")
    page.tap(".foot .pri")
    page.tap("#post-foot .pri")
    page.wait_for_selector(".msg.bad")  # nothing was sent: as what is missing
    page.tap(".chip >> text=一个需要")
    check_access(page)
    assert page.evaluate(NO_SCROLL)
    picture(page, "phone-post-confirm")
    page.tap("#post-foot .pri >> text=报成需要")
    page.wait_for_selector("main [role=status] >> text=已报成一件")
    check_access(page)
    picture(page, "phone-post-done")
    after = post_now(city, post["id"])
    assert after["state"] == "case" and after["case_no"] in page.inner_text("main")
    case = next(one for one in city.call("GET", "/cases?sort=-reported_at", "dispatcher")["items"] if one["id"] == after["case"])
    assert (case["channel"], case["appeal_type"]) == ("group", "help")


def test_post_when_the_first_answer_is_lost_then_confirmed_again_is_one_case(city: City, open_page: Callable[..., Any]) -> None:
    post = posted(city, "二单元门口路灯坏了，晚上看不见")
    page = open_page("group_leader", f"/field#/post/{post['id']}", phone=True)
    page.tap(".foot .pri")
    page.tap(".chip >> text=一个问题")

    def lose_the_answer(route: Any) -> None:
        route.fetch()
        route.abort()

    page.route("**/api/v1/posts/*:confirm", lose_the_answer)
    page.tap("#post-foot .pri")
    page.wait_for_selector("#post-foot .msg.bad")
    page.unroute("**/api/v1/posts/*:confirm")
    page.reload()  # the choice is still there
    page.wait_for_selector("main [role=status] >> text=已报成一件")
    assert post_now(city, post["id"])["state"] == "case"


def test_post_when_declined_then_the_reason_is_asked_for_and_the_group_reads_it(
    city: City, open_page: Callable[..., Any], check_access: Callable[[Any], None]
) -> None:
    post, code = posted(city, "有人说明天要停水，是真的吗"), group(city)["code"]
    page = open_page("group_leader", f"/field#/post/{post['id']}", phone=True, language="en", **SMALL)
    page.tap(".foot .btn >> text=Answer or decline")
    page.tap("#post-foot .pri")
    page.wait_for_selector(".msg.bad")
    page.fill("textarea >> nth=0", "不停水")
    page.fill("textarea >> nth=1", "打 13812340876 问过了")
    page.tap("#post-foot .pri >> text=Answer")
    page.wait_for_selector("#post-foot .msg.bad")  # a number is not for everybody
    assert post_now(city, post["id"])["state"] == "open"
    page.fill("textarea >> nth=1", "问过水厂，明天不停水")
    page.wait_for_selector("main .msg.bad", state="detached")
    check_access(page)
    picture(page, "phone-post-decline-en")
    page.tap("#post-foot .pri >> text=Answer")
    page.wait_for_selector("main [role=status] >> text=Answered")
    page.goto(f"{city.url}/field#/group/{code}")
    page.wait_for_selector(".rows >> text=问过水厂")
    check_access(page)
    page.tap(".chip >> text=What was told")
    page.wait_for_selector(".rows >> text=问过水厂")
    check_access(page)
    assert page.evaluate(NO_SCROLL)


def test_group_when_told_something_then_it_stands_among_what_it_was_told(
    city: City, open_page: Callable[..., Any], check_access: Callable[[Any], None]
) -> None:
    words = f"周六上午清洗水箱，请提前接水 {secrets.token_hex(2)}"
    page = open_page("group_leader", f"/field#/group/{group(city)['code']}", phone=True, **SMALL)
    page.tap(".chip >> text=告诉群里的")
    page.fill("textarea", words)
    page.tap("form button >> text=发给群里")
    page.wait_for_selector(f".rows >> text={words}")
    assert page.input_value("textarea") == ""
    check_access(page)
    picture(page, "phone-group")


def test_member_when_spoken_for_then_a_post_that_is_kept_while_typed_and_its_number_masked(
    city: City, open_page: Callable[..., Any], check_access: Callable[[Any], None]
) -> None:
    code = group(city)["code"]
    page = open_page("group_leader", f"/field#/tell/{code}", phone=True, **SMALL)
    page.fill(".form input.inp", "二单元老周")
    page.fill("textarea", "楼道灯坏了，找王小明13800138000")
    page.wait_for_timeout(600)
    page.reload()
    expect(page.locator(".form input.inp")).to_have_value("二单元老周")
    check_access(page)
    picture(page, "phone-tell")
    page.tap(".foot .cta")
    page.wait_for_selector(".said >> text=楼道灯坏了")
    assert "13800138000" not in page.inner_text("main")


def test_grid_worker_when_they_have_seen_it_then_a_category_is_needed_and_it_is_filed_at_once(
    city: City, open_page: Callable[..., Any], check_access: Callable[[Any], None]
) -> None:
    post = posted(city, "夜市散场后塑料袋堆在路边")
    page = open_page("grid_worker", f"/field#/post/{post['id']}", phone=True)
    page.tap(".foot .pri")
    page.tap(".chip >> text=一个问题")
    page.tap(".chip >> text=/^是$/")
    page.tap("#post-foot .pri")
    page.wait_for_selector(".msg.bad >> text=要选一个类别")
    page.tap(".cat >> nth=0")
    check_access(page)
    page.tap("#post-foot .pri")
    page.wait_for_selector("main [role=status] >> text=已报成一件")
    case = city.case(post_now(city, post["id"])["case"])
    assert case["category"] is not None and case["state"] != "reported", "a leader's word alone would wait for an operator"


def test_need_when_a_unit_has_it_then_the_grid_worker_asks_organizations(
    city: City, open_page: Callable[..., Any], check_access: Callable[[Any], None]
) -> None:
    post = posted(city, "两位独居老人想请人常来看看")
    page = open_page("grid_worker", f"/field#/post/{post['id']}", phone=True, **SMALL)
    page.tap(".foot .pri")
    page.tap(".chip >> text=一个需要")
    page.tap(".chip >> text=/^是$/")
    page.tap(".cat.more")
    page.fill(".cats input[role=combobox]", "1801")
    page.tap(".cats [role=option] >> nth=0")
    page.tap("#post-foot .pri")
    page.wait_for_selector("main [role=status] >> text=已报成一件")
    case = city.case(post_now(city, post["id"])["case"])
    if case["state"] == "filed":
        action = next(one for one in case["actions"] if one["name"] == "dispatch")
        unit = next(field for field in action["fields"] if field["name"] == "unit")["value"]
        case = city.act(case, "dispatch", "dispatcher", unit=unit)
    assert case["state"] == "dispatched", case["state"]
    page.tap("main button >> text=去请")
    page.tap("main form .pri")
    page.wait_for_selector("main form .msg.bad")  # nothing was sent: what is wanted is missing
    page.fill("main form input >> nth=0", "每周三上门陪老人说说话")
    check_access(page)
    assert page.evaluate(NO_SCROLL)
    picture(page, "phone-ask")
    page.tap("main form .pri")
    page.wait_for_selector("main [role=status] >> text=已请社会组织帮忙")
    wanted = [(need["what"], need["state"]) for need in city.case(case["id"])["needs"]]
    assert wanted == [("每周三上门陪老人说说话", "open")]
