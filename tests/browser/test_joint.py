"""One matter to several units on the desk: the dispatcher sees who would do what, and afterwards who waits for whom."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.browser.conftest import City


def test_dispatcher_gives_falling_tiles_to_four_units_in_order(
    city: City, open_page: Callable[..., Any], photo: Path, check_access: Callable[[Any], None]
) -> None:
    case = city.report(photo, category="0605", description="外墙瓷砖松动，已经掉下来几块，楼下是通道")
    assert case["state"] == "filed"
    page = open_page("dispatcher", f"/desk#/board/{case['id']}")
    page.wait_for_selector(".dr h1")
    assert "可按一件事办" in page.text_content(".dr")
    page.click(".act >> text=按一件事派遣")
    page.wait_for_selector(".templates .tpl.on")
    steps = page.locator(".tpl .round")
    assert steps.count() == 2 and "前一步的会办、协办单位办完后开始" in steps.nth(1).text_content()
    assert "主办" in steps.nth(0).text_content() and "2 小时" in steps.nth(0).text_content()
    check_access(page)
    page.click(".action-form button.pri")
    page.wait_for_selector(".tasks .task")
    tasks = page.locator(".tasks .task")
    assert tasks.count() == 3 and "待签收" in tasks.nth(0).text_content()
    waiting = tasks.nth(2).text_content()
    assert "等前面的步骤" in waiting and "办完" in waiting and "轮到后限 8 小时" in waiting
    assert "一件事 高空坠物" in page.text_content(".record")
    check_access(page)
    dispatched = city.case(case["id"])
    assert [task["state"] for task in dispatched["tasks"]] == ["pending", "pending", "waiting", "waiting"]
