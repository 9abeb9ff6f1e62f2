"""Notices: the bell counts what is unread as it comes, the list leads to the case, what was opened is read for good."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import City
from tests.browser.test_desk import in_language

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def reading(city: City, user: str, case_id: str) -> Callable[[Any], bool]:
    """Tell of a response whether it answers that a user has read the notice about the case: the page shows it as read before."""
    items = city.call("GET", "/notices?limit=200", user)["items"]
    ends = tuple(f"/notices/{one['id']}/read" for one in items if one["case"] == case_id)
    return lambda response: response.url.endswith(ends)


def unread(city: City, user: str, case_id: str) -> list[bool]:
    """Return for each notice about the case whether the user has yet to read it."""
    items = city.call("GET", "/notices?limit=200", user)["items"]
    return [not one["read"] for one in items if one["case"] == case_id]


def test_bell_counts_what_comes_and_the_list_opens_the_case(
    city: City, open_page: Callable[..., Any], photo: Path, check_access: Callable[[Any], None]
) -> None:
    page = open_page("unit_leader", language="zh-CN")
    page.wait_for_selector("text=实时")
    case = city.report(photo)
    page.wait_for_selector(".bell .cnt")
    page.click(".bell > .btn")
    link = page.locator(f".notices a.new[href$='{case['id']}']").first
    link.wait_for()
    assert "派遣了，等签收" in link.text_content()
    in_language(page, check_access)
    if not link.is_visible():
        page.click(".bell > .btn")
    with page.expect_response(reading(city, "unit_leader", case["id"])):
        link.click()
    page.wait_for_selector(".cs h1")
    assert case["id"] in page.url
    page.wait_for_selector(".notices", state="detached")
    page.reload()
    page.wait_for_selector(".cs h1")
    page.click(".bell > .btn")
    page.wait_for_selector(f".notices a:not(.new)[href$='{case['id']}']")
    assert unread(city, "unit_leader", case["id"]) == [False]
    page.keyboard.press("Escape")
    page.wait_for_selector(".notices", state="detached")
    other = city.report(photo)  # of other cases something may come at any time
    page.click(".bell > .btn")
    page.wait_for_selector(f".notices a.new[href$='{other['id']}']")
    with page.expect_response(reading(city, "unit_leader", other["id"])):
        page.click("text=都看过了")
    page.wait_for_selector(f".notices a:not(.new)[href$='{other['id']}']")
    assert unread(city, "unit_leader", other["id"]) == [False]


def test_phone_tells_the_reporter_what_became_of_it(
    city: City, open_page: Callable[..., Any], photo: Path, check_access: Callable[[Any], None]
) -> None:
    case = city.report(photo)
    page = open_page("grid_worker", "/field", phone=True, language="zh-CN")
    page.wait_for_selector("header .bell")
    city.act(city.case(case["id"]), "cancel", "dispatcher", reason="test", note="演练")
    page.wait_for_selector("header .bell .dot")
    page.tap("header .bell")
    link = page.locator(f".notices a.new[href='#/case/{case['id']}']").first
    link.wait_for()
    assert "作废了" in link.text_content()
    check_access(page)
    link.tap()
    page.wait_for_selector("main .num")
    assert case["id"] in page.url
    page.wait_for_timeout(300)
    assert unread(city, "grid_worker", case["id"]).count(True) == 0


def test_case_that_leaves_the_view_leaves_the_list(city: City, open_page: Callable[..., Any], photo: Path) -> None:
    case = city.report(photo)
    page = open_page("dispatcher", language="zh-CN")
    page.wait_for_selector("text=实时")
    page.click(".q .tabs >> text=全部")
    row = f".q a[href^='#/board/{case['id']}']"
    page.wait_for_selector(row)
    page.route("**/api/v1/cases?*", lambda route: route.abort())  # what is seen now comes from the event alone
    page.evaluate(
        """id => new BroadcastChannel('heyun-live').postMessage({event: {type: 'case.gone', id: '', data: {id}}})""", case["id"]
    )
    page.wait_for_selector(row, state="detached")
